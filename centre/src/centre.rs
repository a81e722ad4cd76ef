//! The node: everything it holds, opened in order, started and stopped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use events::{EventId, RunId, Text, Timestamp};
use rules::{Problem, RuleSet};
use sensors::{Context, Packs, Running};
use store::archive::Archive;
use store::journal::{Journal, JournalOptions};
use store::state::{State, Table};
use tokio::sync::broadcast;

use crate::account::AccountBook;
use crate::alert::AlertBook;
use crate::archive_proof::ArchiveProof;
use crate::audit_log::AuditLog;
use crate::config::Config;
use crate::coverage::SourceCoverage;
use crate::drill::DrillBook;
use crate::enrich::Enricher;
use crate::error::Error;
use crate::hunt::HuntBook;
use crate::intake::JournalIntake;
use crate::ledger::Ledger;
use crate::live::{BACKLOG, Live};
use crate::pipeline::Pipeline;
use crate::region::Directory;
use crate::reveal::RevealBook;
use crate::rulebook::RuleBook;
use crate::seal::Seal;
use crate::sensing::{SledCheckpoints, site_lookup};
use crate::sensor_health::SensorWatch;
use crate::sight::Sight;
use crate::view::{Figures, InventoryEntry, RunRow};
use crate::world::{Uniques, World};
use crate::{limits, secret};

/// A node. Everything a user may do goes through its methods, each with the [`Caller`] that asks.
///
/// [`Caller`]: crate::account::Caller
pub struct Centre {
    pub(crate) config: Config,
    pub(crate) directory: Arc<Directory>,
    pub(crate) enricher: Arc<Enricher>,
    pub(crate) world: World,
    pub(crate) state: Arc<State>,
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) accounts: AccountBook,
    pub(crate) audit_log: AuditLog,
    pub(crate) sensors: Mutex<Option<Running>>,
    pub(crate) sensor_watch: Mutex<SensorWatch>,
    pub(crate) drill_key: [u8; 32],
    pub(crate) drills: DrillBook,
    pub(crate) hunts: HuntBook,
    pub(crate) ledger: Ledger,
    pub(crate) reveals: RevealBook,
    pub(crate) sight: Sight,
    /// Rows of runs that were read before; a kept run never changes.
    pub(crate) run_rows: Mutex<BTreeMap<RunId, RunRow>>,
    pub(crate) archive_proof: ArchiveProof,
    /// What audits read of the archive and found whole.
    pub(crate) archive_read: Mutex<store::archive::VerifyMemory>,
    pub(crate) inventories: Table<RunId, InventoryEntry>,
    /// Checks done and planned of the audit that runs now.
    pub(crate) auditing: Mutex<Option<(usize, usize)>>,
    /// Which sources feed the rules in force, once somebody asked.
    pub(crate) coverage: Mutex<Option<(Arc<RuleSet>, Arc<SourceCoverage>)>>,
    pub(crate) alarms: Mutex<Vec<Text>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// The shipped packs.
pub(crate) fn packs() -> Result<Packs, Error> {
    Packs::embedded().map_err(|problems| Error::Part {
        part: "sensors",
        message: format!("{} shipped packs cannot be read", problems.len()),
    })
}

impl Centre {
    /// Opens the data folder of a configuration: state, journal, archive, rules, accounts.
    /// Nothing listens yet.
    pub fn open(config: Config, world: World) -> Result<Arc<Self>, Error> {
        let data = config.node.data_dir.clone();
        make_private_dir(&data)?;
        let mut alarms = Vec::new();
        let opened = State::open(&data.join("state"))?;
        if let Some(moved) = &opened.recovered {
            tracing::error!(to = %moved.to.display(), "the state could not be opened and was moved aside");
            alarms.push(Text::new(
                "状态库无法打开，已移至一旁并重建，请核对告警与账号",
                "The state could not be opened: it was moved aside and is being rebuilt",
            ));
        }
        let state = Arc::new(opened.state);
        let archive = Arc::new(Archive::open(&data.join("archive"))?);
        let alerts = Arc::new(AlertBook::open(Arc::clone(&state))?);
        // Numbers go on behind whatever has been read, even if every segment is gone.
        let next_seq_min = alerts.checkpoint()?.next_seq.max(archive.archived_through() + 1);
        let journal = open_journal(&data.join("journal"), next_seq_min, &config, &mut alarms)?;
        let directory = Arc::new(
            Directory::new(config.region.clone())
                .map_err(|e| Error::Config(crate::config::ConfigError::Region(e)))?,
        );
        let enricher = Arc::new(Enricher::open(&config.enrich, &directory)?);
        let rules = Arc::new(RuleBook::open(config.rules.clone(), Arc::clone(&state))?);
        let pipeline = Pipeline::new(
            Arc::clone(&journal),
            archive,
            alerts,
            rules,
            broadcast::channel::<Live>(BACKLOG).0,
            Arc::clone(&world.clock),
            Duration::from_secs(config.store.archive_after_secs),
        )?;
        if opened.recovered.is_some() {
            let groups = crate::rebuild::read(&pipeline.journal, &pipeline.archive)?;
            let count = pipeline.alerts.restore(groups.into_values())?;
            tracing::warn!(count, "alert groups were rebuilt from the journal and the archive");
        }
        let node_key = secret::node_key(&data.join("node.key"), &*world.random)?;
        let accounts = AccountBook::open(
            Arc::clone(&state),
            Seal::new(&secret::derive(&node_key, b"seal")),
            Arc::clone(&world.random),
        )?;
        let reveals = RevealBook::open(Arc::clone(&state), &config.reveal, &node_key)?;
        let sight = Sight::new(
            reveals.policy.sight.clone(),
            &reveals.taxonomy,
            &secret::derive(&node_key, b"masks"),
        );
        let ledger = Ledger::open(&data.join("compliance"), &config.evidence, &world)?;
        // What is wrong with the evidence log is an alarm; the node goes on without it.
        if let Err(error) = ledger.evidence().look() {
            tracing::error!(%error, code = error.code(), "the evidence log cannot be written");
        }
        let audit_log = AuditLog::open(Arc::clone(&state), journal)?;
        Ok(Arc::new(Self {
            directory,
            enricher,
            drills: DrillBook::open(Arc::clone(&state))?,
            hunts: HuntBook::open(Arc::clone(&state))?,
            ledger,
            reveals,
            sight,
            run_rows: Mutex::default(),
            archive_proof: ArchiveProof::open(Arc::clone(&state))?,
            archive_read: Mutex::default(),
            inventories: state.table("inventories")?,
            auditing: Mutex::new(None),
            coverage: Mutex::new(None),
            state,
            pipeline,
            accounts,
            audit_log,
            sensors: Mutex::new(None),
            sensor_watch: Mutex::default(),
            drill_key: secret::derive(&node_key, b"drill"),
            alarms: Mutex::new(alarms),
            threads: Mutex::new(Vec::new()),
            config,
            world,
        }))
    }

