//! The way to a remote host: the system's own `ssh`, with key only, known hosts enforced, no agent,
//! no forwarding and no configuration file of a user.
//!
//! Why not a library: `ssh` is patched by the distribution, follows the site's policy on algorithms
//! (also where SM2 or FIPS builds are prescribed) and reads every form of known hosts, certificates
//! included; russh 0.65 would add about 170 crates, a pre-release key parser among them, for the
//! same bytes on the wire.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Child, HostError};
use crate::audit::limits;

/// Where a remote host is and how to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshAddress {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Account; it need not be root, what it may not see is told.
    pub user: String,
    /// Private key, without a passphrase.
    pub key: PathBuf,
    /// The host keys that are known. Nothing is ever added to it.
    pub known_hosts: PathBuf,
}

/// What an `ssh` is used for.
#[derive(Clone, Copy)]
pub(super) enum Channel<'a> {
    /// The file transfer session; later channels share its connection.
    Files,
    /// One command.
    Command(&'a str),
}

impl SshAddress {
    /// Whether host and user are plain words that `ssh` cannot take for an option.
    pub fn is_plain(&self) -> bool {
        let plain = |text: &str, marks: &str| {
            text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':')
                && text.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c))
        };
        plain(&self.host, ".-_:") && plain(&self.user, ".-_")
    }

    /// `user@host:port`, for errors.
    pub fn name(&self) -> String {
        format!("{}@{}:{}", self.user, self.host, self.port)
    }

    pub(super) fn child<'a>(
        &self,
        what: &'a str,
        socket: &Path,
        channel: Channel<'_>,
        ms: u64,
    ) -> Child<'a> {
        let secs = limits::SSH_CONNECT_MS_MAX / 1_000;
        let mut args: Vec<OsString> = ["-F", "none", "-T", "-a", "-x"].map(Into::into).into();
        for option in [
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "GlobalKnownHostsFile=none",
            "UpdateHostKeys=no",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "PreferredAuthentications=publickey",
            "PasswordAuthentication=no",
            "KbdInteractiveAuthentication=no",
            "GSSAPIAuthentication=no",
            "HostbasedAuthentication=no",
            "ClearAllForwardings=yes",
            "PermitLocalCommand=no",
            "ConnectionAttempts=1",
            "ServerAliveInterval=5",
            "ServerAliveCountMax=3",
            "LogLevel=ERROR",
        ] {
            args.extend(["-o".into(), option.into()]);
        }
        args.extend(["-o".into(), format!("ConnectTimeout={secs}").into()]);
        args.extend(["-o".into(), file("UserKnownHostsFile", &self.known_hosts)]);
        args.extend(["-o".into(), file("IdentityFile", &self.key)]);
        args.extend(["-o".into(), file("ControlPath", socket)]);
        let master = if matches!(channel, Channel::Files) { "yes" } else { "no" };
        args.extend(["-o".into(), format!("ControlMaster={master}").into()]);
        args.extend(["-p".into(), self.port.to_string().into()]);
        args.extend(["-l".into(), self.user.as_str().into()]);
        match channel {
            Channel::Files => {
                args.extend(["-s", "--", self.host.as_str(), "sftp"].map(OsString::from));
            }
            Channel::Command(line) => {
                args.extend(["--", self.host.as_str(), line].map(OsString::from));
            }
        }
        Child::new(what, "ssh", ms).args(args)
    }
}

/// An option that names a file: quoted, and `%` doubled, because `ssh` expands it.
fn file(option: &str, path: &Path) -> OsString {
    format!("{option}=\"{}\"", path.display().to_string().replace('%', "%%")).into()
}

/// What the words of an `ssh` that ended mean. The words themselves are not kept.
pub(super) fn why(what: &str, stderr: &str) -> HostError {
    let said = stderr.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|w| said.contains(w));
    let what = what.to_owned();
    let failed = |zh: &str, en: &str| HostError::Failed {
        what: what.clone(),
        reason: format!("{zh} / {en}"),
    };
    if has(&["remote host identification has changed", "revoked host key", "is revoked"]) {
        return HostError::HostKeyChanged { what };
    }
    if has(&["host key is known for", "host key verification failed"]) {
        return HostError::HostKeyUnknown { what };
    }
    if has(&["load key", "unprotected private key", "bad permissions", "invalid format"]) {
        return failed("私钥不可用", "the private key cannot be used");
    }
    if has(&["permission denied (", "too many authentication failures"]) {
        return HostError::Refused { what };
    }
    if has(&["during banner exchange", "timeout, server"]) {
        return HostError::TimedOut { what, ms: limits::SSH_CONNECT_MS_MAX };
    }
    if has(&["subsystem request failed"]) {
        return failed("不提供文件传输（sftp）", "no file transfer (sftp) is offered");
    }
    if has(&["unable to negotiate"]) {
        return failed("没有共同的加密算法", "no algorithm in common");
    }
    for (words, reason) in [
        ("could not resolve", "名称无法解析 / name not resolved"),
        ("refused", "连接被拒绝 / connection refused"),
        ("timed out", "连接超时 / connection timed out"),
        ("no route", "没有路由 / no route"),
        ("network is unreachable", "网络不通 / network unreachable"),
        ("closed", "连接中断 / connection closed"),
        ("reset", "连接中断 / connection reset"),
        ("broken pipe", "连接中断 / connection broken"),
    ] {
        if said.contains(words) {
            return HostError::Unreachable { what, reason: reason.to_owned() };
        }
    }
    failed("ssh 异常结束", "ssh ended")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ending_of_ssh_has_its_own_name() {
        for (said, code) in [
            (
                "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.",
                "A109",
            ),
            (
                "No ED25519 host key is known for x and you have requested strict checking.\nHost key verification failed.",
                "A108",
            ),
            ("audit@10.0.0.1: Permission denied (publickey).", "A110"),
            ("ssh: connect to host 10.0.0.1 port 22: Connection refused", "A107"),
            ("ssh: connect to host 10.0.0.1 port 22: Connection timed out", "A107"),
            ("ssh: Could not resolve hostname x: Name or service not known", "A107"),
            ("Connection timed out during banner exchange", "A104"),
            ("Load key \"/k\": error in libcrypto\na@b: Permission denied (publickey).", "A106"),
            ("subsystem request failed on channel 0", "A106"),
            ("", "A106"),
        ] {
            assert_eq!(why("x", said).code(), code, "{said}");
        }
    }

    #[test]
    fn nothing_can_be_taken_for_an_option() {
        let address = |host: &str, user: &str| SshAddress {
            host: host.into(),
            port: 22,
            user: user.into(),
            key: "/k".into(),
            known_hosts: "/h".into(),
        };
        assert!(address("10.1.2.3", "audit").is_plain() && address("::1", "a_b").is_plain());
        for (host, user) in [("-oProxyCommand=x", "a"), ("h", "-l"), ("h x", "a"), ("", "a")] {
            assert!(!address(host, user).is_plain(), "{host} {user}");
        }
        assert_eq!(file("IdentityFile", Path::new("/a b%c")), "IdentityFile=\"/a b%%c\"");
    }
}
