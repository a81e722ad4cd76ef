//! Dates moved by a number of days that is the person's own: the same in all rows and tables of one
//! policy key, never none, so the time between two dates of a person stays what it was.
//!
//! The number is an HMAC of what says whose row it is, so it is found again without keeping anything.
//! A cell that is not a whole date in one of the plain ways of writing, and a row of nobody, lose the
//! date: one that cannot be moved is not released.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::Plan;
use super::key::PolicyKey;
use super::policy::{Method, Policy};
use super::value::{normal, trim};
use crate::records::error::Error;
use crate::records::find::Day;
use crate::records::table::Row;

/// Tells by how many days the dates of a row are moved.
pub(super) struct Shifter {
    mac: Hmac<Sha256>,
    days_max: u32,
    /// The columns that say whose row it is, the first with a value first.
    by: Vec<usize>,
    plain: String,
}

impl Shifter {
    /// For a table of these columns; none when no column of it is moved.
    ///
    /// # Errors
    /// [`Error::NobodysDates`] when no column says whose a row is.
    pub(super) fn new(
        key: &PolicyKey,
        policy: &Policy,
        plans: &[Plan],
    ) -> Result<Option<Self>, Error> {
        let Some(column) = plans.iter().find(|p| p.method == Method::DateShift) else {
            return Ok(None);
        };
        let Some(shift) = &policy.shift else { return Ok(None) };
        let places = plans.iter().enumerate();
        let of = |id| places.clone().filter(move |(_, p)| p.element.as_deref() == Some(id));
        let by = shift.by.iter().flat_map(|id| of(id.as_str())).map(|(at, _)| at);
        let by: Vec<usize> = by.collect();
        if by.is_empty() {
            return Err(Error::NobodysDates { column: column.name.clone() });
        }
        let mac = key.mac(&policy.name, "date shift")?;
        Ok(Some(Self { mac, days_max: shift.days, by, plain: String::new() }))
    }

    /// The columns that say whose row it is.
    pub(super) fn by(&self) -> &[usize] {
        &self.by
    }

    /// The days a row's dates are moved by, never none; nothing for a row of nobody.
    pub(super) fn of(&mut self, row: &Row<'_>) -> Option<i64> {
        let whose = self.by.iter().map(|at| trim(row.cell(*at))).find(|cell| !cell.is_empty())?;
        normal(whose, &mut self.plain);
        // A student number made of the id is the same person's.
        let made = |rest: &&str| rest.len() == 18 && rest.is_ascii();
        let whose = self.plain.strip_prefix('G').filter(made).unwrap_or(&self.plain);
        if whose.is_empty() {
            return None;
        }
        let tag = self.mac.clone().chain_update(whose).finalize().into_bytes();
        let drawn = tag.iter().take(8).fold(0, |n: u64, byte| n << 8 | u64::from(*byte));
        let days = i64::from(self.days_max);
        // From −days to days, without 0. That 2^64 is not a multiple favours none by more than 2^-50.
        let place = i64::try_from(drawn % (2 * u64::from(self.days_max))).unwrap_or(0);
        Some(if place < days { place - days } else { place - days + 1 })
    }
}

/// Writes the date of a cell, moved, in the way it was written; `false` when the cell is no date.
pub(super) fn moved(cell: &str, days: i64, out: &mut String) -> bool {
    let text = half_width(cell);
    let Some(written) = Written::read(&text) else { return false };
    let Some(day) = Day::from_ordinal(written.day.ordinal() + days).filter(|d| d.year >= 1000)
    else {
        return false;
    };
    let Written { parts: [first, second, last], width, .. } = written;
    let Day { year, month, day } = day;
    out.push_str(&format!("{year}{first}{month:0width$}{second}{day:0width$}{last}"));
    true
}

/// The day a cell is, when it is a whole date and nothing else.
pub(super) fn day_of(cell: &str) -> Option<Day> {
    Written::read(&half_width(cell)).map(|written| written.day)
}

