//! From sources to a set of rules: read, resolve references, apply filters, refuse what cannot be
//! honoured whole, compile the rest.

use std::collections::BTreeMap;
use std::sync::Arc;

use events::{LogSource, Text};
use hashbrown::{HashMap, HashSet};
use sha2::{Digest, Sha256};

use crate::fields::Resolver;
use crate::limits;
use crate::problem::{Diags, Problem};
use crate::rule::{Correlation, Detected, Rule, RuleIndex, RuleKind};
use crate::set::RuleSet;
use crate::source::Source;
use crate::syntax::correlation::{self, Draft};
use crate::syntax::detection::Reader;
use crate::syntax::expr::Expr;
use crate::syntax::header::{self, Header};
use crate::syntax::modifier::Values;
use crate::yaml::{self, Node};

/// How to load.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Try a rule only on events of its log source. When `false`, every rule is tried on every
    /// event.
    pub routing: bool,
    /// Lists for `%placeholder%` values of the `expand` modifier.
    pub placeholders: BTreeMap<String, Vec<String>>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { routing: true, placeholders: BTreeMap::new() }
    }
}

/// What loading gives: the rules that are whole, and everything found wrong.
#[derive(Debug)]
pub struct Loaded {
    /// The compiled rules.
    pub set: RuleSet,
    /// Errors (each has kept its rule out of the set) and warnings, by file and place.
    pub problems: Vec<Problem>,
    /// Rules refused.
    pub rejected: usize,
}

/// One document of one source.
struct Doc<'a> {
    source: usize,
    node: &'a Node,
    digest: [u8; 32],
}

/// A filter: a condition that other rules must also fulfil.
struct Filter<'a> {
    targets: Vec<String>,
    any: bool,
    logsource: LogSource,
    body: &'a Node,
    source: usize,
}

struct Loader<'s, 'o> {
    diags: Vec<Diags<'s>>,
    options: &'o LoadOptions,
    resolver: Resolver,
    regexes: HashMap<String, Arc<regex::Regex>>,
    rules: Vec<Rule>,
    /// Rules by id and by name.
    names: HashMap<String, RuleIndex>,
    ids: HashSet<String>,
    rejected: usize,
}

/// Loads sources; see [`RuleSet::load`].
pub(crate) fn load(sources: &[Source], options: &LoadOptions) -> Loaded {
    let mut loader = Loader {
        diags: sources.iter().map(|s| Diags::new(&s.name, &s.text)).collect(),
        options,
        resolver: Resolver::new(),
        regexes: HashMap::new(),
        rules: Vec::new(),
        names: HashMap::new(),
        ids: HashSet::new(),
        rejected: 0,
    };
    let mut trees: Vec<Vec<Node>> = Vec::with_capacity(sources.len());
    for (source, diags) in sources.iter().zip(&mut loader.diags) {
        let (docs, error) = yaml::parse(&source.text);
        if let Some(e) = error {
            diags.error(e.code, &e.span, &e.zh, &e.en);
            loader.rejected += 1;
        }
        trees.push(docs);
    }
    let docs = documents(sources, &trees);
    let filters = loader.filters(&docs);
    let mut correlations = Vec::new();
    for doc in &docs {
        if doc.node.get("filter").is_some() {
            continue;
        }
        if doc.node.get("correlation").is_some() {
            correlations.push(loader.correlation_draft(doc));
        } else if loader.detection(doc, &filters).is_none() {
            loader.rejected += 1;
        }
    }
    loader.correlations(correlations);
    let mut problems: Vec<Problem> = loader.diags.into_iter().flat_map(|d| d.problems).collect();
    problems.sort_by(|a, b| (&a.file, a.span.start, a.code).cmp(&(&b.file, b.span.start, b.code)));
    Loaded {
        set: RuleSet::compile(loader.rules, options.routing),
        problems,
        rejected: loader.rejected,
    }
}

fn documents<'a>(sources: &[Source], trees: &'a [Vec<Node>]) -> Vec<Doc<'a>> {
    let mut out = Vec::new();
    for (at, (source, nodes)) in sources.iter().zip(trees).enumerate() {
        for node in nodes {
            let text = source.text.get(node.span.clone()).unwrap_or(&source.text);
            out.push(Doc { source: at, node, digest: Sha256::digest(text.trim_end()).into() });
        }
    }
    out
}

