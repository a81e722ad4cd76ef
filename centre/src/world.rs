//! What the program takes from outside itself: the clock and randomness. Tests pass their own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use events::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use sensors::Clock;

/// The clock and the source of randomness.
#[derive(Clone)]
pub struct World {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness fit for keys.
    pub random: Arc<dyn SecureRandom + Send + Sync>,
}

impl World {
    /// The machine's own.
    pub fn real() -> Self {
        Self { clock: Arc::new(SystemClock), random: Arc::new(SystemRandom::new()) }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// 128 random bits; all zeros if the system has none (ids then rest on their time alone).
    pub fn unique(&self) -> u128 {
        let mut bytes = [0; 16];
        if self.random.fill(&mut bytes).is_err() {
            tracing::error!("the system gave no random bytes");
        }
        u128::from_be_bytes(bytes)
    }
}

/// Random numbers for ids, taken from a [`World`] by the page: asking the system for each costs
/// more than decoding a record.
pub(crate) struct Uniques {
    world: World,
    page: Mutex<Vec<u128>>,
}

/// Numbers taken at once.
const PAGE: usize = 256;

impl Uniques {
    pub(crate) fn new(world: World) -> Self {
        Self { world, page: Mutex::default() }
    }

    /// The next number. Each is given once.
    pub(crate) fn next(&self) -> u128 {
        let mut page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = page.pop() {
            return number;
        }
        let mut bytes = [0; 16 * PAGE];
        if self.world.random.fill(&mut bytes).is_err() {
            return self.world.unique();
        }
        let (numbers, _) = bytes.as_chunks::<16>();
        page.extend(numbers.iter().map(|n| u128::from_be_bytes(*n)));
        page.pop().unwrap_or_default()
    }
}

/// The system's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_system(SystemTime::now())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_number_is_given_twice() {
        let uniques = Uniques::new(World::real());
        let all: HashSet<u128> = (0..3 * PAGE).map(|_| uniques.next()).collect();
        assert_eq!(all.len(), 3 * PAGE);
    }
}
