//! Running steps over one rule.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use events::LogSource;

use super::condition::Relation;
use super::value::{self, each_scalar, text_node};
use super::{Action, Pipelines, Rename, Step};
use crate::limits;
use crate::problem::Diags;
use crate::syntax::placeholder::{self, Piece};
use crate::syntax::written::{self, Group, Item, Written};
use crate::yaml::{Kind, Node, Scalar};

/// The rule that steps run over.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'n> {
    /// The document.
    pub(crate) doc: &'n Node,
    pub(crate) is_correlation: bool,
}

/// What became of a rule besides its detection.
pub(crate) struct Applied {
    /// Its log source now.
    pub(crate) logsource: LogSource,
    /// The names that each probed field has now.
    pub(crate) names: Vec<Vec<String>>,
    /// What is to be hashed with the rule.
    pub(crate) digests: Vec<[u8; 32]>,
}

/// Why a pipeline refuses a rule; without a place, for the rule as a whole.
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) span: Option<Range<usize>>,
    pub(crate) zh: String,
    pub(crate) en: String,
}

/// The state of a run.
pub(super) struct Run<'r> {
    pub(super) subject: Subject<'r>,
    pub(super) logsource: LogSource,
    parts: &'r mut [Written],
    probes: Vec<Group>,
    /// Ids of the steps that ran.
    pub(super) applied: HashSet<String>,
    /// Attributes set by steps.
    pub(super) attributes: BTreeMap<String, String>,
    state: BTreeMap<String, String>,
}

impl Pipelines {
    /// Changes a rule (its detection, then the filters for it) and says what fields are called
    /// after that.
    pub(crate) fn apply(
        &self,
        subject: Subject<'_>,
        logsource: &LogSource,
        parts: &mut [Written],
        probes: &[String],
    ) -> Result<Applied, Refusal> {
        let probe = |field: &String| {
            Group::Item(Item {
                field: field.clone(),
                modifiers: Vec::new(),
                key: 0..0,
                values: Vec::new(),
                applied: Vec::new(),
                renamed: false,
            })
        };
        let mut run = Run {
            subject,
            logsource: logsource.clone(),
            parts,
            probes: probes.iter().map(probe).collect(),
            applied: HashSet::new(),
            attributes: BTreeMap::new(),
            state: BTreeMap::new(),
        };
        for pipeline in self.list.iter() {
            pipeline.steps.iter().try_for_each(|step| run.step(step))?;
        }
        let names = run.probes.iter().map(|probe| {
            let mut names = Vec::new();
            probe.each(&mut |item| names.push(item.field.clone()));
            names
        });
        Ok(Applied {
            names: names.collect(),
            logsource: run.logsource,
            digests: self.list.iter().map(|p| p.digest).collect(),
        })
    }
}

