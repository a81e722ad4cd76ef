//! Keys of tables: bytes that sort as the key does.

use events::{
    AlertId, CaseId, DetectionId, DrillId, EventId, ExerciseId, FindingId, IncidentId, NoticeId,
    RevealId, RunId, SiteId, StepId, Timestamp,
};

/// A key: its bytes sort as it does.
pub trait Key: Sized {
    /// Its bytes.
    fn to_bytes(&self) -> Vec<u8>;
    /// The key of these bytes; `None` for bytes that are none.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

/// A key that can stand in a tuple: its bytes say where they end.
pub trait KeyPart: Sized {
    /// Appends its bytes.
    fn write(&self, out: &mut Vec<u8>);
    /// Takes its bytes from the front.
    fn read(bytes: &mut &[u8]) -> Option<Self>;
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

macro_rules! key_by_part {
    ($($t:ty),*) => {$(
        impl Key for $t {
            fn to_bytes(&self) -> Vec<u8> {
                let mut out = Vec::with_capacity(16);
                self.write(&mut out);
                out
            }
            fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
                let key = <$t as KeyPart>::read(&mut bytes)?;
                bytes.is_empty().then_some(key)
            }
        }
    )*};
}

macro_rules! unsigned {
    ($($t:ty),*) => {$(
        impl KeyPart for $t {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
            fn read(bytes: &mut &[u8]) -> Option<Self> {
                take(bytes).map(<$t>::from_be_bytes)
            }
        }
        key_by_part!($t);
    )*};
}

macro_rules! ids {
    ($($t:ty),*) => {$(
        impl KeyPart for $t {
            fn write(&self, out: &mut Vec<u8>) {
                self.as_u128().write(out);
            }
            fn read(bytes: &mut &[u8]) -> Option<Self> {
                u128::read(bytes).map(<$t>::from_u128)
            }
        }
        key_by_part!($t);
    )*};
}

unsigned!(u8, u16, u32, u64, u128);
ids!(
    EventId,
    DetectionId,
    AlertId,
    IncidentId,
    NoticeId,
    CaseId,
    RunId,
    FindingId,
    DrillId,
    RevealId,
    ExerciseId,
    StepId
);
key_by_part!(i64, Timestamp, SiteId);

impl KeyPart for i64 {
    /// The sign bit is flipped, so that negative numbers come first.
    fn write(&self, out: &mut Vec<u8>) {
        ((*self as u64) ^ (1 << 63)).write(out);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        u64::read(bytes).map(|n| (n ^ (1 << 63)) as i64)
    }
}

impl KeyPart for Timestamp {
    fn write(&self, out: &mut Vec<u8>) {
        self.nanos().write(out);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        i64::read(bytes).map(Timestamp::from_nanos)
    }
}

impl KeyPart for SiteId {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_u64().write(out);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        SiteId::from_u64(u64::read(bytes)?).ok()
    }
}

impl Key for String {
    fn to_bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        String::from_utf8(bytes.to_vec()).ok()
    }
}

impl KeyPart for String {
    /// In a tuple a text ends with two zero bytes; a zero byte inside is written `00 ff`.
    fn write(&self, out: &mut Vec<u8>) {
        for &byte in self.as_bytes() {
            out.push(byte);
            if byte == 0 {
                out.push(0xff);
            }
        }
        out.extend_from_slice(&[0, 0]);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let mut text = Vec::new();
        loop {
            let [byte] = take::<1>(bytes)?;
            if byte == 0 {
                match take::<1>(bytes)? {
                    [0] => return String::from_utf8(text).ok(),
                    [0xff] => {}
                    _ => return None,
                }
            }
            text.push(byte);
        }
    }
}

macro_rules! tuples {
    ($(($($name:ident),+)),*) => {$(
        impl<$($name: KeyPart),+> Key for ($($name,)+) {
            #[allow(non_snake_case)]
            fn to_bytes(&self) -> Vec<u8> {
                let ($($name,)+) = self;
                let mut out = Vec::with_capacity(32);
                $($name.write(&mut out);)+
                out
            }
            fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
                let key = ($($name::read(&mut bytes)?,)+);
                bytes.is_empty().then_some(key)
            }
        }
    )*};
}

tuples!((A, B), (A, B, C), (A, B, C, D));

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tuples_sort_as_their_bytes(a in (".{0,3}", any::<i64>(), any::<u16>()),
                                      b in (".{0,3}", any::<i64>(), any::<u16>())) {
            prop_assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
            prop_assert_eq!(Key::from_bytes(&a.to_bytes()), Some(a));
        }

        #[test]
        fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = <(String, SiteId)>::from_bytes(&bytes);
            let _ = <(Timestamp, AlertId)>::from_bytes(&bytes);
            let _ = String::from_bytes(&bytes);
        }
    }

    #[test]
    fn bytes_too_many_are_refused() {
        assert_eq!(u64::from_bytes(&[0; 9]), None);
        assert_eq!(u64::from_bytes(&[0; 8]), Some(0));
        assert_eq!(SiteId::from_bytes(&5u64.to_bytes()), None, "not a school code");
    }
}
