use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use events::{Event, EventId, Value, field};

use super::disk::LogFile;
use super::*;

fn event(n: u64) -> Event {
    let mut event = Event::new();
    event.id = EventId::from_u128(u128::from(n));
    event.set_raw(format!("record {n} from a school").as_bytes());
    event.push(field::SOURCE_PORT, Value::Int(n as i64));
    event
}

fn small() -> JournalOptions {
    JournalOptions { segment_bytes: 2_000, reserve_bytes: 0, ..JournalOptions::default() }
}

fn open(dir: &Path) -> Journal {
    let (journal, recovery) = Journal::open(dir, small()).unwrap();
    assert_eq!((recovery.truncated_bytes, recovery.damaged), (0, vec![]));
    journal
}

/// Appends `count` events one after the other; the number of each is its sequence number.
fn fill(journal: &Journal, count: u64) {
    for _ in 0..count {
        let next = journal.next_seq();
        assert_eq!(journal.append(vec![event(next)]).unwrap().wait(), Ok(next..next + 1));
    }
}

fn seqs(journal: &Journal, from: u64) -> Vec<u64> {
    let mut all = Vec::new();
    for batch in journal.read(from) {
        for (seq, event) in batch.unwrap().iter() {
            assert_eq!(event.id.as_u128(), u128::from(seq));
            all.push(seq);
        }
    }
    all
}

fn files(dir: &Path) -> Vec<SegmentFile> {
    let entries = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    let mut files: Vec<_> = entries.filter_map(|p| SegmentFile::parse(&p)).collect();
    files.sort_by_key(|f| f.first_seq);
    files
}

#[test]
fn what_is_appended_is_read_over_segments_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    assert_eq!((journal.next_seq(), seqs(&journal, 1)), (1, vec![]));
    fill(&journal, 60);
    let batch: Vec<Event> = (61..=300).map(event).collect();
    assert_eq!(journal.append(batch).unwrap().wait(), Ok(61..301));
    assert!(journal.stats().segments > 2);
    assert_eq!(seqs(&journal, 1), (1..=300).collect::<Vec<_>>());
    assert_eq!(seqs(&journal, 250), (250..=300).collect::<Vec<_>>(), "from inside a frame");
    assert_eq!(Journal::open(dir.path(), small()).err().map(|e| e.code()), Some("T002"));
    journal.close();
    assert_eq!(journal.append(vec![]).err(), Some(AppendError::Closed));
    drop(journal);

    let journal = open(dir.path());
    assert_eq!(journal.next_seq(), 301);
    fill(&journal, 5);
    assert_eq!(seqs(&journal, 300), (300..=305).collect::<Vec<_>>());
}

#[test]
fn a_reader_goes_on_after_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let mut reader = journal.read(1);
    assert!(reader.next().is_none());
    let other = journal.clone();
    let thread = std::thread::spawn(move || fill(&other, 3));
    let mut seen = 0;
    while seen < 3 {
        journal.wait_beyond(reader.position(), Duration::from_secs(60));
        seen += reader.by_ref().map(|b| b.unwrap().events.len()).sum::<usize>();
    }
    thread.join().unwrap();
    assert_eq!(reader.position(), 4);
}

#[test]
fn old_segments_go_and_numbers_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    fill(&journal, 100);
    let removed = journal.remove_before(journal.next_seq()).unwrap();
    assert!(removed > 0);
    assert_eq!(journal.stats().segments, 1, "the newest stays");
    let oldest = journal.oldest_seq();
    assert_eq!(seqs(&journal, 1), (oldest..=100).collect::<Vec<_>>());
    drop(journal);
    assert_eq!(open(dir.path()).next_seq(), 101);
    let lost = tempfile::tempdir().unwrap();
    let options = JournalOptions { next_seq_min: 101, ..small() };
    let (journal, _) = Journal::open(lost.path(), options).unwrap();
    fill(&journal, 1);
    assert_eq!(seqs(&journal, 1), [101]);
}

