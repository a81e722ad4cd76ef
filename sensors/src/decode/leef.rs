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
    let (separator, body) = match version.starts_with('2') {
        true => match body.split_once('|') {
            Some((named, rest)) => (separator(named), rest),
            None => ('\t', body),
        },
        false => ('\t', body),
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

/// `^`, `x5E` or `0x5E`; a tab when nothing is named.
fn separator(named: &str) -> char {
    let hex = named.strip_prefix("0x").or_else(|| named.strip_prefix('x'));
    match hex {
        Some(digits) if !digits.is_empty() => {
            u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).unwrap_or('\t')
        }
        _ => named.chars().next().unwrap_or('\t'),
    }
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
