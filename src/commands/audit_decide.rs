//! `xuedun audit attest|waive|remediate|remind`: what people decide about items and findings.

use std::path::PathBuf;
use std::time::Duration;

use centre::World;
use centre::schedule::Schedule;
use clap::builder::NonEmptyStringValueParser;
use compliance::audit::{
    self, Attestation, Catalogue, Compensation, Ticket, TicketState, VerdictKind, Waiver, findings,
    reminders,
};
use events::{FindingId, Lang, RunId, SiteId, Timestamp};

use super::audit::{DataArg, find};
use super::{Done, Failure, Outcome, print_json, print_line};

/// A statement on an item that no check judges.
#[derive(Debug, clap::Args)]
pub struct Attest {
    #[command(flatten)]
    data: DataArg,
    /// The item, such as 8.1.1.2.a
    item: String,
    /// conform, partial, non_conform or not_applicable
    #[arg(long)]
    verdict: String,
    /// Who looked
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    owner: String,
    /// What was looked at
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    note: String,
    /// The school it speaks for; default: the bureau
    #[arg(long)]
    site: Option<SiteId>,
    /// Days until it must be looked at again
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u64).range(1..=3650))]
    days: u64,
    /// A file that shows it; it goes into the next bundle
    #[arg(long = "attach", value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// An unmet item accepted by name until a date.
#[derive(Debug, clap::Args)]
pub struct Waive {
    #[command(flatten)]
    data: DataArg,
    /// The item
    item: String,
    /// Who answers for it
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    owner: String,
    /// Who approved; not the owner
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    approver: String,
    /// Why
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    reason: String,
    /// The school it speaks for; default: the bureau
    #[arg(long)]
    site: Option<SiteId>,
    /// Days until it ends
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=3650))]
    days: u64,
}

