//! Tables of every format, and what is wrong with them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use compliance::records::protect::{Algorithm, KeyRing, ProtectOptions, Root, protect_file};
use compliance::records::{
    CellFinding, ClassifyOptions, Day, Error, Inventory, Kind, Policy, PolicyKey, Source, Taxonomy,
    classify, find_cells, mask_file,
};

const ID: &str = "11010519491231002X";

fn options() -> ClassifyOptions {
    ClassifyOptions::new(Day::new(2026, 11, 24).unwrap(), "test")
}

fn put(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// The inventory and findings of each table of a file.
fn look(path: &Path) -> Vec<(String, Inventory, Vec<CellFinding>)> {
    let taxonomy = Taxonomy::embedded().unwrap();
    let mut out = Vec::new();
    for table in Source::tables(path).unwrap() {
        let options = ClassifyOptions { header: table.has_header(), ..options() };
        let inventory = classify(table.open().unwrap(), &options, &taxonomy).unwrap();
        let mut found = Vec::new();
        find_cells(table.open().unwrap(), &options, &taxonomy, &mut |f| found.push(f)).unwrap();
        out.push((table.name.clone(), inventory, found));
    }
    out
}

fn has(found: &[CellFinding], row: u64, col: usize, kind: Kind) -> bool {
    found.iter().any(|f| (f.row, f.col, f.kind) == (row, col, kind))
}

#[test]
fn json_lines() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "{{\"姓名\":\"王小明\",\"contact\":{{\"phone\":\"13800138000\"}}}}\nbroken 13900139000\n\n{{\"姓名\":\"李芳\",\"证件\":\"{ID}\",\"n\":null}}\n"
    );
    let path = put(dir.path(), "a.jsonl", text.as_bytes());
    let (_, inventory, found) = look(&path).remove(0);
    let columns: Vec<&str> = inventory.columns.iter().map(|c| c.column.as_str()).collect();
    assert_eq!(columns, ["姓名", "contact.phone", "证件", "n"]);
    assert_eq!((inventory.rows, inventory.ragged_rows), (3, 1));
    assert!(has(&found, 0, 0, Kind::Name) && has(&found, 0, 1, Kind::CnPhone));
    assert!(has(&found, 1, 0, Kind::CnPhone), "a line that is no object is searched");
    assert!(has(&found, 2, 2, Kind::CnId));
}

#[test]
fn sql_dumps() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "-- MySQL dump 10.13\n/*!40101 SET NAMES utf8mb4 */;\nCREATE TABLE `stu` (\n  `id` int NOT NULL,\n  `xm` varchar(30) DEFAULT 'a;b',\n  `sfzjh` char(18),\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB;\n\
         INSERT INTO `stu` VALUES (1,'王小明','{ID}'),(2,'O\\'Neil; (x)',NULL);\n\
         INSERT INTO db.contact (name, phone) VALUES ('李''芳', '13800138000');\n"
    );
    let tables = look(&put(dir.path(), "a.sql", text.as_bytes()));
    assert_eq!(tables.iter().map(|t| t.0.as_str()).collect::<Vec<_>>(), ["stu", "contact"]);
    let (_, inventory, found) = &tables[0];
    assert_eq!(
        inventory.columns.iter().map(|c| c.column.as_str()).collect::<Vec<_>>(),
        ["id", "xm", "sfzjh"]
    );
    assert_eq!(inventory.rows, 2);
    assert!(has(found, 0, 1, Kind::Name) && has(found, 0, 2, Kind::CnId));
    assert!(has(&tables[1].2, 0, 1, Kind::CnPhone));
    let text = "--\n-- PostgreSQL database dump\n--\nCOPY public.stu (xm, sjh, bz) FROM stdin;\n王小明\t13800138000\t家长\\n来电\n李芳\t\\N\t\n\\.\n\nCOPY public.empty (a) FROM stdin;\n\\.\n";
    let tables = look(&put(dir.path(), "b.sql", text.as_bytes()));
    assert_eq!(tables.len(), 1, "a table without rows is none");
    let (name, inventory, found) = &tables[0];
    assert_eq!((name.as_str(), inventory.rows), ("stu", 2));
    assert!(
        has(found, 0, 0, Kind::Name)
            && has(found, 0, 1, Kind::CnPhone)
            && has(found, 1, 0, Kind::Name)
    );
}

