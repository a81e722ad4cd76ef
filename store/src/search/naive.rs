//! Search against a reading of its language that a person can check: random records, random
//! queries with what they mean beside them, random splits between archive and journal.

use std::sync::atomic::AtomicBool;

use events::field;
use events::{
    Event, EventId, ExerciseId, FieldId, LogSource, LogSourceId, SiteId, Timestamp, Value,
};
use proptest::prelude::*;

use super::tests::{Store, store_in_parts};
use super::*;

const SITES: [u64; 3] = [0, 2_133_000_001, 2_133_000_002];
const USERS: [&str; 5] = ["root", "Root", "alice", "张老师", "bob smith"];
const ADDRESSES: [&str; 5] = ["10.0.0.1", "10.0.1.1", "192.168.0.7", "fe80::1", "FE80::1"];
const OUTCOMES: [&str; 3] = ["success", "Failure", "unknown"];
const PRODUCTS: [&str; 5] = ["linux", "Linux", "windows", "", "nginx"];
const HOUR_SECS: i64 = 3_600;

prop_compose! {
    fn any_event()(
        secs in 0i64..5 * HOUR_SECS, site in 0usize..3, exercise in proptest::bool::weighted(0.1),
        users in proptest::collection::vec(0usize..5, 0..3), address in 0usize..6,
        port in prop_oneof![Just(None), (0i64..6).prop_map(Some)], port_as_text in any::<bool>(),
        word in prop_oneof![Just("login"), Just("LOGIN failed"), Just("登录 失败"), Just("")],
        native in prop_oneof![Just(None), (0i64..4).prop_map(Some)],
        // Few values, sometimes one more than the archive counts, seldom two in one record.
        outcomes in prop_oneof![
            20 => proptest::collection::vec(0usize..2, 0..2),
            1 => proptest::collection::vec(0usize..3, 0..3),
        ],
        product in prop_oneof![20 => 0usize..3, 1 => 0usize..5],
    ) -> Event {
        let mut event = Event::new();
        event.time = Timestamp::from_secs(1_790_000_000 + secs);
        event.site = SiteId::from_u64(SITES[site]).unwrap();
        event.exercise = exercise.then(|| ExerciseId::from_u128(5));
        event.set_raw(format!("<13> {word} from {port:?}").as_bytes());
        event.logsource = LogSourceId::intern(&LogSource::new(PRODUCTS[product], "", ""));
        for outcome in &outcomes {
            event.push(field::EVENT_OUTCOME, Value::Str(OUTCOMES[*outcome]));
        }
        for user in &users {
            event.push(field::USER_NAME, Value::Str(USERS[*user]));
        }
        if let Some(address) = ADDRESSES.get(address) {
            event.push(field::SOURCE_IP, Value::Str(address));
        }
        let text = port.unwrap_or(0).to_string();
        match port {
            Some(_) if port_as_text => event.push(field::SOURCE_PORT, Value::Str(&text)),
            Some(port) => event.push(field::SOURCE_PORT, Value::Int(port)),
            None => {}
        }
        if let Some(native) = native {
            event.push_named("Native.Field", Value::Float(native as f64 / 2.0));
        }
        event
    }
}

/// A query and what it means.
struct Meaning {
    text: String,
    holds: Box<dyn Fn(&Event) -> bool>,
}

impl std::fmt::Debug for Meaning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

fn meaning(text: impl Into<String>, holds: impl Fn(&Event) -> bool + 'static) -> Meaning {
    Meaning { text: text.into(), holds: Box::new(holds) }
}

fn any_text(event: &Event, field: FieldId, fits: impl Fn(&str) -> bool) -> bool {
    event.all(field).any(|v| fits(&v.text().to_lowercase()))
}

