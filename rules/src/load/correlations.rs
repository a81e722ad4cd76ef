//! Correlations: reading them, then resolving what they refer to, bases first.

use events::LogSource;
use hashbrown::HashSet;
use sha2::{Digest, Sha256};

use super::{Doc, Loader};
use crate::among::Among;
use crate::pipeline::Subject;
use crate::rule::{Correlation, RuleIndex, RuleKind};
use crate::syntax::condition::{Cond, within};
use crate::syntax::correlation::{self, Draft};
use crate::syntax::header::{self, Header};
use crate::syntax::xuedun;
use crate::yaml::{Node, Scalar};

/// A correlation that was read but not yet resolved.
pub(super) struct Pending<'a, 'd> {
    doc: &'d Doc<'a>,
    header: Header,
    draft: Draft,
    id: String,
}

impl<'a> Loader<'_, '_, 'a> {
    pub(super) fn correlation_draft<'d>(&mut self, doc: &'d Doc<'a>) -> Option<Pending<'a, 'd>> {
        let diags = &mut self.diags[doc.source];
        let before = diags.errors();
        let header = header::read(doc.node, diags);
        let mut draft = doc.node.get("correlation").and_then(|n| correlation::read(n, diags));
        if let Some(node) = doc.node.get("generate") {
            // The schema has it beside the correlation, the text of the specification within.
            match (node.scalar(), &mut draft) {
                (Some(Scalar::Bool(b)), Some(draft)) => draft.generate |= b,
                (Some(Scalar::Bool(_)), None) => {}
                _ => diags.error(
                    "R008",
                    &node.span,
                    "generate 只接受 true 或 false",
                    "generate takes true or false",
                ),
            }
        }
        for (key, _) in doc.node.map().unwrap_or_default() {
            if let Some(name @ ("detection" | "logsource")) = key.text() {
                diags.error(
                    "R006",
                    &key.span,
                    &format!("关联规则中不能有 {name}"),
                    &format!("a correlation has no {name}"),
                );
            }
        }
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
    pub(super) fn correlations(&mut self, drafts: Vec<Option<Pending<'a, '_>>>) {
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
        let among = match &draft.among {
            Some((cond, at)) => Some(self.among(cond, at, &draft, doc)?),
            None => None,
        };
        let subject = Subject { doc: doc.node, is_correlation: true };
        match self.options.pipelines.apply(subject, &LogSource::default(), &mut [], &[]) {
            Ok(applied) => applied.digests.iter().for_each(|d| hash.update(d)),
            Err(refusal) => {
                let diags = &mut self.diags[doc.source];
                diags.error(refusal.code, &header.span, &refusal.zh, &refusal.en);
                return None;
            }
        }
        let mut group_fields = Vec::new();
        let mut value_fields = Vec::new();
        for r in &refs {
            let group = self.names_in(&draft, &draft.group_by, *r, doc, &header)?;
            let values = self.names_in(&draft, &draft.fields, *r, doc, &header)?;
            let source = self.rules[r.index()].logsource.clone();
            let mut resolve = |name: &String| self.resolver.field(&source, name);
            group_fields.push(group.iter().map(&mut resolve).collect());
            value_fields.push(values.iter().map(&mut resolve).collect());
        }
        let correlation = Correlation {
            kind: draft.kind,
            rules: refs,
            group_by: draft.group_by,
            group_fields,
            value_fields,
            timespan: draft.timespan,
            thresholds: draft.thresholds,
            among,
            percentile: draft.percentile.unwrap_or(50.0),
            generate: draft.generate,
            region: header.extension.region,
        };
        let unknown = |g: &&xuedun::Graded| !correlation.group_by.contains(&g.field);
        if let Some(graded) = header.extension.severity.iter().find(unknown) {
            self.diags[doc.source].error(
                "R050",
                &header.span,
                &format!("severity 的字段 {} 不在 group-by 中", graded.field),
                &format!(
                    "severity names {}, which the correlation does not group by",
                    graded.field
                ),
            );
            return None;
        }
        if header.extension.suppress.is_some() && correlation.waits_for_close() {
            self.diags[doc.source].error(
                "R050",
                &header.span,
                "窗口结束时才判定的关联规则不能使用 suppress",
                "a correlation judged at its window's close cannot be suppressed",
            );
            return None;
        }
        let kind = RuleKind::Correlation(correlation);
        self.keep(doc, header, id, LogSource::default(), kind, hash.finalize().into());
        Some(())
    }

    /// A condition over the rules of a correlation, by their place.
    fn among(&mut self, cond: &Cond, at: &Node, draft: &Draft, doc: &Doc<'_>) -> Option<Among> {
        let mut all = |parts: &[Cond]| -> Option<Vec<Among>> {
            let made: Vec<_> = parts.iter().map(|p| self.among(p, at, draft, doc)).collect();
            made.into_iter().collect()
        };
        match cond {
            Cond::All(parts) => all(parts).map(Among::All),
            Cond::Any(parts) => all(parts).map(Among::Any),
            Cond::Not(inner) => Some(Among::Not(Box::new(self.among(inner, at, draft, doc)?))),
            Cond::Item(name, place) => {
                let rule = self.names.get(name.as_str());
                let of =
                    |r: &Node| rule.is_some() && self.names.get(r.text().unwrap_or("")) == rule;
                let found = draft.rules.iter().position(of);
                if found.is_none() {
                    self.diags[doc.source].error(
                        "R030",
                        &within(at, place),
                        &format!("条件引用的规则 {name} 不在 rules 中"),
                        &format!("the condition names {name}, which is not in rules"),
                    );
                }
                found.map(Among::Hit)
            }
            Cond::Of { at: place, .. } => {
                self.diags[doc.source].error(
                    "R032",
                    &within(at, place),
                    "规则名表达式中不能用 of",
                    "an expression over rules has no `of`",
                );
                None
            }
        }
    }

    /// What a rule that is correlated calls these fields, once aliases and pipelines have had
    /// their say.
    fn names_in(
        &mut self,
        draft: &Draft,
        fields: &[String],
        rule: RuleIndex,
        doc: &Doc<'_>,
        header: &Header,
    ) -> Option<Vec<String>> {
        let native: Vec<String> = fields
            .iter()
            .map(|name| self.alias(draft, name, rule).unwrap_or_else(|| name.clone()))
            .collect();
        let Some(original) = self.originals.get(&rule) else { return Some(native) };
        let subject = Subject { doc: original.node, is_correlation: false };
        let mut parts = original.parts.clone();
        let pipelines = &self.options.pipelines;
        let applied = pipelines.apply(subject, &original.logsource, &mut parts, &native).ok()?;
        let mut out = Vec::new();
        for (name, mut now) in native.iter().zip(applied.names) {
            match (now.pop(), now.is_empty()) {
                (Some(only), true) => out.push(only),
                _ => {
                    self.diags[doc.source].error(
                        "R064",
                        &header.span,
                        &format!("处理管道把字段 {name} 映射为多个字段，关联规则无法据此分组"),
                        &format!("a pipeline maps {name} to several fields: none to group by"),
                    );
                    return None;
                }
            }
        }
        Some(out)
    }

    /// The field that an alias stands for in a rule.
    fn alias(&self, draft: &Draft, name: &str, rule: RuleIndex) -> Option<String> {
        let (_, entries) = draft.aliases.iter().find(|(n, _)| n == name)?;
        let of = |r: &Node| self.names.get(r.text().unwrap_or("")) == Some(&rule);
        entries.iter().find(|(r, _)| of(r)).map(|(_, field)| field.clone())
    }
}
