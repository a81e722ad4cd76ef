//! Every shipped check against its own fixtures, and the shipped set against the catalogue.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::collections::BTreeSet;
use std::path::Path;

use compliance::audit::{
    AuditError, AuditRun, Catalogue, Check, Facet, Target, VerdictKind, checks, embedded, plan, run,
};
use events::{SiteId, Timestamp};

fn now() -> Timestamp {
    Timestamp::from_secs(1_795_000_000)
}

fn run_one(catalogue: &Catalogue, check: &Check, host: &dyn compliance::audit::Host) -> AuditRun {
    let target = Target::of(SiteId::BUREAU, "fixture", &check.object, &check.platform);
    let plan = plan(catalogue, std::slice::from_ref(check), &target).unwrap();
    run(&plan, host, now(), &mut |_| {})
}

#[test]
fn every_fixture_gets_its_verdict() {
    let catalogue = Catalogue::embedded().unwrap();
    let mut wrong = Vec::new();
    let mut fixtures = 0;
    for check in checks().unwrap() {
        for test in &check.tests {
            fixtures += 1;
            let host = test.host(now().secs()).unwrap();
            let run = run_one(&catalogue, &check, &host);
            let result = run.result(&check.id).unwrap();
            if result.verdict.kind().as_str() != test.verdict {
                wrong.push(format!(
                    "{} / {}: {:?}, wanted {}\n{}",
                    check.id, test.name, result.verdict, test.verdict, result.observed
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(fixtures >= 300, "only {fixtures} fixtures");
}

#[test]
fn every_check_can_pass_and_fail_and_fits_the_catalogue() {
    let catalogue = Catalogue::embedded().unwrap();
    let all = checks().unwrap();
    assert!(all.len() >= 140, "{} checks", all.len());
    for check in &all {
        check.fits(&catalogue).unwrap();
        let verdicts: BTreeSet<&str> = check.tests.iter().map(|t| t.verdict.as_str()).collect();
        assert!(verdicts.contains("conform"), "{} has no passing fixture", check.id);
        assert!(verdicts.contains("non_conform") || verdicts.contains("partial"), "{}", check.id);
        for text in [&check.title, &check.remedy, &check.evidence] {
            assert!(!text.zh.is_empty() && !text.en.is_empty(), "{}", check.id);
            assert!(text.zh.chars().any(|c| c > '\u{2e80}') || text.zh == text.en, "{}", check.id);
        }
    }
}

#[test]
fn the_list_of_files_is_the_folder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("checks");
    let mut found = BTreeSet::new();
    for topic in std::fs::read_dir(&folder).unwrap() {
        let topic = topic.unwrap();
        for file in std::fs::read_dir(topic.path()).unwrap() {
            let file = file.unwrap().file_name().into_string().unwrap();
            found.insert(format!("{}/{file}", topic.file_name().into_string().unwrap()));
        }
    }
    let listed: BTreeSet<String> = embedded::FILES.iter().map(|(n, _)| (*n).to_owned()).collect();
    assert_eq!(found, listed);
    for (name, text) in embedded::FILES {
        let check = Check::parse(name, text).unwrap();
        assert_eq!(format!("{}.toml", check.id.replace('.', "/")), *name, "id and path agree");
    }
}

/// The 57 items that a machine can look at and the 57 that our own records can prove, each with the
/// checks that speak of it.
#[test]
fn every_checkable_item_has_a_check() {
    use compliance::audit::catalogue::EvidenceSource as Source;
    let catalogue = Catalogue::embedded().unwrap();
    let all = checks().unwrap();
    let (mut direct, mut records) = (0, 0);
    let (mut without, mut only_informed) = (Vec::new(), Vec::new());
    for item in &catalogue.items {
        match item.automatable {
            Source::Host | Source::Network | Source::Database => direct += 1,
            Source::Platform => records += 1,
            Source::Manual => continue,
        }
        if all.iter().any(|c| c.items.contains(&item.id)) {
            continue;
        }
        let informed = all.iter().any(|c| c.informs.contains(&item.id));
        if informed { &mut only_informed } else { &mut without }.push(item.id.as_str());
    }
    assert_eq!((direct, records), (57, 57));
    assert!(without.is_empty(), "no check at all: {without:?}");
    assert!(only_informed.is_empty(), "no check judges: {only_informed:?}");
}

#[test]
fn an_empty_or_silent_host_never_passes() {
    let catalogue = Catalogue::embedded().unwrap();
    let all = checks().unwrap();
    let mut target = Target::host(SiteId::BUREAU, "silent");
    target.facets = all.iter().map(|c| Facet::new(&c.object, &c.platform)).collect();
    let plan = plan(&catalogue, &all, &target).unwrap();
    let audit = run(&plan, &Silent, now(), &mut |_| {});
    for result in &audit.results {
        assert_eq!(
            result.verdict.kind(),
            VerdictKind::Error,
            "{} {}",
            result.check,
            result.observed
        );
    }
    assert_eq!((audit.planned, audit.executed), (all.len(), all.len()));
    assert_eq!(audit.items.len(), 211);
}

/// A host on which nothing may be looked at.
struct Silent;

impl compliance::audit::Host for Silent {
    fn read_file(&self, path: &str) -> Result<Vec<u8>, compliance::audit::host::HostError> {
        Err(denied(path))
    }
    fn list_dir(&self, path: &str) -> Result<Vec<String>, compliance::audit::host::HostError> {
        Err(denied(path))
    }
    fn metadata(
        &self,
        path: &str,
    ) -> Result<compliance::audit::host::Meta, compliance::audit::host::HostError> {
        Err(denied(path))
    }
    fn link_metadata(
        &self,
        path: &str,
    ) -> Result<compliance::audit::host::Meta, compliance::audit::host::HostError> {
        Err(denied(path))
    }
    fn run(
        &self,
        command: compliance::audit::host::Command,
    ) -> Result<Vec<u8>, compliance::audit::host::HostError> {
        Err(denied(command.line))
    }
    fn elapsed_ms(&self) -> u64 {
        0
    }
}

fn denied(what: &str) -> compliance::audit::host::HostError {
    compliance::audit::host::HostError::Denied { what: what.to_owned() }
}

#[test]
fn broken_checks_are_refused_with_codes() {
    let catalogue = Catalogue::embedded().unwrap();
    let good = embedded::FILES.iter().find(|(n, _)| *n == "accounts/umask.toml").unwrap().1;
    let code = |text: &str| Check::parse("x.toml", text).map_err(|e| e.code());
    assert_eq!(code(&format!("{good}\nsurprise = 1")).unwrap_err(), "A010");
    assert_eq!(code(&good.replace("[[expect]]", "[[expec]]")).unwrap_err(), "A010");
    assert_eq!(
        code(&good.replace("verdict = \"conform\"", "verdict = \"good\"")).unwrap_err(),
        "A011"
    );
    assert_eq!(code(&good.replace("value = [", "value = 3 #")).unwrap_err(), "A011");
    let unknown = Check::parse("x", &good.replace("8.1.4.2.f", "8.1.4.2.z")).unwrap();
    assert!(matches!(unknown.fits(&catalogue), Err(AuditError::UnknownItem { .. })));
    let wrong = Check::parse("x", &good.replace("8.1.4.2.f", "8.1.4.11.a")).unwrap();
    assert!(matches!(wrong.fits(&catalogue), Err(AuditError::WrongObject { .. })));
    let twice = [unknown_free(good), unknown_free(good)];
    let target = Target::host(SiteId::BUREAU, "x");
    assert_eq!(plan(&catalogue, &twice, &target).unwrap_err().code(), "A012");
}

fn unknown_free(text: &str) -> Check {
    Check::parse("x", text).unwrap()
}
