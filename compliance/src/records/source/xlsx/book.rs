//! A workbook made fit to be streamed. Its reader (calamine) takes all texts that cells share into
//! memory, and makes room for as many as the file claims to have. So the workbook is written anew to
//! a file without a name: without them, and with cells that refer to them turned into cells whose
//! value is the number of a text (type `d`, which the reader hands on as it is and no number is a day).
//! Pictures, charts and themes are left out; no text between two tags may be longer than a cell may be.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, Writer};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::texts::{Texts, TextsWriter};
use crate::records::error::Error;
use crate::records::limits::{WORKBOOK_PART_BYTES_MAX, WORKBOOK_RUN_BYTES_MAX};

/// A workbook ready to be streamed.
pub(in crate::records::source) struct Book {
    parts: Arc<File>,
    pub(super) texts: Texts,
}

impl Book {
    /// Reads the file once.
    pub(in crate::records::source) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::Read)?;
        rewritten(BufReader::new(file)).map_err(|e| super::super::broken("workbook", e))
    }

    /// The workbook without its shared texts.
    pub(super) fn parts(&self) -> io::Result<BufReader<Shared>> {
        let len = self.parts.metadata()?.len();
        Ok(BufReader::new(Shared { file: self.parts.clone(), len, at: 0 }))
    }
}

fn rewritten(file: BufReader<File>) -> io::Result<Book> {
    let mut old = ZipArchive::new(file)?;
    let mut new = ZipWriter::new(BufWriter::new(tempfile::tempfile()?));
    let mut texts = TextsWriter::new()?;
    for at in 0..old.len() {
        let part = old.by_index(at)?;
        let name = part.name()?.into_owned();
        let lower = name.to_ascii_lowercase().replace('\\', "/");
        if lower.ends_with("/sharedstrings.xml") {
            shared(Runs::new(part), &mut texts)?;
        } else if is_needed(&lower) {
            let fast = SimpleFileOptions::default().compression_level(Some(1)).large_file(true);
            new.start_file(name, fast)?;
            if lower.contains("/worksheets/") {
                turned(Runs::new(part), &mut new)?;
            } else {
                bounded(part, &mut new)?;
            }
        }
    }
    let parts = new.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(Book { parts: Arc::new(parts), texts: texts.finish()? })
}

/// Sheets, and what says which there are and how their numbers are shown.
fn is_needed(name: &str) -> bool {
    let aside = ["theme/", "media/", "drawings/", "charts/", "embeddings/", "pivot", "customxml/"];
    let kind = name.ends_with(".xml") || name.ends_with(".rels");
    kind && !name.ends_with("calcchain.xml") && !aside.iter().any(|a| name.contains(a))
}

/// Copies a part that its reader holds in memory.
fn bounded(part: impl Read, out: &mut impl Write) -> io::Result<()> {
    let copied = io::copy(&mut part.take(WORKBOOK_PART_BYTES_MAX + 1), out)?;
    if copied > WORKBOOK_PART_BYTES_MAX {
        return Err(io::Error::other("a part that is not a sheet is too large"));
    }
    Ok(())
}

/// A sheet, with the cells that refer to shared texts of type `d`.
fn turned(part: impl BufRead, out: &mut impl Write) -> io::Result<()> {
    let mut reader = Reader::from_reader(part);
    reader.config_mut().check_end_names = false;
    let mut writer = Writer::new(out);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(io::Error::other)? {
            Event::Eof => return Ok(()),
            Event::Start(tag) if refers(&tag) => writer.write_event(Event::Start(as_day(&tag)))?,
            Event::Empty(tag) if refers(&tag) => writer.write_event(Event::Empty(as_day(&tag)))?,
            // What no reader of cells asks for.
            Event::Comment(_) | Event::DocType(_) | Event::PI(_) => {}
            other => writer.write_event(other)?,
        }
    }
}

fn refers(tag: &BytesStart<'_>) -> bool {
    let shared = |a: quick_xml::events::attributes::Attribute<'_>| {
        a.key.local_name().as_ref() == "t" && a.value.as_ref() == "s"
    };
    tag.local_name().as_ref() == "c" && tag.attributes().flatten().any(shared)
}

