//! Numbers that a program has in memory, as rows of features: nothing of them is copied before it is needed.

use super::columns::{Encoder, Encoding, Kind, Roles, infer};
use super::options::Missing;
use super::rows::in_parts;
use super::source::ColumnGroup;
use super::table::{Cells, Column, FIRST_ROWS, Odd, Table, first_offset};
use super::{DataOptions, columns};
use crate::error::{Error, Result};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Groups that the columns are looked at in: what is copied for it is a part of what the device will hold.
const GROUPS: usize = 4;
/// Fewest columns of a group: as many numbers as a line of the processor's cache holds.
const FEWEST_COLUMNS: usize = 16;
/// Numbers that a thread copies at least.
const NUMBERS_PER_THREAD: usize = 1 << 18;

/// Numbers in memory, in rows and columns, wherever they lie and of whatever type. NaN is a missing one.
pub trait Matrix: Send + Sync {
    /// Number of rows.
    fn rows(&self) -> usize;

    /// Number of columns.
    fn columns(&self) -> usize;

    /// Copies the numbers of a row from the column `first` on, as many as `out` takes.
    fn copy(&self, row: usize, first: usize, out: &mut [f64]);

    /// All numbers, row after row, if they lie so in 32 bits.
    fn floats(&self) -> Option<&[f32]> {
        None
    }
}

/// A matrix with names for its columns.
#[derive(Clone)]
pub struct NamedMatrix {
    /// The numbers.
    pub matrix: Arc<dyn Matrix>,
    /// A name for each column.
    pub names: Vec<String>,
    /// What errors call it.
    pub name: String,
}

/// Features from a matrix: some or all of its rows, in any order. A clone costs nothing, a selection 4 bytes a row.
#[derive(Clone)]
pub struct MatrixRows {
    matrix: Arc<dyn Matrix>,
    features: Arc<[Feature]>,
    /// Whether the features are the numbers as they lie in memory.
    are_plain: bool,
    rows: Option<Arc<[u32]>>,
}

/// A feature of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Feature {
    /// The number of a column minus an offset, or what takes its place.
    Number { column: usize, offset: f64, fill: f64 },
    /// 1 where the number of a column is missing, else 0.
    IsMissing { column: usize },
    /// What stands for a column that is not there.
    Constant(f32),
}

impl MatrixRows {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows.as_ref().map_or(self.matrix.rows(), |rows| rows.len())
    }

    /// Features of a row.
    pub fn width(&self) -> usize {
        self.features.len()
    }

    pub(super) fn select(&self, rows: &[usize]) -> MatrixRows {
        let number = |&row: &usize| self.rows.as_ref().map_or(row as u32, |own| own[row]);
        MatrixRows { rows: Some(rows.iter().map(number).collect()), ..self.clone() }
    }

    /// Copies rows into `out`: row number `row(i)` comes as the `i`-th.
    pub(super) fn copy_floats(&self, row: impl Fn(usize) -> usize + Sync, out: &mut [f32]) -> Result<()> {
        let width = self.width();
        let number = |i: usize| self.rows.as_ref().map_or_else(|| row(i), |rows| rows[row(i)] as usize);
        if let Some(floats) = self.matrix.floats().filter(|_| self.are_plain) {
            for (i, out) in out.chunks_exact_mut(width).enumerate() {
                out.copy_from_slice(&floats[number(i) * width..][..width]);
            }
            return Ok(());
        }
        let wanted = out.len().div_ceil(NUMBERS_PER_THREAD);
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(wanted);
        in_parts(out, width, threads, |first, out| {
            let mut numbers = vec![0.0; self.matrix.columns()];
            for (i, out) in out.chunks_exact_mut(width).enumerate() {
                self.matrix.copy(number(first + i), 0, &mut numbers);
                for (x, feature) in out.iter_mut().zip(&*self.features) {
                    *x = feature.of(&numbers);
                }
            }
            Ok(())
        })
    }
}

impl Feature {
    fn of(self, numbers: &[f64]) -> f32 {
        match self {
            Feature::Number { column, offset, fill } => {
                let number = numbers[column];
                ((if number.is_nan() { fill } else { number }) - offset) as f32
            }
            Feature::IsMissing { column } => f32::from(u8::from(numbers[column].is_nan())),
            Feature::Constant(value) => value,
        }
    }
}

impl PartialEq for MatrixRows {
    /// Whether the features are the same numbers.
    fn eq(&self, other: &MatrixRows) -> bool {
        let mut own = vec![0.0; self.width()];
        let mut others = own.clone();
        let same = |row: usize| {
            let copied = self.copy_floats(|_| row, &mut own).and(other.copy_floats(|_| row, &mut others));
            copied.is_ok() && own == others
        };
        self.width() == other.width() && self.rows() == other.rows() && (0..self.rows()).all(same)
    }
}

impl fmt::Debug for MatrixRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MatrixRows").field("rows", &self.rows()).field("width", &self.width()).finish_non_exhaustive()
    }
}

