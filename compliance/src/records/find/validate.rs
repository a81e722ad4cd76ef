//! What makes a number a person's: check digits, dates, regions, ranges. All pure.

/// A calendar day, proleptic Gregorian, as (year, month, day).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    /// Year.
    pub year: u16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, from 1.
    pub day: u8,
}

impl Day {
    /// The day, when the calendar has it.
    pub const fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        if month == 0 || month > 12 || day == 0 || day > days_of_month(year, month) {
            return None;
        }
        Some(Self { year, month, day })
    }

    /// Days since 0000-03-01, for arithmetic.
    pub const fn ordinal(self) -> i64 {
        let m = (self.month as i64 + 9) % 12;
        let y = self.year as i64 - (m / 10);
        365 * y + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + self.day as i64 - 1
    }

    /// The day with this ordinal; `None` outside years 1 to 9999.
    pub fn from_ordinal(ordinal: i64) -> Option<Self> {
        let mut y = (10_000 * ordinal + 14_780) / 3_652_425;
        let mut rest = ordinal - (365 * y + y / 4 - y / 100 + y / 400);
        if rest < 0 {
            y -= 1;
            rest = ordinal - (365 * y + y / 4 - y / 100 + y / 400);
        }
        let m = (100 * rest + 52) / 3060;
        let year = u16::try_from(y + (m + 2) / 12).ok().filter(|y| (1..=9999).contains(y))?;
        let month = u8::try_from((m + 2) % 12 + 1).ok()?;
        let day = u8::try_from(rest - (m * 306 + 5) / 10 + 1).ok()?;
        Self::new(year, month, day)
    }

    /// The day so many days after 1 January 1970; `None` outside years 1 to 9999.
    pub fn from_unix_days(days: i64) -> Option<Self> {
        // 1 January 1970 is day 719,468 from 1 March 0000.
        Self::from_ordinal(days.checked_add(719_468)?)
    }

    /// Full years of age on `today`; `None` when born after it.
    pub fn age_on(self, today: Self) -> Option<u16> {
        let had_birthday = (today.month, today.day) >= (self.month, self.day);
        today.year.checked_sub(self.year)?.checked_sub(u16::from(!had_birthday))
    }
}

const fn days_of_month(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

/// A number of ASCII digits; `None` for any other byte.
pub(crate) fn number(digits: &[u8]) -> Option<u32> {
    if digits.len() > 9 {
        return None;
    }
    digits.iter().try_fold(0u32, |n, b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))
}

/// A day written as eight digits.
pub(crate) fn day8(digits: &[u8]) -> Option<Day> {
    if digits.len() != 8 {
        return None;
    }
    let year = u16::try_from(number(digits.get(..4)?)?).ok()?;
    let month = u8::try_from(number(digits.get(4..6)?)?).ok()?;
    let day = u8::try_from(number(digits.get(6..)?)?).ok()?;
    Day::new(year, month, day)
}

/// Whether someone alive, or recently, can have been born then.
pub(crate) fn plausible_birth(day: Day, today: Day) -> bool {
    day.year >= 1900 && day <= today
}

/// Whether six digits can be the region of an id: a prefecture that exists or existed since 1980 (GB/T
/// 2260 and its earlier issues), and a number that counties have. Wider than the list of counties, as
/// the police number areas of their own; `centre` holds it against that list.
pub fn region(code: &[u8]) -> bool {
    let (Some(province), Some(city), Some(county)) = (
        code.get(..2).and_then(number),
        code.get(2..4).and_then(number),
        code.get(4..6).and_then(number),
    ) else {
        return false;
    };
    if matches!(province, 71 | 81 | 82 | 83) {
        return true;
    }
    if county == 0 && city == 0 {
        return false;
    }
    // Numbers from 21 are the former prefectures; 90 is what the province governs itself.
    let city_ok = match province {
        11 | 12 | 31 => matches!(city, 1..=3),
        50 => matches!(city, 1..=4),
        13 => matches!(city, 1..=12 | 21..=30 | 90),
        14 => matches!(city, 1..=12 | 21..=27 | 90),
        15 => matches!(city, 1..=9 | 21..=29),
        21 => matches!(city, 1..=14 | 21..=22 | 90),
        22 => matches!(city, 1..=9 | 21..=26 | 90),
        23 => matches!(city, 1..=12 | 21..=27 | 90),
        32 => matches!(city, 1..=13 | 21..=27 | 90),
        33 => matches!(city, 1..=11 | 21..=28 | 90),
        34 => matches!(city, 1..=18 | 21..=29 | 90),
        35 => matches!(city, 1..=9 | 21..=27 | 90),
        36 => matches!(city, 1..=11 | 21..=26 | 90),
        37 => matches!(city, 1..=17 | 21..=29 | 90),
        41 => matches!(city, 1..=18 | 21..=30 | 90),
        42 => matches!(city, 1..=13 | 21..=29 | 90),
        43 => matches!(city, 1..=13 | 21..=31 | 90),
        44 => matches!(city, 1..=29 | 51..=53 | 90),
        45 => matches!(city, 1..=14 | 21..=28),
        // Hainan's oldest codes have no prefecture.
        46 => matches!(city, 0..=5 | 90),
        51 => matches!(city, 1..=39 | 70 | 90),
        52 => matches!(city, 1..=6 | 21..=27),
        53 => matches!(city, 1..=9 | 21..=35),
        54 => matches!(city, 1..=6 | 21..=27),
        61 => matches!(city, 1..=10 | 21..=27 | 90),
        62 => matches!(city, 1..=12 | 21..=30),
        63 => matches!(city, 1..=3 | 21..=28),
        64 => matches!(city, 1..=5 | 21..=22),
        65 => matches!(city, 1..=6 | 21..=32 | 40..=43 | 90),
        _ => false,
    };
    city_ok && matches!(county, 0..=64 | 75..=99)
}

