//! `xuedun explain`: what a code means and what to do about it.

use events::{Lang, Text};
use serde::Serialize;

use super::{Done, Failure, Outcome, print_json, print_line};
use crate::codes::{self, Entry};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The code, such as X001; without one, every code is listed
    code: Option<String>,
    /// One JSON object a code, with both languages
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    code: &'a str,
    #[serde(flatten)]
    entry: &'a Entry,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let Some(asked) = &args.code else { return list(args.json, lang) };
    let (code, entry) = codes::find(asked).ok_or_else(|| unknown(asked))?;
    if args.json {
        print_json(&Line { code, entry })?;
        return Ok(Outcome::Clean);
    }
    print_line(&format!("{code}  {}", entry.title.get(lang)))?;
    print_line("")?;
    print_line(entry.meaning.get(lang))?;
    print_line("")?;
    print_line(&format!("{}{}", lang.pick("处理办法：", "What to do: "), entry.remedy.get(lang)))?;
    Ok(Outcome::Clean)
}

fn list(json: bool, lang: Lang) -> Done {
    for (code, entry) in codes::all() {
        if json {
            print_json(&Line { code, entry })?;
        } else {
            print_line(&format!("{code}\t{}", entry.title.get(lang)))?;
        }
    }
    Ok(Outcome::Clean)
}

fn unknown(asked: &str) -> Failure {
    let near = codes::near(asked);
    if near.is_empty() {
        let zh = format!("{asked}；全部代码见 xuedun explain");
        return Failure::usage(
            "X080",
            Text::new(zh, format!("{asked}; `xuedun explain` lists all")),
        );
    }
    let lines = |lang: Lang| -> String {
        near.iter().map(|(code, entry)| format!("\n  {code}  {}", entry.title.get(lang))).collect()
    };
    let zh = format!("{asked}；相近的代码：{}", lines(Lang::Zh));
    Failure::usage("X080", Text::new(zh, format!("{asked}; near ones:{}", lines(Lang::En))))
}
