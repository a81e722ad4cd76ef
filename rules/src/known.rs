//! A value and what it led to, in one cache line: what most values are answered from, at a place
//! of a layout or in the memo.

use events::Value;

/// Longest value kept, in bytes.
const BYTES_MAX: usize = 34;
/// Most numbers of its answer.
const IDS_MAX: usize = 4;

/// A short value with its answer, if that is short too.
#[repr(align(64))]
#[derive(Clone, Default)]
pub(crate) struct Known {
    /// [`Plan::version`](crate::plan::Plan::version) for which the answer holds; 0 if there is
    /// none.
    version: u32,
    /// For its keeper, to tell what else the answer depends on.
    pub(crate) about: u32,
    /// For its keeper, to tell whether it was asked for lately.
    pub(crate) recent: bool,
    /// Whether keywords are among the predicates that hold.
    pub(crate) keywords: bool,
    kind: u8,
    len: u8,
    predicates: u8,
    ids_len: u8,
    ids: [u32; IDS_MAX],
    value: Bytes,
}

const _: () = assert!(size_of::<Known>() == 64, "a cache line");

#[derive(Clone)]
struct Bytes([u8; BYTES_MAX]);

impl Default for Bytes {
    fn default() -> Self {
        Self([0; BYTES_MAX])
    }
}

/// The kind of a text.
const TEXT: u8 = 0;

/// A value's kind and bytes.
#[inline]
fn parts<'v>(value: Value<'v>, number: &'v mut [u8; 8]) -> (u8, &'v [u8]) {
    let (kind, bits) = match value {
        Value::Str(text) => return (TEXT, text.as_bytes()),
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

impl Known {
    /// The answer for a value, if it is this one: the predicates that hold, the runnables to
    /// wake.
    #[inline]
    pub(crate) fn answer(&self, version: u32, value: Value<'_>) -> Option<(&[u32], &[u32])> {
        let mut number = [0; 8];
        let (kind, bytes) = parts(value, &mut number);
        self.answer_to(version, kind, bytes)
    }

    /// [`Known::answer`] for a text.
    #[inline]
    pub(crate) fn answer_to_text(&self, version: u32, text: &[u8]) -> Option<(&[u32], &[u32])> {
        self.answer_to(version, TEXT, text)
    }

    #[inline]
    fn answer_to(&self, version: u32, kind: u8, bytes: &[u8]) -> Option<(&[u32], &[u32])> {
        let same = self.version == version
            && self.kind == kind
            && self.value.0.get(..usize::from(self.len)).is_some_and(|last| alike(last, bytes));
        if same { self.ids() } else { None }
    }

    /// The answer, whatever the value.
    #[inline]
    pub(crate) fn ids(&self) -> Option<(&[u32], &[u32])> {
        let ids = self.ids.get(..usize::from(self.ids_len))?;
        ids.split_at_checked(usize::from(self.predicates))
    }

    /// Keeps a value and its answer; `false` if they are too long, and then none is kept.
    #[inline]
    pub(crate) fn set(
        &mut self,
        version: u32,
        value: Value<'_>,
        predicates: impl Iterator<Item = u32>,
        wakes: impl Iterator<Item = u32>,
    ) -> bool {
        self.version = 0;
        let mut number = [0; 8];
        let (kind, bytes) = parts(value, &mut number);
        let Some(room) = self.value.0.get_mut(..bytes.len()) else { return false };
        room.copy_from_slice(bytes);
        (self.kind, self.len, self.predicates) = (kind, bytes.len() as u8, 0);
        let mut ids = self.ids.iter_mut().zip(1..);
        for id in predicates {
            let Some((slot, n)) = ids.next() else { return false };
            (*slot, self.predicates) = (id, n);
        }
        self.ids_len = self.predicates;
        for id in wakes {
            let Some((slot, n)) = ids.next() else { return false };
            (*slot, self.ids_len) = (id, n);
        }
        self.version = version;
        true
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
        fn the_value_kept_is_answered_and_no_other(
            values in prop::collection::vec("[ab]{0,2}|[ab]{33,37}|-?1|[01]\\.5|true|null", 1..20),
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
            let mut known = Known::default();
            for text in &values {
                known.set(7, value(text), predicates.iter().copied(), wakes.iter().copied());
                prop_assert_eq!(known.answer(8, value(text)), None);
                for other in &values {
                    let fits = ids.len() <= IDS_MAX && text.len() <= BYTES_MAX;
                    let want = (fits && text == other).then_some((predicates, wakes));
                    prop_assert_eq!(known.answer(7, value(other)), want, "{} {}", text, other);
                    let bytes = value(other).as_str().map(str::as_bytes);
                    let of_text = bytes.and_then(|bytes| known.answer_to_text(7, bytes));
                    prop_assert_eq!(of_text, want.filter(|_| bytes.is_some()), "{} {}", text, other);
                }
            }
        }
    }
}
