//! Modifiers: `field|mod|mod: value` into comparisons.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hashbrown::HashMap;
use regex::{Regex, RegexBuilder};

use super::expr::{Atom, Expr, Field};
use super::test::{DatePart, Net, Number, Op, Re, Shape, Test};
use crate::fold::fold;
use crate::limits;
use crate::pattern::{Part, Pattern};
use crate::problem::Diags;
use crate::yaml::{Node, Scalar};

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
    pub(crate) regexes: &'a mut HashMap<String, Arc<Regex>>,
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
                "i" | "m" | "s" => m.flags.push_str(name),
                "ignorecase" => m.flags.push('i'),
                "multiline" => m.flags.push('m'),
                "dotall" => m.flags.push('s'),
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
                "minute" => m.part = Some(DatePart::Minute),
                "hour" => m.part = Some(DatePart::Hour),
                "day" => m.part = Some(DatePart::Day),
                "week" => m.part = Some(DatePart::Week),
                "month" => m.part = Some(DatePart::Month),
                "year" => m.part = Some(DatePart::Year),
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
        if clash || !m.combine() {
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
            && (self.changes.is_empty() || text || (only_expand && self.target == Match::Cidr))
            && (self.part.is_none()
                || matches!(self.target, Match::Text(Shape::Exact) | Match::Compare(_))
                    && !self.cased)
            && !(self.all && self.target == Match::Exists)
    }

    /// The comparison of one value; an error has been reported when this is `None`.
    pub(crate) fn value(
        &self,
        field: &Arc<Field>,
        node: &Node,
        other: &mut dyn FnMut(&str) -> Arc<Field>,
        values: &mut Values<'_>,
        diags: &mut Diags<'_>,
    ) -> Option<Expr> {
        let Some(scalar) = node.scalar() else {
            diags.error("R008", &node.span, "此处应为单个值", "a single value is expected here");
            return None;
        };
        if node.text().is_some_and(|t| t.len() > limits::PATTERN_BYTES_MAX) {
            let max = limits::PATTERN_BYTES_MAX;
            diags.error(
                "R002",
                &node.span,
                &format!("值超过 {max} 字节"),
                &format!("a value of more than {max} bytes"),
            );
            return None;
        }
        let atom = |test: Test| Expr::Atom(Atom { field: field.clone(), test });
        let bad = |diags: &mut Diags<'_>, zh: &str, en: &str| {
            diags.error("R012", &node.span, zh, en);
            None
        };
        if let Some(part) = self.part {
            let op = match self.target {
                Match::Compare(op) => op,
                _ => Op::Eq,
            };
            let Some(n) = number(&scalar) else {
                return bad(diags, "时间修饰符需要数字", "a time modifier needs a number");
            };
            return Some(atom(Test::DatePart(part, op, Number(n))));
        }
        match self.target {
            Match::Exists => match scalar {
                Scalar::Bool(true) => Some(atom(Test::Present)),
                Scalar::Bool(false) => Some(atom(Test::Present).negate()),
                _ => bad(diags, "exists 只接受 true 或 false", "exists takes true or false"),
            },
            Match::Compare(op) => match number(&scalar) {
                Some(n) => Some(atom(Test::Compare(op, Number(n)))),
                None => bad(diags, "大小比较需要数字", "an order comparison needs a number"),
            },
            Match::FieldRef(shape) => match scalar {
                Scalar::Str(name) if !name.is_empty() => Some(Expr::All(vec![
                    atom(Test::Any),
                    atom(Test::FieldRef { other: other(name), shape, cased: self.cased }),
                ])),
                _ => bad(diags, "fieldref 需要字段名", "fieldref needs a field name"),
            },
            Match::Regex => self.regex(node, values, diags).map(atom),
            Match::Cidr => self
                .cidr(node, &scalar, values, diags)
                .map(|nets| Expr::any(nets.into_iter().map(|n| atom(Test::Cidr(n))).collect())),
            Match::Text(shape) => self.text(field, node, &scalar, shape, values, diags),
        }
    }

    fn regex(&self, node: &Node, values: &mut Values<'_>, diags: &mut Diags<'_>) -> Option<Test> {
        let text = node.text().unwrap_or("");
        let source = match self.flags.as_str() {
            "" => text.to_owned(),
            flags => format!("(?{flags}){text}"),
        };
        if let Some(regex) = values.regexes.get(&source) {
            return Some(Test::Regex(Re { source, regex: regex.clone() }));
        }
        let built = RegexBuilder::new(&source)
            .size_limit(limits::REGEX_BYTES_MAX)
            .dfa_size_limit(limits::REGEX_BYTES_MAX)
            .nest_limit(limits::REGEX_DEPTH_MAX)
            .build();
        match built {
            Ok(regex) => {
                let regex = Arc::new(regex);
                values.regexes.insert(source.clone(), regex.clone());
                Some(Test::Regex(Re { source, regex }))
            }
            Err(e) => {
                let why = match e {
                    regex::Error::CompiledTooBig(_) => "too large when compiled".to_owned(),
                    e => e.to_string().lines().last().unwrap_or("").trim().to_owned(),
                };
                diags.error(
                    "R013",
                    &node.span,
                    &format!("正则表达式不可用：{why}"),
                    &format!("regular expression refused: {why}"),
                );
                None
            }
        }
    }

    fn cidr(
        &self,
        node: &Node,
        scalar: &Scalar<'_>,
        values: &mut Values<'_>,
        diags: &mut Diags<'_>,
    ) -> Option<Vec<Net>> {
        let Scalar::Str(text) = scalar else {
            diags.error("R012", &node.span, "cidr 需要网段", "cidr needs a network");
            return None;
        };
        let texts = if self.changes.contains(&Change::Expand) {
            self.expand(Pattern::literal(text), node, values, diags)?
                .iter()
                .filter_map(|p| p.as_literal().map(str::to_owned))
                .collect()
        } else {
            vec![(*text).to_owned()]
        };
        let mut nets = Vec::new();
        for text in texts {
            match Net::parse(&text) {
                Some(net) => nets.push(net),
                None => {
                    let hint = text.split('/').next().is_some_and(|a| a.parse::<IpAddr>().is_ok());
                    let (zh, en) = if hint {
                        ("前缀长度不合法", "bad prefix length")
                    } else {
                        ("不是网段", "not a network")
                    };
                    diags.error("R012", &node.span, zh, en);
                    return None;
                }
            }
        }
        Some(nets)
    }

    fn text(
        &self,
        field: &Arc<Field>,
        node: &Node,
        scalar: &Scalar<'_>,
        shape: Shape,
        values: &mut Values<'_>,
        diags: &mut Diags<'_>,
    ) -> Option<Expr> {
        let atom = |test: Test| Expr::Atom(Atom { field: field.clone(), test });
        let pattern = match scalar {
            Scalar::Null
                if shape == Shape::Exact && self.changes.is_empty() && !field.is_keyword() =>
            {
                return Some(Expr::Any(vec![atom(Test::Null), atom(Test::Present).negate()]));
            }
            Scalar::Null => {
                diags.error("R012", &node.span, "空值不能用于此处", "null has no meaning here");
                return None;
            }
            Scalar::Float(f) if shape == Shape::Exact && self.changes.is_empty() => {
                return Some(atom(Test::Compare(Op::Eq, Number(*f))));
            }
            Scalar::Int(i) => Pattern::literal(&i.to_string()),
            Scalar::Float(_) => Pattern::literal(node.text().unwrap_or("")),
            Scalar::Bool(b) => Pattern::literal(if *b { "true" } else { "false" }),
            Scalar::Str(text) => Pattern::parse(text),
        };
        let mut steps = vec![Step::Pattern(pattern)];
        for change in &self.changes {
            let mut next = Vec::new();
            for step in steps {
                match (change, step) {
                    (Change::Expand, Step::Pattern(p)) => {
                        next.extend(
                            self.expand(p, node, values, diags)?.into_iter().map(Step::Pattern),
                        );
                    }
                    (change, step) => next.extend(apply(*change, step, node, diags)?),
                }
                if next.len() > limits::TESTS_PER_RULE_MAX {
                    diags.error(
                        "R002",
                        &node.span,
                        "展开后的值过多",
                        "too many values once expanded",
                    );
                    return None;
                }
            }
            steps = next;
        }
        let mut out = Vec::new();
        for step in steps {
            let pattern = match step {
                Step::Pattern(p) => p,
                Step::Bytes(bytes) => match String::from_utf8(bytes) {
                    Ok(text) => Pattern::literal(&text),
                    Err(_) => {
                        diags.error(
                            "R012",
                            &node.span,
                            "编码后不是文本，请再加 base64",
                            "not a text once encoded: add base64",
                        );
                        return None;
                    }
                },
            };
            // A keyword is looked for anywhere in a value.
            let shape =
                if field.is_keyword() && shape == Shape::Exact { Shape::Contains } else { shape };
            out.push(atom(shaped(shape, pattern, self.cased)));
        }
        Some(Expr::any(out))
    }

    fn expand(
        &self,
        pattern: Pattern,
        node: &Node,
        values: &Values<'_>,
        diags: &mut Diags<'_>,
    ) -> Option<Vec<Pattern>> {
        let mut done = vec![Pattern::default()];
        for part in pattern.0 {
            let Part::Literal(text) = &part else {
                done.iter_mut().for_each(|p| p.0.push(part.clone()));
                continue;
            };
            for (at, piece) in text.split('%').enumerate() {
                // Pieces at odd places stand between two percent signs.
                let names = at % 2 == 1;
                if !names {
                    done = join(&done, &[Pattern::literal(piece)]);
                    continue;
                }
                let Some(list) = values.placeholders.get(piece).filter(|l| !l.is_empty()) else {
                    diags.error(
                        "R014",
                        &node.span,
                        &format!("占位符 %{piece}% 没有对应的列表，规则不能运行"),
                        &format!(
                            "no list is given for the placeholder %{piece}%, so the rule cannot run"
                        ),
                    );
                    return None;
                };
                let list: Vec<_> = list.iter().map(|v| Pattern::parse(v)).collect();
                if done.len().saturating_mul(list.len()) > limits::TESTS_PER_RULE_MAX {
                    diags.error(
                        "R002",
                        &node.span,
                        "展开后的值过多",
                        "too many values once expanded",
                    );
                    return None;
                }
                done = join(&done, &list);
            }
        }
        Some(done)
    }
}

