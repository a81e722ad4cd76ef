//! Random rules, written out as YAML, on random events: the engine against what the rule means
//! by construction (which shares no code with the engine, its parser included).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

mod common;

use events::{Event, LogSource, LogSourceId, Value};
use proptest::prelude::*;
use rules::{LoadOptions, MemoLimits, RuleSet, Scratch, Source};

/// A value of an event; a field may have several, or none.
type Given = Vec<(String, String)>;

#[derive(Clone, Debug)]
enum Want {
    Text { how: &'static str, text: String, cased: bool },
    Null,
    Exists(bool),
    AtLeast(i64),
}

#[derive(Clone, Debug)]
struct Item {
    field: String,
    wants: Vec<Want>,
    all: bool,
    neq: bool,
}

#[derive(Clone, Debug)]
struct Made {
    items: Vec<Vec<Item>>,
    condition: Cond,
    category: &'static str,
}

#[derive(Clone, Debug)]
enum Cond {
    Item(usize),
    All(Vec<Cond>),
    Any(Vec<Cond>),
    Not(Box<Cond>),
    OneOf,
    AllOf,
}

fn item() -> impl Strategy<Value = Item> {
    let texts = ("contains|startswith|endswith|exact", "[abcAB1]{1,3}", any::<bool>())
        .prop_map(|(_, t, c)| (t, c));
    let how = prop_oneof![Just("contains"), Just("startswith"), Just("endswith"), Just("")];
    let text =
        (how, prop::collection::vec(texts, 1..4), any::<bool>()).prop_map(|(how, texts, all)| {
            // One list has one set of modifiers.
            let cased = texts[0].1;
            let wants =
                texts.into_iter().map(|(text, _)| Want::Text { how, text, cased }).collect();
            (wants, all)
        });
    let other = prop_oneof![
        Just((vec![Want::Null], false)),
        any::<bool>().prop_map(|b| (vec![Want::Exists(b)], false)),
        (0i64..4).prop_map(|n| (vec![Want::AtLeast(n)], false)),
    ];
    ("[xyz]", prop_oneof![4 => text, 1 => other], prop::bool::weighted(0.15))
        .prop_map(|(field, (wants, all), neq)| Item { field, wants, all, neq })
}

fn condition(items: usize) -> impl Strategy<Value = Cond> {
    let leaf = prop_oneof![4 => (0..items).prop_map(Cond::Item), 1 => Just(Cond::OneOf), 1 => Just(Cond::AllOf)];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Cond::All),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Cond::Any),
            inner.prop_map(|c| Cond::Not(Box::new(c))),
        ]
    })
}

fn rule() -> impl Strategy<Value = Made> {
    let items = prop::collection::vec(prop::collection::vec(item(), 1..3), 1..4);
    let category = prop_oneof![Just("webserver"), Just("dns"), Just("")];
    (items, category).prop_flat_map(|(items, category)| {
        condition(items.len()).prop_map(move |condition| Made {
            items: items.clone(),
            condition,
            category,
        })
    })
}

fn event() -> impl Strategy<Value = Given> {
    prop::collection::vec(("[xyzw]", "[abcAB1]{0,4}|NULL|[0-4]"), 0..6)
}

impl Item {
    fn key(&self) -> String {
        let mut key = self.field.clone();
        match &self.wants[0] {
            Want::Text { how, cased, .. } => {
                if !how.is_empty() {
                    key += &format!("|{how}");
                }
                if *cased {
                    key += "|cased";
                }
            }
            Want::Exists(_) => key += "|exists",
            Want::AtLeast(_) => key += "|gte",
            Want::Null => {}
        }
        if self.all {
            key += "|all";
        }
        if self.neq {
            key += "|neq";
        }
        key
    }

    fn yaml(&self) -> String {
        let values: Vec<String> = self
            .wants
            .iter()
            .map(|w| match w {
                Want::Text { text, .. } => format!("'{text}'"),
                Want::Null => "null".into(),
                Want::Exists(b) => b.to_string(),
                Want::AtLeast(n) => n.to_string(),
            })
            .collect();
        format!("      {}: [{}]\n", self.key(), values.join(", "))
    }

    fn means(&self, event: &Given) -> bool {
        let values: Vec<&str> =
            event.iter().filter(|(f, _)| *f == self.field).map(|(_, v)| v.as_str()).collect();
        let one = |want: &Want| match want {
            Want::Null => values.is_empty() || values.contains(&"NULL"),
            Want::Exists(b) => *b != values.is_empty(),
            Want::AtLeast(n) => values.iter().any(|v| v.parse::<i64>().is_ok_and(|v| v >= *n)),
            Want::Text { how, text, cased } => values.iter().filter(|v| **v != "NULL").any(|v| {
                let (v, t) = if *cased {
                    ((*v).to_owned(), text.clone())
                } else {
                    (v.to_lowercase(), text.to_lowercase())
                };
                match *how {
                    "contains" => v.contains(&t),
                    "startswith" => v.starts_with(&t),
                    "endswith" => v.ends_with(&t),
                    _ => v == t,
                }
            }),
        };
        let held = if self.all { self.wants.iter().all(one) } else { self.wants.iter().any(one) };
        held != self.neq
    }
}

impl Made {
    fn yaml(&self, id: usize) -> String {
        let mut out = format!(
            "title: r\nid: r{id}\nlogsource:\n  category: '{}'\ndetection:\n",
            self.category
        );
        for (at, group) in self.items.iter().enumerate() {
            out += &format!("  s{at}:\n");
            // A map cannot hold a key twice: a later item of the same key is left out of both.
            for item in Self::distinct(group) {
                out += &item.yaml()[2..];
            }
        }
        out + &format!("  condition: {}\n", Self::text(&self.condition))
    }

