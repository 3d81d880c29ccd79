//! A table in memory: named columns of numbers, times or texts, and what was taken for what while it was read.

#[cfg(feature = "parquet")]
pub mod arrow;
pub mod npy;
mod typed;

use std::path::PathBuf;

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
    /// float. It is an error only if the column is used.
    pub odd: Option<Odd>,
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
        /// Mean number of characters of a cell.
        mean_length: f64,
    },
    /// Not asked for.
    Skipped,
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
}

/// Cells that count as missing unless others are named; compared without regard to case.
pub const MISSING: [&str; 6] = ["na", "nan", "n/a", "null", "none", "?"];

impl Default for ReadOptions<'_> {
    fn default() -> Self {
        ReadOptions {
            header: None,
            separator: None,
            decimal: None,
            encoding: None,
            missing: MISSING.map(String::from).to_vec(),
            wants: &|names| vec![Want::Cells; names.len()],
        }
    }
}
