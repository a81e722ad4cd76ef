//! The evidence log (证据日志): append-only, Merkle-hashed, in the C2SP tlog-tiles layout.
//!
//! On disk: `tile/…` immutable tiles and entry bundles, `checkpoint` the newest signed tree head,
//! `checkpoints/<size>` every one ever signed, `pending` leaves appended since; beside them what
//! others gave (`stamps/`, `witness/`), `handover/<leaf>` and `sealed`, the sizes that went out.
//! Order of a checkpoint: tiles, then the note, then a new `pending`; a crash between any two
//! steps leaves a log that opens with nothing lost.

mod beside;

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use events::Timestamp;

use super::assurance::Assurance;
use super::error::EvidenceError;
use super::journal::Journal;
use super::limits::{self, LEAF_BYTES_MAX, TILE_WIDTH};
use super::merkle::{self, Hash, Nodes, leaf_hash};
use super::note::{Checkpoint, Signer};
use super::tiles::{self, Row, fold, io_error, path, read_hashes, write_durable};

const WIDTH: u64 = TILE_WIDTH as u64;
const TILE_BITS: u32 = 8;

/// Full tiles by level and index.
type Tiles = HashMap<(u32, u64), Arc<Vec<Hash>>>;

/// What opening a log found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Leaves that were durable but not yet under a checkpoint.
    pub pending: u64,
    /// Bytes of a torn append that were cut off (its `append` never returned).
    pub torn_bytes: u64,
}

/// The evidence log, open for writing by this process alone.
#[derive(Debug)]
pub struct EvidenceLog {
    dir: PathBuf,
    signer: Signer,
    checkpoint: Checkpoint,
    size: u64,
    /// Incomplete right-most tile of each level.
    tails: Vec<Vec<Hash>>,
    /// Full tiles not yet on disk.
    full: Tiles,
    /// Leaves of the incomplete bundle, and full bundles not yet on disk.
    entries: Vec<Vec<u8>>,
    full_entries: HashMap<u64, Vec<Vec<u8>>>,
    journal: Journal,
    cache: Mutex<Tiles>,
    opened: Opened,
    assurance: Option<Assurance>,
    _lock: File,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Journal")
    }
}

impl EvidenceLog {
    /// Opens the log in `dir`, or begins one (with a signed checkpoint of the empty tree).
    ///
    /// `known` is a checkpoint the caller remembers from elsewhere (its state, a witness): a log
    /// that is shorter or has another history is refused. Damage is an error with the part's
    /// name, never repaired in silence.
    pub fn open(
        dir: &Path,
        signer: Signer,
        known: Option<&Checkpoint>,
    ) -> Result<Self, EvidenceError> {
        fs::create_dir_all(dir).map_err(io_error("create", dir))?;
        let lock = lock(dir)?;
        let note_path = dir.join("checkpoint");
        if !note_path.exists() {
            begin(dir, &signer)?;
        }
        let note = fs::read_to_string(&note_path).map_err(io_error("read", &note_path))?;
        let checkpoint = Checkpoint::open(&note, signer.key())?;
        let (journal, recovered) = match Journal::recover(dir)? {
            Some((journal, found)) => (journal, Some(found)),
            None => (Journal::create(dir, checkpoint.size)?, None),
        };
        let mut log = Self {
            dir: dir.to_path_buf(),
            signer,
            size: 0,
            tails: Vec::new(),
            full: HashMap::new(),
            entries: Vec::new(),
            full_entries: HashMap::new(),
            journal,
            cache: Mutex::new(HashMap::new()),
            opened: Opened::default(),
            assurance: None,
            checkpoint,
            _lock: lock,
        };
        log.load_tails()?;
        if let Some(found) = recovered {
            log.replay(found.base, &found.leaves)?;
            log.opened.torn_bytes = found.torn_bytes;
        }
        log.opened.pending = log.size - log.checkpoint.size;
        if let Some(known) = known {
            log.check_known(known)?;
        }
        Ok(log)
    }

    /// What opening found.
    pub fn opened(&self) -> Opened {
        self.opened
    }

