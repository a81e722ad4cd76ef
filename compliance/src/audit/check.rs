//! A check (检查项): one TOML file that names the items it serves, what to look at, what is
//! expected, the remedy, and its own tests.

use std::collections::BTreeMap;

use events::{Severity, Text};
use serde::{Deserialize, Serialize};

use super::catalogue::Catalogue;
use super::error::AuditError;
use super::expect::{Expect, RawExpect};
use super::host::{Command, RecordedHost, TlsSeen};
use super::own::OwnRecords;
use super::probe::Probe;
use super::verdict::VerdictKind;

/// The id of a check, such as `accounts.empty-password`.
pub type CheckId = String;

/// Where the numbers of a check come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberSource {
    /// The standard itself asks for it.
    Standard,
    /// Public guide on high risk (2025).
    Guide,
    /// Practice of assessors or a public baseline; not in the standard.
    Practice,
}

/// What a target without the thing judged gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// 不适用: nothing to judge.
    NotApplicable,
    /// 不符合: the thing itself is required.
    NonConform,
    /// 待举证: no record of ours speaks; a person has to.
    PendingAttestation,
}

/// When a check applies.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applies {
    /// It applies when one of these paths exists.
    #[serde(default)]
    pub any_path: Vec<String>,
    /// It applies when a probe saw one of these facts.
    #[serde(default)]
    pub any_fact: Vec<String>,
    /// What the target gets when none does.
    pub otherwise: Otherwise,
    /// Why an assessor would judge so.
    pub why: Text,
}

/// One fixture of a check.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    /// What it shows.
    pub name: String,
    /// The verdict it must get: a word of [`VerdictKind::as_str`].
    pub verdict: String,
    /// Files with their text.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// Empty directories.
    #[serde(default)]
    dirs: Vec<String>,
    /// Mode and owner of a path: `0640 0 42`.
    #[serde(default)]
    modes: BTreeMap<String, String>,
    /// Age of a file in hours, before the fixture's now.
    #[serde(default)]
    age_hours: BTreeMap<String, i64>,
    /// Paths and commands that are refused.
    #[serde(default)]
    denied: Vec<String>,
    /// Output of commands.
    #[serde(default)]
    commands: BTreeMap<String, String>,
    /// Rows a database answers, by the name of the question; `settings` holds name and value.
    #[serde(default)]
    rows: BTreeMap<String, Vec<Vec<String>>>,
    /// What a TLS endpoint showed.
    tls: Option<TlsSeen>,
    /// Records of this program.
    own: Option<OwnRecords>,
}

