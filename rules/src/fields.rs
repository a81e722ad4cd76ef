//! From a Sigma field to where events hold it.
//!
//! Order: the columns that `data/fields.yml` names for the rule's log source, then the native
//! name, then the nestings in which Windows events arrive (Winlogbeat, and EVTX as JSON).

use std::sync::{Arc, LazyLock};

use events::{FieldId, LogSource};
use hashbrown::HashMap;

use crate::syntax::expr::Field;
use crate::yaml;

/// The alias table as shipped.
const TABLE: &str = include_str!("../data/fields.yml");

/// Resolves field names for one set of rules; each distinct one is resolved once.
pub(crate) struct Resolver {
    aliases: &'static [Alias],
    known: HashMap<(LogSource, String), Arc<Field>>,
}

struct Alias {
    /// Which rules it serves: every part named must be the rule's.
    source: LogSource,
    fields: HashMap<String, Vec<String>>,
}

static ALIASES: LazyLock<Vec<Alias>> = LazyLock::new(|| read(TABLE));

/// The virtual field that holds the hour of the event in Beijing time, 0–23.
pub const LOCAL_HOUR: &str = "event.local_hour";
/// The virtual field that holds the day of the week in Beijing time, 1 (Monday) – 7.
pub const LOCAL_WEEKDAY: &str = "event.local_weekday";

fn read(text: &str) -> Vec<Alias> {
    let (docs, _) = yaml::parse(text);
    let mut out = Vec::new();
    for node in docs.first().map(|d| d.items()).unwrap_or_default() {
        let part = |name: &str| {
            node.get("logsource").and_then(|l| l.get(name)).and_then(|n| n.text()).unwrap_or("")
        };
        let source = LogSource::new(part("product"), part("category"), part("service"));
        let entries = node.get("fields").and_then(|f| f.map()).unwrap_or_default();
        let fields = entries
            .iter()
            .filter_map(|(k, v)| {
                let columns = v.items().iter().filter_map(|c| c.text().map(str::to_owned));
                Some((k.text()?.to_owned(), columns.collect()))
            })
            .collect();
        out.push(Alias { source, fields });
    }
    out
}

impl Resolver {
    pub(crate) fn new() -> Self {
        Self { aliases: &ALIASES, known: HashMap::new() }
    }

    /// The field that stands for "any field".
    pub(crate) fn keyword(&mut self) -> Arc<Field> {
        self.field(&LogSource::default(), "")
    }

    /// A field of a rule. Names the process can no longer intern are left out, as no event can
    /// carry them either.
    pub(crate) fn field(&mut self, source: &LogSource, name: &str) -> Arc<Field> {
        let key = (source.clone(), name.to_owned());
        if let Some(found) = self.known.get(&key) {
            return found.clone();
        }
        let candidates = if name.is_empty() { Vec::new() } else { self.candidates(source, name) };
        let field = Arc::new(Field { name: name.to_owned(), candidates });
        self.known.insert(key, field.clone());
        field
    }

    fn candidates(&self, source: &LogSource, name: &str) -> Vec<FieldId> {
        let mut out: Vec<FieldId> = Vec::new();
        let mut add = |name: &str| {
            if let Some(id) = FieldId::intern(name)
                && !out.contains(&id)
            {
                out.push(id);
            }
        };
        for alias in self.aliases.iter().filter(|a| a.source.covers(source)) {
            alias.fields.get(name).into_iter().flatten().for_each(|c| add(c));
        }
        let windows = source.product.is_empty() || source.product.eq_ignore_ascii_case("windows");
        if windows && source.service == "windefend" {
            // Defender writes its names with spaces, Sigma without.
            let spaced = spaced(name);
            for prefix in ["winlog.event_data.", "Event.EventData.", "EventData.", ""] {
                add(&format!("{prefix}{spaced}"));
            }
        }
        add(name);
        if windows {
            match name {
                "EventID" => {
                    [
                        "winlog.event_id",
                        "event.code",
                        "Event.System.EventID",
                        "Event.System.EventID.#text",
                    ]
                    .iter()
                    .for_each(|n| add(n));
                }
                "Channel" => ["winlog.channel", "Event.System.Channel"].iter().for_each(|n| add(n)),
                "Provider_Name" => {
                    [
                        "winlog.provider_name",
                        "Event.System.Provider.#attributes.Name",
                        "SourceName",
                    ]
                    .iter()
                    .for_each(|n| add(n));
                }
                "Computer" | "ComputerName" => {
                    ["winlog.computer_name", "Event.System.Computer"].iter().for_each(|n| add(n));
                }
                _ => {}
            }
            for prefix in [
                "winlog.event_data.",
                "Event.EventData.",
                "Event.System.",
                "EventData.",
                "Event.UserData.",
            ] {
                add(&format!("{prefix}{name}"));
            }
        }
        out
    }
}

/// `ThreatName` as `Threat Name`.
fn spaced(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut lower = false;
    for c in name.chars() {
        if lower && c.is_ascii_uppercase() {
            out.push(' ');
        }
        lower = c.is_ascii_lowercase();
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::field;

    #[test]
    fn the_table_is_read_whole() {
        assert!(yaml::parse(TABLE).1.is_none());
        assert!(ALIASES.len() > 5);
        for alias in ALIASES.iter() {
            assert!(!alias.fields.is_empty(), "{:?}", alias.source);
            assert!(alias.fields.values().all(|c| !c.is_empty()));
        }
    }

    #[test]
    fn aliases_come_before_the_native_name() {
        let mut r = Resolver::new();
        let f = r.field(&LogSource::new("", "webserver", ""), "cs-method");
        assert_eq!(f.candidates[0], field::HTTP_REQUEST_METHOD);
        assert_eq!(f.candidates[1].name(), "cs-method");
        let image = r.field(&LogSource::new("windows", "process_creation", ""), "Image");
        let names: Vec<_> = image.candidates.iter().map(|c| c.name()).collect();
        assert_eq!(
            names,
            [
                "process.executable",
                "Image",
                "winlog.event_data.Image",
                "Event.EventData.Image",
                "Event.System.Image",
                "EventData.Image",
                "Event.UserData.Image"
            ]
        );
        let id = r.field(&LogSource::new("windows", "", "security"), "EventID");
        assert!(id.candidates.iter().any(|c| c.name() == "event.code"));
    }
}
