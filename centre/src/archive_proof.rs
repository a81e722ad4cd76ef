//! What the archive did, as leaves of the evidence log: a file sealed, files merged into one, a
//! file past its retention. So that what the archive holds can be compared with a log that a
//! third party can check.
//!
//! The leaves follow from the difference between the archive's list and what the log was told
//! last, so a crash between the two only delays them.

use std::collections::BTreeMap;
use std::time::Duration;

use events::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::archive::{Archive, SealedFile};
use store::state::{Record, State, Table};

use crate::error::Error;
use crate::evidence::Evidence;

const HOUR: Duration = Duration::from_secs(3_600);

/// A file as the evidence log knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    sha256: String,
    rows: u64,
    hour: Timestamp,
}

impl Record for Known {
    const VERSION: u8 = 1;
}

/// The archive's part of the evidence log.
pub(crate) struct ArchiveProof {
    known: Table<String, Known>,
    state: std::sync::Arc<State>,
}

/// How the archive differs from what the evidence log says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unproven {
    /// The file, below the archive's folder.
    pub name: String,
    /// What is wrong with it.
    pub what: Difference,
}

/// A difference between archive and evidence log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// The log holds another hash for it: the manifest was changed.
    OtherHash,
    /// The log never heard of it.
    NotLogged,
    /// The log says it is there, the manifest does not list it.
    NotListed,
}

impl ArchiveProof {
    pub(crate) fn open(state: std::sync::Arc<State>) -> Result<Self, Error> {
        Ok(Self { known: state.table("archive_proof")?, state })
    }

    /// Tells the evidence log what is new. Returns how many leaves that took. A file that is gone
    /// before its retention and in no merged file is not told: [`compare`] goes on naming it.
    pub(crate) fn tell(
        &self,
        archive: &Archive,
        evidence: &Evidence,
        retention: Duration,
        now: Timestamp,
    ) -> Result<usize, Error> {
        let files: BTreeMap<String, SealedFile> =
            archive.files().into_iter().map(|f| (f.name.clone(), f)).collect();
        let mut gone: BTreeMap<String, Known> = BTreeMap::new();
        let mut known = std::collections::BTreeSet::new();
        for row in self.known.iter() {
            let (name, file) = row?;
            if files.contains_key(&name) {
                known.insert(name);
            } else {
                gone.insert(name, file);
            }
        }
        let new: Vec<&SealedFile> = files.values().filter(|f| !known.contains(&f.name)).collect();
        let (leaves, accounted) = leaves(&new, gone, now.minus(retention), now);
        if leaves.is_empty() {
            return Ok(0);
        }
        evidence.note(&leaves, now)?;
        for file in &new {
            let row = Known { sha256: file.sha256.clone(), rows: file.rows, hour: file.hour };
            self.known.put(&file.name, &row)?;
        }
        for name in &accounted {
            self.known.remove(name)?;
        }
        self.state.flush()?;
        Ok(leaves.len())
    }
}

/// The leaves, and the files that went and are accounted for. The largest new file of an hour took
/// in what went of it, if it has room for its events; what went otherwise is past its retention
/// when its hour ended before `kept_from`, and unaccounted for when not.
fn leaves(
    new: &[&SealedFile],
    mut gone: BTreeMap<String, Known>,
    kept_from: Timestamp,
    now: Timestamp,
) -> (Vec<serde_json::Value>, Vec<String>) {
    let (mut out, mut accounted) = (Vec::new(), Vec::new());
    let mut by_size = new.to_vec();
    by_size.sort_by_key(|file| std::cmp::Reverse(file.rows));
    for file in by_size {
        let of_hour: BTreeMap<String, Known> =
            gone.extract_if(.., |_, known| known.hour == file.hour).collect();
        let fits = of_hour.values().map(|k| k.rows).sum::<u64>() <= file.rows;
        let (from, mut left) =
            if fits { (of_hour, BTreeMap::new()) } else { (BTreeMap::new(), of_hour) };
        gone.append(&mut left);
        let parts: Vec<_> = from
            .iter()
            .map(|(n, k)| json!({ "name": n, "sha256": k.sha256, "rows": k.rows }))
            .collect();
        out.push(json!({
            "kind": if parts.is_empty() { "archive.sealed" } else { "archive.merged" },
            "at": now, "name": file.name, "sha256": file.sha256, "rows": file.rows,
            "bytes": file.bytes, "hour": file.hour, "first_seq": file.first_seq,
            "last_seq": file.last_seq, "from": parts,
        }));
        accounted.extend(from.into_keys());
    }
    for (name, k) in gone {
        if k.hour.plus(HOUR) > kept_from {
            continue;
        }
        out.push(json!({
            "kind": "archive.expired", "at": now, "name": name, "sha256": k.sha256,
            "rows": k.rows, "hour": k.hour,
        }));
        accounted.push(name);
    }
    (out, accounted)
}

