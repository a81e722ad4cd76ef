//! Modifiers: `field|mod|mod: value` into comparisons.

mod transform;
mod value;

use std::ops::Range;

use super::regexes::Regexes;
use super::test::{DatePart, Op, Shape};
use crate::pattern::Pattern;
use crate::problem::Diags;

#[cfg(test)]
pub(crate) use value::shaped;

/// What is to be compared in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Text(Shape),
    Regex,
    Cidr,
    Exists,
    Compare(Op),
    FieldRef(Shape),
}

/// A change of the value before it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Base64,
    Base64Offset,
    Utf16 { big: bool, mark: bool },
    Windash,
    Expand,
}

/// The modifiers of one detection item.
#[derive(Clone, Debug)]
pub(crate) struct Modifiers {
    target: Match,
    changes: Vec<Change>,
    /// All values must hold, not any.
    pub(crate) all: bool,
    /// None may hold.
    pub(crate) neq: bool,
    cased: bool,
    flags: String,
    part: Option<DatePart>,
}

/// What value conversion needs besides the value.
pub(crate) struct Values<'a> {
    /// Lists for `%placeholder%` values.
    pub(crate) placeholders: &'a std::collections::BTreeMap<String, Vec<String>>,
    /// Regular expressions compiled so far: many rules share them.
    pub(crate) regexes: &'a mut Regexes,
}

/// A value on its way through the changes.
#[derive(Clone)]
enum Step {
    Pattern(Pattern),
    Bytes(Vec<u8>),
}

impl Modifiers {
    /// Reads the names behind the field; every problem is reported.
    pub(crate) fn parse(names: &[&str], at: &Range<usize>, diags: &mut Diags<'_>) -> Option<Self> {
        let mut m = Self {
            target: Match::Text(Shape::Exact),
            changes: Vec::new(),
            all: false,
            neq: false,
            cased: false,
            flags: String::new(),
            part: None,
        };
        let mut clash = false;
        let mut parts = Vec::new();
        let mut set = |target: &mut Match, to: Match| {
            *target = match (*target, to) {
                (Match::Text(Shape::Exact), to) => to,
                (Match::FieldRef(Shape::Exact), Match::Text(shape))
                | (Match::Text(shape), Match::FieldRef(_)) => Match::FieldRef(shape),
                (_, to) => {
                    clash = true;
                    to
                }
            }
        };
        for name in names {
            match *name {
                "contains" => set(&mut m.target, Match::Text(Shape::Contains)),
                "startswith" => set(&mut m.target, Match::Text(Shape::Prefix)),
                "endswith" => set(&mut m.target, Match::Text(Shape::Suffix)),
                "re" => set(&mut m.target, Match::Regex),
                "cidr" => set(&mut m.target, Match::Cidr),
                "exists" => set(&mut m.target, Match::Exists),
                "fieldref" => set(&mut m.target, Match::FieldRef(Shape::Exact)),
                "lt" => set(&mut m.target, Match::Compare(Op::Lt)),
                "lte" => set(&mut m.target, Match::Compare(Op::Lte)),
                "gt" => set(&mut m.target, Match::Compare(Op::Gt)),
                "gte" => set(&mut m.target, Match::Compare(Op::Gte)),
                "i" | "ignorecase" => flag(&mut m.flags, 'i'),
                "m" | "multiline" => flag(&mut m.flags, 'm'),
                "s" | "dotall" => flag(&mut m.flags, 's'),
                "all" => m.all = true,
                "neq" => m.neq = true,
                "cased" => m.cased = true,
                "base64" => m.changes.push(Change::Base64),
                "base64offset" => m.changes.push(Change::Base64Offset),
                "wide" | "utf16le" => m.changes.push(Change::Utf16 { big: false, mark: false }),
                "utf16be" => m.changes.push(Change::Utf16 { big: true, mark: false }),
                "utf16" => m.changes.push(Change::Utf16 { big: false, mark: true }),
                "windash" => m.changes.push(Change::Windash),
                "expand" => m.changes.push(Change::Expand),
                "minute" => parts.push(DatePart::Minute),
                "hour" => parts.push(DatePart::Hour),
                "day" => parts.push(DatePart::Day),
                "week" => parts.push(DatePart::Week),
                "month" => parts.push(DatePart::Month),
                "year" => parts.push(DatePart::Year),
                other => {
                    diags.error(
                        "R010",
                        at,
                        &format!("未知的修饰符 {other}"),
                        &format!("unknown modifier {other}"),
                    );
                    return None;
                }
            }
        }
        m.part = parts.first().copied();
        if clash || parts.len() > 1 || !m.combine() {
            diags.error("R011", at, "这些修饰符不能组合使用", "these modifiers do not go together");
            return None;
        }
        Some(m)
    }

    /// Whether the modifiers make sense together.
    fn combine(&self) -> bool {
        let text = matches!(self.target, Match::Text(_));
        let only_expand = self.changes.iter().all(|c| *c == Change::Expand);
        (self.flags.is_empty() || self.target == Match::Regex)
            && (!self.cased || text || matches!(self.target, Match::FieldRef(_)))
            && (self.changes.is_empty()
                || text
                || (only_expand && matches!(self.target, Match::Cidr | Match::Regex)))
            && (self.part.is_none()
                || matches!(self.target, Match::Text(Shape::Exact) | Match::Compare(_))
                    && !self.cased
                    && self.changes.is_empty())
            && !(self.all && self.target == Match::Exists)
    }
}

/// Sets a flag of the regular expression; written twice it is set once.
fn flag(flags: &mut String, flag: char) {
    if !flags.contains(flag) {
        flags.push(flag);
    }
}

#[cfg(test)]
mod tests;
