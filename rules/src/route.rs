//! Which rules are tried on which events.
//!
//! With routing, an event whose pack set a log source meets the rules that ask for it
//! ([`LogSource::covers`]). For an event without one, and for every Windows event, the log source
//! is derived from its channel and event id by `data/windows.yml`, and from `product`, `category`
//! and `service` members of the record where their values are ones that rules use. A derived log
//! source only *excludes*: a part that is not known fits every rule, so nothing is missed for
//! want of knowledge. Of a channel in the table all categories are known: a security log is no
//! web server's. Without routing every rule is tried on every event.

use std::sync::LazyLock;

use events::{Event, FieldId, LogSource, LogSourceId};
use hashbrown::HashMap;

use crate::bits::Bits;
use crate::compile::pool::Compiled;
use crate::plan::Plan;
use crate::yaml;

static CHANNELS: LazyLock<Channels> = LazyLock::new(|| read(include_str!("../data/windows.yml")));

type Channels = HashMap<String, Channel>;

struct Channel {
    service: String,
    /// Categories of some of its events.
    events: HashMap<i64, Vec<String>>,
    /// Categories that any of its events may have.
    also: Vec<String>,
}

fn read(text: &str) -> Channels {
    let mut out = Channels::default();
    let (docs, _) = yaml::parse(text);
    let texts = |node: &yaml::Node| -> Vec<String> {
        node.items().iter().filter_map(|n| n.text().map(str::to_owned)).collect()
    };
    for node in docs.first().map(|d| d.items()).unwrap_or_default() {
        let service = node.get("service").and_then(|n| n.text()).unwrap_or("").to_owned();
        let events = node.get("events").and_then(|n| n.map()).unwrap_or_default().iter();
        let events: HashMap<i64, Vec<String>> =
            events.filter_map(|(id, c)| Some((id.text()?.parse().ok()?, texts(c)))).collect();
        let also = node.get("also").map(texts).unwrap_or_default();
        for name in node.get("channel").map(texts).unwrap_or_default() {
            let channel =
                Channel { service: service.clone(), events: events.clone(), also: also.clone() };
            out.insert(name.to_ascii_lowercase(), channel);
        }
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
        let same = |have: &String| have.eq_ignore_ascii_case(&rule.category);
        let category = rule.category.is_empty()
            || self.categories.as_ref().is_none_or(|have| have.iter().any(same));
        part(&rule.product, &self.product) && part(&rule.service, &self.service) && category
    }
}

/// What a member of a record tells about its log source.
#[derive(Clone, Copy)]
enum Part {
    /// With its place in the order of names, of which the first that is present counts.
    Channel(usize),
    Id(usize),
    Product,
    Category,
    Service,
}

/// By [`FieldId::index`].
static PARTS: LazyLock<Vec<Option<Part>>> = LazyLock::new(|| {
    let mut out = Vec::new();
    let mut add = |name: &str, part: Part| {
        let Some(id) = FieldId::intern(name) else { return };
        if out.len() <= id.index() {
            out.resize(id.index() + 1, None);
        }
        out[id.index()] = Some(part);
    };
    for (rank, name) in ["Channel", "winlog.channel", "Event.System.Channel"].iter().enumerate() {
        add(name, Part::Channel(rank));
    }
    let ids = [
        "EventID",
        "winlog.event_id",
        "event.code",
        "Event.System.EventID",
        "Event.System.EventID.#text",
    ];
    for (rank, name) in ids.iter().enumerate() {
        add(name, Part::Id(rank));
    }
    add("product", Part::Product);
    add("category", Part::Category);
    add("service", Part::Service);
    out
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
        let parts = PARTS.as_slice();
        let mut told = Self::default();
        let (mut channel_rank, mut id_rank) = (usize::MAX, usize::MAX);
        for (field, at) in event.ids().zip(0..) {
            let Some(Some(part)) = parts.get(field.index()) else { continue };
            let value = event.value_at(at);
            match *part {
                Part::Channel(rank) if rank < channel_rank => {
                    (channel_rank, told.channel) = (rank, value.as_str());
                }
                Part::Id(rank) if rank < id_rank => (id_rank, told.id) = (rank, value.as_i64()),
                Part::Channel(_) | Part::Id(_) => {}
                Part::Product => told.product = value.as_str().or(told.product),
                Part::Category => told.category = value.as_str().or(told.category),
                Part::Service => told.service = value.as_str().or(told.service),
            }
        }
        told
    }
}

