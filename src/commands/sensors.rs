//! `xuedun sensors`: how records of a file decode, and which pack fits them.

use std::path::PathBuf;

use centre::World;
use events::{Event, Lang};
use sensors::{Encoding, PackProblem, Packs};
use serde_json::json;

use super::{Done, Failure, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Say which pack decodes each line of a file, show what fails, and suggest packs that would fit
    Suggest {
        /// A file of log lines; `-` for standard input
        file: PathBuf,
        /// A folder of further packs
        #[arg(long, value_name = "FOLDER")]
        packs: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the events of a file as JSON lines: a log (plain or gzip), a capture, an EVTX file
    Decode {
        /// The file; `-` for a log by standard input
        file: PathBuf,
        /// The pack; without one it is found record by record
        #[arg(long)]
        pack: Option<String>,
        /// A folder of further packs
        #[arg(long, value_name = "FOLDER")]
        packs: Option<PathBuf>,
    },
    /// List the packs: name, what it is for, Sigma log source
    List {
        /// A folder of further packs
        #[arg(long, value_name = "FOLDER")]
        packs: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Run the tests inside the packs
    Test {
        /// A folder of further packs
        #[arg(long, value_name = "FOLDER")]
        packs: Option<PathBuf>,
    },
}

pub fn run(args: Args, lang: Lang) -> Done {
    match args.verb {
        Verb::Suggest { file, packs, json } => suggest(&file, &load(packs)?, json, lang),
        Verb::Decode { file, pack, packs } => decode(&file, pack.as_deref(), &load(packs)?),
        Verb::List { packs, json } => list(&load(packs)?, json, lang),
        Verb::Test { packs } => test(&load(packs)?, lang),
    }
}

pub(super) fn load(folder: Option<PathBuf>) -> Result<Packs, Failure> {
    let failed = |problems: Vec<PackProblem>| {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::runtime("X090", all.join("\n"))
    };
    let mut packs = Packs::embedded().map_err(failed)?;
    if let Some(folder) = folder {
        packs.with_folder(&folder).map_err(failed)?;
    }
    Ok(packs)
}

fn suggest(file: &std::path::Path, packs: &Packs, as_json: bool, lang: Lang) -> Done {
    let lines = sensors::first_lines(file, sensors::limits::SUGGEST_LINES_MAX);
    let (lines, encoding) = lines.map_err(|e| Failure::file(file, &e))?;
    let received = World::real().clock.now();
    let found = packs.suggest(lines.iter().map(Vec::as_slice), received);
    let fine = found.samples.is_empty();
    if as_json {
        let fitting: Vec<_> = found
            .fitting
            .iter()
            .map(|f| json!({ "pack": f.pack, "lines": f.lines, "columns": f.columns }))
            .collect();
        print_json(&json!({
            "lines": found.lines, "found": found.found, "failed": found.failed,
            "samples": found.samples, "fitting": fitting, "encoding": encoding.name(),
        }))?;
    } else {
        print_line(&format!("{} {}", lang.pick("行数", "lines"), found.lines))?;
        if encoding != Encoding::Utf8 {
            let word =
                lang.pick("编码，须写入采集器配置：", "encoding, to be named for the sensor:");
            print_line(&format!("{word} encoding = \"{}\"", encoding.name()))?;
        }
        for (pack, n) in &found.found {
            print_line(&format!("  {n:>8}  {pack}"))?;
        }
        for (code, n) in &found.failed {
            print_line(&format!("  {n:>8}  {} {code}", lang.pick("未能解析", "not decoded")))?;
        }
        if !fine {
            print_line(lang.pick("未识别的样例：", "samples that no pack declares:"))?;
            for (word, text) in &found.samples {
                print_line(&format!("  [{word}] {text}"))?;
            }
        }
        for fit in &found.fitting {
            let word = lang.pick("建议采集包", "try the pack");
            let of = match fit.columns {
                0 => lang.pick("行按原文保留", "lines are kept as text"),
                _ => lang.pick("行可取得字段", "lines give fields"),
            };
            print_line(&format!("{word} {}: {} {of}", fit.pack, fit.lines))?;
        }
    }
    Ok(if fine { Outcome::Clean } else { Outcome::Findings })
}

fn list(packs: &Packs, as_json: bool, lang: Lang) -> Done {
    let all: Vec<&sensors::Pack> = packs.names().filter_map(|name| packs.get(name)).collect();
    if as_json {
        let rows: Vec<_> = all
            .iter()
            .map(|p| {
                let source = &p.logsource;
                json!({
                    "name": p.name, "title": p.title, "note": p.note, "verified": p.verified,
                    "product": source.product, "category": source.category,
                    "service": source.service,
                })
            })
            .collect();
        print_json(&rows)?;
        return Ok(Outcome::Clean);
    }
    for pack in all {
        let source = &pack.logsource;
        let parts = [&source.product, &source.category, &source.service];
        let parts: Vec<&str> = parts.into_iter().map(String::as_str).collect();
        let (name, title) = (&pack.name, pack.title.get(lang));
        print_line(&format!("{name}\t{title}\t{}", parts.join("/")))?;
    }
    Ok(Outcome::Clean)
}

fn decode(file: &std::path::Path, pack: Option<&str>, packs: &Packs) -> Done {
    if let Some(name) = pack
        && packs.get(name).is_none()
    {
        let known: Vec<&str> = packs.names().collect();
        return Err(Failure::usage("X091", format!("{name}; {}", known.join(", "))));
    }
    let received = World::real().clock.now();
    let (mut failed, mut broken) = (false, None);
    let mut each = |event: Event| {
        failed |= event.str(events::field::EVENT_KIND) == Some("pipeline_error");
        if broken.is_none() {
            broken = print_json(&Shown(&event)).err();
        }
    };
    sensors::decode_file(packs, pack, file, received, &mut each)
        .map_err(|e| Failure::file(file, &e))?;
    match broken {
        Some(failure) => Err(failure),
        None if failed => Ok(Outcome::Findings),
        None => Ok(Outcome::Clean),
    }
}

/// An event as JSON: time, log source and fields.
struct Shown<'e>(&'e Event);

impl serde::Serialize for Shown<'_> {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        struct Fields<'e>(&'e Event);
        impl serde::Serialize for Fields<'_> {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                events::json::write_fields(self.0, s)
            }
        }
        let source = self.0.logsource.get();
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("time", &self.0.time.to_rfc3339())?;
        for (name, part) in [
            ("product", &source.product),
            ("category", &source.category),
            ("service", &source.service),
        ] {
            map.serialize_entry(name, part)?;
        }
        map.serialize_entry("fields", &Fields(self.0))?;
        map.end()
    }
}

fn test(packs: &Packs, lang: Lang) -> Done {
    let results = packs.test();
    let mut failed = 0;
    for result in results.iter().filter(|r| !r.failures.is_empty()) {
        failed += 1;
        for failure in &result.failures {
            print_line(&format!("{} #{}: {failure}", result.pack, result.number))?;
        }
    }
    let word = lang.pick("项测试，失败", "tests, failed");
    print_line(&format!("{} {word} {failed}", results.len()))?;
    Ok(if failed == 0 { Outcome::Clean } else { Outcome::Findings })
}
