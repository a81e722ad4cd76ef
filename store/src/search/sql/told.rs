//! What went wrong with a statement, where, and its code. The words of the engine are English; the
//! titles of the codes are in both languages.

use std::ops::Range;

use datafusion::common::{Location, SchemaError};
use datafusion::error::DataFusionError as Engine;
use datafusion::sql::sqlparser::parser::ParserError;
use events::Text;

use super::super::QueryError;

/// A statement that is no SELECT, or more than one.
pub(super) fn refused(span: Range<usize>) -> QueryError {
    let message = Text::new(
        "只能执行一条 SELECT 语句，表为 events",
        "one SELECT statement over the table events, and nothing else",
    );
    QueryError { code: "Q021", span, message }
}

/// A text that is no SQL.
pub(super) fn unreadable(why: &str, span: Range<usize>) -> QueryError {
    QueryError { code: "Q020", span, message: same(why) }
}

/// A statement that did not end in time.
pub(super) fn not_ended() -> QueryError {
    let message =
        Text::new("到时限时语句仍在计算，已中止", "it was still at work when its time was over");
    QueryError { code: "Q024", span: 0..0, message }
}

/// A statement that could not be worked out.
pub(super) fn failed(why: &str) -> QueryError {
    QueryError { code: "Q025", span: 0..0, message: same(why) }
}

/// What the engine says of a statement.
pub(super) fn of(error: &Engine, sql: &str) -> QueryError {
    let root = error.find_root();
    let diagnostic = error.diagnostic();
    let place = |at: Location| offset(sql, at.line, at.column);
    let span = diagnostic.and_then(|d| d.span).map(|s| place(s.start)..place(s.end));
    let with = |code, why: &str| QueryError {
        code,
        span: span.clone().unwrap_or(0..0),
        message: same(why),
    };
    match root {
        Engine::SQL(error, _) => {
            let why = match error.as_ref() {
                ParserError::TokenizerError(why) | ParserError::ParserError(why) => why.as_str(),
                ParserError::RecursionLimitExceeded => "nested too deep",
            };
            let (why, at) = parse_place(why);
            let at = at.map_or(0, |(line, column)| offset(sql, line, column));
            unreadable(why, at..at)
        }
        Engine::SchemaError(error, _) => match error.as_ref() {
            // Names of all columns would fill the screen.
            SchemaError::FieldNotFound { field, .. } => {
                let message = Text::new(
                    format!("没有列 {}", field.flat_name()),
                    format!("there is no column {}", field.flat_name()),
                );
                QueryError { message, ..with("Q022", "") }
            }
            other => with("Q022", &other.to_string()),
        },
        Engine::Plan(why) | Engine::NotImplemented(why) => with("Q022", first_line(why)),
        Engine::ResourcesExhausted(_) => {
            let message = Text::new("", "");
            QueryError { message, ..with("Q023", "") }
        }
        other => with("Q025", first_line(&other.strip_backtrace())),
    }
}

fn same(text: &str) -> Text {
    Text::new(text.to_owned(), text.to_owned())
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Takes ` at Line: 2, Column: 7` off a message.
fn parse_place(message: &str) -> (&str, Option<(u64, u64)>) {
    let Some((why, place)) = message.rsplit_once(" at Line: ") else { return (message, None) };
    let numbers = place.split_once(", Column: ");
    let place = numbers.and_then(|(line, column)| Some((line.parse().ok()?, column.parse().ok()?)));
    (why, place)
}

/// Where a line and a column, counted in characters from 1, lie in a text, in bytes.
pub(super) fn offset(text: &str, line: u64, column: u64) -> usize {
    let before = usize::try_from(line.saturating_sub(1)).unwrap_or(0);
    let start: usize = text.split_inclusive('\n').take(before).map(str::len).sum();
    let chars = usize::try_from(column.saturating_sub(1)).unwrap_or(0);
    let rest = text.get(start..).unwrap_or_default();
    start + rest.chars().take(chars).map(char::len_utf8).sum::<usize>()
}
