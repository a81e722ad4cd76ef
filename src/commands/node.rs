//! What the verbs that work on a node share: its configuration, opened; its log; its clock.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use centre::control::{self, Answer, Request};
use centre::{Centre, Config, World};
use events::Text;
use serde_json::Value;
use tracing_subscriber::EnvFilter;

use super::Failure;

/// `--config FILE`
#[derive(Debug, clap::Args)]
pub struct ConfigArg {
    /// Configuration of the node
    #[arg(long, global = true, value_name = "FILE", default_value = "xuedun.toml")]
    pub config: PathBuf,
}

impl ConfigArg {
    /// Reads the configuration with the overrides of the environment.
    pub fn load(&self) -> Result<Config, Failure> {
        load(&self.config)
    }

    /// Asks the node: the running one, or the data folder itself when none runs.
    pub fn ask(&self, request: Request) -> Result<Value, Failure> {
        self.ask_until(request, &AtomicBool::new(false))
    }

    /// The same; a search ends with what there is when `cancel` is set.
    pub fn ask_until(&self, request: Request, cancel: &AtomicBool) -> Result<Value, Failure> {
        let config = self.load()?;
        let answer = match control::ask(&config.node.data_dir, &request, cancel)? {
            Some(answer) => answer,
            None if request.needs_node() => {
                return Err(Failure::runtime("X015", ""));
            }
            None => control::answer(&Centre::open(config, World::real())?, request, cancel),
        };
        match answer {
            Answer::Ok(value) => Ok(value),
            Answer::Error { code, message } => {
                let told = |text: String| format!("[{code}] {text}");
                let told = Text::new(told(message.zh), told(message.en));
                // A query that cannot be read is its writer's fault, not the node's.
                let failure = if code == "N009" { Failure::usage } else { Failure::runtime };
                Err(failure("X014", told))
            }
        }
    }
}

/// Reads a configuration with the overrides of the environment.
pub fn load(path: &Path) -> Result<Config, Failure> {
    Ok(Config::load(path, std::env::vars())?)
}

/// The program's own log goes to standard error: `XUEDUN_LOG=debug` shows more.
pub fn start_log(default: &str) {
    let filter = EnvFilter::try_from_env("XUEDUN_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let colour = std::env::var_os("NO_COLOR").is_none()
        && std::io::IsTerminal::is_terminal(&std::io::stderr());
    // A second start in the same process keeps the first.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .try_init();
}

/// The runtime of the verbs that wait for the network.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Failure::runtime("X003", e.to_string()))
}
