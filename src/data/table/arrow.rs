//! Tables in Arrow's memory: batches of rows as columns of cells. What reads them from files is in `files`.

#[cfg(feature = "parquet")]
mod files;
#[cfg(feature = "parquet")]
mod guard;

use super::typed::{Builder, Cell, Kind};
use super::{ReadOptions, Table, Want};
use crate::error::{Error, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, DataType, Schema, TimeUnit};
#[cfg(feature = "parquet")]
pub use files::{is_decoding, read};
use std::collections::{HashSet, TryReserveError};
use std::path::Path;

const DAMAGED: &str = "save it again, uncompressed or with snappy, gzip, lz4 or zstd";

type Outcome<T> = std::result::Result<T, TryReserveError>;

/// Batches of rows, one after the other.
type Batches<'a> = Box<dyn Iterator<Item = std::result::Result<RecordBatch, ArrowError>> + 'a>;

/// The table of the batches that a reader brings: of another program's frame, by Arrow's C interface, for instance. Errors
/// call it `path`. Types of cells are taken as in files, see `read`; columns that are not wanted are not looked at.
///
/// # Errors
/// [`Error::Data`] if a batch cannot be had, two columns have one name, there are no rows, or more than the main memory takes,
/// or a column that is wanted has lists, structures or other types in its cells.
pub fn of_reader(reader: impl RecordBatchReader, path: &Path, options: &ReadOptions) -> Result<Table> {
    let schema = reader.schema();
    let (wants, wanted) = wants(path, &schema, options)?;
    let narrow = |batch: std::result::Result<RecordBatch, ArrowError>| batch.and_then(|batch| batch.project(&wanted));
    table(path, &schema, &wants, options, None, Box::new(reader.map(narrow)))
}

fn damaged(path: &Path, reason: impl ToString) -> Error {
    let reason = reason.to_string();
    let first = reason.lines().next().unwrap_or_default();
    Error::data(path, "", format!("damaged or of an unknown kind: {first}"), DAMAGED)
}

/// What is wanted of each column, and the positions of those of which anything is.
fn wants(path: &Path, schema: &Schema, options: &ReadOptions) -> Result<(Vec<Want>, Vec<usize>)> {
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let mut seen = HashSet::new();
    if let Some(name) = names.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(Error::data(path, "", format!("two columns are called `{name}`"), "rename one"));
    }
    let mut wants = (options.wants)(&names);
    wants.resize(names.len(), Want::Cells);
    for (field, want) in schema.fields().iter().zip(&mut wants) {
        match kind(field.data_type()) {
            // All are missing: there is nothing to keep.
            _ if *field.data_type() == DataType::Null => *want = Want::Skip,
            None if *want != Want::Skip => {
                let place = format!(", column `{}`", field.name());
                let reason = format!("cells of the type {}", field.data_type());
                let remedy = "leave the column out, or save a column for each number or text in it";
                return Err(Error::data(path, place, reason, remedy));
            }
            _ => {}
        }
    }
    let wanted = (0..wants.len()).filter(|&i| wants[i] != Want::Skip).collect();
    Ok((wants, wanted))
}

/// What the cells of a type are, if they are anything that a table holds.
fn kind(own: &DataType) -> Option<Kind> {
    use DataType::*;
    match own {
        Dictionary(_, value) => match **value {
            Dictionary(..) => None,
            ref value => kind(value),
        },
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Float16 | Float32 | Float64 => {
            Some(Kind::Numbers)
        }
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => Some(Kind::Numbers),
        Boolean | Utf8 | LargeUtf8 | Utf8View => Some(Kind::Texts),
        Date32 | Date64 | Timestamp(..) | Time32(_) | Time64(_) => Some(Kind::Times),
        _ => None,
    }
}

/// The table of all batches, which hold the wanted columns only.
fn table(
    path: &Path,
    schema: &Schema,
    wants: &[Want],
    options: &ReadOptions,
    expected: Option<usize>,
    batches: Batches<'_>,
) -> Result<Table> {
    let no_memory = |rows: usize| {
        Error::data(path, "", format!("{rows} rows do not fit into the main memory"), "use fewer rows or columns")
    };
    let mut decisions = Vec::new();
    let mut builders = Vec::new();
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let hints = (options.hints)(&names);
    for ((field, &want), hint) in schema.fields().iter().zip(wants).zip(hints) {
        if let (DataType::Timestamp(_, Some(zone)), true) = (field.data_type(), want != Want::Skip)
            && !["UTC", "Z", "+00:00"].contains(&&**zone)
        {
            decisions.push(format!("times  `{}` in UTC (the file names the zone {zone})", field.name()));
        }
        let kind = kind(field.data_type()).unwrap_or(Kind::Texts);
        let rows = expected.unwrap_or(0);
        let builder = Builder::new(field.name().clone(), kind, want, &options.missing, rows);
        let builder = builder.map_err(|_| no_memory(rows))?.hinted(hint);
        let level = field.name().strip_prefix("__index_level_").and_then(|rest| rest.strip_suffix("__"));
        let is_index = level.is_some_and(|level| level.parse::<u32>().is_ok());
        builders.push(if is_index { builder.unnamed() } else { builder });
    }
    let mut rows = 0;
    for batch in batches {
        let batch = batch.map_err(|e| damaged(path, e))?;
        rows = batch.num_rows().saturating_add(rows);
        let wanted = builders.iter_mut().zip(wants).filter(|(_, want)| **want != Want::Skip);
        for ((builder, _), array) in wanted.zip(batch.columns()) {
            cells(array.as_ref(), |cell| builder.push(cell)).map_err(|_| no_memory(rows))?;
        }
    }
    if wants.iter().all(|want| *want == Want::Skip) {
        rows = expected.unwrap_or(rows);
    }
    if rows == 0 {
        return Err(Error::data(path, "", "no rows", "add data"));
    }
    let columns = builders.into_iter().map(Builder::finish).collect();
    Ok(Table { path: path.into(), columns, rows, decisions, ..Table::default() })
}