/// Every left followed by every right.
fn join(left: &[Pattern], right: &[Pattern]) -> Vec<Pattern> {
    let mut out = Vec::with_capacity(left.len() * right.len());
    for l in left {
        for r in right {
            let mut parts = l.0.clone();
            for part in &r.0 {
                match (parts.last_mut(), part) {
                    (Some(Part::Literal(have)), Part::Literal(more)) => have.push_str(more),
                    _ => parts.push(part.clone()),
                }
            }
            out.push(Pattern(parts));
        }
    }
    out
}

fn number(scalar: &Scalar<'_>) -> Option<f64> {
    match scalar {
        Scalar::Int(i) => Some(*i as f64),
        Scalar::Float(f) => Some(*f),
        Scalar::Str(s) => s.trim().parse().ok().filter(|f: &f64| f.is_finite()),
        _ => None,
    }
}

/// The simplest test that means "the value has this shape of this pattern".
pub(crate) fn shaped(shape: Shape, mut pattern: Pattern, cased: bool) -> Test {
    if matches!(shape, Shape::Contains | Shape::Suffix) {
        pattern.push_many_front();
    }
    if matches!(shape, Shape::Contains | Shape::Prefix) {
        pattern.push_many();
    }
    let text = |shape, t: &String| Test::Text {
        shape,
        text: if cased { t.clone() } else { fold(t) },
        cased,
    };
    match pattern.0.as_slice() {
        [] => Test::Text { shape: Shape::Exact, text: String::new(), cased },
        [Part::Many] => Test::Any,
        [Part::Literal(t)] => text(Shape::Exact, t),
        [Part::Many, Part::Literal(t), Part::Many] => text(Shape::Contains, t),
        [Part::Literal(t), Part::Many] => text(Shape::Prefix, t),
        [Part::Many, Part::Literal(t)] => text(Shape::Suffix, t),
        _ => Test::Glob { pattern: if cased { pattern } else { pattern.folded() }, cased },
    }
}

