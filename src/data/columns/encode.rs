//! Rows of a table as rows of features, by an encoder.

use super::encoder::{EncodedColumn, Encoder, Encoding};
use super::words::{canonical, odd_number, yes_or_no};
use crate::data::options::Missing;
use crate::data::table::{Cells, MISSING_TEXT, MISSING_TIME, Table};
use crate::error::{Error, Result, shown};
use std::cell::LazyCell;
use std::collections::HashMap;

/// Rows that are encoded before the table lets go of them.
const CHUNK: usize = 1 << 16;
/// Rows whose features stay in the processor's cache while column by column is written.
const BLOCK: usize = 1 << 9;

/// The rows of a table that belong to no part.
pub(in crate::data) const LEFT_OUT: u8 = u8::MAX;

/// A column whose texts are looked up once, ready to be written as features.
struct Prepared<'a> {
    column: &'a EncodedColumn,
    /// For each text the feature that it sets, if any; for yes and no its value.
    of_text: Vec<Option<usize>>,
    /// Whether the cells are numbers of which none is missing.
    is_whole: bool,
}

/// Cells that were not as in training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unusual {
    /// Missing cells that were filled.
    pub filled: usize,
    /// Categories that no training row had.
    pub unseen: usize,
}

impl<'a> Prepared<'a> {
    /// Checks that the cells of a table's column fit the encoding.
    fn new(column: &'a EncodedColumn, table: &Table, at: usize) -> Result<Prepared<'a>> {
        let own = &table.columns[at];
        let refused = |reason: String, remedy: &str| {
            let place = own
                .odd
                .as_ref()
                .map_or_else(|| format!(", column `{}`", shown(&own.name)), |odd| table.place(odd.row, at));
            Error::data(&table.path, place, reason, remedy)
        };
        let mut of_text = Vec::new();
        match (&column.encoding, &own.cells) {
            (Encoding::Number { .. }, Cells::Numbers { .. }) => {
                if let Some(odd) = &own.odd {
                    let reason = format!("`{}` {}", shown(&odd.text), odd_number(&odd.text));
                    return Err(refused(reason, "mend or empty the cell"));
                }
            }
            (Encoding::Time { .. }, Cells::Times { .. }) => {}
            (Encoding::Category { levels, .. }, Cells::Texts { levels: texts, .. }) => {
                let keys: HashMap<&str, usize> = levels.iter().enumerate().map(|(i, l)| (l.as_str(), i)).collect();
                // Seldom needed, and long to make.
                let numbers = LazyCell::new(|| {
                    let number = |(i, level): (usize, &String)| Some((canonical(level)?, i));
                    levels.iter().enumerate().filter_map(number).collect::<HashMap<String, usize>>()
                });
                let number = |text: &String| canonical(text).and_then(|key| numbers.get(&key).copied());
                of_text = texts.iter().map(|text| keys.get(text.as_str()).copied().or_else(|| number(text))).collect();
            }
            (Encoding::YesNo { .. }, Cells::Texts { levels: texts, codes }) => {
                for (code, text) in texts.iter().enumerate() {
                    let Some(yes) = yes_or_no(text) else {
                        let row = codes.iter().position(|&c| c as usize == code).unwrap_or(0);
                        let reason = format!("`{}` is neither yes nor no", shown(text));
                        return Err(Error::data(&table.path, table.place(row, at), reason, "mend or empty the cell"));
                    };
                    of_text.push(Some(usize::from(yes)));
                }
            }
            // A column without any value is of any kind.
            (_, cells) if (0..table.rows).all(|row| is_missing(cells, row)) => {}
            (encoding, _) => {
                let (kind, what) = (expected(encoding), own.odd.as_ref().map(|odd| shown(&odd.text)));
                let reason = what.map_or(format!("holds no {kind}s"), |text| format!("`{text}` is not a {kind}"));
                return Err(refused(reason, "mend or empty the cell"));
            }
        }
        let is_whole = matches!(&own.cells, Cells::Numbers { values, .. } if !values.iter().any(|x| x.is_nan()));
        Ok(Prepared { column, of_text, is_whole })
    }

    /// The features themselves, if the cells are numbers none of which is missing.
    fn plain_numbers<'t>(&self, cells: &'t Cells) -> Option<&'t [f32]> {
        match (&self.column.encoding, cells) {
            (Encoding::Number { offset, .. }, Cells::Numbers { offset: own, values })
                if self.is_whole && own == offset =>
            {
                Some(values)
            }
            _ => None,
        }
    }

    /// Writes the features of one row. They are 0 before.
    fn write(&self, cells: &Cells, row: usize, features: &mut [f32], unusual: &mut Unusual) {
        let missing = is_missing(cells, row);
        unusual.filled += usize::from(missing);
        match (&self.column.encoding, cells) {
            (Encoding::Number { offset, .. }, Cells::Numbers { offset: own, values }) if !missing => {
                // Both offsets are the same in the table that was learnt from.
                let value = values[row];
                features[0] = if own == offset { value } else { (own - offset + f64::from(value)) as f32 };
            }
            (Encoding::Number { offset, fill }, _) => features[0] = (fill - offset) as f32,
            (Encoding::YesNo { .. }, Cells::Texts { codes, .. }) if !missing => {
                features[0] = self.of_text[codes[row] as usize].map_or(0.0, |yes| yes as f32);
            }
            (Encoding::YesNo { fill }, _) => features[0] = f32::from(u8::from(*fill)),
            (Encoding::Category { levels, others, .. }, Cells::Texts { codes, .. }) if !missing => {
                let level = self.of_text[codes[row] as usize];
                unusual.unseen += usize::from(level.is_none());
                // Without a feature for the others, a category that is not known sets none.
                if let Some(at) = level.or(others.then_some(levels.len())) {
                    features[at] = 1.0;
                }
            }
            // Where no row that was learnt from has a category, there is none to fill in.
            (Encoding::Category { fill, levels, others }, _) if *fill < levels.len() + usize::from(*others) => {
                features[*fill] = 1.0;
            }
            (Encoding::Category { .. }, _) => {}
            (Encoding::Time { parts, fill, .. }, cells) => {
                let seconds = match cells {
                    Cells::Times { seconds, .. } if !missing => seconds[row],
                    _ => *fill,
                };
                parts.iter().zip(features.iter_mut()).for_each(|(part, x)| *x = part.of(seconds) as f32);
            }
        }
        if self.column.indicator && missing {
            features[self.column.width() - 1] = 1.0;
        }
    }
}

