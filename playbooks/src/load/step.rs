//! The workflow: steps and commands.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use events::Text;

use super::parties;
use super::playbook::{extension, extension_map, references};
use super::reader::{Ctx, Obj, identifier_type};
use crate::condition::Condition;
use crate::extension::{EXECUTION, NOTIFICATION};
use crate::json::{Node, Value};
use crate::limits;
use crate::model::{Action, Command, Step, StepKind, StepRules};

const STEP: &[&str] = &[
    "type",
    "name",
    "description",
    "external_references",
    "delay",
    "timeout",
    "step_variables",
    "owner",
    "on_completion",
    "on_success",
    "on_failure",
    "step_extensions",
];
const RULES: &[&str] = &[
    "name_en",
    "description_en",
    "commands_en",
    "idempotent",
    "attempts_max",
    "backoff_ms",
    "approvals",
    "four_eyes",
    "iterations_max",
    "outputs",
    "role",
];
const COMMAND: &[&str] =
    &["type", "description", "version", "playbook_activity", "external_references"];
const TYPES: &[&str] = &[
    "start",
    "end",
    "action",
    "playbook-action",
    "parallel",
    "if-condition",
    "while-condition",
    "switch-condition",
];
/// Years of milliseconds: longer delays and deadlines are mistakes.
const SPAN_MS_MAX: u64 = 366 * 86_400_000;

/// All steps of `workflow`.
pub(super) fn workflow(
    ctx: &mut Ctx<'_>,
    root: &Obj<'_>,
    extensions: &BTreeSet<String>,
) -> Option<BTreeMap<String, Step>> {
    let node = ctx.require(root, "workflow")?;
    let all = ctx.dictionary(node, "/workflow")?;
    if all.members.len() > limits::STEPS_MAX {
        ctx.error("P002", "/workflow", node, Text::new("步骤过多", "too many steps"));
        return None;
    }
    let mut steps = BTreeMap::new();
    for member in all.members {
        let pointer = all.at(&member.key);
        if !ctx.check_identifier(&member.key, &member.node, &pointer, &[]) {
            continue;
        }
        let kind = identifier_type(&member.key).unwrap_or_default();
        if !TYPES.contains(&kind) {
            ctx.problems.error(
                "P009",
                &pointer,
                (member.key_start, member.key_end),
                Text::new(format!("未知的步骤类型 {kind}"), format!("unknown step type {kind}")),
            );
            continue;
        }
        if let Some(step) = step(ctx, &member.key, kind, &member.node, &pointer, extensions) {
            steps.insert(member.key.clone(), step);
        }
    }
    Some(steps)
}

fn own_keys(kind: &str) -> &'static [&'static str] {
    match kind {
        "action" => &["commands", "agent", "targets", "in_args", "out_args"],
        "playbook-action" => &["playbook_id", "playbook_version", "in_args", "out_args"],
        "parallel" => &["next_steps"],
        "if-condition" => &["condition", "on_true", "on_false"],
        "while-condition" => &["condition", "on_true"],
        "switch-condition" => &["switch", "cases"],
        _ => &[],
    }
}

