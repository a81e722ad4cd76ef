//! The query language: `field:value`, ranges, wildcards, CIDR, AND OR NOT, parentheses, free
//! text; then pipes: `count by`, `top`, `histogram`, `table`, `head`.

use std::ops::Range;

use events::time::BEIJING_OFFSET_SECS;
use events::{EventId, Text, Timestamp};

use super::QueryError;
use super::expr::{Expr, Needle, Pattern, Place, Test};
use super::value::condition;

/// Longest query, in bytes.
const QUERY_BYTES_MAX: usize = 8 << 10;
/// Deepest nesting of parentheses.
const DEPTH_MAX: usize = 32;
/// Fields of one `count by` or `table`.
const FIELDS_MAX: usize = 16;

/// A parsed query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub(super) expr: Expr,
    pub(super) shape: Shape,
    /// At most this many rows, if the query says so.
    pub(super) head: Option<usize>,
}

/// What the answer looks like.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Events,
    /// Counts by places, most first; none for a single number.
    Count(Vec<(String, Place)>),
    /// Counts over time, buckets of so many seconds.
    Histogram(i64),
    /// Places of each record, newest first.
    Table(Vec<(String, Place)>),
}

impl Shape {
    /// The bucket of a histogram that a time lies in, in seconds: a day begins at midnight in Beijing.
    pub(super) fn bucket(&self, time: Timestamp) -> Option<i64> {
        let Self::Histogram(secs) = self else { return None };
        let offset = i64::from(BEIJING_OFFSET_SECS);
        Some((time.secs() + offset).div_euclid(*secs) * secs - offset)
    }

    /// When the bucket that a time lies in begins and ends.
    pub(super) fn bucket_ends(&self, time: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let (Self::Histogram(secs), begin) = (self, self.bucket(time)?) else { return None };
        Some((Timestamp::from_secs(begin), Timestamp::from_secs(begin.saturating_add(*secs))))
    }

    /// Whether counts by minute are all that it takes.
    pub(super) fn in_minutes(&self) -> bool {
        match self {
            Self::Events | Self::Table(_) => false,
            Self::Count(places) => places.len() <= 1,
            Self::Histogram(secs) => secs % 60 == 0,
        }
    }

    /// Whether records of these two times count alike: nothing more need be known of them.
    pub(super) fn counts_alike(&self, one: Timestamp, other: Timestamp) -> bool {
        match self {
            Self::Events | Self::Table(_) => false,
            Self::Count(places) => places.is_empty(),
            Self::Histogram(_) => self.bucket(one) == self.bucket(other),
        }
    }
}

impl Query {
    /// Parses a query; the empty text and `*` are everything.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if text.len() > QUERY_BYTES_MAX {
            let span = QUERY_BYTES_MAX..text.len();
            return Err(error("Q001", span, "查询语句过长", "the query is too long"));
        }
        let mut parser = Parser { tokens: lex(text)?, at: 0, end: text.len(), depth: 0 };
        let expr = parser.expression()?;
        let mut query = Self { expr, shape: Shape::Events, head: None };
        while parser.take(&Token::Pipe) {
            parser.pipe(&mut query)?;
        }
        match parser.tokens.get(parser.at) {
            None => Ok(query),
            Some((_, span)) => {
                Err(error("Q002", span.clone(), "此处多余", "nothing is expected here"))
            }
        }
    }

    /// The query for one record.
    pub(super) fn by_id(id: EventId) -> Self {
        let test = Test::Fits(Pattern::plain(&id.to_string()));
        Self { expr: Expr::Is(Place::Id, test), shape: Shape::Events, head: Some(1) }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A word; `:` may stand inside (`field:value`).
    Word(String),
    /// A quoted text.
    Quoted(String),
    /// `field:` before a quoted text or a parenthesis.
    Field(String),
    Open,
    Close,
    Pipe,
    Minus,
}

/// What is wrong with a query, and where.
pub(super) fn error(code: &'static str, span: Range<usize>, zh: &str, en: &str) -> QueryError {
    QueryError { code, span, message: Text::new(zh, en) }
}

fn lex(text: &str) -> Result<Vec<(Token, Range<usize>)>, QueryError> {
    let mut tokens = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some(&(at, c)) = chars.peek() {
        let single = match c {
            '(' => Some(Token::Open),
            ')' => Some(Token::Close),
            '|' => Some(Token::Pipe),
            _ => None,
        };
        if let Some(token) = single {
            chars.next();
            tokens.push((token, at..at + 1));
        } else if c.is_whitespace() || c == ',' {
            chars.next();
        } else if c == '"' {
            chars.next();
            let (quoted, end) = quoted(&mut chars, at, text.len())?;
            tokens.push((Token::Quoted(quoted), at..end));
        } else if c == '-' && text[at + 1..].starts_with(|n: char| !n.is_whitespace()) {
            chars.next();
            tokens.push((Token::Minus, at..at + 1));
        } else {
            let mut end = at;
            let mut word = String::new();
            while let Some(&(i, c)) = chars.peek() {
                if c.is_whitespace() || matches!(c, '(' | ')' | '|' | '"' | ',') {
                    break;
                }
                word.push(c);
                end = i + c.len_utf8();
                chars.next();
            }
            let token = match word.strip_suffix(':') {
                Some(field) if !field.is_empty() => Token::Field(field.to_owned()),
                _ => Token::Word(word),
            };
            tokens.push((token, at..end));
        }
    }
    Ok(tokens)
}

