//! The checks shipped with the program: one file each in `checks/<topic>/<slug>.toml`.
//!
//! To add one: write the file, add its line here (a test names any that is missing).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::check::Check;
use super::error::AuditError;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../checks/", $name))),)*]
    };
}

/// Every shipped check file, by name.
pub const FILES: &[(&str, &str)] = files![
    "accounts/default-accounts.toml",
    "accounts/empty-password.toml",
    "accounts/hash-method.toml",
    "accounts/lockout.toml",
    "accounts/password-age.toml",
    "accounts/password-history.toml",
    "accounts/password-quality.toml",
    "accounts/session-timeout.toml",
    "accounts/sudo-nopasswd.toml",
    "accounts/system-shells.toml",
    "accounts/umask.toml",
    "accounts/unique-ids.toml",
    "files/key-modes.toml",
    "files/mandatory-access.toml",
    "files/suid-baseline.toml",
    "files/world-writable.toml",
    "kernel/hardening.toml",
    "kernel/network.toml",
    "kernel/usb-storage.toml",
    "logging/audit-daemon.toml",
    "logging/audit-disk.toml",
    "logging/audit-immutable.toml",
    "logging/audit-rules.toml",
    "logging/log-modes.toml",
    "logging/remote-target.toml",
    "logging/retention.toml",
    "logging/syslog-daemon.toml",
    "logging/time-sync.toml",
    "malware/protection.toml",
    "network/host-firewall.toml",
    "services/minimal-install.toml",
    "services/not-root.toml",
    "services/plain-remote.toml",
    "services/risky-ports.toml",
    "services/unneeded.toml",
    "ssh/algorithms.toml",
    "ssh/auth-limits.toml",
    "ssh/empty-passwords.toml",
    "ssh/root-login.toml",
    "ssh/second-factor.toml",
    "ssh/source-limits.toml",
    "storage/backup-age.toml",
    "storage/encryption.toml",
    "storage/swap-and-dumps.toml",
];

/// The shipped checks, in order of id.
pub fn checks() -> Result<Vec<Check>, AuditError> {
    load(FILES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())))
}

/// The shipped checks with those of a folder of the same layout: a file of the same name
/// replaces the shipped one, others are added.
pub fn checks_with(folder: &Path) -> Result<Vec<Check>, AuditError> {
    let mut files: BTreeMap<String, String> =
        FILES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let failed =
        |path: &Path, source| AuditError::Folder { path: path.display().to_string(), source };
    for topic in fs::read_dir(folder).map_err(|e| failed(folder, e))? {
        let topic = topic.map_err(|e| failed(folder, e))?.path();
        if !topic.is_dir() {
            continue;
        }
        for file in fs::read_dir(&topic).map_err(|e| failed(&topic, e))? {
            let file = file.map_err(|e| failed(&topic, e))?.path();
            if file.extension().is_none_or(|e| e != "toml") {
                continue;
            }
            let text = fs::read_to_string(&file).map_err(|e| failed(&file, e))?;
            let name = file.strip_prefix(folder).unwrap_or(&file).display().to_string();
            files.insert(name, text);
        }
    }
    load(files.into_iter())
}

fn load(files: impl Iterator<Item = (String, String)>) -> Result<Vec<Check>, AuditError> {
    let mut all: Vec<Check> =
        files.map(|(name, text)| Check::parse(&name, &text)).collect::<Result<_, _>>()?;
    all.sort_by(|a, b| a.id.cmp(&b.id));
    match all.windows(2).find(|p| p[0].id == p[1].id) {
        Some(pair) => Err(AuditError::CheckTwice { id: pair[0].id.clone() }),
        None => Ok(all),
    }
}
