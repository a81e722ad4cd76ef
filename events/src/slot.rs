//! A field of an event as it lies in memory: sixteen bytes, whatever its value is.

use crate::field::FieldId;

/// A name and what stands under it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Slot {
    pub(crate) field: FieldId,
    kind: Kind,
    bits: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Null,
    False,
    True,
    Int,
    Float,
    Str,
}

/// A value; a text is a range of the event's buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stored {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str { start: u32, len: u32 },
}

impl Slot {
    #[inline]
    pub(crate) fn new(field: FieldId, value: Stored) -> Self {
        let (kind, bits) = match value {
            Stored::Null => (Kind::Null, 0),
            Stored::Bool(false) => (Kind::False, 0),
            Stored::Bool(true) => (Kind::True, 0),
            Stored::Int(n) => (Kind::Int, n.cast_unsigned()),
            Stored::Float(f) => (Kind::Float, f.to_bits()),
            Stored::Str { start, len } => (Kind::Str, u64::from(start) << 32 | u64::from(len)),
        };
        Self { field, kind, bits }
    }

    #[inline]
    pub(crate) fn value(&self) -> Stored {
        match self.kind {
            Kind::Null => Stored::Null,
            Kind::False => Stored::Bool(false),
            Kind::True => Stored::Bool(true),
            Kind::Int => Stored::Int(self.bits.cast_signed()),
            Kind::Float => Stored::Float(f64::from_bits(self.bits)),
            Kind::Str => Stored::Str { start: (self.bits >> 32) as u32, len: self.bits as u32 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field;

    #[test]
    fn every_value_comes_back_out_of_sixteen_bytes() {
        assert_eq!(size_of::<Slot>(), 16);
        for value in [
            Stored::Null,
            Stored::Bool(false),
            Stored::Bool(true),
            Stored::Int(i64::MIN),
            Stored::Int(-1),
            Stored::Float(-0.5),
            Stored::Str { start: u32::MAX, len: 0 },
            Stored::Str { start: 1, len: u32::MAX },
        ] {
            assert_eq!(Slot::new(field::MESSAGE, value).value(), value);
        }
    }
}
