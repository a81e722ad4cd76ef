//! What values of fields led to. Values repeat (paths, users, hosts), so most are answered from
//! here and never reach the tables.
//!
//! Bounded in entries and bytes; a value finds room in one of two places, and the one not asked
//! for lately gives way. Whole values are compared, so a collision costs time, never a wrong
//! answer. Short values with short answers have places of their own, a cache line each.

use std::hash::{BuildHasher, Hasher};

use events::Value;
use hashbrown::DefaultHashBuilder;

use crate::known::Known;
use crate::limits;

/// Bounds of a memo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoLimits {
    /// Values remembered; rounded up to a power of two.
    pub values_max: usize,
    /// Longest value remembered, in bytes.
    pub value_bytes_max: usize,
    /// Memory for values and answers, in bytes; past it everything is forgotten.
    pub bytes_max: usize,
}

impl Default for MemoLimits {
    fn default() -> Self {
        Self {
            values_max: limits::MEMO_VALUES_MAX,
            value_bytes_max: limits::MEMO_VALUE_BYTES_MAX,
            bytes_max: limits::MEMO_BYTES_MAX,
        }
    }
}

/// What an answer depends on besides the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// The plan and its choice of triggers.
    pub(crate) plan: u32,
    /// The field; the highest bit tells whether keywords are looked for as well.
    pub(crate) field: u32,
    /// Which of the field's views count, as bits.
    pub(crate) views: u64,
}

/// The memo.
pub(crate) struct Memo {
    slots: Vec<Slot>,
    short: Vec<Known>,
    hasher: DefaultHashBuilder,
    limits: MemoLimits,
    bytes: usize,
}

#[derive(Default)]
struct Slot {
    hash: u64,
    about: About,
    kind: Kind,
    /// Asked for since it was last spared.
    recent: bool,
    /// Length of the value within `data`, then the end of the predicates.
    value: u32,
    predicates: u32,
    /// The value's bytes, the predicates, the rules to wake.
    data: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Vacant,
    Null,
    Bool,
    Int,
    Float,
    Text,
}

impl Slot {
    #[inline]
    fn answers(&self, key: &Key<'_>) -> bool {
        self.hash == key.hash
            && self.about == key.about
            && self.kind == key.kind
            && self.data.get(..self.value as usize) == Some(key.bytes())
    }
}

/// A question: a value and what the answer depends on.
pub(crate) struct Key<'v> {
    hash: u64,
    about: About,
    kind: Kind,
    text: &'v [u8],
    small: [u8; 8],
}

impl Key<'_> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        if self.kind == Kind::Text { self.text } else { &self.small }
    }
}

/// What a value led to: the predicates that hold, and the runnables they wake.
#[derive(Clone, Copy)]
pub(crate) struct Answer<'m> {
    predicates: &'m [u8],
    wakes: &'m [u8],
}

impl<'m> Answer<'m> {
    #[inline]
    pub(crate) fn predicates(self) -> impl Iterator<Item = u32> + Clone + 'm {
        self.predicates.as_chunks().0.iter().map(|id| u32::from_le_bytes(*id))
    }

    #[inline]
    pub(crate) fn wakes(self) -> impl Iterator<Item = u32> + Clone + 'm {
        self.wakes.as_chunks().0.iter().map(|id| u32::from_le_bytes(*id))
    }
}

impl Memo {
    pub(crate) fn new(limits: MemoLimits) -> Self {
        Self {
            slots: Vec::new(),
            short: Vec::new(),
            hasher: DefaultHashBuilder::default(),
            limits,
            bytes: 0,
        }
    }

    pub(crate) fn limits(&self) -> MemoLimits {
        self.limits
    }

    /// A question; `None` for a value too long to keep.
    #[inline]
    pub(crate) fn key<'v>(&self, about: About, value: Value<'v>) -> Option<Key<'v>> {
        let (kind, text, small) = match value {
            Value::Str(text) => (Kind::Text, text.as_bytes(), 0),
            Value::Int(n) => (Kind::Int, &[][..], n as u64),
            Value::Float(f) => (Kind::Float, &[][..], f.to_bits()),
            Value::Bool(b) => (Kind::Bool, &[][..], u64::from(b)),
            Value::Null => (Kind::Null, &[][..], 0),
        };
        if text.len() > self.limits.value_bytes_max {
            return None;
        }
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u64(u64::from(about.plan) << 32 | u64::from(about.field));
        hasher.write_u64(about.views ^ small);
        hasher.write(text);
        Some(Key { hash: hasher.finish(), about, kind, text, small: small.to_le_bytes() })
    }

    /// The short value asked for, if it is known.
    #[inline]
    pub(crate) fn short(&mut self, key: &Key<'_>, value: Value<'_>) -> Option<&Known> {
        if key.about.views != u64::MAX {
            return None;
        }
        let first = pair(&self.short, key.hash);
        let pair = self.short.get_mut(first..first + 2)?;
        let About { plan, field, .. } = key.about;
        let of = |known: &Known| known.about == field && known.answer(plan, value).is_some();
        let known = pair.iter_mut().find(|known| of(known))?;
        known.recent = true;
        Some(known)
    }

    /// [`Memo::put`] for a short answer to a short value; `false` if either is too long. `keywords`: see
    /// [`Known::keywords`].
    pub(crate) fn put_short(
        &mut self,
        key: &Key<'_>,
        value: Value<'_>,
        predicates: impl Iterator<Item = u32>,
        wakes: impl Iterator<Item = u32>,
        keywords: bool,
    ) -> bool {
        let About { plan, field, views } = key.about;
        let mut known = Known::default();
        (known.about, known.keywords) = (field, keywords);
        if views != u64::MAX || !known.set(plan, value, predicates, wakes) {
            return false;
        }
        if self.short.is_empty() {
            self.short.resize_with(places(self.limits), Known::default);
        }
        let of = |known: &Known| known.about == field && known.answer(plan, value).is_some();
        if let Some(place) = room(&mut self.short, key.hash, of, |known| &mut known.recent) {
            *place = known;
        }
        true
    }

    /// The answer, if it is known.
    #[inline]
    pub(crate) fn get(&mut self, key: &Key<'_>) -> Option<Answer<'_>> {
        let first = pair(&self.slots, key.hash);
        let pair = self.slots.get_mut(first..first + 2)?;
        let slot = pair.iter_mut().find(|slot| slot.answers(key))?;
        slot.recent = true;
        let predicates = slot.data.get(slot.value as usize..slot.predicates as usize)?;
        Some(Answer { predicates, wakes: slot.data.get(slot.predicates as usize..)? })
    }

    /// Remembers an answer.
    pub(crate) fn put(
        &mut self,
        key: &Key<'_>,
        predicates: impl Iterator<Item = u32>,
        wakes: impl Iterator<Item = u32>,
    ) {
        if self.bytes > self.limits.bytes_max {
            self.slots.clear();
            self.bytes = 0;
        }
        if self.slots.is_empty() {
            self.slots.resize_with(places(self.limits), Slot::default);
        }
        let of = |slot: &Slot| slot.answers(key);
        let Some(slot) = room(&mut self.slots, key.hash, of, |slot| &mut slot.recent) else {
            return;
        };
        slot.recent = false;
        self.bytes -= slot.data.capacity();
        slot.data.clear();
        slot.data.extend_from_slice(key.bytes());
        slot.value = slot.data.len() as u32;
        slot.data.extend(predicates.flat_map(u32::to_le_bytes));
        slot.predicates = slot.data.len() as u32;
        slot.data.extend(wakes.flat_map(u32::to_le_bytes));
        self.bytes += slot.data.capacity();
        (slot.hash, slot.about, slot.kind) = (key.hash, key.about, key.kind);
    }
}

