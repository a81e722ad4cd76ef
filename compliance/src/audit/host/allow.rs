//! The whole list of commands a probe may run. Each only reads; arguments are fixed here, so
//! content files choose a command by its line and cannot add to it.

/// A command of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Command {
    /// The line as check files and recordings write it.
    pub line: &'static str,
    /// Program and arguments.
    pub argv: &'static [&'static str],
}

macro_rules! allow {
    ($($line:literal => [$($arg:literal),+];)*) => {
        /// Every command that may run.
        pub const ALL: &[Command] = &[$(Command { line: $line, argv: &[$($arg),+] },)*];
    };
}

allow! {
    "sshd -T" => ["sshd", "-T"];
    "auditctl -s" => ["auditctl", "-s"];
    "auditctl -l" => ["auditctl", "-l"];
    "chronyc -n tracking" => ["chronyc", "-n", "tracking"];
    "timedatectl show" => ["timedatectl", "show"];
    "nft list ruleset" => ["nft", "list", "ruleset"];
    "iptables -S" => ["iptables", "-S"];
    "date +%s" => ["date", "+%s"];
    "rpm -qa" => ["rpm", "-qa", "--qf", "%{NAME}\n"];
}

/// What a target's own clock shows, in seconds since 1970.
pub(super) const DATE: Command = Command { line: "date +%s", argv: &["date", "+%s"] };

impl Command {
    /// The command of a line, if it is on the list.
    pub fn of_line(line: &str) -> Option<Self> {
        ALL.iter().copied().find(|c| c.line == line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_lines() {
        assert!(Command::of_line("sshd -T").is_some());
        assert!(Command::of_line("sshd -T; rm -rf /").is_none());
        assert!(ALL.iter().all(|c| c.argv.iter().all(|a| !a.contains([';', '|', '&', '$']))));
    }
}
