//! Turns at the intake: a flood from one sensor cannot starve the others.
//!
//! So many events may be on their way at once; who comes later waits in its sensor's own queue, and
//! the queues are served in turn. A sensor with thousands of waiting batches delays another's by
//! one of its batches, not by all of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// Who may submit, and who waits.
pub(crate) struct Turns(Mutex<State>);

struct State {
    /// Events that may still be on their way.
    free: usize,
    most: usize,
    /// By sensor.
    queues: Vec<VecDeque<Waiting>>,
    /// Whose queue is served next.
    next: usize,
}

struct Waiting {
    cost: usize,
    call: oneshot::Sender<Turn>,
}

/// The right to submit; given back when dropped.
pub(crate) struct Turn {
    turns: Arc<Turns>,
    cost: usize,
}

impl Turns {
    /// Turns for so many sensors, with at most so many events on their way.
    pub(crate) fn new(sensors: usize, most: usize) -> Arc<Self> {
        let queues = (0..sensors.max(1)).map(|_| VecDeque::new()).collect();
        Arc::new(Self(Mutex::new(State { free: most, most, queues, next: 0 })))
    }

    /// Waits for a turn of a sensor for so many events.
    pub(crate) async fn take(self: &Arc<Self>, sensor: usize, events: usize) -> Option<Turn> {
        let call = {
            let mut state = self.state();
            let cost = events.clamp(1, state.most);
            if state.free >= cost && state.queues.iter().all(VecDeque::is_empty) {
                state.free -= cost;
                return Some(Turn { turns: Arc::clone(self), cost });
            }
            let at = sensor % state.queues.len();
            let (call, called) = oneshot::channel();
            state.queues.get_mut(at)?.push_back(Waiting { cost, call });
            called
        };
        call.await.ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives back, and calls those whose turn it is. Callers that are gone give back at once.
    fn release(self: &Arc<Self>, cost: usize) {
        let mut back = cost;
        while back > 0 {
            let called = {
                let mut state = self.state();
                state.free += std::mem::take(&mut back);
                state.called()
            };
            for Waiting { cost, call } in called {
                let turn = Turn { turns: Arc::clone(self), cost };
                if let Err(mut gone) = call.send(turn) {
                    // Without its own giving back, which would come in between.
                    back += std::mem::take(&mut gone.cost);
                }
            }
        }
    }
}

impl State {
    fn called(&mut self) -> Vec<Waiting> {
        let mut called = Vec::new();
        loop {
            let count = self.queues.len();
            let waits = |at: &usize| !self.queues[*at].is_empty();
            let Some(at) = (0..count).map(|n| (self.next + n) % count).find(waits) else {
                return called;
            };
            // One that does not fit yet is waited for: small ones do not pass it for ever.
            match self.queues[at].pop_front() {
                Some(first) if first.cost <= self.free => {
                    self.free -= first.cost;
                    self.next = (at + 1) % count;
                    called.push(first);
                }
                Some(first) => {
                    self.queues[at].push_front(first);
                    self.next = at;
                    return called;
                }
                None => return called,
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let cost = std::mem::take(&mut self.cost);
        self.turns.release(cost);
    }
}

/// A sensor's own limit: so many events a second, and as many at once.
#[derive(Debug)]
pub(crate) struct Rate {
    per_second: f64,
    left: f64,
    at: Instant,
}

impl Rate {
    pub(crate) fn new(per_second: u32, now: Instant) -> Self {
        let per_second = f64::from(per_second.max(1));
        Self { per_second, left: per_second, at: now }
    }

    /// Takes events; `Err`: how long to wait, and nothing is taken. A batch may overdraw what is
    /// left, and those after it wait for longer.
    pub(crate) fn take(&mut self, events: u64, now: Instant) -> Result<(), Duration> {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.left = (self.left + passed * self.per_second).min(self.per_second);
        if self.left <= 0.0 {
            return Err(Duration::from_secs_f64((1.0 - self.left) / self.per_second));
        }
        self.left -= events as f64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_waits_behind_itself() {
        let turns = Turns::new(2, 10);
        let first = turns.take(0, 10).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut all = tokio::task::JoinSet::new();
        // A hundred batches of sensor 0 wait, then one of sensor 1.
        for (sensor, name) in (0..100).map(|n| (0, n)).chain([(1, 1000)]) {
            let (turns, order) = (Arc::clone(&turns), Arc::clone(&order));
            all.spawn(async move {
                let turn = turns.take(sensor, 10).await;
                order.lock().unwrap().push(name);
                drop(turn);
            });
            // Each waits before the next comes.
            tokio::task::yield_now().await;
        }
        drop(first);
        while all.join_next().await.is_some() {}
        let order = order.lock().unwrap();
        let at = order.iter().position(|n| *n == 1000).unwrap();
        assert!(at <= 1, "served as number {at} of {}", order.len());
        assert_eq!(turns.state().free, 10);
    }

    #[tokio::test]
    async fn who_is_gone_takes_no_turn_with_it() {
        let turns = Turns::new(1, 4);
        let first = turns.take(0, 4).await;
        for _ in 0..3 {
            let waiting = turns.take(0, 2);
            assert!(tokio::time::timeout(Duration::ZERO, waiting).await.is_err());
        }
        drop(first);
        assert_eq!(turns.state().free, 4);
        // More than there is at all is let in alone.
        drop(turns.take(0, 100).await);
        assert_eq!(turns.state().free, 4);
    }

    #[test]
    fn a_rate_holds_over_time() {
        let start = Instant::now();
        let mut rate = Rate::new(100, start);
        assert_eq!(rate.take(100, start), Ok(()));
        let wait = rate.take(1, start).unwrap_err();
        assert_eq!(wait, Duration::from_millis(10));
        assert_eq!(rate.take(50, start + Duration::from_millis(20)), Ok(()));
        // 2 had come, 50 were taken: 48 are owed.
        let wait = rate.take(1, start + Duration::from_millis(20)).unwrap_err();
        assert!(wait > Duration::from_millis(480) && wait < Duration::from_millis(500), "{wait:?}");
        let taken: u64 = (0..10_000u64)
            .filter(|ms| rate.take(1, start + Duration::from_millis(600 + ms)).is_ok())
            .count() as u64;
        assert!((990..=1_100).contains(&taken), "{taken}");
    }
}
