//! Whole runs: a good and a weakened root against tables worked out by hand, this machine, and
//! what is read from a run.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use compliance::audit::{
    self, Attestation, AuditRun, Catalogue, Check, Decisions, Host, LocalHost, Target, Verdict,
    VerdictKind, Waiver, diff, findings, plan, run, score, settle,
};
use events::{Severity, SiteId, Timestamp};

fn now() -> Timestamp {
    Timestamp::from_secs(1_795_000_000)
}

fn content() -> (Catalogue, Vec<Check>) {
    (Catalogue::embedded().unwrap(), audit::checks().unwrap())
}

fn run_on(host: &dyn Host) -> AuditRun {
    let (catalogue, checks) = content();
    let plan = plan(&catalogue, &checks, &Target::host(SiteId::BUREAU, "srv-1")).unwrap();
    let mut seen = 0;
    let run = run(&plan, host, now(), &mut |p| {
        assert_eq!((p.done, p.planned), (seen, plan.len()));
        seen += 1;
    });
    assert_eq!(seen, plan.len());
    run
}

fn write(root: &Path, path: &str, text: &str) {
    let file = root.join(path.trim_start_matches('/'));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, text).unwrap();
    let mode = match path {
        "/etc/shadow" => 0o600,
        p if p.starts_with("/var/log/") => 0o640,
        "/etc/sudoers" => 0o440,
        _ => 0o644,
    };
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
}

/// A server set up as a careful administrator would, as an image (nothing runs).
fn good(root: &Path) {
    for (path, text) in [
        ("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nbin:x:2:2::/bin:/usr/sbin/nologin\n"),
        ("/etc/shadow", "root:$6$a$b:19000:1:90:7:::\nbin:*:19000::::::\n"),
        (
            "/etc/login.defs",
            "PASS_MAX_DAYS 90\nPASS_MIN_DAYS 1\nPASS_WARN_AGE 7\nUMASK 027\nENCRYPT_METHOD SHA512\n",
        ),
        ("/etc/security/pwquality.conf", "minlen = 10\nminclass = 3\n"),
        ("/etc/security/faillock.conf", "deny = 5\nunlock_time = 900\neven_deny_root\n"),
        (
            "/etc/pam.d/common-password",
            "password requisite pam_pwquality.so\npassword required pam_pwhistory.so remember=5\n",
        ),
        (
            "/etc/pam.d/common-auth",
            "auth required pam_faillock.so preauth\nauth required pam_google_authenticator.so\n",
        ),
        ("/etc/pam.d/common-account", "account required pam_faillock.so\n"),
        ("/etc/profile.d/tmout.sh", "readonly TMOUT=600\n"),
        ("/etc/sudoers", "root ALL=(ALL:ALL) ALL\n"),
        (
            "/etc/ssh/sshd_config",
            "PermitRootLogin no\nMaxAuthTries 4\nLoginGraceTime 60\nClientAliveInterval 300\nAllowUsers ops@10.0.0.8\n",
        ),
        ("/etc/audit/rules.d/99.rules", "-e 2\n"),
        ("/etc/audit/auditd.conf", "max_log_file_action = keep_logs\nspace_left_action = email\n"),
        ("/etc/rsyslog.d/60.conf", "*.* @@log.edu.example:6514\n"),
        ("/etc/logrotate.conf", "weekly\nrotate 27\n"),
        ("/etc/logrotate.d/rsyslog", "/var/log/auth.log {\n compress\n}\n"),
        ("/etc/security/limits.conf", "* hard core 0\n"),
        ("/etc/modprobe.d/usb.conf", "install usb-storage /bin/false\n"),
        ("/var/log/auth.log", "x"),
        ("/var/lib/dpkg/status", "Package: openssh-server\nStatus: install ok installed\n"),
        ("/usr/bin/su", "x"),
    ] {
        write(root, path, text);
    }
}

const IMAGE_ERRORS: &[&str] = &[
    "files.mandatory-access",
    "kernel.hardening",
    "kernel.network",
    "logging.syslog-daemon",
    "logging.time-sync",
    "network.host-firewall",
    "services.not-root",
    "services.plain-remote",
    "services.risky-ports",
    "services.unneeded",
    "storage.encryption",
    "storage.swap-and-dumps",
];

fn kinds(run: &AuditRun) -> BTreeMap<&str, VerdictKind> {
    run.results.iter().map(|r| (r.check.as_str(), r.verdict.kind())).collect()
}