impl Run<'_> {
    /// Calls `f` on every item of the rule.
    pub(super) fn each(&self, f: &mut dyn FnMut(&Item)) {
        self.parts.iter().for_each(|part| part.each(f));
    }

    pub(super) fn state_is(&self, key: &str, value: &str, relation: Relation) -> bool {
        self.state.get(key).is_some_and(|have| relation.holds(have, value))
    }

    fn step(&mut self, step: &Step) -> Result<(), Refusal> {
        if !step.rule.hold(|c| c.holds(self)) {
            return Ok(());
        }
        match &step.action {
            Action::LogSource { product, category, service } => {
                self.logsource = LogSource::new(product, category, service);
            }
            Action::State { key, value } => {
                self.state.insert(key.clone(), value.clone());
            }
            Action::Attribute { key, value } => {
                self.attributes.insert(key.clone(), value.clone());
            }
            Action::RefuseRule(message) => {
                return Err(refusal("R062", None, message, message));
            }
            Action::Demand { conditions, template, negated } => {
                self.demand(conditions, *template, *negated);
            }
            Action::Nest(steps) => steps.iter().try_for_each(|s| self.step(s))?,
            Action::Display => {}
            _ => self.items(step)?,
        }
        self.applied.extend(step.id.clone());
        Ok(())
    }

    fn demand(&mut self, conditions: &Node, template: bool, negated: bool) {
        // Correlations have no detection to add to.
        let Some(part) = self.parts.first_mut() else { return };
        let mut node = conditions.clone();
        let source = &self.logsource;
        respan(&mut node, &part.span, &|text| {
            if !template {
                return text.to_owned();
            }
            text.replace("$category", &source.category)
                .replace("$product", &source.product)
                .replace("$service", &source.service)
        });
        // Its form was checked when the pipeline was read.
        let mut diags = Diags::new("", "");
        if let Some(group) = written::group(&node, &mut diags) {
            part.demanded.push((group, negated));
        }
    }

    /// Runs a step over the items it is for.
    fn items(&mut self, step: &Step) -> Result<(), Refusal> {
        let mut groups: Vec<(bool, Group)> = Vec::new();
        let gone = || Group::All(Vec::new());
        for (at, part) in self.parts.iter_mut().enumerate() {
            for group in part.groups_mut() {
                groups.push((at == 0, std::mem::replace(group, gone())));
            }
        }
        let mut probes = std::mem::take(&mut self.probes);
        let mut done = Ok(());
        for (own, group) in &mut groups {
            if let Err(mut refused) = self.walk(group, step) {
                // The places of a filter lie in another file.
                if !*own {
                    refused.span = None;
                }
                done = Err(refused);
                break;
            }
        }
        if let Action::Rename(_) = step.action {
            for probe in &mut probes {
                done = done.and(self.walk(probe, step));
            }
        }
        self.probes = probes;
        let mut groups = groups.into_iter();
        for part in self.parts.iter_mut() {
            for (slot, (_, group)) in part.groups_mut().zip(groups.by_ref()) {
                *slot = group;
            }
        }
        done
    }

    fn walk(&self, group: &mut Group, step: &Step) -> Result<(), Refusal> {
        match group {
            Group::All(parts) | Group::Any(parts) => {
                parts.iter_mut().try_for_each(|p| self.walk(p, step))
            }
            Group::Item(item) => {
                if !step.item.hold(|c| c.holds(item, self)) {
                    return Ok(());
                }
                let named = |field: &str| step.field.hold(|c| c.holds(field, &item.applied, self));
                let (field, refs) = (named(&item.field), references(item));
                let refs: Vec<String> = refs.filter(|f| named(f)).map(str::to_owned).collect();
                if !field && refs.is_empty() {
                    return Ok(());
                }
                if let Some(id) = &step.id {
                    item.applied.push(id.clone());
                }
                let changed = match &step.action {
                    Action::Rename(rename) => Some(renamed(rename, item, field, &refs)),
                    Action::Drop => Some(Group::All(Vec::new())),
                    Action::Hashes { algorithms, prefix, drop_name } => {
                        hashes(item, algorithms, prefix, *drop_name)?
                    }
                    action => {
                        values(action, item)?;
                        None
                    }
                };
                if let Some(changed) = changed {
                    *group = changed;
                }
                Ok(())
            }
        }
    }
}

/// The fields that an item compares with.
fn references(item: &Item) -> impl Iterator<Item = &str> {
    let by_field = item.modifiers.iter().any(|m| m == "fieldref");
    item.values.iter().filter(move |_| by_field).flat_map(Node::items).filter_map(Node::text)
}

fn renamed(rename: &Rename, item: &Item, field: bool, refs: &[String]) -> Group {
    let mut item = item.clone();
    each_scalar(&mut item.values, &mut |node| {
        let known = node.text().filter(|t| refs.iter().any(|r| r == t));
        if let Some(names) = known.and_then(|t| rename.of(t)) {
            *node = value::alternatives(node, names);
        }
    });
    let names = if field { rename.of(&item.field) } else { None };
    let Some(names) = names else { return Group::Item(item) };
    let made: Vec<Group> = names
        .into_iter()
        .map(|field| Group::Item(Item { field, renamed: true, ..item.clone() }))
        .collect();
    Group::Any(made)
}

