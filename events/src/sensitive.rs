//! A value that must not reach logs, errors or screens in the clear.

use std::fmt;

/// Wraps a secret or personal value: `Debug` and `Display` print `***`. Not serialisable, on
/// purpose.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Sensitive<T>(T);

impl<T> Sensitive<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value in the clear: the call site says why it may see it.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// Unwraps the value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T> fmt::Display for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_masked() {
        let phone = Sensitive::new("13800138000");
        assert_eq!(format!("{phone} {phone:?}"), "*** ***");
        assert_eq!(*phone.reveal(), "13800138000");
    }
}
