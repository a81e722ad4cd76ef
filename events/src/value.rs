//! A field's value, borrowed from its event.

use std::borrow::Cow;
use std::fmt;

/// A value of a flat field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Present but null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number. One that only a `u64` holds is text: it stays exact, and compares as it
    /// would as a number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Str(&'a str),
}

impl<'a> Value<'a> {
    /// The value as text, as Sigma compares it: numbers in decimal, null as the empty text.
    pub fn text(self) -> Cow<'a, str> {
        match self {
            Self::Null => Cow::Borrowed(""),
            Self::Bool(true) => Cow::Borrowed("true"),
            Self::Bool(false) => Cow::Borrowed("false"),
            Self::Str(s) => Cow::Borrowed(s),
            Self::Int(i) => Cow::Owned(i.to_string()),
            Self::Float(f) => Cow::Owned(f.to_string()),
        }
    }

    /// The text, if the value is text.
    pub fn as_str(self) -> Option<&'a str> {
        match self {
            Self::Str(s) => Some(s),
            _ => None,
        }
    }

    /// The value as a number: a number, or text that is wholly one.
    pub fn as_f64(self) -> Option<f64> {
        match self {
            Self::Int(i) => Some(i as f64),
            Self::Float(f) => Some(f),
            Self::Str(s) => s.trim().parse().ok().filter(|f: &f64| f.is_finite()),
            Self::Null | Self::Bool(_) => None,
        }
    }

    /// The value as a whole number: one, or text that is wholly one.
    pub fn as_i64(self) -> Option<i64> {
        match self {
            Self::Int(i) => Some(i),
            Self::Str(s) => s.trim().parse().ok(),
            Self::Float(f) if f.fract() == 0.0 && f.abs() < 9e15 => Some(f as i64),
            _ => None,
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Int(i) => write!(f, "{i}"),
            Self::Float(x) => write!(f, "{x}"),
            Self::Str(s) => f.write_str(s),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_text_are_numbers() {
        assert_eq!(Value::Str(" 42 ").as_i64(), Some(42));
        assert_eq!(Value::Str("4x2").as_f64(), None);
        assert_eq!(Value::Str("inf").as_f64(), None);
        assert_eq!(Value::Int(-7).text(), "-7");
        assert_eq!(Value::Null.text(), "");
    }
}
