use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use events::{Event, EventId, ExerciseId, LogSource, LogSourceId, SensorId, SiteId, Timestamp};
use events::{Value, field};
use proptest::prelude::*;

use super::*;
use crate::journal::{JournalOptions, Numbered};

pub(super) const A: u64 = 2_133_000_001;
pub(super) const B: u64 = 2_133_000_002;

pub(super) struct Store {
    pub(super) journal: Arc<Journal>,
    pub(super) archive: Arc<Archive>,
    pub(super) _dir: tempfile::TempDir,
}

/// A store of these events; the first `archived` of them in the archive.
pub(super) fn store(events: &[Event], archived: usize) -> Store {
    store_in_parts(events, &[archived])
}

/// The same, sealed in parts that end after so many events.
pub(super) fn store_in_parts(events: &[Event], parts: &[usize]) -> Store {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) =
        Journal::open(&dir.path().join("journal"), JournalOptions::default()).unwrap();
    let archive = Archive::open(&dir.path().join("archive")).unwrap();
    if !events.is_empty() {
        journal.append(events.to_vec()).unwrap().wait().unwrap();
    }
    for part in parts {
        let numbered: Vec<(u64, Event)> = (1..).zip(events[..*part].iter().cloned()).collect();
        archive.seal(&Numbered::runs(numbered), *part as u64).unwrap();
    }
    Store { journal: Arc::new(journal), archive: Arc::new(archive), _dir: dir }
}

/// The same store as if its list had been written by a program that did not know of one of its members.
pub(super) fn without(store: Store, member: &str) -> Store {
    let Store { journal, archive, _dir } = store;
    drop(archive);
    let folder = _dir.path().join("archive");
    let list = folder.join("manifest.json");
    let mut json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&list).unwrap()).unwrap();
    for file in json["files"].as_array_mut().unwrap() {
        assert!(file.as_object_mut().unwrap().remove(member).is_some());
    }
    std::fs::write(&list, json.to_string()).unwrap();
    Store { journal, archive: Arc::new(Archive::open(&folder).unwrap()), _dir }
}

pub(super) fn event(n: u64, site: u64, user: &str, port: i64) -> Event {
    let mut e = Event::new();
    e.id = EventId::from_u128(u128::from(n) + 1);
    e.time = Timestamp::from_secs(1_790_000_000 + n as i64);
    e.received = e.time;
    e.site = SiteId::from_u64(site).unwrap();
    e.sensor = SensorId::intern(if n.is_multiple_of(2) { "even" } else { "odd" });
    e.logsource = LogSourceId::intern(&LogSource::new("linux", "", "sshd"));
    e.set_raw(format!("Failed password for {user} port {port} 登录失败").as_bytes());
    e.push(field::USER_NAME, Value::Str(user));
    e.push(field::SOURCE_IP, Value::Str(&format!("10.0.{}.{}", n % 3, n % 250)));
    e.push(field::SOURCE_PORT, Value::Int(port));
    e.push_named("native.list", Value::Str("One"));
    e.push_named("native.list", Value::Str(&format!("n{}", n % 4)));
    e
}

pub(super) fn ask(store: &Store, query: &str, scope: Scope) -> SearchResult {
    let request = SearchRequest {
        query: Query::parse(query).unwrap(),
        from: Timestamp::MIN,
        to: Timestamp::MAX,
        scope,
        limit: 1_000,
        after: None,
        deadline: None,
        slice: None,
        include_exercise: false,
    };
    search(&store.journal, &store.archive, &request, &AtomicBool::new(false)).unwrap()
}

fn ids(result: &SearchResult) -> Vec<u128> {
    match &result.answer {
        Answer::Events(events) => events.iter().map(|e| e.id.as_u128()).collect(),
        Answer::Table { .. } => panic!("a table"),
    }
}

