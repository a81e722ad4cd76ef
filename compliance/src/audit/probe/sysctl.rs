//! Kernel settings, SELinux and AppArmor.

use serde::Deserialize;

use super::{Context, text};
use crate::audit::fact::{Fact, Facts};

/// Each key, `kernel.randomize_va_space`, becomes a fact of its name: the running value.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sysctl {
    keys: Vec<String>,
}

impl Sysctl {
    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        for key in &self.keys {
            let path = format!("/proc/sys/{}", key.replace('.', "/"));
            let fact = match text::read(cx, &path) {
                Ok(text) => Fact::word(text.trim()),
                Err(error) if error.is_absence() => Fact::Absent,
                Err(error) => Fact::Unseen(error.to_string()),
            };
            facts.set(key.clone(), fact);
        }
    }
}

/// Facts `selinux` (enforcing, permissive), `apparmor` (Y) and `apparmor_enforced` (profiles).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mac {}

impl Mac {
    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let read = |path: &str| match text::read(cx, path) {
            Ok(text) => Fact::Text(text),
            Err(error) if error.is_absence() => Fact::Absent,
            Err(error) => Fact::Unseen(error.to_string()),
        };
        let selinux = match read("/sys/fs/selinux/enforce") {
            Fact::Text(t) if t.trim() == "1" => Fact::Text("enforcing".into()),
            Fact::Text(_) => Fact::Text("permissive".into()),
            other => other,
        };
        facts.set("selinux", selinux);
        let apparmor = match read("/sys/module/apparmor/parameters/enabled") {
            Fact::Text(t) => Fact::word(t.trim()),
            other => other,
        };
        facts.set("apparmor", apparmor);
        let enforced = match read("/sys/kernel/security/apparmor/profiles") {
            Fact::Text(t) => {
                Fact::Int(t.lines().filter(|l| l.trim_end().ends_with("(enforce)")).count() as i64)
            }
            other => other,
        };
        facts.set("apparmor_enforced", enforced);
    }
}
