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
