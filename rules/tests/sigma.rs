//! Sigma 2.1 by example: every modifier, values, conditions and filters, each with what must
//! match and what must not; and that what cannot be honoured is refused with a code and a place.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

use std::collections::BTreeMap;

use events::{Event, Value, json};
use rules::{LoadOptions, Loaded, RuleSet, Scratch, Source};

fn options() -> LoadOptions {
    let lists = [
        ("admins", vec!["root", "adm_*"]),
        ("nets", vec!["10.0.0.0/8", "fe80::/10"]),
        ("words", vec!["foo", "ba[rz]"]),
    ];
    let lists =
        lists.map(|(name, list)| (name.to_owned(), list.iter().map(|t| (*t).into()).collect()));
    LoadOptions { placeholders: BTreeMap::from(lists), ..LoadOptions::default() }
}

fn load(text: &str) -> Loaded {
    RuleSet::load(&[Source::new("t.yml", text)], &options())
}

fn event(fields: &str) -> Event {
    let mut event = Event::new();
    json::read_object(fields, &mut event).unwrap();
    event
}

fn fires(loaded: &Loaded, fields: &str) -> bool {
    let (mut scratch, mut hits) = (Scratch::new(), Vec::new());
    loaded.set.matches(&event(fields), &mut scratch, &mut hits);
    !hits.is_empty()
}

/// A rule of one detection item.
fn one(item: &str) -> String {
    format!(
        "title: t\nid: t\nlogsource: {{category: x}}\ndetection:\n  s:\n    {item}\n  condition: s\n"
    )
}

fn open(text: &str) -> Loaded {
    let source = Source::new("t.yml", text);
    let loaded = RuleSet::load(&[source], &LoadOptions { routing: false, ..options() });
    assert_eq!(loaded.rejected, 0, "{text}\n{:#?}", loaded.problems);
    loaded
}

