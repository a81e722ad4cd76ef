//! `xuedun playbook`: check playbooks, and run one step by step from the terminal.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use centre::World;
use events::{Lang, RunId, Text};
use playbooks::{
    Answer, Begin, EffectRequest, Effector, Effectors, FileJournal, Mode, Outcome as Effect,
    Playbook, Run, RunJournal, RunOutcome, WaitingStep, Weight,
};

use super::{Done, Failure, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List the shipped playbooks
    List {
        /// One JSON object a playbook
        #[arg(long)]
        json: bool,
    },
    /// Check playbooks; without names, the shipped ones
    Check {
        /// Files, or names of shipped playbooks
        playbooks: Vec<PathBuf>,
        /// One JSON object a problem
        #[arg(long)]
        json: bool,
    },
    /// Run a playbook; a run that was interrupted goes on from its journal
    Run(RunArgs),
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    /// A file, or the name of a shipped playbook
    playbook: PathBuf,
    /// Journal of the run; made if it is not there
    #[arg(long, value_name = "FILE")]
    journal: PathBuf,
    /// How real the run is
    #[arg(long, default_value = "exercise", value_parser = ["production", "exercise", "dry-run"])]
    mode: String,
    /// Who runs it
    #[arg(long, default_value = "local")]
    by: String,
    /// A variable, as __name__=value
    #[arg(long = "var", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// Answer a waiting step: STEP=done or STEP=failed; without a terminal the only way
    #[arg(long = "answer", value_name = "STEP=done|failed")]
    answers: Vec<String>,
    /// What an answered step gives back, as __name__=value
    #[arg(long = "output", value_name = "NAME=VALUE")]
    outputs: Vec<String>,
    /// Who answers; a step with four eyes wants somebody else than who started the run
    #[arg(long, value_name = "NAME")]
    answer_by: Option<String>,
    /// Note of the answers
    #[arg(long, default_value = "")]
    note: String,
    /// The whole state at the end as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, lang: Lang) -> Done {
    match args.verb {
        Verb::List { json } => list(json, lang),
        Verb::Check { playbooks, json } => check(&playbooks, json, lang),
        Verb::Run(args) => run_one(&args, lang),
    }
}

fn list(json: bool, lang: Lang) -> Done {
    for (slug, text) in playbooks::library() {
        let Ok(playbook) = playbooks::parse(&slug, &text) else { continue };
        if json {
            let kind = if playbook.drill.is_some() { "drill" } else { "response" };
            print_json(&serde_json::json!({
                "name": slug, "kind": kind, "id": playbook.id, "title": playbook.name,
            }))?;
        } else {
            print_line(&format!("{slug}\t{}", playbook.name.get(lang)))?;
        }
    }
    Ok(Outcome::Clean)
}

fn check(paths: &[PathBuf], json: bool, lang: Lang) -> Done {
    let texts = if paths.is_empty() {
        playbooks::library()
    } else {
        paths.iter().map(|p| text_of(p)).collect::<Result<_, _>>()?
    };
    let mut bad = 0;
    for (name, text) in &texts {
        let problems = match playbooks::parse(name, text) {
            Ok(playbook) => playbook.warnings,
            Err(problems) => problems,
        };
        bad += problems.iter().filter(|p| p.weight == Weight::Error).count();
        for problem in &problems {
            if json { print_json(problem)? } else { print_line(&problem.render(text, lang))? }
        }
        if !json && problems.is_empty() {
            print_line(&format!("{name}\t{}", lang.pick("通过", "ok")))?;
        }
    }
    Ok(if bad > 0 { Outcome::Findings } else { Outcome::Clean })
}

/// A playbook by file or by the name of a shipped one.
pub fn open(path: &Path, lang: Lang) -> Result<Arc<Playbook>, Failure> {
    let (name, text) = text_of(path)?;
    playbooks::parse(&name, &text).map(Arc::new).map_err(|problems| {
        let shown: Vec<String> = problems.iter().map(|p| p.render(&text, lang)).collect();
        Failure::usage("X030", format!("\n{}", shown.join("\n")))
    })
}

fn text_of(path: &Path) -> Result<(String, String), Failure> {
    let name = path.to_string_lossy().into_owned();
    if !path.exists()
        && let Some(shipped) = playbooks::library().into_iter().find(|(slug, _)| *slug == name)
    {
        return Ok(shipped);
    }
    let text = std::fs::read_to_string(path).map_err(|e| Failure::file(path, &e))?;
    Ok((name, text))
}

