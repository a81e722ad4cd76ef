//! A region audited from recordings: 300 schools of 10 hosts each are planned, run, rolled up by
//! school and as a whole, and exported. Prints what it took; run it in release.
//!
//! `cargo run --release -p compliance --example region [SCHOOLS] [HOSTS] [TOGETHER]`

use std::collections::BTreeMap;
use std::time::Instant;

use compliance::audit::host::HostError;
use compliance::audit::{
    self, AuditError, AuditRun, Content, Fleet, RecordedHost, RollUp, TargetKind, TargetSpec, score,
};
use compliance::report;
use events::{Lang, SiteId, Timestamp};

/// Every so many hosts one does not answer.
const DEAD_EVERY: u64 = 97;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1).filter_map(|a| a.parse::<u64>().ok());
    let (schools, hosts) = (args.next().unwrap_or(300), args.next().unwrap_or(10));
    let together = args.next().and_then(|n| usize::try_from(n).ok()).unwrap_or(2);
    let began = Instant::now();
    let content = audit::content()?;
    let mut specs = Vec::new();
    for school in 0..schools {
        let site = SiteId::from_u64(3_300_000_000 + school)
            .map_err(|_| "the school's code has not ten digits")?;
        specs.extend((0..hosts).map(|number| {
            TargetSpec::new(&format!("host-{school}-{number}"), TargetKind::Host, site)
        }));
    }
    let fleet = Fleet {
        catalogue: &content.catalogue,
        checks: &content.checks,
        concurrency: together,
        wall: &|| Timestamp::from_secs(1_795_000_000),
        last: None,
        open: &|spec| Box::new(recorded(&spec.name)),
        progress: &|_| {},
    };
    let mut tally = Tally::default();
    let mut region = RollUp::new(&content.catalogue);
    let mut of_schools: BTreeMap<SiteId, (u64, RollUp<'_>)> = BTreeMap::new();
    fleet.run::<Box<dyn std::error::Error>>(&specs, &mut |run| {
        tally.runs += 1;
        tally.results += run.results.len();
        tally.troubled += u64::from(!run.troubles.is_empty());
        tally.bytes += serde_json::to_vec(&run)?.len();
        tally.bytes += serde_json::to_vec(&report::oscal(&run, &content.checks, Lang::Zh))?.len();
        region.add(&run);
        let school =
            of_schools.entry(run.site).or_insert_with(|| (0, RollUp::new(&content.catalogue)));
        school.0 += 1;
        school.1.add(&run);
        // A school is exported as soon as its last host is done, and then forgotten.
        if school.0 == hosts
            && let Some((_, rolled)) = of_schools.remove(&run.site)
        {
            tally.export(&rolled.finish().ok_or("no runs")?, content)?;
        }
        Ok(())
    })?;
    tally.export(&region.finish().ok_or("no runs")?, content)?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap_or("VmHWM: ?");
    println!(
        "{schools} schools × {hosts} hosts: {} runs ({} not whole), {} results, {} reports, {} bytes exported, lowest rate {:.3}, {:.1} s, {peak}",
        tally.runs,
        tally.troubled,
        tally.results,
        tally.reports,
        tally.bytes,
        tally.worst.unwrap_or(1.0),
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

#[derive(Default)]
struct Tally {
    runs: u64,
    troubled: u64,
    results: usize,
    reports: u64,
    bytes: usize,
    worst: Option<f64>,
}

impl Tally {
    /// Every output of a rolled-up run.
    fn export(
        &mut self,
        run: &AuditRun,
        content: &Content,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let Content { catalogue, checks } = content;
        let (lang, rate) = (Lang::Zh, rate(run, content)?);
        self.worst = Some(self.worst.map_or(rate, |worst| worst.min(rate)));
        self.bytes += report::xlsx(run, catalogue, checks, lang)?.len();
        self.bytes += report::docx(run, catalogue, checks, None, lang)?.len();
        self.bytes += report::html(run, catalogue, checks, lang)?.len();
        self.bytes += report::csv(run, catalogue, lang).len();
        self.bytes += serde_json::to_vec(&report::oscal(run, checks, lang))?.len();
        self.bytes += serde_json::to_vec(&report::oscal_plan(run, checks, lang))?.len();
        let poam = report::oscal_poam(run, checks, catalogue, &[], lang);
        self.bytes += serde_json::to_vec(&poam)?.len();
        self.reports += 7;
        Ok(())
    }
}

fn rate(run: &AuditRun, content: &Content) -> Result<f64, AuditError> {
    Ok(score(run, &content.catalogue, "2025")?.strict_rate)
}

/// Hosts that differ: every third permits root over SSH, some do not answer at all.
fn recorded(name: &str) -> RecordedHost {
    let seed = name.bytes().fold(0u64, |n, b| n.wrapping_mul(31).wrapping_add(u64::from(b)));
    let mut host = RecordedHost::new();
    if seed.is_multiple_of(DEAD_EVERY) {
        let reason = "recorded".to_owned();
        host.unanswered(HostError::Unreachable { what: name.to_owned(), reason });
        return host;
    }
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
