//! Saved hunts: everybody who may search sees and runs them; whose they are, or who keeps the
//! rules, changes them.

use events::Timestamp;
use store::search::Query;

use crate::account::{Caller, Permission};
use crate::centre::Centre;
use crate::error::Error;
use crate::hunt::{self, HUNTS_MAX, Hunt, Often};

impl Centre {
    /// All saved hunts, by name.
    pub fn hunts(&self, caller: &Caller) -> Result<Vec<Hunt>, Error> {
        caller.need(Permission::Search)?;
        self.hunts.list()
    }

    /// One saved hunt.
    pub fn hunt(&self, caller: &Caller, name: &str) -> Result<Hunt, Error> {
        caller.need(Permission::Search)?;
        self.hunts.get(name)?.ok_or(Error::NotFound { what: "hunt" })
    }

    /// Saves a query under a name, or another query under a name that is the caller's.
    pub fn save_hunt(&self, caller: &Caller, name: &str, query: &str) -> Result<Hunt, Error> {
        caller.need(Permission::Search)?;
        let name = hunt::name_of(name).ok_or(Error::BadValue { field: "name" })?;
        Query::parse(query)?;
        let now = self.now();
        let _one = self.hunts.change();
        let before = self.hunts.get(&name)?;
        let done = match &before {
            Some(old) => may_change(caller, old),
            None if self.hunts.list()?.len() >= HUNTS_MAX => Err(Error::BadValue { field: "name" }),
            None => Ok(()),
        };
        self.audit_log.record(Some(caller), "hunt.save", &name, done.is_ok(), now)?;
        done?;
        let hunt = saved(before, &name, query, &caller.account, now);
        self.hunts.put(&hunt)?;
        Ok(hunt)
    }

    /// Removes a hunt.
    pub fn remove_hunt(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        caller.need(Permission::Search)?;
        let _one = self.hunts.change();
        let old = self.hunts.get(name)?.ok_or(Error::NotFound { what: "hunt" })?;
        let done = may_change(caller, &old);
        self.audit_log.record(Some(caller), "hunt.remove", name, done.is_ok(), self.now())?;
        done?;
        self.hunts.remove(name)
    }

    /// Drafts a Sigma rule that fires on what a hunt finds. Nothing changes: the draft is a text
    /// that somebody who keeps the rules puts into their folder.
    pub fn promote_hunt(
        &self,
        caller: &Caller,
        name: &str,
        often: Option<&Often>,
    ) -> Result<String, Error> {
        let hunt = self.hunt(caller, name)?;
        let query = Query::parse(&hunt.query)?;
        Ok(hunt::promote::draft(&hunt, &query, often)?)
    }
}

/// Whose it is may change a hunt, and who keeps the rules.
fn may_change(caller: &Caller, hunt: &Hunt) -> Result<(), Error> {
    if caller.account == hunt.owner { Ok(()) } else { caller.need(Permission::RulesWrite) }
}

/// A hunt that was saved before keeps its owner and its first day.
fn saved(before: Option<Hunt>, name: &str, query: &str, by: &str, now: Timestamp) -> Hunt {
    let (owner, created) = before.map_or_else(|| (by.to_owned(), now), |h| (h.owner, h.created));
    Hunt { name: name.to_owned(), query: query.to_owned(), owner, created, changed: now }
}
