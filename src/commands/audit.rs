//! `xuedun audit`: the 211 items of level 3, checked on this machine.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use centre::World;
use centre::config::EvidenceConfig;
use centre::ledger::Ledger;
use compliance::audit::{
    self, AuditRun, Catalogue, VerdictKind, diff, findings, plan, score, templates,
};
use compliance::report;
use events::{Lang, RunId};

use super::audit_target::TargetArgs;
use super::{Done, Failure, Outcome, print_json, print_line};
use super::{audit_decide, audit_fleet};

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
    /// Configuration of a node: its folder, its witnesses and its timestamp authority
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    pub config: Option<PathBuf>,
}

impl DataArg {
    /// Opens the ledger.
    pub fn open(&self) -> Result<Ledger, Failure> {
        let world = World::real();
        Ok(match &self.config {
            Some(file) => {
                let config = super::node::load(file)?;
                let folder = config.node.data_dir.join("compliance");
                Ledger::open(&folder, &config.evidence, &world)?
            }
            None => Ledger::open(&self.data, &EvidenceConfig::default(), &world)?,
        })
    }
}

/// Records acts in an evidence log, if one was named. Opened before the act: what cannot be
/// recorded is not begun.
pub struct Recorder(Option<Ledger>);

impl Recorder {
    /// Opens the folder's log.
    pub fn open(data: Option<&std::path::Path>) -> Result<Self, Failure> {
        let open = |data| Ledger::open(data, &EvidenceConfig::default(), &World::real());
        Ok(Self(data.map(open).transpose()?))
    }

