//! Lines of columns under a header: IIS (W3C extended), Zeek (tab-separated). The header stands
//! above the lines in the file; without it a pack's own order is taken.

use super::{Out, Problem};
use crate::limits::COLUMNS_MAX;

/// Whether a line belongs to a header.
pub fn is_header(line: &[u8]) -> bool {
    line.starts_with(b"#")
}

/// Writes a line's values under the names of `header` (its lines as they stand in the file), or
/// under `default`. A line of a header itself is a message.
///
/// # Errors
/// [`Problem::NoColumns`] when nothing names the columns, or there are not as many as names.
pub fn write(
    text: &str,
    header: Option<&str>,
    default: &[String],
    out: &mut Out<'_>,
) -> Result<(), Problem> {
    let text = text.trim_end_matches(['\r', '\n']);
    if is_header(text.as_bytes()) {
        out.put(events::field::MESSAGE, text);
        return Ok(());
    }
    let of_header = |prefix: &str| {
        header.and_then(|h| h.lines().rev().find_map(|line| line.strip_prefix(prefix)))
    };
    if let Some(path) = of_header("#path\t") {
        out.native("zeek.path", path.trim());
    }
    let zeek = of_header("#fields\t");
    let names: Vec<&str> = match (zeek, of_header("#Fields:")) {
        (Some(names), _) => names.split('\t').collect(),
        (None, Some(names)) => names.split_whitespace().collect(),
        (None, None) => default.iter().map(String::as_str).collect(),
    };
    let separator = if zeek.is_some() { '\t' } else { ' ' };
    let values: Vec<&str> = text.split(separator).take(COLUMNS_MAX).collect();
    if names.is_empty() || values.len() != names.len() {
        return Err(Problem::NoColumns);
    }
    // IIS parts what rules ask for whole.
    let of = |wanted: &str| names.iter().position(|n| *n == wanted).map(|at| values[at]);
    if let Some(stem) = of("cs-uri-stem") {
        match of("cs-uri-query").filter(|q| !matches!(*q, "" | "-")) {
            Some(query) => out.native("cs-uri", &format!("{stem}?{query}")),
            None => out.native("cs-uri", stem),
        }
    }
    for (name, value) in names.into_iter().zip(values) {
        if matches!(value, "" | "-" | "(empty)") {
            continue;
        }
        // IIS writes the blanks of what a browser sent as `+`.
        if name.starts_with("cs(") {
            out.native(name, &value.replace('+', " "));
        } else {
            out.native(name, value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::{Event, FieldId};
    use proptest::prelude::{any, prop_assert, proptest};

    fn read(text: &str, header: Option<&str>) -> Result<Vec<String>, Problem> {
        let mut event = Event::new();
        event.set_raw(text.as_bytes());
        let default = ["a".to_owned(), "b".to_owned()];
        write(text, header, &default, &mut Out::new(&mut event, text, None))?;
        let shown = |(id, value): (FieldId, events::Value<'_>)| format!("{}={value}", id.name());
        Ok(event.fields().map(shown).collect())
    }

    #[test]
    fn the_last_header_names_the_columns() {
        let zeek = "#separator \\x09\n#path\tdns\n#fields\tts\tquery\n#types\ttime\tstring";
        assert_eq!(read("1.5\tx y", Some(zeek)).unwrap(), ["zeek.path=dns", "ts=1.5", "query=x y"]);
        let iis = "#Software: x\n#Fields: old\n#Fields: date cs(User-Agent)";
        assert_eq!(read("2026 a+b", Some(iis)).unwrap(), ["date=2026", "cs(User-Agent)=a b"]);
        let uri = Some("#Fields: cs-uri-stem cs-uri-query");
        assert_eq!(
            read("/a b=c", uri).unwrap(),
            ["cs-uri=/a?b=c", "cs-uri-stem=/a", "cs-uri-query=b=c"]
        );
        assert_eq!(read("/a -", uri).unwrap(), ["cs-uri=/a", "cs-uri-stem=/a"]);
        assert_eq!(read("1 -", None).unwrap(), ["a=1"]);
        assert_eq!(read("#Fields: x", None).unwrap(), ["message=#Fields: x"]);
        assert_eq!(read("1 2 3", None), Err(Problem::NoColumns));
    }

    proptest! {
        #[test]
        fn any_text_is_safe(text in "[ -~\t]{0,80}", header in "[ -~\t\n]{0,80}", with in any::<bool>()) {
            let found = read(&text, with.then_some(header.as_str())).unwrap_or_default();
            prop_assert!(found.len() <= COLUMNS_MAX + 1);
        }
    }
}
