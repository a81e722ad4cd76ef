//! Rows of an archive file, and the events they were.

use std::borrow::Cow;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, FixedSizeBinaryArray, Int32Array, Int64Array,
    RecordBatch, StringArray, TimestampNanosecondArray, UInt8Array, UInt64Array,
};
use arrow::datatypes::{Int32Type, Int64Type, TimestampNanosecondType, UInt8Type, UInt64Type};
use events::field::{COLUMNS, OVERFLOW};
use events::{
    Event, EventId, ExerciseId, FieldId, LogSource, LogSourceId, SensorId, SiteId, Timestamp,
    Value, event::Marks,
};

use crate::archive::columns;
use crate::archive::rest::{RestRead, value_of};

/// A batch of rows; a column that was not read is absent.
pub(crate) struct Rows<'a> {
    pub(crate) len: usize,
    id: Option<&'a FixedSizeBinaryArray>,
    seq: Option<&'a UInt64Array>,
    time: Option<&'a TimestampNanosecondArray>,
    received: Option<&'a TimestampNanosecondArray>,
    site: Option<&'a UInt64Array>,
    sensor: Option<Texts<'a>>,
    source: [Option<Texts<'a>>; 3],
    exercise: Option<&'a FixedSizeBinaryArray>,
    marks: Option<&'a UInt8Array>,
    typed: Vec<Typed<'a>>,
    shape: Option<&'a StringArray>,
    fields: Option<&'a StringArray>,
    raw: Option<&'a StringArray>,
    raw_bytes: Option<&'a BinaryArray>,
}

/// A typed column as it was read.
#[derive(Clone, Copy)]
pub(crate) enum Typed<'a> {
    Absent,
    Text(Texts<'a>),
    Integer(&'a Int64Array),
}

/// A column of texts: one after the other, or each different one once and which row has which.
#[derive(Clone, Copy)]
pub(crate) enum Texts<'a> {
    Plain(&'a StringArray),
    Shared { keys: &'a Int32Array, values: &'a StringArray },
}

impl<'a> Texts<'a> {
    fn new(array: &'a ArrayRef) -> Option<Self> {
        if let Some(plain) = array.as_string_opt() {
            return Some(Self::Plain(plain));
        }
        let shared = array.as_dictionary_opt::<Int32Type>()?;
        let values = shared.values().as_string_opt()?;
        Some(Self::Shared { keys: shared.keys(), values })
    }

    /// The text of a row.
    pub(crate) fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::Plain(a) => (!a.is_null(row)).then(|| a.value(row)),
            Self::Shared { keys, values } => {
                let key = usize::try_from(keys.value(row)).ok().filter(|_| !keys.is_null(row))?;
                (key < values.len()).then(|| values.value(key))
            }
        }
    }
}

impl<'a> Rows<'a> {
    pub(crate) fn new(batch: &'a RecordBatch) -> Self {
        let column = |name| batch.column_by_name(name);
        let text = |name| column(name).and_then(|c| c.as_string_opt::<i32>());
        let texts = |name| column(name).and_then(Texts::new);
        let id = |name| column(name).and_then(|c| c.as_fixed_size_binary_opt());
        let instant =
            |name| column(name).and_then(|c| c.as_primitive_opt::<TimestampNanosecondType>());
        let number = |name| column(name).and_then(|c| c.as_primitive_opt::<UInt64Type>());
        let typed = |c: &events::field::Column| {
            let Some(array) = column(c.name) else { return Typed::Absent };
            let integer = array.as_primitive_opt::<Int64Type>().map(Typed::Integer);
            integer.or_else(|| Texts::new(array).map(Typed::Text)).unwrap_or(Typed::Absent)
        };
        Self {
            len: batch.num_rows(),
            id: id(columns::ID),
            seq: number(columns::SEQ),
            time: instant(columns::TIME),
            received: instant(columns::RECEIVED),
            site: number(columns::SITE),
            sensor: texts(columns::SENSOR),
            source: [texts(columns::PRODUCT), texts(columns::CATEGORY), texts(columns::SERVICE)],
            exercise: id(columns::EXERCISE),
            marks: column(columns::MARKS).and_then(|c| c.as_primitive_opt::<UInt8Type>()),
            typed: COLUMNS.iter().map(typed).collect(),
            shape: text(columns::SHAPE),
            fields: text(columns::FIELDS),
            raw: text(columns::RAW),
            raw_bytes: column(columns::RAW_BYTES).and_then(|c| c.as_binary_opt()),
        }
    }

    pub(crate) fn id(&self, row: usize) -> EventId {
        id_at(self.id, row).map(EventId::from_u128).unwrap_or_default()
    }

    pub(crate) fn seq(&self, row: usize) -> u64 {
        self.seq.map_or(0, |a| a.value(row))
    }

    pub(crate) fn time(&self, row: usize) -> Timestamp {
        Timestamp::from_nanos(self.time.map_or(0, |a| a.value(row)))
    }

    pub(crate) fn received(&self, row: usize) -> Timestamp {
        Timestamp::from_nanos(self.received.map_or(0, |a| a.value(row)))
    }

    pub(crate) fn site(&self, row: usize) -> SiteId {
        self.site.and_then(|a| SiteId::from_u64(a.value(row)).ok()).unwrap_or_default()
    }

