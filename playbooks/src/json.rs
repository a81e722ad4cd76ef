//! A JSON reader that keeps where each value stands, so that a problem can point at it.
//!
//! RFC 8259, with two stricter points: a repeated key is an error, and depth and size are bounded
//! ([`limits::JSON_DEPTH_MAX`], [`limits::TEXT_BYTES_MAX`]). Pure; any text gives a value or a
//! fault, never a panic.

use crate::limits;

/// A value and where it stands (byte offsets into the text).
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) value: Value,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    String(String),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

/// One key of an object, with its value.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) key_start: usize,
    pub(crate) key_end: usize,
    pub(crate) node: Node,
}

/// Why a text is not acceptable JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Syntax,
    TooDeep,
    TooLarge,
    DuplicateKey,
}

impl Node {
    /// The member of an object.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Object(members) => members.iter().find(|m| m.key == key).map(|m| &m.node),
            _ => None,
        }
    }

    /// The same value without places.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(b) => serde_json::Value::Bool(*b),
            Value::Number(n) => serde_json::Value::Number(n.clone()),
            Value::String(s) => serde_json::Value::String(s.clone()),
            Value::Array(items) => items.iter().map(Node::to_json).collect(),
            Value::Object(members) => serde_json::Value::Object(
                members.iter().map(|m| (m.key.clone(), m.node.to_json())).collect(),
            ),
        }
    }

    /// The word for its kind.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        }
    }
}

/// Reads one JSON value; the fault comes with the offset where it was met.
pub(crate) fn parse(text: &str) -> Result<Node, (Fault, usize)> {
    if text.len() > limits::TEXT_BYTES_MAX {
        return Err((Fault::TooLarge, 0));
    }
    let skip = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut parser = Parser { text, at: skip };
    let node = parser.value(0)?;
    parser.space();
    if parser.at < text.len() {
        return Err((Fault::Syntax, parser.at));
    }
    Ok(node)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

type Read<T> = Result<T, (Fault, usize)>;

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn fault<T>(&self) -> Read<T> {
        Err((Fault::Syntax, self.at))
    }

    fn value(&mut self, depth: usize) -> Read<Node> {
        if depth > limits::JSON_DEPTH_MAX {
            return Err((Fault::TooDeep, self.at));
        }
        self.space();
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            _ => return self.fault(),
        };
        Ok(Node { start, end: self.at, value })
    }

    fn word(&mut self, word: &str, value: Value) -> Read<Value> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(value);
        }
        self.fault()
    }

    fn number(&mut self) -> Read<Value> {
        let start = self.at;
        while matches!(self.peek(), Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')) {
            self.at += 1;
        }
        let slice = &self.text[start..self.at];
        serde_json::from_str(slice).map(Value::Number).map_err(|_| (Fault::Syntax, start))
    }

    fn string(&mut self) -> Read<String> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
                None => return Err((Fault::Syntax, start)),
            }
        }
        self.at += 1;
        let slice = self.text.get(start..self.at).ok_or((Fault::Syntax, start))?;
        serde_json::from_str(slice).map_err(|_| (Fault::Syntax, start))
    }

    fn array(&mut self, depth: usize) -> Read<Value> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                _ => return self.fault(),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Read<Value> {
        self.at += 1;
        let mut members: Vec<Member> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return self.fault();
            }
            let key_start = self.at;
            let key = self.string()?;
            let key_end = self.at;
            if !seen.insert(key.clone()) {
                return Err((Fault::DuplicateKey, key_start));
            }
            self.space();
            if self.peek() != Some(b':') {
                return self.fault();
            }
            self.at += 1;
            let node = self.value(depth + 1)?;
            members.push(Member { key, key_start, key_end, node });
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Object(members));
                }
                _ => return self.fault(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn places_and_faults() {
        let node = parse("{\"a\": [1, \"中\\n\"]}").unwrap();
        let items = node.get("a").unwrap();
        assert_eq!(items.start, 6);
        assert_eq!(items.to_json(), serde_json::json!([1, "中\n"]));
        assert_eq!(parse("{\"a\":1,\"a\":2}").unwrap_err(), (Fault::DuplicateKey, 7));
        assert_eq!(parse("[1,]").unwrap_err(), (Fault::Syntax, 3));
        assert_eq!(parse("\"\\").unwrap_err().0, Fault::Syntax);
        assert_eq!(parse(&"[".repeat(1000)).unwrap_err().0, Fault::TooDeep);
    }

    proptest! {
        #[test]
        fn any_text_never_panics(text in ".{0,200}") {
            let _ = parse(&text);
        }

        #[test]
        fn agrees_with_serde_json(text in "[\\[\\]{}:,\"a0-9 .eE+\\\\-]{0,30}") {
            let ours = parse(&text).map(|n| n.to_json());
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            match ours {
                Ok(value) => prop_assert_eq!(Some(value), theirs.ok()),
                Err((Fault::DuplicateKey, _)) => {}
                Err(_) => prop_assert!(theirs.is_err()),
            }
        }
    }
}
