//! The catalogue of codes against the sources: every code that a source file raises is explained
//! in `src/codes/`, and nothing is explained that no source raises.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources must fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The source folders of the program and of the crates beside it.
fn sources() -> Vec<PathBuf> {
    let mut folders = vec![root().join("src")];
    for entry in fs::read_dir(root()).unwrap() {
        let folder = entry.unwrap().path();
        if folder.join("Cargo.toml").is_file() && folder.join("src").is_dir() {
            folders.push(folder.join("src"));
        }
    }
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Codes in a text: a capital letter and three digits, as a whole string literal or in brackets.
/// Two letters, as in `RS256`, are no code.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let whole = |at: usize| {
        matches!(
            (bytes.get(at), bytes.get(at + 5)),
            (Some(b'"'), Some(b'"')) | (Some(b'['), Some(b']'))
        )
    };
    let code = |at: usize| {
        let code = text.get(at + 1..at + 5)?;
        let (letter, digits) = code.split_at_checked(1)?;
        let right = letter.bytes().all(|b| b.is_ascii_uppercase())
            && digits.bytes().all(|b| b.is_ascii_digit());
        right.then_some(code)
    };
    (0..bytes.len().saturating_sub(5)).filter(move |at| whole(*at)).filter_map(code)
}

/// The code without what only tests of it say.
fn without_tests(path: &Path, text: &str) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name == "tests.rs" || path.iter().any(|part| part == "tests") {
        return String::new();
    }
    // The tests of a file are at its bottom.
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned()
}

#[test]
fn every_code_is_explained_and_nothing_else() {
    let mut raised: BTreeMap<String, String> = BTreeMap::new();
    for path in sources() {
        let text = without_tests(&path, &fs::read_to_string(&path).unwrap());
        for code in codes(&text) {
            let place = path.strip_prefix(root()).unwrap().display().to_string();
            raised.entry(code.to_owned()).or_insert(place);
        }
    }
    assert!(raised.len() > 100, "the scan finds the codes: {}", raised.len());
    let mut explained = BTreeSet::new();
    for entry in fs::read_dir(root().join("src/codes")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "toml") {
            continue;
        }
        let table: toml::Table = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let letter = path.file_stem().unwrap().to_string_lossy().to_uppercase();
        for code in table.keys() {
            assert!(code.starts_with(&letter), "{code} stands in {}", path.display());
            assert!(explained.insert(code.clone()), "{code} stands twice");
        }
    }
    let file = |code: &str| format!("src/codes/{}.toml", code[..1].to_lowercase());
    let mut told = String::new();
    for (code, place) in raised.iter().filter(|(code, _)| !explained.contains(*code)) {
        told += &format!(
            "\n{code} is raised in {place}: add to {} a table [{code}] with title, meaning and \
             remedy, each .zh and .en (a file that is new: also to FILES in src/codes/mod.rs)",
            file(code)
        );
    }
    for code in explained.iter().filter(|code| !raised.contains_key(*code)) {
        told +=
            &format!("\n{code} is raised nowhere: take the table [{code}] out of {}", file(code));
    }
    assert!(told.is_empty(), "{told}");
}

#[test]
fn the_scan_tells_codes_from_other_words() {
    let text = r#"("X001", "RS256", "T1059", "[C020] x", "x001", "ABCD", 'X', "X1")"#;
    assert_eq!(codes(text).collect::<Vec<_>>(), ["X001", "C020"]);
}
