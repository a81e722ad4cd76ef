//! An expression as the selections and the condition of a Sigma rule.

use std::fmt::Write as _;

use store::search::outline::{Outline, Wanted};

use super::promote::{LOG_SOURCE, NOT_FIELDS, NotARule};

/// The selections of a rule as they are written.
#[derive(Default)]
pub(super) struct Selections {
    /// As lines of YAML.
    pub(super) text: String,
    count: usize,
    keywords: usize,
}

impl Selections {
    /// The condition that says an expression, in brackets where it needs them.
    pub(super) fn condition(&mut self, outline: &Outline) -> Result<String, NotARule> {
        match outline {
            Outline::All => Err(NotARule::Everything),
            Outline::And(parts) => self.all(parts),
            Outline::Or(parts) => match Self::values(parts)? {
                Some((key, values)) => Ok(self.selection(&[(key, values)])),
                None => match Self::texts(parts) {
                    Some(texts) => Ok(self.keywords(&texts)),
                    None => self.joined(parts, " or "),
                },
            },
            Outline::Not(inner) => {
                let inner = self.condition(inner)?;
                let inner = if inner.contains(' ') { format!("({inner})") } else { inner };
                Ok(format!("not {inner}"))
            }
            Outline::Text(text) => Ok(self.keywords(&[text.as_str()])),
            Outline::Is { name, wanted } => Ok(self.selection(&keys(name, wanted)?)),
        }
    }

    /// Comparisons of different fields share a selection.
    fn all(&mut self, parts: &[Outline]) -> Result<String, NotARule> {
        let mut shared: Vec<(String, Vec<String>)> = Vec::new();
        let mut others = Vec::new();
        for part in parts {
            let keys = match part {
                Outline::Is { name, wanted } => keys(name, wanted)?,
                Outline::Or(values) => Self::values(values)?.into_iter().collect(),
                _ => Vec::new(),
            };
            let fresh = keys.iter().all(|(key, _)| shared.iter().all(|(other, _)| other != key));
            if keys.is_empty() || !fresh {
                others.push(part);
            } else {
                shared.extend(keys);
            }
        }
        let mut words = Vec::new();
        if !shared.is_empty() {
            words.push(self.selection(&shared));
        }
        for part in others {
            let word = self.condition(part)?;
            words.push(if word.contains(" or ") { format!("({word})") } else { word });
        }
        if words.is_empty() { Err(NotARule::Everything) } else { Ok(words.join(" and ")) }
    }

    fn joined(&mut self, parts: &[Outline], with: &str) -> Result<String, NotARule> {
        let word = |part| {
            let word: String = self.condition(part)?;
            Ok(if word.contains(' ') { format!("({word})") } else { word })
        };
        Ok(parts.iter().map(word).collect::<Result<Vec<_>, NotARule>>()?.join(with))
    }

    /// Values of one field, any of which will do.
    fn values(parts: &[Outline]) -> Result<Option<(String, Vec<String>)>, NotARule> {
        let mut of: Option<(String, Vec<String>)> = None;
        for part in parts {
            let Outline::Is { name, wanted: wanted @ (Wanted::Like(_) | Wanted::Within(_)) } = part
            else {
                return Ok(None);
            };
            for (key, values) in keys(name, wanted)? {
                match &mut of {
                    None => of = Some((key, values)),
                    Some((same, all)) if *same == key => all.extend(values),
                    Some(_) => return Ok(None),
                }
            }
        }
        Ok(of)
    }

    fn texts(parts: &[Outline]) -> Option<Vec<&str>> {
        parts
            .iter()
            .map(|p| if let Outline::Text(t) = p { Some(t.as_str()) } else { None })
            .collect()
    }

    fn selection(&mut self, keys: &[(String, Vec<String>)]) -> String {
        self.count += 1;
        let name = numbered("selection", self.count);
        let _ = writeln!(self.text, "  {name}:");
        for (key, values) in keys {
            let values = match &values[..] {
                [one] => one.clone(),
                many => format!("[{}]", many.join(", ")),
            };
            let _ = writeln!(self.text, "    {key}: {values}");
        }
        name
    }

    fn keywords(&mut self, texts: &[&str]) -> String {
        self.keywords += 1;
        let name = numbered("keywords", self.keywords);
        let _ = writeln!(self.text, "  {name}:");
        for text in texts {
            let _ = writeln!(self.text, "    - {}", quoted(text));
        }
        name
    }
}

fn numbered(name: &str, nth: usize) -> String {
    if nth == 1 { name.to_owned() } else { format!("{name}_{nth}") }
}

/// A comparison as keys and values of a selection.
fn keys(name: &str, wanted: &Wanted) -> Result<Vec<(String, Vec<String>)>, NotARule> {
    if LOG_SOURCE.contains(&name) {
        return Err(NotARule::LogSourcePlace { name: name.to_owned() });
    }
    if NOT_FIELDS.contains(&name) {
        return Err(NotARule::NoField { name: name.to_owned() });
    }
    let one = |modifier: &str, value: String| {
        let key = format!("{name}{modifier}");
        // The modifier is part of the key: quoted together if at all.
        (if scalar(name) == name { key } else { quoted(&key) }, vec![value])
    };
    Ok(match wanted {
        Wanted::Exists => vec![one("|exists", "true".to_owned())],
        Wanted::Like(value) => vec![one("", scalar(value))],
        Wanted::Within(range) => vec![one("|cidr", quoted(range))],
        Wanted::Between { low, high } => {
            let low = low.map(|(n, with)| one(if with { "|gte" } else { "|gt" }, n.to_string()));
            let high = high.map(|(n, with)| one(if with { "|lte" } else { "|lt" }, n.to_string()));
            low.into_iter().chain(high).collect()
        }
        Wanted::During(..) => return Err(NotARule::NoField { name: name.to_owned() }),
    })
}

/// A text as YAML: as it is where nothing else could be read, else quoted.
pub(super) fn scalar(text: &str) -> String {
    let number = text.parse::<i64>().is_ok_and(|n| n.to_string() == text);
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/'))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    if number || plain { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    if text.chars().any(char::is_control) {
        return serde_json::Value::from(text).to_string();
    }
    format!("'{}'", text.replace('\'', "''"))
}
