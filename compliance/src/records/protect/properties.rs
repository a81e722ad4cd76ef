//! Properties of protected files, over tables made at random: whatever is moved is noticed, and
//! erasing one person takes that person's cells from every copy of the file and nobody else's.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use ring::rand::SystemRandom;

use super::*;
use crate::records::{ClassifyOptions, Day, Error, Taxonomy};

/// Rows of a random table: whose it is, and two values to seal.
type Rows = Vec<(u8, String, String)>;

fn rows() -> impl Strategy<Value = Rows> {
    // Few subjects, so that several rows are one person's; empty values are not sealed.
    let value = "[a-z0-9\u{4e00}-\u{4e20}]{0,12}|[ \",\n]{1,3}";
    prop::collection::vec((0u8..4, value, "[0-9]{1,8}"), 2..7)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn csv(rows: &Rows) -> String {
    let line = |(n, (who, a, b)): (usize, &(u8, String, String))| {
        format!("r{n},s{who},{},{}\n", quoted(a), quoted(b))
    };
    "键,人,甲,乙\n".to_owned() + &rows.iter().enumerate().map(line).collect::<String>()
}

fn options() -> ClassifyOptions {
    let mut options = ClassifyOptions::new(Day::new(2026, 11, 24).unwrap(), "t");
    (options.header, options.delimiter) = (Some(true), Some(b','));
    options
}

fn ring(dir: &Path) -> KeyRing {
    let root = Root::key([9; 32]);
    KeyRing::open(&dir.join("keys"), &root, &SystemRandom::new()).unwrap()
}

fn protect(dir: &Path, rows: &Rows, dataset: &str, row_key: bool) {
    fs::write(dir.join("in.csv"), csv(rows)).unwrap();
    let protect = ProtectOptions {
        index: Vec::new(),
        dataset: dataset.into(),
        columns: vec!["甲".into(), "乙".into()],
        subject: Some("人".into()),
        row_key: row_key.then(|| "键".into()),
        algorithm: Algorithm::Aes256Gcm,
        classify: options(),
    };
    let taxonomy = Taxonomy::embedded().unwrap();
    let (input, output) = (dir.join("in.csv"), dir.join("sealed.csv"));
    let random = SystemRandom::new();
    protect_file(&input, &output, &mut ring(dir), &protect, &taxonomy, &random).unwrap();
}

fn reveal(dir: &Path, file: &str, dataset: &str, row_key: bool) -> Result<Table, Error> {
    let reveal = RevealOptions {
        dataset: dataset.into(),
        purpose: "核对".into(),
        columns: vec![],
        row_key: row_key.then(|| "键".into()),
        classify: options(),
        grant: None,
    };
    let taxonomy = Taxonomy::embedded().unwrap();
    let (input, output) = (dir.join(file), dir.join("open.csv"));
    let done = reveal_file(&input, &output, &mut ring(dir), &reveal, &taxonomy);
    assert_eq!(done.is_ok(), output.exists(), "an output when it went well, and only then");
    done.map(|_| {
        let table = read(&output);
        fs::remove_file(&output).unwrap();
        table
    })
}

/// Records of a file, the header among them.
type Table = Vec<Vec<String>>;

fn read(path: &Path) -> Table {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path).unwrap();
    reader.records().map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn write(path: &Path, table: &Table) {
    let mut writer = csv::Writer::from_path(path).unwrap();
    table.iter().for_each(|r| writer.write_record(r).unwrap());
    writer.flush().unwrap();
}

/// Whether anything sealed stands elsewhere than it did.
fn moved(before: &Table, after: &Table) -> bool {
    let differs = |(a, b): (&String, &String)| a != b && cell::is_sealed(b);
    before.iter().zip(after).any(|(a, b)| a.iter().zip(b).any(differs))
}

/// What is exchanged in a sealed table.
#[derive(Clone, Copy, Debug)]
enum Exchange {
    Cells((usize, bool), (usize, bool)),
    Rows(usize, usize),
    Columns,
    Headers,
}

fn exchange() -> impl Strategy<Value = Exchange> {
    let place = || (0usize..7, any::<bool>());
    prop_oneof![
        (place(), place()).prop_map(|(a, b)| Exchange::Cells(a, b)),
        (0usize..7, 0usize..7).prop_map(|(a, b)| Exchange::Rows(a, b)),
        Just(Exchange::Columns),
        Just(Exchange::Headers),
    ]
}

fn apply(exchange: Exchange, table: &mut Table) {
    let data = table.len() - 1;
    let at = |(row, second): (usize, bool)| (1 + row % data, 2 + usize::from(second));
    match exchange {
        Exchange::Cells(a, b) => {
            let (a, b) = (at(a), at(b));
            let kept = table[a.0][a.1].clone();
            table[a.0][a.1] = table[b.0][b.1].clone();
            table[b.0][b.1] = kept;
        }
        // The sealed parts of two rows; their row keys stay.
        Exchange::Rows(a, b) => {
            for column in [2, 3] {
                let (a, b) = (1 + a % data, 1 + b % data);
                let kept = table[a][column].clone();
                table[a][column] = table[b][column].clone();
                table[b][column] = kept;
            }
        }
        Exchange::Columns => table.iter_mut().skip(1).for_each(|row| row.swap(2, 3)),
        Exchange::Headers => table[0].swap(2, 3),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_exchanged_is_noticed(rows in rows(), change in exchange(), keyed: bool) {
        let dir = tempfile::tempdir().unwrap();
        protect(dir.path(), &rows, "d", keyed);
        let path = dir.path().join("sealed.csv");
        let before = read(&path);
        let mut after = before.clone();
        apply(change, &mut after);
        let headers = matches!(change, Exchange::Headers);
        prop_assume!(headers || moved(&before, &after));
        write(&path, &after);
        let done = reveal(dir.path(), "sealed.csv", "d", keyed);
        prop_assert!(matches!(done, Err(Error::Tampered { .. })), "{done:?}");
    }

    #[test]
    fn rows_of_one_file_do_not_open_in_another_dataset(rows in rows()) {
        let dir = tempfile::tempdir().unwrap();
        protect(dir.path(), &rows, "d", true);
        fs::rename(dir.path().join("sealed.csv"), dir.path().join("d.csv")).unwrap();
        protect(dir.path(), &rows, "e", true);
        let done = reveal(dir.path(), "d.csv", "e", true);
        prop_assert!(matches!(done, Err(Error::Tampered { .. })), "{done:?}");
        let right = reveal(dir.path(), "d.csv", "d", true).unwrap();
        prop_assert_eq!(right, read(&dir.path().join("in.csv")));
    }

    #[test]
    fn a_byte_changed_anywhere_in_a_sealed_cell_is_noticed(rows in rows(), at: prop::sample::Index, bit in 0u8..6) {
        let dir = tempfile::tempdir().unwrap();
        protect(dir.path(), &rows, "d", true);
        let path = dir.path().join("sealed.csv");
        let mut table = read(&path);
        let cell = &mut table[1][3];
        let place = 4 + at.index(cell.len() - 4);
        // Another letter of the same alphabet.
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let old = LETTERS.iter().position(|c| *c == cell.as_bytes()[place]).unwrap();
        let new = char::from(LETTERS[old ^ (1 << bit)]);
        cell.replace_range(place..=place, &new.to_string());
        write(&path, &table);
        let done = reveal(dir.path(), "sealed.csv", "d", true);
        // A version, algorithm or padding that is none is no cell at all; a slot beyond the end is
        // a key that never was, and its cell stays sealed.
        match done {
            Err(Error::Tampered { .. } | Error::NotProtected { .. }) => {}
            Ok(open) => prop_assert!(cell::is_sealed(&open[1][3]), "opened: {}", open[1][3]),
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn erasing_takes_exactly_one_person_from_every_copy(rows in rows(), who in 0u8..4, later in rows()) {
        let dir = tempfile::tempdir().unwrap();
        protect(dir.path(), &rows, "d", true);
        let backup = dir.path().join("backup.csv");
        fs::rename(dir.path().join("sealed.csv"), &backup).unwrap();
        let first = read(&dir.path().join("in.csv"));
        // A second export of the dataset, under keys of its own.
        protect(dir.path(), &later, "d", true);
        let second = read(&dir.path().join("in.csv"));
        let sealed = [read(&backup), read(&dir.path().join("sealed.csv"))];
        let name = format!("s{who}");
        let erased = ring(dir.path()).erase_subject("d", &name, &SystemRandom::new()).unwrap();
        prop_assert_eq!(erased.keys > 0, first.iter().chain(&second).any(|r| r[1] == name));
        for (file, plain, sealed) in
            [("backup.csv", first, &sealed[0]), ("sealed.csv", second, &sealed[1])]
        {
            let open = reveal(dir.path(), file, "d", true).unwrap();
            for ((open, plain), sealed) in open.iter().zip(&plain).zip(sealed) {
                let wanted = if plain[1] == name { sealed } else { plain };
                prop_assert_eq!(open, wanted);
            }
        }
    }
}
