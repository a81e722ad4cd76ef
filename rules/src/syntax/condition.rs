//! Conditions: `selection and not 1 of filter_*`.

use std::ops::Range;

use crate::limits;
use crate::yaml::{Kind, Node};

/// A parsed condition over detection items.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cond {
    All(Vec<Cond>),
    Any(Vec<Cond>),
    Not(Box<Cond>),
    /// One item, with its place in the condition's text.
    Item(String, Range<usize>),
    /// `1 of pattern` (`all` false) or `all of pattern`; `None` stands for `them`.
    Of {
        all: bool,
        pattern: Option<String>,
        at: Range<usize>,
    },
}

/// Why a condition cannot be read; the place is in bytes of its text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CondError {
    pub(crate) code: &'static str,
    pub(crate) at: Range<usize>,
    pub(crate) zh: String,
    pub(crate) en: String,
}

#[derive(Clone, Debug, PartialEq)]
struct Token<'a> {
    text: &'a str,
    at: Range<usize>,
}

/// Parses a condition. Operators bind: `not`, then `and`, then `or`.
pub(crate) fn parse(text: &str) -> Result<Cond, CondError> {
    if let Some(at) = text.find('|') {
        return Err(error(
            "R023",
            at..text.len(),
            "条件中的聚合（|）已废弃，请改用关联规则",
            "an aggregation behind | is refused: write a correlation rule",
        ));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, end: text.len(), depth: 0 };
    let cond = parser.or()?;
    match parser.peek() {
        None => Ok(cond),
        Some(token) => Err(unexpected(token)),
    }
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, CondError> {
    let mut out = Vec::new();
    let mut start = None;
    // Boundaries are those of characters found below.
    let token = |at: Range<usize>| Token { text: text.get(at.clone()).unwrap_or(""), at };
    for (at, c) in text.char_indices() {
        if c.is_whitespace() || c == '(' || c == ')' {
            if let Some(from) = start.take() {
                out.push(token(from..at));
            }
            if !c.is_whitespace() {
                out.push(token(at..at + 1));
            }
        } else if start.is_none() {
            start = Some(at);
        }
        if out.len() > limits::CONDITION_TOKENS_MAX {
            let max = limits::CONDITION_TOKENS_MAX;
            return Err(error(
                "R002",
                at..at + 1,
                &format!("条件超过 {max} 个词"),
                &format!("a condition of more than {max} tokens"),
            ));
        }
    }
    if let Some(from) = start {
        out.push(token(from..text.len()));
    }
    Ok(out)
}

struct Parser<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    end: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at)
    }

    fn is(&self, word: &str) -> bool {
        self.peek().is_some_and(|t| t.text.eq_ignore_ascii_case(word))
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.is(word);
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Result<Cond, CondError> {
        let mut parts = vec![self.and()?];
        while self.take("or") {
            parts.push(self.and()?);
        }
        Ok(single(parts, Cond::Any))
    }

    fn and(&mut self) -> Result<Cond, CondError> {
        let mut parts = vec![self.not()?];
        while self.take("and") {
            parts.push(self.not()?);
        }
        Ok(single(parts, Cond::All))
    }

    fn not(&mut self) -> Result<Cond, CondError> {
        let mut odd = false;
        while self.take("not") {
            odd = !odd;
        }
        let inner = self.primary()?;
        Ok(if odd { Cond::Not(Box::new(inner)) } else { inner })
    }

    fn primary(&mut self) -> Result<Cond, CondError> {
        let Some(token) = self.peek() else {
            let at = self.end.saturating_sub(1)..self.end;
            return Err(error("R020", at, "条件不完整", "the condition ends too early"));
        };
        self.at += 1;
        match token.text {
            "(" => {
                self.depth += 1;
                if self.depth > limits::DEPTH_MAX {
                    return Err(error(
                        "R003",
                        token.at.clone(),
                        "条件嵌套过深",
                        "the condition is nested too deeply",
                    ));
                }
                let inner = self.or()?;
                if !self.take(")") {
                    return Err(error(
                        "R020",
                        token.at.clone(),
                        "括号没有闭合",
                        "this parenthesis is not closed",
                    ));
                }
                self.depth -= 1;
                Ok(inner)
            }
            ")" => Err(unexpected(token)),
            word if self.is("of") => self.of(word, token),
            word if ["and", "or", "not", "of"].iter().any(|k| word.eq_ignore_ascii_case(k)) => {
                Err(unexpected(token))
            }
            word => Ok(Cond::Item(word.to_owned(), token.at.clone())),
        }
    }

    fn of(&mut self, count: &str, token: &Token<'_>) -> Result<Cond, CondError> {
        let all = match count.to_ascii_lowercase().as_str() {
            "1" | "any" => false,
            "all" => true,
            other => {
                return Err(error(
                    "R020",
                    token.at.clone(),
                    &format!("“{other} of” 不是 Sigma 的写法，只能用 1 of、any of、all of"),
                    &format!("`{other} of` is not Sigma: use 1 of, any of or all of"),
                ));
            }
        };
        self.at += 1;
        let Some(target) = self.peek().filter(|t| t.text != "(" && t.text != ")") else {
            return Err(error(
                "R020",
                token.at.clone(),
                "of 后面缺少检测项",
                "nothing follows `of`",
            ));
        };
        self.at += 1;
        let pattern = (target.text != "them").then(|| target.text.to_owned());
        Ok(Cond::Of { all, pattern, at: token.at.start..target.at.end })
    }
}

