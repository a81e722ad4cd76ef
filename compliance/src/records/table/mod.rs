//! Delimited text as it is found in the wild, in bounded memory.
//!
//! [`encoding`] turns any of UTF-8, GB18030 and UTF-16 into UTF-8, [`reader`] cuts it into records
//! and cells, [`writer`] writes cells back. Nothing here knows of personal data.
//!
//! Invariants: every cell handed out is valid UTF-8; what was cut, replaced or missing is counted
//! in [`Tally`]; memory is bounded by `limits`, whatever the input.

pub(crate) mod encoding;
pub(crate) mod reader;
pub(crate) mod writer;

pub(crate) use encoding::Decoded;
pub use encoding::Encoding;
pub use reader::Tally;
pub(crate) use reader::{Row, TableReader};
