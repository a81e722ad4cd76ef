//! What the façade answers with: plain data, ready for a page, a command or JSON. Types of the
//! parts below that are in an answer are named here again: the console knows no other crate.

mod record;

pub use compliance::audit::score::Template;
pub use compliance::audit::{
    AuditRun, CheckResult, Finding, Item, RunDiff, Score, Verdict, VerdictKind,
};
pub use compliance::records::{ColumnReport, Inventory};
use events::{AlertId, DrillId, RunId, Severity, SiteId, Text, Timestamp};
pub use playbooks::StepState;
pub use playbooks::drill::{Coverage, Span};
use playbooks::drill::{DrillRun, DrillScore};
use serde::{Deserialize, Serialize};
pub use store::search::{Cursor, Stopped, instant};

pub use self::record::{Record, shown};
use crate::alert::{AlertGroup, AlertState};
use crate::enrich::division::Division;
use crate::evidence::EvidenceStanding;
use crate::reveal::RevealRequest;
use crate::situation::{Band, RiskIndex, Silence};

/// The workbench (工作台): what a person on duty sees first.
#[derive(Clone, Debug, Serialize)]
pub struct Workbench {
    /// Open alert groups by severity, gravest first.
    pub open: Vec<(Severity, usize)>,
    /// Open groups nobody has taken.
    pub untaken: usize,
    /// The caller's own open groups.
    pub mine: Vec<AlertGroup>,
    /// The open groups that need somebody first.
    pub urgent: Vec<AlertGroup>,
    /// Events per minute over the last hours, oldest first.
    pub event_rate: Vec<(Timestamp, u64)>,
    /// Alert groups raised per ten minutes over the same time, oldest first.
    pub alert_rate: Vec<(Timestamp, u64)>,
    /// Sensors that have fallen silent.
    pub silent: Vec<Silence>,
    /// The schools at most risk.
    pub worst: Vec<SchoolRow>,
    /// The latest audit run.
    pub last_run: Option<RunRow>,
    /// The drill that runs now.
    pub drill: Option<DrillId>,
    /// The node's figures.
    pub figures: Figures,
    /// What is wrong with the node itself.
    pub alarms: Vec<Text>,
}

/// The node's own figures.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// Events that are durable, since the data folder was made.
    pub journalled: u64,
    /// Events that detection has read.
    pub matched: u64,
    /// Events in the archive.
    pub archived: u64,
    /// Detections.
    pub detections: u64,
    /// Rules in force.
    pub rules: usize,
    /// Rules that were refused when the set was loaded.
    pub rules_rejected: usize,
    /// Detections that an exception covered, since the start.
    pub excepted: u64,
    /// Indicators of the threat-intelligence lists.
    pub indicators: u64,
    /// Bytes of the archive on disk.
    pub archive_bytes: u64,
    /// The oldest event that is kept.
    pub oldest: Option<Timestamp>,
    /// Whether the last write found the disk full.
    pub journal_full: bool,
    /// Events refused since the start because the disk was full or failed.
    pub refused: u64,
}

/// How the node itself does, for the command line and for those who watch over it.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Its figures.
    pub figures: Figures,
    /// What is wrong with it.
    pub alarms: Vec<Text>,
    /// Its evidence log.
    pub evidence: EvidenceStanding,
    /// Its sensors in the caller's scope; none while it does not run.
    pub sensors: Vec<SensorRow>,
}

/// One school in the ranking.
#[derive(Clone, Debug, Serialize)]
pub struct SchoolRow {
    /// Its code.
    pub site: SiteId,
    /// Its name.
    pub name: Text,
    /// Its district.
    pub district: Text,
    /// The division the configuration names, or the province that its code names.
    pub division: Option<Division>,
    /// Its index and how it came about.
    pub risk: RiskIndex,
    /// How the index reads.
    pub band: Band,
    /// Its open alert groups.
    pub open: usize,
    /// Its place, 1 for the one at most risk.
    pub rank: usize,
}

/// One school's page.
#[derive(Clone, Debug, Serialize)]
pub struct SchoolDetail {
    /// The row of the ranking.
    pub row: SchoolRow,
    /// Its address ranges.
    pub networks: Vec<String>,
    /// Its alert groups, latest first.
    pub alerts: Vec<AlertGroup>,
    /// Its sensors.
    pub sensors: Vec<SensorRow>,
}

