//! What `xuedun audit run` looks at: this machine, an image, a database, an exported configuration.

use std::fs;
use std::path::{Path, PathBuf};

use compliance::audit::host::{DatabaseHost, Engine};
use compliance::audit::{Facet, Host, LocalHost, RecordedHost, Target};
use events::SiteId;

use super::Failure;

/// Files of one export at most.
const EXPORT_FILES_MAX: usize = 1_000;

/// What is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    // This machine, or the image below --root
    #[default]
    Host,
    // A PostgreSQL server (the client psql must be installed)
    Postgresql,
    // A MySQL or MariaDB server (the client mariadb must be installed)
    Mysql,
    // The exported configuration of a switch or router
    Netdev,
    // The exported configuration of a firewall
    Secdev,
    // The exports of a Windows server (secpol.inf, registry.txt, …)
    Windows,
}

/// The target of a run.
#[derive(Debug, clap::Args)]
pub struct TargetArgs {
    /// What is looked at
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
    /// Its name; the same name is the same target in differences
    #[arg(long)]
    name: Option<String>,
    /// The school it belongs to; default: the bureau
    #[arg(long)]
    site: Option<SiteId>,
    /// Root of the file system to look at (host)
    #[arg(long, default_value = "/")]
    root: PathBuf,
    /// The exported file, or a folder of them (netdev, secdev, windows)
    #[arg(long, value_name = "PATH")]
    export: Option<PathBuf>,
    /// Host name, or the folder or path of a socket (databases)
    #[arg(long, default_value = "127.0.0.1")]
    address: String,
    /// Port (databases)
    #[arg(long)]
    port: Option<u16>,
    /// Read-only account (databases)
    #[arg(long, default_value = "xuedun")]
    user: String,
    /// Database to open
    #[arg(long)]
    database: Option<String>,
    /// The client's own password file: .pgpass, or a MySQL option file
    #[arg(long, value_name = "FILE")]
    secret: Option<PathBuf>,
}

impl TargetArgs {
    /// The target and where its probes look.
    pub fn open(&self) -> Result<(Target, Box<dyn Host>), Failure> {
        let site = self.site.unwrap_or(SiteId::BUREAU);
        let name = |default: &str| self.name.clone().unwrap_or_else(|| default.to_owned());
        Ok(match self.kind {
            Kind::Host => {
                let host = LocalHost::at_root(&self.root);
                (Target::host(site, name("localhost")), Box::new(host))
            }
            Kind::Postgresql => {
                let target = Target::of(site, name(&self.address), "dbms", "postgresql");
                (target, Box::new(self.database(Engine::Postgresql, 5432, "postgres")))
            }
            Kind::Mysql => {
                let target = Target::of(site, name(&self.address), "dbms", "mysql");
                (target, Box::new(self.database(Engine::Mysql, 3306, "mysql")))
            }
            Kind::Netdev => (Target::of(site, name("netdev"), "netdev", ""), self.exported()?),
            Kind::Secdev => {
                // A firewall is managed like any network device.
                let mut target = Target::of(site, name("secdev"), "secdev", "");
                target.facets.push(Facet::new("netdev", ""));
                (target, self.exported()?)
            }
            Kind::Windows => (Target::of(site, name("windows"), "os", "windows"), self.exported()?),
        })
    }

    fn database(&self, engine: Engine, port: u16, database: &str) -> DatabaseHost {
        let port = self.port.unwrap_or(port);
        let database = self.database.as_deref().unwrap_or(database);
        let host = DatabaseHost::new(engine, &self.address, port, &self.user, database);
        match &self.secret {
            Some(file) => host.with_secret(file.clone()),
            None => host,
        }
    }

    /// The exported files as probes name them: `/export/<file name>`.
    fn exported(&self) -> Result<Box<dyn Host>, Failure> {
        let Some(path) = &self.export else {
            return Err(Failure::usage("X067", "--export"));
        };
        let mut host = RecordedHost::new();
        for file in files(path)? {
            let bytes = fs::read(&file).map_err(|e| Failure::file(&file, &e))?;
            let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            host.file(&format!("/export/{name}"), bytes);
        }
        Ok(Box::new(host))
    }
}

fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).map_err(|e| Failure::file(path, &e))?;
    let mut all: Vec<PathBuf> =
        entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.is_file()).collect();
    all.sort();
    if all.is_empty() || all.len() > EXPORT_FILES_MAX {
        return Err(Failure::usage("X068", all.len().to_string()));
    }
    Ok(all)
}
