//! A run (稽核): every planned check executed once, every item given a verdict.

use std::time::Duration;

use events::{RunId, SiteId, Timestamp};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::check::{Check, CheckId, Otherwise};
use super::expect::Step;
use super::fact::{Fact, Facts};
use super::host::{Host, HostError, Witness};
use super::limits;
use super::plan::{Plan, Target};
use super::probe::Context;
use super::settle::{Attestation, Compensation};
use super::trouble::{Clocks, Trouble, TroubleKind, distrust, own_clock, target_clock};
use super::verdict::{Verdict, VerdictKind, combine};

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
    /// Code of what kept it from seeing all, such as `A104`; empty when nothing did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cause: String,
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
    /// The statement (举证) the verdict is drawn from, when no check judges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Attestation>,
    /// A compensating measure (补偿措施) in force; it never changes the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensation: Option<Compensation>,
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
    /// All items of the target's catalogues, in their order: 211, and those of its extensions.
    pub items: Vec<ItemResult>,
    /// What kept the run from seeing all it planned to; empty when nothing did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<Trouble>,
}

impl AuditRun {
    /// The result of a check.
    pub fn result(&self, check: &str) -> Option<&CheckResult> {
        self.results.iter().find(|r| r.check == check)
    }

    /// Whether every check planned was judged, none is unmet or met in part, and nothing kept the
    /// run from seeing.
    pub fn is_clean(&self) -> bool {
        let amiss = |r: &CheckResult| {
            use VerdictKind::{Error, NonConform, NotRun, Partial};
            matches!(r.verdict.kind(), NonConform | Partial | Error | NotRun)
        };
        self.troubles.is_empty() && !self.results.iter().any(amiss)
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
    plan: &Plan<'_>,
    host: &dyn Host,
    now: Timestamp,
    progress: &mut dyn FnMut(Progress<'_>),
) -> AuditRun {
    let began = host.elapsed_ms();
    let wall = || now.plus(Duration::from_millis(host.elapsed_ms().saturating_sub(began)));
    run_by(plan, host, &Clocks { now, wall: &wall, last: None }, progress)
}

/// As [`run`], judging the clocks too: a target whose clock disagrees with ours, or a clock of our
/// own that jumped, is told, and what was judged by age is not trusted.
pub fn run_by(
    plan: &Plan<'_>,
    host: &dyn Host,
    clocks: &Clocks<'_>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> AuditRun {
    let now = clocks.now;
    let began = host.elapsed_ms();
    let spent = || host.elapsed_ms().saturating_sub(began);
    let at = || now.plus(Duration::from_millis(spent()));
    let refused = host.reach().err();
    let theirs = if refused.is_none() { host.clock().ok() } else { None };
    let mut troubles: Vec<Trouble> = plan.troubles.clone();
    troubles.extend(theirs.and_then(|theirs| target_clock(theirs, at())));
    let mut results = Vec::with_capacity(plan.checks.len());
    let mut timed = Vec::new();
    let mut executed = 0;
    for (done, check) in plan.checks.iter().enumerate() {
        progress(Progress { done, planned: plan.checks.len(), check });
        if let Some(error) = &refused {
            results.push(unopened(check, error, at()));
        } else if spent() > plan.limit_ms {
            results.push(not_run(check, at()));
        } else {
            executed += 1;
            let (result, asked_time) = execute(check, host, at(), now);
            timed.extend(asked_time.then_some(done));
            results.push(result);
        }
    }
    troubles.extend(own_clock(clocks, at()));
    distrust_ages(&mut results, &timed, &mut troubles);
    troubles.extend(from_causes(&results, refused.as_ref()));
    troubles.sort_by_key(|t| t.kind);
    AuditRun {
        id: run_id(&plan.target, now),
        standard: plan.standard.clone(),
        started: now,
        finished: at(),
        site: plan.target.site,
        target: plan.target.name.clone(),
        object: plan.target.object.clone(),
        planned: plan.checks.len(),
        executed,
        items: items(plan, &results),
        results,
        troubles,
    }
}

fn items(plan: &Plan<'_>, results: &[CheckResult]) -> Vec<ItemResult> {
    let each = plan.items.iter().map(|item| {
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
            attestation: None,
            compensation: None,
        }
    });
    each.collect()
}

/// With a lying clock, what was judged by age is 出错: neither met nor unmet can be told.
fn distrust_ages(results: &mut [CheckResult], timed: &[usize], troubles: &mut [Trouble]) {
    let lies =
        |t: &&mut Trouble| matches!(t.kind, TroubleKind::ClockTarget | TroubleKind::ClockOwn);
    for trouble in troubles.iter_mut().filter(lies) {
        for i in timed {
            let Some(result) = results.get_mut(*i) else { continue };
            if let Some(verdict) = distrust(&result.verdict) {
                result.verdict = verdict;
                result.cause = trouble.kind.code().to_owned();
                add(&mut result.observed, &format!("[?] {}", trouble.detail));
                trouble.checks.push(result.check.clone());
            }
        }
    }
}

/// One trouble for every cause that kept checks from seeing.
fn from_causes(results: &[CheckResult], refused: Option<&HostError>) -> Vec<Trouble> {
    let mut all: Vec<Trouble> = Vec::new();
    for result in results {
        let kind = match TroubleKind::of_cause(&result.cause) {
            Some(TroubleKind::ClockTarget | TroubleKind::ClockOwn) => continue,
            Some(kind) => kind,
            None if refused.is_some() => TroubleKind::NotOpened,
            None => continue,
        };
        match all.iter_mut().find(|t| t.kind == kind) {
            Some(trouble) => trouble.checks.push(result.check.clone()),
            None => all.push(Trouble {
                kind,
                detail: refused.map_or_else(String::new, HostError::to_string),
                checks: vec![result.check.clone()],
            }),
        }
    }
    all
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
        cause: String::new(),
    }
}

