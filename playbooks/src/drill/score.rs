//! What a drill was worth. Denominators are always there; what is open counts as missed.

use std::collections::BTreeMap;
use std::time::Duration;

use events::{AlertId, ExerciseId, SiteId, Text, Timestamp};
use serde::{Deserialize, Serialize};

use super::clock::{DrillRun, EndReason, InjectClock};
use super::plan::Inject;

/// The score of a drill at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrillScore {
    /// Slug of the drill.
    pub drill: String,
    /// Its mark.
    pub exercise: ExerciseId,
    /// Where it played.
    pub site: SiteId,
    /// When it began.
    pub started: Timestamp,
    /// When and why it ended, once it has.
    pub ended: Option<(Timestamp, EndReason)>,
    /// When the score was taken.
    pub at: Timestamp,
    /// What it was to show.
    pub objectives: Vec<Text>,
    /// Injects in order of time.
    pub injects: Vec<InjectScore>,
    /// Injects that were sent.
    pub emitted: usize,
    /// Of those, with an expected alert.
    pub detected: usize,
    /// Of those, with an expected alert in time.
    pub detected_in_time: usize,
    /// First response is due so many minutes after the first alert.
    pub sla_minutes: u32,
    /// Sent injects whose first response was in time; the others of `emitted` count as breaches.
    pub sla_met: usize,
    /// Time to detect (T1 − T0).
    pub mttd: Span,
    /// Time to acknowledge (T2 − T1).
    pub mtta: Span,
    /// Time to contain (T4 − T1).
    pub mttc: Span,
    /// Time to recover (T5 − T1).
    pub mttr: Span,
    /// Coverage by ATT&CK technique.
    pub techniques: Vec<TechniqueScore>,
    /// Marked alerts that no inject expects.
    pub unexpected: Vec<AlertId>,
    /// What was not as it should be: each becomes remediation work.
    pub findings: Vec<DrillFinding>,
}

/// One inject in the score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InjectScore {
    /// Its id.
    pub id: String,
    /// What it played.
    pub title: Text,
    /// Its clock points.
    pub clock: InjectClock,
    /// How it was seen.
    pub coverage: Coverage,
    /// Whether the expected alert came in time.
    pub in_time: bool,
    /// Whether the first response came in time: none while it may still.
    pub sla_met: Option<bool>,
}

/// Times over the injects that have both points, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// How many injects have both.
    pub count: usize,
    /// Of how many sent ones.
    pub of: usize,
    /// Mean.
    pub mean_ms: Option<u64>,
    /// Median (the lower one of two).
    pub median_ms: Option<u64>,
    /// 95th percentile (nearest rank).
    pub p95_ms: Option<u64>,
}

/// How an inject or technique was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coverage {
    /// Not at all.
    None,
    /// In the journal alone.
    Logged,
    /// As an alert.
    Alerted,
}

impl Coverage {
    /// The word a person reads.
    pub const fn label(self, lang: events::Lang) -> &'static str {
        match self {
            Self::None => lang.pick("未发现", "none"),
            Self::Logged => lang.pick("仅有日志", "logged"),
            Self::Alerted => lang.pick("已告警", "alerted"),
        }
    }
}

/// One technique in the score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TechniqueScore {
    /// `T1110.003`.
    pub technique: String,
    /// The best of its injects.
    pub coverage: Coverage,
    /// Injects that played it.
    pub injects: usize,
    /// Of those, alerted.
    pub alerted: usize,
}

/// Something to be improved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillFinding {
    /// The inject.
    pub inject: String,
    /// What kind.
    pub kind: FindingKind,
    /// What a person reads.
    pub text: Text,
}

/// Kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// The inject was never sent.
    NotEmitted,
    /// No record arrived.
    NotLogged,
    /// Records arrived, no expected alert came.
    NotDetected,
    /// The alert came late.
    DetectedLate,
    /// The first response was late or never came.
    SlaBreached,
    /// It was judged harmless.
    WrongVerdict,
    /// It was never contained.
    NotContained,
}

impl DrillRun {
    /// The score at `now`. Before the end it is provisional: what may still happen is open.
    pub fn score(&self, now: Timestamp) -> DrillScore {
        let now = self.ended.as_ref().map_or(now, |(at, _)| *at);
        let over = self.ended.is_some();
        let sla = Duration::from_secs(u64::from(self.plan.sla_minutes) * 60);
        let injects: Vec<InjectScore> = self
            .plan
            .injects
            .iter()
            .map(|i| score_inject(i, self.clocks.get(&i.id), sla, now, over))
            .collect();
        let sent: Vec<&InjectScore> =
            injects.iter().filter(|i| i.clock.emitted.is_some()).collect();
        let of = sent.len();
        let span = |from: fn(&InjectClock) -> Option<Timestamp>,
                    to: fn(&InjectClock) -> Option<Timestamp>| {
            let times =
                sent.iter().filter_map(|i| Some(to(&i.clock)?.since(from(&i.clock)?))).collect();
            Span::over(times, of)
        };
        DrillScore {
            drill: self.drill.clone(),
            exercise: self.exercise,
            site: self.site,
            started: self.started,
            ended: self.ended.clone(),
            at: now,
            objectives: self.plan.objectives.clone(),
            emitted: of,
            detected: sent.iter().filter(|i| i.coverage == Coverage::Alerted).count(),
            detected_in_time: sent.iter().filter(|i| i.in_time).count(),
            sla_minutes: self.plan.sla_minutes,
            sla_met: sent.iter().filter(|i| i.sla_met == Some(true)).count(),
            mttd: span(|c| c.emitted, |c| c.alerted),
            mtta: span(|c| c.alerted, |c| c.acknowledged),
            mttc: span(|c| c.alerted, |c| c.contained),
            mttr: span(|c| c.alerted, |c| c.recovered),
            techniques: techniques(&self.plan.injects, &injects),
            unexpected: self.unexpected.clone(),
            findings: injects.iter().flat_map(|i| findings(i, over)).collect(),
            injects,
        }
    }
}