    fn distinct(group: &[Item]) -> Vec<&Item> {
        let mut out: Vec<&Item> = Vec::new();
        for item in group {
            if out.iter().all(|o| o.key() != item.key()) {
                out.push(item);
            }
        }
        out
    }

    fn text(c: &Cond) -> String {
        let join = |parts: &[Cond], by: &str| {
            let parts: Vec<String> = parts.iter().map(Self::text).collect();
            format!("({})", parts.join(by))
        };
        match c {
            Cond::Item(n) => format!("s{n}"),
            Cond::All(p) => join(p, " and "),
            Cond::Any(p) => join(p, " or "),
            Cond::Not(c) => format!("not {}", Self::text(c)),
            Cond::OneOf => "1 of s*".into(),
            Cond::AllOf => "all of them".into(),
        }
    }

    fn means(&self, event: &Given, category: &str) -> bool {
        let item = |n: usize| Self::distinct(&self.items[n]).iter().all(|i| i.means(event));
        let fits = self.category.is_empty() || category == self.category;
        fits && self.eval(&self.condition, &item)
    }

    fn eval(&self, c: &Cond, item: &dyn Fn(usize) -> bool) -> bool {
        match c {
            Cond::Item(n) => item(*n),
            Cond::All(p) => p.iter().all(|c| self.eval(c, item)),
            Cond::Any(p) => p.iter().any(|c| self.eval(c, item)),
            Cond::Not(c) => !self.eval(c, item),
            Cond::OneOf => (0..self.items.len()).any(item),
            Cond::AllOf => (0..self.items.len()).all(item),
        }
    }
}

fn made(given: &Given, category: &str) -> Event {
    let mut event = Event::new();
    event.logsource = LogSourceId::intern(&LogSource::new("test", category, ""));
    for (field, value) in given {
        let value = match value.as_str() {
            "NULL" => Value::Null,
            text => text.parse().map_or(Value::Str(text), Value::Int),
        };
        event.push_named(field, value);
    }
    event
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_engine_finds_what_the_rules_mean(
        rules in prop::collection::vec(rule(), 1..8),
        given in prop::collection::vec(event(), 1..8),
    ) {
        let text: Vec<String> = rules.iter().enumerate().map(|(n, r)| r.yaml(n)).collect();
        let source = Source::new("made.yml", text.join("---\n"));
        let loaded = RuleSet::load(std::slice::from_ref(&source), &LoadOptions::default());
        prop_assert_eq!(loaded.rejected, 0, "{:?}\n{}", loaded.problems, source.text);
        // The second forgets values at once, the third keeps none.
        let bounds = |values_max, bytes_max| MemoLimits { values_max, bytes_max, ..MemoLimits::default() };
        let tiny = [bounds(2, 1 << 10), bounds(64, 40)].map(Scratch::with_memo);
        let none = MemoLimits { value_bytes_max: 0, ..MemoLimits::default() };
        let scratches = [Scratch::new(), Scratch::with_memo(none)].into_iter().chain(tiny);
        let want: Vec<Vec<Vec<usize>>> = given
            .iter()
            .map(|given| {
                let meant = |category| {
                    (0..rules.len()).filter(|n| rules[*n].means(given, category)).collect()
                };
                vec![meant("webserver"), meant("dns")]
            })
            .collect();
        for mut scratch in scratches {
            let mut hits = Vec::new();
            // Again and again: the memo answers, and what wakes a rule is chosen anew.
            for _ in 0..4 {
                for (given, want) in given.iter().zip(&want) {
                    for (category, want) in ["webserver", "dns"].into_iter().zip(want) {
                        loaded.set.matches(&made(given, category), &mut scratch, &mut hits);
                        let got: Vec<usize> = hits.iter().map(|h| h.rule.index()).collect();
                        prop_assert_eq!(&got, want, "{:?}\n{}", given, source.text);
                    }
                }
            }
        }
    }

    #[test]
    fn no_text_makes_loading_panic(text in "(\\PC|\n|title: |id: |detection:\n|  s:\n|    f\\|re: |condition: |logsource: |- |\\[|\\{|%|---\n){0,60}") {
        let source = Source::new("any", text);
        let loaded = RuleSet::load(std::slice::from_ref(&source), &LoadOptions::default());
        for problem in &loaded.problems {
            prop_assert!(!problem.render(&source.text, events::Lang::Zh, true).is_empty());
        }
    }

    #[test]
    fn no_value_and_modifiers_make_loading_panic(
        mods in "(\\|(contains|all|re|i|cased|base64|base64offset|wide|utf16|windash|cidr|exists|gt|expand|fieldref|hour|neq|x)){0,4}",
        value in "\\PC{0,20}",
    ) {
        let quoted = value.replace('\'', "''");
        let text = format!("title: t\nid: t\nlogsource:\n  product: x\ndetection:\n  s:\n    f{mods}: '{quoted}'\n  condition: s\n");
        let source = Source::new("any", text);
        let loaded = RuleSet::load(std::slice::from_ref(&source), &LoadOptions::default());
        prop_assert!(loaded.set.rules().len() + loaded.rejected == 1);
        let mut event = Event::new();
        event.push_named("f", Value::Str(&value));
        loaded.set.matches(&event, &mut Scratch::new(), &mut Vec::new());
    }
}
