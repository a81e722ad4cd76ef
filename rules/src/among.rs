//! Which of a correlation's rules must have hit: `logon_failure and not logon_success`.

/// A condition of a temporal correlation over its rules, by their place in its list.
#[derive(Clone, Debug, PartialEq)]
pub enum Among {
    /// All of these.
    All(Vec<Among>),
    /// Any of these.
    Any(Vec<Among>),
    /// Not this.
    Not(Box<Among>),
    /// The rule at this place has hit within the window.
    Hit(usize),
}

impl Among {
    /// Whether it holds where these rules have hit.
    pub(crate) fn holds(&self, hit: &impl Fn(usize) -> bool) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|p| p.holds(hit)),
            Self::Any(parts) => parts.iter().any(|p| p.holds(hit)),
            Self::Not(inner) => !inner.holds(hit),
            Self::Hit(at) => hit(*at),
        }
    }

    /// Whether a hit that is still to come may make it false.
    pub(crate) fn may_cease(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::may_cease),
            Self::Not(_) => true,
            Self::Hit(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_by_what_has_hit() {
        let one_alone = Among::All(vec![Among::Hit(0), Among::Not(Box::new(Among::Hit(1)))]);
        assert!(one_alone.holds(&|at| at == 0) && one_alone.may_cease());
        assert!(!one_alone.holds(&|_| true) && !one_alone.holds(&|_| false));
        let any = Among::Any(vec![Among::Hit(0), Among::Hit(2)]);
        assert!(any.holds(&|at| at == 2) && !any.holds(&|at| at == 1) && !any.may_cease());
    }
}
