//! Modes and owners of files.

use serde::Deserialize;

use super::{Context, text};
use crate::audit::fact::{Fact, Facts};

/// Facts `too_open`, `wrong_owner` (lists) and `checked` (how many exist).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modes {
    paths: Vec<Bound>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bound {
    /// A path; a star may stand in the last component.
    path: String,
    /// Bits that may be set, octal: `0640`.
    max: String,
    /// Owner it must have.
    #[serde(default)]
    owner: Option<u32>,
    #[serde(skip)]
    bits: u32,
}

impl Modes {
    pub(super) fn prepare(&mut self) -> Result<(), String> {
        for bound in &mut self.paths {
            bound.bits = u32::from_str_radix(&bound.max, 8)
                .map_err(|_| format!("{}: `{}` is not an octal mode", bound.path, bound.max))?;
        }
        Ok(())
    }

    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let (mut open, mut owner, mut seen) = (Vec::new(), Vec::new(), 0);
        let mut unseen = None;
        for bound in &self.paths {
            let paths = text::expand(cx, &bound.path).unwrap_or_else(|error| {
                unseen = Some(error.to_string());
                Vec::new()
            });
            for path in paths {
                let meta = match cx.host.metadata(&path) {
                    Ok(meta) => meta,
                    Err(error) if error.is_absence() => continue,
                    Err(error) => {
                        unseen = Some(error.to_string());
                        continue;
                    }
                };
                seen += 1;
                if meta.mode & !bound.bits & 0o7777 != 0 {
                    open.push(format!("{path} {:04o} > {:04o}", meta.mode, bound.bits));
                }
                if bound.owner.is_some_and(|uid| uid != meta.uid) {
                    owner.push(format!("{path} uid {}", meta.uid));
                }
            }
        }
        for (name, list) in [("too_open", open), ("wrong_owner", owner)] {
            // What was found is certain even when something else could not be looked at.
            let fact = match &unseen {
                Some(why) if list.is_empty() => Fact::Unseen(why.clone()),
                _ => Fact::List(list),
            };
            facts.set(name, fact);
        }
        let checked = match unseen {
            Some(why) if seen == 0 => Fact::Unseen(why),
            _ if seen == 0 => Fact::Absent,
            _ => Fact::Int(seen),
        };
        facts.set("checked", checked);
    }
}
