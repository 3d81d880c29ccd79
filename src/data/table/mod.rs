//! A table in memory: named columns of numbers, times or texts, and what was taken for what while it was read.

#[cfg(feature = "arrow")]
pub mod arrow;
mod blocks;
mod cells;
mod columns;
mod decode;
mod dialect;
#[cfg_attr(target_arch = "wasm32", path = "encoding_web.rs")]
mod encoding;
#[cfg(test)]
mod encoding_web;
mod header;
mod input;
mod merge;
mod missing;
pub mod npy;
mod numbers;
mod parallel;
mod pass;
mod read;
mod rows;
mod say;
mod spell;
pub(in crate::data) mod stream;
#[cfg(test)]
mod tests;
mod texts;
mod times;
mod typed;
mod width;
mod zstd;

pub use typed::{Builder as ColumnBuilder, Cell, Kind as CellKind};
pub(super) use typed::{FIRST_ROWS, offset as first_offset};

use crate::error::{Error, Result, shown};
use std::path::{Path, PathBuf};

/// A table: named columns of the same number of cells. Nothing in it says yet which column is a feature.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Where it comes from, as errors name it.
    pub path: PathBuf,
    /// The columns in the order of the file.
    pub columns: Vec<Column>,
    /// Number of rows.
    pub rows: usize,
    /// What was taken for what while reading, a sentence each: `separator  semicolon (in each of the first 100 lines)`.
    pub decisions: Vec<String>,
    /// In which line of the file rows stand, for errors.
    pub lines: Lines,
}

impl Table {
    /// Reads a table of text: cells between commas, semicolons, tabs or bars, in quotes where RFC 4180 has them, in lines
    /// that end in any of the three ways; in UTF-8, UTF-16 or windows-1252; compressed by gzip or Zstandard or not. `-`
    /// is the standard input. How it is written is found out and stated in [`Table::decisions`], unless `options` tell.
    ///
    /// It is read in blocks on all processors, and again for columns that turn out to be otherwise than they begin; the
    /// result does not depend on how many processors there are. It is opened once; what comes through a pipe is kept
    /// while it is read.
    ///
    /// ```
    /// use anygrad::data::table::{Cells, ReadOptions, Table};
    /// # let path = std::env::temp_dir().join(format!("anygrad-read-{}.csv", std::process::id()));
    /// std::fs::write(&path, "size;day;kind\n0,5;31.1.2026;oak\n1,25;1.2.2026;\n").unwrap();
    /// let table = Table::read(&path, &ReadOptions::default())?;
    /// let size = &table.columns[table.column("size")?];
    /// assert_eq!(size.cells, Cells::Numbers { offset: 0.0, values: vec![0.5, 1.25] });
    /// assert_eq!(table.columns[1].cells, Cells::Times { seconds: vec![1769817600, 1769904000], has_clock: false, day_first: false });
    /// assert!(table.columns[2].is_missing(1));
    /// assert_eq!(table.decisions[0], "separator  semicolon (as many in each of the first 3 rows)");
    /// assert_eq!(table.decisions[1], "decimals  after a comma, as in `0,5`");
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read or needs more memory than there is; [`Error::Data`] if it is no text, a row has
    /// more or fewer cells than the first, a quote is never closed, two columns have one name, or there are no rows;
    /// [`Error::InvalidOption`] for options that mean nothing.
    pub fn read(path: &Path, options: &ReadOptions) -> Result<Table> {
        read::read(path, options, read::Division::default())
    }

    /// [`Table::read`] of what a reader brings, which errors call `path`.
    ///
    /// # Errors
    /// Fails as [`Table::read`] does.
    pub fn read_stream(stream: Box<dyn std::io::Read>, path: &Path, options: &ReadOptions) -> Result<Table> {
        read::read_input(input::Input::of_stream(stream, path)?, options, read::Division::default())
    }

    /// Position of a column, counted from 0.
    ///
    /// # Errors
    /// [`Error::UnknownName`] if there is no such column.
    pub fn column(&self, name: &str) -> Result<usize> {
        let known = || self.columns.iter().map(|column| column.name.as_str());
        known().position(|known| known == name).ok_or_else(|| Error::unknown("column", name, known()))
    }

