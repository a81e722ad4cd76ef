//! What stands beside the log's own signature: what the log promised for this run, and what the
//! verifier asks for, against what is there.

use serde_json::Value;

use super::tree::Tree;
use super::{Files, Found, Outcome, Trust, one, text};
use crate::evidence::assurance::{KIND, Promise};
use crate::evidence::note::Note;
use crate::evidence::policy::{Policy, Witnessed};
use crate::evidence::sm::SmKey;
use crate::evidence::stamp::{self, StampTrust};

pub(super) fn judge(
    files: &Files,
    tree: &Tree<'_>,
    values: &[Value],
    trust: &Trust,
    found: &mut Found,
) {
    let leaf = one(values, KIND);
    let promise = leaf.and_then(|l| Promise::read(l).ok_or("the leaf promises nothing".to_owned()));
    let promise = match promise {
        Ok(promise) => promise,
        Err(problem) => {
            for name in ["witnesses", "sm2", "timestamp"] {
                found.put(name, Err(problem.clone()));
            }
            return;
        }
    };
    match witnesses(files, tree, &promise, trust) {
        Some(outcome) => found.put("witnesses", outcome),
        None => found.not_asked("witnesses", "the log has no witnesses"),
    }
    match (&promise.sm2, files.get("keys/sm2.vkey")) {
        (None, None) => found.not_asked("sm2", "the log has no SM2 key"),
        (None, Some(_)) => found.put("sm2", Err("an SM2 key the log never named".into())),
        (Some(key), _) => found.put("sm2", sm2(files, tree, key)),
    }
    match timestamp(files, tree, &promise, trust) {
        Some(outcome) => found.put("timestamp", outcome),
        None => found.not_asked("timestamp", "the log asks for no timestamps"),
    }
}

/// The producer's own policy must be met, and the verifier's too if there is one.
fn witnesses(files: &Files, tree: &Tree<'_>, promise: &Promise, trust: &Trust) -> Option<Outcome> {
    let own = || -> Result<Policy, String> {
        if text(files, "keys/policy")? != promise.policy {
            return Err("keys/policy is not the one that was signed".into());
        }
        Policy::parse(&promise.policy).map_err(|e| e.to_string())
    };
    let own = match own() {
        Ok(own) => own,
        Err(problem) => return Some(Err(problem)),
    };
    let asked = trust.policy.as_ref().filter(|p| p.needs_witnesses());
    if own.witnesses.is_empty() && asked.is_none() {
        return None;
    }
    Some(judged(tree, &own, asked))
}

fn judged(tree: &Tree<'_>, own: &Policy, asked: Option<&Policy>) -> Outcome {
    let note = Note::parse(&tree.after.note).map_err(|e| e.to_string())?;
    let met = |policy: &Policy, whose: &str| -> Outcome {
        let Witnessed { by, bad, enough } = policy.judge(&note);
        let names: Vec<String> =
            by.iter().map(|(name, time)| format!("{name} at {time}")).collect();
        match bad.first() {
            Some(name) => Err(format!("the cosignature of {name} does not verify")),
            None if enough => Ok(format!("{}, {whose}", names.join(", "))),
            None => Err(format!(
                "{} of {} witnesses signed: fewer than {whose}",
                by.len(),
                policy.witnesses.len()
            )),
        }
    };
    let by_own = met(own, "as the log's policy wants")?;
    asked.map_or(Ok(by_own), |policy| met(policy, "as the policy given wants"))
}

fn sm2(files: &Files, tree: &Tree<'_>, promised: &str) -> Outcome {
    if text(files, "keys/sm2.vkey")?.trim_end() != promised {
        return Err("keys/sm2.vkey is not the one that was signed".into());
    }
    let key: SmKey = promised.parse().map_err(|e| format!("keys/sm2.vkey: {e}"))?;
    let note = Note::parse(&tree.after.note).map_err(|e| e.to_string())?;
    if key.signed(&note) {
        Ok("SM2 with SM3".into())
    } else {
        Err("no SM2 signature that verifies".into())
    }
}

fn timestamp(files: &Files, tree: &Tree<'_>, promise: &Promise, trust: &Trust) -> Option<Outcome> {
    let answer = files.get("checkpoint.tsr");
    let own = files.get("keys/tsa.pem");
    if promise.tsa_sha256.is_none() && trust.stamp.is_none() {
        return match (answer, own) {
            (None, None) => None,
            _ => Some(Err("a timestamp the log never asked for".into())),
        };
    }
    let check = || -> Outcome {
        let answer = answer.ok_or("checkpoint.tsr is missing")?;
        let data = tree.after.note.as_bytes();
        let mut detail = String::new();
        if let Some(promised) = &promise.tsa_sha256 {
            let pem = own.ok_or("keys/tsa.pem is missing")?;
            let own = StampTrust::from_pem(pem, None).map_err(|e| format!("keys/tsa.pem: {e}"))?;
            if own.sha256() != *promised {
                return Err("keys/tsa.pem is not the one that was signed".into());
            }
            let stamp = stamp::verify(answer, data, &own).map_err(|e| e.to_string())?;
            detail = format!("{}, policy {}", stamp.time, stamp.policy);
        }
        if let Some(given) = &trust.stamp {
            let stamp = stamp::verify(answer, data, given).map_err(|e| e.to_string())?;
            detail = format!("{}, policy {}, by the root given", stamp.time, stamp.policy);
        }
        Ok(detail)
    };
    Some(check())
}
