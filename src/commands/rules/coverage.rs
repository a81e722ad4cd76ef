//! `xuedun rules coverage`: which ATT&CK techniques rules speak of, and with `--sources` which
//! sources can feed them.

use centre::coverage::{self, Feeding, Lack, RuleName, SourceCoverage};
use events::Lang;

use super::Choice;
use crate::commands::{Done, Failure, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
    /// Say for each source (pack) which rules it cannot feed and what field is missing
    #[arg(long)]
    sources: bool,
    /// With --sources: a folder of further packs
    #[arg(long, value_name = "FOLDER", requires = "sources")]
    packs: Option<std::path::PathBuf>,
    /// With --sources: print JSON
    #[arg(long, requires = "sources")]
    json: bool,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let loaded = args.choice.load(lang)?;
    if args.sources {
        let packs = crate::commands::sensors::load(args.packs)?;
        let found = coverage::of(&loaded.set, &packs);
        if args.json {
            print_json(&found)?
        } else {
            tell(&found, lang)?
        }
        let whole = found.unfed.is_empty() && found.elsewhere.is_empty();
        return Ok(if whole { Outcome::Clean } else { Outcome::Findings });
    }
    let layer = loaded.set.navigator_layer(lang);
    let text = serde_json::to_string_pretty(&layer)
        .map_err(|e| Failure::runtime("X002", format!("cannot write JSON: {e}")))?;
    print_line(&text)?;
    let bare = loaded.set.without_technique();
    if bare > 0 {
        eprintln!(
            "xuedun: {}",
            lang.pick(
                &format!("{bare} 条规则没有标注 ATT&CK 技术"),
                &format!("{bare} rules name no ATT&CK technique"),
            )
        );
    }
    Ok(Outcome::Clean)
}

fn tell(found: &SourceCoverage, lang: Lang) -> Result<(), Failure> {
    for row in &found.sources {
        let (title, whole, partly) = (row.title.get(lang), row.whole, row.partly);
        let (not_seen, cannot) = (row.not_seen, row.cannot);
        print_line(&match lang {
            Lang::Zh => format!(
                "{}（{title}）：可评估 {whole}，部分可评估 {partly}，未见所需字段 {not_seen}，不可评估 {cannot}",
                row.source
            ),
            Lang::En => format!(
                "{} ({title}): {whole} whole, {partly} partly, {not_seen} not seen, {cannot} not evaluable",
                row.source
            ),
        })?;
        for lack in row.lacking.iter().filter(|l| l.feeding > Feeding::Partly) {
            print_line(&line(lack, lang))?;
        }
    }
    let count = found.rules;
    list(&found.unfed, count, ("没有日志源能评估的规则", "rules that no source can feed"), lang)?;
    let words = ("日志源不在采集包之内的规则", "rules for log sources that no pack yields");
    list(&found.elsewhere, count, words, lang)
}

fn line(lack: &Lack, lang: Lang) -> String {
    let word = match lack.feeding {
        Feeding::Cannot => lang.pick("不可评估", "not evaluable"),
        _ => lang.pick("未见字段", "not seen"),
    };
    let missing = lack.missing.join(", ");
    format!("  {word}\t{}\t{}\t{missing}", lack.rule.rule, lack.rule.title.get(lang))
}

fn list(rules: &[RuleName], of: usize, words: (&str, &str), lang: Lang) -> Result<(), Failure> {
    print_line(&format!("{}: {} / {of}", lang.pick(words.0, words.1), rules.len()))?;
    rules.iter().try_for_each(|r| print_line(&format!("  {}\t{}", r.rule, r.title.get(lang))))
}
