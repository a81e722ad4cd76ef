//! A value that must not reach logs, errors or screens in the clear.

use std::fmt;

use zeroize::Zeroize;

/// Wraps a secret or personal value: `Debug` and `Display` print `***`, and its memory is wiped when it
/// goes. Not serialisable, on purpose.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Sensitive<T: Zeroize>(T);

impl<T: Zeroize> Sensitive<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value in the clear: the call site says why it may see it.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// Unwraps the value; it is the caller's to wipe.
    pub fn into_inner(mut self) -> T
    where
        T: Default,
    {
        std::mem::take(&mut self.0)
    }
}

impl<T: Zeroize> Drop for Sensitive<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T: Zeroize> fmt::Display for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn prints_masked() {
        let phone = Sensitive::new("13800138000".to_owned());
        assert_eq!(format!("{phone} {phone:?}"), "*** ***");
        assert_eq!(*phone.reveal(), "13800138000");
        assert_eq!(phone.into_inner(), "13800138000");
    }

    #[test]
    fn wiped_when_it_goes() {
        /// Counts how often it was wiped.
        struct Wiped(Rc<Cell<u32>>);
        impl Zeroize for Wiped {
            fn zeroize(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let times = Rc::new(Cell::new(0));
        drop(Sensitive::new(Wiped(times.clone())));
        assert_eq!(times.get(), 1);
    }
}
