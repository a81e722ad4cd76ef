//! The syslog envelope: RFC 5424, and RFC 3164 in the many forms devices send.
//!
//! Accepted besides the letter of RFC 3164: no priority when a time stands first (files), ISO times,
//! the year before or after the clock (Huawei, H3C), no host (`su: …` right after the time), no
//! tag, a sequence number before the time (Cisco).

use std::borrow::Cow;

use events::{FieldId, Timestamp, Value, field};

use super::{Out, Problem, time};

/// What the envelope says; the parts borrow from the record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Envelope<'a> {
    /// Facility × 8 + severity, 0 to 191.
    pub priority: Option<u8>,
    /// The time of the header.
    pub time: Option<Timestamp>,
    /// The host of the header.
    pub host: Option<&'a str>,
    /// RFC 5424 APP-NAME, or the tag of RFC 3164 without its process id.
    pub app: Option<&'a str>,
    /// RFC 5424 PROCID, or the number in the tag's brackets.
    pub process: Option<&'a str>,
    /// RFC 5424 MSGID.
    pub message_id: Option<&'a str>,
    /// RFC 5424 STRUCTURED-DATA as written, without a nil.
    pub structured: &'a str,
    /// What follows the header.
    pub message: &'a str,
}

/// Longest tag of RFC 3164 taken for one (the RFC says 32; programs write more).
const TAG_BYTES_MAX: usize = 64;

/// Parses the envelope of one record. `offset_secs` is the zone of times that name none.
///
/// # Errors
/// [`Problem::NotSyslog`] when neither a priority nor a time stands first, and the problems of a
/// damaged header.
pub fn parse(text: &str, received: Timestamp, offset_secs: i32) -> Result<Envelope<'_>, Problem> {
    let text = text.trim_end_matches(['\r', '\n', '\0']);
    if text.trim().is_empty() {
        return Err(Problem::Empty);
    }
    let (priority, rest) = priority(text)?;
    if priority.is_some()
        && let Some(body) = rest.strip_prefix("1 ")
    {
        return rfc5424(priority, body, offset_secs);
    }
    rfc3164(priority, rest, received, offset_secs)
}

fn priority(text: &str) -> Result<(Option<u8>, &str), Problem> {
    let Some(inner) = text.strip_prefix('<') else { return Ok((None, text)) };
    let Some((digits, rest)) = inner.split_once('>') else { return Err(Problem::BadPriority) };
    if !(1..=3).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Problem::BadPriority);
    }
    match digits.parse::<u8>() {
        Ok(value) if value <= 191 => Ok((Some(value), rest)),
        _ => Err(Problem::BadPriority),
    }
}

fn rfc5424(priority: Option<u8>, body: &str, offset: i32) -> Result<Envelope<'_>, Problem> {
    let mut parts = body.splitn(6, ' ');
    let mut next = || parts.next().ok_or(Problem::ShortHeader);
    let (stamp, host, app) = (next()?, next()?, next()?);
    let (process, message_id, rest) = (next()?, next()?, next()?);
    let (structured, message) = match rest.strip_prefix('-') {
        Some(after) if after.is_empty() || after.starts_with(' ') => ("", after),
        _ => match structured_len(rest) {
            Some(len) => rest.split_at(len),
            // Damaged structured data: nothing is lost when it is read as the message.
            None => ("", rest),
        },
    };
    // One blank parts header and message; rsyslog hands on the one before RFC 3164's text too.
    let message = message.trim_start_matches(' ');
    let given = |s| Some(s).filter(|s: &&str| !s.is_empty() && *s != "-");
    Ok(Envelope {
        priority,
        time: given(stamp).and_then(|s| time::iso(s, offset)).map(|t| t.0),
        host: given(host),
        app: given(app),
        process: given(process),
        message_id: given(message_id),
        structured,
        message: message.strip_prefix('\u{feff}').unwrap_or(message),
    })
}

