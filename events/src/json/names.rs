//! Names of members, remembered per thread: which name follows the ones before it, so that a
//! source which repeats its order costs one comparison of bytes per member, and no look-up.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use wide::u8x16;

use crate::event::Event;
use crate::field::FieldId;
use crate::limits;
use crate::value::Value;

/// Names remembered; past it they are all forgotten before the next record.
const NAMES_MAX: usize = 8_192;
/// Ways through a record remembered; ways with the same place push each other out.
const WAYS: usize = 1 << 13;
/// No name: the number of none.
const NONE: u32 = u32::MAX;

/// A name, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name(u32);

/// The names that a record has had so far, in their order, as a hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Way(u64);

impl Way {
    /// The way on over a name.
    #[inline]
    pub(super) fn over(self, name: Name) -> Self {
        // An odd constant with its ones well spread: each name changes the leading bits.
        Self((self.0 ^ u64::from(name.0)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29))
    }

    #[inline]
    fn place(self) -> usize {
        self.0 as usize % WAYS
    }
}

/// The names met so far, as a tree: a name below another is joined to it by a dot.
pub(super) struct Names {
    nodes: Vec<Node>,
    /// By name.
    paths: Vec<Path>,
    /// By the way to it, the name that came next the last time.
    ahead: Box<[u32; WAYS]>,
    by_key: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

/// What is asked of a name for every member: a cache line.
#[repr(align(64))]
struct Node {
    /// The first [`HEAD`] bytes of its own part of the path and a closing quote.
    head: [u8; HEAD],
    /// Which of them there are, as bits.
    mask: u32,
    /// Bytes of its own part.
    len: u32,
    parent: u32,
    /// The member that came first within it the last time.
    first: u32,
    /// The member that came after it the last time.
    next: u32,
    field: Field,
}

/// Only a name that has a value becomes a field.
#[derive(Clone, Copy)]
enum Field {
    Unasked,
    Known(FieldId),
    /// It can no longer be interned.
    Overflow,
}

/// Bytes of a name compared at once.
const HEAD: usize = 32;

impl Node {
    fn new(parent: u32, own: &str) -> Self {
        let mut head = [0; HEAD];
        let text = own.bytes().chain([b'"']);
        head.iter_mut().zip(text).for_each(|(place, byte)| *place = byte);
        let count = (own.len() + 1).min(HEAD) as u32;
        let mask = u32::MAX >> (HEAD as u32 - count);
        let (field, len) = (Field::Unasked, own.len() as u32);
        Self { head, mask, len, parent, first: NONE, next: NONE, field }
    }

    /// Whether the text begins with the head, of a name that is shorter than it.
    #[inline]
    fn begins(&self, text: &[u8; HEAD]) -> bool {
        let (text, head) = (text.as_chunks::<16>().0, self.head.as_chunks::<16>().0);
        let same = |at: usize| {
            let equal = u8x16::new(text[at]).simd_eq(u8x16::new(head[at]));
            equal.to_bitmask() & 0xffff
        };
        (same(0) | same(1) << 16) & self.mask == self.mask
    }
}

/// A name as a path.
struct Path {
    text: Box<str>,
    /// Where its own part begins.
    key: usize,
}

impl Path {
    fn key(&self) -> &str {
        self.text.get(self.key..).unwrap_or_default()
    }
}

impl Names {
    pub(super) fn new() -> Self {
        let ahead = Box::new([NONE; WAYS]);
        let mut names = Self {
            nodes: Vec::new(),
            paths: Vec::new(),
            ahead,
            by_key: HashTable::new(),
            hasher: Default::default(),
        };
        names.forget();
        names
    }

    /// The name of the object itself. Names of an earlier record must not be used any more.
    pub(super) fn root(&mut self) -> Name {
        if self.nodes.len() > NAMES_MAX {
            self.forget();
        }
        Name(0)
    }

