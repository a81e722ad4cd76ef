//! What is done for one kind of event: which fields are looked at, which rules are tried, and
//! what wakes a rule.
//!
//! Of every rule some sets of predicates are known of which one must hold ([`Runnable::needs`]);
//! watching any one of them finds every match. Which one is rarest depends on the events, so the
//! plan counts on a sample of them and chooses again as it learns. The choice changes the time
//! taken, never the result.

use std::sync::Arc;

use events::FieldId;
use hashbrown::HashMap;

use crate::bits::Bits;
use crate::compile::pool::{Compiled, View};
use crate::compile::tables::Tables;

/// Events after which triggers are chosen for the first time.
const FIRST_CHOICE: u64 = 16;
/// Longest stretch of events between two choices.
const CHOICE_EVENTS_MAX: u64 = 1 << 16;
/// Up to so many events are all counted, afterwards one in [`SAMPLE`].
const COUNTED_ALL: u64 = 256;
const SAMPLE: u64 = 8;

/// The rules and fields that matter for one kind of event.
pub(crate) struct Plan {
    /// Differs between plans.
    pub(crate) id: u32,
    /// Differs between plans, and changes with every choice of triggers.
    pub(crate) version: u32,
    /// Whether any rule is tried at all.
    pub(crate) any: bool,
    /// The table of keywords, if they are looked for.
    pub(crate) keyword: Option<u32>,
    /// By [`FieldId::index`], one more than the index into `looks`.
    by_field: Vec<u32>,
    pub(crate) looks: Vec<Look>,
    /// By [`FieldId::index`], as far as fields were met.
    pub(crate) habits: Vec<Habit>,
    /// The comparisons of the rules tried.
    pub(crate) tables: Arc<Tables>,
    runnables: Vec<u32>,
    /// What wakes the rules tried.
    pub(crate) triggers: Triggers,
    /// Runnables to try whatever the event holds.
    pub(crate) always: Vec<u32>,
    events: u64,
    next_choice: u64,
    counted: u64,
    counts: HashMap<u32, u32>,
}

/// One field that is looked at.
pub(crate) struct Look {
    /// The field; one number for all that only keywords look at.
    pub(crate) field: u32,
    /// Its table.
    pub(crate) table: Option<u32>,
    pub(crate) views: Box<[View]>,
}

/// Whether the values of a field repeat enough for the memo.
#[derive(Clone, Default)]
pub(crate) struct Habit {
    asked: u32,
    known: u32,
    /// Values not to ask for before trying again.
    rest: u32,
}

impl Habit {
    const TRIAL: u32 = 512;
    const REST: u32 = 16_384;

    /// Whether to ask the memo.
    #[inline]
    pub(crate) fn asks(&mut self) -> bool {
        if self.rest > 0 {
            self.rest -= 1;
            return false;
        }
        self.asked += 1;
        if self.asked > Self::TRIAL {
            if self.known < Self::TRIAL / 4 {
                self.rest = Self::REST;
            }
            (self.asked, self.known) = (0, 0);
        }
        true
    }

    #[inline]
    pub(crate) fn knew(&mut self) {
        self.known += 1;
    }
}

impl Plan {
    /// The plan for events that rules of these classes may concern.
    pub(crate) fn new(compiled: &Compiled, version: u32, classes: &Bits) -> Self {
        let tried = |at: &u32| classes.has(compiled.runnables[*at as usize].class);
        let runnables: Vec<u32> = (0..compiled.runnables.len() as u32).filter(tried).collect();
        let reads = |logical: u32| {
            compiled.readers.get(logical as usize).is_some_and(|readers| readers.meets(classes))
        };
        let tables = compiled.tables(&compiled.live(runnables.iter().copied()));
        let keyword = compiled.keyword.filter(|k| reads(*k));
        let keyword = keyword.and_then(|k| tables.of(compiled, k));
        let mut looks = Vec::new();
        if keyword.is_some() {
            looks.push(Look { field: u32::MAX, table: None, views: [].into() });
        }
        let mut by_field = vec![u32::from(keyword.is_some()); compiled.views.len()];
        for ((views, field), slot) in compiled.views.iter().zip(0u32..).zip(&mut by_field) {
            let views: Box<[View]> = views.iter().filter(|v| reads(v.logical)).copied().collect();
            if let Some(first) = views.first() {
                let table = tables.of(compiled, first.logical);
                looks.push(Look { field, table, views });
                *slot = looks.len() as u32;
            }
        }
        let mut plan = Self {
            id: version,
            version,
            any: !runnables.is_empty(),
            keyword,
            by_field,
            looks,
            habits: Vec::new(),
            tables,
            runnables,
            triggers: Triggers::default(),
            always: Vec::new(),
            events: 0,
            next_choice: FIRST_CHOICE,
            counted: 0,
            counts: HashMap::new(),
        };
        plan.triggers = plan.choice(compiled);
        let needs_nothing = |at: &&u32| compiled.runnables[**at as usize].needs.is_empty();
        plan.always = plan.runnables.iter().filter(needs_nothing).copied().collect();
        plan
    }

