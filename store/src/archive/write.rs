//! Events into a Parquet file.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BinaryBuilder, FixedSizeBinaryBuilder, Int64Builder, RecordBatch,
    StringBuilder, TimestampNanosecondBuilder, UInt8Builder, UInt64Builder,
};
use arrow::datatypes::DataType;
use events::field::{COLUMNS, ColumnKind};
use events::{Event, EventId, FieldId, LogSource, LogSourceId, SensorId, Timestamp, Value};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::archive::columns::{self, BLOOM, HEAD};
use crate::archive::counts::{Counts, Tally};
use crate::archive::minutes::Minutes;
use crate::archive::rest::Rest;
use crate::limits;

/// What a file's events have in common, for skipping it in a search.
pub(crate) struct Traits {
    pub(crate) rows: u64,
    /// The least and the greatest.
    pub(crate) time: (Timestamp, Timestamp),
    pub(crate) seq: (u64, u64),
    pub(crate) id: (EventId, EventId),
    pub(crate) received_max: Timestamp,
    /// Typed columns that hold every value of their field.
    pub(crate) whole: BTreeSet<String>,
    /// Those of them with a bloom filter whose values have no capital letters.
    pub(crate) lower: BTreeSet<String>,
    pub(crate) exercises: u64,
    pub(crate) counts: Counts,
    /// Where the block of [`super::minutes`] lies and how long it is.
    pub(crate) minutes: Option<(u64, u64)>,
}

/// Events in order of time: each call writes the next over an event, whose buffers are used again, and
/// tells its sequence number; `None` at the end.
pub(crate) trait Source: FnMut(&mut Event) -> Result<Option<u64>, ParquetError> {}

impl<F: FnMut(&mut Event) -> Result<Option<u64>, ParquetError>> Source for F {}

/// Writes the events and syncs the file.
pub(crate) fn write_file(path: &Path, mut next: impl Source) -> Result<Traits, ParquetError> {
    let file = File::create(path).map_err(external)?;
    let schema = columns::schema();
    let mut writer = ArrowWriter::try_new(file, schema.clone(), Some(properties()?))?;
    let mut builder = Columns::new();
    let (mut waiting, mut event) = (0, Event::new());
    while let Some(seq) = next(&mut event)? {
        builder.push(seq, &event)?;
        waiting += 1;
        if waiting == limits::ARCHIVE_BATCH_ROWS {
            writer.write(&RecordBatch::try_new(schema.clone(), builder.finish())?)?;
            waiting = 0;
        }
    }
    if waiting > 0 {
        writer.write(&RecordBatch::try_new(schema.clone(), builder.finish())?)?;
    }
    let (mut traits, minutes) = builder.traits();
    writer.flush()?;
    if let Some(block) = minutes.pack().map_err(external)? {
        traits.minutes = Some((writer.bytes_written() as u64, block.len() as u64));
        writer.write_all(&block).map_err(external)?;
    }
    let file = writer.into_inner()?;
    file.sync_all().map_err(external)?;
    Ok(traits)
}

/// Events as rows of the archive, without a file.
#[cfg(feature = "sql")]
pub(crate) fn batch<'a>(
    events: impl Iterator<Item = (u64, &'a Event)>,
) -> Result<RecordBatch, ParquetError> {
    let mut builder = Columns::new();
    for (seq, event) in events {
        builder.push(seq, event)?;
    }
    Ok(RecordBatch::try_new(columns::schema(), builder.finish())?)
}