fn step(
    ctx: &mut Ctx<'_>,
    id: &str,
    kind: &str,
    node: &Node,
    pointer: &str,
    extensions: &BTreeSet<String>,
) -> Option<Step> {
    let obj = ctx.object(node, pointer, &[STEP, own_keys(kind)])?;
    ctx.constant(&obj, "type", kind);
    references(ctx, &obj);
    ctx.identifier(&obj, "owner", &[]);
    extension_map(ctx, &obj, "step_extensions", extensions);
    let own = extension(ctx, &obj, "step_extensions", EXECUTION, RULES);
    let name = ctx.string(&obj, "name").unwrap_or_else(|| kind.to_owned());
    let description = ctx.string(&obj, "description").unwrap_or_default();
    let english = |ctx: &mut Ctx<'_>, key: &str| own.as_ref().and_then(|o| ctx.string(o, key));
    let name_en = english(ctx, "name_en").unwrap_or_else(|| name.clone());
    let description_en = english(ctx, "description_en").unwrap_or_else(|| description.clone());
    let (on_success, on_failure) = next(ctx, &obj, kind);
    let variables = parties::variables(ctx, &obj, "step_variables");
    let rules = own.as_ref().map_or_else(StepRules::default, |own| rules(ctx, own));
    let delay_ms = ctx.integer(&obj, "delay", 1, SPAN_MS_MAX).unwrap_or(0);
    let timeout_ms = ctx.integer(&obj, "timeout", 1, SPAN_MS_MAX);
    let kind = body(ctx, &obj, kind, own.as_ref())?;
    Some(Step {
        id: id.to_owned(),
        name: Text::new(name, name_en),
        description: Text::new(description, description_en),
        delay_ms,
        timeout_ms,
        variables,
        kind,
        on_success,
        on_failure,
        rules,
    })
}

/// The successors, by the rules of the standard for the three keys.
fn next(ctx: &mut Ctx<'_>, obj: &Obj<'_>, kind: &str) -> (Option<String>, Option<String>) {
    let completion = ctx.identifier(obj, "on_completion", &[]);
    let success = ctx.identifier(obj, "on_success", &[]);
    let failure = ctx.identifier(obj, "on_failure", &[]);
    let has = |key: &str| obj.get(key).is_some();
    if kind == "end" {
        for key in ["on_completion", "on_success", "on_failure"] {
            if has(key) {
                let node = obj.get(key).unwrap_or(obj.node);
                ctx.error(
                    "P024",
                    &obj.at(key),
                    node,
                    Text::new("结束步骤不能有后继", "an end step has no successor"),
                );
            }
        }
        return (None, None);
    }
    if has("on_completion") && (has("on_success") || has("on_failure")) {
        let text = Text::new(
            "on_completion 不能与 on_success、on_failure 同时出现",
            "on_completion excludes on_success and on_failure",
        );
        ctx.error("P024", &obj.at("on_completion"), obj.node, text);
    }
    if kind == "start" && (has("on_success") || has("on_failure")) {
        let text = Text::new("开始步骤只用 on_completion", "a start step has on_completion alone");
        ctx.error("P024", &obj.pointer, obj.node, text);
    }
    if !has("on_completion") && !has("on_success") {
        let start = obj.node.start;
        ctx.problems.error(
            "P014",
            &obj.pointer,
            (start, start + 1),
            Text::new(
                "成功之后没有下一步：需要 on_completion 或 on_success",
                "nothing follows success: on_completion or on_success is needed",
            ),
        );
    }
    (completion.or(success), failure)
}

fn rules(ctx: &mut Ctx<'_>, own: &Obj<'_>) -> StepRules {
    let plain = StepRules::default();
    let number = |ctx: &mut Ctx<'_>, key: &str, max: u32| {
        ctx.integer(own, key, 1, u64::from(max)).and_then(|v| u32::try_from(v).ok())
    };
    let mut outputs = BTreeMap::new();
    if let Some(all) = own.get("outputs").and_then(|n| ctx.dictionary(n, &own.at("outputs"))) {
        for member in all.members {
            if let Some(output) = ctx.as_str(&member.node, &all.at(&member.key)) {
                outputs.insert(member.key.clone(), output.to_owned());
            }
        }
    }
    StepRules {
        idempotent: ctx.boolean(own, "idempotent").unwrap_or(plain.idempotent),
        attempts_max: number(ctx, "attempts_max", limits::ATTEMPTS_MAX)
            .unwrap_or(plain.attempts_max),
        backoff_ms: ctx.integer(own, "backoff_ms", 1, 86_400_000).unwrap_or(plain.backoff_ms),
        approvals: number(ctx, "approvals", limits::APPROVALS_MAX).unwrap_or(plain.approvals),
        four_eyes: ctx.boolean(own, "four_eyes").unwrap_or(plain.four_eyes),
        outputs,
        role: ctx.string(own, "role"),
    }
}

