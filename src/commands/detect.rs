//! `xuedun detect`: Sigma rules over a file of JSON lines.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, IsTerminal, Read, StdoutLock, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use events::{Event, EventId, FieldId, Lang, Timestamp};
use rules::{CorrelationLimits, Detection, Engine, LoadOptions, Problem, RuleSet, Source};
use serde::Serialize;

use super::{Done, Failure, Outcome, told};

/// Fields that may tell when an event happened, the likeliest first.
const TIME_FIELDS: [&str; 5] = ["@timestamp", "timestamp", "time", "TimeCreated", "UtcTime"];
/// Bytes read at once: few enough to be in the cache when they are parsed.
const READ_BYTES: usize = 128 << 10;
/// Longest line read, in bytes; a longer one is counted as unreadable.
const LINE_BYTES_MAX: usize = 8 << 20;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rule files or folders
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    rules: Vec<PathBuf>,
    /// JSON lines, one object each; - for standard input
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// One JSON object per detection on standard output
    #[arg(long)]
    json: bool,
    /// One JSON object of figures on standard error
    #[arg(long)]
    stats: bool,
    /// Try every rule on every event, whatever its log source
    #[arg(long)]
    no_routing: bool,
    #[command(flatten)]
    pipeline: super::rules::PipelineArg,
    /// Threat-intelligence lists: a file or folder
    #[arg(long, value_name = "PATH")]
    intel: Option<PathBuf>,
}

#[derive(Serialize)]
struct Line<'a> {
    rule_id: &'a str,
    title: &'a str,
    level: events::Severity,
    event_index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Timestamp>,
    fields: Vec<Field<'a>>,
}

#[derive(Serialize)]
struct Field<'a> {
    field: &'a str,
    value: &'a str,
    /// Where in the value that which was looked for lies, in bytes, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<usize>,
}

#[derive(Serialize)]
struct Stats {
    events: u64,
    seconds: f64,
    events_per_s: f64,
    rules: usize,
    rules_rejected: usize,
    detections: u64,
    unreadable: u64,
    load_seconds: f64,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let started = Instant::now();
    let sources = rules::read_paths(&args.rules).map_err(|e| Failure::of(e.code(), &e))?;
    let pipelines = args.pipeline.load(lang)?;
    let options = LoadOptions { routing: !args.no_routing, pipelines, ..LoadOptions::default() };
    let loaded = RuleSet::load(&sources, &options);
    let rejected = report_rejected(&loaded.problems, &sources, lang);
    let load_seconds = started.elapsed().as_secs_f64();
    if loaded.set.rules().is_empty() {
        return Err(Failure::usage("X010", ""));
    }
    let started = Instant::now();
    let mut work = Work::new(&args, Arc::new(loaded.set), lang);
    if let Some(path) = &args.intel {
        work.engine.set_intel(Arc::new(super::rules::intel::load(path, lang)?));
    }
    work.read(&mut *open(&args.input)?)?;
    let seconds = started.elapsed().as_secs_f64();
    if args.stats {
        let stats = Stats {
            events: work.events,
            seconds,
            events_per_s: if seconds > 0.0 { work.events as f64 / seconds } else { 0.0 },
            rules: work.set.rules().len(),
            rules_rejected: rejected,
            detections: work.detections,
            unreadable: work.unreadable,
            load_seconds,
        };
        eprintln!("{}", serde_json::to_string(&stats).unwrap_or_default());
    }
    Ok(if work.detections > 0 { Outcome::Findings } else { Outcome::Clean })
}

/// Names every rule that will not run, with its reason; returns how many files' rules that is.
fn report_rejected(problems: &[Problem], sources: &[Source], lang: Lang) -> usize {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut rejected = 0;
    for problem in problems.iter().filter(|p| p.is_error()) {
        rejected += 1;
        let text = sources.iter().find(|s| s.name == problem.file).map_or("", |s| &s.text);
        eprintln!("{}", problem.render(text, lang, colour));
    }
    rejected
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::with_capacity(READ_BYTES, std::io::stdin())));
    }
    let file = File::open(path).map_err(|e| Failure::file(path, &e))?;
    Ok(Box::new(BufReader::with_capacity(READ_BYTES, file)))
}

struct Work<'a> {
    args: &'a Args,
    set: Arc<RuleSet>,
    engine: Engine,
    lang: Lang,
    time_fields: [Option<FieldId>; TIME_FIELDS.len()],
    out: BufWriter<StdoutLock<'static>>,
    events: u64,
    detections: u64,
    unreadable: u64,
}

