//! The small part of Office Open XML (ECMA-376) that reports need: one sheet of texts, one
//! document of headings, paragraphs and tables. Plain parts in a stored zip, so that the same run
//! gives the same bytes.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::html_page::esc as escape;
use crate::evidence::{EvidenceError, zipped};

/// Characters of one cell that spreadsheet programs accept.
const CELL_CHARS_MAX: usize = 32_000;

/// A report that could not be packed.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the report")]
pub struct OfficeError(#[from] EvidenceError);

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const RELS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const DOC: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const TYPES: &str = "http://schemas.openxmlformats.org/package/2006/content-types";
const SHEET: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const WORD: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";

/// Text as XML takes it: markup escaped, characters that XML forbids dropped.
fn esc(text: &str) -> String {
    let allowed = |c: &char| {
        matches!(c, '\n' | '\t') || !(c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
    };
    escape(&text.chars().filter(allowed).collect::<String>())
}

fn types(parts: &[(&str, &str)]) -> String {
    let mut out = format!(
        "{HEAD}<Types xmlns=\"{TYPES}\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/>"
    );
    for (part, kind) in parts {
        let _ = write!(
            out,
            "<Override PartName=\"/{part}\" ContentType=\"application/vnd.openxmlformats-officedocument.{kind}+xml\"/>"
        );
    }
    out.push_str("</Types>");
    out
}

fn rels(targets: &[(&str, &str)]) -> String {
    let mut out = format!("{HEAD}<Relationships xmlns=\"{RELS}\">");
    for (i, (kind, target)) in targets.iter().enumerate() {
        let n = i + 1;
        let _ =
            write!(out, "<Relationship Id=\"rId{n}\" Type=\"{DOC}/{kind}\" Target=\"{target}\"/>");
    }
    out.push_str("</Relationships>");
    out
}

fn pack(parts: Vec<(&str, String)>) -> Result<Vec<u8>, OfficeError> {
    let files: BTreeMap<String, Vec<u8>> =
        parts.into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes())).collect();
    Ok(zipped(&files)?)
}

fn column(mut n: usize) -> String {
    let mut name = String::new();
    loop {
        name.insert(0, char::from(b'A' + (n % 26) as u8));
        if n < 26 {
            return name;
        }
        n = n / 26 - 1;
    }
}

/// A workbook of one sheet: a head that stays in view and filters, texts below it.
pub(super) fn workbook(
    name: &str,
    widths: &[u32],
    rows: &[Vec<String>],
) -> Result<Vec<u8>, OfficeError> {
    let mut sheet = format!(
        "{HEAD}<worksheet xmlns=\"{SHEET}\"><sheetViews><sheetView workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/></sheetView></sheetViews><cols>"
    );
    for (i, width) in widths.iter().enumerate() {
        let n = i + 1;
        let _ = write!(sheet, "<col min=\"{n}\" max=\"{n}\" width=\"{width}\" customWidth=\"1\"/>");
    }
    sheet.push_str("</cols><sheetData>");
    for (r, row) in rows.iter().enumerate() {
        let _ = write!(sheet, "<row r=\"{}\">", r + 1);
        for (i, cell) in row.iter().enumerate() {
            let text: String = cell.chars().take(CELL_CHARS_MAX).collect();
            let style = if r == 0 { 1 } else { 2 };
            let _ = write!(
                sheet,
                "<c r=\"{}{}\" s=\"{style}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{}</t></is></c>",
                column(i),
                r + 1,
                esc(&text)
            );
        }
        sheet.push_str("</row>");
    }
    let last = format!("{}{}", column(widths.len().saturating_sub(1)), rows.len().max(1));
    let _ = write!(sheet, "</sheetData><autoFilter ref=\"A1:{last}\"/></worksheet>");
    let book = format!(
        "{HEAD}<workbook xmlns=\"{SHEET}\" xmlns:r=\"{DOC}\"><sheets><sheet name=\"{}\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>",
        esc(name)
    );
    let align = "<alignment vertical=\"top\" wrapText=\"1\"/>";
    let styles = format!(
        "{HEAD}<styleSheet xmlns=\"{SHEET}\"><fonts count=\"2\"><font><sz val=\"10\"/><name val=\"SimSun\"/></font><font><b/><sz val=\"10\"/><name val=\"SimSun\"/></font></fonts><fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill></fills><borders count=\"2\"><border><left/><right/><top/><bottom/><diagonal/></border><border><left style=\"thin\"/><right style=\"thin\"/><top style=\"thin\"/><bottom style=\"thin\"/><diagonal/></border></borders><cellStyleXfs count=\"1\"><xf/></cellStyleXfs><cellXfs count=\"3\"><xf xfId=\"0\"/><xf xfId=\"0\" fontId=\"1\" borderId=\"1\" applyFont=\"1\" applyBorder=\"1\" applyAlignment=\"1\">{align}</xf><xf xfId=\"0\" borderId=\"1\" applyBorder=\"1\" applyAlignment=\"1\">{align}</xf></cellXfs><cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/></cellStyles></styleSheet>"
    );
    pack(vec![
        (
            "[Content_Types].xml",
            types(&[
                ("xl/workbook.xml", "spreadsheetml.sheet.main"),
                ("xl/worksheets/sheet1.xml", "spreadsheetml.worksheet"),
                ("xl/styles.xml", "spreadsheetml.styles"),
            ]),
        ),
        ("_rels/.rels", rels(&[("officeDocument", "xl/workbook.xml")])),
        (
            "xl/_rels/workbook.xml.rels",
            rels(&[("worksheet", "worksheets/sheet1.xml"), ("styles", "styles.xml")]),
        ),
        ("xl/workbook.xml", book),
        ("xl/styles.xml", styles),
        ("xl/worksheets/sheet1.xml", sheet),
    ])
}