/// An event's log source in what rules and the table know, each by number; 0 is "not known".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Key {
    given: usize,
    channel: u32,
    id: i64,
    product: u32,
    category: u32,
    service: u32,
}

/// Finds the number of a text, trying the one it had the last time first.
#[derive(Default)]
struct Numbers {
    by_text: HashMap<String, u32>,
    /// By texts as they were met, whatever their case.
    met: HashMap<String, u32>,
    texts: Vec<String>,
    last: (String, u32),
}

impl Numbers {
    fn new<'t>(texts: impl Iterator<Item = &'t str>) -> Self {
        let mut out = Self::default();
        for text in texts.filter(|t| !t.is_empty()) {
            if !out.by_text.contains_key(text) {
                out.texts.push(text.to_owned());
                out.by_text.insert(text.to_owned(), out.texts.len() as u32);
            }
        }
        out
    }

    /// The number of a text whatever its case; 0 if it has none.
    #[inline]
    fn of(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text else { return 0 };
        if self.last.0 != text {
            let number = self.met.get(text).copied().unwrap_or_else(|| self.meet(text));
            self.last.0.clear();
            if text.len() <= PART_BYTES_MAX {
                self.last.0.push_str(text);
                self.last.1 = number;
            } else {
                self.last.1 = 0;
                return number;
            }
        }
        self.last.1
    }

    #[cold]
    fn meet(&mut self, text: &str) -> u32 {
        let number = self.by_text.get(&text.to_ascii_lowercase()).copied().unwrap_or(0);
        if self.met.len() >= MET_MAX {
            self.met.clear();
        }
        if text.len() <= PART_BYTES_MAX {
            self.met.insert(text.to_owned(), number);
        }
        number
    }

    fn text(&self, number: u32) -> Option<&String> {
        self.texts.get((number as usize).checked_sub(1)?)
    }
}

/// Longest text kept as it was met, in bytes, and most of them.
const PART_BYTES_MAX: usize = 256;
const MET_MAX: usize = 1_024;
/// Distinct plans and keys kept; beyond either all are made anew.
const PLANS_MAX: usize = 256;
const KEYS_MAX: usize = 4_096;

/// The way from an event to its plan. Part of a scratch; made for one set.
#[derive(Default)]
pub(crate) struct Router {
    channel: Numbers,
    product: Numbers,
    category: Numbers,
    service: Numbers,
    by_key: HashMap<Key, usize>,
    classes: Vec<Bits>,
    pub(crate) plans: Vec<Plan>,
    /// Versions given to plans so far.
    pub(crate) versions: u32,
}

impl Router {
    pub(crate) fn new(compiled: &Compiled) -> Self {
        let classes = || compiled.classes.iter();
        Self {
            channel: Numbers::new(CHANNELS.keys().map(String::as_str)),
            product: Numbers::new(classes().map(|c| c.product.as_str())),
            category: Numbers::new(classes().map(|c| c.category.as_str())),
            service: Numbers::new(classes().map(|c| c.service.as_str())),
            ..Self::default()
        }
    }

    /// Index of the plan for an event, into `plans`.
    pub(crate) fn plan(&mut self, event: &Event, compiled: &Compiled, routing: bool) -> usize {
        if !routing {
            if self.plans.is_empty() {
                let mut all = Bits::with_room(compiled.classes.len());
                (0..compiled.classes.len() as u32).for_each(|class| all.set(class));
                self.keep(Key::default(), compiled, all);
            }
            return 0;
        }
        let given = event.logsource;
        let mut key = Key { given: given.index(), ..Key::default() };
        let derived = given == LogSourceId::UNKNOWN || is_windows(given);
        if derived {
            let told = Told::of(event);
            key.channel = self.channel.of(told.channel);
            key.id = told.id.filter(|_| key.channel != 0).unwrap_or(0);
            key.product = self.product.of(told.product);
            key.category = self.category.of(told.category);
            key.service = self.service.of(told.service);
        }
        if let Some(at) = self.by_key.get(&key) {
            return *at;
        }
        let given = given.get();
        let mut classes = Bits::with_room(compiled.classes.len());
        if derived {
            let derived = self.derive(key, &given);
            self.collect(compiled, &mut classes, |rule| derived.fits(rule));
        } else {
            self.collect(compiled, &mut classes, |rule| rule.covers(&given));
        }
        self.keep(key, compiled, classes)
    }