/// A measure that lessens the risk of an unmet item.
#[derive(Debug, clap::Args)]
pub struct Compensate {
    #[command(flatten)]
    data: DataArg,
    /// The item
    item: String,
    /// What is done instead
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    measure: String,
    /// Who answers for it
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    owner: String,
    /// The school it speaks for; default: the bureau
    #[arg(long)]
    site: Option<SiteId>,
    /// Days until it must be looked at again
    #[arg(long, default_value_t = 180, value_parser = clap::value_parser!(u64).range(1..=3650))]
    days: u64,
    /// A file that shows it; it goes into the next bundle
    #[arg(long = "attach", value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Tickets of findings.
#[derive(Debug, clap::Args)]
pub struct Remediate {
    #[command(flatten)]
    data: DataArg,
    /// The finding; without it, all tickets are listed
    finding: Option<FindingId>,
    /// Who answers for it
    #[arg(long, requires = "finding")]
    owner: Option<String>,
    /// Days until it is due; default: by severity
    #[arg(long, requires = "finding")]
    days: Option<u64>,
    /// It is done: the next run tells
    #[arg(long, requires = "finding")]
    done: bool,
    /// What was done
    #[arg(long, requires = "finding")]
    note: Option<String>,
    /// The run the finding is of; default: the latest
    #[arg(long)]
    run: Option<RunId>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Items whose statement is missing, ends soon or ended.
#[derive(Debug, clap::Args)]
pub struct Remind {
    #[command(flatten)]
    data: DataArg,
    /// Days of notice
    #[arg(long, default_value_t = 30)]
    days: u64,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// When the next audits are due by a cron expression.
#[derive(Debug, clap::Args)]
pub struct When {
    /// Five fields, in Beijing time; a node takes its own from `[audit] schedule`
    cron: String,
    /// How many
    #[arg(long, default_value_t = 5)]
    count: usize,
    /// As JSON
    #[arg(long)]
    json: bool,
}

fn later(now: Timestamp, days: u64) -> Timestamp {
    now.plus(Duration::from_secs(days.saturating_mul(86_400)))
}

fn item(catalogue: &Catalogue, id: &str) -> Result<(), Failure> {
    match catalogue.item(id) {
        Some(_) => Ok(()),
        None => Err(Failure::usage("X061", id)),
    }
}

fn catalogue() -> Result<Catalogue, Failure> {
    Catalogue::embedded().map_err(|e| Failure::audit(&e))
}

pub fn attest(args: Attest) -> Done {
    item(&catalogue()?, &args.item)?;
    let verdict = VerdictKind::parse(&args.verdict).filter(|v| {
        use VerdictKind::{Conform, NonConform, NotApplicable, Partial};
        matches!(v, Conform | Partial | NonConform | NotApplicable)
    });
    let Some(verdict) = verdict else {
        return Err(Failure::usage("X062", args.verdict));
    };
    let now = World::real().now();
    let statement = Attestation {
        site: args.site.unwrap_or(SiteId::BUREAU),
        item: args.item,
        verdict,
        by: args.owner,
        collected: now,
        expires: later(now, args.days),
        note: args.note,
        attachments: Vec::new(),
    };
    args.data.open()?.attest(statement, &args.files)?;
    Ok(Outcome::Clean)
}

pub fn waive(args: Waive) -> Done {
    item(&catalogue()?, &args.item)?;
    let expires = later(World::real().now(), args.days);
    let Waive { item, owner, approver, reason, site, data, .. } = args;
    let site = site.unwrap_or(SiteId::BUREAU);
    if owner.trim() == approver.trim() {
        return Err(Failure::usage("X069", approver));
    }
    data.open()?.waive(Waiver { site, item, owner, reason, approver, expires })?;
    Ok(Outcome::Clean)
}

pub fn compensate(args: Compensate) -> Done {
    item(&catalogue()?, &args.item)?;
    let noted = World::real().now();
    let note = Compensation {
        site: args.site.unwrap_or(SiteId::BUREAU),
        item: args.item,
        measure: args.measure,
        owner: args.owner,
        noted,
        expires: later(noted, args.days),
        attachments: Vec::new(),
    };
    args.data.open()?.compensate(note, &args.files)?;
    Ok(Outcome::Clean)
}

pub fn remediate(args: Remediate, lang: Lang) -> Done {
    let ledger = args.data.open()?;
    let now = World::real().now();
    let Some(id) = args.finding else {
        let tickets = ledger.tickets()?;
        if args.json {
            print_json(&tickets)?;
            return Ok(Outcome::Clean);
        }
        for t in &tickets {
            let late = if t.is_overdue(now) { lang.pick("逾期", "late") } else { "" };
            let due: String = t.due.to_beijing().chars().take(10).collect();
            let state = match t.state {
                TicketState::Open => lang.pick("待整改", "open"),
                TicketState::Retest => lang.pick("待复测", "to be retested"),
                TicketState::Closed => lang.pick("已销号", "closed"),
            };
            print_line(&format!(
                "{}\t{state}\t{due}\t{late}\t{}\t{}\t{}",
                t.finding, t.owner, t.target, t.check
            ))?;
        }
        return Ok(Outcome::Clean);
    };
    let known = ledger.tickets()?.into_iter().find(|t| t.finding == id);
    let mut ticket = match known {
        Some(ticket) => ticket,
        None => {
            let run = find(&ledger, args.run)?;
            let checks = audit::checks().map_err(|e| Failure::audit(&e))?;
            let all = findings(&run, &checks, &catalogue()?);
            let Some(finding) = all.into_iter().find(|f| f.id == id) else {
                return Err(Failure::usage("X063", id.to_string()));
            };
            let Some(owner) = &args.owner else {
                return Err(Failure::usage("X064", "--owner"));
            };
            let due = finding.due.unwrap_or_else(|| later(now, 30));
            Ticket::open(&finding, owner, due, now)
        }
    };
    if let Some(owner) = args.owner {
        ticket.owner = owner;
    }
    if let Some(days) = args.days {
        ticket.due = later(now, days);
    }
    if let Some(note) = args.note {
        ticket.note = note;
    }
    if args.done && ticket.state == TicketState::Open {
        ticket.state = TicketState::Retest;
    }
    ledger.put_ticket(ticket.clone())?;
    if args.json {
        print_json(&ticket)?;
    }
    Ok(Outcome::Clean)
}

pub fn remind(args: Remind, lang: Lang) -> Done {
    let catalogue = catalogue()?;
    let statements = args.data.open()?.attestations()?;
    let all = reminders(&catalogue, &statements, World::real().now(), args.days);
    if args.json {
        print_json(&all)?;
    } else {
        for r in &all {
            let why = match r.due {
                audit::ticket::Due::Missing => lang.pick("未举证", "missing"),
                audit::ticket::Due::Soon => lang.pick("即将到期", "ends soon"),
                audit::ticket::Due::Expired => lang.pick("已过期", "expired"),
            };
            let title = catalogue.item(&r.item).map_or("", |i| i.title.get(lang));
            print_line(&format!("{}\t{why}\t{}\t{title}", r.item, r.owner))?;
        }
    }
    Ok(if all.is_empty() { Outcome::Clean } else { Outcome::Findings })
}

pub fn when(args: When) -> Done {
    let schedule = Schedule::parse(&args.cron).map_err(|e| Failure::usage("X065", e))?;
    let mut at = World::real().now();
    let mut times = Vec::new();
    for _ in 0..args.count.min(1_000) {
        let Some(next) = schedule.next_after(at) else { break };
        times.push(next.to_beijing());
        at = next;
    }
    if times.is_empty() {
        return Err(Failure::usage("X065", args.cron));
    }
    if args.json {
        print_json(&times)?;
    } else {
        for time in times {
            print_line(&time)?;
        }
    }
    Ok(Outcome::Clean)
}