#[test]
fn a_torn_tail_is_cut_wherever_it_is_torn() {
    let dir = tempfile::tempdir().unwrap();
    let one_segment = JournalOptions { segment_bytes: 1 << 20, ..small() };
    let (journal, _) = Journal::open(dir.path(), one_segment.clone()).unwrap();
    fill(&journal, 3);
    drop(journal);
    let file = files(dir.path()).remove(0).path;
    let whole = std::fs::read(&file).unwrap();
    let frame = whole.len() / 3;
    for cut in 2 * frame + 1..whole.len() {
        std::fs::write(&file, &whole[..cut]).unwrap();
        let (journal, recovery) = Journal::open(dir.path(), one_segment.clone()).unwrap();
        assert_eq!(recovery.truncated_bytes, (cut - 2 * frame) as u64);
        assert_eq!((recovery.last_seq, recovery.damaged.len()), (2, 0));
        fill(&journal, 1);
        assert_eq!(seqs(&journal, 1), [1, 2, 3]);
    }
}

#[test]
fn a_flipped_bit_is_named_and_the_rest_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    fill(&journal, 100);
    drop(journal);
    let segments = files(dir.path());
    let victim = &segments[1];
    let whole = std::fs::read(&victim.path).unwrap();
    for at in (0..whole.len()).step_by(31) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&victim.path, &bytes).unwrap();
        let (journal, recovery) = Journal::open(dir.path(), small()).unwrap();
        let [damage] = &recovery.damaged[..] else { panic!("{:?}", recovery.damaged) };
        assert_eq!(damage.segment, victim.name());
        assert!((damage.offset..damage.offset + damage.bytes).contains(&(at as u64)), "{damage}");
        if let DamageKind::Checksum { expected, actual } = damage.kind {
            assert_ne!(expected, actual);
        }
        assert_eq!(damage.events, Some(1));
        let mut reader = journal.read(1);
        let mut read = Vec::new();
        let mut told = Vec::new();
        for item in &mut reader {
            match item {
                Ok(batch) => read.extend(batch.iter().map(|(seq, _)| seq)),
                Err(Error::Damaged { damage }) => told.push(damage.first_seq),
                Err(other) => panic!("{other}"),
            }
        }
        let expected: Vec<u64> = (1..=100).filter(|s| *s != damage.first_seq).collect();
        assert_eq!((read, told), (expected, vec![damage.first_seq]));
    }
}

#[test]
fn a_removed_segment_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    fill(&journal, 100);
    drop(journal);
    let segments = files(dir.path());
    std::fs::remove_file(&segments[1].path).unwrap();
    let (journal, recovery) = Journal::open(dir.path(), small()).unwrap();
    let [damage] = &recovery.damaged[..] else { panic!("{:?}", recovery.damaged) };
    let missing = segments[2].first_seq - segments[1].first_seq;
    assert_eq!(damage.kind, DamageKind::Missing);
    assert_eq!((damage.first_seq, damage.events), (segments[1].first_seq, Some(missing)));
    let bad = journal.read(1).filter(Result::is_err).count();
    assert_eq!((bad, journal.next_seq()), (1, 101));
}

/// A disk with so much room.
struct SmallDisk {
    room: Arc<AtomicU64>,
    /// The error comes with the sync, not with the write.
    late: bool,
}
struct SmallFile {
    file: File,
    room: Arc<AtomicU64>,
    late: bool,
    short: bool,
}

impl Disk for SmallDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
        let (room, late) = (self.room.clone(), self.late);
        Ok(Box::new(SmallFile { file, room, late, short: false }))
    }
    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

impl LogFile for SmallFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = self.room.load(Ordering::SeqCst);
        let fits = (bytes.len() as u64).min(room);
        self.room.fetch_sub(fits, Ordering::SeqCst);
        // As a real disk does: a part is written, then the error.
        self.file.write_all(&bytes[..fits as usize])?;
        self.short = fits < bytes.len() as u64;
        if self.short && !self.late { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        if self.short { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }
}

#[test]
fn a_full_disk_refuses_loses_nothing_and_recovers_by_itself() {
    for late in [false, true] {
        full_disk(late);
    }
}

