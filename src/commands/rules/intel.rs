//! `xuedun rules intel check|stats`.

use std::path::{Path, PathBuf};

use events::Lang;
use rules::{Intel, IntelProblem};

use crate::commands::{Done, Failure, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Say what is wrong with lists (STIX 2.1, MISP, plain)
    Check(Lists),
    /// Count what lists hold
    Stats(Lists),
}

#[derive(Debug, clap::Args)]
struct Lists {
    /// File or folder
    path: PathBuf,
    /// JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, lang: Lang) -> Done {
    match args.verb {
        Verb::Check(lists) => check(&lists, lang),
        Verb::Stats(lists) => stats(&lists, lang),
    }
}

/// Loads lists and says on standard error what is wrong with them. Fails when nothing was loaded.
pub fn load(path: &Path, lang: Lang) -> Result<Intel, Failure> {
    let (intel, problems) = Intel::load(path);
    for problem in &problems {
        eprintln!("{}", line(problem, lang));
    }
    match problems.first() {
        Some(first) if intel.stats().lists == 0 => {
            Err(Failure::configuration(first.code, path.display().to_string()))
        }
        _ => Ok(intel),
    }
}

fn line(problem: &IntelProblem, lang: Lang) -> String {
    let (code, file, place) = (problem.code, &problem.file, problem.place);
    format!("[{code}] {file}:{place}: {}", problem.message.get(lang))
}

fn check(lists: &Lists, lang: Lang) -> Done {
    let (intel, problems) = Intel::load(&lists.path);
    for problem in &problems {
        if lists.json {
            print_json(&serde_json::json!({
                "code": problem.code, "file": problem.file, "place": problem.place,
                "message": problem.message.get(lang),
            }))?;
        } else {
            print_line(&line(problem, lang))?;
        }
    }
    if !lists.json {
        let (total, found) = (intel.stats().total(), problems.len());
        print_line(lang.pick(
            &format!("可用指标 {total} 条，问题 {found} 个"),
            &format!("{total} indicators, {found} problems"),
        ))?;
    }
    Ok(if problems.is_empty() { Outcome::Clean } else { Outcome::Findings })
}

fn stats(lists: &Lists, lang: Lang) -> Done {
    let intel = load(&lists.path, lang)?;
    let s = intel.stats();
    if lists.json {
        print_json(s)?;
        return Ok(Outcome::Clean);
    }
    let rows: [(&str, u64); 9] = [
        (lang.pick("清单", "lists"), s.lists as u64),
        (lang.pick("地址", "addresses"), s.addresses),
        (lang.pick("网段", "networks"), s.networks),
        (lang.pick("域名", "domains"), s.domains),
        (lang.pick("网址", "URLs"), s.urls),
        (lang.pick("文件散列", "file hashes"), s.hashes),
        (lang.pick("重复", "repeated"), s.repeated),
        (lang.pick("未载入", "left out"), s.left_out),
        (lang.pick("占用字节", "bytes"), s.bytes as u64),
    ];
    for (name, number) in rows {
        print_line(&format!("{number}\t{name}"))?;
    }
    Ok(Outcome::Clean)
}
