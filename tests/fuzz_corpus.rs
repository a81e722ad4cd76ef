//! The fuzz targets' committed corpus, through the same functions, on stable.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

use std::fs;
use std::path::Path;

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 18] = [
    ("body", sensors::fuzzing::body),
    ("condition", rules::fuzzing::condition),
    ("frame", sensors::fuzzing::frame),
    ("framing", sensors::fuzzing::framing),
    ("intel", rules::fuzzing::intel),
    ("journal", sensors::fuzzing::journal),
    ("matcher", rules::fuzzing::matcher),
    ("netflow", sensors::fuzzing::netflow),
    ("otlp", sensors::fuzzing::otlp),
    ("pack", sensors::fuzzing::pack),
    ("pairs", sensors::fuzzing::pairs),
    ("pcap", sensors::fuzzing::pcap),
    ("pipeline", rules::fuzzing::pipeline),
    ("relp", sensors::fuzzing::relp),
    ("rule", rules::fuzzing::rule),
    ("sflow", sensors::fuzzing::sflow),
    ("syslog", sensors::fuzzing::syslog),
    ("windows", sensors::fuzzing::windows),
];

/// What lies in a folder, in order.
fn inside(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut all: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    all
}

#[test]
fn the_committed_corpus_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let named = TARGETS.map(|(name, _)| corpus.join(name));
    assert_eq!(inside(&corpus), named, "every target has its inputs, and they a target");
    for ((name, run), folder) in TARGETS.iter().zip(named) {
        let files = inside(&folder);
        assert!(files.len() >= 4, "{name}: {} inputs", files.len());
        for file in files {
            println!("{}", file.display());
            run(&fs::read(&file).unwrap());
        }
    }
}
