//! Numbers with their check digits, and the ways people write them.

use crate::demo::rng::Rng;

/// Weights of GB 11643-1999.
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/// The check character of the first 17 digits of a citizen number (GB 11643-1999); `None` for
/// anything but 17 ASCII digits.
pub fn citizen_check(first: &str) -> Option<char> {
    if first.len() != 17 || !first.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = first.bytes().map(|b| u32::from(b - b'0'));
    let sum: u32 = digits.zip(WEIGHTS).map(|(d, w)| d * w).sum();
    "10X98765432".chars().nth((sum % 11) as usize)
}

/// A citizen number: area, birth date as eight digits, and an order code from 900 to 999 whose
/// parity says the sex.
pub(super) fn citizen(area: &str, birth: &str, female: bool, rng: &mut Rng) -> String {
    let order = 900 + rng.below(50) * 2 + u64::from(!female);
    let first = format!("{area}{birth}{order}");
    let check = citizen_check(&first).unwrap_or('0');
    format!("{first}{check}")
}

/// The same number with another check character.
pub(super) fn wrong(id: &str) -> String {
    let (first, check) = id.split_at(id.len().saturating_sub(1));
    format!("{first}{}", if check == "3" { "4" } else { "3" })
}

/// An order number of 18 digits that begins with a date and fails the check of a citizen number.
pub(super) fn order(day: (i32, u8, u8), row: u64) -> String {
    let first = format!("{:04}{:02}{:02}{:09}", day.0, day.1, day.2, 80_000_000 + row * 37);
    let taken = citizen_check(&first);
    format!("{first}{}", if taken == Some('7') { '8' } else { '7' })
}

const PREFIXES: [&str; 16] = [
    "133", "135", "136", "137", "138", "139", "150", "151", "158", "159", "177", "180", "186",
    "188", "189", "199",
];

/// A mobile number.
pub(super) fn mobile(rng: &mut Rng) -> String {
    format!("{}{:04}{:04}", rng.pick(&PREFIXES), rng.below(10), rng.below(10_000))
}

/// A mobile number as people write it; whether it is not the plain form.
pub(super) fn written_mobile(plain: &str, rng: &mut Rng) -> (String, bool) {
    let (a, rest) = plain.split_at(3);
    let (b, c) = rest.split_at(4);
    let odd = match rng.below(20) {
        0 => format!("+86 {a} {b} {c}"),
        1 => format!("{a}-{b}-{c}"),
        2 => full_width(plain),
        3 => format!("86{plain}"),
        _ => return (plain.to_owned(), false),
    };
    (odd, true)
}

/// A citizen number as people write it.
pub(super) fn written_citizen(plain: &str, rng: &mut Rng) -> String {
    let (area, rest) = plain.split_at(6);
    let (birth, order) = rest.split_at(8);
    match rng.below(40) {
        0 => format!("{area} {birth} {order}"),
        1 => full_width(plain),
        2 => format!("{area}-{birth}-{order}"),
        3..=20 => plain.to_lowercase(),
        _ => plain.to_owned(),
    }
}

fn full_width(plain: &str) -> String {
    let wide = |c: char| match c {
        '0'..='9' | 'X' => char::from_u32(c as u32 + 0xfee0).unwrap_or(c),
        other => other,
    };
    plain.chars().map(wide).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_s_example_holds() {
        assert_eq!(citizen_check("11010519491231002"), Some('X'));
        assert_eq!(citizen_check("1101051949123100"), None);
        assert_eq!(citizen_check("1101051949123100Ｘ"), None);
    }

    #[test]
    fn numbers_are_well_formed_and_wrong_ones_are_wrong() {
        let mut rng = Rng::new(3);
        for n in 0..500 {
            let id = citizen("330102", "20120229", n % 2 == 0, &mut rng);
            assert_eq!(id.len(), 18);
            assert_eq!(citizen_check(&id[..17]), id.chars().last());
            assert_eq!(id.as_bytes()[16].is_multiple_of(2), n % 2 == 0, "even is female");
            let wrong = wrong(&id);
            assert_ne!(citizen_check(&wrong[..17]), wrong.chars().last());
            let phone = mobile(&mut rng);
            assert_eq!(phone.len(), 11);
        }
        assert_eq!(full_width("12X"), "１２Ｘ");
    }
}