    pub(crate) fn sensor(&self, row: usize) -> &'a str {
        self.sensor.and_then(|a| a.get(row)).unwrap_or("")
    }

    /// Product, category or service.
    pub(crate) fn source(&self, row: usize, part: usize) -> &'a str {
        self.source.get(part).copied().flatten().and_then(|a| a.get(row)).unwrap_or("")
    }

    pub(crate) fn exercise(&self, row: usize) -> Option<ExerciseId> {
        id_at(self.exercise, row).map(ExerciseId::from_u128)
    }

    pub(crate) fn raw(&self, row: usize) -> &'a str {
        self.raw.map_or("", |a| a.value(row))
    }

    /// The value in the typed column of a field.
    pub(crate) fn typed(&self, row: usize, field: FieldId) -> Option<Value<'a>> {
        match self.typed.get(field.index())? {
            Typed::Text(a) => a.get(row).map(Value::Str),
            Typed::Integer(a) if !a.is_null(row) => Some(Value::Int(a.value(row))),
            _ => None,
        }
    }

    /// The typed column of a field.
    pub(crate) fn column(&self, field: FieldId) -> Typed<'a> {
        self.typed.get(field.index()).copied().unwrap_or(Typed::Absent)
    }

    /// Names of sensors (3) or parts of log sources (0, 1, 2).
    pub(crate) fn names(&self, part: usize) -> Option<Texts<'a>> {
        if part == 3 { self.sensor } else { self.source.get(part).copied().flatten() }
    }

    /// The site codes.
    pub(crate) fn sites(&self) -> Option<&'a UInt64Array> {
        self.site
    }

    /// The records as text.
    pub(crate) fn raws(&self) -> Option<&'a StringArray> {
        self.raw
    }

    /// Whether values outside the typed columns were read.
    pub(crate) fn has_rest(&self) -> bool {
        self.fields.is_some()
    }

    /// Whether the row has a value of the field outside its typed column, cheaply: may say yes
    /// where there is none.
    pub(crate) fn may_have_rest(&self, row: usize, name: &str) -> bool {
        self.rest_text(row)
            .is_some_and(|t| memchr::memmem::find(t.as_bytes(), plain(name)).is_some())
    }

    /// The values outside typed columns.
    pub(crate) fn rest(&self, row: usize) -> RestRead {
        RestRead::parse(self.rest_text(row)).unwrap_or_default()
    }

    fn rest_text(&self, row: usize) -> Option<&'a str> {
        self.fields.filter(|a| !a.is_null(row)).map(|a| a.value(row))
    }

    /// The event, if every column was read.
    pub(crate) fn event(&self, row: usize) -> Event {
        let mut event = Event::new();
        event.id = self.id(row);
        event.time = self.time(row);
        event.received = self.received(row);
        event.site = self.site(row);
        event.sensor = SensorId::intern(self.sensor(row));
        let part = |n| self.source(row, n);
        event.logsource = LogSourceId::intern(&LogSource::new(part(0), part(1), part(2)));
        event.exercise = self.exercise(row);
        let text = self.raw(row);
        match self.raw_bytes.filter(|a| !a.is_null(row)) {
            Some(bytes) => event.set_raw_decoded(bytes.value(row), text),
            None => event.set_raw(text.as_bytes()),
        }
        self.push_fields(row, &mut event);
        event.marks = Marks(self.marks.map_or(0, |a| a.value(row)));
        event
    }

    fn push_fields(&self, row: usize, event: &mut Event) {
        let shape = self.shape.map_or("", |a| a.value(row));
        if shape.is_empty() && self.rest_text(row).is_none() {
            return;
        }
        let rest = self.rest(row);
        let mut met: Vec<(FieldId, usize)> = Vec::new();
        for line in shape.split('\n') {
            let name = unescape(line);
            let field = FieldId::intern(&name).unwrap_or(OVERFLOW);
            let at = match met.iter().position(|(f, _)| *f == field) {
                Some(at) => at,
                None => {
                    met.push((field, 0));
                    met.len() - 1
                }
            };
            let nth = met[at].1;
            met[at].1 += 1;
            let typed = self.typed(row, field);
            match typed {
                Some(value) if nth == 0 => event.push(field, value),
                _ => {
                    let nth = nth - usize::from(typed.is_some());
                    let value = rest.all(&name).get(nth).map_or(Value::Null, value_of);
                    event.push(field, value);
                }
            }
        }
    }
}

fn id_at(array: Option<&FixedSizeBinaryArray>, row: usize) -> Option<u128> {
    let array = array.filter(|a| !a.is_null(row))?;
    array.value(row).try_into().ok().map(u128::from_be_bytes)
}

/// The longest part of a name that JSON writes as it is.
fn plain(name: &str) -> &[u8] {
    let parts = name.split(|c: char| c.is_control() || c == '"' || c == '\\');
    parts.max_by_key(|p| p.len()).unwrap_or("").as_bytes()
}

fn unescape(line: &str) -> Cow<'_, str> {
    if !line.contains('\\') {
        return Cow::Borrowed(line);
    }
    let mut name = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => name.push('\n'),
                Some(other) => name.push(other),
                None => {}
            },
            (c, false) => name.push(c),
        }
    }
    Cow::Owned(name)
}
