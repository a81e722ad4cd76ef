//! Layouts: which fields an event has, in their order. A source has few of them, so what a plan
//! makes of a layout is remembered: the values to look at, and by each the last one seen there
//! with its answer. Most values are that of the event before, and cost one comparison.

use events::{Event, FieldId, Value};

use crate::compile::pool::View;
use crate::limits;
use crate::plan::Plan;

/// The layouts met; ones with the same place push each other out. Past the last lies the one of
/// events with too many fields, made anew each time.
#[derive(Default)]
pub(crate) struct Layouts {
    kept: Vec<Layout>,
    /// Buffer: by logical field, the stamp of a layout and the best candidate present.
    best: Vec<(u32, u32)>,
    stamp: u32,
}

/// One layout, for one plan.
#[derive(Default)]
struct Layout {
    /// [`Plan::id`]; 0 is no plan's.
    plan: u32,
    keywords: bool,
    ids: Vec<FieldId>,
    places: Vec<Place>,
    /// By place.
    lasts: Vec<Last>,
}

/// A value to look at.
pub(crate) struct Place {
    /// Its place in the order of the event's fields.
    pub(crate) at: u32,
    pub(crate) field: FieldId,
    /// Index into [`Plan::looks`].
    pub(crate) look: u32,
    pub(crate) counting: Counting,
}

impl Place {
    pub(crate) fn new(at: u32, field: FieldId, look: usize) -> Self {
        Self { at, field, look: look as u32, counting: Counting::default() }
    }
}

/// Which views of a look count. Where several candidates of one logical field are present, only
/// the first in its order does.
#[derive(Default)]
pub(crate) struct Counting(Option<Box<[u64]>>);

impl Counting {
    fn of(views: impl Iterator<Item = bool>) -> Self {
        let (mut bits, mut all) = (Vec::new(), true);
        for (counts, at) in views.zip(0..) {
            if at % 64 == 0 {
                bits.push(0);
            }
            if let Some(word) = bits.last_mut() {
                *word |= u64::from(counts) << (at % 64);
            }
            all &= counts;
        }
        Self((!all).then(|| bits.into()))
    }

    /// Whether a view counts, by its place among the look's.
    #[inline]
    pub(crate) fn counts(&self, view: usize) -> bool {
        match &self.0 {
            None => true,
            Some(bits) => bits.get(view / 64).is_some_and(|word| word >> (view % 64) & 1 == 1),
        }
    }

    /// All of it as one number; `None` if there are too many views.
    #[inline]
    pub(crate) fn bits(&self) -> Option<u64> {
        match self.0.as_deref() {
            None => Some(u64::MAX),
            Some([bits]) => Some(*bits),
            Some(_) => None,
        }
    }
}

/// Longest value kept as the last one, in bytes.
const LAST_BYTES_MAX: usize = 40;
/// Most numbers of its answer.
const LAST_IDS_MAX: usize = 4;

/// The last value at a place, if it and its answer are short: a cache line.
#[repr(align(64))]
#[derive(Clone, Default)]
pub(crate) struct Last {
    /// [`Plan::version`] for which the answer holds; 0 if there is none.
    version: u32,
    kind: u8,
    len: u8,
    predicates: u8,
    ids_len: u8,
    ids: [u32; LAST_IDS_MAX],
    value: Bytes,
}

#[derive(Clone)]
struct Bytes([u8; LAST_BYTES_MAX]);

impl Default for Bytes {
    fn default() -> Self {
        Self([0; LAST_BYTES_MAX])
    }
}

/// A value's kind and bytes.
#[inline]
fn parts<'v>(value: Value<'v>, number: &'v mut [u8; 8]) -> (u8, &'v [u8]) {
    let (kind, bits) = match value {
        Value::Str(text) => return (0, text.as_bytes()),
        Value::Null => (1, 0),
        Value::Bool(b) => (2, u64::from(b)),
        Value::Int(n) => (3, n as u64),
        Value::Float(f) => (4, f.to_bits()),
    };
    *number = bits.to_le_bytes();
    (kind, number)
}

/// Whether two short texts are the same. Both ends are compared, which may overlap: a call for
/// so few bytes would cost more.
#[inline]
fn alike(a: &[u8], b: &[u8]) -> bool {
    fn ends<const SIZE: usize>(a: &[u8], b: &[u8]) -> Option<bool> {
        let first = a.first_chunk::<SIZE>()? == b.first_chunk::<SIZE>()?;
        Some(first & (a.last_chunk::<SIZE>()? == b.last_chunk::<SIZE>()?))
    }
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        0..4 => a.iter().eq(b),
        4..8 => ends::<4>(a, b) == Some(true),
        8..16 => ends::<8>(a, b) == Some(true),
        16..=32 => ends::<16>(a, b) == Some(true),
        _ => a == b,
    }
}

impl Last {
    /// The answer for a value, if it is the last one: the predicates that hold, the runnables to
    /// wake.
    #[inline]
    pub(crate) fn answer(&self, version: u32, value: Value<'_>) -> Option<(&[u32], &[u32])> {
        let mut number = [0; 8];
        let (kind, bytes) = parts(value, &mut number);
        let same = self.version == version
            && self.kind == kind
            && self.value.0.get(..usize::from(self.len)).is_some_and(|last| alike(last, bytes));
        let ids = self.ids.get(..usize::from(self.ids_len)).filter(|_| same)?;
        ids.split_at_checked(usize::from(self.predicates))
    }

