//! Starting and stopping sensors.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::{Encoding, InputConfig, SensorConfig, ServerTls, WholeFile};
use crate::context::Context;
use crate::counters::{Counters, SensorCounters};
use crate::decode::{netflow, sflow};
use crate::error::Error;
use crate::feed::Feed;
use crate::input::renewal::{Renewal, Tls};
use crate::input::syslog::Protocol;
use crate::input::{file, flows, http, integrity, journald, syslog, udp, whole};
use crate::limits::IN_FLIGHT_EVENTS_MAX;
use crate::pack::Packs;
use crate::turns::Turns;
use crate::validate::validate;

/// Sensors at work. Dropped without [`Running::stop`], what is on its way may be lost.
pub struct Running {
    addresses: Vec<(String, SocketAddr)>,
    counters: Vec<Arc<Counters>>,
    stop: watch::Sender<bool>,
    stop_threads: Arc<AtomicBool>,
    tasks: JoinSet<()>,
    threads: Vec<thread::JoinHandle<()>>,
}

/// Starts all sensors, or none: the sockets are bound before the first record is read.
///
/// # Errors
/// What is wrong with the configuration, its files or addresses.
pub async fn start(
    sensors: Vec<SensorConfig>,
    packs: Packs,
    context: Context,
) -> Result<Running, Error> {
    validate(&sensors, &packs)?;
    let packs = Arc::new(packs);
    let (stop, stopped) = watch::channel(false);
    let mut running = Running {
        addresses: Vec::new(),
        counters: Vec::new(),
        stop,
        stop_threads: Arc::new(AtomicBool::new(false)),
        tasks: JoinSet::new(),
        threads: Vec::new(),
    };
    let turns = Turns::new(sensors.len(), IN_FLIGHT_EVENTS_MAX);
    for (number, config) in sensors.iter().enumerate() {
        let counters = Arc::new(Counters::new(&config.name));
        running.counters.push(Arc::clone(&counters));
        let turns = (Arc::clone(&turns), number);
        let job =
            Job { config, packs: &packs, context: &context, counters, turns, stopped: &stopped };
        if let Err(error) = job.start(&mut running).await {
            running.stop().await;
            return Err(error);
        }
        tracing::info!(sensor = config.name, kind = config.input.kind(), "sensor started");
    }
    Ok(running)
}

struct Job<'a> {
    config: &'a SensorConfig,
    packs: &'a Arc<Packs>,
    context: &'a Context,
    counters: Arc<Counters>,
    turns: (Arc<Turns>, usize),
    stopped: &'a watch::Receiver<bool>,
}