fn quoted(
    chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>,
    from: usize,
    len: usize,
) -> Result<(String, usize), QueryError> {
    let mut text = String::new();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((text, at + 1)),
            '\\' => text.extend(chars.next().map(|(_, c)| c)),
            c => text.push(c),
        }
    }
    Err(error("Q003", from..len, "引号没有结束", "the quotation does not end"))
}

struct Parser {
    tokens: Vec<(Token, Range<usize>)>,
    at: usize,
    end: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(t, _)| t)
    }

    fn span(&self) -> Range<usize> {
        self.tokens.get(self.at).map_or(self.end..self.end, |(_, s)| s.clone())
    }

    fn take(&mut self, token: &Token) -> bool {
        let there = self.peek() == Some(token);
        self.at += usize::from(there);
        there
    }

    fn take_word(&mut self, word: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Word(w)) if w == word);
        self.at += usize::from(there);
        there
    }

    /// `a OR b AND c NOT d`: OR binds least; words side by side are joined by AND.
    fn expression(&mut self) -> Result<Expr, QueryError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(error("Q004", self.span(), "括号嵌套过深", "nested too deep"));
        }
        let mut any = Vec::new();
        loop {
            any.push(self.conjunction()?);
            if !self.take_word("OR") {
                break;
            }
        }
        self.depth -= 1;
        Ok(if any.len() == 1 { any.swap_remove(0) } else { Expr::Or(any) })
    }

    fn conjunction(&mut self) -> Result<Expr, QueryError> {
        let mut all = Vec::new();
        loop {
            match self.peek() {
                None | Some(Token::Close | Token::Pipe) => break,
                Some(Token::Word(w)) if w == "OR" => break,
                _ => {}
            }
            if self.take_word("AND") {
                if all.is_empty() || self.peek().is_none_or(|t| *t == Token::Close) {
                    let span = self.span();
                    return Err(error("Q005", span, "AND 两侧都要有条件", "AND needs both sides"));
                }
                continue;
            }
            all.push(self.term()?);
        }
        Ok(match all.len() {
            0 if self.depth == 1 && self.at == 0 => Expr::All,
            0 => return Err(error("Q006", self.span(), "缺少条件", "a condition is missing")),
            1 => all.swap_remove(0),
            _ => Expr::And(all),
        })
    }

    fn term(&mut self) -> Result<Expr, QueryError> {
        if self.take_word("NOT") || self.take(&Token::Minus) {
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return Err(error("Q004", self.span(), "嵌套过深", "nested too deep"));
            }
            let inner = self.term()?;
            self.depth -= 1;
            return Ok(Expr::Not(Box::new(inner)));
        }
        let span = self.span();
        let token = self.tokens.get(self.at).map(|(t, _)| t.clone());
        self.at += 1;
        match token {
            Some(Token::Open) => {
                let inner = self.expression()?;
                self.close()?;
                Ok(inner)
            }
            Some(Token::Quoted(text)) => Ok(Expr::Text(Needle::new(Pattern::plain(&text)))),
            Some(Token::Field(name)) => self.values(&name, &span),
            Some(Token::Word(word)) => match word.split_once(':') {
                Some((name, value)) if !name.is_empty() => {
                    self.other_language(name, value, &span)?;
                    condition(place(name, &span)?, value, &span)
                }
                _ if word == "*" => Ok(Expr::All),
                _ if ["and", "or", "not", "&&"].contains(&word.to_ascii_lowercase().as_str()) => {
                    let zh = "AND、OR、NOT 须大写；要查找这个词，请加双引号";
                    let en = "AND, OR, NOT are capitals; to look for the word, quote it";
                    Err(error("Q019", span, zh, en))
                }
                _ => Ok(Expr::Text(Needle::new(Pattern::wild(&word)))),
            },
            _ => Err(error("Q006", span, "缺少条件", "a condition is missing")),
        }
    }

    /// Refuses what other query languages write and this one would take for a text.
    fn other_language(
        &self,
        name: &str,
        value: &str,
        span: &Range<usize>,
    ) -> Result<(), QueryError> {
        let refused = |zh, en| Err(error("Q019", span.clone(), zh, en));
        if name.starts_with('!') {
            return refused("取反请写 NOT 或 -", "write NOT or - before the condition");
        }
        let to = matches!(self.peek(), Some(Token::Word(word)) if word == "TO");
        if to && value.starts_with(['[', '{']) {
            return refused("范围请写成 1024..1030", "a range is written 1024..1030");
        }
        Ok(())
    }

    /// `field:"text"`, `field:(a OR b)`.
    fn values(&mut self, name: &str, span: &Range<usize>) -> Result<Expr, QueryError> {
        let place = place(name, span)?;
        if let Some(Token::Quoted(text)) = self.peek().cloned() {
            self.at += 1;
            return quoted_value(place, &text, span);
        }
        if !self.take(&Token::Open) {
            return Err(error("Q007", self.span(), "冒号后缺少取值", "a value is missing"));
        }
        let mut any = Vec::new();
        while self.peek().is_some_and(|t| *t != Token::Close) {
            if self.take_word("OR") {
                continue;
            }
            let span = self.span();
            any.push(match self.peek().cloned() {
                Some(Token::Word(word)) => condition(place, &word, &span)?,
                Some(Token::Quoted(text)) => quoted_value(place, &text, &span)?,
                _ => return Err(error("Q007", span, "此处应为取值", "a value is expected")),
            });
            self.at += 1;
        }
        self.close()?;
        if any.is_empty() {
            return Err(error("Q007", self.span(), "缺少取值", "a value is missing"));
        }
        Ok(Expr::Or(any))
    }

    fn close(&mut self) -> Result<(), QueryError> {
        if self.take(&Token::Close) {
            return Ok(());
        }
        Err(error("Q008", self.span(), "缺少右括号", "a closing parenthesis is missing"))
    }

    fn pipe(&mut self, query: &mut Query) -> Result<(), QueryError> {
        let span = self.span();
        let name = match self.peek() {
            Some(Token::Word(word)) => word.clone(),
            _ => String::new(),
        };
        self.at += 1;
        let taken = query.shape != Shape::Events;
        let second = |ok: bool| {
            let (zh, en) = ("统计管道只能有一个", "only one pipe may shape the answer");
            if ok { Ok(()) } else { Err(error("Q010", span.clone(), zh, en)) }
        };
        match name.as_str() {
            "count" => {
                second(!taken)?;
                let by = if self.take_word("by") { self.places()? } else { Vec::new() };
                query.shape = Shape::Count(by);
            }
            "histogram" => {
                second(!taken)?;
                query.shape = Shape::Histogram(self.span_secs()?);
            }
            "table" => {
                second(!taken)?;
                query.shape = Shape::Table(self.places()?);
            }
            "top" => {
                query.head = Some(self.number()?);
                if self.peek().is_some_and(|t| *t != Token::Pipe) {
                    second(!taken)?;
                    query.shape = Shape::Count(self.places()?);
                }
            }
            "head" => query.head = Some(self.number()?),
            _ => {
                let (zh, en) = (
                    "管道应为 count、top、histogram、table、head",
                    "a pipe is count, top, histogram, table or head",
                );
                return Err(error("Q009", span, zh, en));
            }
        }
        Ok(())
    }

    fn places(&mut self) -> Result<Vec<(String, Place)>, QueryError> {
        let mut places = Vec::new();
        while let Some(Token::Word(name)) = self.peek().cloned() {
            let span = self.span();
            self.at += 1;
            let place = place(&name, &span)?;
            places.push((name, place));
        }
        if places.is_empty() || places.len() > FIELDS_MAX {
            let (zh, en) = ("字段应有 1 到 16 个", "name 1 to 16 fields");
            return Err(error("Q011", self.span(), zh, en));
        }
        Ok(places)
    }

    fn number(&mut self) -> Result<usize, QueryError> {
        let span = self.span();
        let number = match self.peek() {
            Some(Token::Word(word)) => word.parse().ok().filter(|n| *n > 0),
            _ => None,
        };
        self.at += 1;
        number.ok_or_else(|| error("Q012", span, "此处应为正整数", "a whole number is expected"))
    }

    fn span_secs(&mut self) -> Result<i64, QueryError> {
        let span = self.span();
        let secs = match self.peek() {
            Some(Token::Word(word)) => duration(word),
            _ => None,
        };
        self.at += 1;
        let (zh, en) = ("时间跨度如 30s、5m、1h、1d", "a span is such as 30s, 5m, 1h, 1d");
        secs.ok_or_else(|| error("Q013", span, zh, en))
    }
}

fn duration(word: &str) -> Option<i64> {
    let (number, unit) = word.split_at(word.len().checked_sub(1)?);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<i64>().ok().filter(|n| (1..=366).contains(n)).map(|n| n * unit)
}

fn place(name: &str, span: &Range<usize>) -> Result<Place, QueryError> {
    let known = Place::of(name);
    known.ok_or_else(|| error("Q014", span.clone(), "字段名过长", "the field name is too long"))
}

/// A value in quotes is a text as it stands; a time is one in quotes, too.
fn quoted_value(place: Place, text: &str, span: &Range<usize>) -> Result<Expr, QueryError> {
    match place {
        Place::Time => condition(place, text, span),
        _ => Ok(Expr::Is(place, Test::Fits(Pattern::plain(text)))),
    }
}
