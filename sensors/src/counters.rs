//! What each sensor counts. Every record that arrived is in exactly one of: decoded, kept
//! undecoded, duplicate, dropped by the kernel, the queue or the
//! sensor's own limit.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use events::Timestamp;

use crate::limits::{SAMPLE_CHARS_MAX, SAMPLES_MAX, SUGGEST_FIRST};

/// A sensor's counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SensorCounters {
    /// The sensor's name.
    pub sensor: String,
    /// Records that arrived (flows for NetFlow, where a packet that cannot be read counts as one):
    /// the sum of the six below.
    pub received: u64,
    /// Bytes that arrived, without what was dropped.
    pub bytes: u64,
    /// Records decoded.
    pub decoded: u64,
    /// Records kept undecoded.
    pub parse_failed_kept: u64,
    /// Records known already.
    pub duplicates: u64,
    /// Datagrams the kernel dropped because its buffer was full.
    pub dropped_kernel: u64,
    /// Datagrams dropped because the queue to the decoder was full.
    pub dropped_queue: u64,
    /// Datagrams dropped because they came faster than the sensor's own limit.
    pub dropped_rate: u64,
    /// Events that are durable.
    pub submitted: u64,
    /// Events given up: the intake was closed, or the sensor had to stop while it refused.
    pub refused: u64,
    /// Records cut at [`crate::limits::RECORD_BYTES_MAX`].
    pub cut: u64,
    /// Records whose time lies more than five minutes ahead of their receipt.
    pub future: u64,
    /// Connections turned away or broken off (TLS handshakes, too many at once).
    pub connections_refused: u64,
    /// Who was turned away last, and why.
    pub last_refusal: Option<String>,
    /// Certificates or revocation lists that were replaced by what cannot be used: code and reason.
    /// Those of before are at work.
    pub trouble: Option<String>,
    /// Records that no pack declares: kept undecoded, or taken by a pack for anything.
    pub undeclared: u64,
    /// The pack that would tell most of those, by the ones that were looked at.
    pub suggested: Option<String>,
    /// Flow packets missing by their sequence numbers (many exporters count wrongly).
    pub sequence_gaps: u64,
    /// When the last record arrived.
    pub last_event: Option<Timestamp>,
    /// How far records' own times lie behind their receipt, smoothed, in milliseconds; negative
    /// when the sender's clock is ahead.
    pub skew_ms: Option<i64>,
    /// The last undecodable records: code and shape, digits and CJK characters masked.
    pub samples_failed: Vec<String>,
}

impl SensorCounters {
    /// Whether the counters reconcile.
    pub const fn reconciles(&self) -> bool {
        self.received
            == self.decoded
                + self.parse_failed_kept
                + self.duplicates
                + self.dropped_kernel
                + self.dropped_queue
                + self.dropped_rate
    }
}

/// The live counters behind [`SensorCounters`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    name: String,
    pub(crate) bytes: AtomicU64,
    pub(crate) decoded: AtomicU64,
    pub(crate) parse_failed_kept: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) dropped_kernel: AtomicU64,
    pub(crate) dropped_queue: AtomicU64,
    pub(crate) dropped_rate: AtomicU64,
    pub(crate) submitted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) cut: AtomicU64,
    pub(crate) future: AtomicU64,
    connections_refused: AtomicU64,
    last_refusal: Mutex<Option<String>>,
    trouble: Mutex<Option<String>>,
    undeclared: AtomicU64,
    fits: Mutex<BTreeMap<String, u64>>,
    pub(crate) sequence_gaps: AtomicU64,
    last_event: AtomicI64,
    skew_ms: AtomicI64,
    skew_known: AtomicBool,
    samples: Mutex<VecDeque<String>>,
}

pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    pub(crate) fn arrived(&self, at: Timestamp) {
        self.last_event.fetch_max(at.nanos(), Ordering::Relaxed);
    }

    /// Notes how far records' own times lie behind their receipt, in milliseconds. Two writers at
    /// once may lose an update, which only smooths less.
    pub(crate) fn skew(&self, behind_ms: i64) {
        let new = if self.skew_known.swap(true, Ordering::Relaxed) {
            let old = self.skew_ms.load(Ordering::Relaxed);
            old.saturating_add(behind_ms.saturating_sub(old) / 8)
        } else {
            behind_ms
        };
        self.skew_ms.store(new, Ordering::Relaxed);
    }

    pub(crate) fn sample(&self, code: &str, text: &str) {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() >= SAMPLES_MAX {
            samples.pop_front();
        }
        samples.push_back(format!("{code} {}", mask(text)));
    }

    /// Notes who was turned away, a connection or a request, and why.
    pub(crate) fn turned_away(&self, peer: IpAddr, why: impl fmt::Display) {
        add(&self.connections_refused, 1);
        let text: String = format!("{peer}: {why}").chars().take(SAMPLE_CHARS_MAX).collect();
        *self.last_refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    /// Notes what keeps new certificates from being used; `None`: nothing does.
    pub(crate) fn trouble(&self, what: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    /// Notes a record that no pack declares. `best` says which would fit; it is asked of the first
    /// ones and then ever more rarely, for it tries all packs.
    pub(crate) fn undeclared(&self, best: impl FnOnce() -> Option<String>) {
        let n = self.undeclared.fetch_add(1, Ordering::Relaxed) + 1;
        if n > SUGGEST_FIRST && !n.is_power_of_two() {
            return;
        }
        if let Some(pack) = best() {
            *self.fits.lock().unwrap_or_else(PoisonError::into_inner).entry(pack).or_default() += 1;
        }
    }

    fn suggested(&self) -> Option<String> {
        let fits = self.fits.lock().unwrap_or_else(PoisonError::into_inner);
        fits.iter().rev().max_by_key(|(_, n)| **n).map(|(pack, _)| pack.clone())
    }

    pub(crate) fn read(&self) -> SensorCounters {
        let get = |c: &AtomicU64| c.load(Ordering::Relaxed);
        let (decoded, failed) = (get(&self.decoded), get(&self.parse_failed_kept));
        let duplicates = get(&self.duplicates);
        let (kernel, queue) = (get(&self.dropped_kernel), get(&self.dropped_queue));
        let rate = get(&self.dropped_rate);
        let last = self.last_event.load(Ordering::Relaxed);
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        SensorCounters {
            sensor: self.name.clone(),
            received: decoded + failed + duplicates + kernel + queue + rate,
            bytes: get(&self.bytes),
            decoded,
            parse_failed_kept: failed,
            duplicates,
            dropped_kernel: kernel,
            dropped_queue: queue,
            dropped_rate: rate,
            submitted: get(&self.submitted),
            refused: get(&self.refused),
            cut: get(&self.cut),
            future: get(&self.future),
            connections_refused: get(&self.connections_refused),
            last_refusal: self.last_refusal.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            trouble: self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            undeclared: get(&self.undeclared),
            suggested: self.suggested(),
            sequence_gaps: get(&self.sequence_gaps),
            last_event: (last != 0).then(|| Timestamp::from_nanos(last)),
            skew_ms: self
                .skew_known
                .load(Ordering::Relaxed)
                .then(|| self.skew_ms.load(Ordering::Relaxed)),
            samples_failed: samples.iter().cloned().collect(),
        }
    }
}

/// The shape of a record without what may identify a person: digits become `#`, characters beyond
/// ASCII `※`, control characters `.`.
fn mask(text: &str) -> String {
    text.chars()
        .take(SAMPLE_CHARS_MAX)
        .map(|c| match c {
            '0'..='9' => '#',
            ' '..='~' => c,
            c if c.is_control() => '.',
            _ => '※',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_bounded_and_masked() {
        let counters = Counters::new("s");
        for n in 0..9 {
            counters.sample("S101", &format!("张三 13800138000 n{n}"));
        }
        let read = counters.read();
        assert_eq!(read.samples_failed.len(), SAMPLES_MAX);
        assert_eq!(read.samples_failed[0], "S101 ※※ ########### n#");
    }

    #[test]
    fn of_what_no_pack_declares_the_first_are_looked_at_and_then_fewer() {
        let counters = Counters::new("s");
        let mut looked = 0;
        for n in 0..100 {
            counters.undeclared(|| {
                looked += 1;
                (n != 1).then(|| if n == 2 { "h3c" } else { "cef" }.to_owned())
            });
        }
        let read = counters.read();
        assert_eq!((read.undeclared, looked), (100, 8 + 3), "16, 32, 64");
        assert_eq!(read.suggested.as_deref(), Some("cef"));
    }

    #[test]
    fn the_last_refusal_is_told() {
        let counters = Counters::new("s");
        assert_eq!(counters.read().last_refusal, None);
        counters.turned_away([10, 0, 0, 9].into(), "certificate expired");
        counters.turned_away([10, 0, 0, 8].into(), "x".repeat(999));
        let read = counters.read();
        assert_eq!(read.connections_refused, 2);
        let last = read.last_refusal.unwrap();
        assert!(last.starts_with("10.0.0.8: xx") && last.len() == SAMPLE_CHARS_MAX, "{last}");
    }

    #[test]
    fn skew_is_smoothed() {
        let counters = Counters::new("s");
        assert_eq!(counters.read().skew_ms, None);
        counters.skew(10_000);
        assert_eq!(counters.read().skew_ms, Some(10_000));
        counters.skew(2_000);
        assert_eq!(counters.read().skew_ms, Some(9_000));
    }
}
