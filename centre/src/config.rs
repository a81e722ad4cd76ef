//! The node's configuration: one TOML file, `XUEDUN_SECTION__KEY` overrides, unknown keys are
//! errors with their place.

mod evidence;
mod origin;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use events::Text;
use sensors::{InputConfig, SensorConfig};
use serde::{Deserialize, Serialize};

use crate::enrich::EnrichConfig;
use crate::region::{BadRegion, Region};

pub use evidence::EvidenceConfig;
pub use origin::{Origin, Setting};

/// Everything a node needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where things are kept.
    pub node: NodeConfig,
    /// The console.
    #[serde(default)]
    pub console: ConsoleConfig,
    /// The rules.
    #[serde(default)]
    pub rules: RulesConfig,
    /// The store.
    #[serde(default)]
    pub store: StoreConfig,
    /// The audit.
    #[serde(default)]
    pub audit: AuditConfig,
    /// What records are put beside.
    #[serde(default)]
    pub enrich: EnrichConfig,
    /// The evidence log.
    #[serde(default)]
    pub evidence: EvidenceConfig,
    /// Who sees personal data, and what opening it needs.
    #[serde(default)]
    pub reveal: RevealConfig,
    /// The bureau and its schools.
    #[serde(default = "unnamed")]
    pub region: Region,
    /// The sensors.
    #[serde(default, rename = "sensor", skip_serializing)]
    pub sensors: Vec<SensorConfig>,
}

/// `[node]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Folder of the journal, the archive, the state and the evidence. A relative path is taken
    /// from the folder of the configuration file.
    pub data_dir: PathBuf,
}

/// `[console]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Certificate chain (PEM). Without one the console serves plain HTTP on loopback only.
    pub cert: Option<PathBuf>,
    /// Private key (PEM).
    pub key: Option<PathBuf>,
}

/// `[rules]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulesConfig {
    /// Whether the shipped library runs.
    pub library: bool,
    /// Further files and folders of Sigma rules.
    pub paths: Vec<PathBuf>,
    /// Processing pipelines to run over all rules.
    pub pipelines: Vec<PathBuf>,
    /// Folder of threat-intelligence lists.
    pub intel: Option<PathBuf>,
}

/// `[store]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// How long log records are kept, in days; never under 180 (8.1.5.4 d: six months).
    pub retention_days: u32,
    /// Room on the disk that intake leaves free, in MiB.
    pub disk_reserve_mib: u64,
    /// A journal segment's size, in MiB.
    pub segment_mib: u64,
    /// How long an event stays in the journal alone before the archive takes it, in seconds.
    pub archive_after_secs: u64,
}

/// `[audit]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditConfig {
    /// When the audit runs: a cron expression of five fields, Beijing time; empty for never.
    pub schedule: String,
    /// Root of the file system that host checks look at.
    pub root: PathBuf,
    /// A file of further targets: remote hosts, databases, TLS endpoints, exported configurations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<PathBuf>,
}

/// `[reveal]`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RevealConfig {
    /// A policy in place of the shipped one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PathBuf>,
}

impl Default for ConsoleConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8443)), cert: None, key: None }
    }
}

impl Default for RulesConfig {
    fn default() -> Self {
        Self { library: true, paths: Vec::new(), pipelines: Vec::new(), intel: None }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            retention_days: 180,
            disk_reserve_mib: 512,
            segment_mib: 128,
            archive_after_secs: 600,
        }
    }
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { schedule: "0 3 * * *".to_owned(), root: PathBuf::from("/"), targets: None }
    }
}

fn unnamed() -> Region {
    Region { name: Text::new("教育局", "Education bureau"), schools: Vec::new() }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The text is not a configuration; the message shows the line and a caret.
    #[error("{path}: {message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, caret and reason.
        message: String,
    },
    /// An override from the environment that fits nowhere.
    #[error("environment variable {name}: {}", message.en)]
    Override {
        /// Its name.
        name: String,
        /// Why.
        message: Text,
    },
    /// A value out of its bounds.
    #[error("{key}: {}", message.en)]
    Value {
        /// The key.
        key: &'static str,
        /// Why.
        message: Text,
    },
    /// The region cannot be used.
    #[error("region: {0}")]
    Region(#[from] BadRegion),
}

