//! Rows of text that come one after the other, each read as soon as it is whole: by the rules of the reader of tables, but
//! without what only a whole table tells.
//!
//! What a row becomes depends on the rows before it, never on how many come at once: rows that are read together are plain
//! and tell no more than each alone, any other is read by itself.

mod csv;
mod kind;
mod objects;
mod plans;

use super::blocks::longest_row;
use super::cells::Shape;
use super::encoding::WINDOWS_1252;
use super::{Table, pass};
use crate::error::{Error, Result};
use csv::Csv;
pub(in crate::data) use kind::Kind;
use objects::Objects;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Bytes of rows that are read together.
const BLOCK: usize = 1 << 16;
/// Of rows that cannot be read together, a part so many times smaller is tried.
const SMALLER: usize = 8;

/// What is wanted of a column.
#[derive(Clone, Debug)]
pub(in crate::data) struct Wanted {
    pub name: String,
    pub expected: Expected,
    /// Whether an object may lack it; its cell is missing then.
    pub may_lack: bool,
}

/// What the cells of a column are to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::data) enum Expected {
    /// Numbers, as distances from `offset`.
    Number { offset: f64 },
    /// Times, with the day before the month where nothing tells.
    Time { day_first: bool },
    /// Spellings.
    Text,
}

/// How the text is written, as far as it is named.
#[derive(Clone, Debug, Default)]
pub(in crate::data) struct Settings {
    pub header: Option<bool>,
    pub separator: Option<u8>,
    pub decimal: Option<u8>,
    pub encoding: Option<String>,
    /// Cells that count as missing, but for empty ones.
    pub missing: Vec<String>,
}

/// The next of what came.
pub(in crate::data) enum Piece<T> {
    Rows(T),
    /// A row that cannot be read, and its line.
    Bad {
        line: u64,
        error: Error,
    },
}

/// A stream of rows.
pub(in crate::data) struct Stream {
    common: Common,
    /// What came; the rows before `start` are done.
    bytes: Vec<u8>,
    start: usize,
    is_at_end: bool,
    /// Lines before `start`.
    lines: u64,
    form: Option<Form>,
    /// Whether rows are decoded from windows-1252, since one was no UTF-8.
    is_decoded: bool,
    /// Bytes from `start` on that could not be read together, and how many of them are tried next.
    suspect: usize,
    step: usize,
    said: Vec<String>,
}

/// What rows of any form are read by.
pub(super) struct Common {
    pub path: PathBuf,
    pub wanted: Vec<Wanted>,
    /// How many of these are features.
    pub features: usize,
    pub settings: Settings,
}

enum Form {
    Csv(Csv),
    Objects(Objects),
}

impl Form {
    /// Whether rows may be read together by now.
    fn is_settled(&self) -> bool {
        match self {
            Form::Csv(csv) => csv.is_settled(),
            Form::Objects(_) => true,
        }
    }

    fn shape(&self) -> Shape {
        match self {
            Form::Csv(csv) => csv.shape,
            Form::Objects(_) => objects::SHAPE,
        }
    }

    /// The rows of these bytes, if they are plain. `lines`: how many come before.
    fn together(&self, common: &Common, bytes: &[u8], lines: u64) -> Option<Table> {
        match self {
            Form::Csv(csv) => csv.together(common, bytes, lines),
            Form::Objects(objects) => objects.together(common, bytes, lines),
        }
    }

    /// The one row of these bytes, or none if they are a blank line.
    fn alone(&mut self, common: &Common, bytes: &[u8], lines: u64) -> Result<Option<Table>> {
        match self {
            Form::Csv(csv) => csv.alone(common, bytes, lines),
            Form::Objects(objects) => objects.alone(common, bytes, lines),
        }
    }
}

/// What can be read next.
enum Cut {
    /// So many bytes of whole rows.
    Rows(usize),
    /// A quote that is never closed.
    OpenQuote {
        lines: u64,
    },
    Nothing,
}

impl Stream {
    /// A stream called `path` in errors, of which columns are wanted; the first `features` are a model's, in their order.
    pub fn new(path: &Path, wanted: Vec<Wanted>, features: usize, settings: Settings) -> Stream {
        Stream {
            common: Common { path: path.into(), wanted, features, settings },
            bytes: Vec::new(),
            start: 0,
            is_at_end: false,
            lines: 0,
            form: None,
            is_decoded: false,
            suspect: 0,
            step: 0,
            said: Vec::new(),
        }
    }

    /// Takes what came next.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..std::mem::take(&mut self.start));
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Says that nothing more comes.
    pub fn end(&mut self) {
        self.is_at_end = true;
    }

    /// All that came, if nothing of it was read.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What was decided since the last call.
    pub fn take_said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    /// The names of a table's columns.
    pub fn names(&self) -> Option<&[String]> {
        match &self.form {
            Some(Form::Csv(csv)) => Some(&csv.names),
            _ => None,
        }
    }

