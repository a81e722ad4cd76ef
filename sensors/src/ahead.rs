//! One batch on its way to the journal while the next is made: who reads a source need not wait
//! for the disk. Never more than one, so that order is kept and the source still feels a busy
//! intake.

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::feed::{Batch, Feed};

/// The way of a source's batches.
pub(crate) struct Ahead {
    feed: Feed,
    stop: watch::Receiver<bool>,
    /// Whether the sensor's own limit was seen to already ([`Feed::sheds`]).
    within_rate: bool,
    on_way: Option<JoinHandle<bool>>,
}

impl Ahead {
    /// For a source that can wait.
    pub(crate) fn new(feed: &Feed, stop: &watch::Receiver<bool>) -> Self {
        Self { feed: feed.clone(), stop: stop.clone(), within_rate: false, on_way: None }
    }

    /// For one whose records beyond the sensor's limit are shed.
    pub(crate) fn shed(feed: &Feed, stop: &watch::Receiver<bool>) -> Self {
        Self { within_rate: true, ..Self::new(feed, stop) }
    }

    /// Sends a batch on its way when the one before has arrived; `false` when that was given up. The
    /// batch is offered all the same, so that it is counted.
    pub(crate) async fn send(&mut self, batch: Batch) -> bool {
        let arrived = self.arrived().await;
        if !batch.is_empty() {
            let (feed, mut stop, within_rate) =
                (self.feed.clone(), self.stop.clone(), self.within_rate);
            self.on_way = Some(tokio::spawn(async move {
                if within_rate {
                    feed.deliver_now(batch, &mut stop).await
                } else {
                    feed.deliver(batch, &mut stop).await
                }
            }));
        }
        arrived
    }

    /// Waits for what is on its way; `false` when it was given up.
    pub(crate) async fn arrived(&mut self) -> bool {
        match self.on_way.take() {
            Some(on_way) => on_way.await.unwrap_or(false),
            None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Intake, Refused};
    use crate::feed::Origin;
    use crate::fuzzing::feed_to;
    use events::{EventBatch, Timestamp};
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::time::timeout;

    /// Holds what it is offered until told to take it.
    struct Holding(watch::Receiver<usize>, watch::Sender<usize>);

    impl Intake for Holding {
        fn submit(
            &self,
            _: Arc<EventBatch>,
        ) -> Pin<Box<dyn Future<Output = Result<(), Refused>> + Send + '_>> {
            let mut taken = self.0.clone();
            self.1.send_modify(|offered| *offered += 1);
            let number = *self.1.borrow();
            Box::pin(async move {
                taken.wait_for(|n| *n >= number).await.map_err(|_| Refused::Closed)?;
                Ok(())
            })
        }
    }

    /// By a clock that stands while there is work: what is waited for an hour does not happen.
    #[tokio::test(start_paused = true)]
    async fn one_batch_is_on_its_way_and_no_more() {
        let (take, taken) = watch::channel(0);
        let (offered, mut offers) = watch::channel(0);
        let feed = feed_to(Arc::new(Holding(taken, offered)));
        let (_on, stop) = watch::channel(false);
        let mut ahead = Ahead::new(&feed, &stop);
        let batch = || {
            let mut batch = Batch::default();
            feed.record(&mut batch, b"<13>a: b", false, Origin::default(), Timestamp::default());
            batch
        };
        let hour = Duration::from_secs(3_600);
        assert!(ahead.send(batch()).await, "the first is not waited for");
        assert!(offers.wait_for(|n| *n == 1).await.is_ok());
        take.send_replace(1);
        assert!(ahead.send(batch()).await);
        assert!(timeout(hour, ahead.send(batch())).await.is_err(), "the second is not taken yet");
        assert_eq!(*offers.borrow(), 2);
        take.send_replace(2);
    }
}
