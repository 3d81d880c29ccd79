//! Where cells begin and end, with quotes as RFC 4180 has them.

use std::borrow::Cow;

/// What separates cells and lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub separator: u8,
    /// A line feed, or a carriage return where lines end by that alone.
    pub line_end: u8,
}

impl Shape {
    /// Whether a byte may stand before or behind a cell without being a part of it.
    pub fn is_blank(self, byte: u8) -> bool {
        (byte == b' ' || byte == b'\t' || byte == b'\r') && byte != self.separator && byte != self.line_end
    }

    /// The first place from `at` on that is not blank.
    pub fn past_blanks(self, bytes: &[u8], mut at: usize) -> usize {
        while bytes.get(at).is_some_and(|&byte| self.is_blank(byte)) {
            at += 1;
        }
        at
    }

    /// Lines that end in a text.
    pub fn lines(self, bytes: &[u8]) -> u64 {
        // Most texts have none, which is found out sooner than counted.
        let first = memchr::memchr(self.line_end, bytes);
        first.map_or(0, |at| memchr::memchr_iter(self.line_end, &bytes[at..]).count() as u64)
    }
}

/// A cell of a text.
pub(super) struct Cell<'t> {
    /// What it says, without quotes and blanks around.
    pub text: Cow<'t, str>,
    /// Where the separator or the end of the line stands that follows it.
    pub end: usize,
    /// Lines that end within its quotes.
    pub lines: u64,
    /// Whether a quote opens that is never closed.
    pub is_open: bool,
    /// Whether a quote closes in another line than it opens, and text follows it: most likely one is missing before, and
    /// this is one that should open.
    pub is_torn: bool,
}

/// The cell that begins at `at`. A quote opens at the beginning of a cell only; elsewhere it is a character.
pub(super) fn cell(text: &str, at: usize, shape: Shape) -> Cell<'_> {
    let bytes = text.as_bytes();
    let start = shape.past_blanks(bytes, at);
    let Some(open) = (bytes.get(start) == Some(&b'"')).then_some(start + 1) else {
        let end = end(bytes, start, shape);
        return Cell { text: Cow::Borrowed(trimmed(&text[start..end])), end, lines: 0, is_open: false, is_torn: false };
    };
    let Some((close, has_doubled)) = closing(bytes, open) else {
        return Cell {
            text: Cow::Borrowed(&text[open..]),
            end: bytes.len(),
            lines: shape.lines(&bytes[open..]),
            is_open: true,
            is_torn: false,
        };
    };
    let behind = bytes.get(close + 1).copied();
    let ends_there = behind == Some(shape.separator) || behind == Some(shape.line_end);
    let end = if ends_there { close + 1 } else { end(bytes, close + 1, shape) };
    let (inner, rest) = (&text[open..close], text[close + 1..end].trim_end());
    let lines = shape.lines(inner.as_bytes());
    let text = if rest.is_empty() && !has_doubled {
        Cow::Borrowed(trimmed(inner))
    } else {
        // What follows a closing quote belongs to the cell as it stands.
        Cow::Owned((inner.replace("\"\"", "\"") + rest).trim().to_string())
    };
    Cell { text, end, lines, is_open: false, is_torn: lines > 0 && !rest.is_empty() }
}

/// The next separator or end of a line.
pub(super) fn end(bytes: &[u8], at: usize, shape: Shape) -> usize {
    memchr::memchr2(shape.separator, shape.line_end, &bytes[at..]).map_or(bytes.len(), |behind| at + behind)
}

fn trimmed(text: &str) -> &str {
    let is_inner = |byte: Option<&u8>| byte.is_none_or(|byte| (0x21..0x7F).contains(byte));
    let bytes = text.as_bytes();
    if is_inner(bytes.first()) && is_inner(bytes.last()) { text } else { text.trim() }
}

/// Where the quote stands that closes the one before `at`, and whether there are doubled quotes before, which do not.
pub(super) fn closing(bytes: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let start = at;
    loop {
        let quote = at + memchr::memchr(b'"', &bytes[at..])?;
        if bytes.get(quote + 1) != Some(&b'"') {
            return Some((quote, at > start));
        }
        at = quote + 2;
    }
}

/// Whether the quote at `at` stands at the beginning of a cell. `bytes` begin with a row.
pub(super) fn opens(bytes: &[u8], at: usize, shape: Shape) -> bool {
    let before = bytes[..at].iter().rev().find(|&&byte| !shape.is_blank(byte));
    before.is_none_or(|&byte| byte == shape.separator || byte == shape.line_end)
}

/// Where the last whole row ends, and where a quote opens that is not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    /// Behind the end of the last row; 0 if none ends.
    pub end: usize,
    pub open_quote: Option<usize>,
}

/// The whole rows of `bytes`, which begin with a row.
pub(super) fn whole_rows(bytes: &[u8], shape: Shape) -> Whole {
    let (mut from, mut row_end) = (0, 0);
    let last_end = |from: usize, to: usize| memchr::memrchr(shape.line_end, &bytes[from..to]).map(|at| from + at + 1);
    loop {
        let mut look = from;
        // The next quote that opens a cell.
        let open = loop {
            match memchr::memchr(b'"', &bytes[look..]).map(|at| look + at) {
                Some(quote) if opens(bytes, quote, shape) => break Some(quote),
                Some(quote) => look = quote + 1,
                None => break None,
            }
        };
        row_end = last_end(from, open.unwrap_or(bytes.len())).unwrap_or(row_end);
        let Some(open) = open else {
            return Whole { end: row_end, open_quote: None };
        };
        match closing(bytes, open + 1) {
            Some((close, _)) => from = close + 1,
            None => return Whole { end: row_end, open_quote: Some(open) },
        }
    }
}

/// The cells of the row that begins at `at`, and where the next row begins.
pub(super) fn row(text: &str, at: usize, shape: Shape) -> (Vec<Cell<'_>>, usize) {
    let cells: Vec<Cell<'_>> = each(text, at, shape).collect();
    let end = cells.last().map_or(at, |cell| cell.end + 1);
    (cells, end.min(text.len()))
}

/// The cells of the row that begins at `at`, one after the other.
pub(super) fn each(text: &str, at: usize, shape: Shape) -> impl Iterator<Item = Cell<'_>> {
    let mut next = Some(at);
    std::iter::from_fn(move || {
        let cell = cell(text, next?, shape);
        next = (text.as_bytes().get(cell.end) == Some(&shape.separator)).then_some(cell.end + 1);
        Some(cell)
    })
}

/// Passes over blank lines from `at` on: where the next row begins, and how many lines were passed.
pub(super) fn past_blank_lines(bytes: &[u8], mut at: usize, shape: Shape) -> (usize, u64) {
    let mut lines = 0;
    loop {
        let end = shape.past_blanks(bytes, at);
        match bytes.get(end) {
            Some(&byte) if byte == shape.line_end => (at, lines) = (end + 1, lines + 1),
            Some(_) => return (at, lines),
            None => return (end, lines),
        }
    }
}