/// Compares the archive's list with what the leaves of the evidence log say, from the first on.
/// Files sealed since the log was told last are reported as not logged.
pub(crate) fn compare(archive: &Archive, evidence: &Evidence) -> Result<Vec<Unproven>, Error> {
    let mut logged: BTreeMap<String, String> = BTreeMap::new();
    evidence.each_leaf(|leaf| {
        let Ok(leaf) = serde_json::from_slice::<serde_json::Value>(leaf) else { return };
        let text =
            |v: &serde_json::Value, key: &str| v[key].as_str().unwrap_or_default().to_owned();
        match leaf["kind"].as_str() {
            Some("archive.sealed" | "archive.merged") => {
                for from in leaf["from"].as_array().map_or(&[][..], |f| f) {
                    logged.remove(&text(from, "name"));
                }
                logged.insert(text(&leaf, "name"), text(&leaf, "sha256"));
            }
            Some("archive.expired") => {
                logged.remove(&text(&leaf, "name"));
            }
            _ => {}
        }
    })?;
    let mut out = Vec::new();
    for file in archive.files() {
        match logged.remove(&file.name) {
            Some(sha256) if sha256 == file.sha256 => {}
            Some(_) => out.push(Unproven { name: file.name, what: Difference::OtherHash }),
            None => out.push(Unproven { name: file.name, what: Difference::NotLogged }),
        }
    }
    out.extend(logged.into_keys().map(|name| Unproven { name, what: Difference::NotListed }));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EvidenceConfig;
    use crate::world::World;
    use events::Event;
    use store::Numbered;

    const KEPT: Duration = Duration::from_secs(180 * 86_400);

    fn event(n: i64) -> Event {
        let mut event = Event::new();
        event.time = Timestamp::from_nanos(n);
        event.received = event.time;
        event
    }

    #[test]
    fn the_log_follows_seals_merges_and_expiry_and_finds_what_was_done_to_the_list() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Archive::open(&dir.path().join("archive")).unwrap();
        let archive = open();
        let state = std::sync::Arc::new(State::open(&dir.path().join("state")).unwrap().state);
        let (config, world) = (EvidenceConfig::default(), World::real());
        let evidence = Evidence::open(&dir.path().join("evidence"), &config, &world).unwrap();
        let proof = ArchiveProof::open(state).unwrap();
        let now = Timestamp::from_secs(1_800_000_000);
        archive.seal(&Numbered::runs(vec![(1, event(1))]), 1).unwrap();
        let unlogged = compare(&archive, &evidence).unwrap();
        assert_eq!(unlogged.iter().map(|u| u.what).collect::<Vec<_>>(), [Difference::NotLogged]);
        assert_eq!(proof.tell(&archive, &evidence, KEPT, now).unwrap(), 1);
        assert_eq!(proof.tell(&archive, &evidence, KEPT, now).unwrap(), 0, "nothing is told twice");
        archive.seal(&Numbered::runs(vec![(2, event(2))]), 2).unwrap();
        proof.tell(&archive, &evidence, KEPT, now).unwrap();
        archive.merge(now, Duration::from_secs(60)).unwrap().unwrap();
        proof.tell(&archive, &evidence, KEPT, now).unwrap();
        assert_eq!(compare(&archive, &evidence).unwrap(), []);
        let mut kinds = Vec::new();
        evidence
            .each_leaf(|leaf| {
                let leaf: serde_json::Value = serde_json::from_slice(leaf).unwrap();
                let kind = leaf["kind"].as_str().unwrap();
                // Between them the log signs itself.
                if kind != "checkpoint" {
                    kinds.push(kind.to_owned());
                }
            })
            .unwrap();
        assert_eq!(kinds, ["archive.sealed", "archive.sealed", "archive.merged"]);
        // Somebody takes a file out of the list, and forges the hash of another.
        archive.seal(&Numbered::runs(vec![(3, event(4_000_000_000_000))]), 3).unwrap();
        proof.tell(&archive, &evidence, KEPT, now).unwrap();
        drop(archive);
        let path = dir.path().join("archive/manifest.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let mut list: serde_json::Value = serde_json::from_str(&text).unwrap();
        let files = list["files"].as_array_mut().unwrap();
        files.remove(0);
        files[0]["sha256"] = "0".repeat(64).into();
        std::fs::write(&path, list.to_string()).unwrap();
        let archive = open();
        let found = || -> Vec<_> {
            compare(&archive, &evidence).unwrap().into_iter().map(|u| u.what).collect()
        };
        assert_eq!(found(), [Difference::OtherHash, Difference::NotListed]);
        // The next telling does not make an expiry of it: the file was not old enough.
        let soon = Timestamp::from_secs(86_400);
        assert_eq!(proof.tell(&archive, &evidence, KEPT, soon).unwrap(), 0);
        assert_eq!(found(), [Difference::OtherHash, Difference::NotListed]);
    }

    #[test]
    fn what_goes_is_merged_past_its_retention_or_unaccounted_for() {
        let known = |rows, hours: u64| Known {
            sha256: "aa".to_owned(),
            rows,
            hour: Timestamp::from_secs(0).plus(HOUR * hours as u32),
        };
        let gone = || {
            BTreeMap::from([("d/old".to_owned(), known(3, 0)), ("d/new".to_owned(), known(3, 9))])
        };
        let kept_from = Timestamp::from_secs(7_200);
        let (told, accounted) = leaves(&[], gone(), kept_from, Timestamp::from_secs(90_000));
        assert_eq!(accounted, ["d/old"], "the other is younger than the retention");
        assert_eq!((told.len(), &told[0]["kind"]), (1, &json!("archive.expired")));
        // A file of the hour with fewer events than what went did not take it in.
        let dir = tempfile::tempdir().unwrap();
        let archive = Archive::open(dir.path()).unwrap();
        archive.seal(&Numbered::runs(vec![(1, event(9 * 3_600_000_000_000))]), 1).unwrap();
        let files = archive.files();
        let (told, accounted) = leaves(&[&files[0]], gone(), kept_from, kept_from);
        assert_eq!(accounted, ["d/old"]);
        assert_eq!(told[0]["kind"], "archive.sealed");
    }
}
