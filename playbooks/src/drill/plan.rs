//! What a drill's content says: the drill extension of a playbook.

use std::sync::Arc;
use std::time::Duration;

use events::{Lang, Severity, SiteId, Text, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::json::Node;
use crate::limits;
use crate::load::{Ctx, Obj};
use crate::model::Playbook;

/// A playbook that is a drill.
#[derive(Clone, Debug)]
pub struct Drill {
    /// Run it in [`crate::Mode::Exercise`].
    pub playbook: Arc<Playbook>,
}

/// The drill extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillPlan {
    /// What the drill is to show.
    pub objectives: Vec<Text>,
    /// First response is due so many minutes after the first alert.
    pub sla_minutes: u32,
    /// Slug of the response playbook under test.
    pub response: Option<String>,
    /// An unmarked alert at least this grave ends the exercise.
    pub endex_level: Severity,
    /// Who takes part.
    pub roles: Vec<DrillRole>,
    /// What is fed in, ordered by time.
    pub injects: Vec<Inject>,
}

/// A role in the drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillRole {
    /// Its id, as steps name it.
    pub id: String,
    /// Its name.
    pub name: Text,
}

/// Something fed into the real sensors (情景注入).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inject {
    /// Its id within the drill.
    pub id: String,
    /// What it plays.
    pub title: Text,
    /// When, in seconds from the start.
    pub at_seconds: u32,
    /// Through what kind of sensor.
    pub transport: Transport,
    /// Which pack decodes it: the drill needs a sensor with this one (or auto-detection).
    pub pack: String,
    /// Its records.
    pub records: Vec<RecordTemplate>,
    /// What it must raise.
    pub expects: Expectation,
}

/// The way records go in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// One datagram per record.
    SyslogUdp,
    /// One octet-counted frame per record.
    SyslogTcp,
    /// One JSON line per record.
    Http,
}

/// A record with places to fill: `{site}`, `{n}` (1, 2, …), `{marker}`, `{time}` (RFC 3339,
/// Beijing), `{time3164}` (`Nov 24 08:00:00`, Beijing).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordTemplate {
    /// The text.
    pub text: String,
    /// How often it is sent.
    pub times: u32,
    /// Pause between, in milliseconds.
    pub every_ms: u32,
}

/// What an inject must raise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// Ids of rules; any one of them counts.
    pub rules: Vec<String>,
    /// ATT&CK techniques it plays.
    pub techniques: Vec<String>,
    /// Within so many seconds of its first record.
    pub within_seconds: u32,
}

/// What fills an inject's records.
#[derive(Clone, Copy, Debug)]
pub struct InjectContext<'a> {
    /// The school it plays at.
    pub site: SiteId,
    /// From [`super::marker`], for this inject.
    pub marker: &'a str,
    /// When the drill's first second begins.
    pub start: Timestamp,
}

/// One record to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InjectRecord {
    /// When.
    pub at: Timestamp,
    /// How.
    pub transport: Transport,
    /// What, without framing.
    pub text: String,
}

impl Drill {
    /// The drill in a playbook.
    ///
    /// # Errors
    /// P116 when the playbook has no drill extension.
    pub fn new(playbook: Arc<Playbook>) -> Result<Self, Error> {
        if playbook.drill.is_none() {
            return Err(Error::NotADrill);
        }
        Ok(Self { playbook })
    }

    /// Its plan.
    pub fn plan(&self) -> &DrillPlan {
        const EMPTY: &DrillPlan = &DrillPlan {
            objectives: Vec::new(),
            sla_minutes: 60,
            response: None,
            endex_level: Severity::Informational,
            roles: Vec::new(),
            injects: Vec::new(),
        };
        // `new` made sure of it.
        self.playbook.drill.as_ref().unwrap_or(EMPTY)
    }
}

impl Inject {
    /// Its records, filled and timed.
    pub fn records(&self, context: &InjectContext<'_>) -> Vec<InjectRecord> {
        let first = context.start.plus(Duration::from_secs(u64::from(self.at_seconds)));
        let mut offset = Duration::ZERO;
        let mut out = Vec::new();
        let mut number = 0_u32;
        for template in &self.records {
            for _ in 0..template.times {
                number += 1;
                let at = first.plus(offset);
                let text = fill(&template.text, number, at, context);
                out.push(InjectRecord { at, transport: self.transport, text });
                offset += Duration::from_millis(u64::from(template.every_ms));
            }
        }
        out
    }

