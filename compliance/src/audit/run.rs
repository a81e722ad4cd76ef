//! A run (稽核): every planned check executed once, every item given a verdict.

use events::{RunId, SiteId, Timestamp};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::check::{Check, CheckId, Otherwise};
use super::expect::Step;
use super::fact::{Fact, Facts};
use super::host::{Host, Witness};
use super::limits;
use super::plan::{Plan, Target};
use super::probe::Context;
use super::verdict::{Verdict, combine};

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The check.
    pub check: CheckId,
    /// Items it judges.
    pub items: Vec<String>,
    /// Items it only adds evidence to.
    pub informs: Vec<String>,
    /// The outcome.
    pub verdict: Verdict,
    /// What was seen, one line per fact and step; bounded, secrets removed.
    pub observed: String,
    /// What was expected.
    pub expected: String,
    /// Files and commands that answered.
    pub sources: Vec<String>,
    /// SHA-256, hexadecimal, over every question and answer of the check.
    pub evidence_sha256: String,
    /// When it was collected.
    pub collected: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// The verdict of one item on this target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemResult {
    /// The item, `8.1.4.1.a`.
    pub item: String,
    /// Its verdict from the checks that judge it.
    pub verdict: Verdict,
    /// Checks that judged it.
    pub checks: Vec<CheckId>,
    /// Checks that only added evidence.
    pub supporting: Vec<CheckId>,
}

/// One audit of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRun {
    /// Its id, derived from start, site and target.
    pub id: RunId,
    /// The standard judged by.
    pub standard: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// The site.
    pub site: SiteId,
    /// The target's name.
    pub target: String,
    /// The target's object class.
    pub object: String,
    /// Checks planned.
    pub planned: usize,
    /// Checks executed; less than planned only when the run ran out of time.
    pub executed: usize,
    /// Results in order of check id, one for every planned check.
    pub results: Vec<CheckResult>,
    /// All 211 items in the catalogue's order.
    pub items: Vec<ItemResult>,
}

impl AuditRun {
    /// The result of a check.
    pub fn result(&self, check: &str) -> Option<&CheckResult> {
        self.results.iter().find(|r| r.check == check)
    }

    /// The result of an item.
    pub fn item(&self, item: &str) -> Option<&ItemResult> {
        self.items.iter().find(|i| i.item == item)
    }
}

/// What runs now, for a progress line.
#[derive(Clone, Debug)]
pub struct Progress<'a> {
    /// Checks done before this one.
    pub done: usize,
    /// Checks planned.
    pub planned: usize,
    /// The check that starts now.
    pub check: &'a Check,
}

