//! Questions to a database, by a read-only account.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Context;
use crate::audit::fact::{Fact, Facts};

/// Settings become facts of their names; each query becomes a list fact of its rows, columns
/// joined by a space.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sql {
    engine: Engine,
    #[serde(default)]
    settings: Vec<String>,
    #[serde(default)]
    queries: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Engine {
    Postgresql,
    Mysql,
}

impl Engine {
    /// The question for all settings at once; both answer name and value.
    const fn settings(self) -> &'static str {
        match self {
            Self::Postgresql => "SELECT name, setting FROM pg_settings",
            Self::Mysql => "SHOW GLOBAL VARIABLES",
        }
    }
}

impl Sql {
    /// One statement that can only read: it begins with SELECT or SHOW and has no second one.
    /// The session is read-only besides; this keeps a mistake in a check file from being tried.
    pub(super) fn prepare(&self) -> Result<(), String> {
        for (name, sql) in &self.queries {
            let head = sql.trim_start().to_ascii_uppercase();
            let reads = head.starts_with("SELECT ") || head.starts_with("SHOW ");
            let writes = [" INTO ", " FOR UPDATE", " FOR SHARE"].iter().any(|w| head.contains(w));
            if !reads || writes || sql.contains(';') || name == "settings" {
                return Err(format!("{name}: only a single SELECT or SHOW may be asked"));
            }
        }
        Ok(())
    }

    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        if !self.settings.is_empty() {
            let rows = cx.host.query("settings", self.engine.settings());
            for key in &self.settings {
                let fact = match &rows {
                    Ok(rows) => rows
                        .iter()
                        .find(|row| row.first().is_some_and(|n| n.eq_ignore_ascii_case(key)))
                        .and_then(|row| row.get(1))
                        .filter(|value| !value.is_empty())
                        .map_or(Fact::Absent, |value| Fact::word(value)),
                    Err(error) => Fact::Unseen(error.to_string()),
                };
                facts.set(key.clone(), fact);
            }
        }
        for (name, sql) in &self.queries {
            let fact = match cx.host.query(name, sql) {
                Ok(rows) => Fact::List(rows.iter().map(|row| row.join(" ")).collect()),
                Err(error) => Fact::Unseen(error.to_string()),
            };
            facts.set(name.clone(), fact);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reading_statements_load() {
        let probe = |sql: &str| {
            toml::from_str::<Sql>(&format!("engine='mysql'\n[queries]\nq=\"{sql}\"")).unwrap()
        };
        assert!(probe("SELECT 1").prepare().is_ok());
        for bad in [
            "DELETE FROM x",
            "SELECT 1; DROP TABLE x",
            "SELECT * INTO y FROM x",
            "SELECT 1 FROM x FOR UPDATE",
        ] {
            assert!(probe(bad).prepare().is_err(), "{bad}");
        }
    }
}