/// How many places there are for values of a length.
fn places(limits: MemoLimits) -> usize {
    limits.values_max.max(2).next_power_of_two()
}

/// The first of the two places for a value.
#[inline]
fn pair<T>(places: &[T], hash: u64) -> usize {
    hash as usize & places.len().saturating_sub(1) & !1
}

/// Room for a value: its own if it is there, else that of the two not asked for lately.
fn room<T>(
    places: &mut [T],
    hash: u64,
    is_it: impl Fn(&T) -> bool,
    recent: impl Fn(&mut T) -> &mut bool,
) -> Option<&mut T> {
    let first = pair(places, hash);
    let [one, two] = places.get_mut(first..first + 2)? else { return None };
    if is_it(one) || (!*recent(one) && !is_it(two)) {
        return Some(one);
    }
    *recent(one) &= !*recent(two);
    Some(two)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use proptest::prelude::*;

    fn value(text: &str) -> Value<'_> {
        match text {
            "" => Value::Null,
            "a" => Value::Bool(true),
            _ => text.parse().map_or(Value::Str(text), Value::Int),
        }
    }

    proptest! {
        #[test]
        fn an_answer_is_always_the_last_one_put(
            steps in prop::collection::vec(("[ab0-2]{0,3}", 0u32..3, u64::MAX - 2..=u64::MAX), 1..200),
            values_max in 0usize..9,
            bytes_max in 0usize..400,
        ) {
            let mut memo = Memo::new(MemoLimits { values_max, value_bytes_max: 2, bytes_max });
            let mut put: HashMap<(String, u32, u64), u32> = HashMap::new();
            for ((text, field, views), n) in steps.iter().zip(0u32..) {
                let about = About { plan: 1, field: *field, views: *views };
                let Some(key) = memo.key(about, value(text)) else {
                    prop_assert!(text.len() > 2);
                    continue;
                };
                let last = put.get(&(format!("{:?}", value(text)), *field, *views));
                if let Some(answer) = memo.get(&key) {
                    prop_assert_eq!(answer.predicates().collect::<Vec<_>>(), [7, *last.unwrap()]);
                    prop_assert_eq!(answer.wakes().collect::<Vec<_>>(), [*last.unwrap()]);
                }
                if let Some(known) = memo.short(&key, value(text)) {
                    let (predicates, wakes) = known.answer(1, value(text)).unwrap();
                    prop_assert_eq!(predicates, [7, *last.unwrap()]);
                    prop_assert_eq!(wakes, [*last.unwrap()]);
                }
                memo.put(&key, [7, n].into_iter(), [n].into_iter());
                prop_assert!(memo.get(&key).is_some());
                // Where a look's views count in part, nothing is kept as short.
                let kept = memo.put_short(&key, value(text), [7, n].into_iter(), [n].into_iter(), false);
                prop_assert_eq!(kept, *views == u64::MAX);
                prop_assert_eq!(memo.short(&key, value(text)).is_some(), kept);
                put.insert((format!("{:?}", value(text)), *field, *views), n);
                prop_assert!(memo.bytes <= bytes_max + 64, "{} bytes", memo.bytes);
            }
        }
    }

    #[test]
    fn equal_hashes_are_told_apart_by_value() {
        let mut memo = Memo::new(MemoLimits::default());
        let mut one = memo.key(About::default(), Value::Str("one")).unwrap();
        memo.put(&one, [1].into_iter(), [].into_iter());
        let mut two = memo.key(About::default(), Value::Str("two")).unwrap();
        two.hash = one.hash;
        assert!(memo.get(&two).is_none());
        one.about.field = 9;
        assert!(memo.get(&one).is_none());
        assert!(memo.key(About::default(), Value::Str(&"x".repeat(1 << 16))).is_none());
    }
}
