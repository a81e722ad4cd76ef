//! Masking policies: data that says what is done to each element, checked for what must never be.

use std::collections::HashMap;

use events::Text;
use serde::Deserialize;

use crate::records::error::Error;
use crate::records::limits::{SHIFT_DAYS_MAX, SHIFT_DAYS_MIN};
use crate::records::taxonomy::{Element, Taxonomy};

/// How precise a generalised value stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Dates: the year.
    Year,
    /// Dates: year and month.
    Month,
    /// Addresses: down to the city.
    City,
    /// Addresses: down to the district or county.
    District,
    /// IPv4: the first three octets.
    Net24,
}

/// What is done to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Left as it is.
    Keep,
    /// Nothing is left.
    Suppress,
    /// The name of its type stands in its place; free text around it stays.
    Redact,
    /// Every letter and digit becomes `*`, separators stay.
    KeepShape,
    /// A few characters at the ends stay.
    Partial {
        /// Characters at the start; by type when absent.
        head: Option<u8>,
        /// Characters at the end; by type when absent.
        tail: Option<u8>,
    },
    /// A coarser value.
    Generalise(Precision),
    /// Another date: moved by the person's own number of days ([`Shift`]).
    DateShift,
    /// A token by HMAC: the same value has the same token under one key.
    Pseudonym,
    /// Another number of the same form (FF1): nobody's, the same for the same value.
    Fpe,
    /// A numeric band of this width.
    Band(u32),
}

impl Method {
    /// The name in policies and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Suppress => "suppress",
            Self::Redact => "redact",
            Self::KeepShape => "keep_shape",
            Self::Partial { .. } => "partial",
            Self::Generalise(_) => "generalise",
            Self::DateShift => "date_shift",
            Self::Pseudonym => "pseudonym",
            Self::Fpe => "fpe",
            Self::Band(_) => "band",
        }
    }
}

/// What is done with a column that is of no element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// Kept, what is found in its cells is redacted.
    Scan,
    /// Dropped.
    Suppress,
}

/// How far dates are moved, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// No date is moved farther, in days.
    pub days: u32,
    /// Elements that say whose a row is; the first that a row has tells its person. Tables that are
    /// to be moved alike must share one.
    pub by: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    elements: Vec<String>,
    method: String,
    to: Option<Precision>,
    head: Option<u8>,
    tail: Option<u8>,
    width: Option<u32>,
    keyed: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    title: Text,
    purpose: Text,
    k: u64,
    l: Option<u64>,
    t: Option<f64>,
    quasi: Vec<String>,
    #[serde(default)]
    sensitive: Vec<String>,
    unknown: Unknown,
    shift: Option<Shift>,
    #[serde(default)]
    rule: Vec<RuleFile>,
}

/// A policy, checked.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name; also part of the key derivation, so two policies never share pseudonyms.
    pub name: String,
    /// Title.
    pub title: Text,
    /// What it is for.
    pub purpose: Text,
    /// The smallest group allowed over the quasi-identifiers; 1 asks for nothing.
    pub k: u64,
    /// The fewest different values a sensitive column may show in a class; none asks for nothing.
    pub l: Option<u64>,
    /// How far a class's sensitive values may be from those of all rows, from 0 to 1.
    pub t: Option<f64>,
    /// Elements that together re-identify.
    pub quasi: Vec<String>,
    /// Elements that must not be learned of a person whose class is known: l-diversity and
    /// t-closeness are measured on them.
    pub sensitive: Vec<String>,
    /// Columns of no element.
    pub unknown: Unknown,
    /// How dates are moved, where a rule asks for it.
    pub shift: Option<Shift>,
    rules: HashMap<String, Method>,
    rest: Option<Method>,
    /// SHA-256 of the policy text, hexadecimal.
    pub sha256: String,
}

const EMBEDDED: &[(&str, &str)] = &[
    ("internal-analysis", include_str!("../../../policies/internal-analysis.toml")),
    ("inter-agency", include_str!("../../../policies/inter-agency.toml")),
    ("public-release", include_str!("../../../policies/public-release.toml")),
    ("test-data", include_str!("../../../policies/test-data.toml")),
];

