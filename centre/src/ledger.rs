//! The ledger of audits: every run as one JSON file, written whole, beside the evidence log that
//! holds its digest. Used by a node and by `xuedun audit` on a folder of its own.
//!
//! Files, not rows of the state store: what is sealed as evidence is exactly these bytes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use compliance::audit::{self, Attestation, AuditRun, Compensation, Decisions, Ticket, Waiver};
use compliance::evidence::{Attachment, BundleSummary};
use events::{RunId, Timestamp};

use crate::config::EvidenceConfig;
use crate::error::Error;
use crate::evidence::Evidence;
use crate::heads::Heads;
pub use crate::heads::RunHead;
use crate::limits;
use crate::world::World;

/// How long the results of a run are fresh.
const FRESH_FOR: std::time::Duration = std::time::Duration::from_secs(90 * 86_400);

/// A run that was kept.
pub struct Kept {
    /// Its bundle.
    pub bundle: BundleSummary,
    /// The run as people have settled it by now; that is what was sealed.
    pub settled: AuditRun,
}

/// A folder of audit runs.
pub struct Ledger {
    dir: PathBuf,
    evidence: Evidence,
    heads: Heads,
}

impl Ledger {
    /// Opens or makes the folder and its evidence.
    pub fn open(dir: &Path, evidence: &EvidenceConfig, world: &World) -> Result<Self, Error> {
        let runs = dir.join("runs");
        fs::create_dir_all(&runs).map_err(|source| io("make", &runs, source))?;
        let evidence = Evidence::open(&dir.join("evidence"), evidence, world)?;
        Ok(Self { dir: dir.to_owned(), evidence, heads: Heads::new(dir) })
    }

    /// The evidence of the runs.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Writes a run, whole, and seals it as evidence; both are on disk when this returns. What is
    /// sealed is the run as people have settled it by now, with the attachments they gave.
    pub fn keep(&self, run: &AuditRun, now: Timestamp) -> Result<Kept, Error> {
        let bytes = serde_json::to_vec_pretty(run)
            .map_err(|e| Error::Part { part: "ledger", message: e.to_string() })?;
        write_whole(&self.path(run.id), &bytes)?;
        self.heads.note(run);
        self.seal(run, now)
    }

    /// Seals a kept run as people have settled it by now: after attestations, or when its bundle
    /// was lost.
    pub fn seal(&self, run: &AuditRun, now: Timestamp) -> Result<Kept, Error> {
        let decided = self.decisions()?;
        let settled = audit::settle(run, &decided, now, FRESH_FOR);
        let read = |name: String| {
            let path = self.dir.join("attachments").join(&name);
            let bytes = fs::read(&path).map_err(|source| io("read", &path, source))?;
            Ok(Attachment { name, bytes })
        };
        let attached: Result<Vec<Attachment>, Error> =
            decided.attachments_of(&settled, now).into_iter().map(read).collect();
        let bundle = self.evidence.seal(&settled, &attached?, now)?;
        Ok(Kept { bundle, settled })
    }

    /// One run.
    pub fn run(&self, id: RunId) -> Result<Option<AuditRun>, Error> {
        match fs::read(self.path(id)) {
            Ok(bytes) => parse(&self.path(id), &bytes).map(Some),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(io("read", &self.path(id), source)),
        }
    }

    /// All runs, latest first (ids are time-ordered).
    pub fn runs(&self) -> Result<Vec<AuditRun>, Error> {
        self.ids()?.into_iter().filter_map(|id| self.run(id).transpose()).collect()
    }

    /// Heads of all runs, latest first, without reading any run whole.
    pub fn heads(&self) -> Result<Vec<RunHead>, Error> {
        self.heads.of(&self.ids()?, |id| self.run(id))
    }

    /// When the latest run ended.
    pub fn last_finished(&self) -> Result<Option<Timestamp>, Error> {
        let latest: Vec<RunId> = self.ids()?.into_iter().take(1).collect();
        let heads = self.heads.of(&latest, |id| self.run(id))?;
        Ok(heads.first().map(|head| head.finished))
    }

    /// The latest run.
    pub fn latest(&self) -> Result<Option<AuditRun>, Error> {
        self.ids()?.into_iter().next().map_or(Ok(None), |id| self.run(id))
    }

