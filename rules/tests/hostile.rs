//! Bad input is bounded: each kind has its code, and what is good beside it still works.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

use std::sync::Arc;

use events::event::Marks;
use events::{Event, Value, json};
use rules::{CorrelationLimits, Engine, LoadOptions, Loaded, RuleSet, Scratch, Source, limits};

fn load(text: String) -> Loaded {
    let good = "title: good\nid: good\nlogsource: {product: x}\ndetection: {s: {f|contains: a}, condition: s}\n";
    let sources = [Source::new("bad.yml", text), Source::new("good.yml", good)];
    let options = LoadOptions { routing: false, lint: true, ..LoadOptions::default() };
    let loaded = RuleSet::load(&sources, &options);
    assert!(loaded.set.get("good").is_some(), "the rest works");
    loaded
}

fn code(text: String) -> &'static str {
    let loaded = load(text);
    let found: Vec<&'static str> =
        loaded.problems.iter().filter(|p| p.is_error()).map(|p| p.code).collect();
    assert_eq!((found.len(), loaded.rejected), (1, 1), "{found:?}");
    found[0]
}

fn item(item: &str) -> String {
    format!(
        "title: t\nid: t\nlogsource: {{product: x}}\ndetection:\n  s: {{{item}}}\n  condition: s\n"
    )
}

#[test]
fn hostile_expressions_are_refused() {
    let nested = format!("{}a{}", "(".repeat(200), ")".repeat(200));
    for regex in [
        "(a{1000}){1000}".to_owned(),
        "((((a{90}){90}){90}){90})".to_owned(),
        r"(\w{1,500}\W{1,500}){50}".to_owned(),
        nested,
        "x*".repeat(9_000),
        r"(a)\1".to_owned(),
        "(?<=a)b".to_owned(),
        "[".to_owned(),
    ] {
        let got = code(item(&format!("f|re: '{regex}'")));
        assert!(matches!(got, "R013" | "R002"), "{got} for {}", &regex[..regex.len().min(30)]);
    }
    // What backtracking engines die of is plain here.
    let set = load(item("f|re: '^(a+)+$'")).set;
    let mut event = Event::new();
    event.push_named("f", Value::Str(&format!("{}b", "a".repeat(100_000))));
    let (mut scratch, mut hits) = (Scratch::new(), Vec::new());
    set.matches(&event, &mut scratch, &mut hits);
    assert_eq!(hits.len(), 1, "the good rule alone");
}

#[test]
fn expressions_that_are_too_much_together_are_refused() {
    // Each is within the bound of one.
    let large = |n: usize| format!("'\\w{{1,60}}x{n}'");
    let list = |many: usize| (0..many).map(large).collect::<Vec<_>>().join(", ");
    assert!(load(item(&format!("f|re: [{}]", list(4)))).problems.is_empty());
    let loaded = load(item(&format!("f|re: [{}]", list(60))));
    assert!(loaded.rejected == 1 && loaded.problems.iter().all(|p| p.code == "R013"));
    // What many rules share counts once.
    let one =
        |n: usize| item(&format!("f|re: [{}]", list(4))).replace("id: t", &format!("id: t{n}"));
    let shared: Vec<String> = (0..20).map(one).collect();
    assert_eq!(load(shared.join("---\n")).rejected, 0);
}

#[test]
fn a_file_of_nothing_but_faults_is_refused_with_the_first_ones() {
    let keys: String = (0..30_000).map(|n| format!("k{n}: 1\n")).collect();
    let loaded = load(format!("{}{keys}", item("f: a")));
    assert_eq!(loaded.rejected, 1);
    assert_eq!(loaded.problems.len(), limits::PROBLEMS_PER_FILE_MAX + 1);
    let last = loaded.problems.last().unwrap();
    assert_eq!(
        (last.code, last.message.en.as_str()),
        ("R002", "29800 more problems are not listed")
    );
}

