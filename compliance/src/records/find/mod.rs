//! Finding personal data in cells.
//!
//! [`norm`] brings a cell to a plain form, the detectors ([`digits`], [`dates`], [`codes`],
//! [`address`], [`name`]) propose candidates over it, [`validate`] holds the check digits and
//! ranges, [`context`] the words that say what a number is, and [`engine`] decides.
//!
//! Invariants: pure; offsets are characters of the cell as it was given; no value leaves.

pub(crate) mod address;
pub(crate) mod codes;
pub(crate) mod context;
pub(crate) mod dates;
pub(crate) mod digits;
pub(crate) mod engine;
pub mod kind;
mod memo;
pub(crate) mod name;
pub(crate) mod norm;
pub(crate) mod plain;
mod quick;
pub mod validate;

pub use kind::Kind;
pub use validate::Day;
