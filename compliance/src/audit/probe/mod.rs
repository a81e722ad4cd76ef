//! Probes: read-only looks at a host that yield facts. One file per kind.
//!
//! A probe never fails as a whole: what it cannot see becomes [`Fact::Unseen`] with the reason,
//! and the step that needs it is neither met nor unmet.

mod accounts;
mod blocks;
mod command;
mod firewall;
mod json;
mod lines;
mod logrotate;
mod modes;
mod network;
mod nginx;
mod own;
mod pam;
mod process;
mod scan;
mod settings;
mod software;
mod sql;
mod storage;
mod sysctl;
mod text;

use std::cell::Cell;

use events::Timestamp;
use serde::Deserialize;

use super::fact::Facts;
use super::host::Host;

/// What a probe works with.
pub struct Context<'a> {
    /// The target.
    pub host: &'a dyn Host,
    now: Timestamp,
    asked_time: Cell<bool>,
}

impl<'a> Context<'a> {
    /// A host, and the time of the run.
    pub fn new(host: &'a dyn Host, now: Timestamp) -> Self {
        Self { host, now, asked_time: Cell::new(false) }
    }

    /// The time of the run; ages count back from it. Whoever asks depends on honest clocks.
    pub fn now(&self) -> Timestamp {
        self.asked_time.set(true);
        self.now
    }

    /// Whether a probe asked for the time.
    pub(super) fn has_asked_time(&self) -> bool {
        self.asked_time.get()
    }
}

/// One probe of a check file, by `kind`.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Probe {
    /// Settings of configuration files.
    Settings(settings::Settings),
    /// Arguments of a PAM module.
    Pam(pam::Pam),
    /// Accounts, passwords and shells.
    Accounts(accounts::Accounts),
    /// Modes and owners of files.
    Modes(modes::Modes),
    /// Installed packages.
    Packages(software::Packages),
    /// Services enabled and running.
    Services(software::Services),
    /// Listening sockets.
    Listening(network::Listening),
    /// Running processes and their users.
    Processes(process::Processes),
    /// Lines of files that match patterns.
    Lines(lines::Lines),
    /// A bounded walk for writable, set-uid and unowned files.
    Scan(scan::Scan),
    /// Days that log rotation keeps.
    Logrotate(logrotate::Logrotate),
    /// Kernel settings.
    Sysctl(sysctl::Sysctl),
    /// Swap and encryption of storage.
    Storage(storage::Storage),
    /// Age and number of files.
    Newest(storage::Newest),
    /// The host firewall's default.
    Firewall(firewall::Firewall),
    /// SELinux and AppArmor.
    Mac(sysctl::Mac),
    /// Patterns in a command's output.
    Command(command::CommandOutput),
    /// Blocks of a device's configuration.
    Blocks(blocks::Blocks),
    /// Settings of a JSON file.
    Json(json::Json),
    /// Directives of nginx.
    Nginx(nginx::Nginx),
    /// Records of this program.
    Own(own::Own),
    /// Questions to a database.
    Sql(sql::Sql),
    /// What a TLS endpoint shows.
    Tls(own::Tls),
}

impl Probe {
    /// Compiles patterns and refuses what cannot work; called once at load.
    pub(crate) fn prepare(&mut self) -> Result<(), String> {
        match self {
            Self::Lines(p) => p.prepare(),
            Self::Command(p) => p.prepare(),
            Self::Modes(p) => p.prepare(),
            Self::Blocks(p) => p.prepare(),
            Self::Own(p) => p.prepare(),
            Self::Sql(p) => p.prepare(),
            _ => Ok(()),
        }
    }

    /// Whether there is anything to look at; records that are not kept are not.
    pub(super) fn is_kept(&self, cx: &Context<'_>) -> bool {
        match self {
            Self::Own(p) => p.is_kept(cx),
            _ => true,
        }
    }

    /// Looks, and adds what it saw to `facts`.
    pub fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        match self {
            Self::Settings(p) => p.look(cx, facts),
            Self::Pam(p) => p.look(cx, facts),
            Self::Accounts(p) => p.look(cx, facts),
            Self::Modes(p) => p.look(cx, facts),
            Self::Packages(p) => p.look(cx, facts),
            Self::Services(p) => p.look(cx, facts),
            Self::Listening(p) => p.look(cx, facts),
            Self::Processes(p) => p.look(cx, facts),
            Self::Lines(p) => p.look(cx, facts),
            Self::Scan(p) => p.look(cx, facts),
            Self::Logrotate(p) => p.look(cx, facts),
            Self::Sysctl(p) => p.look(cx, facts),
            Self::Storage(p) => p.look(cx, facts),
            Self::Newest(p) => p.look(cx, facts),
            Self::Firewall(p) => p.look(cx, facts),
            Self::Mac(p) => p.look(cx, facts),
            Self::Command(p) => p.look(cx, facts),
            Self::Blocks(p) => p.look(cx, facts),
            Self::Json(p) => p.look(cx, facts),
            Self::Nginx(p) => p.look(cx, facts),
            Self::Own(p) => p.look(cx, facts),
            Self::Sql(p) => p.look(cx, facts),
            Self::Tls(p) => p.look(cx, facts),
        }
    }
}
