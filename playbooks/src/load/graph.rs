//! Follows the workflow: references resolve, nothing is out of reach, nothing loops outside a
//! while step, every branch ends, branches do not run into each other.

use std::collections::{BTreeMap, BTreeSet};

use events::Text;

use super::reader::{Ctx, join};
use crate::json::{Node, Value};
use crate::model::{Playbook, Step, StepKind};

/// Reports all graph problems of a playbook.
pub(super) fn check(ctx: &mut Ctx<'_>, root: &Node, playbook: &Playbook) {
    let mut graph = Graph { root, playbook, owner: BTreeMap::new(), regions: Vec::new() };
    // A step that could not be read, or without a successor, is reported already.
    let complete = graph.references(ctx) && graph.all_lead_on();
    graph.region(&playbook.start, None);
    if let Some(exception) = &playbook.exception {
        graph.region(exception, None);
    }
    let mut done = 0;
    while let Some(region) = graph.regions.get(done).cloned() {
        graph.walk(ctx, done, &region);
        done += 1;
    }
    // With a dangling reference every later step is out of reach too: one problem says enough.
    if complete {
        graph.unreachable(ctx);
    }
}

/// A flow from its first step to its ends: the playbook's, the exception's, or a branch's.
#[derive(Clone)]
struct Region {
    first: String,
    parent: Option<usize>,
}

struct Graph<'a> {
    root: &'a Node,
    playbook: &'a Playbook,
    /// Which region a step belongs to.
    owner: BTreeMap<String, usize>,
    regions: Vec<Region>,
}