pub(super) fn table(result: SearchResult) -> Vec<Vec<String>> {
    match result.answer {
        Answer::Table { rows, .. } => rows,
        Answer::Events(_) => panic!("records"),
    }
}

pub(super) fn many() -> Vec<Event> {
    let user = |n: u64| ["root", "Alice", "bob"][n as usize % 3];
    (0..60).map(|n| event(n, if n < 30 { A } else { B }, user(n), 1_000 + n as i64)).collect()
}

#[test]
fn journal_and_archive_answer_together_newest_first() {
    for archived in [0, 1, 30, 59, 60] {
        let store = store(&many(), archived);
        let all = ask(&store, "", Scope::All);
        assert_eq!(all.matched, 60, "{archived} archived");
        assert_eq!(ids(&all), (1..=60).rev().collect::<Vec<u128>>());
        let Answer::Events(events) = all.answer else { panic!() };
        assert_eq!(events[10], many()[49], "whole, wherever it lay");
    }
}

#[test]
fn the_scope_holds_whatever_is_asked() {
    let store = store(&many(), 40);
    let own = || Scope::Sites([SiteId::from_u64(A).unwrap()].into());
    assert_eq!(ask(&store, "*", own()).matched, 30);
    assert_eq!(ask(&store, &format!("site:{B}"), own()).matched, 0);
    assert_eq!(ask(&store, "* | count by site", own()).matched, 30);
    let scope = own();
    let found = |n: u128| {
        event_by_id(&store.journal, &store.archive, EventId::from_u128(n), &scope).unwrap()
    };
    assert!(found(5).is_some());
    assert!(found(55).is_none(), "another school's");
}

#[test]
fn the_language_says_what_it_means() {
    let store = store(&many(), 25);
    let count = |q: &str| ask(&store, q, Scope::All).matched;
    assert_eq!(count("user.name:ALICE"), 20);
    assert_eq!(count("user.name:a*e"), 20);
    assert_eq!(count("user.name:(alice OR bob)"), 40);
    assert_eq!(count("NOT user.name:root"), 40);
    assert_eq!(count("-user.name:root -user.name:bob"), 20);
    assert_eq!(count("source.port:>=1050"), 10);
    assert_eq!(count("source.port:1010..1019"), 10);
    assert_eq!(count("source.ip:10.0.1.0/24"), 20);
    assert_eq!(count("\"password for Bob\""), 20);
    assert_eq!(count("登录失败 alice"), 20);
    assert_eq!(count("native.list:n3"), 15);
    assert_eq!(count("native.list:one"), 60);
    assert_eq!(count("missing.field:*"), 0);
    assert_eq!(count("sensor:even product:linux service:sshd"), 30);
    assert_eq!(count("(user.name:root OR user.name:bob) AND source.port:<1003"), 2);
}

#[test]
fn pipes_shape_the_answer() {
    let store = store(&many(), 33);
    let rows = |q: &str| table(ask(&store, q, Scope::All));
    assert_eq!(rows("* | count"), [["60"]]);
    assert_eq!(rows("* | count by user.name | top 2"), [["Alice", "20"], ["bob", "20"]]);
    assert_eq!(rows("user.name:root | top 1 user.name"), [["root", "20"]]);
    assert_eq!(
        rows("* | table user.name, source.port | head 2"),
        [["bob", "1059"], ["Alice", "1058"]]
    );
    let histogram = rows("* | histogram 1m");
    assert_eq!(histogram.iter().map(|r| r[1].parse::<u64>().unwrap()).sum::<u64>(), 60);
    let head = ask(&store, "* | head 3", Scope::All);
    assert_eq!((ids(&head), head.matched), (vec![60, 59, 58], 60));
}

#[test]
fn exercises_are_apart() {
    let mut events = many();
    events[3].exercise = Some(ExerciseId::from_u128(1));
    events[50].exercise = Some(ExerciseId::from_u128(1));
    let store = store(&events, 30);
    assert_eq!(ask(&store, "*", Scope::All).matched, 58);
}