fn unopened(check: &Check, error: &HostError, at: Timestamp) -> CheckResult {
    let mut result = result(check, Verdict::Error, format!("[?] {error}"), at);
    result.cause = error.code().to_owned();
    result
}

fn not_run(check: &Check, at: Timestamp) -> CheckResult {
    let why = "执行前时限已到 / out of time before this check";
    let mut result = result(check, Verdict::NotRun, why.to_owned(), at);
    result.cause = TroubleKind::OutOfTime.code().to_owned();
    result
}

/// Runs one check with a host that notes what was asked; also tells whether it asked the time.
fn execute(check: &Check, host: &dyn Host, at: Timestamp, now: Timestamp) -> (CheckResult, bool) {
    let witness = Witness::new(host);
    let context = Context::new(&witness, now);
    let (verdict, observed) = judge(check, &context);
    let asked_time = context.has_asked_time();
    let noted = witness.finish();
    let mut result = result(check, verdict, observed, at);
    let hung = matches!(noted.cause, Some(HostError::TimedOut { .. }));
    if hung && matches!(result.verdict, Verdict::Conform | Verdict::NotApplicable) {
        // Something else answered instead; what hung might have said otherwise.
        result.verdict = Verdict::Error;
    }
    if hung || result.verdict == Verdict::Error {
        result.cause = noted.cause.map_or_else(String::new, |c| c.code().to_owned());
    }
    (result.sources, result.evidence_sha256) = (noted.sources, noted.digest);
    result.took_ms = noted.took_ms;
    (result, asked_time)
}

fn judge(check: &Check, context: &Context<'_>) -> (Verdict, String) {
    match applies(check, context.host) {
        Applicable::Yes => {}
        Applicable::No(verdict, why) => return (verdict, why),
    }
    if !check.probes.iter().all(|probe| probe.is_kept(context)) {
        let why = "平台未留存此类记录，须人工举证 / no such records are kept here; a person has to attest";
        return (Verdict::PendingAttestation, why.to_owned());
    }
    let mut facts = Facts::default();
    for probe in &check.probes {
        probe.look(context, &mut facts);
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
