//! The pickles of CIFAR's Python version: a dictionary with an array of bytes and a list of labels.
//!
//! A pickle is a program for a stack machine that can call any function. This machine has the instructions that those
//! files consist of, and calls nothing: an object is kept as what it would be made from.

use super::gzip::{Content, no_memory};
use crate::error::{Error, Result};
use crate::files::{in_words, limit};
use std::collections::BTreeMap;
use std::path::Path;

/// Most bytes of a file.
const MOST_BYTES: u64 = 256 << 20;
/// Most values that a file makes; the official ones make 150,000.
const MOST_VALUES: usize = 1 << 20;

/// A value. Those within it are positions among all values.
enum Value<'a> {
    Nothing,
    Number(i64),
    Bytes(&'a [u8]),
    Tuple(Vec<usize>),
    List(Vec<usize>),
    Dictionary(Vec<(usize, usize)>),
    /// A function or class, by its name.
    Global(&'a [u8]),
    /// What a function makes of a tuple, and what is then set in it.
    Object {
        function: usize,
        arguments: usize,
        state: Option<usize>,
    },
}

/// Appends the array under the key `data`, rows of `width` bytes, and the labels under `key`.
pub(super) fn append(path: &Path, key: &str, width: usize, data: &mut Vec<u8>, labels: &mut Vec<u32>) -> Result<()> {
    let most = limit(MOST_BYTES);
    let bytes = Content::open(path)?.take(most.saturating_add(1))?;
    let refused = |reason: &str| {
        let remedy = "fetch the set's binary version (files that end in .bin)";
        Error::data(path, "", format!("no file of CIFAR's Python version: {reason}"), remedy)
    };
    if bytes.len() as u64 > most {
        return Err(refused(&format!("more than {}, a limit that --max-bytes raises", in_words(most))));
    }
    let mut machine = Machine { rest: &bytes, values: Vec::new(), stack: Vec::new(), marks: Vec::new() };
    let root = machine.run().map_err(|reason| refused(&reason))?;
    let (rows, pixels) = machine.array(root, width).ok_or_else(|| refused("no array of bytes under `data`"))?;
    let new = machine.numbers(root, key).ok_or_else(|| refused(&format!("no list of labels under `{key}`")))?;
    if new.len() != rows {
        return Err(refused(&format!("{} labels for {rows} images", new.len())));
    }
    data.try_reserve_exact(pixels.len()).map_err(|_| no_memory(path, pixels.len() as u64))?;
    data.extend_from_slice(pixels);
    labels.extend(new);
    Ok(())
}

struct Machine<'a> {
    rest: &'a [u8],
    values: Vec<Value<'a>>,
    stack: Vec<usize>,
    /// Heights of the stack at the marks that are open.
    marks: Vec<usize>,
}

type Outcome<T> = std::result::Result<T, String>;

impl<'a> Machine<'a> {
    /// Runs the whole program; what is left on the stack is its value.
    fn run(&mut self) -> Outcome<usize> {
        let mut memo = BTreeMap::new();
        loop {
            match self.byte()? {
                0x80 => drop(self.take(1)?),
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'N' | 0x89 => self.push(Value::Nothing)?,
                0x88 => self.push(Value::Number(1))?,
                b'K' => self.number(1)?,
                b'M' => self.number(2)?,
                b'J' => self.number(4)?,
                b'U' | b'C' => self.bytes(1)?,
                b'T' | b'B' | b'X' => self.bytes(4)?,
                b'c' => {
                    self.line()?;
                    let name = self.line()?;
                    self.push(Value::Global(name))?;
                }
                b']' => self.push(Value::List(Vec::new()))?,
                b'}' => self.push(Value::Dictionary(Vec::new()))?,
                b')' => self.push(Value::Tuple(Vec::new()))?,
                length @ 0x85..=0x87 => {
                    let first = self.stack.len().checked_sub(usize::from(length - 0x84)).ok_or(CUT)?;
                    let items = self.stack.split_off(first);
                    self.push(Value::Tuple(items))?;
                }
                b't' => {
                    let items = self.above_mark()?;
                    self.push(Value::Tuple(items))?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend(vec![item])?;
                }
                b'e' | b'u' => {
                    let items = self.above_mark()?;
                    self.extend(items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.extend(vec![key, value])?;
                }
                b'R' => {
                    let (arguments, function) = (self.pop()?, self.pop()?);
                    self.push(Value::Object { function, arguments, state: None })?;
                }
                b'b' => {
                    let new = self.pop()?;
                    match self.top()? {
                        Value::Object { state, .. } => *state = Some(new),
                        _ => return Err("it sets what is no object".into()),
                    }
                }
                b'q' => drop(memo.insert(self.size(1)?, self.stack.last().copied().ok_or(CUT)?)),
                b'r' => drop(memo.insert(self.size(4)?, self.stack.last().copied().ok_or(CUT)?)),
                short @ (b'h' | b'j') => {
                    let key = self.size(if short == b'h' { 1 } else { 4 })?;
                    self.stack.push(*memo.get(&key).ok_or(CUT)?);
                }
                other => return Err(format!("the instruction {other:#04x} is not one of theirs")),
            }
            if self.stack.len() > MOST_VALUES || self.marks.len() > MOST_VALUES || memo.len() > MOST_VALUES {
                return Err("too many values".into());
            }
        }
    }

    fn take(&mut self, count: usize) -> Outcome<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(CUT)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Outcome<u8> {
        Ok(self.take(1)?[0])
    }

    fn line(&mut self) -> Outcome<&'a [u8]> {
        let length = self.rest.iter().position(|&byte| byte == b'\n').ok_or(CUT)?;
        Ok(&self.take(length + 1)?[..length])
    }

