//! `application/x-www-form-urlencoded`, as bodies and queries carry it. Pure; any bytes are fine.

/// The pairs, in order, at most `most`; `+` is a space, bad escapes stay as they are, bytes that
/// are not UTF-8 become U+FFFD.
pub(crate) fn pairs(text: &str, most: usize) -> Vec<(String, String)> {
    text.split('&')
        .filter(|p| !p.is_empty())
        .take(most)
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// The fields of a JSON object, lists as fields of one name; `None` for what is no object, holds more
/// than texts, numbers and lists of them, or more than `most`.
pub(crate) fn object(text: &str, most: usize) -> Option<Vec<(String, String)>> {
    use serde_json::Value;
    let one = |value: Value| match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    };
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else { return None };
    let mut pairs = Vec::new();
    for (name, value) in fields {
        let values = match value {
            Value::Null => Vec::new(),
            Value::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            pairs.push((name.clone(), one(value)?));
        }
    }
    (pairs.len() <= most).then_some(pairs)
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&b) = bytes.get(at) {
        let escaped = (b == b'%').then(|| bytes.get(at + 1..at + 3)).flatten().and_then(hex);
        match (b, escaped) {
            (_, Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', None) => out.push(b' '),
            (_, None) => out.push(b),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(two: &[u8]) -> Option<u8> {
    let text =
        std::str::from_utf8(two).ok().filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u8::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_pairs_too() {
        let got = object(r#"{"b":["x","y"],"a":3,"c":null}"#, 3).unwrap();
        let got: Vec<(&str, &str)> = got.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(got, [("b", "x"), ("b", "y"), ("a", "3")]);
        for bad in ["", "[]", "{\"a\":{}}", "{\"a\":[[]]}", "{\"a\":[1,2,3,4]}", "{"] {
            assert_eq!(object(bad, 3), None, "{bad}");
        }
    }

    #[test]
    fn pairs_are_decoded() {
        let got = pairs("q=%E5%AD%A6+a%2Bb&x&y=1%2&%zz=%f", 10);
        let got: Vec<(&str, &str)> = got.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(got, [("q", "学 a+b"), ("x", ""), ("y", "1%2"), ("%zz", "%f")]);
        assert_eq!(pairs("a&b&c", 2).len(), 2);
        assert_eq!(pairs("a=%ff", 1)[0].1, "\u{fffd}");
    }
}
