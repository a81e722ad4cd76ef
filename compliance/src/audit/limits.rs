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