/// A document under construction.
#[derive(Default)]
pub(super) struct Document(String);

impl Document {
    fn styled(&mut self, style: &str, text: &str) {
        let _ =
            write!(self.0, "<w:p><w:pPr><w:pStyle w:val=\"{style}\"/></w:pPr>{}</w:p>", run(text));
    }

    pub(super) fn title(&mut self, text: &str) {
        self.styled("Title", text);
    }

    pub(super) fn heading(&mut self, text: &str) {
        self.styled("Heading1", text);
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        let _ = write!(self.0, "<w:p>{}</w:p>", run(text));
    }

    pub(super) fn page_break(&mut self) {
        self.0.push_str("<w:p><w:r><w:br w:type=\"page\"/></w:r></w:p>");
    }

    /// A table with a head row that is repeated on each page.
    pub(super) fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        self.0.push_str("<w:tbl><w:tblPr><w:tblStyle w:val=\"Grid\"/><w:tblW w:w=\"5000\" w:type=\"pct\"/></w:tblPr><w:tblGrid>");
        for _ in head {
            self.0.push_str("<w:gridCol/>");
        }
        self.0.push_str("</w:tblGrid><w:tr><w:trPr><w:tblHeader/></w:trPr>");
        for cell in head {
            let _ = write!(
                self.0,
                "<w:tc><w:p><w:r><w:rPr><w:b/></w:rPr><w:t>{}</w:t></w:r></w:p></w:tc>",
                esc(cell)
            );
        }
        self.0.push_str("</w:tr>");
        for row in rows {
            self.0.push_str("<w:tr>");
            for cell in row {
                let _ = write!(self.0, "<w:tc><w:p>{}</w:p></w:tc>", run(cell));
            }
            self.0.push_str("</w:tr>");
        }
        self.0.push_str("</w:tbl><w:p/>");
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, OfficeError> {
        let body = format!(
            "{HEAD}<w:document xmlns:w=\"{WORD}\"><w:body>{}<w:sectPr><w:pgSz w:w=\"11906\" w:h=\"16838\"/><w:pgMar w:top=\"1440\" w:right=\"1200\" w:bottom=\"1440\" w:left=\"1200\" w:header=\"720\" w:footer=\"720\" w:gutter=\"0\"/></w:sectPr></w:body></w:document>",
            self.0
        );
        let style = |id: &str, name: &str, size: u32, extra: &str| {
            format!(
                "<w:style w:type=\"paragraph\" w:styleId=\"{id}\"><w:name w:val=\"{name}\"/><w:basedOn w:val=\"Normal\"/><w:pPr>{extra}</w:pPr><w:rPr><w:b/><w:sz w:val=\"{size}\"/></w:rPr></w:style>"
            )
        };
        let line = |side: &str| format!("<w:{side} w:val=\"single\" w:sz=\"4\" w:color=\"auto\"/>");
        let borders: String =
            ["top", "left", "bottom", "right", "insideH", "insideV"].map(line).concat();
        let styles = format!(
            "{HEAD}<w:styles xmlns:w=\"{WORD}\"><w:docDefaults><w:rPrDefault><w:rPr><w:rFonts w:ascii=\"SimSun\" w:hAnsi=\"SimSun\" w:eastAsia=\"SimSun\"/><w:sz w:val=\"21\"/></w:rPr></w:rPrDefault></w:docDefaults><w:style w:type=\"paragraph\" w:default=\"1\" w:styleId=\"Normal\"><w:name w:val=\"Normal\"/></w:style>{}{}<w:style w:type=\"table\" w:styleId=\"Grid\"><w:name w:val=\"Table Grid\"/><w:tblPr><w:tblBorders>{borders}</w:tblBorders></w:tblPr></w:style></w:styles>",
            style("Title", "Title", 44, "<w:jc w:val=\"center\"/>"),
            style("Heading1", "heading 1", 30, "<w:outlineLvl w:val=\"0\"/>"),
        );
        pack(vec![
            (
                "[Content_Types].xml",
                types(&[
                    ("word/document.xml", "wordprocessingml.document.main"),
                    ("word/styles.xml", "wordprocessingml.styles"),
                ]),
            ),
            ("_rels/.rels", rels(&[("officeDocument", "word/document.xml")])),
            ("word/_rels/document.xml.rels", rels(&[("styles", "styles.xml")])),
            ("word/document.xml", body),
            ("word/styles.xml", styles),
        ])
    }
}

fn run(text: &str) -> String {
    let mut out = String::from("<w:r>");
    for (i, line) in text.lines().enumerate() {
        if i > 0 {
            out.push_str("<w:br/>");
        }
        let _ = write!(out, "<w:t xml:space=\"preserve\">{}</w:t>", esc(line));
    }
    out.push_str("</w:r>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_forbidden_characters() {
        assert_eq!([0, 25, 26, 51, 52].map(column), ["A", "Z", "AA", "AZ", "BA"]);
        assert_eq!(esc("a<b>&\u{0}\u{b}\"c"), "a&lt;b&gt;&amp;&quot;c");
    }
}
