//! The top level of a playbook.

use std::collections::BTreeSet;

use events::Text;

use super::reader::{Ctx, Obj};
use super::{parties, step};
use crate::drill;
use crate::extension::{DRILL, EXECUTION};
use crate::json::{Node, Value};
use crate::model::Playbook;

const KEYS: &[&str] = &[
    "type",
    "spec_version",
    "id",
    "name",
    "description",
    "playbook_types",
    "playbook_activities",
    "playbook_processing_summary",
    "created_by",
    "created",
    "modified",
    "revoked",
    "valid_from",
    "valid_until",
    "derived_from",
    "related_to",
    "priority",
    "severity",
    "impact",
    "industry_sectors",
    "labels",
    "external_references",
    "markings",
    "playbook_variables",
    "workflow_start",
    "workflow_exception",
    "workflow",
    "playbook_extensions",
    "authentication_info_definitions",
    "agent_definitions",
    "target_definitions",
    "extension_definitions",
    "data_marking_definitions",
    "signatures",
];

const SUMMARY: &[&str] = &[
    "manual_playbook",
    "external_playbooks",
    "parallel_processing",
    "if_logic",
    "while_logic",
    "switch_logic",
    "temporal_logic",
    "data_markings",
    "digital_signatures",
    "countersigned_signatures",
    "extensions",
];

pub(super) const REFERENCE: &[&str] =
    &["name", "description", "source", "url", "external_id", "reference_id"];

/// Reads the whole; none when a part the model cannot do without is missing.
pub(super) fn load(ctx: &mut Ctx<'_>, file: &str, text: &str, root: &Node) -> Option<Playbook> {
    let root = ctx.object(root, "", &[KEYS])?;
    ctx.constant(&root, "type", "playbook");
    ctx.constant(&root, "spec_version", "cacao-2.0");
    for key in ["id", "created_by", "created", "modified", "workflow_start"] {
        ctx.require(&root, key);
    }
    let id = ctx.identifier(&root, "id", &["playbook"]);
    let created_by = ctx.identifier(&root, "created_by", &[]);
    let (created, modified) = (ctx.time(&root, "created"), ctx.time(&root, "modified"));
    let given = ctx.need_string(&root, "name");
    if given.as_ref().is_some_and(|n| n.trim().is_empty()) {
        ctx.bad(&root, "name", "名称不能为空", "the name must not be empty");
    }
    let name = given.unwrap_or_default();
    let description = ctx.string(&root, "description").unwrap_or_default();
    metadata(ctx, &root);
    let extensions = definitions(ctx, &root);
    extension_map(ctx, &root, "playbook_extensions", &extensions);
    let auth = parties::authentication(ctx, &root);
    parties::check_authentication(ctx, &root, &auth);
    parties::markings(ctx, &root);
    let own =
        extension(ctx, &root, "playbook_extensions", EXECUTION, &["name_en", "description_en"]);
    let english = |ctx: &mut Ctx<'_>, key: &str| own.as_ref().and_then(|o| ctx.string(o, key));
    let name_en = english(ctx, "name_en").unwrap_or_else(|| name.clone());
    let description_en = english(ctx, "description_en").unwrap_or_else(|| description.clone());
    let drill = root
        .get("playbook_extensions")
        .and_then(|n| n.get(DRILL))
        .and_then(|n| drill::plan::load(ctx, n, &format!("/playbook_extensions/{DRILL}")));
    let steps = step::workflow(ctx, &root, &extensions)?;
    let exception = ctx.identifier(&root, "workflow_exception", &[]);
    Some(Playbook {
        file: file.to_owned(),
        sha256: crate::signature::sha256_hex(text.as_bytes()),
        id: id?,
        name: Text::new(name, name_en),
        description: Text::new(description, description_en),
        types: ctx.strings(&root, "playbook_types", 0),
        activities: ctx.strings(&root, "playbook_activities", 1),
        created_by: created_by?,
        created: created?,
        modified: modified?,
        revoked: ctx.boolean(&root, "revoked").unwrap_or(false),
        valid_from: ctx.time(&root, "valid_from"),
        valid_until: ctx.time(&root, "valid_until"),
        severity: ctx.integer(&root, "severity", 0, 100).and_then(|v| u8::try_from(v).ok()),
        labels: ctx.strings(&root, "labels", 1),
        variables: parties::variables(ctx, &root, "playbook_variables"),
        start: ctx.identifier(&root, "workflow_start", &["start"])?,
        exception,
        steps,
        agents: parties::parties(ctx, &root, "agent_definitions", &extensions),
        targets: parties::parties(ctx, &root, "target_definitions", &extensions),
        drill,
        signed: root.get("signatures").is_some(),
        warnings: Vec::new(),
    })
}