/// The bytes of the `[…][…]` at the start of `text`.
fn structured_len(text: &str) -> Option<usize> {
    let b = text.as_bytes();
    let mut at = 0;
    while b.get(at) == Some(&b'[') {
        let mut quoted = false;
        at += 1;
        loop {
            match *b.get(at)? {
                b'\\' if quoted => at += 1,
                b'"' => quoted = !quoted,
                b']' if !quoted => break,
                _ => {}
            }
            at += 1;
        }
        at += 1;
    }
    (at > 0 && matches!(b.get(at), None | Some(b' '))).then_some(at)
}

/// Calls `each` with element id, name and value of every parameter of structured data.
pub fn structured<'a>(text: &'a str, mut each: impl FnMut(&'a str, &'a str, Cow<'a, str>)) {
    let mut rest = text;
    while let Some(body) = rest.strip_prefix('[') {
        let id_len = body.find([' ', ']']).unwrap_or(body.len());
        let (id, mut params) = body.split_at(id_len);
        loop {
            params = params.trim_start_matches(' ');
            let Some((name, after)) = params.split_once("=\"") else { break };
            if name.contains(']') {
                break;
            }
            let Some(end) = quoted_end(after) else { return };
            each(id, name, unescape(&after[..end]));
            params = &after[end + 1..];
        }
        match params.find(']') {
            Some(end) => rest = &params[end + 1..],
            None => return,
        }
    }
}

fn quoted_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|b| {
        let end = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        end
    })
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some('"' | '\\' | ']') if c == '\\' => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

fn rfc3164(
    priority: Option<u8>,
    text: &str,
    received: Timestamp,
    offset: i32,
) -> Result<Envelope<'_>, Problem> {
    let start = skip_sequence(text.trim_start());
    let stamp = start.trim_start_matches(['*', '.']);
    // Without a priority (files), `2026-11-23 12:05:06` begins the lines of many programs that are
    // not syslog; rsyslog writes a `T`.
    let iso = priority.is_some() || stamp.as_bytes().get(10) == Some(&b'T');
    let found = time::bsd(stamp, received, offset)
        .or_else(|| iso.then(|| time::iso(stamp, offset)).flatten());
    let found =
        found.filter(|(_, len)| priority.is_some() || stamp.as_bytes().get(*len) == Some(&b' '));
    let Some((time, len)) = found else {
        if priority.is_none() {
            return Err(Problem::NotSyslog);
        }
        let (app, process, message) = tag(text.trim_start());
        return Ok(Envelope { priority, app, process, message, ..Envelope::default() });
    };
    let rest = stamp[len..].trim_start_matches([':', ' ']);
    let (rest, time) = zone_word(rest, time, offset);
    let (host, rest) = host(rest);
    let (app, process, message) = tag(rest);
    Ok(Envelope { priority, time: Some(time), host, app, process, message, ..Envelope::default() })
}

/// A text without priority and time that begins with a tag: `sshd[9]: …`.
pub fn tagged(text: &str) -> Option<Envelope<'_>> {
    let (app, process, message) = tag(text.trim_start());
    app.is_some().then(|| Envelope { app, process, message, ..Envelope::default() })
}

/// Cisco writes `123: ` before the time.
fn skip_sequence(text: &str) -> &str {
    match text.split_once(": ") {
        Some((digits, rest))
            if digits.len() <= 10
                && !digits.is_empty()
                && digits.bytes().all(|b| b.is_ascii_digit()) =>
        {
            rest
        }
        _ => text,
    }
}

/// The name of a zone after a time (PostgreSQL, Java): it is no host. `UTC` says that the time is
/// not the sensor's own; other names are ambiguous (`CST` is China's and Chicago's), and the
/// sensor's offset holds.
fn zone_word(text: &str, time: Timestamp, offset: i32) -> (&str, Timestamp) {
    const NAMES: [&str; 12] =
        ["CST", "UTC", "GMT", "CEST", "CET", "EST", "EDT", "PST", "PDT", "MSK", "JST", "KST"];
    match text.split_once(' ') {
        Some(("UTC" | "GMT", rest)) => {
            (rest, Timestamp::from_nanos(time.nanos() + i64::from(offset) * 1_000_000_000))
        }
        Some((word, rest)) if NAMES.contains(&word) => (rest, time),
        _ => (text, time),
    }
}

