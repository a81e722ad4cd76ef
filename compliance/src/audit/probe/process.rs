//! Running processes, from /proc.

use serde::Deserialize;

use super::{Context, text};
use crate::audit::fact::{Fact, Facts};
use crate::audit::host::HostError;

/// Facts `running` and `as_root`: which of the named programs run, and which with uid 0.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Processes {
    names: Vec<String>,
}

/// A process as far as checks look.
pub(super) struct Process {
    pub(super) name: String,
    /// Effective user.
    pub(super) uid: u32,
}

impl Processes {
    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let (running, as_root) = match all(cx) {
            Ok(list) => {
                let named: Vec<&Process> =
                    list.iter().filter(|p| text::star_any(&self.names, &p.name)).collect();
                // A master that only opens the port and starts workers under another user is how
                // these servers are meant to run: it counts only when no such worker exists.
                let served_by_other =
                    |p: &Process| named.iter().any(|o| o.name == p.name && o.uid != 0);
                let root = named.iter().filter(|p| p.uid == 0 && !served_by_other(p));
                (
                    Fact::List(unique(named.iter().map(|p| p.name.clone()))),
                    Fact::List(unique(root.map(|p| p.name.clone()))),
                )
            }
            Err(error) => (Fact::Unseen(error.to_string()), Fact::Unseen(error.to_string())),
        };
        facts.set("running", running);
        facts.set("as_root", as_root);
    }
}

/// All processes; one that ends while we look is left out.
pub(super) fn all(cx: &Context<'_>) -> Result<Vec<Process>, HostError> {
    let names = cx.host.list_dir("/proc")?;
    let mut list = Vec::new();
    for pid in names.iter().filter(|n| n.bytes().all(|b| b.is_ascii_digit())) {
        match text::read(cx, &format!("/proc/{pid}/status")) {
            Ok(status) => list.extend(parse(&status)),
            Err(error) if error.is_absence() => {}
            Err(HostError::Failed { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(list)
}

fn parse(status: &str) -> Option<Process> {
    let field = |name: &str| status.lines().find_map(|l| l.strip_prefix(name)).map(str::trim);
    let uid = field("Uid:")?.split_whitespace().nth(1)?.parse().ok()?;
    Some(Process { name: field("Name:")?.to_owned(), uid })
}

pub(super) fn unique(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut list: Vec<String> = words.collect();
    list.sort();
    list.dedup();
    list
}
