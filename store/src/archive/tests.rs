use std::time::Duration;

use events::event::Marks;
use events::{
    EventId, ExerciseId, FieldId, LogSource, LogSourceId, SensorId, SiteId, Value, field,
};
use proptest::prelude::*;

use super::*;
use crate::archive::rows::Rows;
use crate::journal::Numbered;

/// What a reader of an event can see of it.
fn seen(event: &Event) -> String {
    let fields: Vec<_> = event.fields().collect();
    let raw = (event.raw().to_vec(), event.raw_text());
    let head = (event.id, event.time, event.received, event.site, event.exercise, event.marks);
    format!("{head:?} {:?} {:?} {raw:?} {fields:?}", event.sensor.name(), event.logsource.get())
}

fn read(path: &Path) -> Vec<(u64, Event)> {
    let file = File::open(path).unwrap();
    let reader =
        parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(file, 100).unwrap();
    let mut all = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        let rows = Rows::new(&batch);
        all.extend((0..rows.len).map(|row| (rows.seq(row), rows.event(row))));
    }
    all
}

#[derive(Clone, Debug)]
enum V {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
}

fn value() -> impl Strategy<Value = V> {
    prop_oneof![
        Just(V::Null),
        any::<bool>().prop_map(V::Bool),
        any::<i64>().prop_map(V::Int),
        any::<f64>().prop_map(V::Float),
        Just(V::Float(f64::NAN)),
        Just(V::Float(f64::NEG_INFINITY)),
        ".{0,12}".prop_map(V::Str),
    ]
}

prop_compose! {
    fn any_event()(
        id in any::<u128>(), time in 0i64..4 * HOUR_NANOS, received in any::<i64>(),
        school in prop_oneof![Just(0u64), 1_000_000_000u64..1_000_000_005],
        exercise in any::<Option<u128>>(), marks in any::<u8>(),
        raw in proptest::collection::vec(any::<u8>(), 0..60), bytes_too in any::<bool>(),
        // Names that are typed columns, names that are not, and nasty ones; often repeated.
        fields in proptest::collection::vec((0usize..9, value()), 0..12),
    ) -> Event {
        const NAMES: [&str; 9] = ["source.ip", "source.port", "user.name", "message", "Native",
                                  "a\nb\\n", "\"quoted\"", "字段", ""];
        let mut event = Event::new();
        event.id = EventId::from_u128(id);
        event.time = Timestamp::from_nanos(time);
        event.received = Timestamp::from_nanos(received);
        event.site = SiteId::from_u64(school).unwrap();
        event.sensor = SensorId::intern(if marks & 1 == 0 { "fw-1" } else { "学校 2" });
        event.logsource = LogSourceId::intern(&LogSource::new("linux", "", "sshd"));
        event.exercise = exercise.map(ExerciseId::from_u128);
        if bytes_too {
            event.set_raw_decoded(&raw, "记录");
        } else {
            event.set_raw(&raw);
        }
        for (name, value) in &fields {
            let field = FieldId::intern(NAMES[*name]).unwrap();
            event.push(field, match value {
                V::Null => Value::Null,
                V::Bool(b) => Value::Bool(*b),
                V::Int(i) => Value::Int(*i),
                V::Float(f) => Value::Float(*f),
                V::Str(s) => Value::Str(s),
            });
        }
        event.marks = Marks(marks);
        event
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn events_come_back_as_they_were(events in proptest::collection::vec(any_event(), 1..30)) {
        let dir = tempfile::tempdir().unwrap();
        let archive = Archive::open(dir.path()).unwrap();
        let count = events.len() as u64;
        let numbered: Vec<(u64, Event)> = (1..).zip(events).collect();
        let files = archive.seal(&Numbered::runs(numbered.clone()), count).unwrap();
        let mut back = Vec::new();
        for file in &files {
            let rows = read(&archive.path(file));
            prop_assert!(rows.is_sorted_by_key(|(_, e)| e.time));
            prop_assert_eq!(rows.len() as u64, file.rows);
            back.extend(rows);
        }
        back.sort_by_key(|(seq, _)| *seq);
        let text = |events: &[(u64, Event)]| -> Vec<String> {
            events.iter().map(|(seq, e)| format!("{seq} {}", seen(e))).collect()
        };
        prop_assert_eq!(text(&back), text(&numbered));
    }
}

fn event(seq: u64, secs: i64) -> (u64, Event) {
    let mut event = Event::new();
    event.id = EventId::from_u128(u128::from(seq));
    event.time = Timestamp::from_secs(secs);
    event.received = event.time;
    event.push(field::SOURCE_IP, Value::Str("10.0.0.1"));
    event.push(field::USER_NAME, Value::Str("Alice"));
    (seq, event)
}

#[test]
fn a_seal_counts_once_and_survives() {
    let dir = tempfile::tempdir().unwrap();
    {
        let archive = Archive::open(dir.path()).unwrap();
        let events = vec![event(1, 0), event(2, 3_600), event(3, 10)];
        let files = archive.seal(&Numbered::runs(events.clone()), 3).unwrap();
        assert_eq!(files.iter().map(|f| f.rows).collect::<Vec<_>>(), [2, 1]);
        assert!(files[0].name.starts_with("1970-01-01/00-"), "{}", files[0].name);
        assert!(files[0].lower.contains("source.ip") && !files[0].lower.contains("user.name"));
        assert_eq!(Archive::open(dir.path()).err().map(|e| e.code()), Some("T002"));
        assert_eq!(
            archive.seal(&Numbered::runs(events), 3).unwrap(),
            vec![],
            "they are there already"
        );
    }
    // A seal that died before its manifest: the file counts for nothing.
    std::fs::write(dir.path().join("1970-01-01/07-x.parquet"), b"half").unwrap();
    let archive = Archive::open(dir.path()).unwrap();
    assert_eq!((archive.archived_through(), archive.rows()), (3, 3));
    assert_eq!(archive.oldest(), Some(Timestamp::from_secs(0)));
    assert_eq!(archive.verify(), vec![]);
    assert!(dir.path().join("unlisted/1970-01-01-07-x.parquet").exists());
}

#[test]
fn verify_names_what_was_done_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::open(dir.path()).unwrap();
    let events = vec![event(1, 0), event(2, 3_600), event(3, 7_200)];
    let files = archive.seal(&Numbered::runs(events), 3).unwrap();
    let flipped = archive.path(&files[0]);
    let mut bytes = std::fs::read(&flipped).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&flipped, bytes).unwrap();
    std::fs::remove_file(archive.path(&files[2])).unwrap();
    std::fs::write(dir.path().join("1970-01-01/added.parquet"), b"forged").unwrap();
    let faults = archive.verify();
    assert_eq!(faults.len(), 3);
    assert!(matches!(&faults[0], ArchiveFault::Changed { name, expected, actual }
        if *name == files[0].name && *expected == files[0].sha256 && actual != expected));
    assert_eq!(faults[1], ArchiveFault::Missing { name: files[2].name.clone() });
    assert_eq!(faults[2], ArchiveFault::Extra { name: "1970-01-01/added.parquet".to_owned() });
}

