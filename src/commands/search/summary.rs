//! What is said of a search when it ends.

use std::collections::BTreeSet;

use centre::view::{Cursor, Stopped};
use events::Lang;
use events::time::BEIJING_OFFSET_SECS;
use serde::Serialize;
use serde_json::Value;

use crate::commands::told;

/// What is said of the whole answer, on standard error: standard output holds records alone.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Records that match; at least so many unless `counted`.
    matched: u64,
    counted: bool,
    scanned: u64,
    took_ms: u64,
    stopped: Option<Stopped>,
    unreadable: BTreeSet<String>,
    /// Records or rows in which personal data is masked.
    masked: u64,
    /// Records or rows printed, over all pages.
    #[serde(skip)]
    printed: u64,
}

impl Summary {
    /// A further page of the answer with so many records or rows.
    pub fn add(&mut self, page: &Value, given: usize) {
        let figure = |key: &str| page[key].as_u64().unwrap_or(0);
        // A page counts what lies behind the pages before it.
        self.matched = self.printed + figure("matched");
        self.counted = page["counted"] == Value::Bool(true);
        self.scanned += figure("scanned");
        self.masked += figure("masked");
        self.took_ms += figure("took_ms");
        self.stopped = serde_json::from_value(page["stopped"].clone()).unwrap_or(None);
        let parts = page["unreadable"].as_array().map_or(&[][..], |a| a);
        self.unreadable.extend(parts.iter().filter_map(|p| p.as_str().map(str::to_owned)));
        self.counted &= self.unreadable.is_empty();
        self.printed += given as u64;
    }

    /// Ends the answer before it is whole.
    pub fn stop(&mut self, why: Stopped) {
        self.stopped = Some(why);
        self.counted = false;
    }

    /// Says it on standard error; `next` is where the answer was left.
    pub fn tell(&self, json: bool, next: Option<Cursor>, lang: Lang) {
        if json {
            eprintln!("{}", serde_json::to_string(self).unwrap_or_default());
            return;
        }
        eprintln!("xuedun: {}", self.line(lang));
        let whole = next.map_or_else(String::new, |c| whole_down_to(c, lang));
        match self.stopped {
            Some(Stopped::Deadline) => eprintln!("xuedun: {}", told("X013", &whole, lang)),
            Some(Stopped::Cancelled) => eprintln!("xuedun: {}", told("X023", &whole, lang)),
            None => {}
        }
        if self.masked > 0 {
            eprintln!("xuedun: {}", masked(self.masked, lang));
        }
        for part in &self.unreadable {
            eprintln!("xuedun: {}", told("X024", part, lang));
        }
    }

    fn line(&self, lang: Lang) -> String {
        let Self { matched, scanned, took_ms, .. } = self;
        match (lang, self.counted) {
            (Lang::Zh, true) => {
                format!("命中 {matched} 条日志记录，扫描 {scanned} 条，用时 {took_ms} 毫秒")
            }
            (Lang::Zh, false) => {
                format!("命中至少 {matched} 条日志记录，扫描 {scanned} 条，用时 {took_ms} 毫秒")
            }
            (Lang::En, true) => format!("{matched} events match, {scanned} scanned, {took_ms} ms"),
            (Lang::En, false) => {
                format!("at least {matched} events match, {scanned} scanned, {took_ms} ms")
            }
        }
    }
}

/// That personal data is masked in an answer.
pub fn masked(rows: u64, lang: Lang) -> String {
    match lang {
        Lang::Zh => format!("{rows} 条中的个人信息已脱敏；查看原文须在控制台“数据还原”中申请"),
        Lang::En => {
            format!("personal data is masked in {rows}; to see it, ask under Reveal in the console")
        }
    }
}

/// How far back an answer that was stopped is whole.
fn whole_down_to(next: Cursor, lang: Lang) -> String {
    let time = next.time.to_rfc3339_at(BEIJING_OFFSET_SECS);
    match lang {
        Lang::Zh => format!("{time} 之后的结果完整"),
        Lang::En => format!("whole after {time}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn page(matched: u64, counted: bool, stopped: Option<&str>) -> Value {
        json!({ "matched": matched, "counted": counted, "scanned": 10, "took_ms": 2,
                "stopped": stopped, "unreadable": [] })
    }

    #[test]
    fn a_page_that_is_not_counted_says_at_least() {
        let mut summary = Summary::default();
        summary.add(&page(100, false, None), 100);
        assert_eq!(summary.line(Lang::Zh), "命中至少 100 条日志记录，扫描 10 条，用时 2 毫秒");
        assert_eq!(summary.line(Lang::En), "at least 100 events match, 10 scanned, 2 ms");
        // The second page knows the rest.
        summary.add(&page(30, true, None), 30);
        assert_eq!(summary.line(Lang::En), "130 events match, 20 scanned, 4 ms");
    }

    #[test]
    fn what_stopped_it_and_what_is_gone_are_kept() {
        let mut summary = Summary::default();
        let mut gone = page(3, true, Some("deadline"));
        gone["unreadable"] = json!(["a.parquet"]);
        summary.add(&gone, 3);
        assert_eq!(summary.stopped, Some(Stopped::Deadline));
        let told = serde_json::to_value(&summary).unwrap();
        assert_eq!(told["unreadable"], json!(["a.parquet"]));
        assert_eq!((&told["stopped"], &told["counted"]), (&json!("deadline"), &json!(false)));
        assert!(told.get("printed").is_none());
    }
}
