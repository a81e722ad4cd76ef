//! Assessment results as OSCAL 1.2.3 JSON. Control ids are `l3-8.1.4.1.a`: OSCAL's tokens may not
//! begin with a digit. Ids of objects are version-5 UUIDs over the run's id, so they repeat.

use data_encoding::HEXLOWER;
use events::{Lang, Text};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::{Value, json};

use super::remark;
use crate::audit::Attestation;
use crate::audit::check::Check;
use crate::audit::run::{AuditRun, CheckResult};
use crate::audit::verdict::VerdictKind;

/// The OSCAL version written.
pub const OSCAL_VERSION: &str = "1.2.3";

/// Our name space for properties.
pub(super) const NS: &str = "urn:xuedun:oscal";
/// Version-5 name space of this program (a random version-4 UUID, chosen once).
const NAMESPACE: [u8; 16] = [
    0x5e, 0x0c, 0x1f, 0x2a, 0x9b, 0x64, 0x4d, 0x3e, 0x8a, 0x71, 0x2d, 0xc3, 0x90, 0xe5, 0x47, 0xb6,
];

/// The assessment results of a run: one observation per check, one finding per judged item.
pub fn oscal(run: &AuditRun, checks: &[Check], lang: Lang) -> Value {
    let id = run.id.to_string();
    let uuid = |part: &str| uuid5(&format!("{id}/{part}"));
    let subject = uuid5(&format!("{}/{}", run.site, run.target));
    let title = |r: &CheckResult| {
        checks.iter().find(|c| c.id == r.check).map_or(Text::default(), |c| c.title.clone())
    };
    let observations: Vec<Value> = run
        .results
        .iter()
        .map(|r| {
            json!({
                "uuid": uuid(&format!("check/{}", r.check)),
                "title": title(r).get(lang),
                "description": if r.observed.is_empty() { r.verdict.label(lang) } else { &r.observed },
                "props": [
                    prop("check", &r.check),
                    prop("verdict", r.verdict.kind().as_str()),
                ],
                "methods": ["TEST"],
                "types": ["control-objective"],
                "subjects": [{"subject-uuid": subject, "type": "inventory-item"}],
                "relevant-evidence": [{
                    "description": format!("expected: {}", r.expected),
                    "props": [prop("evidence-sha256", &or_none(&r.evidence_sha256))],
                }],
                "collected": r.collected.to_string(),
            })
        })
        .collect();
    let stated = run.items.iter().filter_map(|i| {
        let said = i.attestation.as_ref()?;
        Some(statement(&uuid(&format!("statement/{}", i.item)), said, &subject))
    });
    let observations: Vec<Value> = observations.into_iter().chain(stated).collect();
    let findings: Vec<Value> = run
        .items
        .iter()
        .filter(|i| !i.checks.is_empty() || i.attestation.is_some())
        .map(|i| {
            let related: Vec<Value> = i
                .checks
                .iter()
                .chain(&i.supporting)
                .map(|c| format!("check/{c}"))
                .chain(i.attestation.as_ref().map(|_| format!("statement/{}", i.item)))
                .map(|name| json!({"observation-uuid": uuid(&name)}))
                .collect();
            let mut finding = json!({
                "uuid": uuid(&format!("item/{}", i.item)),
                "title": i.item,
                "description": i.verdict.label(lang),
                "props": [prop("verdict", i.verdict.kind().as_str())],
                "target": {
                    "type": "objective-id",
                    "target-id": control(&i.item),
                    "status": {"state": state(i.verdict.kind())},
                },
                "related-observations": related,
            });
            if let Some(note) = remark::compensation(i, lang) {
                finding["remarks"] = note.into();
            }
            finding
        })
        .collect();
    let mut result = json!({
        "uuid": uuid("result"),
        "title": format!("{} {}", run.standard, run.target),
        "description": lang.pick("等级保护三级机器核查结果", "Machine results of the level-3 audit"),
        "start": run.started.to_string(),
        "end": run.finished.to_string(),
        "props": [
            prop("planned", &run.planned.to_string()),
            prop("executed", &run.executed.to_string()),
            prop("run", &id),
        ],
        "local-definitions": {"inventory-items": [
            {"uuid": subject, "description": or_none(&run.target)}
        ]},
        "reviewed-controls": {"control-selections": [
            {"include-controls": run.items.iter().map(|i| json!({"control-id": control(&i.item)})).collect::<Vec<_>>()}
        ]},
    });
    let troubles = remark::troubles(run, lang);
    if !troubles.is_empty() {
        result["remarks"] = troubles.join("\n").into();
    }
    // OSCAL allows these lists to be absent, not to be empty.
    for (name, list) in [("observations", observations), ("findings", findings)] {
        if !list.is_empty() {
            result[name] = Value::Array(list);
        }
    }
    json!({"assessment-results": {
        "uuid": uuid("assessment-results"),
        "metadata": {
            "title": lang.pick("等级保护三级稽核结果", "Level-3 audit results"),
            "last-modified": run.finished.to_string(),
            "version": id,
            "oscal-version": OSCAL_VERSION,
        },
        "import-ap": {"href": "#unplanned"},
        "results": [result],
    }})
}

/// A person's statement as an observation: who, when, until when, and what was attached.
fn statement(uuid: &str, said: &Attestation, subject: &str) -> Value {
    let attached = said.attachments.iter().map(|digest| {
        json!({
            "href": format!("attachments/{digest}"),
            "description": format!("SHA-256 {digest}"),
            "props": [prop("evidence-sha256", digest)],
        })
    });
    let mut observation = json!({
        "uuid": uuid,
        "title": said.item,
        "description": or_none(&said.note),
        "props": [prop("verdict", said.verdict.as_str()), prop("by", &or_none(&said.by))],
        "methods": ["EXAMINE"],
        "types": ["control-objective"],
        "subjects": [{"subject-uuid": subject, "type": "inventory-item"}],
        "collected": said.collected.to_string(),
        "expires": said.expires.to_string(),
    });
    let attached: Vec<Value> = attached.collect();
    if !attached.is_empty() {
        observation["relevant-evidence"] = Value::Array(attached);
    }
    observation
}

pub(super) fn prop(name: &str, value: &str) -> Value {
    json!({"name": name, "ns": NS, "value": value})
}

pub(super) fn or_none(text: &str) -> String {
    if text.trim().is_empty() { "none".to_owned() } else { text.to_owned() }
}

pub(super) fn control(item: &str) -> String {
    format!("l3-{item}")
}

/// OSCAL knows two states; only 符合 and 不适用 satisfy. The verdict itself is a property.
const fn state(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Conform | VerdictKind::NotApplicable => "satisfied",
        _ => "not-satisfied",
    }
}

/// A version-5 UUID (RFC 9562): SHA-1 of name space and name.
pub(super) fn uuid5(name: &str) -> String {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[&NAMESPACE[..], name.as_bytes()].concat());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x50;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = HEXLOWER.encode(&bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_version_5() {
        let id = uuid5("x");
        assert_eq!((id.len(), &id[14..15]), (36, "5"));
        assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"));
        assert_ne!(id, uuid5("y"));
    }
}