    fn forget(&mut self) {
        self.by_key.clear();
        self.ahead.fill(NONE);
        self.nodes.clear();
        self.paths.clear();
        self.nodes.push(Node::new(NONE, ""));
        self.paths.push(Path { text: "".into(), key: 0 });
    }

    /// The member of `parent` that came next on this way the last time, if the text that follows
    /// its opening quote is that name and the closing quote; with the name's length.
    #[inline]
    pub(super) fn expected(&self, parent: Name, way: Way, text: &[u8]) -> Option<(Name, usize)> {
        self.if_it_is(self.ahead[way.place()], parent, text)
    }

    /// The same for the member that came after `previous` (or first) the last time, on any way.
    #[inline]
    pub(super) fn expected_after(
        &mut self,
        parent: Name,
        previous: Option<Name>,
        way: Way,
        text: &[u8],
    ) -> Option<(Name, usize)> {
        let expected = match previous {
            Some(name) => self.nodes.get(name.0 as usize)?.next,
            None => self.nodes.get(parent.0 as usize)?.first,
        };
        let found = self.if_it_is(expected, parent, text)?;
        self.ahead[way.place()] = expected;
        Some(found)
    }

    #[inline]
    fn if_it_is(&self, expected: u32, parent: Name, text: &[u8]) -> Option<(Name, usize)> {
        let node = self.nodes.get(expected as usize)?;
        let len = node.len as usize;
        let begins = match text.first_chunk() {
            Some(chunk) if len < HEAD => node.begins(chunk),
            _ => self.begins_slowly(expected, text),
        };
        (node.parent == parent.0 && begins).then_some((Name(expected), len))
    }

    /// For long names, and near the record's end.
    #[cold]
    fn begins_slowly(&self, name: u32, text: &[u8]) -> bool {
        let path = self.paths.get(name as usize);
        let rest = path.and_then(|path| text.strip_prefix(path.key().as_bytes()));
        rest.is_some_and(|rest| rest.starts_with(b"\""))
    }

    /// The member of this name within `parent`, made if new; it will be expected after
    /// `previous` and on this way the next time. The key must hold no escapes. `None` when the
    /// name is too long or one record has too many.
    pub(super) fn find(
        &mut self,
        parent: Name,
        previous: Option<Name>,
        way: Way,
        key: &str,
    ) -> Option<Name> {
        let hash = self.hasher.hash_one((parent.0, key));
        let same = |at: &u32| {
            let path = self.paths.get(*at as usize).filter(|path| path.key() == key);
            let node = self.nodes.get(*at as usize).filter(|node| node.parent == parent.0);
            path.is_some() && node.is_some()
        };
        let at = match self.by_key.find(hash, same) {
            Some(at) => *at,
            None => self.add(parent, key, hash)?,
        };
        let expecting = match previous {
            Some(name) => &mut self.nodes.get_mut(name.0 as usize)?.next,
            None => &mut self.nodes.get_mut(parent.0 as usize)?.first,
        };
        *expecting = at;
        self.ahead[way.place()] = at;
        Some(Name(at))
    }

    fn add(&mut self, parent: Name, key: &str, hash: u64) -> Option<u32> {
        let above = &self.paths.get(parent.0 as usize)?.text;
        let path = if above.is_empty() { key.to_owned() } else { format!("{above}.{key}") };
        if path.len() > limits::FIELD_NAME_BYTES_MAX || self.nodes.len() > 2 * NAMES_MAX {
            return None;
        }
        let at = self.nodes.len() as u32;
        self.nodes.push(Node::new(parent.0, key));
        self.paths.push(Path { key: path.len() - key.len(), text: path.into() });
        let Self { nodes, paths, hasher, by_key, .. } = self;
        by_key.insert_unique(hash, at, |at| {
            let known = nodes.get(*at as usize).zip(paths.get(*at as usize));
            known.map_or(0, |(node, path)| hasher.hash_one((node.parent, path.key())))
        });
        Some(at)
    }