fn apply(change: Change, step: Step, node: &Node, diags: &mut Diags<'_>) -> Option<Vec<Step>> {
    if change == Change::Windash {
        return match step {
            Step::Pattern(p) => Some(windash(&p).into_iter().map(Step::Pattern).collect()),
            Step::Bytes(_) => {
                diags.error(
                    "R011",
                    &node.span,
                    "windash 必须写在编码之前",
                    "windash must come before encodings",
                );
                None
            }
        };
    }
    let bytes = match step {
        Step::Bytes(bytes) => bytes,
        Step::Pattern(p) => match p.as_literal() {
            Some(text) => text.as_bytes().to_vec(),
            None => {
                diags.error(
                    "R012",
                    &node.span,
                    "编码前的值不能含通配符",
                    "a value to be encoded cannot hold wildcards",
                );
                return None;
            }
        },
    };
    Some(match change {
        Change::Base64 => vec![Step::Pattern(Pattern::literal(&STANDARD.encode(&bytes)))],
        Change::Base64Offset => {
            base64_offsets(&bytes).iter().map(|t| Step::Pattern(Pattern::literal(t))).collect()
        }
        Change::Utf16 { big, mark } => {
            let Ok(text) = String::from_utf8(bytes) else {
                diags.error(
                    "R012",
                    &node.span,
                    "不能对同一个值编码两次",
                    "the value is encoded twice",
                );
                return None;
            };
            vec![Step::Bytes(utf16(&text, big, mark))]
        }
        // Handled by the callers.
        Change::Windash | Change::Expand => Vec::new(),
    })
}

