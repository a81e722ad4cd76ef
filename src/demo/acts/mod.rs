//! The acts of the demonstration, one file each: the traffic with its attacks, the student
//! records, the audit with its evidence, the drill. Each says what it did and whether that is
//! what it should have done.

mod audit;
mod drill;
mod records;
mod traffic;

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use centre::{Caller, Centre};
use events::{Lang, Text};
use serde::Serialize;
use serde_json::Value;

use super::region::Region;
use super::send::Targets;
use super::story::{Plan, Story};
use crate::commands::{Failure, print_line};

/// Accounts whose one-time login links are printed.
pub const SHOWN_ACCOUNTS: [&str; 4] = ["analyst1", "secadmin", "auditor", "sysadmin"];

/// What one act did.
#[derive(Clone, Debug, Serialize)]
pub struct ActReport {
    /// Which act.
    pub act: String,
    /// Its title.
    pub title: Text,
    /// Whether it did what it should.
    pub ok: bool,
    /// What was seen.
    pub detail: Value,
    /// Where to look in the console.
    pub look: String,
}

/// How many records there were at each station.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Counts {
    /// Records that were sent.
    pub sent: u64,
    /// Records of the story's sensors that are durable.
    pub journalled: u64,
    /// Records of the story's sensors that detection has read.
    pub matched: u64,
    /// Records of the story's sensors in the archive.
    pub archived: u64,
}

impl Counts {
    /// Whether nothing was lost and nothing was made up.
    pub fn agree(&self) -> bool {
        self.sent > 0
            && self.sent == self.journalled
            && self.sent == self.matched
            && self.sent == self.archived
    }
}

/// What every act needs.
pub struct Cast<'a> {
    /// The node.
    pub centre: &'a Arc<Centre>,
    /// The region.
    pub region: &'a Region,
    /// The region's folder.
    pub dir: &'a Path,
    /// The language of the terminal.
    pub lang: Lang,
    /// Whether the terminal is told.
    pub loud: bool,
}

impl Cast<'_> {
    /// Says a line.
    fn say(&self, zh: &str, en: &str) {
        if self.loud {
            println!("{}", self.lang.pick(zh, en));
        }
    }

    /// Shows where a long piece of work stands, on a terminal only.
    fn progress(&self, text: &str) {
        if self.loud && std::io::stdout().is_terminal() {
            print!("\r\x1b[K  {text}");
            let _ = std::io::stdout().flush();
        }
    }

    /// Ends a progress line.
    fn progress_done(&self) {
        if self.loud && std::io::stdout().is_terminal() {
            print!("\r\x1b[K");
            let _ = std::io::stdout().flush();
        }
    }

    /// A person of the region, as the façade sees one who has signed in.
    fn caller(&self, account: &str) -> Result<Caller, Failure> {
        let token = self.centre.one_time_link(account)?;
        let session = self.centre.login_once(token.reveal())?;
        let caller = self.centre.caller(session.reveal())?;
        caller.ok_or_else(|| Failure::runtime("X053", account))
    }

    fn report(&self, act: &str, title: Text, ok: bool, detail: Value, look: &str) -> ActReport {
        let mark = if ok { "✓" } else { "✗" };
        let look = look.to_owned();
        if self.loud {
            println!("{mark} {}  → {look}", title.get(self.lang));
        }
        ActReport { act: act.to_owned(), title, ok, detail, look }
    }
}

/// Waits until something holds, looking every 50 ms; `false` when the time is over.
async fn until(mut holds: impl FnMut() -> bool, within: Duration) -> bool {
    let end = Instant::now() + within;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Presents the region.
pub fn introduce(region: &Region, sensors: &[(String, SocketAddr)], lang: Lang, loud: bool) {
    if !loud {
        return;
    }
    println!(
        "  {}: {} {}, {} {}",
        region.bureau.get(lang),
        region.districts.len(),
        lang.pick("个区县", "districts"),
        region.schools.len(),
        lang.pick("所学校", "schools")
    );
    for (name, address) in sensors {
        println!("  {} {name}: {address}", lang.pick("采集器", "sensor"));
    }
}

/// Plays every act in order.
pub async fn play(
    cast: &Cast<'_>,
    targets: &Targets,
    minutes: u32,
    speed: f64,
    rate: u32,
    seed: u64,
) -> Result<(Vec<ActReport>, Counts), Failure> {
    let start = Plan::start(cast.centre.now(), minutes, speed);
    let story = Story::new(cast.region, &Plan { seed, minutes, records_per_minute: rate, start });
    let (mut reports, mut counts) = traffic::play(cast, &story, targets, speed).await?;
    reports.push(records::play(cast, seed)?);
    reports.extend(audit::play(cast).await?);
    reports.push(drill::play(cast).await?);
    counts.archived = traffic::archived(cast, &story)?;
    Ok((reports, counts))
}

/// The summary as text.
pub fn conclude(reports: &[ActReport], counts: &Counts, lang: Lang) -> Result<(), Failure> {
    print_line("")?;
    print_line(&format!(
        "{}: {} {} = {} {} = {} {} = {} {}  {}",
        lang.pick("日志记录", "log records"),
        lang.pick("发送", "sent"),
        counts.sent,
        lang.pick("落盘", "journalled"),
        counts.journalled,
        lang.pick("检测", "matched"),
        counts.matched,
        lang.pick("归档", "archived"),
        counts.archived,
        if counts.agree() { "✓" } else { "✗" }
    ))?;
    for report in reports {
        let mark = if report.ok { "✓" } else { "✗" };
        print_line(&format!("{mark} {}", report.title.get(lang)))?;
        if !report.ok {
            print_line(&format!("    {}", report.detail))?;
        }
    }
    Ok(())
}
