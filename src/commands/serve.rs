//! `xuedun serve`: a node for real use, until Ctrl-C or SIGTERM.

use std::sync::Arc;

use centre::{Centre, Config, World};
use events::Lang;

use super::node::{self, ConfigArg};
use super::{Done, Failure, Outcome, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
}

pub fn run(args: Args, lang: Lang) -> Done {
    node::start_log("info");
    let config = args.config.load()?;
    node::runtime()?.block_on(serve(config, lang))
}

async fn serve(config: Config, lang: Lang) -> Done {
    let centre = Centre::open(config, World::real())?;
    let mut node = Node::start(centre).await?;
    for (sensor, address) in &node.sensors {
        let word = lang.pick("采集器", "sensor");
        print_line(&format!("{word} {sensor} {address}"))?;
    }
    print_line(&format!("{} {}", lang.pick("控制台", "console"), node.url))?;
    print_line(lang.pick("就绪", "ready"))?;
    let ended = tokio::select! {
        () = interrupted() => Ok(()),
        failed = node.failed() => Err(failed),
    };
    print_line(
        lang.pick("正在停止，已确认的记录均已落盘", "stopping; what was acknowledged is on disk"),
    )?;
    node.stop().await;
    ended.map(|()| Outcome::Clean)
}

/// A running node: sensors, pipeline, console, control socket.
pub struct Node {
    /// The node.
    pub centre: Arc<Centre>,
    /// Where each sensor listens.
    pub sensors: Vec<(String, std::net::SocketAddr)>,
    /// Where the console answers.
    pub url: String,
    console: tokio::task::JoinHandle<Result<(), String>>,
    control: tokio::task::JoinHandle<Result<(), centre::Error>>,
    jobs: tokio::task::JoinHandle<()>,
    end_console: tokio::sync::oneshot::Sender<()>,
}

impl Node {
    /// Starts everything.
    pub async fn start(centre: Arc<Centre>) -> Result<Self, Failure> {
        let sensors = centre.start().await?;
        let console = &centre.config().console;
        let tls = match (&console.cert, &console.key) {
            (Some(cert), Some(key)) => Some(centre::tls::load(cert, key)?),
            _ => None,
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = std::net::TcpListener::bind(console.listen)
            .map_err(|e| Failure::told_by_system("X020", &console.listen.to_string(), &e))?;
        let address = listener.local_addr().map_err(|e| Failure::told_by_system("X020", "", &e))?;
        let (end_console, ended) = tokio::sync::oneshot::channel::<()>();
        let serving = console::serve(Arc::clone(&centre), listener, tls, async move {
            // A dropped sender ends the console too.
            let _ = ended.await;
        });
        Ok(Self {
            sensors,
            url: format!("{scheme}://{address}"),
            console: tokio::spawn(async move { serving.await.map_err(|e| e.to_string()) }),
            control: tokio::spawn(centre::control::serve(Arc::clone(&centre))),
            jobs: tokio::spawn(centre::jobs::run_schedule(Arc::clone(&centre))),
            end_console,
            centre,
        })
    }

    /// Resolves when a part has failed.
    pub async fn failed(&mut self) -> Failure {
        tokio::select! {
            console = &mut self.console => {
                Failure::runtime("X021", format!("{console:?}"))
            }
            control = &mut self.control => {
                Failure::runtime("X022", format!("{control:?}"))
            }
        }
    }

    /// Ends the console, then the sensors, then detection; flushes.
    pub async fn stop(self) {
        let _ = self.end_console.send(());
        self.control.abort();
        self.jobs.abort();
        self.centre.stop().await;
        if !self.console.is_finished() {
            let _ = tokio::time::timeout(std::time::Duration::from_secs(5), self.console).await;
        }
    }
}

/// Resolves at Ctrl-C or SIGTERM.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
}