fn expected(encoding: &Encoding) -> &'static str {
    match encoding {
        Encoding::Number { .. } => "number",
        Encoding::YesNo { .. } => "yes or no",
        Encoding::Category { .. } => "category",
        Encoding::Time { .. } => "time",
    }
}

/// The features of the rows of a table, part by part, each row-major and in the order of the table. `at` are the positions
/// of the encoder's columns in the table; a column that the table lacks is missing in each row. The cells are given up as
/// they are encoded, so that the table and its features do not take memory at once.
///
/// # Errors
/// [`Error::Data`] for a cell that does not fit, or is missing where that is refused; [`Error::Io`] if memory is short.
pub(in crate::data) fn encode(
    encoder: &Encoder,
    mut table: Table,
    at: &[Option<usize>],
    part_of: &[u8],
    parts: usize,
) -> Result<(Vec<Vec<f32>>, Unusual)> {
    let width = encoder.width();
    let prepared: Vec<Option<Prepared<'_>>> = encoder
        .columns
        .iter()
        .zip(at)
        .map(|(column, at)| at.map(|at| Prepared::new(column, &table, at)).transpose())
        .collect::<Result<_>>()?;
    if encoder.missing == Missing::Refuse {
        at.iter().flatten().try_for_each(|&at| refuse_missing(&table, at, part_of))?;
    }
    let mut counts = vec![0usize; parts];
    part_of.iter().filter(|&&part| part != LEFT_OUT).for_each(|&part| counts[usize::from(part)] += 1);
    let zeros = |&rows: &usize| zeros(rows, width).ok_or_else(|| Error::io("encode", &table.path, NO_MEMORY.into()));
    let mut features = counts.iter().map(zeros).collect::<Result<Vec<_>>>()?;
    let absent = Cells::Skipped;
    let mut unusual = Unusual::default();
    let mut end = table.rows;
    while end > 0 {
        let start = (end - 1) / CHUNK * CHUNK;
        // Where each row goes; the chunks come from the end.
        let mut places = vec![(LEFT_OUT, 0); end - start];
        for row in (start..end).rev().filter(|&row| part_of[row] != LEFT_OUT) {
            let count = &mut counts[usize::from(part_of[row])];
            *count -= 1;
            places[row - start] = (part_of[row], *count);
        }
        for (block, places) in places.chunks(BLOCK).enumerate() {
            let rows = start + block * BLOCK..end;
            let mut first = 0;
            for ((column, prepared), at) in encoder.columns.iter().zip(&prepared).zip(at) {
                let own = column.width();
                let lookup = Prepared { column, of_text: Vec::new(), is_whole: false };
                let prepared = prepared.as_ref().unwrap_or(&lookup);
                let cells = at.map_or(&absent, |at| &table.columns[at].cells);
                let rows = rows.clone().zip(places).filter(|(_, (part, _))| *part != LEFT_OUT);
                if let Some(values) = prepared.plain_numbers(cells) {
                    for (row, &(part, index)) in rows {
                        features[usize::from(part)][index * width + first] = values[row];
                    }
                    first += own;
                    continue;
                }
                for (row, &(part, index)) in rows {
                    let features = &mut features[usize::from(part)][index * width + first..][..own];
                    prepared.write(cells, row, features, &mut unusual);
                }
                first += own;
            }
        }
        table.columns.iter_mut().for_each(|column| truncate(&mut column.cells, start));
        end = start;
    }
    Ok((features, unusual))
}