/// What steps do to values.
fn values(action: &Action, item: &mut Item) -> Result<(), Refusal> {
    match action {
        Action::RefuseItem(message) => {
            return Err(refusal("R062", Some(item.key.clone()), message, message));
        }
        Action::RefuseUnmapped if !item.renamed && !item.field.is_empty() => {
            return Err(refusal(
                "R062",
                Some(item.key.clone()),
                &format!("处理管道没有映射字段 {}", item.field),
                &format!("no pipeline maps the field {}", item.field),
            ));
        }
        Action::Set(new) => {
            each_scalar(&mut item.values, &mut |node| {
                *node = Node { span: node.span.clone(), kind: new.kind.clone() };
            });
            // It is the value that is compared, whatever was to be done to the one before.
            item.modifiers.retain(|m| m == "all" || m == "neq");
        }
        Action::Convert { number } => convert(item, *number)?,
        Action::Placeholders { only, except, lists } => {
            let wanted = |name: &str| {
                only.as_ref().is_none_or(|o| o.iter().any(|n| n == name))
                    && except.as_ref().is_none_or(|e| e.iter().all(|n| n != name))
            };
            placeholders(item, &wanted, lists.as_deref())?;
        }
        _ => texts(action, item)?,
    }
    Ok(())
}

fn convert(item: &mut Item, number: bool) -> Result<(), Refusal> {
    if !value::is_text(item) {
        return Ok(());
    }
    let mut bad = None;
    each_scalar(&mut item.values, &mut |node| {
        let span = node.span.clone();
        if let Some(Scalar::Null | Scalar::Bool(_)) = node.scalar() {
            return;
        }
        if let Kind::Scalar { text, plain } = &mut node.kind {
            if number && text.trim().parse::<f64>().is_err() {
                bad = Some(span);
            }
            *plain = number;
        }
    });
    bad.map_or(Ok(()), |span| {
        Err(refusal("R064", Some(span), "值不是数字，无法转换", "the value is not a number"))
    })
}

/// Changes of texts: none of values that are no texts.
fn texts(action: &Action, item: &mut Item) -> Result<(), Refusal> {
    if !value::is_text(item) {
        return Ok(());
    }
    if value::is_encoded(item) {
        return Err(refusal(
            "R064",
            Some(item.key.clone()),
            "处理管道不能改写经过编码或 windash 的值",
            "a pipeline cannot change a value that is encoded or has windash",
        ));
    }
    if let Action::Regex { .. } = action
        && item.modifiers.iter().any(|m| m == "expand")
    {
        return Err(refusal(
            "R064",
            Some(item.key.clone()),
            "占位符须先展开，才能转为正则表达式",
            "placeholders must be resolved before a value becomes a regular expression",
        ));
    }
    value::write_shape(item);
    each_scalar(&mut item.values, &mut |node| {
        let number = matches!(node.scalar(), Some(Scalar::Int(_) | Scalar::Float(_)));
        let Some(Scalar::Str(text)) = (match node.scalar() {
            Some(Scalar::Int(_) | Scalar::Float(_)) => node.text().map(Scalar::Str),
            other => other,
        }) else {
            return;
        };
        let made = match action {
            Action::Replace { regex, replacement, skip_special, interpret_special } => {
                let swap = |t: &str| regex.replace_all(t, replacement).into_owned();
                Some(vec![if *skip_special {
                    value::literals(text, *interpret_special, &swap)
                } else {
                    swap(text)
                }])
            }
            Action::Map(map) if !number => {
                map.iter().find(|(from, _)| from == text).map(|(_, to)| to.clone())
            }
            Action::Case { upper } if !number => {
                let case = |t: &str| if *upper { t.to_uppercase() } else { t.to_lowercase() };
                Some(vec![value::literals(text, false, &case)])
            }
            Action::Regex { .. } => Some(vec![value::as_regex(text)]),
            _ => None,
        };
        if let Some(made) = made {
            *node = value::alternatives(node, made);
        }
    });
    if let Action::Regex { ignore_case } = action {
        item.modifiers.retain(|m| m != "cased");
        item.modifiers.push("re".to_owned());
        if *ignore_case {
            item.modifiers.push("i".to_owned());
        }
    }
    Ok(())
}

