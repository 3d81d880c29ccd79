//! What separates the cells and lines of a text, and what decimals follow: found from its beginning.

use super::ReadOptions;
use super::cells::{self, Shape};
use super::numbers::{self, Evidence};

/// Rows of the beginning by which the separator is chosen.
const ROWS: usize = 100;
/// Rows of the beginning in which decimals are looked for.
const DECIMAL_ROWS: usize = 1000;
/// What may separate cells, the first of equals first.
const SEPARATORS: [u8; 4] = *b",;\t|";

/// How a text is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dialect {
    pub shape: Shape,
    /// Before decimals.
    pub decimal: u8,
    /// Whether that was named, or a number with decimals shows it.
    pub knows_decimal: bool,
    /// Where the first row begins, behind a line such as `sep=;` and blank lines, and how many lines these are.
    pub start: usize,
    pub start_lines: u64,
    /// What was decided.
    pub decisions: Vec<String>,
}

/// The word for a separator or a sign before decimals.
pub(super) fn word(byte: u8) -> &'static str {
    match byte {
        b',' => "comma",
        b';' => "semicolon",
        b'\t' => "tab",
        b'|' => "bar",
        _ => "point",
    }
}

impl Dialect {
    /// The dialect of a text that begins like this. The beginning may end within a row.
    pub fn of(beginning: &str, options: &ReadOptions) -> Dialect {
        let line_end = line_end(beginning);
        let mut decisions = Vec::new();
        if line_end == b'\r' {
            decisions.push("line ends  carriage returns".into());
        }
        let (told, mut start) = separator_line(beginning, line_end);
        let mut start_lines = u64::from(start > 0);
        let text = &beginning[start..];
        let separator = match (options.separator, told) {
            (Some(separator), _) => separator,
            (None, Some(separator)) => {
                decisions.push(format!("separator  {} (the file's first line says so)", word(separator)));
                separator
            }
            (None, None) => {
                let (separator, agreeing, rows) = separator(text, line_end);
                if separator != b',' {
                    let among = if rows == 1 {
                        "in its only row".into()
                    } else if agreeing == rows {
                        format!("as many in each of the first {rows} rows")
                    } else {
                        format!("as many in {agreeing} of the first {rows} rows")
                    };
                    decisions.push(format!("separator  {} ({among})", word(separator)));
                }
                separator
            }
        };
        let shape = Shape { separator, line_end };
        let (blank, lines) = cells::past_blank_lines(text.as_bytes(), 0, shape);
        start += blank;
        start_lines += lines;
        let (decimal, knows_decimal, example) = match options.decimal {
            Some(decimal) => (decimal, true, None),
            None => decimal(&beginning[start..], shape),
        };
        if let Some(example) = example {
            decisions.push(format!("decimals  after a comma, as in `{example}`"));
        }
        Dialect { shape, decimal, knows_decimal, start, start_lines, decisions }
    }
}

/// A carriage return if the first line ends by that alone, and no line by a line feed; else a line feed.
fn line_end(text: &str) -> u8 {
    let bytes = text.as_bytes();
    let (mut at, mut has_return) = (0, false);
    while let Some(found) = memchr::memchr3(b'"', b'\n', b'\r', &bytes[at..]).map(|found| at + found) {
        at = found + 1;
        match bytes[found] {
            b'\n' => return b'\n',
            b'\r' if bytes.get(at) == Some(&b'\n') => return b'\n',
            b'\r' => has_return = true,
            _ => {
                let before = bytes[..found].iter().rev().find(|byte| **byte != b' ');
                if before.is_none_or(|byte| SEPARATORS.contains(byte) || *byte == b'\r') {
                    at = cells::closing(bytes, at).map_or(bytes.len(), |(close, _)| close + 1);
                }
            }
        }
    }
    if has_return { b'\r' } else { b'\n' }
}