impl Policy {
    /// The names of the shipped policies.
    pub fn names() -> impl Iterator<Item = &'static str> {
        EMBEDDED.iter().map(|(name, _)| *name)
    }

    /// A shipped policy.
    ///
    /// # Errors
    /// [`Error::NoPolicy`].
    pub fn embedded(name: &str) -> Result<Self, Error> {
        let Some((_, text)) = EMBEDDED.iter().find(|(n, _)| *n == name) else {
            return Err(Error::NoPolicy { name: name.to_owned() });
        };
        Self::parse(text)
    }

    /// Reads a policy and refuses an unsafe one.
    ///
    /// # Errors
    /// [`Error::Content`], [`Error::UnsafePolicy`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let taxonomy = Taxonomy::embedded()?;
        let bad = |message: String| Error::Content { what: "policy", message };
        let file: File = toml::from_str(text).map_err(|e| bad(e.to_string()))?;
        let mut rules = HashMap::new();
        let mut rest = None;
        for rule in &file.rule {
            for id in &rule.elements {
                let element = taxonomy.element(id);
                if element.is_none() && id != "*" {
                    return Err(bad(format!("no element is named {id}")));
                }
                let method = rule.method(element).map_err(|fault| match fault {
                    Fault::Unsafe(reason) => {
                        Error::UnsafePolicy { policy: file.name.clone(), rule: id.clone(), reason }
                    }
                    Fault::Bad(message) => bad(format!("{id}: {message}")),
                })?;
                if id == "*" {
                    rest = Some(method);
                } else if rules.insert(id.clone(), method).is_some() {
                    return Err(bad(format!("{id}: two rules")));
                }
            }
        }
        for (list, ids) in [("quasi", &file.quasi), ("sensitive", &file.sensitive)] {
            if let Some(id) = ids.iter().find(|id| taxonomy.element(id).is_none()) {
                return Err(bad(format!("{list}: no element is named {id}")));
            }
        }
        if file.l.is_some_and(|l| !(1..=L_MAX).contains(&l))
            || file.t.is_some_and(|t| !(0.0..=1.0).contains(&t))
        {
            return Err(bad(format!("l is from 1 to {L_MAX}, t from 0 to 1")));
        }
        if (file.l.is_some() || file.t.is_some())
            && (file.quasi.is_empty() || file.sensitive.is_empty())
        {
            return Err(bad("l and t need quasi and sensitive".to_owned()));
        }
        let moves = rules.values().chain(&rest).any(|method| *method == Method::DateShift);
        match &file.shift {
            Some(shift) => shift.check(&file.name, &taxonomy)?,
            None if moves => return Err(bad("date_shift needs shift".to_owned())),
            None => {}
        }
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        Ok(Self {
            name: file.name,
            title: file.title,
            purpose: file.purpose,
            k: file.k.max(1),
            l: file.l,
            t: file.t,
            quasi: file.quasi,
            sensitive: file.sensitive,
            unknown: file.unknown,
            shift: file.shift,
            rules,
            rest,
            sha256: data_encoding::HEXLOWER.encode(digest.as_ref()),
        })
    }

    /// What this policy does to an element: its rule, else the rule for `*`, else the
    /// taxonomy's own default.
    pub fn method(&self, element: &Element) -> Method {
        if let Some(method) = self.rules.get(&element.id).copied().or(self.rest) {
            return method;
        }
        match element.mask.as_str() {
            "keep" if element.level == 1 => Method::Keep,
            "redact" => Method::Redact,
            "partial" => Method::Partial { head: None, tail: None },
            "pseudonym" => Method::Pseudonym,
            "band" => Method::Band(10),
            "generalise" if element.id == "birth_date" => Method::Generalise(Precision::Year),
            "generalise" if element.id == "native_place" => Method::Generalise(Precision::City),
            "generalise" if element.id == "device_address" => Method::Generalise(Precision::Net24),
            "generalise" => Method::Generalise(Precision::District),
            _ => Method::Suppress,
        }
    }
}

/// The greatest l a policy may ask for: so many values are kept of each class.
const L_MAX: u64 = 100;

impl Shift {
    fn check(&self, policy: &str, taxonomy: &Taxonomy) -> Result<(), Error> {
        let bad = |message: String| Error::Content { what: "policy", message };
        let unsafe_ = |reason| Error::UnsafePolicy {
            policy: policy.to_owned(),
            rule: "shift".to_owned(),
            reason,
        };
        if self.days < SHIFT_DAYS_MIN {
            return Err(unsafe_("so short a shift leaves a handful of dates to try"));
        }
        if self.days > SHIFT_DAYS_MAX || self.by.is_empty() {
            return Err(bad(format!("shift: days up to {SHIFT_DAYS_MAX}, and by whom")));
        }
        for id in &self.by {
            let element = taxonomy.element(id);
            let element = element.ok_or_else(|| bad(format!("shift: no element is named {id}")))?;
            // What many share would move them all alike.
            if !matches!(element.class.as_str(), "identity" | "guardian" | "staff") {
                return Err(unsafe_("what is no person's own does not tell persons apart"));
            }
        }
        Ok(())
    }
}

