//! A compiled set of rules.

use std::sync::atomic::{AtomicU64, Ordering};

use events::{Event, FieldId, Value};
use hashbrown::HashMap;
use sha2::{Digest, Sha256};

use crate::compile::pool::{self, Compiled};
use crate::compile::program::Special;
use crate::fields::{LOCAL_HOUR, LOCAL_WEEKDAY};
use crate::fold::fold;
use crate::hit::{self, Hit};
use crate::load::{self, LoadOptions, Loaded, hex};
use crate::memo::Memo;
use crate::pass::{Pass, State};
use crate::route::Router;
use crate::rule::{Rule, RuleIndex, RuleKind};
use crate::scratch::Scratch;
use crate::source::Source;
use crate::syntax::expr::Field;
use crate::syntax::test::shape_holds;

/// Rules, compiled together. Immutable and shared between threads; each thread has its own
/// [`Scratch`].
pub struct RuleSet {
    rules: Vec<Rule>,
    compiled: Compiled,
    routing: bool,
    by_id: HashMap<String, RuleIndex>,
    /// By rule: the correlations that build on it.
    pub(crate) correlated: Vec<Vec<RuleIndex>>,
    /// Distinguishes sets within the process, so that a scratch knows its own.
    serial: u64,
    /// The virtual fields that some rule reads.
    virtuals: Vec<(FieldId, Virtual)>,
}

#[derive(Clone, Copy)]
enum Virtual {
    Hour,
    Weekday,
}

impl std::fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuleSet").field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}

static SERIAL: AtomicU64 = AtomicU64::new(1);

impl RuleSet {
    /// Loads rules. Rules that cannot be honoured whole are left out and named in the problems;
    /// the others work.
    pub fn load(sources: &[Source], options: &LoadOptions) -> Loaded {
        load::load(sources, options)
    }

    pub(crate) fn compile(mut rules: Vec<Rule>, routing: bool) -> Self {
        let mut correlated = vec![Vec::new(); rules.len()];
        // A base whose own detections nobody asked for is silent; one that any correlation
        // generates for is not.
        let (mut silent, mut loud) = (vec![false; rules.len()], vec![false; rules.len()]);
        for (rule, at) in rules.iter().zip(0u32..) {
            let RuleKind::Correlation(c) = &rule.kind else { continue };
            for base in &c.rules {
                if !correlated[base.index()].contains(&RuleIndex(at)) {
                    correlated[base.index()].push(RuleIndex(at));
                }
                let said = if c.generate { &mut loud } else { &mut silent };
                said[base.index()] = true;
            }
        }
        for (at, rule) in rules.iter_mut().enumerate() {
            rule.silent = silent[at] && !loud[at];
        }
        let compiled = pool::compile(&rules);
        if !routing {
            // There is one plan: its tables are part of loading.
            compiled.tables(&compiled.live(0..compiled.runnables.len() as u32));
        }
        let by_id = rules.iter().zip(0u32..).map(|(r, at)| (r.id.clone(), RuleIndex(at))).collect();
        let virtuals = [(LOCAL_HOUR, Virtual::Hour), (LOCAL_WEEKDAY, Virtual::Weekday)]
            .into_iter()
            .filter_map(|(name, v)| Some((FieldId::find(name)?, v)))
            .filter(|(id, _)| compiled.views.get(id.index()).is_some_and(|v| !v.is_empty()))
            .collect();
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        Self { rules, compiled, routing, by_id, correlated, serial, virtuals }
    }

    /// One rule by itself, as a set; a correlation with the rules it builds on, and last.
    pub fn single(&self, index: RuleIndex) -> Self {
        let mut needed = vec![index];
        let mut seen = 0;
        while let Some(at) = needed.get(seen) {
            if let RuleKind::Correlation(c) = &self.rule(*at).kind {
                let more: Vec<_> =
                    c.rules.iter().filter(|b| !needed.contains(b)).copied().collect();
                needed.extend(more);
            }
            seen += 1;
        }
        // A correlation comes after what it builds on, so the one asked for is the last.
        needed.sort_unstable_by_key(|at| (*at == index, at.0));
        let place =
            |of: &RuleIndex| RuleIndex(needed.iter().take_while(|at| *at != of).count() as u32);
        let mut rules: Vec<Rule> = needed.iter().map(|at| self.rule(*at).clone()).collect();
        for rule in &mut rules {
            if let RuleKind::Correlation(c) = &mut rule.kind {
                c.rules.iter_mut().for_each(|base| *base = place(base));
            }
        }
        Self::compile(rules, self.routing)
    }

    /// All rules, detections and correlations.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// One rule. The index must come from this set.
    pub fn rule(&self, index: RuleIndex) -> &Rule {
        &self.rules[index.index()]
    }

