//! Settings of configuration files: `KEY value`, `key = value`, and OpenSSH's own rules.

use serde::Deserialize;

use super::{Context, text};
use crate::audit::fact::{Fact, Facts};
use crate::audit::host::{Command, HostError};
use crate::audit::limits;

/// How a file writes its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Syntax {
    /// `KEY value`; the last one holds.
    Words,
    /// `key = value`; the last one holds; a bare word counts as `yes`.
    Equals,
    /// sshd_config: the first one holds, `Include` is followed, `Match` blocks are not global,
    /// unset keywords have OpenSSH's default. The effective `sshd -T` is preferred when it runs.
    Sshd,
}

/// Reads named settings; each becomes a fact of its name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    syntax: Syntax,
    /// Files in the order they are read; a star may stand in the last component.
    files: Vec<String>,
    keys: Vec<String>,
    /// Put before each fact's name with a dot.
    #[serde(rename = "as", default)]
    prefix: String,
}

/// Defaults of OpenSSH 9 for keywords that checks ask about (sshd_config(5)).
const SSHD_DEFAULTS: &[(&str, &str)] = &[
    ("permitrootlogin", "prohibit-password"),
    ("permitemptypasswords", "no"),
    ("hostbasedauthentication", "no"),
    ("ignorerhosts", "yes"),
    ("passwordauthentication", "yes"),
    ("maxauthtries", "6"),
    ("logingracetime", "120"),
    ("clientaliveinterval", "0"),
    ("clientalivecountmax", "3"),
    ("x11forwarding", "no"),
    ("permituserenvironment", "no"),
    ("usepam", "yes"),
    ("loglevel", "INFO"),
    ("strictmodes", "yes"),
];

impl Settings {
    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let pairs = match self.syntax {
            Syntax::Sshd => self.sshd(cx),
            _ => text::read_all(cx, &self.files)
                .map(|files| files.iter().flat_map(|(_, text)| self.pairs(text)).rev().collect()),
        };
        for key in &self.keys {
            let name =
                if self.prefix.is_empty() { key.clone() } else { format!("{}.{key}", self.prefix) };
            facts.set(name, self.fact(&pairs, key));
        }
        if self.syntax == Syntax::Sshd {
            idle_seconds(&pairs, facts);
        }
    }

    /// The first pair of a key; pairs come with the one that holds first.
    fn fact(&self, pairs: &Result<Vec<(String, String)>, HostError>, key: &str) -> Fact {
        let pairs = match pairs {
            Ok(pairs) => pairs,
            Err(error) => return Fact::Unseen(error.to_string()),
        };
        let wanted = key.to_ascii_lowercase();
        let found = pairs.iter().find(|(k, _)| {
            if self.syntax == Syntax::Sshd { *k == wanted } else { k.eq_ignore_ascii_case(key) }
        });
        if let Some((_, value)) = found {
            // Several words are one list: ciphers, users.
            return if self.syntax == Syntax::Sshd && value.contains([',', ' ']) {
                Fact::List(value.split([',', ' ']).map(str::to_owned).collect())
            } else {
                Fact::word(value)
            };
        }
        match SSHD_DEFAULTS.iter().find(|(k, _)| self.syntax == Syntax::Sshd && *k == wanted) {
            Some((_, default)) => Fact::word(default),
            None => Fact::Absent,
        }
    }

    fn pairs(&self, text: &str) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for line in text::lines(text) {
            let line = line.split(" #").next().unwrap_or(line).trim();
            let (key, value) = match self.syntax {
                Syntax::Equals => line.split_once('=').unwrap_or((line, "yes")),
                _ => line.split_once(char::is_whitespace).unwrap_or((line, "")),
            };
            let value = value.trim().trim_matches('"');
            pairs.push((key.trim().to_owned(), value.to_owned()));
        }
        pairs
    }

    fn sshd(&self, cx: &Context<'_>) -> Result<Vec<(String, String)>, HostError> {
        if let Some(command) = Command::of_line("sshd -T")
            && let Ok(output) = cx.host.run(command)
        {
            return Ok(sshd_pairs(&String::from_utf8_lossy(&output)));
        }
        let mut pairs = Vec::new();
        for file in &self.files {
            include(cx, file, 0, &mut pairs)?;
        }
        Ok(pairs)
    }
}

/// Reads one file and what it includes, in place. An `Include` inside a `Match` block is skipped
/// with the block: its settings are not global.
fn include(
    cx: &Context<'_>,
    pattern: &str,
    depth: usize,
    pairs: &mut Vec<(String, String)>,
) -> Result<(), HostError> {
    if depth > limits::INCLUDE_DEPTH_MAX {
        let (what, reason) = (pattern.to_owned(), "includes are nested too deep".to_owned());
        return Err(HostError::Failed { what, reason });
    }
    for (_, text) in text::read_all(cx, &[pattern.to_owned()])? {
        for (key, value) in sshd_pairs(&text) {
            if key == "match" {
                if value.eq_ignore_ascii_case("all") {
                    continue;
                }
                break;
            }
            if key != "include" {
                pairs.push((key, value));
                continue;
            }
            for part in value.split_whitespace() {
                let path =
                    if part.starts_with('/') { part.into() } else { format!("/etc/ssh/{part}") };
                include(cx, &path, depth + 1, pairs)?;
            }
        }
    }
    Ok(())
}