fn compare(run: &AuditRun, table: &[(&str, VerdictKind)]) {
    let found = kinds(run);
    let wrong: Vec<String> = table
        .iter()
        .filter(|(check, wanted)| found.get(check) != Some(wanted))
        .map(|(check, wanted)| format!("{check}: {:?}, by hand {wanted:?}", found.get(check)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_good_image_is_judged_as_by_hand() {
    use VerdictKind::*;
    let dir = tempfile::tempdir().unwrap();
    good(dir.path());
    let run = run_on(&LocalHost::at_root(dir.path()));
    // Owner checks depend on who runs the test; the rest does not.
    let root_owned =
        fs::metadata(dir.path()).is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    let mut table: Vec<(&str, VerdictKind)> = [
        "accounts.default-accounts",
        "accounts.empty-password",
        "accounts.hash-method",
        "accounts.lockout",
        "accounts.password-age",
        "accounts.password-history",
        "accounts.password-quality",
        "accounts.session-timeout",
        "accounts.sudo-nopasswd",
        "accounts.system-shells",
        "accounts.umask",
        "accounts.unique-ids",
        "kernel.usb-storage",
        "logging.audit-disk",
        "logging.audit-immutable",
        "logging.remote-target",
        "logging.retention",
        "services.minimal-install",
        "ssh.algorithms",
        "ssh.auth-limits",
        "ssh.empty-passwords",
        "ssh.root-login",
        "ssh.second-factor",
        "ssh.source-limits",
    ]
    .map(|check| (check, Conform))
    .to_vec();
    if root_owned {
        table.extend(
            ["files.key-modes", "files.suid-baseline", "files.world-writable"]
                .map(|c| (c, Conform)),
        );
    }
    table.extend(IMAGE_ERRORS.iter().map(|c| (*c, Error)));
    table.push(("storage.backup-age", NonConform));
    table.push(("logging.audit-rules", NonConform));
    compare(&run, &table);
    assert_eq!(run.item("8.1.4.1.a").unwrap().verdict, Verdict::Conform);
    assert_eq!(run.item("8.1.4.1.b").unwrap().verdict, Verdict::Conform);
    assert_eq!(run.item("8.1.1.1.a").unwrap().verdict, Verdict::PendingAttestation);
}

#[test]
fn a_weakened_image_is_judged_as_by_hand() {
    use VerdictKind::*;
    let dir = tempfile::tempdir().unwrap();
    good(dir.path());
    for (path, text) in [
        (
            "/etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/root:/bin/sh\ntest:x:1000:1000::/home/test:/bin/bash\ngames:x:5:60::/usr/games:/bin/sh\n",
        ),
        ("/etc/shadow", "root:$1$a$b:19000:0:99999:7:::\ntest::19000:0:99999:7:::\n"),
        (
            "/etc/login.defs",
            "PASS_MAX_DAYS 99999\nPASS_MIN_DAYS 0\nPASS_WARN_AGE 7\nUMASK 022\nENCRYPT_METHOD MD5\n",
        ),
        ("/etc/security/pwquality.conf", "# minlen = 8\n"),
        ("/etc/security/faillock.conf", "deny = 100\nunlock_time = 10\n"),
        ("/etc/pam.d/common-password", "password required pam_unix.so\n"),
        ("/etc/pam.d/common-auth", "auth required pam_unix.so nullok\n"),
        ("/etc/pam.d/common-account", "account required pam_unix.so\n"),
        ("/etc/profile.d/tmout.sh", "# TMOUT=600\n"),
        ("/etc/sudoers.d/x", "deploy ALL=(ALL) NOPASSWD: ALL\n"),
        (
            "/etc/ssh/sshd_config",
            "PermitRootLogin yes\nPermitEmptyPasswords yes\nCiphers 3des-cbc\n",
        ),
        ("/etc/audit/rules.d/99.rules", "-D\n"),
        ("/etc/audit/auditd.conf", "max_log_file_action = ignore\nspace_left_action = ignore\n"),
        ("/etc/rsyslog.d/60.conf", "*.* /var/log/all\n"),
        ("/etc/logrotate.conf", "weekly\nrotate 4\n"),
        ("/etc/modprobe.d/usb.conf", "\n"),
        (
            "/var/lib/dpkg/status",
            "Package: telnetd\nStatus: install ok installed\n\nPackage: gcc-12\nStatus: install ok installed\n",
        ),
    ] {
        write(dir.path(), path, text);
    }
    fs::set_permissions(dir.path().join("etc/shadow"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(dir.path().join("usr/bin/su"), fs::Permissions::from_mode(0o777)).unwrap();
    write(dir.path(), "/opt/rootsh", "x");
    fs::set_permissions(dir.path().join("opt/rootsh"), fs::Permissions::from_mode(0o4755)).unwrap();
    let run = run_on(&LocalHost::at_root(dir.path()));
    let root_owned =
        fs::metadata(dir.path()).is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    let mut table: Vec<(&str, VerdictKind)> = [
        "accounts.empty-password",
        "accounts.hash-method",
        "accounts.lockout",
        "accounts.password-history",
        "accounts.password-quality",
        "accounts.session-timeout",
        "accounts.sudo-nopasswd",
        "accounts.system-shells",
        "accounts.umask",
        "accounts.unique-ids",
        "files.suid-baseline",
        "kernel.usb-storage",
        "logging.audit-disk",
        "logging.remote-target",
        "logging.retention",
        "services.minimal-install",
        "services.plain-remote",
        "ssh.algorithms",
        "ssh.auth-limits",
        "ssh.empty-passwords",
        "ssh.root-login",
        "ssh.second-factor",
        "ssh.source-limits",
        "accounts.default-accounts",
    ]
    .map(|check| (check, NonConform))
    .to_vec();
    table.push(("accounts.password-age", Partial));
    // The rules do not lock auditing; whether the running kernel does, an image cannot say.
    table.push(("logging.audit-immutable", Error));
    if root_owned {
        table.extend([("files.world-writable", Partial), ("files.key-modes", Partial)]);
    }
    compare(&run, &table);
    let (catalogue, checks) = content();
    let found = findings(&run, &checks, &catalogue);
    assert_eq!(found.first().unwrap().severity, Severity::Critical);
    assert!(found.iter().any(|f| f.check == "accounts.empty-password" && f.high_risk));
    let again = findings(&run, &checks, &catalogue);
    assert_eq!(found, again, "ids and order repeat");
    assert!(!run.results.iter().any(|r| r.observed.contains("$1$a$b")), "no hash is kept");
}

#[test]
fn this_machine_is_audited_without_change() {
    let run = run_on(&LocalHost::new());
    assert_eq!(run.items.len(), 211);
    assert_eq!(run.executed, run.planned);
    let judged = run.results.iter().filter(|r| r.verdict.kind() != VerdictKind::Error).count();
    assert!(judged * 2 > run.planned, "more than half can be judged: {judged}");
    let text = serde_json::to_string(&run).unwrap();
    assert_eq!(serde_json::from_str::<AuditRun>(&text).unwrap(), run);
    for r in &run.results {
        println!("{:30} {:?} {} ms", r.check, r.verdict.kind(), r.took_ms);
    }
}

#[test]
fn a_host_check_cannot_judge_what_is_not_on_a_host() {
    let (catalogue, _) = content();
    let dir = tempfile::tempdir().unwrap();
    good(dir.path());
    let checks = audit::checks().unwrap();
    let target = Target::of(SiteId::BUREAU, "srv-1", "os", "linux");
    let plan = plan(&catalogue, &checks, &target).unwrap();
    let run = run(&plan, &LocalHost::at_root(dir.path()), now(), &mut |_| {});
    for result in &run.items {
        let item = catalogue.item(&result.item).unwrap();
        if item.assessed_on("os") {
            continue;
        }
        if result.checks.is_empty() {
            assert_eq!(result.verdict, Verdict::NotApplicable, "{}: by the object matrix", item.id);
        }
        for id in &result.checks {
            let check = checks.iter().find(|c| c.id == *id).unwrap();
            assert_ne!(check.judged_as, "os", "{id} judges {}", item.id);
            assert!(item.assessed_on(&check.judged_as), "{id} judges {}", item.id);
        }
    }
    let retention = run.item("8.1.5.4.d").unwrap();
    assert_eq!(retention.supporting, ["logging.retention"]);
    assert_eq!(retention.verdict, Verdict::PendingAttestation, "evidence, not a verdict");
}

/// A run with one verdict for all items.
fn uniform(verdict: Verdict) -> AuditRun {
    let dir = tempfile::tempdir().unwrap();
    let mut run = run_on(&LocalHost::at_root(dir.path()));
    for item in &mut run.items {
        item.verdict = verdict.clone();
    }
    run
}

#[test]
fn scores_worked_out_by_hand() {
    let (catalogue, _) = content();
    let by = |run: &AuditRun, template: &str| score(run, &catalogue, template).unwrap();
    // Deductions stop at 0 for each part: 50 − 96/211·100 of the technical part are left.
    for (template, least) in [("2019", 0.0), ("2021", 4.5024), ("2025", 0.0)] {
        let all = by(&uniform(Verdict::Conform), template);
        assert_eq!((all.points, all.strict_rate, all.denominator), (100.0, 1.0, 211));
        assert!(all.unverified, "no template was read in its official document");
        let none = by(&uniform(Verdict::PendingAttestation), template);
        assert_eq!((none.points, none.judged), (least, 0));
        assert_eq!(none.counts.values().sum::<usize>(), 211);
        let waived = Verdict::Waived {
            owner: "a".into(),
            reason: "b".into(),
            approver: "c".into(),
            expires: now(),
        };
        assert_eq!(by(&uniform(waived), template).points, least, "a waiver is not a pass");
    }
    let half = by(&uniform(Verdict::Partial), "2025");
    assert_eq!((half.strict_rate, half.partial_rate), (0.0, 0.5));
    // All 96 technical items met, all 115 of management not.
    let mut run = uniform(Verdict::Conform);
    for item in &mut run.items {
        let category = &catalogue.item(&item.item).unwrap().category;
        if ["8.1.6", "8.1.7", "8.1.8", "8.1.9", "8.1.10"].contains(&category.as_str()) {
            item.verdict = Verdict::NonConform;
        }
    }
    assert_eq!(by(&run, "2019").points, 50.0, "five of ten categories");
    assert_eq!(by(&run, "2021").points, 50.0, "115/211 of 100 exceeds the half, which stops at 0");
    assert_eq!(by(&run, "2025").points, 45.4976, "96 of 211");
    assert!(!by(&run, "2025").high_risk.is_empty());
    // Ten items do not apply: they leave the denominator.
    let mut run = uniform(Verdict::Conform);
    for item in run.items.iter_mut().take(10) {
        item.verdict = Verdict::NotApplicable;
    }
    let s = by(&run, "2025");
    assert_eq!((s.denominator, s.total, s.points), (201, 211, 100.0));
    assert_eq!(score(&run, &catalogue, "2030").unwrap_err().code(), "A020");
}

#[test]
fn waivers_attestations_and_age() {
    let dir = tempfile::tempdir().unwrap();
    good(dir.path());
    write(dir.path(), "/etc/login.defs", "UMASK 022\n");
    let run = run_on(&LocalHost::at_root(dir.path()));
    let later = now().plus(Duration::from_secs(86_400));
    let day = Duration::from_secs(86_400 * 30);
    let waiver = Waiver {
        site: SiteId::BUREAU,
        item: "8.1.4.1.a".into(),
        owner: "张".into(),
        reason: "改造中".into(),
        approver: "李".into(),
        expires: later.plus(day),
    };
    let attest = |verdict, expires| Attestation {
        site: SiteId::BUREAU,
        item: "8.1.1.1.a".into(),
        verdict,
        by: "王".into(),
        collected: now(),
        expires,
        note: "验收报告".into(),
        attachments: vec![],
    };
    let soon = attest(VerdictKind::Conform, later.plus(day));
    let decided = |waivers: &[Waiver], attestations: &[Attestation]| Decisions {
        waivers: waivers.to_vec(),
        attestations: attestations.to_vec(),
        compensations: Vec::new(),
    };
    let both = decided(std::slice::from_ref(&waiver), std::slice::from_ref(&soon));
    let settled = settle(&run, &both, later, day);
    assert_eq!(settled.item("8.1.4.1.a").unwrap().verdict.kind(), VerdictKind::Waived);
    assert_eq!(settled.item("8.1.1.1.a").unwrap().verdict, Verdict::Conform);
    let kind = |w: &Waiver, at| {
        let s = settle(&run, &decided(std::slice::from_ref(w), &[]), at, day);
        s.item("8.1.4.1.a").unwrap().verdict.kind()
    };
    let own = Waiver { approver: "张".into(), ..waiver.clone() };
    assert_ne!(kind(&own, later), VerdictKind::Waived, "nobody waives for himself");
    let school = SiteId::from_u64(3_300_000_001).unwrap();
    let elsewhere = Waiver { site: school, ..waiver.clone() };
    assert_ne!(kind(&elsewhere, later), VerdictKind::Waived, "a waiver speaks for its site alone");
    let over = Waiver { expires: later, ..waiver };
    assert_ne!(kind(&over, later), VerdictKind::Waived, "a waiver ends by itself");
    let theirs = Attestation { site: school, ..soon };
    let settled = settle(&run, &decided(&[], &[theirs]), later, day);
    assert_eq!(settled.item("8.1.1.1.a").unwrap().verdict, Verdict::PendingAttestation);
    let old = attest(VerdictKind::Conform, later);
    let settled = settle(&run, &decided(&[], &[old]), later, day);
    assert_eq!(settled.item("8.1.1.1.a").unwrap().verdict, Verdict::Stale);
    let stale = settle(&run, &decided(&[], &[]), later.plus(day).plus(day), day);
    assert_eq!(stale.item("8.1.4.1.a").unwrap().verdict, Verdict::Stale);
}

#[test]
fn a_difference_names_what_changed() {
    let dir = tempfile::tempdir().unwrap();
    good(dir.path());
    let first = run_on(&LocalHost::at_root(dir.path()));
    write(
        dir.path(),
        "/etc/ssh/sshd_config",
        "PermitRootLogin yes\nMaxAuthTries 4\nLoginGraceTime 60\nClientAliveInterval 300\nAllowUsers ops@10.0.0.8\n",
    );
    let second = run_on(&LocalHost::at_root(dir.path()));
    let d = diff(&first, &second);
    assert_eq!(d.worse.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["ssh.root-login"]);
    assert_eq!((d.better.len(), d.other.len()), (0, 0));
    assert_eq!(d.unchanged, first.results.len() - 1);
    let back = diff(&second, &first);
    assert_eq!(back.better.len(), 1);
    assert_eq!(diff(&first, &first).unchanged, first.results.len());
}

#[test]
fn a_roll_up_takes_the_worst_and_never_calls_an_unaudited_object_not_applicable() {
    let (catalogue, _) = content();
    let (mut first, mut second) = (uniform(Verdict::Conform), uniform(Verdict::Conform));
    (first.target, second.target) = ("a".into(), "b".into());
    for run in [&mut first, &mut second] {
        run.items.iter_mut().for_each(|i| i.checks = vec!["x".into()]);
    }
    second.items[0].verdict = Verdict::NonConform;
    for run in [&mut first, &mut second] {
        run.items[1].verdict = Verdict::NotApplicable;
        run.items[1].checks.clear();
    }
    let all = audit::roll_up(&catalogue, &[first.clone(), second.clone()]).unwrap();
    assert!(matches!(all.items[0].verdict.kind(), VerdictKind::Partial | VerdictKind::NonConform));
    assert_eq!(all.items[1].verdict, Verdict::PendingAttestation);
    assert_eq!(all.items[2].verdict, Verdict::Conform);
    assert_eq!(all.planned, first.planned + second.planned);
    let mut old = second.clone();
    old.started = Timestamp::from_secs(1);
    old.items[2].verdict = Verdict::NonConform;
    let again = audit::roll_up(&catalogue, &[old, first, second]).unwrap();
    assert_eq!(again.items[2].verdict, Verdict::Conform, "the newest run of a target speaks");
    assert!(audit::roll_up(&catalogue, &[]).is_none());
}

#[test]
fn a_ticket_closes_by_a_run_and_reopens_by_another() {
    use compliance::audit::{Ticket, TicketState, retest};
    let (catalogue, checks) = content();
    let dir = tempfile::tempdir().unwrap();
    good(dir.path());
    let met = run_on(&LocalHost::at_root(dir.path()));
    write(dir.path(), "/etc/ssh/sshd_config", "PermitRootLogin yes\n");
    let unmet = run_on(&LocalHost::at_root(dir.path()));
    let all = findings(&unmet, &checks, &catalogue);
    let finding = all.iter().find(|f| f.check == "ssh.root-login").unwrap();
    let mut tickets = [Ticket::open(finding, "li", now(), now())];
    assert!(tickets[0].is_overdue(now().plus(Duration::from_secs(1))));
    assert_eq!(retest(&mut tickets, &unmet), 0, "still open");
    tickets[0].state = TicketState::Retest;
    assert_eq!(retest(&mut tickets, &unmet), 1);
    assert_eq!((tickets[0].state, tickets[0].reopened), (TicketState::Open, 1));
    assert_eq!(retest(&mut tickets, &met), 1);
    assert_eq!(tickets[0].state, TicketState::Closed);
    let mut blind = met.clone();
    blind.results.iter_mut().for_each(|r| r.verdict = Verdict::Error);
    assert_eq!(retest(&mut tickets, &blind), 0, "what was not seen says nothing");
}
