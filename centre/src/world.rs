//! What the program takes from outside itself: the clock and randomness. Tests pass their own.

use std::sync::Arc;
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

/// The system's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_system(SystemTime::now())
    }
}
