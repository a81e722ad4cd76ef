//! What need not be looked at: files by the manifest, row groups by statistics and bloom filters,
//! columns by what the query names. It may say "perhaps" too often, never "no" wrongly.

use std::collections::BTreeSet;
use std::fs::File;

use events::field::ColumnKind;
use events::{EventId, Timestamp};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

use super::expr::{Expr, Place, Test};
use super::parse::Shape;
use super::{Scope, SearchRequest};
use crate::archive::{SealedFile, columns};

/// The columns that an expression looks at.
pub(super) fn columns_of_expr(expr: &Expr, sealed: &SealedFile) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    of_expr(expr, sealed, &mut names);
    names
}

/// The columns that the answer is made of.
pub(super) fn columns_of_shape(shape: &Shape, sealed: &SealedFile) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    match shape {
        Shape::Events | Shape::Table(_) => names.extend([columns::TIME, columns::SEQ]),
        Shape::Count(places) => {
            places.iter().for_each(|(_, place)| of_place(place, sealed, &mut names));
        }
        Shape::Histogram(_) => {
            names.insert(columns::TIME);
        }
    }
    names
}

/// What evaluating an expression costs for a row, roughly: reading texts of records most, and
/// values outside the typed columns; an equality of few rows least.
pub(super) fn cost(expr: &Expr, sealed: &SealedFile) -> u32 {
    let of_name = |name: &&str| match *name {
        columns::RAW => 1_000,
        columns::FIELDS => 300,
        columns::ID => 20,
        _ => 10,
    };
    let names = columns_of_expr(expr, sealed);
    let equal = matches!(expr, Expr::Is(_, Test::Fits(pattern)) if pattern.as_plain().is_some());
    names.iter().map(of_name).sum::<u32>() + u32::from(!equal)
}

fn of_expr(expr: &Expr, sealed: &SealedFile, names: &mut BTreeSet<&'static str>) {
    match expr {
        Expr::All => {}
        Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|e| of_expr(e, sealed, names)),
        Expr::Not(inner) => of_expr(inner, sealed, names),
        Expr::Text(_) => {
            names.insert(columns::RAW);
        }
        Expr::When(_) => {
            names.insert(columns::TIME);
        }
        Expr::Is(place, _) => of_place(place, sealed, names),
    }
}

fn of_place(place: &Place, sealed: &SealedFile, names: &mut BTreeSet<&'static str>) {
    let name = match place {
        Place::Id => columns::ID,
        Place::Time => columns::TIME,
        Place::Site => columns::SITE,
        Place::Sensor => columns::SENSOR,
        Place::Product => columns::PRODUCT,
        Place::Category => columns::CATEGORY,
        Place::Service => columns::SERVICE,
        Place::Raw => columns::RAW,
        Place::Field(field) => {
            if let Some(column) = field.column() {
                names.insert(column.name);
                if sealed.whole.contains(column.name) {
                    return;
                }
            }
            columns::FIELDS
        }
    };
    names.insert(name);
}

/// Whether a file may hold a match.
pub(super) fn file_may(request: &SearchRequest, sealed: &SealedFile) -> bool {
    sealed.time_max >= request.from
        && sealed.time_min < request.to
        && listed_may(&request.query.expr, sealed)
}

/// Whether a file may hold what an expression asks for, by what the archive's list says of it.
fn listed_may(expr: &Expr, sealed: &SealedFile) -> bool {
    match expr {
        Expr::And(all) => all.iter().all(|e| listed_may(e, sealed)),
        Expr::Or(any) => any.iter().any(|e| listed_may(e, sealed)),
        Expr::When(range) => sealed.time_max >= range.start && sealed.time_min < range.end,
        Expr::Is(Place::Id, Test::Fits(pattern)) => pattern.as_plain().is_none_or(|text| {
            let id = text.parse::<EventId>();
            id.is_ok_and(|id| sealed.id_min <= id && id <= sealed.id_max)
        }),
        _ => true,
    }
}

/// One row group with its statistics and filters.
pub(super) struct Group<'a> {
    pub(super) builder: &'a ParquetRecordBatchReaderBuilder<File>,
    pub(super) sealed: &'a SealedFile,
    pub(super) number: usize,
}