fn single(mut parts: Vec<Cond>, make: fn(Vec<Cond>) -> Cond) -> Cond {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            make(parts)
        }
        None => make(parts),
    }
}

fn unexpected(token: &Token<'_>) -> CondError {
    let word = token.text;
    error("R020", token.at.clone(), &format!("此处不应出现 {word}"), &format!("unexpected {word}"))
}

fn error(code: &'static str, at: Range<usize>, zh: &str, en: &str) -> CondError {
    CondError { code, at, zh: zh.to_owned(), en: en.to_owned() }
}

/// The place of a part of a scalar, as exact as the notation allows: quoted and block scalars
/// are marked as a whole.
pub(crate) fn within(node: &Node, part: &Range<usize>) -> Range<usize> {
    match &node.kind {
        Kind::Scalar { plain: true, text } if node.span.len() == text.len() => {
            node.span.start + part.start..node.span.start + part.end
        }
        _ => node.span.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn item(name: &str) -> impl Fn(&Cond) -> bool {
        let name = name.to_owned();
        move |c| matches!(c, Cond::Item(n, _) if *n == name)
    }

    #[test]
    fn precedence_is_not_and_or() {
        let Cond::Any(parts) = parse("a or b and not c").unwrap() else { panic!() };
        assert!(item("a")(&parts[0]));
        let Cond::All(inner) = &parts[1] else { panic!() };
        assert!(item("b")(&inner[0]));
        assert!(matches!(&inner[1], Cond::Not(c) if item("c")(c)));
    }

    #[test]
    fn quantifiers() {
        assert_eq!(parse("all of them").unwrap(), Cond::Of { all: true, pattern: None, at: 0..11 });
        assert!(
            matches!(parse("1 of sel_*"), Ok(Cond::Of { all: false, pattern: Some(p), .. }) if p == "sel_*")
        );
        assert!(matches!(parse("any of s*"), Ok(Cond::Of { all: false, .. })));
        assert!(item("all")(&parse("all").unwrap()), "a detection item may be called all");
    }

    #[test]
    fn errors_have_a_code_and_a_place() {
        let code = |t: &str| parse(t).unwrap_err().code;
        assert_eq!(code(""), "R020");
        assert_eq!(code("a and"), "R020");
        assert_eq!(code("(a"), "R020");
        assert_eq!(code("a b"), "R020");
        assert_eq!(code("2 of them"), "R020");
        assert_eq!(code("a | count() > 3"), "R023");
        assert_eq!(code(&"(".repeat(1000)), "R003");
        assert_eq!(code(&"a ".repeat(5000)), "R002");
    }

    proptest! {
        #[test]
        fn any_text_gives_a_condition_or_an_error_in_place(t in "(\\PC|and |or |not |1 of |[()*]| ){0,40}") {
            if let Err(e) = parse(&t) {
                prop_assert!(e.at.start <= t.len());
            }
        }
    }
}
