//! Which rules are tried on which events.
//!
//! With routing, an event whose pack set a log source meets the rules that ask for it
//! ([`LogSource::covers`]). For an event without one, and for every Windows event, the log source
//! is derived from its channel and event id by `data/windows.yml`, and from `product`, `category`
//! and `service` members of the record where their values are ones that rules use. A derived log
//! source only *excludes*: a part that is not known fits every rule, so nothing is missed for
//! want of knowledge. Without routing every rule is tried on every event.

use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;

use events::{Event, FieldId, LogSource, LogSourceId, Value};
use hashbrown::{DefaultHashBuilder, HashMap, HashSet};

use crate::compile::pool::Compiled;
use crate::yaml;

static CHANNELS: LazyLock<Channels> = LazyLock::new(|| read(include_str!("../data/windows.yml")));

#[derive(Default)]
struct Channels {
    by_name: HashMap<String, Channel>,
    /// Every category the table names.
    categories: HashSet<String>,
}

struct Channel {
    service: String,
    events: HashMap<i64, Vec<String>>,
}

fn read(text: &str) -> Channels {
    let mut out = Channels::default();
    let (docs, _) = yaml::parse(text);
    for node in docs.first().map(|d| d.items()).unwrap_or_default() {
        let text = |name: &str| node.get(name).and_then(|n| n.text()).unwrap_or("").to_owned();
        let mut events = HashMap::new();
        for (id, categories) in node.get("events").and_then(|n| n.map()).unwrap_or_default() {
            let Some(id) = id.text().and_then(|t| t.parse().ok()) else { continue };
            let names: Vec<String> =
                categories.items().iter().filter_map(|n| n.text().map(str::to_owned)).collect();
            out.categories.extend(names.iter().cloned());
            events.insert(id, names);
        }
        out.by_name.insert(
            text("channel").to_ascii_lowercase(),
            Channel { service: text("service"), events },
        );
    }
    out
}

/// What is known of an event's log source.
#[derive(Debug, Default, PartialEq, Eq)]
struct Derived {
    product: Option<String>,
    service: Option<String>,
    /// Categories it has; `None` if nothing is known of them.
    categories: Option<Vec<String>>,
}

impl Derived {
    fn fits(&self, rule: &LogSource) -> bool {
        let part = |want: &str, have: &Option<String>| {
            want.is_empty() || have.as_ref().is_none_or(|h| h.eq_ignore_ascii_case(want))
        };
        let category = rule.category.is_empty()
            || self.categories.as_ref().is_none_or(|have| {
                have.iter().any(|c| c.eq_ignore_ascii_case(&rule.category))
                    || !CHANNELS.categories.contains(&rule.category)
            });
        part(&rule.product, &self.product) && part(&rule.service, &self.service) && category
    }
}

/// The rules and fields that matter for one kind of event.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Classes tried, as a bit set.
    classes: Vec<u64>,
    /// Logical fields read by them, as a bit set.
    live: Vec<u64>,
    /// Runnables to try whatever the event holds.
    pub(crate) always: Vec<u32>,
    /// Whether keywords are looked for.
    pub(crate) keywords: bool,
    /// Whether any rule is tried at all.
    pub(crate) any: bool,
}

impl Plan {
    #[inline]
    pub(crate) fn tries(&self, class: u32) -> bool {
        bit(&self.classes, class)
    }

    #[inline]
    pub(crate) fn reads(&self, logical: u32) -> bool {
        bit(&self.live, logical)
    }

    fn new(compiled: &Compiled, fits: impl Fn(&LogSource) -> bool) -> Self {
        let mut plan = Self::default();
        plan.classes.resize(compiled.classes.len().div_ceil(64), 0);
        for (at, source) in compiled.classes.iter().enumerate() {
            if fits(source) {
                plan.classes[at / 64] |= 1 << (at % 64);
                plan.any = true;
            }
        }
        plan.live.resize(compiled.readers.len().div_ceil(64), 0);
        for (at, readers) in compiled.readers.iter().enumerate() {
            if readers.iter().zip(&plan.classes).any(|(r, c)| r & c != 0) {
                plan.live[at / 64] |= 1 << (at % 64);
            }
        }
        let tried = |id: &&u32| plan.tries(compiled.runnables[**id as usize].class);
        plan.always = compiled.always.iter().filter(tried).copied().collect();
        plan.keywords = compiled.keyword.is_some_and(|k| plan.reads(k));
        plan
    }
}

