//! Plain lists: an address, network, domain, URL or hash a line; what follows a comma, tab or
//! blank is a remark. `#` begins a comment; `# name: …` and `# expires: 2027-01-31` before the
//! first indicator speak of the whole list.

use std::io::BufRead;

use events::Timestamp;

use super::super::key::Key;
use super::super::load::{Sink, Terms};

/// Longest line, in bytes.
const LINE_BYTES_MAX: u64 = 16 << 10;

pub(in crate::intel) fn read(mut from: impl BufRead, sink: &mut Sink<'_>) {
    let mut line = Vec::new();
    let mut terms = Terms::default();
    for number in 1.. {
        line.clear();
        match std::io::Read::take(&mut from, LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                let (zh, en) = (format!("无法读取：{error}"), format!("cannot be read: {error}"));
                return sink.problem("I001", number, &zh, &en);
            }
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_start_matches('\u{feff}').trim();
        if let Some(comment) = text.strip_prefix('#') {
            header(comment, &mut terms, number, sink);
            continue;
        }
        let first = text.split([',', ';', '\t', ' ']).next().unwrap_or("").trim_matches('"');
        if first.is_empty() {
            continue;
        }
        match Key::any(first) {
            Some((key, kind)) => sink.take(&key, kind, terms),
            None => sink.problem(
                "I002",
                number,
                "不是地址、网段、域名、网址或散列值",
                "no address, network, domain, URL or hash",
            ),
        }
    }
}

fn header(comment: &str, terms: &mut Terms, number: u64, sink: &mut Sink<'_>) {
    match comment.split_once(':').map(|(k, v)| (k.trim(), v.trim())) {
        Some(("name", name)) => sink.call(name),
        Some(("expires", day)) => {
            match Timestamp::parse_rfc3339(&format!("{day}T00:00:00+08:00")) {
                Ok(until) => terms.until = Some(until),
                Err(_) => sink.problem(
                    "I002",
                    number,
                    "日期应为 2027-01-31 的形式",
                    "the day is like 2027-01-31",
                ),
            }
        }
        _ => {}
    }
}