#[test]
fn an_untouched_file_is_read_again_within_its_week_only() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::open(dir.path()).unwrap();
    let files = archive.seal(&Numbered::runs(vec![event(1, 0), event(2, 3_600)]), 2).unwrap();
    let now = Timestamp::from_secs(1_700_000_000);
    let mut memory = VerifyMemory::default();
    assert_eq!(archive.verify_touched(&mut memory, now), vec![]);
    let path = archive.path(&files[0]);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let found = archive.verify_touched(&mut memory, now);
    assert!(matches!(&found[..], [ArchiveFault::Changed { name, .. }] if *name == files[0].name));
    assert_eq!(archive.verify_touched(&mut memory, now), found, "a fault is told every time");
    // A change that leaves no trace in the file's dates: told once the file is due again.
    memory.pretend_whole(&path, &files[0], now);
    assert_eq!(archive.verify_touched(&mut memory, now), vec![], "it was not read");
    let week = Duration::from_secs(86_400 * READ_AGAIN_DAYS);
    assert_eq!(archive.verify_touched(&mut memory, now.plus(week)), found);
}

#[test]
fn nothing_goes_before_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::open(dir.path()).unwrap();
    let day = Duration::from_secs(86_400);
    let now = Timestamp::from_secs(1_700_000_000);
    let old = now.minus(day * 181).secs();
    let mut late = event(3, old);
    late.1.received = now;
    archive
        .seal(&Numbered::runs(vec![event(1, old), event(2, now.minus(day * 179).secs())]), 2)
        .unwrap();
    archive.seal(&Numbered::runs(vec![late]), 3).unwrap();
    assert_eq!(Retention::days(179), None);
    let nobody = ShorterRetention { approver: " ".to_owned(), reason: "room".to_owned() };
    assert_eq!(Retention::shorter(30, &nobody), None);
    let expired = archive.expire(now, &Retention::default()).unwrap();
    assert_eq!(expired.rows, 1, "an old event that came late is kept");
    assert_eq!((archive.rows(), archive.verify()), (2, vec![]));
    assert!(!archive.path(&expired.files[0]).exists());
    assert_eq!(archive.archived_through(), 3);
}

