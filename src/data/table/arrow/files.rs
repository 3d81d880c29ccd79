//! Parquet files, and files and streams of Arrow's interprocess format (Feather).

use super::{damaged, guard, table, wants};
use crate::data::table::{ReadOptions, Table};
use crate::error::{Error, Result};
use arrow_ipc::reader::{FileReader, StreamReader};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

/// Rows that are read at once.
const BLOCK: usize = 8192;

/// Reads a Parquet file, an Arrow file or an Arrow stream; which of them it is, its first bytes tell. Only columns that
/// are wanted are decoded.
///
/// Integers, floats and decimals are numbers; dates, timestamps (in UTC, if they name a zone) and times of day are times;
/// strings are texts, and so are truth values: `true` and `false`. Null is missing. Dictionaries are what their values
/// are. A column called `__index_level_0__`, which pandas writes for rows without names of their own, counts as unnamed.
///
/// ```
/// # use std::path::Path;
/// use anygrad::data::table::{ReadOptions, arrow};
/// let error = arrow::read(Path::new("no/such.parquet"), &ReadOptions::default()).unwrap_err();
/// assert!(error.to_string().starts_with("cannot read no/such.parquet"));
/// ```
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Data`] if it is no such file or damaged, two columns have one name,
/// there are no rows, or more than the main memory takes, or a column that is wanted has lists, structures or other
/// types in its cells.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Table> {
    let failed = |e| Error::io("read", path, e);
    let mut file = File::open(path).map_err(failed)?;
    let mut magic = Vec::new();
    file.by_ref().take(6).read_to_end(&mut magic).map_err(failed)?;
    file.rewind().map_err(failed)?;
    // The decoders are many, and each is made for files that a program wrote: one that fails badly must not end ours.
    DECODING.set(true);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match &magic[..] {
        [b'P', b'A', b'R', b'1', ..] => parquet(path, file, options),
        b"ARROW1" => ipc_file(path, file, options),
        [0xFF, 0xFF, 0xFF, 0xFF, ..] => ipc_stream(path, file, options),
        [b'F', b'E', b'A', b'1', ..] => {
            Err(Error::data(path, "", "Feather of version 1", "save it as version 2, or as Parquet"))
        }
        _ => Err(Error::data(path, "", "neither a Parquet nor an Arrow file", "save it as Parquet or CSV")),
    }));
    DECODING.set(false);
    outcome.unwrap_or_else(|_| Err(damaged(path, "its decoder failed")))
}

thread_local! {
    static DECODING: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Whether this thread is decoding a file, where a panic becomes an error: a program's panic hook may keep silent then.
pub fn is_decoding() -> bool {
    DECODING.get()
}

fn parquet(path: &Path, file: File, options: &ReadOptions) -> Result<Table> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| damaged(path, e))?;
    let schema = builder.schema().clone();
    let rows = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    let (wants, wanted) = wants(path, &schema, options)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
    let reader = builder.with_projection(mask).with_batch_size(BLOCK).build().map_err(|e| damaged(path, e))?;
    table(path, &schema, &wants, options, Some(rows), Box::new(reader))
}

fn ipc_file(path: &Path, mut file: File, options: &ReadOptions) -> Result<Table> {
    guard::file(&mut file).map_err(|e| damaged(path, e))?;
    let twin = file.try_clone().map_err(|e| Error::io("read", path, e))?;
    let schema = FileReader::try_new(BufReader::new(twin), None).map_err(|e| damaged(path, e))?.schema();
    let (wants, wanted) = wants(path, &schema, options)?;
    // Which columns are decoded is told at the beginning.
    let reader = FileReader::try_new(BufReader::new(file), Some(wanted)).map_err(|e| damaged(path, e))?;
    table(path, &schema, &wants, options, None, Box::new(reader))
}

fn ipc_stream(path: &Path, mut file: File, options: &ReadOptions) -> Result<Table> {
    guard::stream(&mut file).map_err(|e| damaged(path, e))?;
    file.rewind().map_err(|e| Error::io("read", path, e))?;
    let reader = StreamReader::try_new(BufReader::new(&mut file), None).map_err(|e| damaged(path, e))?;
    let schema = reader.schema();
    drop(reader);
    let (wants, wanted) = wants(path, &schema, options)?;
    file.rewind().map_err(|e| Error::io("read", path, e))?;
    let reader = StreamReader::try_new(BufReader::new(file), Some(wanted)).map_err(|e| damaged(path, e))?;
    table(path, &schema, &wants, options, None, Box::new(reader))
}