fn condition() -> BoxedStrategy<Meaning> {
    prop_oneof![
        Just(()).prop_map(|()| meaning("*", |_| true)),
        (0usize..5).prop_map(|n| meaning(format!("user.name:\"{}\"", USERS[n]), move |e| {
            any_text(e, field::USER_NAME, |u| u == USERS[n].to_lowercase())
        })),
        (0usize..5).prop_map(|n| meaning(format!("source.ip:\"{}\"", ADDRESSES[n]), move |e| {
            any_text(e, field::SOURCE_IP, |a| a == ADDRESSES[n].to_lowercase())
        })),
        Just(()).prop_map(|()| meaning("source.ip:10.0.0.0/16", |e| {
            any_text(e, field::SOURCE_IP, |a| a.starts_with("10.0."))
        })),
        Just(()).prop_map(|()| meaning("user.name:*o*", |e| {
            any_text(e, field::USER_NAME, |u| u.contains('o'))
        })),
        (0i64..7).prop_map(|n| meaning(format!("source.port:>={n}"), move |e| {
            e.int(field::SOURCE_PORT).is_some_and(|p| p >= n)
        })),
        (0i64..7).prop_map(|n| meaning(format!("source.port:{n}"), move |e| {
            e.int(field::SOURCE_PORT) == Some(n)
        })),
        Just(()).prop_map(|()| meaning("source.port:*", |e| e.get(field::SOURCE_PORT).is_some())),
        (0i64..4).prop_map(|n| meaning(format!("Native.Field:<{n}"), move |e| {
            let native = FieldId::intern("Native.Field").unwrap();
            e.all(native).any(|v| v.as_f64().is_some_and(|f| f < n as f64))
        })),
        Just(()).prop_map(|()| meaning("login", |e| e.raw_text().to_lowercase().contains("login"))),
        Just(())
            .prop_map(|()| meaning("\"登录 失败\"", |e| e.raw_text().contains("登录 失败"))),
        (0i64..5 * HOUR_SECS, 0i64..HOUR_SECS).prop_map(|(from, long)| {
            let time = |secs: i64| Timestamp::from_secs(1_790_000_000 + secs);
            let (from, to) = (time(from), time(from + long));
            meaning(format!("time:{from}..{to}"), move |e| from <= e.time && e.time <= to)
        }),
        (0i64..5 * HOUR_SECS).prop_map(|n| {
            let from = Timestamp::from_secs(1_790_000_000 + n);
            meaning(format!("time:<{from}"), move |e| e.time < from)
        }),
        (0i64..7).prop_map(|n| meaning(format!("source.port:..{n}"), move |e| {
            e.int(field::SOURCE_PORT).is_some_and(|p| p <= n)
        })),
        outcome(),
        (0usize..4).prop_map(|n| meaning(format!("product:\"{}\"", PRODUCTS[n]), move |e| {
            e.logsource.get().product.to_lowercase() == PRODUCTS[n].to_lowercase()
        })),
        (0usize..3).prop_map(|n| {
            let site = SiteId::from_u64(SITES[n]).unwrap();
            meaning(format!("site:{site}"), move |e| e.site == site)
        }),
    ]
    .boxed()
}

fn outcome() -> BoxedStrategy<Meaning> {
    let any = |e: &Event, fits: &dyn Fn(&str) -> bool| any_text(e, field::EVENT_OUTCOME, fits);
    prop_oneof![
        (0usize..3).prop_map(move |n| meaning(
            format!("event.outcome:{}", OUTCOMES[n]),
            move |e| any(e, &|o| o == OUTCOMES[n].to_lowercase())
        )),
        Just(()).prop_map(move |()| meaning("event.outcome:f*e", move |e| {
            any(e, &|o| o == "failure")
        })),
        Just(()).prop_map(move |()| meaning("event.outcome:*", move |e| any(e, &|_| true))),
    ]
    .boxed()
}

fn query() -> BoxedStrategy<Meaning> {
    let condition = prop_oneof![3 => condition(), 1 => outcome()];
    combined(condition.boxed())
}

/// Conditions, put together and turned round.
fn combined(condition: BoxedStrategy<Meaning>) -> BoxedStrategy<Meaning> {
    condition
        .prop_recursive(3, 8, 2, |inner| {
            let pair = (inner.clone(), inner.clone(), 0..3u8);
            prop_oneof![
                pair.prop_map(|(a, b, how)| {
                    let (x, y) = (a.holds, b.holds);
                    match how {
                        0 => meaning(format!("({} OR {})", a.text, b.text), move |e| x(e) || y(e)),
                        1 => meaning(format!("({} {})", a.text, b.text), move |e| x(e) && y(e)),
                        _ => meaning(format!("({} AND {})", a.text, b.text), move |e| x(e) && y(e)),
                    }
                }),
                inner.prop_map(|a| {
                    let x = a.holds;
                    meaning(format!("NOT {}", a.text), move |e| !x(e))
                }),
            ]
        })
        .boxed()
}

/// Counts by a name, as a table of them.
fn by_name(names: impl Iterator<Item = String>) -> Vec<Vec<String>> {
    let mut counts = std::collections::BTreeMap::<String, u64>::new();
    names.for_each(|name| *counts.entry(name).or_default() += 1);
    counts.into_iter().map(|(name, n)| vec![name, n.to_string()]).collect()
}

