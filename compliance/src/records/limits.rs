//! Named bounds of the records engine. Units are last in the names.

/// Bytes of the head of a file read to recognise its encoding and its delimiter.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Bytes of UTF-8 in one cell; beyond it the cell is cut (finding) or the run refused (masking).
pub const CELL_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of UTF-8 in one record, all cells together.
pub const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Columns in one record.
pub const COLUMNS_MAX: usize = 4096;
/// Bytes that the dictionaries of one row group of a Parquet file may take together when they are
/// unpacked, with what is kept for each of their values: they have to be held whole. Writers keep each to
/// 1 MiB by themselves.
pub const PARQUET_DICTIONARY_BYTES_MAX: u64 = 96 * 1024 * 1024;
/// Rows kept back to learn what the columns are before the first finding is given.
pub const SAMPLE_ROWS_MAX: usize = 500;
/// Bytes of those rows.
pub const SAMPLE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of a text of no table that are looked at.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;
/// Findings taken from one cell.
pub const CELL_FINDINGS_MAX: usize = 4096;
/// Rows from which a level-3 data set is named a candidate for 重要数据 (our proposal, see the
/// taxonomy's notes).
pub const IMPORTANT_SET_ROWS_MIN: u64 = 100_000;
/// Distinct quasi-identifier groups followed for k-anonymity; beyond it masking refuses.
pub const GROUPS_MAX: usize = 2_000_000;
/// Different values of sensitive columns followed in all classes together, for l-diversity and
/// t-closeness (about 40 bytes each); beyond it they are not measured, and that is said.
pub const RISK_VALUES_MAX: usize = 1_000_000;
/// Days by which a policy may let dates be moved: with fewer, all dates it may have been are soon tried.
pub const SHIFT_DAYS_MIN: u32 = 7;
/// The most: with more, a pupil's age means nothing.
pub const SHIFT_DAYS_MAX: u32 = 3660;
/// Bytes of a key store file.
pub const KEY_STORE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Tables of one database.
pub const DATABASE_TABLES_MAX: usize = 20_000;
/// How long a connection to a database may take, in milliseconds.
pub const DATABASE_CONNECT_TIMEOUT_MS: u64 = 10_000;
/// How long the transit service may take for an answer, in milliseconds.
pub const TRANSIT_ANSWER_TIMEOUT_MS: u64 = 15_000;
/// Bytes of an answer of the transit service; those about one key are far smaller.
pub const TRANSIT_ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// Bytes of a workbook's part that is neither a sheet nor its shared texts; its reader holds it.
pub const WORKBOOK_PART_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Bytes of one tag, or of one text, of a workbook. A spreadsheet writes 32,767 characters at most.
pub const WORKBOOK_RUN_BYTES_MAX: usize = CELL_BYTES_MAX;
/// Different values from which a column may have a blind index: with fewer, how often each occurs
/// tells which it is.
pub const INDEX_VALUES_MIN: u64 = 64;
/// Columns of a file with a blind index.
pub const INDEX_COLUMNS_MAX: usize = 8;
/// Rows that one search of a protected file gives; what is beyond is counted.
pub const LOOKUP_HITS_MAX: usize = 1_000;
/// Lines of a file of confirmations.
pub const CONFIRMATIONS_MAX: usize = 1_000_000;
