//! How far a recipe of a sweep has come, as the folder of its run tells.

use super::super::record::{Fields, Record};
use anygrad::Result;
use serde_json::Value;
use std::path::Path;

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is nothing to go on from.
    New,
    /// It has a checkpoint, and no end.
    Begun,
    /// It came to an end: its own, or that of its part of the sweep.
    Done,
    /// Its numbers became NaN or infinite.
    Diverged,
}

/// What a recipe has reached.
#[derive(Clone, Debug)]
pub struct Standing {
    pub state: State,
    /// The last line of its run, if that has ended.
    pub end: Fields,
}

impl Standing {
    /// Reads the folder of a run, which need not be there.
    pub fn of(folder: &Path) -> Result<Standing> {
        let has_checkpoint =
            ["checkpoint.bin", "checkpoint.previous.bin"].iter().any(|name| folder.join(name).is_file());
        let open = if has_checkpoint { State::Begun } else { State::New };
        if !folder.join("config.toml").is_file() {
            return Ok(Standing { state: open, end: Fields::default() });
        }
        let mut record = Record::read(folder, "sweep")?;
        if let Some(end) = record.done.take() {
            return Ok(Standing { state: State::Done, end });
        }
        let diverged =
            record.events.into_iter().rfind(|line| line.get("event").is_some_and(|event| event == "diverged"));
        Ok(match diverged {
            Some(end) => Standing { state: State::Diverged, end },
            None => Standing { state: open, end: Fields::default() },
        })
    }

    /// Whether it has nothing to do up to an epoch, or to the end of its recipe.
    pub fn has_reached(&self, until: Option<u64>, epochs: u64) -> bool {
        match self.state {
            State::Diverged => true,
            State::Done => self.stopped_early() || self.epochs() >= until.unwrap_or(epochs),
            State::New | State::Begun => false,
        }
    }

    /// Epochs that are done.
    pub fn epochs(&self) -> u64 {
        self.end.get("epochs").and_then(Value::as_u64).unwrap_or(0)
    }

    fn stopped_early(&self) -> bool {
        self.end.get("stopped_early").and_then(Value::as_bool).unwrap_or(false)
    }

    /// A figure that the model has; none of a run that diverged.
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.end.get(name).filter(|_| self.state == State::Done)?.as_f64()
    }

    /// The hash of the model's weights; of a run that diverged none, because the model that it leaves depends on where it was
    /// interrupted.
    pub fn weights_hash(&self) -> Option<&str> {
        self.end.get("weights_hash").filter(|_| self.state == State::Done)?.as_str()
    }

    /// In a word.
    pub fn word(&self) -> &'static str {
        match self.state {
            State::New => "new",
            State::Begun => "begun",
            State::Done => "done",
            State::Diverged => "diverged",
        }
    }
}
