//! What `xuedun audit run` looks at: one target by options, or those of a file.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use compliance::audit::{Choice, EXTENSIONS, StartTls, TargetKind, TargetSpec, Targets};
use events::SiteId;

use super::Failure;

/// The targets of a run.
#[derive(Debug, clap::Args)]
pub struct TargetArgs {
    /// A file of targets; the other options then only choose among them
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kind", "name", "site", "root", "export", "address"])]
    targets: Option<PathBuf>,
    /// Only targets of this group (may be given again: any of them)
    #[arg(long, requires = "targets")]
    group: Vec<String>,
    /// Only targets with this tag (may be given again: all of them)
    #[arg(long, requires = "targets")]
    tag: Vec<String>,
    /// Only targets of this school (may be given again: any of them)
    #[arg(long, requires = "targets")]
    school: Vec<SiteId>,
    /// Targets looked at together; default: what the file says
    #[arg(long, requires = "targets", value_parser = clap::value_parser!(u64).range(1..=64))]
    concurrency: Option<u64>,
    /// What is looked at
    #[arg(long, value_parser = kinds(), default_value = "host")]
    kind: TargetKind,
    /// Its name; the same name is the same target in differences
    #[arg(long)]
    name: Option<String>,
    /// The school it belongs to; default: the bureau
    #[arg(long)]
    site: Option<SiteId>,
    /// Root of the file system to look at (host)
    #[arg(long)]
    root: Option<PathBuf>,
    /// The exported file, or a folder of them (netdev, secdev, windows)
    #[arg(long, value_name = "PATH")]
    export: Option<PathBuf>,
    /// Host name or address; for databases also the folder or path of a socket
    #[arg(long)]
    address: Option<String>,
    /// Port (ssh, tls, databases)
    #[arg(long)]
    port: Option<u16>,
    /// Account: of a host, or a read-only one of a database
    #[arg(long, default_value = "xuedun")]
    user: String,
    /// Private key (ssh)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Known host keys (ssh); nothing is ever added to them
    #[arg(long, value_name = "FILE")]
    known_hosts: Option<PathBuf>,
    /// Database to open
    #[arg(long)]
    database: Option<String>,
    /// The client's own password file: .pgpass, or a MySQL option file
    #[arg(long, value_name = "FILE")]
    secret: Option<PathBuf>,
    /// Name that the certificate must carry (tls); default: the address
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// Authorities in PEM that the chain must end at (tls); default: the system's
    #[arg(long, value_name = "FILE")]
    authorities: Option<PathBuf>,
    /// What is spoken before TLS begins (tls)
    #[arg(long, value_parser = protocols(), value_name = "PROTOCOL")]
    starttls: Option<StartTls>,
    /// Extension of the standard that it falls under: cloud, mobile
    #[arg(long, value_parser = EXTENSIONS)]
    extension: Vec<String>,
    /// Time limit of a target in seconds
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=3600))]
    limit: Option<u64>,
}

/// What is to be audited.
pub struct Asked {
    /// The targets.
    pub specs: Vec<TargetSpec>,
    /// How many together.
    pub concurrency: usize,
    /// Whether they come from a file: then a roll-up is shown, not each item.
    pub is_fleet: bool,
}

impl TargetArgs {
    /// The targets asked for.
    pub fn asked(&self) -> Result<Asked, Failure> {
        let Some(file) = &self.targets else {
            return Ok(Asked { specs: vec![self.one()?], concurrency: 1, is_fleet: false });
        };
        let targets = Targets::load(file).map_err(|e| Failure::audit(&e))?;
        let choice = Choice {
            groups: self.group.clone(),
            tags: self.tag.clone(),
            schools: self.school.clone(),
        };
        let mut specs = targets.chosen(&choice);
        if specs.is_empty() {
            return Err(Failure::usage("X068", file.display().to_string()));
        }
        for spec in &mut specs {
            spec.limit_secs = self.limit.or(spec.limit_secs);
        }
        let concurrency =
            self.concurrency.and_then(|n| usize::try_from(n).ok()).unwrap_or(targets.concurrency);
        Ok(Asked { specs, concurrency, is_fleet: true })
    }

    fn one(&self) -> Result<TargetSpec, Failure> {
        let kind = self.kind;
        let default = match kind {
            TargetKind::Host => "localhost",
            TargetKind::Postgresql | TargetKind::Mysql => "127.0.0.1",
            TargetKind::Ssh | TargetKind::Tls => "",
            TargetKind::Netdev | TargetKind::Secdev | TargetKind::Windows => kind.name(),
        };
        let address = self.address.clone().unwrap_or_else(|| default.to_owned());
        for (missing, option) in [
            (matches!(kind, TargetKind::Ssh | TargetKind::Tls) && address.is_empty(), "--address"),
            (kind == TargetKind::Ssh && self.key.is_none(), "--key"),
            (kind == TargetKind::Ssh && self.known_hosts.is_none(), "--known-hosts"),
        ] {
            if missing {
                return Err(Failure::usage("X071", option));
            }
        }
        let exports = [TargetKind::Netdev, TargetKind::Secdev, TargetKind::Windows];
        if exports.contains(&kind) && self.export.is_none() {
            return Err(Failure::usage("X067", "--export"));
        }
        let name = self.name.clone().unwrap_or_else(|| address.clone());
        let mut spec = TargetSpec::new(&name, kind, self.site.unwrap_or(SiteId::BUREAU));
        spec.address = address;
        spec.port = self.port;
        spec.user = Some(self.user.clone());
        spec.key.clone_from(&self.key);
        spec.known_hosts.clone_from(&self.known_hosts);
        spec.database.clone_from(&self.database);
        spec.secret.clone_from(&self.secret);
        spec.server_name.clone_from(&self.server_name);
        spec.authorities.clone_from(&self.authorities);
        spec.starttls = self.starttls;
        spec.export.clone_from(&self.export);
        spec.root.clone_from(&self.root);
        spec.extensions.clone_from(&self.extension);
        spec.limit_secs = self.limit;
        Ok(spec)
    }
}

/// Reads a kind by its name.
fn kinds() -> impl TypedValueParser<Value = TargetKind> {
    PossibleValuesParser::new(TargetKind::ALL.map(TargetKind::name)).try_map(|name| {
        TargetKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or("no such kind")
    })
}

fn protocols() -> impl TypedValueParser<Value = StartTls> {
    PossibleValuesParser::new(StartTls::ALL.map(StartTls::name)).try_map(|name| {
        StartTls::ALL.into_iter().find(|p| p.name() == name).ok_or("no such protocol")
    })
}