/// The host: the next word, unless it is a tag or a device's message already.
fn host(text: &str) -> (Option<&str>, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let is_tag = word.ends_with(':') || word.ends_with("]:") || word.starts_with('%');
    let is_body = word.contains(['=', '"', '{', '|', '[', '(', ',']);
    if word.is_empty() || is_tag || is_body || word.len() > 255 {
        return (None, text);
    }
    (Some(word), rest.trim_start_matches(' '))
}

/// `app[123]: message` or `app: message`; otherwise all is message.
fn tag(text: &str) -> (Option<&str>, Option<&str>, &str) {
    let name_len = text
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b'@'))
        .count();
    let none = (None, None, text);
    if name_len == 0 || name_len > TAG_BYTES_MAX {
        return none;
    }
    let (name, rest) = text.split_at(name_len);
    // `/usr/sbin/cron` and `cron` are the same program; `postfix/smtpd` is a name.
    let name = match name.strip_prefix('/') {
        Some(path) => path.rsplit('/').find(|part| !part.is_empty()).unwrap_or(name),
        None => name,
    };
    if let Some(after) = rest.strip_prefix('[') {
        let Some((process, after)) = after.split_once(']') else { return none };
        let Some(message) = after.strip_prefix(':').or_else(|| after.strip_prefix(' ')) else {
            return none;
        };
        return (Some(name), Some(process), message.trim_start_matches(' '));
    }
    match rest.strip_prefix(':') {
        Some(message) if message.is_empty() || message.starts_with(' ') => {
            (Some(name), None, message.trim_start_matches(' '))
        }
        _ => none,
    }
}

const LEVELS: [&str; 8] =
    ["emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"];