fn full_disk(late: bool) {
    let dir = tempfile::tempdir().unwrap();
    let room = Arc::new(AtomicU64::new(1_000));
    let disk = Box::new(SmallDisk { room: room.clone(), late });
    let (journal, _) = Journal::open_on(dir.path(), small(), disk).unwrap();
    let mut refused = 0;
    for _ in 0..40 {
        let next = journal.next_seq();
        match journal.append(vec![event(next)]).unwrap().wait() {
            Ok(range) => assert_eq!(range, next..next + 1),
            Err(error) => {
                assert_eq!(error, AppendError::Full);
                refused += 1;
            }
        }
        assert_eq!(journal.stats().full, refused > 0);
    }
    let kept = journal.next_seq() - 1;
    assert!(kept > 0 && refused > 0);
    room.store(1 << 20, Ordering::SeqCst);
    fill(&journal, 10);
    assert!(!journal.stats().full);
    assert_eq!(seqs(&journal, 1), (1..=kept + 10).collect::<Vec<_>>());
    drop(journal);
    assert_eq!(seqs(&open(dir.path()), 1), (1..=kept + 10).collect::<Vec<_>>());
}

#[test]
fn the_reserve_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let options = JournalOptions { reserve_bytes: u64::MAX, ..small() };
    let (journal, _) = Journal::open(dir.path(), options).unwrap();
    assert_eq!(journal.append(vec![event(1)]).unwrap().wait(), Err(AppendError::Full));
}

#[test]
fn the_queue_is_bounded() {
    // A disk that blocks until told, so that the queue fills.
    struct Gate(Arc<(Mutex<bool>, Condvar)>);
    impl Disk for Gate {
        fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
            let mut open = self.0.0.lock().unwrap();
            while !*open {
                open = self.0.1.wait(open).unwrap();
            }
            RealDisk.open(path)
        }
        fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
            RealDisk.free_bytes(dir)
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let options = JournalOptions {
        queue_bytes_max: 3 * EventBatch::from(vec![event(1)]).weight(),
        ..small()
    };
    let (journal, _) = Journal::open_on(dir.path(), options, Box::new(Gate(gate.clone()))).unwrap();
    let accepted: Vec<Pending> =
        (1..10).map_while(|n| journal.append(vec![event(n)]).ok()).collect();
    assert!((2..=4).contains(&accepted.len()), "{}", accepted.len());
    assert_eq!(journal.append(vec![event(9)]).err(), Some(AppendError::Busy));
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    let count = accepted.len() as u64;
    for (n, pending) in (1..).zip(accepted) {
        assert_eq!(pending.wait(), Ok(n..n + 1));
    }
    assert_eq!((journal.next_seq(), journal.stats().busy), (count + 1, 2));
}

const CHILD: &str = "XUEDUN_TEST_JOURNAL_DIR";

/// Run again as a child process with [`CHILD`] set, this test appends until it is killed.
#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    if let Ok(dir) = std::env::var(CHILD) {
        append_for_ever(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0u64;
    for round in 0..20u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "journal::tests::nothing_acknowledged_is_lost_when_the_process_is_killed",
            ])
            .args(["--nocapture", "--test-threads=1"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let enough = 1 + (round * 7919) % 61;
        let acks = out.lines().map_while(Result::ok);
        let acks = acks.filter_map(|l| l.rsplit_once("ACK ").and_then(|(_, n)| n.parse().ok()));
        let mut taken = 0;
        for ack in acks {
            acknowledged = acknowledged.max(ack);
            taken += 1;
            if taken == enough {
                child.kill().unwrap();
            }
        }
        assert!(taken >= enough, "the child ended by itself");
        child.wait().unwrap();
        let (journal, recovery) = Journal::open(dir.path(), small()).unwrap();
        assert_eq!(recovery.damaged, vec![]);
        assert!(recovery.last_seq >= acknowledged, "round {round}");
        assert_eq!(seqs(&journal, 1), (1..=recovery.last_seq).collect::<Vec<_>>());
    }
}

fn append_for_ever(dir: &Path) -> ! {
    let (journal, _) = Journal::open(dir, small()).unwrap();
    loop {
        let next = journal.next_seq();
        let first = journal.append((next..next + 7).map(event).collect::<Vec<_>>()).unwrap();
        let second = journal.append((next + 7..next + 9).map(event).collect::<Vec<_>>()).unwrap();
        let mut out = std::io::stdout().lock();
        for pending in [first, second] {
            let range = pending.wait().unwrap();
            writeln!(out, "ACK {}", range.end - 1).unwrap();
        }
        out.flush().unwrap();
    }
}
