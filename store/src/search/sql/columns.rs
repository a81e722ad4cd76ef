//! The columns of the table `events`, made of the columns that the archive stores.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, StringViewBuilder,
    new_null_array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, UInt64Type};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use events::field::{COLUMNS, ColumnKind};
use events::{EventId, SiteId};

use crate::archive::columns;
use crate::archive::rest::{RestRead, value_of};

/// Whether a record belongs to an exercise.
pub(super) const EXERCISE: &str = columns::EXERCISE;

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let instant = || DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    let text = |name: &str| Field::new(name, DataType::Utf8View, true);
    let mut fields = vec![
        text(columns::ID),
        Field::new(columns::TIME, instant(), false),
        Field::new(columns::RECEIVED, instant(), false),
        text(columns::SITE),
        text(columns::SENSOR),
        text(columns::PRODUCT),
        text(columns::CATEGORY),
        text(columns::SERVICE),
        Field::new(EXERCISE, DataType::Boolean, false),
    ];
    fields.extend(COLUMNS.iter().map(|column| match column.kind {
        ColumnKind::Text | ColumnKind::Address => text(column.name),
        ColumnKind::Integer => Field::new(column.name, DataType::Int64, true),
    }));
    fields.push(text(columns::FIELDS));
    fields.push(text(columns::RAW));
    Arc::new(Schema::new(fields))
});

/// The table's columns.
pub(super) fn schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// Whether the table has a column of this name.
pub(super) fn is_column(name: &str) -> bool {
    SCHEMA.index_of(name).is_ok()
}

/// The stored columns that these columns of the table are made of.
pub(super) fn stored(wanted: &Schema) -> BTreeSet<&str> {
    wanted.fields().iter().map(|field| field.name().as_str()).collect()
}

/// Rows as they are stored, as rows of the table with the wanted columns.
pub(super) fn shaped(
    stored: &RecordBatch,
    wanted: &SchemaRef,
) -> Result<RecordBatch, DataFusionError> {
    let shape = |field: &Arc<Field>| -> Result<ArrayRef, DataFusionError> {
        let Some(array) = stored.column_by_name(field.name()) else {
            return Ok(new_null_array(field.data_type(), stored.num_rows()));
        };
        Ok(match field.name().as_str() {
            columns::ID => ids(array),
            columns::SITE => sites(array),
            EXERCISE => Arc::new(BooleanArray::from_iter(
                (0..array.len()).map(|row| Some(array.is_valid(row))),
            )),
            _ => cast(array, field.data_type())?,
        })
    };
    let arrays = wanted.fields().iter().map(shape).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(stored.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(wanted), arrays, &options)?)
}

fn ids(array: &ArrayRef) -> ArrayRef {
    let mut texts = StringViewBuilder::with_capacity(array.len());
    let bytes = array.as_fixed_size_binary_opt();
    for row in 0..array.len() {
        let id = bytes.and_then(|a| a.value(row).try_into().ok()).map(u128::from_be_bytes);
        texts.append_option(id.map(|id| EventId::from_u128(id).to_string()));
    }
    Arc::new(texts.finish())
}

fn sites(array: &ArrayRef) -> ArrayRef {
    let mut texts = StringViewBuilder::with_capacity(array.len()).with_deduplicate_strings();
    let mut last: Option<(u64, String)> = None;
    for code in array.as_primitive_opt::<UInt64Type>().into_iter().flat_map(|a| a.values()) {
        let known = last.take().filter(|(known, _)| known == code);
        let (code, text) = known
            .unwrap_or_else(|| (*code, SiteId::from_u64(*code).unwrap_or_default().to_string()));
        texts.append_value(&text);
        last = Some((code, text));
    }
    Arc::new(texts.finish())
}

/// `field(fields, 'LogonType')`: the first value, as text, of a field that has no column.
pub(super) fn field_function() -> ScalarUDF {
    let text = DataType::Utf8;
    let run = |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let (objects, names) = match arrays.as_slice() {
            [objects, names] => (cast(objects, &DataType::Utf8)?, cast(names, &DataType::Utf8)?),
            _ => return Err(DataFusionError::Execution("field takes two arguments".to_owned())),
        };
        let (objects, names) = (objects.as_string::<i32>(), names.as_string::<i32>());
        let value = |row: usize| {
            let cell = objects.is_valid(row).then(|| objects.value(row))?;
            let name = names.is_valid(row).then(|| names.value(row))?;
            let read = RestRead::parse(Some(cell))?;
            read.all(name).first().map(|json| value_of(json).text().into_owned())
        };
        let texts =
            (0..objects.len()).map(value).collect::<datafusion::arrow::array::StringArray>();
        Ok(ColumnarValue::Array(Arc::new(texts)))
    };
    let arguments = vec![text.clone(), text.clone()];
    create_udf("field", arguments, text, Volatility::Immutable, Arc::new(run))
}