impl<'a> Work<'a> {
    fn new(args: &'a Args, set: Arc<RuleSet>, lang: Lang) -> Self {
        Self {
            args,
            engine: Engine::new(Arc::clone(&set), CorrelationLimits::default()),
            set,
            lang,
            time_fields: TIME_FIELDS.map(FieldId::intern),
            out: BufWriter::with_capacity(1 << 16, std::io::stdout().lock()),
            events: 0,
            detections: 0,
            unreadable: 0,
        }
    }

    fn read(&mut self, reader: &mut dyn BufRead) -> Result<(), Failure> {
        let mut line = Vec::new();
        let mut event = Event::new();
        let mut detections = Vec::new();
        let mut index = 0;
        loop {
            let ready = reader.fill_buf().map_err(|e| Failure::file(&self.args.input, &e))?;
            if ready.is_empty() {
                break;
            }
            // A line that lies in the buffer as a whole is not copied.
            if let Some(end) = memchr::memchr(b'\n', ready) {
                self.one(index, &ready[..end], &mut event, &mut detections)?;
                reader.consume(end + 1);
                index += 1;
                continue;
            }
            line.clear();
            let read = reader.take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line);
            read.map_err(|e| Failure::file(&self.args.input, &e))?;
            if line.len() > LINE_BYTES_MAX && line.last() != Some(&b'\n') {
                skip_line(reader).map_err(|e| Failure::file(&self.args.input, &e))?;
                self.refuse(index, self.lang.pick("行过长", "the line is too long"));
            } else {
                self.one(index, &line, &mut event, &mut detections)?;
            }
            index += 1;
        }
        self.out.flush().map_err(broken)
    }

    fn one(
        &mut self,
        index: u64,
        line: &[u8],
        event: &mut Event,
        detections: &mut Vec<Detection>,
    ) -> Result<(), Failure> {
        let Ok(text) = simdutf8::basic::from_utf8(line) else {
            self.refuse(index, self.lang.pick("不是 UTF-8", "the line is not UTF-8"));
            return Ok(());
        };
        let text = text.trim_end();
        if text.is_empty() {
            return Ok(());
        }
        event.clear();
        if let Err(error) = events::json::read_object(text, event) {
            self.refuse(index, &error.to_string());
            return Ok(());
        }
        self.events += 1;
        event.id = EventId::from_u128(u128::from(index));
        let time = self.time_of(event);
        event.time = time.unwrap_or_default();
        detections.clear();
        self.engine.feed(event, detections);
        for detection in detections.drain(..) {
            self.detections += 1;
            self.print(index, time, &detection)?;
        }
        Ok(())
    }

    /// The time that the first readable one of the time fields tells.
    fn time_of(&self, event: &Event) -> Option<Timestamp> {
        let mut places = [None; TIME_FIELDS.len()];
        for (field, place) in event.ids().zip(0..) {
            if let Some(rank) = self.time_fields.iter().position(|known| *known == Some(field)) {
                places[rank].get_or_insert(place);
            }
        }
        places.into_iter().flatten().find_map(|place| {
            let text = event.value_at(place).as_str()?;
            Timestamp::parse_rfc3339(text).or_else(|_| Timestamp::parse_local(text, 0)).ok()
        })
    }

    fn print(
        &mut self,
        index: u64,
        time: Option<Timestamp>,
        detection: &Detection,
    ) -> Result<(), Failure> {
        let rule = self.set.rule(detection.rule);
        let title = rule.title.get(self.lang);
        if self.args.json {
            let fields = detection.fields.iter().map(|f| Field {
                field: &f.field,
                value: &f.value,
                start: f.start,
                end: f.end,
            });
            let line = Line {
                rule_id: &rule.id,
                title,
                level: detection.level,
                event_index: index,
                time,
                fields: fields.collect(),
            };
            serde_json::to_writer(&mut self.out, &line).map_err(|e| broken(e.into()))?;
            self.out.write_all(b"\n").map_err(broken)
        } else {
            let level = detection.level.label(self.lang);
            let mut text = format!("{index}\t{level}\t{title}\t{}", rule.id);
            for field in &detection.fields {
                text.push_str(&format!("\t{}={}", field.field, field.value.escape_debug()));
            }
            writeln!(self.out, "{text}").map_err(broken)
        }
    }

    fn refuse(&mut self, index: u64, reason: &str) {
        self.unreadable += 1;
        let place = format!("{}:{}: {reason}", self.args.input.display(), index + 1);
        eprintln!("xuedun: {}", told("X011", &place, self.lang));
    }
}

fn skip_line(reader: &mut dyn BufRead) -> std::io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let (used, done) = match memchr::memchr(b'\n', buffer) {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        reader.consume(used);
        if done {
            return Ok(());
        }
    }
}

fn broken(error: std::io::Error) -> Failure {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    Failure::stream("标准输出", "standard output", &error)
}
