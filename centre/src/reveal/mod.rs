//! Reveal requests (还原申请): opening personal data takes a purpose, a role, another person's
//! approval where the policy says so, and leaves an entry in the audit log.
//!
//! Layout: [`policy`] what needs an approval, as data; [`request`] one request and its states;
//! here the requests of a node, and their tickets.
//!
//! An approval is used up before anything is opened, and an entry in the audit log stands before
//! that: whatever stops the program, nothing is opened unlogged or twice. Requests are in the state
//! alone. When the state is lost they are lost, and nothing can be opened by them: people ask again;
//! what was decided stays in the audit log's copy in the journal.

pub mod policy;
pub mod request;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use compliance::records::Taxonomy;
use data_encoding::HEXLOWER;
use events::{RevealId, Timestamp};
use ring::hmac;
use store::state::{State, Table};

pub use policy::{Graded, RevealPolicy};
pub use request::{BadReveal, Decision, RevealRequest, RevealScope, RevealState};

use crate::config::RevealConfig;
use crate::error::Error;
use crate::{limits, secret};
use request::hours;

/// The requests of a node.
pub struct RevealBook {
    pub(crate) policy: RevealPolicy,
    pub(crate) taxonomy: Taxonomy,
    /// What key stores that this node guards call it.
    pub(crate) node: String,
    tickets: hmac::Key,
    state: Arc<State>,
    table: Table<RevealId, RevealRequest>,
    changing: Mutex<()>,
}

impl RevealBook {
    /// Opens the table, the policy and the taxonomy.
    pub(crate) fn open(
        state: Arc<State>,
        config: &RevealConfig,
        node_key: &[u8; 32],
    ) -> Result<Self, Error> {
        let taxonomy = Taxonomy::embedded()
            .map_err(|e| Error::Part { part: "records", message: e.to_string() })?;
        let policy = RevealPolicy::open(config.policy.as_deref(), &taxonomy)?;
        let node = secret::derive(node_key, b"name of the node");
        Ok(Self {
            policy,
            taxonomy,
            node: HEXLOWER.encode(&node[..8]),
            tickets: hmac::Key::new(
                hmac::HMAC_SHA256,
                &secret::derive(node_key, b"reveal tickets"),
            ),
            table: state.table("reveals")?,
            state,
            changing: Mutex::default(),
        })
    }

    /// Held while one is looked at and then changed.
    pub(crate) fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One.
    pub(crate) fn get(&self, id: RevealId) -> Result<RevealRequest, Error> {
        self.table.get(&id)?.ok_or(Error::NotFound { what: "reveal request" })
    }

    /// The latest, newest first.
    pub(crate) fn latest(&self) -> Result<Vec<RevealRequest>, Error> {
        Ok(self.table.last(limits::REVEALS_SHOWN)?.into_iter().map(|(_, r)| r).collect())
    }

    /// Those that may still be open: none lives longer than its two spans.
    pub(crate) fn recent(&self, now: Timestamp) -> Result<Vec<RevealRequest>, Error> {
        let since = now.minus(hours(2 * limits::REVEAL_HOURS_MAX));
        let rows = self.table.range(RevealId::at(since, 0)..);
        rows.map(|row| Ok(row?.1)).collect()
    }

    /// Writes one; on disk when this returns.
    pub(crate) fn put(&self, request: &RevealRequest) -> Result<(), Error> {
        self.table.put(&request.id, request)?;
        Ok(self.state.flush()?)
    }

    /// What the person who asked hands to the command line: the id and a tag under the node's key.
    pub(crate) fn ticket(&self, id: RevealId) -> String {
        let tag = hmac::sign(&self.tickets, &id.to_bytes());
        format!("{id}.{}", HEXLOWER.encode(&tag.as_ref()[..16]))
    }

    /// The request that a ticket is for.
    pub(crate) fn by_ticket(&self, ticket: &str) -> Result<RevealId, Error> {
        let bad = || Error::Reveal(BadReveal::Ticket);
        let (id, _) = ticket.split_once('.').ok_or_else(bad)?;
        let id: RevealId = id.parse().map_err(|_| bad())?;
        let own = self.ticket(id);
        let same: bool = subtle::ConstantTimeEq::ct_eq(own.as_bytes(), ticket.as_bytes()).into();
        if same { Ok(id) } else { Err(bad()) }
    }
}
