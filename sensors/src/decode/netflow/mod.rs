//! NetFlow v5 and v9 (RFC 3954) and IPFIX (RFC 7011).
//!
//! `template` turns a template into a plan of offsets, so that a data record is read without
//! looking at fields nobody asked for; `packet` walks packets and sets. Templates belong to an
//! exporter, its domain and an id. Data before its template waits within a bound.
//!
//! Option records are counted, not taken for flows; what they say of sampling is remembered
//! (`sampling`), and bytes and packets are given for all packets, as nfcapd gives them.

mod packet;
mod sampling;
mod template;

pub use packet::{Decoder, Outcome};
pub use template::Key;