    /// The field of a name; `None` when it cannot be interned.
    #[inline]
    pub(super) fn field(&mut self, name: Name) -> Option<FieldId> {
        let node = self.nodes.get_mut(name.0 as usize)?;
        match node.field {
            Field::Known(id) => Some(id),
            Field::Overflow => None,
            Field::Unasked => {
                let path = self.paths.get(name.0 as usize)?;
                let found = FieldId::intern(&path.text);
                node.field = found.map_or(Field::Overflow, Field::Known);
                found
            }
        }
    }

    /// Adds a value under a name.
    #[inline]
    pub(super) fn push(&mut self, name: Name, value: Value<'_>, event: &mut Event) {
        match self.field(name) {
            Some(id) => event.push(id, value),
            None => {
                let path = self.paths.get(name.0 as usize).map_or("", |path| &path.text);
                event.push_named(path, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_followed_once_is_expected_again() {
        let mut names = Names::new();
        let (root, start) = (names.root(), Way::default());
        assert_eq!(names.expected(root, start, b"a\": 1"), None);
        let a = names.find(root, None, start, "a").unwrap();
        let way = start.over(a);
        let b = names.find(root, Some(a), way, "b").unwrap();
        assert_eq!(names.expected(root, start, b"a\": 1"), Some((a, 1)));
        assert_eq!(names.expected(root, way, b"b\""), Some((b, 1)));
        assert_eq!(names.expected(root, way, b"bc\""), None, "a longer name");
        assert_eq!(names.expected(root, way, b"b"), None, "cut off");
        assert_eq!(names.expected(a, way, b"b\""), None, "a member of another");
        let below = names.find(a, None, way.over(b), "b").unwrap();
        assert_ne!(below, b);
        assert_eq!(names.field(below).map(FieldId::name), Some("a.b"));
        assert_eq!(names.find(root, Some(b), way, "a"), Some(a), "the same name again");
    }

    #[test]
    fn each_way_has_its_own_next_name() {
        let mut names = Names::new();
        let (root, start) = (names.root(), Way::default());
        let [a, b, c] = ["a", "b", "c"].map(|key| names.find(root, None, start, key).unwrap());
        let (short, long) = (start.over(c), start.over(a).over(c));
        names.find(root, Some(c), short, "a").unwrap();
        names.find(root, Some(c), long, "b").unwrap();
        assert_eq!(names.expected(root, short, b"a\""), Some((a, 1)));
        assert_eq!(names.expected(root, long, b"b\""), Some((b, 1)));
        let new = start.over(b).over(c);
        assert_eq!(names.expected(root, new, b"b\""), None);
        assert_eq!(names.expected_after(root, Some(c), new, b"b\""), Some((b, 1)));
        assert_eq!(names.expected(root, new, b"b\""), Some((b, 1)), "now known of this way too");
    }

    #[test]
    fn names_of_every_length_are_told_apart() {
        let mut names = Names::new();
        let (root, way) = (names.root(), Way::default());
        for len in 0..40 {
            let key = "abcdefgh".repeat(6)[..len].to_owned();
            let made = names.find(root, None, way, &key).unwrap();
            for rest in ["\"", "\": 1}", "\" : \"a longer value, so that whole words follow it\""] {
                let text = format!("{key}{rest}");
                assert_eq!(names.expected(root, way, text.as_bytes()), Some((made, len)));
                let other = format!("{key}x{rest}");
                assert_eq!(names.expected(root, way, other.as_bytes()), None);
            }
        }
    }

    #[test]
    fn names_are_bounded() {
        let mut names = Names::new();
        let (root, way) = (names.root(), Way::default());
        assert_eq!(
            names.find(root, None, way, &"x".repeat(limits::FIELD_NAME_BYTES_MAX + 1)),
            None
        );
        let made =
            (0..3 * NAMES_MAX).filter(|n| names.find(root, None, way, &n.to_string()).is_some());
        assert_eq!(made.count(), 2 * NAMES_MAX);
        names.root();
        assert_eq!(names.nodes.len(), 1);
    }
}
