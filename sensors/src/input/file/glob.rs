//! Paths with `*` and `?`, which stand for parts of one name.

use std::path::{Path, PathBuf};

/// The paths of files that a pattern matches, sorted; at most `max`.
pub(in crate::input) fn expand(pattern: &str, max: usize) -> Vec<PathBuf> {
    let mut found = vec![base(pattern)];
    for part in parts(pattern) {
        let mut next = Vec::new();
        for path in found {
            if !part.contains(['*', '?']) {
                next.push(path.join(part));
                continue;
            }
            let Ok(entries) = std::fs::read_dir(&path) else { continue };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                let hidden = name.starts_with('.') && !part.starts_with('.');
                if !hidden && matches(part, &name) {
                    next.push(entry.path());
                }
            }
        }
        next.sort();
        next.truncate(max);
        found = next;
    }
    found.retain(|path| path.is_file());
    found
}

/// The folder that holds a pattern's first wildcard: the one to be watched.
pub(super) fn folder(pattern: &str) -> PathBuf {
    let mut path = base(pattern);
    let mut parts = parts(pattern).peekable();
    while let Some(part) = parts.next() {
        if part.contains(['*', '?']) || parts.peek().is_none() {
            break;
        }
        path.push(part);
    }
    path
}

fn base(pattern: &str) -> PathBuf {
    Path::new(if pattern.starts_with('/') { "/" } else { "." }).to_path_buf()
}

fn parts(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.split('/').filter(|part| !part.is_empty() && *part != ".")
}

/// Whether a name matches: two pointers, falling back to the last `*`.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let (p, n): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at_p, mut at_n, mut star) = (0, 0, None);
    while at_n < n.len() {
        match p.get(at_p) {
            Some('*') => {
                star = Some((at_p, at_n));
                at_p += 1;
            }
            Some(c) if *c == '?' || *c == n[at_n] => {
                at_p += 1;
                at_n += 1;
            }
            _ => match star {
                Some((p, n)) => {
                    (at_p, at_n) = (p + 1, n + 1);
                    star = Some((p, n + 1));
                }
                None => return false,
            },
        }
    }
    p[at_p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (pattern, name, want) in [
            ("*.log", "a.log", true),
            ("*.log", "a.log.1", false),
            ("a*b*c", "axxbyyc", true),
            ("a?c", "a学c", true),
            ("a?c", "ac", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), want, "{pattern} {name}");
        }
        assert_eq!(folder("/var/log/*/x.log"), Path::new("/var/log"));
        assert_eq!(folder("/var/log/x.log"), Path::new("/var/log"));
    }

    #[test]
    fn files_of_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.log", "a.log", "c.txt", ".d.log"] {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        let pattern = format!("{}/*.log", dir.path().display());
        let names: Vec<_> = expand(&pattern, 10);
        assert_eq!(names, [dir.path().join("a.log"), dir.path().join("b.log")]);
    }
}