fn body(ctx: &mut Ctx<'_>, obj: &Obj<'_>, kind: &str, own: Option<&Obj<'_>>) -> Option<StepKind> {
    Some(match kind {
        "start" => StepKind::Start,
        "end" => StepKind::End,
        "action" => StepKind::Action(action(ctx, obj, own)?),
        "parallel" => {
            ctx.require(obj, "next_steps")?;
            let branches: Vec<String> =
                ctx.list(obj, "next_steps", 2).into_iter().map(|(t, ..)| t.to_owned()).collect();
            StepKind::Parallel { branches }
        }
        "if-condition" => {
            let condition = condition(ctx, obj)?;
            let on_true = ctx.need_string(obj, "on_true")?;
            StepKind::If { condition, on_true, on_false: ctx.string(obj, "on_false") }
        }
        "while-condition" => {
            let condition = condition(ctx, obj)?;
            let on_true = ctx.need_string(obj, "on_true")?;
            let max = u64::from(limits::WHILE_ITERATIONS_MAX);
            let iterations_max = own
                .and_then(|o| ctx.integer(o, "iterations_max", 1, max))
                .and_then(|v| u32::try_from(v).ok())
                .unwrap_or(limits::WHILE_ITERATIONS_DEFAULT);
            StepKind::While { condition, on_true, iterations_max }
        }
        "switch-condition" => switch(ctx, obj)?,
        _ => {
            ctx.require(obj, "playbook_id")?;
            let playbook = ctx.identifier(obj, "playbook_id", &["playbook"])?;
            ctx.time(obj, "playbook_version");
            ctx.strings(obj, "in_args", 1);
            ctx.strings(obj, "out_args", 1);
            StepKind::Playbook { playbook }
        }
    })
}

fn condition(ctx: &mut Ctx<'_>, obj: &Obj<'_>) -> Option<Condition> {
    let text = ctx.need_string(obj, "condition")?;
    match Condition::parse(&text) {
        Ok(condition) => Some(condition),
        Err(fault) => {
            let node = obj.get("condition").unwrap_or(obj.node);
            // Escapes before the place shift it; without them the offset is exact.
            let at = (node.start + 1 + fault.offset).min(node.end);
            ctx.problems.error("P020", &obj.at("condition"), (at, at + 1), fault.message);
            None
        }
    }
}

fn switch(ctx: &mut Ctx<'_>, obj: &Obj<'_>) -> Option<StepKind> {
    let text = ctx.need_string(obj, "switch")?;
    let name = text.strip_suffix(":value").unwrap_or(&text);
    if !crate::variable::is_name(name) {
        ctx.bad(
            obj,
            "switch",
            "应为变量，如 __name__:value",
            "must be a variable such as __name__:value",
        );
        return None;
    }
    let cases_node = ctx.require(obj, "cases")?;
    let all = ctx.dictionary(cases_node, &obj.at("cases"))?;
    let mut cases = BTreeMap::new();
    for member in all.members {
        if let Some(target) = ctx.as_str(&member.node, &all.at(&member.key)) {
            cases.insert(member.key.clone(), target.to_owned());
        }
    }
    if cases.is_empty() {
        ctx.bad(obj, "cases", "至少一个分支", "at least one case");
    }
    Some(StepKind::Switch { variable: name.to_owned(), cases })
}

fn action(ctx: &mut Ctx<'_>, obj: &Obj<'_>, own: Option<&Obj<'_>>) -> Option<Action> {
    ctx.require(obj, "commands")?;
    ctx.require(obj, "agent")?;
    let english = own.map(|o| ctx.strings(o, "commands_en", 1)).unwrap_or_default();
    let nodes = ctx.items(obj, "commands");
    if nodes.is_empty() {
        ctx.bad(obj, "commands", "至少一条命令", "at least one command");
    }
    if let Some(own) = own
        && own.get("commands_en").is_some()
        && english.len() != nodes.len()
    {
        ctx.bad(own, "commands_en", "应与 commands 一一对应", "must have one entry per command");
    }
    let mut commands = Vec::new();
    for (index, (node, pointer)) in nodes.into_iter().enumerate() {
        commands.extend(command(ctx, node, &pointer, english.get(index)));
    }
    Some(Action {
        commands,
        agent: ctx.identifier(obj, "agent", &[])?,
        targets: ctx.identifiers(obj, "targets", &[]),
        in_args: ctx.strings(obj, "in_args", 1),
        out_args: ctx.strings(obj, "out_args", 1),
    })
}

