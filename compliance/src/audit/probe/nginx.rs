//! Directives of nginx, includes followed.

use serde::Deserialize;

use super::{Context, text};
use crate::audit::fact::{Fact, Facts};
use crate::audit::host::HostError;
use crate::audit::limits;

/// Each directive becomes a list fact: its arguments, everywhere it stands. `servers` holds the
/// names of all `server` blocks, `plain_servers` those that listen without TLS and redirect
/// nowhere.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nginx {
    directives: Vec<String>,
}

/// One directive with the blocks it stands in.
struct Directive {
    path: Vec<(String, usize)>,
    name: String,
    args: String,
}

impl Nginx {
    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let mut all = Vec::new();
        let mut reader = Reader { cx, blocks: 0 };
        let read = reader.file("/etc/nginx/nginx.conf", &[], 0, &mut all);
        let fact = |list: Vec<String>| match &read {
            Ok(()) => Fact::List(list),
            Err(error) => Fact::Unseen(error.to_string()),
        };
        for name in &self.directives {
            let values = all.iter().filter(|d| d.name == *name).map(|d| d.args.clone()).collect();
            facts.set(name.clone(), fact(values));
        }
        let (servers, plain) = servers(&all);
        facts.set("servers", fact(servers));
        facts.set("plain_servers", fact(plain));
    }
}

fn servers(all: &[Directive]) -> (Vec<String>, Vec<String>) {
    let ids = all.iter().filter_map(|d| d.path.iter().find(|(n, _)| n == "server").map(|p| p.1));
    let mut ids: Vec<usize> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    let (mut names, mut plain) = (Vec::new(), Vec::new());
    for id in ids {
        let of = |name: &str| -> Vec<&str> {
            let inside = |d: &&Directive| d.name == name && d.path.iter().any(|p| p.1 == id);
            all.iter().filter(inside).map(|d| d.args.as_str()).collect()
        };
        let name = of("server_name").first().map_or("(no name)", |n| n).to_owned();
        let listens = of("listen");
        let is_tls = |l: &&str| l.split(' ').any(|w| w == "ssl" || w == "quic");
        let local =
            |l: &&str| l.starts_with("127.") || l.starts_with("[::1]") || l.starts_with("unix:");
        let open = listens.is_empty() || listens.iter().any(|l| !is_tls(l) && !local(l));
        let redirects = of("return").iter().chain(&of("rewrite")).any(|r| r.contains("https://"));
        if open && !redirects {
            plain.push(name.clone());
        }
        names.push(name);
    }
    (names, plain)
}

struct Reader<'a> {
    cx: &'a Context<'a>,
    blocks: usize,
}

impl Reader<'_> {
    fn file(
        &mut self,
        pattern: &str,
        path: &[(String, usize)],
        depth: usize,
        out: &mut Vec<Directive>,
    ) -> Result<(), HostError> {
        if depth > limits::INCLUDE_DEPTH_MAX {
            let reason = "includes are nested too deep".to_owned();
            return Err(HostError::Failed { what: pattern.to_owned(), reason });
        }
        for (file, text) in text::read_all(self.cx, &[pattern.to_owned()])? {
            let mut path = path.to_vec();
            let mut words: Vec<String> = Vec::new();
            for token in tokens(&text) {
                match token.as_str() {
                    "{" => {
                        self.blocks += 1;
                        let name = words.first().cloned().unwrap_or_default();
                        path.push((name, self.blocks));
                        words.clear();
                    }
                    "}" => {
                        path.pop();
                        words.clear();
                    }
                    ";" => {
                        let line = std::mem::take(&mut words);
                        self.directive(line, &path, depth, out)?;
                    }
                    word => words.push(word.to_owned()),
                }
            }
            if !words.is_empty() {
                let reason = "ends inside a directive".to_owned();
                return Err(HostError::Failed { what: file, reason });
            }
        }
        Ok(())
    }

    fn directive(
        &mut self,
        line: Vec<String>,
        path: &[(String, usize)],
        depth: usize,
        out: &mut Vec<Directive>,
    ) -> Result<(), HostError> {
        let Some((name, args)) = line.split_first() else { return Ok(()) };
        if name == "include" {
            for part in args {
                let file =
                    if part.starts_with('/') { part.clone() } else { format!("/etc/nginx/{part}") };
                self.file(&file, path, depth + 1, out)?;
            }
            return Ok(());
        }
        out.push(Directive { path: path.to_vec(), name: name.clone(), args: args.join(" ") });
        Ok(())
    }
}

/// Words, braces and semicolons; comments and quotes as nginx reads them.
fn tokens(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut word = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '#' if word.is_empty() => while chars.next_if(|c| *c != '\n').is_some() {},
            '"' | '\'' if word.is_empty() => {
                while let Some(inner) = chars.next() {
                    match inner {
                        '\\' => word.extend(chars.next()),
                        inner if inner == c => break,
                        inner => word.push(inner),
                    }
                }
                all.push(std::mem::take(&mut word));
            }
            '{' if word.ends_with('$') => word.push(c),
            '}' if word.contains("${") && !word.ends_with('}') => word.push(c),
            '{' | '}' | ';' => {
                if !word.is_empty() {
                    all.push(std::mem::take(&mut word));
                }
                all.push(c.to_string());
            }
            c if c.is_whitespace() => {
                if !word.is_empty() {
                    all.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        all.push(word);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::host::RecordedHost;
    use events::Timestamp;

    #[test]
    fn includes_quotes_and_servers() {
        let mut host = RecordedHost::new();
        host.file(
            "/etc/nginx/nginx.conf",
            "user www-data; # who\nhttp {\n server_tokens off;\n log_format main '$remote_addr; \"$request\"';\n\
             include sites-enabled/*;\n}\n",
        )
        .file(
            "/etc/nginx/sites-enabled/a",
            "server { listen 80; server_name a; return 301 https://$host$request_uri; }\n\
             server { listen 443 ssl; server_name b; ssl_protocols TLSv1.2 TLSv1.3; }\n\
             server { listen 8080; server_name c; }\n",
        );
        let names = ["user", "server_tokens", "ssl_protocols", "log_format"];
        let probe = Nginx { directives: names.map(str::to_owned).to_vec() };
        let mut facts = Facts::default();
        probe.look(&Context::new(&host, Timestamp::from_secs(0)), &mut facts);
        let list = |l: &[&str]| Fact::List(l.iter().map(|s| (*s).to_owned()).collect());
        assert_eq!(facts.get("user"), &list(&["www-data"]));
        assert_eq!(facts.get("ssl_protocols"), &list(&["TLSv1.2 TLSv1.3"]));
        assert_eq!(facts.get("log_format"), &list(&["main $remote_addr; \"$request\""]));
        assert_eq!(facts.get("servers"), &list(&["a", "b", "c"]));
        assert_eq!(facts.get("plain_servers"), &list(&["c"]));
    }
}