/// Hands over the cells of an array, one after the other.
fn cells<'a>(array: &'a dyn Array, mut take: impl FnMut(Cell<'a>) -> Outcome<()>) -> Outcome<()> {
    if let Some(dictionary) = array.as_any_dictionary_opt() {
        let values = values(dictionary.values().as_ref())?;
        // Keys of a dictionary without values are null.
        let keys = if values.is_empty() { Vec::new() } else { dictionary.normalized_keys() };
        return (0..dictionary.len()).try_for_each(|row| {
            let key = keys.get(row).filter(|_| !dictionary.is_null(row));
            take(key.and_then(|&key| values.get(key)).copied().unwrap_or(Cell::Missing))
        });
    }
    macro_rules! each {
        ($cells:expr, $cell:expr) => {
            $cells.iter().try_for_each(|value| take(value.map_or(Cell::Missing, $cell)))
        };
    }
    macro_rules! decimals {
        ($array:expr) => {{
            let array = $array;
            (0..array.len()).try_for_each(|row| {
                let number = (!array.is_null(row)).then(|| array.value_as_string(row).parse::<f64>().ok()).flatten();
                take(number.map_or(Cell::Missing, Cell::Double))
            })
        }};
    }
    match array.data_type() {
        DataType::Int8 => each!(array.as_primitive::<Int8Type>(), |v| Cell::Signed(v.into())),
        DataType::Int16 => each!(array.as_primitive::<Int16Type>(), |v| Cell::Signed(v.into())),
        DataType::Int32 => each!(array.as_primitive::<Int32Type>(), |v| Cell::Signed(v.into())),
        DataType::Int64 => each!(array.as_primitive::<Int64Type>(), Cell::Signed),
        DataType::UInt8 => each!(array.as_primitive::<UInt8Type>(), |v| Cell::Unsigned(v.into())),
        DataType::UInt16 => each!(array.as_primitive::<UInt16Type>(), |v| Cell::Unsigned(v.into())),
        DataType::UInt32 => each!(array.as_primitive::<UInt32Type>(), |v| Cell::Unsigned(v.into())),
        DataType::UInt64 => each!(array.as_primitive::<UInt64Type>(), Cell::Unsigned),
        DataType::Float16 => each!(array.as_primitive::<Float16Type>(), |v| Cell::Single(v.to_f32())),
        DataType::Float32 => each!(array.as_primitive::<Float32Type>(), Cell::Single),
        DataType::Float64 => each!(array.as_primitive::<Float64Type>(), Cell::Double),
        DataType::Decimal32(..) => decimals!(array.as_primitive::<Decimal32Type>()),
        DataType::Decimal64(..) => decimals!(array.as_primitive::<Decimal64Type>()),
        DataType::Decimal128(..) => decimals!(array.as_primitive::<Decimal128Type>()),
        DataType::Decimal256(..) => decimals!(array.as_primitive::<Decimal256Type>()),
        DataType::Boolean => each!(array.as_boolean(), Cell::Truth),
        DataType::Utf8 => each!(array.as_string::<i32>(), Cell::Text),
        DataType::LargeUtf8 => each!(array.as_string::<i64>(), Cell::Text),
        DataType::Utf8View => each!(array.as_string_view(), Cell::Text),
        DataType::Date32 => each!(array.as_primitive::<Date32Type>(), |v| Cell::Time(i64::from(v) * 86_400)),
        DataType::Date64 => each!(array.as_primitive::<Date64Type>(), |v| Cell::Time(v.div_euclid(1000))),
        DataType::Time32(TimeUnit::Second) => each!(array.as_primitive::<Time32SecondType>(), |v| Cell::Time(v.into())),
        DataType::Time32(_) => {
            each!(array.as_primitive::<Time32MillisecondType>(), |v| Cell::Time(i64::from(v).div_euclid(1000)))
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            each!(array.as_primitive::<Time64MicrosecondType>(), |v| Cell::Time(v.div_euclid(1_000_000)))
        }
        DataType::Time64(_) => {
            each!(array.as_primitive::<Time64NanosecondType>(), |v| Cell::Time(v.div_euclid(1_000_000_000)))
        }
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => each!(array.as_primitive::<TimestampSecondType>(), Cell::Time),
            TimeUnit::Millisecond => {
                each!(array.as_primitive::<TimestampMillisecondType>(), |v| Cell::Time(v.div_euclid(1000)))
            }
            TimeUnit::Microsecond => {
                each!(array.as_primitive::<TimestampMicrosecondType>(), |v| Cell::Time(v.div_euclid(1_000_000)))
            }
            TimeUnit::Nanosecond => {
                each!(array.as_primitive::<TimestampNanosecondType>(), |v| Cell::Time(v.div_euclid(1_000_000_000)))
            }
        },
        // Other types have been refused.
        _ => (0..array.len()).try_for_each(|_| take(Cell::Missing)),
    }
}

/// The cells of an array together.
fn values(array: &dyn Array) -> Outcome<Vec<Cell<'_>>> {
    let mut values = Vec::new();
    values.try_reserve_exact(array.len())?;
    cells(array, |cell| {
        values.push(cell);
        Ok(())
    })?;
    Ok(values)
}

#[cfg(all(test, feature = "parquet"))]
mod tests;