impl Graph<'_> {
    fn node(&self, id: &str) -> &Node {
        self.root.get("workflow").and_then(|w| w.get(id)).unwrap_or(self.root)
    }

    fn problem(&self, ctx: &mut Ctx<'_>, code: &'static str, id: &str, zh: String, en: String) {
        let start = self.node(id).start;
        ctx.problems.error(code, &join("/workflow", id), (start, start + 1), Text::new(zh, en));
    }

    fn region(&mut self, first: &str, parent: Option<usize>) {
        self.regions.push(Region { first: first.to_owned(), parent });
    }

    fn exists(&self, id: &str) -> bool {
        self.root.get("workflow").is_some_and(|w| w.get(id).is_some())
    }

    fn all_lead_on(&self) -> bool {
        match self.root.get("workflow").map(|w| &w.value) {
            Some(Value::Object(members)) => members.iter().all(|m| {
                self.playbook.steps.get(&m.key).is_some_and(|step| {
                    step.on_success.is_some() || matches!(step.kind, StepKind::End)
                })
            }),
            _ => false,
        }
    }

    /// Whether all references of steps resolve.
    fn references(&self, ctx: &mut Ctx<'_>) -> bool {
        let mut complete = true;
        let top = [
            ("workflow_start", Some(&self.playbook.start)),
            ("workflow_exception", self.playbook.exception.as_ref()),
        ];
        for (key, id) in top {
            if let Some(id) = id
                && !self.exists(id)
                && let Some(node) = self.root.get(key)
            {
                complete = false;
                dangling(ctx, &format!("/{key}"), node);
            }
        }
        for step in self.playbook.steps.values() {
            let at = self.node(&step.id);
            let pointer = join("/workflow", &step.id);
            for (key, target) in step_references(step) {
                let known = self.playbook.steps.get(&target);
                let key = if key == "on_success" && at.get(key).is_none() {
                    "on_completion"
                } else {
                    key
                };
                let whole = at.get(key).unwrap_or(at);
                let node = entry(whole, &target).unwrap_or(whole);
                if !self.exists(&target) {
                    complete = false;
                    dangling(ctx, &join(&pointer, key), node);
                } else if known.is_some_and(|s| matches!(s.kind, StepKind::Start)) {
                    let text = Text::new("不能回到开始步骤", "a start step cannot be a successor");
                    ctx.error("P012", &join(&pointer, key), node, text);
                }
            }
            if let StepKind::Action(action) = &step.kind {
                if !self.playbook.agents.contains_key(&action.agent) {
                    dangling(ctx, &join(&pointer, "agent"), at.get("agent").unwrap_or(at));
                }
                for target in &action.targets {
                    if !self.playbook.targets.contains_key(target) {
                        let all = at.get("targets").unwrap_or(at);
                        dangling(
                            ctx,
                            &join(&pointer, "targets"),
                            entry(all, target).unwrap_or(all),
                        );
                    }
                }
            }
        }
        complete
    }

    /// Depth first through one region, with an explicit stack.
    fn walk(&mut self, ctx: &mut Ctx<'_>, index: usize, region: &Region) {
        let mut path: Vec<(String, Vec<String>)> = Vec::new();
        let mut finished: BTreeSet<String> = BTreeSet::new();
        let mut next = Some(region.first.clone());
        loop {
            if let Some(id) = next.take() {
                if path.iter().any(|(on_path, _)| *on_path == id) {
                    let zh = "流程在 while 之外成环".to_owned();
                    self.problem(
                        ctx,
                        "P012",
                        &id,
                        zh,
                        "the flow loops outside a while step".to_owned(),
                    );
                } else if !finished.contains(&id) && self.claim(ctx, index, &id) {
                    path.push((id.clone(), self.successors(index, &id)));
                }
            }
            let Some((id, rest)) = path.last_mut() else { break };
            match rest.pop() {
                Some(successor) => next = Some(successor),
                None => {
                    finished.insert(std::mem::take(id));
                    path.pop();
                }
            }
        }
    }

    /// Takes a step into a region; false when it is unknown or belongs to another one.
    fn claim(&mut self, ctx: &mut Ctx<'_>, index: usize, id: &str) -> bool {
        let Some(step) = self.playbook.steps.get(id) else { return false };
        let Some(&owner) = self.owner.get(id) else {
            self.owner.insert(id.to_owned(), index);
            return true;
        };
        if owner == index {
            return true;
        }
        if matches!(step.kind, StepKind::End) {
            let start = self.node(id).start;
            ctx.problems.warning(
                "P025",
                &join("/workflow", id),
                (start, start + 1),
                Text::new(
                    "多个分支共用一个结束步骤；标准要求各用各的",
                    "branches share an end step; the standard wants one for each",
                ),
            );
            return true;
        }
        let mut enclosing = self.regions.get(index).and_then(|r| r.parent);
        while let Some(region) = enclosing {
            if region == owner {
                let zh = "分支又走回了外层流程：分支应以自己的结束步骤收尾".to_owned();
                let en =
                    "a branch runs back into the flow around it: it must end in its own end step";
                self.problem(ctx, "P012", id, zh, en.to_owned());
                return false;
            }
            enclosing = self.regions.get(region).and_then(|r| r.parent);
        }
        let zh = "两个分支共用这一步骤".to_owned();
        self.problem(ctx, "P015", id, zh, "two branches share this step".to_owned());
        false
    }

    fn successors(&mut self, index: usize, id: &str) -> Vec<String> {
        let Some(step) = self.playbook.steps.get(id) else { return Vec::new() };
        for branch in step.kind.branches() {
            self.region(branch, Some(index));
        }
        step.on_failure.iter().chain(&step.on_success).cloned().collect()
    }

    fn unreachable(&self, ctx: &mut Ctx<'_>) {
        for id in self.playbook.steps.keys() {
            if !self.owner.contains_key(id) {
                let zh = "没有任何流程到达这一步骤".to_owned();
                self.problem(ctx, "P013", id, zh, "no flow reaches this step".to_owned());
            }
        }
    }
}

fn dangling(ctx: &mut Ctx<'_>, pointer: &str, node: &Node) {
    ctx.error(
        "P011",
        pointer,
        node,
        Text::new("引用的对象不存在", "what it refers to does not exist"),
    );
}

/// The string in a list or map of references that is this one.
fn entry<'n>(node: &'n Node, target: &str) -> Option<&'n Node> {
    let is = |n: &&Node| matches!(&n.value, Value::String(text) if text == target);
    match &node.value {
        Value::Array(items) => items.iter().find(is),
        Value::Object(members) => members.iter().map(|m| &m.node).find(is),
        _ => None,
    }
}

fn step_references(step: &Step) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    out.extend(step.on_success.clone().map(|id| ("on_success", id)));
    out.extend(step.on_failure.clone().map(|id| ("on_failure", id)));
    let key = match &step.kind {
        StepKind::Parallel { .. } => "next_steps",
        StepKind::Switch { .. } => "cases",
        _ => "on_true",
    };
    out.extend(step.kind.branches().into_iter().map(|id| (key, id.to_owned())));
    if let (StepKind::If { on_false: Some(_), .. }, Some(last)) = (&step.kind, out.last_mut()) {
        last.0 = "on_false";
    }
    out
}
