//! What of a statement's conditions narrows the walk through the archive. The engine looks at every
//! row again: what is found here may be too much, never too little.

use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::{InList, Like};
use datafusion::logical_expr::{Between, BinaryExpr, Expr as Sql, Operator};
use events::Timestamp;

use super::super::expr::{Expr, Needle, Pattern, Place, Test};
use super::columns;
use crate::archive::columns as stored;

/// What records must fulfil.
#[derive(Debug, PartialEq)]
pub(super) struct Narrowed {
    pub(super) expr: Expr,
    /// From this time on.
    pub(super) from: Timestamp,
    /// Before this time.
    pub(super) to: Timestamp,
}

/// Of conditions that must all hold.
pub(super) fn narrowed(conditions: &[Sql], from: Timestamp, to: Timestamp) -> Narrowed {
    let mut all = Narrowed { expr: Expr::All, from, to };
    let mut parts = Vec::new();
    for condition in conditions {
        times(condition, &mut all);
        parts.extend(expr(condition));
    }
    if !parts.is_empty() {
        all.expr = Expr::And(parts);
    }
    all
}

/// Whether any part of a condition narrows the walk.
pub(super) fn helps(condition: &Sql) -> bool {
    let mut range = Narrowed { expr: Expr::All, from: Timestamp::MIN, to: Timestamp::MAX };
    times(condition, &mut range);
    range.from > Timestamp::MIN || range.to < Timestamp::MAX || expr(condition).is_some()
}

/// Takes bounds of `time` from a condition.
fn times(condition: &Sql, range: &mut Narrowed) {
    match condition {
        Sql::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            times(left, range);
            times(right, range);
        }
        Sql::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (op, at) = match (left.as_ref(), right.as_ref()) {
                (Sql::Column(column), literal) if column.name == stored::TIME => {
                    (*op, instant(literal))
                }
                (literal, Sql::Column(column)) if column.name == stored::TIME => {
                    (op.swap().unwrap_or(*op), instant(literal))
                }
                _ => return,
            };
            let Some(at) = at else { return };
            let next = Timestamp::from_nanos(at.nanos().saturating_add(1));
            match op {
                Operator::Eq => bound(range, at, next),
                Operator::Gt | Operator::GtEq => bound(range, at, Timestamp::MAX),
                Operator::Lt => bound(range, Timestamp::MIN, at),
                Operator::LtEq => bound(range, Timestamp::MIN, next),
                _ => {}
            }
        }
        Sql::Between(Between { expr, negated: false, low, high }) => {
            let of_time = matches!(expr.as_ref(), Sql::Column(c) if c.name == stored::TIME);
            if let (true, Some(low), Some(high)) = (of_time, instant(low), instant(high)) {
                bound(range, low, Timestamp::from_nanos(high.nanos().saturating_add(1)));
            }
        }
        _ => {}
    }
}

fn bound(range: &mut Narrowed, from: Timestamp, to: Timestamp) {
    range.from = range.from.max(from);
    range.to = range.to.min(to);
}

fn instant(literal: &Sql) -> Option<Timestamp> {
    match literal {
        Sql::Literal(ScalarValue::TimestampNanosecond(Some(nanos), _), _) => {
            Some(Timestamp::from_nanos(*nanos))
        }
        _ => None,
    }
}

/// The condition as a search says it, or a weaker one; `None` if it says nothing.
fn expr(condition: &Sql) -> Option<Expr> {
    match condition {
        Sql::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            let both: Vec<Expr> = [expr(left), expr(right)].into_iter().flatten().collect();
            (!both.is_empty()).then_some(Expr::And(both))
        }
        Sql::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            Some(Expr::Or(vec![expr(left)?, expr(right)?]))
        }
        Sql::BinaryExpr(BinaryExpr { left, op, right }) => match (left.as_ref(), right.as_ref()) {
            (Sql::Column(column), Sql::Literal(value, _)) => compared(column, *op, value),
            (Sql::Literal(value, _), Sql::Column(column)) => compared(column, op.swap()?, value),
            _ => None,
        },
        Sql::InList(InList { expr, list, negated: false }) => {
            let Sql::Column(column) = expr.as_ref() else { return None };
            let one = |item: &Sql| match item {
                Sql::Literal(value, _) => compared(column, Operator::Eq, value),
                _ => None,
            };
            list.iter().map(one).collect::<Option<Vec<_>>>().map(Expr::Or)
        }
        Sql::Like(like) => liked(like),
        _ => None,
    }
}

fn compared(column: &Column, op: Operator, value: &ScalarValue) -> Option<Expr> {
    let place = place(column)?;
    let test = match (op, value) {
        (Operator::Eq, ScalarValue::Int64(Some(n))) => Test::Fits(Pattern::plain(&n.to_string())),
        (Operator::Eq, value) => Test::Fits(Pattern::plain(value.try_as_str()??)),
        // The bound itself is let through: numbers are compared as floats there.
        (Operator::Gt | Operator::GtEq, ScalarValue::Int64(Some(n))) => {
            Test::Between { low: Some((*n as f64, true)), high: None }
        }
        (Operator::Lt | Operator::LtEq, ScalarValue::Int64(Some(n))) => {
            Test::Between { low: None, high: Some((*n as f64, true)) }
        }
        _ => return None,
    };
    Some(Expr::Is(place, test))
}

/// `LIKE '%text%'` of the record, which the search finds fastest, and `LIKE 'text%'` of a column.
fn liked(like: &Like) -> Option<Expr> {
    let Like { negated: false, expr, pattern, escape_char: None, .. } = like else { return None };
    let (Sql::Column(column), Sql::Literal(pattern, _)) = (expr.as_ref(), pattern.as_ref()) else {
        return None;
    };
    let pattern = pattern.try_as_str()??;
    // A letter that becomes two in lower case is none that `_` counts; a backslash escapes.
    if pattern.contains(['_', '\\']) || !same_in_lower_case(pattern) {
        return None;
    }
    if column.name == stored::RAW {
        let inner = pattern.strip_prefix('%')?.strip_suffix('%')?;
        let plain = !inner.is_empty() && !inner.contains('%');
        return plain.then(|| Expr::Text(Needle::new(Pattern::plain(inner))));
    }
    let mut wild = String::with_capacity(pattern.len());
    for c in pattern.chars() {
        match c {
            '%' => wild.push('*'),
            '*' | '?' => wild.extend(['\\', c]),
            c => wild.push(c),
        }
    }
    Some(Expr::Is(place(column)?, Test::Fits(Pattern::wild(&wild))))
}

/// Whether lower case has one character for each, so that what is equal stays equal when found by
/// an expression that does not look at case.
fn same_in_lower_case(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii() || c.to_lowercase().eq([c]))
}

/// Where the search finds a column; none for those that it compares otherwise.
fn place(column: &Column) -> Option<Place> {
    let name = column.name.as_str();
    let other = [stored::TIME, stored::RECEIVED, stored::FIELDS, stored::RAW, columns::EXERCISE];
    if other.contains(&name) || !columns::is_column(name) { None } else { Place::of(name) }
}
