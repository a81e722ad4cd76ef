use std::io::BufReader;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::*;

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Note {
    text: String,
    count: u32,
}

impl Record for Note {
    const VERSION: u8 = 2;
    fn migrate(version: u8, json: Value) -> Option<Self> {
        (version == 1).then(|| json.as_str().map(|t| note(t, 0)))?
    }
}

/// The same table as an older program knew it.
#[derive(Serialize, Deserialize)]
struct OldNote(String);
impl Record for OldNote {
    const VERSION: u8 = 1;
}

#[derive(Serialize, Deserialize)]
struct FutureNote(u8);
impl Record for FutureNote {
    const VERSION: u8 = 9;
}

fn note(text: &str, count: u32) -> Note {
    Note { text: text.to_owned(), count }
}

fn open(dir: &Path) -> State {
    let opened = State::open(dir).unwrap();
    assert_eq!(opened.recovered, None);
    opened.state
}

#[test]
fn records_survive_and_come_in_order() {
    let dir = tempfile::tempdir().unwrap();
    {
        let state = open(dir.path());
        let notes = state.table::<u64, Note>("notes").unwrap();
        for n in [3u64, 300, 1, 2] {
            notes.put(&n, &note("x", n as u32)).unwrap();
        }
        assert!(!notes.insert_new(&1, &note("y", 0)).unwrap());
        assert!(notes.insert_new(&7, &note("seven", 7)).unwrap());
        assert!(notes.remove(&3).unwrap() && !notes.remove(&3).unwrap());
        let raised = notes.update(&2, |n| n.map(|n| note(&n.text, n.count + 40))).unwrap();
        assert_eq!(raised, Some(note("x", 42)));
        assert_eq!(notes.update(&99, |n| n).unwrap(), None);
        state.flush().unwrap();
    }
    let state = open(dir.path());
    let notes = state.table::<u64, Note>("notes").unwrap();
    let keys: Vec<u64> = notes.iter().map(|r| r.unwrap().0).collect();
    assert_eq!(keys, [1, 2, 7, 300], "big-endian keys sort as numbers");
    let middle: Vec<u64> = notes.range(2..=7).map(|r| r.unwrap().0).collect();
    assert_eq!(middle, [2, 7]);
    let newest: Vec<u64> = notes.last(2).unwrap().into_iter().map(|(k, _)| k).collect();
    assert_eq!(newest, [300, 7]);
    assert_eq!((notes.len(), notes.is_empty(), notes.contains(&7).unwrap()), (4, false, true));
    assert!(state.size_bytes() > 0);
}

#[test]
fn older_records_migrate_and_unknown_ones_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path());
    let old = state.table::<u64, OldNote>("notes").unwrap();
    old.put(&1, &OldNote("from before".to_owned())).unwrap();
    let future = state.table::<u64, FutureNote>("notes").unwrap();
    future.put(&2, &FutureNote(1)).unwrap();
    let notes = state.table::<u64, Note>("notes").unwrap();
    assert_eq!(notes.get(&1).unwrap(), Some(note("from before", 0)));
    assert_eq!(notes.get(&2).unwrap_err().code(), "T004");
    assert_eq!(notes.iter().filter(Result::is_ok).count(), 1, "one bad record spoils no other");
}

#[test]
fn a_batch_is_all_or_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path());
    let a = state.table::<u64, Note>("a").unwrap();
    let b = state.table::<String, Note>("b").unwrap();
    a.put(&1, &note("there", 0)).unwrap();

    let mut batch = state.batch();
    batch.put(&a, &2, &note("two", 2)).unwrap();
    batch.put(&b, &"k".to_owned(), &note("k", 1)).unwrap();
    batch.remove(&a, &1);
    batch.commit().unwrap();
    assert_eq!((a.get(&1).unwrap(), a.len(), b.len()), (None, 1, 1));

    let mut batch = state.batch();
    batch.remove(&b, &"k".to_owned());
    batch.insert_new(&a, &2, &note("again", 0)).unwrap();
    assert_eq!(batch.commit().unwrap_err().code(), "T008");
    assert_eq!(b.len(), 1, "nothing of a refused batch happens");
}

#[test]
fn transactions_count_right_from_many_threads() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path());
    let notes = state.table::<u64, Note>("notes").unwrap();
    let log = state.table::<u64, Note>("log").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let step = |t: &mut Transaction| {
                        let n = t.get(&notes, &1)?.map_or(0, |n: Note| n.count) + 1;
                        t.put(&notes, &1, &note("", n))?;
                        assert_eq!(t.get(&notes, &1)?.map(|x| x.count), Some(n), "own write");
                        t.put(&log, &u64::from(n), &note("", n))
                    };
                    state.transaction(step).unwrap();
                }
            });
        }
    });
    assert_eq!(notes.get(&1).unwrap().unwrap().count, 40);
    assert_eq!(log.len(), 40);
}

#[test]
fn export_and_import_give_the_same_state() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let from = open(one.path());
    let notes = from.table::<(Timestamp, SiteId), Note>("notes").unwrap();
    for n in 0..20 {
        let key = (Timestamp::from_secs(n - 10), SiteId::BUREAU);
        notes.put(&key, &note("学校\n", n as u32)).unwrap();
    }
    let mut file = Vec::new();
    assert_eq!(from.export(&mut file).unwrap(), 20);
    let to = open(two.path());
    assert_eq!(to.import(&mut BufReader::new(&file[..])).unwrap(), 20);
    let mut again = Vec::new();
    to.export(&mut again).unwrap();
    assert_eq!(file, again);
    let copy = to.table::<(Timestamp, SiteId), Note>("notes").unwrap();
    assert_eq!(copy.iter().filter(Result::is_ok).count(), 20);

    let bad = b"{\"table\":\"t\",\"key\":\"0g\",\"version\":1,\"record\":1}\n";
    let error = to.import(&mut BufReader::new(&bad[..])).unwrap_err();
    assert_eq!(error.code(), "T009");
}

#[test]
fn a_damaged_database_is_moved_aside_and_told() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("state");
    {
        let state = open(&dir);
        let notes = state.table::<u64, Note>("notes").unwrap();
        for n in 0..100u64 {
            notes.put(&n, &note("kept", 1)).unwrap();
        }
        state.flush().unwrap();
    }
    std::fs::write(dir.join("conf"), b"this is no configuration").unwrap();
    let opened = State::open(&dir).unwrap();
    let moved = opened.recovered.unwrap();
    assert!(moved.to.join("db").exists(), "nothing is deleted");
    assert!(opened.state.table::<u64, Note>("notes").unwrap().is_empty());
}

#[test]
fn a_database_in_use_stays_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let held = open(dir.path());
    let Err(error) = State::open(dir.path()) else { panic!("two owners") };
    assert_eq!(error.code(), "T002");
    drop(held);
    open(dir.path());
}

use events::{SiteId, Timestamp};
