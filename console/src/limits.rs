//! Named bounds of the console.

/// Connections at once; further ones wait to be accepted.
pub const CONNECTIONS_MAX: usize = 512;
/// Longest head of a request, in bytes.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Longest body of a request, in bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Fields of one form.
pub const FORM_FIELDS_MAX: usize = 2_000;
/// How long a request's head may take, in milliseconds.
pub const HEAD_MS_MAX: u64 = 15_000;
/// How long a request's body may take, in milliseconds.
pub const BODY_MS_MAX: u64 = 20_000;
/// How long a handler may take, in milliseconds: a search's own deadline and some more.
pub const HANDLER_MS_MAX: u64 = 30_000;
/// How long a TLS handshake may take, in milliseconds.
pub const HANDSHAKE_MS_MAX: u64 = 10_000;
/// How long open requests may go on after the stop, in milliseconds.
pub const DRAIN_MS_MAX: u64 = 3_000;
/// Live streams at once; a page without one still works.
pub const LIVE_STREAMS_MAX: usize = 256;
/// Exports under way at once.
pub const EXPORTS_MAX: usize = 8;
/// How long an export may take, in milliseconds; what is left goes into a further one.
pub const EXPORT_MS_MAX: u64 = 600_000;
/// How long a reader of an export may take for one piece of it, in milliseconds.
pub const EXPORT_READ_MS_MAX: u64 = 60_000;
/// Records an export reads at once; few in this crate's tests, so that they meet many pages.
pub const EXPORT_PAGE_ROWS: usize = if cfg!(test) { 3 } else { 10_000 };
/// About so long is one piece of an export, in bytes.
pub const EXPORT_PIECE_BYTES: usize = 64 << 10;
