//! From rules to tables that one pass over an event's fields can use.
//!
//! All comparisons of all rules are pooled: alternatives on one field become one *predicate*,
//! equal ones are shared. [`field`] answers, for one value, which predicates of its field hold
//! ([`gather`] builds its tables, [`tables`] those for the rules of some log sources, [`literals`] finds many texts at once);
//! [`program`] turns a rule into jumps over predicates; [`pool`] brings both together and finds
//! for every rule sets of predicates of which at least one must hold ([`pool::Runnable::needs`]);
//! [`required`] finds the literals a comparison cannot do without, and [`words`] knows all of them.

pub(crate) mod field;
pub(crate) mod gather;
pub(crate) mod literals;
pub(crate) mod pool;
pub(crate) mod program;
pub(crate) mod required;
pub(crate) mod tables;
pub(crate) mod words;
