//! Values in their plain written form under a column that expects them: decided without a scan.
//!
//! Most cells of a real table are of this sort. The answer is the one the detectors give, which a
//! test holds; whatever is not plainly so is left to them.

use super::engine::Hint;
use super::kind::Kind;
use super::name;
use super::validate::{self, Day};

/// The kind a whole cell is of, when that is plain to see.
pub(super) fn kind_of(cell: &str, hint: Hint, today: Day) -> Option<Kind> {
    let expect = hint.expect;
    if expect.is_empty() || hint.negative {
        return None;
    }
    let b = cell.as_bytes();
    let first = *b.first()?;
    if first >= 0x80 {
        let name = expect.only(Kind::Name) && matches!(b.len(), 6 | 9);
        return (name && is_name(cell)).then_some(Kind::Name);
    }
    match b.len() {
        11 if expect.only(Kind::CnPhone) && digits(b) && validate::mobile_range(b) => {
            Some(Kind::CnPhone)
        }
        18 if expect.has(Kind::CnId) && id(b, today) => Some(Kind::CnId),
        19 if first == b'G' && expect.only(Kind::StudentNo) && id(b.get(1..)?, today) => {
            Some(Kind::StudentNo)
        }
        16 | 19
            if expect.only(Kind::BankCard)
                && digits(b)
                && validate::card_prefix(b) == 2
                && validate::luhn(b) =>
        {
            Some(Kind::BankCard)
        }
        10 if expect.only(Kind::BirthDate) && date(b, today) => Some(Kind::BirthDate),
        _ => None,
    }
}

/// The digits of the day of birth in a cell of which [`kind_of`] told this kind.
pub(super) fn day_of(kind: Kind, cell: &str) -> Option<[u8; 8]> {
    let b = cell.as_bytes();
    match kind {
        Kind::CnId => b.get(6..14)?.try_into().ok(),
        Kind::StudentNo => b.get(7..15)?.try_into().ok(),
        Kind::BirthDate => {
            let [y0, y1, y2, y3, _, m0, m1, _, d0, d1] = *b.first_chunk()?;
            Some([y0, y1, y2, y3, m0, m1, d0, d1])
        }
        _ => None,
    }
}

fn digits(b: &[u8]) -> bool {
    b.iter().all(u8::is_ascii_digit)
}

fn id(b: &[u8], today: Day) -> bool {
    validate::id18(b, today).is_some()
}

/// 2012-03-05.
fn date(b: &[u8], today: Day) -> bool {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *b else { return false };
    let eight = [y0, y1, y2, y3, m0, m1, d0, d1];
    validate::day8(&eight).is_some_and(|day| validate::plausible_birth(day, today))
}

/// Two or three Han characters that can be a name.
fn is_name(cell: &str) -> bool {
    let mut chars = ['\0'; 3];
    let mut len = 0;
    for c in cell.chars() {
        let Some(place) = chars.get_mut(len) else { return false };
        if !('\u{4E00}'..='\u{9FFF}').contains(&c) {
            return false;
        }
        *place = c;
        len += 1;
    }
    name::plausible(chars.get(..len).unwrap_or_default()) > 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::engine::Finder;
    use super::super::kind::KindSet;
    use super::*;

    const TODAY: Day = Day { year: 2026, month: 11, day: 24 };

    fn same(cell: &str, kind: Kind) -> bool {
        let hint = Hint { expect: KindSet::default().with(kind), ..Hint::default() };
        let Some(quick) = kind_of(cell, hint, TODAY) else { return true };
        let mut finder = Finder::new(TODAY);
        finder.find(cell, hint);
        let day = finder.birth(kind);
        let slow = finder.scan(cell, hint).to_vec();
        day == finder.birth(kind)
            && slow.len() == 1
            && slow[0].kind == quick
            && slow[0].start == 0
            && slow[0].whole
            && slow[0].end as usize == cell.chars().count()
    }

    #[test]
    fn plain_values_are_decided() {
        for (cell, kind) in [
            ("13800138000", Kind::CnPhone),
            ("11010519491231002X", Kind::CnId),
            ("G11010519491231002X", Kind::StudentNo),
            ("2012-03-05", Kind::BirthDate),
            ("王小明", Kind::Name),
        ] {
            let hint = Hint { expect: KindSet::default().with(kind), ..Hint::default() };
            assert_eq!(kind_of(cell, hint, TODAY), Some(kind));
            assert!(same(cell, kind), "{cell}");
        }
        let hint = Hint { expect: KindSet::default().with(Kind::CnId), ..Hint::default() };
        assert_eq!(kind_of("110105194912310021", hint, TODAY), None);
    }

    proptest! {
        #[test]
        fn the_detectors_say_the_same(
            phone in "1[3-9][0-9]{9}", card in "62[0-9]{14}", date in "20[01][0-9]-[01][0-9]-[0-3][0-9]",
            name in "[王李张刘陈高任方金白][\u{4e00}-\u{9fff}]{1,2}",
        ) {
            prop_assert!(same(&phone, Kind::CnPhone));
            prop_assert!(same(&card, Kind::BankCard));
            prop_assert!(same(&date, Kind::BirthDate));
            prop_assert!(same(&name, Kind::Name));
        }
    }
}
