//! Witnesses played by the test, and logs copied as a backup would.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use compliance::evidence::merkle::{Hash, verify_consistency};
use compliance::evidence::{Answer, Checkpoint, Network, VerifyingKey, Witness};
use data_encoding::{BASE64, HEXLOWER};
use ring::digest::{SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair};

pub(crate) fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// How a witness behaves.
#[derive(Clone, Debug)]
pub(crate) enum Mood {
    /// As the protocol says.
    Willing,
    /// No answer.
    Silent,
    /// This, whatever it is asked.
    Says(u16, &'static str, String),
    /// A good signature over something else.
    SignsAnotherText,
}

/// A witness after C2SP tlog-witness, written for the tests from the specification.
pub(crate) struct Peer {
    name: String,
    pair: Ed25519KeyPair,
    log: VerifyingKey,
    seen: Mutex<Option<Checkpoint>>,
    mood: Mutex<Mood>,
    asked: AtomicUsize,
}

impl Peer {
    pub(crate) fn new(seed: u8, log: &VerifyingKey) -> Self {
        Self {
            name: format!("w{seed}.example"),
            pair: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap(),
            log: log.clone(),
            seen: Mutex::new(None),
            mood: Mutex::new(Mood::Willing),
            asked: AtomicUsize::new(0),
        }
    }

    pub(crate) fn mood(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn typed(&self) -> Vec<u8> {
        [&[4], self.pair.public_key().as_ref()].concat()
    }

    fn id(&self) -> Vec<u8> {
        let text = [self.name.as_bytes(), b"\n", &self.typed()].concat();
        digest(&SHA256, &text).as_ref()[..4].to_vec()
    }

    pub(crate) fn vkey(&self) -> String {
        format!("{}+{}+{}", self.name, HEXLOWER.encode(&self.id()), BASE64.encode(&self.typed()))
    }

    pub(crate) fn witness(&self) -> Witness {
        let url = format!("http://{}/", self.name);
        Witness { key: self.vkey().parse().unwrap(), url }
    }

    /// A cosignature by this key under the name and id of another witness.
    pub(crate) fn line_as(&self, other: &Peer, note: &str) -> String {
        let body = note.split_inclusive("\n\n").next().unwrap().trim_end_matches('\n');
        let time: u64 = 1_795_000_001;
        let signed = self.pair.sign(format!("cosignature/v1\ntime {time}\n{body}\n").as_bytes());
        let blob = [&other.id()[..], &time.to_be_bytes(), signed.as_ref()].concat();
        format!("\u{2014} {} {}\n", other.name, BASE64.encode(&blob))
    }

    fn add_checkpoint(&self, body: &str) -> (u16, &'static str, String) {
        let (head, note) = body.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        let old: u64 = lines.next().unwrap().strip_prefix("old ").unwrap().parse().unwrap();
        let proof: Vec<Hash> =
            lines.map(|l| BASE64.decode(l.as_bytes()).unwrap().try_into().unwrap()).collect();
        let Ok(new) = Checkpoint::open(note, &self.log) else { return (403, "", String::new()) };
        let mut seen = self.seen.lock().unwrap();
        let (size, root) = seen.as_ref().map_or((0, None), |c| (c.size, Some(c.root)));
        if size != old {
            return (409, "text/x.tlog.size", format!("{size}\n"));
        }
        if root.is_some_and(|r| !verify_consistency(old, &r, new.size, &new.root, &proof)) {
            return (422, "", String::new());
        }
        *seen = Some(new);
        (200, "", self.line_as(self, note))
    }
}

/// Reached by the host of the URL.
pub(crate) struct Peers(pub(crate) Vec<Arc<Peer>>);

impl Network for Peers {
    fn post(&self, url: &str, _: &'static str, body: &[u8]) -> Result<Answer, String> {
        let of = |p: &&Arc<Peer>| url == format!("http://{}/add-checkpoint", p.name);
        let peer = self.0.iter().find(of).ok_or("no such host")?;
        peer.asked.fetch_add(1, Ordering::Relaxed);
        let mood = peer.mood.lock().unwrap().clone();
        let (status, kind, text) = match mood {
            Mood::Willing => peer.add_checkpoint(std::str::from_utf8(body).unwrap()),
            Mood::Silent => return Err("timed out".to_owned()),
            Mood::Says(status, kind, text) => (status, kind, text),
            Mood::SignsAnotherText => (200, "", peer.line_as(peer, "another\n\n")),
        };
        Ok(Answer { status, kind: kind.to_owned(), body: text.into_bytes() })
    }

    fn nonce(&self) -> [u8; 8] {
        [7; 8]
    }
}
