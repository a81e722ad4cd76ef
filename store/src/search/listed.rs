//! What the archive's list alone says of a file: how many of its records a query asks for, where
//! the query looks at no more than one column whose values the list counts.

use events::Value;

use super::expr::{Expr, Place};
use super::parse::{Query, Shape};
use crate::archive::SealedFile;

/// The records of a file that a query asks for.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// How many.
    pub(super) records: u64,
    /// The same by value, where that is what the query counts.
    pub(super) groups: Option<Vec<(String, u64)>>,
}

/// What is known of a file all of whose records lie within the request's own conditions.
pub(super) fn known(query: &Query, sealed: &SealedFile) -> Option<Known> {
    let by = match &query.shape {
        Shape::Count(places) if places.len() == 1 => places.first().map(|(_, place)| *place),
        _ => None,
    };
    let mut place = None;
    if !one_place(&query.expr, &mut place) {
        return None;
    }
    // Without a condition on a value the values are asked for only to be counted.
    let place = place.or_else(|| by.filter(|by| counts(*by, sealed).is_some()));
    let Some(place) = place else {
        let all = holds(&query.expr, None, sealed)?;
        return Some(Known { records: if all { sealed.rows } else { 0 }, groups: None });
    };
    let mut groups = counts(place, sealed)?;
    let some: u64 = groups.iter().map(|(_, n)| n).sum();
    groups.push((None, sealed.rows.checked_sub(some)?));
    let mut kept = Vec::new();
    for (value, n) in groups {
        if n > 0 && holds(&query.expr, value, sealed)? {
            kept.push((value.unwrap_or_default().to_owned(), n));
        }
    }
    let records = kept.iter().map(|(_, n)| n).sum();
    Some(Known { records, groups: (by == Some(place)).then_some(kept) })
}

/// The counts of a place's values.
fn counts(place: Place, sealed: &SealedFile) -> Option<Vec<(Option<&str>, u64)>> {
    let values = sealed.counts.get(place.name())?;
    Some(values.iter().map(|(value, n)| (Some(value.as_str()), *n)).collect())
}

/// Whether an expression looks at no more than one place; notes it.
fn one_place(expr: &Expr, place: &mut Option<Place>) -> bool {
    match expr {
        Expr::All | Expr::When(_) => true,
        Expr::And(parts) | Expr::Or(parts) => parts.iter().all(|part| one_place(part, place)),
        Expr::Not(inner) => one_place(inner, place),
        Expr::Text(_) => false,
        Expr::Is(at, _) => *place.get_or_insert(*at) == *at,
    }
}

/// Whether a record of the file with this value of the place fulfils an expression, if that is all
/// one must know of it.
fn holds(expr: &Expr, value: Option<&str>, sealed: &SealedFile) -> Option<bool> {
    match expr {
        Expr::All => Some(true),
        Expr::And(parts) => each(parts, value, sealed, false).map(|stopped| !stopped),
        Expr::Or(parts) => each(parts, value, sealed, true),
        Expr::Not(inner) => holds(inner, value, sealed).map(|holds| !holds),
        Expr::Text(_) => None,
        Expr::When(range) => {
            let (first, last) =
                (range.contains(&sealed.time_min), range.contains(&sealed.time_max));
            let outside = sealed.time_max < range.start || sealed.time_min >= range.end;
            (first && last || outside).then_some(first)
        }
        Expr::Is(_, test) => Some(value.is_some_and(|value| test.holds(Value::Str(value)))),
    }
}

/// Whether some part is as said; every one must be known.
fn each(parts: &[Expr], value: Option<&str>, sealed: &SealedFile, as_said: bool) -> Option<bool> {
    let mut found = false;
    for part in parts {
        found |= holds(part, value, sealed)? == as_said;
    }
    Some(found)
}
