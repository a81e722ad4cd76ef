//! What a file's counts by minute say of it: a histogram in whole minutes, or how many of which value,
//! where a query and its scope look at no more than one column of those that are counted.

use events::SiteId;

use super::expr::Place;
use super::listed::{counted_by, holds, one_place};
use super::{Scope, SearchRequest};
use crate::archive::SealedFile;
use crate::archive::minutes::{ByMinute, Minutes};

/// The one column that a query looks at.
pub(super) enum Look {
    /// None: all records count.
    All,
    /// This one.
    At(Place),
}

/// What of a file's counts answers a request; `None` if its rows must be read.
pub(super) fn look(request: &SearchRequest, sealed: &SealedFile) -> Option<Look> {
    let query = &request.query;
    let inside = sealed.time_min >= request.from && sealed.time_max < request.to;
    if sealed.minutes.is_none() || !inside {
        return None;
    }
    let mut place = None;
    let simple = query.shape.in_minutes() && one_place(&query.expr, &mut place);
    if !simple || !(request.include_exercise || sealed.exercises == Some(0)) {
        return None;
    }
    // The scope is a condition on the school.
    for more in [counted_by(&query.shape), (request.scope != Scope::All).then_some(Place::Site)] {
        match (place, more) {
            (Some(one), Some(other)) if one != other => return None,
            _ => place = place.or(more),
        }
    }
    let Some(place) = place else { return Some(Look::All) };
    let counted = place == Place::Site || sealed.counts.contains_key(place.name());
    counted.then_some(Look::At(place))
}

/// The records of a file that a request asks for, by value and minute; `None` if its rows must be
/// read.
pub(super) fn matching(
    request: &SearchRequest,
    sealed: &SealedFile,
    minutes: &Minutes,
    look: &Look,
) -> Option<Vec<(String, ByMinute)>> {
    let expr = &request.query.expr;
    let Look::At(place) = look else {
        let all = holds(expr, None, sealed)?;
        return Some(if all { vec![(String::new(), minutes.all.clone())] } else { Vec::new() });
    };
    let counts = minutes.columns.get(place.name())?;
    let mut rest = minutes.all.clone();
    let mut kept = Vec::new();
    for (value, by_minute) in counts {
        for (rest, n) in rest.iter_mut().zip(by_minute) {
            *rest = rest.checked_sub(*n)?;
        }
        if in_scope(&request.scope, value) && holds(expr, Some(value), sealed)? {
            kept.push((value.clone(), by_minute.clone()));
        }
    }
    if request.scope == Scope::All && holds(expr, None, sealed)? {
        kept.push((String::new(), rest));
    }
    Some(kept)
}

/// Whether a scope holds a school, by its code as text.
fn in_scope(scope: &Scope, site: &str) -> bool {
    *scope == Scope::All || site.parse::<SiteId>().is_ok_and(|site| scope.holds(site))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;
    use std::time::Duration;

    use events::{Event, SiteId, Timestamp, Value, field};

    use super::super::Scope;
    use super::super::tests::{A, B, Store, ask, many, store, store_in_parts, table, without};

    /// Records of two hours and two schools, every third one a failure.
    fn two_hours() -> Vec<Event> {
        let mut events = many();
        for (n, event) in events.iter_mut().enumerate() {
            event.push(field::EVENT_OUTCOME, Value::Str(if n % 3 == 0 { "failure" } else { "x" }));
            event.time = event.time.plus(Duration::from_secs(100 * n as u64));
        }
        events
    }

    fn sites(site: u64) -> Scope {
        Scope::Sites([SiteId::from_u64(site).unwrap()].into())
    }

    /// What the counts by minute answer: each with how many rows it has and how many records.
    fn answers(store: &Store) {
        let asked = [
            ("* | histogram 1m", Scope::All, 60, 60),
            ("event.outcome:failure | histogram 5m", Scope::All, 20, 20),
            ("NOT event.outcome:failure | histogram 1m", Scope::All, 40, 40),
            ("* | histogram 5m", sites(A), 11, 30),
            ("site:2133000002 | histogram 5m", Scope::All, 11, 30),
            ("site:2133000002 | histogram 5m", sites(A), 0, 0),
            ("* | count by site", Scope::All, 2, 60),
            ("* | count by site", sites(B), 1, 30),
            ("* | count", sites(B), 1, 30),
        ];
        for (query, scope, rows, records) in asked {
            let found = ask(store, query, scope);
            assert!(!found.partial && found.counted, "{query}");
            assert_eq!(found.matched, records, "{query}");
            let table = table(found);
            let sum: u64 = table.iter().filter_map(|row| row.last()?.parse::<u64>().ok()).sum();
            assert_eq!((table.len(), sum), (rows, records), "{query}");
        }
    }

    #[test]
    fn what_is_counted_by_minute_needs_no_rows() {
        let store = store(&two_hours(), 60);
        answers(&store);
        for file in store.archive.files() {
            let (begin, _) = file.minutes.unwrap();
            let open = std::fs::OpenOptions::new().write(true).open(store.archive.path(&file));
            open.unwrap().write_all_at(&vec![0; begin as usize], 0).unwrap();
        }
        answers(&store);
        assert!(ask(&store, "user.name:root | histogram 5m", Scope::All).partial, "this one does");
    }

    #[test]
    fn counts_that_are_damaged_or_not_there_leave_the_rows() {
        let store = store(&two_hours(), 60);
        for file in store.archive.files() {
            let (begin, len) = file.minutes.unwrap();
            let open = std::fs::OpenOptions::new().write(true).open(store.archive.path(&file));
            open.unwrap().write_all_at(&vec![0; len as usize], begin).unwrap();
        }
        answers(&store);
        assert_eq!(store.archive.verify().len(), store.archive.files().len(), "and is noticed");
        answers(&without(store, "minutes"));
    }

    #[test]
    fn a_merge_counts_again() {
        let store = store_in_parts(&two_hours(), &[7, 20, 41, 60]);
        answers(&store);
        let later = Timestamp::from_secs(1_800_000_000);
        while store.archive.merge(later, Duration::ZERO).unwrap().is_some() {}
        assert!(store.archive.files().iter().all(|file| file.minutes.is_some()));
        answers(&store);
    }
}
