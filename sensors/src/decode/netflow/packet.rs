//! Packets and the sets in them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};

use super::sampling::Sampling;
use super::template::{Field, Head, Key, Template};
use crate::decode::Problem;
use crate::decode::flow::{Flow, Form};
use crate::limits::{
    EXPORTERS_MAX, PENDING_BYTES_MAX, PENDING_SETS_MAX, TEMPLATE_FIELDS_MAX, TEMPLATES_MAX,
};

/// The decoder's memory: templates, waiting data, sequence numbers.
#[derive(Debug, Default)]
pub struct Decoder {
    templates: HashMap<Key, Template>,
    /// Keys looked up in vain: not asked again.
    asked: HashSet<Key>,
    pending: VecDeque<Pending>,
    pending_bytes: usize,
    sequences: HashMap<(IpAddr, u16, u32), u32>,
    sampling: Sampling,
}

#[derive(Debug)]
struct Pending {
    key: Key,
    head: Head,
    body: Vec<u8>,
}

/// What a packet held.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Its flows, and those that waited for a template it brought.
    pub flows: Vec<Flow>,
    /// Option records.
    pub options: u64,
    /// Templates that are new or changed, in the form of a checkpoint.
    pub templates: Vec<(Key, Vec<u8>)>,
    /// What is wrong with it: damaged headers, sets or templates.
    pub problems: Vec<Problem>,
    /// Data sets given up because their template did not come in time.
    pub given_up: u64,
    /// Packets or flows missing before it, by its sequence number.
    pub missing: u64,
}

type Lookup<'a> = &'a mut dyn FnMut(&Key) -> Option<Vec<u8>>;

impl Decoder {
    /// An empty decoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Data sets that wait for their template.
    pub fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// Decodes one packet. `lookup` is asked once for a template that is not known (from the
    /// checkpoints of an earlier run).
    pub fn packet(&mut self, exporter: IpAddr, bytes: &[u8], lookup: Lookup<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        let whole = match u16_at(bytes, 0) {
            Some(5) => self.version5(exporter, bytes, &mut outcome),
            Some(9) => self.version9(exporter, bytes, lookup, &mut outcome),
            Some(10) => self.ipfix(exporter, bytes, lookup, &mut outcome),
            _ => None,
        };
        if whole.is_none() {
            outcome.problems.push(Problem::BadFlowPacket);
        }
        outcome
    }

    fn version5(&mut self, exporter: IpAddr, bytes: &[u8], outcome: &mut Outcome) -> Option<()> {
        let count = usize::from(u16_at(bytes, 2)?);
        let head = head(bytes, 5)?;
        let domain = u32::from(u16_at(bytes, 20)?);
        outcome.missing = self.sequence(exporter, 5, domain, u32_at(bytes, 16)?, count as u32);
        // Two bits of mode, then the interval.
        let interval = u32::from(u16_at(bytes, 22)? & 0x3fff);
        let body = bytes.get(24..)?;
        for record in body.chunks_exact(48).take(count) {
            let v4 = |at| u32_at(record, at).map(|a| IpAddr::V4(Ipv4Addr::from(a)));
            let uptime = |at| head.at(u32_at(record, at)?.into());
            outcome.flows.push(Flow {
                form: Form::V5,
                source: v4(0),
                destination: v4(4),
                input: u16_at(record, 12).map(u32::from),
                output: u16_at(record, 14).map(u32::from),
                packets: u64::from(u32_at(record, 16)?),
                bytes: u64::from(u32_at(record, 20)?),
                start_ms: uptime(24),
                end_ms: uptime(28),
                source_port: u16_at(record, 32),
                destination_port: u16_at(record, 34),
                tcp_flags: record.get(37).copied().map(u16::from),
                protocol: record.get(38).copied(),
                exported_ms: head.exported_ms,
                ..Flow::default()
            });
            if let Some(flow) = outcome.flows.last_mut() {
                flow.scale(interval);
            }
        }
        (body.len() >= count * 48).then_some(())
    }

    fn version9(
        &mut self,
        exporter: IpAddr,
        bytes: &[u8],
        lookup: Lookup<'_>,
        outcome: &mut Outcome,
    ) -> Option<()> {
        let uptime_ms = Some(u32_at(bytes, 4)?);
        let exported_ms = i64::from(u32_at(bytes, 8)?) * 1000;
        let head = Head { version: 9, exported_ms, uptime_ms };
        let domain = u32_at(bytes, 16)?;
        outcome.missing = self.sequence(exporter, 9, domain, u32_at(bytes, 12)?, 1);
        let base = Key { exporter, version: 9, domain, id: 0 };
        self.sets(bytes.get(20..)?, base, head, lookup, outcome)
    }

