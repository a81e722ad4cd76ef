//! Common and combined access log lines of nginx and Apache, with an optional `host[:port]` before
//! the client (Apache's `vhost_combined`).

use events::{FieldId, Timestamp, Value, field};

use super::{Out, Problem, time};

/// Writes a line's fields and its time.
///
/// # Errors
/// [`Problem::NotAccessLog`] when address, time, request and status are not all there.
pub fn write(
    text: &str,
    received: Timestamp,
    offset_secs: i32,
    out: &mut Out<'_>,
) -> Result<(), Problem> {
    let line = parse(text).ok_or(Problem::NotAccessLog)?;
    if let Some(at) = time::any(line.time, received, offset_secs) {
        out.event.time = at;
    }
    out.put(field::SOURCE_IP, line.client);
    if line.client.parse::<std::net::IpAddr>().is_err() {
        out.native("source.address", line.client);
    }
    if line.user != "-" {
        out.put(field::USER_NAME, line.user);
    }
    request(line.request, out);
    out.put(field::HTTP_RESPONSE_STATUS_CODE, line.status);
    if let (Ok(bytes), Some(id)) = (line.bytes.parse(), FieldId::intern("http.response.body.bytes"))
    {
        out.event.push(id, Value::Int(bytes));
    }
    if let Some(host) = line.host {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        if out.event.get(field::URL_DOMAIN).is_none() {
            out.put(field::URL_DOMAIN, name);
        }
    }
    if !matches!(line.referrer, "" | "-") {
        out.native("http.request.referrer", line.referrer);
    }
    if !matches!(line.agent, "" | "-") {
        out.put(field::USER_AGENT_ORIGINAL, line.agent);
    }
    if !line.rest.is_empty() {
        out.native("access.rest", line.rest);
    }
    Ok(())
}

struct Line<'a> {
    host: Option<&'a str>,
    client: &'a str,
    user: &'a str,
    time: &'a str,
    request: &'a str,
    status: &'a str,
    bytes: &'a str,
    referrer: &'a str,
    agent: &'a str,
    rest: &'a str,
}

fn parse(text: &str) -> Option<Line<'_>> {
    let text = text.trim();
    let (head, rest) = text.split_once(" [")?;
    let (time, rest) = rest.split_once(']')?;
    let words: Vec<&str> = head.split(' ').filter(|w| !w.is_empty()).collect();
    let (host, client, user) = match words.as_slice() {
        [client, _, user] => (None, *client, *user),
        [host, client, _, user] => (Some(*host), *client, *user),
        _ => return None,
    };
    let (request, rest) = quoted(rest.trim_start())?;
    let mut words = rest.trim_start().splitn(3, ' ');
    let status = words.next().filter(|s| s.len() == 3 && s.bytes().all(|b| b.is_ascii_digit()))?;
    let bytes = words.next().unwrap_or("-");
    let rest = words.next().unwrap_or("").trim_start();
    let (referrer, rest) = quoted(rest).unwrap_or(("", rest));
    let (agent, rest) = quoted(rest.trim_start()).unwrap_or(("", rest));
    let rest = rest.trim();
    Some(Line { host, client, user, time, request, status, bytes, referrer, agent, rest })
}

/// A `"…"` at the start (a backslash escapes), and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = inside.bytes().position(|b| {
        let end = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        end
    })?;
    Some((&inside[..end], &inside[end + 1..]))
}

fn request(request: &str, out: &mut Out<'_>) {
    let Some((method, rest)) = request.split_once(' ') else {
        // Not HTTP at all (a TLS hello, a scan): what came is what is shown.
        if !matches!(request, "" | "-") {
            out.put(field::URL_ORIGINAL, request);
        }
        return;
    };
    let target = match rest.rsplit_once(' ') {
        Some((target, protocol)) if protocol.starts_with("HTTP/") => {
            out.native("http.version", &protocol[5..]);
            target
        }
        _ => rest,
    };
    out.put(field::HTTP_REQUEST_METHOD, method);
    out.put(field::URL_ORIGINAL, target);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path.starts_with('/') {
        out.native("url.path", path);
    }
    if !query.is_empty() {
        out.native("url.query", query);
    }
    if let Some((_, after)) = target.split_once("://")
        && target.starts_with("http")
    {
        let domain = after.split(['/', '?', ':']).next().unwrap_or("");
        out.put(field::URL_DOMAIN, domain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::Event;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Event, Problem> {
        let mut event = Event::new();
        event.set_raw(text.as_bytes());
        let received = Timestamp::from_secs(1_795_406_706);
        write(text, received, 28_800, &mut Out::new(&mut event, text, None)).map(|()| event)
    }

    #[test]
    fn combined_and_vhost() {
        let e = read(
            r#"203.0.113.9 - alice [23/Nov/2026:12:05:06 +0800] "POST /upload/a.jsp?x=1 HTTP/1.1" 200 512 "-" "curl/8 \"x\"" 0.01"#,
        )
        .unwrap();
        assert_eq!(e.str(field::SOURCE_IP), Some("203.0.113.9"));
        assert_eq!(e.str(field::USER_NAME), Some("alice"));
        assert_eq!(e.str(field::HTTP_REQUEST_METHOD), Some("POST"));
        assert_eq!(e.str(field::URL_ORIGINAL), Some("/upload/a.jsp?x=1"));
        assert_eq!(e.str(FieldId::intern("url.path").unwrap()), Some("/upload/a.jsp"));
        assert_eq!(e.str(FieldId::intern("url.query").unwrap()), Some("x=1"));
        assert_eq!(e.int(field::HTTP_RESPONSE_STATUS_CODE), Some(200));
        assert_eq!(e.str(field::USER_AGENT_ORIGINAL), Some(r#"curl/8 \"x\""#));
        assert_eq!(e.time.to_rfc3339(), "2026-11-23T04:05:06Z");
        let e = read(
            r#"www.school.example:443 10.1.1.1 - - [23/Nov/2026:12:05:06 +0800] "GET /a b HTTP/1.0" 404 -"#,
        )
        .unwrap();
        assert_eq!(e.str(field::URL_DOMAIN), Some("www.school.example"));
        assert_eq!(e.str(field::URL_ORIGINAL), Some("/a b"));
        let e = read(r#"10.1.1.1 - - [23/Nov/2026:12:05:06 +0800] "\x16\x03" 400 0"#).unwrap();
        assert_eq!(e.str(field::URL_ORIGINAL), Some(r"\x16\x03"));
        assert_eq!(read("hello [x] \"y\" 2").err(), Some(Problem::NotAccessLog));
    }

    proptest! {
        #[test]
        fn any_text_is_safe(text in "[a-z\\[\\] \"\\\\0-9学:/.-]{0,80}") {
            let _ = read(&text);
        }
    }
}
