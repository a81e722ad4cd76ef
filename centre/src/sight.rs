//! Who sees what (动态脱敏): personal data of a grade that a role has no need of is shown masked,
//! wherever text of log records leaves `centre`. One place for pages, API, exports and command line:
//! the façade passes what it answers through the caller's [`Veil`].
//!
//! Searches go over the records as they are, so the same query finds the same records for everybody;
//! only what is shown differs. That also means that who knows a value can learn by searching for it
//! whether it is there: each search is in the audit log. What no finder knows as personal is shown.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, MatchKind};
use compliance::records::text::{FieldHint, TextFinder, looked_at, plain};
use compliance::records::{Day, Kind, Taxonomy};
use events::field::{self, ColumnKind};
use events::time::BEIJING_OFFSET_SECS;
use events::{Lang, Timestamp};
use ring::hmac;

use crate::account::Role;
use crate::alert::AlertGroup;
use crate::reveal::policy::SightRule;
use crate::view::{Record, SensorRow, shown};

/// What a masked value begins with.
pub const MARK: char = '〔';

/// Whether a masked value stands in a text: brackets alone people write too.
pub(crate) fn holds_mask(text: &str) -> bool {
    text.split(MARK)
        .skip(1)
        .filter_map(|rest| rest.split_once('〕')?.0.rsplit_once(':'))
        .any(|(_, tag)| tag.len() == 4 && tag.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The rules of sight of a node.
pub(crate) struct Sight {
    rule: SightRule,
    grades: Vec<(Kind, u8)>,
    tags: hmac::Key,
}

impl Sight {
    pub(crate) fn new(rule: SightRule, taxonomy: &Taxonomy, key: &[u8; 32]) -> Self {
        // A type that the taxonomy does not grade is masked for everybody.
        let grade = |kind: Kind| taxonomy.of_kind(kind).map_or(u8::MAX, |e| e.level);
        let graded = Kind::ALL.iter().filter(|kind| !rule.open.contains(kind));
        let grades = graded.map(|kind| (*kind, grade(*kind))).collect();
        Self { rule, grades, tags: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// What a role looks through.
    pub(crate) fn veil<'a>(
        &'a self,
        role: &Role,
        lang: Lang,
        taxonomy: &'a Taxonomy,
        now: Timestamp,
    ) -> Veil<'a> {
        self.veil_of(self.rule.of(role), lang, taxonomy, now)
    }

    /// What a reader of this grade looks through.
    pub(crate) fn veil_of<'a>(
        &'a self,
        grade: u8,
        lang: Lang,
        taxonomy: &'a Taxonomy,
        now: Timestamp,
    ) -> Veil<'a> {
        let hidden =
            self.grades.iter().filter(|(_, g)| *g > grade).map(|(kind, _)| *kind).collect();
        Veil { sight: self, taxonomy, hidden, finder: TextFinder::new(today(now)), lang }
    }

    /// The mask of a value: its type, and four digits under the node's key, so that one value is one
    /// mask wherever it stands, and nobody can work out from which.
    fn mask(&self, kind: Kind, value: &str, lang: Lang) -> String {
        let letters: String = value.chars().filter(|c| c.is_alphanumeric()).collect();
        let tag = hmac::sign(&self.tags, letters.to_lowercase().as_bytes());
        let tag = tag.as_ref().iter().take(2).fold(0u16, |n, b| n << 8 | u16::from(*b));
        let (zh, en) = kind.titles();
        format!("{MARK}{}:{tag:04x}〕", lang.pick(zh, en))
    }
}

/// Today in Beijing.
fn today(now: Timestamp) -> Day {
    let secs = now.secs() + i64::from(BEIJING_OFFSET_SECS);
    // A timestamp lies between 1677 and 2262, so it always has a day.
    Day::from_unix_days(secs.div_euclid(86_400)).unwrap_or(Day { year: 1970, month: 1, day: 1 })
}

/// What one caller looks through. Texts go in as they are and come out as the caller may see them.
pub(crate) struct Veil<'a> {
    sight: &'a Sight,
    taxonomy: &'a Taxonomy,
    hidden: Vec<Kind>,
    finder: TextFinder,
    lang: Lang,
}

/// A value that is masked, and its mask.
struct Hidden {
    kind: Kind,
    /// As it was found.
    written: String,
    /// As it reads.
    value: String,
    mask: String,
}