    /// Ids of all runs, latest first.
    pub fn ids(&self) -> Result<Vec<RunId>, Error> {
        let runs = self.dir.join("runs");
        let entries = fs::read_dir(&runs).map_err(|source| io("list", &runs, source))?;
        let mut ids: Vec<RunId> = entries
            .filter_map(|e| e.ok()?.file_name().to_str()?.strip_suffix(".json")?.parse().ok())
            .collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    /// Attestations (举证), in the order they were made.
    pub fn attestations(&self) -> Result<Vec<Attestation>, Error> {
        self.list("attestations.json")
    }

    /// Keeps an attestation: attachments by their digest, the statement in the evidence log.
    pub fn attest(&self, mut statement: Attestation, files: &[PathBuf]) -> Result<(), Error> {
        statement.attachments.extend(self.attach(files)?);
        self.evidence.decide("attestation", &statement)?;
        self.push("attestations.json", statement)
    }

    /// Keeps files by their digests, and gives these.
    fn attach(&self, files: &[PathBuf]) -> Result<Vec<String>, Error> {
        let dir = self.dir.join("attachments");
        let mut names = Vec::new();
        for file in files {
            let size = fs::metadata(file).map_err(|source| io("read", file, source))?.len();
            if size > limits::ATTACHMENT_BYTES_MAX {
                let message =
                    format!("{}: {size} > {}", file.display(), limits::ATTACHMENT_BYTES_MAX);
                return Err(Error::Part { part: "ledger", message });
            }
            let bytes = fs::read(file).map_err(|source| io("read", file, source))?;
            let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
            let name = data_encoding::HEXLOWER.encode(digest.as_ref());
            fs::create_dir_all(&dir).map_err(|source| io("make", &dir, source))?;
            write_whole(&dir.join(&name), &bytes)?;
            names.push(name);
        }
        Ok(names)
    }

    /// Waivers (豁免).
    pub fn waivers(&self) -> Result<Vec<Waiver>, Error> {
        self.list("waivers.json")
    }

    /// Keeps a waiver; owner and approver are two people.
    pub fn waive(&self, waiver: Waiver) -> Result<(), Error> {
        if waiver.approver.is_empty() || waiver.approver == waiver.owner {
            let message = "a waiver needs an approver other than its owner".to_owned();
            return Err(Error::Part { part: "ledger", message });
        }
        self.evidence.decide("waiver", &waiver)?;
        self.push("waivers.json", waiver)
    }

    /// Remediation tickets (整改单).
    pub fn tickets(&self) -> Result<Vec<Ticket>, Error> {
        self.list("tickets.json")
    }

    /// Opens a ticket, or changes the one of the same finding.
    pub fn put_ticket(&self, ticket: Ticket) -> Result<(), Error> {
        self.evidence.decide("ticket", &ticket)?;
        let mut all = self.tickets()?;
        match all.iter_mut().find(|t| t.finding == ticket.finding) {
            Some(old) => *old = ticket,
            None => all.push(ticket),
        }
        self.write("tickets.json", &all)
    }

    /// Lets a run close or reopen the tickets of its target. Gives how many changed.
    pub fn retest(&self, run: &AuditRun) -> Result<usize, Error> {
        let mut all = self.tickets()?;
        let changed = audit::retest(&mut all, run);
        if changed > 0 {
            let what = serde_json::json!({"run": run.id, "changed": changed});
            self.evidence.decide("retest", &what)?;
            self.write("tickets.json", &all)?;
        }
        Ok(changed)
    }

    /// Findings of the newest run without a ticket, as `check@target`.
    pub fn unowned(&self) -> Result<Vec<String>, Error> {
        let Some(id) = self.ids()?.into_iter().next() else { return Ok(Vec::new()) };
        let Some(run) = self.run(id)? else { return Ok(Vec::new()) };
        let part = |e: audit::AuditError| Error::Part { part: "ledger", message: e.to_string() };
        let checks = audit::checks().map_err(part)?;
        let catalogue = audit::Catalogue::embedded().map_err(part)?;
        let tickets = self.tickets()?;
        let unowned = audit::findings(&run, &checks, &catalogue)
            .into_iter()
            .filter(|f| !tickets.iter().any(|t| t.finding == f.id && !t.owner.is_empty()));
        Ok(unowned.map(|f| format!("{}@{}", f.check, f.target)).collect())
    }

    /// Compensating measures (补偿措施), in the order they were noted.
    pub fn compensations(&self) -> Result<Vec<Compensation>, Error> {
        self.list("compensations.json")
    }

    /// Keeps a compensating measure: attachments by their digest, the note in the evidence log.
    pub fn compensate(&self, mut note: Compensation, files: &[PathBuf]) -> Result<(), Error> {
        note.attachments.extend(self.attach(files)?);
        self.evidence.decide("compensation", &note)?;
        self.push("compensations.json", note)
    }

    /// All that people decided.
    pub fn decisions(&self) -> Result<Decisions, Error> {
        Ok(Decisions {
            waivers: self.waivers()?,
            attestations: self.attestations()?,
            compensations: self.compensations()?,
        })
    }

    /// A run as people have settled it: with attestations, waivers and age.
    pub fn settled(&self, run: &AuditRun, now: Timestamp) -> Result<AuditRun, Error> {
        Ok(audit::settle(run, &self.decisions()?, now, FRESH_FOR))
    }

    fn list<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, Error> {
        let path = self.dir.join(name);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| Error::Part {
                part: "ledger",
                message: format!("{}: {e}", path.display()),
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(io("read", &path, source)),
        }
    }

    fn push<T: serde::Serialize + serde::de::DeserializeOwned>(
        &self,
        name: &str,
        one: T,
    ) -> Result<(), Error> {
        let mut all: Vec<T> = self.list(name)?;
        all.push(one);
        self.write(name, &all)
    }

    fn write<T: serde::Serialize>(&self, name: &str, all: &[T]) -> Result<(), Error> {
        let bytes = serde_json::to_vec_pretty(all)
            .map_err(|e| Error::Part { part: "ledger", message: e.to_string() })?;
        write_whole(&self.dir.join(name), &bytes)
    }

    fn path(&self, id: RunId) -> PathBuf {
        self.dir.join("runs").join(format!("{id}.json"))
    }
}

/// Writes a file so that it is either there whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let part = path.with_extension("part");
    let mut file = fs::File::create(&part).map_err(|source| io("write", &part, source))?;
    file.write_all(bytes).map_err(|source| io("write", &part, source))?;
    file.sync_all().map_err(|source| io("write", &part, source))?;
    fs::rename(&part, path).map_err(|source| io("write", path, source))?;
    if let Some(parent) = path.parent() {
        let dir = fs::File::open(parent).map_err(|source| io("open", parent, source))?;
        dir.sync_all().map_err(|source| io("sync", parent, source))?;
    }
    Ok(())
}