fn run_one(args: &RunArgs, lang: Lang) -> Done {
    let world = World::real();
    let playbook = open(&args.playbook, lang)?;
    let mut journal = FileJournal::open(&args.journal).map_err(|e| Failure::of(e.code(), &e))?;
    let fail = |e: playbooks::Error| Failure::of(e.code(), &e);
    let mut run = if journal.read().map_err(fail)?.is_empty() {
        let begin = Begin {
            run: RunId::at(world.now(), world.unique()),
            mode: mode(&args.mode),
            by: args.by.clone(),
            variables: variables(&args.variables)?,
        };
        Run::start(playbook, begin, world.now(), &mut journal).map_err(fail)?
    } else {
        Run::resume(playbook, &journal).map_err(fail)?
    };
    let mut effectors = Effectors::new().with(Tell(lang));
    let mut answers = answers(&args.answers)?;
    let given_outputs = variables(&args.outputs)?;
    loop {
        let progress = run.advance(world.now(), &mut effectors, &mut journal).map_err(fail)?;
        if progress.finished.is_some() {
            break;
        }
        let Some((step, success)) = next_answer(&progress.waiting, &mut answers, lang)? else {
            break;
        };
        let answer = Answer {
            outputs: outputs_of(&progress.waiting, &step, &given_outputs),
            step,
            by: args.answer_by.clone().unwrap_or_else(|| args.by.clone()),
            success,
            note: args.note.clone(),
        };
        run.answer(&answer, world.now(), &mut journal).map_err(fail)?;
    }
    finish(&run, args.json, lang)
}

fn finish(run: &Run, json: bool, lang: Lang) -> Done {
    let status = run.status();
    if json {
        print_json(&status)?;
    } else {
        for step in status.steps.iter().filter(|s| s.kind == "action") {
            print_line(&format!("{}\t{}", step.state.label(lang), step.name.get(lang)))?;
        }
        for waiting in &status.waiting {
            let word = lang.pick("待处置", "waiting");
            print_line(&format!(
                "{word}: {} --answer {}=done",
                waiting.name.get(lang),
                waiting.step
            ))?;
        }
    }
    match &status.outcome {
        Some(RunOutcome::Succeeded) | None => Ok(Outcome::Clean),
        Some(_) => Ok(Outcome::Findings),
    }
}

/// The next answer: from the command line, else from the person at the terminal.
fn next_answer(
    waiting: &[WaitingStep],
    given: &mut BTreeMap<String, bool>,
    lang: Lang,
) -> Result<Option<(String, bool)>, Failure> {
    for step in waiting {
        if let Some(success) = given.remove(&step.step) {
            return Ok(Some((step.step.clone(), success)));
        }
    }
    let Some(step) = waiting.first().filter(|_| std::io::stdin().is_terminal()) else {
        return Ok(None);
    };
    let question = lang.pick("完成了吗？[y/n，q 退出]", "done? [y/n, q to leave]");
    eprint!("{}\n  {}\n{question} ", step.name.get(lang), step.text.get(lang));
    let _ = std::io::stderr().flush();
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|e| Failure::stream("标准输入", "standard input", &e))?;
    Ok(match line.trim() {
        "y" | "Y" => Some((step.step.clone(), true)),
        "n" | "N" => Some((step.step.clone(), false)),
        _ => None,
    })
}

/// Of the values given, those that a step asks for.
fn outputs_of(
    waiting: &[WaitingStep],
    step: &str,
    given: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let asked = waiting.iter().filter(|w| w.step == step).flat_map(|w| &w.outputs);
    asked.filter_map(|name| Some((name.clone(), given.get(name)?.clone()))).collect()
}

fn mode(word: &str) -> Mode {
    match word {
        "production" => Mode::Production,
        "dry-run" => Mode::DryRun,
        _ => Mode::Exercise,
    }
}

fn variables(given: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    let bad = |t: &String| wanted("__name__=value", t);
    given.iter().map(|t| pair(t).ok_or_else(|| bad(t))).collect()
}

fn answers(given: &[String]) -> Result<BTreeMap<String, bool>, Failure> {
    let pair = |text: &String| match text.rsplit_once('=')? {
        (step, "done") => Some((step.to_owned(), true)),
        (step, "failed") => Some((step.to_owned(), false)),
        _ => None,
    };
    let bad = |t: &String| wanted("STEP=done|failed", t);
    given.iter().map(|t| pair(t).ok_or_else(|| bad(t))).collect()
}

fn wanted(form: &str, given: &str) -> Failure {
    let (zh, en) = (format!("应写作 {form}，而不是 {given}"), format!("write {form}, not {given}"));
    Failure::usage("X031", Text::new(zh, en))
}

/// Notifications of a run at the terminal go to standard error.
struct Tell(Lang);

impl Effector for Tell {
    fn kind(&self) -> &str {
        playbooks::extension::NOTIFICATION
    }

    fn perform(&mut self, request: &EffectRequest<'_>) -> Effect {
        eprintln!("{}: {}", self.0.pick("通知", "notification"), request.text.get(self.0));
        Effect::done()
    }

    fn simulate(&mut self, request: &EffectRequest<'_>) -> Effect {
        let word = self.0.pick("通知（模拟）", "notification (simulated)");
        eprintln!("{word}: {}", request.text.get(self.0));
        Effect::done()
    }
}
