//! The answer of a search as a file, CSV or JSON lines, written while it is read: as long as there
//! are records and the reader takes them. One that does not hold all of it says so in its last
//! line, and where to go on.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use centre::facade::export::{Export, ExportEnd};
use centre::view::{SearchPage, Stopped};
use centre::{Caller, Error, export};
use events::Lang;
use futures_util::Stream;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use super::fail::Fail;
use super::reply::Reply;
use super::routes::Answer;
use super::visit::{Shared, Visit};
use crate::limits;
use crate::pages::search::Query;
use crate::text;

/// Pieces that wait for the reader.
const PIECES: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    JsonLines,
}

/// The answer of a search as a file.
pub(crate) fn search_file(visit: &Visit, caller: &Caller) -> Answer {
    let query = Query::parse(&|name| visit.query(name), true);
    if query.after.is_none() && !visit.query("after").is_empty() {
        return Err(Error::BadValue { field: "after" }.into());
    }
    let csv = visit.query("format") == "csv";
    let format = if csv { Format::Csv } else { Format::JsonLines };
    let place = Place::take(&visit.shared)?;
    let centre = &visit.shared.centre;
    let form = query.form(centre.now(), limits::EXPORT_PAGE_ROWS);
    let mut export = centre.export(caller, form, Duration::from_millis(limits::EXPORT_MS_MAX))?;
    let (from, to) = export.span();
    let path = visit.here.split('?').next().unwrap_or_default().to_owned();
    let go_on = move |end: &ExportEnd| {
        // The same time again, whenever it goes on.
        let query = query.between(from, to);
        let format = if csv { "&format=csv" } else { "&format=jsonl" };
        end.next.map(|place| query.older(&path, &place) + format)
    };
    let (send, pieces) = channel(PIECES);
    let cancel = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&cancel);
    let mut file = File { format, lang: visit.lang, out: String::new(), send };
    Handle::current().spawn_blocking(move || {
        let _place = place;
        file.write(&mut export, &stop, &go_on);
    });
    let body = Body::from_stream(Pieces { pieces, cancel });
    let (name, media_type) = match format {
        Format::Csv => ("xuedun-search.csv", "text/csv; charset=utf-8"),
        Format::JsonLines => ("xuedun-search.jsonl", "application/x-ndjson"),
    };
    Ok(Reply::stream(name.to_owned(), media_type, body))
}

/// One of the exports that may be under way.
struct Place(Arc<Shared>);

