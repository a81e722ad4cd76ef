//! The content that ships: it loads, runs, speaks both languages, and fits the official schemas'
//! required keys.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use events::Lang;
use playbooks::{
    Answer, Begin, Drill, Effectors, MemoryJournal, Mode, Playbook, Run, StepKind, VariableType,
    library, parse,
};

use crate::kit::{Log, effectors, t};

fn all() -> Vec<(String, String, Playbook)> {
    library()
        .into_iter()
        .map(|(name, text)| match parse(&name, &text) {
            Ok(playbook) => (name, text, playbook),
            Err(problems) => {
                let shown: String = problems.iter().map(|p| p.render(&text, Lang::Zh)).collect();
                panic!("{shown}")
            }
        })
        .collect()
}

#[test]
fn every_file_of_the_folders_is_embedded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("library");
    let mut files = BTreeSet::new();
    for folder in ["response", "drill"] {
        for file in std::fs::read_dir(root.join(folder)).unwrap() {
            files.insert(file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    assert_eq!(library().into_iter().map(|(n, _)| n).collect::<BTreeSet<_>>(), files);
    for slug in
        ["password-spraying", "web-shell", "mining", "data-export", "ransomware", "generic-triage"]
    {
        assert!(files.contains(slug), "{slug} is referred to by rules");
    }
}

#[test]
fn it_loads_without_warnings_in_both_languages() {
    for (name, _, playbook) in all() {
        assert_eq!(playbook.warnings, [], "{name}");
        let mut texts = vec![("playbook", &playbook.name), ("description", &playbook.description)];
        for step in playbook.in_order() {
            texts.push((&step.id, &step.name));
            if let StepKind::Action(action) = &step.kind {
                texts.extend(action.commands.iter().map(|c| (step.id.as_str(), &c.text)));
            }
        }
        for (place, text) in texts {
            assert_ne!(text.zh, text.en, "{name}: {place} lacks its English text");
            assert!(text.en.is_ascii(), "{name}: {place}: {}", text.en);
        }
        Effectors::new()
            .with(crate::kit::Recorded {
                kind: "notification",
                log: Log::default(),
                outcome: playbooks::Outcome::done,
            })
            .check(&playbook)
            .unwrap();
    }
}

/// Answers every question; `truth` says what is true of a boolean.
fn play(playbook: Playbook, truth: fn(&str) -> bool) -> playbooks::RunStatus {
    let playbook = Arc::new(playbook);
    let mut journal = MemoryJournal::default();
    let begin = Begin {
        run: events::RunId::from_u128(1),
        mode: Mode::Exercise,
        by: "starter".to_owned(),
        variables: [("__alert__", "a-1"), ("__site__", "某校"), ("__entity__", "192.0.2.7")]
            .into_iter()
            .filter(|(k, _)| playbook.variables.contains_key(*k))
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect(),
    };
    let mut effectors = effectors(&Log::default());
    let mut now = t(0);
    let mut run = Run::start(playbook.clone(), begin, now, &mut journal).unwrap();
    for turn in 0..200 {
        let progress = run.advance(now, &mut effectors, &mut journal).unwrap();
        if progress.finished.is_some() {
            return run.status();
        }
        for waiting in &progress.waiting {
            assert!(!waiting.text.zh.contains(":value"), "{}", waiting.text.zh);
            let value = |name: &String| match playbook.variables[name].kind {
                VariableType::Bool => truth(name).to_string(),
                _ => "outside".to_owned(),
            };
            let outputs = waiting.outputs.iter().map(|n| (n.clone(), value(n))).collect();
            let by = format!("person-{turn}");
            let answer = Answer {
                step: waiting.step.clone(),
                by,
                success: true,
                outputs,
                note: String::new(),
            };
            run.answer(&answer, now, &mut journal).unwrap();
        }
        if let (true, Some(timer)) = (progress.waiting.is_empty(), progress.timer) {
            now = timer;
        }
    }
    panic!("{} does not end", playbook.file);
}

#[test]
fn every_playbook_runs_to_its_end_either_way() {
    for (name, _, playbook) in all() {
        let truths: [fn(&str) -> bool; 3] =
            [|_| true, |_| false, |name| name.contains("confirmed") || name.contains("verdict")];
        let mut reached = BTreeSet::new();
        // What is never clean or never true may loop to its bound and fail: it ends all the same.
        for truth in truths {
            let status = play(playbook.clone(), truth);
            assert!(status.outcome.is_some(), "{name}");
            reached
                .extend(status.steps.into_iter().filter(|s| s.started.is_some()).map(|s| s.step));
        }
        assert!(reached.len() * 2 > playbook.steps.len(), "{name}: most steps are reached");
    }
}

#[test]
fn drills_name_their_response() {
    let everything = all();
    let mut drills = 0;
    for (name, _, playbook) in &everything {
        let Ok(drill) = Drill::new(Arc::new(playbook.clone())) else { continue };
        drills += 1;
        let response = drill.plan().response.clone().unwrap();
        assert!(everything.iter().any(|(n, ..)| *n == response), "{name}: {response}");
        for inject in &drill.plan().injects {
            assert!(!inject.expects.rules.is_empty());
        }
    }
    assert!(drills >= 1);
}

fn corpora() -> Option<PathBuf> {
    let path = std::env::var_os("XUEDUN_CORPORA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpora")),
        PathBuf::from,
    );
    let path = path.join("schemas/cacao");
    if path.is_dir() {
        return Some(path);
    }
    assert_ne!(std::env::var("XUEDUN_REQUIRE_CORPORA").as_deref(), Ok("1"), "corpora are absent");
    eprintln!("SKIPPED: CACAO schemas are absent: {}", path.display());
    None
}

