//! The folder of a run: resolved configuration, environment, metrics line by line, the model.

use crate::error::{Error, Result};
use crate::files::write_whole;
use crate::model::Model;
use crate::train::Snapshot;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The lines of results.
const METRICS: &str = "metrics.jsonl";
/// The last two snapshots, the newer first.
const CHECKPOINTS: [&str; 2] = ["checkpoint.bin", "checkpoint.previous.bin"];
/// What a run writes.
const FILES: [&str; 11] = [
    METRICS,
    CHECKPOINTS[0],
    CHECKPOINTS[1],
    "config.toml",
    "environment.json",
    "decisions.txt",
    "variants.json",
    "profile.json",
    "last.safetensors",
    "best.safetensors",
    "report.html",
];

/// A folder that a run writes to.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    metrics: File,
}

impl RunFolder {
    /// What the names of TensorBoard's event files begin with, of which a run may have several.
    pub const EVENTS: &str = "events.out.tfevents.";

    /// Creates `path`, or the first free `runs/<name>-N` below the current folder.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be created; [`Error::InvalidOption`] if `path` already holds a run or a model:
    /// nothing is overwritten.
    pub fn create(path: Option<&Path>, name: &str) -> Result<RunFolder> {
        let path = match path {
            Some(path) => {
                if let Some(there) = held(path) {
                    return Err(taken(path, &there));
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
        // Where files cannot be locked, nothing keeps another process from resuming the run meanwhile.
        let _ = metrics.try_lock();
        Ok(RunFolder { path, metrics })
    }

    /// The folder of a run that was interrupted, to go on writing to, and the snapshot to go on from: the last one, or if that
    /// is damaged the one before, with a word about it. Lines of metrics that the run will write again are taken out.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if there is no snapshot, or another process is at this run; [`Error::Snapshot`] if both are
    /// damaged; [`Error::Io`].
    pub fn resume(path: &Path) -> Result<(RunFolder, Snapshot, Option<String>)> {
        let (mut snapshot, mut faults) = (None, Vec::new());
        for name in CHECKPOINTS {
            let file = path.join(name);
            let bytes = match crate::files::read(&file) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::io("read", &file, error)),
            };
            match Snapshot::from_bytes(&bytes) {
                Ok(found) => {
                    snapshot = Some(found);
                    break;
                }
                Err(error) => faults.push(error.in_addition(&file.display().to_string())),
            }
        }
        let Some(snapshot) = snapshot else {
            let expected = "holds no checkpoint to go on from: name the folder of an interrupted run";
            return Err(faults.pop().unwrap_or_else(|| Error::option("resume", path.display(), expected)));
        };
        let file = path.join(METRICS);
        let io = |error| Error::io("open", &file, error);
        let mut metrics =
            File::options().read(true).write(true).create(true).truncate(false).open(&file).map_err(io)?;
        if let Err(std::fs::TryLockError::WouldBlock) = metrics.try_lock() {
            return Err(Error::option("resume", path.display(), "is a run that goes on in another process"));
        }
        let mut text = String::new();
        metrics.read_to_string(&mut text).map_err(io)?;
        let kept = kept_metrics(&text, snapshot.epochs_done(), snapshot.rollbacks());
        metrics.set_len(kept as u64).and_then(|()| metrics.seek(SeekFrom::End(0)).map(drop)).map_err(io)?;
        if !faults.is_empty() {
            // It must not take the place of the one that is sound.
            let damaged = path.join(CHECKPOINTS[0]);
            std::fs::remove_file(&damaged).map_err(|error| Error::io("remove", &damaged, error))?;
        }
        let fault = faults.pop().map(|fault| format!("{fault}: the checkpoint before it is taken"));
        Ok((RunFolder { path: path.into(), metrics }, snapshot, fault))
    }

    /// Writes a snapshot, from which [`RunFolder::resume`] goes on. The one before is kept as well.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save_checkpoint(&self, snapshot: &Snapshot) -> Result<()> {
        self.be_there()?;
        let [newer, older] = CHECKPOINTS.map(|name| self.path.join(name));
        match std::fs::rename(&newer, &older) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("rename", &newer, error));
            }
            _ => {}
        }
        write_whole(&newer, &snapshot.to_bytes())
    }

    /// Creates a folder for several runs: `path`, or the first free `runs/<name>-N`. Each run then creates its own below.
    ///
    /// # Errors
    /// Fails as [`RunFolder::create`] does.
    pub fn create_group(path: Option<&Path>, name: &str) -> Result<PathBuf> {
        match path {
            Some(path) if held(path).is_some() => Err(taken(path, "a run")),
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

    /// Whether the folder holds a file whose name begins so.
    pub fn holds(&self, name: &str) -> bool {
        let names = std::fs::read_dir(&self.path).into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.into_iter().any(|own| own.to_string_lossy().starts_with(name))
    }

    /// Writes a file of the run, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, name: &str, content: &str) -> Result<()> {
        write_whole(&self.path.join(name), content.as_bytes())
    }

    /// Creates a file to write to as the run goes on, under `name` or, if that is taken, with a number behind it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create_file(&self, name: &str) -> Result<(PathBuf, File)> {
        let mut path = self.path.join(name);
        for number in 2.. {
            match File::create_new(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    path = self.path.join(format!("{name}.{number}"));
                }
                file => return file.map(|file| (path.clone(), file)).map_err(|e| Error::io("create", &path, e)),
            }
        }
        Err(Error::option("out", path.display(), "no free file name"))
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
        self.be_there()?;
        let path = self.path.join("last.safetensors");
        model.save(&path)?;
        Ok(path)
    }
}

impl RunFolder {
    /// Creates the folder again if somebody has removed it, so that the model at least is not lost.
    fn be_there(&self) -> Result<()> {
        std::fs::create_dir_all(&self.path).map_err(|e| Error::io("create", &self.path, e))
    }

    /// Checks that the metrics are where they were written.
    ///
    /// # Errors
    /// [`Error::Io`] if somebody has removed them.
    pub fn check_metrics(&self) -> Result<()> {
        let file = self.path.join(METRICS);
        file.metadata().map(drop).map_err(|e| Error::io("find", &file, e))
    }
}

/// What counts of a line of metrics; the rest is not kept while it is read.
#[derive(serde::Deserialize)]
struct MetricsLine {
    event: String,
    epoch: Option<u64>,
}

/// Bytes of the lines of metrics that stay if a run goes on behind so many epochs and ways back.
fn kept_metrics(text: &str, epochs: u64, mut rollbacks: u64) -> usize {
    let mut kept = 0;
    for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let Ok(MetricsLine { event, epoch }) = serde_json::from_str(line) else { break };
        match (&event[..], epoch) {
            ("epoch", Some(epoch)) if epoch <= epochs => {}
            ("variants" | "device_lost", _) => {}
            ("rolled_back", _) if rollbacks > 0 => rollbacks -= 1,
            _ => break,
        }
        kept += line.len();
    }
    kept
}

/// What of a run a folder holds.
fn held(path: &Path) -> Option<String> {
    if let Some(file) = FILES.iter().find(|file| path.join(file).exists()) {
        return Some(file.to_string());
    }
    let names = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.map(|name| name.to_string_lossy().into_owned()).find(|name| name.starts_with(RunFolder::EVENTS))
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
