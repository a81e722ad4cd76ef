//! A clock that stands until it is moved, for a whole node in a test.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use events::Timestamp;

pub(crate) struct Hands(AtomicI64);

impl Hands {
    pub(crate) fn at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.nanos()))
    }

    pub(crate) fn forward(&self, span: Duration) {
        // A test moves it by days, far below 292 years.
        self.0.fetch_add(span.as_nanos() as i64, Ordering::Relaxed);
    }
}

impl sensors::Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::Relaxed))
    }
}