fn schema(root: &Path, path: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(root.join(path)).unwrap()).unwrap()
}

/// All keys a schema file speaks of, and those it requires, its `allOf` parts included.
fn keys(root: &Path, path: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let file = schema(root, path);
    let mut parts = vec![file.clone()];
    parts.extend(file["allOf"].as_array().into_iter().flatten().cloned());
    let (mut known, mut required) = (BTreeSet::new(), BTreeSet::new());
    for part in parts {
        if let Some(reference) = part["$ref"].as_str() {
            let folder = Path::new(path).parent().unwrap();
            let (k, r) =
                keys(root, folder.join(reference.trim_start_matches("./")).to_str().unwrap());
            known.extend(k);
            required.extend(r);
        }
        known.extend(part["properties"].as_object().into_iter().flatten().map(|(k, _)| k.clone()));
        let names = part["required"].as_array().into_iter().flatten();
        required.extend(names.filter_map(|n| n.as_str().map(str::to_owned)));
    }
    (known, required)
}

fn fits(root: &Path, path: &str, value: &serde_json::Value, place: &str) {
    let (known, required) = keys(root, path);
    let object = value.as_object().unwrap();
    for key in object.keys() {
        assert!(known.contains(key), "{place}: {path} knows no {key}");
    }
    for key in required {
        assert!(object.contains_key(&key), "{place}: {path} requires {key}");
    }
}

#[test]
fn the_library_fits_the_official_schemas_keys() {
    let Some(root) = corpora() else { return };
    let mut steps = 0;
    for (name, text, _) in all() {
        let playbook: serde_json::Value = serde_json::from_str(&text).unwrap();
        fits(&root, "playbook.json", &playbook, &name);
        for (id, definition) in playbook["extension_definitions"].as_object().unwrap() {
            fits(&root, "extension-definition/extension-definition.json", definition, id);
        }
        for (id, agent) in playbook["agent_definitions"].as_object().unwrap() {
            let kind = agent["type"].as_str().unwrap();
            fits(&root, &format!("agent-target/{kind}.json"), agent, id);
        }
        for (id, step) in playbook["workflow"].as_object().unwrap() {
            let kind = step["type"].as_str().unwrap();
            fits(&root, &format!("workflows/{kind}.json"), step, &format!("{name} {id}"));
            steps += 1;
            for command in step["commands"].as_array().into_iter().flatten() {
                let kind = command["type"].as_str().unwrap();
                // `notification` is ours: it takes what `manual` takes.
                let kind = if kind == "notification" { "manual" } else { kind };
                fits(&root, &format!("commands/{kind}.json"), command, id);
            }
        }
    }
    assert!(steps > 100, "{steps} steps were looked at");
}

#[test]
fn our_key_tables_equal_the_official_ones() {
    let Some(root) = corpora() else { return };
    // A playbook with every key the schema names must have none unknown to the loader.
    let (known, _) = keys(&root, "playbook.json");
    let text = serde_json::to_string(
        &known
            .iter()
            .map(|k| (k.clone(), serde_json::Value::Null))
            .collect::<serde_json::Map<_, _>>(),
    )
    .unwrap();
    let problems = parse("all-keys", &text).unwrap_err();
    assert!(problems.iter().all(|p| p.code != "P004"), "{problems:#?}");
    for kind in [
        "action",
        "end",
        "start",
        "parallel",
        "if-condition",
        "while-condition",
        "switch-condition",
        "playbook-action",
    ] {
        let (known, _) = keys(&root, &format!("workflows/{kind}.json"));
        let step: serde_json::Map<_, _> =
            known.iter().map(|k| (k.clone(), serde_json::Value::Null)).collect();
        let id = crate::kit::id(&format!("{kind}#1"));
        let text = serde_json::json!({ "workflow": { id: step } }).to_string();
        let problems = parse("all-keys", &text).unwrap_err();
        assert!(problems.iter().all(|p| p.code != "P004"), "{kind}: {problems:#?}");
    }
}
