//! From sources to a set of rules: read, apply filters and pipelines, resolve references, refuse
//! what cannot be honoured whole, compile the rest.

mod correlations;
mod filters;

use std::collections::BTreeMap;
use std::sync::Arc;

use events::{LogSource, Text};
use hashbrown::{HashMap, HashSet};
use sha2::{Digest, Sha256};

use crate::fields::Resolver;
use crate::fold::fold;
use crate::limits;
use crate::lint::{self, Odd};
use crate::pipeline::{Applied, Pipelines, Subject};
use crate::problem::{Diags, Problem};
use crate::rule::{Detected, Rule, RuleIndex, RuleKind, SeverityMap};
use crate::set::RuleSet;
use crate::source::Source;
use crate::syntax::detection::Reader;
use crate::syntax::expr::Expr;
use crate::syntax::header::{self, Header};
use crate::syntax::modifier::Values;
use crate::syntax::regexes::Regexes;
use crate::syntax::written::{self, Written};
use crate::yaml::Node;
use filters::Filter;

/// How to load.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Try a rule only on events of its log source. When `false`, every rule is tried on every
    /// event.
    pub routing: bool,
    /// Lists for `%placeholder%` values of the `expand` modifier that pipelines leave.
    pub placeholders: BTreeMap<String, Vec<String>>,
    /// What is done to every rule before it is compiled.
    pub pipelines: Pipelines,
    /// Also warn of conditions that can never hold or always do; slower.
    pub lint: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            routing: true,
            placeholders: BTreeMap::new(),
            pipelines: Pipelines::default(),
            lint: false,
        }
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

/// A detection as it was before the pipelines, by which correlations find what its fields are
/// called after them.
struct Original<'a> {
    node: &'a Node,
    logsource: LogSource,
    parts: Vec<Written>,
}

struct Loader<'s, 'o, 'a> {
    diags: Vec<Diags<'s>>,
    options: &'o LoadOptions,
    resolver: Resolver,
    regexes: Regexes,
    rules: Vec<Rule>,
    /// Rules by id and by name.
    names: HashMap<String, RuleIndex>,
    ids: HashSet<String>,
    /// Kept only while there are pipelines.
    originals: HashMap<RuleIndex, Original<'a>>,
    rejected: usize,
}