    /// The newest signed tree head.
    pub fn latest(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Leaves, those not yet under a checkpoint included.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The public key.
    pub fn key(&self) -> &super::note::VerifyingKey {
        self.signer.key()
    }

    /// Appends a leaf (at most 65,535 bytes); durable when this returns. Gives its number.
    pub fn append(&mut self, leaf: &[u8]) -> Result<u64, EvidenceError> {
        self.append_all(&[leaf])
    }

    /// Appends leaves with one sync; all durable when this returns. Gives the first number.
    pub fn append_all(&mut self, leaves: &[&[u8]]) -> Result<u64, EvidenceError> {
        if let Some(long) = leaves.iter().find(|l| l.len() > LEAF_BYTES_MAX) {
            return Err(EvidenceError::LeafTooLong { bytes: long.len(), max: LEAF_BYTES_MAX });
        }
        self.journal.append(leaves, &self.dir)?;
        let first = self.size;
        for leaf in leaves {
            self.push_leaf(leaf);
        }
        Ok(first)
    }

    /// Signs a tree head over everything appended. When there is anything new, a leaf with the
    /// time is added first, so that the time is sealed too; when not, the newest one is returned.
    pub fn checkpoint(&mut self, now: Timestamp) -> Result<Checkpoint, EvidenceError> {
        if self.size == self.checkpoint.size {
            return Ok(self.checkpoint.clone());
        }
        self.sign_now(now, None)
    }

    fn sign_now(
        &mut self,
        now: Timestamp,
        successor: Option<&Signer>,
    ) -> Result<Checkpoint, EvidenceError> {
        let leaf =
            format!("{{\"after\":{},\"kind\":\"checkpoint\",\"time\":\"{now}\"}}", self.size);
        self.append(leaf.as_bytes())?;
        self.write_tiles()?;
        let root = merkle::root(self, self.size)?;
        let own = self.signer.sign(self.size, &root);
        let signed = match successor {
            // The successor's line stands first; the SM2 line stands once.
            Some(new) => new.sign(self.size, &root).with_lines(&self.signer.own_line(own.body())),
            None => own,
        };
        write_durable(&self.dir, &history(self.size), signed.note.as_bytes())?;
        write_durable(&self.dir, "checkpoint", signed.note.as_bytes())?;
        self.checkpoint = signed;
        self.full.clear();
        self.full_entries.clear();
        self.journal = Journal::create(&self.dir, self.size)?;
        Ok(self.checkpoint.clone())
    }

    /// The bytes of a leaf, checked against its hash.
    pub fn leaf(&self, index: u64) -> Result<Vec<u8>, EvidenceError> {
        if index >= self.size {
            return Err(EvidenceError::OutOfTree { index, size: self.size });
        }
        let (bundle, at) = (index / WIDTH, (index % WIDTH) as usize);
        let found = if bundle == self.size / WIDTH {
            self.entries.get(at).cloned()
        } else if let Some(entries) = self.full_entries.get(&bundle) {
            entries.get(at).cloned()
        } else {
            self.read_bundle(bundle, TILE_WIDTH)?.get(at).cloned()
        };
        match found {
            Some(leaf) if leaf_hash(&leaf) == self.node(0, index)? => Ok(leaf),
            _ => Err(damaged(
                &path(Row::Entries, bundle, TILE_WIDTH),
                format!("leaf {index} differs from its hash"),
            )),
        }
    }

    /// The inclusion proof of a leaf in the tree of the first `size` leaves.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, EvidenceError> {
        self.within(size)?;
        merkle::inclusion(self, index, size)
    }