fn half_width(cell: &str) -> String {
    let half = |c| match c {
        '\u{FF10}'..='\u{FF19}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        _ => c,
    };
    trim(cell).trim_start_matches('\'').chars().map(half).collect()
}

/// A date as it is written: year first, in digits.
struct Written<'a> {
    day: Day,
    /// What stands behind year, month and day.
    parts: [&'a str; 3],
    /// Places that month and day are filled up to.
    width: usize,
}

impl<'a> Written<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (year, rest) = number(text)?;
        if year.len() == 8 {
            let day = Day::new(parsed(&year[..4])?, parsed(&year[4..6])?, parsed(&year[6..])?)?;
            return is_end(rest).then_some(Self { day, parts: ["", "", rest], width: 2 });
        }
        let first = ["-", "/", ".", "年"].into_iter().find(|part| rest.starts_with(part))?;
        let (month, rest) = number(&rest[first.len()..])?;
        let second = if first == "年" { "月" } else { first };
        let (day, rest) = number(rest.strip_prefix(second)?)?;
        let rest_of_day = if first == "年" { rest.strip_prefix("日")? } else { rest };
        if year.len() != 4 || month.len() > 2 || day.len() > 2 || !is_end(rest_of_day) {
            return None;
        }
        let width = if month.len() == 2 && day.len() == 2 { 2 } else { 1 };
        let day = Day::new(parsed(year)?, parsed(month)?, parsed(day)?)?;
        Some(Self { day, parts: [first, second, rest], width })
    }
}

/// The digits a text begins with, and the rest of it.
fn number(text: &str) -> Option<(&str, &str)> {
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    (len > 0).then(|| text.split_at(len))
}

fn parsed<T: std::str::FromStr>(digits: &str) -> Option<T> {
    digits.parse().ok()
}