/// Loads sources; see [`RuleSet::load`].
pub(crate) fn load(sources: &[Source], options: &LoadOptions) -> Loaded {
    let mut trees: Vec<Vec<Node>> = Vec::with_capacity(sources.len());
    let mut diags: Vec<Diags<'_>> = sources.iter().map(|s| Diags::new(&s.name, &s.text)).collect();
    let mut rejected = 0;
    for (source, diags) in sources.iter().zip(&mut diags) {
        let (docs, error) = source.documents();
        if let Some(e) = error {
            diags.error(e.code, &e.span, &e.zh, &e.en);
            rejected += 1;
        }
        trees.push(docs);
    }
    let mut loader = Loader {
        diags,
        options,
        resolver: Resolver::new(),
        regexes: Regexes::default(),
        rules: Vec::new(),
        names: HashMap::new(),
        ids: HashSet::new(),
        originals: HashMap::new(),
        rejected,
    };
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
    loader.unused_filters(&filters);
    let mut problems: Vec<Problem> = loader.diags.into_iter().flat_map(Diags::end).collect();
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

impl<'a> Loader<'_, '_, 'a> {
    /// The expression of a detection.
    fn expr(&mut self, source: usize, logsource: &LogSource, written: &Written) -> Option<Expr> {
        Reader {
            source: logsource,
            resolver: &mut self.resolver,
            values: Values { placeholders: &self.options.placeholders, regexes: &mut self.regexes },
            diags: &mut self.diags[source],
            made: 0,
        }
        .detection(written)
    }

    /// Reads and keeps a detection; `None` when it is refused.
    fn detection(&mut self, doc: &Doc<'a>, filters: &[Filter<'_>]) -> Option<()> {
        let diags = &mut self.diags[doc.source];
        let before = diags.errors();
        let mut header = header::read(doc.node, diags)?;
        if let Some(generate) = doc.node.get("generate") {
            diags.error(
                "R006",
                &generate.span,
                "generate 只用于关联规则",
                "generate is for correlations only",
            );
        }
        let logsource = header::logsource(doc.node, diags);
        let Some(body) = doc.node.get("detection") else {
            diags.error("R007", &header.span, "缺少 detection", "the detection is missing");
            return None;
        };
        let written = written::read(body, &[], diags);
        let written = written?;
        let Some(logsource) = logsource else {
            // It is refused; what else is wrong with it is said at once.
            self.whole(&LogSource::default(), &[written], &[doc.source], &header);
            return None;
        };
        let mut parts = vec![written];
        let mut from = vec![doc.source];
        let mut hash = Sha256::new_with_prefix(doc.digest);
        let mine = |f: &&Filter<'_>| f.is_for(header.id.as_deref(), header.name.as_deref());
        for filter in filters.iter().filter(mine).filter(|f| f.covers(&logsource)) {
            parts.push(filter.written.clone());
            from.push(filter.source);
            hash.update(filter.digest);
        }
        let first = (!self.options.pipelines.is_empty()).then(|| parts.clone());
        let applied = self.pipelines(doc, &header, &logsource, &mut parts)?;
        applied.digests.iter().for_each(|d| hash.update(d));
        let expr = self.whole(&applied.logsource, &parts, &from, &header);
        if let (true, Some(expr)) = (self.options.lint, &expr) {
            self.lint(doc, body, expr);
        }
        let id = self.identity(&header, doc)?;
        let expr = expr.filter(|_| self.diags[doc.source].errors() == before)?;
        if let Some(parts) = first {
            let original = Original { node: doc.node, logsource, parts };
            self.originals.insert(RuleIndex(self.rules.len() as u32), original);
        }
        let (group, graded) = applied.names.split_at(header.extension.group_by.len());
        let group = group.iter().filter_map(|names| names.first());
        let group = group.map(|f| self.resolver.field(&applied.logsource, f)).collect();
        for (severity, names) in header.extension.severity.iter_mut().zip(graded) {
            severity.field = names.first().unwrap_or(&severity.field).clone();
        }
        let kind = RuleKind::Detection(Detected { expr: Arc::new(expr), group });
        self.keep(doc, header, id, applied.logsource, kind, hash.finalize().into());
        Some(())
    }

    /// Runs the pipelines over a rule and its filters.
    fn pipelines(
        &mut self,
        doc: &Doc<'_>,
        header: &Header,
        logsource: &LogSource,
        parts: &mut [Written],
    ) -> Option<Applied> {
        let subject = Subject { doc: doc.node, is_correlation: parts.is_empty() };
        let graded = header.extension.severity.iter().map(|g| &g.field);
        let named: Vec<String> = header.extension.group_by.iter().chain(graded).cloned().collect();
        match self.options.pipelines.apply(subject, logsource, parts, &named) {
            Ok(applied) => Some(applied),
            Err(refusal) => {
                let span = refusal.span.unwrap_or_else(|| header.span.clone());
                self.diags[doc.source].error(refusal.code, &span, &refusal.zh, &refusal.en);
                None
            }
        }
    }

    /// The rule's own expression and those of its filters.
    fn whole(
        &mut self,
        logsource: &LogSource,
        parts: &[Written],
        from: &[usize],
        header: &Header,
    ) -> Option<Expr> {
        let mut built = Vec::new();
        for (at, (part, source)) in parts.iter().zip(from).enumerate() {
            if at == 0 {
                built.push(self.expr(*source, logsource, part));
                continue;
            }
            // What is wrong with a filter was said when it was read; a rule whose filter cannot
            // be honoured is not run without it.
            let known = self.diags[*source].found();
            let expr = self.expr(*source, logsource, part);
            self.diags[*source].forget_since(known);
            if expr.is_none() {
                let own = &mut self.diags[from[0]];
                own.error(
                    "R041",
                    &header.span,
                    "适用于本规则的过滤器有误，规则不能运行",
                    "a filter for this rule is at fault, so the rule cannot run",
                );
            }
            built.push(expr);
        }
        built.into_iter().collect::<Option<Vec<_>>>().map(Expr::all)
    }

    fn lint(&mut self, doc: &Doc<'_>, body: &Node, expr: &Expr) {
        let Some(odd) = lint::odd(expr) else { return };
        let span = body.get("condition").map_or_else(|| body.span.clone(), |n| n.span.clone());
        let diags = &mut self.diags[doc.source];
        match odd {
            Odd::Never => {
                diags.warning("R024", &span, "条件永远不会成立", "this condition can never hold")
            }
            Odd::Always => diags.warning(
                "R025",
                &span,
                "条件对任何日志都成立",
                "this condition holds for every event",
            ),
        }
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
        let severity = header.extension.severity.iter().map(|g| SeverityMap {
            field: self.resolver.field(&logsource, &g.field),
            values: g.values.iter().map(|v| fold(v)).collect(),
            level: g.level,
        });
        let severity = severity.collect();
        self.rules.push(Rule {
            severity,
            suppress: header.extension.suppress,
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

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
