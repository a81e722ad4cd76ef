//! How fast a server may be read: a budget of bytes a second, spent as they come.

use std::time::Duration;

/// The budget of one reader.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    bytes_per_s: Option<u64>,
    /// When the budget would be even, on the reader's clock.
    even_at: Duration,
}

impl Pace {
    pub(super) const fn new(bytes_per_s: Option<u64>) -> Self {
        Self { bytes_per_s, even_at: Duration::ZERO }
    }

    /// Spends bytes at a time of the reader's clock: how long to wait before more are taken.
    /// Time in which nothing was read is not saved up.
    pub(super) fn spend(&mut self, bytes: usize, now: Duration) -> Duration {
        let Some(rate) = self.bytes_per_s.filter(|r| *r > 0) else { return Duration::ZERO };
        let cost = Duration::from_secs_f64(bytes as f64 / rate as f64);
        self.even_at = self.even_at.max(now) + cost;
        self.even_at - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_held_to_its_rate_and_saves_nothing_up() {
        let second = Duration::from_secs(1);
        let mut pace = Pace::new(Some(1000));
        assert_eq!(pace.spend(500, Duration::ZERO), second / 2);
        assert_eq!(pace.spend(500, Duration::ZERO), second);
        assert_eq!(pace.spend(1000, 60 * second), second, "a pause gives no right to a burst");
        assert_eq!(Pace::new(None).spend(1 << 30, second), Duration::ZERO);
    }
}
