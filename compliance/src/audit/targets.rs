//! The file of targets (对象清单): what is audited, where it is, whose it is, and how it is reached.
//!
//! ```toml
//! concurrency = 8
//!
//! [defaults]
//! user = "audit"
//! key = "audit_ed25519"
//! known_hosts = "known_hosts"
//!
//! [[target]]
//! name = "web-1"
//! kind = "ssh"
//! address = "10.1.2.3"
//! school = "3310000001"
//! group = "servers"
//! tags = ["public"]
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use events::SiteId;
use serde::Deserialize;

use super::catalogue::EXTENSIONS;
use super::error::AuditError;
use super::host::{
    DatabaseHost, Engine, Host, HostError, LocalHost, RecordedHost, RemoteHost, SshAddress,
    StartTls, TlsHost,
};
use super::limits;
use super::plan::{Facet, Target};

/// What a target is, and so how it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// This machine, or an image below `root`.
    Host,
    /// A remote Linux host over SSH.
    Ssh,
    /// A PostgreSQL server by a read-only account.
    Postgresql,
    /// A MySQL or MariaDB server by a read-only account.
    Mysql,
    /// A TLS endpoint.
    Tls,
    /// The exported configuration of a switch or router.
    Netdev,
    /// The exported configuration of a firewall.
    Secdev,
    /// The exports of a Windows server.
    Windows,
}

impl TargetKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Host,
        Self::Ssh,
        Self::Postgresql,
        Self::Mysql,
        Self::Tls,
        Self::Netdev,
        Self::Secdev,
        Self::Windows,
    ];

    /// Its name in the file of targets and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Ssh => "ssh",
            Self::Postgresql => "postgresql",
            Self::Mysql => "mysql",
            Self::Tls => "tls",
            Self::Netdev => "netdev",
            Self::Secdev => "secdev",
            Self::Windows => "windows",
        }
    }
}

/// One target as written. Keys that its kind does not take are simply not used.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetSpec {
    /// Its name, one of a kind within its school.
    pub name: String,
    /// What it is.
    pub kind: TargetKind,
    /// The school it belongs to; without one, the bureau.
    #[serde(default)]
    pub school: SiteId,
    /// A group to choose by.
    #[serde(default)]
    pub group: String,
    /// Tags to choose by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Extensions of the standard it falls under: `cloud`, `mobile`.
    #[serde(default)]
    pub extensions: Vec<String>,
    /// Host name or address; for databases also the folder or path of a socket.
    #[serde(default)]
    pub address: String,
    /// Port; the usual one of its kind when it is left out.
    pub port: Option<u16>,
    /// Account.
    pub user: Option<String>,
    /// Private key (ssh).
    pub key: Option<PathBuf>,
    /// Known host keys (ssh).
    pub known_hosts: Option<PathBuf>,
    /// Database to open.
    pub database: Option<String>,
    /// The client's own password file (databases).
    pub secret: Option<PathBuf>,
    /// Name that the certificate must carry (tls); without one, the address.
    pub server_name: Option<String>,
    /// Authorities (PEM) that the chain must end at (tls); without it, the system's.
    pub authorities: Option<PathBuf>,
    /// What is spoken before TLS begins (tls); without it, nothing.
    pub starttls: Option<StartTls>,
    /// The exported file, or a folder of them.
    pub export: Option<PathBuf>,
    /// Root of the file system to look at (host).
    pub root: Option<PathBuf>,
    /// Time limit in seconds; checks after it are 未执行.
    pub limit_secs: Option<u64>,
}

/// What holds for every target that does not say otherwise.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Defaults {
    user: Option<String>,
    key: Option<PathBuf>,
    known_hosts: Option<PathBuf>,
    authorities: Option<PathBuf>,
    limit_secs: Option<u64>,
    #[serde(default)]
    extensions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "concurrency")]
    concurrency: usize,
    #[serde(default)]
    defaults: Defaults,
    #[serde(default)]
    target: Vec<TargetSpec>,
}

/// Targets looked at together when the file does not say.
const fn concurrency() -> usize {
    8
}

/// A loaded file.
#[derive(Clone, Debug)]
pub struct Targets {
    /// Targets looked at together.
    pub concurrency: usize,
    /// In the file's order.
    pub all: Vec<TargetSpec>,
}