    /// The proof that the tree of `old` leaves is the beginning of that of `new`.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, EvidenceError> {
        self.within(new)?;
        merkle::consistency(self, old, new)
    }

    /// The root of the first `size` leaves.
    pub fn root_at(&self, size: u64) -> Result<Hash, EvidenceError> {
        self.within(size)?;
        merkle::root(self, size)
    }

    /// Reads every leaf and tile and compares them with the signed root. Gives the leaves read.
    pub fn check(&self) -> Result<u64, EvidenceError> {
        self.cache().clear();
        let mut hashes = Vec::new();
        for index in 0..self.size {
            hashes.push(leaf_hash(&self.leaf(index)?));
        }
        let signed = hashes.get(..self.checkpoint.size as usize).unwrap_or_default();
        if merkle::root_of(signed) != self.checkpoint.root {
            return Err(damaged("checkpoint", "the root is not that of the leaves".into()));
        }
        Ok(self.size)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn signer(&self) -> &Signer {
        &self.signer
    }

    pub(super) fn assurance(&self) -> Option<&Assurance> {
        self.assurance.as_ref()
    }

    pub(super) fn set_assurance(&mut self, assurance: Option<Assurance>) {
        self.assurance = assurance;
    }

    fn within(&self, size: u64) -> Result<(), EvidenceError> {
        if size > self.size {
            return Err(EvidenceError::OutOfTree { index: size, size: self.size });
        }
        Ok(())
    }

    fn push_leaf(&mut self, leaf: &[u8]) {
        self.entries.push(leaf.to_vec());
        if self.entries.len() == TILE_WIDTH {
            self.full_entries.insert(self.size / WIDTH, std::mem::take(&mut self.entries));
        }
        self.size += 1;
        let mut hash = leaf_hash(leaf);
        let mut level = 0;
        loop {
            if self.tails.len() == level {
                self.tails.push(Vec::new());
            }
            let tail = &mut self.tails[level];
            tail.push(hash);
            if tail.len() < TILE_WIDTH {
                return;
            }
            let tile = std::mem::take(tail);
            // A full tile has a power of two of hashes, so it always folds.
            let Some(root) = fold(&tile) else { return };
            let index = (self.size >> (TILE_BITS * (level as u32 + 1))) - 1;
            self.full.insert((level as u32, index), Arc::new(tile));
            hash = root;
            level += 1;
        }
    }

    fn write_tiles(&self) -> Result<(), EvidenceError> {
        for ((level, index), tile) in &self.full {
            let name = path(Row::Level(*level), *index, TILE_WIDTH);
            write_durable(&self.dir, &name, &tile.concat())?;
        }
        for (index, entries) in &self.full_entries {
            let bytes = tiles::encode_entries(entries)?;
            write_durable(&self.dir, &path(Row::Entries, *index, TILE_WIDTH), &bytes)?;
        }
        for (level, tail) in self.tails.iter().enumerate().filter(|(_, t)| !t.is_empty()) {
            let index = self.size >> (TILE_BITS * (level as u32 + 1));
            let name = path(Row::Level(level as u32), index, tail.len());
            write_durable(&self.dir, &name, &tail.concat())?;
        }
        if !self.entries.is_empty() {
            let name = path(Row::Entries, self.size / WIDTH, self.entries.len());
            write_durable(&self.dir, &name, &tiles::encode_entries(&self.entries)?)?;
        }
        Ok(())
    }

    /// Loads the right edge of the signed tree and compares its root.
    fn load_tails(&mut self) -> Result<(), EvidenceError> {
        let size = self.checkpoint.size;
        self.size = size;
        let mut level = 0;
        while size >> (TILE_BITS * level) > 0 {
            let row = size >> (TILE_BITS * level);
            let (index, width) = (row / WIDTH, (row % WIDTH) as usize);
            let tail = if width == 0 {
                Vec::new()
            } else {
                let name = path(Row::Level(level), index, width);
                read_hashes(&self.dir, &name)?
                    .filter(|t| t.len() == width)
                    .ok_or_else(|| damaged(&name, "missing or of another length".into()))?
            };
            self.tails.push(tail);
            level += 1;
        }
        if merkle::root(self, size)? != self.checkpoint.root {
            return Err(damaged("tile", "the root is not that of the checkpoint".into()));
        }
        let width = (size % WIDTH) as usize;
        if width > 0 {
            self.entries = self.read_bundle(size / WIDTH, width)?;
            let hashes: Vec<Hash> = self.entries.iter().map(|e| leaf_hash(e)).collect();
            if self.tails.first() != Some(&hashes) {
                let name = path(Row::Entries, size / WIDTH, width);
                return Err(damaged(&name, "a leaf differs from its hash".into()));
            }
        }
        Ok(())
    }

    fn replay(&mut self, base: u64, leaves: &[Vec<u8>]) -> Result<(), EvidenceError> {
        if base > self.size {
            return Err(damaged(
                "pending",
                format!("begins at leaf {base}, the tree has {}", self.size),
            ));
        }
        for (index, leaf) in (base..).zip(leaves) {
            if index < self.checkpoint.size {
                if leaf_hash(leaf) != self.node(0, index)? {
                    return Err(damaged("pending", format!("leaf {index} is not the signed one")));
                }
            } else {
                self.push_leaf(leaf);
            }
        }
        Ok(())
    }

    fn check_known(&self, known: &Checkpoint) -> Result<(), EvidenceError> {
        if known.origin != self.checkpoint.origin {
            let (found, wanted) = (self.checkpoint.origin.clone(), known.origin.clone());
            return Err(EvidenceError::OtherLog { found, wanted });
        }
        if self.checkpoint.size < known.size {
            return Err(EvidenceError::RolledBack {
                found: self.checkpoint.size,
                known: known.size,
            });
        }
        if self.root_at(known.size)? != known.root {
            return Err(EvidenceError::Forked { size: known.size });
        }
        Ok(())
    }

    fn read_bundle(&self, index: u64, width: usize) -> Result<Vec<Vec<u8>>, EvidenceError> {
        let name = path(Row::Entries, index, width);
        let file = self.dir.join(&name);
        let bytes = fs::read(&file).map_err(io_error("read", &file))?;
        tiles::decode_entries(&bytes)
            .filter(|entries| entries.len() == width)
            .ok_or_else(|| damaged(&name, "does not hold its number of leaves".into()))
    }

    /// The cache holds only copies of what is on disk: one left by a panic is as good as any.
    fn cache(&self) -> MutexGuard<'_, Tiles> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tile's hashes. Full tiles from disk are compared with the hash above them.
    fn tile(&self, level: u32, index: u64) -> Result<Arc<Vec<Hash>>, EvidenceError> {
        let row = self.size >> (TILE_BITS * level);
        if index == row / WIDTH {
            let tail = self.tails.get(level as usize).cloned().unwrap_or_default();
            return Ok(Arc::new(tail));
        }
        let key = (level, index);
        if let Some(tile) = self.full.get(&key) {
            return Ok(Arc::clone(tile));
        }
        if let Some(tile) = self.cache().get(&key) {
            return Ok(Arc::clone(tile));
        }
        let name = path(Row::Level(level), index, TILE_WIDTH);
        let tile = read_hashes(&self.dir, &name)?
            .filter(|t| t.len() == TILE_WIDTH)
            .ok_or_else(|| damaged(&name, "missing or of another length".into()))?;
        let above = self.tile(level + 1, index / WIDTH)?;
        if above.get((index % WIDTH) as usize) != fold(&tile).as_ref() {
            return Err(damaged(&name, "differs from the hash above it".into()));
        }
        let tile = Arc::new(tile);
        let mut cache = self.cache();
        if cache.len() >= limits::TILES_CACHED_MAX {
            cache.clear();
        }
        cache.insert(key, Arc::clone(&tile));
        Ok(tile)
    }
}

