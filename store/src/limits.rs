//! Named bounds of the store.

/// Memory sled may use for its page cache, in bytes.
pub const STATE_CACHE_BYTES: u64 = 64 << 20;
/// Longest record of a table in its written form, in bytes.
pub const RECORD_BYTES_MAX: usize = 32 << 20;
/// Longest line that an import of state reads, in bytes.
pub const IMPORT_LINE_BYTES_MAX: usize = 3 * RECORD_BYTES_MAX;
/// How often a transaction is run again when others keep changing what it read.
pub const TRANSACTION_TRIES_MAX: usize = 100;
