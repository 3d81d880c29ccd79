//! Arrays of NumPy as tables: NPY files, and NPZ files with several arrays.

mod header;
mod npz;
mod zip;

pub use npz::read as read_npz;

use super::typed::{Builder, Cell, Kind as ColumnKind};
use super::{ReadOptions, Table};
use crate::error::{Error, Result};
use header::{Header, Kind, Type};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// Most columns of a table.
const MOST_COLUMNS: u64 = 1 << 20;
/// Bytes that are read at once.
const BLOCK: usize = 1 << 16;

/// Reads an NPY file: rows of an array as rows of a table, in memory order or transposed, in either order of bytes.
///
/// An array `[N]` is one column `x0`, an array `[N, …]` the columns `x0`, `x1`, … of its rows, flattened; a structured
/// array `[N]` has its fields for columns. Elements are integers, floats of 2, 4 and 8 bytes, texts, times in a fixed
/// unit, or truth values: 0 and 1 in an array of rows, else the texts `true` and `false`.
///
/// ```
/// # use std::path::Path;
/// use anygrad::data::table::{ReadOptions, npy};
/// let error = npy::read(Path::new("no/such.npy"), &ReadOptions::default()).unwrap_err();
/// assert!(error.to_string().starts_with("cannot read no/such.npy"));
/// ```
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Data`] if it is no such array, is cut short, has elements of
/// another type, or more of them than the main memory takes.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Table> {
    let failed = |e| Error::io("read", path, e);
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let array = Array::open(path, String::new(), size, Box::new(BufReader::new(file)))?;
    table(path, options, array.names("x"), vec![array], Vec::new())
}

/// An array whose elements are to be read.
struct Array {
    /// Its name in an NPZ file.
    name: String,
    header: Header,
    reader: Box<dyn Read>,
}

/// The error of an array. `name` is empty in an NPY file.
fn refused(path: &Path, name: &str, reason: impl Into<String>, remedy: &str) -> Error {
    let place = if name.is_empty() { String::new() } else { format!(", array `{name}`") };
    Error::data(path, place, reason, remedy)
}

const DAMAGED: &str = "save it again by numpy.save or numpy.savez";

impl Array {
    /// An array of which header and elements take `size` bytes.
    fn open(path: &Path, name: String, size: u64, mut reader: Box<dyn Read>) -> Result<Array> {
        let header = header::read(&mut reader);
        let header =
            header.map_err(|e| refused(path, &name, e, "save numbers or texts, by numpy.save or numpy.savez"))?;
        let promised = header.elements().and_then(|elements| elements.checked_mul(header.element() as u64));
        let held = size.saturating_sub(header.bytes);
        if promised != Some(held) {
            let promised = promised.map_or("more than 2⁶⁴".into(), |bytes| bytes.to_string());
            let shape = &header.shape;
            let reason =
                format!("truncated or overlong: its shape {shape:?} promises {promised} bytes, there are {held}");
            return Err(refused(path, &name, reason, DAMAGED));
        }
        Ok(Array { name, header, reader })
    }

    fn rows(&self) -> usize {
        self.header.shape.first().copied().unwrap_or(0)
    }

    /// Elements of a row.
    fn width(&self) -> u64 {
        self.header.shape.iter().skip(1).fold(1, |product, &extent| product.saturating_mul(extent as u64))
    }

    /// Number of columns that it makes.
    fn columns(&self) -> u64 {
        self.width().saturating_mul(self.header.fields.len() as u64)
    }

    /// Names of its columns: of its fields, else `x0`, `x1`, … with this beginning.
    fn names(&self, prefix: &str) -> Vec<String> {
        match &self.header.fields[..] {
            [(None, _)] => (0..self.columns().min(MOST_COLUMNS + 1)).map(|i| format!("{prefix}{i}")).collect(),
            fields => fields.iter().filter_map(|(name, _)| name.clone()).collect(),
        }
    }

    /// Whether its truth values count as numbers.
    fn is_matrix(&self) -> bool {
        self.header.shape.len() > 1
    }

    /// What a field's columns hold.
    fn kind(&self, field: Type) -> ColumnKind {
        match field.kind {
            Kind::Truth if !self.is_matrix() => ColumnKind::Texts,
            Kind::Unicode | Kind::Bytes => ColumnKind::Texts,
            Kind::Time { .. } => ColumnKind::Times,
            _ => ColumnKind::Numbers,
        }
    }

    /// Reads all elements into the columns.
    fn fill(mut self, path: &Path, columns: &mut [Builder]) -> Result<()> {
        let (rows, width) = (self.rows(), self.width() as usize);
        let element = self.header.element();
        let mut block = vec![0; BLOCK.div_ceil(element) * element];
        let (mut at, elements) = (0, rows * width);
        let mut text = String::new();
        while at < elements {
            let count = (elements - at).min(block.len() / element);
            let bytes = &mut block[..count * element];
            let damaged = |e: std::io::Error| refused(path, &self.name, format!("damaged: {e}"), DAMAGED);
            self.reader.read_exact(bytes).map_err(damaged)?;
            for bytes in bytes.chunks_exact(element) {
                let first = if self.header.is_fortran { self.transposed(at / rows) } else { at % width };
                let mut rest = bytes;
                for (i, (_, field)) in self.header.fields.iter().enumerate() {
                    let (own, next) = rest.split_at(field.bytes);
                    rest = next;
                    let cell = cell(own, *field, self.is_matrix(), &mut text);
                    columns[first + i].push(cell).map_err(|_| no_memory(path, &self.name, elements))?;
                }
                at += 1;
            }
        }
        Ok(())
    }

    /// The position in a row whose last index changes fastest, of an element by its position in one whose first index
    /// does.
    fn transposed(&self, mut position: usize) -> usize {
        let mut at = 0;
        let mut stride = self.width() as usize;
        for &extent in &self.header.shape[1..] {
            stride /= extent;
            at += position % extent * stride;
            position /= extent;
        }
        at
    }
}

fn no_memory(path: &Path, name: &str, elements: usize) -> Error {
    refused(path, name, format!("{elements} elements do not fit into the main memory"), "use fewer rows or columns")
}

/// The table of arrays beside each other: `names` are those of all columns.
fn table(
    path: &Path,
    options: &ReadOptions,
    names: Vec<String>,
    arrays: Vec<Array>,
    decisions: Vec<String>,
) -> Result<Table> {
    let rows = arrays.first().map_or(0, Array::rows);
    for array in &arrays {
        let (name, shape) = (&array.name, &array.header.shape);
        let is_structured = array.header.fields.len() > 1 || array.header.fields[0].0.is_some();
        if shape.is_empty() || (is_structured && shape.len() > 1) {
            let reason = format!("an array of shape {shape:?} is no table");
            return Err(refused(path, name, reason, "save an array [rows] or [rows, columns]"));
        }
        if array.columns() == 0 || array.columns() > MOST_COLUMNS {
            return Err(refused(path, name, format!("{} columns", array.columns()), "save an array of fewer columns"));
        }
        if array.rows() != rows {
            let reason = format!("{} rows, `{}` has {rows}", array.rows(), arrays[0].name);
            return Err(refused(path, name, reason, "save arrays with the same number of rows"));
        }
    }
    if rows == 0 {
        return Err(refused(path, "", "no rows", "add data"));
    }
    check_names(path, &names)?;
    let (wants, hints) = ((options.wants)(&names), (options.hints)(&names));
    let kinds = arrays.iter().flat_map(|array| {
        let kinds = array.header.fields.iter().map(|(_, field)| array.kind(*field));
        std::iter::repeat_n(kinds, array.width() as usize).flatten()
    });
    let build = |(i, (name, kind)): (usize, (String, ColumnKind))| {
        let want = wants.get(i).copied().unwrap_or_default();
        let builder = Builder::new(name, kind, want, &options.missing, rows);
        Ok(builder.map_err(|_| no_memory(path, "", rows))?.hinted(hints.get(i).copied().unwrap_or_default()))
    };
    let mut columns = names.into_iter().zip(kinds).enumerate().map(build).collect::<Result<Vec<_>>>()?;
    let mut rest = &mut columns[..];
    for array in arrays {
        let (own, next) = rest.split_at_mut(array.columns() as usize);
        array.fill(path, own)?;
        rest = next;
    }
    let columns = columns.into_iter().map(Builder::finish).collect();
    Ok(Table { path: path.into(), columns, rows, decisions, ..Table::default() })
}

fn check_names(path: &Path, names: &[String]) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    match names.iter().find(|name| !seen.insert(name.as_str())) {
        Some(name) => Err(Error::data(path, "", format!("two columns are called `{name}`"), "rename one")),
        None => Ok(()),
    }
}

/// An element of a field; `text` is where texts are put.
fn cell<'a>(bytes: &[u8], field: Type, is_matrix: bool, text: &'a mut String) -> Cell<'a> {
    // The bytes of a number, the least first.
    let mut word = [0; 8];
    if bytes.len() <= 8 {
        word[..bytes.len()].copy_from_slice(bytes);
        if field.is_big {
            word[..bytes.len()].reverse();
        }
    }
    let unsigned = u64::from_le_bytes(word);
    let unused = 64 - 8 * bytes.len().min(8) as u32;
    let signed = (unsigned << unused.min(63)) as i64 >> unused.min(63);
    match field.kind {
        Kind::Truth if is_matrix => Cell::Unsigned(u64::from(unsigned != 0)),
        Kind::Truth => Cell::Truth(unsigned != 0),
        Kind::Signed => Cell::Signed(signed),
        Kind::Unsigned => Cell::Unsigned(unsigned),
        Kind::Float => match field.bytes {
            2 => Cell::Single(half(unsigned as u16)),
            4 => Cell::Single(f32::from_bits(unsigned as u32)),
            _ => Cell::Double(f64::from_bits(unsigned)),
        },
        // The least number stands for no time.
        Kind::Time { .. } if signed == i64::MIN => Cell::Missing,
        Kind::Time { seconds, parts } => Cell::Time(signed.saturating_mul(seconds).div_euclid(parts)),
        Kind::Unicode => {
            text.clear();
            let number = |b: &[u8]| {
                let bytes = [b[0], b[1], b[2], b[3]];
                if field.is_big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
            };
            let characters = bytes.chunks_exact(4).map(number).take_while(|&number| number != 0);
            text.extend(characters.map(|number| char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)));
            Cell::Text(text)
        }
        Kind::Bytes => {
            let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            text.clear();
            text.push_str(&String::from_utf8_lossy(&bytes[..end]));
            Cell::Text(text)
        }
    }
}

/// A float of two bytes.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}

#[cfg(test)]
pub(super) mod tests;