/// What a first line such as `sep=;` says, and where the next begins.
fn separator_line(text: &str, line_end: u8) -> (Option<u8>, usize) {
    let end = memchr::memchr(line_end, text.as_bytes()).unwrap_or(text.len());
    let line = text[..end].trim_end_matches('\r').trim_matches('"');
    match line.as_bytes() {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', separator] if SEPARATORS.contains(separator) => {
            (Some(*separator), (end + 1).min(text.len()))
        }
        _ => (None, 0),
    }
}

/// How the first rows look with a separator.
struct Tried {
    separator: u8,
    /// Cells of most rows, if these are several.
    cells: usize,
    /// Rows that have so many, of all.
    agreeing: usize,
    rows: usize,
    /// Numbers among the cells.
    numbers: usize,
    all: usize,
}

/// The separator, how many rows agree on it, and of how many.
fn separator(text: &str, line_end: u8) -> (u8, usize, usize) {
    let tried = SEPARATORS.map(|separator| attempt(text, Shape { separator, line_end }));
    let consistent = tried.iter().filter(|tried| tried.cells > 1 && tried.agreeing == tried.rows);
    // The larger share of numbers, then the more cells, then the first.
    let best = consistent.reduce(|best, other| {
        let (share, other_share) = (best.numbers * other.all, other.numbers * best.all);
        if (other_share, other.cells) > (share, best.cells) { other } else { best }
    });
    let most = || {
        let by_most = tried.iter().filter(|tried| tried.cells > 1 && 2 * tried.agreeing > tried.rows);
        by_most.reduce(|best, other| if other.agreeing > best.agreeing { other } else { best })
    };
    best.or_else(most).map_or((b',', 0, 0), |tried| (tried.separator, tried.agreeing, tried.rows))
}

fn attempt(text: &str, shape: Shape) -> Tried {
    let mut counts: Vec<usize> = Vec::new();
    let (mut numbers, mut all) = (0, 0);
    for_each_row(text, shape, ROWS, |cells| {
        counts.push(cells.len());
        all += cells.len();
        let is_number = |text: &str| numbers::plain(text, b'.').or_else(|| numbers::plain(text, b',')).is_some();
        numbers += cells.iter().filter(|cell| is_number(&cell.text)).count();
    });
    let agreeing = |count: usize| counts.iter().filter(|&&other| other == count).count();
    let several = counts.iter().copied().filter(|&count| count > 1);
    let cells = several.max_by_key(|&count| (agreeing(count), count)).unwrap_or(1);
    Tried { separator: shape.separator, cells, agreeing: agreeing(cells), rows: counts.len(), numbers, all }
}

/// Calls `body` with the cells of the first rows, but for one that the text may cut off.
pub(super) fn for_each_row(text: &str, shape: Shape, most: usize, mut body: impl FnMut(&[cells::Cell<'_>])) {
    let bytes = text.as_bytes();
    let (mut at, _) = cells::past_blank_lines(bytes, 0, shape);
    for row in 0..most {
        let (cells, next) = cells::row(text, at, shape);
        let is_whole = bytes.get(next.wrapping_sub(1)) == Some(&shape.line_end);
        if cells.iter().any(|cell| cell.is_open) || (row > 0 && !is_whole) {
            return;
        }
        body(&cells);
        (at, _) = cells::past_blank_lines(bytes, next, shape);
        if at >= bytes.len() {
            return;
        }
    }
}

/// What decimals follow, whether a cell shows it, and such a cell if it is a comma.
fn decimal(text: &str, shape: Shape) -> (u8, bool, Option<String>) {
    let (mut has_point, mut comma) = (false, None);
    for_each_row(text, shape, DECIMAL_ROWS, |cells| {
        for cell in cells {
            match numbers::evidence(&cell.text) {
                Evidence::Point => has_point = true,
                Evidence::Comma if comma.is_none() => comma = Some(crate::error::shown(&cell.text)),
                _ => {}
            }
        }
    });
    match comma {
        Some(example) if !has_point && shape.separator != b',' => (b',', true, Some(example)),
        comma => (b'.', has_point && comma.is_none(), None),
    }
}