fn utf16(text: &str, big: bool, mark: bool) -> Vec<u8> {
    let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
    units.flat_map(|u: u16| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
}

/// The Base64 texts that stand for the bytes at each of the three possible alignments, without
/// the characters that depend on what lies around them.
fn base64_offsets(bytes: &[u8]) -> Vec<String> {
    (0..3)
        .filter_map(|shift| {
            let mut padded = vec![0; shift];
            padded.extend_from_slice(bytes);
            let text = STANDARD.encode(&padded);
            let start = [0, 2, 3][shift];
            // With n mod 3 bytes over, the last 0, 3 or 2 characters are padding or mixed.
            let cut = [0, 3, 2][padded.len() % 3];
            text.get(start..text.len().saturating_sub(cut))
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
        })
        .collect()
}

/// Every way to write the first dash or slash of an option: `-`, `/`, en dash, em dash, bar.
fn windash(pattern: &Pattern) -> Vec<Pattern> {
    const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];
    // Positions (part, byte) of dashes that begin an option: at the start or not within a word.
    let mut out = vec![pattern.clone()];
    let mut spots = Vec::new();
    for (part, p) in pattern.0.iter().enumerate() {
        let Part::Literal(text) = p else { continue };
        let mut word = false;
        for (at, c) in text.char_indices() {
            let next = text[at + c.len_utf8()..].chars().next();
            if matches!(c, '-' | '/')
                && !word
                && next.is_some_and(|n| n.is_alphanumeric() || n == '_')
            {
                spots.push((part, at));
            }
            word = c.is_alphanumeric() || c == '_';
        }
    }
    // Past four options per value all are written alike: 5 variants instead of 5^n.
    let alike = spots.len() > 4;
    let groups: Vec<Vec<(usize, usize)>> =
        if alike { vec![spots] } else { spots.into_iter().map(|s| vec![s]).collect() };
    for group in groups {
        let mut more = Vec::new();
        for base in &out {
            for dash in DASHES {
                let mut next = base.clone();
                // From the back, so that earlier offsets stay right.
                for (part, at) in group.iter().rev() {
                    replace_dash(&mut next, pattern, *part, *at, dash);
                }
                if !more.contains(&next) {
                    more.push(next);
                }
            }
        }
        out = more;
    }
    out
}

/// Writes `dash` where the original has its dash number n of this part.
fn replace_dash(next: &mut Pattern, original: &Pattern, part: usize, at: usize, dash: char) {
    let (Some(Part::Literal(text)), Some(Part::Literal(was))) =
        (next.0.get_mut(part), original.0.get(part))
    else {
        return;
    };
    // Replacing keeps the number of characters, so positions in characters agree.
    let index = was.get(..at).map_or(0, |t| t.chars().count());
    *text = text.chars().enumerate().map(|(i, c)| if i == index { dash } else { c }).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_offsets_are_found_wherever_the_text_lies() {
        let needles = base64_offsets(b"http://");
        assert_eq!(needles.len(), 3);
        for before in 0..7 {
            for after in 0..4 {
                let text = STANDARD
                    .encode([vec![b'x'; before], b"http://".to_vec(), vec![b'y'; after]].concat());
                assert!(needles.iter().any(|n| text.contains(n.as_str())), "{before} {after}");
            }
        }
    }

    #[test]
    fn windash_writes_every_dash() {
        let texts = |p: &str| -> Vec<String> {
            windash(&Pattern::parse(p))
                .iter()
                .filter_map(|p| p.as_literal().map(str::to_owned))
                .collect()
        };
        let all = texts(" -param-name");
        assert_eq!(all.len(), 5);
        assert!(
            all.contains(&" /param-name".to_owned())
                && all.contains(&" \u{2014}param-name".to_owned())
        );
        assert_eq!(texts("-a -b").len(), 25);
        assert_eq!(texts("-a -b -c -d -e").len(), 6, "the written one and five alike");
        assert_eq!(texts("plain"), ["plain"]);
    }

    #[test]
    fn utf16_is_written_in_the_order_asked_for() {
        assert_eq!(utf16("ab", false, false), b"a\0b\0");
        assert_eq!(utf16("ab", true, false), b"\0a\0b");
        assert_eq!(utf16("a", false, true), b"\xff\xfea\0");
    }

    #[test]
    fn shapes_are_made_as_simple_as_they_are() {
        let t = |shape, p: &str| shaped(shape, Pattern::parse(p), false);
        assert!(matches!(t(Shape::Exact, "*a*"), Test::Text { shape: Shape::Contains, .. }));
        assert!(matches!(t(Shape::Prefix, "*a"), Test::Text { shape: Shape::Contains, .. }));
        assert!(matches!(t(Shape::Suffix, "a"), Test::Text { shape: Shape::Suffix, .. }));
        assert!(matches!(t(Shape::Contains, "a*b"), Test::Glob { .. }));
        assert_eq!(t(Shape::Contains, ""), Test::Any);
        assert!(matches!(t(Shape::Exact, ""), Test::Text { shape: Shape::Exact, .. }));
    }
}