fn as_day(tag: &BytesStart<'_>) -> BytesStart<'static> {
    let mut turned = tag.to_owned();
    turned.clear_attributes();
    for attribute in tag.attributes().flatten() {
        if attribute.key.local_name().as_ref() == "t" {
            turned.push_attribute(("t", "d"));
        } else {
            turned.push_attribute(attribute);
        }
    }
    turned
}

/// Reads the shared texts: all runs of each, phonetic guides left out.
fn shared(part: impl BufRead, texts: &mut TextsWriter) -> io::Result<()> {
    let mut reader = Reader::from_reader(part);
    reader.config_mut().check_end_names = false;
    let (mut buffer, mut text, mut run) = (Vec::new(), String::new(), String::new());
    let (mut in_run, mut aside, mut kept) = (false, false, false);
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(io::Error::other)? {
            Event::Eof => return Ok(()),
            Event::Start(tag) => match tag.local_name().as_ref() {
                "si" => text.clear(),
                "rPh" => aside = true,
                "t" => {
                    in_run = !aside;
                    kept = tag.attributes_raw().contains("preserve");
                    run.clear();
                }
                _ => {}
            },
            Event::Empty(tag) if tag.local_name().as_ref() == "si" => texts.push("")?,
            Event::End(tag) => match tag.local_name().as_ref() {
                "si" => texts.push(&text)?,
                "rPh" => aside = false,
                "t" if in_run => {
                    in_run = false;
                    let blank = [' ', '\t', '\r', '\n'];
                    let shown = if kept { run.as_str() } else { run.trim_matches(blank) };
                    text.push_str(&unescaped(shown));
                    if text.len() > WORKBOOK_RUN_BYTES_MAX {
                        return Err(io::Error::other("a shared text is too long"));
                    }
                }
                _ => {}
            },
            Event::Text(piece) if in_run => run.push_str(&piece.xml10_content()),
            Event::CData(piece) if in_run => run.push_str(&piece.xml10_content()),
            Event::GeneralRef(entity) if in_run => {
                let character = entity.resolve_char_ref().map_err(io::Error::other)?;
                match (character, quick_xml::escape::resolve_xml_entity(entity.as_ref())) {
                    (Some(character), _) => run.push(character),
                    (None, Some(known)) => run.push_str(known),
                    (None, None) => return Err(io::Error::other("an entity nobody defined")),
                }
            }
            _ => {}
        }
        if run.len() > WORKBOOK_RUN_BYTES_MAX {
            return Err(io::Error::other("a shared text is too long"));
        }
    }
}

/// A text with its `_x000D_` read (ECMA-376 part 1, 22.4.2.4).
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        let code = rest.get(at + 2..at + 7).and_then(|c| c.strip_suffix('_'));
        let code = code.and_then(|c| u32::from_str_radix(c, 16).ok()).and_then(char::from_u32);
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        match code {
            Some(character) => {
                out.push(character);
                rest = after.get(7..).unwrap_or_default();
            }
            None => {
                out.push_str("_x");
                rest = after.get(2..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

/// Refuses XML whose next tag does not come: whoever reads it holds all that is between.
struct Runs<R> {
    inner: BufReader<R>,
    run: usize,
}

impl<R: Read> Runs<R> {
    fn new(inner: R) -> Self {
        Self { inner: BufReader::with_capacity(64 * 1024, inner), run: 0 }
    }
}

impl<R: Read> Read for Runs<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(out)?;
        self.consume(n);
        Ok(n)
    }
}

impl<R: Read> BufRead for Runs<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.run > WORKBOOK_RUN_BYTES_MAX {
            return Err(io::Error::other("a tag or a text is too long"));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        let eaten = self.inner.buffer().get(..amount).unwrap_or_default();
        self.run = match memchr::memrchr2(b'<', b'>', eaten) {
            Some(at) => eaten.len() - at,
            None => self.run + eaten.len(),
        };
        self.inner.consume(amount);
    }
}

/// A file that several read, each from its own place.
pub(super) struct Shared {
    file: Arc<File>,
    len: u64,
    at: u64,
}

impl Read for Shared {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(out, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Shared {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(xml: &str) -> String {
        let mut out = Vec::new();
        turned(xml.as_bytes(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn read(xml: &[u8]) -> io::Result<Vec<String>> {
        let mut writer = TextsWriter::new()?;
        shared(Runs::new(xml), &mut writer)?;
        let mut reader = writer.finish()?.reader()?;
        let mut all = Vec::new();
        while let Some(text) = reader.get(all.len() as u64)? {
            all.push(text);
        }
        Ok(all)
    }

    #[test]
    fn cells_of_shared_texts_are_turned_and_others_left() {
        let sheet = r#"<row r="1"><c r="A1" s="3" t="s"><v>7</v></c><c r="B1" t="str"><v>a&amp;b</v></c><x:c t="s"/></row>"#;
        let wanted = r#"<row r="1"><c r="A1" s="3" t="d"><v>7</v></c><c r="B1" t="str"><v>a&amp;b</v></c><x:c t="d"/></row>"#;
        assert_eq!(turn(sheet), wanted);
    }

    #[test]
    fn shared_texts_are_read_whole() {
        let xml = "<sst uniqueCount='99999999999999'><si><t> 王 </t></si><si><r><t>1</t></r><r><t xml:space=\"preserve\"> 2</t></r><rPh><t>x</t></rPh></si><si/><si><t>&lt;&#x738B;_x000D_&#10;_xZZZZ_</t></si></sst>";
        let wanted = ["王", "1 2", "", "<王\r\n_xZZZZ_"];
        assert_eq!(read(xml.as_bytes()).unwrap(), wanted);
    }

    #[test]
    fn a_text_without_an_end_is_refused_before_it_fills_the_memory() {
        let long = format!("<sst><si><t>{}", "a".repeat(WORKBOOK_RUN_BYTES_MAX + 200_000));
        assert!(read(long.as_bytes()).is_err());
        // In pieces, none of which is long.
        let runs = "<t>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</t>"
            .repeat(WORKBOOK_RUN_BYTES_MAX / 60);
        assert!(read(format!("<sst><si>{runs}</si></sst>").as_bytes()).is_err());
    }
}
