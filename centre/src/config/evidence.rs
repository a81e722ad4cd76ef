//! `[evidence]`: when checkpoints are signed and who is asked about them.

use std::path::PathBuf;

use compliance::evidence::{Policy, StampAuthority, StampTrust};
use events::Text;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use crate::schedule::Schedule;

/// Shortest and longest wait for one answer, in milliseconds.
const ANSWER_MS: std::ops::RangeInclusive<u64> = 100..=60_000;

/// `[evidence]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvidenceConfig {
    /// When a checkpoint is signed and asked about: a cron expression of five fields, Beijing time;
    /// empty for audit runs only.
    pub schedule: String,
    /// Whether an SM2 key signs every checkpoint beside the Ed25519 key.
    pub sm2: bool,
    /// File of witnesses with their URLs and the quorum (C2SP tlog-policy).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PathBuf>,
    /// Where timestamps are asked for (RFC 3161).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tsa_url: Option<String>,
    /// Root certificates of the timestamp authority (PEM).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tsa_ca: Option<PathBuf>,
    /// The policy its timestamps must name: an OID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tsa_policy: Option<String>,
    /// Authorities trusted for `https` (PEM); the system's when empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// How long one answer may take, in milliseconds.
    pub answer_within_ms: u64,
    /// File in which the last checkpoint is remembered; better on another disk than the data folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<PathBuf>,
}

impl Default for EvidenceConfig {
    fn default() -> Self {
        Self {
            schedule: "0 * * * *".to_owned(),
            sm2: false,
            policy: None,
            tsa_url: None,
            tsa_ca: None,
            tsa_policy: None,
            ca: None,
            answer_within_ms: 10_000,
            seen: None,
        }
    }
}

impl EvidenceConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !self.schedule.is_empty() {
            Schedule::parse(&self.schedule).map_err(|m| value("evidence.schedule", m))?;
        }
        if !ANSWER_MS.contains(&self.answer_within_ms) {
            let (least, most) = ANSWER_MS.into_inner();
            let message = Text::new(
                format!("应在 {least} 到 {most} 之间"),
                format!("from {least} to {most}"),
            );
            return Err(value("evidence.answer_within_ms", message));
        }
        if self.tsa_url.is_some() != self.tsa_ca.is_some() {
            let message =
                Text::new("地址与根证书须同时给出", "URL and root certificates go together");
            return Err(value("evidence.tsa_url", message));
        }
        match &self.tsa_url {
            Some(url) => address(url).map_err(|m| value("evidence.tsa_url", m)),
            None => Ok(()),
        }
    }

    pub(super) fn anchor(&mut self, fix: impl Fn(&mut PathBuf)) {
        [&mut self.policy, &mut self.tsa_ca, &mut self.ca, &mut self.seen]
            .into_iter()
            .flatten()
            .for_each(fix);
    }

    /// The witnesses and how many must sign; none when no file is named.
    pub fn policy(&self) -> Result<Policy, ConfigError> {
        let Some(path) = &self.policy else { return Ok(Policy::default()) };
        let policy = Policy::parse(&read(path)?)
            .map_err(|e| value("evidence.policy", Text::new(e.to_string(), e.to_string())))?;
        for witness in &policy.witnesses {
            if !witness.url.is_empty() {
                address(&witness.url).map_err(|m| value("evidence.policy", m))?;
            } else if policy.needs_witnesses() {
                let name = witness.key.name();
                let message = Text::new(
                    format!("见证方 {name} 没有地址"),
                    format!("witness {name} has no URL"),
                );
                return Err(value("evidence.policy", message));
            }
        }
        Ok(policy)
    }

    /// Who gives timestamps.
    pub fn authority(&self) -> Result<Option<StampAuthority>, ConfigError> {
        let (Some(url), Some(ca)) = (&self.tsa_url, &self.tsa_ca) else { return Ok(None) };
        let trust = StampTrust::from_pem(read(ca)?.as_bytes(), self.tsa_policy.clone())
            .map_err(|e| value("evidence.tsa_ca", Text::new(e.to_string(), e.to_string())))?;
        Ok(Some(StampAuthority { url: url.clone(), trust }))
    }
}

fn value(key: &'static str, message: Text) -> ConfigError {
    ConfigError::Value { key, message }
}

fn read(path: &PathBuf) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.clone(), source })
}

/// A URL that can be asked. Names and passwords in it would reach logs and bundles.
fn address(url: &str) -> Result<(), Text> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.and_then(|r| r.split('/').next()).unwrap_or_default();
    if host.is_empty() || url.contains(char::is_whitespace) {
        return Err(Text::new(
            format!("{url} 应以 http:// 或 https:// 开头"),
            format!("{url} should begin with http:// or https://"),
        ));
    }
    if host.contains('@') {
        return Err(Text::new("地址中不得含用户名或口令", "no name or password in a URL"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(), ConfigError> {
        toml::from_str::<EvidenceConfig>(text).unwrap().check()
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_key() {
        assert!(parse("").is_ok());
        assert!(parse("tsa_url = 'http://tsa.example/'\ntsa_ca = 'tsa.pem'").is_ok());
        for (text, key) in [
            ("schedule = 'often'", "evidence.schedule"),
            ("answer_within_ms = 1", "evidence.answer_within_ms"),
            ("tsa_url = 'http://tsa.example/'", "evidence.tsa_url"),
            ("tsa_ca = 'tsa.pem'", "evidence.tsa_url"),
            ("tsa_url = 'ftp://tsa.example/'\ntsa_ca = 'a'", "evidence.tsa_url"),
            ("tsa_url = 'http:///x'\ntsa_ca = 'a'", "evidence.tsa_url"),
            ("tsa_url = 'http://me:secret@tsa.example/'\ntsa_ca = 'a'", "evidence.tsa_url"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(key) && !error.contains("secret"), "{text}: {error}");
        }
    }

    #[test]
    fn files_are_read_and_what_is_wrong_in_them_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        let config = EvidenceConfig { policy: Some(file.clone()), ..EvidenceConfig::default() };
        assert!(matches!(config.policy(), Err(ConfigError::Read { .. })));
        std::fs::write(&file, "quorum none\n").unwrap();
        assert!(!config.policy().unwrap().needs_witnesses());
        std::fs::write(&file, "quorum all\n").unwrap();
        assert!(config.policy().unwrap_err().to_string().contains("line 1"));
        let key = "w.example/1+0c86045d+BAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";
        std::fs::write(&file, format!("witness a {key}\nquorum a\n")).unwrap();
        assert!(config.policy().unwrap_err().to_string().contains("w.example/1 has no URL"));
        let tsa = EvidenceConfig {
            tsa_url: Some("http://tsa.example/".to_owned()),
            tsa_ca: Some(file),
            ..EvidenceConfig::default()
        };
        assert!(tsa.authority().unwrap_err().to_string().starts_with("evidence.tsa_ca"));
    }
}
