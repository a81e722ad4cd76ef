//! A value in the forms that comparisons ask for, each made once.

use std::fmt::Write;
use std::ops::Range;

use events::Value;
use memchr::memmem;

use crate::fold::fold_into;
use crate::syntax::test::{Shape, Test, shape_holds};

/// Buffers for one value; reused.
#[derive(Default)]
pub(crate) struct Forms {
    number: String,
    folded: String,
    made: bool,
}

/// A value with its text and its folded text; both empty for null.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'v> {
    pub(crate) value: Value<'v>,
    pub(crate) text: &'v str,
    pub(crate) folded: &'v str,
}

impl Forms {
    /// The forms of the value that these buffers always serve: made the first time.
    pub(crate) fn again<'v>(&'v mut self, value: Value<'v>) -> Seen<'v> {
        if !self.made {
            self.made = true;
            return self.of(value);
        }
        Seen { value, text: text_of(value, &self.number), folded: &self.folded }
    }

    /// The forms of a value.
    pub(crate) fn of<'v>(&'v mut self, value: Value<'v>) -> Seen<'v> {
        if let Value::Int(_) | Value::Float(_) = value {
            self.number.clear();
            // Writing to a string cannot fail.
            let _ = write!(self.number, "{value}");
        }
        let text = text_of(value, &self.number);
        fold_into(text, &mut self.folded);
        Seen { value, text, folded: &self.folded }
    }
}

fn text_of<'v>(value: Value<'v>, number: &'v str) -> &'v str {
    match value {
        Value::Str(text) => text,
        Value::Bool(true) => "true",
        Value::Bool(false) => "false",
        Value::Null => "",
        Value::Int(_) | Value::Float(_) => number,
    }
}

impl Seen<'_> {
    /// [`Test::holds`], without folding again.
    pub(crate) fn fulfils(&self, test: &Test) -> bool {
        match test {
            _ if matches!(self.value, Value::Null) => test.holds(self.value),
            Test::Text { shape, text, cased } => {
                shape_holds(*shape, if *cased { self.text } else { self.folded }, text)
            }
            Test::Glob { pattern, cased } => {
                pattern.fits(if *cased { self.text } else { self.folded })
            }
            Test::Regex(re) => re.regex.is_match(self.text),
            _ => test.holds(self.value),
        }
    }

    /// Where the value's text fulfils the test, in bytes: the part found, or the whole for a test
    /// of the whole value. `None` if it does not.
    pub(crate) fn place(&self, test: &Test) -> Option<Range<usize>> {
        let whole = 0..self.text.len();
        match test {
            _ if matches!(self.value, Value::Null) => test.holds(self.value).then_some(whole),
            Test::Text { shape, text, cased: true } => found(*shape, self.text, text),
            Test::Text { shape, text, cased: false } => {
                let range = found(*shape, self.folded, text)?;
                Some(if self.text.is_ascii() { range } else { self.unfold(range) })
            }
            Test::Regex(re) => re.regex.find(self.text).map(|m| m.range()),
            _ => self.fulfils(test).then_some(whole),
        }
    }

    /// The range of the text that became this range of the folded text. Folding replaces every
    /// character by one, perhaps of another length.
    fn unfold(&self, range: Range<usize>) -> Range<usize> {
        let (mut text, mut folded) = (0, 0);
        let mut start = 0;
        for (c, f) in self.text.chars().zip(self.folded.chars()) {
            if folded == range.start {
                start = text;
            }
            if folded >= range.end {
                break;
            }
            text += c.len_utf8();
            folded += f.len_utf8();
        }
        start..text
    }
}

/// Where a text lies in another as the shape says.
fn found(shape: Shape, have: &str, text: &str) -> Option<Range<usize>> {
    let start = match shape {
        Shape::Contains => memmem::find(have.as_bytes(), text.as_bytes())?,
        _ if !shape_holds(shape, have, text) => return None,
        Shape::Exact | Shape::Prefix => 0,
        Shape::Suffix => have.len() - text.len(),
    };
    Some(start..start + text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::fold;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_place_holds_the_text(
            value in "[aAbBäÄ学\u{212a}\u{23a}]{0,8}",
            text in "[aAbBäÄ学kK\u{23a}]{1,3}",
            shape in prop::sample::select(vec![
                Shape::Exact, Shape::Contains, Shape::Prefix, Shape::Suffix,
            ]),
            cased in any::<bool>(),
        ) {
            let text = if cased { text } else { fold(&text) };
            let test = Test::Text { shape, text: text.clone(), cased };
            let mut forms = Forms::default();
            let seen = forms.of(Value::Str(&value));
            prop_assert_eq!(seen.fulfils(&test), test.holds(seen.value));
            match seen.place(&test) {
                None => prop_assert!(!test.holds(seen.value)),
                Some(range) => {
                    prop_assert!(test.holds(seen.value));
                    let part = &value[range];
                    let part = if cased { part.to_owned() } else { fold(part) };
                    prop_assert_eq!(part, text);
                }
            }
        }
    }
}