fn sshd_pairs(text: &str) -> Vec<(String, String)> {
    let split = |line: &str| {
        let (key, value) = line.split_once([' ', '\t', '='])?;
        let value = value.trim_start_matches([' ', '\t', '=']).trim().trim_matches('"');
        Some((key.to_ascii_lowercase(), value.to_owned()))
    };
    text::lines(text).filter_map(split).collect()
}

/// `idle_seconds`: how long a silent session lives, ClientAliveInterval × CountMax; absent when
/// the interval is 0 (no probe is ever sent).
fn idle_seconds(pairs: &Result<Vec<(String, String)>, HostError>, facts: &mut Facts) {
    let number = |key: &str, default: i64| {
        let pairs = pairs.as_ref().ok()?;
        let found = pairs.iter().find(|(k, _)| k == key).map(|(_, v)| seconds(v));
        Some(found.unwrap_or(Some(default)).unwrap_or(default))
    };
    let fact = match (number("clientaliveinterval", 0), number("clientalivecountmax", 3)) {
        (Some(0), _) => Fact::Absent,
        (Some(interval), Some(count)) => Fact::Int(interval.saturating_mul(count.max(1))),
        _ => Fact::Unseen("sshd configuration not readable".into()),
    };
    facts.set("idle_seconds", fact);
    if let Ok(pairs) = pairs
        && let Some((_, grace)) = pairs.iter().find(|(k, _)| k == "logingracetime")
        && let Some(secs) = seconds(grace)
    {
        facts.set("LoginGraceTime", Fact::Int(secs));
    }
}

/// OpenSSH's times: `120`, `2m`, `1h30m`.
fn seconds(text: &str) -> Option<i64> {
    let (mut total, mut number) = (0i64, String::new());
    for c in text.chars() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let unit = match c.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(unit)?)?;
        number.clear();
    }
    if number.is_empty() { Some(total) } else { total.checked_add(number.parse().ok()?) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::host::RecordedHost;
    use events::Timestamp;

    fn look(host: &RecordedHost, keys: &[&str]) -> Facts {
        let probe = Settings {
            syntax: Syntax::Sshd,
            files: vec!["/etc/ssh/sshd_config".into()],
            keys: keys.iter().map(|k| (*k).to_owned()).collect(),
            prefix: String::new(),
        };
        let mut facts = Facts::default();
        probe.look(&Context::new(host, Timestamp::from_secs(0)), &mut facts);
        facts
    }

    #[test]
    fn sshd_first_wins_includes_and_match() {
        let mut host = RecordedHost::new();
        host.file(
            "/etc/ssh/sshd_config",
            "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin yes\nPort=2222\n\
             ClientAliveInterval 5m\nMatch User backup\n  PermitEmptyPasswords yes\n",
        )
        .file("/etc/ssh/sshd_config.d/10.conf", "permitrootlogin no\n");
        let facts =
            look(&host, &["PermitRootLogin", "PermitEmptyPasswords", "Port", "MaxAuthTries"]);
        assert_eq!(facts.get("PermitRootLogin"), &Fact::Text("no".into()));
        assert_eq!(facts.get("PermitEmptyPasswords"), &Fact::Text("no".into()), "not global");
        assert_eq!(facts.get("Port"), &Fact::Int(2222));
        assert_eq!(facts.get("MaxAuthTries"), &Fact::Int(6), "the default");
        assert_eq!(facts.get("idle_seconds"), &Fact::Int(900));
        host.command("sshd -T", "permitrootlogin without-password\nciphers a,b\n");
        let facts = look(&host, &["PermitRootLogin", "Ciphers"]);
        assert_eq!(facts.get("PermitRootLogin"), &Fact::Text("without-password".into()));
        assert_eq!(facts.get("Ciphers"), &Fact::List(vec!["a".into(), "b".into()]));
    }

    #[test]
    fn a_refused_include_is_unseen() {
        let mut host = RecordedHost::new();
        host.file("/etc/ssh/sshd_config", "Include /etc/ssh/x.conf\n").deny("/etc/ssh/x.conf");
        assert!(matches!(look(&host, &["Port"]).get("Port"), Fact::Unseen(_)));
        host.file("/etc/ssh/y.conf", "Include /etc/ssh/y.conf\n")
            .file("/etc/ssh/sshd_config", "Include y.conf\n");
        assert!(matches!(look(&host, &["Port"]).get("Port"), Fact::Unseen(_)), "a loop ends");
    }
}