fn ask(
    store: &Store,
    query: &str,
    window: (i64, i64),
    scope: Scope,
    exercises: bool,
) -> SearchResult {
    let request = SearchRequest {
        query: Query::parse(query).unwrap(),
        from: Timestamp::from_secs(1_790_000_000 + window.0),
        to: Timestamp::from_secs(1_790_000_000 + window.1),
        scope,
        limit: 25,
        after: None,
        deadline: None,
        slice: None,
        include_exercise: exercises,
    };
    search(&store.journal, &store.archive, &request, &AtomicBool::new(false)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_query_finds_what_it_means(
        mut events in proptest::collection::vec(any_event(), 1..120),
        cuts in (0usize..120, 0usize..120),
        queries in proptest::collection::vec(prop_oneof![query(), combined(outcome())], 1..6),
        from in 0i64..HOUR_SECS, to in 2 * HOUR_SECS..6 * HOUR_SECS,
        scoped in any::<bool>(), exercises in any::<bool>(),
    ) {
        for (n, event) in (1..).zip(&mut events) {
            event.id = EventId::from_u128(n);
        }
        let (first, second) = (cuts.0.min(events.len()), cuts.1.min(events.len()));
        let store = store_in_parts(&events, &[first.min(second), first.max(second)]);
        let sites = [SITES[0], SITES[1]].map(|s| SiteId::from_u64(s).unwrap());
        let scope = if scoped { Scope::Sites(sites.into()) } else { Scope::All };
        for query in &queries {
            let seen = |e: &&Event| {
                let at = e.time.secs() - 1_790_000_000;
                (from..to).contains(&at)
                    && (!scoped || sites.contains(&e.site))
                    && (exercises || e.exercise.is_none())
                    && (query.holds)(e)
            };
            let mut expected: Vec<&Event> = events.iter().filter(seen).collect();
            expected.sort_by_key(|e| std::cmp::Reverse((e.time, e.id)));
            let found = ask(&store, &query.text, (from, to), scope.clone(), exercises);
            prop_assert!(!found.partial);
            // A page that is full leaves older records uncounted, and says so.
            let all = expected.len() as u64;
            prop_assert!(found.matched == all || (!found.counted && found.matched < all));
            prop_assert!(found.counted || (found.next.is_some() && found.matched >= 25));
            let Answer::Events(newest) = found.answer else { panic!("a table") };
            let matching = expected.clone();
            expected.truncate(25);
            prop_assert_eq!(newest.iter().collect::<Vec<_>>(), expected);

            let counted = format!("{} | count by site", query.text);
            let counted = ask(&store, &counted, (from, to), scope.clone(), exercises);
            let Answer::Table { rows, .. } = &counted.answer else { panic!("records") };
            let sum: u64 = rows.iter().map(|r| r[1].parse::<u64>().unwrap()).sum();
            prop_assert_eq!(sum, all, "{}", &query.text);
            prop_assert!(counted.counted);

            let first = |e: &&Event, f| e.get(f).map_or(String::new(), |v| v.text().into_owned());
            let bucket = |e: &&Event, secs: i64| {
                let local = e.time.secs() + 8 * HOUR_SECS;
                let begin = Timestamp::from_secs(local.div_euclid(secs) * secs).to_rfc3339();
                begin.replace('Z', "+08:00")
            };
            let of = || matching.iter();
            for (pipe, wanted) in [
                ("count by event.outcome", by_name(of().map(|e| first(e, field::EVENT_OUTCOME)))),
                ("count by product", by_name(of().map(|e| e.logsource.get().product.clone()))),
                ("count by site", by_name(of().map(|e| e.site.to_string()))),
                ("count", vec![vec![all.to_string()]]),
                ("histogram 1h", by_name(of().map(|e| bucket(e, 3_600)))),
                ("histogram 1m", by_name(of().map(|e| bucket(e, 60)))),
                ("histogram 90s", by_name(of().map(|e| bucket(e, 90)))),
                ("histogram 5h", by_name(of().map(|e| bucket(e, 5 * HOUR_SECS)))),
                ("histogram 7m", by_name(of().map(|e| bucket(e, 420)))),
            ] {
                let text = format!("{} | {pipe}", query.text);
                let found = ask(&store, &text, (from, to), scope.clone(), exercises);
                let Answer::Table { mut rows, .. } = found.answer else { panic!("records") };
                rows.sort();
                prop_assert_eq!(rows, wanted, "{}", text);
                prop_assert_eq!((found.matched, found.counted), (all, true), "{}", text);
            }
        }
    }
}