    /// The next rows that are whole, as `apply` takes them; nothing if more must come. If it refuses several, they are given
    /// to it again in parts, until only the row that it refuses is left.
    ///
    /// # Errors
    /// What ends the stream: a row without an end.
    pub fn next<T>(&mut self, apply: impl Fn(Table) -> Result<T>) -> Result<Option<Piece<T>>> {
        loop {
            let Some(form) = &self.form else { return Ok(None) };
            let (shape, is_settled) = (form.shape(), form.is_settled());
            let wanted = if self.suspect > 0 { self.step } else { BLOCK };
            let count = match self.cut(shape, wanted)? {
                Cut::Rows(count) if is_settled => count,
                Cut::Rows(count) => self.first_row(shape, count),
                Cut::OpenQuote { lines } => {
                    let (line, path) = (self.lines + 1, self.common.path.clone());
                    let error = pass::open_quote(&path, self.lines + lines, true).of(&path);
                    self.start = self.bytes.len();
                    return Ok(Some(Piece::Bad { line, error }));
                }
                Cut::Nothing => return Ok(None),
            };
            let lines = shape.lines(&self.bytes[self.start..][..count]);
            let bytes = self.decoded(count);
            let mut found = None;
            if let (Some(form), true) = (&self.form, is_settled)
                && let Some(table) = form.together(&self.common, &bytes, self.lines)
            {
                found = if table.rows == 0 { Some(None) } else { apply(table).ok().map(Some) };
            }
            if let Some(found) = found {
                self.done(count, lines);
                if let Some(rows) = found {
                    return Ok(Some(Piece::Rows(rows)));
                }
                continue;
            }
            if self.first_row(shape, count) < count {
                self.suspect = self.suspect.max(count);
                self.step = (count / SMALLER).max(1);
                continue;
            }
            let line = self.lines + 1;
            let bytes = bytes.into_owned();
            let Some(form) = &mut self.form else { return Ok(None) };
            let row = form.alone(&self.common, &bytes, self.lines);
            if row.is_err() && self.decodes_from_here(&bytes) {
                continue;
            }
            let applied = row.and_then(|table| table.map(&apply).transpose());
            self.done(count, lines);
            match applied {
                Ok(None) => {}
                Ok(Some(rows)) => return Ok(Some(Piece::Rows(rows))),
                Err(error) => return Ok(Some(Piece::Bad { line, error })),
            }
        }
    }

    /// Passes over what was read.
    fn done(&mut self, count: usize, lines: u64) {
        self.start += count;
        self.lines += lines;
        self.suspect = self.suspect.saturating_sub(count);
    }

    /// The next bytes as text, if they are decoded.
    fn decoded(&self, count: usize) -> Cow<'_, [u8]> {
        let bytes = &self.bytes[self.start..][..count];
        if !self.is_decoded {
            return Cow::Borrowed(bytes);
        }
        Cow::Owned(WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned().into_bytes())
    }

    /// Whether a row that cannot be read is to be read again, because it is no UTF-8 and nothing says that it should be: as
    /// windows-1252, and all after it.
    fn decodes_from_here(&mut self, row: &[u8]) -> bool {
        let is_text = matches!(self.form, Some(Form::Csv(_)));
        let is_free = is_text && !self.is_decoded && self.common.settings.encoding.is_none();
        if !is_free || std::str::from_utf8(row).is_ok() {
            return false;
        }
        self.said.push(format!("encoding  windows-1252 from line {} on (it is not UTF-8)", self.lines + 1));
        self.is_decoded = true;
        true
    }

    /// The length of the first of whole rows of so many bytes.
    fn first_row(&self, shape: Shape, count: usize) -> usize {
        let bytes = &self.bytes[self.start..][..count];
        let mut ends = memchr::memchr_iter(b'\n', bytes).map(|at| at + 1);
        match self.form {
            Some(Form::Csv(_)) => ends.find(|&end| super::cells::whole_rows(&bytes[..end], shape).end == end),
            _ => ends.next(),
        }
        .unwrap_or(count)
    }

    /// Where whole rows end, about so many bytes further on.
    fn cut(&mut self, shape: Shape, wanted: usize) -> Result<Cut> {
        let is_csv = matches!(self.form, Some(Form::Csv(_)));
        let rest = &self.bytes[self.start..];
        if rest.is_empty() {
            return Ok(Cut::Nothing);
        }
        let mut open_quote = None;
        let mut part = wanted.min(rest.len());
        loop {
            let end = if is_csv {
                let whole = super::cells::whole_rows(&rest[..part], shape);
                open_quote = whole.open_quote;
                whole.end
            } else {
                memchr::memrchr(b'\n', &rest[..part]).map_or(0, |at| at + 1)
            };
            if end > 0 {
                // A part that is smaller than a row is the row: parts of what cannot be read together become smaller.
                return Ok(Cut::Rows(if part > wanted { self.first_row(shape, end) } else { end }));
            }
            if part == rest.len() {
                break;
            }
            part = (2 * part).min(rest.len());
        }
        let open_quote = open_quote.map(|at| shape.lines(&rest[..at]));
        if self.is_at_end {
            if let Some(lines) = open_quote {
                return Ok(Cut::OpenQuote { lines });
            }
            self.bytes.push(b'\n');
            return Ok(Cut::Rows(self.bytes.len() - self.start));
        }
        if rest.len() >= longest_row() {
            let path = &self.common.path;
            let failure = match open_quote {
                Some(lines) => pass::open_quote(path, self.lines + lines, false),
                None => pass::long_row(path, self.lines),
            };
            return Err(failure.of(path));
        }
        Ok(Cut::Nothing)
    }
}
