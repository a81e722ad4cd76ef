//! Patterns in the output of an allow-listed command.

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;

use super::{Context, lines};
use crate::audit::fact::{Fact, Facts};
use crate::audit::host::Command;

/// Each pattern becomes a list fact, as with `lines`. A command that is not installed gives
/// absent facts; one that is refused or fails gives unseen ones.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandOutput {
    line: String,
    patterns: BTreeMap<String, String>,
    #[serde(skip)]
    compiled: Vec<(String, Regex)>,
}

impl CommandOutput {
    pub(super) fn prepare(&mut self) -> Result<(), String> {
        if Command::of_line(&self.line).is_none() {
            return Err(format!("{}: not an allowed command", self.line));
        }
        self.compiled = lines::compile(&self.patterns)?;
        Ok(())
    }

    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let Some(command) = Command::of_line(&self.line) else { return };
        let output = cx.host.run(command).map(|b| String::from_utf8_lossy(&b).into_owned());
        for (name, pattern) in &self.compiled {
            let fact = match &output {
                Ok(text) => lines::found(pattern, text.lines().map(str::trim)),
                Err(error) if error.is_absence() => Fact::Absent,
                Err(error) => Fact::Unseen(error.to_string()),
            };
            facts.set(name.clone(), fact);
        }
    }
}
