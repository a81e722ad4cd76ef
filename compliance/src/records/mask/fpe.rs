//! Numbers of the same form that are nobody's, for test data: FF1 with AES-256 (NIST SP 800-38G).
//!
//! An id becomes one of province 70, which does not exist, with a right check character; a mobile
//! number begins with 2, which none does; a card begins with 70, which no issuer has, and fails
//! Luhn's check. So a test system takes them, and no scan takes them for a person. The digits are
//! encrypted, so the same number gives the same number in all tables; what the fixed lead replaces
//! goes into the tweak.

use aes::Aes256;
use fpe::ff1::{FF1, FlexibleNumeralString};

use crate::records::error::Error;
use crate::records::find::validate::{id_check, luhn};

/// The cipher of one policy.
pub(super) struct Fpe(FF1<Aes256>);

impl Fpe {
    pub(super) fn new(key: &[u8; 32]) -> Result<Self, Error> {
        FF1::new(key, 10).map(Self).map_err(|_| Error::Crypto { what: "FF1" })
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

    /// Encrypts digits, at least six of them: the domain SP 800-38G asks for is a million.
    fn encrypt(&self, tweak: &[u8], digits: &str, out: &mut String) -> bool {
        let numerals: Vec<u16> = digits.bytes().map(|b| u16::from(b - b'0')).collect();
        if numerals.len() < 6 {
            return false;
        }
        let Ok(sealed) = self.0.encrypt(tweak, &FlexibleNumeralString::from(numerals)) else {
            return false;
        };
        let sealed: Vec<u16> = sealed.into();
        out.extend(sealed.iter().filter_map(|n| char::from_digit(u32::from(*n), 10)));
        true
    }
}

#[cfg(test)]
mod tests {
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
        }
    }

    #[test]
    fn numbers_keep_their_form_and_are_nobodys() {
        let fpe = Fpe::new(&[5; 32]).unwrap();
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
