//! `xuedun rules cost`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use events::{Event, Lang, Timestamp};
use rules::{CorrelationLimits, Engine, RuleIndex, RuleKind, RuleSet, Scratch};

use super::{Choice, events_of};
use crate::commands::{Done, Failure, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// File of events: JSON lines
    sample: PathBuf,
    #[command(flatten)]
    choice: Choice,
    /// At most this many events
    #[arg(long, default_value_t = 2_000)]
    events: usize,
    /// Show this many rules, the dearest first
    #[arg(long, default_value_t = 20)]
    top: usize,
    /// One JSON object a rule
    #[arg(long)]
    json: bool,
}

/// Runs over the sample; the fastest counts.
const RUNS: usize = 3;

pub fn run(args: Args, lang: Lang) -> Done {
    let mut options = args.choice.options(lang)?;
    // What a rule costs where it is tried; routing spares it the rest.
    options.routing = false;
    let set = RuleSet::load(&args.choice.sources()?, &options).set;
    let sample = events_of(&args.sample, args.events)?;
    if sample.is_empty() {
        return Err(Failure::usage("X092", args.sample.display().to_string()));
    }
    let (together, _) = time(&set, &sample);
    let mut rows = Vec::new();
    for at in 0..set.rules().len() {
        let alone = set.single(RuleIndex(at as u32));
        let (micros, hits) = match set.rules()[at].kind {
            RuleKind::Detection(_) => time(&alone, &sample),
            RuleKind::Correlation(_) => time_correlation(alone, &sample),
        };
        rows.push((micros, hits, at));
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (micros, hits, at) in rows.iter().take(args.top) {
        let rule = &set.rules()[*at];
        if args.json {
            print_json(&serde_json::json!({
                "rule_id": rule.id, "title": rule.title.get(lang),
                "micros_per_event": micros, "hits": hits, "file": rule.file,
            }))?;
        } else {
            let title = rule.title.get(lang);
            print_line(&format!("{micros:.3}\t{hits}\t{}\t{title}", rule.id))?;
        }
    }
    let each = together / rows.len().max(1) as f64;
    let (rules, events) = (rows.len(), sample.len());
    eprintln!(
        "xuedun: {}",
        lang.pick(
            &format!("{rules} 条规则一起：每条日志 {together:.3} 微秒，每条日志每条规则 {each:.5} 微秒（样本 {events} 条）"),
            &format!("all {rules} rules together: {together:.3} µs an event, {each:.5} µs an event and rule ({events} events)"),
        )
    );
    Ok(Outcome::Clean)
}

/// The same for a correlation, with the rules that it builds on: it is the last of its set.
fn time_correlation(set: RuleSet, sample: &[Event]) -> (f64, usize) {
    let set = Arc::new(set);
    let asked = set.rules().last().map(|rule| rule.id.clone()).unwrap_or_default();
    let (mut best, mut fired, mut out) = (f64::INFINITY, 0, Vec::new());
    for _ in 0..RUNS {
        let mut engine = Engine::new(Arc::clone(&set), CorrelationLimits::default());
        let started = Instant::now();
        out.clear();
        sample.iter().for_each(|event| engine.feed(event, &mut out));
        engine.advance(Timestamp::MAX, &mut out);
        fired = out.iter().filter(|detection| detection.rule_id == asked).count();
        best = best.min(started.elapsed().as_secs_f64());
    }
    (best * 1e6 / sample.len() as f64, fired)
}

/// Microseconds an event, and how often a rule fired.
fn time(set: &RuleSet, sample: &[Event]) -> (f64, usize) {
    let (mut scratch, mut hits) = (Scratch::new(), Vec::new());
    let (mut best, mut fired) = (f64::INFINITY, 0);
    for _ in 0..RUNS {
        let started = Instant::now();
        fired = 0;
        for event in sample {
            set.matches(event, &mut scratch, &mut hits);
            fired += hits.len();
        }
        best = best.min(started.elapsed().as_secs_f64());
    }
    (best * 1e6 / sample.len() as f64, fired)
}
