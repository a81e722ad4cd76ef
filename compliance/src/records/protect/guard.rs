//! Approval before revealing. A key store may name the node that guards it: then nothing sealed
//! under it is opened for a purpose without a grant of that node, and never more than the grant
//! says.
//!
//! What this is and is not: the guard is bound to the root key's own check, so a store from which
//! its line was struck does not open. It holds whoever uses this program. A person who has the root
//! key itself, and writes a program of their own, it cannot hold: against that person the root key
//! belongs into a token or a transit service, where each use leaves a trace of its own.

use serde::{Deserialize, Serialize};

use super::keyring::KeyRing;
use crate::records::error::Error;

/// What an approval allows, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The node that approved.
    pub node: String,
    /// The dataset.
    pub dataset: String,
    /// The columns; none for a file that was sealed whole.
    pub columns: Vec<String>,
    /// Keys of the rows; none for any row.
    pub rows: Vec<String>,
    /// Cells that may be opened.
    pub cells_max: u64,
}

impl Grant {
    /// Columns to open: those wanted, all of which must be granted; of none wanted, all granted.
    pub(super) fn columns(&self, wanted: &[String]) -> Result<Vec<String>, Error> {
        let beyond = wanted.iter().find(|c| !self.columns.contains(c));
        match beyond {
            _ if self.columns.is_empty() => Err(Error::NotGranted { what: "columns".to_owned() }),
            Some(column) => Err(Error::NotGranted { what: column.clone() }),
            None if wanted.is_empty() => Ok(self.columns.clone()),
            None => Ok(wanted.to_vec()),
        }
    }

    /// Whether cells of a row may be opened.
    pub(super) fn row(&self, key: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|row| row == key)
    }

    /// An error when so many cells are more than may be opened.
    pub(super) fn cells(&self, opened: u64) -> Result<(), Error> {
        let limit = self.cells_max;
        if opened > limit { Err(Error::TooManyCells { limit }) } else { Ok(()) }
    }
}

