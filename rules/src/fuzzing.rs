//! What the fuzz targets in `fuzz/` do with bytes, here so that `tests/fuzz_corpus.rs` replays the
//! committed corpus through the same functions on stable. Each panics when something is wrong.

use events::{Event, Lang, Timestamp, json};

use crate::hit::holds;
use crate::intel::{Intel, IntelKind};
use crate::pipeline::Pipelines;
use crate::rule::{RuleIndex, RuleKind};
use crate::{LoadOptions, Loaded, RuleSet, Scratch, Source};

fn source(name: &str, text: &str) -> Source {
    Source::new(name, text)
}

/// Loads a text as rules, lints it, and shows every problem with its caret.
pub fn rule(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    loaded(text, Pipelines::default());
}

fn loaded(text: &str, pipelines: Pipelines) -> Loaded {
    let options = LoadOptions { routing: false, lint: true, pipelines, ..LoadOptions::default() };
    let loaded = RuleSet::load(&[source("f", text)], &options);
    let errors = loaded.problems.iter().any(|p| p.is_error());
    assert_eq!(errors, loaded.rejected > 0, "a refusal has a reason, and a reason refuses");
    for problem in &loaded.problems {
        assert!(text.is_char_boundary(problem.span.start) && problem.span.end <= text.len());
        problem.render(text, Lang::Zh, false);
    }
    loaded
}

/// Reads a text as the condition of a rule with a few items.
pub fn condition(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(written) = serde_json::to_string(text) else { return };
    rule(
        format!(
            "title: t\nlogsource: {{product: x}}\ndetection:\n  a: {{f: 1}}\n  ab: {{g: 2}}\n  _c: {{h: 3}}\n  condition: {written}\n"
        )
        .as_bytes(),
    );
}

/// Reads a text as a pipeline and runs it over rules of many forms.
pub fn pipeline(data: &[u8]) {
    const RULES: &str = "title: a\nid: a\nstatus: test\nlevel: high\ntags: [attack.t1059]\nlogsource: {category: c, product: windows}\ndetection:\n  s: {f|contains|all: [a, 'b*'], g: 1, h: null, Hashes: 'MD5=aa'}\n  t: [x, 'y?z']\n  u: {i|re: '^a', j|cidr: 10.0.0.0/8, k|fieldref: f, l|base64offset|contains: q, m|expand: 'p%v%'}\n  condition: s or t or u\n---\ntitle: b\nid: b\ncorrelation: {type: value_count, rules: [a], group-by: [f], timespan: 1m, condition: {gte: 2, field: g}}\n";
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (pipelines, problems) = Pipelines::load(&[source("p", text)]);
    for problem in &problems {
        problem.render(text, Lang::En, false);
    }
    if problems.is_empty() {
        loaded(RULES, pipelines);
    }
}

/// Rules, then a line of NULs, then an event as JSON: the engine says what the slow evaluator says.
pub fn matcher(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((rules, record)) = text.split_once('\0') else { return };
    let mut event = Event::new();
    if json::read_object(record, &mut event).is_err() {
        return;
    }
    let set = loaded(rules, Pipelines::default()).set;
    let (mut scratch, mut hits) = (Scratch::new(), Vec::new());
    // Twice: the second time the memo answers.
    for _ in 0..2 {
        set.matches(&event, &mut scratch, &mut hits);
        for (at, rule) in set.rules().iter().enumerate() {
            let RuleKind::Detection(d) = &rule.kind else { continue };
            let index = RuleIndex(at as u32);
            let found = hits.iter().any(|h| h.rule == index);
            assert_eq!(found, holds(&d.expr, &event), "rule {at}");
            set.explain(index, &event);
        }
    }
}

/// Reads bytes as a list of each format and looks them up.
pub fn intel(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for name in ["l.txt", "l.json"] {
        let (intel, problems) = Intel::from_text(name, &text);
        assert!(problems.len() <= crate::limits::INTEL_PROBLEMS_MAX + 1);
        for kind in [IntelKind::Address, IntelKind::Domain, IntelKind::Url, IntelKind::Hash] {
            for line in text.lines().take(20) {
                intel.find(kind, line, Timestamp::from_secs(0));
            }
        }
    }
}