impl Job<'_> {
    async fn start(&self, running: &mut Running) -> Result<(), Error> {
        match &self.config.input {
            InputConfig::SyslogUdp { listen, encoding, receive_buffer_bytes } => {
                let from = self.receive(running, *listen, *receive_buffer_bytes)?;
                let feed = self.feed(*encoding, true);
                running.tasks.spawn(syslog::datagrams(feed, from, self.stopped.clone()));
            }
            InputConfig::SyslogTcp { listen, encoding, connections_max } => {
                let feed = self.feed(*encoding, true);
                self.stream(running, feed, Protocol::Plain, *listen, *connections_max, None)
                    .await?;
            }
            InputConfig::SyslogTls {
                listen,
                encoding,
                connections_max,
                cert,
                key,
                client_ca,
                client_crl,
            } => {
                let (client_ca, client_crl) = (client_ca.clone(), client_crl.clone());
                let (cert, key) = (cert.clone(), key.clone());
                let files = ServerTls { cert, key, client_ca, client_crl };
                let tls = self.tls(running, Some(&files))?;
                let feed = self.feed(*encoding, true);
                self.stream(running, feed, Protocol::Plain, *listen, *connections_max, tls).await?;
            }
            InputConfig::Relp { listen, encoding, connections_max, tls } => {
                let (feed, tls) = (self.feed(*encoding, true), self.tls(running, tls.as_ref())?);
                self.stream(running, feed, Protocol::Relp, *listen, *connections_max, tls).await?;
            }
            InputConfig::File { paths, multiline, encoding, start } => {
                let feed = self.feed(*encoding, false);
                let of_pack = || self.packs.get(self.config.pack.as_deref()?)?.run.start.clone();
                let job = file::Job::new(
                    &self.config.name,
                    paths,
                    file::start_of(&self.config.name, multiline.as_ref())?.or_else(of_pack),
                    *encoding,
                    *start,
                    feed,
                )?;
                let stop = (self.stopped.clone(), Arc::clone(&running.stop_threads));
                running.threads.push(file::start(&self.config.name, job, stop)?);
            }
            InputConfig::Http { listen, token, tokens, tls } => {
                let tls = self.tls(running, tls.as_ref())?;
                let (listener, address) = self.listen(*listen).await?;
                running.addresses.push((self.config.name.clone(), address));
                let server = http::Server::new(self.feed(Encoding::Utf8, true), token, tokens);
                running.tasks.spawn(http::serve(server, listener, tls, self.stopped.clone()));
            }
            InputConfig::Netflow { listen, receive_buffer_bytes } => {
                let from = self.receive(running, *listen, *receive_buffer_bytes)?;
                let feed = self.feed(Encoding::Utf8, true);
                let name = self.config.name.clone();
                let decoder = flows::Decoder::Netflow(netflow::Decoder::new());
                running.tasks.spawn(flows::run(name, feed, decoder, from, self.stopped.clone()));
            }
            InputConfig::Sflow { listen, receive_buffer_bytes } => {
                let from = self.receive(running, *listen, *receive_buffer_bytes)?;
                let feed = self.feed(Encoding::Utf8, true);
                let name = self.config.name.clone();
                let decoder = flows::Decoder::Sflow(sflow::Decoder::default());
                running.tasks.spawn(flows::run(name, feed, decoder, from, self.stopped.clone()));
            }
            InputConfig::Journald { directory, units } => {
                let journal = journald::Journal {
                    sensor: self.config.name.clone(),
                    directory: directory.clone(),
                    units: units.clone(),
                    feed: self.feed(Encoding::Utf8, true),
                };
                let first = journal.first()?;
                running.tasks.spawn(journald::run(journal, first, self.stopped.clone()));
            }
            InputConfig::Integrity { paths, full_minutes } => {
                let job = integrity::Job {
                    sensor: self.config.name.clone(),
                    paths: paths.clone(),
                    full_every: Duration::from_secs(60 * u64::from((*full_minutes).max(1))),
                    feed: self.feed(Encoding::Utf8, false),
                };
                let stop = (self.stopped.clone(), Arc::clone(&running.stop_threads));
                running.threads.push(integrity::start(job, stop)?);
            }
            InputConfig::Gzip { paths, encoding, settle_seconds } => {
                self.whole(running, paths, WholeFile::Gzip, *encoding, *settle_seconds)?;
            }
            InputConfig::Capture { paths, settle_seconds } => {
                self.whole(running, paths, WholeFile::Capture, Encoding::Utf8, *settle_seconds)?;
            }
            InputConfig::Evtx { paths, settle_seconds } => {
                self.whole(running, paths, WholeFile::Evtx, Encoding::Utf8, *settle_seconds)?;
            }
        }
        Ok(())
    }

    fn whole(
        &self,
        running: &mut Running,
        paths: &[String],
        kind: WholeFile,
        encoding: Encoding,
        settle_seconds: u32,
    ) -> Result<(), Error> {
        let job = whole::Job {
            sensor: self.config.name.clone(),
            patterns: paths.to_vec(),
            kind,
            settle: Duration::from_secs(settle_seconds.into()),
            framing: file::framing(encoding),
            feed: self.feed(encoding, false),
        };
        let stop = (self.stopped.clone(), Arc::clone(&running.stop_threads));
        running.threads.push(whole::start(job, stop)?);
        Ok(())
    }

    fn feed(&self, encoding: Encoding, live: bool) -> Feed {
        let (packs, counters) = (Arc::clone(self.packs), Arc::clone(&self.counters));
        let (context, turns) = (self.context.clone(), self.turns.clone());
        Feed::new(self.config, encoding, live, packs, context, counters, turns)
    }

    /// The TLS of these files, which are followed from here on.
    fn tls(&self, running: &mut Running, files: Option<&ServerTls>) -> Result<Option<Tls>, Error> {
        let Some(files) = files else { return Ok(None) };
        let renewal = Renewal::open(&self.config.name, files, &self.counters)?;
        let tls = renewal.tls();
        running.tasks.spawn(renewal.follow(self.stopped.clone()));
        Ok(Some(tls))
    }

    async fn listen(
        &self,
        address: SocketAddr,
    ) -> Result<(tokio::net::TcpListener, SocketAddr), Error> {
        let sensor = self.config.name.clone();
        syslog::listen(address).await.map_err(|source| Error::Listen { sensor, address, source })
    }

    async fn stream(
        &self,
        running: &mut Running,
        feed: Feed,
        protocol: Protocol,
        listen: SocketAddr,
        connections_max: usize,
        tls: Option<Tls>,
    ) -> Result<(), Error> {
        let (listener, address) = self.listen(listen).await?;
        running.addresses.push((self.config.name.clone(), address));
        let stop = self.stopped.clone();
        running.tasks.spawn(syslog::accept(feed, protocol, listener, tls, connections_max, stop));
        Ok(())
    }

    fn receive(
        &self,
        running: &mut Running,
        listen: SocketAddr,
        buffer: usize,
    ) -> Result<tokio::sync::mpsc::Receiver<udp::Datagrams>, Error> {
        let bound = udp::bind(&self.config.name, listen, buffer)?;
        running.addresses.push((self.config.name.clone(), bound.address));
        let (from, thread) = udp::receive(
            &self.config.name,
            bound,
            Arc::clone(&self.context.clock),
            Arc::clone(&self.counters),
            Arc::clone(&running.stop_threads),
        )?;
        running.threads.push(thread);
        Ok(from)
    }
}

impl Running {
    /// The addresses bound, by sensor: with port 0 in the configuration, where to send to.
    pub fn addresses(&self) -> &[(String, SocketAddr)] {
        &self.addresses
    }

    /// The address of a sensor.
    pub fn address(&self, sensor: &str) -> Option<SocketAddr> {
        self.addresses.iter().find(|(name, _)| name == sensor).map(|(_, address)| *address)
    }

    /// The counters of all sensors, in the order of the configuration.
    pub fn counters(&self) -> Vec<SensorCounters> {
        self.counters.iter().map(|c| c.read()).collect()
    }

    /// Stops reading, submits what was read, and returns the last counters.
    pub async fn stop(mut self) -> Vec<SensorCounters> {
        self.stop_threads.store(true, Ordering::Release);
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a sensor ended badly");
            }
        }
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || {
            threads.into_iter().map(|t| t.join().is_ok()).fold(true, |all, ok| all & ok)
        });
        if !joined.await.unwrap_or(false) {
            tracing::error!("a sensor thread ended badly");
        }
        self.counters()
    }
}
