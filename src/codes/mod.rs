//! The catalogue of codes: what each error and problem of the program means and what to do about
//! it. One TOML file per letter; `tests/codes.rs` holds it against the sources.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use events::Text;
use serde::{Deserialize, Serialize};

/// What is known about a code.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// A few words: what happened.
    pub title: Text,
    /// What it means, in a sentence or two.
    pub meaning: Text,
    /// What to do.
    pub remedy: Text,
}

const FILES: [&str; 14] = [
    include_str!("a.toml"),
    include_str!("c.toml"),
    include_str!("d.toml"),
    include_str!("h.toml"),
    include_str!("i.toml"),
    include_str!("n.toml"),
    include_str!("p.toml"),
    include_str!("q.toml"),
    include_str!("r.toml"),
    include_str!("s.toml"),
    include_str!("t.toml"),
    include_str!("v.toml"),
    include_str!("w.toml"),
    include_str!("x.toml"),
];

/// Longest list of near codes.
const NEAR_MAX: usize = 5;

static CATALOGUE: LazyLock<BTreeMap<String, Entry>> = LazyLock::new(|| {
    // A file that does not parse adds nothing; a test below parses every one.
    let parse = |text: &&str| toml::from_str::<BTreeMap<String, Entry>>(text).unwrap_or_default();
    FILES.iter().flat_map(parse).collect()
});

/// Every code with its entry, in order.
pub fn all() -> impl Iterator<Item = (&'static str, &'static Entry)> {
    CATALOGUE.iter().map(|(code, entry)| (code.as_str(), entry))
}

/// A code, in upper or lower case.
pub fn find(code: &str) -> Option<(&'static str, &'static Entry)> {
    let code = code.trim().to_ascii_uppercase();
    CATALOGUE.get_key_value(&code).map(|(code, entry)| (code.as_str(), entry))
}

/// Codes that may have been meant: written nearly so, or with the word in their title.
pub fn near(asked: &str) -> Vec<(&'static str, &'static Entry)> {
    let asked = asked.trim();
    let upper = asked.to_ascii_uppercase();
    let differs = |code: &str| code.bytes().zip(upper.bytes()).filter(|(a, b)| a != b).count();
    let written = |code: &str| upper.len() == code.len() && differs(code) <= 1;
    let word = asked.to_lowercase();
    let spoken = |entry: &Entry| {
        word.chars().count() > 1
            && (entry.title.zh.contains(&word) || entry.title.en.to_lowercase().contains(&word))
    };
    let mut found: Vec<_> = all().filter(|(code, _)| written(code)).collect();
    if found.is_empty() {
        found = all().filter(|(_, entry)| spoken(entry)).collect();
    }
    let number = |code: &str| code.get(1..).and_then(|n| n.parse::<i64>().ok()).unwrap_or_default();
    let distance = |code: &str| (number(code) - number(&upper)).abs();
    found.sort_by_key(|(code, _)| (code.get(..1) != upper.get(..1), distance(code)));
    found.truncate(NEAR_MAX);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_parses_and_every_text_is_there() {
        for file in FILES {
            let entries: BTreeMap<String, Entry> = toml::from_str(file).unwrap();
            assert!(!entries.is_empty());
        }
        for (code, entry) in all() {
            for text in [&entry.title, &entry.meaning, &entry.remedy] {
                assert!(!text.en.is_empty() && text.en.is_ascii(), "{code}: {}", text.en);
                assert!(text.zh.chars().any(|c| c > '\u{2e80}'), "{code}: {}", text.zh);
            }
        }
    }

    #[test]
    fn codes_are_found_in_either_case_and_near_ones_offered() {
        assert_eq!(find("x001").unwrap().0, "X001");
        assert!(find("nope").is_none());
        let near: Vec<_> = near("X011").into_iter().map(|(code, _)| code).collect();
        assert!(near.contains(&"X010") && near.contains(&"X012"), "{near:?}");
        assert!(super::near("passphrase").iter().any(|(code, _)| *code == "C031"));
        assert!(super::near("").is_empty());
    }
}