/// One alert group's page.
#[derive(Clone, Debug, Serialize)]
pub struct AlertDetail {
    /// The group.
    pub group: AlertGroup,
    /// Name of its school.
    pub site_name: Text,
    /// The rule behind it, if it is still in force.
    pub rule: Option<RuleView>,
    /// The records that made it, newest first.
    pub records: Vec<Record>,
    /// Records of the same school and entities five minutes before and after, newest first.
    pub around: Vec<Record>,
    /// How groups of the same rule ended.
    pub past: Vec<AlertGroup>,
    /// The playbook to follow.
    pub playbook: Option<PlaybookView>,
}

/// A rule as the alert page shows it.
#[derive(Clone, Debug, Serialize)]
pub struct RuleView {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: Text,
    /// What it is about.
    pub description: Text,
    /// What to do.
    pub advice: Text,
    /// When it is wrong.
    pub false_positives: Text,
    /// ATT&CK techniques.
    pub attack: Vec<String>,
    /// The rule as written.
    pub source: String,
    /// File and line.
    pub place: String,
}

/// A playbook beside an alert.
#[derive(Clone, Debug, Serialize)]
pub struct PlaybookView {
    /// Its file's name.
    pub slug: String,
    /// Its name.
    pub name: Text,
    /// What it is for.
    pub description: Text,
    /// Its steps in reading order: name and what to do.
    pub steps: Vec<(Text, Text)>,
}

/// One sensor's health.
#[derive(Clone, Debug, Serialize)]
pub struct SensorRow {
    /// Its name.
    pub name: String,
    /// The school.
    pub site: SiteId,
    /// Name of the school.
    pub site_name: Text,
    /// What kind of input it is.
    pub input: String,
    /// Where it listens or reads.
    pub place: String,
    /// Records that reached it: decoded, undecoded, duplicates and dropped together.
    pub received: u64,
    /// Records its pack decoded.
    pub decoded: u64,
    /// Records kept undecoded.
    pub undecoded: u64,
    /// Records known already, and so not stored again.
    pub duplicates: u64,
    /// Records lost, by cause.
    pub dropped: Vec<(&'static str, u64)>,
    /// Decoded records given up because the node stopped or could not store them.
    pub refused: u64,
    /// Records lost since it began to lose some, while that is not long ago; else 0.
    pub lost_lately: u64,
    /// The last record.
    pub last: Option<Timestamp>,
    /// How far the sender's clock is off, in milliseconds.
    pub skew_ms: i64,
    /// The longest its records lately came behind their own time, in milliseconds.
    pub behind_ms: u64,
    /// How long correlation waits for its records now, in milliseconds.
    pub waits_ms: u64,
    /// Whether it has been silent too long.
    pub silent: bool,
    /// Samples of what could not be decoded.
    pub samples: Vec<String>,
    /// Records that no pack declares: kept undecoded, or taken by a pack for anything.
    pub undeclared: u64,
    /// The pack that would tell most of those.
    pub suggested: Option<String>,
    /// Connections and requests turned away: a certificate or a token that is wrong, too many at
    /// once.
    pub turned_away: u64,
    /// Who was turned away last, and why.
    pub last_refusal: Option<String>,
    /// Why certificates or revocation lists that were replaced are not at work: code and reason.
    pub trouble: Option<String>,
}

/// A page of alert groups.
#[derive(Clone, Debug, Serialize)]
pub struct AlertPage {
    /// The groups.
    pub rows: Vec<AlertGroup>,
    /// All that the filter asks for.
    pub total: usize,
    /// Counts of the whole filter by state.
    pub by_state: Vec<(AlertState, usize)>,
    /// Counts of the whole filter by severity.
    pub by_level: Vec<(Severity, usize)>,
}

/// One audit run in a list.
#[derive(Clone, Debug, Serialize)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// What was looked at.
    pub target: String,
    /// Checks planned and executed.
    pub planned: usize,
    /// Checks executed.
    pub executed: usize,
    /// Share of applicable items that conform, strict, in percent; none while nothing is judged.
    pub strict_rate: Option<f64>,
    /// Items with a verdict.
    pub judged: usize,
    /// Applicable items: the denominator of the rate.
    pub denominator: usize,
}

/// One audit run's page.
#[derive(Clone, Debug, Serialize)]
pub struct RunDetail {
    /// The row of the list.
    pub row: RunRow,
    /// The run as it was kept.
    pub run: AuditRun,
    /// Its score under each template.
    pub scores: Vec<(Score, Template)>,
    /// What does not conform, with advice.
    pub findings: Vec<Finding>,
    /// What changed since the run before.
    pub diff: Option<RunDiff>,
    /// The ten categories.
    pub categories: Vec<CategoryRow>,
    /// All 211 items in the catalogue's order.
    pub items: Vec<ItemRow>,
}