/// The own keys of a command type, and which of them must be there; none for an unknown type.
fn command_keys(kind: &str) -> Option<(&'static [&'static str], &'static [&'static str])> {
    Some(match kind {
        "manual" | "bash" | "caldera-cmd" | "powershell" | "ssh" | NOTIFICATION => {
            (&["command", "command_b64"], &[])
        }
        "http-api" => (&["command", "headers", "content", "content_b64"], &["command"]),
        "openc2-http" => (&["command", "headers", "content_b64"], &["command", "content_b64"]),
        "elastic" | "jupyter" | "kestrel" | "sigma" | "yara" => {
            (&["command_b64"], &["command_b64"])
        }
        _ => return None,
    })
}

fn command(ctx: &mut Ctx<'_>, node: &Node, pointer: &str, en: Option<&String>) -> Option<Command> {
    let bare = ctx.dictionary(node, pointer)?;
    let kind = ctx.need_string(&bare, "type")?;
    let Some((own, required)) = command_keys(&kind) else {
        let at = bare.get("type").unwrap_or(node);
        ctx.error(
            "P010",
            &bare.at("type"),
            at,
            Text::new(format!("未知的命令类型 {kind}"), format!("unknown command type {kind}")),
        );
        return None;
    };
    let obj = ctx.object(node, pointer, &[COMMAND, own])?;
    for key in required {
        ctx.require(&obj, key);
    }
    references(ctx, &obj);
    ctx.string(&obj, "version");
    let plain = ctx.string(&obj, "command");
    let decoded = decoded(ctx, &obj, "command_b64");
    if plain.is_some() == decoded.is_some() && required.is_empty() {
        let text = Text::new(
            "command 与 command_b64 须且只须有一个",
            "exactly one of command and command_b64 is needed",
        );
        ctx.error("P027", pointer, node, text);
    }
    let content = ctx.string(&obj, "content");
    let content = content.or_else(|| self::decoded(ctx, &obj, "content_b64"));
    let text = plain.or(decoded).unwrap_or_default();
    let description = ctx.string(&obj, "description").unwrap_or_default();
    Some(Command {
        kind,
        description: Text::new(description.clone(), description),
        text: Text::new(text.clone(), en.cloned().unwrap_or(text)),
        activity: ctx.string(&obj, "playbook_activity"),
        content,
        headers: headers(ctx, &obj),
    })
}

fn decoded(ctx: &mut Ctx<'_>, obj: &Obj<'_>, key: &str) -> Option<String> {
    let text = ctx.string(obj, key)?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim()).ok();
    let decoded = bytes.and_then(|b| String::from_utf8(b).ok());
    if decoded.is_none() {
        ctx.bad(obj, key, "不是 UTF-8 文本的 base64", "not base64 of a UTF-8 text");
    }
    decoded
}

fn headers(ctx: &mut Ctx<'_>, obj: &Obj<'_>) -> BTreeMap<String, Vec<String>> {
    let mut out = BTreeMap::new();
    let Some(node) = obj.get("headers") else { return out };
    let Some(all) = ctx.dictionary(node, &obj.at("headers")) else { return out };
    for member in all.members {
        if matches!(member.node.value, Value::Array(_)) {
            out.insert(member.key.clone(), ctx.strings(&all, &member.key, 1));
        } else {
            ctx.wrong(&member.node, &all.at(&member.key), "数组", "a list");
        }
    }
    out
}