#[test]
fn errors_have_a_code_and_a_place() {
    for (query, code, at) in [
        ("\"open", "Q003", 0),
        ("(a OR b", "Q008", 7),
        ("a AND", "Q005", 5),
        ("x:", "Q007", 2),
        ("port:>many", "Q015", 0),
        ("* | frobnicate", "Q009", 4),
        ("* | count by", "Q011", 12),
        ("* | top zero", "Q012", 8),
        ("* | histogram 5y", "Q013", 14),
        ("a ) b", "Q002", 2),
        ("* | count | table x", "Q010", 12),
    ] {
        let error = Query::parse(query).unwrap_err();
        assert_eq!((error.code, error.span.start), (code, at), "{query}");
        assert!(error.render(query, Lang::Zh).contains('^'));
    }
    let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
    assert_eq!(Query::parse(&deep).unwrap_err().code, "Q004");
    assert_eq!(Query::parse(&"NOT ".repeat(500)).unwrap_err().code, "Q004");
}

#[test]
fn one_record_is_found_without_looking_at_the_others() {
    let store = store(&many(), 60);
    for n in [1, 30, 60] {
        let id = EventId::from_u128(n);
        let found = event_by_id(&store.journal, &store.archive, id, &Scope::All).unwrap();
        assert_eq!(found.as_ref(), many().get(n as usize - 1));
        let looked = ask(&store, &format!("id:{id}"), Scope::All).scanned;
        assert!(looked <= 2 * crate::limits::ROW_GROUP_ROWS as u64, "{looked} of 60");
    }
    let absent = ask(&store, &format!("id:{}", EventId::from_u128(61)), Scope::All);
    assert_eq!((absent.matched, absent.scanned), (0, 0));
}

#[test]
fn what_cannot_match_is_not_looked_at() {
    let store = store(&many(), 60);
    let looked = |q: &str| ask(&store, q, Scope::All).scanned;
    assert_eq!(looked("*"), 60);
    assert_eq!(looked("source.ip:10.9.9.9"), 0, "by the bloom filters");
    assert_eq!(looked("source.ip:10.9.9.9 OR source.ip:10.9.9.8"), 0);
    assert_eq!(looked("source.port:>5000"), 0, "by the statistics");
    assert_eq!(looked("source.port:>=1048"), 12, "the last row group");
    assert_eq!(looked("NOT source.ip:10.9.9.9"), 60);
    let other = Scope::Sites([SiteId::from_u64(9_999_999_999).unwrap()].into());
    assert_eq!(ask(&store, "*", other).scanned, 0);
}

#[test]
fn a_damaged_file_is_named_and_the_rest_answers() {
    let mut events = many();
    for late in &mut events[30..] {
        late.time = late.time.plus(std::time::Duration::from_secs(7_200));
    }
    let store = store(&events, 60);
    let files = store.archive.files();
    assert_eq!(files.len(), 2);
    let path = store.archive.path(&files[0]);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let result = ask(&store, "*", Scope::All);
    assert_eq!((result.matched, result.partial), (30, true));
    assert_eq!(result.unreadable, [files[0].name.clone()]);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(
        ask(&store, "*", Scope::All).unreadable,
        [files[0].name.clone()],
        "gone, not expired"
    );
}

