//! What keeps a run from seeing: each has its own name, is never 符合, and the run completes.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::collections::BTreeSet;
use std::sync::Mutex;

use compliance::audit::host::HostError;
use compliance::audit::{
    AuditError, AuditRun, Catalogue, Check, Clocks, Fleet, Host, RecordedHost, Target, TargetKind,
    TargetSpec, TroubleKind, VerdictKind, checks, embedded, plan, roll_up, run, run_by,
};
use events::{SiteId, Timestamp};

fn now() -> Timestamp {
    Timestamp::from_secs(1_795_000_000)
}

fn catalogue() -> Catalogue {
    Catalogue::embedded().unwrap()
}

/// A host with a backup of yesterday, so that a check by age can be met.
fn host() -> RecordedHost {
    let mut host = RecordedHost::new();
    host.file("/etc/ssh/sshd_config", "PermitRootLogin no\nMaxAuthTries 4\n")
        .file("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
        .file("/etc/shadow", "root:$6$a$b:19000:1:90:7:::\n")
        .file("/etc/login.defs", "PASS_MAX_DAYS 90\nPASS_MIN_DAYS 1\nPASS_WARN_AGE 7\nUMASK 027\n")
        .file("/var/backups/db.sql.gz", "x")
        .changed("/var/backups/db.sql.gz", now().secs() - 3_600)
        .file("/proc/1/status", "Name:\tinit\nUid:\t0\t0\t0\t0\n");
    host
}

fn audit(host: &dyn Host, last: Option<Timestamp>, wall: Timestamp) -> AuditRun {
    let checks = checks().unwrap();
    let plan = plan(&catalogue(), &checks, &Target::host(SiteId::BUREAU, "srv")).unwrap();
    run_by(&plan, host, &Clocks { now: now(), wall: &|| wall, last }, &mut |_| {})
}

fn kinds(run: &AuditRun) -> Vec<TroubleKind> {
    run.troubles.iter().map(|t| t.kind).collect()
}

fn met(run: &AuditRun) -> usize {
    run.results.iter().filter(|r| r.verdict.kind() == VerdictKind::Conform).count()
}

#[test]
fn an_honest_run_has_no_troubles() {
    let mut honest = host();
    honest.clock_shows(now());
    let run = audit(&honest, Some(Timestamp::from_secs(now().secs() - 60)), now());
    assert!(run.troubles.is_empty(), "{:?}", run.troubles);
    assert!(met(&run) > 0 && run.results.iter().all(|r| r.cause.is_empty() || r.cause != "A112"));
}

#[test]
fn a_target_that_does_not_answer_is_named_and_never_met() {
    let what = || "srv".to_owned();
    for (why, kind) in [
        (HostError::Unreachable { what: what(), reason: "x".into() }, TroubleKind::Unreachable),
        (HostError::HostKeyUnknown { what: what() }, TroubleKind::HostKeyUnknown),
        (HostError::HostKeyChanged { what: what() }, TroubleKind::HostKeyChanged),
        (HostError::Refused { what: what() }, TroubleKind::Refused),
        (HostError::TimedOut { what: what(), ms: 1 }, TroubleKind::TimedOut),
        (HostError::Failed { what: what(), reason: "x".into() }, TroubleKind::NotOpened),
    ] {
        let mut host = host();
        host.unanswered(why);
        let run = audit(&host, None, now());
        assert_eq!(kinds(&run), [kind]);
        assert_eq!(run.troubles[0].checks.len(), run.planned, "{kind:?} names what is missing");
        assert_eq!(run.results.len(), run.planned);
        assert!(run.results.iter().all(|r| r.verdict.kind() == VerdictKind::Error));
        assert_eq!((run.executed, run.items.len()), (0, 211));
        assert!(run.items.iter().all(|i| i.verdict.kind() != VerdictKind::Conform));
    }
}

#[test]
fn a_hung_probe_costs_its_checks_alone() {
    let clean = audit(&host(), None, now());
    let mut hung = host();
    hung.hung("/etc/login.defs");
    let run = audit(&hung, None, now());
    assert_eq!(kinds(&run), [TroubleKind::TimedOut]);
    let affected: BTreeSet<&String> = run.troubles[0].checks.iter().collect();
    assert!(!affected.is_empty() && affected.len() < run.planned / 2);
    for (result, before) in run.results.iter().zip(&clean.results) {
        if affected.contains(&result.check) {
            assert_ne!(result.verdict.kind(), VerdictKind::Conform, "{}", result.check);
            assert_eq!(result.cause, "A104");
        } else {
            assert_eq!(result.verdict, before.verdict, "{}", result.check);
        }
    }
    assert_eq!((run.executed, run.planned), (run.planned, clean.planned));
}

#[test]
fn a_lying_clock_is_named_and_no_age_is_judged_by_it() {
    let clean = audit(&host(), None, now());
    let hour = |n: i64| Timestamp::from_secs(now().secs() + n * 3_600);
    let mut ahead = host();
    ahead.clock_shows(hour(1));
    let mut behind = host();
    behind.clock_shows(hour(-1));
    let cases = [
        (audit(&ahead, None, now()), TroubleKind::ClockTarget),
        (audit(&behind, None, now()), TroubleKind::ClockTarget),
        (audit(&host(), Some(hour(1)), now()), TroubleKind::ClockOwn),
        (audit(&host(), None, hour(2)), TroubleKind::ClockOwn),
        (audit(&host(), None, hour(-2)), TroubleKind::ClockOwn),
    ];
    for (run, kind) in cases {
        assert_eq!(kinds(&run), [kind]);
        let aged: BTreeSet<&String> = run.troubles[0].checks.iter().collect();
        assert!(aged.contains(&"storage.backup-age".to_owned()), "{aged:?}");
        for (result, before) in run.results.iter().zip(&clean.results) {
            if aged.contains(&result.check) {
                assert_eq!(result.verdict.kind(), VerdictKind::Error, "{}", result.check);
                assert_eq!(result.cause, kind.code());
            } else {
                assert_eq!(result.verdict, before.verdict, "{}: no age in it", result.check);
            }
        }
    }
    assert_ne!(clean.result("storage.backup-age").unwrap().verdict.kind(), VerdictKind::Error);
}

#[test]
fn a_check_of_an_unknown_item_is_left_out_and_named() {
    let text = embedded::FILES.iter().find(|(n, _)| *n == "accounts/umask.toml").unwrap().1;
    let text = text.replace("accounts.umask", "accounts.stray");
    let stray = Check::parse("stray.toml", &text.replace("8.1.4.2.f", "8.1.4.2.z")).unwrap();
    let mut all = checks().unwrap();
    let planned =
        plan(&catalogue(), &all, &Target::host(SiteId::BUREAU, "srv")).unwrap().checks().len();
    all.push(stray);
    let plan = plan(&catalogue(), &all, &Target::host(SiteId::BUREAU, "srv")).unwrap();
    let run = run(&plan, &host(), now(), &mut |_| {});
    assert_eq!(kinds(&run), [TroubleKind::UnknownItem]);
    assert_eq!(run.troubles[0].checks, ["accounts.stray"]);
    assert!(run.troubles[0].detail.contains("8.1.4.2.z"), "{}", run.troubles[0].detail);
    assert_eq!((run.executed, run.items.len()), (planned, 211));
    assert!(run.result("accounts.stray").is_none());
}

#[test]
fn a_target_out_of_time_says_what_was_not_run() {
    let checks = checks().unwrap();
    let plan = plan(&catalogue(), &checks, &Target::host(SiteId::BUREAU, "slow")).unwrap();
    let slow = Slow(host(), std::cell::Cell::new(0));
    let run = run(&plan.within(2_000), &slow, now(), &mut |_| {});
    assert_eq!(kinds(&run), [TroubleKind::OutOfTime]);
    assert_eq!(run.troubles[0].checks.len(), run.planned - run.executed);
    assert!(run.executed > 0 && run.executed < run.planned);
    let not_run = run.results.iter().filter(|r| r.verdict.kind() == VerdictKind::NotRun).count();
    assert_eq!(not_run, run.planned - run.executed);
}

#[test]
fn one_dead_target_does_not_stop_the_others() {
    let specs: Vec<TargetSpec> = (0..20)
        .map(|n| {
            let school = SiteId::from_u64(3_310_000_000 + n / 10).unwrap();
            TargetSpec::new(&format!("t{n}"), TargetKind::Host, school)
        })
        .collect();
    let told = Mutex::new(0);
    let (catalogue, checks) = (catalogue(), checks().unwrap());
    let fleet = Fleet {
        catalogue: &catalogue,
        checks: &checks,
        concurrency: 4,
        wall: &now,
        last: None,
        open: &|spec: &TargetSpec| {
            let mut host = host();
            if spec.name == "t7" {
                let what = spec.name.clone();
                host.unanswered(HostError::Unreachable { what, reason: "x".into() });
            }
            Box::new(host)
        },
        progress: &|p| {
            assert_eq!(p.targets, 20);
            *told.lock().unwrap() += usize::from(p.check.is_none());
        },
    };
    let mut runs = Vec::new();
    fleet
        .run::<AuditError>(&specs, &mut |run| {
            runs.push(run);
            Ok(())
        })
        .unwrap();
    assert_eq!((runs.len(), *told.lock().unwrap()), (20, 20));
    let names: BTreeSet<&str> = runs.iter().map(|r| r.target.as_str()).collect();
    assert_eq!(names.len(), 20);
    let dead: Vec<&AuditRun> = runs.iter().filter(|r| !r.troubles.is_empty()).collect();
    assert_eq!((dead.len(), dead[0].target.as_str()), (1, "t7"));
    let region = roll_up(&catalogue, &runs).unwrap();
    assert_eq!(kinds(&region), [TroubleKind::Unreachable]);
    assert!(region.troubles[0].detail.starts_with("1 × t7"), "{}", region.troubles[0].detail);
    let stopped = fleet.run::<AuditError>(&specs, &mut |_| {
        Err(AuditError::UnknownTemplate { name: "full disk".into() })
    });
    assert_eq!(stopped.unwrap_err().code(), "A020");
}

/// A host on which every file takes a second.
struct Slow(RecordedHost, std::cell::Cell<u64>);

impl Host for Slow {
    fn read_file(&self, path: &str) -> Result<Vec<u8>, HostError> {
        self.1.set(self.1.get() + 1_000);
        self.0.read_file(path)
    }
    fn list_dir(&self, path: &str) -> Result<Vec<String>, HostError> {
        self.0.list_dir(path)
    }
    fn metadata(&self, path: &str) -> Result<compliance::audit::host::Meta, HostError> {
        self.0.metadata(path)
    }
    fn link_metadata(&self, path: &str) -> Result<compliance::audit::host::Meta, HostError> {
        self.0.link_metadata(path)
    }
    fn run(&self, command: compliance::audit::host::Command) -> Result<Vec<u8>, HostError> {
        self.0.run(command)
    }
    fn elapsed_ms(&self) -> u64 {
        self.1.get()
    }
}
