//! The one pass over an event: every field that matters is looked at once, the predicates that
//! hold are collected, and the rules they wake are tried.

use events::{Event, FieldId, Value};

use crate::bits::Bits;
use crate::compile::field::{Sink, Work};
use crate::compile::pool::{Compiled, View};
use crate::lines::Lines;
use crate::memo::{About, Memo};
use crate::plan::{Look, Plan};
use crate::seen::Forms;
use crate::set::special;

/// Buffers of the pass; reused from event to event.
#[derive(Default)]
pub(crate) struct State {
    forms: Forms,
    /// All of an event's text, for the screen of keywords.
    texts: Vec<u8>,
    work: Work,
    /// Predicates that hold for the event.
    holds: Bits,
    /// Runnables to try.
    woken: Bits,
    /// By logical field: stamp of the event, and the best candidate present.
    best: Vec<(u32, u32)>,
    stamp: u32,
    /// The fields to look at: their places, names and looks.
    todo: Vec<(u32, FieldId, u32)>,
    predicates: Vec<u32>,
    wakes: Vec<u32>,
    /// Predicates of keywords that hold, and the places of the values in which they do.
    keyword_found: Vec<(u32, u32)>,
}

impl State {
    pub(crate) fn new(compiled: &Compiled) -> Self {
        Self {
            holds: Bits::with_room(compiled.predicates),
            woken: Bits::with_room(compiled.runnables.len()),
            best: vec![(0, 0); compiled.families.len()],
            work: Work::with_room(compiled.predicates),
            ..Self::default()
        }
    }
}

impl State {
    /// The places of the last event's values in which keywords of a rule were found.
    pub(crate) fn keyword_places(
        &self,
        compiled: &Compiled,
        rule: u32,
    ) -> impl Iterator<Item = usize> {
        let runnable = compiled.runnables.binary_search_by_key(&rule, |r| r.rule);
        let program = runnable.ok().map(|at| &compiled.runnables[at].program);
        let of_rule = move |id| program.is_some_and(|p| p.predicates().any(|other| other == id));
        let found = self.keyword_found.iter().filter(move |(id, _)| of_rule(*id));
        found.map(|(_, place)| *place as usize)
    }
}

/// The pass at work.
pub(crate) struct Pass<'p> {
    pub(crate) compiled: &'p Compiled,
    pub(crate) plan: &'p mut Plan,
    pub(crate) memo: &'p mut Memo,
    pub(crate) state: &'p mut State,
}

