//! The demonstration: a throw-away region, one school day in fast motion with four attacks in it,
//! and the senders that speak it to the node's own sensors over real sockets.
//!
//! Layout: [`region`] invents the schools; [`story`] writes down, without I/O, every record that
//! will be sent and when; [`send`] puts them on the wire; [`students`] invents student records
//! with their true counts. [`rng`] is the only source of chance.
//!
//! Invariants: the same seed gives the same bytes. Nobody here exists: names, codes, numbers and
//! addresses are invented, addresses outside the schools come from the blocks reserved for
//! documentation (RFC 5737). Nothing here knows the node: whoever runs the demonstration gives
//! [`send::Targets`] and compares [`story::Totals`] with what the node counted.

pub mod acts;
pub mod error;
pub mod region;
pub mod rng;
pub mod send;
pub mod stage;
pub mod story;
pub mod students;