    /// The rule of an id.
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.by_id.get(id).map(|index| self.rule(*index))
    }

    pub(crate) fn index_of(&self, id: &str) -> Option<RuleIndex> {
        self.by_id.get(id).copied()
    }

    /// A digest over every rule's text: two sets with the same digest detect the same.
    pub fn hash(&self) -> String {
        let mut all: Vec<&[u8; 32]> = self.rules.iter().map(|r| &r.hash).collect();
        all.sort_unstable();
        let mut hasher = Sha256::new();
        hasher.update([u8::from(self.routing)]);
        all.into_iter().for_each(|h| hasher.update(h));
        hex(&hasher.finalize())
    }

    /// How many distinct comparisons the rules come down to.
    pub fn predicates(&self) -> usize {
        self.compiled.predicates
    }

    /// Every detection whose condition the event fulfils, each once, in rule order, with the
    /// fields that fulfilled it. `hits` is cleared first. Correlations need an
    /// [`crate::Engine`]; silent rules ([`Rule::silent`]) are listed too.
    pub fn matches(&self, event: &Event, scratch: &mut Scratch, hits: &mut Vec<Hit>) {
        hits.clear();
        self.find(event, scratch);
        for &at in &scratch.found {
            let rule = RuleIndex(at);
            hits.push(Hit { rule, fields: self.matched_fields(rule, event, scratch) });
        }
    }

    /// What in the event fulfilled a detection's condition, as just found with this scratch.
    pub(crate) fn matched_fields(
        &self,
        rule: RuleIndex,
        event: &Event,
        scratch: &Scratch,
    ) -> Vec<hit::MatchedField> {
        let places = scratch.state.keyword_places(&self.compiled, rule.0);
        match &self.rule(rule).kind {
            RuleKind::Detection(d) => hit::matched(&d.expr, event, places),
            RuleKind::Correlation(_) => Vec::new(),
        }
    }

    /// Leaves the indices of the matching rules in `scratch.found`, ascending. Allocates nothing
    /// once the scratch is warm.
    pub(crate) fn find(&self, event: &Event, scratch: &mut Scratch) {
        if scratch.set != self.serial {
            let memo = Memo::new(scratch.memo.limits());
            let router = Router::new(&self.compiled);
            let state = State::new(&self.compiled);
            *scratch = Scratch { set: self.serial, router, memo, state, found: Vec::new() };
        }
        let Scratch { router, memo, state, found, .. } = scratch;
        found.clear();
        let at = router.plan(event, &self.compiled, self.routing);
        let plan = &mut router.plans[at];
        if plan.any {
            let virtuals = self.virtuals.iter().filter(|(id, _)| event.get(*id).is_none());
            let virtuals = virtuals.map(|(id, which)| (*id, Value::Int(which.of(event))));
            let mut pass = Pass { compiled: &self.compiled, plan, memo, state };
            pass.run(event, virtuals, &mut router.versions, found);
        }
    }
}

impl Virtual {
    fn of(self, event: &Event) -> i64 {
        let secs = event.time.secs() + i64::from(events::time::BEIJING_OFFSET_SECS);
        match self {
            Self::Hour => secs.rem_euclid(86_400) / 3_600,
            // 1 January 1970 was a Thursday.
            Self::Weekday => (secs.div_euclid(86_400) + 3).rem_euclid(7) + 1,
        }
    }
}

/// The values of a resolved field: of the first candidate that is present.
pub(crate) fn values<'e>(field: &Field, event: &'e Event) -> impl Iterator<Item = Value<'e>> {
    let present = field.candidates.iter().copied().find(|id| event.get(*id).is_some());
    present.into_iter().flat_map(move |id| event.all(id))
}

/// A virtual field's value, if the event does not itself hold it.
pub(crate) fn virtual_value(field: &Field, event: &Event) -> Option<Value<'static>> {
    let which = match field.name.as_str() {
        LOCAL_HOUR => Virtual::Hour,
        LOCAL_WEEKDAY => Virtual::Weekday,
        _ => return None,
    };
    let absent = field.candidates.iter().all(|id| event.get(*id).is_none());
    absent.then(|| Value::Int(which.of(event)))
}

/// Whether any value of one field stands to any value of the other as asked.
pub(crate) fn special(s: &Special, event: &Event) -> bool {
    let text = |v: Value<'_>| match v {
        Value::Null => None,
        v if s.cased => Some(v.text().into_owned()),
        v => Some(fold(&v.text())),
    };
    values(&s.field, event).filter_map(text).any(|left| {
        values(&s.other, event).filter_map(text).any(|right| shape_holds(s.shape, &left, &right))
    })
}