/// The check character of the first 17 digits (GB 11643, ISO 7064 mod 11-2).
pub fn id_check(first17: &[u8]) -> Option<u8> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    if first17.len() != 17 {
        return None;
    }
    let mut sum = 0;
    for (b, weight) in first17.iter().zip(WEIGHTS) {
        if !b.is_ascii_digit() {
            return None;
        }
        sum += u32::from(b - b'0') * weight;
    }
    b"10X98765432".get((sum % 11) as usize).copied()
}

/// The birth date of a valid 18-character id (upper-case X).
pub(crate) fn id18(id: &[u8], today: Day) -> Option<Day> {
    if id.len() != 18 || id_check(id.get(..17)?)? != *id.get(17)? || !region(id) {
        return None;
    }
    day8(id.get(6..14)?).filter(|d| plausible_birth(*d, today))
}

/// The birth date of a plausible 15-digit id (they were issued until 1999).
pub(crate) fn id15(id: &[u8], today: Day) -> Option<Day> {
    if id.len() != 15 || !region(id) || number(id.get(12..)?)? == 0 {
        return None;
    }
    let year = 1900 + u16::try_from(number(id.get(6..8)?)?).ok()?;
    let month = u8::try_from(number(id.get(8..10)?)?).ok()?;
    let day = u8::try_from(number(id.get(10..12)?)?).ok()?;
    Day::new(year, month, day).filter(|d| plausible_birth(*d, today))
}

/// Luhn's check (ISO/IEC 7812-1).
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let mut sum = 0;
    for (i, b) in digits.iter().rev().enumerate() {
        if !b.is_ascii_digit() {
            return false;
        }
        let n = u32::from(b - b'0') << (i & 1);
        sum += if n > 9 { n - 9 } else { n };
    }
    !digits.is_empty() && sum % 10 == 0
}

/// How well an issuer prefix and a length fit a bank card: 0 not at all, 2 well.
pub(crate) fn card_prefix(digits: &[u8]) -> u8 {
    let n = digits.len();
    let head2 = digits.get(..2).and_then(number).unwrap_or(0);
    let head4 = digits.get(..4).and_then(number).unwrap_or(0);
    let head6 = digits.get(..6).and_then(number).unwrap_or(0);
    match (head2, n) {
        (62, 16..=19) => 2,
        (95, 16..=19) if head4 == 9558 || head4 == 9559 => 2,
        (40..=49 | 51..=55 | 35, 16) => 2,
        // Debit cards of the Bank of China and the Construction Bank.
        (45 | 43, 19) if matches!(head6, 456_351 | 436_742 | 436_745 | 434_061 | 434_062) => 2,
        (40..=49 | 51..=55, 19) => 1,
        (22..=27, 16) if (2221..=2720).contains(&head4) => 1,
        (34 | 37, 15) | (36 | 38, 14) => 1,
        (60 | 68 | 69 | 90 | 94 | 98 | 99 | 10 | 84 | 81, 16..=19) => 1,
        _ => 0,
    }
}