    /// Starts detection, the archive and the sensors. Returns where each sensor listens.
    pub async fn start(self: &Arc<Self>) -> Result<Vec<(String, std::net::SocketAddr)>, Error> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).extend(self.pipeline.start()?);
        let packs = packs()?;
        let context = Context {
            intake: Arc::new(JournalIntake::new(self)),
            clock: Arc::clone(&self.world.clock),
            checkpoints: Arc::new(SledCheckpoints::open(&self.state)?),
            ids: {
                let uniques = Uniques::new(self.world.clone());
                Arc::new(move |at: Timestamp| EventId::at(at, uniques.next()))
            },
            site_of: site_lookup(&self.directory),
            exercise: {
                let key = self.drill_key;
                Arc::new(move |record: &[u8]| {
                    playbooks::verify_marker(&key, record).map(|(exercise, _)| exercise)
                })
            },
        };
        let running =
            sensors::start(self.config.sensors.clone(), packs, context).await.map_err(|e| {
                Error::Part { part: "sensors", message: format!("{} ({})", e, e.code()) }
            })?;
        let addresses = running.addresses().to_vec();
        *self.sensors.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
        tokio::spawn(crate::inject::watch(Arc::downgrade(self), self.subscribe()));
        self.sensor_watch.lock().unwrap_or_else(PoisonError::into_inner).since = self.now();
        tokio::spawn(watch_sensors(Arc::downgrade(self)));
        tokio::spawn(watch_files(Arc::downgrade(self)));
        if let Some(id) = self.running_drill() {
            self.drive_drill(id);
        }
        Ok(addresses)
    }

    /// Stops the sensors, lets detection read to the end, and flushes. What was acknowledged is
    /// on disk whether or not this is called.
    pub async fn stop(&self) {
        let running = self.sensors.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            running.stop().await;
        }
        self.pipeline.stop();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a pipeline thread ended badly");
                }
            }
        });
        if joined.await.is_err() {
            tracing::error!("waiting for the pipeline failed");
        }
        if let Err(error) = self.state.flush() {
            tracing::error!(%error, "the state could not be flushed");
        }
    }

    /// News as it happens.
    pub fn subscribe(&self) -> broadcast::Receiver<Live> {
        self.pipeline.live.subscribe()
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The region.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Now, by the node's clock.
    pub fn now(&self) -> Timestamp {
        self.world.now()
    }

    /// The node's own figures.
    pub fn figures(&self) -> Figures {
        let counters = &self.pipeline.counters;
        let archive = &self.pipeline.archive;
        let journal = self.pipeline.journal.stats();
        Figures {
            journalled: journal.next_seq.saturating_sub(1),
            matched: counters.matched.load(Ordering::Relaxed),
            archived: archive.rows(),
            detections: counters.detections.load(Ordering::Relaxed),
            rules: self.pipeline.rule_set().rules().len(),
            rules_rejected: self.pipeline.rules.in_force().rejected,
            excepted: counters.excepted.load(Ordering::Relaxed),
            indicators: self.pipeline.rules.in_force().intel.stats().total(),
            archive_bytes: archive.files().iter().map(|f| f.bytes).sum(),
            oldest: archive.oldest(),
            journal_full: journal.full,
            refused: journal.failed,
        }
    }

    /// What was wrong with rules when the set was loaded.
    pub fn rule_problems(&self) -> Vec<Problem> {
        self.pipeline.rules.in_force().problems.as_ref().clone()
    }

    /// Seals everything that is durable into the archive now.
    pub fn seal_all(&self) -> Result<u64, Error> {
        self.pipeline.seal_all()
    }

    /// Reads the inventory, the places and the divisions again if a file changed; refused files leave the old ones.
    fn refresh_enrichment(&self) {
        let done = self.enricher.refresh();
        let about = match &done {
            Ok(false) => return,
            Ok(true) => String::new(),
            Err(error) => error.text().en,
        };
        match &done {
            Ok(_) => tracing::info!("inventory, places and divisions were read again"),
            Err(_) => tracing::error!(about, "new inventory, places or divisions were refused"),
        }
        let log = self.audit_log.record(None, "enrich.reload", &about, done.is_ok(), self.now());
        if let Err(error) = log {
            tracing::error!(%error, "reading inventory, places and divisions again could not be logged");
        }
    }

    /// What is wrong with the node itself, for the workbench.
    pub fn alarms(&self) -> Vec<Text> {
        let mut alarms = self.alarms.lock().unwrap_or_else(PoisonError::into_inner).clone();
        alarms.extend(self.pipeline.rules.refused());
        alarms.extend(self.enricher.alarms());
        alarms.extend(self.sensor_alarms());
        let counters = &self.pipeline.counters;
        alarms.extend(self.ledger.evidence().standing().alarms());
        let journal = self.pipeline.journal.stats();
        if journal.full {
            alarms.push(Text::new(
                "磁盘空间已满，暂停接收日志（发送方会重试，已确认的日志不受影响），请清理磁盘",
                "The disk is full: records are refused until there is room; senders try again, and what was acknowledged is kept",
            ));
        }
        if counters.seal_failures.load(Ordering::Relaxed) > 0 {
            alarms.push(Text::new(
                "归档写入失败，正在重试",
                "The archive cannot be written; trying again",
            ));
        }
        if counters.commit_failures.load(Ordering::Relaxed) > 0 {
            alarms.push(Text::new(
                "告警写入失败，正在重试",
                "Alerts cannot be written; trying again",
            ));
        }
        alarms
    }

    /// Folder of the node's data.
    pub fn data_dir(&self) -> &Path {
        &self.config.node.data_dir
    }
}

