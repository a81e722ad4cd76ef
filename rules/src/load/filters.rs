//! Sigma filters: conditions that other rules must fulfil besides their own.

use std::cell::RefCell;
use std::collections::BTreeSet;

use events::LogSource;

use super::{Doc, Loader};
use crate::syntax::header;
use crate::syntax::written::{self, Written};
use crate::yaml::Node;

/// One filter document.
pub(super) struct Filter<'a> {
    targets: Vec<&'a Node>,
    /// For every rule of its log source.
    any: bool,
    logsource: LogSource,
    pub(super) written: Written,
    pub(super) source: usize,
    pub(super) digest: [u8; 32],
    /// Targets that were found.
    found: RefCell<BTreeSet<usize>>,
}

impl Filter<'_> {
    /// Whether it names the rule.
    pub(super) fn is_for(&self, id: Option<&str>, name: Option<&str>) -> bool {
        let mut named = self.any;
        for (at, target) in self.targets.iter().enumerate() {
            let text = target.text();
            if text.is_some() && (text == id || text == name) {
                self.found.borrow_mut().insert(at);
                named = true;
            }
        }
        named
    }

    /// Whether the rule's log source is one the filter is for.
    pub(super) fn covers(&self, logsource: &LogSource) -> bool {
        self.logsource.covers(logsource)
    }
}

impl<'a> Loader<'_, '_, 'a> {
    pub(super) fn filters(&mut self, docs: &[Doc<'a>]) -> Vec<Filter<'a>> {
        let mut out = Vec::new();
        for doc in docs {
            let Some(body) = doc.node.get("filter") else { continue };
            match self.filter(doc, body) {
                Some(filter) => out.push(filter),
                None => self.rejected += 1,
            }
        }
        for filter in &out {
            // Built once for its diagnostics, whether a rule asks for it or not. With pipelines
            // its placeholders are not yet known.
            if self.options.pipelines.is_empty()
                && self.expr(filter.source, &filter.logsource, &filter.written).is_none()
            {
                self.rejected += 1;
            }
        }
        out
    }

    fn filter(&mut self, doc: &Doc<'a>, body: &'a Node) -> Option<Filter<'a>> {
        let diags = &mut self.diags[doc.source];
        let before = diags.errors();
        let header = header::read(doc.node, diags);
        let logsource = header::logsource(doc.node, diags);
        for (key, _) in doc.node.map().unwrap_or_default() {
            if let Some(name @ ("detection" | "correlation" | "generate")) = key.text() {
                diags.error(
                    "R006",
                    &key.span,
                    &format!("过滤器中不能有 {name}"),
                    &format!("a filter has no {name}"),
                );
            }
        }
        let targets: Vec<&Node> =
            body.get("rules").map(Node::items).unwrap_or_default().iter().collect();
        if targets.is_empty() || targets.iter().any(|t| t.text().is_none_or(str::is_empty)) {
            diags.error(
                "R007",
                &header::first_line(body),
                "过滤器缺少 rules",
                "the filter names no rules",
            );
        }
        let written = written::read(body, &["rules"], diags);
        header?;
        let (logsource, written) = (logsource?, written?);
        (self.diags[doc.source].errors() == before).then(|| Filter {
            any: targets.iter().any(|t| t.text() == Some("any")),
            targets,
            logsource,
            written,
            source: doc.source,
            digest: doc.digest,
            found: RefCell::default(),
        })
    }

    /// Says which targets of filters there are not.
    pub(super) fn unused_filters(&mut self, filters: &[Filter<'a>]) {
        for filter in filters {
            let found = filter.found.borrow();
            for (at, target) in filter.targets.iter().enumerate() {
                let name = target.text().unwrap_or("");
                let correlation = self.names.get(name).is_some_and(|i| {
                    matches!(self.rules[i.index()].kind, crate::rule::RuleKind::Correlation(_))
                });
                let diags = &mut self.diags[filter.source];
                if correlation {
                    self.rejected += 1;
                    diags.error(
                        "R041",
                        &target.span,
                        &format!("{name} 是关联规则，过滤器只能用于检测规则"),
                        &format!("{name} is a correlation: filter the rules it builds on"),
                    );
                } else if name != "any" && !found.contains(&at) {
                    diags.warning(
                        "R040",
                        &target.span,
                        &format!("过滤器引用的规则 {name} 不存在"),
                        &format!("the filter names {name}, which is not among the rules"),
                    );
                }
            }
        }
    }
}
