//! Bundles (证据包): a zip that a stranger can verify with tools that are not ours.
//!
//! Entries are stored, sorted and dated 1980-01-01, so the same log and run give the same bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, Write};
use std::path::Path;

use events::{Lang, Timestamp};
use serde::{Deserialize, Serialize};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::assurance::{self, Given, Question};
use super::error::EvidenceError;
use super::limits;
use super::log::EvidenceLog;
use super::note::Checkpoint;
use super::proof::{consistency_text, inclusion_text};
use super::seal::{Attachment, Document, Sealed, seal, sha256};
use super::sshsig;
use super::tiles::io_error;
use crate::audit::{AuditRun, Catalogue, Check};
use crate::report;

const VERIFY_MD: &str = include_str!("VERIFY.md");

/// Every bundle holds these, drawn from the run; each one's digest is in the run's last leaf.
pub(super) const DOCUMENTS: [&str; 11] = [
    "run.json",
    "report.html",
    "report.en.html",
    "report.docx",
    "items.csv",
    "items.xlsx",
    "oscal/catalog.json",
    "oscal/assessment-plan.json",
    "oscal/assessment-results.json",
    "oscal/poam.json",
    "VERIFY.md",
];

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleSummary {
    /// Where the run lies in the log.
    pub sealed: Sealed,
    /// Files in the bundle.
    pub files: usize,
    /// Leaves in the bundle.
    pub leaves: u64,
    /// Bytes of the bundle.
    pub bytes: u64,
    /// SHA-256 of the bundle, hexadecimal.
    pub sha256: String,
    /// The root of the tree after the run, base64: print it on the paper report.
    pub root: String,
}

/// A run that is sealed and whose bundle is not written yet. In between witnesses and the timestamp
/// authority are asked, which may take long and needs no open log.
pub struct Draft {
    sealed: Sealed,
    documents: Vec<Document>,
    attachments: Vec<Attachment>,
    question: Question,
}

impl Draft {
    /// Draws the documents and seals the run into the log.
    pub fn seal(
        log: &mut EvidenceLog,
        run: &AuditRun,
        catalogue: &Catalogue,
        checks: &[Check],
        attachments: &[Attachment],
        now: Timestamp,
    ) -> Result<Self, EvidenceError> {
        check_names(attachments)?;
        let documents = documents(run, catalogue, checks)?;
        let sealed = seal(log, run, attachments, &documents, now)?;
        let question = log.question()?;
        Ok(Self { sealed, documents, attachments: attachments.to_vec(), question })
    }

    /// What to ask before the bundle is written.
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// Keeps what came back and writes the bundle to `out`.
    pub fn write(
        mut self,
        log: &mut EvidenceLog,
        given: Given,
        out: &Path,
    ) -> Result<BundleSummary, EvidenceError> {
        log.keep(&given)?;
        self.sealed.after = given.checkpoint.note;
        self.sealed.assured = given.assured;
        log.remember_sealed(self.sealed.size)?;
        write(log, &self.sealed, &self.documents, &self.attachments, out)
    }
}

/// Seals a run into the log, asks about it, and writes its bundle to `out`, all in one go.
pub fn bundle(
    log: &mut EvidenceLog,
    run: &AuditRun,
    catalogue: &Catalogue,
    checks: &[Check],
    attachments: &[Attachment],
    now: Timestamp,
    out: &Path,
) -> Result<BundleSummary, EvidenceError> {
    let draft = Draft::seal(log, run, catalogue, checks, attachments, now)?;
    let new = draft.question.size();
    let given = draft
        .question
        .ask(log.assurance(), &|old| log.consistency(old, new).map_err(|e| e.to_string()));
    draft.write(log, given, out)
}

/// Writes the bundle of a run sealed before. The bytes are those of the first time as long as
/// run, attachments and the program's report are the same.
pub fn write_bundle(
    log: &EvidenceLog,
    sealed: &Sealed,
    run: &AuditRun,
    catalogue: &Catalogue,
    checks: &[Check],
    attachments: &[Attachment],
    out: &Path,
) -> Result<BundleSummary, EvidenceError> {
    check_names(attachments)?;
    write(log, sealed, &documents(run, catalogue, checks)?, attachments, out)
}

/// The documents, in the order of [`DOCUMENTS`].
fn documents(
    run: &AuditRun,
    catalogue: &Catalogue,
    checks: &[Check],
) -> Result<Vec<Document>, EvidenceError> {
    let failed = |what: &'static str, problem: String| EvidenceError::Render { what, problem };
    let page = |lang| {
        report::html(run, catalogue, checks, lang)
            .map(String::into_bytes)
            .map_err(|e| failed("report", e.to_string()))
    };
    let json = |value: &serde_json::Value| {
        serde_json::to_vec_pretty(value).map_err(|e| failed("oscal", e.to_string()))
    };
    let office = |e: report::OfficeError| failed("office", e.to_string());
    let lang = Lang::Zh;
    let bytes = [
        serde_json::to_vec_pretty(run).map_err(|e| failed("run.json", e.to_string()))?,
        page(Lang::Zh)?,
        page(Lang::En)?,
        report::docx(run, catalogue, checks, None, lang).map_err(office)?,
        report::csv(run, catalogue, lang).into_bytes(),
        report::xlsx(run, catalogue, checks, lang).map_err(office)?,
        json(&report::oscal_catalog(catalogue, run.finished, lang))?,
        json(&report::oscal_plan(run, checks, lang))?,
        json(&report::oscal(run, checks, lang))?,
        json(&report::oscal_poam(run, checks, catalogue, &[], lang))?,
        VERIFY_MD.as_bytes().to_vec(),
    ];
    let named = DOCUMENTS.into_iter().zip(bytes);
    Ok(named.map(|(name, bytes)| Document { name, bytes }).collect())
}