/// Which targets of a file are meant; what is empty chooses all.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Any of these groups.
    pub groups: Vec<String>,
    /// All of these tags.
    pub tags: Vec<String>,
    /// Any of these schools.
    pub schools: Vec<SiteId>,
}

impl Targets {
    /// Reads a file; relative paths in it start from its folder.
    pub fn load(path: &Path) -> Result<Self, AuditError> {
        let shown = path.display().to_string();
        let failed = |source| AuditError::Folder { path: shown.clone(), source };
        let size = fs::metadata(path).map_err(failed)?.len();
        if size > limits::TARGETS_BYTES_MAX {
            let problem = format!("{size} > {} bytes", limits::TARGETS_BYTES_MAX);
            return Err(AuditError::Targets { file: shown, problem });
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        let base = path.parent().unwrap_or(Path::new("."));
        Self::parse(&shown, &text, base)
    }

    /// Reads a file's text. `file` names it in errors, `base` is where relative paths start.
    pub fn parse(file: &str, text: &str, base: &Path) -> Result<Self, AuditError> {
        let raw: File = toml::from_str(text).map_err(|e| AuditError::TargetsSyntax {
            file: file.to_owned(),
            source: Box::new(e),
        })?;
        let odd = |problem: String| AuditError::Targets { file: file.to_owned(), problem };
        if raw.target.len() > limits::TARGETS_MAX {
            return Err(odd(format!("{} targets > {}", raw.target.len(), limits::TARGETS_MAX)));
        }
        if !(1..=limits::CONCURRENCY_MAX).contains(&raw.concurrency) {
            return Err(odd(format!("concurrency: 1..={}", limits::CONCURRENCY_MAX)));
        }
        let mut names = BTreeSet::new();
        let mut all = raw.target;
        for spec in &mut all {
            spec.fill(&raw.defaults);
            spec.anchor(base);
            spec.check().map_err(|problem| odd(format!("{}: {problem}", spec.name)))?;
            if !names.insert((spec.school, spec.name.clone())) {
                return Err(odd(format!("{}: named twice / 名称重复", spec.name)));
            }
        }
        Ok(Self { concurrency: raw.concurrency, all })
    }

    /// The targets that a choice means.
    pub fn chosen(&self, choice: &Choice) -> Vec<TargetSpec> {
        let meant = |spec: &&TargetSpec| {
            (choice.groups.is_empty() || choice.groups.contains(&spec.group))
                && choice.tags.iter().all(|tag| spec.tags.contains(tag))
                && (choice.schools.is_empty() || choice.schools.contains(&spec.school))
        };
        self.all.iter().filter(meant).cloned().collect()
    }
}

impl TargetSpec {
    /// A target with only a name and a kind.
    pub fn new(name: &str, kind: TargetKind, school: SiteId) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            school,
            group: String::new(),
            tags: Vec::new(),
            extensions: Vec::new(),
            address: String::new(),
            port: None,
            user: None,
            key: None,
            known_hosts: None,
            database: None,
            secret: None,
            server_name: None,
            authorities: None,
            starttls: None,
            export: None,
            root: None,
            limit_secs: None,
        }
    }

    fn fill(&mut self, defaults: &Defaults) {
        let Defaults { user, key, known_hosts, authorities, limit_secs, extensions } = defaults;
        self.user = self.user.take().or_else(|| user.clone());
        self.key = self.key.take().or_else(|| key.clone());
        self.known_hosts = self.known_hosts.take().or_else(|| known_hosts.clone());
        self.authorities = self.authorities.take().or_else(|| authorities.clone());
        self.limit_secs = self.limit_secs.or(*limit_secs);
        if self.extensions.is_empty() {
            self.extensions.clone_from(extensions);
        }
    }

    fn anchor(&mut self, base: &Path) {
        let paths = [
            &mut self.key,
            &mut self.known_hosts,
            &mut self.secret,
            &mut self.authorities,
            &mut self.export,
            &mut self.root,
        ];
        for path in paths.into_iter().flatten() {
            *path = base.join(&*path);
        }
    }

    /// What is missing or wrong; `None` of it is guessed.
    fn check(&self) -> Result<(), String> {
        let needs = |there: bool, key: &str| {
            if there { Ok(()) } else { Err(format!("`{key}` is missing / 缺少 `{key}`")) }
        };
        if self.name.trim().is_empty() || self.name.chars().any(char::is_control) {
            return Err("bad name / 名称有误".to_owned());
        }
        if self.limit_secs.is_some_and(|s| s == 0 || s > limits::TARGET_SECS_MAX) {
            return Err(format!("limit_secs: 1..={}", limits::TARGET_SECS_MAX));
        }
        if let Some(other) = self.extensions.iter().find(|e| !EXTENSIONS.contains(&e.as_str())) {
            return Err(format!("no extension `{other}` / 没有扩展要求 `{other}`"));
        }
        match self.kind {
            TargetKind::Host => Ok(()),
            TargetKind::Ssh => {
                needs(!self.address.is_empty(), "address")?;
                needs(self.user.is_some(), "user")?;
                needs(self.key.is_some(), "key")?;
                needs(self.known_hosts.is_some(), "known_hosts")?;
                let plain = self.ssh().is_some_and(|a| a.is_plain());
                if plain {
                    Ok(())
                } else {
                    Err("bad address or user / 地址或账号有误".to_owned())
                }
            }
            TargetKind::Postgresql | TargetKind::Mysql | TargetKind::Tls => {
                needs(!self.address.is_empty(), "address")
            }
            TargetKind::Netdev | TargetKind::Secdev | TargetKind::Windows => {
                needs(self.export.is_some(), "export")
            }
        }
    }

    fn ssh(&self) -> Option<SshAddress> {
        Some(SshAddress {
            host: self.address.clone(),
            port: self.port.unwrap_or(22),
            user: self.user.clone()?,
            key: self.key.clone()?,
            known_hosts: self.known_hosts.clone()?,
        })
    }

    /// Milliseconds that the target may take.
    pub fn limit_ms(&self) -> u64 {
        self.limit_secs.map_or(limits::RUN_MS_MAX, |secs| secs.saturating_mul(1_000))
    }

    /// What is judged.
    pub fn target(&self) -> Target {
        let of = |object, platform| Target::of(self.school, self.name.clone(), object, platform);
        let mut target = match self.kind {
            TargetKind::Host | TargetKind::Ssh => Target::host(self.school, self.name.clone()),
            TargetKind::Postgresql => of("dbms", "postgresql"),
            TargetKind::Mysql => of("dbms", "mysql"),
            TargetKind::Tls => of("middleware", "tls"),
            TargetKind::Netdev => of("netdev", ""),
            TargetKind::Secdev => {
                // A firewall is managed like any network device.
                let mut target = of("secdev", "");
                target.facets.push(Facet::new("netdev", ""));
                target
            }
            TargetKind::Windows => of("os", "windows"),
        };
        target.extensions.clone_from(&self.extensions);
        target
    }

    /// Where its probes look. Nothing is opened yet but exported files; what cannot be opened
    /// answers every question with the reason.
    pub fn open(&self) -> Box<dyn Host> {
        let unopened = |why: HostError| -> Box<dyn Host> {
            let mut host = RecordedHost::new();
            host.unanswered(why);
            Box::new(host)
        };
        let lacks =
            |key: &str| HostError::Failed { what: self.name.clone(), reason: key.to_owned() };
        match self.kind {
            TargetKind::Host => match &self.root {
                Some(root) => Box::new(LocalHost::at_root(root)),
                None => Box::new(LocalHost::new()),
            },
            TargetKind::Ssh => match self.ssh() {
                Some(address) => Box::new(RemoteHost::new(address)),
                None => unopened(lacks("user, key, known_hosts")),
            },
            TargetKind::Postgresql => Box::new(self.database(Engine::Postgresql, 5432, "postgres")),
            TargetKind::Mysql => Box::new(self.database(Engine::Mysql, 3306, "mysql")),
            TargetKind::Tls => {
                let name = self.server_name.as_deref().unwrap_or(&self.address);
                let port = self.port.unwrap_or_else(|| self.starttls.map_or(443, StartTls::port));
                let mut host = TlsHost::new(&self.address, port, name);
                if let Some(file) = &self.authorities {
                    host = host.with_authorities(file.clone());
                }
                if let Some(protocol) = self.starttls {
                    host = host.after(protocol);
                }
                Box::new(host)
            }
            TargetKind::Netdev | TargetKind::Secdev | TargetKind::Windows => match &self.export {
                Some(path) => match super::host::exported(path) {
                    Ok(host) => Box::new(host),
                    Err(error) => unopened(error),
                },
                None => unopened(lacks("export")),
            },
        }
    }

    fn database(&self, engine: Engine, port: u16, database: &str) -> DatabaseHost {
        let port = self.port.unwrap_or(port);
        let database = self.database.as_deref().unwrap_or(database);
        let user = self.user.as_deref().unwrap_or("xuedun");
        let host = DatabaseHost::new(engine, &self.address, port, user, database);
        match &self.secret {
            Some(file) => host.with_secret(file.clone()),
            None => host,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Targets, AuditError> {
        Targets::parse("t.toml", text, Path::new("/base"))
    }

    const TWO: &str = "concurrency = 2\n[defaults]\nuser = 'a'\nkey = 'k'\nknown_hosts = '/kh'\nlimit_secs = 60\n\
        [[target]]\nname = 'web'\nkind = 'ssh'\naddress = '10.0.0.1'\nschool = '3310000001'\ngroup = 'servers'\ntags = ['public', 'x']\n\
        [[target]]\nname = 'db'\nkind = 'postgresql'\naddress = '/run/postgresql'\nextensions = ['cloud']\n";

    #[test]
    fn defaults_fill_and_paths_are_anchored() {
        let targets = parse(TWO).unwrap();
        let web = &targets.all[0];
        assert_eq!(web.key.as_deref(), Some(Path::new("/base/k")));
        assert_eq!(web.known_hosts.as_deref(), Some(Path::new("/kh")));
        assert_eq!((web.limit_ms(), targets.concurrency), (60_000, 2));
        assert_eq!(web.target().object, "os");
        assert_eq!(targets.all[1].target().extensions, ["cloud"]);
        assert!(targets.all[1].school.is_bureau());
    }

    #[test]
    fn targets_are_chosen_by_group_tag_and_school() {
        let targets = parse(TWO).unwrap();
        let names = |choice: Choice| {
            targets.chosen(&choice).into_iter().map(|t| t.name).collect::<Vec<_>>()
        };
        assert_eq!(names(Choice::default()), ["web", "db"]);
        assert_eq!(names(Choice { groups: vec!["servers".into()], ..Choice::default() }), ["web"]);
        let tags = |tags: &[&str]| Choice {
            tags: tags.iter().map(|t| (*t).to_owned()).collect(),
            ..Choice::default()
        };
        assert_eq!(names(tags(&["public", "x"])), ["web"]);
        assert!(names(tags(&["public", "y"])).is_empty());
        let school = SiteId::from_u64(3_310_000_001).unwrap();
        assert_eq!(names(Choice { schools: vec![school], ..Choice::default() }), ["web"]);
    }

    #[test]
    fn bad_files_are_refused_with_codes() {
        let code = |text: &str| parse(text).unwrap_err().code();
        assert_eq!(code("[[target]]\nname = 'a'\nkind = 'ssh'\ncolour = 'red'"), "A040");
        assert_eq!(code("[[target]]\nname = 'a'\nkind = 'telnet'"), "A040");
        for bad in [
            "concurrency = 0",
            "[[target]]\nname = 'a'\nkind = 'ssh'\naddress = 'h'",
            "[[target]]\nname = ''\nkind = 'host'",
            "[[target]]\nname = 'a'\nkind = 'host'\nlimit_secs = 0",
            "[[target]]\nname = 'a'\nkind = 'host'\nextensions = ['iot']",
            "[[target]]\nname = 'a'\nkind = 'netdev'",
            "[[target]]\nname = 'a'\nkind = 'host'\n[[target]]\nname = 'a'\nkind = 'host'",
            "[[target]]\nname = 'a'\nkind = 'ssh'\naddress = '-oProxyCommand=x'\nuser = 'u'\nkey = 'k'\nknown_hosts = 'h'",
        ] {
            assert_eq!(code(bad), "A041", "{bad}");
        }
    }

    #[test]
    fn an_export_that_is_gone_is_no_evidence() {
        let mut spec = TargetSpec::new("sw", TargetKind::Netdev, SiteId::BUREAU);
        spec.export = Some("/none".into());
        let error = spec.open().reach().unwrap_err();
        assert!(!error.is_absence() && error.code() == "A106", "{error}");
    }
}