impl Place {
    fn take(shared: &Arc<Shared>) -> Result<Self, Fail> {
        let before = shared.exports.fetch_add(1, Ordering::Relaxed);
        let place = Self(Arc::clone(shared));
        if before < limits::EXPORTS_MAX { Ok(place) } else { Err(Fail::Busy) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.exports.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the reader takes; when it goes, the search behind it ends.
struct Pieces {
    pieces: Receiver<Bytes>,
    cancel: Arc<AtomicBool>,
}

impl Stream for Pieces {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.poll_recv(cx).map(|piece| piece.map(Ok))
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.cancel.store(true, Ordering::Relaxed);
    }
}

/// The reader has gone, or takes nothing any more.
struct Gone;

struct File {
    format: Format,
    lang: Lang,
    out: String,
    send: Sender<Bytes>,
}

impl File {
    /// Writes pages until the last; stops when nobody reads.
    fn write(
        &mut self,
        export: &mut Export,
        cancel: &AtomicBool,
        go_on: &dyn Fn(&ExportEnd) -> Option<String>,
    ) {
        if self.format == Format::Csv {
            self.out.push_str(export::BOM);
        }
        let mut heading = true;
        let failed = loop {
            match export.page(cancel) {
                Ok(Some(page)) if self.page(&page, heading).is_err() => return,
                Ok(Some(_)) => heading = false,
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        let end = export.ended();
        if !end.is_whole() || failed.is_some() {
            self.partial(end, failed.as_ref(), go_on(end));
        }
        let _ = self.flush();
    }

    fn page(&mut self, page: &SearchPage, heading: bool) -> Result<(), Gone> {
        if let Some((columns, rows)) = &page.table {
            if self.format == Format::Csv && heading {
                self.line(&export::csv_line(columns.iter().map(String::as_str)))?;
            }
            for row in rows {
                let line = match self.format {
                    Format::Csv => export::csv_line(row.iter().map(String::as_str)),
                    Format::JsonLines => format!("{}\n", export::json_row(columns, row)),
                };
                self.line(&line)?;
            }
        } else if self.format == Format::Csv && heading {
            self.line(&export::csv_heading())?;
        }
        for record in &page.records {
            // A record is plain data: it always has a form in JSON.
            let value = super::api::value(record).unwrap_or_default();
            let line = match self.format {
                Format::Csv => export::csv_record(&value),
                Format::JsonLines => format!("{}\n", super::api::record(record)),
            };
            self.line(&line)?;
        }
        // What was found is shown, however long the next page takes.
        self.flush()
    }

    fn line(&mut self, line: &str) -> Result<(), Gone> {
        self.out.push_str(line);
        if self.out.len() < limits::EXPORT_PIECE_BYTES { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), Gone> {
        if self.out.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.out));
        let within = Duration::from_millis(limits::EXPORT_READ_MS_MAX);
        let sent = Handle::current().block_on(timeout(within, self.send.send(piece)));
        sent.map_err(|_| Gone)?.map_err(|_| Gone)
    }

    /// The last line of a file that does not hold everything.
    fn partial(&mut self, end: &ExportEnd, failed: Option<&Error>, go_on: Option<String>) {
        let t = &text::of(self.lang).search;
        let mut why: Vec<String> = match end.stopped {
            Some(Stopped::Deadline) => vec![t.export_late.to_owned()],
            Some(Stopped::Cancelled) => vec![t.cancelled.to_owned()],
            None => vec![],
        };
        if !end.unreadable.is_empty() {
            why.push(format!("{} {}", t.unreadable, end.unreadable.join(", ")));
        }
        why.extend(failed.map(|e| format!("[{}] {}", e.code(), e.title(self.lang))));
        let why = why.join(" ");
        let line = match self.format {
            Format::Csv => {
                let place = go_on.unwrap_or_default();
                export::csv_line(["# partial", &why, t.export_go_on, &place].into_iter())
            }
            Format::JsonLines => {
                let partial = json!({
                    "why": why, "given": end.given, "stopped": end.stopped,
                    "unreadable": end.unreadable, "next": go_on,
                });
                format!("{}\n", json!({ "partial": partial }))
            }
        };
        self.out.push_str(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use centre::view::Cursor;
    use events::Timestamp;

    fn file(format: Format) -> (File, Receiver<Bytes>) {
        let (send, pieces) = channel(PIECES);
        (File { format, lang: Lang::Zh, out: String::new(), send }, pieces)
    }

    #[test]
    fn what_is_missing_stands_in_the_last_line_with_where_to_go_on() {
        let end = ExportEnd {
            given: 7,
            stopped: Some(Stopped::Deadline),
            unreadable: vec!["a.parquet".to_owned()],
            next: Some(Cursor { time: Timestamp::from_secs(5), seq: 9, taken: 7 }),
        };
        let next = || Some("/search/export?after=5.9.7".to_owned());
        let (mut csv, _pieces) = file(Format::Csv);
        csv.partial(&end, None, next());
        assert!(csv.out.starts_with("\"# partial\","), "{}", csv.out);
        assert!(csv.out.contains("a.parquet") && csv.out.contains("after=5.9.7"), "{}", csv.out);
        let (mut lines, _pieces) = file(Format::JsonLines);
        lines.partial(&end, Some(&Error::Locked), next());
        let value: serde_json::Value = serde_json::from_str(&lines.out).unwrap();
        assert_eq!(
            (&value["partial"]["given"], &value["partial"]["stopped"]),
            (&json!(7), &json!("deadline"))
        );
        assert!(value["partial"]["why"].as_str().unwrap().contains("[N003]"), "{value}");
    }

    #[tokio::test]
    async fn a_reader_that_has_gone_ends_the_search() {
        let cancel = Arc::new(AtomicBool::new(false));
        let (mut file, pieces) = file(Format::Csv);
        drop(Pieces { pieces, cancel: Arc::clone(&cancel) });
        assert!(cancel.load(Ordering::Relaxed));
        file.out.push('x');
        let flushed = tokio::task::spawn_blocking(move || file.flush().is_err()).await.unwrap();
        assert!(flushed);
    }
}
