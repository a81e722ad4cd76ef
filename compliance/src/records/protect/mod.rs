//! Field encryption: every protected cell is sealed under the key of its subject, bound to its
//! dataset, row and column; destroying one subject's key makes exactly that person unreadable.
//!
//! Layout: [`root`] what opens the key store, [`keyring`] the key store (root key → dataset key →
//! subjects' keys), [`keylog`] the subjects' keys of a dataset, [`subjects`] those of one run,
//! [`cell`] one sealed cell, [`row`] the cells of a row sealed together, [`table`] whole tables,
//! [`guard`] what an approval allows,
//! [`index`] blind indexes and [`lookup`] searching by them, [`stream`] files of any
//! kind in pieces.
//!
//! Invariants: no nonce is used twice under a key; the number of messages under a key is bounded;
//! memory does not grow with rows or subjects; a failure reveals nothing and leaves no partial
//! output.

pub mod cell;
mod distinct;
pub mod guard;
mod index;
mod keylog;
pub mod keyring;
pub mod lookup;
pub mod root;
mod row;
pub mod stream;
mod subjects;
pub mod table;

pub use cell::Algorithm;
pub use guard::Grant;
pub use keyring::{Erased, KeyRing};
pub use lookup::{Lookup, LookupHit, LookupReport, lookup_file};
pub use root::{Root, RootKind, RootPlace, TokenRoot, TransitRoot};
pub use stream::{StreamReport, open_file, seal_file};
pub use table::{
    ProtectOptions, ProtectReport, RevealOptions, RevealReport, protect_file, reveal_file,
};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
