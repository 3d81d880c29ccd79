//! A text in blocks of whole rows.

use super::cells::{self, Shape};
use crate::files::limit;
use std::io::{self, Read};

/// Most bytes of a row.
const LONGEST_ROW: u64 = 64 << 20;

/// Most bytes of a row, or of the text up to the closing quote.
pub(super) fn longest_row() -> usize {
    usize::try_from(limit(LONGEST_ROW)).unwrap_or(usize::MAX)
}

/// Cuts a text into blocks of whole rows.
pub(super) struct Cutter<'a> {
    source: Box<dyn Read + 'a>,
    /// What was read and is not given yet.
    unread: Vec<u8>,
    /// A block that may be used again.
    pub spare: Vec<u8>,
    is_at_end: bool,
}

/// What is left of a text.
pub(super) enum Cut {
    /// Whole rows; the last ends with the end of a line.
    Rows(Vec<u8>),
    /// Nothing.
    End,
    /// A quote that is never closed, so many lines further on.
    OpenQuote { lines: u64 },
    /// A row that is longer than [`longest_row`], and the line further on in which a quote opens in it that is not closed.
    LongRow { open_quote: Option<u64> },
}

impl<'a> Cutter<'a> {
    pub fn new(source: Box<dyn Read + 'a>) -> Self {
        Cutter { source, unread: Vec::new(), spare: Vec::new(), is_at_end: false }
    }

    /// Reads until so many bytes are there, or all.
    pub fn fill(&mut self, bytes: usize) -> io::Result<()> {
        let lacking = bytes.saturating_sub(self.unread.len());
        if lacking > 0 && !self.is_at_end {
            // Memory is taken as bytes come: a small file takes little.
            let read = (&mut self.source).take(lacking as u64).read_to_end(&mut self.unread)?;
            self.is_at_end = read < lacking;
        }
        Ok(())
    }

    /// What is read ahead, and whether that is all.
    pub fn ahead(&self) -> (&[u8], bool) {
        (&self.unread, self.is_at_end)
    }

    /// Passes over bytes that are read ahead.
    pub fn skip(&mut self, bytes: usize) {
        self.unread.drain(..bytes.min(self.unread.len()));
    }

    /// The next rows, about so many bytes of them.
    pub fn next(&mut self, shape: Shape, bytes: usize) -> io::Result<Cut> {
        let mut wanted = bytes;
        loop {
            self.fill(wanted)?;
            if self.unread.is_empty() {
                return Ok(Cut::End);
            }
            let whole = cells::whole_rows(&self.unread, shape);
            let lines = |at: usize| shape.lines(&self.unread[..at]);
            if self.is_at_end {
                if let Some(open) = whole.open_quote {
                    return Ok(Cut::OpenQuote { lines: lines(open) });
                }
                let mut rest = std::mem::take(&mut self.unread);
                if rest.last() != Some(&shape.line_end) {
                    rest.push(shape.line_end);
                }
                return Ok(Cut::Rows(rest));
            }
            if whole.end > 0 {
                let mut rest = std::mem::take(&mut self.spare);
                rest.clear();
                rest.extend_from_slice(&self.unread[whole.end..]);
                self.unread.truncate(whole.end);
                return Ok(Cut::Rows(std::mem::replace(&mut self.unread, rest)));
            }
            if self.unread.len() >= longest_row() {
                return Ok(Cut::LongRow { open_quote: whole.open_quote.map(lines) });
            }
            wanted = 2 * self.unread.len();
        }
    }
}