#[test]
fn every_modifier_matches_what_it_means() {
    let b64 = r#"{"f":"powershell -enc aHR0cDovL3g="}"#;
    // item, events that match, events that do not
    let table: &[(&str, &[&str], &[&str])] = &[
        ("f: Cmd", &[r#"{"f":"cMD"}"#, r#"{"f":["a","cmd"]}"#], &[r#"{"f":"cmdx"}"#, "{}"]),
        ("f|cased: Cmd", &[r#"{"f":"Cmd"}"#], &[r#"{"f":"cmd"}"#]),
        ("f|contains: b", &[r#"{"f":"abc"}"#], &[r#"{"f":"ac"}"#]),
        ("f|contains|cased: B", &[r#"{"f":"aBc"}"#], &[r#"{"f":"abc"}"#]),
        ("f|startswith: ab", &[r#"{"f":"ABc"}"#], &[r#"{"f":"xab"}"#]),
        ("f|endswith: '\\bc'", &[r#"{"f":"a\\bc"}"#], &[r#"{"f":"abc"}"#]),
        ("f|contains|all: [a, b]", &[r#"{"f":"xbya"}"#], &[r#"{"f":"a"}"#]),
        ("f|neq: a", &[r#"{"f":"b"}"#, "{}"], &[r#"{"f":"A"}"#]),
        ("f|neq: 4", &[r#"{"f":5}"#], &[r#"{"f":4}"#]),
        (
            "f: 18446744073709551615",
            &[r#"{"f":18446744073709551615}"#, r#"{"f":"18446744073709551615"}"#],
            &[r#"{"f":18446744073709551614}"#, r#"{"f":18446744073709552000}"#],
        ),
        (
            "f|neq: 9223372036854775808",
            &[r#"{"f":9223372036854775809}"#],
            &[r#"{"f":9223372036854775808}"#],
        ),
        ("f|gt: 9223372036854775807", &[r#"{"f":18446744073709551615}"#], &[r#"{"f":7}"#]),
        ("f|lt: 18446744073709551615", &[r#"{"f":9223372036854775808}"#], &[r#"{"f":2e19}"#]),
        (
            "f|fieldref: g",
            &[r#"{"f":18446744073709551615,"g":18446744073709551615}"#],
            &[r#"{"f":18446744073709551615,"g":18446744073709551614}"#],
        ),
        ("f|contains|neq: [a, b]", &[r#"{"f":"c"}"#], &[r#"{"f":"xb"}"#]),
        ("f|re: '^a.c$'", &[r#"{"f":"abc"}"#], &[r#"{"f":"ABC"}"#, r#"{"f":"a\nc"}"#]),
        ("f|re|i: '^a.c$'", &[r#"{"f":"ABC"}"#], &[r#"{"f":"x"}"#]),
        ("f|re|i|ignorecase|i: '^a.c$'", &[r#"{"f":"ABC"}"#], &[r#"{"f":"x"}"#]),
        ("f|re|s: '^a.c$'", &[r#"{"f":"a\nc"}"#], &[r#"{"f":"a\n\nc"}"#]),
        ("f|re|m: '^b$'", &[r#"{"f":"a\nb\nc"}"#], &[r#"{"f":"ab"}"#]),
        ("f|re|i|m|s: '^b.c$'", &[r#"{"f":"a\nB\nC"}"#], &[r#"{"f":"bc"}"#]),
        ("f|base64: 'http://'", &[r#"{"f":"aHR0cDovLw=="}"#], &[r#"{"f":"aHR0cDovLx=="}"#]),
        ("f|base64offset|contains: 'http://'", &[b64], &[r#"{"f":"http://"}"#]),
        ("f|wide|base64offset|contains: 'ab'", &[r#"{"f":"xYQBiAx"}"#], &[r#"{"f":"YWI="}"#]),
        ("f|utf16le|base64: 'ab'", &[r#"{"f":"YQBiAA=="}"#], &[r#"{"f":"AGEAYg=="}"#]),
        ("f|utf16be|base64: 'ab'", &[r#"{"f":"AGEAYg=="}"#], &[r#"{"f":"YQBiAA=="}"#]),
        ("f|utf16|base64: 'a'", &[r#"{"f":"//5hAA=="}"#], &[r#"{"f":"YQA="}"#]),
        (
            "f|windash|contains: ' -enc'",
            &[r#"{"f":"p /enc"}"#, r#"{"f":"p –enc"}"#],
            &[r#"{"f":"enc"}"#],
        ),
        (
            "f|contains|windash: '-a -b -c -d -e -f'",
            &[r#"{"f":"x /A –b —c ―d -e /f"}"#],
            &[r#"{"f":"-a -b -c -d -e"}"#],
        ),
        (
            "f|cidr: [10.0.0.0/8, 'fe80::/10']",
            &[r#"{"f":"10.2.3.4"}"#, r#"{"f":"fe80::1"}"#],
            &[r#"{"f":"11.0.0.1"}"#, r#"{"f":"x"}"#],
        ),
        ("f|cidr: '::/0'", &[r#"{"f":"2001:db8::1"}"#], &[r#"{"f":"10.0.0.1"}"#]),
        ("f|exists: true", &[r#"{"f":""}"#, r#"{"f":null}"#], &[r#"{"g":1}"#]),
        ("f|exists: false", &[r#"{"g":1}"#], &[r#"{"f":null}"#]),
        ("f|lt: 5", &[r#"{"f":4}"#, r#"{"f":"4.5"}"#], &[r#"{"f":5}"#, r#"{"f":"x"}"#]),
        ("f|lte: 5", &[r#"{"f":5}"#], &[r#"{"f":6}"#]),
        ("f|gt: 5", &[r#"{"f":6}"#], &[r#"{"f":5}"#, "{}"]),
        ("f|gte: 5", &[r#"{"f":5}"#], &[r#"{"f":4}"#]),
        ("f|fieldref: g", &[r#"{"f":"A","g":"a"}"#], &[r#"{"f":"a","g":"b"}"#, r#"{"f":"a"}"#]),
        ("f|fieldref|startswith: g", &[r#"{"f":"abc","g":"ab"}"#], &[r#"{"f":"abc","g":"bc"}"#]),
        ("f|fieldref|endswith: g", &[r#"{"f":"abc","g":"bc"}"#], &[r#"{"f":"abc","g":"ab"}"#]),
        ("f|fieldref|contains: g", &[r#"{"f":"abc","g":"b"}"#], &[r#"{"f":"abc","g":"x"}"#]),
        ("f|fieldref|neq: g", &[r#"{"f":"a","g":"b"}"#], &[r#"{"f":"a","g":"a"}"#]),
        ("f|expand: '%admins%'", &[r#"{"f":"ROOT"}"#, r#"{"f":"adm_x"}"#], &[r#"{"f":"xroot"}"#]),
        ("f|expand|contains: 'x%admins%'", &[r#"{"f":"-xroot-"}"#], &[r#"{"f":"root"}"#]),
        ("f|cidr|expand: '%nets%'", &[r#"{"f":"10.1.1.1"}"#], &[r#"{"f":"8.8.8.8"}"#]),
        ("f|re|expand: '^%words%$'", &[r#"{"f":"baz"}"#, r#"{"f":"foo"}"#], &[r#"{"f":"bay"}"#]),
        (
            "f|expand: '\\%plain%admins%'",
            &[r#"{"f":"%plainroot"}"#],
            &[r#"{"f":"\\%plainroot"}"#, r#"{"f":"%plain%admins%"}"#],
        ),
        ("f|expand: '100%'", &[r#"{"f":"100%"}"#], &[r#"{"f":"100"}"#]),
        ("f|minute: 7", &[r#"{"f":"2026-11-23T01:07:00Z"}"#], &[r#"{"f":"2026-11-23T01:08:00Z"}"#]),
        (
            "f|hour|gte: 22",
            &[r#"{"f":"2026-11-23T23:00:00Z"}"#],
            &[r#"{"f":"2026-11-23T21:59:00Z"}"#, r#"{"f":"?"}"#],
        ),
        (
            "f|day: [1, 23]",
            &[r#"{"f":"2026-11-23T23:00:00Z"}"#],
            &[r#"{"f":"2026-11-22T23:00:00Z"}"#],
        ),
        (
            "f|week|lt: 2",
            &[r#"{"f":"2026-01-01T00:00:00Z"}"#],
            &[r#"{"f":"2026-11-22T23:00:00Z"}"#],
        ),
        (
            "f|month|neq: 11",
            &[r#"{"f":"2026-01-01T00:00:00Z"}"#],
            &[r#"{"f":"2026-11-22T23:00:00Z"}"#],
        ),
        (
            "f|year|lte: 2025",
            &[r#"{"f":"2025-01-01T00:00:00Z"}"#],
            &[r#"{"f":"2026-11-22T23:00:00Z"}"#],
        ),
        ("f: ['a*c', 'x?z']", &[r#"{"f":"aXXc"}"#, r#"{"f":"xyz"}"#], &[r#"{"f":"xz"}"#]),
        (r"f: 'a\*c'", &[r#"{"f":"a*c"}"#], &[r#"{"f":"abc"}"#]),
        (r"f: 'a\\*'", &[r#"{"f":"a\\b"}"#], &[r#"{"f":"ab"}"#]),
        ("f: null", &["{\"g\":1}", r#"{"f":null}"#], &[r#"{"f":""}"#]),
        ("f: ''", &[r#"{"f":""}"#], &[r#"{"f":"a"}"#, r#"{"f":null}"#]),
        ("f: true", &[r#"{"f":true}"#, r#"{"f":"True"}"#], &[r#"{"f":false}"#]),
        ("f: 1.5", &[r#"{"f":1.5}"#, r#"{"f":"1.50"}"#], &[r#"{"f":1.6}"#]),
        ("a.b: 1", &[r#"{"a":{"b":1}}"#], &[r#"{"a":1}"#]),
    ];
    for (item, yes, no) in table {
        let loaded = open(&one(item));
        for fields in *yes {
            assert!(fires(&loaded, fields), "{item} must match {fields}");
        }
        for fields in *no {
            assert!(!fires(&loaded, fields), "{item} must not match {fields}");
        }
    }
}

#[test]
fn groups_and_conditions_mean_what_sigma_says() {
    let rule = |items: &str, condition: &str| {
        format!(
            "title: t\nid: t\nlogsource: {{category: x}}\ndetection:\n{items}  condition: {condition}\n"
        )
    };
    let items = "  a: {f: 1}\n  b: {g: 1}\n  _c: {h: 1}\n";
    let table: &[(&str, &[&str], &[&str])] = &[
        ("a and b", &[r#"{"f":1,"g":1}"#], &[r#"{"f":1}"#]),
        ("a or b", &[r#"{"g":1}"#], &[r#"{"h":1}"#]),
        ("not a and b", &[r#"{"g":1}"#], &[r#"{"f":1,"g":1}"#]),
        ("not (a or b)", &[r#"{"h":1}"#], &[r#"{"g":1}"#]),
        ("1 of them", &[r#"{"g":1}"#], &[r#"{"h":1}"#]),
        ("any of them", &[r#"{"f":1}"#], &[r#"{"h":1}"#]),
        ("all of them", &[r#"{"f":1,"g":1}"#], &[r#"{"f":1,"h":1}"#]),
        ("1 of _*", &[r#"{"h":1}"#], &[r#"{"f":1}"#]),
        ("1 of *", &[r#"{"g":1}"#], &[r#"{"h":1}"#]),
        ("all of *", &[r#"{"f":1,"g":1}"#], &[r#"{"f":1,"h":1}"#]),
        ("a or b and _c", &[r#"{"f":1}"#, r#"{"g":1,"h":1}"#], &[r#"{"g":1}"#]),
        ("[a, b]", &[r#"{"f":1}"#, r#"{"g":1}"#], &[r#"{"h":1}"#]),
    ];
    for (condition, yes, no) in table {
        let loaded = open(&rule(items, condition));
        yes.iter().for_each(|e| assert!(fires(&loaded, e), "{condition} on {e}"));
        no.iter().for_each(|e| assert!(!fires(&loaded, e), "{condition} on {e}"));
    }
    let keywords = open(&rule("  k: [needle, 'a*z']\n", "k"));
    assert!(fires(&keywords, r#"{"any":"hay NEEDLE hay"}"#));
    assert!(fires(&keywords, r#"{"n":{"o":"xabzx"}}"#));
    assert!(!fires(&keywords, r#"{"any":"hay"}"#));
    let all = open(&rule("  k: {'|all': [one, two]}\n", "k"));
    assert!(fires(&all, r#"{"x":"one","y":"two"}"#) && !fires(&all, r#"{"x":"one"}"#));
    let maps = open(&rule("  s:\n    - {f: 1, g: 1}\n    - h: 1\n", "s"));
    assert!(fires(&maps, r#"{"f":1,"g":1}"#) && fires(&maps, r#"{"h":1}"#));
    assert!(!fires(&maps, r#"{"f":1}"#));
}

const FILTERED: &str = "
title: r
id: r1
name: r_one
logsource: {category: process_creation, product: windows}
detection: {s: {f: 1}, condition: s}
---
title: other
id: r2
logsource: {category: process_creation, product: windows}
detection: {s: {f: 1}, condition: s}
---
title: linux
id: r3
logsource: {category: process_creation, product: linux}
detection: {s: {f: 1}, condition: s}
---
";

fn ids(loaded: &Loaded, fields: &str) -> Vec<String> {
    let (mut scratch, mut hits) = (Scratch::new(), Vec::new());
    loaded.set.matches(&event(fields), &mut scratch, &mut hits);
    hits.iter().map(|h| loaded.set.rule(h.rule).id.clone()).collect()
}

#[test]
fn filters_add_to_the_rules_they_name() {
    let filter = |rules: &str| {
        format!(
            "{FILTERED}title: known administrators\nlogsource: {{category: process_creation, product: windows}}\nfilter:\n  rules: {rules}\n  selection:\n    User|startswith: adm_\n  condition: not selection\n"
        )
    };
    let quiet = r#"{"f":1,"User":"adm_li"}"#;
    for (rules, left) in [
        ("[r1]", vec!["r2", "r3"]),
        ("[r_one]", vec!["r2", "r3"]),
        ("[r1, r2]", vec!["r3"]),
        // Every rule of its log source, and no other.
        ("any", vec!["r3"]),
    ] {
        let loaded = open(&filter(rules));
        assert_eq!(ids(&loaded, quiet), left, "{rules}");
        assert_eq!(ids(&loaded, r#"{"f":1,"User":"li"}"#), ["r1", "r2", "r3"]);
    }
    // A rule of another log source is named, but not filtered: said, not silent.
    let loaded = open(&filter("[r3, gone]"));
    let codes: Vec<_> = loaded.problems.iter().map(|p| p.code).collect();
    assert_eq!(codes, ["R040"]);
    assert_eq!(ids(&loaded, quiet), ["r1", "r2", "r3"]);
}

#[test]
fn what_cannot_be_honoured_is_refused_with_code_and_place() {
    let table: &[(&str, &str, &str)] = &[
        ("f|contians: a", "R010", "f|contians"),
        ("f|re|contains: a", "R011", "f|re|contains"),
        ("f|hour|minute: 1", "R011", "f|hour|minute"),
        ("f|i: a", "R011", "f|i"),
        ("f|re: 'a(?=b)'", "R013", "'a(?=b)'"),
        ("f|re: '('", "R013", "'('"),
        ("f|cidr: 10.0.0.0/99", "R012", "10.0.0.0/99"),
        ("f|gt: many", "R012", "many"),
        ("f|exists: 1", "R012", "1"),
        ("f|hour: noon", "R012", "noon"),
        ("f|expand: '%nothing%'", "R014", "'%nothing%'"),
        ("f|base64: 'a*'", "R012", "'a*'"),
        ("f|wide|windash: -a", "R011", "-a"),
        ("f: [[a]]", "R008", "[a]"),
        ("f: []", "R008", "f"),
    ];
    for (item, code, place) in table {
        let text = one(item);
        let loaded = load(&text);
        let problem = loaded.problems.iter().find(|p| p.code == *code);
        let problem = problem.unwrap_or_else(|| panic!("{item}: {:#?}", loaded.problems));
        assert!(problem.is_error() && loaded.set.rules().is_empty(), "{item}");
        assert_eq!(&text[problem.span.clone()], *place, "{item}");
    }
}

#[test]
fn one_file_gives_all_its_problems_at_once() {
    let text = "title: t\nid: t\nodd: 1\nlevel: grave\nlogsource: {products: x}\ndetection:\n  s:\n    f|foo: 1\n    g|re: '['\n  condition: s and\n";
    let mut codes: Vec<_> = load(text).problems.iter().map(|p| p.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["R006", "R006", "R008", "R010", "R013", "R020"]);
    let text = "title: t\nid: t\nlogsource: {product: x}\ndetection:\n  s:\n    f|foo: 1\n    g|re: '['\n  condition: s and x or y\n";
    let mut codes: Vec<_> = load(text).problems.iter().map(|p| p.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["R010", "R013", "R021", "R021"]);
}

#[test]
fn correlations_that_mean_nothing_are_refused() {
    let base =
        "title: a\nid: a\nlogsource: {product: t}\ndetection: {s: {k: a}, condition: s}\n---\n";
    let table = [
        ("correlation: {type: event_cuont, rules: [a], timespan: 1m, condition: {gte: 1}}", "R032"),
        ("correlation: {type: event_count, rules: [b], timespan: 1m, condition: {gte: 1}}", "R030"),
        ("correlation: {type: event_count, rules: [c], timespan: 1m, condition: {gte: 1}}", "R031"),
        (
            "correlation: {type: event_count, rules: [a, a], timespan: 1m, condition: {gte: 1}}",
            "R032",
        ),
        ("correlation: {type: event_count, rules: [a], timespan: 1y, condition: {gte: 1}}", "R033"),
        ("correlation: {type: event_count, rules: [a], timespan: 1m}", "R007"),
        ("correlation: {type: value_sum, rules: [a], timespan: 1m, condition: {gte: 1}}", "R032"),
        (
            "correlation: {type: value_sum, rules: [a], timespan: 1m, condition: {gte: 1, field: [a, b]}}",
            "R032",
        ),
        ("correlation: {type: temporal, rules: [a], timespan: 1m, window: 3}", "R006"),
        ("correlation: {type: temporal, rules: [a], timespan: 1m, condition: a and}", "R020"),
        ("correlation: {type: temporal, rules: [a], timespan: 1m, condition: a or b}", "R030"),
        ("correlation: {type: temporal, rules: [a], timespan: 1m, condition: 1 of them}", "R032"),
        ("correlation: {type: temporal_ordered, rules: [a], timespan: 1m, condition: a}", "R032"),
        ("correlation: {type: event_count, rules: [a], timespan: 1m, condition: a}", "R032"),
        (
            "correlation: {type: temporal, rules: [a], timespan: 1m}\nlogsource: {product: x}",
            "R006",
        ),
        ("correlation: {type: temporal, rules: [a], timespan: 1m, aliases: {x: {b: y}}}", "R030"),
    ];
    for (body, code) in table {
        let loaded = load(&format!("{base}title: c\nid: c\n{body}\n"));
        assert!(
            loaded.problems.iter().any(|p| p.code == code && p.is_error()),
            "{body}: {:#?}",
            loaded.problems
        );
        assert_eq!(loaded.set.rules().len(), 1, "{body}");
    }
    let body =
        "correlation: {type: value_sum, rules: [a], timespan: 1y, condition: {gte: x}, aliases: a}";
    let mut codes: Vec<_> =
        load(&format!("{base}title: c\nid: c\n{body}\n")).problems.iter().map(|p| p.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["R008", "R032", "R033"], "all at once");
    let both = load(&format!(
        "{base}title: c\nid: c\ngenerate: true\ncorrelation: {{type: temporal, rules: [a], timespan: 1m}}\n"
    ));
    assert!(both.problems.is_empty() && !both.set.get("a").unwrap().silent);
    // A cycle of two.
    let cycle = "title: c\nid: c\ncorrelation: {type: temporal, rules: [d], timespan: 1m}\n---\ntitle: d\nid: d\ncorrelation: {type: temporal, rules: [c], timespan: 1m}\n";
    let codes: Vec<_> = load(cycle).problems.iter().map(|p| p.code).collect();
    assert_eq!(codes, ["R031", "R031"]);
    let mut e = Event::new();
    e.push_named("k", Value::Str("a"));
}
