//! The rows of a block of text, cell by cell into typed columns.

use super::cells::{self, Shape};
use super::columns::{Chunk, Plan};
use super::missing::Missing;
use super::numbers;
use std::sync::atomic::{AtomicBool, Ordering};

/// How rows are read.
pub(super) struct Layout {
    pub shape: Shape,
    pub missing: Missing,
    /// What is gathered of each column.
    pub plans: Vec<Plan>,
    /// Of each column, whether more texts differ than are kept.
    pub is_over: Vec<AtomicBool>,
}

impl Layout {
    pub fn new(shape: Shape, missing: Missing, plans: Vec<Plan>) -> Layout {
        let is_over = plans.iter().map(|_| AtomicBool::new(false)).collect();
        Layout { shape, missing, plans, is_over }
    }
}

/// What was read from a block.
pub(super) struct Block {
    pub rows: usize,
    /// Lines that end in the block.
    pub lines: u64,
    /// Rows at which the distance to the line changes, with the line counted from 0 at the block's beginning.
    pub starts: Vec<(usize, u64)>,
    /// Blank lines before its last row and behind it; they are no rows.
    pub blank_lines: (u64, u64),
    pub chunks: Vec<Chunk>,
    /// What ends the reading.
    pub fault: Option<Fault>,
}

/// Why a block cannot be read.
#[derive(Debug)]
pub(super) enum Fault {
    /// A row with another number of cells, and whether its quotes hold ends of lines.
    Cells {
        line: u64,
        found: usize,
        spans_lines: bool,
    },
    /// A quote that opens in this line and closes so many lines further on within a text.
    Torn {
        line: u64,
        lines: u64,
    },
    /// Something behind the separator at the end of a line.
    Trailing {
        line: u64,
    },
    Nul {
        line: u64,
    },
    NotUtf8 {
        line: u64,
    },
    Memory,
}

/// Reads the rows of a block, which ends with a whole line.
pub(super) fn read(bytes: &[u8], layout: &Layout) -> Block {
    let chunks = layout.plans.iter().map(Chunk::new).collect();
    let mut block = Block { rows: 0, lines: 0, starts: Vec::new(), blank_lines: (0, 0), chunks, fault: None };
    let (text, fault) = match text(bytes) {
        Ok(text) => (text, None),
        Err(unreadable) => {
            // What is wrong in the rows before comes first, as it would if they were a block of their own.
            let before = &bytes[..cells::whole_rows(&bytes[..unreadable.at], layout.shape).end];
            (std::str::from_utf8(before).unwrap_or_default(), Some(unreadable.fault(bytes, layout.shape)))
        }
    };
    block.fault = Reader { text, layout, block: &mut block }.rows().err().or(fault);
    block
}

/// The first byte that is no text.
pub(super) struct Unreadable {
    at: usize,
    is_nul: bool,
}

impl Unreadable {
    pub fn fault(&self, bytes: &[u8], shape: Shape) -> Fault {
        let line = shape.lines(&bytes[..self.at]);
        if self.is_nul { Fault::Nul { line } } else { Fault::NotUtf8 { line } }
    }
}

/// The bytes of a block as text.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Unreadable> {
    let (text, nul) = (std::str::from_utf8(bytes), memchr::memchr(0, bytes));
    match (text, nul) {
        (Ok(text), None) => Ok(text),
        (Err(error), nul) if nul.is_none_or(|nul| error.valid_up_to() < nul) => {
            Err(Unreadable { at: error.valid_up_to(), is_nul: false })
        }
        (_, nul) => Err(Unreadable { at: nul.unwrap_or(0), is_nul: true }),
    }
}

struct Reader<'a> {
    text: &'a str,
    layout: &'a Layout,
    block: &'a mut Block,
}