    /// How a field is looked at, as an index into [`Plan::looks`]; `None` if it is not.
    #[inline]
    pub(crate) fn look(&self, field: FieldId) -> Option<usize> {
        let nothing = u32::from(self.keyword.is_some());
        let slot = self.by_field.get(field.index()).copied().unwrap_or(nothing);
        (slot as usize).checked_sub(1)
    }

    /// The habit of a field.
    #[inline]
    pub(crate) fn habit(&mut self, field: FieldId) -> &mut Habit {
        let at = field.index();
        if self.habits.len() <= at {
            self.habits.resize(at + 1, Habit::default());
        }
        &mut self.habits[at]
    }

    /// Learns from the predicates that held for an event. `version` is a fresh one; true when it
    /// was taken.
    #[inline]
    pub(crate) fn learn(&mut self, compiled: &Compiled, held: &Bits, version: u32) -> bool {
        self.events += 1;
        if self.events > COUNTED_ALL && !self.events.is_multiple_of(SAMPLE) {
            return false;
        }
        self.counted += 1;
        for id in held.iter() {
            *self.counts.entry(id).or_default() += 1;
        }
        self.events >= self.next_choice && self.choose(compiled, version)
    }

    /// Chooses triggers anew if that saves a good part of the wakings.
    #[cold]
    fn choose(&mut self, compiled: &Compiled, version: u32) -> bool {
        self.next_choice = self.events + (self.events * 3).min(CHOICE_EVENTS_MAX);
        let count = |triggers: &Triggers| -> u64 {
            triggers
                .pairs
                .iter()
                .map(|(id, _)| u64::from(self.counts.get(id).copied().unwrap_or(0)))
                .sum()
        };
        let better = self.choice(compiled);
        let saved = count(&self.triggers).saturating_sub(count(&better));
        // One waking in two events is worth the answers that the memo then forgets.
        let taken = saved * 2 > self.counted;
        if taken {
            self.triggers = better;
            self.version = version;
        }
        self.counts.values_mut().for_each(|n| *n /= 2);
        self.counts.retain(|_, n| *n > 0);
        self.counted /= 2;
        taken
    }

    /// For every rule, the needed set that held most rarely; where that says nothing, the one
    /// that looks rarest.
    fn choice(&self, compiled: &Compiled) -> Triggers {
        let cost = |set: &[u32]| {
            let seen: u32 = set.iter().filter_map(|id| self.counts.get(id)).sum();
            let guess: f32 = set.iter().map(|id| compiled.weights[*id as usize]).sum();
            (seen, guess)
        };
        let mut triggers = Vec::new();
        for &at in &self.runnables {
            let costs = compiled.runnables[at as usize].needs.iter().map(|set| (cost(set), set));
            let rarest = costs.min_by(|(a, _), (b, _)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            if let Some((_, set)) = rarest {
                triggers.extend(set.iter().map(|id| (*id, at)));
            }
        }
        Triggers::new(triggers)
    }
}

/// What predicates wake when they hold.
#[derive(Default)]
pub(crate) struct Triggers {
    /// Pairs of a predicate and a runnable, sorted.
    pairs: Vec<(u32, u32)>,
    /// By predicate, as bits: whether it wakes any.
    any: Vec<u64>,
    /// By word of `any`: how many pairs are of predicates of the words before.
    before: Vec<u32>,
}

impl Triggers {
    fn new(mut pairs: Vec<(u32, u32)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let words = pairs.last().map_or(0, |(last, _)| *last as usize / 64 + 1);
        let (mut any, mut before) = (vec![0; words], vec![0; words + 1]);
        for (id, _) in &pairs {
            any[*id as usize / 64] |= 1 << (id % 64);
            before[*id as usize / 64 + 1] += 1;
        }
        for at in 0..words {
            before[at + 1] += before[at];
        }
        Self { pairs, any, before }
    }

    /// Lists the runnables that predicates wake.
    pub(crate) fn wakes(&self, predicates: &[u32], wakes: &mut Vec<u32>) {
        wakes.clear();
        for id in predicates {
            let word = *id as usize / 64;
            if self.any.get(word).is_none_or(|bits| bits >> (id % 64) & 1 == 0) {
                continue;
            }
            // Few pairs are of the predicates of one word.
            let range = self.before[word] as usize..self.before[word + 1] as usize;
            let pairs = self.pairs.get(range).unwrap_or_default().iter();
            let of_id = pairs.skip_while(|(p, _)| p < id).take_while(|(p, _)| p == id);
            wakes.extend(of_id.map(|(_, runnable)| *runnable));
        }
        wakes.sort_unstable();
        wakes.dedup();
    }
}
