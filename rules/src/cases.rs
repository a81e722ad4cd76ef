//! Tests beside the rules: folders of cases.
//!
//! A case is a file `case.yml` anywhere below the folder, with the events beside it:
//!
//! ```yaml
//! name: encoded command line          # what it shows
//! rule: 5638f7c0-ac70-491d-8465-…     # id or name
//! expect: match                       # or no_match; match if it is left out
//! matches: 3                          # exactly so many events or detections; optional
//! events: events.jsonl                # JSON lines, an object or an array; relative to the file
//! logsource: {product: windows}       # of events that do not show it; optional
//! ```
//!
//! SigmaHQ's `info.yml` (`rule_metadata`, `regression_tests_info`) is a case as well: the events
//! are the JSON files beside it, and `match_count` says how many must match at least (several of
//! SigmaHQ's own files hold more events that match than it says).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use events::{Event, EventId, LogSource, LogSourceId, Timestamp, json};

use crate::engine::{CorrelationLimits, Engine};
use crate::error::Error;
use crate::limits;
use crate::rule::{RuleIndex, RuleKind};
use crate::scratch::Scratch;
use crate::set::RuleSet;
use crate::yaml::{self, Node, Scalar};

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// The file that describes it.
    pub path: PathBuf,
    /// Id or name of the rule.
    pub rule: String,
    /// Whether the rule must fire.
    pub expect_match: bool,
    /// How often exactly, if that is said.
    pub matches: Option<u64>,
    /// How often at least, if that is said.
    pub at_least: Option<u64>,
    logsource: Option<LogSource>,
    events: Vec<PathBuf>,
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseResult {
    /// As expected.
    Passed,
    /// Not so: how often the rule fired.
    Failed(u64),
    /// The rule is not among those loaded.
    NoSuchRule,
}

/// Reads every case below a folder, sorted by path.
///
/// # Errors
/// What cannot be read, or is no case.
pub fn read_cases(dir: &Path) -> Result<Vec<Case>, Error> {
    let mut files = Vec::new();
    collect(dir, &mut files)?;
    files.sort();
    files.iter().map(|path| read(path)).collect()
}

fn collect(dir: &Path, out: &mut Vec<PathBuf>) -> Result<(), Error> {
    let fail = |source| Error::Read { path: dir.to_owned(), source };
    for entry in fs::read_dir(dir).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let (kind, path) = (entry.file_type().map_err(fail)?, entry.path());
        if kind.is_dir() {
            collect(&path, out)?;
        } else if kind.is_file()
            && matches!(entry.file_name().to_str(), Some("case.yml" | "info.yml"))
        {
            out.push(path);
        }
    }
    Ok(())
}

fn text_of(path: &Path, max: usize) -> Result<String, Error> {
    let fail = |source| Error::Read { path: path.to_owned(), source };
    let bytes = fs::metadata(path).map_err(fail)?.len();
    if bytes > max as u64 {
        return Err(Error::TooLarge { path: path.to_owned(), bytes, max });
    }
    String::from_utf8(fs::read(path).map_err(fail)?)
        .map_err(|_| Error::NotUtf8 { path: path.to_owned() })
}

fn read(path: &Path) -> Result<Case, Error> {
    let text = text_of(path, limits::FILE_BYTES_MAX)?;
    let bad = |what: &'static str| Error::Case { path: path.to_owned(), what };
    let (docs, error) = yaml::parse(&text);
    let doc = docs.first().filter(|_| error.is_none()).ok_or(bad("not YAML"))?;
    let part = |node: &Node, name: &str| node.get(name).and_then(Node::text).map(str::to_owned);
    let dir = path.parent().unwrap_or(Path::new("."));
    let count = |node: &Node, name: &str| match node.get(name).map(Node::scalar) {
        None => Ok(None),
        Some(Some(Scalar::Int(n))) if n >= 0 => Ok(Some(n.unsigned_abs())),
        Some(_) => Err(bad("a number of matches is a whole number")),
    };
    if let Some(rules) = doc.get("rule_metadata") {
        let rule = rules.items().first().and_then(|r| part(r, "id")).ok_or(bad("no rule id"))?;
        let tests = doc.get("regression_tests_info").map(Node::items).unwrap_or_default();
        let at_least = match tests {
            [only] => count(only, "match_count")?,
            _ => None,
        };
        let name = tests.first().and_then(|t| part(t, "name")).unwrap_or_default();
        let events = beside(dir)?;
        if events.is_empty() {
            return Err(bad("no JSON events lie beside it"));
        }
        let path = path.to_owned();
        return Ok(Case {
            name,
            path,
            rule,
            expect_match: true,
            matches: None,
            at_least,
            logsource: None,
            events,
        });
    }
    for (key, _) in doc.map().unwrap_or_default() {
        let known = ["name", "rule", "expect", "matches", "events", "logsource"];
        if !key.text().is_some_and(|k| known.contains(&k)) {
            return Err(bad("unknown key"));
        }
    }
    let expect_match = match part(doc, "expect").as_deref() {
        None | Some("match") => true,
        Some("no_match") => false,
        Some(_) => return Err(bad("expect is match or no_match")),
    };
    let logsource = doc.get("logsource").map(|node| {
        let of = |name: &str| part(node, name).unwrap_or_default();
        LogSource::new(&of("product"), &of("category"), &of("service"))
    });
    Ok(Case {
        name: part(doc, "name").unwrap_or_default(),
        path: path.to_owned(),
        rule: part(doc, "rule").ok_or(bad("no rule"))?,
        expect_match,
        matches: count(doc, "matches")?,
        at_least: None,
        logsource,
        events: vec![dir.join(part(doc, "events").ok_or(bad("no events"))?)],
    })
}