impl Envelope<'_> {
    /// Writes the envelope's fields: host, program, process id, level, structured data.
    pub fn write(&self, out: &mut Out<'_>) {
        if let Some(time) = self.time {
            out.event.time = time;
        }
        if let Some(host) = self.host {
            out.put(field::HOST_NAME, host);
        }
        if let Some(app) = self.app {
            out.put(field::PROCESS_NAME, app);
        }
        if let Some(process) = self.process {
            out.put(field::PROCESS_PID, process);
        }
        if let Some(priority) = self.priority {
            out.put(field::LOG_LEVEL, LEVELS[usize::from(priority & 7)]);
            if let Some(id) = FieldId::intern("log.syslog.facility.code") {
                out.event.push(id, Value::Int(i64::from(priority >> 3)));
            }
        }
        if let Some(id) = self.message_id {
            out.native("log.syslog.msgid", id);
        }
        let mut name_of = String::new();
        structured(self.structured, |id, name, value| {
            name_of.clear();
            name_of.push_str(id);
            name_of.push('.');
            name_of.push_str(name);
            out.native(&name_of, &value);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::time::BEIJING_OFFSET_SECS as BEIJING;
    use proptest::prelude::*;

    fn read(text: &str) -> Envelope<'_> {
        let received = Timestamp::parse_rfc3339("2026-11-23T04:00:00Z").unwrap();
        parse(text, received, BEIJING).unwrap()
    }

    #[test]
    fn rfc5424_with_structured_data() {
        let e = read(
            r#"<165>1 2026-11-23T04:05:06.003Z web-1 nginx 77 ID47 [a@1 x="1" y="q\"\]"][b z=""] 登录"#,
        );
        assert_eq!((e.priority, e.host, e.app), (Some(165), Some("web-1"), Some("nginx")));
        assert_eq!((e.process, e.message_id, e.message), (Some("77"), Some("ID47"), "登录"));
        let mut seen = Vec::new();
        structured(e.structured, |i, n, v| seen.push(format!("{i}.{n}={v}")));
        assert_eq!(seen, ["a@1.x=1", "a@1.y=q\"]", "b.z="]);
        let e = read("<34>1 2026-11-23T04:05:06Z h sshd - - -  Failed password");
        assert_eq!(e.message, "Failed password");
        let e = read("<34>1 - - - - - -");
        assert_eq!((e.time, e.host, e.message), (None, None, ""));
        let e = read("<34>1 2026-11-23T04:05:06Z h su - - [broken x=1 hello");
        assert_eq!((e.structured, e.message), ("", "[broken x=1 hello"));
        let e = read("<34>1 2026-11-23T04:05:06Z h su - - - \u{feff}hi");
        assert_eq!(e.message, "hi");
    }

    #[test]
    fn rfc3164_and_its_variants() {
        let e = read("<38>Nov 23 12:05:06 srv1 sshd[123]: Failed password");
        assert_eq!((e.host, e.app, e.process), (Some("srv1"), Some("sshd"), Some("123")));
        assert_eq!(e.message, "Failed password");
        assert_eq!(e.time.unwrap().to_rfc3339(), "2026-11-23T04:05:06Z");
        let e = read("<190>2016-01-08 10:21:48 USG6000E %%01SECLOG/6/SESSION_BUILT(l):IPVer=4");
        assert_eq!((e.host, e.app), (Some("USG6000E"), None));
        assert_eq!(e.message, "%%01SECLOG/6/SESSION_BUILT(l):IPVer=4");
        let e = read("<189>Oct  9 14:59:04 2009 Sysname %%10SHELL/5/SHELL_LOGIN(l): x");
        assert_eq!((e.host, e.message), (Some("Sysname"), "%%10SHELL/5/SHELL_LOGIN(l): x"));
        assert_eq!(e.time.unwrap().to_rfc3339(), "2009-10-09T06:59:04Z");
        let e = read("<34>Nov 23 12:05:06 su: 'su root' failed");
        assert_eq!((e.host, e.app, e.message), (None, Some("su"), "'su root' failed"));
        let e = read("<13>type=vpn action=login");
        assert_eq!((e.host, e.app, e.message), (None, None, "type=vpn action=login"));
        let e = read("<134>2026-11-23 12:05:06.123 CST [2093] a@b LOG:  x");
        assert_eq!((e.host, e.message), (None, "[2093] a@b LOG:  x"));
        assert_eq!(e.time.unwrap().to_rfc3339(), "2026-11-23T04:05:06.123Z");
        let e = read("<134>2026-11-23 04:05:06 UTC [2093] LOG:  x");
        assert_eq!(e.time.unwrap().to_rfc3339(), "2026-11-23T04:05:06Z");
        let e = read("Nov 23 12:05:06 srv1 /usr/sbin/cron[9]: (root) CMD (x)");
        assert_eq!((e.priority, e.app), (None, Some("cron")));
        let e = read("2026-11-23T12:05:06.1+08:00 srv1 sudo: x");
        assert_eq!((e.host, e.app), (Some("srv1"), Some("sudo")));
        let e = read("<189>12: *Nov 23 12:05:06.123: %SYS-5-CONFIG_I: by vty0");
        assert_eq!(e.message, "%SYS-5-CONFIG_I: by vty0");
        let e = read("<14>Nov 23 12:05:06 fw1 date=2026-11-23 time=12:05:06");
        assert_eq!((e.host, e.message), (Some("fw1"), "date=2026-11-23 time=12:05:06"));
    }

    #[test]
    fn what_is_not_syslog_says_why() {
        for (text, want) in [
            ("hello world", Problem::NotSyslog),
            ("2026-11-23 12:05:06.123 CST [7] LOG:  x", Problem::NotSyslog),
            ("<999>x", Problem::BadPriority),
            ("<>x", Problem::BadPriority),
            ("<1", Problem::BadPriority),
            ("<34>1 2026-11-23T04:05:06Z host", Problem::ShortHeader),
            (" \r\n", Problem::Empty),
        ] {
            assert_eq!(parse(text, Timestamp::from_secs(0), 0), Err(want), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_safe(text in "\\PC{0,80}", tail in "[\\[\\]\"=\\\\ a-z学]{0,60}") {
            let _ = parse(&text, Timestamp::from_secs(1), 0);
            let with = format!("<34>1 - h a p m {tail}");
            if let Ok(e) = parse(&with, Timestamp::from_secs(1), 0) {
                structured(e.structured, |_, _, _| {});
            }
            let _ = parse(&format!("<34>Nov 23 12:05:06 {tail}"), Timestamp::from_secs(1), 0);
        }
    }
}
