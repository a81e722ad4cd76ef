//! The boolean tree of a detection.

use std::sync::Arc;

use events::FieldId;

use super::test::Test;

/// A Sigma field, resolved for the log source of its rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// The name the rule uses; empty for a keyword.
    pub name: String,
    /// Where an event may hold it: the first of these that is present counts. Empty for a
    /// keyword, which looks at every field.
    pub candidates: Vec<FieldId>,
}

impl Field {
    /// Whether this stands for "any field".
    pub fn is_keyword(&self) -> bool {
        self.name.is_empty()
    }
}

/// A comparison of one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Atom {
    /// What is looked at.
    pub field: Arc<Field>,
    /// What must hold for at least one of its values.
    pub test: Test,
}

/// A boolean expression over comparisons.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// Every part holds; true when empty.
    All(Vec<Expr>),
    /// At least one part holds; false when empty.
    Any(Vec<Expr>),
    /// The part does not hold.
    Not(Box<Expr>),
    /// A comparison.
    Atom(Atom),
}

impl Expr {
    /// Negation.
    pub(crate) fn negate(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// All of these; a single one is itself.
    pub(crate) fn all(mut parts: Vec<Self>) -> Self {
        match parts.pop() {
            Some(only) if parts.is_empty() => only,
            Some(last) => {
                parts.push(last);
                Self::All(parts)
            }
            None => Self::All(parts),
        }
    }

    /// Any of these; a single one is itself.
    pub(crate) fn any(mut parts: Vec<Self>) -> Self {
        match parts.pop() {
            Some(only) if parts.is_empty() => only,
            Some(last) => {
                parts.push(last);
                Self::Any(parts)
            }
            None => Self::Any(parts),
        }
    }

    /// How many comparisons there are.
    pub fn tests(&self) -> usize {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::tests).sum(),
            Self::Not(inner) => inner.tests(),
            Self::Atom(_) => 1,
        }
    }

    /// Calls `f` on every comparison.
    pub fn each_atom(&self, f: &mut impl FnMut(&Atom)) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|p| p.each_atom(f)),
            Self::Not(inner) => inner.each_atom(f),
            Self::Atom(atom) => f(atom),
        }
    }
}
