//! What the leaves say about the run, against the files beside them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Files, Found, Leaves, Outcome, text};
use crate::audit::AuditRun;
use crate::evidence::bundle::DOCUMENTS;
use crate::evidence::seal::{canonical, leaves as leaves_of, sha256};

/// What the leaves say about the run, against the files beside them.
pub(super) fn judge(files: &Files, leaves: &Leaves<'_>, found: &mut Found) -> Vec<Value> {
    let mut values = Vec::new();
    for (number, bytes) in leaves {
        match serde_json::from_slice::<Value>(bytes) {
            Ok(value) if canonical(&value) == **bytes => values.push(value),
            Ok(_) => {
                let problem = format!("leaf {number} is not in canonical form");
                found.put("leaf-form", Err(problem));
                return Vec::new();
            }
            Err(e) => {
                found.put("leaf-form", Err(format!("leaf {number}: {e}")));
                return Vec::new();
            }
        }
    }
    found.put("leaf-form", Ok(format!("{} leaves", values.len())));
    let kind = |k: &str| values.iter().filter(|v| v["kind"] == k).collect::<Vec<_>>();
    found.put("run-complete", run_complete(&kind));
    found.put("run-json", run_json(files, &values));
    let ends = kind("run-end");
    found.put("documents", documents(files, ends.first().copied()));
    found.put("attachments", attachments(files, &kind("attachment")));
    values
}

fn run_complete<'a>(kind: &dyn Fn(&str) -> Vec<&'a Value>) -> Outcome {
    let (starts, ends) = (kind("run-start"), kind("run-end"));
    let ([start], [end]) = (starts.as_slice(), ends.as_slice()) else {
        return Err(format!("{} starts and {} ends of a run", starts.len(), ends.len()));
    };
    let results = kind("check-result");
    let number = |v: &Value, key: &str| v[key].as_u64().unwrap_or(u64::MAX);
    if number(start, "planned") != results.len() as u64
        || number(end, "results") != results.len() as u64
        || number(end, "planned") != number(start, "planned")
    {
        return Err(format!("{} results, {} planned", results.len(), start["planned"]));
    }
    let mut names = Vec::new();
    for (index, result) in results.iter().enumerate() {
        names.push(result["result"]["check"].as_str().unwrap_or_default());
        if number(result, "index") != index as u64 || result["run"] != start["run"] {
            return Err(format!("result {index} is out of order or of another run"));
        }
    }
    // The start says which checks the run would make, before any was made.
    if start["checks_sha256"].as_str() != Some(&sha256(names.join("\n").as_bytes())) {
        return Err("the results are not those of the checks named at the start".into());
    }
    let items: usize =
        kind("items").iter().filter_map(|v| v["items"].as_array()).map(Vec::len).sum();
    if number(end, "items") != items as u64 || start["run"] != end["run"] {
        return Err(format!("{items} items, {} at the end", end["items"]));
    }
    Ok(format!("{} results, {items} items", results.len()))
}

/// The run's own file must give exactly the leaves that were signed.
fn run_json(files: &Files, values: &[Value]) -> Outcome {
    let run: AuditRun =
        serde_json::from_str(text(files, "run.json")?).map_err(|e| e.to_string())?;
    let again = leaves_of(&run, &[], &[]).map_err(|e| e.to_string())?;
    let signed: BTreeSet<Vec<u8>> = values.iter().map(canonical).collect();
    for leaf in again.iter().take(again.len().saturating_sub(1)) {
        if !signed.contains(leaf) {
            return Err("run.json is not the run that was signed".into());
        }
    }
    Ok(run.id.to_string())
}

fn documents(files: &Files, end: Option<&Value>) -> Outcome {
    let signed = end.and_then(|e| e["documents"].as_object()).ok_or("no digests were signed")?;
    for name in DOCUMENTS {
        let sum = signed.get(name).and_then(Value::as_str);
        let found = files.get(name).map(|bytes| sha256(bytes));
        if found.is_none() || sum != found.as_deref() {
            return Err(format!("{name} is not the one that was signed"));
        }
    }
    Ok(format!("{} documents", signed.len()))
}

fn attachments(files: &Files, signed: &[&Value]) -> Outcome {
    let mut named = BTreeSet::new();
    for leaf in signed {
        let name = format!("attachments/{}", leaf["name"].as_str().unwrap_or_default());
        let found = files.get(&name).ok_or_else(|| format!("{name} is missing"))?;
        if leaf["sha256"].as_str() != Some(&sha256(found)) {
            return Err(format!("{name} is not the one that was signed"));
        }
        named.insert(name);
    }
    let stray = files.keys().find(|n| n.starts_with("attachments/") && !named.contains(*n));
    match stray {
        Some(name) => Err(format!("{name} was never signed")),
        None => Ok(format!("{} attachments", named.len())),
    }
}
