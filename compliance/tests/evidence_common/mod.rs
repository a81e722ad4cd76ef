//! A run to seal, and bundles taken apart and put together.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use compliance::audit::{self, AuditRun, Catalogue, Check, RecordedHost, Target};
use compliance::evidence::Signer;
use events::{SiteId, Timestamp};
use zip::write::SimpleFileOptions;

pub(crate) type Files = BTreeMap<String, Vec<u8>>;

pub(crate) fn now() -> Timestamp {
    Timestamp::from_secs(1_795_000_000)
}

pub(crate) fn signer(seed: u8) -> Signer {
    Signer::from_seed("edu.example/log", &[seed; 32]).unwrap()
}

pub(crate) struct Made {
    pub(crate) catalogue: Catalogue,
    pub(crate) checks: Vec<Check>,
    pub(crate) run: AuditRun,
}

pub(crate) fn made() -> Made {
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

pub(crate) fn unzip(bytes: &[u8]) -> Files {
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

pub(crate) fn rezip(files: &Files) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
