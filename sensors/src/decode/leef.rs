//! IBM QRadar's Log Event Extended Format, versions 1.0 (tab-separated) and 2.0 (separator named).

use super::{Out, Problem};
use crate::limits::PAIRS_MAX;

const HEADER: [&str; 4] = ["leef.vendor", "leef.product", "leef.product_version", "leef.event_id"];

/// Writes header and attributes as native fields.
///
/// # Errors
/// [`Problem::NotLeef`] when the header is not there in full.
pub fn write(text: &str, out: &mut Out<'_>) -> Result<(), Problem> {
    let start = text.find("LEEF:").ok_or(Problem::NotLeef)?;
    let mut parts = text[start + 5..].splitn(6, '|');
    let version = parts.next().ok_or(Problem::NotLeef)?;
    for name in HEADER {
        out.native(name, parts.next().ok_or(Problem::NotLeef)?);
    }
    let body = parts.next().ok_or(Problem::NotLeef)?;
    let named = version.starts_with('2').then(|| body.split_once('|')).flatten();
    // A sender may leave the separator out and have a bar in a value.
    let (separator, body) = match named.and_then(|(named, rest)| Some((separator(named)?, rest))) {
        Some(found) => found,
        None => ('\t', body),
    };
    for pair in body.split(separator).take(PAIRS_MAX) {
        if let Some((name, value)) = pair.split_once('=')
            && !name.trim().is_empty()
        {
            out.native(name.trim(), value.trim_end_matches(['\r', '\n']));
        }
    }
    Ok(())
}

/// `^`, `x5E`, `0x5E`, `\x5E` or `\t`; a tab when nothing is named. `None`: this names no separator.
fn separator(named: &str) -> Option<char> {
    let named = if named.trim().is_empty() { "\t" } else { named };
    let mut chars = named.chars();
    if let (Some(one), None) = (chars.next(), chars.next()) {
        return Some(one);
    }
    if named == "\\t" {
        return Some('\t');
    }
    let digits = ["0x", "\\x", "x"].iter().find_map(|before| named.strip_prefix(before))?;
    u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::{Event, FieldId};
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Event, Problem> {
        let mut event = Event::new();
        event.set_raw(text.as_bytes());
        write(text, &mut Out::new(&mut event, text, None)).map(|()| event)
    }

    #[test]
    fn both_versions() {
        for text in [
            "LEEF:1.0|V|P|1|login|src=10.0.0.1\tusrName=zhang san",
            "LEEF:2.0|V|P|1|login|^|src=10.0.0.1^usrName=zhang san",
            "LEEF:2.0|V|P|1|login|0x5E|src=10.0.0.1^usrName=zhang san",
            "LEEF:2.0|V|P|1|login|x7C|src=10.0.0.1|usrName=zhang san",
            "LEEF:2.0|V|P|1|login||src=10.0.0.1\tusrName=zhang san",
            "LEEF:2.0|V|P|1|login|\\t|src=10.0.0.1\tusrName=zhang san",
            "LEEF:2.0|V|P|1|login|src=10.0.0.1\tusrName=zhang san\tmsg=a|b",
        ] {
            let e = read(text).unwrap();
            let get = |name| e.str(FieldId::intern(name).unwrap()).unwrap().to_owned();
            assert_eq!(get("leef.event_id"), "login");
            assert_eq!(get("src"), "10.0.0.1");
            assert_eq!(get("usrName"), "zhang san");
        }
        assert_eq!(read("LEEF:1.0|V|P").err(), Some(Problem::NotLeef));
    }

    proptest! {
        #[test]
        fn any_text_is_safe(text in "(LEEF:[12].0)?[|=\\^x0-9a-z学\t]{0,60}") {
            let _ = read(&text);
        }
    }
}
