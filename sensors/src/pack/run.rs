//! Decoding one record with a pack.

use std::borrow::Cow;

use events::event::Marks;
use events::logsource::LogSourceId;
use events::{Event, FieldId, Timestamp, Value, field};

use super::compile::Constants;
use super::spec::{Constant, Part, Stage};
use super::{Pack, Packs};
use crate::decode::syslog::Envelope;
use crate::decode::{
    FieldMap, Out, Problem, access, audit, cef, columns, kv, leef, pairs, syslog, time, vrp,
};

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded<'p> {
    /// Decoded, by the pack of this name.
    Ok(&'p str),
    /// Kept undecoded, with this code (S1xx).
    Failed(&'static str),
}

/// A record as received, with its text where that is not plain UTF-8.
pub(crate) struct Record<'r> {
    pub(crate) bytes: &'r [u8],
    /// The record in UTF-8, from a known encoding.
    pub(crate) text: Option<Cow<'r, str>>,
    /// Whether the input cut it.
    pub(crate) cut: bool,
    /// Whether its protocol carries what an envelope would: a text without one is a message then.
    pub(crate) plain: bool,
    /// The program that wrote it, where its protocol says so.
    pub(crate) app: Option<&'r str>,
    /// The header above it in its file, which names its columns.
    pub(crate) header: Option<&'r str>,
}

impl<'r> Record<'r> {
    pub(crate) fn utf8(bytes: &'r [u8]) -> Self {
        Self { bytes, text: None, cut: false, plain: false, app: None, header: None }
    }
}

/// What values beside the record mostly take, in bytes, and how many fields there mostly are.
const OWN_TEXT_BYTES: usize = 48;
const FIELDS: usize = 16;

/// The pack of syslog records that no other pack declares.
const GENERIC: &str = "syslog";
/// The pack of JSON records that no other pack declares.
const GENERIC_JSON: &str = "json";
/// The pack of texts whose protocol carries the envelope.
const GENERIC_PLAIN: &str = "plain";

impl Packs {
    /// As [`Packs::decode`], with the record's encoding and the zone of times that name none.
    pub(crate) fn decode_record(
        &self,
        pack: Option<&str>,
        record: &Record<'_>,
        received: Timestamp,
        offset_secs: i32,
        event: &mut Event,
    ) -> Decoded<'_> {
        event.clear();
        event.reserve(record.bytes.len() + OWN_TEXT_BYTES, FIELDS);
        event.received = received;
        event.time = Timestamp::MIN;
        match &record.text {
            Some(text) => event.set_raw_decoded(record.bytes, text),
            None => event.set_raw(record.bytes),
        }
        if record.cut {
            event.marks.set(Marks::CUT);
        }
        // The decoders read a text that is not borrowed from the event they write to.
        let owned;
        let plain = match &record.text {
            Some(text) => Some(text.as_ref()),
            None => std::str::from_utf8(record.bytes).ok(),
        };
        let text = match plain {
            Some(text) if text.len() == event.raw_text().len() => text,
            _ => {
                owned = event.raw_text().to_owned();
                owned.as_str()
            }
        };
        let header = record.header;
        let mut job = Job { text, base: text, received, offset_secs, header, envelope: None };
        let outcome = self.choose(pack, record, &mut job).and_then(|pack| {
            event.logsource = pack.run.logsource;
            job.run(pack, event)?;
            self.inner(pack, &job, event);
            Ok(pack.name.as_str())
        });
        finish(outcome, received, event)
    }

    fn choose(
        &self,
        name: Option<&str>,
        record: &Record<'_>,
        job: &mut Job<'_>,
    ) -> Result<&Pack, Problem> {
        let get = |name| self.get(name).ok_or(Problem::UnknownPack);
        if let Some(name) = name {
            return get(name);
        }
        if let Some(found) = self.declared(record.app, record.plain, job) {
            return Ok(found);
        }
        if job.text.trim_start().starts_with('{') {
            return get(GENERIC_JSON);
        }
        match &job.envelope {
            Some(e) if e.message.starts_with('{') && e.message.ends_with('}') => get(GENERIC_JSON),
            Some(_) => get(GENERIC),
            None if record.plain => get(GENERIC_PLAIN),
            // Parsed again for the reason: this is the way of few records.
            None => Err(syslog::parse(job.text, job.received, job.offset_secs)
                .err()
                .unwrap_or(Problem::NotSyslog)),
        }
    }

    /// The pack that declares a text as its own; the envelope is noted on the way.
    /// With `bare`, a tag alone may stand for it.
    fn declared(&self, app: Option<&str>, bare: bool, job: &mut Job<'_>) -> Option<&Pack> {
        let text = job.text.trim_start();
        if text.starts_with('{') {
            let found = self.detector.find(&self.all, None, text);
            return found.filter(|p| p.run.stages.contains(&Stage::Json));
        }
        job.envelope = syslog::parse(job.text, job.received, job.offset_secs).ok();
        if bare
            && job.envelope.is_none()
            && let Some(envelope) = syslog::tagged(text)
            && let Some(found) = self.detector.find(&self.all, envelope.app, envelope.message)
        {
            job.envelope = Some(envelope);
            return Some(found);
        }
        let (own, message) = job.envelope.as_ref().map_or((None, job.text), |e| (e.app, e.message));
        self.detector.find(&self.all, own.or(app), message)
    }

    /// Decodes the record that another one carries in a field (`inner` of its pack): Filebeat's
    /// `message`, Docker's `log`. What the outer record says stands first.
    fn inner(&self, outer: &Pack, job: &Job<'_>, event: &mut Event) {
        let text = outer.run.inner.and_then(|f| event.str(f));
        let Some(text) = text.map(|t| t.trim_start().to_owned()) else {
            return;
        };
        let app = event.str(field::PROCESS_NAME).map(str::to_owned);
        let (time, source) = (event.time, event.logsource);
        let mut job = Job { text: &text, base: "", envelope: None, ..*job };
        let declared = self.declared(app.as_deref(), true, &mut job);
        let pack = match (declared, text.starts_with('{')) {
            (Some(pack), _) => Some(pack),
            (None, true) => self.get(GENERIC_JSON),
            (None, false) => None,
        };
        let Some(pack) = pack.filter(|pack| pack.name != outer.name) else { return };
        if declared.is_some() {
            event.logsource = pack.run.logsource;
        }
        if job.run(pack, event).is_err() {
            event.logsource = source;
        }
        if time != Timestamp::MIN {
            event.time = time;
        }
    }
}

