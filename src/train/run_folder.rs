//! The folder of a run: resolved configuration, environment, metrics line by line, the model.

use crate::error::{Error, Result};
use crate::files::write_whole;
use crate::model::Model;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The lines of results.
const METRICS: &str = "metrics.jsonl";
/// What a run writes.
const FILES: [&str; 7] = [
    METRICS,
    "config.toml",
    "environment.json",
    "decisions.txt",
    "variants.json",
    "last.safetensors",
    "best.safetensors",
];

/// A folder that a run writes to.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    metrics: File,
}

impl RunFolder {
    /// Creates `path`, or the first free `runs/<name>-N` below the current folder.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be created; [`Error::InvalidOption`] if `path` already holds a run or a model:
    /// nothing is overwritten.
    pub fn create(path: Option<&Path>, name: &str) -> Result<RunFolder> {
        let path = match path {
            Some(path) => {
                if let Some(there) = FILES.iter().find(|file| path.join(file).exists()) {
                    return Err(taken(path, there));
                }
                std::fs::create_dir_all(path).map_err(|e| Error::io("create", path, e))?;
                path.to_path_buf()
            }
            None => first_free(name)?,
        };
        let file = path.join(METRICS);
        // Of two runs that start together, one creates the file.
        let metrics = File::create_new(&file).map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => taken(&path, METRICS),
            _ => Error::io("create", &file, e),
        })?;
        Ok(RunFolder { path, metrics })
    }

    /// Creates a folder for several runs: `path`, or the first free `runs/<name>-N`. Each run then creates its own below.
    ///
    /// # Errors
    /// Fails as [`RunFolder::create`] does.
    pub fn create_group(path: Option<&Path>, name: &str) -> Result<PathBuf> {
        match path {
            Some(path) if FILES.iter().any(|file| path.join(file).exists()) => Err(taken(path, "a run")),
            Some(path) => {
                std::fs::create_dir_all(path).map_err(|e| Error::io("create", path, e))?;
                Ok(path.to_path_buf())
            }
            None => first_free(name),
        }
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file of the run, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, name: &str, content: &str) -> Result<()> {
        write_whole(&self.path.join(name), content.as_bytes())
    }

    /// Appends a line to `metrics.jsonl`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn append_metrics(&mut self, line: &str) -> Result<()> {
        writeln!(self.metrics, "{line}").map_err(|e| Error::io("write", &self.path.join(METRICS), e))
    }

    /// Writes the model as `last.safetensors` and returns its path.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save_model(&self, model: &Model) -> Result<PathBuf> {
        let path = self.path.join("last.safetensors");
        model.save(&path)?;
        Ok(path)
    }
}

fn taken(path: &Path, file: &str) -> Error {
    let expected = format!("the folder already holds {file}, which is not overwritten: name another by --out");
    Error::option("out", path.display(), &expected)
}

/// Creates the first `runs/<name>-N` that does not exist yet. Creation itself decides, so that two runs that start
/// together get two folders.
fn first_free(name: &str) -> Result<PathBuf> {
    let runs = Path::new("runs");
    std::fs::create_dir_all(runs).map_err(|e| Error::io("create", runs, e))?;
    for number in 1.. {
        let path = runs.join(format!("{name}-{number}"));
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => continue,
            Err(e) => return Err(Error::io("create", &path, e)),
        }
    }
    Err(Error::option("out", "runs", "no free folder name"))
}
