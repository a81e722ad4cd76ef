//! How many days log rotation keeps, worked out from its configuration.

use serde::Deserialize;

use super::{Context, text};
use crate::audit::fact::{Fact, Facts};

/// Fact `kept_days`: the smallest of the blocks that name one of the logs; absent when none does.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logrotate {
    /// Logs by name (stars allowed): `/var/log/auth.log`.
    logs: Vec<String>,
}

#[derive(Clone, Copy, Default)]
struct Policy {
    period_days: Option<i64>,
    rotate: Option<i64>,
    maxage: Option<i64>,
}

impl Policy {
    fn read(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let (word, value) = (words.next().unwrap_or_default(), words.next());
        let number = value.and_then(|v| v.parse().ok());
        match word {
            "hourly" => self.period_days = Some(0),
            "daily" => self.period_days = Some(1),
            "weekly" => self.period_days = Some(7),
            "monthly" => self.period_days = Some(30),
            "yearly" => self.period_days = Some(365),
            "rotate" => self.rotate = number,
            "maxage" => self.maxage = number,
            _ => {}
        }
    }

    fn over(self, global: Self) -> Self {
        Self {
            period_days: self.period_days.or(global.period_days),
            rotate: self.rotate.or(global.rotate),
            maxage: self.maxage.or(global.maxage),
        }
    }

    /// logrotate's own defaults: weekly, nothing kept. `rotate -1` never deletes.
    fn kept_days(self) -> i64 {
        let rotate = self.rotate.unwrap_or(0);
        let kept = if rotate < 0 {
            i64::MAX
        } else {
            rotate.saturating_mul(self.period_days.unwrap_or(7))
        };
        kept.min(self.maxage.unwrap_or(i64::MAX))
    }
}

impl Logrotate {
    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let files =
            text::read_all(cx, &["/etc/logrotate.conf".into(), "/etc/logrotate.d/*".into()]);
        let fact = match files {
            Ok(files) => {
                let mut global = Policy::default();
                let days: Vec<i64> = files
                    .iter()
                    .flat_map(|(path, text)| self.blocks(path, text, &mut global))
                    .collect();
                days.into_iter().min().map_or(Fact::Absent, Fact::Int)
            }
            Err(error) => Fact::Unseen(error.to_string()),
        };
        facts.set("kept_days", fact);
    }

    /// The kept days of the blocks of one file that name one of the logs. Only the main file
    /// sets the global policy.
    fn blocks(&self, path: &str, text: &str, global: &mut Policy) -> Vec<i64> {
        let mut days = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        let mut block: Option<Policy> = None;
        for line in text::lines(text) {
            if let Some(policy) = &mut block {
                if line == "}" {
                    let kept = policy.over(*global).kept_days();
                    if names.iter().any(|n| self.logs.iter().any(|l| text::star(l, n))) {
                        days.push(kept);
                    }
                    names.clear();
                    block = None;
                } else {
                    policy.read(line);
                }
                continue;
            }
            if let Some(head) = line.strip_suffix('{') {
                names.extend(head.split_whitespace());
                block = Some(Policy::default());
            } else if line.starts_with(['/', '"']) {
                names.extend(line.split_whitespace().map(|n| n.trim_matches('"')));
            } else if line == "{" {
                block = Some(Policy::default());
            } else if path == "/etc/logrotate.conf" {
                global.read(line);
            }
        }
        days
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::host::RecordedHost;
    use events::Timestamp;

    #[test]
    fn smallest_of_the_named_logs() {
        let mut host = RecordedHost::new();
        host.file("/etc/logrotate.conf", "weekly\nrotate 4\ninclude /etc/logrotate.d\n")
            .file("/etc/logrotate.d/a", "/var/log/syslog\n/var/log/auth.log\n{\n  rotate 26\n}\n")
            .file("/etc/logrotate.d/b", "/var/log/apt.log {\n daily\n rotate 1\n}\n")
            .file(
                "/etc/logrotate.d/c",
                "/var/log/messages {\n monthly\n rotate 12\n maxage 100\n}\n",
            );
        let days = |logs: &[&str]| {
            let probe = Logrotate { logs: logs.iter().map(|l| (*l).to_owned()).collect() };
            let mut facts = Facts::default();
            probe.look(&Context::new(&host, Timestamp::from_secs(0)), &mut facts);
            facts.get("kept_days").clone()
        };
        assert_eq!(days(&["/var/log/auth.log"]), Fact::Int(182));
        assert_eq!(days(&["/var/log/*"]), Fact::Int(1));
        assert_eq!(days(&["/var/log/messages"]), Fact::Int(100));
        assert_eq!(days(&["/var/log/secure"]), Fact::Absent);
    }
}