/// One category's counts.
#[derive(Clone, Debug, Serialize)]
pub struct CategoryRow {
    /// Its clause.
    pub clause: String,
    /// Its title.
    pub title: Text,
    /// Its items.
    pub items: usize,
    /// Items by verdict.
    pub counts: Vec<(VerdictKind, usize)>,
}

/// One item with what was found.
#[derive(Clone, Debug, Serialize)]
pub struct ItemRow {
    /// The item of the catalogue.
    pub item: Item,
    /// Its verdict.
    pub verdict: Verdict,
    /// What its checks observed.
    pub results: Vec<CheckResult>,
}

/// A data inventory (数据清单) that was kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InventoryEntry {
    /// Its id.
    pub id: RunId,
    /// When it was made.
    pub at: Timestamp,
    /// What was looked at.
    pub source: String,
    /// What was found; never a value.
    pub inventory: Inventory,
    /// What a masked copy of it was, if one was made.
    pub mask: Option<serde_json::Value>,
}

/// What a search from the console asks for.
#[derive(Clone, Debug, Default)]
pub struct SearchForm {
    /// The query.
    pub query: String,
    /// From when.
    pub from: Option<Timestamp>,
    /// Until when.
    pub to: Option<Timestamp>,
    /// At most this many rows.
    pub limit: usize,
    /// Whether records of exercises are found too.
    pub exercises: bool,
    /// Go on behind a page that was given.
    pub after: Option<Cursor>,
    /// How long it may run, in milliseconds.
    pub deadline_ms: Option<u64>,
    /// After how long a page of records may end with what is final by then, in milliseconds.
    pub slice_ms: Option<u64>,
}

/// What a search found.
#[derive(Clone, Debug, Serialize)]
pub struct SearchPage {
    /// Records, newest first; empty for a table answer.
    pub records: Vec<Record>,
    /// A table answer: columns and rows.
    pub table: Option<(Vec<String>, Vec<Vec<String>>)>,
    /// Records that match, as far as they were counted.
    pub matched: u64,
    /// Whether `matched` is all of them; if not, there are at least so many.
    pub counted: bool,
    /// Records that were looked at.
    pub scanned: u64,
    /// Whether something is missing: it was stopped, or a part could not be read.
    pub partial: bool,
    /// What stopped it before it had looked everywhere.
    pub stopped: Option<Stopped>,
    /// Parts of journal and archive that could not be read.
    pub unreadable: Vec<String>,
    /// Records or rows in which personal data is masked for the reader.
    pub masked: u64,
    /// How long it took.
    pub took_ms: u64,
    /// Matching records over time, oldest first (only for record answers).
    pub histogram: Vec<(Timestamp, u64)>,
    /// The time that was searched.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// Where the next page begins, if the limit, the slice or the deadline ended this one: what is
    /// newer was given without a gap.
    pub next: Option<Cursor>,
}

/// A link to an alert, for lists elsewhere.
#[derive(Clone, Debug, Serialize)]
pub struct AlertLink {
    /// Its id.
    pub id: AlertId,
    /// Its title.
    pub title: Text,
}

impl store::state::Record for InventoryEntry {
    const VERSION: u8 = 1;
}

/// A reveal request's page.
#[derive(Clone, Debug, Serialize)]
pub struct RevealDetail {
    /// The request.
    pub request: RevealRequest,
    /// Whether the caller may approve or refuse it now.
    pub may_decide: bool,
    /// Whether the caller may have the log records shown in the clear now, once.
    pub may_open: bool,
    /// The log records it is about, masked for the caller.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<Record>,
    /// What the caller, who asked, hands to the command line once it is approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

/// A drill in the list.
#[derive(Clone, Debug, Serialize)]
pub struct DrillRow {
    /// Its id.
    pub id: DrillId,
    /// Its name.
    pub name: Text,
    /// Where it plays.
    pub site_name: Text,
    /// Whether it runs now.
    pub running: bool,
    /// Its score, provisional while it runs.
    pub score: DrillScore,
}

/// A drill's board.
#[derive(Clone, Debug, Serialize)]
pub struct DrillDetail {
    /// Its id.
    pub id: DrillId,
    /// Its name.
    pub name: Text,
    /// Where it plays.
    pub site_name: Text,
    /// Who started it.
    pub by: String,
    /// Whether it runs now.
    pub running: bool,
    /// Its plan and clocks.
    pub run: DrillRun,
    /// Its score, provisional while it runs.
    pub score: DrillScore,
    /// Its playbook, step by step.
    pub playbook: playbooks::RunStatus,
}
