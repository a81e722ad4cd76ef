//! A bounded walk: world-writable files, set-uid programs, files without an owner.

use serde::Deserialize;

use super::{Context, text};
use crate::audit::fact::{Fact, Facts};
use crate::audit::host::Kind;
use crate::audit::limits;

/// Facts `world_writable`, `suid_extra`, `unowned` (lists) and `scanned`. The walk does not
/// follow links, does not leave a start's file system, and stops at a named number of entries;
/// a walk that was cut short never says "none".
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    paths: Vec<String>,
    /// Names of set-uid and set-gid programs that may be there.
    #[serde(default)]
    suid_expected: Vec<String>,
}

#[derive(Default)]
struct Found {
    world_writable: Vec<String>,
    suid_extra: Vec<String>,
    unowned: Vec<String>,
    scanned: usize,
    unseen: Option<String>,
}

impl Scan {
    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let known = known_uids(cx);
        let mut found = Found::default();
        for start in &self.paths {
            self.walk(cx, start, known.as_deref(), &mut found);
        }
        if found.scanned == 0 && found.unseen.is_none() {
            found.unseen = Some("none of the places to look at exists".into());
        }
        let Found { world_writable, suid_extra, unowned, scanned, unseen } = found;
        for (name, list) in
            [("world_writable", world_writable), ("suid_extra", suid_extra), ("unowned", unowned)]
        {
            let fact = match &unseen {
                Some(why) if list.is_empty() => Fact::Unseen(why.clone()),
                _ => Fact::List(list),
            };
            facts.set(name, fact);
        }
        facts.set("scanned", Fact::Int(scanned as i64));
    }

    fn walk(&self, cx: &Context<'_>, start: &str, known: Option<&[u32]>, found: &mut Found) {
        let first = match cx.host.link_metadata(start) {
            Ok(first) => first,
            Err(error) if error.is_absence() => return,
            Err(error) => {
                found.unseen = Some(error.to_string());
                return;
            }
        };
        let mut todo = vec![(start.to_owned(), 0)];
        while let Some((dir, depth)) = todo.pop() {
            let names = match cx.host.list_dir(&dir) {
                Ok(names) => names,
                Err(error) if error.is_absence() => continue,
                Err(error) => {
                    found.unseen = Some(error.to_string());
                    continue;
                }
            };
            for name in names {
                if found.scanned >= limits::SCAN_ENTRIES_MAX {
                    found.unseen = Some(format!("stopped after {} entries", found.scanned));
                    return;
                }
                found.scanned += 1;
                let path = format!("{}/{name}", dir.trim_end_matches('/'));
                let meta = match cx.host.link_metadata(&path) {
                    Ok(meta) => meta,
                    Err(error) if error.is_absence() => continue,
                    Err(error) => {
                        found.unseen = Some(error.to_string());
                        continue;
                    }
                };
                if meta.kind == Kind::Link || meta.device != first.device {
                    continue;
                }
                let sticky_dir = meta.kind == Kind::Dir && meta.mode & 0o1000 != 0;
                if meta.mode & 0o002 != 0 && !sticky_dir && meta.kind != Kind::Other {
                    found.world_writable.push(path.clone());
                }
                let is_suid = meta.kind == Kind::File && meta.mode & 0o6000 != 0;
                if is_suid && !text::star_any(&self.suid_expected, &name) {
                    found.suid_extra.push(path.clone());
                }
                if known.is_some_and(|k| !k.contains(&meta.uid)) {
                    found.unowned.push(path.clone());
                }
                if meta.kind == Kind::Dir {
                    if depth + 1 >= limits::SCAN_DEPTH_MAX {
                        found.unseen = Some(format!("{path}: deeper than looked"));
                    } else {
                        todo.push((path, depth + 1));
                    }
                }
            }
        }
    }
}

/// Users of /etc/passwd; `None` when it cannot be read (then nothing is called unowned).
fn known_uids(cx: &Context<'_>) -> Option<Vec<u32>> {
    let text = text::read(cx, "/etc/passwd").ok()?;
    Some(text.lines().filter_map(|l| l.split(':').nth(2)?.parse().ok()).collect())
}
