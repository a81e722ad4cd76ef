//! The one pass over an event: every field that matters is looked at once, the predicates that
//! hold are collected, and the rules they wake are tried.

use events::{Event, FieldId, Value};

use crate::bits::Bits;
use crate::compile::field::{Sink, Work};
use crate::compile::pool::Compiled;
use crate::known::Known;
use crate::layout::{Layouts, Place};
use crate::lines::Lines;
use crate::memo::{About, Key, Memo};
use crate::plan::{Look, Plan};
use crate::seen::Forms;
use crate::set::special;

/// Buffers of the pass; reused from event to event.
#[derive(Default)]
pub(crate) struct State {
    forms: Forms,
    /// An event's texts, for the screen of keywords.
    texts: Vec<u8>,
    work: Work,
    /// Predicates that hold for the event.
    holds: Bits,
    /// Runnables to try.
    woken: Bits,
    layouts: Layouts,
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
            work: Work::with_room(compiled.predicates),
            ..Self::default()
        }
    }
}

impl State {
    /// Notes what holds for a value.
    #[inline]
    fn hold(&mut self, predicates: impl Iterator<Item = u32>, wakes: impl Iterator<Item = u32>) {
        predicates.for_each(|id| self.holds.set(id));
        wakes.for_each(|at| self.woken.set(at));
    }

    /// Notes what holds for a value; keywords with the place of the value, if they are looked for.
    #[inline]
    fn note(
        &mut self,
        compiled: &Compiled,
        keywords: Option<u32>,
        predicates: impl Iterator<Item = u32> + Clone,
        wakes: impl Iterator<Item = u32>,
    ) {
        self.hold(predicates.clone(), wakes);
        if let Some(place) = keywords {
            self.hold_keywords(compiled, place, predicates);
        }
    }

    /// Notes in which value keywords were found.
    fn hold_keywords(
        &mut self,
        compiled: &Compiled,
        place: u32,
        predicates: impl Iterator<Item = u32>,
    ) {
        let found = predicates.filter(|id| compiled.is_keyword(*id));
        self.keyword_found.extend(found.map(|id| (id, place)));
    }

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
        self.state.keyword_found.clear();
        let mut layouts = std::mem::take(&mut self.state.layouts);
        let (places, lasts) = layouts.of(event, self.plan, keywords);
        let version = self.plan.version;
        for (place, last) in places.iter().zip(lasts) {
            let at = place.at as usize;
            // Most values are the last ones at their place.
            let known = match event.text_at(at) {
                Some(text) => last.answer_to_text(version, text),
                None => last.answer(version, event.value_at(at)),
            };
            let Some((held, wakes)) = known else {
                self.value(place, last, event.value_at(at), keywords);
                continue;
            };
            self.state.hold(held.iter().copied(), wakes.iter().copied());
            if last.keywords {
                self.state.hold_keywords(self.compiled, place.at, held.iter().copied());
            }
        }
        self.state.layouts = layouts;
        for (field, value) in virtuals {
            if let Some(look) = self.plan.look(field) {
                // Not a field of the event, so no keyword is looked for in it.
                self.value(&Place::new(0, field, look), &mut Known::default(), value, false);
            }
        }
        self.wake(event, found);
        if self.plan.learn(self.compiled, &self.state.holds, *versions + 1) {
            *versions += 1;
        }
        self.state.holds.clear();
    }

    /// Whether any keyword may lie in the event: mostly not, which one look at all its texts
    /// tells.
    fn keywords(&mut self, event: &Event) -> bool {
        let table = self.plan.keyword.and_then(|at| self.plan.tables.get(at));
        table.is_some_and(|table| table.may_hold(event, &mut self.state.texts))
    }

    /// Notes what holds for a value that is not the last one at its place; of keywords if they are looked for.
    #[inline(never)]
    fn value(&mut self, place: &Place, last: &mut Known, value: Value<'_>, keywords: bool) {
        let Self { compiled, plan, memo, state } = self;
        let version = plan.version;
        let asks = plan.habit(place.field).asks();
        let Look { field, .. } = plan.looks[place.look as usize];
        let views = place.counting.bits().filter(|_| asks);
        let key = views.and_then(|views| {
            let field = field | u32::from(keywords) << 31;
            memo.key(About { plan: version, field, views }, value)
        });
        if let Some(known) = key.as_ref().and_then(|key| memo.short(key, value))
            && let Some((predicates, wakes)) = known.ids()
        {
            plan.habits[place.field.index()].knew();
            last.clone_from(known);
            let at = keywords.then_some(place.at);
            return state.note(compiled, at, predicates.iter().copied(), wakes.iter().copied());
        }
        if let Some(key) = &key
            && let Some(answer) = memo.get(key)
        {
            plan.habits[place.field.index()].knew();
            last.set(version, value, answer.predicates(), answer.wakes());
            last.keywords = keywords && answer.predicates().any(|id| compiled.is_keyword(id));
            let at = keywords.then_some(place.at);
            return state.note(compiled, at, answer.predicates(), answer.wakes());
        }
        self.new_value((place, last), value, keywords, key.as_ref());
    }

    /// Works out what holds for a value that is not known.
    fn new_value(
        &mut self,
        (place, last): (&Place, &mut Known),
        value: Value<'_>,
        keywords: bool,
        key: Option<&Key<'_>>,
    ) {
        let Self { compiled, plan, memo, state } = self;
        let Plan { id, looks, tables, version, keyword, triggers, .. } = &mut **plan;
        let Look { table, views, .. } = &looks[place.look as usize];
        let State { forms, work, predicates, wakes, .. } = &mut **state;
        predicates.clear();
        let counts = |logical: u32| {
            let mut of_logical = views.iter().zip(0..).filter(|(view, _)| view.logical == logical);
            Some(logical) == compiled.keyword || of_logical.any(|(_, at)| place.counting.counts(at))
        };
        let wants = |id: u32| counts(compiled.logical[id as usize]);
        let seen = forms.of(value);
        let mut sink = Sink { wants, work, out: predicates };
        let mut lines = Lines { memo, plan: *id };
        let keyword = keyword.filter(|_| keywords).and_then(|at| tables.get(at));
        match (table.and_then(|at| tables.get(at)), keyword) {
            (Some(table), _) => table.eval(keyword, &mut lines, &seen, &mut sink),
            (None, Some(keyword)) => keyword.eval(None, &mut lines, &seen, &mut sink),
            (None, None) => {}
        }
        sink.end();
        triggers.wakes(predicates, wakes);
        let (held, woken) = (predicates.iter().copied(), wakes.iter().copied());
        let with_keywords = keywords && held.clone().any(|id| compiled.is_keyword(id));
        if let Some(key) = key
            && !memo.put_short(key, value, held.clone(), woken.clone(), with_keywords)
        {
            memo.put(key, held.clone(), woken.clone());
        }
        last.set(*version, value, held, woken);
        last.keywords = with_keywords;
        let (predicates, wakes) = (std::mem::take(predicates), std::mem::take(wakes));
        let at = keywords.then_some(place.at);
        state.note(compiled, at, predicates.iter().copied(), wakes.iter().copied());
        (state.predicates, state.wakes) = (predicates, wakes);
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
