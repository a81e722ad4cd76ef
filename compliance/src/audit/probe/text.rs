//! What several probes share: text files, path patterns, names with a trailing star.

use super::Context;
use crate::audit::host::HostError;

/// A file as text: UTF-16 with a mark (what Windows exports), else UTF-8; what is neither is
/// replaced.
pub(super) fn read(cx: &Context<'_>, path: &str) -> Result<String, HostError> {
    let bytes = cx.host.read_file(path)?;
    let (text, _, _) = encoding_rs::UTF_8.decode(&bytes);
    Ok(text.into_owned())
}

/// The paths of a pattern: a star may stand in any component. Without a star the path itself,
/// whether it exists or not.
pub(super) fn expand(cx: &Context<'_>, pattern: &str) -> Result<Vec<String>, HostError> {
    if !pattern.contains('*') {
        return Ok(vec![pattern.to_owned()]);
    }
    let mut found = vec![String::new()];
    for part in pattern.split('/').skip(1) {
        let mut next = Vec::new();
        for dir in found {
            if !part.contains('*') {
                next.push(format!("{dir}/{part}"));
                continue;
            }
            match cx.host.list_dir(if dir.is_empty() { "/" } else { &dir }) {
                Ok(names) => next.extend(
                    names
                        .into_iter()
                        .filter(|name| !name.starts_with('.') && star(part, name))
                        .map(|name| format!("{dir}/{name}")),
                ),
                Err(error) if error.is_absence() => {}
                Err(error) => return Err(error),
            }
        }
        found = next;
    }
    Ok(found)
}

/// The texts of all files of the patterns that exist, in order; or why one could not be read.
pub(super) fn read_all(
    cx: &Context<'_>,
    patterns: &[String],
) -> Result<Vec<(String, String)>, HostError> {
    let mut all = Vec::new();
    for pattern in patterns {
        for path in expand(cx, pattern)? {
            match read(cx, &path) {
                Ok(text) => all.push((path, text)),
                Err(error) if error.is_absence() => {}
                // A directory that matches a pattern is not a file of it.
                Err(HostError::Failed { reason, .. }) if reason == "not a regular file" => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(all)
}

/// Whether a name matches a pattern with any number of stars.
pub(super) fn star(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(first) = parts.next() else { return false };
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

/// Whether a name matches one of several patterns.
pub(super) fn star_any(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|p| star(p, name))
}

/// Lines without blank ones and without those whose first mark is a comment's.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with(['#', ';']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars() {
        assert!(star("ssh_host_*_key", "ssh_host_rsa_key"));
        assert!(!star("ssh_host_*_key", "ssh_host_rsa_key.pub"));
        assert!(star("*.conf", "a.conf") && !star("*.conf", "a.conf.bak"));
        assert!(star("telnetd", "telnetd") && !star("telnetd", "telnetd2"));
        assert!(star("*", "x") && !star("a*a", "a"));
    }
}
