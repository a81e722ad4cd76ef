//! One file per format.

pub(super) mod json;
mod misp;
pub(super) mod plain;
mod stix;
