//! Accounts of a Unix host: /etc/passwd and /etc/shadow. No hash leaves this file.

use serde::Deserialize;

use super::{Context, text};
use crate::audit::fact::{Fact, Facts};
use crate::audit::host::HostError;

/// Facts about accounts: lists of account names.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// Longest life of a password in days, for `aging_over`.
    #[serde(default = "days_default")]
    max_days: i64,
    /// Names of vendor, test and sample accounts, for `vendor`.
    #[serde(default)]
    vendor: Vec<String>,
}

const fn days_default() -> i64 {
    90
}

struct User {
    name: String,
    uid: u32,
    shell: String,
    has_inline_password: bool,
}

impl User {
    fn can_log_in(&self) -> bool {
        !["nologin", "false", "sync", "halt", "shutdown"]
            .iter()
            .any(|s| self.shell.rsplit('/').next() == Some(*s))
    }
}

struct Shadow {
    name: String,
    hash: String,
    max_days: Option<i64>,
}

impl Shadow {
    fn is_locked(&self) -> bool {
        self.hash.starts_with(['!', '*'])
    }
    fn has_password(&self) -> bool {
        !self.hash.is_empty() && !self.is_locked()
    }
}

impl Accounts {
    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let users = match text::read(cx, "/etc/passwd") {
            Ok(text) => users(&text),
            Err(error) => return unseen(facts, PASSWD_FACTS.iter().chain(SHADOW_FACTS), &error),
        };
        let uid_min = uid_min(cx);
        let system = |u: &&User| u.uid != 0 && u.uid < uid_min;
        let names = |list: Vec<&User>| Fact::List(list.iter().map(|u| u.name.clone()).collect());
        facts.set("duplicate_uid", twice(users.iter().map(|u| u.uid.to_string())));
        facts.set("duplicate_name", twice(users.iter().map(|u| u.name.clone())));
        facts.set(
            "extra_uid0",
            names(users.iter().filter(|u| u.uid == 0 && u.name != "root").collect()),
        );
        facts.set(
            "system_with_shell",
            names(users.iter().filter(system).filter(|u| u.can_log_in()).collect()),
        );
        facts.set("users", Fact::Int(users.iter().filter(|u| u.can_log_in()).count() as i64));
        match text::read(cx, "/etc/shadow") {
            Ok(text) => self.shadow(&users, &shadow(&text), facts),
            Err(error) => unseen(facts, SHADOW_FACTS.iter(), &error),
        }
    }

    fn shadow(&self, users: &[User], shadow: &[Shadow], facts: &mut Facts) {
        let of = |name: &str| shadow.iter().find(|s| s.name == name);
        let mut empty: Vec<String> =
            shadow.iter().filter(|s| s.hash.is_empty()).map(|s| s.name.clone()).collect();
        empty.extend(users.iter().filter(|u| u.has_inline_password).map(|u| u.name.clone()));
        facts.set("empty_password", Fact::List(empty));
        let list = |keep: &dyn Fn(&User, &Shadow) -> bool| {
            let kept = users.iter().filter(|u| of(&u.name).is_some_and(|s| keep(u, s)));
            Fact::List(kept.map(|u| u.name.clone()).collect())
        };
        facts.set(
            "aging_over",
            list(&|u, s| {
                let in_bound = s.max_days.is_some_and(|d| (1..=self.max_days).contains(&d));
                u.can_log_in() && s.has_password() && !in_bound
            }),
        );
        facts.set("weak_hash", list(&|_, s| s.has_password() && is_weak(&s.hash)));
        facts.set(
            "vendor",
            list(&|u, s| self.vendor.contains(&u.name) && u.can_log_in() && !s.is_locked()),
        );
        let with_password = users.iter().filter(|u| of(&u.name).is_some_and(Shadow::has_password));
        facts.set("with_password", Fact::Int(with_password.count() as i64));
    }
}

const PASSWD_FACTS: &[&str] =
    &["duplicate_uid", "duplicate_name", "extra_uid0", "system_with_shell", "users"];
const SHADOW_FACTS: &[&str] =
    &["empty_password", "aging_over", "weak_hash", "vendor", "with_password"];

fn unseen<'a>(facts: &mut Facts, names: impl Iterator<Item = &'a &'a str>, error: &HostError) {
    for name in names {
        facts.set(*name, Fact::Unseen(error.to_string()));
    }
}

/// DES, MD5, SHA-1 and NT hashes (crypt(5)): none of them is a salted slow hash.
fn is_weak(hash: &str) -> bool {
    !hash.starts_with('$') || ["$1$", "$3$", "$sha1$", "$md5"].iter().any(|p| hash.starts_with(p))
}

fn users(text: &str) -> Vec<User> {
    let parse = |line: &str| {
        let f: Vec<&str> = line.split(':').collect();
        let [name, password, uid, .., shell] = f.as_slice() else { return None };
        Some(User {
            name: (*name).to_owned(),
            uid: uid.parse().ok()?,
            shell: if shell.is_empty() { "/bin/sh".into() } else { (*shell).to_owned() },
            has_inline_password: password.is_empty(),
        })
    };
    text::lines(text).filter_map(parse).collect()
}

fn shadow(text: &str) -> Vec<Shadow> {
    let parse = |line: &str| {
        let f: Vec<&str> = line.split(':').collect();
        let name = f.first().filter(|n| !n.is_empty())?;
        Some(Shadow {
            name: (*name).to_owned(),
            hash: f.get(1).copied().unwrap_or("*").to_owned(),
            max_days: f.get(4).and_then(|d| d.parse().ok()),
        })
    };
    text.lines().map(str::trim).filter(|l| l.contains(':')).filter_map(parse).collect()
}

fn uid_min(cx: &Context<'_>) -> u32 {
    let text = text::read(cx, "/etc/login.defs").unwrap_or_default();
    let found = text::lines(&text).find_map(|l| l.strip_prefix("UID_MIN"));
    found.and_then(|v| v.trim().parse().ok()).unwrap_or(1000)
}

fn twice(words: impl Iterator<Item = String>) -> Fact {
    let mut all: Vec<String> = words.collect();
    all.sort();
    let mut double: Vec<String> =
        all.windows(2).filter(|w| w[0] == w[1]).map(|w| w[0].clone()).collect();
    double.dedup();
    Fact::List(double)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_hashes() {
        assert!(is_weak("$1$abc$def") && is_weak("abJnggxhB/yWI"));
        assert!(!is_weak("$6$salt$hash") && !is_weak("$y$j9T$salt$hash"));
    }
}
