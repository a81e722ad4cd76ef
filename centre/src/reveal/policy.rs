//! What the opening of personal data needs, as data: `data/reveal.toml`, or a file of the node's own.

use std::path::Path;

use compliance::records::taxonomy::{Element, Spi};
use compliance::records::{Kind, Taxonomy};
use events::Text;
use serde::Deserialize;

use crate::account::Role;
use crate::config::ConfigError;
use crate::limits;

const EMBEDDED: &str = include_str!("../../data/reveal.toml");

/// Who sees what, and what opening it needs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevealPolicy {
    /// When a second person must agree.
    pub approval: ApprovalRule,
    /// Who sees what in the clear.
    pub sight: SightRule,
}

/// `[sight]`: the highest grade that a role sees in the clear.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SightRule {
    system_admin: u8,
    security_admin: u8,
    audit_admin: u8,
    analyst: u8,
    school_contact: u8,
    leader: u8,
    assessor: u8,
    /// Types that are never masked.
    pub open: Vec<Kind>,
}

impl SightRule {
    /// The highest grade that a role sees in the clear.
    pub const fn of(&self, role: &Role) -> u8 {
        match role {
            Role::SystemAdmin => self.system_admin,
            Role::SecurityAdmin => self.security_admin,
            Role::AuditAdmin => self.audit_admin,
            Role::Analyst => self.analyst,
            Role::SchoolContact { .. } => self.school_contact,
            Role::Leader => self.leader,
            Role::Assessor { .. } => self.assessor,
        }
    }
}

/// `[approval]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRule {
    /// From this grade on.
    pub grade_min: u8,
    /// For sensitive personal information.
    pub sensitive_pi: bool,
    /// For these elements.
    pub elements: Vec<String>,
    /// Cells that one approval opens at most.
    pub cells_max: u64,
    /// How long a request waits for an answer.
    pub waits_hours: u64,
    /// How long an approval may be used.
    pub valid_hours: u64,
}

/// What is known of one thing that is to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graded {
    /// The element, if it is known.
    pub element: Option<String>,
    /// Its grade.
    pub grade: u8,
    /// Whether it is sensitive personal information, or may be: ages are not known here.
    pub sensitive: bool,
}

impl Graded {
    /// Of an element of the taxonomy.
    pub fn of(element: &Element) -> Self {
        Self {
            element: Some(element.id.clone()),
            grade: element.level,
            sensitive: element.spi != Spi::Never,
        }
    }
}

impl RevealPolicy {
    /// The policy in force: the file's, or the shipped one.
    pub fn open(path: Option<&Path>, taxonomy: &Taxonomy) -> Result<Self, ConfigError> {
        let Some(path) = path else {
            return Self::parse(EMBEDDED, Path::new("reveal.toml"), taxonomy);
        };
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path, taxonomy)
    }

    fn parse(text: &str, path: &Path, taxonomy: &Taxonomy) -> Result<Self, ConfigError> {
        let policy: Self = toml::from_str(text)
            .map_err(|e| ConfigError::Parse { path: path.to_owned(), message: e.to_string() })?;
        policy.check(taxonomy)?;
        Ok(policy)
    }

    fn check(&self, taxonomy: &Taxonomy) -> Result<(), ConfigError> {
        let bad = |zh: String, en: String| {
            Err(ConfigError::Value { key: "reveal.policy", message: Text::new(zh, en) })
        };
        let rule = &self.approval;
        if !(1..=5).contains(&rule.grade_min) {
            return bad("grade_min 应为 1 至 5".into(), "grade_min is from 1 to 5".into());
        }
        let most = limits::REVEAL_CELLS_MAX;
        if !(1..=most).contains(&rule.cells_max) {
            let (zh, en) = ("cells_max 应为 1 至", "cells_max is from 1 to");
            return bad(format!("{zh} {most}"), format!("{en} {most}"));
        }
        let hours = 1..=limits::REVEAL_HOURS_MAX;
        if !hours.contains(&rule.waits_hours) || !hours.contains(&rule.valid_hours) {
            let most = limits::REVEAL_HOURS_MAX;
            return bad(format!("小时数应为 1 至 {most}"), format!("hours are from 1 to {most}"));
        }
        match rule.elements.iter().find(|id| taxonomy.element(id).is_none()) {
            Some(id) => bad(format!("没有数据元素 {id}"), format!("there is no element {id}")),
            None => Ok(()),
        }
    }

    /// Whether opening this needs a second person. What is not known does.
    pub fn needs_approval(&self, graded: Option<&Graded>) -> bool {
        let rule = &self.approval;
        graded.is_none_or(|g| {
            g.grade >= rule.grade_min
                || (rule.sensitive_pi && g.sensitive)
                || g.element.as_ref().is_some_and(|id| rule.elements.contains(id))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taxonomy() -> Taxonomy {
        Taxonomy::embedded().unwrap()
    }

    #[test]
    fn the_shipped_policy_asks_for_what_is_sensitive_or_high_or_unknown() {
        let (taxonomy, policy) = (taxonomy(), RevealPolicy::open(None, &taxonomy()).unwrap());
        let needs =
            |id: &str| policy.needs_approval(Some(&Graded::of(taxonomy.element(id).unwrap())));
        for id in ["id_number", "student_no", "bank_card", "student_name", "teacher_phone"] {
            assert!(needs(id), "{id}");
        }
        for id in ["school_name", "teacher_name", "guardian_name"] {
            assert!(!needs(id), "{id}");
        }
        assert!(policy.needs_approval(None), "what is not known");
    }

    #[test]
    fn elements_are_named_and_bad_files_are_refused_with_a_reason() {
        let (path, taxonomy) = (Path::new("p.toml"), taxonomy());
        let named = EMBEDDED.replace("elements = []", "elements = [\"teacher_name\"]");
        let policy = RevealPolicy::parse(&named, path, &taxonomy).unwrap();
        let teacher = Graded::of(taxonomy.element("teacher_name").unwrap());
        assert!(policy.needs_approval(Some(&teacher)));
        for (from, to, word) in [
            ("elements = []", "elements = [\"nobody\"]", "nobody"),
            ("grade_min = 3", "grade_min = 9", "grade_min"),
            ("cells_max = 500", "cells_max = 0", "cells_max"),
            ("valid_hours = 8", "valid_hours = 0", "hours"),
            ("[approval]", "colour = 1\n[approval]", "colour"),
        ] {
            let text = EMBEDDED.replace(from, to);
            let error = RevealPolicy::parse(&text, path, &taxonomy).unwrap_err();
            assert!(error.text().en.contains(word), "{}", error.text().en);
        }
    }
}