impl ConfigError {
    /// The error in both languages. What the TOML reader says is in English only.
    pub fn text(&self) -> Text {
        let zh = match self {
            Self::Read { path, source } => format!("读不到 {}：{source}", path.display()),
            Self::Parse { path, message } => format!("{}：{message}", path.display()),
            Self::Override { name, message } => format!("环境变量 {name}：{}", message.zh),
            Self::Value { key, message } => format!("{key}：{}", message.zh),
            Self::Region(BadRegion::Twice(site)) => format!("区域配置：学校 {site} 重复列出"),
            Self::Region(BadRegion::TooMany) => "区域配置：学校数量超过上限".to_owned(),
        };
        let en = match self {
            Self::Read { source, .. } => format!("{self}: {source}"),
            _ => self.to_string(),
        };
        Text::new(zh, en)
    }
}

/// Fewest days of retention (GB/T 22239-2019 8.1.5.4 d; Cybersecurity Law: six months).
pub const RETENTION_DAYS_MIN: u32 = 180;

impl Config {
    /// Reads a file, applies the overrides (`XUEDUN_NODE__DATA_DIR=…`) and checks the values.
    pub fn load(
        path: &Path,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let mut config = Self::parse(&text, path, env)?;
        let base = path.parent().unwrap_or(Path::new("."));
        config.anchor(base);
        Ok(config)
    }

    /// The same from a text.
    pub fn parse(
        text: &str,
        path: &Path,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let bad = |e: toml::de::Error| ConfigError::Parse {
            path: path.to_owned(),
            message: e.to_string(),
        };
        // First the file alone: an error then points into the file.
        let mut config: Self = toml::from_str(text).map_err(bad)?;
        let overrides = Overrides::from_env(env)?;
        if !overrides.0.is_empty() {
            let mut table: toml::Table = toml::from_str(text).map_err(bad)?;
            overrides.apply(&mut table);
            config = table.try_into().map_err(bad)?;
        }
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.store.retention_days < RETENTION_DAYS_MIN {
            let message = Text::new(
                format!("不得少于 {RETENTION_DAYS_MIN} 天"),
                format!("at least {RETENTION_DAYS_MIN} days"),
            );
            return Err(ConfigError::Value { key: "store.retention_days", message });
        }
        if self.console.cert.is_some() != self.console.key.is_some() {
            let message = Text::new("证书与私钥须同时给出", "cert and key go together");
            return Err(ConfigError::Value { key: "console.cert", message });
        }
        if self.console.cert.is_none() && !self.console.listen.ip().is_loopback() {
            let message = Text::new(
                "监听本机以外的地址须给出证书与私钥（TLS）",
                "an address beyond loopback needs cert and key (TLS)",
            );
            return Err(ConfigError::Value { key: "console.listen", message });
        }
        if !self.audit.schedule.is_empty() {
            crate::schedule::Schedule::parse(&self.audit.schedule)
                .map_err(|message| ConfigError::Value { key: "audit.schedule", message })?;
        }
        self.evidence.check()
    }

    /// Takes relative paths from the folder of the configuration file.
    fn anchor(&mut self, base: &Path) {
        let fix = |p: &mut PathBuf| *p = base.join(&*p);
        fix(&mut self.node.data_dir);
        self.console.cert.as_mut().map(fix);
        self.console.key.as_mut().map(fix);
        self.audit.targets.as_mut().map(fix);
        self.enrich.assets.as_mut().map(fix);
        self.enrich.geoip.as_mut().map(fix);
        self.enrich.asn.as_mut().map(fix);
        self.enrich.divisions.as_mut().map(fix);
        self.evidence.anchor(fix);
        self.reveal.policy.as_mut().map(fix);
        self.rules.paths.iter_mut().for_each(fix);
        self.rules.pipelines.iter_mut().for_each(fix);
        self.rules.intel.iter_mut().for_each(fix);
        for sensor in &mut self.sensors {
            anchor_sensor(sensor, base);
        }
    }
}