#[test]
fn dumps_of_other_encodings_and_backslashes_of_standard_sql() {
    let dir = tempfile::tempdir().unwrap();
    let text = "-- MySQL dump 10.13\nINSERT INTO `stu` (`xm`,`sjh`,`bz`) VALUES ('王小明','13800138000','O\\'Neil'),('李芳','13900139000','\\\\');\n";
    let utf16: Vec<u8> =
        [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let (gbk, ..) = encoding_rs::GB18030.encode(text);
    // As mariadb-dump writes for a client of GBK: names in UTF-8, values in GBK.
    let head = "-- MariaDB dump 10.19\nCREATE TABLE `学生` (\n  `姓名` varchar(9),\n  `手机号` varchar(11)\n);\nINSERT INTO `学生` VALUES\n".as_bytes();
    let (values, ..) =
        encoding_rs::GB18030.encode("('王小明','13800138000'),\n('李芳','13900139000');\n");
    let mixed = [head, &values].concat();
    for (name, bytes) in [("utf16.sql", utf16), ("gbk.sql", gbk.into_owned()), ("mixed.sql", mixed)]
    {
        let tables = look(&put(dir.path(), name, &bytes));
        assert_eq!((tables.len(), tables[0].1.rows), (1, 2), "{name}");
        let found = &tables[0].2;
        for row in 0..2 {
            assert!(
                has(found, row, 0, Kind::Name) && has(found, row, 1, Kind::CnPhone),
                "{name} {row}"
            );
        }
    }
    let text = "--\n-- PostgreSQL database dump\n--\nSET standard_conforming_strings = on;\nINSERT INTO public.t (path, sjh) VALUES ('C:\\dir\\', '13800138000');\nINSERT INTO public.t VALUES (E'it\\'s', '13900139000');\n";
    let tables = look(&put(dir.path(), "pg.sql", text.as_bytes()));
    assert_eq!((tables.len(), tables[0].1.rows), (1, 2));
    assert!(has(&tables[0].2, 0, 1, Kind::CnPhone) && has(&tables[0].2, 1, 1, Kind::CnPhone));
}

#[test]
fn a_cell_of_a_dump_too_large_to_keep_is_never_cut_when_copied() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("INSERT INTO t (a, b) VALUES ('{}', '13800138000');\n", "x".repeat(5 << 20));
    let path = put(dir.path(), "a.sql", text.as_bytes());
    let output = dir.path().join("out.csv");
    assert!(matches!(mask(&path, &output), Err(Error::Oversized { row: 0, col: 0, .. })));
    assert!(alone(dir.path(), &path), "no partial output");
}

