use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use events::{Event, EventId, LogSource, LogSourceId, SiteId, Timestamp, Value, field};
use rules::{CorrelationLimits, Engine, Scratch};
use store::search::{Answer, Scope, SearchRequest, search};
use store::{Archive, Journal, JournalOptions};

use super::*;

fn hunt(query: &str) -> Hunt {
    let at = Timestamp::from_secs(1_790_000_000);
    Hunt {
        name: "夜间 'root' 登录".to_owned(),
        query: query.to_owned(),
        owner: "analyst".to_owned(),
        created: at,
        changed: at,
    }
}

fn drafted(query: &str) -> Result<String, NotARule> {
    draft(&hunt(query), &Query::parse(query).unwrap(), None)
}

/// Events that differ in everything the queries below ask.
fn events() -> Vec<Event> {
    let mut all = Vec::new();
    for n in 0..96_u64 {
        let mut e = Event::new();
        e.id = EventId::from_u128(u128::from(n) + 1);
        e.time = Timestamp::from_secs(1_790_000_000 + n as i64);
        e.received = e.time;
        e.site = SiteId::from_u64(2_133_000_001).unwrap();
        let service = if n % 2 == 0 { "sshd" } else { "sudo" };
        e.logsource = LogSourceId::intern(&LogSource::new("linux", "", service));
        let user = ["root", "Administrator", "bob", "adm\\in*"][n as usize / 2 % 4];
        e.set_raw(format!("{user} tried {} *starred* at gate", n % 3).as_bytes());
        e.push(field::USER_NAME, Value::Str(user));
        e.push(field::SOURCE_IP, Value::Str(&format!("10.{}.0.9", n / 8 % 3)));
        if n % 5 != 0 {
            e.push(field::SOURCE_PORT, Value::Int(n as i64));
        }
        e.push(field::EVENT_OUTCOME, Value::Str(["failure", "success"][n as usize / 24 % 2]));
        // What a keyword finds must stand in a field too: records are matched whole.
        e.push_named("message", Value::Str(&format!("{user} tried {} *starred* at gate", n % 3)));
        all.push(e);
    }
    all
}

fn by_search(events: &[Event], query: &str) -> BTreeSet<EventId> {
    let dir = tempfile::tempdir().unwrap();
    let options = JournalOptions::default();
    let (journal, _) = Journal::open(&dir.path().join("journal"), options).unwrap();
    let archive = Archive::open(&dir.path().join("archive")).unwrap();
    journal.append(events.to_vec()).unwrap().wait().unwrap();
    let request = SearchRequest {
        query: Query::parse(query).unwrap(),
        from: Timestamp::MIN,
        to: Timestamp::MAX,
        scope: Scope::All,
        limit: 1_000,
        after: None,
        deadline: None,
        slice: None,
        include_exercise: true,
    };
    match search(&journal, &archive, &request, &AtomicBool::new(false)).unwrap().answer {
        Answer::Events(found) => found.iter().map(|e| e.id).collect(),
        Answer::Table { .. } => panic!("a table"),
    }
}

fn by_rule(events: &[Event], text: &str) -> BTreeSet<EventId> {
    let source = Source::new("hunt.yml", text);
    let set = RuleSet::load(&[source], &LoadOptions::default()).set;
    let (mut scratch, mut hits) = (Scratch::new(), Vec::new());
    let mut fired = |event: &Event| {
        hits.clear();
        set.matches(event, &mut scratch, &mut hits);
        !hits.is_empty()
    };
    events.iter().filter(|e| fired(e)).map(|e| e.id).collect()
}

#[test]
fn the_rule_fires_on_what_the_hunt_finds() {
    let events = events();
    for query in [
        "product:linux user.name:root",
        "product:linux service:sshd user.name:ADMIN*",
        "service:sshd AND user.name:(root OR bob) NOT event.outcome:success",
        "service:sshd source.port:>=40 source.port:<60",
        "service:sshd source.port:20..30",
        "service:sudo source.ip:10.1.0.0/16",
        "service:sudo (source.ip:10.1.0.0/16 OR user.name:bob) event.outcome:failure",
        "service:sudo (source.ip:10.1.0.0/16 OR source.ip:10.2.0.0/16)",
        "product:linux NOT source.port:*",
        "product:linux source.port:* user.name:?ob",
        "product:linux user.name:\"adm\\\\in*\"",
        "product:linux \"tried 2\"",
        "product:linux tried*starred NOT user.name:bob",
        "product:linux (\"tried 1\" OR \"tried 2\") user.name:root",
        "product:linux NOT (user.name:root OR (event.outcome:success source.port:>50))",
        "product:linux source.port:42",
        "product:linux event.outcome:failure | table user.name, source.ip",
    ] {
        let text = drafted(query).unwrap_or_else(|e| panic!("{query}: {e}"));
        let records = query.split('|').next().unwrap();
        let found = by_search(&events, records);
        assert!(!found.is_empty() && found.len() < events.len(), "{query} asks nothing");
        assert_eq!(by_rule(&events, &text), found, "{query}\n{text}");
    }
}

#[test]
fn a_count_becomes_a_correlation() {
    let query = "service:sshd event.outcome:failure | count by user.name";
    let often = Often { threshold: 5, timespan: "1m".to_owned() };
    let parsed = Query::parse(query).unwrap();
    assert_eq!(draft(&hunt(query), &parsed, None), Err(NotARule::HowOften));
    let text = draft(&hunt(query), &parsed, Some(&often)).unwrap();
    let source = Source::new("hunt.yml", text.clone());
    let set = RuleSet::load(&[source], &LoadOptions::default()).set;
    assert_eq!(set.rules().len(), 2, "{text}");
    let mut engine = Engine::new(std::sync::Arc::new(set), CorrelationLimits::default());
    let fired: Vec<String> = events()
        .iter()
        .flat_map(|e| {
            let mut out = Vec::new();
            engine.feed(e, &mut out);
            out
        })
        .map(|d| d.rule_id)
        .filter(|id| id.ends_with("-count"))
        .collect();
    assert!(!fired.is_empty(), "{text}");
}

#[test]
fn what_sigma_cannot_say_is_refused_with_its_code() {
    for (query, code) in [
        ("user.name:root", "H001"),
        ("product:lin* user.name:root", "H002"),
        ("product:linux OR product:windows", "H002"),
        ("NOT product:linux user.name:root", "H002"),
        ("product:linux product:windows user.name:x", "H002"),
        ("product:linux site:2133000001", "H003"),
        ("product:linux time:>=2026-11-28 user.name:x", "H003"),
        ("product:linux user.name:x | table site", "H003"),
        ("*", "H004"),
        ("product:linux", "H004"),
        ("product:linux user.name:x | histogram 5m", "H005"),
        ("product:linux user.name:x | count", "H006"),
    ] {
        assert_eq!(drafted(query).map_err(|e| e.code()), Err(code), "{query}");
    }
    let bad = Often { threshold: 5, timespan: "soon".to_owned() };
    let query = "product:linux user.name:x | count by user.name";
    let refused = draft(&hunt(query), &Query::parse(query).unwrap(), Some(&bad));
    assert_eq!(refused.map_err(|e| e.code()), Err("H007"));
}
