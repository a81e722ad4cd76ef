//! Speaks a story to the node's sensors over real sockets.
//!
//! Layout: `pace` decides what is due, `udp`, `tcp`, `file` and `http` put it on the wire,
//! [`netflow`] encodes flows. One task sends everything in the order of the story; a school's
//! records come from the school's own loopback address, where the system lets us bind it.
//!
//! Nothing is lost on our side: UDP is sent in small bursts with pauses, TCP and HTTP wait for
//! the receiver, HTTP repeats what was refused for being busy and counts only what was accepted.

mod file;
mod http;
pub mod netflow;
mod pace;
mod tcp;
mod udp;

use std::net::SocketAddr;
use std::path::PathBuf;

use events::Sensitive;
use tokio::sync::watch;

use super::error::Error;
use super::region::Region;
use super::story::{ActId, Channel, Emission, Story, Totals};

pub use pace::Pace;

/// Where the sensors listen.
#[derive(Clone, Debug)]
pub struct Targets {
    /// RFC 5424 over UDP.
    pub syslog_udp5424: SocketAddr,
    /// RFC 3164 over UDP; may be the same listener.
    pub syslog_udp3164: SocketAddr,
    /// Syslog over TCP.
    pub syslog_tcp: SocketAddr,
    /// The tailed file; made when absent, renamed to `<name>.1` half-way.
    pub file: PathBuf,
    /// `POST /ingest`.
    pub http: SocketAddr,
    /// The bearer token of the HTTP sensor.
    pub http_token: Sensitive<String>,
    /// NetFlow.
    pub netflow: SocketAddr,
}

/// What happens while sending, for the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The first record of an act was sent.
    Began(ActId),
    /// The last record of an act was sent.
    Ended(ActId),
    /// So far, in all: milliseconds of story time, records.
    At {
        /// Milliseconds of story time.
        told_ms: u64,
        /// Records sent.
        sent: u64,
    },
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Records by channel.
    pub totals: Totals,
    /// Datagrams of NetFlow.
    pub netflow_packets: u64,
    /// Requests of HTTP that were refused for being busy and repeated.
    pub http_repeats: u64,
    /// Whether the story was told to its end.
    pub finished: bool,
}

/// Tells the story at a pace until its end or until `stop` becomes true, and says what was sent.
/// All connections are closed in order, so what TCP accepted will be read.
pub async fn send(
    region: &Region,
    story: &Story,
    targets: &Targets,
    pace: Pace,
    stop: watch::Receiver<bool>,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Sent, Error> {
    let mut senders = Senders::open(region, story, targets).await?;
    let mut clock = pace::Clock::start(pace, stop);
    let mut acts = Acts::new(story);
    let mut done = 0;
    while let Some(batch) = story.emissions.get(done..).filter(|rest| !rest.is_empty()) {
        let Some(count) = clock.due(batch).await else { break };
        let batch = &batch[..count.min(batch.len())];
        acts.begin(batch, progress);
        senders.send(batch, &mut clock).await?;
        done += batch.len();
        acts.end(batch, progress);
        if let Some(last) = batch.last() {
            progress(Progress::At { told_ms: last.at_ms, sent: done as u64 });
        }
    }
    let mut sent = senders.close().await?;
    sent.finished = done == story.emissions.len();
    Ok(sent)
}

/// All open senders.
struct Senders<'a> {
    region: &'a Region,
    udp: udp::Udp,
    tcp: tcp::Tcp,
    file: file::LogFile,
    http: http::Http,
    flows: netflow::Exporters,
    targets: &'a Targets,
    sent: Sent,
}

impl<'a> Senders<'a> {
    async fn open(
        region: &'a Region,
        story: &'a Story,
        targets: &'a Targets,
    ) -> Result<Self, Error> {
        let lines = story.totals().file;
        Ok(Self {
            region,
            udp: udp::Udp::default(),
            tcp: tcp::Tcp::new(targets.syslog_tcp),
            file: file::LogFile::open(&targets.file, lines / 2).await?,
            http: http::Http::new(targets.http, targets.http_token.clone()),
            flows: netflow::Exporters::new(story.start),
            targets,
            sent: Sent::default(),
        })
    }

    /// Sends a batch, channel by channel and, within a channel, in order.
    async fn send(&mut self, batch: &[Emission], clock: &mut pace::Clock) -> Result<(), Error> {
        for channel in Channel::ALL {
            let mut own: Vec<&Emission> = batch.iter().filter(|e| e.channel == channel).collect();
            // Stable, so that each school's own order stays.
            own.sort_by_key(|e| e.school);
            for group in own.chunk_by(|a, b| a.school == b.school) {
                self.send_group(channel, group, clock).await?;
                self.sent.totals.add(channel, group.len() as u64);
            }
        }
        Ok(())
    }

    async fn send_group(
        &mut self,
        channel: Channel,
        group: &[&Emission],
        clock: &mut pace::Clock,
    ) -> Result<(), Error> {
        let Some(school) = group.first().map(|e| self.region.school(e.school)) else {
            return Ok(());
        };
        let from = school.sender;
        let lines: Vec<&str> = group.iter().filter_map(|e| e.payload.line()).collect();
        match channel {
            Channel::SyslogUdp5424 | Channel::SyslogUdp3164 => {
                let to = if channel == Channel::SyslogUdp5424 {
                    self.targets.syslog_udp5424
                } else {
                    self.targets.syslog_udp3164
                };
                for line in lines {
                    clock.before_datagram().await;
                    self.udp.send(from, to, line.as_bytes()).await?;
                }
                Ok(())
            }
            Channel::SyslogTcp => self.tcp.send(from, &lines).await,
            Channel::File => self.file.append(&lines).await,
            Channel::HttpJson => {
                self.sent.http_repeats += self.http.post(from, &lines).await?;
                Ok(())
            }
            Channel::NetflowV9 => {
                let flows = group.iter().filter_map(|e| Some((e.at_ms, e.payload.flow()?)));
                for packet in self.flows.packets(school, flows) {
                    clock.before_datagram().await;
                    self.udp.send(from, self.targets.netflow, &packet).await?;
                    self.sent.netflow_packets += 1;
                }
                Ok(())
            }
        }
    }

    async fn close(mut self) -> Result<Sent, Error> {
        self.tcp.close().await?;
        self.file.close().await?;
        Ok(self.sent)
    }
}

/// Knows which acts have begun and how many of their records are still to come.
struct Acts {
    left: Vec<(ActId, u64, bool)>,
}

impl Acts {
    fn new(story: &Story) -> Self {
        Self { left: story.acts.iter().map(|a| (a.id, a.records, false)).collect() }
    }

    fn begin(&mut self, batch: &[Emission], progress: &mut (dyn FnMut(Progress) + Send)) {
        for (id, _, begun) in &mut self.left {
            if !*begun && batch.iter().any(|e| e.act == *id) {
                *begun = true;
                progress(Progress::Began(*id));
            }
        }
    }

    fn end(&mut self, batch: &[Emission], progress: &mut (dyn FnMut(Progress) + Send)) {
        for (id, left, _) in &mut self.left {
            let own = batch.iter().filter(|e| e.act == *id).count() as u64;
            *left = left.saturating_sub(own);
            if own > 0 && *left == 0 {
                progress(Progress::Ended(*id));
            }
        }
    }
}

#[cfg(test)]
mod tests;