    /// A size of 1, 2 or 4 bytes.
    fn size(&mut self, bytes: usize) -> Outcome<usize> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |size, &byte| size << 8 | usize::from(byte)))
    }

    fn number(&mut self, bytes: usize) -> Outcome<()> {
        let size = self.size(bytes)? as i64;
        // Only numbers of four bytes have a sign.
        self.push(Value::Number(if bytes == 4 { i64::from(size as i32) } else { size }))
    }

    fn bytes(&mut self, size: usize) -> Outcome<()> {
        let size = self.size(size)?;
        let bytes = self.take(size)?;
        self.push(Value::Bytes(bytes))
    }

    fn push(&mut self, value: Value<'a>) -> Outcome<()> {
        if self.values.len() >= MOST_VALUES {
            return Err("too many values".into());
        }
        self.stack.push(self.values.len());
        self.values.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Outcome<usize> {
        self.stack.pop().ok_or_else(|| CUT.into())
    }

    fn above_mark(&mut self) -> Outcome<Vec<usize>> {
        let height = self.marks.pop().filter(|&height| height <= self.stack.len()).ok_or(CUT)?;
        Ok(self.stack.split_off(height))
    }

    fn top(&mut self) -> Outcome<&mut Value<'a>> {
        let top = *self.stack.last().ok_or(CUT)?;
        Ok(&mut self.values[top])
    }

    /// Appends to the list, or puts pairs into the dictionary, on top of the stack.
    fn extend(&mut self, items: Vec<usize>) -> Outcome<()> {
        match self.top()? {
            Value::List(list) => list.extend(items),
            Value::Dictionary(pairs) if items.len().is_multiple_of(2) => {
                pairs.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
            }
            _ => return Err("it adds to what is no list".into()),
        }
        Ok(())
    }

    fn get(&self, dictionary: usize, key: &str) -> Option<&Value<'a>> {
        let Value::Dictionary(pairs) = &self.values[dictionary] else { return None };
        let is_key = |&&(at, _): &&(usize, usize)| matches!(self.values[at], Value::Bytes(b) if b == key.as_bytes());
        pairs.iter().find(is_key).map(|&(_, value)| &self.values[value])
    }

    fn numbers(&self, dictionary: usize, key: &str) -> Option<Vec<u32>> {
        let Value::List(items) = self.get(dictionary, key)? else { return None };
        let number = |&item: &usize| match self.values[item] {
            Value::Number(number) => u32::try_from(number).ok(),
            _ => None,
        };
        items.iter().map(number).collect()
    }

    fn tuple(&self, at: usize) -> Option<&[usize]> {
        if let Value::Tuple(items) = &self.values[at] { Some(items) } else { None }
    }

    /// Number of rows and bytes of the array under `data`: what NumPy's reconstruction would set.
    fn array(&self, dictionary: usize, width: usize) -> Option<(usize, &'a [u8])> {
        let Value::Object { function, state: Some(state), .. } = self.get(dictionary, "data")? else { return None };
        let Value::Global(b"_reconstruct") = self.values[*function] else { return None };
        let &[_, shape, element, order, bytes] = self.tuple(*state)? else { return None };
        let Value::Object { arguments, .. } = self.values[element] else { return None };
        let Value::Bytes(b"u1") = self.values[*self.tuple(arguments)?.first()?] else { return None };
        let (Value::Nothing, Value::Bytes(bytes)) = (&self.values[order], &self.values[bytes]) else { return None };
        let &[rows, columns] = self.tuple(shape)? else { return None };
        let (Value::Number(rows), Value::Number(columns)) = (&self.values[rows], &self.values[columns]) else {
            return None;
        };
        let (rows, columns) = (usize::try_from(*rows).ok()?, usize::try_from(*columns).ok()?);
        (columns == width && rows.checked_mul(width) == Some(bytes.len())).then_some((rows, *bytes))
    }
}