fn open_journal(
    dir: &Path,
    next_seq_min: u64,
    config: &Config,
    alarms: &mut Vec<Text>,
) -> Result<Arc<Journal>, Error> {
    let options = JournalOptions {
        segment_bytes: config.store.segment_mib << 20,
        reserve_bytes: config.store.disk_reserve_mib << 20,
        next_seq_min,
        ..JournalOptions::default()
    };
    let (journal, recovery) = Journal::open(dir, options)?;
    if recovery.truncated_bytes > 0 {
        tracing::warn!(bytes = recovery.truncated_bytes, "a torn journal tail was cut");
    }
    for damage in &recovery.damaged {
        tracing::error!(?damage, "the journal is damaged");
        alarms.push(Text::new(
            "日志文件存在损坏段，其余记录不受影响，详见运行日志",
            "A part of the journal is damaged; the rest is not affected; see the program's log",
        ));
    }
    Ok(Arc::new(journal))
}

/// How often the files of rules and lists are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(3);

async fn watch_sensors(centre: std::sync::Weak<Centre>) {
    loop {
        tokio::time::sleep(crate::sensor_health::LOOK_EVERY).await;
        let Some(centre) = centre.upgrade() else { return };
        // The journal is written to: not on the thread of others.
        if tokio::task::spawn_blocking(move || centre.watch_sensors()).await.is_err() {
            tracing::error!("looking at the sensors failed");
        }
    }
}

/// Loads rules, pipelines, lists, the inventory and the places again when a file changes, until the
/// node is gone.
async fn watch_files(centre: std::sync::Weak<Centre>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(centre) = centre.upgrade() else { return };
        let looked = tokio::task::spawn_blocking(move || {
            centre.refresh_enrichment();
            let done = centre.pipeline.rules.reload_if_changed()?;
            let ok = done.is_ok();
            let about = done.as_ref().err().map(ToString::to_string).unwrap_or_default();
            let log = centre.audit_log.record(None, "rules.reload", &about, ok, centre.now());
            Some((done.map(|new| new.set.rules().len()), log))
        });
        match looked.await {
            Ok(Some((Ok(rules), _))) => tracing::info!(rules, "the rules were loaded again"),
            Ok(Some((Err(error), _))) => tracing::error!(%error, "the new rules were refused"),
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "loading the rules failed"),
        }
    }
}

/// A folder only its owner can enter.
fn make_private_dir(dir: &PathBuf) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|source| Error::Io { what: format!("make {}", dir.display()), source })
}

impl Drop for Centre {
    fn drop(&mut self) {
        self.pipeline.stop();
    }
}

/// Bound of a page of rows.
pub(crate) fn page(rows: usize) -> usize {
    rows.clamp(1, limits::PAGE_ROWS_MAX)
}
