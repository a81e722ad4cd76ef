//! An intake, a clock and checkpoints in memory.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use events::{Event, EventBatch, EventId, ExerciseId, SiteId, Timestamp};
use sensors::{
    Checkpoints, Clock, Context, Intake, Packs, Refused, Running, SensorConfig, SensorCounters,
};
use tokio::sync::watch;

/// Longer than anything here takes on a loaded machine; only a failing test waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How the intake answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mood {
    Takes,
    Refuses(Refused),
    /// Answers nothing until its mood changes.
    Holds,
}

pub(crate) struct Memory {
    events: Mutex<Vec<Event>>,
    count: watch::Sender<usize>,
    mood: watch::Sender<Mood>,
    offers: watch::Sender<usize>,
}

impl Memory {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            events: Mutex::default(),
            count: watch::Sender::new(0),
            mood: watch::Sender::new(Mood::Takes),
            offers: watch::Sender::new(0),
        })
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    pub(crate) fn raws(&self) -> Vec<String> {
        self.events().iter().map(|e| e.raw_text().to_owned()).collect()
    }

    /// Waits until at least `n` events are taken.
    pub(crate) async fn wait(&self, n: usize) -> Vec<Event> {
        let mut count = self.count.subscribe();
        let waited = tokio::time::timeout(PATIENCE, count.wait_for(|have| *have >= n)).await;
        assert!(waited.is_ok(), "{n} events awaited, {} came", self.events().len());
        self.events()
    }

    /// Waits until at least `n` batches were offered, taken or not.
    pub(crate) async fn wait_offers(&self, n: usize) {
        let mut offers = self.offers.subscribe();
        let waited = tokio::time::timeout(PATIENCE, offers.wait_for(|have| *have >= n)).await;
        assert!(waited.is_ok(), "{n} offers awaited");
    }
}

struct Door(Arc<Memory>);

impl Intake for Door {
    fn submit(
        &self,
        batch: Arc<EventBatch>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Refused>> + Send + '_>> {
        Box::pin(async move {
            self.0.offers.send_modify(|n| *n += 1);
            let mut mood = self.0.mood.subscribe();
            let now = *mood.wait_for(|m| *m != Mood::Holds).await.unwrap();
            if let Mood::Refuses(why) = now {
                return Err(why);
            }
            let mut events = self.0.events.lock().unwrap();
            events.extend(batch.iter());
            self.0.count.send_replace(events.len());
            Ok(())
        })
    }
}

struct Fixed;

pub(crate) fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-23T04:05:06Z").unwrap()
}

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        now()
    }
}

#[derive(Default)]
pub(crate) struct Saved(pub(crate) Mutex<HashMap<String, Vec<u8>>>);

impl Checkpoints for Saved {
    fn load(&self, key: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(key).cloned()
    }

    fn save(&self, key: &str, value: &[u8]) -> Result<(), String> {
        self.0.lock().unwrap().insert(key.to_owned(), value.to_vec());
        Ok(())
    }
}

pub(crate) const SCHOOL: &str = "2133000001";
pub(crate) const MARKER: &str = "xdx=good";

pub(crate) struct Node {
    pub(crate) running: Running,
    pub(crate) memory: Arc<Memory>,
}

impl Node {
    pub(crate) async fn start(toml: &str) -> Self {
        Self::start_with(toml, Memory::new(), Arc::new(Saved::default())).await
    }

    pub(crate) async fn start_with(toml: &str, memory: Arc<Memory>, saved: Arc<Saved>) -> Self {
        let running = sensors::start(configs(toml), packs(), context(&memory, saved)).await;
        Self { running: running.unwrap(), memory }
    }

    pub(crate) fn address(&self, sensor: &str) -> SocketAddr {
        self.running.address(sensor).unwrap()
    }

    /// Stops, and checks that the counters reconcile with themselves and with what was taken.
    pub(crate) async fn stop(self) -> Vec<SensorCounters> {
        let memory = Arc::clone(&self.memory);
        let counters = tokio::time::timeout(PATIENCE, self.running.stop()).await.unwrap();
        let taken = memory.events();
        for c in &counters {
            assert!(c.reconciles(), "{c:?}");
            assert_eq!(c.submitted + c.refused, c.decoded + c.parse_failed_kept, "{c:?}");
            let of_it = |e: &&Event| e.sensor.name() == c.sensor;
            assert_eq!(c.submitted, taken.iter().filter(of_it).count() as u64, "{c:?}");
        }
        counters
    }
}

pub(crate) fn packs() -> Packs {
    Packs::embedded().unwrap()
}

pub(crate) fn configs(toml: &str) -> Vec<SensorConfig> {
    #[derive(serde::Deserialize)]
    struct All {
        sensor: Vec<SensorConfig>,
    }
    toml::from_str::<All>(toml).unwrap().sensor
}

pub(crate) fn context(memory: &Arc<Memory>, saved: Arc<Saved>) -> Context {
    let next = AtomicU64::new(0);
    Context {
        intake: Arc::new(Door(Arc::clone(memory))),
        clock: Arc::new(Fixed),
        checkpoints: saved,
        ids: Arc::new(move |at| EventId::at(at, u128::from(next.fetch_add(1, Ordering::Relaxed)))),
        site_of: Arc::new(|address| {
            let school: SiteId = SCHOOL.parse().unwrap();
            (address.to_string() == "127.0.0.9").then_some(school)
        }),
        exercise: Arc::new(|record| {
            let text = String::from_utf8_lossy(record).into_owned();
            text.contains(MARKER).then(|| ExerciseId::from_u128(7))
        }),
    }
}

/// Counters of one sensor.
pub(crate) fn of<'a>(counters: &'a [SensorCounters], sensor: &str) -> &'a SensorCounters {
    counters.iter().find(|c| c.sensor == sensor).unwrap()
}
