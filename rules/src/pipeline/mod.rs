//! Processing pipelines in pySigma's YAML: what a site does to rules before they are compiled,
//! such as other field names, another log source, one more condition.
//!
//! `read` makes a file into steps and says where it is wrong; `condition` decides which rules and
//! detection items a step is for; `apply` changes a rule, `value` the texts in it. Steps run one
//! after the other over the whole rule, pipelines by priority. What only means something to a
//! query language (query expressions, post-processing, finalizers) is refused with a code: an
//! engine cannot honour it.

mod apply;
mod condition;
mod read;
mod value;

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;

use crate::problem::{Diags, Problem};
use crate::source::Source;
use crate::yaml::Node;

pub(crate) use apply::{Applied, Subject};
use condition::{Conditions, FieldCondition, ItemCondition, RuleCondition};

/// Pipelines in the order they run. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Pipelines {
    list: Arc<Vec<Pipeline>>,
}

impl Pipelines {
    /// Reads pipeline files. Nothing is to be run while there are problems: a pipeline is honoured
    /// whole or not at all.
    pub fn load(sources: &[Source]) -> (Self, Vec<Problem>) {
        let mut list = Vec::new();
        let mut problems = Vec::new();
        for source in sources {
            let mut diags = Diags::new(&source.name, &source.text);
            list.extend(read::read(source, &mut diags));
            problems.extend(diags.end());
        }
        list.sort_by_key(|p| p.priority);
        (Self { list: Arc::new(list) }, problems)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Names in the order they run.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|p| p.name.as_str())
    }
}

/// One file.
#[derive(Debug)]
struct Pipeline {
    name: String,
    priority: i64,
    steps: Vec<Step>,
    /// Of its text: a rule's hash covers what changes it.
    digest: [u8; 32],
}

/// One entry of `transformations`.
#[derive(Debug)]
struct Step {
    id: Option<String>,
    rule: Conditions<RuleCondition>,
    item: Conditions<ItemCondition>,
    field: Conditions<FieldCondition>,
    action: Action,
}

/// What a step does.
#[derive(Debug)]
enum Action {
    /// Other names for fields.
    Rename(Rename),
    /// Drops the item.
    Drop,
    /// One more demand on the event.
    Demand { conditions: Node, template: bool, negated: bool },
    /// Another log source; a part that is not named becomes empty.
    LogSource { product: String, category: String, service: String },
    /// Replaces what a regular expression finds; the replacement in `regex`'s notation.
    Replace { regex: Regex, replacement: String, skip_special: bool, interpret_special: bool },
    /// Whole values for others.
    Map(Vec<(String, Vec<String>)>),
    /// A value whatever it was.
    Set(Node),
    /// Values as texts or as numbers.
    Convert { number: bool },
    /// Texts as regular expressions.
    Regex { ignore_case: bool },
    /// Other case.
    Case { upper: bool },
    /// Placeholders by lists (`vars`), or by `*` where there is none.
    Placeholders {
        only: Option<Vec<String>>,
        except: Option<Vec<String>>,
        lists: Option<Arc<BTreeMap<String, Vec<String>>>>,
    },
    /// `Hashes: SHA1=…` as fields of their own.
    Hashes { algorithms: Vec<String>, prefix: String, drop_name: bool },
    /// Remembers something for later conditions.
    State { key: String, value: String },
    /// Gives the rule one more attribute.
    Attribute { key: String, value: String },
    /// Refuses the rule.
    RefuseRule(String),
    /// Refuses a rule that has such an item.
    RefuseItem(String),
    /// Refuses a rule with a field that no step before has renamed.
    RefuseUnmapped,
    /// Steps within a step.
    Nest(Vec<Step>),
    /// Concerns what a query shows, not what it finds: without effect here.
    Display,
}

/// How fields are renamed.
#[derive(Debug)]
enum Rename {
    Exact(Vec<(String, Vec<String>)>),
    Prefix(Vec<(String, Vec<String>)>),
    AddPrefix(String),
    AddSuffix(String),
}

impl Rename {
    /// The new names of a field; `None` when it keeps its own.
    fn of(&self, field: &str) -> Option<Vec<String>> {
        if field.is_empty() {
            return None;
        }
        match self {
            Self::Exact(map) => {
                map.iter().find(|(from, _)| from == field).map(|(_, to)| to.clone())
            }
            Self::Prefix(map) => map.iter().find_map(|(from, to)| {
                let rest = field.strip_prefix(from.as_str())?;
                Some(to.iter().map(|to| format!("{to}{rest}")).collect())
            }),
            Self::AddPrefix(prefix) => Some(vec![format!("{prefix}{field}")]),
            Self::AddSuffix(suffix) => Some(vec![format!("{field}{suffix}")]),
        }
    }
}