    /// How many records it sends.
    pub fn record_count(&self) -> u32 {
        self.records.iter().map(|r| r.times).sum()
    }
}

fn fill(template: &str, number: u32, at: Timestamp, context: &InjectContext<'_>) -> String {
    template
        .replace("{site}", &context.site.to_string())
        .replace("{n}", &number.to_string())
        .replace("{time3164}", &rfc3164(at))
        .replace("{time}", &at.to_rfc3339_at(events::time::BEIJING_OFFSET_SECS))
        .replace("{marker}", context.marker)
}

/// `Nov 24 08:00:00` in Beijing time (RFC 3164, section 4.1.2: the day is padded with a space).
fn rfc3164(at: Timestamp) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let local = at.to_beijing();
    let month = local.get(5..7).and_then(|m| m.parse::<usize>().ok()).unwrap_or(1);
    let day = local.get(8..10).unwrap_or("01").trim_start_matches('0');
    let month = MONTHS.get(month.saturating_sub(1)).copied().unwrap_or("Jan");
    format!("{month} {day:>2} {}", local.get(11..19).unwrap_or("00:00:00"))
}

impl Transport {
    /// The word a person reads.
    pub const fn label(self, lang: Lang) -> &'static str {
        match self {
            Self::SyslogUdp => lang.pick("系统日志（UDP）", "syslog over UDP"),
            Self::SyslogTcp => lang.pick("系统日志（TCP）", "syslog over TCP"),
            Self::Http => lang.pick("HTTP 上报", "HTTP"),
        }
    }
}

const PLAN: &[&str] = &["objectives", "sla_minutes", "response", "endex_level", "roles", "injects"];
const INJECT: &[&str] = &["id", "title", "at_seconds", "transport", "pack", "records", "expects"];
const RECORD: &[&str] = &["text", "times", "every_ms"];
const EXPECTS: &[&str] = &["rules", "techniques", "within_seconds"];

/// Reads the drill extension.
pub(crate) fn load(ctx: &mut Ctx<'_>, node: &Node, pointer: &str) -> Option<DrillPlan> {
    let obj = ctx.object(node, pointer, &[PLAN])?;
    for key in ["objectives", "injects"] {
        ctx.require(&obj, key);
    }
    let objectives = ctx.items(&obj, "objectives");
    let objectives = objectives.into_iter().filter_map(|(n, at)| text(ctx, n, &at)).collect();
    let level = ctx.string(&obj, "endex_level");
    let endex_level = match level.map(|l| l.parse::<Severity>()) {
        None => Severity::Informational,
        Some(Ok(level)) => level,
        Some(Err(_)) => {
            ctx.bad(&obj, "endex_level", "不是告警级别", "not a severity");
            return None;
        }
    };
    let mut roles = Vec::new();
    for (node, at) in ctx.items(&obj, "roles") {
        if let Some(role) = ctx.object(node, &at, &[&["id", "name"]])
            && let (Some(id), Some(name)) =
                (ctx.need_string(&role, "id"), member_text(ctx, &role, "name"))
        {
            roles.push(DrillRole { id, name });
        }
    }
    let mut injects: Vec<Inject> = Vec::new();
    for (node, at) in ctx.items(&obj, "injects") {
        if let Some(inject) = inject(ctx, node, &at) {
            if injects.iter().any(|i| i.id == inject.id) {
                ctx.error(
                    "P026",
                    &at,
                    node,
                    Text::new("情景注入的 id 重复", "the inject's id is repeated"),
                );
            }
            injects.push(inject);
        }
    }
    if injects.is_empty() || injects.len() > limits::INJECTS_MAX {
        let max = limits::INJECTS_MAX;
        let (zh, en) =
            (format!("情景注入应有 1 到 {max} 个"), format!("there must be 1 to {max} injects"));
        ctx.error("P026", pointer, node, Text::new(zh, en));
    }
    injects.sort_by_key(|i| i.at_seconds);
    let sla = ctx.integer(&obj, "sla_minutes", 1, 100_000);
    let sla_minutes = sla.and_then(|v| u32::try_from(v).ok()).unwrap_or(60);
    let response = ctx.string(&obj, "response");
    Some(DrillPlan { objectives, sla_minutes, response, endex_level, roles, injects })
}

fn text(ctx: &mut Ctx<'_>, node: &Node, pointer: &str) -> Option<Text> {
    let obj = ctx.object(node, pointer, &[&["zh", "en"]])?;
    Some(Text::new(ctx.need_string(&obj, "zh")?, ctx.need_string(&obj, "en")?))
}

