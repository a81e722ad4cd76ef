//! Conditions: STIX 2.1 comparison expressions over playbook variables.
//!
//! `[__user__:value = 'zhang' AND __count__:value >= 3]`, bracketed or not. Operators: `=`, `==`,
//! `!=`, `<>`, `<`, `<=`, `>`, `>=`, `IN`, `LIKE`, `MATCHES`, `ISSUBSET`, `ISSUPERSET`, each also
//! after `NOT`, and `EXISTS`. `AND` binds tighter than `OR`; observations in brackets join by
//! `AND` and `OR`. What speaks of several observations in time (`FOLLOWEDBY`, `WITHIN`,
//! `REPEATS`, `START`) has no meaning over variables and is refused.
//!
//! Invariants: pure; any text parses or gives a fault with its place; a variable without a value
//! makes every comparison false, `!=` and `NOT` too (there is nothing to compare).
//!
//! Layout: `lex` cuts words, `parse` builds the tree, `eval` decides it.

mod eval;
mod lex;
mod parse;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

pub(crate) use parse::Fault;

/// A condition that parsed whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    text: String,
    root: Expr,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Exists(String),
    Test { variable: String, negated: bool, op: Op, values: Vec<Literal> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    Like,
    Matches,
    Subset,
    Superset,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Time(events::Timestamp),
}

impl Condition {
    /// Parses an expression of at most [`crate::limits::CONDITION_BYTES_MAX`] bytes.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let root = parse::parse(text)?;
        Ok(Self { text: text.to_owned(), root })
    }

    /// The expression as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The variables it reads (`__name__`).
    pub fn variables(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        collect(&self.root, &mut names);
        names
    }

    /// Whether it holds for these variables.
    pub fn holds(&self, variables: &BTreeMap<String, String>) -> bool {
        eval::holds(&self.root, variables)
    }
}

fn collect<'a>(expr: &'a Expr, names: &mut BTreeSet<&'a str>) {
    match expr {
        Expr::And(all) | Expr::Or(all) => all.iter().for_each(|e| collect(e, names)),
        Expr::Exists(name) | Expr::Test { variable: name, .. } => {
            names.insert(name);
        }
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