impl Span {
    fn over(mut times: Vec<Duration>, of: usize) -> Self {
        times.sort_unstable();
        let ms = |d: &Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        let count = times.len();
        let total: u128 = times.iter().map(Duration::as_millis).sum();
        let mean_ms = (count > 0).then(|| u64::try_from(total / count as u128).unwrap_or(u64::MAX));
        Self {
            count,
            of,
            mean_ms,
            median_ms: times.get(count.saturating_sub(1) / 2).map(ms),
            p95_ms: times.get((count * 95).div_ceil(100).saturating_sub(1)).map(ms),
        }
    }
}

fn score_inject(
    inject: &Inject,
    clock: Option<&InjectClock>,
    sla: Duration,
    now: Timestamp,
    over: bool,
) -> InjectScore {
    let clock = clock.cloned().unwrap_or_default();
    let coverage = match (clock.alerted, clock.logged) {
        (Some(_), _) => Coverage::Alerted,
        (None, Some(_)) => Coverage::Logged,
        (None, None) => Coverage::None,
    };
    let within = Duration::from_secs(u64::from(inject.expects.within_seconds));
    let in_time =
        matches!((clock.emitted, clock.alerted), (Some(t0), Some(t1)) if t1.since(t0) <= within);
    let first = [clock.acknowledged, clock.verdict, clock.contained, clock.reported];
    let first = first.into_iter().flatten().min();
    let sla_met = match (clock.alerted, first) {
        (Some(alerted), Some(first)) => Some(first.since(alerted) <= sla),
        (Some(alerted), None) if over || now.since(alerted) > sla => Some(false),
        (None, _) if over => Some(false),
        _ => None,
    };
    InjectScore {
        id: inject.id.clone(),
        title: inject.title.clone(),
        clock,
        coverage,
        in_time,
        sla_met,
    }
}

fn techniques(plan: &[Inject], scores: &[InjectScore]) -> Vec<TechniqueScore> {
    let mut all: BTreeMap<&str, TechniqueScore> = BTreeMap::new();
    for inject in plan {
        let Some(score) = scores.iter().find(|s| s.id == inject.id) else { continue };
        for technique in &inject.expects.techniques {
            let entry = all.entry(technique).or_insert_with(|| TechniqueScore {
                technique: technique.clone(),
                coverage: Coverage::None,
                injects: 0,
                alerted: 0,
            });
            entry.coverage = entry.coverage.max(score.coverage);
            entry.injects += 1;
            entry.alerted += usize::from(score.coverage == Coverage::Alerted);
        }
    }
    all.into_values().collect()
}

fn findings(inject: &InjectScore, over: bool) -> Vec<DrillFinding> {
    let mut out = Vec::new();
    let mut add = |kind, zh: &str, en: &str| {
        let text =
            Text::new(format!("{}：{zh}", inject.title.zh), format!("{}: {en}", inject.title.en));
        out.push(DrillFinding { inject: inject.id.clone(), kind, text });
    };
    if inject.clock.emitted.is_none() {
        if over {
            add(FindingKind::NotEmitted, "没有注入", "was not injected");
        }
        return out;
    }
    match inject.coverage {
        Coverage::None if over => add(
            FindingKind::NotLogged,
            "记录没有到达平台，请检查采集器",
            "its records did not arrive: check the sensor",
        ),
        Coverage::Logged if over => add(
            FindingKind::NotDetected,
            "有日志而无告警，请检查规则",
            "logged without an alert: check the rules",
        ),
        Coverage::Alerted if !inject.in_time => {
            add(FindingKind::DetectedLate, "告警晚于预期", "the alert came later than expected")
        }
        _ => {}
    }
    if inject.sla_met == Some(false) {
        add(FindingKind::SlaBreached, "首次响应超过时限", "the first response was late or missing");
    }
    if inject.clock.verdict_true == Some(false) {
        add(FindingKind::WrongVerdict, "被误判为误报", "it was dismissed as a false alarm");
    }
    if over && inject.clock.contained.is_none() {
        add(FindingKind::NotContained, "没有完成遏制", "it was not contained");
    }
    out
}