impl Veil<'_> {
    /// Whether everything is seen: then nothing is looked at.
    pub(crate) fn is_open(&self) -> bool {
        self.hidden.is_empty()
    }

    /// A text by itself; `field` is the name of what it stands in, or nothing.
    pub(crate) fn text<'t>(&mut self, field: &str, text: &'t str) -> Cow<'t, str> {
        if self.is_open() {
            return Cow::Borrowed(text);
        }
        let mut hidden = Vec::new();
        self.collect(field, text, &mut hidden);
        if hidden.is_empty() && looked_at(text) == text.len() {
            return Cow::Borrowed(text);
        }
        Cover::new(&hidden, self.lang).over(text)
    }

    /// The same, in place.
    pub(crate) fn hide(&mut self, field: &str, text: &mut String) {
        if let Cow::Owned(shown) = self.text(field, text) {
            *text = shown;
        }
    }

    /// A log record: what one part of it gives away as personal is masked in all of it.
    pub(crate) fn record(&mut self, record: &mut Record) {
        if self.is_open() {
            return;
        }
        let hidden = self.hidden_in(record);
        let long = |text: &str| looked_at(text) < text.len();
        let texts = || record.fields.iter().map(|(_, value)| value);
        if hidden.is_empty() && !long(&record.raw) && !texts().any(|value| long(&shown(value))) {
            return;
        }
        let cover = Cover::new(&hidden, self.lang);
        for (name, value) in &mut record.fields {
            // A number may be a telephone's.
            let text = shown(value);
            let covered = cover.over(&text);
            if covered != text && !is_measure(name, &text) {
                *value = covered.into_owned().into();
            }
        }
        if let Cow::Owned(covered) = cover.over(&record.raw) {
            record.raw = covered;
        }
        record.masked = hidden.iter().map(|h| h.kind.name()).collect();
        record.masked.sort_unstable();
        record.masked.dedup();
    }

    /// An alert group: its key, its entities, what matched, and what people wrote.
    pub(crate) fn group(&mut self, group: &mut AlertGroup) {
        if self.is_open() {
            return;
        }
        for (field, value) in &mut group.key {
            self.hide(field, value);
        }
        for entity in &mut group.entities {
            self.hide("", &mut entity.key);
        }
        for matched in &mut group.matched {
            if let Cow::Owned(shown) = self.text(&matched.field, &matched.value) {
                // Where the match lay is not where it lies now.
                (matched.value, matched.range) = (shown, None);
            }
        }
        for act in &mut group.history {
            self.hide("", &mut act.note);
        }
    }

    /// The group as the reader may see it.
    pub(crate) fn seen(&mut self, mut group: AlertGroup) -> AlertGroup {
        self.group(&mut group);
        group
    }

    /// A sensor: its samples of what could not be decoded are records.
    pub(crate) fn sensor(&mut self, sensor: &mut SensorRow) {
        for sample in &mut sensor.samples {
            self.hide("", sample);
        }
    }

    /// Rows of a table; the columns' names say what they may hold. How many rows were changed.
    pub(crate) fn table(&mut self, columns: &[String], rows: &mut [Vec<String>]) -> u64 {
        let mut changed = 0;
        if self.is_open() {
            return changed;
        }
        for row in rows {
            let mut any = false;
            for (n, cell) in row.iter_mut().enumerate() {
                let column = columns.get(n).map_or("", String::as_str);
                if let Cow::Owned(shown) = self.text(column, cell) {
                    (*cell, any) = (shown, true);
                }
            }
            changed += u64::from(any);
        }
        changed
    }

    /// The kinds of personal data in a record that this veil hides.
    pub(crate) fn kinds(&mut self, record: &Record) -> Vec<Kind> {
        self.hidden_in(record).into_iter().map(|h| h.kind).collect()
    }

    fn hidden_in(&mut self, record: &Record) -> Vec<Hidden> {
        let mut hidden = Vec::new();
        self.collect("", &record.raw, &mut hidden);
        for (name, value) in &record.fields {
            self.collect(name, &shown(value), &mut hidden);
        }
        hidden
    }

    fn collect(&mut self, field: &str, text: &str, out: &mut Vec<Hidden>) {
        if text.is_empty() || is_measure(field, text) {
            return;
        }
        let hint = FieldHint::of(field, self.taxonomy);
        for found in self.finder.find(text, hint, self.taxonomy) {
            let Some(written) = text.get(found.start..found.end) else { continue };
            if !self.hidden.contains(&found.kind) || out.iter().any(|h| h.written == written) {
                continue;
            }
            let value = plain(written).into_owned();
            let mask = self.sight.mask(found.kind, &value, self.lang);
            out.push(Hidden { kind: found.kind, written: written.to_owned(), value, mask });
        }
    }
}