enum Fault {
    Unsafe(&'static str),
    Bad(String),
}

impl RuleFile {
    fn method(&self, element: Option<&Element>) -> Result<Method, Fault> {
        let level = element.map_or(4, |e| e.level);
        let need = |what: &str| Fault::Bad(format!("method {} needs {what}", self.method));
        match self.method.as_str() {
            "keep" if level >= 4 => Err(Fault::Unsafe("an element of level 4 is never kept")),
            "keep" if element.is_some_and(|e| e.class == "identity" || e.class == "contact") => {
                Err(Fault::Unsafe("what names or reaches a person is never kept"))
            }
            "keep" => Ok(Method::Keep),
            "suppress" => Ok(Method::Suppress),
            "redact" => Ok(Method::Redact),
            "keep_shape" => Ok(Method::KeepShape),
            "partial" => self.partial(element),
            "generalise" => self.to.map(Method::Generalise).ok_or_else(|| need("to")),
            "date_shift" => Ok(Method::DateShift),
            "pseudonym" => Ok(Method::Pseudonym),
            "fpe" => Ok(Method::Fpe),
            "band" => self.width.filter(|w| *w > 1).map(Method::Band).ok_or_else(|| need("width")),
            "hash" if self.keyed == Some(true) => Ok(Method::Pseudonym),
            // Numbers of persons come from small domains: a plain hash is undone by trying all.
            "hash" => Err(Fault::Unsafe("a hash without a key is undone by enumeration")),
            other => Err(Fault::Bad(format!("no method is named {other}"))),
        }
    }

    fn partial(&self, element: Option<&Element>) -> Result<Method, Fault> {
        let (head, tail) = (self.head, self.tail);
        let shown = u32::from(head.unwrap_or(1)) + u32::from(tail.unwrap_or(1));
        if (head.is_some() || tail.is_some()) && element.is_some_and(|e| e.level >= 4) && shown > 4
        {
            // First 6 and last 4 leave only the birth date: about 33 candidates in a school year.
            return Err(Fault::Unsafe("so much of an identity number shown gives the person away"));
        }
        if shown > 7 {
            return Err(Fault::Unsafe("more than seven characters shown"));
        }
        Ok(Method::Partial { head, tail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(rule: &str) -> Result<Policy, Error> {
        Policy::parse(&format!(
            "name='t'\ntitle={{zh='测',en='t'}}\npurpose={{zh='测',en='t'}}\nk=1\nquasi=[]\nunknown='scan'\n{rule}"
        ))
    }

    #[test]
    fn shipped_policies_load() {
        for name in Policy::names() {
            assert_eq!(Policy::embedded(name).unwrap().name, name);
        }
        assert!(matches!(Policy::embedded("none"), Err(Error::NoPolicy { .. })));
    }

    #[test]
    fn every_policy_file_is_listed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let mut listed: Vec<String> = Policy::names().map(|n| format!("{n}.toml")).collect();
        listed.sort();
        assert_eq!(files, listed);
    }

    #[test]
    fn unsafe_rules_are_refused() {
        for rule in [
            "[[rule]]\nelements=['id_number']\nmethod='partial'\nhead=6\ntail=4",
            "[[rule]]\nelements=['phone']\nmethod='hash'",
            "[[rule]]\nelements=['phone']\nmethod='hash'\nkeyed=false",
            "[[rule]]\nelements=['id_number']\nmethod='keep'",
            "[[rule]]\nelements=['student_name']\nmethod='keep'",
            "shift={days=6,by=['id_number']}",
            "shift={days=30,by=['sex']}",
        ] {
            assert!(matches!(policy(rule), Err(Error::UnsafePolicy { .. })), "{rule}");
        }
        for rule in [
            "[[rule]]\nelements=['nobody']\nmethod='redact'",
            "[[rule]]\nelements=['phone']\nmethod='magic'",
            "[[rule]]\nelements=['phone']\nmethod='generalise'",
            "sensitive=['nobody']",
            "colour='red'",
            "[[rule]]\nelements=['birth_date']\nmethod='date_shift'",
            "shift={days=30,by=[]}",
            "shift={days=30,by=['nobody']}",
            "shift={days=4000,by=['id_number']}",
            "l=2",
            "sensitive=['score']\nt=0.3",
            "l=0",
            "t=1.5",
        ] {
            assert!(matches!(policy(rule), Err(Error::Content { .. })), "{rule}");
        }
        assert!(policy("[[rule]]\nelements=['phone']\nmethod='hash'\nkeyed=true").is_ok());
    }
}
