//! What fields records of a source can have, from the pack itself: what it declares, what its
//! stages write, and what its own tests give.

use std::collections::BTreeSet;

use events::{Event, FieldId, LogSource, Text, Timestamp, field};

use super::spec::Stage;
use super::{Pack, Packs, check};
use crate::decode::{Out, access, syslog};
use crate::input::flows::every_field;

/// What records of one source can carry.
#[derive(Clone, Debug)]
pub struct Yield {
    /// The pack, or `flows` for what NetFlow, IPFIX, sFlow and captures bring.
    pub name: String,
    /// What it is for.
    pub title: Text,
    /// The log sources its records carry, the pack's own first.
    pub logsources: Vec<LogSource>,
    /// The fields they are declared to have or were seen with.
    pub fields: BTreeSet<FieldId>,
    /// Whether records bring names of their own (JSON, `key=value`, CEF, LEEF, columns under a
    /// header), so that they may have further fields.
    pub open: bool,
}

/// Header and message as any sender may write them.
const ENVELOPES: [&str; 2] =
    ["<34>1 2026-11-23T04:05:06Z h app 1 id - text", "<34>Nov 23 12:05:06 h app[1]: text"];
/// Access lines with all their parts.
const ACCESS: [&str; 2] = [
    r#"school.cn:80 10.0.0.1 - user [23/Nov/2026:12:05:06 +0800] "GET /a?b=c HTTP/1.1" 200 5 "http://x/" "agent" rest"#,
    r#"name - - [23/Nov/2026:12:05:06 +0800] "GET http://school.cn/a?b=c HTTP/1.1" 200 5 "http://x/" "agent""#,
];

impl Packs {
    /// What records of every source can carry: each pack, and flows.
    pub fn yields(&self) -> Vec<Yield> {
        let mut all: Vec<Yield> = self.all.values().map(|pack| self.of(pack)).collect();
        let flow = every_field();
        all.push(Yield {
            name: "flows".to_owned(),
            title: Text::new(
                "网络流（NetFlow、IPFIX、sFlow、抓包文件）",
                "Flows (NetFlow, IPFIX, sFlow, captures)",
            ),
            logsources: vec![flow.logsource.get()],
            fields: flow.ids().collect(),
            open: false,
        });
        all
    }

    fn of(&self, pack: &Pack) -> Yield {
        let run = &pack.run;
        let mut out = Yield {
            name: pack.name.clone(),
            title: pack.title.clone(),
            logsources: vec![pack.logsource.clone()],
            fields: BTreeSet::new(),
            open: run.stages.iter().any(|s| brings_names(*s)),
        };
        let names = |out: &mut Yield, names: &mut dyn Iterator<Item = &str>| {
            out.fields.extend(names.filter_map(FieldId::intern));
        };
        out.fields.extend(run.map.fields());
        names(&mut out, &mut run.columns.iter().map(String::as_str));
        let patterns = || run.patterns.iter();
        names(&mut out, &mut patterns().flat_map(|p| &p.groups).map(|(_, name)| name.as_str()));
        let set = run.set.iter().chain(patterns().flat_map(|p| &p.set));
        out.fields.extend(set.chain(run.when.iter().flat_map(|w| &w.set)).map(|(id, _)| *id));
        run.stages.iter().for_each(|stage| out.fields.extend(written_by(*stage)));
        for source in patterns().filter_map(|p| p.logsource) {
            out.carry(source.get());
        }
        for when in &run.when {
            let part = |own: &str, base: &str| if own.is_empty() { base } else { own }.to_owned();
            let (own, base) = (&when.logsource, &pack.logsource);
            out.carry(LogSource::new(
                &part(&own.product, &base.product),
                &part(&own.category, &base.category),
                &part(&own.service, &base.service),
            ));
        }
        check::events(self, pack).iter().for_each(|event| out.see(event));
        out
    }
}

impl Yield {
    fn carry(&mut self, source: LogSource) {
        if !self.logsources.contains(&source) {
            self.logsources.push(source);
        }
    }

    fn see(&mut self, event: &Event) {
        self.carry(event.logsource.get());
        self.fields.extend(event.ids());
    }
}

fn brings_names(stage: Stage) -> bool {
    match stage {
        Stage::Json
        | Stage::Kv
        | Stage::KvOptional
        | Stage::Pairs
        | Stage::Audit
        | Stage::Cef
        | Stage::Leef
        | Stage::Columns => true,
        Stage::Syslog
        | Stage::SyslogPri
        | Stage::SyslogOnly
        | Stage::Plain
        | Stage::AccessLog
        | Stage::Vrp => false,
    }
}

/// The fields that a stage writes under names of its own.
fn written_by(stage: Stage) -> BTreeSet<FieldId> {
    let received = Timestamp::default();
    let mut out = BTreeSet::new();
    let mut event = Event::new();
    match stage {
        Stage::Syslog | Stage::SyslogPri | Stage::SyslogOnly => {
            for envelope in ENVELOPES.iter().filter_map(|l| syslog::parse(l, received, 0).ok()) {
                envelope.write(&mut Out::new(&mut event, "", None));
            }
            out.insert(field::MESSAGE);
        }
        Stage::Plain => {
            out.insert(field::MESSAGE);
        }
        Stage::AccessLog => {
            for line in ACCESS {
                let _written =
                    access::write(line, received, 0, &mut Out::new(&mut event, "", None));
            }
        }
        Stage::Vrp => {
            out.extend(["vrp.module", "vrp.brief"].iter().filter_map(|n| FieldId::intern(n)));
        }
        Stage::Json
        | Stage::Kv
        | Stage::KvOptional
        | Stage::Pairs
        | Stage::Audit
        | Stage::Cef
        | Stage::Leef
        | Stage::Columns => {}
    }
    out.extend(event.ids());
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn yields() -> BTreeMap<String, Yield> {
        let packs = Packs::embedded().unwrap();
        packs.yields().into_iter().map(|y| (y.name.clone(), y)).collect()
    }

    fn has(of: &Yield, name: &str) -> bool {
        FieldId::find(name).is_some_and(|id| of.fields.contains(&id))
    }

    #[test]
    fn a_pack_yields_what_it_declares_and_what_its_stages_write() {
        let all = yields();
        let sshd = &all["linux-sshd"];
        assert!(!sshd.open && has(sshd, "source.ip") && has(sshd, "process.pid"));
        assert!(!has(sshd, "url.original") && !has(sshd, "process.command_line"));
        let nginx = &all["nginx"];
        for name in ["url.path", "url.query", "http.request.referrer", "http.response.body.bytes"] {
            assert!(has(nginx, name), "{name}");
        }
        assert!(all["suricata-eve"].open && !all["nginx"].open);
        let flows = &all["flows"];
        assert!(has(flows, "network.community_id") && !has(flows, "user.name"));
    }

    #[test]
    fn log_sources_that_records_refine_are_named() {
        let eve = &yields()["suricata-eve"];
        assert!(eve.logsources.len() > 1, "{:?}", eve.logsources);
    }

    #[test]
    fn what_tests_give_is_among_what_is_yielded() {
        let packs = Packs::embedded().unwrap();
        for of in packs.yields().iter().filter(|y| y.name != "flows") {
            let pack = packs.get(&of.name).unwrap();
            for event in check::events(&packs, pack) {
                assert!(event.ids().all(|id| of.fields.contains(&id)), "{}", of.name);
                assert!(of.logsources.contains(&event.logsource.get()), "{}", of.name);
            }
        }
    }
}
