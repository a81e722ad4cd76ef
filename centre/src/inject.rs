//! Feeding a drill's injects into the node's own sensors, over real sockets, at their times.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use events::DrillId;
use playbooks::drill::{DrillRun, Inject, InjectContext, InjectRecord, Transport};
use playbooks::marker;
use sensors::InputConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::centre::Centre;
use crate::error::Error;
use crate::live::Live;

/// How often the drill looks at its clock.
const TICK: Duration = Duration::from_millis(100);
/// How long a sensor may take to take a record.
const SEND_WITHIN: Duration = Duration::from_secs(10);

/// Where a sensor takes records.
enum Door {
    Udp(SocketAddr),
    Tcp(SocketAddr),
    Http(SocketAddr, String),
}

/// Feeds a drill until it ends.
pub(crate) async fn drive(centre: Arc<Centre>, id: DrillId) {
    loop {
        let Some(record) = centre.drills.active().filter(|r| r.id == id) else { return };
        let due: Vec<Inject> = record.run.due(centre.now()).into_iter().cloned().collect();
        for inject in due {
            if let Err(error) = feed(&centre, id, &record.run, &inject).await {
                tracing::error!(%error, inject = inject.id, "an inject could not be sent");
            }
        }
        if let Err(error) = centre.drills.advance(centre.now()) {
            tracing::error!(%error, "the drill's playbook cannot go on");
        }
        tokio::time::sleep(TICK).await;
    }
}

async fn feed(centre: &Centre, id: DrillId, run: &DrillRun, inject: &Inject) -> Result<(), Error> {
    let door = door(centre, inject)?;
    let token = marker(&centre.drill_key, run.exercise(), &inject.id);
    // Offsets count from when the inject really begins, also after a pause or a restart.
    let late = centre
        .now()
        .since(run.started())
        .saturating_sub(Duration::from_secs(u64::from(inject.at_seconds)));
    let start = run.started().plus(late);
    let context = InjectContext { site: run.site(), marker: &token, start };
    centre.drills.change(id, |run| run.emitted(&inject.id, 0, centre.now()))?;
    for record in inject.records(&context) {
        let wait = record.at.since(centre.now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let sent = tokio::time::timeout(SEND_WITHIN, send(&door, &record)).await;
        sent.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))
            .and_then(|done| done)
            .map_err(|source| Error::Io { what: format!("send inject {}", inject.id), source })?;
        centre.drills.change(id, |run| run.emitted(&inject.id, 1, centre.now()))?;
    }
    let _ = centre.pipeline.live.send(Live::Drill(id));
    Ok(())
}

/// The sensor of the inject's transport, by preference the one with its pack.
fn door(centre: &Centre, inject: &Inject) -> Result<Door, Error> {
    let running = centre.sensors.lock().unwrap_or_else(PoisonError::into_inner);
    let addresses = running.as_ref().map(|r| r.addresses().to_vec()).unwrap_or_default();
    let at = |name: &str| addresses.iter().find(|(n, _)| n == name).map(|(_, a)| *a);
    let fits = |input: &InputConfig| {
        matches!(
            (inject.transport, input),
            (Transport::SyslogUdp, InputConfig::SyslogUdp { .. })
                | (Transport::SyslogTcp, InputConfig::SyslogTcp { .. })
                | (Transport::Http, InputConfig::Http { .. })
        )
    };
    let candidates = centre.config.sensors.iter().filter(|s| fits(&s.input));
    let with_pack = |s: &&sensors::SensorConfig| s.pack.as_deref() == Some(inject.pack.as_str());
    let sensor = candidates
        .clone()
        .find(with_pack)
        .or_else(|| candidates.clone().find(|s| s.pack.is_none()));
    let none = || Error::Part {
        part: "drill",
        message: format!("no sensor takes {:?} records of pack {}", inject.transport, inject.pack),
    };
    let sensor = sensor.ok_or_else(none)?;
    let address = at(&sensor.name).ok_or_else(none)?;
    Ok(match &sensor.input {
        InputConfig::SyslogUdp { .. } => Door::Udp(address),
        InputConfig::Http { token, .. } => Door::Http(address, token.reveal().clone()),
        _ => Door::Tcp(address),
    })
}

async fn send(door: &Door, record: &InjectRecord) -> std::io::Result<()> {
    match door {
        Door::Udp(to) => {
            let from: SocketAddr = if to.is_ipv4() {
                ([127, 0, 0, 1], 0).into()
            } else {
                (std::net::Ipv6Addr::LOCALHOST, 0).into()
            };
            let socket = UdpSocket::bind(from).await?;
            socket.send_to(record.text.as_bytes(), to).await?;
        }
        Door::Tcp(to) => {
            let mut stream = TcpStream::connect(to).await?;
            let frame = format!("{} {}", record.text.len(), record.text);
            stream.write_all(frame.as_bytes()).await?;
            stream.shutdown().await?;
        }
        Door::Http(to, token) => post(*to, token, &record.text).await?,
    }
    Ok(())
}

async fn post(to: SocketAddr, token: &str, body: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    let head = format!(
        "POST /ingest HTTP/1.1\r\nHost: {to}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len() + 1
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.write_all(b"\n").await?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await?;
    if answer.starts_with(b"HTTP/1.1 2") {
        Ok(())
    } else {
        Err(std::io::Error::other(String::from_utf8_lossy(&answer).into_owned()))
    }
}

/// Tells the running drill of every alert as it appears. A watcher that fell behind looks at all
/// open groups again: a drill's clocks are set by the first that happens, so nothing counts twice.
/// Ends with the node: it does not keep it alive.
pub(crate) async fn watch(centre: Weak<Centre>, mut news: tokio::sync::broadcast::Receiver<Live>) {
    use tokio::sync::broadcast::error::RecvError;
    loop {
        let heard = news.recv().await;
        let Some(centre) = centre.upgrade() else { return };
        match heard {
            Ok(Live::Alert(group)) => observe(&centre, &group),
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => {
                let filter = crate::alert::AlertFilter { exercises: true, ..Default::default() };
                for group in centre.pipeline.alerts.list(&filter, crate::account::Scope::Region) {
                    observe(&centre, &group);
                }
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn observe(centre: &Centre, group: &crate::alert::AlertGroup) {
    match centre.drills.observe(group, centre.now()) {
        Ok(Some(id)) => {
            let _ = centre.pipeline.live.send(Live::Drill(id));
        }
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "the drill could not be told of an alert"),
    }
}