#[test]
fn case_does_not_matter_in_any_script() {
    let mut events = many();
    events[7].set(field::USER_NAME, Value::Str("ÉCOLE.école"));
    events[8].set(field::USER_NAME, Value::Str("École.ÉCOLE"));
    events[9].set(field::USER_NAME, Value::Str("σσ"));
    events[10].set(field::USER_NAME, Value::Str("ΣΣ"));
    // No capital letter of ASCII in the whole column: the bloom filter must not be trusted.
    events[11].push(field::HOST_NAME, Value::Str("École"));
    for archived in [0, 60] {
        let store = store(&events, archived);
        assert_eq!(ask(&store, "user.name:école.école", Scope::All).matched, 2);
        assert_eq!(ask(&store, "user.name:ÉCOLE*", Scope::All).matched, 2);
        assert_eq!(ask(&store, "host.name:école", Scope::All).matched, 1);
        assert_eq!(ask(&store, "user.name:ΣΣ", Scope::All).matched, 2);
        assert_eq!(ask(&store, "\"FAILED password FOR al\"", Scope::All).matched, 20);
    }
}

#[test]
fn a_deadline_gives_a_partial_answer() {
    let store = store(&many(), 60);
    let request = SearchRequest {
        query: Query::parse("*").unwrap(),
        from: Timestamp::MIN,
        to: Timestamp::MAX,
        scope: Scope::All,
        limit: 10,
        after: None,
        deadline: Some(Instant::now()),
        slice: None,
        include_exercise: true,
    };
    let result = search(&store.journal, &store.archive, &request, &AtomicBool::new(false)).unwrap();
    assert!(result.partial);
    assert_eq!((result.stopped, result.counted), (Some(Stopped::Deadline), false));
    let late = SearchRequest { deadline: None, ..request };
    let result = search(&store.journal, &store.archive, &late, &AtomicBool::new(true)).unwrap();
    assert_eq!((result.stopped, result.matched), (Some(Stopped::Cancelled), 0));
}

/// Reads page after page, each ended by a slice of time that is over before it begins.
fn sliced(store: &Store, query: &str, limit: usize) -> (Vec<u128>, usize, u64) {
    let (mut found, mut pages, mut after) = (Vec::new(), 0, None);
    loop {
        let request = SearchRequest {
            query: Query::parse(query).unwrap(),
            from: Timestamp::MIN,
            to: Timestamp::MAX,
            scope: Scope::All,
            limit,
            after,
            deadline: None,
            slice: Some(Duration::ZERO),
            include_exercise: false,
        };
        let never = AtomicBool::new(false);
        let page = search(&store.journal, &store.archive, &request, &never).unwrap();
        let given = found.len() as u64;
        found.extend(ids(&page));
        pages += 1;
        assert!(!page.partial, "a page that ends early is no partial answer");
        // What `head` leaves is not counted.
        assert!(page.counted || page.next.is_some() || query.contains("head"));
        match page.next {
            Some(next) => {
                assert_eq!(next.to_string().parse(), Ok(next));
                assert!(after.is_none_or(|a: Cursor| (next.time, next.seq) < (a.time, a.seq)));
                after = Some(next);
            }
            None => return (found, pages, given + page.matched),
        }
    }
}

#[test]
fn slices_join_without_gap_or_overlap() {
    let mut events = many();
    for (hour, late) in events.chunks_mut(15).enumerate() {
        for e in late {
            e.time = e.time.plus(std::time::Duration::from_secs(3_600 * hour as u64));
        }
    }
    // One that came late lies in the second file with the first hour's time.
    events[20].time = events[3].time;
    let mut in_order: Vec<(Timestamp, u128)> =
        events.iter().map(|e| (e.time, e.id.as_u128())).collect();
    in_order.sort_by(|a, b| b.cmp(a));
    let in_order: Vec<u128> = in_order.into_iter().map(|(_, id)| id).collect();
    for parts in [&[60][..], &[15, 40], &[0]] {
        let store = store_in_parts(&events, parts);
        for limit in [1_000, 7] {
            let (found, pages, matched) = sliced(&store, "*", limit);
            assert_eq!(found, in_order, "{parts:?} {limit}");
            assert_eq!(matched, 60);
            assert!(pages > 1 || *parts == [0], "{parts:?}: {pages} pages");
        }
        let (found, _, _) = sliced(&store, "* | head 20", 1_000);
        assert_eq!(found, in_order[..20], "head counts over slices");
    }
}

