//! What a node keeps: typed state in sled, the journal, the archive, and search over both.
//!
//! Layout:
//! - [`journal`]: every event, durable before it is acknowledged; the order of everything.
//! - [`archive`]: past hours in Parquet files, with a manifest and their hashes.
//! - [`search`]: a query language over journal and archive together, within a scope.
//! - [`state`]: typed tables of versioned records (alerts, accounts, checkpoints); small, rebuildable.

pub mod archive;
pub mod error;
pub mod journal;
pub mod limits;
pub mod search;
pub mod state;

pub use archive::{Archive, ArchiveFault, Expired, Retention, SealedFile, ShorterRetention};
pub use error::Error;
pub use journal::{
    AppendError, Appended, Damage, DamageKind, Journal, JournalOptions, JournalStats, Numbered,
    Pending, Reader, Recovery,
};
pub use state::{Batch, Key, MovedAside, Opened, Record, State, Table, Transaction};

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| char::from(DIGITS[usize::from(n & 15)]);
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(*b)]).collect()
}

/// Whether a text is as [`fold`] makes it.
pub(crate) fn is_folded(text: &str) -> bool {
    match fold(text) {
        std::borrow::Cow::Borrowed(_) => true,
        std::borrow::Cow::Owned(folded) => folded == text,
    }
}

/// A text without its case, character by character: how search compares.
pub(crate) fn fold(text: &str) -> std::borrow::Cow<'_, str> {
    if text.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) {
        return text.into();
    }
    text.chars().flat_map(char::to_lowercase).collect::<String>().into()
}