    /// Where a cell stands, to follow the path in an error: `:12, column `x``, or `, row 11, column `x`` if the table has
    /// no lines. Rows and columns are counted from 0, in the text rows from 1.
    pub fn place(&self, row: usize, column: usize) -> String {
        let name = self.columns.get(column).map_or_else(String::new, |column| shown(&column.name));
        match self.lines.of(row) {
            Some(line) => format!(":{line}, column `{name}`"),
            None => format!(", row {}, column `{name}`", row + 1),
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name, from the header; `column 3` if it has none.
    pub name: String,
    /// Whether the file gives it a name.
    pub is_named: bool,
    /// Its cells.
    pub cells: Cells,
    /// Of texts, how many cells are numbers nevertheless.
    pub numbers: usize,
    /// Of texts, the first cell that is no number; of numbers, the first that is infinite or too large for a 32-bit
    /// float, or the first if all are too small. It is an error only if the column is used.
    pub odd: Option<Odd>,
}

impl Column {
    /// Whether the cell of a row is missing. Cells that are not kept are not.
    pub fn is_missing(&self, row: usize) -> bool {
        match &self.cells {
            Cells::Numbers { values, .. } => values.get(row).is_some_and(|value| value.is_nan()),
            Cells::Times { seconds, .. } => seconds.get(row) == Some(&MISSING_TIME),
            Cells::Texts { codes, .. } => codes.get(row) == Some(&MISSING_TEXT),
            Cells::Various { .. } | Cells::Skipped => false,
        }
    }
}

/// A cell that does not fit the others of its column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Odd {
    /// Its row, counted from 0.
    pub row: usize,
    /// Its text.
    pub text: String,
}

/// The cells of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Each is a number, kept as the distance from `offset` in 32 bits; NaN where it is missing.
    Numbers {
        /// 0, unless the numbers of the column's beginning lie closer together than 32-bit floats can tell.
        offset: f64,
        /// The number of each row, minus the offset.
        values: Vec<f32>,
    },
    /// Each is a date, or a date with a time of day.
    Times {
        /// Seconds since the beginning of 1970, as the clock on the wall shows them; [`MISSING_TIME`] where missing.
        seconds: Vec<i64>,
        /// Whether any has a time of day.
        has_clock: bool,
        /// Whether the day was read before the month where either order is a date.
        day_first: bool,
    },
    /// Texts, or numbers whose spelling was asked for.
    Texts {
        /// For each row the position of its text in `levels`; [`MISSING_TEXT`] where it is missing.
        codes: Vec<u32>,
        /// The different texts, in the order in which they first come.
        levels: Vec<String>,
    },
    /// More than [`MOST_TEXTS`] different texts, which are not kept.
    Various {
        /// Mean number of characters of a cell that is not missing.
        mean_length: f64,
    },
    /// Not asked for.
    Skipped,
}

impl Cells {
    /// How many are kept: the rows of the table, or 0 if none are.
    pub fn len(&self) -> usize {
        match self {
            Cells::Numbers { values, .. } => values.len(),
            Cells::Times { seconds, .. } => seconds.len(),
            Cells::Texts { codes, .. } => codes.len(),
            Cells::Various { .. } | Cells::Skipped => 0,
        }
    }

    /// Whether none are kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The code of a missing text.
pub const MISSING_TEXT: u32 = u32::MAX;
/// The seconds of a missing time.
pub const MISSING_TIME: i64 = i64::MIN;
/// Most different texts of a column that are kept, unless all are asked for.
pub const MOST_TEXTS: usize = 10_000;

/// What is wanted of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Want {
    /// Its numbers or times; its texts, if most are no numbers and at most [`MOST_TEXTS`] differ.
    #[default]
    Cells,
    /// The spelling of each cell while at most [`MOST_TEXTS`] differ; beyond that, if all are numbers, the numbers: a
    /// target or a category.
    Spelling,
    /// The spelling of each cell, however many differ: groups, names to carry along.
    EverySpelling,
    /// Nothing.
    Skip,
}

/// What is known of a column before its cells are read: what they were like in another table.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hint {
    /// What its numbers are kept as distances from, whatever they are like.
    pub offset: Option<f64>,
    /// Whether the day comes before the month in its dates, unless one of them shows the other order.
    pub day_first: bool,
}

/// In which line of a file each row stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Rows at which the distance to the line changes, with their line counted from 1; empty if the table has no lines.
    pub starts: Vec<(usize, u64)>,
}

impl Lines {
    /// The line of a row, if the table comes from a file with lines.
    pub fn of(&self, row: usize) -> Option<u64> {
        let at = self.starts.partition_point(|&(first, _)| first <= row).checked_sub(1)?;
        let (first, line) = self.starts[at];
        Some(line + (row - first) as u64)
    }
}

/// How a table is read. Without settings all is found out from the file.
pub struct ReadOptions<'a> {
    /// Whether the first line names the columns.
    pub header: Option<bool>,
    /// Between cells: `,`, `;`, tab or `|`.
    pub separator: Option<u8>,
    /// Before the decimals of a number: `.` or `,`.
    pub decimal: Option<u8>,
    /// The encoding of the text, by the name that the encoding standard has for it.
    pub encoding: Option<String>,
    /// Cells that count as missing, but for empty ones.
    pub missing: Vec<String>,
    /// What is wanted of the columns of these names.
    pub wants: &'a dyn Fn(&[String]) -> Vec<Want>,
    /// What is known of the columns of these names.
    pub hints: &'a dyn Fn(&[String]) -> Vec<Hint>,
    /// Called block by block with the bytes that are read and, if it is known, how many there are. A second pass begins
    /// from 0.
    pub progress: Option<&'a (dyn Fn(u64, Option<u64>) + Sync)>,
}

/// Cells that count as missing unless others are named; compared without regard to case.
pub const MISSING: [&str; 9] = ["na", "nan", "n/a", "null", "none", "?", "#n/a", "#na", "<na>"];

impl Default for ReadOptions<'_> {
    fn default() -> Self {
        ReadOptions {
            header: None,
            separator: None,
            decimal: None,
            encoding: None,
            missing: MISSING.map(String::from).to_vec(),
            wants: &|names| vec![Want::Cells; names.len()],
            hints: &|names| vec![Hint::default(); names.len()],
            progress: None,
        }
    }
}