impl Group<'_> {
    /// Whether the row group may hold a match.
    pub(super) fn may(&self, request: &SearchRequest) -> bool {
        let in_time = self
            .bounds(columns::TIME)
            .is_none_or(|(min, max)| max >= request.from.nanos() && min < request.to.nanos());
        let in_scope = match &request.scope {
            Scope::All => true,
            Scope::Sites(sites) => self.bounds(columns::SITE).is_none_or(|(min, max)| {
                sites.iter().any(|s| (min..=max).contains(&(s.as_u64() as i64)))
            }),
        };
        in_time && in_scope && self.expr_may(&request.query.expr)
    }

    /// The columns that must be read to know which rows the request's own conditions let through:
    /// time, scope and exercises, where the statistics do not say it for all of them.
    pub(super) fn head(&self, request: &SearchRequest) -> BTreeSet<&'static str> {
        let mut names = BTreeSet::new();
        let (from, to) = (request.from.nanos(), request.to.nanos());
        if !self.bounds(columns::TIME).is_some_and(|(min, max)| min >= from && max < to) {
            names.insert(columns::TIME);
        }
        if request.scope != Scope::All {
            names.insert(columns::SITE);
        }
        if !request.include_exercise && !self.is_empty(columns::EXERCISE) {
            names.insert(columns::EXERCISE);
        }
        names
    }

    /// The least and the greatest time.
    pub(super) fn times(&self) -> Option<(Timestamp, Timestamp)> {
        let (min, max) = self.bounds(columns::TIME)?;
        Some((Timestamp::from_nanos(min), Timestamp::from_nanos(max)))
    }

    /// Whether no row has a value of a column.
    fn is_empty(&self, name: &str) -> bool {
        let rows = u64::try_from(self.group().num_rows()).ok();
        let statistics = self.column(name).and_then(|c| self.group().column(c).statistics());
        let nulls = statistics.and_then(Statistics::null_count_opt);
        (rows.is_some() && nulls == rows) || self.sealed.exercises == Some(0)
    }

    fn expr_may(&self, expr: &Expr) -> bool {
        match expr {
            Expr::And(all) => all.iter().all(|e| self.expr_may(e)),
            Expr::Or(any) => any.iter().any(|e| self.expr_may(e)),
            Expr::When(range) => {
                self.times().is_none_or(|(min, max)| max >= range.start && min < range.end)
            }
            Expr::Is(place, test) => self.test_may(place, test),
            Expr::All | Expr::Not(_) | Expr::Text(_) => true,
        }
    }

    fn test_may(&self, place: &Place, test: &Test) -> bool {
        let plain = if let Test::Fits(pattern) = test { pattern.as_plain() } else { None };
        match (place, plain) {
            (Place::Id, Some(text)) => {
                let id = text.parse::<EventId>();
                id.is_ok_and(|id| self.bloom_may(columns::ID, &id.to_bytes()))
            }
            (Place::Field(field), _) if self.sealed.whole.contains(field.name()) => {
                let name = field.name();
                let integer = field.column().is_some_and(|c| c.kind == ColumnKind::Integer);
                match plain {
                    _ if integer => self.bounds(name).is_none_or(|b| integers_may(b, test)),
                    Some(text) if self.sealed.lower.contains(name) => {
                        self.bloom_may(name, text.as_bytes())
                    }
                    _ => true,
                }
            }
            _ => true,
        }
    }

    fn bloom_may(&self, name: &str, value: &[u8]) -> bool {
        let Some(column) = self.column(name) else { return true };
        // A filter that cannot be read rules nothing out; reading the rows names the damage.
        match self.builder.get_row_group_column_bloom_filter(self.number, column) {
            Ok(Some(filter)) => filter.check(value),
            Ok(None) | Err(_) => true,
        }
    }

    /// The least and greatest value of a column of 64-bit integers, if the file says.
    fn bounds(&self, name: &str) -> Option<(i64, i64)> {
        match self.group().column(self.column(name)?).statistics()? {
            Statistics::Int64(values) => Some((*values.min_opt()?, *values.max_opt()?)),
            _ => None,
        }
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.group().columns().iter().position(|c| c.column_path().string() == name)
    }

    fn group(&self) -> &RowGroupMetaData {
        self.builder.metadata().row_group(self.number)
    }
}

fn integers_may((min, max): (i64, i64), test: &Test) -> bool {
    match test {
        Test::Between { low, high } => {
            low.is_none_or(|(l, _)| max as f64 >= l) && high.is_none_or(|(h, _)| min as f64 <= h)
        }
        Test::Fits(pattern) => {
            let number = pattern.as_plain().and_then(|text| text.parse::<i64>().ok());
            number.is_none_or(|n| (min..=max).contains(&n))
        }
        Test::Exists | Test::Cidr { .. } => true,
    }
}
