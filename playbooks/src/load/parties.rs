//! Agents, targets, and the definitions the engine only needs to know are well-formed.

use std::collections::{BTreeMap, BTreeSet};

use events::Text;

use super::reader::{Ctx, Obj, identifier_type, join};
use crate::json::Value;
use crate::model::Party;
use crate::variable::{Variable, VariableType, is_name};

const PARTY: &[&str] = &["type", "name", "description", "location", "agent_target_extensions"];
const ADDRESS: &[&str] = &["url", "l2mac", "ipv4", "ipv6", "vlan", "dname"];

/// The own keys of an agent or target type; none for an unknown type.
fn party_keys(kind: &str) -> Option<(&'static [&'static str], &'static [&'static str])> {
    Some(match kind {
        "group" | "individual" | "organization" => (&["contact"], &[]),
        "location" => (&["logical"], &[]),
        "sector" => (&["sector"], &["sector"]),
        "http-api" | "linux" | "ssh" => {
            (&["address", "port", "authentication_info", "category"], &["address"])
        }
        "net-address" => (&["address", "authentication_info", "category"], &["address"]),
        "security-category" => (&["category"], &["category"]),
        _ => return None,
    })
}

/// `agent_definitions` or `target_definitions`.
pub(super) fn parties(
    ctx: &mut Ctx<'_>,
    root: &Obj<'_>,
    key: &str,
    extensions: &BTreeSet<String>,
) -> BTreeMap<String, Party> {
    let mut out = BTreeMap::new();
    let Some(node) = root.get(key) else { return out };
    let Some(all) = ctx.dictionary(node, &root.at(key)) else { return out };
    for member in all.members {
        let pointer = all.at(&member.key);
        if !ctx.check_identifier(&member.key, &member.node, &pointer, &[]) {
            continue;
        }
        let kind = identifier_type(&member.key).unwrap_or_default();
        let Some((own, required)) = party_keys(kind) else {
            ctx.error(
                "P007",
                &pointer,
                &member.node,
                Text::new("未知的执行者或目标类型", "unknown agent or target type"),
            );
            continue;
        };
        let Some(party) = ctx.object(&member.node, &pointer, &[PARTY, own]) else { continue };
        ctx.constant(&party, "type", kind);
        for key in required {
            ctx.require(&party, key);
        }
        if let Some(address) = party.get("address") {
            ctx.object(address, &party.at("address"), &[ADDRESS]);
        }
        super::playbook::extension_map(ctx, &party, "agent_target_extensions", extensions);
        let name = ctx.need_string(&party, "name").unwrap_or_default();
        ctx.string(&party, "description");
        // `中文 / English` names both languages at once: a party has no extension of ours.
        let name = match name.split_once(" / ") {
            Some((zh, en)) => Text::new(zh, en),
            None => Text::new(name.clone(), name),
        };
        out.insert(member.key.clone(), Party { kind: kind.to_owned(), name });
    }
    out
}

/// `authentication_info_definitions`: their shape. That no secret stands in them is checked by
/// `secrets`. Returns their ids.
pub(super) fn authentication(ctx: &mut Ctx<'_>, root: &Obj<'_>) -> BTreeSet<String> {
    let key = "authentication_info_definitions";
    let mut ids = BTreeSet::new();
    let Some(node) = root.get(key) else { return ids };
    let Some(all) = ctx.dictionary(node, &root.at(key)) else { return ids };
    for member in all.members {
        let pointer = all.at(&member.key);
        let kinds = ["http-basic", "oauth2", "user-auth"];
        if !ctx.check_identifier(&member.key, &member.node, &pointer, &kinds) {
            continue;
        }
        ids.insert(member.key.clone());
        let common = [
            "type",
            "name",
            "description",
            "authentication_info_extensions",
            "kms",
            "kms_key_identifier",
        ];
        let own: &[&str] = match identifier_type(&member.key) {
            Some("http-basic") => &["user_id", "password"],
            Some("oauth2") => &["oauth_header", "token"],
            _ => &["username", "password"],
        };
        if let Some(info) = ctx.object(&member.node, &pointer, &[&common, own]) {
            ctx.need_string(&info, "type");
            for key in own {
                ctx.string(&info, key);
            }
            ctx.boolean(&info, "kms");
            ctx.string(&info, "kms_key_identifier");
        }
    }
    ids
}