/// Whether a dataset of a store may be opened at all.
pub(super) fn allow(ring: &KeyRing, dataset: &str, grant: Option<&Grant>) -> Result<(), Error> {
    match (ring.guard(), grant) {
        (Some(node), None) => Err(Error::NeedsApproval { node: node.to_owned() }),
        (Some(node), Some(grant)) if grant.node != node => {
            Err(Error::NeedsApproval { node: node.to_owned() })
        }
        (_, Some(grant)) if grant.dataset != dataset => {
            Err(Error::NotGranted { what: dataset.to_owned() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::protect::{
        Algorithm, Lookup, ProtectOptions, RevealOptions, RevealReport, Root, lookup_file,
        open_file, protect_file, reveal_file, seal_file,
    };
    use crate::records::{ClassifyOptions, Day, Taxonomy};
    use ring::rand::SystemRandom;
    use std::fs;
    use std::path::Path;

    fn root() -> Root {
        Root::Key(zeroize::Zeroizing::new([9; 32]))
    }

    fn ring(dir: &Path) -> Result<KeyRing, Error> {
        KeyRing::open(&dir.join("keys.json"), &root(), &SystemRandom::new())
    }

    fn classify() -> ClassifyOptions {
        ClassifyOptions::new(Day::new(2026, 11, 24).unwrap(), "t")
    }

    /// A hundred persons, sealed, under a store that node `n1` guards.
    fn guarded(dir: &Path) {
        let mut text = String::from("编号,手机号,证件号\n");
        for n in 0..100 {
            text.push_str(&format!("R{n},138{:08},C{n}\n", 10_000_000 + n * 7_919));
        }
        fs::write(dir.join("in.csv"), text).unwrap();
        let mut ring = ring(dir).unwrap();
        let options = ProtectOptions {
            dataset: "d".into(),
            columns: vec!["手机号".into(), "证件号".into()],
            index: vec!["手机号".into()],
            subject: None,
            row_key: Some("编号".into()),
            algorithm: Algorithm::Aes256Gcm,
            classify: classify(),
        };
        let (input, out) = (dir.join("in.csv"), dir.join("sealed.csv"));
        let taxonomy = Taxonomy::embedded().unwrap();
        protect_file(&input, &out, &mut ring, &options, &taxonomy, &SystemRandom::new()).unwrap();
        ring.set_guard(Some("n1"), &SystemRandom::new()).unwrap();
    }

    fn grant() -> Grant {
        Grant {
            node: "n1".into(),
            dataset: "d".into(),
            columns: vec!["手机号".into()],
            rows: vec!["R7".into(), "R9".into()],
            cells_max: 2,
        }
    }

    fn reveal(
        dir: &Path,
        grant: Option<Grant>,
        columns: &[&str],
    ) -> Result<(RevealReport, String), Error> {
        let options = RevealOptions {
            dataset: "d".into(),
            purpose: "核对".into(),
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            row_key: Some("编号".into()),
            classify: classify(),
            grant,
        };
        let out = dir.join("out.csv");
        let _ = fs::remove_file(&out);
        let taxonomy = Taxonomy::embedded().unwrap();
        let mut ring = ring(dir)?;
        let done = reveal_file(&dir.join("sealed.csv"), &out, &mut ring, &options, &taxonomy);
        assert_eq!(done.is_ok(), out.exists(), "nothing half is left");
        done.map(|report| (report, fs::read_to_string(out).unwrap()))
    }

    #[test]
    fn a_guarded_store_opens_what_was_granted_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        guarded(dir);
        assert!(matches!(reveal(dir, None, &[]), Err(Error::NeedsApproval { .. })));
        let other = Grant { node: "n2".into(), ..grant() };
        assert!(matches!(reveal(dir, Some(other), &[]), Err(Error::NeedsApproval { .. })));
        let (report, text) = reveal(dir, Some(grant()), &[]).unwrap();
        assert_eq!((report.cells, report.left), (2, 198));
        assert!(text.contains("R7,13810055433,xd1:") && text.contains("R9,13810071271,xd1:"));
        assert_eq!(text.matches("138").count(), 2, "only the rows that were granted");
        for (bad, columns) in [
            (Grant { dataset: "e".into(), ..grant() }, vec![]),
            (grant(), vec!["证件号"]),
            (Grant { columns: vec![], ..grant() }, vec![]),
        ] {
            let done = reveal(dir, Some(bad), &columns);
            assert!(matches!(done, Err(Error::NotGranted { .. })), "{done:?}");
        }
        let small = Grant { cells_max: 1, ..grant() };
        let done = reveal(dir, Some(small), &[]);
        assert!(matches!(done, Err(Error::TooManyCells { limit: 1 })), "{done:?}");
    }

    #[test]
    fn a_lookup_with_a_purpose_and_a_whole_file_need_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        guarded(dir);
        let (taxonomy, ring) = (Taxonomy::embedded().unwrap(), ring(dir).unwrap());
        let look = |purpose: Option<&str>, grant: Option<Grant>| {
            let options = Lookup {
                dataset: "d".into(),
                column: "手机号".into(),
                row_key: Some("编号".into()),
                purpose: purpose.map(str::to_owned),
                classify: classify(),
                grant,
            };
            lookup_file(&dir.join("sealed.csv"), &ring, &options, "13810055433", &taxonomy)
        };
        assert!(look(None, None).unwrap().opened == 0, "candidates open nothing");
        assert!(matches!(look(Some("核对"), None), Err(Error::NeedsApproval { .. })));
        let wide = Grant { rows: vec![], cells_max: 100, ..grant() };
        let found = look(Some("核对"), Some(wide.clone())).unwrap();
        assert_eq!(found.hits.len(), 1);
        let small = Grant { cells_max: found.opened - 1, ..wide };
        assert!(matches!(look(Some("核对"), Some(small)), Err(Error::TooManyCells { .. })));

        let mut ring = ring;
        let random = SystemRandom::new();
        fs::write(dir.join("photo"), [7; 1000]).unwrap();
        let (photo, sealed, out) = (dir.join("photo"), dir.join("photo.xds"), dir.join("open"));
        seal_file(&photo, &sealed, &mut ring, "d", Algorithm::Sm4Gcm, &random).unwrap();
        let none = open_file(&sealed, &out, &mut ring, "d", "核对", None);
        assert!(matches!(none, Err(Error::NeedsApproval { .. })) && !out.exists());
        let columns = open_file(&sealed, &out, &mut ring, "d", "核对", Some(&grant()));
        assert!(matches!(columns, Err(Error::NotGranted { .. })) && !out.exists());
        let whole = Grant { columns: vec![], ..grant() };
        open_file(&sealed, &out, &mut ring, "d", "核对", Some(&whole)).unwrap();
        assert_eq!(fs::read(out).unwrap(), [7; 1000]);
    }

    #[test]
    fn the_guard_is_not_struck_out_by_hand_and_outlives_a_change_of_the_root() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        guarded(dir);
        let path = dir.join("keys.json");
        let text = fs::read_to_string(&path).unwrap();
        for struck in [text.replace(",\"guard\":\"n1\"", ""), text.replace("\"n1\"", "\"n2\"")] {
            assert_ne!(struck, text);
            fs::write(&path, struck).unwrap();
            assert!(matches!(ring(dir), Err(Error::WrongKey)));
        }
        fs::write(&path, text).unwrap();
        let new = Root::Key(zeroize::Zeroizing::new([8; 32]));
        ring(dir).unwrap().rotate_root(&new, &SystemRandom::new()).unwrap();
        let mut turned = KeyRing::open(&path, &new, &SystemRandom::new()).unwrap();
        assert_eq!(turned.guard(), Some("n1"));
        turned.set_guard(None, &SystemRandom::new()).unwrap();
        let again = KeyRing::open(&path, &new, &SystemRandom::new()).unwrap();
        assert_eq!(again.guard(), None);
    }
}
