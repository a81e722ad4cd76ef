//! How the evidence log stands: who was asked and answered, and what is wrong with the log itself.

use std::collections::BTreeMap;

use compliance::evidence::{Asked, Assured, EvidenceError};
use events::{Text, Timestamp};
use serde::Serialize;

/// The evidence log's health.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EvidenceStanding {
    /// Leaves of the last checkpoint this process signed or asked about.
    pub leaves: u64,
    /// When it did.
    pub at: Option<Timestamp>,
    /// Witnesses and the timestamp authority, by name.
    pub peers: BTreeMap<String, PeerStanding>,
    /// Why the log cannot be written: the stable code and what a person reads.
    pub trouble: Option<(&'static str, Text)>,
}

/// How one who is asked answers, since the program started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PeerStanding {
    /// How often it was asked.
    pub asked: u64,
    /// How often it did not sign.
    pub failed: u64,
    /// Since when it has not; `None` if it signed when asked last.
    pub failing_since: Option<Timestamp>,
    /// Why not: the stable code.
    pub code: Option<String>,
    /// The same in words.
    pub problem: Option<String>,
}

impl EvidenceStanding {
    pub(super) fn count(&mut self, assured: &Assured, leaves: u64, now: Timestamp) {
        (self.leaves, self.at) = (leaves, Some(now));
        for Asked { who, time, code, problem } in assured.witnesses.iter().chain(&assured.stamp) {
            let peer = self.peers.entry(who.clone()).or_default();
            peer.asked += 1;
            (peer.code, peer.problem) = (code.clone(), problem.clone());
            if time.is_some() {
                peer.failing_since = None;
            } else {
                peer.failed += 1;
                peer.failing_since.get_or_insert(now);
                tracing::warn!(who, code, problem, "a checkpoint was not countersigned");
            }
        }
    }

    pub(super) fn troubled(&mut self, by: Option<&EvidenceError>) {
        self.trouble = by.map(|e| {
            let (code, told) = (e.code(), text(e));
            let what = match e {
                EvidenceError::RolledBack { .. } => "证据日志被回退",
                EvidenceError::Forked { .. } => "证据日志出现分叉",
                _ => "证据日志出错",
            };
            let zh = format!("{what} [{code}]，已停止写入：{}", told.zh);
            let en = format!("The evidence log cannot be written [{code}]: {}", told.en);
            (code, Text::new(zh, en))
        });
    }

    /// What a person must know.
    pub fn alarms(&self) -> Vec<Text> {
        let mut alarms: Vec<Text> = self.trouble.iter().map(|(_, text)| text.clone()).collect();
        for (who, peer) in self.peers.iter().filter(|(_, p)| p.failing_since.is_some()) {
            let code = peer.code.as_deref().unwrap_or_default();
            alarms.push(match code {
                "V053" | "V054" => Text::new(
                    format!("见证方 {who} 指出证据日志被回退或分叉 [{code}]，请立即核查"),
                    format!("Witness {who} says that the evidence log was rolled back or forked [{code}]: look into it now"),
                ),
                _ => Text::new(
                    format!("{who} 未对证据日志签名 [{code}]，日志照常记录，证据包缺少该签名"),
                    format!("{who} did not countersign the evidence log [{code}]; the log goes on, bundles lack its signature"),
                ),
            });
        }
        alarms
    }
}

/// What is wrong with a log, as a person reads it.
pub fn text(error: &EvidenceError) -> Text {
    let zh = match error {
        EvidenceError::RolledBack { found, known } => {
            format!("现有 {found} 条，此前已签名 {known} 条")
        }
        EvidenceError::Forked { size } => format!("前 {size} 条与此前签名的不同"),
        EvidenceError::Damaged { part, .. } => format!("{part} 与其散列值不符"),
        EvidenceError::Locked { path } => format!("{path} 正由其他进程使用"),
        EvidenceError::OutOfTree { index, size } => format!("{index} 超出 {size} 条的日志"),
        EvidenceError::BadSignature { name } => format!("没有 {name} 的有效签名"),
        _ => error.to_string(),
    };
    Text::new(zh, error.to_string())
}