#[test]
fn a_cancelled_page_says_where_to_go_on() {
    let store = store(&many(), 60);
    let request = |after| SearchRequest {
        query: Query::parse("*").unwrap(),
        from: Timestamp::MIN,
        to: Timestamp::MAX,
        scope: Scope::All,
        limit: 1_000,
        after,
        deadline: None,
        slice: None,
        include_exercise: false,
    };
    let cancelled = AtomicBool::new(true);
    let none = search(&store.journal, &store.archive, &request(None), &cancelled).unwrap();
    assert_eq!((ids(&none).len(), none.stopped), (0, Some(Stopped::Cancelled)));
    let go_on = request(none.next);
    let all = search(&store.journal, &store.archive, &go_on, &AtomicBool::new(false)).unwrap();
    assert!(none.next.is_some());
    assert_eq!((ids(&all).len(), all.next), (60, None));
    assert!("1.2".parse::<Cursor>().is_err() && "a.b.c".parse::<Cursor>().is_err());
}

#[test]
fn a_full_page_ends_the_search_and_says_what_it_left() {
    let store = store(&many(), 60);
    let first = ask(&store, "NOT user.name:nobody | head 3", Scope::All);
    assert_eq!(ids(&first), [60, 59, 58]);
    assert!(!first.counted && first.matched < 60 && first.scanned < 60, "{first:?}");
    let all = ask(&store, "* | head 3", Scope::All);
    assert_eq!((all.matched, all.counted), (60, true), "the archive's list counts the rest");
    assert!(all.scanned < 60);
}

#[test]
fn counts_by_the_list_are_those_of_the_rows() {
    let mut events = many();
    events[9].exercise = Some(ExerciseId::from_u128(1));
    for hour in [1, 2] {
        for late in &mut events[20 * hour..] {
            late.time = late.time.plus(std::time::Duration::from_secs(3_600));
        }
    }
    let store = store(&events, 60);
    let hours = ask(&store, "* | histogram 1h", Scope::All);
    assert_eq!(hours.scanned, 16, "only the row group with the exercise in it is read");
    let counts: Vec<String> = table(hours).into_iter().map(|mut r| r.remove(1)).collect();
    assert_eq!(counts, ["19", "20", "20"]);
    assert_eq!(table(ask(&store, "* | count", Scope::All)), [["59"]]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn search_equals_a_naive_filter(
        rows in proptest::collection::vec((0u64..3, 0usize..3, 0i64..5), 1..80),
        archived in 0usize..80, user in 0usize..3, port in 0i64..5, scoped in any::<bool>(),
        by_user in any::<bool>(),
    ) {
        let users = ["root", "Alice", "bob"];
        let events: Vec<Event> = rows
            .iter()
            .enumerate()
            .map(|(n, (s, u, p))| event(n as u64, A + s, users[*u], *p))
            .collect();
        let store = store(&events, archived.min(events.len()));
        let query = if by_user {
            format!("user.name:{} source.port:<{port}", users[user].to_uppercase())
        } else {
            format!("NOT (user.name:{} OR source.port:{port})", users[user])
        };
        let scope = if scoped {
            Scope::Sites([SiteId::from_u64(A).unwrap()].into())
        } else {
            Scope::All
        };
        let fits = |(_, u, p): &(u64, usize, i64)| {
            if by_user { *u == user && *p < port } else { *u != user && *p != port }
        };
        let naive: Vec<u128> = rows
            .iter()
            .enumerate()
            .filter(|(_, row)| fits(row) && (!scoped || row.0 == 0))
            .map(|(n, _)| n as u128 + 1)
            .rev()
            .collect();
        prop_assert_eq!(ids(&ask(&store, &query, scope)), naive);
    }

    #[test]
    fn any_text_never_panics(text in ".{0,60}") {
        let _ = Query::parse(&text);
    }
}
