//! From a text to a statement: one SELECT and nothing else. Names of columns may be written as in a
//! search (`source.ip`), without quotes.

use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::Statement as Sql;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer, Word};
use events::Text;

use super::super::QueryError;
use super::{columns, told};
use crate::limits;

/// The table's name.
pub(super) const TABLE: &str = "events";

/// The statement of a text.
pub(super) fn statement(sql: &str) -> Result<Statement, QueryError> {
    if sql.len() > limits::SQL_BYTES_MAX {
        let message = Text::new(
            format!("语句最长 {} 字节", limits::SQL_BYTES_MAX),
            format!("a statement has at most {} bytes", limits::SQL_BYTES_MAX),
        );
        return Err(QueryError { code: "Q020", span: limits::SQL_BYTES_MAX..sql.len(), message });
    }
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location();
    let tokens = tokens.map_err(|error| {
        let place = told::offset(sql, error.location.line, error.location.column);
        told::unreadable(&error.message, place..place)
    })?;
    let mut words = tokens.iter().filter(|t| !matches!(t.token, Token::Whitespace(_)));
    if let Some(one_more) = words.nth(limits::SQL_TOKENS_MAX) {
        let place = told::offset(sql, one_more.span.start.line, one_more.span.start.column);
        let message = Text::new(
            format!("语句最多 {} 个词", limits::SQL_TOKENS_MAX),
            format!("a statement has at most {} words and signs", limits::SQL_TOKENS_MAX),
        );
        return Err(QueryError { code: "Q020", span: place..sql.len(), message });
    }
    let parser = DFParserBuilder::new(join(tokens)).build();
    let statements = parser.and_then(|mut parser| parser.parse_statements());
    let mut statements = statements.map_err(|error| told::of(&error, sql))?;
    match (statements.pop_front(), statements.is_empty()) {
        (Some(Statement::Statement(one)), true) if matches!(*one, Sql::Query(_)) => {
            Ok(Statement::Statement(one))
        }
        _ => Err(told::refused(0..sql.len())),
    }
}

/// Makes one name of each `source.ip` that is a column.
fn join(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut joined = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match column_at(&tokens[at..]) {
            Some((name, len)) => {
                let end = tokens.get(at + len - 1).map_or(token.span.end, |last| last.span.end);
                let word =
                    Word { value: name, quote_style: Some('"'), keyword: Keyword::NoKeyword };
                let span = Span::new(token.span.start, end);
                joined.push(TokenWithSpan { token: Token::Word(word), span });
                at += len;
            }
            None => {
                joined.push(token.clone());
                at += 1;
            }
        }
    }
    joined
}

/// The longest name of a column with a dot that tokens begin with, and how many they are.
fn column_at(tokens: &[TokenWithSpan]) -> Option<(String, usize)> {
    let (mut name, mut found) = (String::new(), None);
    for (at, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::Word(word) if at % 2 == 0 && word.quote_style.is_none() => {
                name.push_str(&word.value.to_lowercase());
            }
            Token::Period if at % 2 == 1 => name.push('.'),
            _ => break,
        }
        if at >= 2 && columns::is_column(&name) {
            found = Some((name.clone(), at + 1));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_dots_need_no_quotes() {
        let read = |sql| statement(sql).unwrap().to_string();
        let sql = "select user.name, e.Source.IP from events e where process.parent.executable = '' \
                   and e.time > now()";
        let told = "SELECT \"user.name\", e.\"source.ip\" FROM events e WHERE \
                    \"process.parent.executable\" = '' AND e.time > now()";
        assert_eq!(read(sql), told.replace("events e", "events AS e").replace("AS e", "e"));
        assert_eq!(read("SELECT other.thing FROM events"), "SELECT other.thing FROM events");
    }

    #[test]
    fn only_one_select_is_a_statement() {
        for sql in [
            "COPY events TO '/tmp/x.csv'",
            "COPY (SELECT * FROM events) TO '/tmp/x.csv'",
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
            "CREATE TABLE t AS SELECT * FROM events",
            "INSERT INTO events SELECT * FROM events",
            "SET datafusion.execution.batch_size = 1",
            "RESET datafusion.execution.batch_size",
            "DROP TABLE events",
            "DELETE FROM events",
            "EXPLAIN SELECT 1",
            "SHOW TABLES",
            "SELECT 1; SELECT 2",
            "",
        ] {
            assert_eq!(statement(sql).unwrap_err().code, "Q021", "{sql}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        let sql = "SELECT id\nFROM events\nWHERE site == == 3";
        let error = statement(sql).unwrap_err();
        assert_eq!(error.code, "Q020");
        assert_eq!(&sql[error.span.start..error.span.start + 4], "== 3", "{error:?}");
        assert_eq!(statement("SELECT 'open").unwrap_err().code, "Q020");
        let long = format!("SELECT '{}'", "x".repeat(limits::SQL_BYTES_MAX));
        assert_eq!(statement(&long).unwrap_err().code, "Q020");
        let many = format!("SELECT {}", vec!["1"; limits::SQL_TOKENS_MAX].join("+"));
        let error = statement(&many).unwrap_err();
        assert_eq!(
            (error.code, error.span.start),
            ("Q020", "SELECT ".len() + limits::SQL_TOKENS_MAX - 1)
        );
    }
}