/// Keeps what could not be decoded, and gives every event a time.
fn finish<'p>(
    outcome: Result<&'p str, Problem>,
    received: Timestamp,
    event: &mut Event,
) -> Decoded<'p> {
    if event.time == Timestamp::MIN {
        event.time = received;
        event.marks.set(Marks::NO_TIME);
    }
    match outcome {
        Ok(name) => Decoded::Ok(name),
        Err(problem) => {
            event.marks.set(Marks::UNDECODED);
            event.set(field::EVENT_KIND, Value::Str("pipeline_error"));
            event.set(field::ERROR_CODE, Value::Str(problem.code()));
            Decoded::Failed(problem.code())
        }
    }
}

/// One record on its way through a pack's stages.
struct Job<'t> {
    text: &'t str,
    /// The same where it is the event's own record, else empty.
    base: &'t str,
    received: Timestamp,
    offset_secs: i32,
    header: Option<&'t str>,
    /// Parsed already while the pack was chosen.
    envelope: Option<Envelope<'t>>,
}

impl<'t> Job<'t> {
    fn run(&mut self, pack: &Pack, event: &mut Event) -> Result<(), Problem> {
        let run = &pack.run;
        let mut rest = self.text;
        if rest.trim().is_empty() {
            return Err(Problem::Empty);
        }
        let mut enveloped = false;
        for stage in &run.stages {
            let mut out = Out::new(event, self.base, Some(&run.map));
            match stage {
                Stage::Syslog | Stage::SyslogPri | Stage::SyslogOnly => {
                    match self.envelope(*stage)? {
                        Some(envelope) => {
                            envelope.write(&mut out);
                            rest = envelope.message;
                            enveloped = true;
                        }
                        None => rest = self.text.trim_end_matches(['\r', '\n', '\0']),
                    }
                }
                Stage::Plain => {
                    rest = self.text;
                    enveloped = true;
                }
                Stage::Json => json(rest, &run.map, &mut out)?,
                Stage::Kv => kv::write(rest, &mut out)?,
                Stage::Audit => audit::write(rest, &mut out)?,
                Stage::KvOptional => {
                    let _none = kv::write(rest, &mut out);
                }
                Stage::Pairs => {
                    let _none = pairs::write(rest, &mut out);
                }
                Stage::Cef => cef::write(rest, &mut out)?,
                Stage::Leef => leef::write(rest, &mut out)?,
                Stage::AccessLog => {
                    access::write(rest, self.received, self.offset_secs, &mut out)?;
                }
                Stage::Columns => {
                    columns::write(rest, self.header, &run.columns, &mut out)?;
                }
                Stage::Vrp => {
                    if let Some(header) = vrp::parse(rest) {
                        out.native("vrp.module", header.module);
                        out.native("vrp.brief", header.brief);
                        rest = header.detail;
                    }
                }
            }
        }
        if enveloped && event.get(field::MESSAGE).is_none() && !rest.is_empty() {
            Out::new(event, self.base, None).put(field::MESSAGE, rest);
        }
        self.patterns(pack, rest, event)?;
        set(&run.set, event);
        self.when(pack, event);
        self.time(pack, event);
        Ok(())
    }