impl<'s> Loader<'s, '_> {
    fn filters<'a>(&mut self, docs: &[Doc<'a>]) -> Vec<Filter<'a>> {
        let mut out = Vec::new();
        for doc in docs {
            let Some(body) = doc.node.get("filter") else { continue };
            let diags = &mut self.diags[doc.source];
            let before = diags.errors();
            let header = header::read(doc.node, diags);
            let logsource = header::logsource(doc.node, diags);
            let named = body.get("rules").map(Node::items).unwrap_or_default();
            let targets: Vec<String> =
                named.iter().filter_map(|n| n.text().map(str::to_owned)).collect();
            if targets.is_empty() {
                diags.error(
                    "R007",
                    &header::first_line(body),
                    "过滤器缺少 rules",
                    "the filter names no rules",
                );
            }
            match (header, logsource) {
                (Some(_), Some(logsource)) if diags.errors() == before => {
                    let any = targets.iter().any(|t| t == "any");
                    out.push(Filter { targets, any, logsource, body, source: doc.source });
                }
                _ => self.rejected += 1,
            }
        }
        for filter in &out {
            // The condition is read once for its diagnostics, whether a rule asks for it or not.
            let logsource = filter.logsource.clone();
            if self.expr(filter.source, &logsource, filter.body, &["rules"]).is_none() {
                self.rejected += 1;
            }
        }
        out
    }

    fn expr(
        &mut self,
        source: usize,
        logsource: &LogSource,
        node: &Node,
        skip: &[&str],
    ) -> Option<Expr> {
        Reader {
            source: logsource,
            resolver: &mut self.resolver,
            values: Values { placeholders: &self.options.placeholders, regexes: &mut self.regexes },
            diags: &mut self.diags[source],
        }
        .detection(node, skip)
    }

    /// Reads and keeps a detection; `None` when it is refused.
    fn detection(&mut self, doc: &Doc<'_>, filters: &[Filter<'_>]) -> Option<()> {
        let before = self.diags[doc.source].errors();
        let diags = &mut self.diags[doc.source];
        let header = header::read(doc.node, diags)?;
        let logsource = header::logsource(doc.node, diags);
        let Some(body) = doc.node.get("detection") else {
            diags.error("R007", &header.span, "缺少 detection", "the detection is missing");
            return None;
        };
        let logsource = logsource?;
        let expr = self.expr(doc.source, &logsource, body, &[])?;
        let id = self.identity(&header, doc)?;
        if self.diags[doc.source].errors() > before {
            return None;
        }
        let mut parts = vec![expr];
        let mut hash = Sha256::new_with_prefix(doc.digest);
        for filter in filters {
            let named = filter.targets.iter().any(|t| *t == id || Some(t) == header.name.as_ref());
            if named || (filter.any && filter.logsource.covers(&logsource)) {
                // What is wrong with a filter was reported when it was read; a rule whose filter
                // cannot be honoured is not run without it.
                let known = self.diags[filter.source].problems.len();
                let extra = self.expr(filter.source, &logsource, filter.body, &["rules"]);
                self.diags[filter.source].problems.truncate(known);
                parts.push(extra?);
                hash.update(filter.body.span.start.to_le_bytes());
                hash.update(format!("{:?}", filter.body));
            }
        }
        let group =
            header.extension.group_by.iter().map(|f| self.resolver.field(&logsource, f)).collect();
        let kind = RuleKind::Detection(Detected { expr: Arc::new(Expr::all(parts)), group });
        self.keep(doc, header, id, logsource, kind, hash.finalize().into());
        Some(())
    }

    /// The id of a rule, unless it is taken.
    fn identity(&mut self, header: &Header, doc: &Doc<'_>) -> Option<String> {
        let id = header
            .id
            .clone()
            .or_else(|| header.name.clone())
            .unwrap_or_else(|| hex(&doc.digest[..16]));
        if self.rules.len() >= limits::RULES_MAX {
            let diags = &mut self.diags[doc.source];
            diags.error("R002", &header.span, "规则过多", "too many rules");
            return None;
        }
        let taken = !self.ids.insert(id.clone())
            || header.name.as_ref().is_some_and(|n| *n != id && self.names.contains_key(n));
        if taken {
            self.diags[doc.source].error(
                "R009",
                &header.span,
                &format!("规则标识 {id} 已被使用"),
                &format!("the rule id or name {id} is taken"),
            );
            return None;
        }
        Some(id)
    }

    fn keep(
        &mut self,
        doc: &Doc<'_>,
        header: Header,
        id: String,
        logsource: LogSource,
        kind: RuleKind,
        hash: [u8; 32],
    ) {
        let index = RuleIndex(self.rules.len() as u32);
        let diags = &self.diags[doc.source];
        self.names.insert(id.clone(), index);
        if let Some(name) = &header.name {
            self.names.insert(name.clone(), index);
        }
        let file = diags.file_name().to_owned();
        self.rules.push(Rule {
            id,
            name: header.name,
            title: header.title,
            description: header.description,
            advice: header.extension.advice.unwrap_or_else(|| Text::new("", "")),
            level: header.level,
            logsource,
            attack: header.attack,
            tactics: header.tactics,
            tags: header.tags,
            references: header.references,
            false_positives: header.extension.false_positives.unwrap_or_else(|| {
                // A public rule names them in one language.
                let said = header.false_positives.join("; ");
                Text::new(said.clone(), said)
            }),
            playbook: header.extension.playbook,
            group_by: header.extension.group_by,
            kind,
            silent: false,
            hash,
            file,
            line: diags.place(header.span.start).0,
            tests: header.extension.tests.into(),
        });
    }
}

