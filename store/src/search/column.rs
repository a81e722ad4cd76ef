//! An expression over a batch of rows, column by column: a test looks at each different value of a
//! column once, not at each row.

use std::collections::HashMap;

use arrow::array::{Array, Int64Array};

use events::{FieldId, SiteId, Value};

use super::expr::{Expr, Needle, Place, Test};
use super::view::View;
use crate::archive::rest::value_of;
use crate::archive::rows::{Rows, Texts, Typed};

/// Which rows of a batch fulfil an expression.
pub(super) fn holds(expr: &Expr, rows: &Rows<'_>) -> Vec<bool> {
    match expr {
        Expr::All => vec![true; rows.len],
        Expr::And(all) => {
            let mut marks = vec![true; rows.len];
            for part in all {
                let part = holds(part, rows);
                marks.iter_mut().zip(part).for_each(|(m, p)| *m = *m && p);
            }
            marks
        }
        Expr::Or(any) => {
            let mut marks = vec![false; rows.len];
            for part in any {
                let part = holds(part, rows);
                marks.iter_mut().zip(part).for_each(|(m, p)| *m = *m || p);
            }
            marks
        }
        Expr::Not(inner) => holds(inner, rows).into_iter().map(|m| !m).collect(),
        Expr::Text(needle) => text(needle, rows),
        Expr::When(range) => (0..rows.len).map(|row| range.contains(&rows.time(row))).collect(),
        Expr::Is(Place::Field(field), test) => of_field(*field, test, rows),
        Expr::Is(Place::Site, test) => of_site(test, rows),
        Expr::Is(place, test) => match names(place, rows) {
            Some(texts) => of_texts(texts, rows.len, |text| test.holds(text)),
            None => by_row(rows, |view| view.any(place, &mut |value| test.holds(value))),
        },
    }
}

/// The column of a place that is a short list of names.
pub(super) fn names<'a>(place: &Place, rows: &Rows<'a>) -> Option<Texts<'a>> {
    match place {
        Place::Product => rows.names(0),
        Place::Category => rows.names(1),
        Place::Service => rows.names(2),
        Place::Sensor => rows.names(3),
        _ => None,
    }
}

fn by_row(rows: &Rows<'_>, test: impl Fn(&View<'_>) -> bool) -> Vec<bool> {
    (0..rows.len).map(|row| test(&View::Row(rows, row))).collect()
}

/// Tests each different text once.
fn of_texts(texts: Texts<'_>, len: usize, test: impl Fn(Value<'_>) -> bool) -> Vec<bool> {
    let Texts::Shared { keys, values } = texts else {
        return (0..len).map(|row| texts.get(row).is_some_and(|t| test(Value::Str(t)))).collect();
    };
    let at = |key: i32| usize::try_from(key).unwrap_or(usize::MAX);
    if values.len() > len {
        let mut known: Vec<Option<bool>> = vec![None; values.len()];
        let mut of_key = |key: usize| match known.get_mut(key) {
            Some(known) => *known.get_or_insert_with(|| test(Value::Str(values.value(key)))),
            None => false,
        };
        return (0..len).map(|row| !keys.is_null(row) && of_key(at(keys.value(row)))).collect();
    }
    let known: Vec<bool> =
        (0..values.len()).map(|key| test(Value::Str(values.value(key)))).collect();
    if !known.contains(&true) {
        return vec![false; len];
    }
    let of_key = |key: &i32| known.get(at(*key)).copied().unwrap_or(false);
    let mut marks: Vec<bool> = keys.values().iter().map(of_key).collect();
    if let Some(valid) = keys.nulls() {
        marks.iter_mut().zip(valid.iter()).for_each(|(mark, valid)| *mark &= valid);
    }
    marks
}

fn of_integers(array: &Int64Array, test: &Test) -> Vec<bool> {
    let mut last: Option<(i64, bool)> = None;
    let mut holds = |n: i64| match last {
        Some((known, holds)) if known == n => holds,
        _ => {
            let holds = test.holds(Value::Int(n));
            last = Some((n, holds));
            holds
        }
    };
    let plain = if let Test::Fits(pattern) = test { pattern.as_plain() } else { None };
    match plain {
        // What is written differently (`080`) is another text.
        Some(text) => {
            let number = text.parse::<i64>().ok().filter(|n| n.to_string() == text);
            (0..array.len())
                .map(|row| !array.is_null(row) && Some(array.value(row)) == number)
                .collect()
        }
        None => {
            (0..array.len()).map(|row| !array.is_null(row) && holds(array.value(row))).collect()
        }
    }
}

fn of_field(field: FieldId, test: &Test, rows: &Rows<'_>) -> Vec<bool> {
    let mut marks = match rows.column(field) {
        Typed::Absent => vec![false; rows.len],
        Typed::Text(texts) => of_texts(texts, rows.len, |value| test.holds(value)),
        Typed::Integer(array) => of_integers(array, test),
    };
    if rows.has_rest() {
        let name = field.name();
        for (row, mark) in marks.iter_mut().enumerate().filter(|(_, mark)| !**mark) {
            *mark = rows.may_have_rest(row, name)
                && rows.rest(row).all(name).iter().any(|json| test.holds(value_of(json)));
        }
    }
    marks
}

fn of_site(test: &Test, rows: &Rows<'_>) -> Vec<bool> {
    let Some(sites) = rows.sites() else { return vec![false; rows.len] };
    let mut known: HashMap<u64, bool> = HashMap::new();
    let mut of_code = |code: u64| {
        *known.entry(code).or_insert_with(|| {
            let site = SiteId::from_u64(code).unwrap_or_default();
            test.holds(Value::Str(&site.to_string()))
        })
    };
    sites.values().iter().map(|code| of_code(*code)).collect()
}

/// Looks for a text in all records at once: they lie one after the other.
fn text(needle: &Needle, rows: &Rows<'_>) -> Vec<bool> {
    let all = || by_row(rows, |view| needle.within(view.raw()));
    let (Some(raws), Some(finder)) = (rows.raws(), needle.finder()) else { return all() };
    if finder.is_match("") {
        return vec![true; rows.len];
    }
    let offsets = raws.value_offsets();
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else { return all() };
    let at = |offset: i32| usize::try_from(offset).unwrap_or(0);
    let bytes = raws.value_data().get(at(*first)..at(*last)).unwrap_or_default();
    let Ok(bytes) = std::str::from_utf8(bytes) else { return all() };
    let mut marks = vec![false; rows.len];
    let (mut from, base) = (0, at(*first));
    while let Some(found) = finder.find_at(bytes, from) {
        // The last record that begins at or before the match.
        let row = offsets.partition_point(|o| at(*o) - base <= found.start()).saturating_sub(1);
        let Some(mark) = marks.get_mut(row) else { break };
        let end = offsets.get(row + 1).map_or(bytes.len(), |o| at(*o) - base);
        *mark = found.end() <= end || finder.is_match(raws.value(row));
        from = end.max(found.start() + 1);
        while from < bytes.len() && !bytes.is_char_boundary(from) {
            from += 1;
        }
        if from >= bytes.len() {
            break;
        }
    }
    marks
}
