//! Small playbooks, recorded effectors.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use events::{RunId, Timestamp};
use playbooks::{
    Begin, EffectRequest, Effector, Effectors, MemoryJournal, Mode, Outcome, Playbook, Run,
    extension,
};

/// Second `n` of the test's world.
pub(crate) fn t(n: i64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + n)
}

/// A whole playbook around a workflow. `type#7` stands for an id, `EXT` for the execution
/// extension's id.
pub(crate) fn text(variables: &str, workflow: &str, more: &str) -> String {
    let text = format!(
        r#"{{
  "type": "playbook", "spec_version": "cacao-2.0", "id": "playbook#1", "name": "试",
  "created_by": "identity#1", "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z",
  "playbook_variables": {{{variables}}},
  "workflow_start": "start#1",
  "workflow": {{{workflow}}},
  "agent_definitions": {{ "group#1": {{ "type": "group", "name": "组 / Group" }} }},
  "extension_definitions": {{ "EXT": {{ "type": "extension-definition", "name": "x",
    "created_by": "identity#1", "schema": "x", "version": "1.0.0" }} }}{more}
}}"#
    );
    ids(&text)
}

/// Writes out the short ids.
pub(crate) fn ids(text: &str) -> String {
    let mut out = text.replace("EXT", extension::EXECUTION);
    for n in (1..=99).rev() {
        out = out.replace(&format!("#{n}\""), &format!("--00000000-0000-4000-8000-{n:012}\""));
    }
    out
}

pub(crate) fn id(short: &str) -> String {
    ids(&format!("{short}\"")).trim_end_matches('"').to_owned()
}

pub(crate) fn load(text: &str) -> Arc<Playbook> {
    match playbooks::parse("test", text) {
        Ok(playbook) => Arc::new(playbook),
        Err(problems) => {
            let shown: String = problems.iter().map(|p| p.render(text, events::Lang::En)).collect();
            panic!("{shown}")
        }
    }
}

/// What effectors were asked: (kind, text, idempotency key).
pub(crate) type Log = Arc<Mutex<Vec<(String, String, String)>>>;

/// Answers every request for one command type as told, and writes it down.
pub(crate) struct Recorded<F> {
    pub(crate) kind: &'static str,
    pub(crate) log: Log,
    pub(crate) outcome: F,
}

impl<F: FnMut() -> Outcome + Send> Effector for Recorded<F> {
    fn kind(&self) -> &str {
        self.kind
    }

    fn perform(&mut self, request: &EffectRequest<'_>) -> Outcome {
        let entry =
            (self.kind.to_owned(), request.text.zh.clone(), request.idempotency_key.clone());
        self.log.lock().unwrap().push(entry);
        (self.outcome)()
    }
}

/// Manual steps wait, `notification` and `bash` succeed at once.
pub(crate) fn effectors(log: &Log) -> Effectors {
    let done = Outcome::done;
    Effectors::new()
        .with(Recorded { kind: "notification", log: log.clone(), outcome: done })
        .with(Recorded { kind: "bash", log: log.clone(), outcome: done })
}

pub(crate) fn begin(mode: Mode) -> Begin {
    Begin { run: RunId::from_u128(7), mode, by: "starter".to_owned(), variables: BTreeMap::new() }
}

/// A run in production at second 0.
pub(crate) fn start(text: &str) -> (Run, MemoryJournal) {
    let mut journal = MemoryJournal::default();
    let run = Run::start(load(text), begin(Mode::Production), t(0), &mut journal).unwrap();
    (run, journal)
}
