//! The exceptions of a node: kept in the state, compiled for the rules in force, counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use events::{Event, Timestamp};
use rules::exception::{Exception, Exceptions};
use rules::{Detection, RuleSet};
use serde::{Deserialize, Serialize};
use store::state::{Record, State, Table};

use crate::error::Error;

/// An exception as the state keeps it.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Kept(Exception);

impl Record for Kept {
    const VERSION: u8 = 1;
}

/// All exceptions, in force or not.
pub struct ExceptionBook {
    state: Arc<State>,
    table: Table<String, Kept>,
    /// Those of the rules in force.
    compiled: Mutex<Arc<Exceptions>>,
    /// Detections each has covered since the program started.
    counts: Mutex<BTreeMap<String, u64>>,
}

impl ExceptionBook {
    /// Opens the table and compiles what is in it.
    pub fn open(state: Arc<State>, set: &RuleSet) -> Result<Self, Error> {
        let book = Self {
            table: state.table("exceptions")?,
            state,
            compiled: Mutex::default(),
            counts: Mutex::default(),
        };
        book.compile(set)?;
        Ok(book)
    }

    /// All, by id.
    pub fn list(&self) -> Result<Vec<Exception>, Error> {
        self.table.iter().map(|row| Ok(row?.1.0)).collect()
    }

    /// One.
    pub fn get(&self, id: &str) -> Result<Exception, Error> {
        self.table
            .get(&id.to_owned())?
            .map(|kept| kept.0)
            .ok_or(Error::NotFound { what: "exception" })
    }

    /// Writes one; on disk when this returns.
    pub fn put(&self, exception: &Exception, set: &RuleSet) -> Result<(), Error> {
        self.table.put(&exception.id, &Kept(exception.clone()))?;
        self.state.flush()?;
        self.compile(set)
    }

    /// Removes one.
    pub fn remove(&self, id: &str, set: &RuleSet) -> Result<(), Error> {
        if !self.table.remove(&id.to_owned())? {
            return Err(Error::NotFound { what: "exception" });
        }
        self.state.flush()?;
        self.compile(set)
    }

    /// Compiles all for a set of rules, as must be done when the rules change.
    pub fn compile(&self, set: &RuleSet) -> Result<(), Error> {
        let (compiled, problems) = Exceptions::compile(&self.list()?, set);
        for problem in problems {
            tracing::error!(
                exception = problem.file,
                code = problem.code,
                "an exception cannot be read"
            );
        }
        *self.compiled.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(compiled);
        Ok(())
    }

    /// Whether an exception in force covers a detection; it is counted.
    pub fn covers(
        &self,
        set: &RuleSet,
        detection: &Detection,
        event: Option<&Event>,
        now: Timestamp,
    ) -> bool {
        let compiled = Arc::clone(&self.compiled.lock().unwrap_or_else(PoisonError::into_inner));
        if compiled.is_empty() {
            return false;
        }
        let Some(exception) = compiled.covering(set, detection, event, now) else { return false };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(exception.id.clone()).or_insert(0) += 1;
        true
    }

    /// Detections each has covered since the program started.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
