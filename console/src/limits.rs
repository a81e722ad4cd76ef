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
/// Rows of an export.
pub const EXPORT_ROWS_MAX: usize = 10_000;