/// Executes a plan on a host. `now` is the start; later times are `now` plus the host's own
/// forward-only clock. Never fails: what cannot be seen is 出错 with the reason.
pub fn run(
    plan: &Plan,
    host: &dyn Host,
    now: Timestamp,
    progress: &mut dyn FnMut(Progress<'_>),
) -> AuditRun {
    let began = host.elapsed_ms();
    let at = |host: &dyn Host| {
        now.plus(std::time::Duration::from_millis(host.elapsed_ms().saturating_sub(began)))
    };
    let mut results = Vec::with_capacity(plan.checks.len());
    let mut executed = 0;
    for (done, check) in plan.checks.iter().enumerate() {
        progress(Progress { done, planned: plan.checks.len(), check });
        if host.elapsed_ms().saturating_sub(began) > limits::RUN_MS_MAX {
            results.push(not_run(check, at(host)));
            continue;
        }
        executed += 1;
        results.push(execute(check, host, at(host), now));
    }
    let items = plan.items.iter().map(|item| {
        let verdicts: Vec<Verdict> =
            item.judged_by.iter().map(|i| results[*i].verdict.clone()).collect();
        let ids = |of: &[usize]| of.iter().map(|i| plan.checks[*i].id.clone()).collect();
        ItemResult {
            item: item.id.clone(),
            verdict: match combine(&verdicts, item.partial_allowed) {
                // No check, and the standard does not assess such an object by this item.
                Verdict::PendingAttestation if verdicts.is_empty() && !item.on_matrix => {
                    Verdict::NotApplicable
                }
                verdict => verdict,
            },
            checks: ids(&item.judged_by),
            supporting: ids(&item.informed_by),
        }
    });
    AuditRun {
        id: run_id(&plan.target, now),
        standard: plan.standard.clone(),
        started: now,
        finished: at(host),
        site: plan.target.site,
        target: plan.target.name.clone(),
        object: plan.target.object.clone(),
        planned: plan.checks.len(),
        executed,
        items: items.collect(),
        results,
    }
}

fn run_id(target: &Target, now: Timestamp) -> RunId {
    let seed = format!("{}\n{}\n{}\n{}", target.site, target.name, target.object, now.nanos());
    let hash = digest(&SHA256, seed.as_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(&hash.as_ref()[..16]);
    RunId::at(now, u128::from_be_bytes(half))
}

fn result(check: &Check, verdict: Verdict, observed: String, at: Timestamp) -> CheckResult {
    CheckResult {
        check: check.id.clone(),
        items: check.items.clone(),
        informs: check.informs.clone(),
        verdict,
        observed,
        expected: check.expected(),
        sources: Vec::new(),
        evidence_sha256: String::new(),
        collected: at,
        took_ms: 0,
    }
}

fn not_run(check: &Check, at: Timestamp) -> CheckResult {
    result(check, Verdict::NotRun, "the run was out of time before this check".into(), at)
}

/// Runs one check with a host that notes what was asked.
fn execute(check: &Check, host: &dyn Host, at: Timestamp, now: Timestamp) -> CheckResult {
    let witness = Witness::new(host);
    let (verdict, observed) = judge(check, &witness, now);
    let (sources, evidence_sha256, took_ms) = witness.finish();
    CheckResult { sources, evidence_sha256, took_ms, ..result(check, verdict, observed, at) }
}

fn judge(check: &Check, host: &dyn Host, now: Timestamp) -> (Verdict, String) {
    match applies(check, host) {
        Applicable::Yes => {}
        Applicable::No(verdict, why) => return (verdict, why),
    }
    let context = Context { host, now };
    if !check.probes.iter().all(|probe| probe.is_kept(&context)) {
        let why = "平台未留存此类记录，须人工举证 / no such records are kept here; a person has to attest";
        return (Verdict::PendingAttestation, why.to_owned());
    }
    let mut facts = Facts::default();
    for probe in &check.probes {
        probe.look(&context, &mut facts);
    }
    if let Some((verdict, why)) = beyond(check, &facts) {
        return (verdict, why);
    }
    let steps: Vec<Step> = check.expects.iter().map(|e| e.judge(&facts)).collect();
    let mut observed = String::new();
    for (name, fact) in facts.iter().filter(|(name, fact)| mentioned(check, name, fact)) {
        add(&mut observed, &format!("{name} = {}", fact.show()));
    }
    for (step, expect) in steps.iter().zip(&check.expects) {
        let mark = match step {
            Step::Met => "[+]",
            Step::Unmet => "[-]",
            Step::Unseen => "[?]",
        };
        add(&mut observed, &format!("{mark} {}", expect.show()));
    }
    (verdict(&steps, check.partial), observed)
}

/// All steps met → 符合. One not met decides even when another was not seen; only "not seen"
/// with nothing unmet is 出错. Met and unmet together are 部分符合 where the check allows it.
fn verdict(steps: &[Step], partial: bool) -> Verdict {
    let has = |step: Step| steps.contains(&step);
    if has(Step::Unmet) {
        if partial && has(Step::Met) { Verdict::Partial } else { Verdict::NonConform }
    } else if has(Step::Unseen) {
        Verdict::Error
    } else {
        Verdict::Conform
    }
}

/// Facts an expectation reads, and those a probe gives besides (they explain), when there is one.
fn mentioned(check: &Check, name: &str, fact: &Fact) -> bool {
    let read = check.expects.iter().flat_map(|e| &e.any).any(|c| c.fact == name);
    read || matches!(fact, Fact::Int(_) | Fact::Text(_))
}

fn add(observed: &mut String, line: &str) {
    if observed.len() + line.len() < limits::OBSERVED_BYTES_MAX {
        if !observed.is_empty() {
            observed.push('\n');
        }
        observed.push_str(line);
    }
}

enum Applicable {
    Yes,
    No(Verdict, String),
}

/// A check that applies only where something is configured, and nothing is.
fn beyond(check: &Check, facts: &Facts) -> Option<(Verdict, String)> {
    let applies = check.applies.as_ref().filter(|a| !a.any_fact.is_empty())?;
    let there = |name: &String| match facts.get(name) {
        Fact::Absent => false,
        Fact::List(list) => !list.is_empty(),
        _ => true,
    };
    if applies.any_fact.iter().any(there) {
        return None;
    }
    let why = format!(
        "none of [{}] seen\n{} / {}",
        applies.any_fact.join(", "),
        applies.why.zh,
        applies.why.en
    );
    Some((otherwise(applies.otherwise), why))
}

const fn otherwise(otherwise: Otherwise) -> Verdict {
    match otherwise {
        Otherwise::NotApplicable => Verdict::NotApplicable,
        Otherwise::NonConform => Verdict::NonConform,
        Otherwise::PendingAttestation => Verdict::PendingAttestation,
    }
}

fn applies(check: &Check, host: &dyn Host) -> Applicable {
    let Some(applies) = check.applies.as_ref().filter(|a| !a.any_path.is_empty()) else {
        return Applicable::Yes;
    };
    let mut refused = None;
    for path in &applies.any_path {
        match host.metadata(path) {
            Ok(_) => return Applicable::Yes,
            Err(error) if error.is_absence() => {}
            Err(error) => refused = Some(error),
        }
    }
    if let Some(error) = refused {
        return Applicable::No(Verdict::Error, format!("[?] {error}"));
    }
    let verdict = otherwise(applies.otherwise);
    let why = format!(
        "none of [{}] exists\n{} / {}",
        applies.any_path.join(", "),
        applies.why.zh,
        applies.why.en
    );
    Applicable::No(verdict, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_to_verdict() {
        use Step::*;
        assert_eq!(verdict(&[Met, Met], false), Verdict::Conform);
        assert_eq!(verdict(&[Met, Unmet], true), Verdict::Partial);
        assert_eq!(verdict(&[Met, Unmet], false), Verdict::NonConform);
        assert_eq!(verdict(&[Unmet, Unseen], true), Verdict::NonConform);
        assert_eq!(verdict(&[Met, Unseen], true), Verdict::Error);
    }
}
