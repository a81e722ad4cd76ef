//! Tests of the crate through its public face.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panic")]

mod crash;
mod drill;
mod engine;
mod kit;
mod library;
mod load;
mod signature;