fn member_text(ctx: &mut Ctx<'_>, obj: &Obj<'_>, key: &str) -> Option<Text> {
    let node = ctx.require(obj, key)?;
    text(ctx, node, &obj.at(key))
}

fn small(ctx: &mut Ctx<'_>, obj: &Obj<'_>, key: &str, min: u32, max: u32) -> Option<u32> {
    ctx.integer(obj, key, u64::from(min), u64::from(max)).and_then(|v| u32::try_from(v).ok())
}

fn inject(ctx: &mut Ctx<'_>, node: &Node, pointer: &str) -> Option<Inject> {
    let obj = ctx.object(node, pointer, &[INJECT])?;
    for key in INJECT {
        ctx.require(&obj, key);
    }
    let id = ctx.need_string(&obj, "id")?;
    if !super::marker::is_inject_id(&id) {
        let text = Text::new(
            "id 只用小写字母、数字与连字符",
            "the id takes lower-case letters, digits and hyphens",
        );
        ctx.error("P026", &obj.at("id"), node, text);
    }
    let transport = match ctx.string(&obj, "transport")?.as_str() {
        "syslog-udp" => Transport::SyslogUdp,
        "syslog-tcp" => Transport::SyslogTcp,
        "http" => Transport::Http,
        _ => {
            ctx.bad(
                &obj,
                "transport",
                "应为 syslog-udp、syslog-tcp 或 http",
                "must be syslog-udp, syslog-tcp or http",
            );
            return None;
        }
    };
    let items = ctx.items(&obj, "records");
    let records: Vec<_> = items.into_iter().filter_map(|(n, at)| record(ctx, n, &at)).collect();
    let count: u64 = records.iter().map(|r| u64::from(r.times)).sum();
    if records.is_empty() || count > u64::from(limits::INJECT_RECORDS_MAX) {
        let max = limits::INJECT_RECORDS_MAX;
        ctx.bad(
            &obj,
            "records",
            &format!("应有 1 到 {max} 条记录"),
            &format!("1 to {max} records are wanted"),
        );
    }
    let expects = ctx.object(obj.get("expects")?, &obj.at("expects"), &[EXPECTS])?;
    for key in EXPECTS {
        ctx.require(&expects, key);
    }
    let expects = Expectation {
        rules: ctx.strings(&expects, "rules", 1),
        techniques: ctx.strings(&expects, "techniques", 1),
        within_seconds: small(ctx, &expects, "within_seconds", 1, 86_400)?,
    };
    Some(Inject {
        id,
        title: member_text(ctx, &obj, "title")?,
        at_seconds: small(ctx, &obj, "at_seconds", 0, 30 * 86_400)?,
        transport,
        pack: ctx.string(&obj, "pack")?,
        records,
        expects,
    })
}

fn record(ctx: &mut Ctx<'_>, node: &Node, pointer: &str) -> Option<RecordTemplate> {
    let obj = ctx.object(node, pointer, &[RECORD])?;
    let text = ctx.need_string(&obj, "text")?;
    if !text.contains("{marker}") {
        ctx.error(
            "P026",
            &obj.at("text"),
            node,
            Text::new(
                "记录须含 {marker}，否则会被当成真实告警",
                "the record needs {marker}, or it would pass for a real one",
            ),
        );
    }
    for name in places(&text) {
        if !["site", "n", "marker", "time", "time3164"].contains(&name) {
            let (zh, en) =
                (format!("未知的占位符 {{{name}}}"), format!("unknown placeholder {{{name}}}"));
            ctx.error("P026", &obj.at("text"), node, Text::new(zh, en));
        }
    }
    Some(RecordTemplate {
        text,
        times: small(ctx, &obj, "times", 1, limits::INJECT_RECORDS_MAX).unwrap_or(1),
        every_ms: small(ctx, &obj, "every_ms", 1, 3_600_000).unwrap_or(100),
    })
}

/// Names in braces: letters and digits alone, so that JSON objects are not taken for places.
fn places(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    for (at, _) in text.match_indices('{') {
        let rest = &text[at + 1..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        if end > 0 && rest[end..].starts_with('}') {
            out.push(&rest[..end]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_rfc3164() {
        let at = Timestamp::parse_rfc3339("2026-11-04T20:05:06+08:00").unwrap();
        assert_eq!(rfc3164(at), "Nov  4 20:05:06");
        assert_eq!(places("{\"a\":{n},\"t\":\"{time}\"} {x y}"), ["n", "time"]);
    }
}
