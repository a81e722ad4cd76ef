//! `xuedun audit run --targets`: many targets together, each with its own run, read as one at the end.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;

use centre::World;
use centre::ledger::Ledger;
use compliance::audit::{AuditRun, Content, Fleet, FleetProgress, RollUp, TargetSpec, VerdictKind};
use compliance::report;
use events::{Lang, SiteId};
use serde_json::json;

use super::audit::print_scores;
use super::audit_target::Asked;
use super::{Done, Failure, Outcome, print_json, print_line};

/// Audits what was asked for, keeps every run, and shows one line each, then the roll-ups.
pub fn run(ledger: &Ledger, asked: &Asked, content: &Content, json: bool, lang: Lang) -> Done {
    let world = World::real();
    let line = Mutex::new(());
    let terminal = std::io::stderr().is_terminal();
    let fleet = Fleet {
        catalogue: &content.catalogue,
        checks: &content.checks,
        concurrency: asked.concurrency,
        wall: &|| world.now(),
        last: ledger.last_finished()?,
        open: &TargetSpec::open,
        progress: &|p| {
            if terminal {
                let _one = line.lock();
                progress_line(&p);
            }
        },
    };
    let mut region = RollUp::new(&content.catalogue);
    let mut schools: BTreeMap<SiteId, RollUp<'_>> = BTreeMap::new();
    let mut is_clean = true;
    let mut lines = Vec::new();
    fleet.run::<Failure>(&asked.specs, &mut |run| {
        let kept = ledger.keep(&run, world.now())?;
        ledger.retest(&run)?;
        let run = kept.settled;
        region.add(&run);
        schools.entry(run.site).or_insert_with(|| RollUp::new(&content.catalogue)).add(&run);
        is_clean &= run.is_clean();
        if json {
            lines.push(summary(&run));
        } else {
            if terminal {
                eprint!("\r\x1b[K");
            }
            print_run(&run, lang)?;
        }
        Ok(())
    })?;
    if terminal {
        eprint!("\r\x1b[K");
    }
    let schools: Vec<AuditRun> = schools.into_values().filter_map(RollUp::finish).collect();
    if let Some(region) = region.finish() {
        if json {
            let schools: Vec<_> = schools.iter().map(summary).collect();
            print_json(&json!({"runs": lines, "schools": schools, "region": summary(&region)}))?;
        } else {
            for school in schools.iter().filter(|_| schools.len() > 1) {
                print_run(school, lang)?;
            }
            for line in report::troubles(&region, lang) {
                print_line(&format!("! {line}"))?;
            }
            print_scores(&region, &content.catalogue, lang)?;
        }
    }
    Ok(if is_clean { Outcome::Clean } else { Outcome::Findings })
}

fn progress_line(p: &FleetProgress) {
    let what = p
        .check
        .as_ref()
        .map_or_else(String::new, |(done, planned, check)| format!(" {done}/{planned} {check}"));
    eprint!("\r\x1b[K{}/{} {}{what}", p.done, p.targets, p.target);
    let _ = std::io::stderr().flush();
}

fn print_run(run: &AuditRun, lang: Lang) -> Result<(), Failure> {
    let counts: Vec<String> = counts(run)
        .into_iter()
        .map(|(kind, count)| format!("{} {count}", kind.label(lang)))
        .collect();
    let site = if run.site.is_bureau() {
        lang.pick("教育局", "bureau").to_owned()
    } else {
        run.site.to_string()
    };
    print_line(&format!(
        "{}\t{site}\t{}\t{}/{}\t{}",
        run.id,
        run.target,
        run.executed,
        run.planned,
        counts.join(" ")
    ))?;
    for line in report::troubles(run, lang) {
        print_line(&format!("    ! {line}"))?;
    }
    Ok(())
}

fn counts(run: &AuditRun) -> BTreeMap<VerdictKind, usize> {
    let mut counts = BTreeMap::new();
    for item in &run.items {
        *counts.entry(item.verdict.kind()).or_default() += 1;
    }
    counts
}

fn summary(run: &AuditRun) -> serde_json::Value {
    json!({
        "run": run.id, "site": run.site, "target": run.target, "object": run.object,
        "planned": run.planned, "executed": run.executed,
        "items": counts(run), "troubles": run.troubles,
    })
}