/// A loaded check.
#[derive(Clone, Debug)]
pub struct Check {
    /// Stable id, `topic.slug`.
    pub id: CheckId,
    /// Items it judges.
    pub items: Vec<String>,
    /// Items it only adds evidence to: they are assessed on other objects, so it cannot decide.
    pub informs: Vec<String>,
    /// Object class it looks at (`os`).
    pub object: String,
    /// The product it knows how to look at (`linux`, `postgresql`); empty = any of its object.
    pub platform: String,
    /// Object class its items are judged as, when that is another than the one looked at: a
    /// database's archiving speaks for `business_data`.
    pub judged_as: String,
    /// What it asks.
    pub title: Text,
    /// How grave it is when not met.
    pub severity: Severity,
    /// Whether some steps met and some not is 部分符合 rather than 不符合.
    pub partial: bool,
    /// Where its numbers come from.
    pub source: NumberSource,
    /// Whether the numbers were read in a public document (false: recalled practice).
    pub verified: bool,
    /// When it applies.
    pub applies: Option<Applies>,
    /// What it looks at.
    pub probes: Vec<Probe>,
    /// What must hold.
    pub expects: Vec<Expect>,
    /// What an assessor would have taken as evidence.
    pub evidence: Text,
    /// What to do when it is not met.
    pub remedy: Text,
    /// Its fixtures.
    pub tests: Vec<Fixture>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCheck {
    id: CheckId,
    #[serde(default)]
    items: Vec<String>,
    #[serde(default)]
    informs: Vec<String>,
    object: String,
    #[serde(default)]
    platform: String,
    #[serde(default)]
    judged_as: String,
    title: Text,
    severity: Severity,
    #[serde(default)]
    partial: bool,
    source: NumberSource,
    verified: bool,
    applies: Option<Applies>,
    probe: Vec<Probe>,
    expect: Vec<RawExpect>,
    evidence: Text,
    remedy: Text,
    #[serde(default)]
    test: Vec<Fixture>,
}

impl Check {
    /// Reads one check file. `file` names it in errors.
    pub fn parse(file: &str, text: &str) -> Result<Self, AuditError> {
        let raw: RawCheck = toml::from_str(text)
            .map_err(|e| AuditError::CheckSyntax { file: file.to_owned(), source: Box::new(e) })?;
        let shape = |problem: String| AuditError::CheckShape { file: file.to_owned(), problem };
        if raw.items.is_empty() && raw.informs.is_empty() {
            return Err(shape("it serves no item".into()));
        }
        if raw.probe.is_empty() || raw.expect.is_empty() {
            return Err(shape("it needs a probe and an expectation".into()));
        }
        for test in &raw.test {
            if VerdictKind::parse(&test.verdict).is_none() {
                return Err(shape(format!("no verdict is called {}", test.verdict)));
            }
        }
        if raw.applies.as_ref().is_some_and(|a| a.any_path.is_empty() == a.any_fact.is_empty()) {
            return Err(shape("`applies` takes either any_path or any_fact".into()));
        }
        let mut probes = raw.probe;
        for probe in &mut probes {
            probe.prepare().map_err(&shape)?;
        }
        let expects: Vec<Expect> = raw
            .expect
            .into_iter()
            .map(RawExpect::parse)
            .collect::<Result<_, _>>()
            .map_err(&shape)?;
        Ok(Self {
            id: raw.id,
            items: raw.items,
            informs: raw.informs,
            judged_as: if raw.judged_as.is_empty() { raw.object.clone() } else { raw.judged_as },
            object: raw.object,
            platform: raw.platform,
            title: raw.title,
            severity: raw.severity,
            partial: raw.partial,
            source: raw.source,
            verified: raw.verified,
            applies: raw.applies,
            probes,
            expects,
            evidence: raw.evidence,
            remedy: raw.remedy,
            tests: raw.test,
        })
    }

    /// Refuses a check that names unknown items or judges an item on the wrong kind of object.
    pub fn fits(&self, catalogue: &Catalogue) -> Result<(), AuditError> {
        for id in self.items.iter().chain(&self.informs) {
            let Some(item) = catalogue.item(id) else {
                return Err(AuditError::UnknownItem { check: self.id.clone(), item: id.clone() });
            };
            if self.items.contains(id) && !item.assessed_on(&self.judged_as) {
                return Err(AuditError::WrongObject {
                    check: self.id.clone(),
                    item: id.clone(),
                    object: self.judged_as.clone(),
                });
            }
        }
        Ok(())
    }

    /// What is expected, for a person.
    pub fn expected(&self) -> String {
        let steps: Vec<String> = self.expects.iter().map(Expect::show).collect();
        steps.join("; ")
    }
}

impl Fixture {
    /// The recorded host of the fixture. `now_secs` is what ages count back from.
    pub fn host(&self, now_secs: i64) -> Result<RecordedHost, String> {
        let mut host = RecordedHost::new();
        for (path, text) in &self.files {
            host.file(path, text.as_bytes());
        }
        for path in &self.dirs {
            host.dir(path);
        }
        for (path, spec) in &self.modes {
            let parts: Vec<&str> = spec.split(' ').collect();
            let bad = || format!("{path}: a mode is written `0640 0 42`");
            let [mode, uid, gid] = parts.as_slice() else { return Err(bad()) };
            let mode = u32::from_str_radix(mode, 8).map_err(|_| bad())?;
            let uid = uid.parse().map_err(|_| bad())?;
            host.mode(path, mode, uid, gid.parse().map_err(|_| bad())?);
        }
        for (path, hours) in &self.age_hours {
            host.changed(path, now_secs - hours * 3600);
        }
        for what in &self.denied {
            host.deny(what);
        }
        for (line, output) in &self.commands {
            if Command::of_line(line).is_none() {
                return Err(format!("{line}: not an allowed command"));
            }
            host.command(line, output.as_bytes());
        }
        for (name, rows) in &self.rows {
            host.rows(name, rows.clone());
        }
        if let Some(seen) = &self.tls {
            host.tls_seen(seen.clone());
        }
        if let Some(own) = &self.own {
            host.own_records(own.clone());
        }
        Ok(host)
    }
}