impl NamedMatrix {
    /// An encoder that is learnt from the rows of a part, with what each column was taken for.
    pub(super) fn fit(
        &self,
        roles: &Roles,
        part_of: &[u8],
        part: u8,
        options: &DataOptions,
    ) -> Result<(Encoder, Vec<(usize, Kind)>)> {
        let each = roles.candidates.len().div_ceil(GROUPS).max(FEWEST_COLUMNS);
        let (mut kinds, mut encoder) = (Vec::new(), Encoder::default());
        for first in (0..roles.candidates.len()).step_by(each) {
            let group = roles.clone().only(Some(ColumnGroup { first, count: each, most_bytes: usize::MAX }));
            let table = self.columns(&group.candidates)?;
            let own = infer(&table, &group)?;
            let fitted = columns::fit(&table, &own, part_of, part, options);
            encoder = Encoder { columns: [encoder.columns, fitted.columns].concat(), ..fitted };
            kinds.extend(own);
        }
        if encoder.columns.is_empty() {
            // What is done with the only column, or said where none is left, is decided by all together.
            let table = self.columns(&roles.candidates)?;
            kinds = infer(&table, roles)?;
            encoder = columns::fit(&table, &kinds, part_of, part, options);
        }
        Ok((encoder, kinds))
    }

    /// The features of all rows by an encoder.
    pub(super) fn encode(&self, encoder: &Encoder) -> Result<MatrixRows> {
        let at = encoder.positions(&self.names).map_err(|error| error.in_file(Path::new(&self.name)))?;
        if encoder.missing == Missing::Refuse {
            self.refuse_missing(&at)?;
        }
        let mut features = Vec::with_capacity(encoder.width());
        for (own, column) in encoder.columns.iter().zip(at) {
            let Encoding::Number { offset, fill } = own.encoding else {
                let detail = format!("the model takes `{}` for something else than a number", own.name);
                return Err(Error::shape("data", detail));
            };
            features.push(match column {
                Some(column) => Feature::Number { column, offset, fill },
                None => Feature::Constant((fill - offset) as f32),
            });
            let is_missing = column.map_or(Feature::Constant(1.0), |column| Feature::IsMissing { column });
            features.extend(own.indicator.then_some(is_missing));
        }
        let is_plain = |(i, feature): (usize, &Feature)| matches!(feature, Feature::Number { column, offset, .. } if *column == i && *offset == 0.0);
        let has_all = features.len() == self.names.len() && features.iter().enumerate().all(is_plain);
        let is_whole = || self.matrix.floats().is_some_and(|floats| !floats.iter().any(|x| x.is_nan()));
        let are_plain = has_all && is_whole();
        Ok(MatrixRows { matrix: self.matrix.clone(), features: features.into(), are_plain, rows: None })
    }

    fn refuse_missing(&self, at: &[Option<usize>]) -> Result<()> {
        let mut numbers = vec![0.0; self.matrix.columns()];
        for row in 0..self.matrix.rows() {
            self.matrix.copy(row, 0, &mut numbers);
            if let Some(&column) = at.iter().flatten().find(|&&column| numbers[column].is_nan()) {
                let place = format!(", row {}, column `{}`", row + 1, self.names[column]);
                let remedy = "fill the cell, or have it filled by missing indicator, mean or median";
                return Err(Error::data(Path::new(&self.name), place, "the cell is missing", remedy));
            }
        }
        Ok(())
    }

    /// A table with these columns in their places; the others are skipped.
    pub(super) fn columns(&self, wanted: &[usize]) -> Result<Table> {
        let column =
            |name: &String| Column { name: name.clone(), is_named: true, cells: Cells::Skipped, numbers: 0, odd: None };
        let rows = self.matrix.rows();
        let mut table = Table {
            path: self.name.clone().into(),
            columns: self.names.iter().map(column).collect(),
            rows,
            ..Table::default()
        };
        // Columns that lie beside each other are read together.
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        let (Some(&first), Some(&last)) = (wanted.first(), wanted.last()) else { return Ok(table) };
        let mut numbers = vec![0.0; last + 1 - first];
        let mut firsts: Vec<Vec<f64>> = wanted.iter().map(|_| Vec::new()).collect();
        for row in 0..rows.min(FIRST_ROWS) {
            self.matrix.copy(row, first, &mut numbers);
            wanted.iter().zip(&mut firsts).for_each(|(column, firsts)| firsts.push(numbers[column - first]));
        }
        let offsets: Vec<f64> = firsts.iter().map(|numbers| first_offset(numbers)).collect();
        let no_memory = || Error::memory(format!("{rows} rows of {} columns", wanted.len()));
        let mut values: Vec<Vec<f32>> = vec![Vec::new(); wanted.len()];
        values.iter_mut().try_for_each(|values| values.try_reserve_exact(rows)).map_err(|_| no_memory())?;
        for row in 0..rows {
            self.matrix.copy(row, first, &mut numbers);
            for (i, &column) in wanted.iter().enumerate() {
                let (number, own) = (numbers[column - first], &mut table.columns[column]);
                let value = (number - offsets[i]) as f32;
                own.numbers += usize::from(!number.is_nan());
                if value.is_infinite() && own.odd.is_none() {
                    own.odd = Some(Odd { row, text: number.to_string() });
                }
                values[i].push(value);
            }
        }
        for ((&column, values), offset) in wanted.iter().zip(values).zip(offsets) {
            table.columns[column].cells = Cells::Numbers { offset, values };
        }
        Ok(table)
    }
}

impl fmt::Debug for NamedMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedMatrix").field("name", &self.name).field("names", &self.names).finish_non_exhaustive()
    }
}
