//! A table of any format, from a file or from a program's memory.

use crate::data::table::{ReadOptions, Table};
use crate::data::{HeldFiles, Parts, TableFormat};
use crate::error::{Error, Result};
use crate::files::ON_DISK;
use std::path::Path;

/// Reads a table of any format, in the parts that the file names; of text if it is held in memory.
pub(in crate::data) fn read_any(
    path: &Path,
    options: &ReadOptions<'_>,
    files: Option<&HeldFiles>,
) -> Result<Parts<Table>> {
    if let Some(stream) = files.and_then(|files| files.stream(path)) {
        return Ok(Parts::whole(Table::read_stream(stream, path, options)?));
    }
    if !ON_DISK {
        return Err(Error::io(
            "read",
            path,
            std::io::Error::new(std::io::ErrorKind::NotFound, "the page was not given it"),
        ));
    }
    match TableFormat::of(path) {
        None | Some(TableFormat::Text) => Ok(Parts::whole(Table::read(path, options)?)),
        Some(TableFormat::Npy) => Ok(Parts::whole(crate::data::table::npy::read(path, options)?)),
        Some(TableFormat::Npz) => crate::data::table::npy::read_npz(path, options),
        #[cfg(feature = "parquet")]
        Some(TableFormat::Parquet | TableFormat::Arrow) => {
            Ok(Parts::whole(crate::data::table::arrow::read(path, options)?))
        }
        #[cfg(not(feature = "parquet"))]
        Some(TableFormat::Parquet | TableFormat::Arrow) => {
            let reason = "this program was built without Parquet and Arrow";
            Err(Error::data(path, "", reason, "build it with --features parquet, or save the table as CSV"))
        }
    }
}
