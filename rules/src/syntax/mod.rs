//! Sigma as written: from YAML nodes to a typed tree that cannot hold what we do not honour.
//!
//! [`expr`] and [`test`] are the tree; [`written`] is a detection as written,
//! [`modifier`] and [`detection`] make it an expression, [`condition`] reads the condition, [`correlation`] and [`header`] the rest of a rule. Field names
//! are resolved while reading (see [`crate::fields`]).

pub(crate) mod condition;
pub(crate) mod correlation;
pub(crate) mod detection;
pub mod expr;
pub(crate) mod header;
pub(crate) mod modifier;
pub(crate) mod placeholder;
pub(crate) mod regexes;
pub mod test;
pub(crate) mod written;
pub(crate) mod xuedun;