#[test]
fn files_that_are_too_much_are_refused() {
    let big = format!("title: t\ndescription: {}\n", "x".repeat(10 << 20));
    assert_eq!(code(big), "R002");
    let bomb = (0..9).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
        format!(
            "{text}a{}: &a{} [*a{n}, *a{n}, *a{n}, *a{n}, *a{n}, *a{n}, *a{n}, *a{n}]\n",
            n + 1,
            n + 1
        )
    });
    assert_eq!(code(bomb), "R004");
    assert_eq!(code("[".repeat(100)), "R003");
    // With more, the parser's own bound comes first.
    assert!(matches!(code("[".repeat(500_000)), "R001" | "R003"));
    assert!(matches!(code("{a: ".repeat(100_000)), "R001" | "R003"));
    let steps: String = (0..1_000).map(|n| format!("{}k:\n", " ".repeat(n))).collect();
    assert_eq!(code(steps), "R003");
    let list = "1,".repeat(limits::NODES_MAX);
    assert_eq!(code(item(&format!("f: [{list}1]"))), "R002");
    let long = "x".repeat(limits::PATTERN_BYTES_MAX + 1);
    assert_eq!(code(item(&format!("f|contains: {long}"))), "R002");
}

#[test]
fn conditions_that_are_too_much_are_refused() {
    let with = |condition: String| {
        item("f: 1").replace("condition: s", &format!("condition: {condition}"))
    };
    assert_eq!(code(with(format!("{}s{}", "(".repeat(500), ")".repeat(500)))), "R003");
    assert_eq!(code(with(format!("s{}", " and s".repeat(5_000)))), "R002");
    assert_eq!(code(with(format!("{}s", "not ".repeat(5_000)))), "R002");
    // Each use of a long list counts.
    let list: Vec<String> = (0..20_000).map(|n| format!("'v{n}'")).collect();
    let text = item(&format!("f: [{}]", list.join(",")));
    assert_eq!(code(text.replace("condition: s", "condition: s or not s or s or s")), "R002");
}

#[test]
fn values_that_multiply_are_bounded() {
    let dashes = "-a ".repeat(40);
    assert!(load(item(&format!("f|windash|contains: '{dashes}'"))).problems.is_empty());
    let beyond = format!("{dashes}学");
    assert_eq!(code(item(&format!("f|windash|contains: '{beyond}'"))), "R002");
    // Many values of a few options each: refused as soon as they are too many.
    let values: Vec<String> = (0..2_000).map(|n| format!("'-a -b -c -v{n}'")).collect();
    assert_eq!(code(item(&format!("f|windash|contains: [{}]", values.join(", ")))), "R002");
    let mut options = LoadOptions::default();
    let list: Vec<String> = (0..1_000).map(|n| n.to_string()).collect();
    options.placeholders.insert("x".into(), list);
    let source = Source::new("t", item("f|expand: '%x%%x%%x%'"));
    let loaded = RuleSet::load(&[source], &options);
    assert_eq!((loaded.rejected, loaded.problems[0].code), (1, "R002"));
}

#[test]
fn events_beyond_every_bound_are_cut_marked_and_counted() {
    let fields: Vec<String> = (0..5_000).map(|n| format!("\"h{}\":\"v{n}a\"", n % 3_000)).collect();
    let mut many = Event::new();
    json::read_object(&format!("{{{}}}", fields.join(",")), &mut many).unwrap();
    assert!(many.len() <= events::limits::FIELDS_MAX && many.marks.has(Marks::FIELDS_DROPPED));

    let mut long = Event::new();
    json::read_object(&format!("{{\"f\":\"{}a\"}}", "x".repeat(1 << 20)), &mut long).unwrap();
    assert!(long.marks.has(Marks::CUT));

    let rules = format!(
        "{}---\n{}",
        item("f|contains: a"),
        item("'|all': [needle]").replace("id: t", "id: k")
    );
    let set = Arc::new(load(rules).set);
    let mut engine = Engine::new(Arc::clone(&set), CorrelationLimits::default());
    let mut out = Vec::new();
    for event in [&many, &long, &Event::new()] {
        engine.feed(event, &mut out);
    }
    assert_eq!(engine.stats().cut, 2);
    // What was cut away cannot match, and says so by its mark.
    assert!(out.is_empty(), "{out:?}");
    // Deep JSON.
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let mut event = Event::new();
    let read = json::read_object(&deep, &mut event);
    assert!(read.is_err() || event.marks.has(Marks::FIELDS_DROPPED));
}
