//! Named bounds of the node.

/// Detections applied in one commit of the pipeline.
pub const DETECTIONS_PER_COMMIT_MAX: usize = 4_096;
/// Events kept as evidence of one alert group; later ones are counted only.
pub const ALERT_EVENTS_MAX: usize = 100;
/// Rows of one page of a list.
pub const PAGE_ROWS_MAX: usize = 500;
/// Failed logins of one account before it is locked (GB/T 22239-2019 8.1.4.1 b; ours: 5).
pub const LOGIN_FAILURES_MAX: u32 = 5;
/// How long a locked account stays locked, in minutes.
pub const LOCK_MINUTES: u64 = 15;
/// Life of a session without use, in minutes (assessor practice for level 3: at most 15).
pub const SESSION_IDLE_MINUTES: u64 = 15;
/// Life of a session, in hours.
pub const SESSION_HOURS: u64 = 10;
/// Sessions of one account at once; a further login ends the oldest.
pub const SESSIONS_PER_ACCOUNT_MAX: usize = 8;
/// Life of a one-time login link, in minutes.
pub const ONE_TIME_LINK_MINUTES: u64 = 60;
/// Shortest password, in characters.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Longest password, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 256;
/// Longest reason or note a person writes, in characters.
pub const NOTE_CHARS_MAX: usize = 2_000;
/// How far a sensor's clock may be off, in seconds, as the audit's check own.clock-skew has it.
pub const SENSOR_SKEW_SECS_MAX: u64 = 60;
/// Schools of one node.
pub const SCHOOLS_MAX: usize = 5_000;
/// Longest file of assets, places or divisions, in bytes.
pub const ENRICH_FILE_BYTES_MAX: u64 = 256 << 20;
/// Assets of one inventory.
pub const ASSETS_MAX: usize = 200_000;
/// Longest name of an asset, in characters.
pub const ASSET_NAME_CHARS_MAX: usize = 120;
/// Cells that one approval may open, whatever the policy says.
pub const REVEAL_CELLS_MAX: u64 = 1_000_000;
/// How long a reveal request may wait, and an approval may be used, whatever the policy says.
pub const REVEAL_HOURS_MAX: u64 = 31 * 24;
/// Columns of one reveal request.
pub const REVEAL_COLUMNS_MAX: usize = 64;
/// Rows that one reveal request names.
pub const REVEAL_ROWS_MAX: usize = 1_000;
/// Log records of one reveal request.
pub const REVEAL_RECORDS_MAX: usize = 50;
/// Requests of one person that wait or can be used, at once.
pub const REVEALS_OPEN_MAX: usize = 50;
/// Requests shown in a list.
pub const REVEALS_SHOWN: usize = 500;
/// Rows a search from the console returns at most.
pub const SEARCH_ROWS_MAX: usize = 10_000;
/// How long a search may run that does not say, and one from the console, in milliseconds.
pub const SEARCH_MS_MAX: u64 = 20_000;
/// How long a search may run that says so, in milliseconds.
pub const SEARCH_MS_LONGEST: u64 = 100_000;
/// Keys of correlation state (rule and group) held at once.
pub const CORRELATION_KEYS_MAX: usize = 500_000;
/// Bytes of an answer of a witness or a timestamp authority.
pub const EVIDENCE_ANSWER_BYTES_MAX: u64 = 64 << 10;
/// Bytes of one file attached to a statement.
pub const ATTACHMENT_BYTES_MAX: u64 = 64 << 20;
