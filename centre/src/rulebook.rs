//! The rules in force: loaded from what the configuration names, put to work all at once, and
//! loaded again when a file changes. A set that is worse than the one at work is refused whole,
//! told, and the old one runs on.

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use events::Text;
use rules::{Intel, IntelProblem, LoadOptions, Pipelines, Problem, RuleSet, Source};
use store::state::State;

use crate::config::RulesConfig;
use crate::error::Error;
use crate::exceptions::ExceptionBook;

/// What is at work. Cheap to clone.
#[derive(Clone, Debug)]
pub struct InForce {
    /// The rules.
    pub set: Arc<RuleSet>,
    /// The threat-intelligence lists.
    pub intel: Arc<Intel>,
    /// The files the rules come from.
    pub sources: Arc<Vec<Source>>,
    /// What is wrong with rules.
    pub problems: Arc<Vec<Problem>>,
    /// How many rules were refused.
    pub rejected: usize,
    /// What is wrong with lists.
    pub intel_problems: Arc<Vec<IntelProblem>>,
}

/// The rules of a node.
pub struct RuleBook {
    config: RulesConfig,
    in_force: Mutex<InForce>,
    /// What is known to be harmless.
    pub exceptions: ExceptionBook,
    /// Why the last set was refused, until one is taken.
    refused: Mutex<Option<Text>>,
    /// Of the files at the last look.
    seen: Mutex<u64>,
}

impl RuleBook {
    /// Loads what the configuration names.
    pub fn open(config: RulesConfig, state: Arc<State>) -> Result<Self, Error> {
        let seen = Mutex::new(fingerprint(&config));
        let in_force = load(&config)?;
        Ok(Self {
            exceptions: ExceptionBook::open(state, &in_force.set)?,
            in_force: Mutex::new(in_force),
            config,
            refused: Mutex::default(),
            seen,
        })
    }

    /// What is at work.
    pub fn in_force(&self) -> InForce {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the last set was refused, if the one at work is older.
    pub fn refused(&self) -> Option<Text> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Loads everything again and puts it to work. Refused, with what is at work unchanged, when
    /// there is a fault that was not there before, or no rule left.
    pub fn reload(&self) -> Result<InForce, Error> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = fingerprint(&self.config);
        let done = load(&self.config).and_then(|new| self.accept(new));
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused = done.as_ref().err().map(|error| {
            Text::new(
                format!("新规则未生效，原规则继续运行：{error}"),
                format!("the new rules were refused and the old ones run on: {error}"),
            )
        });
        done
    }

    fn accept(&self, new: InForce) -> Result<InForce, Error> {
        let old = self.in_force();
        let fault = |p: &Problem| (p.file.clone(), p.code, p.rule_id.clone());
        let known: BTreeSet<_> = old.problems.iter().filter(|p| p.is_error()).map(fault).collect();
        let fresh = new.problems.iter().find(|p| p.is_error() && !known.contains(&fault(p)));
        if let Some(p) = fresh {
            let place = format!("{}:{}:{}", p.file, p.line, p.column);
            return Err(refusal(format!("[{}] {place}: {}", p.code, p.message.en)));
        }
        if new.set.rules().is_empty() && !old.set.rules().is_empty() {
            return Err(refusal("no rule could be loaded".to_owned()));
        }
        self.exceptions.compile(&new.set)?;
        *self.in_force.lock().unwrap_or_else(PoisonError::into_inner) = new.clone();
        Ok(new)
    }

    /// Loads again if a file has changed since the last look; `None` when none has.
    pub fn reload_if_changed(&self) -> Option<Result<InForce, Error>> {
        let now = fingerprint(&self.config);
        let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (now != seen).then(|| self.reload())
    }

    /// How rules of this node are loaded.
    pub fn options(&self) -> Result<LoadOptions, Error> {
        options(&self.config)
    }
}

fn refusal(message: String) -> Error {
    Error::Part { part: "rules", message }
}

