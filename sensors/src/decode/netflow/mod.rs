//! NetFlow v5 and v9 (RFC 3954) and IPFIX (RFC 7011).
//!
//! `template` turns a template into a plan of offsets, so that a data record is read without
//! looking at fields nobody asked for; `packet` walks packets and sets. Templates belong to an
//! exporter, its domain and an id. Data before its template waits within a bound.
//!
//! Option records (sampling and interface tables) are counted, not taken for flows.

mod flow;
mod packet;
mod template;

pub use flow::Flow;
pub use packet::{Decoder, Outcome};
pub use template::Key;
