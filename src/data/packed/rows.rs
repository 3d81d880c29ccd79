//! Rows of a packed file: their numbers. The rows themselves are read when they are copied.

use super::header::{Header, PREAMBLE, read_at};
use crate::data::rows::{in_parts, widen};
use crate::error::{Error, Result};
use crate::files::Fnv;
use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Threads for each processor while rows are read: most of them wait for the disk.
const THREADS_PER_PROCESSOR: usize = 4;

/// Bytes that a thread reads at least.
const BYTES_PER_THREAD: usize = 256 << 10;

/// Features in a packed file: some or all of its rows, in any order. A clone costs nothing, a selection 4 bytes a row.
#[derive(Clone)]
pub struct PackedRows {
    file: Arc<Opened>,
    rows: Rows,
}

struct Opened {
    path: PathBuf,
    file: File,
    header: Arc<Header>,
}

/// Numbers of rows in the file.
#[derive(Clone, PartialEq)]
enum Rows {
    /// One after the other.
    Run(Range<usize>),
    /// In the order of the list.
    List(Arc<[u32]>),
}

impl Rows {
    fn len(&self) -> usize {
        match self {
            Rows::Run(run) => run.len(),
            Rows::List(list) => list.len(),
        }
    }

    /// The number in the file of row `i`.
    fn at(&self, i: usize) -> usize {
        match self {
            Rows::Run(run) => {
                assert!(i < run.len(), "there is no row {i}");
                run.start + i
            }
            Rows::List(list) => list[i] as usize,
        }
    }
}

impl PackedRows {
    /// All rows of a file.
    pub(super) fn new(path: &Path, file: File, header: Arc<Header>) -> PackedRows {
        let rows = Rows::Run(0..header.rows());
        PackedRows { file: Arc::new(Opened { path: path.into(), file, header }), rows }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Features of a row.
    pub fn width(&self) -> usize {
        self.file.header.width
    }

    /// Whether features are bytes, else floats.
    pub fn are_bytes(&self) -> bool {
        self.file.header.bytes
    }

    /// The rows with these numbers, in this order.
    pub(in crate::data) fn select(&self, rows: &[usize]) -> PackedRows {
        let first = rows.first().map_or(0, |&row| self.rows.at(row));
        let is_run = rows.iter().enumerate().all(|(i, &row)| self.rows.at(row) == first + i);
        let rows = if is_run {
            Rows::Run(first..first + rows.len())
        } else {
            Rows::List(rows.iter().map(|&row| self.rows.at(row) as u32).collect())
        };
        PackedRows { file: self.file.clone(), rows }
    }

    /// Hash of the rows with their targets: for all rows of the file, or of a part, that of the same rows in memory, which
    /// was taken down when they were packed; for others that of the file and the numbers of the rows.
    pub(in crate::data) fn hash(&self) -> String {
        let header = &self.file.header;
        if let Rows::Run(run) = &self.rows
            && let Some(hash) = header.hash_of(run)
        {
            return hash.into();
        }
        let mut hash = Fnv::default();
        hash.feed(header.hash.as_bytes());
        match &self.rows {
            Rows::Run(run) => run.clone().for_each(|row| hash.feed(&(row as u32).to_le_bytes())),
            Rows::List(list) => list.iter().for_each(|row| hash.feed(&row.to_le_bytes())),
        }
        hash.digits()
    }

    /// See [`Features::copy_floats`](crate::data::Features::copy_floats).
    pub(in crate::data) fn copy_floats(&self, row: impl Fn(usize) -> usize + Sync, out: &mut [f32]) -> Result<()> {
        let width = self.width();
        in_parts(out, width, threads(size_of_val(out)), |first, out| {
            if self.are_bytes() {
                let mut bytes = vec![0; out.len()];
                self.read(|i| row(first + i), &mut bytes)?;
                widen(&bytes, out);
                return Ok(());
            }
            self.read(|i| row(first + i), bytemuck::cast_slice_mut(out))?;
            if cfg!(target_endian = "big") {
                out.iter_mut().for_each(|x| *x = f32::from_bits(u32::from_le(x.to_bits())));
            }
            Ok(())
        })
    }

    /// See [`Features::copy_bytes`](crate::data::Features::copy_bytes).
    pub(in crate::data) fn copy_bytes(&self, row: impl Fn(usize) -> usize + Sync, out: &mut [u8]) -> Result<()> {
        if !self.are_bytes() {
            return Ok(());
        }
        in_parts(out, self.width(), threads(out.len()), |first, out| self.read(|i| row(first + i), out))
    }

    /// Reads rows as they are in the file; those that stand one after the other at once.
    fn read(&self, row: impl Fn(usize) -> usize, out: &mut [u8]) -> Result<()> {
        let Opened { path, file, header } = &*self.file;
        let bytes = header.row_bytes();
        let (count, mut done) = (out.len() / bytes, 0);
        while done < count {
            let first = self.rows.at(row(done));
            let follows = |&i: &usize| self.rows.at(row(i)) == first + (i - done);
            let end = (done + 1..count).find(|i| !follows(i)).unwrap_or(count);
            let at = PREAMBLE as u64 + first as u64 * bytes as u64;
            read_at(file, &mut out[done * bytes..end * bytes], at).map_err(|error| Error::io("read", path, error))?;
            done = end;
        }
        Ok(())
    }
}

/// Threads that read so many bytes.
fn threads(bytes: usize) -> usize {
    let most = std::thread::available_parallelism().map_or(1, |processors| THREADS_PER_PROCESSOR * processors.get());
    (bytes / BYTES_PER_THREAD).clamp(1, most)
}

impl PartialEq for PackedRows {
    /// Whether they are the same rows of a file with the same contents.
    fn eq(&self, other: &PackedRows) -> bool {
        let one_file = Arc::ptr_eq(&self.file, &other.file) || self.file.header == other.file.header;
        one_file && self.rows == other.rows
    }
}

impl fmt::Debug for PackedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackedRows").field("path", &self.path()).field("rows", &self.rows()).finish_non_exhaustive()
    }
}
