//! Variables: whoever is read or written is declared, constants are not written, parallel
//! branches do not write the same one.

use std::collections::{BTreeMap, BTreeSet};

use events::Text;

use super::reader::{Ctx, join};
use crate::json::{Node, Value};
use crate::model::{Playbook, Step, StepKind};
use crate::variable::{Variable, references};

/// Reports all variable problems of a playbook.
pub(super) fn check(ctx: &mut Ctx<'_>, root: &Node, playbook: &Playbook) {
    let Some(workflow) = root.get("workflow") else { return };
    for step in playbook.steps.values() {
        let Some(node) = workflow.get(&step.id) else { continue };
        let pointer = join("/workflow", &step.id);
        read(ctx, playbook, step, node, &pointer);
        written(ctx, playbook, step, node, &pointer);
    }
    parallel(ctx, workflow, playbook);
}

fn find<'p>(playbook: &'p Playbook, step: &'p Step, name: &str) -> Option<&'p Variable> {
    step.variables.get(name).or_else(|| playbook.variables.get(name))
}

fn read(ctx: &mut Ctx<'_>, playbook: &Playbook, step: &Step, node: &Node, pointer: &str) {
    let mut texts = Vec::new();
    strings(node, pointer, &mut texts);
    for (text, at, node) in texts {
        for (name, _) in references(text) {
            if find(playbook, step, &name).is_none() {
                undeclared(ctx, &at, node, &name);
            }
        }
    }
    let names: Vec<String> = match &step.kind {
        StepKind::Switch { variable, .. } => vec![variable.clone()],
        StepKind::Action(action) => action.in_args.clone(),
        _ => Vec::new(),
    };
    for name in names {
        if find(playbook, step, &name).is_none() {
            undeclared(ctx, pointer, node, &name);
        }
    }
}

fn written(ctx: &mut Ctx<'_>, playbook: &Playbook, step: &Step, node: &Node, pointer: &str) {
    let StepKind::Action(action) = &step.kind else { return };
    for name in &action.out_args {
        let at = join(pointer, "out_args");
        match find(playbook, step, name) {
            None => undeclared(ctx, &at, node.get("out_args").unwrap_or(node), name),
            Some(variable) if variable.constant => ctx.error(
                "P017",
                &at,
                node.get("out_args").unwrap_or(node),
                Text::new(
                    format!("{name} 是常量，不能写入"),
                    format!("{name} is constant: it cannot be written"),
                ),
            ),
            Some(_) => {}
        }
    }
    for name in step.rules.outputs.keys() {
        if !action.out_args.contains(name) {
            ctx.error(
                "P016",
                &join(pointer, "step_extensions"),
                node.get("step_extensions").unwrap_or(node),
                Text::new(
                    format!("outputs 中的 {name} 不在 out_args 之列"),
                    format!("{name} of outputs is not among out_args"),
                ),
            );
        }
    }
}

/// Strings that may refer to variables, except names and descriptions and extensions.
fn strings<'n>(node: &'n Node, pointer: &str, out: &mut Vec<(&'n str, String, &'n Node)>) {
    match &node.value {
        Value::String(text) => out.push((text, pointer.to_owned(), node)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                strings(item, &format!("{pointer}/{index}"), out);
            }
        }
        Value::Object(members) => {
            for member in members {
                if member.key != "step_variables" {
                    strings(&member.node, &join(pointer, &member.key), out);
                }
            }
        }
        _ => {}
    }
}

fn undeclared(ctx: &mut Ctx<'_>, pointer: &str, node: &Node, name: &str) {
    ctx.error(
        "P016",
        pointer,
        node,
        Text::new(format!("变量 {name} 没有声明"), format!("the variable {name} is not declared")),
    );
}

fn parallel(ctx: &mut Ctx<'_>, workflow: &Node, playbook: &Playbook) {
    for step in playbook.steps.values() {
        let StepKind::Parallel { branches } = &step.kind else { continue };
        let mut writers: BTreeMap<String, usize> = BTreeMap::new();
        let mut told = BTreeSet::new();
        for (index, first) in branches.iter().enumerate() {
            for name in writes(playbook, first) {
                if *writers.entry(name.clone()).or_insert(index) != index
                    && told.insert(name.clone())
                {
                    let node = workflow.get(&step.id).unwrap_or(workflow);
                    let text = Text::new(
                        format!("两个并行分支都写 {name}，结果取决于先后"),
                        format!(
                            "two parallel branches write {name}: the result would depend on their order"
                        ),
                    );
                    let at = join(&join("/workflow", &step.id), "next_steps");
                    ctx.error("P019", &at, node.get("next_steps").unwrap_or(node), text);
                }
            }
        }
    }
}

/// Playbook variables written anywhere from a step on, branches included.
fn writes(playbook: &Playbook, first: &str) -> BTreeSet<String> {
    let (mut names, mut seen, mut stack) = (BTreeSet::new(), BTreeSet::new(), vec![first]);
    while let Some(id) = stack.pop() {
        let Some(step) = playbook.steps.get(id).filter(|_| seen.insert(id)) else { continue };
        if let StepKind::Action(action) = &step.kind {
            names.extend(
                action.out_args.iter().filter(|n| !step.variables.contains_key(*n)).cloned(),
            );
        }
        stack.extend(step.kind.branches());
        stack.extend(step.on_success.as_deref());
        stack.extend(step.on_failure.as_deref());
    }
    names
}