fn external(error: io::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

fn properties() -> Result<WriterProperties, ParquetError> {
    let column = |name: &str| ColumnPath::new(vec![name.to_owned()]);
    let by_time = SortingColumn { column_idx: 2, descending: false, nulls_first: false };
    let mut properties = WriterProperties::builder()
        .set_created_by("xuedun".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(limits::ROW_GROUP_ROWS))
        .set_sorting_columns(Some(vec![by_time]));
    for field in BLOOM {
        properties = bloom(properties, column(field.name()));
    }
    for random in [columns::ID, columns::EXERCISE, columns::RAW_BYTES] {
        properties = properties.set_column_dictionary_enabled(column(random), false);
    }
    // They grow: what is added each time is written, not a list of all different ones.
    for growing in [columns::SEQ, columns::TIME, columns::RECEIVED] {
        properties = properties
            .set_column_dictionary_enabled(column(growing), false)
            .set_column_encoding(column(growing), Encoding::DELTA_BINARY_PACKED);
    }
    properties = bloom(properties, column(columns::ID));
    properties = properties.set_column_dictionary_enabled(column(columns::RAW), false);
    // Nobody asks what is least of these or of texts, and finding it out costs more than writing them.
    for random in [columns::ID, columns::RAW_BYTES] {
        properties = without_statistics(properties, column(random));
    }
    for text in columns::schema().fields().iter().filter(|f| *f.data_type() == DataType::Utf8) {
        properties = without_statistics(properties, column(text.name()));
    }
    Ok(properties.build())
}

type Builder = parquet::file::properties::WriterPropertiesBuilder;

fn bloom(properties: Builder, column: ColumnPath) -> Builder {
    properties
        .set_column_bloom_filter_enabled(column.clone(), true)
        .set_column_bloom_filter_max_ndv(column.clone(), limits::ROW_GROUP_ROWS as u64)
        .set_column_bloom_filter_fpp(column, 0.01)
}

fn without_statistics(properties: Builder, column: ColumnPath) -> Builder {
    properties.set_column_statistics_enabled(column, EnabledStatistics::None)
}

enum Typed {
    Text(StringBuilder),
    Integer(Int64Builder),
}

impl Typed {
    /// Fills up with nulls to so many rows: most columns are empty in most rows.
    fn fill(&mut self, rows: usize) {
        match self {
            Self::Text(text) => text.append_nulls(rows.saturating_sub(text.len())),
            Self::Integer(integer) => integer.append_nulls(rows.saturating_sub(integer.len())),
        }
    }
}

/// The names of an event's fields in order, as written in the column `shape`: those of one kind
/// of record are always the same, so each is written out once.
#[derive(Default)]
struct Shapes {
    known: HashMap<Vec<FieldId>, String>,
    /// The last one, which mostly comes again.
    ids: Vec<FieldId>,
    last: String,
}

impl Shapes {
    fn of(&mut self, event: &Event) -> &str {
        if !self.last.is_empty() && event.ids().eq(self.ids.iter().copied()) {
            return &self.last;
        }
        self.ids.clear();
        self.ids.extend(event.ids());
        if !self.known.contains_key(self.ids.as_slice()) {
            if self.known.len() >= SHAPES_MAX {
                self.known.clear();
            }
            let mut shape = String::new();
            for (at, field) in self.ids.iter().enumerate() {
                if at > 0 {
                    shape.push('\n');
                }
                push_name(&mut shape, *field);
            }
            self.known.insert(self.ids.clone(), shape);
        }
        self.last.clear();
        self.last.push_str(self.known.get(self.ids.as_slice()).map_or("", String::as_str));
        &self.last
    }
}

/// Shapes remembered at once.
const SHAPES_MAX: usize = 4_096;

/// The columns being filled.
struct Columns {
    id: FixedSizeBinaryBuilder,
    seq: UInt64Builder,
    time: TimestampNanosecondBuilder,
    received: TimestampNanosecondBuilder,
    site: UInt64Builder,
    sensor: StringBuilder,
    source: [StringBuilder; 3],
    exercise: FixedSizeBinaryBuilder,
    marks: UInt8Builder,
    typed: Vec<Typed>,
    shape: StringBuilder,
    fields: StringBuilder,
    raw: StringBuilder,
    raw_bytes: BinaryBuilder,
    /// The last sensor's name and log source's parts.
    named: (SensorId, &'static str),
    parts: (LogSourceId, LogSource),
    shapes: Shapes,
    rest: Rest,
    /// Rows since the last [`Columns::finish`].
    waiting: usize,
    /// By typed column: is every value in it; has it a bloom filter and no value with capitals.
    whole: Vec<bool>,
    lower: Vec<bool>,
    span: Option<Span>,
    rows: u64,
    exercises: u64,
    tally: Tally,
}

/// The least and the greatest of what rows are found by.
struct Span {
    time: (Timestamp, Timestamp),
    seq: (u64, u64),
    id: (EventId, EventId),
    received_max: Timestamp,
}

impl Span {
    fn of(seq: u64, e: &Event) -> Self {
        Self { time: (e.time, e.time), seq: (seq, seq), id: (e.id, e.id), received_max: e.received }
    }

    fn with(&self, seq: u64, e: &Event) -> Self {
        Self {
            time: (self.time.0.min(e.time), self.time.1.max(e.time)),
            seq: (self.seq.0.min(seq), self.seq.1.max(seq)),
            id: (self.id.0.min(e.id), self.id.1.max(e.id)),
            received_max: self.received_max.max(e.received),
        }
    }
}

impl Columns {
    fn new() -> Self {
        let instants = || TimestampNanosecondBuilder::new().with_timezone("UTC");
        let typed = |c: &events::field::Column| match c.kind {
            ColumnKind::Text | ColumnKind::Address => Typed::Text(StringBuilder::new()),
            ColumnKind::Integer => Typed::Integer(Int64Builder::new()),
        };
        Self {
            id: FixedSizeBinaryBuilder::new(16),
            seq: UInt64Builder::new(),
            time: instants(),
            received: instants(),
            site: UInt64Builder::new(),
            sensor: StringBuilder::new(),
            source: [StringBuilder::new(), StringBuilder::new(), StringBuilder::new()],
            exercise: FixedSizeBinaryBuilder::new(16),
            marks: UInt8Builder::new(),
            typed: COLUMNS.iter().map(typed).collect(),
            shape: StringBuilder::new(),
            fields: StringBuilder::new(),
            raw: StringBuilder::new(),
            raw_bytes: BinaryBuilder::new(),
            named: (SensorId::UNKNOWN, SensorId::UNKNOWN.name()),
            parts: (LogSourceId::UNKNOWN, LogSourceId::UNKNOWN.get()),
            shapes: Shapes::default(),
            rest: Rest::default(),
            waiting: 0,
            whole: vec![true; COLUMNS.len()],
            lower: COLUMNS.iter().map(|c| BLOOM.iter().any(|f| f.name() == c.name)).collect(),
            span: None,
            rows: 0,
            exercises: 0,
            tally: Tally::new(),
        }
    }

    fn push(&mut self, seq: u64, event: &Event) -> Result<(), ParquetError> {
        self.rows += 1;
        self.waiting += 1;
        self.tally.record(event.time, event.site, event.logsource);
        self.exercises += u64::from(event.exercise.is_some());
        self.span = Some(match &self.span {
            Some(span) => span.with(seq, event),
            None => Span::of(seq, event),
        });
        self.id.append_value(event.id.to_bytes())?;
        self.seq.append_value(seq);
        self.time.append_value(event.time.nanos());
        self.received.append_value(event.received.nanos());
        self.site.append_value(event.site.as_u64());
        if self.named.0 != event.sensor {
            self.named = (event.sensor, event.sensor.name());
        }
        self.sensor.append_value(self.named.1);
        if self.parts.0 != event.logsource {
            self.parts = (event.logsource, event.logsource.get());
        }
        let source = &self.parts.1;
        let parts = [&source.product, &source.category, &source.service];
        for (builder, part) in self.source.iter_mut().zip(parts) {
            builder.append_value(part);
        }
        match event.exercise {
            Some(id) => self.exercise.append_value(id.to_bytes())?,
            None => self.exercise.append_null(),
        }
        self.marks.append_value(event.marks.0);
        self.push_fields(event);
        self.raw.append_value(event.raw_text());
        let as_text = event.raw() == event.raw_text().as_bytes();
        self.raw_bytes.append_option((!as_text).then(|| event.raw()));
        Ok(())
    }

    fn push_fields(&mut self, event: &Event) {
        let mut filled = [false; COLUMNS.len()];
        for (at, (field, value)) in event.fields().enumerate() {
            if !self.push_typed(field, value, &mut filled) {
                self.rest.push(field, at);
            }
        }
        self.shape.append_value(self.shapes.of(event));
        self.fields.append_option(self.rest.finish(event));
    }

    /// Puts the first value of a typed field in its column, if it has the column's type.
    fn push_typed(
        &mut self,
        field: FieldId,
        value: Value<'_>,
        filled: &mut [bool; COLUMNS.len()],
    ) -> bool {
        let at = field.index();
        let Some(builder) = self.typed.get_mut(at) else { return false };
        if !filled[at] {
            builder.fill(self.waiting - 1);
        }
        match (builder, value) {
            // The column is taken when any value of the field came before, in it or not: else the
            // order of repeated values would be lost.
            (Typed::Text(text), Value::Str(s)) if !filled[at] && self.rest.is_free(field) => {
                text.append_value(s);
                self.tally.field(at, s);
                self.lower[at] = self.lower[at] && crate::is_folded(s);
            }
            (Typed::Integer(n), Value::Int(i)) if !filled[at] && self.rest.is_free(field) => {
                n.append_value(i);
            }
            _ => {
                self.whole[at] = false;
                return false;
            }
        }
        filled[at] = true;
        true
    }

    fn finish(&mut self) -> Vec<ArrayRef> {
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(HEAD + COLUMNS.len() + 4);
        arrays.push(Arc::new(self.id.finish()));
        arrays.push(Arc::new(self.seq.finish()));
        arrays.push(Arc::new(self.time.finish()));
        arrays.push(Arc::new(self.received.finish()));
        arrays.push(Arc::new(self.site.finish()));
        arrays.push(taken(&mut self.sensor));
        for part in &mut self.source {
            arrays.push(taken(part));
        }
        arrays.push(Arc::new(self.exercise.finish()));
        arrays.push(Arc::new(self.marks.finish()));
        for typed in &mut self.typed {
            typed.fill(self.waiting);
            arrays.push(match typed {
                Typed::Text(text) => taken(text),
                Typed::Integer(integer) => Arc::new(integer.finish()),
            });
        }
        arrays.push(taken(&mut self.shape));
        arrays.push(taken(&mut self.fields));
        arrays.push(taken(&mut self.raw));
        arrays.push(Arc::new(self.raw_bytes.finish()));
        self.waiting = 0;
        arrays
    }

    fn traits(&mut self) -> (Traits, Minutes) {
        let named = |flags: &[bool]| {
            let whole = COLUMNS.iter().zip(flags).filter(|(_, whole)| **whole);
            whole.map(|(c, _)| c.name.to_owned()).collect::<BTreeSet<_>>()
        };
        let whole = named(&self.whole);
        let mut lower = named(&self.lower);
        lower.retain(|name| whole.contains(name));
        let (counts, minutes) = self.tally.counts(|name| whole.contains(name));
        let span = self.span.as_ref();
        let traits = Traits {
            rows: self.rows,
            time: span.map(|s| s.time).unwrap_or_default(),
            seq: span.map(|s| s.seq).unwrap_or_default(),
            id: span.map(|s| s.id).unwrap_or_default(),
            received_max: span.map(|s| s.received_max).unwrap_or_default(),
            whole,
            lower,
            exercises: self.exercises,
            counts,
            minutes: None,
        };
        (traits, minutes)
    }
}

/// What a column holds so far. It begins anew with as much room, so that it does not grow step by step.
fn taken(text: &mut StringBuilder) -> ArrayRef {
    let (rows, bytes) = (text.len(), text.values_slice().len());
    let array = text.finish();
    *text = StringBuilder::with_capacity(rows, bytes);
    Arc::new(array)
}

/// A name with its line breaks written `\n`, so that one line is one name.
fn push_name(shape: &mut String, field: FieldId) {
    for c in field.name().chars() {
        match c {
            '\n' => shape.push_str("\\n"),
            '\\' => shape.push_str("\\\\"),
            c => shape.push(c),
        }
    }
}
