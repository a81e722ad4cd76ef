//! Installed packages, and services that are enabled or running.

use serde::Deserialize;

use super::{Context, process, text};
use crate::audit::fact::{Fact, Facts};
use crate::audit::host::{Command, HostError};

/// Fact `installed`: which of the named packages are installed (stars allowed).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packages {
    names: Vec<String>,
    #[serde(rename = "as", default = "installed")]
    fact: String,
}

fn installed() -> String {
    "installed".into()
}

/// Facts `enabled` and `running`: which units start by themselves, which processes run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Services {
    /// Unit names without suffix; `.service`, `.socket` and `.timer` are looked for, and the
    /// same names in init.d, inetd and xinetd.
    units: Vec<String>,
    /// Process names (stars allowed; the kernel cuts names at 15 bytes).
    #[serde(default)]
    processes: Vec<String>,
}

impl Packages {
    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let fact = match packages(cx) {
            Ok(all) => {
                let found = all.into_iter().filter(|n| text::star_any(&self.names, n));
                Fact::List(process::unique(found))
            }
            Err(error) => Fact::Unseen(error.to_string()),
        };
        facts.set(self.fact.clone(), fact);
    }
}

fn packages(cx: &Context<'_>) -> Result<Vec<String>, HostError> {
    match text::read(cx, "/var/lib/dpkg/status") {
        Ok(status) => return Ok(dpkg(&status)),
        Err(error) if error.is_absence() => {}
        Err(error) => return Err(error),
    }
    let Some(command) = Command::of_line("rpm -qa") else { return Ok(Vec::new()) };
    match cx.host.run(command) {
        Ok(output) => Ok(String::from_utf8_lossy(&output).lines().map(str::to_owned).collect()),
        // Neither database: nothing can be said about packages, least of all that none is there.
        Err(_) => Err(HostError::Unavailable { what: "package database (dpkg, rpm)".into() }),
    }
}

fn dpkg(status: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut name = None;
    for line in status.lines() {
        if let Some(n) = line.strip_prefix("Package: ") {
            name = Some(n.trim().to_owned());
        } else if line.starts_with("Status: ") && line.ends_with(" installed") {
            found.extend(name.take());
        }
    }
    found
}

const WANTS: &[&str] = &[
    "/etc/systemd/system/multi-user.target.wants",
    "/etc/systemd/system/sysinit.target.wants",
    "/etc/systemd/system/basic.target.wants",
    "/etc/systemd/system/sockets.target.wants",
    "/etc/systemd/system/timers.target.wants",
    "/etc/systemd/system/graphical.target.wants",
    "/etc/systemd/system/network-online.target.wants",
    "/usr/lib/systemd/system/sysinit.target.wants",
    "/usr/lib/systemd/system/multi-user.target.wants",
    "/usr/lib/systemd/system/sockets.target.wants",
];

impl Services {
    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let enabled = match self.enabled(cx) {
            Ok(list) => Fact::List(list),
            Err(error) => Fact::Unseen(error.to_string()),
        };
        facts.set("enabled", enabled);
        let running = match process::all(cx) {
            Ok(all) => {
                let names = all.into_iter().map(|p| p.name);
                Fact::List(process::unique(names.filter(|n| text::star_any(&self.processes, n))))
            }
            Err(error) => Fact::Unseen(error.to_string()),
        };
        facts.set("running", running);
    }

    fn enabled(&self, cx: &Context<'_>) -> Result<Vec<String>, HostError> {
        let mut found = Vec::new();
        for dir in WANTS {
            for name in names(cx, dir)? {
                let unit = name.rsplit_once('.').map_or(name.as_str(), |(unit, _)| unit);
                if text::star_any(&self.units, unit) {
                    found.push(name);
                }
            }
        }
        for name in names(cx, "/etc/rc3.d")? {
            let unit = name.strip_prefix('S').map(|n| n.trim_start_matches(char::is_numeric));
            if unit.is_some_and(|u| text::star_any(&self.units, u)) {
                found.push(format!("rc3.d/{name}"));
            }
        }
        for name in names(cx, "/etc/xinetd.d")? {
            let body = text::read(cx, &format!("/etc/xinetd.d/{name}")).unwrap_or_default();
            let off = text::lines(&body).any(|l| {
                l.split_once('=').is_some_and(|(k, v)| k.trim() == "disable" && v.trim() == "yes")
            });
            if !off && text::star_any(&self.units, &name) {
                found.push(format!("xinetd.d/{name}"));
            }
        }
        let inetd = text::read_all(cx, &["/etc/inetd.conf".into()])?;
        for line in inetd.iter().flat_map(|(_, t)| text::lines(t)) {
            let service = line.split_whitespace().next().unwrap_or_default();
            if text::star_any(&self.units, service) {
                found.push(format!("inetd/{service}"));
            }
        }
        Ok(process::unique(found.into_iter()))
    }
}

fn names(cx: &Context<'_>, dir: &str) -> Result<Vec<String>, HostError> {
    match cx.host.list_dir(dir) {
        Err(error) if error.is_absence() => Ok(Vec::new()),
        other => other,
    }
}
