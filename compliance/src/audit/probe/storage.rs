//! Swap, encryption of storage, and the age of files such as backups and signatures.

use serde::Deserialize;

use super::{Context, text};
use crate::audit::fact::{Fact, Facts};
use crate::audit::host::{HostError, Kind};

/// Facts `swap_plain` (swap areas that are not encrypted nor in memory) and `encrypted`
/// (dm-crypt devices).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {}

impl Storage {
    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let encrypted = encrypted(cx);
        let swap = text::read(cx, "/proc/swaps").map(|text| {
            text.lines()
                .skip(1)
                .filter_map(|l| l.split_whitespace().next())
                .filter(|device| !device.starts_with("/dev/zram"))
                .filter(|device| {
                    let name = device.trim_start_matches("/dev/");
                    !encrypted.as_ref().is_ok_and(|e| e.iter().any(|d| d == name))
                })
                .map(str::to_owned)
                .collect::<Vec<_>>()
        });
        let fact = |answer: Result<Vec<String>, HostError>| match answer {
            Ok(list) => Fact::List(list),
            Err(error) => Fact::Unseen(error.to_string()),
        };
        facts.set("swap_plain", fact(swap));
        facts.set("encrypted", fact(encrypted));
    }
}

/// Names of device-mapper devices whose id says crypt (LUKS or plain).
fn encrypted(cx: &Context<'_>) -> Result<Vec<String>, HostError> {
    let devices = match cx.host.list_dir("/sys/block") {
        Ok(devices) => devices,
        Err(error) if error.is_absence() => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for device in devices.iter().filter(|d| d.starts_with("dm-")) {
        let uuid = text::read(cx, &format!("/sys/block/{device}/dm/uuid")).unwrap_or_default();
        if uuid.starts_with("CRYPT-") {
            found.push(device.clone());
        }
    }
    Ok(found)
}

/// Facts `<as>.count` and `<as>.age_hours` (of the newest) over the files of the patterns.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Newest {
    files: Vec<String>,
    #[serde(rename = "as")]
    prefix: String,
}

impl Newest {
    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let (count, age) = match self.newest(cx) {
            Ok((0, _)) => (Fact::Absent, Fact::Absent),
            Ok((count, mtime)) => {
                let age_secs = cx.now().secs().saturating_sub(mtime).max(0);
                (Fact::Int(count), Fact::Int(age_secs / 3600))
            }
            Err(e) => (Fact::Unseen(e.to_string()), Fact::Unseen(e.to_string())),
        };
        facts.set(format!("{}.count", self.prefix), count);
        facts.set(format!("{}.age_hours", self.prefix), age);
    }

    fn newest(&self, cx: &Context<'_>) -> Result<(i64, i64), HostError> {
        let (mut count, mut newest) = (0, i64::MIN);
        for pattern in &self.files {
            for path in text::expand(cx, pattern)? {
                match cx.host.metadata(&path) {
                    Ok(meta) if meta.kind == Kind::File && meta.size > 0 => {
                        count += 1;
                        newest = newest.max(meta.mtime_secs);
                    }
                    Ok(_) => {}
                    Err(error) if error.is_absence() => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok((count, newest))
    }
}