/// Names below which a number is one that machines count or measure.
const MEASURES: [&str; 3] = ["event.", "network.", "netflow."];

/// Whether a value is a number that machines count or measure (bytes, durations, ports), by its
/// field: nobody's, whatever it looks like. Nanoseconds of a flow have the digits of a telephone.
fn is_measure(field: &str, value: &str) -> bool {
    let column = field::COLUMNS.iter().find(|column| column.name == field);
    let counts = column.is_some_and(|column| column.kind == ColumnKind::Integer)
        || MEASURES.iter().any(|start| field.starts_with(start));
    counts && value.parse::<f64>().is_ok()
}

/// The masks over the values of one record, laid on in one pass however many there are.
struct Cover {
    words: Option<AhoCorasick>,
    masks: Vec<String>,
    /// What stands for the part of a text that no finder looked at.
    rest: String,
}

impl Cover {
    fn new(hidden: &[Hidden], lang: Lang) -> Self {
        let (mut words, mut masks) = (Vec::new(), Vec::new());
        for one in hidden {
            for form in forms(&one.value).into_iter().chain([one.written.clone()]) {
                words.push(form);
                masks.push(one.mask.clone());
            }
        }
        let built = (!words.is_empty())
            .then(|| AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&words));
        let rest = lang.pick("其余过长，不予显示", "the rest is too long to be shown");
        Self { words: built.and_then(Result::ok), masks, rest: format!("{MARK}{rest}〕") }
    }

    fn over<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let looked = looked_at(text);
        let seen = text.get(..looked).unwrap_or_default();
        let mut out = match &self.words {
            Some(words) if words.is_match(seen) => Cow::Owned(words.replace_all(seen, &self.masks)),
            // Without its words nothing of the text can be shown.
            None if !self.masks.is_empty() => Cow::Owned(self.rest.clone()),
            _ => Cow::Borrowed(seen),
        };
        if looked < text.len() {
            out.to_mut().push_str(&self.rest);
        }
        out
    }
}