fn options(config: &RulesConfig) -> Result<LoadOptions, Error> {
    let read = |paths: &[PathBuf]| rules::read_paths(paths).map_err(|e| refusal(e.to_string()));
    let (pipelines, problems) = Pipelines::load(&read(&config.pipelines)?);
    if let Some(p) = problems.first() {
        return Err(refusal(format!("[{}] {}:{}: {}", p.code, p.file, p.line, p.message.en)));
    }
    Ok(LoadOptions { pipelines, ..LoadOptions::default() })
}

fn load(config: &RulesConfig) -> Result<InForce, Error> {
    let mut sources = if config.library { rules::library() } else { Vec::new() };
    sources.extend(rules::read_paths(&config.paths).map_err(|e| refusal(e.to_string()))?);
    let loaded = RuleSet::load(&sources, &options(config)?);
    let (intel, intel_problems) = config.intel.as_deref().map(Intel::load).unwrap_or_default();
    Ok(InForce {
        set: Arc::new(loaded.set),
        intel: Arc::new(intel),
        sources: Arc::new(sources),
        rejected: loaded.rejected,
        problems: Arc::new(loaded.problems),
        intel_problems: Arc::new(intel_problems),
    })
}

/// A number that changes when a file is added, removed or written.
fn fingerprint(config: &RulesConfig) -> u64 {
    let mut hasher = DefaultHasher::new();
    let all = config.paths.iter().chain(&config.pipelines).chain(&config.intel);
    all.for_each(|path| walk(path, &mut hasher));
    hasher.finish()
}

fn walk(path: &Path, hasher: &mut DefaultHasher) {
    path.hash(hasher);
    let Ok(meta) = std::fs::metadata(path) else { return };
    if let (true, Ok(entries)) = (meta.is_dir(), std::fs::read_dir(path)) {
        let mut inner: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
        inner.sort();
        inner.iter().for_each(|p| walk(p, hasher));
        return;
    }
    meta.len().hash(hasher);
    let written = meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    written.map(|d| d.as_nanos()).hash(hasher);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(id: &str, value: &str) -> String {
        format!(
            "title: {id}\nid: {id}\nlogsource: {{product: x}}\ndetection: {{s: {{f: {value}}}, condition: s}}\n"
        )
    }

    #[test]
    fn a_bad_set_is_refused_and_the_old_one_runs_on() {
        let dir = tempfile::tempdir().unwrap();
        let state = Arc::new(State::open(&dir.path().join("state")).unwrap().state);
        let rules = dir.path().join("rules");
        std::fs::create_dir(&rules).unwrap();
        let write = |name: &str, text: &str| std::fs::write(rules.join(name), text).unwrap();
        write("a.yml", &rule("a", "1"));
        // What is wrong from the start is told, and does not stand in the way later.
        write("bad.yml", &rule("bad", "1").replace("f:", "f|foo:"));
        let config = RulesConfig {
            library: false,
            paths: vec![rules.clone()],
            intel: Some(dir.path().join("intel")),
            ..RulesConfig::default()
        };
        let book = RuleBook::open(config, state).unwrap();
        assert_eq!(book.in_force().set.rules().len(), 1);
        assert!(book.reload_if_changed().is_none());

        write("b.yml", &rule("b", "2"));
        let new = book.reload_if_changed().unwrap().unwrap();
        assert_eq!(new.set.rules().len(), 2);

        let old = book.in_force();
        write("b.yml", "title: b\nid: b\ndetection: [");
        assert!(book.reload_if_changed().unwrap().is_err());
        assert!(Arc::ptr_eq(&old.set, &book.in_force().set));
        assert!(book.refused().unwrap().en.contains("b.yml"));
        // Told once, not at every look.
        assert!(book.reload_if_changed().is_none());

        write("b.yml", &rule("b", "3"));
        assert!(book.reload_if_changed().unwrap().is_ok());
        assert!(book.refused().is_none());

        std::fs::create_dir(dir.path().join("intel")).unwrap();
        std::fs::write(dir.path().join("intel/l.txt"), "1.2.3.4\n").unwrap();
        assert_eq!(book.reload_if_changed().unwrap().unwrap().intel.stats().total(), 1);
    }
}
