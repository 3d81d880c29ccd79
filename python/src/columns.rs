//! What Python has of rows: columns from arrays, from frames by Arrow's C interface, or one by one; and targets.

use crate::arrays::matrix;
use crate::errors::raised;
use crate::model::Model;
use anygrad::Error;
use anygrad::data::table::{Cell, CellKind, Cells, Column, ColumnBuilder, Hint, ReadOptions, Table, Want, arrow};
use anygrad::data::{self, Encoder, Encoding, MemoryColumns, MemoryRows, NamedMatrix, target_values};
use arrow_array::RecordBatchReader;
use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods};
use std::io::Cursor;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Columns to learn or to predict from.
#[pyclass(frozen, module = "anygrad._anygrad")]
pub struct Columns {
    /// A table is given up when it is used; a matrix stays.
    own: Mutex<Option<MemoryColumns>>,
}

impl Columns {
    fn new(own: MemoryColumns) -> Columns {
        Columns { own: Mutex::new(Some(own)) }
    }

    /// The columns, once if they are a table.
    pub fn take(&self) -> PyResult<MemoryColumns> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = match &*own {
            Some(MemoryColumns::Matrix(matrix)) => Some(MemoryColumns::Matrix(matrix.clone())),
            _ => own.take(),
        };
        taken.ok_or_else(|| PyRuntimeError::new_err("the columns were used before"))
    }
}

/// What is wanted of columns, and known of them before they are read.
struct Wishes<'a> {
    encoder: Option<&'a Encoder>,
    categorical: Vec<String>,
}

impl Wishes<'_> {
    fn want(&self, name: &String) -> Want {
        let Some(encoder) = self.encoder else {
            return if self.categorical.contains(name) { Want::Spelling } else { Want::Cells };
        };
        let column = encoder.columns.iter().find(|column| column.name == *name);
        match column.map(|column| &column.encoding) {
            Some(Encoding::Category { .. } | Encoding::YesNo { .. }) => Want::Spelling,
            Some(Encoding::Number { .. } | Encoding::Time { .. }) => Want::Cells,
            None => Want::Skip,
        }
    }

    fn hint(&self, name: &String) -> Hint {
        let column = self.encoder.and_then(|encoder| encoder.columns.iter().find(|column| column.name == *name));
        match column.map(|column| &column.encoding) {
            Some(Encoding::Number { offset, .. }) => Hint { offset: Some(*offset), ..Hint::default() },
            Some(Encoding::Time { day_first, .. }) => Hint { day_first: *day_first, ..Hint::default() },
            _ => Hint::default(),
        }
    }

    /// A column of texts as that of a file with these cells: numbers, times or texts. As a file's its cells are read.
    fn understood(&self, column: &Column, title: &str) -> PyResult<Column> {
        let Cells::Texts { codes, levels } = &column.cells else { return Ok(column.clone()) };
        let mut file = String::from("\"\"\n");
        for &code in codes {
            let text = levels.get(code as usize).map_or("", String::as_str);
            file.push('"');
            file.extend(text.chars().flat_map(|c| std::iter::repeat_n(c, if c == '"' { 2 } else { 1 })));
            file.push_str("\"\n");
        }
        let options = ReadOptions {
            header: Some(true),
            separator: Some(b','),
            encoding: Some("utf-8".into()),
            missing: self.missing(),
            hints: &|_| vec![self.hint(&column.name)],
            ..ReadOptions::default()
        };
        let table = Table::read_stream(Box::new(Cursor::new(file.into_bytes())), Path::new(title), &options);
        let mut columns = table.map_err(raised)?.columns;
        let Some(own) = columns.pop().filter(|_| columns.is_empty()) else { return Ok(column.clone()) };
        Ok(Column { name: column.name.clone(), is_named: column.is_named, ..own })
    }

    fn missing(&self) -> Vec<String> {
        self.encoder.map_or_else(|| ReadOptions::default().missing, |encoder| encoder.missing_values.clone())
    }
}

#[pymethods]
impl Columns {
    /// Columns of an array `[rows, columns]` of numbers, which is read where it lies.
    #[staticmethod]
    fn of_array(array: &Bound<'_, PyAny>, names: Vec<String>, title: String) -> PyResult<Columns> {
        let matrix = matrix(array)?;
        if names.len() != matrix.columns() {
            let message = format!("{} names for {} columns", names.len(), matrix.columns());
            return Err(PyValueError::new_err(message));
        }
        Ok(Columns::new(MemoryColumns::Matrix(NamedMatrix { matrix, names, name: title })))
    }

    /// Columns of a frame that has `__arrow_c_stream__`: read as the model needs them, if there is one.
    #[staticmethod]
    #[pyo3(signature = (frame, title, categorical, model=None))]
    fn of_frame(
        frame: &Bound<'_, PyAny>,
        title: String,
        categorical: Vec<String>,
        model: Option<&Model>,
    ) -> PyResult<Columns> {
        let capsule = frame.call_method0("__arrow_c_stream__")?;
        let reader = reader(&capsule)?;
        let wishes = Wishes { encoder: model.and_then(|model| model.own.encoder.as_ref()), categorical };
        let schema = reader.schema();
        let is_text = |name: &str| {
            let kind = schema.field_with_name(name).map(|field| field.data_type().to_string());
            kind.is_ok_and(|kind| ["Utf8", "LargeUtf8", "Utf8View"].contains(&kind.as_str()))
        };
        let wants = |names: &[String]| {
            let want = |name: &String| match wishes.want(name) {
                Want::Cells if is_text(name) => Want::EverySpelling,
                own => own,
            };
            names.iter().map(want).collect()
        };
        let options = ReadOptions {
            missing: wishes.missing(),
            wants: &wants,
            hints: &|names| names.iter().map(|name| wishes.hint(name)).collect(),
            ..ReadOptions::default()
        };
        let mut table = arrow::of_reader(reader, Path::new(&title), &options).map_err(raised)?;
        for column in &mut table.columns {
            if is_text(&column.name) && wishes.want(&column.name) == Want::Cells {
                *column = wishes.understood(column, &title)?;
            }
        }
        Ok(Columns::new(MemoryColumns::Table(table)))
    }