/// What the model does not keep, but must be well-formed.
fn metadata(ctx: &mut Ctx<'_>, root: &Obj<'_>) {
    ctx.integer(root, "priority", 0, 100);
    ctx.integer(root, "impact", 0, 100);
    ctx.identifiers(root, "derived_from", &["playbook"]);
    ctx.identifiers(root, "related_to", &[]);
    ctx.strings(root, "industry_sectors", 1);
    references(ctx, root);
    if let Some(node) = root.get("playbook_processing_summary")
        && let Some(summary) = ctx.object(node, "/playbook_processing_summary", &[SUMMARY])
    {
        for key in SUMMARY {
            ctx.boolean(&summary, key);
        }
    }
    for (node, pointer) in ctx.items(root, "signatures") {
        if let Some(signature) = ctx.dictionary(node, &pointer) {
            ctx.constant(&signature, "type", "jss");
            for key in ["id", "signee", "related_to", "related_version", "algorithm", "value"] {
                ctx.need_string(&signature, key);
            }
        }
    }
}

pub(super) fn references(ctx: &mut Ctx<'_>, obj: &Obj<'_>) {
    for (node, pointer) in ctx.items(obj, "external_references") {
        if let Some(reference) = ctx.object(node, &pointer, &[REFERENCE]) {
            ctx.need_string(&reference, "name");
        }
    }
}

/// `extension_definitions`: their ids.
fn definitions(ctx: &mut Ctx<'_>, root: &Obj<'_>) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let Some(node) = root.get("extension_definitions") else { return ids };
    let Some(all) = ctx.dictionary(node, "/extension_definitions") else { return ids };
    let keys =
        ["type", "name", "description", "created_by", "schema", "version", "external_references"];
    for member in all.members {
        let pointer = all.at(&member.key);
        if !ctx.check_identifier(&member.key, &member.node, &pointer, &["extension-definition"]) {
            continue;
        }
        ids.insert(member.key.clone());
        if let Some(definition) = ctx.object(&member.node, &pointer, &[&keys]) {
            ctx.constant(&definition, "type", "extension-definition");
            for key in ["name", "schema", "version"] {
                ctx.need_string(&definition, key);
            }
            ctx.require(&definition, "created_by");
            ctx.identifier(&definition, "created_by", &[]);
        }
    }
    ids
}

/// A map of extensions: each must be declared, and be an object.
pub(super) fn extension_map(
    ctx: &mut Ctx<'_>,
    obj: &Obj<'_>,
    key: &str,
    declared: &BTreeSet<String>,
) {
    let Some(node) = obj.get(key) else { return };
    let Some(all) = ctx.dictionary(node, &obj.at(key)) else { return };
    for member in all.members {
        let pointer = all.at(&member.key);
        if !declared.contains(&member.key) {
            ctx.problems.error(
                "P022",
                &pointer,
                (member.key_start, member.key_end),
                Text::new(
                    "该扩展没有在 extension_definitions 中声明",
                    "the extension is not declared in extension_definitions",
                ),
            );
        }
        if !matches!(member.node.value, Value::Object(_)) {
            ctx.wrong(&member.node, &pointer, "对象", "an object");
        }
    }
}

/// One of our own extensions, its keys checked.
pub(super) fn extension<'n>(
    ctx: &mut Ctx<'_>,
    obj: &Obj<'n>,
    key: &str,
    id: &str,
    keys: &[&str],
) -> Option<Obj<'n>> {
    let node = obj.get(key)?.get(id)?;
    ctx.object(node, &format!("{}/{id}", obj.at(key)), &[keys])
}