/// The ways a value may be written: as it is, escaped as in JSON, as in a URL.
fn forms(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned()];
    if value.is_ascii() {
        if value.contains('@') {
            forms.push(value.replace('@', "%40"));
        }
        return forms;
    }
    let units = || value.encode_utf16();
    forms.push(units().map(|u| format!("\\u{u:04x}")).collect());
    forms.push(units().map(|u| format!("\\u{u:04X}")).collect());
    forms.push(value.bytes().map(|b| format!("%{b:02X}")).collect());
    forms.push(value.bytes().map(|b| format!("%{b:02x}")).collect());
    forms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reveal::RevealPolicy;
    use events::{EventId, SiteId};

    fn taxonomy() -> Taxonomy {
        Taxonomy::embedded().unwrap()
    }

    fn sight(taxonomy: &Taxonomy) -> Sight {
        let policy = RevealPolicy::open(None, taxonomy).unwrap();
        Sight::new(policy.sight, taxonomy, &[7; 32])
    }

    fn now() -> Timestamp {
        Timestamp::from_secs(1_795_000_000)
    }

    fn record(raw: &str, fields: &[(&'static str, &str)]) -> Record {
        Record {
            id: EventId::default(),
            time: now(),
            received: now(),
            site: SiteId::BUREAU,
            sensor: "x",
            logsource: String::new(),
            fields: fields.iter().map(|(n, v)| (*n, (*v).into())).collect(),
            raw: raw.to_owned(),
            exercise: false,
            undecoded: false,
            masked: vec![],
        }
    }

    const RAW: &str = "<13>1 2026-11-27T01:00:00Z 10.1.1.3 sms - - - 学生张三丰 手机 13800138000 \
        身份证 11010519491231002X 邮箱 a.b@example.org 来自 203.0.113.9";

    #[test]
    fn each_grade_sees_its_own_and_machines_stay_readable() {
        let taxonomy = taxonomy();
        let sight = sight(&taxonomy);
        let seen = |grade: u8| {
            let mut r = record(RAW, &[("user.phone", "13800138000"), ("source.ip", "10.1.1.3")]);
            sight.veil_of(grade, Lang::Zh, &taxonomy, now()).record(&mut r);
            r
        };
        assert_eq!(
            seen(4),
            record(RAW, &[("user.phone", "13800138000"), ("source.ip", "10.1.1.3")])
        );
        let low = seen(1);
        for secret in ["张三丰", "13800138000", "11010519491231002X", "a.b@example.org"] {
            assert!(!low.raw.contains(secret), "{}", low.raw);
        }
        assert!(low.raw.contains("203.0.113.9") && low.fields[1].1 == "10.1.1.3");
        assert_eq!(low.masked, ["CN_ID", "CN_PHONE", "EMAIL", "NAME"]);
        let two = seen(2);
        assert!(two.raw.contains("张三丰") && !two.raw.contains("13800138000"));
        let mask = shown(&low.fields[0].1);
        assert!(mask.starts_with(MARK) && low.raw.contains(&*mask), "one value, one mask");
    }

    #[test]
    fn a_number_that_is_a_telephones_is_masked_too() {
        let taxonomy = taxonomy();
        let sight = sight(&taxonomy);
        let mut r = record("{\"phone\":13800138000}", &[]);
        // The same number of nanoseconds is nobody's.
        let number = serde_json::Value::from(13_800_138_000_u64);
        r.fields = vec![("phone", number.clone()), ("event.duration", number.clone())];
        sight.veil_of(1, Lang::Zh, &taxonomy, now()).record(&mut r);
        assert!(shown(&r.fields[0].1).starts_with(MARK), "{r:?}");
        assert_eq!(r.fields[1].1, number);
        assert!(!r.raw.contains("13800138000"), "{r:?}");
        let columns = ["phone", "event.duration"].map(str::to_owned);
        let mut rows = [columns.clone().map(|_| "13800138000".to_owned()).to_vec()];
        assert_eq!(sight.veil_of(1, Lang::Zh, &taxonomy, now()).table(&columns, &mut rows), 1);
        assert!(rows[0][0].starts_with(MARK) && rows[0][1] == "13800138000", "{rows:?}");
    }

    #[test]
    fn what_one_part_gives_away_is_masked_in_all_and_however_it_is_escaped() {
        let taxonomy = taxonomy();
        let sight = sight(&taxonomy);
        let mut veil = sight.veil_of(1, Lang::En, &taxonomy, now());
        let raw = r#"GET /q?xm=%E6%AC%A7%E9%98%B3%E5%A8%9C%E5%A8%9C&m=a%40example.org {"n":"\u6b27\u9633\u5a1c\u5a1c"} ok"#;
        let mut r = record(raw, &[("xsxm", "欧阳娜娜"), ("data.email", "a@example.org")]);
        veil.record(&mut r);
        assert!(r.fields.iter().all(|(_, v)| shown(v).starts_with(MARK)), "{r:?}");
        for left in ["%E6%AC%A7", "u6b27", "example.org"] {
            assert!(!r.raw.contains(left), "{}", r.raw);
        }
        assert!(r.raw.starts_with("GET /q?xm=〔name:") && r.raw.ends_with("ok"), "{}", r.raw);
    }

    #[test]
    fn tables_and_texts_and_what_is_too_long_to_be_searched() {
        let taxonomy = taxonomy();
        let sight = sight(&taxonomy);
        let mut veil = sight.veil(&Role::Analyst, Lang::Zh, &taxonomy, now());
        let columns = ["count".to_owned(), "sjh".to_owned()];
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        let mut rows = [row("3", "13800138000"), row("2", "13800138001"), row("1", "-")];
        assert_eq!(veil.table(&columns, &mut rows), 2);
        assert!(rows[0][0] == "3" && rows[0][1] != rows[1][1] && rows[2][1] == "-", "{rows:?}");
        let query = veil.text("", "user.phone:13800138000 | count").into_owned();
        assert!(
            query.starts_with("user.phone:〔手机号:") && query.ends_with("〕 | count"),
            "{query}"
        );
        let long = format!("{}13800138000", "x ".repeat(200_000));
        let shown = veil.text("", &long).into_owned();
        assert!(!shown.contains("13800138000") && shown.ends_with("〔其余过长，不予显示〕"));
        assert!(matches!(veil.text("", "nothing of anybody"), Cow::Borrowed(_)));
    }

    #[test]
    fn tags_are_of_this_node_and_say_the_same_of_one_value() {
        let taxonomy = taxonomy();
        let policy = RevealPolicy::open(None, &taxonomy).unwrap();
        let (one, two) = (sight(&taxonomy), Sight::new(policy.sight, &taxonomy, &[8; 32]));
        let of = |s: &Sight, v: &str| s.mask(Kind::CnPhone, v, Lang::Zh);
        assert_eq!(of(&one, "138-0013-8000"), of(&one, "13800138000"));
        assert_ne!(of(&one, "13800138000"), of(&two, "13800138000"));
    }
}
