//! The fuzz targets' committed corpus, through the same functions, on stable.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

use std::fs;
use std::path::Path;

use sensors::fuzzing;

type Target = fn(&[u8]);

#[test]
fn the_committed_corpus_holds() {
    let targets: [(&str, Target); 13] = [
        ("syslog", fuzzing::syslog),
        ("framing", fuzzing::framing),
        ("pack", fuzzing::pack),
        ("pairs", fuzzing::pairs),
        ("netflow", fuzzing::netflow),
        ("sflow", fuzzing::sflow),
        ("frame", fuzzing::frame),
        ("pcap", fuzzing::pcap),
        ("windows", fuzzing::windows),
        ("body", fuzzing::body),
        ("otlp", fuzzing::otlp),
        ("relp", fuzzing::relp),
        ("journal", fuzzing::journal),
    ];
    for (name, run) in targets {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
        let mut files: Vec<_> = fs::read_dir(&dir).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 4, "{name}: {} inputs", files.len());
        for file in files {
            println!("{}", file.display());
            run(&fs::read(&file).unwrap());
        }
    }
}
