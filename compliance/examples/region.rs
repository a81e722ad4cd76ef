//! A region audited from recordings: 300 schools of 10 hosts each are planned, run, rolled up by
//! school and exported. Prints what it took; run it in release.
//!
//! `cargo run --release -p compliance --example region [SCHOOLS] [HOSTS]`

use std::time::Instant;

use compliance::audit::{
    AuditError, Catalogue, RecordedHost, Target, checks, plan, roll_up, run, score,
};
use compliance::report;
use events::{Lang, SiteId, Timestamp};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1).filter_map(|a| a.parse::<u64>().ok());
    let (schools, hosts) = (args.next().unwrap_or(300), args.next().unwrap_or(10));
    let began = Instant::now();
    let catalogue = Catalogue::embedded()?;
    let checks = checks()?;
    let now = Timestamp::from_secs(1_795_000_000);
    let (mut runs, mut results, mut bytes, mut worst) = (0u64, 0usize, 0usize, 1.0f64);
    for school in 0..schools {
        let site = SiteId::from_u64(3_300_000_000 + school)
            .map_err(|_| "the school's code has not ten digits")?;
        let mut of_school = Vec::new();
        for number in 0..hosts {
            let target = Target::host(site, format!("host-{number}"));
            let plan = plan(&catalogue, &checks, &target)?;
            let audit = run(&plan, &recorded(school + number), now, &mut |_| {});
            results += audit.results.len();
            runs += 1;
            of_school.push(audit);
        }
        let rolled = roll_up(&catalogue, &of_school).ok_or("no runs")?;
        worst = worst.min(rate(&rolled, &catalogue)?);
        bytes += report::xlsx(&rolled, &catalogue, &checks, Lang::Zh)?.len();
        for audit in &of_school {
            bytes += serde_json::to_vec(&report::oscal(audit, &checks, Lang::Zh))?.len();
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap_or("VmHWM: ?");
    println!(
        "{schools} schools × {hosts} hosts: {runs} runs, {results} results, {bytes} bytes exported, lowest rate {worst:.3}, {:.1} s, {peak}",
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

fn rate(run: &compliance::audit::AuditRun, catalogue: &Catalogue) -> Result<f64, AuditError> {
    Ok(score(run, catalogue, "2025")?.strict_rate)
}

/// Hosts that differ: every third permits root over SSH.
fn recorded(seed: u64) -> RecordedHost {
    let mut host = RecordedHost::new();
    let root = if seed.is_multiple_of(3) { "yes" } else { "no" };
    host.file("/etc/ssh/sshd_config", format!("PermitRootLogin {root}\nMaxAuthTries 4\n"))
        .file("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
        .file("/etc/shadow", "root:$6$a$b:19000:1:90:7:::\n")
        .file("/etc/login.defs", "PASS_MAX_DAYS 90\nPASS_MIN_DAYS 1\nUMASK 027\n")
        .file("/etc/logrotate.conf", "weekly\nrotate 27\n")
        .file("/proc/1/status", "Name:\tinit\nUid:\t0\t0\t0\t0\n")
        .mode("/etc/shadow", 0o640, 0, 42);
    host
}
