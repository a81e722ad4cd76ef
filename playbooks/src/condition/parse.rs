//! From words to the tree, by recursive descent with bounded depth.

use events::{Text, Timestamp};

use super::lex::{Token, lex};
use super::{Expr, Literal, Op};
use crate::limits;

/// Why an expression does not parse, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) offset: usize,
    pub(crate) message: Text,
}

impl Fault {
    pub(super) fn at(offset: usize, zh: &str, en: &str) -> Self {
        Self { offset, message: Text::new(zh, en) }
    }
}

pub(super) fn parse(text: &str) -> Result<Expr, Fault> {
    if text.len() > limits::CONDITION_BYTES_MAX {
        return Err(Fault::at(0, "条件表达式过长", "the condition is too long"));
    }
    let mut parser = Parser { tokens: lex(text)?, at: 0, end: text.len() };
    let root = parser.observations()?;
    match parser.tokens.get(parser.at) {
        None => Ok(root),
        Some((Token::Word(w), offset)) if is_temporal(w) => Err(Fault::at(
            *offset,
            "变量没有先后观测，不支持该限定词",
            "variables are not observed over time: this qualifier has no meaning here",
        )),
        Some((_, offset)) => {
            Err(Fault::at(*offset, "表达式在此之前已结束", "the expression has already ended"))
        }
    }
}

