//! `xuedun detect`: Sigma rules over a file of JSON lines.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, IsTerminal, Read, StdoutLock, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use events::event::Marks;
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
struct Stats {
    events: u64,
    seconds: f64,
    events_per_s: f64,
    rules: usize,
    rules_rejected: usize,
    detections: u64,
    unreadable: u64,
    truncated: u64,
    load_seconds: f64,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let started = Instant::now();
    let sources = rules::read_paths(&args.rules).map_err(|e| Failure::of(e.code(), &e))?;
    let pipelines = args.pipeline.load(lang)?;
    let options = LoadOptions { routing: !args.no_routing, pipelines, ..LoadOptions::default() };
    let loaded = RuleSet::load(&sources, &options);
    report_rejected(&loaded.problems, &sources, lang);
    let rejected = loaded.rejected;
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
            truncated: work.truncated,
            load_seconds,
        };
        eprintln!("{}", serde_json::to_string(&stats).unwrap_or_default());
    }
    let outcome = if work.detections > 0 { Outcome::Findings } else { Outcome::Clean };
    // The program ends here: to give back the rules piece by piece would only take time.
    std::mem::forget(work);
    Ok(outcome)
}

/// Names every rule that will not run, with its reason.
fn report_rejected(problems: &[Problem], sources: &[Source], lang: Lang) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for problem in problems.iter().filter(|p| p.is_error()) {
        let text = sources.iter().find(|s| s.name == problem.file).map_or("", |s| &s.text);
        eprintln!("{}", problem.render(text, lang, colour));
    }
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::with_capacity(READ_BYTES, std::io::stdin())));
    }
    let file = File::open(path).map_err(|e| Failure::file(path, &e))?;
    Ok(Box::new(BufReader::with_capacity(READ_BYTES, file)))
}

fn time_fields() -> Vec<u8> {
    let mut ranks = Vec::new();
    for (field, rank) in TIME_FIELDS.iter().filter_map(|name| FieldId::intern(name)).zip(1..) {
        ranks.resize(ranks.len().max(field.index() + 1), 0);
        ranks[field.index()] = rank;
    }
    ranks
}

struct Work<'a> {
    args: &'a Args,
    set: Arc<RuleSet>,
    engine: Engine,
    lang: Lang,
    /// By [`FieldId::index`], one more than the place in [`TIME_FIELDS`].
    time_fields: Vec<u8>,
    out: BufWriter<StdoutLock<'static>>,
    /// Buffer: a line of output.
    line: Vec<u8>,
    events: u64,
    detections: u64,
    unreadable: u64,
    truncated: u64,
}

impl<'a> Work<'a> {
    fn new(args: &'a Args, set: Arc<RuleSet>, lang: Lang) -> Self {
        Self {
            args,
            engine: Engine::new(Arc::clone(&set), CorrelationLimits::default()),
            set,
            lang,
            time_fields: time_fields(),
            out: BufWriter::with_capacity(1 << 16, std::io::stdout().lock()),
            line: Vec::new(),
            events: 0,
            detections: 0,
            unreadable: 0,
            truncated: 0,
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
        // What waits for records that may come late has waited enough: there are no more.
        detections.clear();
        self.engine.advance(Timestamp::MAX, &mut detections);
        self.tell_all(&mut detections)?;
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
        if event.marks.has(Marks::FIELDS_DROPPED | Marks::CUT) {
            self.truncated += 1;
            self.tell("X026", index, "");
        }
        event.id = EventId::from_u128(u128::from(index));
        event.time = self.time_of(event).unwrap_or_default();
        detections.clear();
        self.engine.feed(event, detections);
        self.tell_all(detections)
    }

    fn tell_all(&mut self, detections: &mut Vec<Detection>) -> Result<(), Failure> {
        detections.drain(..).try_for_each(|detection| {
            self.detections += 1;
            self.print(&detection)
        })
    }

    /// The time that the first readable one of the time fields tells.
    fn time_of(&self, event: &Event) -> Option<Timestamp> {
        let mut places = [None; TIME_FIELDS.len()];
        for (field, place) in event.ids().zip(0..) {
            let rank = self.time_fields.get(field.index()).copied().unwrap_or(0);
            if let Some(rank) = usize::from(rank).checked_sub(1) {
                places[rank].get_or_insert(place);
            }
        }
        places.into_iter().flatten().find_map(|place| {
            let text = event.value_at(place).as_str()?;
            Timestamp::parse_rfc3339(text).or_else(|_| Timestamp::parse_local(text, 0)).ok()
        })
    }

    fn print(&mut self, detection: &Detection) -> Result<(), Failure> {
        let rule = self.set.rule(detection.rule);
        let title = rule.title.get(self.lang);
        if self.args.json {
            self.line.clear();
            write_json(&mut self.line, &rule.id, title, detection);
            self.out.write_all(&self.line).map_err(broken)
        } else {
            let level = detection.level.label(self.lang);
            let index = detection.event.as_u128();
            let mut text = format!("{index}\t{level}\t{title}\t{}", rule.id);
            for field in &detection.fields {
                text.push_str(&format!("\t{}={}", field.field, field.value.escape_debug()));
            }
            writeln!(self.out, "{text}").map_err(broken)
        }
    }

    fn refuse(&mut self, index: u64, reason: &str) {
        self.unreadable += 1;
        self.tell("X011", index, &format!(": {reason}"));
    }

    fn tell(&self, code: &str, index: u64, what: &str) {
        let place = format!("{}:{}{what}", self.args.input.display(), index + 1);
        eprintln!("xuedun: {}", told(code, &place, self.lang));
    }
}

/// One detection as a line of JSON. Written by hand: where all rules are tried, a serializer that
/// looks at each byte took a tenth of the program's instructions.
fn write_json(out: &mut Vec<u8>, rule_id: &str, title: &str, detection: &Detection) {
    use events::json::write_text;
    out.extend(b"{\"rule_id\":");
    write_text(rule_id, out);
    out.extend(b",\"title\":");
    write_text(title, out);
    out.extend(b",\"level\":");
    write_text(detection.level.as_str(), out);
    out.extend(b",\"event_index\":");
    // It is the number that the record was given.
    write_number(detection.event.as_u128() as u64, out);
    // A record without a time counts as of the first instant.
    if detection.time != Timestamp::default() {
        out.extend(b",\"time\":\"");
        detection.time.with_rfc3339(|text| out.extend(text.as_bytes()));
        out.push(b'"');
    }
    out.extend(b",\"fields\":[");
    for (field, at) in detection.fields.iter().zip(0..) {
        out.extend(if at == 0 { &b"{\"field\":"[..] } else { b",{\"field\":" });
        write_text(&field.field, out);
        out.extend(b",\"value\":");
        write_text(&field.value, out);
        // Where in the value that which was looked for lies, in bytes, where that is known.
        for (name, place) in [(&b",\"start\":"[..], field.start), (b",\"end\":", field.end)] {
            if let Some(place) = place {
                out.extend(name);
                write_number(place as u64, out);
            }
        }
        out.push(b'}');
    }
    out.extend(b"]}\n");
}

/// A number's digits.
fn write_number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut from = digits.len();
    loop {
        from -= 1;
        digits[from] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend(&digits[from..]);
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
