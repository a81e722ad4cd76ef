//! Counting the rows of a batch by places: each different set of values is named once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hash;

use arrow::array::Array;
use events::SiteId;

use super::column::names;
use super::expr::Place;
use super::view::View;
use crate::archive::rows::{Rows, Texts, Typed};

/// Counts rows by places: `take` is given each different set of values and how many rows have it.
pub(super) fn tally(
    places: &[(String, Place)],
    rows: &Rows<'_>,
    mut take: impl FnMut(&[String], u64),
) {
    let columns: Vec<Ids<'_>> = places.iter().map(|(_, place)| Ids::of(place, rows)).collect();
    let mut named = vec![String::new(); columns.len()];
    let mut give = |key: &[u32], count| {
        for ((name, column), id) in named.iter_mut().zip(&columns).zip(key) {
            name.clear();
            name.push_str(column.names.get(*id as usize).map_or("", |name| name));
        }
        take(&named, count);
    };
    if let [only] = &columns[..] {
        let mut counts = vec![0; only.names.len()];
        for id in &only.ids {
            if let Some(count) = counts.get_mut(*id as usize) {
                *count += 1;
            }
        }
        (0..).zip(counts).filter(|(_, count)| *count > 0).for_each(|(id, n)| give(&[id], n));
        return;
    }
    let mut counts: HashMap<Vec<u32>, u64> = HashMap::new();
    let mut key = vec![0; columns.len()];
    for row in 0..rows.len {
        for (id, column) in key.iter_mut().zip(&columns) {
            *id = column.ids.get(row).copied().unwrap_or(0);
        }
        match counts.get_mut(&key) {
            Some(count) => *count += 1,
            None => {
                counts.insert(key.clone(), 1);
            }
        }
    }
    counts.iter().for_each(|(key, count)| give(key, *count));
}

/// The first value of a place in each row, as a number and what the number stands for.
struct Ids<'a> {
    ids: Vec<u32>,
    names: Vec<Cow<'a, str>>,
}

impl<'a> Ids<'a> {
    fn of(place: &Place, rows: &Rows<'a>) -> Self {
        let texts = match place {
            Place::Field(field) if !rows.has_rest() => match rows.column(*field) {
                Typed::Text(texts) => Some(texts),
                Typed::Integer(array) => {
                    let value = |row: usize| (!array.is_null(row)).then(|| array.value(row));
                    return Self::each((0..rows.len).map(value), |n| {
                        n.map_or_else(String::new, |n| n.to_string())
                    });
                }
                Typed::Absent => None,
            },
            Place::Site => {
                let codes = rows.sites().map_or(&[][..], |a| a.values());
                let name = |code: u64| SiteId::from_u64(code).unwrap_or_default().to_string();
                return Self::of_codes(codes, name);
            }
            _ => names(place, rows),
        };
        match texts {
            Some(Texts::Shared { keys, values }) => {
                let mut names: Vec<Cow<'a, str>> =
                    (0..values.len()).map(|at| values.value(at).into()).collect();
                // Where there is no value.
                let none = u32::try_from(names.len()).unwrap_or(0);
                names.push("".into());
                let id = |row: usize| {
                    if keys.is_null(row) {
                        none
                    } else {
                        u32::try_from(keys.value(row)).unwrap_or(0)
                    }
                };
                Self { ids: (0..rows.len).map(id).collect(), names }
            }
            _ => {
                let text = |row: usize| View::Row(rows, row).text(place);
                Self::each((0..rows.len).map(text), |text| text)
            }
        }
    }

    /// The same for a few numbers that come again and again: each is first looked for where the
    /// last one like it was put.
    fn of_codes(codes: &[u64], name: impl Fn(u64) -> String) -> Self {
        const NEAR: u64 = 1_021;
        let mut near = vec![(u64::MAX, 0); NEAR as usize];
        let mut known: HashMap<u64, u32> = HashMap::new();
        let mut names = Vec::new();
        let id = |code: &u64| {
            let at = &mut near[(*code % NEAR) as usize];
            if at.0 != *code || *code == u64::MAX {
                let next = u32::try_from(names.len()).unwrap_or(u32::MAX);
                let id = *known.entry(*code).or_insert_with(|| {
                    names.push(name(*code).into());
                    next
                });
                *at = (*code, id);
            }
            at.1
        };
        Self { ids: codes.iter().map(id).collect(), names }
    }

    fn each<T: Eq + Hash + Clone>(
        values: impl Iterator<Item = T>,
        name: impl Fn(T) -> String,
    ) -> Self {
        let mut known: HashMap<T, u32> = HashMap::new();
        let mut names = Vec::new();
        let id = |value: T| match known.get(&value) {
            Some(id) => *id,
            None => {
                let id = u32::try_from(names.len()).unwrap_or(u32::MAX);
                names.push(name(value.clone()).into());
                known.insert(value, id);
                id
            }
        };
        Self { ids: values.map(id).collect(), names }
    }
}
