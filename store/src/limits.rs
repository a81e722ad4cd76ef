//! Named bounds of the store.

/// Memory sled may use for its page cache, in bytes.
pub const STATE_CACHE_BYTES: u64 = 64 << 20;
/// Longest record of a table in its written form, in bytes.
pub const RECORD_BYTES_MAX: usize = 32 << 20;
/// Longest line that an import of state reads, in bytes.
pub const IMPORT_LINE_BYTES_MAX: usize = 3 * RECORD_BYTES_MAX;
/// How often a transaction is run again when others keep changing what it read.
pub const TRANSACTION_TRIES_MAX: usize = 100;
/// Payload of one journal frame, packed or not, in bytes: a reader allocates no more.
pub const FRAME_BYTES_MAX: u32 = 64 << 20;
/// Events of one frame are about so many bytes in memory (one event may be more).
pub const FRAME_WEIGHT_BYTES: usize = 2 << 20;
/// Events in one frame.
pub const FRAME_EVENTS_MAX: usize = 8_192;
/// Batches shorter than this are not packed, in bytes.
pub const PACK_BYTES_MIN: usize = 512;
/// One group commit takes about so many bytes of events.
pub const GROUP_WEIGHT_BYTES: usize = 16 << 20;
/// Rows of one row group of an archive file; few in this crate's tests, so that they meet many.
pub const ROW_GROUP_ROWS: usize = if cfg!(test) { 16 } else { 65_536 };
/// Different values of a column that the archive's list counts for a file: with more it counts none.
pub const COUNTED_VALUES_MAX: usize = if cfg!(test) { 3 } else { 32 };
/// Different schools that a file counts by minute: with more it counts none.
pub const COUNTED_SITES_MAX: usize = if cfg!(test) { 2 } else { 1_024 };
/// Longest block of a file's counts by minute before it is packed, in bytes: a longer one is not written.
/// Room for 1,024 schools and for every counted value, each with a million records a minute.
pub const MINUTES_BYTES_MAX: usize = 1 << 20;
/// Longest value that is counted, in bytes.
pub const COUNTED_VALUE_BYTES_MAX: usize = 64;
/// Rows that a search reads at once to see which of them match; few in this crate's tests, so that a
/// row group is more than one.
pub const SEARCH_BATCH_ROWS: usize = if cfg!(test) { 5 } else { 8_192 };
/// Rows that are turned into columns at once.
pub const ARCHIVE_BATCH_ROWS: usize = 8_192;
/// Archive files of one hour that are merged at once; few in this crate's tests, so that it takes
/// them more than one step.
pub const MERGE_FILES_MAX: usize = if cfg!(test) { 3 } else { 16 };
/// Rows of each file that a merge holds in memory.
pub const MERGE_BATCH_ROWS: usize = if cfg!(test) { 5 } else { 2_048 };
/// Fewest days that events are kept (Cybersecurity Law, article 23: six months).
pub const RETENTION_DAYS_MIN: u32 = 180;
/// Longest SQL statement, in bytes.
pub const SQL_BYTES_MAX: usize = 8 << 10;
/// Words and signs of an SQL statement: planning walks them many times over.
pub const SQL_TOKENS_MAX: usize = 1_000;
/// Stack of the thread that answers a statement, in bytes: room for one that is all nesting.
pub const SQL_STACK_BYTES: usize = 256 << 20;
/// Memory that a statement's operators may take together, in bytes.
pub const SQL_MEMORY_BYTES: usize = 256 << 20;
/// Text of one answer, in bytes.
pub const SQL_ANSWER_BYTES_MAX: usize = 32 << 20;
/// How long a statement may work on after its deadline with what it has seen.
pub const SQL_GRACE: std::time::Duration = std::time::Duration::from_secs(5);