const CUT: &str = "it is cut short";

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [&[b'U', text.len() as u8], text.as_bytes()].concat()
    }

    /// A file as Python 2 wrote the official ones; `pickle.loads(…, encoding="bytes")` of Python 3 reads it.
    fn file(labels: &[u8], columns: u8, pixels: &[u8]) -> Vec<u8> {
        let numbers: Vec<u8> = labels.iter().flat_map(|&label| [b'K', label]).collect();
        let array = [
            &b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\0\x85q\x09U\x01bq\x0a\x87q\x0bRq\x0c"[..],
            &[b'(', b'K', 1, b'K', labels.len() as u8, b'K', columns, 0x86, b'q', 13],
            b"cnumpy\ndtype\nq\x0eU\x02u1K\0K\x01\x87q\x0fRq\x10(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tq\x11b\x89",
            b"T",
            &(pixels.len() as u32).to_le_bytes(),
            pixels,
            b"tq\x12b",
        ]
        .concat();
        let start = b"\x80\x02}q\x01(".to_vec();
        [start, text("labels"), b"q\x04]q\x05(".to_vec(), numbers, b"e".to_vec(), text("data"), array, b"u.".to_vec()]
            .concat()
    }

    fn read(name: &str, bytes: &[u8]) -> Result<(Vec<u8>, Vec<u32>)> {
        let path = std::env::temp_dir().join(format!("anygrad-pickle-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        let (mut data, mut labels) = (Vec::new(), Vec::new());
        let outcome = append(&path, "labels", 3, &mut data, &mut labels);
        std::fs::remove_file(path).unwrap();
        outcome.map(|()| (data, labels))
    }

    #[test]
    fn a_file_of_the_python_version_is_read() {
        let (data, labels) = read("whole", &file(&[3, 9], 3, &[1, 2, 3, 4, 5, 6])).unwrap();
        assert_eq!((data, labels), (vec![1, 2, 3, 4, 5, 6], vec![3, 9]));
    }

    #[test]
    fn what_is_no_such_file_is_refused_and_nothing_is_called() {
        let whole = file(&[3, 9], 3, &[1, 2, 3, 4, 5, 6]);
        for cut in 0..whole.len() {
            assert!(read("cut", &whole[..cut]).is_err(), "{cut} bytes");
        }
        let call = b"cos\nsystem\n(U\x04trueU\x04truetR.".to_vec();
        let huge = [b"\x80\x02T\xff\xff\xff\xff", &whole[..]].concat();
        for (name, bytes, part) in [
            ("stub", b"\x80\x03}q\0".to_vec(), "cut short"),
            ("call", call, "no array of bytes"),
            ("huge", huge, "cut short"),
            ("many", [&[b'('][..], &[b'N'; MOST_VALUES + 1]].concat(), "too many values"),
            ("newer", b"\x80\x04\x95.".to_vec(), "the instruction 0x95"),
            ("shape", file(&[3, 9], 2, &[1, 2, 3, 4]), "no array of bytes"),
            ("rows", file(&[3], 3, &[1, 2, 3, 4, 5, 6]), "no array of bytes"),
        ] {
            let error = read(name, &bytes).expect_err(name).to_string();
            assert!(error.contains(part) && error.contains("binary version"), "{name}: {error}");
        }
    }
}