const NO_MEMORY: std::io::ErrorKind = std::io::ErrorKind::OutOfMemory;

/// Zeros in memory that the system hands out page by page, if there is room.
fn zeros(rows: usize, width: usize) -> Option<Vec<f32>> {
    let count = rows.checked_mul(width)?;
    // Whether there is room is asked first, because `vec!` would abort.
    Vec::<f32>::new().try_reserve_exact(count).ok()?;
    Some(vec![0.0; count])
}

fn truncate(cells: &mut Cells, rows: usize) {
    fn cut<T>(data: &mut Vec<T>, rows: usize) {
        data.truncate(rows);
        data.shrink_to_fit();
    }
    match cells {
        Cells::Numbers { values, .. } => cut(values, rows),
        Cells::Times { seconds, .. } => cut(seconds, rows),
        Cells::Texts { codes, .. } => cut(codes, rows),
        Cells::Various { .. } | Cells::Skipped => {}
    }
}

fn refuse_missing(table: &Table, at: usize, part_of: &[u8]) -> Result<()> {
    let cells = &table.columns[at].cells;
    match (0..table.rows).find(|&row| part_of[row] != LEFT_OUT && is_missing(cells, row)) {
        Some(row) => {
            let remedy = "fill the cell, or have it filled by --missing indicator, mean or median";
            Err(Error::data(&table.path, table.place(row, at), "the cell is missing", remedy))
        }
        None => Ok(()),
    }
}

/// Whether a cell is missing; all are of a column that is not there.
pub(in crate::data) fn is_missing(cells: &Cells, row: usize) -> bool {
    match cells {
        Cells::Numbers { values, .. } => values[row].is_nan(),
        Cells::Times { seconds, .. } => seconds[row] == MISSING_TIME,
        Cells::Texts { codes, .. } => codes[row] == MISSING_TEXT,
        Cells::Various { .. } => false,
        Cells::Skipped => true,
    }
}
