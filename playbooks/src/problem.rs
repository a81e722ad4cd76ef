//! What is wrong with a playbook's text: coded, placed, in both languages.

use std::fmt::Write as _;

use events::{Lang, Text};
use serde::Serialize;

/// Whether a problem keeps the playbook from loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// The playbook is refused.
    Error,
    /// The playbook loads; the author should know.
    Warning,
}

/// One problem of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Stable code, `P001`… (see [`crate::explain`]).
    pub code: &'static str,
    /// Error or warning.
    pub weight: Weight,
    /// The file's name as given to [`crate::parse`].
    pub file: String,
    /// RFC 6901 pointer to the value.
    pub pointer: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Length of the marked text on that line, in characters (at least 1).
    pub width: u32,
    /// What is wrong. Never holds the value of a secret.
    pub message: Text,
}

impl Problem {
    /// The problem with its line and a caret under it. `text` is the file's text.
    pub fn render(&self, text: &str, lang: Lang) -> String {
        let weight = match self.weight {
            Weight::Error => lang.pick("错误", "error"),
            Weight::Warning => lang.pick("警告", "warning"),
        };
        let mut out = format!("{weight}[{}]: {}\n", self.code, self.message.get(lang));
        let number = self.line.to_string();
        let pad = " ".repeat(number.len());
        let _ =
            writeln!(out, "{pad}--> {}:{}:{} {}", self.file, self.line, self.column, self.pointer);
        let line = text.lines().nth(self.line.saturating_sub(1) as usize).unwrap_or_default();
        // A secret must not be printed back: only the place is shown.
        let shown = if self.code == "P021" { "***" } else { line };
        let _ = writeln!(out, "{pad} |\n{number} | {}", shown.replace('\t', " "));
        if self.code != "P021" {
            let before: String =
                line.chars().take(self.column.saturating_sub(1) as usize).collect();
            let marked: String = line
                .chars()
                .skip(self.column.saturating_sub(1) as usize)
                .take(self.width as usize)
                .collect();
            let _ = writeln!(
                out,
                "{pad} | {}{}",
                " ".repeat(columns(&before)),
                "^".repeat(columns(&marked).max(1))
            );
        }
        out
    }
}

/// Terminal columns of a text: two for a CJK character, else one.
fn columns(text: &str) -> usize {
    text.chars().map(|c| if matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}') { 2 } else { 1 }).sum()
}

/// Collects problems while a text is read.
pub(crate) struct Problems<'a> {
    file: &'a str,
    text: &'a str,
    found: Vec<Problem>,
}

impl<'a> Problems<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, found: Vec::new() }
    }

    pub(crate) fn error(
        &mut self,
        code: &'static str,
        pointer: &str,
        span: (usize, usize),
        message: Text,
    ) {
        self.push(code, Weight::Error, pointer, span, message);
    }

    pub(crate) fn warning(
        &mut self,
        code: &'static str,
        pointer: &str,
        span: (usize, usize),
        message: Text,
    ) {
        self.push(code, Weight::Warning, pointer, span, message);
    }

    fn push(
        &mut self,
        code: &'static str,
        weight: Weight,
        pointer: &str,
        (start, end): (usize, usize),
        message: Text,
    ) {
        if self.found.len() >= crate::limits::PROBLEMS_MAX {
            return;
        }
        let (line, column) = place(self.text, start);
        let rest = self.text.get(start..end.max(start)).unwrap_or_default();
        let width = rest.lines().next().unwrap_or_default().chars().count().max(1) as u32;
        self.found.push(Problem {
            code,
            weight,
            file: self.file.to_owned(),
            pointer: pointer.to_owned(),
            line,
            column,
            width,
            message,
        });
    }

    pub(crate) fn any_error(&self) -> bool {
        self.found.iter().any(|p| p.weight == Weight::Error)
    }

    /// All problems, in the order of the text.
    pub(crate) fn finish(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|p| (p.line, p.column));
        self.found
    }
}

fn place(text: &str, offset: usize) -> (u32, u32) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line = before.bytes().filter(|b| *b == b'\n').count() as u32 + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u32 + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caret_stands_under_wide_text() {
        let text = "{\n  \"名\": 1\n}";
        let mut problems = Problems::new("x.json", text);
        let at = text.find('1').unwrap();
        problems.error("P006", "/名", (at, at + 1), Text::new("应为字符串", "must be a string"));
        let found = problems.finish();
        assert_eq!((found[0].line, found[0].column), (2, 8));
        let shown = found[0].render(text, Lang::En);
        assert!(shown.contains("error[P006]: must be a string"), "{shown}");
        let caret = shown.lines().last().unwrap();
        assert_eq!(caret.find('^'), Some(4 + 8), "one column more for the wide character: {shown}");
    }
}
