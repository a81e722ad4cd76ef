//! How many events came in per minute over the last day: the curve on the workbench.

use std::sync::{Mutex, PoisonError};

use events::Timestamp;

/// Minutes that are kept.
pub const MINUTES: usize = 24 * 60;

/// A ring of counts per minute.
#[derive(Debug, Default)]
pub struct Rates(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    /// (minute since the epoch, count), by minute modulo [`MINUTES`].
    slots: Vec<(i64, u64)>,
}

impl Rates {
    /// Counts events received at an instant.
    pub fn add(&self, received: Timestamp, count: u64) {
        let minute = received.secs().div_euclid(60);
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.slots.resize(MINUTES, (i64::MIN, 0));
        let slot = &mut ring.slots[minute.rem_euclid(MINUTES as i64) as usize];
        if slot.0 < minute {
            *slot = (minute, 0);
        }
        if slot.0 == minute {
            slot.1 += count;
        }
    }

    /// The counts of the last `minutes` full or begun minutes, oldest first.
    pub fn last(&self, minutes: usize, now: Timestamp) -> Vec<(Timestamp, u64)> {
        let end = now.secs().div_euclid(60);
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |minute: i64| {
            let slot = ring.slots.get(minute.rem_euclid(MINUTES as i64) as usize);
            slot.filter(|s| s.0 == minute).map_or(0, |s| s.1)
        };
        let start = end - minutes.min(MINUTES) as i64 + 1;
        (start..=end).map(|m| (Timestamp::from_secs(m * 60), count(m))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_later_the_slot_is_new() {
        let rates = Rates::default();
        let at = |minute: i64| Timestamp::from_secs(minute * 60 + 5);
        rates.add(at(10), 3);
        rates.add(at(10), 2);
        rates.add(at(11), 1);
        let last: Vec<u64> = rates.last(3, at(12)).into_iter().map(|(_, n)| n).collect();
        assert_eq!(last, [5, 1, 0]);
        rates.add(at(10 + MINUTES as i64), 7);
        rates.add(at(10), 9);
        assert_eq!(rates.last(1, at(10 + MINUTES as i64))[0].1, 7, "an older minute is ignored");
    }
}
