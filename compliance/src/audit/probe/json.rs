//! Settings of a JSON file.

use serde::Deserialize;
use serde_json::Value;

use super::{Context, text};
use crate::audit::fact::{Fact, Facts};

/// Each key (dots go down) becomes a fact; a file that is not there gives absent ones, one that
/// is not JSON unseen ones.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Json {
    file: String,
    keys: Vec<String>,
}

impl Json {
    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let value = match text::read(cx, &self.file) {
            Ok(text) if text.trim().is_empty() => Ok(Value::Null),
            Ok(text) => serde_json::from_str(&text).map_err(|e| format!("{}: {e}", self.file)),
            Err(error) if error.is_absence() => Ok(Value::Null),
            Err(error) => Err(error.to_string()),
        };
        for key in &self.keys {
            let fact = match &value {
                Ok(value) => fact(key.split('.').try_fold(value, |v, part| v.get(part))),
                Err(why) => Fact::Unseen(why.clone()),
            };
            facts.set(key.clone(), fact);
        }
    }
}

fn fact(value: Option<&Value>) -> Fact {
    match value {
        None | Some(Value::Null) => Fact::Absent,
        Some(Value::String(text)) => Fact::word(text),
        Some(Value::Array(list)) => Fact::List(
            list.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect(),
        ),
        Some(Value::Object(map)) => Fact::List(map.keys().cloned().collect()),
        Some(other) => Fact::word(&other.to_string()),
    }
}
