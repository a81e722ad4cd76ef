//! A folder of lists into one table. Files are read in order of name; what is wrong with one is
//! told and the rest is used.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use events::{Text, Timestamp};

use super::key::{IntelKind, Key};
use super::table::{Inserted, Table};
use super::{Intel, IntelProblem, IntelStats, read};
use crate::limits::{INTEL_FILE_BYTES_MAX, INTEL_PROBLEMS_MAX};

/// Takes indicators from a reader.
pub(super) struct Sink<'t> {
    table: &'t mut Table,
    stats: &'t mut IntelStats,
    problems: &'t mut Vec<IntelProblem>,
    told: usize,
    file: String,
    name: String,
    list: Option<u16>,
    full: bool,
}

/// When an indicator ends and whether it counts at all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Terms {
    pub(super) until: Option<Timestamp>,
}

impl Sink<'_> {
    /// Names the list, if it says how it is called; before its first indicator.
    pub(super) fn call(&mut self, name: &str) {
        if self.list.is_none() && !name.trim().is_empty() {
            self.name = name.trim().chars().take(200).collect();
        }
    }

    /// Takes one indicator.
    pub(super) fn take(&mut self, key: &Key, kind: IntelKind, terms: Terms) {
        if self.full {
            return;
        }
        if self.list.is_none() {
            self.list = self.table.list(&self.name);
        }
        let Some(list) = self.list else { return self.fill() };
        match self.table.insert(key.bytes(), key.prefix(), list, terms.until) {
            Inserted::Full => self.fill(),
            Inserted::Known => self.stats.repeated += 1,
            Inserted::New => {
                *match kind {
                    IntelKind::Address if key.prefix() == Some(128) => &mut self.stats.addresses,
                    IntelKind::Address => &mut self.stats.networks,
                    IntelKind::Domain => &mut self.stats.domains,
                    IntelKind::Url => &mut self.stats.urls,
                    IntelKind::Hash => &mut self.stats.hashes,
                } += 1;
            }
        }
    }

    fn fill(&mut self) {
        self.full = true;
        self.problem(
            "I004",
            0,
            "情报条目超过上限，其余未载入",
            "too many indicators: the rest is left out",
        );
    }

    /// Something that does not count, for a good reason.
    pub(super) fn leave_out(&mut self) {
        self.stats.left_out += 1;
    }

    pub(super) fn problem(&mut self, code: &'static str, place: u64, zh: &str, en: &str) {
        self.told += 1;
        if self.told <= INTEL_PROBLEMS_MAX {
            let message = Text::new(zh, en);
            self.problems.push(IntelProblem { code, file: self.file.clone(), place, message });
        } else if self.told == INTEL_PROBLEMS_MAX + 1 {
            let message = Text::new("其余问题不再列出", "further problems are not listed");
            self.problems.push(IntelProblem {
                code: "I004",
                file: self.file.clone(),
                place,
                message,
            });
        }
    }
}

impl Intel {
    /// Reads every list below a folder (or one file): `*.json` as STIX 2.1 or MISP, `*.txt`,
    /// `*.csv` and `*.list` as plain lists. Never fails: what cannot be used is in the problems.
    pub fn load(path: &Path) -> (Self, Vec<IntelProblem>) {
        let mut problems = Vec::new();
        let mut files = Vec::new();
        if let Err(error) = collect(path, true, &mut files) {
            problems.push(unreadable(path, &error));
        }
        files.sort();
        let (mut table, mut stats) = (Table::default(), IntelStats::default());
        for path in files {
            stats.lists += 1;
            let name = path.file_stem().map(|n| n.to_string_lossy().into_owned());
            let mut sink = Sink {
                table: &mut table,
                stats: &mut stats,
                problems: &mut problems,
                told: 0,
                file: path.display().to_string(),
                name: name.unwrap_or_default(),
                list: None,
                full: false,
            };
            match open(&path) {
                Ok(file) => read_one(&path, file, &mut sink),
                Err(error) => problems.push(unreadable(&path, &error)),
            }
        }
        table.shrink();
        stats.bytes = table.size();
        (Self::with_roles(table, stats), problems)
    }

    /// Reads one list from memory, as [`Intel::load`] does from a file of that name.
    pub fn from_text(name: &str, text: &str) -> (Self, Vec<IntelProblem>) {
        let (mut table, mut stats, mut problems) =
            (Table::default(), IntelStats { lists: 1, ..IntelStats::default() }, Vec::new());
        let mut sink = Sink {
            table: &mut table,
            stats: &mut stats,
            problems: &mut problems,
            told: 0,
            file: name.to_owned(),
            name: name.to_owned(),
            list: None,
            full: false,
        };
        read_one(Path::new(name), text.as_bytes(), &mut sink);
        stats.bytes = table.size();
        (Self::with_roles(table, stats), problems)
    }
}

fn read_one(path: &Path, from: impl Read, sink: &mut Sink<'_>) {
    let from = BufReader::with_capacity(1 << 16, from);
    if path.extension().is_some_and(|e| e == "json") {
        read::json::read(from, sink);
    } else {
        read::plain::read(from, sink);
    }
}

fn open(path: &Path) -> std::io::Result<impl Read> {
    let file = File::open(path)?;
    if file.metadata()?.len() > INTEL_FILE_BYTES_MAX {
        return Err(std::io::Error::other("the list is too large"));
    }
    Ok(file.take(INTEL_FILE_BYTES_MAX))
}

fn collect(path: &Path, named: bool, out: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let kind = if named { fs::metadata(path)? } else { fs::symlink_metadata(path)? };
    let known = path
        .extension()
        .and_then(|e| e.to_str())
        .is_some_and(|e| matches!(e, "json" | "txt" | "csv" | "list"));
    if kind.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), false, out)?;
        }
    } else if named || (kind.is_file() && known) {
        out.push(path.to_owned());
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> IntelProblem {
    IntelProblem {
        code: "I001",
        file: path.display().to_string(),
        place: 0,
        message: Text::new(format!("无法读取：{error}"), format!("cannot be read: {error}")),
    }
}
