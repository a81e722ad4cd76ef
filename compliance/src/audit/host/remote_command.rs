//! A command of [`super::allow`] on a remote host, and what its output means.

use std::path::Path;

use events::Timestamp;

use super::ssh::{Channel, SshAddress, why};
use super::{Command, HostError};
use crate::audit::limits;

/// What a command's output begins with; without it something else answered.
const MARK: &str = "xuedun:\n";

/// Runs a command on the connection that has its socket at `socket`, or on one of its own.
pub(super) fn execute(
    address: &SshAddress,
    socket: &Path,
    command: Command,
) -> Result<Vec<u8>, HostError> {
    let line = remote_line(command);
    let ms = limits::COMMAND_MS_MAX;
    let ended = address
        .child(command.line, socket, Channel::Command(&line), ms + limits::SSH_CONNECT_MS_MAX)
        .run()?;
    let what = command.line.to_owned();
    let Some(output) = ended.stdout.strip_prefix(MARK.as_bytes()) else {
        return Err(match ended.code {
            Some(255) => why(command.line, &ended.stderr),
            // The account is held to something else, such as a file transfer.
            _ => HostError::Unavailable { what },
        });
    };
    match ended.code {
        Some(0) => Ok(output.to_vec()),
        Some(127) => Err(HostError::NotFound { what }),
        Some(126) => Err(HostError::Denied { what }),
        Some(code) => Err(HostError::Failed { what, reason: format!("ended with {code}") }),
        None => Err(HostError::Failed { what, reason: "ended by a signal".into() }),
    }
}

/// The command for whatever shell the account has: a mark, then the fixed arguments, quoted.
fn remote_line(command: Command) -> String {
    let quote = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let argv: Vec<String> = command.argv.iter().map(|a| quote(a)).collect();
    let script = format!(
        "printf 'xuedun:\\n'; PATH=/usr/sbin:/usr/bin:/sbin:/bin; LC_ALL=C; export PATH LC_ALL; exec {}",
        argv.join(" ")
    );
    format!("exec /bin/sh -c {}", quote(&script))
}

/// The host's time from when it was started and how long it has run.
pub(super) fn booted(stat: &str, uptime: &str) -> Option<Timestamp> {
    let began: i64 = stat.lines().find_map(|l| l.strip_prefix("btime "))?.trim().parse().ok()?;
    let up: i64 = uptime.split(['.', ' ']).next()?.parse().ok()?;
    Some(Timestamp::from_secs(began.checked_add(up)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_quoted_whole() {
        let rpm = Command::of_line("rpm -qa").unwrap();
        let line = remote_line(rpm);
        assert!(line.starts_with("exec /bin/sh -c '") && line.ends_with('\''), "{line}");
        let shown = std::process::Command::new("/bin/sh")
            .args(["-c", &line.replace("exec '\\''rpm", "exec '\\''/bin/echo")])
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8(shown.stdout).unwrap(),
            format!("{MARK}-qa --qf %{{NAME}}\n\n")
        );
    }

    #[test]
    fn time_without_a_command() {
        let at = booted("cpu 1\nbtime 1700000000\n", "60.25 100.0\n");
        assert_eq!(at, Some(Timestamp::from_secs(1_700_000_060)));
        assert_eq!(booted("", "60"), None);
    }
}