    fn collect(&self, compiled: &Compiled, into: &mut Bits, fits: impl Fn(&LogSource) -> bool) {
        let fitting = compiled.classes.iter().zip(0u32..).filter(|(rule, _)| fits(rule));
        fitting.for_each(|(_, class)| into.set(class));
    }

    /// The log source that follows from what is known and what the pack said.
    fn derive(&self, key: Key, given: &LogSource) -> Derived {
        let mut out = Derived {
            product: self.product.text(key.product).cloned(),
            service: self.service.text(key.service).cloned(),
            categories: self.category.text(key.category).map(|c| vec![c.clone()]),
        };
        let channel = self.channel.text(key.channel).and_then(|c| CHANNELS.get(c));
        if let Some(channel) = channel {
            out.product = Some("windows".into());
            out.service = Some(channel.service.clone());
            let named = channel.events.get(&key.id).into_iter().flatten();
            let all = named.chain(&channel.also).cloned();
            out.categories.get_or_insert_default().extend(all);
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

    /// The plan for these classes, made if there is none yet.
    #[cold]
    fn keep(&mut self, key: Key, compiled: &Compiled, classes: Bits) -> usize {
        if self.by_key.len() >= KEYS_MAX || self.plans.len() >= PLANS_MAX {
            self.by_key.clear();
            self.classes.clear();
            self.plans.clear();
        }
        let at = self.classes.iter().position(|c| *c == classes).unwrap_or_else(|| {
            self.versions += 1;
            self.plans.push(Plan::new(compiled, self.versions, &classes));
            self.classes.push(classes);
            self.plans.len() - 1
        });
        self.by_key.insert(key, at);
        at
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

    fn derived(channel: &str, id: i64) -> Derived {
        let mut router = Router::new(&Compiled::default());
        let channel = router.channel.of(Some(channel));
        router.derive(Key { channel, id, ..Key::default() }, &LogSource::default())
    }

    #[test]
    fn the_table_is_read_whole() {
        assert!(yaml::parse(include_str!("../data/windows.yml")).1.is_none());
        let categories = CHANNELS.values().flat_map(|c| c.events.values().flatten());
        let categories: std::collections::HashSet<&String> = categories.collect();
        assert!(CHANNELS.len() > 40 && categories.len() > 25);
        assert!(CHANNELS.values().all(|c| !c.service.is_empty()));
        assert!(CHANNELS.values().any(|c| c.also == ["antivirus"]));
    }

    #[test]
    fn sysmon_and_security_events_find_their_rules() {
        let d = derived("Microsoft-Windows-Sysmon/Operational", 13);
        assert!(d.fits(&LogSource::new("windows", "registry_set", "")));
        assert!(d.fits(&LogSource::new("windows", "registry_event", "")));
        assert!(d.fits(&LogSource::new("windows", "", "sysmon")));
        assert!(!d.fits(&LogSource::new("windows", "process_creation", "")));
        assert!(!d.fits(&LogSource::new("linux", "", "")));
        assert!(!d.fits(&LogSource::new("windows", "", "security")));
        assert!(
            !d.fits(&LogSource::new("", "webserver", "")),
            "a sensor of processes, no web server"
        );
        let d = derived("Microsoft-Windows-Windows Defender/Operational", 1116);
        assert!(d.fits(&LogSource::new("", "antivirus", "")));
        assert!(!d.fits(&LogSource::new("", "proxy", "")));
        let d = derived("security", 4688);
        assert!(d.fits(&LogSource::new("windows", "process_creation", "")));
        assert!(d.fits(&LogSource::new("windows", "", "security")));
        let d = derived("Security", 4625);
        assert!(!d.fits(&LogSource::new("windows", "process_creation", "")));
    }

    #[test]
    fn what_is_not_known_fits_everything() {
        let d = derived("Something/Else", 1);
        assert_eq!(d, Derived::default());
        assert!(d.fits(&LogSource::new("aws", "", "cloudtrail")));
    }
}