fn bit(set: &[u64], at: u32) -> bool {
    set.get(at as usize / 64).is_some_and(|w| w >> (at % 64) & 1 == 1)
}

/// Plans already made, by what they depend on. Part of a scratch.
#[derive(Default)]
pub(crate) struct Plans {
    by_key: HashMap<u64, u32>,
    plans: Vec<Plan>,
    hasher: DefaultHashBuilder,
    folded: String,
}

/// Distinct plans kept; beyond it they are made anew.
const PLANS_MAX: usize = 4_096;

/// Fields by which Windows events say what they are.
struct Fields {
    channel: Vec<FieldId>,
    id: Vec<FieldId>,
    product: Option<FieldId>,
    category: Option<FieldId>,
    service: Option<FieldId>,
}

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let ids = |names: &[&str]| names.iter().filter_map(|n| FieldId::intern(n)).collect();
    Fields {
        channel: ids(&["Channel", "winlog.channel", "Event.System.Channel"]),
        id: ids(&[
            "EventID",
            "winlog.event_id",
            "event.code",
            "Event.System.EventID",
            "Event.System.EventID.#text",
        ]),
        product: FieldId::intern("product"),
        category: FieldId::intern("category"),
        service: FieldId::intern("service"),
    }
});

/// The members of one event that tell its log source.
#[derive(Default)]
struct Told<'e> {
    channel: Option<&'e str>,
    id: Option<i64>,
    product: Option<&'e str>,
    category: Option<&'e str>,
    service: Option<&'e str>,
}

impl<'e> Told<'e> {
    fn of(event: &'e Event) -> Self {
        let fields = &*FIELDS;
        let mut told = Self::default();
        let (mut channel_rank, mut id_rank) = (usize::MAX, usize::MAX);
        for (field, value) in event.fields() {
            if let Some(rank) = fields.channel.iter().position(|f| *f == field) {
                if rank < channel_rank {
                    (channel_rank, told.channel) = (rank, value.as_str());
                }
            } else if let Some(rank) = fields.id.iter().position(|f| *f == field) {
                if rank < id_rank {
                    (id_rank, told.id) = (rank, value.as_i64());
                }
            } else if let Value::Str(text) = value {
                let field = Some(field);
                if field == fields.product {
                    told.product = Some(text);
                } else if field == fields.category {
                    told.category = Some(text);
                } else if field == fields.service {
                    told.service = Some(text);
                }
            }
        }
        told
    }

    /// The log source that follows, given the parts that rules use and what the pack said.
    fn derive(&self, given: &LogSource, compiled: &Compiled) -> Derived {
        let used = |text: Option<&str>, part: fn(&LogSource) -> &str| {
            let text = text?.to_ascii_lowercase();
            compiled.classes.iter().any(|c| part(c) == text).then_some(text)
        };
        let mut out = Derived {
            product: used(self.product, |c| &c.product),
            service: used(self.service, |c| &c.service),
            categories: used(self.category, |c| &c.category).map(|c| vec![c]),
        };
        if let Some(channel) =
            self.channel.and_then(|c| CHANNELS.by_name.get(&c.to_ascii_lowercase()))
        {
            out.product = Some("windows".into());
            out.service = Some(channel.service.clone());
            let named = self.id.and_then(|id| channel.events.get(&id)).cloned().unwrap_or_default();
            out.categories.get_or_insert_default().extend(named);
        }
        if !given.product.is_empty() {
            out.product = Some(given.product.clone());
        }
        if !given.service.is_empty() && out.service.is_none() {
            out.service = Some(given.service.clone());
        }
        if !given.category.is_empty() {
            out.categories.get_or_insert_default().push(given.category.clone());
        }
        out
    }
}

impl Plans {
    /// The plan for an event.
    pub(crate) fn of(&mut self, event: &Event, compiled: &Compiled, routing: bool) -> &Plan {
        let at = self.index(event, compiled, routing);
        &self.plans[at]
    }

