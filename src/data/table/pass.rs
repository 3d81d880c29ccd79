//! One pass over the rows of a file: blocks on several threads, gathered in their order.

use super::blocks::{Cut, Cutter, longest_row};
use super::columns::Plan;
use super::merge::{Total, reserve};
use super::read::Division;
use super::rows::{self, Block, Fault, Layout};
use super::{dialect, parallel};
use crate::error::Error;
use crate::files::in_words;
use std::cell::RefCell;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::Ordering;

/// Why a table was not read.
#[derive(Debug)]
pub(super) enum Failure {
    /// Its bytes are no UTF-8, from this line on.
    NotUtf8 {
        line: u64,
    },
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Error(error)
    }
}

impl Failure {
    /// The error that a user sees.
    pub fn of(self, path: &Path) -> Error {
        match self {
            Failure::Error(error) => error,
            Failure::NotUtf8 { line } => {
                Error::data(path, format!(":{line}"), "not UTF-8 text", "save the file as UTF-8, or name its encoding")
            }
        }
    }

    /// What is wrong with the beginning of a file.
    pub fn of_fault(fault: Fault, path: &Path, bytes: &[u8]) -> Failure {
        let is_control = |byte: &&u8| **byte < 0x20 && !b"\t\n\r\x0C\x1B".contains(byte);
        match fault {
            Fault::NotUtf8 { .. } if bytes.iter().filter(is_control).count() > bytes.len() / 100 => {
                Error::data(path, "", "it looks like binary data, not like a table of text", "name a table of text")
                    .into()
            }
            Fault::NotUtf8 { line } => Failure::NotUtf8 { line: line + 1 },
            Fault::Nul { line } => nul(path, line),
            _ => long_row(path, 0),
        }
    }
}

/// Where things are, for errors.
pub(super) struct Places<'a> {
    pub path: &'a Path,
    /// Cells of a row.
    pub columns: usize,
    pub has_header: bool,
    /// Lines before the first row.
    pub start_lines: u64,
    pub separator: u8,
}

/// How a pass is done.
pub(super) struct Pass<'a> {
    pub division: Division,
    pub places: &'a Places<'a>,
    pub failed: &'a dyn Fn(io::Error) -> Failure,
    /// Called after each block.
    pub progress: &'a dyn Fn(),
    /// How many rows there may be in the end if there are so many now.
    pub expected: &'a dyn Fn(usize) -> usize,
}

/// What a pass gathers.
pub(super) struct Gathered {
    pub totals: Vec<Total>,
    pub rows: usize,
    pub starts: Vec<(usize, u64)>,
    /// Blank lines before the last row.
    pub blank_lines: u64,
    /// Lines so far, and how many of them at the end are blank.
    lines: u64,
    blank_end: u64,
}

impl Pass<'_> {
    pub fn run(&self, cutter: &mut Cutter, layout: &Layout) -> Result<Gathered, Failure> {
        let mut gathered = Gathered {
            totals: layout.plans.iter().map(|&plan| Total::new(plan)).collect(),
            rows: 0,
            starts: Vec::new(),
            blank_lines: 0,
            lines: self.places.start_lines,
            blank_end: 0,
        };
        let (mut end, mut failure) = (Ok(Cut::End), None);
        let spare = RefCell::new(Vec::new());
        let next = || {
            cutter.spare = std::mem::take(&mut spare.borrow_mut());
            let cut = cutter.next(layout.shape, self.division.block);
            (self.progress)();
            match cut {
                Ok(Cut::Rows(bytes)) => Some(bytes),
                other => {
                    end = other;
                    None
                }
            }
        };
        let work = |bytes: Vec<u8>| (rows::read(&bytes, layout), bytes);
        let take = |(block, bytes): (Block, Vec<u8>)| {
            spare.replace(bytes);
            match self.gather(&mut gathered, block, layout) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        // Many columns take much room in each block.
        let threads = self.division.threads.min((1 << 18) / layout.plans.len().max(1));
        parallel::in_order(threads, next, work, take);
        if let Some(failure) = failure {
            return Err(failure);
        }
        match end.map_err(self.failed)? {
            Cut::OpenQuote { lines } => Err(open_quote(self.places.path, gathered.lines + lines, true)),
            Cut::LongRow { open_quote: Some(lines) } => {
                Err(open_quote(self.places.path, gathered.lines + lines, false))
            }
            Cut::LongRow { open_quote: None } => Err(long_row(self.places.path, gathered.lines)),
            Cut::End | Cut::Rows(_) => Ok(gathered),
        }
    }

    /// Takes in the next block.
    fn gather(&self, gathered: &mut Gathered, block: Block, layout: &Layout) -> Result<(), Failure> {
        if let Some(fault) = block.fault {
            return Err(self.places.failure(fault, gathered.lines, gathered.rows));
        }
        let out_of_memory = |_| self.places.out_of_memory(gathered.rows, 0);
        reserve(&mut gathered.starts, block.starts.len(), 0).map_err(out_of_memory)?;
        for (row, line) in block.starts {
            let (row, line) = (gathered.rows + row, gathered.lines + line + 1);
            let follows = gathered.starts.last().is_some_and(|&(first, start)| start + (row - first) as u64 == line);
            if !follows {
                gathered.starts.push((row, line));
            }
        }
        let rows = gathered.rows + block.rows;
        let expected = (self.expected)(rows);
        for (column, chunk) in block.chunks.into_iter().enumerate() {
            let total = &mut gathered.totals[column];
            total.append(chunk, gathered.rows, expected).map_err(|_| self.places.out_of_memory(rows, expected))?;
            if total.is_over() && matches!(total.plan, Plan::Texts { .. }) {
                layout.is_over[column].store(true, Ordering::Relaxed);
            }
        }
        let (before, behind) = block.blank_lines;
        if block.rows > 0 {
            gathered.blank_lines += gathered.blank_end + before;
            gathered.blank_end = behind;
        } else {
            gathered.blank_end += behind;
        }
        (gathered.rows, gathered.lines) = (rows, gathered.lines + block.lines);
        Ok(())
    }
}

