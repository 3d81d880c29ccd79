//! What the folder of a run tells: its recipe, environment, epochs and results, for the verbs that look at runs.

use super::output::note;
use super::subject::Subject;
use anygrad::train::Recipe;
use anygrad::{Error, Result};
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// A JSON object: a line of metrics, or the environment.
pub type Fields = Map<String, Value>;

/// Most bytes of a line of metrics.
const LONGEST_LINE: u64 = 1 << 20;

/// A run as its folder tells it.
#[derive(Clone, Debug)]
pub struct Record {
    /// The folder.
    pub path: PathBuf,
    /// How it was trained; files are named as they are seen from here.
    pub recipe: Recipe,
    /// The machine; empty if the folder does not say.
    pub environment: Fields,
    /// What was taken for what, a line each.
    pub decisions: Vec<String>,
    /// The lines of its epochs, in their order.
    pub epochs: Vec<Fields>,
    /// The lines of everything else but the end: lost devices, ways back.
    pub events: Vec<Fields>,
    /// The last line, if the run came to its end.
    pub done: Option<Fields>,
}

impl Record {
    /// Reads a folder. A line of metrics that is not whole, as a crash leaves it, ends them.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for `argument` if there is no run; [`Error::Io`], [`Error::Data`].
    pub fn read(path: &Path, argument: &'static str) -> Result<Record> {
        let Some(recipe) = Subject::recipe(path)? else {
            return Err(Error::option(argument, path.display(), "must be the folder of a run"));
        };
        let mut record = Record {
            path: path.into(),
            recipe,
            environment: text_of(&path.join("environment.json"))?
                .and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_default(),
            decisions: text_of(&path.join("decisions.txt"))?.unwrap_or_default().lines().map(String::from).collect(),
            epochs: Vec::new(),
            events: Vec::new(),
            done: None,
        };
        record.read_metrics()?;
        Ok(record)
    }

    fn read_metrics(&mut self) -> Result<()> {
        let path = self.path.join("metrics.jsonl");
        let io = |error| Error::io("read", &path, error);
        let mut reader = BufReader::new(File::open(&path).map_err(io)?);
        let mut line = Vec::new();
        for number in 1u64.. {
            line.clear();
            // Its values may take sixteen times as much.
            if reader.by_ref().take(LONGEST_LINE + 1).read_until(b'\n', &mut line).map_err(io)? == 0 {
                break;
            }
            if line.len() as u64 > LONGEST_LINE {
                let reason = "the line is too long to be one of results";
                return Err(Error::data(&path, format!(":{number}"), reason, "name the folder of a run"));
            }
            let line: Fields = serde_json::from_slice(&line).unwrap_or_default();
            match line.get("event").and_then(Value::as_str) {
                Some("epoch") => self.epochs.push(line),
                Some("done") => self.done = Some(line),
                Some(_) => self.events.push(line),
                None => break,
            }
        }
        Ok(())
    }

    /// Its name: that of the folder.
    pub fn name(&self) -> String {
        self.path
            .file_name()
            .map_or_else(|| self.path.display().to_string(), |name| name.to_string_lossy().into_owned())
    }

    /// The device that it was on, if the folder says it.
    pub fn device(&self) -> Option<&str> {
        self.environment.get("device").and_then(Value::as_str)
    }

    /// How it ended, if it has: `done`, `interrupted`, `diverged`; or it is `running` now, or `unfinished`.
    pub fn state(&self) -> &'static str {
        let is = |line: &Fields, name: &str| line.get("event").is_some_and(|event| event == name);
        match (&self.done, self.events.last()) {
            (Some(_), _) => "done",
            (None, Some(line)) if is(line, "diverged") => "diverged",
            (None, Some(line)) if is(line, "interrupted") => "interrupted",
            (None, _) if self.is_running() => "running",
            (None, _) => "unfinished",
        }
    }

    /// Whether a process writes to it, where files can be locked.
    fn is_running(&self) -> bool {
        let file = File::open(self.path.join("metrics.jsonl"));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)))
    }

    /// What it ended with; of a run that did not come to its end, how far it came: its last word, or its last epoch.
    pub fn end(&self) -> Option<&Fields> {
        let last_word = self.events.last().filter(|line| line.contains_key("weights_hash"));
        self.done.as_ref().or(last_word).or(self.epochs.last())
    }

    /// A figure of the result, such as `test_accuracy`; of a run that did not come to its end, of its last epoch.
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.end()?.get(name)?.as_f64()
    }

    /// A figure of each epoch that has it, with the epoch's number.
    pub fn curve(&self, name: &str) -> Vec<(f64, f64)> {
        let number = |line: &Fields, name: &str| line.get(name).and_then(Value::as_f64);
        self.epochs.iter().filter_map(|line| Some((number(line, "epoch")?, number(line, name)?))).collect()
    }
}

/// The runs in a folder and below it, in the order of their paths; folders that hold none are looked into, links are not.
pub fn folders_below(folder: &Path) -> Result<Vec<PathBuf>> {
    if folder.join("config.toml").is_file() {
        return Ok(vec![folder.into()]);
    }
    let entries = std::fs::read_dir(folder).map_err(|error| Error::io("read", folder, error))?;
    let mut below: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| Error::io("read", folder, error))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            below.push(entry.path());
        }
    }
    below.sort();
    // One that cannot be read does not hide the others.
    let found = below.iter().map(|folder| {
        folders_below(folder).unwrap_or_else(|error| {
            note(&format!("left out: {error}"));
            Vec::new()
        })
    });
    Ok(found.flatten().collect())
}

/// The text of a file, if it is there.
fn text_of(path: &Path) -> Result<Option<String>> {
    let mut text = String::new();
    match File::open(path).and_then(|file| file.take(LONGEST_LINE).read_to_string(&mut text)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(|_| Some(text)).map_err(|error| Error::io("read", path, error)),
    }
}