fn beside(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let fail = |source| Error::Read { path: dir.to_owned(), source };
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.extension().is_some_and(|e| e == "json" || e == "jsonl") {
            out.push(path);
        }
    }
    out.sort();
    Ok(out)
}

/// Longest file of events of one case, in bytes.
const EVENTS_BYTES_MAX: usize = 256 << 20;

impl Case {
    /// Its events, in the order written.
    ///
    /// # Errors
    /// A file that cannot be read or is no JSON.
    pub fn events(&self) -> Result<Vec<Event>, Error> {
        let mut out = Vec::new();
        for path in &self.events {
            let text = text_of(path, EVENTS_BYTES_MAX)?;
            let bad = || Error::Case { path: path.clone(), what: "the events are not JSON" };
            let stream = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
            for value in stream {
                let list = match value.map_err(|_| bad())? {
                    serde_json::Value::Array(list) => list,
                    one => vec![one],
                };
                for value in list {
                    let mut event = Event::new();
                    json::read_object(&value.to_string(), &mut event).map_err(|_| bad())?;
                    event.time = Timestamp::from_secs(1_700_000_000 + out.len() as i64);
                    event.id = EventId::at(event.time, out.len() as u128 + 1);
                    if let Some(source) = &self.logsource {
                        event.logsource = LogSourceId::intern(source);
                    }
                    out.push(event);
                }
            }
        }
        Ok(out)
    }

    /// Runs it over rules.
    ///
    /// # Errors
    /// Events that cannot be read.
    pub fn run(&self, set: &Arc<RuleSet>) -> Result<CaseResult, Error> {
        let named = |(_, r): &(usize, &crate::Rule)| {
            r.id == self.rule || r.name.as_deref() == Some(self.rule.as_str())
        };
        let Some((at, rule)) = set.rules().iter().enumerate().find(named) else {
            return Ok(CaseResult::NoSuchRule);
        };
        let events = self.events()?;
        let mut fired = 0;
        if matches!(rule.kind, RuleKind::Detection(_)) {
            let (mut scratch, mut hits) = (Scratch::new(), Vec::new());
            for event in &events {
                set.matches(event, &mut scratch, &mut hits);
                fired += u64::from(hits.iter().any(|h| h.rule == RuleIndex(at as u32)));
            }
        } else {
            let mut engine = Engine::new(Arc::clone(set), CorrelationLimits::default());
            let mut out = Vec::new();
            events.iter().for_each(|e| engine.feed(e, &mut out));
            engine.advance(Timestamp::MAX, &mut out);
            fired = out.iter().filter(|d| d.rule.index() == at).count() as u64;
        }
        let passed = (fired > 0) == self.expect_match
            && self.matches.is_none_or(|wanted| wanted == fired)
            && self.at_least.is_none_or(|wanted| wanted <= fired);
        Ok(if passed { CaseResult::Passed } else { CaseResult::Failed(fired) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LoadOptions, Source};

    #[test]
    fn cases_of_both_forms_are_run() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("a/case.yml", "name: one\nrule: t\nevents: e.jsonl\nmatches: 2\n");
        write("a/e.jsonl", "{\"f\":1}\n{\"f\":2}\n{\"f\":1}\n");
        write("b/case.yml", "rule: t\nexpect: no_match\nevents: e.json\n");
        write("b/e.json", "[{\"f\":1}]");
        write(
            "c/info.yml",
            "rule_metadata:\n  - id: t\nregression_tests_info:\n  - name: p\n    match_count: 1\n",
        );
        write("c/x.json", "{\"f\": 1}");
        write("d/case.yml", "rule: gone\nevents: e.json\n");
        let text =
            "title: t\nid: t\nlogsource: {product: x}\ndetection: {s: {f: 1}, condition: s}\n";
        let source = Source::new("t", text);
        let options = LoadOptions { routing: false, ..LoadOptions::default() };
        let set = Arc::new(RuleSet::load(&[source], &options).set);
        let results: Vec<CaseResult> =
            read_cases(dir.path()).unwrap().iter().map(|c| c.run(&set).unwrap()).collect();
        assert_eq!(
            results,
            [CaseResult::Passed, CaseResult::Failed(1), CaseResult::Passed, CaseResult::NoSuchRule]
        );
        write("e/case.yml", "rule: t\nevent: e.json\n");
        assert_eq!(read_cases(dir.path()).unwrap_err().code(), "R095");
    }
}