/// Replaces `%name%` by a list's members, or by `*`.
fn placeholders(
    item: &mut Item,
    wanted: &dyn Fn(&str) -> bool,
    lists: Option<&BTreeMap<String, Vec<String>>>,
) -> Result<(), Refusal> {
    if !item.modifiers.iter().any(|m| m == "expand") {
        return Ok(());
    }
    let mut left = false;
    let mut refused = None;
    each_scalar(&mut item.values, &mut |node| {
        let Some(text) = node.text().map(str::to_owned) else { return };
        let mut made = vec![String::new()];
        for piece in placeholder::split(&text) {
            let by: Cow<'_, [String]> = match piece {
                Piece::Text(text) => {
                    // What is escaped is resolved with what `expand` has left to do.
                    left |= text.contains(placeholder::ESCAPED);
                    vec![text.to_owned()].into()
                }
                Piece::Name(name) if !wanted(name) => {
                    left = true;
                    vec![format!("%{name}%")].into()
                }
                Piece::Name(name) => match lists.map(|lists| lists.get(name)) {
                    None => vec!["*".to_owned()].into(),
                    Some(Some(list)) => list.into(),
                    Some(None) => {
                        refused = Some(refusal(
                            "R014",
                            Some(node.span.clone()),
                            &format!("处理管道的 vars 中没有 {name}"),
                            &format!("the pipeline's vars hold no {name}"),
                        ));
                        return;
                    }
                },
            };
            if made.len().saturating_mul(by.len()) > limits::TESTS_PER_RULE_MAX {
                refused = Some(refusal(
                    "R002",
                    Some(node.span.clone()),
                    "展开后的值过多",
                    "too many values once expanded",
                ));
                return;
            }
            made = made.iter().flat_map(|m| by.iter().map(move |b| format!("{m}{b}"))).collect();
        }
        *node = value::alternatives(node, made);
    });
    if !left {
        item.modifiers.retain(|m| m != "expand");
    }
    refused.map_or(Ok(()), Err)
}

/// `Hashes` as one field per algorithm; `None` leaves the item.
fn hashes(
    item: &Item,
    algorithms: &[String],
    prefix: &str,
    drop_name: bool,
) -> Result<Option<Group>, Refusal> {
    let values: Vec<&Node> = item.values.iter().flat_map(Node::items).collect();
    if !value::is_text(item) || !values.iter().all(|v| matches!(v.scalar(), Some(Scalar::Str(_)))) {
        return Ok(None);
    }
    let mut by_field: BTreeMap<String, Vec<Node>> = BTreeMap::new();
    for node in values {
        let text = node.text().unwrap_or("").trim_matches('*');
        let (name, hash) = match text.split_once(['=', '|']) {
            Some((name, hash)) => (name.to_ascii_uppercase(), hash),
            None => (algorithm_of(text.len()).to_owned(), text),
        };
        if algorithms.contains(&name) {
            let field = if drop_name { prefix.to_owned() } else { format!("{prefix}{name}") };
            by_field.entry(field).or_default().push(text_node(node, hash.to_owned()));
        }
    }
    if by_field.is_empty() {
        return Err(refusal(
            "R064",
            Some(item.key.clone()),
            "没有可识别的散列算法",
            "no value is a hash of a listed algorithm",
        ));
    }
    let made = by_field.into_iter().map(|(field, values)| {
        Group::Item(Item { field, modifiers: Vec::new(), values, renamed: true, ..item.clone() })
    });
    Ok(Some(Group::Any(made.collect())))
}

fn algorithm_of(digits: usize) -> &'static str {
    match digits {
        32 => "MD5",
        40 => "SHA1",
        64 => "SHA256",
        128 => "SHA512",
        _ => "",
    }
}

/// Moves a tree of the pipeline's file to a place in the rule's.
fn respan(node: &mut Node, span: &Range<usize>, change: &dyn Fn(&str) -> String) {
    node.span = span.clone();
    match &mut node.kind {
        Kind::Scalar { text, .. } => *text = change(text),
        Kind::Seq(items) => items.iter_mut().for_each(|i| respan(i, span, change)),
        Kind::Map(entries) => {
            for (key, value) in entries {
                respan(key, span, &str::to_owned);
                respan(value, span, change);
            }
        }
    }
}

fn refusal(code: &'static str, span: Option<Range<usize>>, zh: &str, en: &str) -> Refusal {
    Refusal { code, span, zh: zh.to_owned(), en: en.to_owned() }
}