/// Plain names only: what a bundle unpacks to stays where it is unpacked.
fn check_names(attachments: &[Attachment]) -> Result<(), EvidenceError> {
    for (i, a) in attachments.iter().enumerate() {
        let plain = !a.name.is_empty()
            && a.name.len() <= 200
            && !a.name.starts_with('.')
            && !a.name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | ':'));
        if !plain || attachments[..i].iter().any(|b| b.name == a.name) {
            return Err(EvidenceError::BadAttachment { name: a.name.clone() });
        }
    }
    Ok(())
}

fn write(
    log: &EvidenceLog,
    sealed: &Sealed,
    documents: &[Document],
    attachments: &[Attachment],
    out: &Path,
) -> Result<BundleSummary, EvidenceError> {
    let before = Checkpoint::open(&sealed.before, log.key())?;
    let after = Checkpoint::open(&sealed.after, log.key())?;
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    files.insert("checkpoint".into(), after.note.clone().into_bytes());
    files.insert("checkpoint.prev".into(), before.note.clone().into_bytes());
    let proof = log.consistency(before.size, after.size)?;
    files.insert(
        "consistency".into(),
        consistency_text(before.size, after.size, &proof).into_bytes(),
    );
    for index in before.size..after.size {
        files.insert(leaf_name(index), log.leaf(index)?);
        let proof = log.inclusion(index, after.size)?;
        files.insert(proof_name(index), inclusion_text(index, &proof, &after).into_bytes());
    }
    for document in documents {
        files.insert(document.name.to_owned(), document.bytes.clone());
    }
    for attachment in attachments {
        files.insert(format!("attachments/{}", attachment.name), attachment.bytes.clone());
    }
    files.insert("keys/log.vkey".into(), format!("{}\n", log.key()).into_bytes());
    assured(log, &after, &mut files)?;
    earlier(log, sealed, &after, &mut files)?;
    let sums: String =
        files.iter().map(|(name, bytes)| format!("{}  {name}\n", sha256(bytes))).collect();
    let signature = sshsig::sign(log.signer(), sums.as_bytes());
    files.insert("SHA256SUMS".into(), sums.into_bytes());
    files.insert("SHA256SUMS.sig".into(), signature.into_bytes());
    if files.len() > limits::BUNDLE_FILES_MAX {
        return Err(EvidenceError::TooLarge { what: "files" });
    }
    let bytes = zipped(&files)?;
    let mut file = File::create(out).map_err(io_error("create", out))?;
    file.write_all(&bytes).map_err(io_error("write", out))?;
    file.sync_all().map_err(io_error("sync", out))?;
    Ok(BundleSummary {
        sealed: sealed.clone(),
        files: files.len(),
        leaves: after.size - before.size,
        bytes: bytes.len() as u64,
        sha256: sha256(&bytes),
        root: data_encoding::BASE64.encode(&after.root),
    })
}

/// What others gave, and the keys to verify it by.
fn assured(
    log: &EvidenceLog,
    after: &Checkpoint,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), EvidenceError> {
    files.insert("keys/policy".into(), assurance::policy_text(log).into_bytes());
    if let Some(sm) = log.signer().sm() {
        files.insert("keys/sm2.vkey".into(), format!("{sm}\n").into_bytes());
    }
    if let Some(stamp) = log.assurance().and_then(|a| a.stamp.as_ref()) {
        files.insert("keys/tsa.pem".into(), stamp.trust.pem().to_vec());
        if let Some(answer) = log.stamp(after.size)? {
            files.insert("checkpoint.tsr".into(), answer);
        }
    }
    Ok(())
}

/// What leads from earlier keys and checkpoints to this one.
fn earlier(
    log: &EvidenceLog,
    sealed: &Sealed,
    after: &Checkpoint,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), EvidenceError> {
    for index in log.handovers()?.into_iter().filter(|i| *i < after.size) {
        files.insert(format!("handover/{index:012}.json"), log.leaf(index)?);
        let proof = inclusion_text(index, &log.inclusion(index, after.size)?, after);
        files.insert(format!("handover/{index:012}.tlog-proof"), proof.into_bytes());
    }
    for old in &sealed.since {
        let proof = consistency_text(*old, after.size, &log.consistency(*old, after.size)?);
        files.insert(format!("since/{old:012}.consistency"), proof.into_bytes());
        files.insert(format!("since/{old:012}.checkpoint"), log.note_at(*old)?.into_bytes());
    }
    Ok(())
}

pub(super) fn leaf_name(index: u64) -> String {
    format!("leaves/{index:012}.json")
}

pub(super) fn proof_name(index: u64) -> String {
    format!("proofs/{index:012}.tlog-proof")
}

/// Files as a zip: stored, in order, dated 1980-01-01.
pub(crate) fn zipped(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, EvidenceError> {
    let failed = |e: &dyn std::fmt::Display| EvidenceError::Zip { problem: e.to_string() };
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name.as_str(), options).map_err(|e| failed(&e))?;
        zip.write_all(bytes).map_err(|e| failed(&e))?;
    }
    Ok(zip.finish().map_err(|e| failed(&e))?.into_inner())
}
