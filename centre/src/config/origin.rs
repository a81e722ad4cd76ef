//! Where each value of a configuration comes from: a line of the file, a variable of the
//! environment, or the program.

use toml::de::{DeTable, DeValue};

use super::{Config, Overrides};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The configuration file.
    File {
        /// The line, counted from 1.
        line: usize,
    },
    /// An `XUEDUN_SECTION__KEY` variable.
    Environment {
        /// Its name.
        name: String,
    },
    /// The program's default.
    Default,
}

/// A value in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `section.key`; of a sensor `sensor[0].key`.
    pub key: String,
    /// The value as TOML; `"***"` for a secret.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

impl Config {
    /// Every value in force with its origin. `text` and `env` are what the configuration was read
    /// from. Of sensors, what the file says is listed, not their defaults.
    pub fn settings(
        &self,
        text: &str,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Vec<Setting> {
        let file = Lines::read(text);
        let overrides = Overrides::from_env(env).map(|o| o.0).unwrap_or_default();
        let now = toml::Table::try_from(self).unwrap_or_default();
        let mut settings = Vec::new();
        for (section, value) in &now {
            for (key, value) in value.as_table().into_iter().flatten() {
                let given = overrides
                    .iter()
                    .find(|(path, _)| path.first() == Some(section) && path.get(1) == Some(key));
                let path = format!("{section}.{key}");
                let origin = match (given, file.line(&path)) {
                    (Some((path, _)), _) => Origin::Environment { name: variable(path) },
                    (None, Some(line)) => Origin::File { line },
                    (None, None) => Origin::Default,
                };
                settings.push(Setting { key: path, value: value.to_string(), origin });
            }
        }
        settings.extend(file.sensors());
        settings
    }
}

fn variable(path: &[String]) -> String {
    format!("XUEDUN_{}", path.join("__").to_uppercase())
}

/// The values of the file by their path, each with its line.
struct Lines(Vec<(String, usize, String)>);

impl Lines {
    fn read(text: &str) -> Self {
        let mut found = Vec::new();
        if let Ok(table) = DeTable::parse(text) {
            let line = |at: usize| text.bytes().take(at).filter(|b| *b == b'\n').count() + 1;
            walk(table.get_ref(), "", text, &line, &mut found);
        }
        Self(found)
    }

    /// The line of a value, or the first line of what lies below it.
    fn line(&self, path: &str) -> Option<usize> {
        let below = |key: &str| {
            key.strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.0.iter().filter(|(key, ..)| below(key)).map(|(_, line, _)| *line).min()
    }

    fn sensors(&self) -> impl Iterator<Item = Setting> {
        let sensors = self.0.iter().filter(|(key, ..)| key.starts_with("sensor["));
        sensors.map(|(key, line, value)| Setting {
            key: key.clone(),
            value: value.clone(),
            origin: Origin::File { line: *line },
        })
    }
}

fn walk(
    table: &DeTable<'_>,
    path: &str,
    text: &str,
    line: &dyn Fn(usize) -> usize,
    found: &mut Vec<(String, usize, String)>,
) {
    for (key, value) in table {
        let dot = if path.is_empty() { "" } else { "." };
        let path = format!("{path}{dot}{}", key.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) => walk(inner, &path, text, line, found),
            DeValue::Array(items) if items.iter().any(|i| i.get_ref().as_table().is_some()) => {
                for (at, item) in items.iter().enumerate() {
                    if let Some(inner) = item.get_ref().as_table() {
                        walk(inner, &format!("{path}[{at}]"), text, line, found);
                    }
                }
            }
            _ => {
                let shown = if secret(key.get_ref()) {
                    "\"***\""
                } else {
                    text.get(value.span()).unwrap_or_default()
                };
                found.push((path, line(key.span().start), shown.to_owned()));
            }
        }
    }
}

/// Whether a key of the file holds a secret, by its name.
fn secret(key: &str) -> bool {
    ["token", "secret", "password", "passphrase"].iter().any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TEXT: &str = r#"# a node
[node]
data_dir = "data"

[store]
retention_days = 365

[region]
name = { zh = "示范教育局", en = "Model bureau" }

[[sensor]]
name = "udp"
input = { type = "syslog-udp", listen = "127.0.0.1:0" }

[[sensor]]
name = "http"

[sensor.input]
type = "http"
listen = "127.0.0.1:0"
token = "0123456789abcdef0123"
"#;

    #[test]
    fn every_value_has_its_origin() {
        let env = [("XUEDUN_STORE__SEGMENT_MIB", "64"), ("HOME", "/root")];
        let env = env.map(|(k, v)| (k.to_owned(), v.to_owned()));
        let config = Config::parse(TEXT, Path::new("x.toml"), env.clone()).unwrap();
        let settings = config.settings(TEXT, env);
        let of = |key: &str| settings.iter().find(|s| s.key == key).unwrap().clone();
        assert_eq!(of("node.data_dir").origin, Origin::File { line: 3 });
        assert_eq!(of("store.retention_days").value, "365");
        assert_eq!(of("store.retention_days").origin, Origin::File { line: 6 });
        let name = "XUEDUN_STORE__SEGMENT_MIB".to_owned();
        assert_eq!(of("store.segment_mib").origin, Origin::Environment { name });
        assert_eq!(of("store.segment_mib").value, "64");
        assert_eq!(of("store.disk_reserve_mib").origin, Origin::Default);
        assert_eq!(of("region.name").origin, Origin::File { line: 9 });
        assert_eq!(of("sensor[0].input.listen").origin, Origin::File { line: 13 });
        assert_eq!(of("sensor[1].name").origin, Origin::File { line: 16 });
    }

    #[test]
    fn secrets_are_masked() {
        let config = Config::parse(TEXT, Path::new("x.toml"), []).unwrap();
        let settings = config.settings(TEXT, []);
        let token = settings.iter().find(|s| s.key == "sensor[1].input.token").unwrap();
        assert_eq!((token.value.as_str(), &token.origin), ("\"***\"", &Origin::File { line: 21 }));
        assert!(settings.iter().all(|s| !s.value.contains("0123456789abcdef")));
    }
}
