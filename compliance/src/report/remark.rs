//! What stands beside a verdict in every report: compensating measures, and what kept the run from
//! seeing.

use events::{Lang, Timestamp};

use crate::audit::run::{AuditRun, ItemResult};

/// The compensating measure of an item, for a remark.
pub(super) fn compensation(item: &ItemResult, lang: Lang) -> Option<String> {
    let note = item.compensation.as_ref()?;
    let (until, attached) = (day(note.expires), attached(&note.attachments));
    let word = lang.pick("补偿措施", "Compensating measure");
    let ends = lang.pick("有效至", "until");
    Some(format!("{word}: {} ({}, {ends} {until}{attached})", note.measure, note.owner))
}

/// Who stated what on an item, for a record.
pub(super) fn attestation(item: &ItemResult, lang: Lang) -> Option<String> {
    let said = item.attestation.as_ref()?;
    let attached = attached(&said.attachments);
    let (word, ends) = (lang.pick("举证", "Attested"), lang.pick("有效至", "until"));
    let (when, until) = (day(said.collected), day(said.expires));
    Some(format!("{word}: {} ({}, {when}, {ends} {until}{attached})", said.note, said.by))
}

fn day(at: Timestamp) -> String {
    at.to_beijing().chars().take(10).collect()
}

fn attached(digests: &[String]) -> String {
    if digests.is_empty() { String::new() } else { format!("; SHA-256 {}", digests.join(" ")) }
}

/// What stands in the remark of an item: who attested it, what compensates it; may be empty.
pub fn of_item(item: &ItemResult, lang: Lang) -> String {
    let both = [attestation(item, lang), compensation(item, lang)];
    both.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// The compensating measures of the items of a finding, each with its item.
pub(super) fn of_finding(run: &AuditRun, items: &[String], lang: Lang) -> Vec<String> {
    let of = |id: &String| Some(format!("{id} {}", compensation(run.item(id)?, lang)?));
    items.iter().filter_map(of).collect()
}

/// One line for each trouble: its name, about what, how many checks.
pub fn troubles(run: &AuditRun, lang: Lang) -> Vec<String> {
    let checks = lang.pick("检查项", "checks");
    let line = |t: &crate::audit::Trouble| {
        let colon = if t.detail.is_empty() { "" } else { ": " };
        let (name, count) = (t.kind.label(lang), t.checks.len());
        format!("{} {name}{colon}{} ({count} {checks})", t.kind.code(), t.detail)
    };
    run.troubles.iter().map(line).collect()
}
