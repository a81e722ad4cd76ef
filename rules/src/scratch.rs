//! Working memory of a matching thread: reused, so matching allocates nothing once it is warm.

use crate::memo::{Memo, MemoLimits};
use crate::pass::State;
use crate::route::Router;

/// Working memory for [`crate::RuleSet::matches`]; one per thread. It remembers what values led
/// to and learns which comparisons are rare, so keep it for the life of the thread. It adapts by
/// itself when used with another set.
pub struct Scratch {
    /// Which set the memory belongs to.
    pub(crate) set: u64,
    pub(crate) router: Router,
    pub(crate) memo: Memo,
    pub(crate) state: State,
    /// The rules that the last event fulfils, ascending.
    pub(crate) found: Vec<u32>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::with_memo(MemoLimits::default())
    }
}

impl Scratch {
    /// A new one.
    pub fn new() -> Self {
        Self::default()
    }

    /// One with other bounds on what it remembers of values.
    pub fn with_memo(limits: MemoLimits) -> Self {
        Self {
            set: 0,
            router: Router::default(),
            memo: Memo::new(limits),
            state: State::default(),
            found: Vec::new(),
        }
    }
}