impl Pass<'_> {
    /// Appends the rules that the event fulfils to `found`, ascending. `versions` counts the
    /// plans' versions.
    pub(crate) fn run(
        &mut self,
        event: &Event,
        virtuals: impl Iterator<Item = (FieldId, Value<'static>)>,
        versions: &mut u32,
        found: &mut Vec<u32>,
    ) {
        let keywords = self.keywords(event);
        let contested = self.survey(event, keywords);
        self.state.keyword_found.clear();
        for at in 0..self.state.todo.len() {
            let (place, field, look) = self.state.todo[at];
            let value = event.value_at(place as usize);
            self.value(field, look as usize, value, contested, keywords.then_some(place));
        }
        for (field, value) in virtuals {
            if let Some(look) = self.plan.look(field) {
                // Not a field of the event, so no keyword is looked for in it.
                self.value(field, look, value, false, None);
            }
        }
        self.wake(event, found);
        if self.plan.learn(self.compiled, &self.state.holds, *versions + 1) {
            *versions += 1;
        }
        self.state.holds.clear();
    }

    /// Whether any keyword may lie in the event: mostly not, which one look at its whole text
    /// tells.
    fn keywords(&mut self, event: &Event) -> bool {
        let table = self.plan.keyword.and_then(|at| self.plan.tables.get(at));
        table.is_some_and(|table| table.may_hold(event.texts(), &mut self.state.texts))
    }

    /// Lists the fields to look at; whether several candidates of one logical field are present,
    /// so that only the first in its order counts.
    fn survey(&mut self, event: &Event, keywords: bool) -> bool {
        let state = &mut *self.state;
        state.todo.clear();
        state.stamp = state.stamp.wrapping_add(1);
        if state.stamp == 0 {
            state.best.fill((0, 0));
            state.stamp = 1;
        }
        let mut contested = false;
        for (field, place) in event.ids().zip(0u32..) {
            let Some(look) = self.plan.look(field) else { continue };
            if !keywords && self.plan.looks[look].table.is_none() {
                continue;
            }
            state.todo.push((place, field, look as u32));
            for view in &self.plan.looks[look].views {
                let best = &mut state.best[view.logical as usize];
                if best.0 != state.stamp {
                    *best = (state.stamp, view.rank);
                } else if best.1 != view.rank {
                    contested = true;
                    best.1 = best.1.min(view.rank);
                }
            }
        }
        contested
    }

    /// Notes what holds for a value; of keywords if they are looked for, then with its place.
    #[inline]
    fn value(
        &mut self,
        id: FieldId,
        look: usize,
        value: Value<'_>,
        contested: bool,
        keywords: Option<u32>,
    ) {
        let Self { compiled, plan, memo, state } = self;
        let asks = plan.habit(id).asks();
        let Plan { id: of_plan, looks, habits, tables, version, keyword, triggers, .. } =
            &mut **plan;
        let Look { field, table, views } = &looks[look];
        // Which views count, as bits; past 64 views the memo is not asked.
        let mut counting = u64::MAX;
        if contested {
            let best = |view: &View| state.best[view.logical as usize].1 == view.rank;
            let bits = views.iter().zip(0u32..).map(|(v, at)| u64::from(best(v)) << (at % 64));
            counting = bits.fold(0, |all, bit| all | bit);
        }
        let key = if (!contested || views.len() <= 64) && asks {
            let field = *field | u32::from(keywords.is_some()) << 31;
            memo.key(About { plan: *version, field, views: counting }, value)
        } else {
            None
        };
        if let Some(key) = &key
            && let Some(answer) = memo.get(key)
        {
            habits[id.index()].knew();
            answer.predicates().for_each(|id| state.holds.set(id));
            if let Some(place) = keywords {
                let found = answer.predicates().filter(|id| compiled.is_keyword(*id));
                state.keyword_found.extend(found.map(|id| (id, place)));
            }
            answer.wakes().for_each(|at| state.woken.set(at));
            return;
        }
        let State { forms, work, predicates, wakes, best, holds, woken, keyword_found, .. } =
            &mut **state;
        predicates.clear();
        let counts = |logical: u32| {
            Some(logical) == compiled.keyword
                || views.iter().any(|v| {
                    v.logical == logical && (!contested || best[logical as usize].1 == v.rank)
                })
        };
        let wants = |id: u32| counts(compiled.logical[id as usize]);
        let seen = forms.of(value);
        let mut sink = Sink { wants, work, out: predicates };
        let mut lines = Lines { memo, plan: *of_plan };
        let keyword = keyword.filter(|_| keywords.is_some()).and_then(|at| tables.get(at));
        match (table.and_then(|at| tables.get(at)), keyword) {
            (Some(table), _) => table.eval(keyword, &mut lines, &seen, &mut sink),
            (None, Some(keyword)) => keyword.eval(None, &mut lines, &seen, &mut sink),
            (None, None) => {}
        }
        sink.end();
        triggers.wakes(predicates, wakes);
        predicates.iter().for_each(|id| holds.set(*id));
        wakes.iter().for_each(|at| woken.set(*at));
        if let Some(key) = &key {
            memo.put(key, predicates, wakes);
        }
        if let Some(place) = keywords {
            let found = predicates.iter().filter(|id| compiled.is_keyword(**id));
            keyword_found.extend(found.map(|id| (*id, place)));
        }
    }

    /// Tries the rules that were woken, and those that need no waking.
    fn wake(&mut self, event: &Event, found: &mut Vec<u32>) {
        let Compiled { runnables, specials, .. } = self.compiled;
        let State { holds, woken, .. } = &mut *self.state;
        self.plan.always.iter().for_each(|at| woken.set(*at));
        for at in woken.iter() {
            let Some(runnable) = runnables.get(at as usize) else { continue };
            let special = |id: u32| specials.get(id as usize).is_some_and(|s| special(s, event));
            if runnable.program.run(|id| holds.has(id), special) {
                found.push(runnable.rule);
            }
        }
        woken.clear();
    }
}
