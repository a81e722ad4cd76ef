//! The columns of an archive file.
//!
//! Head columns first, then the typed columns of [`events::field::COLUMNS`] under their dotted
//! names, then what gives the event back whole: `shape` (the names of its fields in order, one per
//! line), `fields` (a JSON object of every value that is not in its typed column; a repeated field
//! is a list), `raw` (the record as text) and `raw_bytes` (the record as received, where that is
//! not the text).

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use events::FieldId;
use events::field::{self, COLUMNS, ColumnKind};

pub(crate) const ID: &str = "id";
pub(crate) const SEQ: &str = "seq";
pub(crate) const TIME: &str = "time";
pub(crate) const RECEIVED: &str = "received";
pub(crate) const SITE: &str = "site";
pub(crate) const SENSOR: &str = "sensor";
pub(crate) const PRODUCT: &str = "product";
pub(crate) const CATEGORY: &str = "category";
pub(crate) const SERVICE: &str = "service";
pub(crate) const EXERCISE: &str = "exercise";
pub(crate) const MARKS: &str = "marks";
pub(crate) const SHAPE: &str = "shape";
pub(crate) const FIELDS: &str = "fields";
pub(crate) const RAW: &str = "raw";
pub(crate) const RAW_BYTES: &str = "raw_bytes";

/// Head columns before the typed ones.
pub(crate) const HEAD: usize = 11;

/// Fields whose columns have a bloom filter.
pub(crate) const BLOOM: [FieldId; 6] = [
    field::SOURCE_IP,
    field::DESTINATION_IP,
    field::USER_NAME,
    field::HOST_NAME,
    field::DNS_QUESTION_NAME,
    field::URL_DOMAIN,
];

/// A file's schema for searching: each different text of a column is read once. Not so for what is
/// different in every row.
pub(crate) fn for_search(schema: &Schema) -> Arc<Schema> {
    let shared = |field: &Arc<Field>| {
        let long = [SHAPE, FIELDS, RAW].contains(&field.name().as_str());
        if *field.data_type() != DataType::Utf8 || long {
            return Arc::clone(field);
        }
        let kind = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        Arc::new(Field::new(field.name(), kind, field.is_nullable()))
    };
    Arc::new(Schema::new(schema.fields().iter().map(shared).collect::<Vec<_>>()))
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

/// The schema of every archive file of this version.
pub(crate) fn schema() -> Arc<Schema> {
    let mut fields = vec![
        Field::new(ID, DataType::FixedSizeBinary(16), false),
        Field::new(SEQ, DataType::UInt64, false),
        Field::new(TIME, instant(), false),
        Field::new(RECEIVED, instant(), false),
        Field::new(SITE, DataType::UInt64, false),
        Field::new(SENSOR, DataType::Utf8, false),
        Field::new(PRODUCT, DataType::Utf8, false),
        Field::new(CATEGORY, DataType::Utf8, false),
        Field::new(SERVICE, DataType::Utf8, false),
        Field::new(EXERCISE, DataType::FixedSizeBinary(16), true),
        Field::new(MARKS, DataType::UInt8, false),
    ];
    for column in COLUMNS {
        let kind = match column.kind {
            ColumnKind::Text | ColumnKind::Address => DataType::Utf8,
            ColumnKind::Integer => DataType::Int64,
        };
        fields.push(Field::new(column.name, kind, true));
    }
    fields.push(Field::new(SHAPE, DataType::Utf8, false));
    fields.push(Field::new(FIELDS, DataType::Utf8, true));
    fields.push(Field::new(RAW, DataType::Utf8, false));
    fields.push(Field::new(RAW_BYTES, DataType::Binary, true));
    Arc::new(Schema::new(fields))
}
