//! The promise that an append is durable: awaited or waited for.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Why events were not appended. None of them is in the journal for good; the sender may try
/// again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// More is waiting than the queue's bound: try again soon.
    #[error("the journal's queue is full")]
    Busy,
    /// The disk is full, or has less room than the reserve.
    #[error("the disk has no room for the journal")]
    Full,
    /// The journal is closed.
    #[error("the journal is closed")]
    Closed,
    /// The disk failed in another way.
    #[error("the journal's disk failed: {kind}")]
    Failed {
        /// What the system called it.
        kind: std::io::ErrorKind,
    },
}

impl AppendError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy => "T020",
            Self::Full => "T021",
            Self::Closed => "T022",
            Self::Failed { .. } => "T023",
        }
    }
}

/// What became of an append: the sequence numbers given, first to one past the last.
pub type Appended = Result<Range<u64>, AppendError>;

/// An append under way: a future, and [`Pending::wait`] for threads. Done when it is durable or
/// refused. Dropping it changes nothing.
#[must_use = "nothing is durable before this is done"]
pub struct Pending(Arc<Shared>);

#[derive(Default)]
struct Shared {
    slot: Mutex<Slot>,
    done: Condvar,
}

#[derive(Default)]
struct Slot {
    result: Option<Appended>,
    waker: Option<Waker>,
}

impl Pending {
    /// Blocks until the events are durable or refused.
    pub fn wait(self) -> Appended {
        let mut slot = self.0.slot.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(result) = &slot.result {
                return result.clone();
            }
            slot = self.0.done.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Future for Pending {
    type Output = Appended;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Appended> {
        let mut slot = self.0.slot.lock().unwrap_or_else(PoisonError::into_inner);
        match &slot.result {
            Some(result) => Poll::Ready(result.clone()),
            None => {
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// The writer's end. Dropped unanswered, it answers [`AppendError::Closed`].
pub(crate) struct Completer(Arc<Shared>);

impl Completer {
    pub(crate) fn done(self, result: Appended) {
        self.set(result);
    }

    fn set(&self, result: Appended) {
        let mut slot = self.0.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.result.is_some() {
            return;
        }
        slot.result = Some(result);
        let waker = slot.waker.take();
        drop(slot);
        self.0.done.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Completer {
    fn drop(&mut self) {
        self.set(Err(AppendError::Closed));
    }
}

pub(crate) fn pair() -> (Pending, Completer) {
    let shared = Arc::new(Shared::default());
    (Pending(shared.clone()), Completer(shared))
}