impl Places<'_> {
    /// What ends the reading in a block behind so many lines and rows.
    pub fn failure(&self, fault: Fault, lines: u64, rows: usize) -> Failure {
        match fault {
            Fault::NotUtf8 { line } => Failure::NotUtf8 { line: lines + line + 1 },
            Fault::Nul { line } => nul(self.path, lines + line),
            Fault::Memory => self.out_of_memory(rows, 0).into(),
            Fault::Torn { line, lines: more } => torn_quote(self.path, lines + line, more),
            Fault::Trailing { line } => self.wrong_cells(lines + line, self.columns, false, true),
            Fault::Cells { line, found, spans_lines } => self.wrong_cells(lines + line, found, spans_lines, false),
        }
    }

    fn wrong_cells(&self, line: u64, found: usize, spans_lines: bool, is_trailing: bool) -> Failure {
        let columns = if is_trailing { self.columns - 1 } else { self.columns };
        let first = if self.has_header { "the header" } else { "the first row" };
        let s = if found == 1 { "" } else { "s" };
        let reason = format!("the row has {found} cell{s}, {first} has {columns}");
        let separator = dialect::word(self.separator);
        let remedy = if spans_lines {
            "its quotes hold ends of lines: close the quote where the text ends".to_string()
        } else if found < columns {
            "add the cells that are missing".into()
        } else if columns == 1 {
            "remove the lines above the names of the columns, or name the separator".into()
        } else {
            format!("remove cells, and put text with a {separator} in double quotes")
        };
        Error::data(self.path, format!(":{}", line + 1), reason, remedy).into()
    }

    /// Too little memory for what is read, or for as many rows as there may be.
    pub fn out_of_memory(&self, rows: usize, expected: usize) -> Error {
        let rows = if expected > rows { format!("about {expected}") } else { format!("more than {rows}") };
        let what = format!("not enough memory for {rows} rows of {} columns", self.columns);
        Error::io("load", self.path, io::Error::new(io::ErrorKind::OutOfMemory, what))
    }
}

/// A quote that is never closed; lines are counted from 0.
pub(super) fn open_quote(path: &Path, line: u64, is_all: bool) -> Failure {
    let most = in_words(longest_row() as u64);
    let end = if is_all { "is never closed".into() } else { format!("is not closed within {most}") };
    let reason = format!("a quote opens in this line that {end}");
    Error::data(path, format!(":{}", line + 1), reason, "close it, or double it if it is a part of the text").into()
}

/// A quote that opens in a line, counted from 0, and closes so many lines further on within a text.
pub(super) fn torn_quote(path: &Path, line: u64, lines: u64) -> Failure {
    let end = line + 1 + lines;
    let reason = format!("a quote opens in this line that is closed in line {end} only, before further text");
    Error::data(path, format!(":{}", line + 1), reason, "close it, or double it if it is a part of the text").into()
}

/// A row without an end; lines are counted from 0.
pub(super) fn long_row(path: &Path, line: u64) -> Failure {
    let reason = format!("the line is longer than {}", in_words(longest_row() as u64));
    Error::data(
        path,
        format!(":{}", line + 1),
        reason,
        "a table of text has shorter lines: check the file, or raise the limit (--max-bytes)",
    )
    .into()
}

fn nul(path: &Path, line: u64) -> Failure {
    let reason = "a NUL byte: this is no text, or one in UTF-16 without a byte order mark";
    Error::data(path, format!(":{}", line + 1), reason, "save the table as UTF-8, or name its encoding").into()
}