    fn ipfix(
        &mut self,
        exporter: IpAddr,
        bytes: &[u8],
        lookup: Lookup<'_>,
        outcome: &mut Outcome,
    ) -> Option<()> {
        let len = usize::from(u16_at(bytes, 2)?);
        let exported_ms = i64::from(u32_at(bytes, 4)?) * 1000;
        let head = Head { version: 10, exported_ms, uptime_ms: None };
        let (sequence, domain) = (u32_at(bytes, 8)?, u32_at(bytes, 12)?);
        let base = Key { exporter, version: 10, domain, id: 0 };
        let body = bytes.get(16..len.min(bytes.len()))?;
        let waiting = self.pending.len();
        let whole = self.sets(body, base, head, lookup, outcome);
        let records = outcome.flows.len() as u64 + outcome.options;
        if self.pending.len() == waiting && outcome.templates.is_empty() {
            let records = u32::try_from(records).unwrap_or(0);
            outcome.missing = self.sequence(exporter, 10, domain, sequence, records);
        } else {
            // How many records wait or were taken from waiting is not known: start anew.
            self.sequences.remove(&(exporter, 10, domain));
        }
        whole.filter(|()| bytes.len() >= len)
    }

    /// Walks sets; `None` when one is damaged (those before it count).
    fn sets(
        &mut self,
        mut body: &[u8],
        base: Key,
        head: Head,
        lookup: Lookup<'_>,
        outcome: &mut Outcome,
    ) -> Option<()> {
        let (plain, options) = if base.version == 9 { (0, 1) } else { (2, 3) };
        while body.len() >= 4 {
            let (id, len) = (u16_at(body, 0)?, usize::from(u16_at(body, 2)?));
            if len < 4 {
                // Some exporters fill their packets with zeros.
                return body.iter().all(|b| *b == 0).then_some(());
            }
            let whole = len <= body.len();
            let set = &body[4..len.min(body.len())];
            if id == plain {
                self.templates(set, base, false, outcome);
            } else if id == options {
                self.templates(set, base, true, outcome);
            } else if id >= 256 {
                self.data(set, Key { id, ..base }, head, lookup, outcome);
            }
            if !whole {
                return None;
            }
            body = &body[len..];
        }
        Some(())
    }

    fn templates(&mut self, set: &[u8], base: Key, options: bool, outcome: &mut Outcome) {
        let mut at = 0;
        // Fewer bytes than a template's header are padding.
        while set.len() - at >= if options { 6 } else { 4 } {
            let parsed = match (options, base.version) {
                (false, _) => plain_template(&set[at..], base.version),
                (true, 9) => options_template_v9(&set[at..]),
                (true, _) => options_template_ipfix(&set[at..]),
            };
            let Some((id, fields, len)) = parsed else {
                if set[at..].iter().any(|b| *b != 0) {
                    outcome.problems.push(Problem::BadFlowPacket);
                }
                return;
            };
            at += len;
            let key = Key { id, ..base };
            if id < 256 || fields.is_empty() {
                self.templates.remove(&key);
                continue;
            }
            match Template::new(fields, options) {
                Some(template) => self.learn(key, template, outcome),
                None => outcome.problems.push(Problem::BadFlowPacket),
            }
        }
    }

    fn learn(&mut self, key: Key, template: Template, outcome: &mut Outcome) {
        if self.templates.get(&key) != Some(&template) {
            if self.templates.len() >= TEMPLATES_MAX && !self.templates.contains_key(&key) {
                outcome.problems.push(Problem::NoTemplate);
                return;
            }
            outcome.templates.push((key, template.save()));
            self.templates.insert(key, template);
        }
        if !self.pending.iter().any(|p| p.key == key) {
            return;
        }
        for waiting in std::mem::take(&mut self.pending) {
            if waiting.key == key {
                self.pending_bytes -= waiting.body.len();
                if let Some(template) = self.templates.get(&key) {
                    let sampling = &mut self.sampling;
                    records(template, &waiting.body, key, waiting.head, sampling, outcome);
                }
            } else {
                self.pending.push_back(waiting);
            }
        }
    }

    fn data(
        &mut self,
        set: &[u8],
        key: Key,
        head: Head,
        lookup: Lookup<'_>,
        outcome: &mut Outcome,
    ) {
        if !self.templates.contains_key(&key)
            && self.templates.len() < TEMPLATES_MAX
            && self.asked.len() < TEMPLATES_MAX
            && self.asked.insert(key)
            && let Some(template) = lookup(&key).and_then(|saved| Template::load(&saved))
        {
            self.templates.insert(key, template);
        }
        match self.templates.get(&key) {
            Some(template) => records(template, set, key, head, &mut self.sampling, outcome),
            None => self.wait(Pending { key, head, body: set.to_vec() }, outcome),
        }
    }

