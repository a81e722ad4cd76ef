//! Saved hunts (狩猎查询): a query with a name and an owner, run by hand. [`promote`] drafts a Sigma
//! rule from one.

pub mod promote;
mod selections;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use events::Timestamp;
use serde::{Deserialize, Serialize};
use store::state::{Record, State, Table};

use crate::error::Error;

pub use promote::{NotARule, Often};

/// Longest name of a hunt, in characters.
pub const NAME_CHARS_MAX: usize = 80;
/// Hunts of one node.
pub const HUNTS_MAX: usize = 1_000;

/// A saved hunt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hunt {
    /// Its name: what it is found by.
    pub name: String,
    /// What it asks, in the query language.
    pub query: String,
    /// Whose it is.
    pub owner: String,
    /// When it was saved first.
    pub created: Timestamp,
    /// When it was saved last.
    pub changed: Timestamp,
}

impl Hunt {
    /// Whether personal data in what it asks is masked for its reader: then it cannot be run as shown.
    pub fn is_masked(&self) -> bool {
        crate::sight::holds_mask(&self.query)
    }
}

impl Record for Hunt {
    const VERSION: u8 = 1;
}

/// All hunts of a node.
pub struct HuntBook {
    state: Arc<State>,
    table: Table<String, Hunt>,
    changing: Mutex<()>,
}

impl HuntBook {
    /// Opens the table.
    pub fn open(state: Arc<State>) -> Result<Self, Error> {
        Ok(Self { table: state.table("hunts")?, state, changing: Mutex::default() })
    }

    /// Held while one is looked at and then changed.
    pub fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All, by name.
    pub fn list(&self) -> Result<Vec<Hunt>, Error> {
        self.table.iter().map(|row| Ok(row?.1)).collect()
    }

    /// One.
    pub fn get(&self, name: &str) -> Result<Option<Hunt>, Error> {
        Ok(self.table.get(&name.to_owned())?)
    }

    /// Writes one; on disk when this returns.
    pub fn put(&self, hunt: &Hunt) -> Result<(), Error> {
        self.table.put(&hunt.name, hunt)?;
        Ok(self.state.flush()?)
    }

    /// Removes one; on disk when this returns.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        if !self.table.remove(&name.to_owned())? {
            return Err(Error::NotFound { what: "hunt" });
        }
        Ok(self.state.flush()?)
    }
}

/// A name as it is kept: without space around it; `None` for one that cannot be shown in a line.
pub fn name_of(text: &str) -> Option<String> {
    let name = text.trim();
    let right = !name.is_empty()
        && name.chars().count() <= NAME_CHARS_MAX
        && !name.chars().any(char::is_control);
    right.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_masked_is_known_from_brackets_that_people_write() {
        let at = Timestamp::from_secs(0);
        let hunt = |query: &str| Hunt {
            name: String::new(),
            query: query.to_owned(),
            owner: String::new(),
            created: at,
            changed: at,
        };
        assert!(hunt("a 〔手机号:01af〕").is_masked() && hunt("〔x〕〔QQ:0000〕").is_masked());
        for plain in ["a", "国发〔2023〕1号", "〔手机号:01ag〕", "〔手机号:1af〕", "〔a:0000"]
        {
            assert!(!hunt(plain).is_masked(), "{plain}");
        }
    }

    #[test]
    fn names_are_one_line() {
        assert_eq!(name_of(" 夜间登录 ").as_deref(), Some("夜间登录"));
        for bad in ["", "  ", "a\nb", &"x".repeat(81)] {
            assert_eq!(name_of(bad), None, "{bad:?}");
        }
    }
}
