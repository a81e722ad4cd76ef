//! Facts: what probes saw, by name. Verdict logic reads facts only.

use std::collections::BTreeMap;

use super::limits;

/// One thing seen, or why it could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Looked for where it would be, and not there.
    Absent,
    /// Could not be looked for; the text says why (permission, time, size).
    Unseen(String),
    /// A number.
    Int(i64),
    /// A word.
    Text(String),
    /// Several words; an empty list is [`Fact::Absent`] for comparisons.
    List(Vec<String>),
}

impl Fact {
    /// A word, as a number when it is one.
    pub fn word(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Text(text.to_owned()), Self::Int)
    }

    /// What a person reads, bounded.
    pub fn show(&self) -> String {
        match self {
            Self::Absent => "(absent)".into(),
            Self::Unseen(why) => format!("(not seen: {why})"),
            Self::Int(n) => n.to_string(),
            Self::Text(t) => clip(t),
            Self::List(l) if l.is_empty() => "(none)".into(),
            Self::List(l) => {
                let mut shown: Vec<String> =
                    l.iter().take(limits::LIST_SHOWN_MAX).map(|t| clip(t)).collect();
                if l.len() > limits::LIST_SHOWN_MAX {
                    shown.push(format!("… {} in all", l.len()));
                }
                shown.join(", ")
            }
        }
    }
}

fn clip(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 200;
    let text = redact(text);
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return text;
    }
    text.chars().take(SHOWN_CHARS_MAX).chain(['…']).collect()
}

/// Hides what follows words such as `password=`: a configuration line may carry a secret.
fn redact(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    for word in ["password", "passwd", "secret", "token", "apikey", "api_key"] {
        if let Some(at) = lower.find(word) {
            let after = at + word.len();
            let rest = &text[after..];
            if rest.trim_start().starts_with(['=', ':']) {
                return format!("{}=***", &text[..after]);
            }
        }
    }
    text.to_owned()
}

/// Facts by name.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    by_name: BTreeMap<String, Fact>,
    /// Set when a whole target did not answer: then no name is known to be absent.
    silent: Option<Fact>,
}

impl Facts {
    /// Sets a fact; the last word on a name holds.
    pub fn set(&mut self, name: impl Into<String>, fact: Fact) {
        self.by_name.insert(name.into(), fact);
    }

    /// The fact of a name; a name no probe gave is absent.
    pub fn get(&self, name: &str) -> &Fact {
        self.by_name.get(name).or(self.silent.as_ref()).unwrap_or(&Fact::Absent)
    }

    /// Every name no probe gave is unseen from now on.
    pub fn set_all_unseen(&mut self, why: &str) {
        self.silent = Some(Fact::Unseen(why.to_owned()));
    }

    /// Whether a probe gave the name.
    pub fn knows(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// All in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Fact)> {
        self.by_name.iter().map(|(k, v)| (k.as_str(), v))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_long_lists_cut() {
        assert_eq!(Fact::Text("db_password = hunter2".into()).show(), "db_password=***");
        let many = Fact::List((0..50).map(|n| n.to_string()).collect());
        assert!(many.show().ends_with("… 50 in all"));
        assert_eq!(Fact::word("90"), Fact::Int(90));
    }
}
