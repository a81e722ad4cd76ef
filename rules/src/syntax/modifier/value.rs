//! From a value to the tests it stands for.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::transform::{self, base64_offsets, join, number, utf16, windash};
use super::{Change, Match, Modifiers, Step, Values};
use crate::fold::fold;
use crate::limits;
use crate::pattern::{Part, Pattern};
use crate::problem::Diags;
use crate::syntax::expr::{Atom, Expr, Field};
use crate::syntax::placeholder::{self, Piece};
use crate::syntax::regexes::Refused;
use crate::syntax::test::{Net, Number, Op, Re, Shape, Test};
use crate::yaml::{Node, Scalar};

impl Modifiers {
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
            Match::Regex => {
                let texts = match self.changes.contains(&Change::Expand) {
                    // What a list holds is part of the expression.
                    true => self.expand_text(node.text().unwrap_or(""), node, values, diags)?,
                    false => vec![node.text().unwrap_or("").to_owned()],
                };
                let made: Vec<Option<Test>> =
                    texts.iter().map(|t| self.regex(node, t, values, diags)).collect();
                let made = made.into_iter().collect::<Option<Vec<_>>>()?;
                Some(Expr::any(made.into_iter().map(atom).collect()))
            }
            Match::Cidr => self
                .cidr(node, &scalar, values, diags)
                .map(|nets| Expr::any(nets.into_iter().map(|n| atom(Test::Cidr(n))).collect())),
            Match::Text(shape) => self.text(field, node, &scalar, shape, values, diags),
        }
    }

    fn regex(
        &self,
        node: &Node,
        text: &str,
        values: &mut Values<'_>,
        diags: &mut Diags<'_>,
    ) -> Option<Test> {
        let source = match self.flags.as_str() {
            "" => text.to_owned(),
            flags => format!("(?{flags}){text}"),
        };
        let (zh, en) = match values.regexes.get(&source) {
            Ok(regex) => return Some(Test::Regex(Re { source, regex })),
            Err(Refused::Bad(why)) => {
                (format!("正则表达式不可用：{why}"), format!("regular expression refused: {why}"))
            }
            Err(Refused::TooMany) => (
                "正则表达式过多或过大，合计超过上限".to_owned(),
                "the regular expressions are too many or too large together".to_owned(),
            ),
        };
        diags.error("R013", &node.span, &zh, &en);
        None
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
            self.expand_text(text, node, values, diags)?
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
        // A keyword is looked for anywhere in a value.
        let shape =
            if field.is_keyword() && shape == Shape::Exact { Shape::Contains } else { shape };
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
        if self.changes == [Change::Windash]
            && let Some(test) = self.many_dashes(&pattern, shape, node, values, diags)
        {
            return test.map(atom);
        }
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
            out.push(atom(shaped(shape, pattern, self.cased)));
        }
        Some(Expr::any(out))
    }

    /// A value of many options as one regular expression: five ways to write each dash would be
    /// thousands of texts. `None` when they are few.
    fn many_dashes(
        &self,
        pattern: &Pattern,
        shape: Shape,
        node: &Node,
        values: &mut Values<'_>,
        diags: &mut Diags<'_>,
    ) -> Option<Option<Test>> {
        if transform::dashes(pattern).len() <= transform::DASHES_SPELLED_MAX {
            return None;
        }
        if !self.cased && pattern.0.iter().any(|p| matches!(p, Part::Literal(t) if !t.is_ascii())) {
            // Beyond ASCII, expressions and texts do not fold case alike.
            diags.error("R002", &node.span, "windash 的选项过多", "too many options under windash");
            return Some(None);
        }
        let source = transform::dash_regex(pattern, shape, self.cased);
        Some(self.regex(node, &source, values, diags))
    }

    /// Every text that a text with placeholders stands for.
    fn expand_text(
        &self,
        text: &str,
        node: &Node,
        values: &Values<'_>,
        diags: &mut Diags<'_>,
    ) -> Option<Vec<String>> {
        let mut done = vec![String::new()];
        for piece in placeholder::split(text) {
            match piece {
                Piece::Text(text) => {
                    done.iter_mut().for_each(|d| d.push_str(&placeholder::plain(text)));
                }
                Piece::Name(name) => {
                    let list = list_of(name, done.len(), node, values, diags)?;
                    done = done
                        .iter()
                        .flat_map(|d| list.iter().map(move |v| format!("{d}{v}")))
                        .collect();
                }
            }
        }
        Some(done)
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
            for piece in placeholder::split(text) {
                match piece {
                    Piece::Text(text) => {
                        done = join(&done, &[Pattern::literal(&placeholder::plain(text))]);
                    }
                    Piece::Name(name) => {
                        let list = list_of(name, done.len(), node, values, diags)?;
                        let list: Vec<_> = list.iter().map(|v| Pattern::parse(v)).collect();
                        done = join(&done, &list);
                    }
                }
            }
        }
        Some(done)
    }
}

/// The list of a placeholder, if `made` values times its length are not too many.
fn list_of<'v>(
    name: &str,
    made: usize,
    node: &Node,
    values: &Values<'v>,
    diags: &mut Diags<'_>,
) -> Option<&'v [String]> {
    let Some(list) = values.placeholders.get(name).filter(|l| !l.is_empty()) else {
        diags.error(
            "R014",
            &node.span,
            &format!("占位符 %{name}% 没有对应的列表，规则不能运行"),
            &format!("no list is given for the placeholder %{name}%, so the rule cannot run"),
        );
        return None;
    };
    if made.saturating_mul(list.len()) > limits::TESTS_PER_RULE_MAX {
        diags.error("R002", &node.span, "展开后的值过多", "too many values once expanded");
        return None;
    }
    Some(list)
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
