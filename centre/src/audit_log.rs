//! The audit log (审计日志): every change and every sensitive read, by whom, on what. Entries are
//! hash-chained in the store and written to the journal as log records, so rules watch the
//! watchers and the archive keeps them for the retention time.

use std::sync::{Arc, Mutex, PoisonError};

use events::{Event, EventId, LogSource, LogSourceId, SensorId, SiteId, Timestamp, Value, field};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use store::journal::Journal;
use store::state::{Record, State, Table};

use crate::account::Caller;
use crate::error::Error;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its place, from 1.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// The account; `xuedun` for the program itself.
    pub by: String,
    /// The role it acted in.
    pub role: String,
    /// What was done: `alert.close`, `login`, `audit.run`…
    pub action: String,
    /// On what.
    pub target: String,
    /// `success` or `failure`.
    pub outcome: String,
    /// SHA-256 of the entry before; all zeros for the first.
    pub previous: String,
    /// SHA-256 over this entry's fields and `previous`.
    pub hash: String,
}

impl Record for AuditEntry {
    const VERSION: u8 = 1;
}

/// Where a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// The first entry that does not follow from the one before it.
    pub seq: u64,
}

/// The audit log of a node.
pub struct AuditLog {
    entries: Table<u64, AuditEntry>,
    state: Arc<State>,
    journal: Arc<Journal>,
    /// The last entry: one writer at a time, so that the chain has no forks.
    last: Mutex<Option<AuditEntry>>,
}

impl AuditLog {
    /// Opens the log and finds its end.
    pub fn open(state: Arc<State>, journal: Arc<Journal>) -> Result<Self, Error> {
        let entries: Table<u64, AuditEntry> = state.table("audit_log")?;
        let last = entries.last(1)?.into_iter().next().map(|(_, entry)| entry);
        Ok(Self { entries, state, journal, last: Mutex::new(last) })
    }

    /// Appends an entry and makes it durable before it returns.
    pub fn record(
        &self,
        caller: Option<&Caller>,
        action: &str,
        target: &str,
        success: bool,
        at: Timestamp,
    ) -> Result<(), Error> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let previous = last.as_ref().map_or_else(|| "0".repeat(64), |e| e.hash.clone());
        let mut entry = AuditEntry {
            seq: last.as_ref().map_or(1, |e| e.seq + 1),
            at,
            by: caller.map_or("xuedun", |c| c.account.as_str()).to_owned(),
            role: caller.map_or("system", |c| c.role.as_str()).to_owned(),
            action: action.to_owned(),
            target: target.chars().take(512).collect(),
            outcome: if success { "success" } else { "failure" }.to_owned(),
            previous,
            hash: String::new(),
        };
        entry.hash = hash(&entry);
        self.entries.put(&entry.seq, &entry)?;
        self.state.flush()?;
        // The copy in the journal follows; the chain above is the record of truth.
        if let Err(error) = self.journal.append(vec![event(&entry)]) {
            tracing::warn!(%error, "an audit entry did not reach the journal");
        }
        *last = Some(entry);
        Ok(())
    }

    /// Entries before `before` (all if `None`), latest first.
    pub fn page(&self, before: Option<u64>, most: usize) -> Result<Vec<AuditEntry>, Error> {
        let end = before.unwrap_or(u64::MAX);
        let rows = self.entries.range(..end).rev().take(most);
        rows.map(|row| Ok(row?.1)).collect()
    }

    /// Hash of the last entry, for the evidence log.
    pub fn head(&self) -> Option<AuditEntry> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checks the chain from the first entry on.
    pub fn verify(&self) -> Result<Result<u64, Broken>, Error> {
        let mut previous = "0".repeat(64);
        let mut count = 0;
        for row in self.entries.iter() {
            let (seq, entry) = row?;
            count += 1;
            if seq != count || entry.previous != previous || entry.hash != hash(&entry) {
                return Ok(Err(Broken { seq: count }));
            }
            previous = entry.hash;
        }
        Ok(Ok(count))
    }
}

fn hash(entry: &AuditEntry) -> String {
    let mut context = Context::new(&SHA256);
    context.update(b"xuedun audit entry v1");
    let seq = entry.seq.to_string();
    let at = entry.at.to_rfc3339();
    let parts = [
        seq.as_str(),
        &at,
        &entry.by,
        &entry.role,
        &entry.action,
        &entry.target,
        &entry.outcome,
        &entry.previous,
    ];
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    data_encoding::HEXLOWER.encode(context.finish().as_ref())
}

fn event(entry: &AuditEntry) -> Event {
    let mut event = Event::new();
    event.set_raw(serde_json::to_string(entry).unwrap_or_default().as_bytes());
    event.id = EventId::at(entry.at, u128::from(entry.seq));
    event.time = entry.at;
    event.received = entry.at;
    event.site = SiteId::BUREAU;
    event.sensor = SensorId::intern("xuedun");
    event.logsource = LogSourceId::intern(&LogSource::new("xuedun", "", "audit"));
    event.push(field::EVENT_ACTION, Value::Str(&entry.action));
    event.push(field::EVENT_OUTCOME, Value::Str(&entry.outcome));
    event.push(field::USER_NAME, Value::Str(&entry.by));
    event.push_named("xuedun.role", Value::Str(&entry.role));
    event.push_named("xuedun.target", Value::Str(&entry.target));
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::journal::JournalOptions;

    #[test]
    fn the_chain_tells_what_was_changed() {
        let dir = tempfile::tempdir().unwrap();
        let state = Arc::new(State::open(&dir.path().join("state")).unwrap().state);
        let (journal, _) =
            Journal::open(&dir.path().join("journal"), JournalOptions::default()).unwrap();
        let journal = Arc::new(journal);
        let log = AuditLog::open(Arc::clone(&state), Arc::clone(&journal)).unwrap();
        for n in 0..5 {
            let at = Timestamp::from_secs(n);
            log.record(None, "rules.reload", &format!("set {n}"), n != 3, at).unwrap();
        }
        assert_eq!(log.verify().unwrap(), Ok(5));
        assert_eq!(log.page(None, 2).unwrap()[0].seq, 5);
        assert_eq!(log.page(Some(3), 10).unwrap()[0].seq, 2);

        let mut forged = log.page(Some(3), 1).unwrap().remove(0);
        forged.outcome = "failure".into();
        log.entries.put(&forged.seq, &forged).unwrap();
        assert_eq!(log.verify().unwrap(), Err(Broken { seq: 2 }));

        let again = AuditLog::open(state, journal).unwrap();
        again.record(None, "x", "", true, Timestamp::from_secs(9)).unwrap();
        assert_eq!(again.head().unwrap().seq, 6);
    }
}
