//! The host firewall: what happens to a packet no rule names.

use serde::Deserialize;

use super::{Context, text};
use crate::audit::fact::{Fact, Facts};
use crate::audit::host::{Command, HostError};

/// Facts `input_default` (drop, reject, accept; absent = no firewall found) and `firewall`
/// (which one said so).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Firewall {}

impl Firewall {
    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let (default, by) = match default(cx) {
            Ok(Some((default, by))) => (Fact::Text(default), Fact::Text(by.into())),
            Ok(None) => (Fact::Absent, Fact::Absent),
            Err(error) => (Fact::Unseen(error.to_string()), Fact::Absent),
        };
        facts.set("input_default", default);
        facts.set("firewall", by);
    }
}

/// The running rules decide. Where they cannot be read, the configuration that is loaded at
/// start does; where neither speaks, a refused command is reported rather than "no firewall".
fn default(cx: &Context<'_>) -> Result<Option<(String, &'static str)>, HostError> {
    let mut refused = None;
    let mut accepts = None;
    for (line, read, by) in [
        ("nft list ruleset", nft as fn(&str) -> Option<String>, "nftables"),
        ("iptables -S", iptables, "iptables"),
    ] {
        let Some(command) = Command::of_line(line) else { continue };
        match cx.host.run(command) {
            Ok(output) => match read(&String::from_utf8_lossy(&output)) {
                Some(d) if d == "accept" => accepts = Some((d, by)),
                Some(d) => return Ok(Some((d, by))),
                None => {}
            },
            Err(error) if error.is_absence() => {}
            Err(error) => refused = Some(error),
        }
    }
    if accepts.is_some() {
        return Ok(accepts);
    }
    if refused.is_some() {
        for (file, read, by) in [
            ("/etc/nftables.conf", nft as fn(&str) -> Option<String>, "nftables.conf"),
            ("/etc/sysconfig/nftables.conf", nft, "nftables.conf"),
            ("/etc/iptables/rules.v4", iptables_save, "iptables rules.v4"),
            ("/etc/sysconfig/iptables", iptables_save, "iptables"),
        ] {
            if let Ok(text) = text::read(cx, file)
                && let Some(default) = read(&text)
            {
                return Ok(Some((default, by)));
            }
        }
    }
    refused.map_or(Ok(None), Err)
}

/// The policy of the input hook, `chain input { type filter hook input priority 0; policy drop; }`;
/// a last rule without conditions counts as the policy.
fn nft(text: &str) -> Option<String> {
    let mut found: Option<String> = None;
    let mut in_input = false;
    for line in text.lines().map(str::trim) {
        if line.contains("hook input") {
            in_input = true;
            let policy = line.split("policy ").nth(1).and_then(|p| p.split(';').next());
            merge(&mut found, policy.unwrap_or("accept").trim());
        } else if in_input && line == "}" {
            in_input = false;
        } else if in_input && matches!(line.split_whitespace().next(), Some("drop" | "reject")) {
            merge(&mut found, "drop");
        }
    }
    found
}

/// Chains of one hook run one after the other: one that drops is enough.
fn merge(found: &mut Option<String>, policy: &str) {
    if found.as_deref() != Some("drop") {
        *found = Some(policy.to_owned());
    }
}

fn iptables(text: &str) -> Option<String> {
    let policy = text.lines().find_map(|l| l.trim().strip_prefix("-P INPUT "))?;
    let closing = text.lines().any(|l| {
        matches!(
            l.trim(),
            "-A INPUT -j DROP" | "-A INPUT -j REJECT --reject-with icmp-host-prohibited"
        )
    });
    Some(if closing { "drop".into() } else { policy.trim().to_ascii_lowercase() })
}

fn iptables_save(text: &str) -> Option<String> {
    let policy = text.lines().find_map(|l| l.trim().strip_prefix(":INPUT "))?;
    let closing = text.lines().any(|l| l.trim() == "-A INPUT -j DROP");
    let word = policy.split_whitespace().next()?.to_ascii_lowercase();
    Some(if closing { "drop".into() } else { word })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies() {
        let chain = |policy: &str| {
            format!(
                "table inet f {{\n chain i {{\n type filter hook input priority 0; policy {policy};\n }}\n}}\n"
            )
        };
        assert_eq!(nft(&chain("drop")).as_deref(), Some("drop"));
        assert_eq!(nft(&chain("accept")).as_deref(), Some("accept"));
        assert_eq!(nft("table ip nat { }"), None);
        assert_eq!(iptables("-P INPUT ACCEPT\n-A INPUT -j DROP\n").as_deref(), Some("drop"));
        assert_eq!(iptables("-P INPUT ACCEPT\n").as_deref(), Some("accept"));
        assert_eq!(iptables_save("*filter\n:INPUT DROP [0:0]\n").as_deref(), Some("drop"));
    }
}
