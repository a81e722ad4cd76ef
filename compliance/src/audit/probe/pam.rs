//! Arguments of PAM modules, with the stacks they stand in.

use serde::Deserialize;

use super::{Context, text};
use crate::audit::fact::{Fact, Facts};

/// Facts `<as>.stacks` (auth, account, password, session) and `<as>.<argument>`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pam {
    /// Files to read; they name both families (common-* of Debian, system-auth of RPM systems).
    files: Vec<String>,
    /// Module names without `.so`; any of them counts.
    modules: Vec<String>,
    #[serde(rename = "as")]
    prefix: String,
}

impl Pam {
    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let files = match text::read_all(cx, &self.files) {
            Ok(files) => files,
            Err(error) => {
                // Every argument a check may ask for is unseen, whichever it is.
                for name in ["stacks", "modules", "remember", "deny", "unlock_time", "minlen"] {
                    facts.set(self.name(name), Fact::Unseen(error.to_string()));
                }
                return;
            }
        };
        let (mut stacks, mut modules): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        for line in files.iter().flat_map(|(_, text)| text::lines(text)) {
            let Some((stack, module, args)) = self.split(line) else { continue };
            push(&mut stacks, stack);
            push(&mut modules, &module);
            for arg in args {
                let (key, value) = arg.split_once('=').unwrap_or((arg, "yes"));
                facts.set(self.name(key), Fact::word(value));
            }
        }
        facts.set(self.name("stacks"), Fact::List(stacks));
        facts.set(self.name("modules"), Fact::List(modules));
    }

    fn name(&self, part: &str) -> String {
        format!("{}.{part}", self.prefix)
    }

    /// `auth [success=1 default=ignore] pam_unix.so nullok` → stack, module, arguments.
    fn split<'a>(&self, line: &'a str) -> Option<(&'a str, String, Vec<&'a str>)> {
        let stack = line.split_whitespace().next()?.trim_start_matches('-');
        let at = line.find("pam_")?;
        let mut rest = line[at..].split_whitespace();
        let module = rest.next()?.trim_end_matches(".so").to_owned();
        if !self.modules.contains(&module) {
            return None;
        }
        Some((stack, module, rest.collect()))
    }
}

fn push(list: &mut Vec<String>, word: &str) {
    if !list.iter().any(|w| w == word) {
        list.push(word.to_owned());
    }
}
