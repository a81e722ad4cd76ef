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
    let by = counted_by(&query.shape);
    let mut place = None;
    if !one_place(&query.expr, &mut place) {
        return None;
    }
    // Without a condition on a value the values are asked for only to be counted.
    let place = place.or_else(|| by.filter(|by| sealed.counts.contains_key(by.name())));
    let Some(place) = place else {
        let all = holds(&query.expr, None, sealed)?;
        return Some(Known { records: if all { sealed.rows } else { 0 }, groups: None });
    };
    let counts = sealed.counts.get(place.name())?;
    let some: u64 = counts.values().sum();
    let values = counts.iter().map(|(value, n)| (Some(value.as_str()), *n));
    let mut kept = Vec::new();
    for (value, n) in values.chain([(None, sealed.rows.checked_sub(some)?)]) {
        if n > 0 && holds(&query.expr, value, sealed)? {
            kept.push((value.unwrap_or_default().to_owned(), n));
        }
    }
    let records = kept.iter().map(|(_, n)| n).sum();
    Some(Known { records, groups: (by == Some(place)).then_some(kept) })
}

/// The place that a query counts by, if it is one alone.
pub(super) fn counted_by(shape: &Shape) -> Option<Place> {
    match shape {
        Shape::Count(places) if places.len() == 1 => places.first().map(|(_, place)| *place),
        _ => None,
    }
}

/// Whether an expression looks at no more than one place; notes it.
pub(super) fn one_place(expr: &Expr, place: &mut Option<Place>) -> bool {
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
pub(super) fn holds(expr: &Expr, value: Option<&str>, sealed: &SealedFile) -> Option<bool> {
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

#[cfg(test)]
mod tests {

    use events::{Event, Value, field};

    use super::super::tests::{Store, ask, many, store, table, without};
    use super::super::{Answer, Scope};

    /// Two hours of records: every third one a failure, every sixth without an outcome.
    fn two_hours() -> Vec<Event> {
        let mut events = many();
        for (n, event) in events.iter_mut().enumerate() {
            match n % 6 {
                0 | 3 => event.push(field::EVENT_OUTCOME, Value::Str("failure")),
                5 => {}
                _ => event.push(field::EVENT_OUTCOME, Value::Str("success")),
            }
            if n >= 30 {
                event.time = event.time.plus(std::time::Duration::from_secs(3_600));
            }
        }
        events
    }

    fn rows(store: &Store, query: &str) -> Vec<Vec<String>> {
        let found = ask(store, query, Scope::All);
        assert!(!found.partial && found.counted, "{query}");
        table(found)
    }

    fn answers(store: &Store) {
        let hours = rows(store, "event.outcome:FAIL* | histogram 1h");
        let counts: Vec<&str> = hours.iter().map(|row| row[1].as_str()).collect();
        assert_eq!(counts, ["10", "10"]);
        assert_eq!(
            rows(store, "* | count by event.outcome"),
            [["success", "30"], ["failure", "20"], ["", "10"]]
        );
        assert_eq!(rows(store, "NOT event.outcome:failure | count"), [["40"]]);
        assert_eq!(rows(store, "service:(sshd OR other) | count by service"), [["sshd", "60"]]);
        assert_eq!(rows(store, "event.outcome:failure time:2026-09-21T23 | count"), [["10"]]);
        let none = ask(store, "event.kind:pipeline_error", Scope::All);
        assert_eq!(none.answer, Answer::Events(Vec::new()));
    }

    #[test]
    fn what_the_list_counts_needs_no_file() {
        let store = store(&two_hours(), 60);
        answers(&store);
        for file in store.archive.files() {
            std::fs::remove_file(store.archive.path(&file)).unwrap();
        }
        answers(&store);
        assert!(ask(&store, "user.name:root | count", Scope::All).partial, "this one does");
    }

    #[test]
    fn a_list_without_counts_is_still_read() {
        let store = store(&two_hours(), 60);
        answers(&without(store, "counts"));
    }
}