impl Reader<'_> {
    fn rows(self) -> Result<(), Fault> {
        let Reader { text, layout, block } = self;
        let (bytes, shape) = (text.as_bytes(), layout.shape);
        let keeps_texts: Vec<bool> = layout.is_over.iter().map(|over| !over.load(Ordering::Relaxed)).collect();
        let (mut at, mut expected_line) = (0, u64::MAX);
        loop {
            let (start, blank) = cells::past_blank_lines(bytes, at, shape);
            block.lines += blank;
            if start >= bytes.len() {
                block.blank_lines.1 = blank;
                return Ok(());
            }
            block.blank_lines.0 += blank;
            at = start;
            let row = block.rows;
            if block.lines != expected_line {
                block.starts.push((row, block.lines));
            }
            let (first_line, last) = (block.lines, layout.plans.len() - 1);
            for (column, (plan, chunk)) in layout.plans.iter().zip(&mut block.chunks).enumerate() {
                let end = match fast_number(bytes, at, plan, layout, chunk, row) {
                    Some(end) => end,
                    None => {
                        let cell = cells::cell(text, at, shape);
                        if cell.is_torn {
                            return Err(Fault::Torn { line: block.lines, lines: cell.lines });
                        }
                        block.lines += cell.lines;
                        take(&cell.text, plan, &layout.missing, keeps_texts[column], chunk, row)
                            .map_err(|fault| fault.on(first_line))?;
                        cell.end
                    }
                };
                let goes_on = bytes.get(end) == Some(&shape.separator);
                if goes_on == (column == last) {
                    let found = |(found, lines), cell: cells::Cell<'_>| (found + 1, lines + cell.lines);
                    let (found, lines) = cells::each(text, start, shape).fold((0, 0), found);
                    return Err(Fault::Cells { line: first_line, found, spans_lines: lines > 0 });
                }
                at = end + 1;
            }
            block.rows += 1;
            block.lines += 1;
            expected_line = first_line + 1;
        }
    }
}

/// A byte that no text in UTF-8 has.
const NEVER: u8 = 0xFF;

/// Takes in a plain number at `at`, if the column is of numbers and there is one: where the cell ends.
#[inline(always)]
fn fast_number(bytes: &[u8], at: usize, plan: &Plan, layout: &Layout, chunk: &mut Chunk, row: usize) -> Option<usize> {
    let &Plan::Numbers { style, offset } = plan else { return None };
    let shape = layout.shape;
    if style.group.is_some() || layout.missing.has_numbers {
        return None;
    }
    // Between cells the separator is no decimal comma.
    let decimal = if style.decimal == shape.separator { NEVER } else { style.decimal };
    let start = shape.past_blanks(bytes, at);
    let (number, length) = numbers::short(&bytes[start..], decimal)?;
    let end = shape.past_blanks(bytes, start + length);
    let behind = *bytes.get(end)?;
    if behind != shape.separator && behind != shape.line_end {
        return None;
    }
    let text = || String::from_utf8_lossy(&bytes[start..start + length]).into_owned();
    let value = chunk.count(number, offset, row, text);
    chunk.values.push(value);
    Some(end)
}

/// Takes in any cell.
pub(super) fn take(
    text: &str,
    plan: &Plan,
    missing: &Missing,
    keeps_texts: bool,
    chunk: &mut Chunk,
    row: usize,
) -> Result<(), Fault> {
    match plan {
        Plan::Skip => Ok(()),
        Plan::Empty if text.is_empty() => Ok(()),
        Plan::Empty => Err(Fault::Trailing { line: 0 }),
        _ if text.is_empty() => {
            chunk.miss(plan);
            Ok(())
        }
        _ if missing.has(text) => {
            chunk.stats.rare().has_missing_word = true;
            chunk.miss(plan);
            Ok(())
        }
        _ => chunk.take(text, plan, keeps_texts, row).map_err(|_| Fault::Memory),
    }
}

impl Fault {
    /// The fault, of a row in this line.
    fn on(self, line: u64) -> Fault {
        match self {
            Fault::Trailing { .. } => Fault::Trailing { line },
            other => other,
        }
    }
}