/// A workbook of the smallest sort: two sheets of inline texts and numbers.
fn workbook(path: &Path) {
    let mut zip = zip::ZipWriter::new(fs::File::create(path).unwrap());
    let sheet = |rows: &[&[&str]]| {
        let mut xml = String::from(
            "<?xml version=\"1.0\"?><worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>",
        );
        for (r, row) in rows.iter().enumerate() {
            xml += &format!("<row r=\"{}\">", r + 1);
            for (c, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
                let place = format!("{}{}", char::from(b'A' + c as u8), r + 1);
                xml += &match cell.strip_prefix('#') {
                    Some(number) => format!("<c r=\"{place}\"><v>{number}</v></c>"),
                    None => format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{cell}</t></is></c>"),
                };
            }
            xml += "</row>";
        }
        xml + "</sheetData></worksheet>"
    };
    let parts = [
        ("[Content_Types].xml", "<?xml version=\"1.0\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/></Types>".to_owned()),
        ("_rels/.rels", "<?xml version=\"1.0\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"r\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>".to_owned()),
        ("xl/workbook.xml", "<?xml version=\"1.0\"?><workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets><sheet name=\"学生\" sheetId=\"1\" r:id=\"r1\"/><sheet name=\"空\" sheetId=\"2\" r:id=\"r2\"/></sheets></workbook>".to_owned()),
        ("xl/_rels/workbook.xml.rels", "<?xml version=\"1.0\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"r1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"r2\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet2.xml\"/></Relationships>".to_owned()),
        ("xl/worksheets/sheet1.xml", sheet(&[&["姓名", "手机号", "身份证号"], &["王小明", "#13800138000", ID], &["李芳", "", ""]])),
        ("xl/worksheets/sheet2.xml", sheet(&[])),
    ];
    for (name, text) in parts {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn workbooks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.xlsx");
    workbook(&path);
    let tables = Source::tables(&path).unwrap();
    assert_eq!(tables.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["学生", "空"]);
    let taxonomy = Taxonomy::embedded().unwrap();
    let mut found = Vec::new();
    find_cells(tables[0].open().unwrap(), &options(), &taxonomy, &mut |f| found.push(f)).unwrap();
    assert!(
        has(&found, 0, 0, Kind::Name)
            && has(&found, 0, 1, Kind::CnPhone)
            && has(&found, 0, 2, Kind::CnId)
    );
    assert!(has(&found, 1, 0, Kind::Name));
    assert!(matches!(
        classify(tables[1].open().unwrap(), &options(), &taxonomy),
        Err(Error::Empty)
    ));
    assert!(matches!(Source::one(&path, None), Err(Error::NoTable { found: 2 })));
    assert_eq!(Source::one(&path, Some("学生")).unwrap().name, "学生");
}

#[test]
fn parquet_files() {
    use parquet::data_type::{ByteArray, ByteArrayType, Int32Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.parquet");
    let schema = "message s { required binary xm (UTF8); required binary sjh (UTF8); required int32 csrq (DATE); }";
    let schema = Arc::new(parquet::schema::parser::parse_message_type(schema).unwrap());
    let properties = Arc::new(
        WriterProperties::builder().set_compression(parquet::basic::Compression::SNAPPY).build(),
    );
    let mut writer =
        SerializedFileWriter::new(fs::File::create(&path).unwrap(), schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for texts in [["王小明", "李芳"], ["13800138000", "13900139000"]] {
        let mut column = group.next_column().unwrap().unwrap();
        let values: Vec<ByteArray> = texts.iter().map(|t| ByteArray::from(*t)).collect();
        column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
        column.close().unwrap();
    }
    let mut column = group.next_column().unwrap().unwrap();
    // 2012-03-05 is day 15404 from 1970-01-01.
    column.typed::<Int32Type>().write_batch(&[15404, 15405], None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    let (_, inventory, found) = look(&path).remove(0);
    assert_eq!(inventory.rows, 2);
    assert!(
        has(&found, 0, 0, Kind::Name)
            && has(&found, 1, 1, Kind::CnPhone)
            && has(&found, 0, 2, Kind::BirthDate)
    );
    assert_eq!(inventory.columns[2].element.as_deref(), Some("birth_date"));
    let bytes = fs::read(&path).unwrap();
    let cut = put(dir.path(), "cut.parquet", &bytes[..bytes.len() / 2]);
    assert!(matches!(Source::tables(&cut), Err(Error::Source { what: "Parquet", .. })));
}

#[test]
fn parquet_dictionaries_are_bounded() {
    use compliance::records::limits::PARQUET_DICTIONARY_BYTES_MAX;
    use parquet::data_type::{ByteArray, ByteArrayType};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    let dir = tempfile::tempdir().unwrap();
    let schema = "message s { required binary a (UTF8); }";
    let schema = Arc::new(parquet::schema::parser::parse_message_type(schema).unwrap());
    // Texts of 1 MiB that differ, so that all of them are the dictionary; packed, next to nothing.
    let values: Vec<ByteArray> =
        (0..100).map(|n| ByteArray::from(format!("{n}{}", "0".repeat(1 << 20)).as_str())).collect();
    for (limit, read) in [(1 << 20, true), (1 << 30, false)] {
        let path = dir.path().join(format!("{limit}.parquet"));
        let file = fs::File::create(&path).unwrap();
        let properties = WriterProperties::builder()
            .set_dictionary_page_size_limit(limit)
            .set_compression(parquet::basic::Compression::SNAPPY)
            .build();
        let mut writer =
            SerializedFileWriter::new(file, Arc::clone(&schema), Arc::new(properties)).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        // One by one, so that the writer may turn from a dictionary that is full.
        for value in &values {
            let one = std::slice::from_ref(value);
            column.typed::<ByteArrayType>().write_batch(one, None, None).unwrap();
        }
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
        assert!(fs::metadata(&path).unwrap().len() < PARQUET_DICTIONARY_BYTES_MAX / 8);
        match Source::one(&path, None) {
            Ok(_) => assert!(read, "{limit}"),
            Err(Error::Source { what: "Parquet", message }) => {
                assert!(!read && message.contains("row group 1 take about 100 MiB"), "{message}");
            }
            Err(other) => panic!("{other}"),
        }
    }
}

fn mask(input: &Path, output: &Path) -> Result<u64, Error> {
    let taxonomy = Taxonomy::embedded().unwrap();
    let policy = Policy::embedded("internal-analysis").unwrap();
    mask_file(input, output, &policy, &PolicyKey::new([1; 32]), &options(), &taxonomy)
        .map(|r| r.rows)
}

#[test]
fn other_formats_are_masked_to_delimited_text() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("{{\"姓名\":\"王小明\",\"身份证号\":\"{ID}\",\"备注\":\"王小明请假\"}}\n");
    let (input, output) = (put(dir.path(), "a.jsonl", text.as_bytes()), dir.path().join("out.csv"));
    assert_eq!(mask(&input, &output).unwrap(), 1);
    let text = fs::read_to_string(&output).unwrap();
    assert!(text.starts_with("姓名,身份证号,备注\n王**,#") && !text.contains("小明"), "{text}");
}

/// Nothing but the input is in the folder.
fn alone(dir: &Path, input: &Path) -> bool {
    fs::read_dir(dir).unwrap().all(|e| e.unwrap().path() == input)
}

#[test]
fn ragged_rows_nuls_and_mixed_encodings_are_read_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes =
        "姓名,手机号\n王小明,138\u{0}00138000\n李芳\n赵敏,13900139000,多余13700137000\n"
            .as_bytes()
            .to_vec();
    bytes.extend_from_slice(b"\xD5\xC5\xC8\xFD,13600136000\n");
    let path = put(dir.path(), "a.csv", &bytes);
    let (_, inventory, found) = look(&path).remove(0);
    assert_eq!((inventory.rows, inventory.ragged_rows, inventory.tally.nul_cells), (4, 2, 1));
    for (row, col) in [(0, 1), (2, 1), (2, 2), (3, 1)] {
        assert!(has(&found, row, col, Kind::CnPhone), "row {row}, column {col}: {found:?}");
    }
    let output = dir.path().join("out.csv");
    assert_eq!(mask(&path, &output).unwrap(), 4);
    let text = fs::read_to_string(&output).unwrap();
    assert!(!text.contains("13700137000") && !text.contains("13600136000"), "{text}");
}

#[test]
fn a_cell_of_100_megabytes_is_searched_to_its_bound_and_never_cut_when_copied() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = String::from("备注,手机号\n电话13800138000");
    text.push_str(&"好".repeat(100_000_000 / 3));
    text.push_str(",13900139000\n无,13700137000\n");
    let path = put(dir.path(), "a.csv", text.as_bytes());
    drop(text);
    let (_, inventory, found) = look(&path).remove(0);
    assert_eq!((inventory.rows, inventory.tally.oversized_cells), (2, 1));
    assert!(
        has(&found, 0, 0, Kind::CnPhone)
            && has(&found, 0, 1, Kind::CnPhone)
            && has(&found, 1, 1, Kind::CnPhone)
    );
    let output = dir.path().join("out.csv");
    assert!(matches!(mask(&path, &output), Err(Error::Oversized { row: 0, col: 0, .. })));
    assert!(alone(dir.path(), &path), "no partial output");
    let random = ring::rand::SystemRandom::new();
    let keys = tempfile::tempdir().unwrap();
    let root = Root::key([1; 32]);
    let mut ring = KeyRing::open(&keys.path().join("k"), &root, &random).unwrap();
    let protect = ProtectOptions {
        index: Vec::new(),
        dataset: "t".into(),
        columns: vec!["手机号".into()],
        subject: None,
        row_key: None,
        algorithm: Algorithm::Aes256Gcm,
        classify: options(),
    };
    let taxonomy = Taxonomy::embedded().unwrap();
    let done = protect_file(&path, &output, &mut ring, &protect, &taxonomy, &random);
    assert!(matches!(done, Err(Error::Oversized { row: 0, col: 0, .. })));
    assert!(alone(dir.path(), &path), "no partial output");
}