    fn envelope(&mut self, stage: Stage) -> Result<Option<Envelope<'t>>, Problem> {
        if stage == Stage::SyslogPri && !self.text.starts_with('<') {
            return Ok(None);
        }
        if let Some(known) = self.envelope.take() {
            return Ok(Some(known));
        }
        match syslog::parse(self.text, self.received, self.offset_secs) {
            Ok(envelope) => Ok(Some(envelope)),
            Err(Problem::NotSyslog) if stage != Stage::SyslogOnly => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    fn patterns(&self, pack: &Pack, rest: &str, event: &mut Event) -> Result<(), Problem> {
        for pattern in &pack.run.patterns {
            if !pattern.contains.is_empty() && !rest.contains(pattern.contains.as_str()) {
                continue;
            }
            let Some(found) = pattern.regex.captures(rest) else { continue };
            let mut out = Out::new(event, self.base, Some(&pack.run.map));
            for (index, name) in &pattern.groups {
                if let Some(group) = found.get(*index).filter(|g| !g.is_empty()) {
                    out.instead(name, group.as_str());
                }
            }
            set(&pattern.set, event);
            if let Some(source) = pattern.logsource {
                event.logsource = source;
            }
            return Ok(());
        }
        if pack.run.pattern_required { Err(Problem::NoPattern) } else { Ok(()) }
    }

    fn when(&self, pack: &Pack, event: &mut Event) {
        for when in &pack.run.when {
            let Some(value) = event.text(when.field) else { continue };
            if !when.values.is_empty() && !when.values.iter().any(|want| want.matches(&value)) {
                continue;
            }
            let value = value.into_owned();
            let mut source = None;
            let parts = &when.logsource;
            if *parts != events::LogSource::default() || when.part.is_some() {
                let mut now = event.logsource.get();
                for (part, into) in [
                    (&parts.product, &mut now.product),
                    (&parts.category, &mut now.category),
                    (&parts.service, &mut now.service),
                ] {
                    if !part.is_empty() {
                        into.clone_from(part);
                    }
                }
                match when.part {
                    Some(Part::Product) => now.product = value.to_lowercase(),
                    Some(Part::Category) => now.category = value.to_lowercase(),
                    Some(Part::Service) => now.service = value.to_lowercase(),
                    None => {}
                }
                source = Some(LogSourceId::intern(&now));
            }
            if let Some(source) = source {
                event.logsource = source;
            }
            set(&when.set, event);
        }
    }

    fn time(&self, pack: &Pack, event: &mut Event) {
        let offset = if pack.run.utc { 0 } else { self.offset_secs };
        for names in &pack.run.time {
            let mut text = String::new();
            for name in names {
                let Some(part) = event.text(*name) else { break };
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(&part);
            }
            if let Some(found) = time::any(&text, self.received, offset) {
                event.time = found;
                return;
            }
        }
    }
}

/// Constants are set where the record said nothing itself.
fn set(constants: &Constants, event: &mut Event) {
    for (id, value) in constants {
        if event.get(*id).is_none() {
            match value {
                Constant::Int(number) => event.push(*id, Value::Int(*number)),
                Constant::Text(text) => event.push(*id, Value::Str(text)),
            }
        }
    }
}

fn json(text: &str, map: &FieldMap, out: &mut Out<'_>) -> Result<(), Problem> {
    let event = &mut *out.event;
    if event.is_empty() && !event.marks.has(Marks::NOT_UTF8) && event.raw() == text.as_bytes() {
        // The whole record: its texts stay where they are.
        let whole = events::json::read_object(text, event);
        whole.map_err(|_| Problem::NotJson)?;
        map.apply(event);
        return Ok(());
    }
    // Read apart: the reader sets the raw record, which here has a syslog header before it.
    let mut inner = Event::new();
    let start = text.find('{').ok_or(Problem::NotJson)?;
    let whole = events::json::read_object(text[start..].trim_end(), &mut inner);
    let names: Vec<(FieldId, Value<'_>)> = inner.fields().collect();
    for (id, value) in names {
        out.event.push(id, value);
    }
    if inner.marks.has(Marks::FIELDS_DROPPED) {
        out.event.marks.set(Marks::FIELDS_DROPPED);
    }
    whole.map_err(|_| Problem::NotJson)?;
    map.apply(out.event);
    Ok(())
}
