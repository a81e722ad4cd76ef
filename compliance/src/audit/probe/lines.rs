//! Lines of files that match patterns.

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;

use super::{Context, text};
use crate::audit::fact::{Fact, Facts};

/// Each pattern becomes a list fact: the first group of every match, or the matched text.
/// Comment lines (`#`, `;`) are not looked at.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    files: Vec<String>,
    patterns: BTreeMap<String, String>,
    #[serde(skip)]
    compiled: Vec<(String, Regex)>,
}

impl Lines {
    pub(super) fn prepare(&mut self) -> Result<(), String> {
        self.compiled = compile(&self.patterns)?;
        Ok(())
    }

    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let files = text::read_all(cx, &self.files);
        for (name, pattern) in &self.compiled {
            let fact = match &files {
                Ok(files) => found(pattern, files.iter().flat_map(|(_, t)| text::lines(t))),
                Err(error) => Fact::Unseen(error.to_string()),
            };
            facts.set(name.clone(), fact);
        }
    }
}

pub(super) fn compile(patterns: &BTreeMap<String, String>) -> Result<Vec<(String, Regex)>, String> {
    patterns
        .iter()
        .map(|(name, p)| Ok((name.clone(), Regex::new(p).map_err(|e| format!("{name}: {e}"))?)))
        .collect()
}

pub(super) fn found<'a>(pattern: &Regex, lines: impl Iterator<Item = &'a str>) -> Fact {
    let take = |line: &str| {
        let captures = pattern.captures(line)?;
        let value = captures.get(1).or_else(|| captures.get(0))?;
        Some(value.as_str().to_owned())
    };
    Fact::List(lines.filter_map(take).collect())
}