    fn index(&mut self, event: &Event, compiled: &Compiled, routing: bool) -> usize {
        if !routing {
            return self.known(0).unwrap_or_else(|| self.keep(0, Plan::new(compiled, |_| true)));
        }
        // Keys below 2^32 are log sources set by packs; derived ones have the top bit set.
        let mut told = None;
        let mut key = event.logsource.index() as u64;
        if event.logsource == LogSourceId::UNKNOWN || is_windows(event.logsource) {
            let found = Told::of(event);
            key |= self.hash(&found, event.logsource);
            told = Some(found);
        }
        if let Some(at) = self.known(key) {
            return at;
        }
        let given = event.logsource.get();
        let plan = match told {
            Some(told) => {
                let derived = told.derive(&given, compiled);
                Plan::new(compiled, |rule| derived.fits(rule))
            }
            None => Plan::new(compiled, |rule| rule.covers(&given)),
        };
        self.keep(key, plan)
    }

    fn hash(&mut self, told: &Told<'_>, source: LogSourceId) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_usize(source.index());
        for text in [told.channel, told.product, told.category, told.service] {
            crate::fold::fold_into(text.unwrap_or(""), &mut self.folded);
            hasher.write(self.folded.as_bytes());
            hasher.write_u8(0xff);
        }
        hasher.write_i64(told.id.unwrap_or(-1));
        hasher.finish() | 1 << 63
    }

    fn known(&self, key: u64) -> Option<usize> {
        self.by_key.get(&key).map(|at| *at as usize)
    }

    fn keep(&mut self, key: u64, plan: Plan) -> usize {
        if self.plans.len() >= PLANS_MAX {
            self.plans.clear();
            self.by_key.clear();
        }
        self.plans.push(plan);
        self.by_key.insert(key, self.plans.len() as u32 - 1);
        self.plans.len() - 1
    }
}

/// Whether a pack's log source is a Windows one: those are told apart further by channel.
fn is_windows(source: LogSourceId) -> bool {
    thread_local! {
        static KNOWN: std::cell::RefCell<Vec<Option<bool>>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    KNOWN.with_borrow_mut(|known| {
        if known.len() <= source.index() {
            known.resize(source.index() + 1, None);
        }
        *known[source.index()]
            .get_or_insert_with(|| source.get().product.eq_ignore_ascii_case("windows"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told<'a>(channel: &'a str, id: i64) -> Told<'a> {
        Told { channel: Some(channel), id: Some(id), ..Told::default() }
    }

    #[test]
    fn the_table_is_read_whole() {
        assert!(yaml::parse(include_str!("../data/windows.yml")).1.is_none());
        assert!(CHANNELS.by_name.len() > 20 && CHANNELS.categories.len() > 25);
        assert!(CHANNELS.by_name.values().all(|c| !c.service.is_empty()));
    }

    #[test]
    fn sysmon_and_security_events_find_their_rules() {
        let compiled = Compiled::default();
        let d = told("Microsoft-Windows-Sysmon/Operational", 13)
            .derive(&LogSource::default(), &compiled);
        assert!(d.fits(&LogSource::new("windows", "registry_set", "")));
        assert!(d.fits(&LogSource::new("windows", "registry_event", "")));
        assert!(d.fits(&LogSource::new("windows", "", "sysmon")));
        assert!(!d.fits(&LogSource::new("windows", "process_creation", "")));
        assert!(!d.fits(&LogSource::new("linux", "", "")));
        assert!(!d.fits(&LogSource::new("windows", "", "security")));
        assert!(d.fits(&LogSource::new("", "antivirus", "")), "a category not in the table");
        let d = told("security", 4688).derive(&LogSource::default(), &compiled);
        assert!(d.fits(&LogSource::new("windows", "process_creation", "")));
        assert!(d.fits(&LogSource::new("windows", "", "security")));
        let d = told("Security", 4625).derive(&LogSource::default(), &compiled);
        assert!(!d.fits(&LogSource::new("windows", "process_creation", "")));
    }

    #[test]
    fn what_is_not_known_fits_everything() {
        let d = Told::default().derive(&LogSource::default(), &Compiled::default());
        assert_eq!(d, Derived::default());
        assert!(d.fits(&LogSource::new("aws", "", "cloudtrail")));
    }
}