fn anchor_sensor(sensor: &mut SensorConfig, base: &Path) {
    let fix = |p: &mut PathBuf| *p = base.join(&*p);
    match &mut sensor.input {
        InputConfig::SyslogTls { cert, key, client_ca, client_crl, .. } => {
            fix(cert);
            fix(key);
            client_ca.as_mut().map(fix);
            client_crl.as_mut().map(fix);
        }
        InputConfig::Http { tls: Some(tls), .. } | InputConfig::Relp { tls: Some(tls), .. } => {
            fix(&mut tls.cert);
            fix(&mut tls.key);
            tls.client_ca.as_mut().map(fix);
            tls.client_crl.as_mut().map(fix);
        }
        InputConfig::File { paths, .. }
        | InputConfig::Capture { paths, .. }
        | InputConfig::Gzip { paths, .. }
        | InputConfig::Evtx { paths, .. } => {
            for path in paths {
                *path = base.join(&*path).to_string_lossy().into_owned();
            }
        }
        InputConfig::Integrity { paths, .. } => paths.iter_mut().for_each(fix),
        InputConfig::Journald { directory, .. } => {
            directory.as_mut().map(fix);
        }
        _ => {}
    }
}

/// Values from the environment, as (path of keys, value).
struct Overrides(Vec<(Vec<String>, toml::Value)>);

impl Overrides {
    fn from_env(env: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut found = Vec::new();
        for (name, value) in env {
            let Some(rest) = name.strip_prefix("XUEDUN_") else { continue };
            let Some((section, key)) = rest.split_once("__") else { continue };
            if section.is_empty() || key.is_empty() || key.contains("__") {
                let message = Text::new("应写作 XUEDUN_节__键", "write XUEDUN_SECTION__KEY");
                return Err(ConfigError::Override { name, message });
            }
            let path = vec![section.to_lowercase(), key.to_lowercase()];
            found.push((path, typed(&value)));
        }
        Ok(Self(found))
    }

    fn apply(self, table: &mut toml::Table) {
        for (path, value) in self.0 {
            let [section, key] = &path[..] else { continue };
            let entry = table
                .entry(section.clone())
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let Some(inner) = entry.as_table_mut() {
                inner.insert(key.clone(), value);
            }
        }
    }
}

/// A value as TOML would read it; what is not TOML is text.
fn typed(value: &str) -> toml::Value {
    toml::from_str::<toml::Table>(&format!("v = {value}"))
        .ok()
        .and_then(|mut t| t.remove("v"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::parse(text, Path::new("xuedun.toml"), env)
    }

    const SMALL: &str = "[node]\ndata_dir = \"data\"\n";

    #[test]
    fn defaults_and_overrides() {
        let config = parse(SMALL, &[]).unwrap();
        assert_eq!(config.store.retention_days, 180);
        let env = [("XUEDUN_STORE__RETENTION_DAYS", "365"), ("XUEDUN_NODE__DATA_DIR", "/srv/x")];
        let config = parse(SMALL, &env).unwrap();
        assert_eq!(config.store.retention_days, 365);
        assert_eq!(config.node.data_dir, PathBuf::from("/srv/x"));
    }

    #[test]
    fn unknown_keys_are_errors_with_a_caret() {
        let e = parse("[node]\ndata_dir = \"d\"\ncolour = 1\n", &[]).unwrap_err().to_string();
        assert!(e.contains("line 3") && e.contains('^') && e.contains("colour"), "{e}");
        let e = parse(SMALL, &[("XUEDUN_STORE__COLOUR", "1")]).unwrap_err().to_string();
        assert!(e.contains("colour"), "{e}");
    }

    #[test]
    fn what_is_unsafe_is_refused() {
        let short = format!("{SMALL}[store]\nretention_days = 30\n");
        assert!(parse(&short, &[]).unwrap_err().to_string().contains("180"));
        let open = format!("{SMALL}[console]\nlisten = \"0.0.0.0:8443\"\n");
        assert!(parse(&open, &[]).unwrap_err().to_string().contains("TLS"));
        let cron = format!("{SMALL}[audit]\nschedule = \"often\"\n");
        assert!(parse(&cron, &[]).is_err());
    }
}
