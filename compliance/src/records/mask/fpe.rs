//! Numbers of the same form that are nobody's, for test data: FF1 with AES-256 (NIST SP 800-38G).
//!
//! An id becomes one of province 70, which does not exist, with a right check character; a mobile
//! number begins with 2, which none does; a card begins with 70, which no issuer has, and fails
//! Luhn's check. So a test system takes them, and no scan takes them for a person. The digits are
//! encrypted, so the same number gives the same number in all tables; what the fixed lead replaces
//! goes into the tweak.

use aes::Aes256Enc;
use aes::cipher::{BlockCipherEncrypt, KeyInit};

use crate::records::find::validate::{id_check, luhn};

/// The cipher of one policy. Numbers of persons are short, so all arithmetic is of 64 bits; the `fpe`
/// crate, which takes numbers of any length, is what the tests hold it against.
pub(super) struct Fpe(Aes256Enc);

impl Fpe {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Enc::new(key.into()))
    }

    /// Writes a number of the same form to `out`; `false` when the value has no form known here.
    /// `plain` is the value without separators, upper case.
    pub(super) fn number(&self, plain: &str, out: &mut String) -> bool {
        let letter = plain.len() == 19 && plain.starts_with(['G', 'J', 'L']);
        let (head, body) = plain.split_at(if letter { 1 } else { 0 });
        if !body.is_ascii() {
            return false;
        }
        let digits = body.bytes().all(|b| b.is_ascii_digit());
        match body.len() {
            18 if body.bytes().take(17).all(|b| b.is_ascii_digit()) => self.id(head, body, out),
            11 if digits && body.starts_with('1') => {
                out.push('2');
                self.encrypt(b"mobile", body.get(1..).unwrap_or_default(), out)
            }
            16..=19 if digits => self.card(body, out),
            _ => false,
        }
    }

    fn id(&self, head: &str, body: &str, out: &mut String) -> bool {
        let (Some(province), Some(rest)) = (body.get(..2), body.get(2..17)) else { return false };
        out.push_str(head);
        let from = out.len();
        out.push_str("70");
        if !self.encrypt(province.as_bytes(), rest, out) {
            return false;
        }
        let check = out.get(from..).and_then(|first| id_check(first.as_bytes()));
        out.extend(check.map(char::from));
        check.is_some()
    }

    fn card(&self, body: &str, out: &mut String) -> bool {
        let last = body.len() - 1;
        let (Some(issuer), Some(rest)) = (body.get(..2), body.get(2..last)) else { return false };
        out.push_str("70");
        if !self.encrypt(issuer.as_bytes(), rest, out) {
            return false;
        }
        out.push('0');
        if luhn(out.as_bytes()) {
            out.pop();
            out.push('1');
        }
        true
    }

    /// Encrypts digits, from six (the domain SP 800-38G asks for is a million) to eighteen.
    fn encrypt(&self, tweak: &[u8], digits: &str, out: &mut String) -> bool {
        let n = digits.len();
        let (u, v) = (n / 2, n - n / 2);
        let (Some(left), Some(right)) = (digits.get(..u), digits.get(u..)) else { return false };
        let (Ok(mut a), Ok(mut b)) = (left.parse::<u64>(), right.parse::<u64>()) else {
            return false;
        };
        if !(6..=18).contains(&n) || !digits.bytes().all(|d| d.is_ascii_digit()) {
            return false;
        }
        let powers = [10u64.pow(u as u32), 10u64.pow(v as u32)];
        // Bytes of the right half as a number.
        let bytes = (powers[1].ilog2() as usize + 1).div_ceil(8);
        let Some(room) = 16usize.checked_sub(bytes + 1).filter(|room| *room >= tweak.len()) else {
            return false;
        };
        let mut first = [0; 16];
        first[..8].copy_from_slice(&[1, 2, 1, 0, 0, 10, 10, u as u8]);
        first[8..12].copy_from_slice(&(n as u32).to_be_bytes());
        first[12..].copy_from_slice(&(tweak.len() as u32).to_be_bytes());
        let first = self.block(first);
        for round in 0..10u8 {
            let mut second = [0; 16];
            second[..tweak.len()].copy_from_slice(tweak);
            second[room] = round;
            second[room + 1..].copy_from_slice(&b.to_be_bytes()[8 - bytes..]);
            second.iter_mut().zip(first).for_each(|(byte, chained)| *byte ^= chained);
            // For halves of up to nine digits, eight bytes of the result are taken.
            let [y0, y1, y2, y3, y4, y5, y6, y7, ..] = self.block(second);
            let y = u64::from_be_bytes([y0, y1, y2, y3, y4, y5, y6, y7]);
            let power = powers[usize::from(round % 2)];
            (a, b) = (b, (a + y % power) % power);
        }
        out.push_str(&format!("{a:0u$}{b:0v$}"));
        true
    }

    fn block(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = block.into();
        self.0.encrypt_block(&mut block);
        block.into()
    }
}

