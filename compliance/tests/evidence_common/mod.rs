//! A run to seal, bundles taken apart and put together, and peers played by the test.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use compliance::audit::{self, AuditRun, Catalogue, Check, RecordedHost, Target};
use compliance::evidence::merkle::{Hash, verify_consistency};
use compliance::evidence::{Answer, Checkpoint, Network, Signer, VerifyingKey, Witness};
use data_encoding::{BASE64, HEXLOWER};
use events::{SiteId, Timestamp};
use ring::digest::{SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair};
use zip::write::SimpleFileOptions;

pub type Files = BTreeMap<String, Vec<u8>>;

pub fn now() -> Timestamp {
    Timestamp::from_secs(1_795_000_000)
}

pub fn signer(seed: u8) -> Signer {
    Signer::from_seed("edu.example/log", &[seed; 32]).unwrap()
}

pub struct Made {
    pub catalogue: Catalogue,
    pub checks: Vec<Check>,
    pub run: AuditRun,
}

pub fn made() -> Made {
    let catalogue = Catalogue::embedded().unwrap();
    let checks = audit::checks().unwrap();
    let mut host = RecordedHost::new();
    host.file("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
        .file("/etc/shadow", "root:$6$a$b:19000:1:90:7:::\n")
        .file("/etc/login.defs", "PASS_MAX_DAYS 90\nPASS_MIN_DAYS 1\nPASS_WARN_AGE 7\nUMASK 022\n");
    let target = Target::host(SiteId::from_u64(2_133_000_001).unwrap(), "教务服务器");
    let plan = audit::plan(&catalogue, &checks, &target).unwrap();
    let run = audit::run(&plan, &host, now(), &mut |_| {});
    Made { catalogue, checks, run }
}

pub fn unzip(bytes: &[u8]) -> Files {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..zip.len())
        .map(|i| {
            let mut entry = zip.by_index(i).unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

pub fn rezip(files: &Files) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[allow(dead_code, reason = "of the tests that use this file only some copy")]
pub fn copy_dir(from: &Path, to: &Path) {
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
#[allow(dead_code, reason = "of the tests that use this file only some need all")]
pub enum Mood {
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
pub struct Peer {
    name: String,
    pair: Ed25519KeyPair,
    log: VerifyingKey,
    seen: Mutex<Option<Checkpoint>>,
    mood: Mutex<Mood>,
    asked: AtomicUsize,
}

#[allow(dead_code, reason = "of the tests that use this file only some need all")]
impl Peer {
    pub fn new(seed: u8, log: &VerifyingKey) -> Self {
        Self {
            name: format!("w{seed}.example"),
            pair: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap(),
            log: log.clone(),
            seen: Mutex::new(None),
            mood: Mutex::new(Mood::Willing),
            asked: AtomicUsize::new(0),
        }
    }

    pub fn mood(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn typed(&self) -> Vec<u8> {
        [&[4], self.pair.public_key().as_ref()].concat()
    }

    fn id(&self) -> Vec<u8> {
        let text = [self.name.as_bytes(), b"\n", &self.typed()].concat();
        digest(&SHA256, &text).as_ref()[..4].to_vec()
    }

    pub fn vkey(&self) -> String {
        format!("{}+{}+{}", self.name, HEXLOWER.encode(&self.id()), BASE64.encode(&self.typed()))
    }

    pub fn witness(&self) -> Witness {
        let url = format!("http://{}/", self.name);
        Witness { key: self.vkey().parse().unwrap(), url }
    }

    /// A cosignature by this key under the name and id of another witness.
    pub fn line_as(&self, other: &Peer, note: &str) -> String {
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
pub struct Peers(pub Vec<Arc<Peer>>);

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
