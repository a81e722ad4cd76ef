//! Records of the Linux audit daemon: `key=value`, with what that form leaves to the reader.
//!
//! Texts with a blank, a quote or a character beyond ASCII are written in hexadecimal without quotes;
//! what a program says of itself (`msg='op=login acct="root" …'`) stands inside another value; and
//! an enriched record repeats numbers as names behind a group separator.

use std::borrow::Cow;

use events::field;

use super::{Out, Problem, kv};

/// What parts a record from what the daemon adds to it.
const GROUP: char = '\u{1d}';
/// Fields that hold a text, in any record.
const TEXTS: [&str; 9] = ["proctitle", "name", "comm", "exe", "cwd", "cmd", "acct", "key", "path"];

/// Writes every pair as a native field, and the command line where the record has one.
///
/// # Errors
/// [`Problem::NoPairs`] when there is no pair.
pub fn write(text: &str, out: &mut Out<'_>) -> Result<(), Problem> {
    let text = match text.contains(GROUP) {
        true => Cow::Owned(text.replace(GROUP, " ")),
        false => Cow::Borrowed(text),
    };
    let mut record = Record::default();
    kv::pairs(&text, |name, value| record.pair(name, value, &text, out));
    if record.pairs == 0 {
        return Err(Problem::NoPairs);
    }
    if !record.command.is_empty() {
        out.put(field::PROCESS_COMMAND_LINE, record.command.trim_end());
    }
    if let Some(user) = record.user.filter(|_| !record.account) {
        out.put(field::USER_NAME, &user);
    }
    Ok(())
}

#[derive(Default)]
struct Record {
    pairs: usize,
    /// Whether its `a0`, `a1` … are texts: those of a system call are numbers.
    arguments: bool,
    command: String,
    /// Whether an account is named: that of a logon, say.
    account: bool,
    /// Whose the process is, of an enriched record.
    user: Option<String>,
}

impl Record {
    fn pair(&mut self, name: &str, value: Cow<'_, str>, text: &str, out: &mut Out<'_>) {
        self.pairs += 1;
        // `key=(null)`; the bracket at its end is taken for the end of a list.
        if value == "(null" {
            return;
        }
        match name {
            "type" => self.arguments = value == "EXECVE",
            "acct" => self.account = true,
            "UID" => self.user = Some(value.clone().into_owned()),
            _ => {}
        }
        // What a program says; the time and number of a record stand in brackets.
        if name == "msg" && value.contains('=') {
            kv::pairs(&value, |name, inner| self.pair(name, inner, &value, out));
            return;
        }
        let argument = self.arguments && is_argument(name);
        let value = match (argument || TEXTS.contains(&name)) && !is_quoted(&value, text) {
            true => unhex(&value).map_or(value, Cow::Owned),
            false => value,
        };
        if argument {
            self.command.push_str(&value);
            self.command.push(' ');
        } else if matches!(name, "proctitle" | "cmd") {
            self.command.clear();
            self.command.push_str(&value);
        }
        out.native(name, &value);
    }
}

/// `a0`, `a1` …, not `argc`.
fn is_argument(name: &str) -> bool {
    let number = name.strip_prefix('a').unwrap_or("");
    !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a value stood in quotes in the text it is borrowed from.
fn is_quoted(value: &str, text: &str) -> bool {
    let at = (value.as_ptr() as usize).checked_sub(text.as_ptr() as usize);
    let before = at.and_then(|at| text.as_bytes().get(at.checked_sub(1)?));
    matches!(before, Some(b'"' | b'\''))
}

/// A text in capital hexadecimal; the ends of its parts become blanks.
fn unhex(value: &str) -> Option<String> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'A'..=b'F' => Some(b - b'A' + 10),
        _ => None,
    };
    if value.is_empty() || !value.len().is_multiple_of(2) {
        return None;
    }
    let bytes: Option<Vec<u8>> = value
        .as_bytes()
        .chunks(2)
        .map(|pair| match (digit(*pair.first()?)? << 4) | digit(*pair.get(1)?)? {
            0 | 1 => Some(b' '),
            byte => Some(byte),
        })
        .collect();
    Some(String::from_utf8_lossy(&bytes?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::{Event, FieldId};
    use proptest::prelude::{prop_assert, proptest};

    fn read(text: &str) -> Vec<String> {
        let mut event = Event::new();
        event.set_raw(text.as_bytes());
        if write(text, &mut Out::new(&mut event, "", None)).is_err() {
            return Vec::new();
        }
        let shown = |(id, value): (FieldId, events::Value<'_>)| format!("{}={value}", id.name());
        event.fields().map(shown).collect()
    }

    #[test]
    fn texts_in_hexadecimal() {
        assert_eq!(
            read(r#"type=EXECVE argc=4 a0="/usr/bin/id" a1="--help" a2=612062 a3=E4B8ADE69687"#),
            [
                "type=EXECVE",
                "argc=4",
                "a0=/usr/bin/id",
                "a1=--help",
                "a2=a b",
                "a3=中文",
                "process.command_line=/usr/bin/id --help a b 中文"
            ]
        );
        // The arguments of a system call are numbers, and a quoted text is what it is.
        assert_eq!(
            read(r#"type=SYSCALL a0=10 comm="CAFE" exe=2F612062"#),
            ["type=SYSCALL", "a0=10", "comm=CAFE", "exe=/a b"]
        );
        assert_eq!(
            read("type=PROCTITLE proctitle=7368002D630078"),
            ["type=PROCTITLE", "proctitle=sh -c x", "process.command_line=sh -c x"]
        );
        assert_eq!(read("type=PATH name=(null) key=ABC"), ["type=PATH", "key=ABC"]);
    }

    #[test]
    fn what_programs_say_and_names_behind_the_separator() {
        assert_eq!(
            read(
                "type=USER_CMD msg='cwd=\"/\" cmd=6C73202F exe=\"/usr/bin/sudo\" res=success'\u{1d}UID=\"root\" AUID=\"li\""
            ),
            [
                "type=USER_CMD",
                "cwd=/",
                "cmd=ls /",
                "exe=/usr/bin/sudo",
                "res=success",
                "UID=root",
                "AUID=li",
                "process.command_line=ls /",
                "user.name=root"
            ]
        );
        assert_eq!(read("no pairs"), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn any_text_is_safe(text in "\\PC{0,60}", dense in "(msg=|a0=|name=|['\"= 0-9A-F]){0,12}") {
            let _ = read(&text);
            prop_assert!(read(&dense).len() <= dense.len() + 1);
        }
    }
}