#[cfg(test)]
mod tests {
    use aes::Aes256;
    use fpe::ff1::{FF1, FlexibleNumeralString};
    use proptest::prelude::*;

    use super::*;
    use crate::records::Day;
    use crate::records::find::validate::{id18, mobile_range};

    /// NIST SP 800-38G, FF1 samples 7 to 9 (AES-256).
    #[test]
    fn ff1_samples() {
        let key = data_encoding::HEXUPPER
            .decode(b"2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94")
            .unwrap();
        let numerals = |text: &str| -> Vec<u16> {
            text.chars().map(|c| c.to_digit(36).unwrap() as u16).collect()
        };
        for (radix, tweak, plain, sealed) in [
            (10, "", "0123456789", "6657667009"),
            (10, "39383736353433323130", "0123456789", "1001623463"),
            (36, "3737373770717273373737", "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"),
        ] {
            let tweak = data_encoding::HEXUPPER.decode(tweak.as_bytes()).unwrap();
            let ff1 = FF1::<Aes256>::new(&key, radix).unwrap();
            let got: Vec<u16> =
                ff1.encrypt(&tweak, &FlexibleNumeralString::from(numerals(plain))).unwrap().into();
            assert_eq!(got, numerals(sealed));
            if radix == 10 {
                let mut ours = String::new();
                let key = key.as_slice().try_into().unwrap();
                assert!(Fpe::new(key).encrypt(&tweak, plain, &mut ours) && ours == sealed);
            }
        }
    }

    proptest! {
        #[test]
        fn short_numbers_are_those_of_the_crate_for_all(
            key: [u8; 32], tweak in prop::collection::vec(any::<u8>(), 0..=11), digits in "[0-9]{6,18}",
        ) {
            let numerals: Vec<u16> = digits.bytes().map(|b| u16::from(b - b'0')).collect();
            let sealed = FF1::<Aes256>::new(&key, 10).unwrap();
            let sealed = sealed.encrypt(&tweak, &FlexibleNumeralString::from(numerals)).unwrap();
            let sealed: Vec<u16> = sealed.into();
            let wanted: String = sealed.iter().map(|n| char::from(b'0' + *n as u8)).collect();
            let mut ours = String::new();
            prop_assert!(Fpe::new(&key).encrypt(&tweak, &digits, &mut ours));
            prop_assert_eq!(ours, wanted);
        }
    }

    #[test]
    fn numbers_keep_their_form_and_are_nobodys() {
        let fpe = Fpe::new(&[5; 32]);
        let number = |plain: &str| {
            let mut out = String::new();
            fpe.number(plain, &mut out).then_some(out)
        };
        let id = number("11010519491231002X").unwrap();
        let today = Day::new(2026, 11, 24).unwrap();
        assert!(id.len() == 18 && id.starts_with("70") && id18(id.as_bytes(), today).is_none());
        assert_eq!(id_check(&id.as_bytes()[..17]), Some(id.as_bytes()[17]));
        assert_eq!(
            number("11010519491231002X"),
            Some(id.clone()),
            "the same value, the same number"
        );
        assert_ne!(number("120105194912310029"), Some(id));
        let phone = number("13800138000").unwrap();
        assert!(phone.len() == 11 && !mobile_range(phone.as_bytes()));
        let card = number("6222021234567890128").unwrap();
        assert!(card.len() == 19 && !luhn(card.as_bytes()));
        assert!(number("G11010519491231002X").unwrap().starts_with("G70"));
        assert_eq!(number("87654321"), None);
    }
}
