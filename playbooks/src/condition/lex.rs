//! Cuts an expression into words.

use super::parse::Fault;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Open,
    Close,
    BracketOpen,
    BracketClose,
    Comma,
    Symbol(&'static str),
    /// A bare word: keyword, `true`, or `__name__:value`.
    Word(String),
    Integer(i64),
    Float(f64),
    Text(String),
    /// A quoted literal with a prefix letter: `t'…'`, `h'…'`, `b'…'`.
    Prefixed(char, String),
}

/// The words with the byte offset of each.
pub(super) fn lex(text: &str) -> Result<Vec<(Token, usize)>, Fault> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        let token = match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            b'(' => single(&mut at, Token::Open),
            b')' => single(&mut at, Token::Close),
            b'[' => single(&mut at, Token::BracketOpen),
            b']' => single(&mut at, Token::BracketClose),
            b',' => single(&mut at, Token::Comma),
            b'=' | b'!' | b'<' | b'>' => symbol(text, &mut at)?,
            b'\'' => Token::Text(quoted(text, &mut at)?),
            b'-' | b'+' | b'0'..=b'9' => number(text, &mut at)?,
            b't' | b'h' | b'b' if bytes.get(at + 1) == Some(&b'\'') => {
                at += 1;
                Token::Prefixed(char::from(byte), quoted(text, &mut at)?)
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                while bytes.get(at).is_some_and(|b| {
                    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b':' | b'.')
                }) {
                    at += 1;
                }
                Token::Word(text[start..at].to_owned())
            }
            _ => return Err(Fault::at(start, "此处的字符无意义", "unexpected character")),
        };
        tokens.push((token, start));
    }
    Ok(tokens)
}

fn single(at: &mut usize, token: Token) -> Token {
    *at += 1;
    token
}

fn symbol(text: &str, at: &mut usize) -> Result<Token, Fault> {
    for symbol in ["==", "!=", "<>", "<=", ">=", "=", "<", ">"] {
        if text.as_bytes()[*at..].starts_with(symbol.as_bytes()) {
            *at += symbol.len();
            return Ok(Token::Symbol(symbol));
        }
    }
    Err(Fault::at(*at, "不是比较运算符", "not a comparison operator"))
}

fn number(text: &str, at: &mut usize) -> Result<Token, Fault> {
    let start = *at;
    *at += 1;
    while text.as_bytes().get(*at).is_some_and(|b| b.is_ascii_digit() || *b == b'.') {
        *at += 1;
    }
    let slice = &text[start..*at];
    if let Ok(value) = slice.parse::<i64>() {
        return Ok(Token::Integer(value));
    }
    match slice.parse::<f64>() {
        Ok(value) if value.is_finite() && slice.contains('.') => Ok(Token::Float(value)),
        _ => Err(Fault::at(start, "不是可用的数字", "not a usable number")),
    }
}

fn quoted(text: &str, at: &mut usize) -> Result<String, Fault> {
    let start = *at;
    let mut out = String::new();
    let mut chars = text[start + 1..].char_indices();
    while let Some((offset, c)) = chars.next() {
        match c {
            '\'' => {
                *at = start + 1 + offset + 1;
                return Ok(out);
            }
            '\\' => match chars.next() {
                Some((_, escaped @ ('\'' | '\\'))) => out.push(escaped),
                Some((_, other)) => {
                    out.push('\\');
                    out.push(other);
                }
                None => break,
            },
            _ => out.push(c),
        }
    }
    Err(Fault::at(start, "引号没有结束", "the quote is not closed"))
}
