//! Named bounds of an audit. What is beyond them is reported as not seen, never passed.

/// Bytes read from one file of a target.
pub const FILE_BYTES_MAX: usize = 8 << 20;
/// Bytes of output taken from one command.
pub const COMMAND_BYTES_MAX: usize = 1 << 20;
/// Time given to one command, in milliseconds.
pub const COMMAND_MS_MAX: u64 = 5_000;
/// Names listed of one directory.
pub const DIR_ENTRIES_MAX: usize = 65_536;
/// Entries visited by one walk over the file system.
pub const SCAN_ENTRIES_MAX: usize = 200_000;
/// Depth of one walk below its start.
pub const SCAN_DEPTH_MAX: usize = 12;
/// Time one check may take before it is cut off, in milliseconds (looked at between reads).
pub const CHECK_MS_MAX: u64 = 30_000;
/// Time one run may take; checks after it are 未执行, in milliseconds.
pub const RUN_MS_MAX: u64 = 30 * 60_000;
/// Bytes of observed text kept with one result.
pub const OBSERVED_BYTES_MAX: usize = 8 << 10;
/// Values of one list fact kept in the observed text.
pub const LIST_SHOWN_MAX: usize = 20;
/// Sources (files, commands) named with one result.
pub const SOURCES_MAX: usize = 64;
/// Symbolic links followed while resolving one path.
pub const LINKS_MAX: usize = 40;
/// Nested `Include` files of one configuration.
pub const INCLUDE_DEPTH_MAX: usize = 8;
/// Checks of one run.
pub const CHECKS_MAX: usize = 4_096;
/// Time for a connection and login over SSH, in milliseconds.
pub const SSH_CONNECT_MS_MAX: u64 = 10_000;
/// Time for one answer of a remote host, in milliseconds.
pub const SSH_ANSWER_MS_MAX: u64 = 10_000;
/// Connections to one remote host in a run: the first and those after a break.
pub const SSH_CONNECTIONS_MAX: u32 = 3;
/// Bytes of one packet of a file transfer session.
pub const SFTP_PACKET_BYTES_MAX: usize = 320 << 10;
/// Questions of a file transfer session that may wait for answers together.
pub const SFTP_WINDOW_MAX: usize = 64;
/// Bytes of answers of a remote host kept for the next check of the same run.
pub const SSH_CACHE_BYTES_MAX: usize = 64 << 20;
/// Targets of one file.
pub const TARGETS_MAX: usize = 20_000;
/// Bytes of one file of targets.
pub const TARGETS_BYTES_MAX: u64 = 8 << 20;
/// Targets looked at together.
pub const CONCURRENCY_MAX: usize = 64;
/// Longest time limit of one target, in seconds.
pub const TARGET_SECS_MAX: u64 = 3_600;
/// Files of one folder of exported configuration.
pub const EXPORT_FILES_MAX: usize = 1_000;
/// Difference between two clocks that is still agreement, in seconds.
pub const CLOCK_SKEW_SECS_MAX: i64 = 30;
/// Time for one handshake with a TLS endpoint, in milliseconds.
pub const TLS_MS_MAX: u64 = 5_000;
/// Bytes that a service may say before it goes over to TLS.
pub const STARTTLS_BYTES_MAX: usize = 16 << 10;
/// Bytes read of one handshake.
pub const TLS_BYTES_MAX: u64 = 256 << 10;