/// Every `authentication_info` of a party names a definition.
pub(super) fn check_authentication(ctx: &mut Ctx<'_>, root: &Obj<'_>, known: &BTreeSet<String>) {
    for key in ["agent_definitions", "target_definitions"] {
        let Some(Value::Object(members)) = root.get(key).map(|n| &n.value) else { continue };
        for member in members {
            let Some(node) = member.node.get("authentication_info") else { continue };
            let pointer = join(&join(&root.at(key), &member.key), "authentication_info");
            if let Some(id) = ctx.as_str(node, &pointer)
                && !known.contains(id)
            {
                ctx.error(
                    "P011",
                    &pointer,
                    node,
                    Text::new("引用的认证信息不存在", "there is no such authentication info"),
                );
            }
        }
    }
}

/// `data_marking_definitions`, and that `markings` names only what stands there.
pub(super) fn markings(ctx: &mut Ctx<'_>, root: &Obj<'_>) {
    let key = "data_marking_definitions";
    let mut known = BTreeSet::new();
    let kinds = ["marking-statement", "marking-tlp", "marking-iep"];
    if let Some(all) = root.get(key).and_then(|n| ctx.dictionary(n, &root.at(key))) {
        for member in all.members {
            let pointer = all.at(&member.key);
            if ctx.check_identifier(&member.key, &member.node, &pointer, &kinds)
                && let Some(marking) = ctx.dictionary(&member.node, &pointer)
            {
                for key in ["type", "id", "created_by", "created"] {
                    ctx.require(&marking, key);
                }
                known.insert(member.key.as_str());
            }
        }
    }
    for (id, node, pointer) in ctx.list(root, "markings", 1) {
        if ctx.check_identifier(id, node, &pointer, &kinds) && !known.contains(id) {
            ctx.error(
                "P011",
                &pointer,
                node,
                Text::new("引用的数据标记不存在", "there is no such data marking"),
            );
        }
    }
}

/// A dictionary of variables.
pub(super) fn variables(ctx: &mut Ctx<'_>, obj: &Obj<'_>, key: &str) -> BTreeMap<String, Variable> {
    let mut out = BTreeMap::new();
    let Some(node) = obj.get(key) else { return out };
    let Some(all) = ctx.dictionary(node, &obj.at(key)) else { return out };
    for member in all.members {
        let pointer = all.at(&member.key);
        if !is_name(&member.key) {
            ctx.problems.error(
                "P007",
                &pointer,
                (member.key_start, member.key_end),
                Text::new("变量名应形如 __name__", "a variable's name must look like __name__"),
            );
            continue;
        }
        let keys = ["type", "description", "value", "constant", "external"];
        if let Some(variable) =
            ctx.object(&member.node, &pointer, &[&keys]).and_then(|v| read_variable(ctx, &v))
        {
            out.insert(member.key.clone(), variable);
        }
    }
    out
}

fn read_variable(ctx: &mut Ctx<'_>, obj: &Obj<'_>) -> Option<Variable> {
    let word = ctx.need_string(obj, "type")?;
    let Some(kind) = VariableType::from_word(&word) else {
        let words = VariableType::WORDS.join(", ");
        ctx.bad(
            obj,
            "type",
            &format!("变量类型应为 {words}"),
            &format!("the type must be one of {words}"),
        );
        return None;
    };
    let value = match obj.get("value").map(|n| &n.value) {
        None | Some(Value::Null) => None,
        Some(_) => ctx.string(obj, "value"),
    };
    let constant = ctx.boolean(obj, "constant").unwrap_or(false);
    let external = ctx.boolean(obj, "external").unwrap_or(false);
    if let (Some(value), Some(node)) = (&value, obj.get("value"))
        && !kind.accepts(value)
    {
        let word = kind.word();
        ctx.error(
            "P018",
            &obj.at("value"),
            node,
            Text::new(format!("值不是 {word} 类型"), format!("the value is not of type {word}")),
        );
    }
    if constant && value.is_none() && !external {
        ctx.error(
            "P018",
            &obj.pointer,
            obj.node,
            Text::new("常量没有值", "a constant without a value"),
        );
    }
    let description = ctx.string(obj, "description").unwrap_or_default();
    let description = match description.split_once(" / ") {
        Some((zh, en)) => Text::new(zh, en),
        None => Text::new(description.clone(), description),
    };
    Some(Variable { kind, description, value, constant, external })
}
