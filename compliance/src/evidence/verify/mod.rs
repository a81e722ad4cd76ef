//! Verification of a bundle by a stranger: nothing the producer wrote is believed except what a
//! key verifies, and every kind of tampering is a failed check with a name.

mod archive;
mod assured;
mod run;
mod seen;
mod tree;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::note::VerifyingKey;
use super::policy::Policy;
use super::stamp::StampTrust;

/// What the verifier brings along, got by another way than the bundle.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// A key of the log: the present one, or one that it had before.
    pub key: Option<VerifyingKey>,
    /// Witnesses and how many must have signed; its logs count as keys too.
    pub policy: Option<Policy>,
    /// Whose timestamps are believed; one is wanted then.
    pub stamp: Option<StampTrust>,
    /// The note of a checkpoint of this log seen before.
    pub seen: Option<String>,
    /// A consistency proof between that checkpoint and the bundle's, if the bundle has none.
    pub proof: Option<String>,
}

/// Where the key came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyTrust {
    /// Given by the verifier: the result stands.
    Given,
    /// Taken from the bundle: it only shows that the bundle agrees with itself.
    FromBundle,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// It held.
    Held,
    /// It did not hold, or could not be reached.
    Failed,
    /// There is nothing to check: neither the log promises it nor does the verifier ask for it.
    NotAsked,
}

/// One check with its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyCheck {
    /// Its stable name, one of [`CHECKS`].
    pub name: &'static str,
    /// Whether it did not fail.
    pub ok: bool,
    /// How it came out.
    pub state: CheckState,
    /// What was found.
    pub detail: String,
}

/// What the verification says as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyOutcome {
    /// Every check held.
    Verified,
    /// The file ends before the bundle does.
    HalfWritten,
    /// The file cannot be read as a bundle.
    Unreadable,
    /// The log is shorter than one seen before.
    RolledBack,
    /// The log has another history than one seen before.
    Forked,
    /// Nothing shows how the log relates to the one seen before.
    Unshown,
    /// Something of the bundle or of its run is missing.
    Incomplete,
    /// Something was changed or is not signed as it should be.
    Tampered,
}

/// The outcome of a verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Whether no check failed.
    pub ok: bool,
    /// What it says as a whole.
    pub outcome: VerifyOutcome,
    /// Whose key it was.
    pub trust: KeyTrust,
    /// All checks of [`CHECKS`], in that order; one that could not be reached has failed.
    pub checks: Vec<VerifyCheck>,
    /// The bundle's checkpoint, once its signature verified: what to remember as seen.
    #[serde(skip)]
    pub checkpoint: Option<String>,
}

impl VerifyReport {
    /// The checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &VerifyCheck> {
        self.checks.iter().filter(|c| !c.ok)
    }
}

/// The names of all checks, in order.
pub const CHECKS: [&str; 23] = [
    "whole",
    "archive",
    "file-names",
    "sha256sums",
    "key",
    "key-handover",
    "sums-signature",
    "checkpoint",
    "checkpoint-prev",
    "growth",
    "consistency",
    "leaves-complete",
    "inclusion",
    "history",
    "seen",
    "leaf-form",
    "run-complete",
    "run-json",
    "documents",
    "attachments",
    "witnesses",
    "sm2",
    "timestamp",
];

type Files = BTreeMap<String, Vec<u8>>;
type Outcome = Result<String, String>;

/// What was found so far, by the name of the check.
#[derive(Default)]
struct Found {
    by_name: BTreeMap<&'static str, (CheckState, String)>,
    /// The outcome a failed check stands for, when it is another than [`VerifyOutcome::Tampered`].
    worst: Option<VerifyOutcome>,
    checkpoint: Option<String>,
}

impl Found {
    fn put(&mut self, name: &'static str, outcome: Outcome) {
        let found = match outcome {
            Ok(detail) => (CheckState::Held, detail),
            Err(detail) => (CheckState::Failed, detail),
        };
        self.by_name.insert(name, found);
    }

    fn not_asked(&mut self, name: &'static str, why: &str) {
        self.by_name.insert(name, (CheckState::NotAsked, why.to_owned()));
    }

    fn fail(&mut self, name: &'static str, outcome: VerifyOutcome, detail: String) {
        self.worst.get_or_insert(outcome);
        self.put(name, Err(detail));
    }
}

/// Verifies a bundle. Without a key from outside the bundle's own is used and the report says so.
pub fn verify(path: &Path, trust: &Trust) -> VerifyReport {
    let mut found = Found::default();
    match archive::read(path) {
        Ok((files, detail)) => {
            found.put("whole", Ok(format!("{} files", files.len())));
            found.put("archive", Ok(detail));
            found.put("file-names", archive::file_names(&files));
            found.put("sha256sums", archive::sums(&files));
            judge(&files, trust, &mut found);
        }
        Err(archive::Unread::HalfWritten(detail)) => {
            found.fail("whole", VerifyOutcome::HalfWritten, detail);
        }
        Err(archive::Unread::Other(detail)) => {
            found.fail("archive", VerifyOutcome::Unreadable, detail);
        }
    }
    report(found, trust)
}

fn report(mut found: Found, trust: &Trust) -> VerifyReport {
    let not_reached = || (CheckState::Failed, "not reached".to_owned());
    let checks: Vec<VerifyCheck> = CHECKS
        .into_iter()
        .map(|name| {
            let (state, detail) = found.by_name.remove(name).unwrap_or_else(not_reached);
            VerifyCheck { name, ok: state != CheckState::Failed, state, detail }
        })
        .collect();
    let failed = |names: &[&str]| checks.iter().any(|c| !c.ok && names.contains(&c.name));
    let outcome = match found.worst {
        _ if checks.iter().all(|c| c.ok) => VerifyOutcome::Verified,
        Some(outcome) => outcome,
        None if failed(&["file-names", "leaves-complete", "run-complete"]) => {
            VerifyOutcome::Incomplete
        }
        None => VerifyOutcome::Tampered,
    };
    let given = trust.key.is_some() || trust.policy.as_ref().is_some_and(|p| !p.logs.is_empty());
    VerifyReport {
        ok: checks.iter().all(|c| c.ok),
        outcome,
        trust: if given { KeyTrust::Given } else { KeyTrust::FromBundle },
        checks,
        checkpoint: found.checkpoint,
    }
}

/// Everything below the archive. Each step needs those before it.
fn judge(files: &Files, trust: &Trust, found: &mut Found) {
    let Some(keys) = tree::keys(files, trust, found) else { return };
    let Some(tree) = tree::judge(files, &keys.trusted, found) else { return };
    seen::history(files, &keys.all, &tree, found);
    seen::seen(files, &keys.all, &tree, trust, found);
    let values = run::judge(files, &tree.leaves, found);
    assured::judge(files, &tree, &values, trust, found);
}

fn text<'a>(files: &'a Files, name: &str) -> Result<&'a str, String> {
    let bytes = files.get(name).ok_or_else(|| format!("{name} is missing"))?;
    std::str::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8"))
}

/// Leaves by their number.
type Leaves<'a> = BTreeMap<u64, &'a Vec<u8>>;

/// The one value of a kind.
fn one<'a>(values: &'a [Value], kind: &str) -> Result<&'a Value, String> {
    let of_kind: Vec<&Value> = values.iter().filter(|v| v["kind"] == kind).collect();
    match of_kind[..] {
        [one] => Ok(one),
        _ => Err(format!("{} leaves of kind {kind}", of_kind.len())),
    }
}