#[test]
fn a_damaged_manifest_is_an_error_and_nothing_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let files =
        Archive::open(dir.path()).unwrap().seal(&Numbered::runs(vec![event(1, 0)]), 1).unwrap();
    std::fs::write(dir.path().join("manifest.json"), b"{").unwrap();
    assert_eq!(Archive::open(dir.path()).err().map(|e| e.code()), Some("T012"));
    assert!(dir.path().join(&files[0].name).exists());
}

/// Everything the archive holds, by sequence number.
fn all(archive: &Archive) -> BTreeMap<u64, String> {
    let mut found = BTreeMap::new();
    for file in archive.files() {
        for (seq, event) in read(&archive.path(&file)) {
            assert!(found.insert(seq, seen(&event)).is_none(), "{seq} is in two files");
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_merge_keeps_every_event_once_and_in_order(
        seals in proptest::collection::vec(proptest::collection::vec(any_event(), 1..20), 1..9),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let archive = Archive::open(dir.path()).unwrap();
        let mut next = 1;
        for events in seals {
            let events: Vec<_> = events.into_iter().map(|mut e| {
                e.received = e.time;
                next += 1;
                (next - 1, e)
            }).collect();
            archive.seal(&Numbered::runs(events), next - 1).unwrap();
        }
        let before = all(&archive);
        let hours: std::collections::BTreeSet<_> = archive.files().iter().map(|f| f.hour).collect();
        let now = Timestamp::from_nanos(10 * HOUR_NANOS);
        let settled = Duration::from_secs(3_600);
        let old = archive.files();
        while let Some(merged) = archive.merge(now, settled).unwrap() {
            prop_assert!(merged.from.len() > 1);
            prop_assert_eq!(merged.into.rows, merged.from.iter().map(|f| f.rows).sum::<u64>());
        }
        let files = archive.files();
        prop_assert_eq!(files.len(), hours.len(), "one file an hour");
        prop_assert_eq!(&all(&archive), &before);
        for file in &files {
            let keys: Vec<_> = read(&archive.path(file)).iter().map(|(s, e)| (e.time, *s)).collect();
            prop_assert!(keys.is_sorted());
            prop_assert_eq!(file.first_seq, keys.iter().map(|k| k.1).min().unwrap());
            prop_assert_eq!(file.time_max, keys.last().unwrap().0);
        }
        prop_assert_eq!(archive.verify(), vec![]);
        // What a search may still be reading goes only after the grace.
        let grace = Duration::from_secs(600);
        archive.sweep(now.plus(grace / 2), grace).unwrap();
        prop_assert!(old.iter().all(|f| archive.path(f).exists()));
        archive.sweep(now.plus(grace), grace).unwrap();
        prop_assert!(old.iter().all(|f| archive.path(f).exists() == files.contains(f)));
        drop(archive);
        prop_assert_eq!(&all(&Archive::open(dir.path()).unwrap()), &before);
    }
}

#[test]
fn a_merge_that_was_cut_short_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let event = |n: i64| {
        let mut event = Event::new();
        event.time = Timestamp::from_nanos(n);
        event
    };
    let archive = Archive::open(dir.path()).unwrap();
    archive.seal(&Numbered::runs(vec![(1, event(1))]), 1).unwrap();
    archive.seal(&Numbered::runs(vec![(2, event(2))]), 2).unwrap();
    let part = archive.path(&archive.files()[0]).with_extension("parquet.merging");
    drop(archive);
    std::fs::write(&part, b"half").unwrap();
    let archive = Archive::open(dir.path()).unwrap();
    assert!(!part.exists());
    assert_eq!(all(&archive).len(), 2);
    // An hour that is not over, or only just, is left alone.
    let settled = Duration::from_secs(60);
    let end = Timestamp::from_nanos(HOUR_NANOS);
    assert_eq!(archive.merge(end, settled).unwrap(), None);
    assert!(archive.merge(end.plus(settled), settled).unwrap().is_some());
}
