//! Running the tests inside packs.

use events::time::BadTime;
use events::{Event, FieldId, Timestamp};

use super::spec::{Constant, TestSpec};
use super::{Decoded, Pack, Packs, Record};

/// The outcome of one test of one pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackTestResult {
    /// The pack.
    pub pack: String,
    /// Which test of the pack, from 1.
    pub number: usize,
    /// What differed; empty when the test holds.
    pub failures: Vec<String>,
}

/// When a test's record arrives unless it says otherwise.
const RECEIVED: &str = "2026-11-23T04:05:06Z";

/// The events of a pack's tests that decode.
pub(crate) fn events(packs: &Packs, pack: &Pack) -> Vec<Event> {
    let decoded = pack.run.tests.iter().filter_map(|test| {
        let mut event = Event::new();
        let outcome = decode(packs, Some(&pack.name), test, &mut event).ok()?;
        matches!(outcome, Decoded::Ok(_)).then_some(event)
    });
    decoded.collect()
}

/// The records of a pack's tests that decode, each behind its header, as lines of one file.
#[cfg(test)]
pub(crate) fn records(pack: &Pack) -> Vec<String> {
    let good = pack.run.tests.iter().filter(|t| !t.expect.contains_key("@error"));
    let lines = good.flat_map(|t| {
        let header = t.header.iter().flat_map(|h| h.lines());
        header.chain([t.record.as_str()]).map(|line| line.replace('\n', " "))
    });
    lines.collect()
}

/// Decodes the record of a test.
fn decode<'p>(
    packs: &'p Packs,
    pack: Option<&str>,
    test: &TestSpec,
    event: &mut Event,
) -> Result<Decoded<'p>, BadTime> {
    let received = Timestamp::parse_rfc3339(test.received.as_deref().unwrap_or(RECEIVED))?;
    let offset = events::time::BEIJING_OFFSET_SECS;
    let record = test.record.as_bytes();
    let record = Record { header: test.header.as_deref(), ..Record::utf8(record) };
    Ok(packs.decode_record(pack, &record, received, offset, event))
}

pub(crate) fn run<'a>(
    packs: &'a Packs,
    pack: &'a Pack,
) -> impl Iterator<Item = PackTestResult> + 'a {
    pack.run.tests.iter().enumerate().map(move |(index, test)| {
        let mut failures = Vec::new();
        let mut event = Event::new();
        let decoded = match decode(packs, Some(&pack.name), test, &mut event) {
            Ok(decoded) => decoded,
            Err(e) => {
                failures.push(e.to_string());
                return PackTestResult { pack: pack.name.clone(), number: index + 1, failures };
            }
        };
        for (name, want) in &test.expect {
            let want = match want {
                Constant::Int(number) => number.to_string(),
                Constant::Text(text) => text.clone(),
            };
            let have = observe(name, &event, decoded);
            if have.as_deref() != Some(want.as_str()) {
                failures.push(format!("{name}: expected {want:?}, found {have:?}"));
            }
        }
        for name in &test.absent {
            if let Some(have) = observe(name, &event, decoded) {
                failures.push(format!("{name}: expected absent, found {have:?}"));
            }
        }
        if matches!(decoded, Decoded::Failed(_)) && !test.expect.contains_key("@error") {
            failures.push(format!("not decoded: {decoded:?}"));
        }
        // A pack that declares what it recognises must be found for its own records.
        let declares = !pack.apps.is_empty() || !pack.contains.is_empty();
        if declares && !test.expect.contains_key("@error") {
            let found = decode(packs, None, test, &mut event);
            if found != Ok(Decoded::Ok(&pack.name)) {
                failures.push(format!("detected as {found:?}"));
            }
        }
        PackTestResult { pack: pack.name.clone(), number: index + 1, failures }
    })
}

fn observe(name: &str, event: &Event, decoded: Decoded<'_>) -> Option<String> {
    match name {
        "@time" => Some(event.time.to_rfc3339()),
        "@logsource" => {
            let source = event.logsource.get();
            Some(format!("{}/{}/{}", source.product, source.category, source.service))
        }
        "@error" => match decoded {
            Decoded::Failed(code) => Some(code.to_owned()),
            Decoded::Ok(_) => None,
        },
        _ => event.text(FieldId::find(name)?).map(|v| v.into_owned()),
    }
}