fn is_temporal(word: &str) -> bool {
    ["FOLLOWEDBY", "WITHIN", "REPEATS", "START", "STOP"].contains(&word)
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    at: usize,
    end: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(t, _)| t)
    }

    fn offset(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |(_, o)| *o)
    }

    fn fault<T>(&self, zh: &str, en: &str) -> Result<T, Fault> {
        Err(Fault::at(self.offset(), zh, en))
    }

    fn next_is(&mut self, token: &Token) -> bool {
        let yes = self.peek() == Some(token);
        self.at += usize::from(yes);
        yes
    }

    fn keyword(&mut self, word: &str) -> bool {
        let yes = matches!(self.peek(), Some(Token::Word(w)) if w == word);
        self.at += usize::from(yes);
        yes
    }

    /// `[…] OR […] AND […]`, or one bare expression.
    fn observations(&mut self) -> Result<Expr, Fault> {
        let mut any = vec![self.observation_and()?];
        while self.keyword("OR") {
            any.push(self.observation_and()?);
        }
        Ok(join(any, Expr::Or))
    }

    fn observation_and(&mut self) -> Result<Expr, Fault> {
        let mut all = vec![self.observation()?];
        while self.keyword("AND") {
            all.push(self.observation()?);
        }
        Ok(join(all, Expr::And))
    }

    fn observation(&mut self) -> Result<Expr, Fault> {
        if !self.next_is(&Token::BracketOpen) {
            return self.term(0);
        }
        let inner = self.or(0)?;
        if !self.next_is(&Token::BracketClose) {
            return self.fault("缺少右方括号", "a closing bracket is missing");
        }
        Ok(inner)
    }

    fn or(&mut self, depth: usize) -> Result<Expr, Fault> {
        let mut any = vec![self.and(depth)?];
        while self.keyword("OR") {
            any.push(self.and(depth)?);
        }
        Ok(join(any, Expr::Or))
    }

    fn and(&mut self, depth: usize) -> Result<Expr, Fault> {
        let mut all = vec![self.term(depth)?];
        while self.keyword("AND") {
            all.push(self.term(depth)?);
        }
        Ok(join(all, Expr::And))
    }

    fn term(&mut self, depth: usize) -> Result<Expr, Fault> {
        if depth > limits::CONDITION_DEPTH_MAX {
            return self.fault("括号嵌套过深", "parentheses are nested too deep");
        }
        if self.next_is(&Token::Open) {
            let inner = self.or(depth + 1)?;
            if !self.next_is(&Token::Close) {
                return self.fault("缺少右括号", "a closing parenthesis is missing");
            }
            return Ok(inner);
        }
        if self.keyword("EXISTS") {
            return Ok(Expr::Exists(self.variable()?));
        }
        let variable = self.variable()?;
        let negated = self.keyword("NOT");
        let op_offset = self.offset();
        let op = self.operator()?;
        let values_offset = self.offset();
        let values = if op == Op::In { self.set()? } else { vec![self.literal()?] };
        check(op, &values, op_offset, values_offset)?;
        Ok(Expr::Test { variable, negated, op, values })
    }

    fn variable(&mut self) -> Result<String, Fault> {
        let offset = self.offset();
        let Some(Token::Word(word)) = self.peek() else {
            return self.fault(
                "应为变量，如 __name__:value",
                "a variable such as __name__:value is wanted",
            );
        };
        let name = word.strip_suffix(":value").filter(|n| crate::variable::is_name(n));
        let Some(name) = name.map(str::to_owned) else {
            return Err(Fault::at(
                offset,
                "应为变量，如 __name__:value",
                "a variable such as __name__:value is wanted",
            ));
        };
        self.at += 1;
        Ok(name)
    }

    fn operator(&mut self) -> Result<Op, Fault> {
        let op = match self.peek() {
            Some(Token::Symbol("=" | "==")) => Op::Equal,
            Some(Token::Symbol("!=" | "<>")) => Op::NotEqual,
            Some(Token::Symbol("<")) => Op::Less,
            Some(Token::Symbol("<=")) => Op::LessEqual,
            Some(Token::Symbol(">")) => Op::Greater,
            Some(Token::Symbol(">=")) => Op::GreaterEqual,
            Some(Token::Word(word)) => match word.as_str() {
                "IN" => Op::In,
                "LIKE" => Op::Like,
                "MATCHES" => Op::Matches,
                "ISSUBSET" => Op::Subset,
                "ISSUPERSET" => Op::Superset,
                _ => return self.fault("应为比较运算符", "a comparison operator is wanted"),
            },
            _ => return self.fault("应为比较运算符", "a comparison operator is wanted"),
        };
        self.at += 1;
        Ok(op)
    }

    fn set(&mut self) -> Result<Vec<Literal>, Fault> {
        if !self.next_is(&Token::Open) {
            return self.fault("IN 之后应为括号内的值", "IN wants values in parentheses");
        }
        let mut values = vec![self.literal()?];
        while self.next_is(&Token::Comma) {
            values.push(self.literal()?);
        }
        if !self.next_is(&Token::Close) {
            return self.fault("缺少右括号", "a closing parenthesis is missing");
        }
        Ok(values)
    }

    fn literal(&mut self) -> Result<Literal, Fault> {
        let literal = match self.peek() {
            Some(Token::Text(text)) => Literal::Text(text.clone()),
            Some(Token::Integer(value)) => Literal::Integer(*value),
            Some(Token::Float(value)) => Literal::Float(*value),
            Some(Token::Word(word)) if word == "true" => Literal::Bool(true),
            Some(Token::Word(word)) if word == "false" => Literal::Bool(false),
            Some(Token::Prefixed('t', text)) => match Timestamp::parse_rfc3339(text) {
                Ok(time) => Literal::Time(time),
                Err(_) => return self.fault("不是 RFC 3339 时间", "not an RFC 3339 time"),
            },
            Some(Token::Prefixed(..)) => {
                return self.fault(
                    "变量是文本，不支持十六进制与二进制常量",
                    "variables are texts: hexadecimal and binary literals have no meaning here",
                );
            }
            _ => return self.fault("应为常量", "a literal is wanted"),
        };
        self.at += 1;
        Ok(literal)
    }
}

fn join(mut parts: Vec<Expr>, wrap: fn(Vec<Expr>) -> Expr) -> Expr {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            parts.push(last);
            wrap(parts)
        }
        (_, None) => wrap(parts),
    }
}

fn check(op: Op, values: &[Literal], op_at: usize, at: usize) -> Result<(), Fault> {
    let text = match values {
        [Literal::Text(text)] => Some(text.as_str()),
        _ => None,
    };
    match (op, text) {
        (Op::Like | Op::Matches | Op::Subset | Op::Superset, None) => {
            Err(Fault::at(at, "该运算符需要文本常量", "this operator wants a quoted text"))
        }
        (Op::Matches, Some(text)) if super::eval::regex(text).is_none() => Err(Fault::at(
            at,
            "正则表达式无效或过大",
            "the regular expression is invalid or too large",
        )),
        (Op::Subset | Op::Superset, Some(text)) if super::eval::network(text).is_none() => {
            Err(Fault::at(at, "不是 IP 地址或网段", "not an IP address or network"))
        }
        (Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual, _)
            if matches!(values, [Literal::Bool(_)]) =>
        {
            Err(Fault::at(op_at, "布尔值没有大小之分", "truth values have no order"))
        }
        _ => Ok(()),
    }
}