/// Whether nothing follows, or the midnight that databases write behind a day.
fn is_end(rest: &str) -> bool {
    matches!(rest, "" | " 00:00:00" | "T00:00:00" | " 0:00:00" | " 0:00")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn by(days: i64, cell: &str) -> Option<String> {
        let mut out = String::new();
        moved(cell, days, &mut out).then_some(out)
    }

    #[test]
    fn dates_keep_the_way_they_are_written() {
        for (cell, wanted) in [
            ("2012-02-27", "2012-03-01"),
            ("2012/2/27", "2012/3/1"),
            ("2012.12.30", "2013.01.02"),
            ("20120227", "20120301"),
            ("2012年2月27日", "2012年3月1日"),
            ("２０１２-０２-２７", "2012-03-01"),
            (" 2012-02-27 00:00:00", "2012-03-01 00:00:00"),
        ] {
            assert_eq!(by(3, cell).as_deref(), Some(wanted), "{cell}");
        }
        assert_eq!(by(-58, "2012-02-27").as_deref(), Some("2011-12-31"));
    }

    #[test]
    fn what_is_no_whole_date_is_none() {
        for cell in [
            "",
            "2012",
            "2012-02",
            "2012-02-30",
            "27/2/2012",
            "2012-02-27 08:15",
            "张三 2012-02-27",
            "2012-02-27张三",
            "2012-02/27",
            "2012年2-27",
            "12-02-27",
            "二〇一二年二月",
            "40966",
            "2012-002-27",
            "201202271",
            "2012年2月27",
        ] {
            assert_eq!((by(1, cell), day_of(cell)), (None, None), "{cell}");
        }
        assert_eq!(by(9, "9999-12-30"), None, "beyond the calendar");
    }

    fn plan(element: &str, method: Method) -> Plan {
        Plan {
            name: element.into(),
            method,
            element: Some(element.into()),
            quasi: false,
            sensitive: false,
            said: None,
            counted: false,
        }
    }

    fn policy(days: u32) -> Policy {
        Policy::parse(&format!(
            "name='t'\ntitle={{zh='测',en='t'}}\npurpose={{zh='测',en='t'}}\nk=1\nquasi=[]\nunknown='scan'\nshift={{days={days},by=['student_no','id_number']}}\n[[rule]]\nelements=['birth_date']\nmethod='date_shift'",
        ))
        .unwrap()
    }

    fn shifter(key: u8, days: u32, plans: &[Plan]) -> Shifter {
        Shifter::new(&PolicyKey::new([key; 32]), &policy(days), plans).unwrap().unwrap()
    }

    fn of(shifter: &mut Shifter, cells: [&str; 2]) -> Option<i64> {
        let text = cells.join(",");
        shifter.of(&Row::new(&text, &[cells[0].len(), text.len()]))
    }

    #[test]
    fn one_person_is_moved_alike_in_every_table_and_by_one_key_only() {
        let date = || plan("birth_date", Method::DateShift);
        let mut ids = shifter(7, 30, &[plan("id_number", Method::Pseudonym), date()]);
        let mut numbers = shifter(7, 30, &[date(), plan("student_no", Method::Suppress)]);
        let id = of(&mut ids, ["11010519491231002X", "2012-01-01"]);
        assert!(id.is_some_and(|days| days != 0 && days.abs() <= 30));
        assert_eq!(of(&mut ids, ["110105 19491231 002x", ""]), id, "however written");
        assert_eq!(of(&mut numbers, ["x", "G11010519491231002X"]), id, "by the number made of it");
        let others = (0..40).map(|n| of(&mut ids, [&format!("110105194912310{n:02}X"), ""]));
        assert!(others.collect::<std::collections::HashSet<_>>().len() > 20);
        assert_eq!(of(&mut ids, [" ", "x"]), None, "a row of nobody");
        // The first of the list that has a value counts.
        let (first, second) =
            (plan("id_number", Method::Suppress), plan("student_no", Method::Suppress));
        let mut both = shifter(7, 30, &[first, second, date()]);
        assert_eq!(of(&mut both, ["别的", "G11010519491231002X"]), id);
        assert_eq!(of(&mut both, ["11010519491231002X", ""]), id);
        let mut other = shifter(8, 30, &[plan("id_number", Method::Pseudonym), date()]);
        let rows = (0..64).map(|n| format!("{n:018}"));
        let differ = rows.filter(|row| of(&mut ids, [row, ""]) != of(&mut other, [row, ""]));
        assert!(differ.count() > 40);
    }

    #[test]
    fn a_table_of_nobody_is_refused_and_one_without_dates_needs_nothing() {
        let key = PolicyKey::new([7; 32]);
        let plans = [plan("birth_date", Method::DateShift), plan("sex", Method::Keep)];
        let refused = Shifter::new(&key, &policy(30), &plans);
        assert!(matches!(refused, Err(Error::NobodysDates { .. })));
        assert!(Shifter::new(&key, &policy(30), &plans[1..]).unwrap().is_none());
    }

    proptest! {
        #[test]
        fn every_person_is_moved_within_the_days_and_never_by_none(id in "[0-9]{17}[0-9X]", days in 7u32..400) {
            let plans = [plan("id_number", Method::Pseudonym), plan("birth_date", Method::DateShift)];
            let moved = of(&mut shifter(1, days, &plans), [&id, ""]).unwrap();
            prop_assert!(moved != 0 && moved.unsigned_abs() <= u64::from(days));
        }

        /// Intervals stay, and a moved date moved back is the first.
        #[test]
        fn the_time_between_two_dates_stays(a in 730_000i64..740_000, b in 730_000i64..740_000, days in -400i64..400) {
            let text = |o: i64| { let d = Day::from_ordinal(o).unwrap(); format!("{}-{:02}-{:02}", d.year, d.month, d.day) };
            let there = |o: i64| by(days, &text(o)).unwrap();
            let day = |t: &str| day_of(t).unwrap().ordinal();
            prop_assert_eq!(day(&there(a)) - day(&there(b)), a - b);
            prop_assert_eq!(by(-days, &there(a)).unwrap(), text(a));
        }
    }
}
