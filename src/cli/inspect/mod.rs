//! `anygrad inspect`: what is in a file that anygrad wrote. What a file is, its content tells, and its name only then.

mod folder;
mod model;
mod onnx;
mod show;
mod state;
mod texts;

pub use show::print_wrapped;

use super::options::Format;
use super::output::print_line;
use anygrad::{Error, Result};
use clap::Args;
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The flags of `inspect`.
#[derive(Debug, Args)]
pub struct InspectOptions {
    /// A file that anygrad wrote, or the folder of a run or a sweep
    #[arg(value_name = "FILE|RUN")]
    path: PathBuf,
    /// text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

/// What was found: names and values, in the order in which they are shown. Objects are sections, lists of objects tables.
pub type Found = Map<String, Value>;

/// What a file begins with, and what then reads it.
type Reader = fn(&Path) -> Result<Found>;
const BEGINNINGS: [(&[u8], Reader); 3] =
    [(b"anygrad rows\0", state::packed), (b"anygrad\0", state::checkpoint), (b"anygradP", state::compiled)];

/// Shows what a file holds.
pub fn run(options: &InspectOptions) -> Result<()> {
    let path = &options.path;
    let found = if path.is_dir() { folder::look(path)? } else { look(path)? };
    match options.format {
        Format::Json => {
            let mut object = Found::from_iter([("event".to_string(), json!("inspect"))]);
            object.insert("path".into(), json!(path.display().to_string()));
            object.extend(found);
            print_line(&Value::Object(object).to_string());
        }
        Format::Text => show::print(&found),
    }
    Ok(())
}

/// Finds out what a file is, and reads it.
fn look(path: &Path) -> Result<Found> {
    let io = |error| Error::io("read", path, error);
    if !path.metadata().map_err(io)?.is_file() {
        return Err(Error::option("inspect", path.display(), "is neither a file nor a folder: name one"));
    }
    let mut first = Vec::new();
    let mut file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    file.by_ref().take(64).read_to_end(&mut first).map_err(io)?;
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if length == 0 {
        return Err(Error::data(path, "", "it is empty", "write it again"));
    }
    if let Some((_, reader)) = BEGINNINGS.iter().find(|(magic, _)| first.starts_with(magic)) {
        return reader(path);
    }
    // The length of the header, and its first sign.
    let header = first.first_chunk::<8>().map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes));
    if ending == "safetensors" || (first.get(8) == Some(&b'{') && header <= length) {
        return model::look(path);
    }
    // Its first field is the number of its format's version.
    if ending == "onnx" || (first.starts_with(&[8]) && first.get(2) == Some(&0x12)) {
        return onnx::look(path);
    }
    if name.contains("tfevents") {
        return state::events(path);
    }
    texts::look(path, &name, &ending)
}

/// What is told of any file.
pub fn about(path: &Path, what: &str) -> Found {
    let mut found = Found::new();
    found.insert("file".into(), json!(what));
    if let Ok(about) = path.metadata() {
        found.insert("bytes".into(), json!(about.len()));
    }
    found
}