fn parse(path: &Path, bytes: &[u8]) -> Result<AuditRun, Error> {
    serde_json::from_slice(bytes)
        .map_err(|e| Error::Part { part: "ledger", message: format!("{}: {e}", path.display()) })
}

fn io(what: &str, path: &Path, source: std::io::Error) -> Error {
    Error::Io { what: format!("{what} {}", path.display()), source }
}

#[cfg(test)]
mod tests {
    use compliance::audit::{RecordedHost, Target, VerdictKind, content, plan, run};
    use compliance::evidence::{Trust, verify};

    use super::*;

    use events::SiteId;

    const ITEM: &str = "8.1.1.1.a";

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_795_000_000 + secs)
    }

    fn ledger(dir: &Path) -> Ledger {
        Ledger::open(dir, &EvidenceConfig::default(), &World::real()).unwrap()
    }

    fn trust(ledger: &Ledger) -> Trust {
        Trust { key: Some(ledger.evidence().key().unwrap()), ..Trust::default() }
    }

    fn audited() -> AuditRun {
        audited_at(0)
    }

    fn audited_at(secs: i64) -> AuditRun {
        let content = content().unwrap();
        let target = Target::host(SiteId::BUREAU, "srv");
        let plan = plan(&content.catalogue, &content.checks, &target).unwrap();
        run(&plan, &RecordedHost::new(), at(secs), &mut |_| {})
    }

    fn entry(bundle: &Path, name: &str) -> Option<Vec<u8>> {
        let bytes = fs::read(bundle).unwrap();
        let found = bytes.windows(name.len()).any(|w| w == name.as_bytes());
        found.then_some(bytes)
    }

    #[test]
    fn attachments_of_statements_and_measures_reach_the_bundle() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = ledger(&dir.path().join("data"));
        let [photo, plan] = ["photo.jpg", "plan.txt"].map(|name| {
            let path = dir.path().join(name);
            fs::write(&path, format!("bytes of {name}")).unwrap();
            path
        });
        let statement = Attestation {
            site: SiteId::BUREAU,
            item: ITEM.into(),
            verdict: VerdictKind::Conform,
            by: "王".into(),
            collected: at(-10),
            expires: at(86_400),
            note: "验收报告".into(),
            attachments: Vec::new(),
        };
        ledger.attest(statement, &[photo]).unwrap();
        let measure = Compensation {
            site: SiteId::BUREAU,
            item: "8.1.4.1.a".into(),
            measure: "堡垒机".into(),
            owner: "张".into(),
            noted: at(-10),
            expires: at(86_400),
            attachments: Vec::new(),
        };
        ledger.compensate(measure, &[plan]).unwrap();
        let run = audited();
        ledger.keep(&run, at(10)).unwrap();
        let out = dir.path().join("b.zip");
        ledger.evidence().export(run.id, &out).unwrap();
        let digests: Vec<String> = fs::read_dir(dir.path().join("data/attachments"))
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(digests.len(), 2);
        for digest in &digests {
            assert!(entry(&out, &format!("attachments/{digest}")).is_some(), "{digest}");
        }
        assert!(entry(&out, "bytes of photo.jpg").is_some());
        let report = verify(&out, &trust(&ledger));
        assert!(report.ok, "{:?}", report.checks);
        // What an attachment says may not be changed behind the log.
        let mut bytes = fs::read(&out).unwrap();
        let place = bytes.windows(5).position(|w| w == b"photo").unwrap();
        bytes[place] ^= 1;
        fs::write(&out, &bytes).unwrap();
        assert!(!verify(&out, &trust(&ledger)).ok);
        // The kept run stays as the checks saw it; the statement is added when it is read.
        let kept = ledger.run(run.id).unwrap().unwrap();
        assert_eq!(kept.item(ITEM).unwrap().verdict.kind(), VerdictKind::PendingAttestation);
        let settled = ledger.settled(&kept, at(20)).unwrap();
        assert_eq!(settled.item(ITEM).unwrap().attestation.as_ref().unwrap().by, "王");
    }

    #[test]
    fn a_list_needs_no_run_whole_and_its_file_can_be_lost_or_torn() {
        let dir = tempfile::tempdir().unwrap();
        let runs = [audited_at(0), audited_at(10), audited_at(20)];
        let kept = ledger(dir.path());
        runs.iter().for_each(|run| drop(kept.keep(run, at(30)).unwrap()));
        let heads: Vec<RunHead> = runs.iter().rev().map(RunHead::of).collect();
        assert_eq!(kept.heads().unwrap(), heads);
        assert_eq!(kept.last_finished().unwrap(), Some(runs[2].finished));
        // Torn, an old line and one of no run: what is missing is read again, once.
        let file = dir.path().join("heads.jsonl");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, &text[..text.len() - 9]).unwrap();
        assert_eq!(ledger(dir.path()).heads().unwrap(), heads);
        // By now every run has its line: the runs themselves are not looked at.
        runs.iter().for_each(|run| fs::write(kept.path(run.id), "not read").unwrap());
        assert_eq!(ledger(dir.path()).heads().unwrap(), heads);
        fs::remove_file(kept.path(runs[1].id)).unwrap();
        assert_eq!(ledger(dir.path()).heads().unwrap().len(), 2, "a line without a run");
        fs::remove_file(&file).unwrap();
        assert!(ledger(dir.path()).heads().is_err(), "what cannot be read is told");
    }

    #[test]
    fn a_half_written_bundle_is_told_by_name_and_can_be_sealed_again() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = ledger(&dir.path().join("data"));
        let run = audited();
        ledger.keep(&run, at(10)).unwrap();
        let bundles = dir.path().join("data/evidence/bundles");
        let zip = bundles.join(format!("{}.zip", run.id));
        let whole = fs::read(&zip).unwrap();
        let out = dir.path().join("out.zip");
        let code = || ledger.evidence().export(run.id, &out).unwrap_err().code();
        // Cut off at any place, it is no evidence, and nothing is handed out.
        for cut in [0, 1, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
            fs::write(&zip, &whole[..cut]).unwrap();
            assert_eq!((code(), out.exists()), ("N016", false), "cut at {cut}");
            let report = verify(&zip, &Trust::default());
            assert!(!report.ok && report.failed().next().is_some(), "cut at {cut}");
        }
        // The program stopped before the last rename: the run is there, its bundle is not.
        fs::rename(&zip, zip.with_extension("part")).unwrap();
        fs::remove_file(bundles.join(format!("{}.json", run.id))).unwrap();
        assert_eq!(code(), "N016");
        assert!(ledger.run(run.id).unwrap().is_some(), "the run itself is kept");
        ledger.seal(&run, at(20)).unwrap();
        ledger.evidence().export(run.id, &out).unwrap();
        assert!(verify(&out, &trust(&ledger)).ok);
        let never = RunId::at(at(99), 1);
        assert_eq!(ledger.evidence().export(never, &out).unwrap_err().code(), "N006");
    }
}
