//! `xuedun audit`: the 211 items of level 3, checked on this machine.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use centre::World;
use centre::ledger::Ledger;
use compliance::audit::{
    self, AuditRun, Catalogue, LocalHost, Target, VerdictKind, diff, findings, plan, score,
    templates,
};
use events::{Lang, RunId, SiteId};

use super::{Done, Failure, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

/// Where runs and evidence are kept.
#[derive(Debug, clap::Args)]
pub struct DataArg {
    /// Folder of runs and evidence (of a node: DATA/compliance)
    #[arg(long, value_name = "DIR", default_value = "xuedun-compliance")]
    pub data: PathBuf,
}

impl DataArg {
    /// Opens the ledger.
    pub fn open(&self) -> Result<Ledger, Failure> {
        Ok(Ledger::open(&self.data, &*World::real().random)?)
    }
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Run every check on this machine, keep the run, seal it as evidence
    Run {
        #[command(flatten)]
        data: DataArg,
        /// Root of the file system to look at
        #[arg(long, default_value = "/")]
        root: PathBuf,
        /// The run as JSON
        #[arg(long)]
        json: bool,
    },
    /// List the runs that were kept
    List {
        #[command(flatten)]
        data: DataArg,
        /// One JSON object a run
        #[arg(long)]
        json: bool,
    },
    /// Show a run: scores, findings, every item
    Show {
        #[command(flatten)]
        data: DataArg,
        /// The run; default: the latest
        run: Option<RunId>,
        /// The run as JSON
        #[arg(long)]
        json: bool,
    },
    /// What changed between two runs
    Diff {
        #[command(flatten)]
        data: DataArg,
        /// The earlier run
        before: RunId,
        /// The later run
        after: RunId,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub fn run(args: Args, lang: Lang) -> Done {
    match args.verb {
        Verb::Run { data, root, json } => run_now(&data, &root, json, lang),
        Verb::List { data, json } => list(&data, json),
        Verb::Show { data, run, json } => {
            let ledger = data.open()?;
            let run = find(&ledger, run)?;
            show(&run, json, lang)
        }
        Verb::Diff { data, before, after, json } => {
            let ledger = data.open()?;
            let changes = diff(&find(&ledger, Some(before))?, &find(&ledger, Some(after))?);
            if json {
                print_json(&changes)?;
                return Ok(Outcome::Clean);
            }
            let none = lang.pick("无", "none");
            let name = |v: &Option<audit::Verdict>| {
                v.as_ref().map_or(none, |v| v.kind().label(lang)).to_owned()
            };
            for change in &changes.items {
                let (from, to) = (name(&change.before), name(&change.after));
                print_line(&format!("{}\t{from} → {to}", change.id))?;
            }
            let word = lang.pick("未变化的检查项", "checks unchanged");
            print_line(&format!("{word}: {}", changes.unchanged))?;
            Ok(Outcome::Clean)
        }
    }
}

fn run_now(data: &DataArg, root: &Path, json: bool, lang: Lang) -> Done {
    let fail = |e: audit::AuditError| Failure::of(e.code(), &e);
    let world = World::real();
    let ledger = data.open()?;
    let catalogue = Catalogue::embedded().map_err(fail)?;
    let checks = audit::checks().map_err(fail)?;
    let target = Target::host(SiteId::BUREAU, "localhost");
    let plan = plan(&catalogue, &checks, &target).map_err(fail)?;
    let host = LocalHost::at_root(root);
    let terminal = std::io::stderr().is_terminal();
    let run = audit::run(&plan, &host, world.now(), &mut |p| {
        if terminal {
            eprint!("\r\x1b[K{}/{} {}", p.done, p.planned, p.check.title.get(lang));
            let _ = std::io::stderr().flush();
        }
    });
    if terminal {
        eprint!("\r\x1b[K");
    }
    ledger.keep(&run, world.now())?;
    show(&run, json, lang)
}

fn list(data: &DataArg, json: bool) -> Done {
    for run in data.open()?.runs()? {
        if json {
            print_json(&serde_json::json!({
                "run": run.id, "started": run.started, "target": run.target,
                "planned": run.planned, "executed": run.executed,
            }))?;
        } else {
            let when = run.started.to_beijing();
            print_line(&format!(
                "{}\t{when}\t{}\t{}/{}",
                run.id, run.target, run.executed, run.planned
            ))?;
        }
    }
    Ok(Outcome::Clean)
}

/// A run by id, or the latest.
pub fn find(ledger: &Ledger, id: Option<RunId>) -> Result<AuditRun, Failure> {
    let none = || Failure::usage("X060", "");
    let id = match id {
        Some(id) => id,
        None => ledger.ids()?.into_iter().next().ok_or_else(none)?,
    };
    ledger.run(id)?.ok_or_else(none)
}

fn show(run: &AuditRun, json: bool, lang: Lang) -> Done {
    let fail = |e: audit::AuditError| Failure::of(e.code(), &e);
    let catalogue = Catalogue::embedded().map_err(fail)?;
    let checks = audit::checks().map_err(fail)?;
    let found = findings(run, &checks, &catalogue);
    let outcome = if found.is_empty() { Outcome::Clean } else { Outcome::Findings };
    if json {
        print_json(run)?;
        return Ok(outcome);
    }
    for item in &catalogue.items {
        let verdict = run.item(&item.id).map_or(VerdictKind::NotRun, |r| r.verdict.kind());
        print_line(&format!("{}\t{}\t{}", item.id, verdict.label(lang), item.title.get(lang)))?;
    }
    for finding in &found {
        print_line(&format!(
            "✗ {}\t{}\t{}",
            finding.item,
            finding.title.get(lang),
            finding.observed
        ))?;
        print_line(&format!("    {}", finding.remedy.get(lang)))?;
    }
    for template in templates().map_err(fail)? {
        let s = score(run, &catalogue, &template.id).map_err(fail)?;
        let unverified =
            if s.unverified { lang.pick("（未核实）", " (unverified)") } else { "" };
        print_line(&format!(
            "{}{unverified}: {:.1} %  ({} {}; {} {})",
            template.title.get(lang),
            s.strict_rate,
            lang.pick("已判定", "judged"),
            s.judged,
            lang.pick("分母", "denominator"),
            s.denominator
        ))?;
    }
    let word = lang.pick("检查项已执行/计划", "checks executed/planned");
    print_line(&format!("{word}: {}/{}", run.executed, run.planned))?;
    Ok(outcome)
}