    /// Columns one by one: a name, and an array of numbers with NaN for missing ones, an array of whole seconds since 1970
    /// (the least whole number for missing ones), or a list of texts and None.
    #[staticmethod]
    #[pyo3(signature = (columns, rows, title, categorical, model=None))]
    fn of_columns(
        columns: Vec<(String, Bound<'_, PyAny>)>,
        rows: usize,
        title: String,
        categorical: Vec<String>,
        model: Option<&Model>,
    ) -> PyResult<Columns> {
        let wishes = Wishes { encoder: model.and_then(|model| model.own.encoder.as_ref()), categorical };
        let missing = wishes.missing();
        let mut table = Table { path: title.clone().into(), rows, ..Table::default() };
        for (name, cells) in columns {
            let (want, hint) = (wishes.want(&name), wishes.hint(&name));
            let build = |kind| {
                let builder = ColumnBuilder::new(name.clone(), kind, want, &missing, rows).map_err(no_memory)?;
                Ok::<_, PyErr>(builder.hinted(hint))
            };
            let mut builder;
            if let Ok(numbers) = cells.extract::<PyReadonlyArray1<'_, f64>>() {
                builder = build(CellKind::Numbers)?;
                for &number in numbers.as_array() {
                    builder.push(Cell::Double(number)).map_err(no_memory)?;
                }
            } else if let Ok(seconds) = cells.extract::<PyReadonlyArray1<'_, i64>>() {
                builder = build(CellKind::Times)?;
                for &seconds in seconds.as_array() {
                    let cell = if seconds == i64::MIN { Cell::Missing } else { Cell::Time(seconds) };
                    builder.push(cell).map_err(no_memory)?;
                }
            } else {
                let is_spelled = want == Want::Cells;
                let want = if is_spelled { Want::EverySpelling } else { want };
                builder = ColumnBuilder::new(name, CellKind::Texts, want, &missing, rows).map_err(no_memory)?;
                for text in cells.try_iter()? {
                    match text?.extract::<Option<String>>()? {
                        Some(text) => builder.push(Cell::Text(&text)),
                        None => builder.push(Cell::Missing),
                    }
                    .map_err(no_memory)?;
                }
                if is_spelled {
                    table.columns.push(wishes.understood(&builder.finish(), &title)?);
                    continue;
                }
            }
            table.columns.push(builder.finish());
        }
        Ok(Columns::new(MemoryColumns::Table(table)))
    }
}

fn no_memory(_: std::collections::TryReserveError) -> PyErr {
    raised(Error::OutOfMemory { context: "rows".into(), allocated: None, fits: None })
}

/// The batches of a frame, by the stream in its capsule.
fn reader(capsule: &Bound<'_, PyAny>) -> PyResult<RecordBatchStreamReader> {
    let capsule = capsule.cast::<PyCapsule>()?;
    let pointer = capsule.pointer_checked(Some(c"arrow_array_stream"))?.cast::<FFI_ArrowArrayStream>();
    // SAFETY: a capsule of this name holds such a stream, as Arrow's PyCapsule interface says; it is moved out of the
    // capsule, which the interface allows once, and leaves a released one behind.
    #[allow(unsafe_code)]
    let reader = unsafe { RecordBatchStreamReader::from_raw(pointer.as_ptr()) };
    reader.map_err(|error| PyTypeError::new_err(format!("the frame's Arrow stream cannot be read: {error}")))
}

/// The target of each row.
#[pyclass(frozen, module = "anygrad._anygrad")]
pub struct Targets {
    own: data::Targets,
}

#[pymethods]
impl Targets {
    /// A class for each row, by its position among the classes.
    #[staticmethod]
    fn of_classes(name: String, classes: Vec<String>, labels: PyReadonlyArray1<'_, u32>) -> Targets {
        Targets { own: data::Targets::Labels { name, classes, data: labels.as_array().to_vec() } }
    }

    /// Numbers `[rows, names]`.
    #[staticmethod]
    fn of_values(names: Vec<String>, values: PyReadonlyArray2<'_, f64>, title: &str) -> PyResult<Targets> {
        let values: Vec<f64> = values.as_array().iter().copied().collect();
        Ok(Targets { own: target_values(title, &names, &values).map_err(raised)? })
    }
}

/// Rows with targets and, perhaps, weights.
pub fn rows(columns: &Columns, targets: &Targets, weights: Option<PyReadonlyArray1<'_, f32>>) -> PyResult<MemoryRows> {
    let weights = weights.map(|weights| weights.as_array().to_vec());
    Ok(MemoryRows { columns: columns.take()?, targets: targets.own.clone(), weights })
}