/// A correlation that was read but not yet resolved.
struct Pending<'a, 'd> {
    doc: &'d Doc<'a>,
    header: Header,
    draft: Draft,
    id: String,
}

impl<'s> Loader<'s, '_> {
    fn correlation_draft<'a, 'd>(&mut self, doc: &'d Doc<'a>) -> Option<Pending<'a, 'd>> {
        let diags = &mut self.diags[doc.source];
        let before = diags.errors();
        let header = header::read(doc.node, diags);
        let draft = doc.node.get("correlation").and_then(|n| correlation::read(n, diags));
        let whole = self.diags[doc.source].errors() == before;
        let pending = match (header, draft) {
            (Some(header), Some(draft)) if whole => {
                self.identity(&header, doc).map(|id| Pending { doc, header, draft, id })
            }
            _ => None,
        };
        self.rejected += usize::from(pending.is_none());
        pending
    }

    /// Resolves references, bases before what builds on them.
    fn correlations(&mut self, drafts: Vec<Option<Pending<'_, '_>>>) {
        let mut waiting: Vec<_> = drafts.into_iter().flatten().collect();
        loop {
            let before = waiting.len();
            for pending in std::mem::take(&mut waiting) {
                let ready = pending
                    .draft
                    .rules
                    .iter()
                    .all(|r| self.names.contains_key(r.text().unwrap_or("")));
                if ready {
                    let made = self.correlation(pending);
                    self.rejected += usize::from(made.is_none());
                } else {
                    waiting.push(pending);
                }
            }
            if waiting.is_empty() || waiting.len() == before {
                break;
            }
        }
        let stuck: HashSet<String> = waiting
            .iter()
            .flat_map(|p| [Some(p.id.clone()), p.header.name.clone()])
            .flatten()
            .collect();
        for pending in waiting {
            self.rejected += 1;
            let diags = &mut self.diags[pending.doc.source];
            diags.rule_id = Some(pending.id.clone());
            for rule in &pending.draft.rules {
                let name = rule.text().unwrap_or("");
                if self.names.contains_key(name) {
                    continue;
                }
                if stuck.contains(name) {
                    diags.error(
                        "R031",
                        &rule.span,
                        &format!("{name} 处于循环引用或依赖被拒绝的规则"),
                        &format!("{name} is part of a cycle, or builds on a refused rule"),
                    );
                } else {
                    diags.error(
                        "R030",
                        &rule.span,
                        &format!("规则 {name} 不存在或已被拒绝"),
                        &format!("there is no rule {name}, or it was refused"),
                    );
                }
            }
        }
    }

    fn correlation(&mut self, pending: Pending<'_, '_>) -> Option<()> {
        let Pending { doc, header, draft, id } = pending;
        self.diags[doc.source].rule_id = Some(id.clone());
        let refs: Vec<RuleIndex> = draft
            .rules
            .iter()
            .filter_map(|r| self.names.get(r.text().unwrap_or("")).copied())
            .collect();
        let mut hash = Sha256::new_with_prefix(doc.digest);
        for r in &refs {
            hash.update(self.rules[r.index()].hash);
        }
        let mut group_fields = Vec::new();
        let mut value_fields = Vec::new();
        for r in &refs {
            let source = self.rules[r.index()].logsource.clone();
            let mut resolve = |name: &String| {
                let native = self.alias(&draft, name, *r).unwrap_or_else(|| name.clone());
                self.resolver.field(&source, &native)
            };
            group_fields.push(draft.group_by.iter().map(&mut resolve).collect());
            value_fields.push(draft.fields.iter().map(&mut resolve).collect());
        }
        for (_, entries) in &draft.aliases {
            for (rule, _) in entries {
                let known =
                    self.names.get(rule.text().unwrap_or("")).is_some_and(|i| refs.contains(i));
                if !known {
                    let diags = &mut self.diags[doc.source];
                    diags.error(
                        "R030",
                        &rule.span,
                        "别名引用的规则不在 rules 中",
                        "the alias names a rule that is not in rules",
                    );
                    return None;
                }
            }
        }
        let kind = RuleKind::Correlation(Correlation {
            kind: draft.kind,
            rules: refs,
            group_by: draft.group_by,
            group_fields,
            value_fields,
            timespan: draft.timespan,
            thresholds: draft.thresholds,
            percentile: draft.percentile.unwrap_or(50.0),
            generate: draft.generate,
            region: header.extension.region,
        });
        self.keep(doc, header, id, LogSource::default(), kind, hash.finalize().into());
        Some(())
    }

    /// The field that an alias stands for in a rule.
    fn alias(&self, draft: &Draft, name: &str, rule: RuleIndex) -> Option<String> {
        let (_, entries) = draft.aliases.iter().find(|(n, _)| n == name)?;
        let of = |r: &Node| self.names.get(r.text().unwrap_or("")) == Some(&rule);
        entries.iter().find(|(r, _)| of(r)).map(|(_, field)| field.clone())
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