    /// Keeps a value and its answer.
    #[inline]
    pub(crate) fn set(
        &mut self,
        version: u32,
        value: Value<'_>,
        predicates: impl Iterator<Item = u32>,
        wakes: impl Iterator<Item = u32>,
    ) {
        self.version = 0;
        let mut number = [0; 8];
        let (kind, bytes) = parts(value, &mut number);
        let Some(room) = self.value.0.get_mut(..bytes.len()) else { return };
        room.copy_from_slice(bytes);
        (self.kind, self.len, self.predicates) = (kind, bytes.len() as u8, 0);
        let mut ids = self.ids.iter_mut().zip(1..);
        for id in predicates {
            let Some((slot, n)) = ids.next() else { return };
            (*slot, self.predicates) = (id, n);
        }
        self.ids_len = self.predicates;
        for id in wakes {
            let Some((slot, n)) = ids.next() else { return };
            (*slot, self.ids_len) = (id, n);
        }
        self.version = version;
    }
}

impl Layouts {
    /// The values of an event to look at, by a plan; those that only keywords look at if these
    /// may lie in the event.
    #[inline]
    pub(crate) fn of(
        &mut self,
        event: &Event,
        plan: &Plan,
        keywords: bool,
    ) -> (&[Place], &mut [Last]) {
        let ids = event.ids();
        // The products do not wait for each other.
        let sum = ids.clone().fold(u64::from(plan.id), |sum, id| {
            let term = (id.index() as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            sum.rotate_left(1).wrapping_add(term)
        });
        let fits = ids.len() <= limits::LAYOUT_FIELDS_MAX;
        let at =
            if fits { (sum >> 32) as usize % limits::LAYOUTS_MAX } else { limits::LAYOUTS_MAX };
        let same = self.kept.get(at).is_some_and(|layout| {
            (layout.plan, layout.keywords) == (plan.id, keywords)
                && layout.ids.len() == ids.len()
                && layout.ids.iter().zip(ids).all(|(a, b)| *a == b)
        });
        if !same {
            self.learn(at, event, plan, keywords);
        }
        match self.kept.get_mut(at) {
            Some(Layout { places, lasts, .. }) => (places, lasts),
            None => (&[], &mut []),
        }
    }

    /// Makes the layout of an event the one kept at a place.
    #[cold]
    fn learn(&mut self, at: usize, event: &Event, plan: &Plan, keywords: bool) {
        if self.kept.is_empty() {
            self.kept.resize_with(limits::LAYOUTS_MAX + 1, Layout::default);
        }
        let Self { kept, best, stamp } = self;
        let Some(layout) = kept.get_mut(at) else { return };
        layout.places.clear();
        layout.lasts.clear();
        layout.ids.clear();
        (layout.plan, layout.keywords) = (plan.id, keywords);
        if event.len() <= limits::LAYOUT_FIELDS_MAX {
            layout.ids.extend(event.ids());
        }
        *stamp = stamp.wrapping_add(1);
        if *stamp == 0 {
            best.fill((0, 0));
            *stamp = 1;
        }
        let mut contested = false;
        for (field, at) in event.ids().zip(0u32..) {
            let Some(look) = plan.look(field) else { continue };
            if !keywords && plan.looks[look].table.is_none() {
                continue;
            }
            for view in &plan.looks[look].views {
                let logical = view.logical as usize;
                if best.len() <= logical {
                    best.resize(logical + 1, (0, 0));
                }
                let best = &mut best[logical];
                if best.0 != *stamp {
                    *best = (*stamp, view.rank);
                } else if best.1 != view.rank {
                    contested = true;
                    best.1 = best.1.min(view.rank);
                }
            }
            layout.places.push(Place::new(at, field, look));
        }
        layout.lasts.resize(layout.places.len(), Last::default());
        if contested {
            let counts = |view: &View| best[view.logical as usize].1 == view.rank;
            for place in &mut layout.places {
                place.counting =
                    Counting::of(plan.looks[place.look as usize].views.iter().map(counts));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_are_told_apart_wherever_they_differ(
            text in "[ab]{0,40}",
            at in any::<prop::sample::Index>(),
            more in "[ab]{0,1}",
        ) {
            let mut other = text.clone().into_bytes();
            prop_assert!(alike(text.as_bytes(), &other));
            if !text.is_empty() {
                other[at.index(text.len())] = b'x';
                prop_assert!(!alike(text.as_bytes(), &other));
            }
            prop_assert_eq!(alike(text.as_bytes(), (text.clone() + &more).as_bytes()), more.is_empty());
        }

        #[test]
        fn the_last_value_is_answered_and_no_other(
            values in prop::collection::vec("[ab]{0,2}|[ab]{38,42}|-?1|[01]\\.5|true|null", 1..20),
            ids in prop::collection::vec(0u32..9, 0..7),
            split in any::<prop::sample::Index>(),
        ) {
            let read = |text: &'_ str| match text {
                "null" => Value::Null,
                "true" => Value::Bool(true),
                _ => text.parse().map(Value::Int).or_else(|_| text.parse().map(Value::Float))
                    .unwrap_or(Value::Null),
            };
            let value = |text: &'static str| if text.starts_with(['a', 'b']) || text.is_empty() {
                Value::Str(text)
            } else {
                read(text)
            };
            let values: Vec<&'static str> = values.into_iter().map(|v| &*v.leak()).collect();
            let (predicates, wakes) = ids.split_at(split.index(ids.len() + 1));
            let mut last = Last::default();
            for text in &values {
                last.set(7, value(text), predicates.iter().copied(), wakes.iter().copied());
                prop_assert_eq!(last.answer(8, value(text)), None);
                for other in &values {
                    let fits = ids.len() <= LAST_IDS_MAX && text.len() <= LAST_BYTES_MAX;
                    let want = (fits && text == other).then_some((predicates, wakes));
                    prop_assert_eq!(last.answer(7, value(other)), want, "{} {}", text, other);
                }
            }
        }
    }
}