    /// Records an act.
    pub fn record(&self, act: &centre::records_proof::RecordsAct<'_>) -> Result<(), Failure> {
        if let Some(ledger) = &self.0 {
            ledger.evidence().record(act, World::real().now())?;
        }
        Ok(())
    }
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Run every check that fits the target, keep the run, seal it as evidence
    Run {
        #[command(flatten)]
        data: DataArg,
        #[command(flatten)]
        target: Box<TargetArgs>,
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
    /// State what was found on an item that no check judges
    Attest(audit_decide::Attest),
    /// Accept an unmet item by name until a date
    Waive(audit_decide::Waive),
    /// Note a measure that lessens the risk of an unmet item
    Compensate(audit_decide::Compensate),
    /// Tickets of findings: list, open, change, call done
    Remediate(audit_decide::Remediate),
    /// Items whose statement is missing, ends soon or ended
    Remind(audit_decide::Remind),
    /// When audits are due by a cron expression
    Schedule(audit_decide::When),
    /// Write a run as a report
    Export {
        #[command(flatten)]
        data: DataArg,
        /// The run; default: the latest
        run: Option<RunId>,
        /// What to write
        #[arg(long, value_enum)]
        format: Format,
        /// The file to write
        #[arg(short, long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// What a run is written as.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    // A page
    Html,
    // The table assessors fill, as CSV
    Csv,
    // The table assessors fill, as a workbook
    Xlsx,
    // The report, as a document
    Docx,
    // OSCAL catalog
    OscalCatalog,
    // OSCAL assessment plan
    OscalPlan,
    // OSCAL assessment results
    OscalResults,
    // OSCAL plan of action and milestones
    OscalPoam,
    // A fresh evidence bundle of the run as settled by now
    Bundle,
}

pub fn run(args: Args, lang: Lang) -> Done {
    match args.verb {
        Verb::Attest(args) => audit_decide::attest(args),
        Verb::Waive(args) => audit_decide::waive(args),
        Verb::Compensate(args) => audit_decide::compensate(args),
        Verb::Remediate(args) => audit_decide::remediate(args, lang),
        Verb::Remind(args) => audit_decide::remind(args, lang),
        Verb::Schedule(args) => audit_decide::when(args),
        Verb::Export { data, run, format, out } => export(&data, run, format, &out, lang),
        Verb::Run { data, target, json } => run_now(&data, &target, json, lang),
        Verb::List { data, json } => list(&data, json),
        Verb::Show { data, run, json } => {
            let ledger = data.open()?;
            let run = ledger.settled(&find(&ledger, run)?, World::real().now())?;
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

fn run_now(data: &DataArg, target: &TargetArgs, json: bool, lang: Lang) -> Done {
    let asked = target.asked()?;
    let ledger = data.open()?;
    let content = audit::content().map_err(|e| Failure::audit(&e))?;
    if asked.is_fleet {
        return audit_fleet::run(&ledger, &asked, content, json, lang);
    }
    let world = World::real();
    let Some(spec) = asked.specs.first() else { return Ok(Outcome::Clean) };
    let fail = |e: audit::AuditError| Failure::audit(&e);
    let plan = plan(&content.catalogue, &content.checks, &spec.target()).map_err(fail)?;
    let host = spec.open();
    let terminal = std::io::stderr().is_terminal();
    let last = ledger.last_finished()?;
    let clocks = audit::Clocks { now: world.now(), wall: &|| world.now(), last };
    let run = audit::run_by(&plan.within(spec.limit_ms()), &*host, &clocks, &mut |p| {
        if terminal {
            eprint!("\r\x1b[K{}/{} {}", p.done, p.planned, p.check.title.get(lang));
            let _ = std::io::stderr().flush();
        }
    });
    if terminal {
        eprint!("\r\x1b[K");
    }
    let kept = ledger.keep(&run, world.now())?;
    ledger.retest(&run)?;
    show(&kept.settled, json, lang)
}

fn export(data: &DataArg, run: Option<RunId>, format: Format, out: &Path, lang: Lang) -> Done {
    let fail = |e: audit::AuditError| Failure::audit(&e);
    let ledger = data.open()?;
    let kept = find(&ledger, run)?;
    let run = ledger.settled(&kept, World::real().now())?;
    let audit::Content { catalogue, checks } = audit::content().map_err(fail)?;
    let tickets = ledger.tickets()?;
    let json = |value: &serde_json::Value| {
        serde_json::to_vec_pretty(value).map_err(|e| Failure::of("X066", &e))
    };
    let office = |e: report::OfficeError| Failure::of("X066", &e);
    let bytes = match format {
        Format::Html => report::html(&run, catalogue, checks, lang).map_err(fail)?.into_bytes(),
        Format::Csv => report::csv(&run, catalogue, lang).into_bytes(),
        Format::Xlsx => report::xlsx(&run, catalogue, checks, lang).map_err(office)?,
        Format::Docx => {
            report::docx(&run, catalogue, checks, Some(&tickets[..]), lang).map_err(office)?
        }
        Format::OscalCatalog => json(&report::oscal_catalog(catalogue, run.finished, lang))?,
        Format::OscalPlan => json(&report::oscal_plan(&run, checks, lang))?,
        Format::OscalResults => json(&report::oscal(&run, checks, lang))?,
        Format::Bundle => {
            ledger.seal(&kept, World::real().now())?;
            ledger.evidence().export(kept.id, out)?;
            return Ok(Outcome::Clean);
        }
        Format::OscalPoam => json(&report::oscal_poam(&run, checks, catalogue, &tickets, lang))?,
    };
    std::fs::write(out, bytes).map_err(|e| Failure::file(out, &e))?;
    Ok(Outcome::Clean)
}

fn list(data: &DataArg, json: bool) -> Done {
    for run in data.open()?.heads()? {
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
    let fail = |e: audit::AuditError| Failure::audit(&e);
    let audit::Content { catalogue, checks } = audit::content().map_err(fail)?;
    let found = findings(run, checks, catalogue);
    let outcome = if run.is_clean() { Outcome::Clean } else { Outcome::Findings };
    if json {
        print_json(run)?;
        return Ok(outcome);
    }
    for result in &run.items {
        let Some(item) = catalogue.item(&result.item) else { continue };
        let verdict = result.verdict.label(lang);
        print_line(&format!("{}\t{verdict}\t{}", item.id, item.title.get(lang)))?;
        let remark = report::remark(result, lang);
        if !remark.is_empty() {
            print_line(&format!("    {remark}"))?;
        }
    }
    for finding in &found {
        print_line(&format!(
            "✗ {}\t{}\t{}\t{}",
            finding.id,
            finding.item,
            finding.title.get(lang),
            finding.observed
        ))?;
        print_line(&format!("    {}", finding.remedy.get(lang)))?;
    }
    let unseen = [VerdictKind::Error, VerdictKind::NotRun];
    for result in run.results.iter().filter(|r| unseen.contains(&r.verdict.kind())) {
        let label = result.verdict.label(lang);
        print_line(&format!("? {}\t{label}\t{}", result.check, result.observed))?;
    }
    for line in report::troubles(run, lang) {
        print_line(&format!("! {line}"))?;
    }
    print_scores(run, catalogue, lang)?;
    let word = lang.pick("检查项已执行/计划", "checks executed/planned");
    print_line(&format!("{word}: {}/{}", run.executed, run.planned))?;
    Ok(outcome)
}

/// The rate of a run by every template, its denominator beside it.
pub fn print_scores(run: &AuditRun, catalogue: &Catalogue, lang: Lang) -> Result<(), Failure> {
    let fail = |e: audit::AuditError| Failure::audit(&e);
    for template in templates().map_err(fail)? {
        let s = score(run, catalogue, &template.id).map_err(fail)?;
        let unverified =
            if s.unverified { lang.pick("（未核实）", " (unverified)") } else { "" };
        print_line(&format!(
            "{}{unverified}: {:.1} %  ({} {}; {} {})",
            template.title.get(lang),
            s.strict_rate * 100.0,
            lang.pick("已判定", "judged"),
            s.judged,
            lang.pick("分母", "denominator"),
            s.denominator
        ))?;
    }
    Ok(())
}
