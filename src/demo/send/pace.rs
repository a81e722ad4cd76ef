//! When to send what: story time against wall time, and pauses between datagrams.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::demo::story::Emission;

/// Datagrams a second at most: a receiver on the same two cores must not lose any.
pub const UDP_PER_SECOND_MAX: u32 = 4_000;
/// Datagrams sent without a pause.
const BURST: u32 = 32;
/// Records sent in one go at most, so that channels stay close to one another in story time.
const BATCH_MAX: usize = 256;
/// How long records may wait for company, in milliseconds of wall time.
const TICK_MS: u64 = 20;

/// How fast the story is told: `speed` times story time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    speed: f64,
}

impl Pace {
    /// A pace; what is not a number above 0 counts as 1. Infinity is as fast as the bounds allow.
    pub fn new(speed: f64) -> Self {
        Self { speed: if speed > 0.0 { speed } else { 1.0 } }
    }

    /// How long story time takes in wall time.
    pub fn wall(self, told_ms: u64) -> Duration {
        Duration::try_from_secs_f64(told_ms as f64 / 1000.0 / self.speed)
            .unwrap_or(Duration::from_secs(86_400))
    }
}

/// Wall time since the story began.
pub(super) struct Clock {
    began: Instant,
    pace: Pace,
    stop: watch::Receiver<bool>,
    burst: u32,
}

impl Clock {
    pub(super) fn start(pace: Pace, stop: watch::Receiver<bool>) -> Self {
        Self { began: Instant::now(), pace, stop, burst: 0 }
    }

    /// Waits until the first of `rest` is due; how many are due then. `None`: stop.
    pub(super) async fn due(&mut self, rest: &[Emission]) -> Option<usize> {
        let first = rest.first()?;
        let when = self.began + self.pace.wall(first.at_ms) + Duration::from_millis(TICK_MS);
        let stopped = async {
            // A sender that is gone will never ask us to stop.
            if self.stop.wait_for(|stop| *stop).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = stopped => return None,
            () = sleep_until(when) => {}
        }
        let passed = self.began.elapsed();
        let due = rest.iter().take(BATCH_MAX).take_while(|e| self.pace.wall(e.at_ms) <= passed);
        Some(due.count().max(1))
    }

    /// Called before each datagram: pauses after each burst.
    pub(super) async fn before_datagram(&mut self) {
        self.burst += 1;
        if self.burst > BURST {
            self.burst = 1;
            sleep(Duration::from_secs(1) * BURST / UDP_PER_SECOND_MAX).await;
        }
    }
}