impl Nodes for EvidenceLog {
    fn node(&self, level: u32, index: u64) -> Result<Hash, EvidenceError> {
        let (tile_level, within) = (level / TILE_BITS, level % TILE_BITS);
        let first = index << within;
        let tile = self.tile(tile_level, first / WIDTH)?;
        let at = (first % WIDTH) as usize;
        let hashes = tile.get(at..at + (1 << within));
        hashes.and_then(fold).ok_or(EvidenceError::OutOfTree { index, size: self.size })
    }
}

fn history(size: u64) -> String {
    format!("checkpoints/{size:020}")
}

fn damaged(part: &str, problem: String) -> EvidenceError {
    EvidenceError::Damaged { part: part.to_owned(), problem }
}

/// Begins an empty log. Leaves without a checkpoint are not an empty log.
fn begin(dir: &Path, signer: &Signer) -> Result<(), EvidenceError> {
    if dir.join("tile").exists() || dir.join("pending").exists() {
        return Err(damaged("checkpoint", "missing although the log has leaves".into()));
    }
    let signed = signer.sign(0, &merkle::empty_root());
    write_durable(dir, &history(0), signed.note.as_bytes())?;
    write_durable(dir, "checkpoint", signed.note.as_bytes())
}

fn lock(dir: &Path) -> Result<File, EvidenceError> {
    let path = dir.join("lock");
    let file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(io_error("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            Err(EvidenceError::Locked { path: dir.display().to_string() })
        }
        Err(fs::TryLockError::Error(source)) => Err(io_error("lock", &path)(source)),
    }
}