    fn wait(&mut self, new: Pending, outcome: &mut Outcome) {
        self.pending_bytes += new.body.len();
        self.pending.push_back(new);
        while self.pending.len() > PENDING_SETS_MAX || self.pending_bytes > PENDING_BYTES_MAX {
            let Some(oldest) = self.pending.pop_front() else { return };
            self.pending_bytes -= oldest.body.len();
            outcome.given_up += 1;
        }
    }

    /// Gives up all that waits: when the sensor stops.
    pub fn give_up(&mut self) -> u64 {
        self.pending_bytes = 0;
        std::mem::take(&mut self.pending).len() as u64
    }

    fn sequence(
        &mut self,
        exporter: IpAddr,
        version: u16,
        domain: u32,
        now: u32,
        step: u32,
    ) -> u64 {
        let key = (exporter, version, domain);
        if self.sequences.len() >= EXPORTERS_MAX && !self.sequences.contains_key(&key) {
            return 0;
        }
        let expected = self.sequences.insert(key, now.wrapping_add(step));
        let gap = expected.map_or(0, |expected| now.wrapping_sub(expected));
        // More than half the range ahead is behind: late, repeated or restarted.
        if gap < u32::MAX / 2 { u64::from(gap) } else { 0 }
    }
}

fn records(
    template: &Template,
    set: &[u8],
    key: Key,
    head: Head,
    sampling: &mut Sampling,
    outcome: &mut Outcome,
) {
    let mut rest = set;
    // What is shorter than a record is padding.
    while rest.len() >= template.least {
        let Some((mut record, len)) = template.read(rest, head) else {
            outcome.problems.push(Problem::BadFlowPacket);
            return;
        };
        if template.options {
            outcome.options += 1;
            sampling.learn(&key, &record.said);
        } else {
            if let Some(rate) = sampling.rate(&key, &record.said) {
                record.flow.scale(rate);
            }
            outcome.flows.push(record.flow);
        }
        rest = &rest[len..];
    }
}

type Parsed = (u16, Vec<Field>, usize);

fn plain_template(bytes: &[u8], version: u16) -> Option<Parsed> {
    let (id, count) = (u16_at(bytes, 0)?, usize::from(u16_at(bytes, 2)?));
    if id < 256 {
        return None;
    }
    let (fields, len) = fields(&bytes[4..], count, version == 10)?;
    Some((id, fields, 4 + len))
}

/// Scope and option lengths are in bytes (RFC 3954, 6.1).
fn options_template_v9(bytes: &[u8]) -> Option<Parsed> {
    let (id, scope) = (u16_at(bytes, 0)?, usize::from(u16_at(bytes, 2)?));
    let len = scope + usize::from(u16_at(bytes, 4)?);
    if id < 256 || len % 4 != 0 {
        return None;
    }
    let (mut fields, used) = fields(&bytes[6..], len / 4, false)?;
    // Scope types share numbers with fields, with another meaning; nothing is read of them.
    for field in fields.iter_mut().take(scope / 4) {
        field.enterprise = u32::MAX;
    }
    Some((id, fields, 6 + used))
}

/// All fields are counted, then those that are scope (RFC 7011, 3.4.2).
fn options_template_ipfix(bytes: &[u8]) -> Option<Parsed> {
    let (id, count) = (u16_at(bytes, 0)?, usize::from(u16_at(bytes, 2)?));
    if id < 256 {
        return None;
    }
    if count == 0 {
        return Some((id, Vec::new(), 4));
    }
    let (fields, len) = fields(bytes.get(6..)?, count, true)?;
    Some((id, fields, 6 + len))
}

fn fields(bytes: &[u8], count: usize, enterprises: bool) -> Option<(Vec<Field>, usize)> {
    if count > TEMPLATE_FIELDS_MAX {
        return None;
    }
    let mut at = 0;
    let mut fields = Vec::with_capacity(count);
    for _ in 0..count {
        let (mut id, len) = (u16_at(bytes, at)?, u16_at(bytes, at + 2)?);
        at += 4;
        let mut enterprise = 0;
        if enterprises && id & 0x8000 != 0 {
            id &= 0x7fff;
            enterprise = u32_at(bytes, at)?;
            at += 4;
        }
        fields.push(Field { id, len, enterprise });
    }
    Some((fields, at))
}

fn head(bytes: &[u8], version: u16) -> Option<Head> {
    let uptime_ms = Some(u32_at(bytes, 4)?);
    let exported_ms =
        i64::from(u32_at(bytes, 8)?) * 1000 + i64::from(u32_at(bytes, 12)?) / 1_000_000;
    Some(Head { version, exported_ms, uptime_ms })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
