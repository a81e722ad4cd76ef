//! The message header of Huawei VRP and H3C Comware:
//! `%%01SECLOG/6/SESSION_BUILT(l)[123]:detail`.

/// The parts of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Module that wrote the record (`SECLOG`, `SHELL`).
    pub module: &'a str,
    /// Severity, 0 to 7.
    pub level: u8,
    /// What happened, in the device's word (`SESSION_BUILT`).
    pub brief: &'a str,
    /// What follows.
    pub detail: &'a str,
}

/// Finds the header at the start of `text`; `None` if there is none.
pub fn parse(text: &str) -> Option<Header<'_>> {
    let body = text.trim_start().strip_prefix('%')?;
    // `%%` and two digits of version; some devices write one `%` and no version.
    let body = match body.strip_prefix('%') {
        Some(rest) => rest.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => body,
    };
    let mut parts = body.splitn(3, '/');
    let (module, level, rest) = (parts.next()?, parts.next()?, parts.next()?);
    if module.is_empty() || module.len() > 40 || module.contains(' ') || level.len() != 1 {
        return None;
    }
    let level = level.bytes().next()?.checked_sub(b'0').filter(|l| *l <= 7)?;
    let brief_len = rest
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        .count();
    let (brief, mut detail) = rest.split_at(brief_len);
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some(inside) = detail.strip_prefix(open)
            && let Some((_, after)) = inside.split_once(close)
        {
            detail = after;
        }
    }
    let detail = detail.strip_prefix(':').unwrap_or(detail).trim_start();
    (!brief.is_empty()).then_some(Header { module, level, brief, detail })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn huawei_and_h3c_headers() {
        let h = parse("%%01SECLOG/6/SESSION_BUILT(l):IPVer=4").unwrap();
        assert_eq!(
            (h.module, h.level, h.brief, h.detail),
            ("SECLOG", 6, "SESSION_BUILT", "IPVer=4")
        );
        let h = parse("%%10SHELL/5/SHELL_LOGIN(l)[77]: admin logged in").unwrap();
        assert_eq!((h.module, h.brief, h.detail), ("SHELL", "SHELL_LOGIN", "admin logged in"));
        assert_eq!(parse("SHELL/5/X: y"), None);
        assert_eq!(parse("%%01A/9/B: y"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_safe(text in "%{0,2}[0-9A-Z/()\\[\\]:学 ]{0,40}") {
            let _ = parse(&text);
        }
    }
}