/// Whether the number range of a mobile phone is allocated (numbering plan of the MIIT; the
/// exceptions are the ranges not given out, as known in 2025).
pub(crate) fn mobile_range(digits: &[u8]) -> bool {
    match digits.get(..3) {
        Some([b'1', b'3' | b'8', _]) => true,
        Some([b'1', b'4', d]) => !matches!(d, b'2' | b'3'),
        Some([b'1', b'5', d]) => *d != b'4',
        Some([b'1', b'6', d]) => matches!(d, b'2' | b'5' | b'6' | b'7'),
        Some([b'1', b'7', d]) => *d != b'9',
        Some([b'1', b'9', d]) => *d != b'4',
        _ => false,
    }
}

/// Digits of the area code at the head of a national fixed-line number.
pub(crate) fn area_code(digits: &[u8]) -> Option<usize> {
    match digits.get(..3)? {
        [b'0', b'1', b'0'] => Some(3),
        [b'0', b'2', d] if *d != b'6' => Some(3),
        [b'0', b'3'..=b'9', d] if *d != b'0' || digits.get(1) != Some(&b'3') => Some(4),
        _ => None,
    }
}

/// The check of a unified social credit code (GB 32100, mod 31-3).
pub(crate) fn uscc(code: &[u8]) -> bool {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    if code.len() != 18 || !code.get(2..8).is_some_and(|r| r.iter().all(u8::is_ascii_digit)) {
        return false;
    }
    let mut sum = 0u32;
    let mut weight = 1u32;
    let mut last = 0u32;
    for (i, b) in code.iter().enumerate() {
        let Some(value) = ALPHABET.iter().position(|a| a == b) else { return false };
        let value = u32::try_from(value).unwrap_or(0);
        if i == 17 {
            last = value;
        } else {
            sum += value * weight;
            weight = weight * 3 % 31;
        }
    }
    (31 - sum % 31) % 31 == last
}

/// Whether ten digits have the form of a school code: kind of school, province, sequence.
pub(crate) fn school_code(digits: &[u8]) -> bool {
    let (Some(kind), Some(province)) =
        (digits.get(..2).and_then(number), digits.get(2..4).and_then(number))
    else {
        return false;
    };
    digits.len() == 10
        && matches!(
            kind,
            11 | 12
                | 13
                | 19
                | 21
                | 22
                | 23
                | 29
                | 31
                | 32
                | 33
                | 34
                | 36
                | 37
                | 38
                | 39
                | 41
                | 42
                | 43
                | 44
                | 45
                | 46
                | 49
                | 51
                | 52
                | 53
                | 54
                | 61
        )
        && province_exists(province)
}

fn province_exists(code: u32) -> bool {
    matches!(code, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81 | 82)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TODAY: Day = Day { year: 2026, month: 11, day: 24 };

    #[test]
    fn ids() {
        assert_eq!(id18(b"11010519491231002X", TODAY), Day::new(1949, 12, 31));
        assert_eq!(id18(b"110105194912310021", TODAY), None);
        assert_eq!(id18(b"99010519491231002X", TODAY), None);
        assert_eq!(id15(b"110105491231002", TODAY), Day::new(1949, 12, 31));
        assert_eq!(id15(b"110105491331002", TODAY), None);
    }

    #[test]
    fn organisation_and_school_codes() {
        assert!(uscc(b"91350100M000100Y43"));
        assert!(!uscc(b"91350100M000100Y44"));
        assert!(school_code(b"2133000123"));
        assert!(!school_code(b"1731990123"));
    }

    #[test]
    fn cards_phones_areas() {
        assert!(luhn(b"4111111111111111") && !luhn(b"4111111111111112") && !luhn(b""));
        assert!(mobile_range(b"13800138000") && !mobile_range(b"15400138000"));
        assert_eq!(area_code(b"01012345678"), Some(3));
        assert_eq!(area_code(b"057112345678"), Some(4));
        assert_eq!(area_code(b"13800138000"), None);
    }

    #[test]
    fn calendar() {
        assert_eq!(Day::new(2023, 2, 29), None);
        assert!(Day::new(2024, 2, 29).is_some());
        let born = Day::new(2012, 11, 25).unwrap();
        assert_eq!(born.age_on(TODAY), Some(13));
        assert_eq!(Day::new(2012, 11, 24).unwrap().age_on(TODAY), Some(14));
    }

    proptest! {
        #[test]
        fn ordinals_round_trip(ordinal in 400i64..3_652_000) {
            let day = Day::from_ordinal(ordinal).unwrap();
            prop_assert_eq!(day.ordinal(), ordinal);
        }
    }
}
