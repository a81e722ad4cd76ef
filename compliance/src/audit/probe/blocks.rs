//! Blocks of a device's configuration: `interface …`, `user-interface vty …`, `line vty …`.

use regex::Regex;
use serde::Deserialize;

use super::{Context, text};
use crate::audit::fact::{Fact, Facts};

/// Facts `<as>` (headers of all blocks), `<as>.with` and `<as>.without`: those with and without a
/// line of the pattern. A block is a header and the indented lines under it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocks {
    files: Vec<String>,
    /// What its header looks like.
    header: String,
    /// Blocks with such a line are left out (a port in use is not an unused one).
    #[serde(default)]
    skip: Option<String>,
    /// The line looked for.
    line: String,
    #[serde(rename = "as")]
    fact: String,
    #[serde(skip)]
    compiled: Option<(Regex, Regex, Option<Regex>)>,
}

impl Blocks {
    pub(super) fn prepare(&mut self) -> Result<(), String> {
        let regex = |p: &str| Regex::new(p).map_err(|e| format!("{}: {e}", self.fact));
        let skip = self.skip.as_deref().map(regex).transpose()?;
        self.compiled = Some((regex(&self.header)?, regex(&self.line)?, skip));
        Ok(())
    }

    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let Some((header, line, skip)) = &self.compiled else { return };
        let names = ["", ".with", ".without"].map(|part| format!("{}{part}", self.fact));
        let files = match text::read_all(cx, &self.files) {
            Ok(files) => files,
            Err(error) => {
                for name in names {
                    facts.set(name, Fact::Unseen(error.to_string()));
                }
                return;
            }
        };
        let mut found = [Vec::new(), Vec::new(), Vec::new()];
        for (_, text) in &files {
            for (head, body) in blocks(text, header) {
                if skip.as_ref().is_some_and(|s| body.iter().any(|l| s.is_match(l))) {
                    continue;
                }
                let has = body.iter().any(|l| line.is_match(l));
                found[0].push(head.to_owned());
                found[if has { 1 } else { 2 }].push(head.to_owned());
            }
        }
        for (name, list) in names.into_iter().zip(found) {
            facts.set(name, Fact::List(list));
        }
    }
}

fn blocks<'a>(text: &'a str, header: &Regex) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut all: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            if let (true, Some((_, body))) = (open, all.last_mut()) {
                body.push(line.trim());
            }
            continue;
        }
        open = header.is_match(line);
        if open {
            all.push((line.trim_end(), Vec::new()));
        }
    }
    all
}
