//! Where the events of a run go: the screen, the run's folder, TensorBoard.

use super::progress::Progress;
use super::result::Outcome;
use super::tensorboard::EventFile;
use anygrad::Error;
use anygrad::train::{Event, RunFolder, Snapshot};
use serde_json::{Map, Value};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where events go: the screen and the run folder. The first failure to write is kept for the end.
pub struct RunSink {
    pub progress: Progress,
    pub folder: RunFolder,
    /// For TensorBoard, if it is asked for.
    pub events: Option<EventFile>,
    pub failure: Option<Error>,
}

impl RunSink {
    /// Appends a line of metrics.
    pub fn write(&mut self, object: &Value) {
        if let Err(error) = self.folder.append_metrics(&object.to_string()) {
            self.failure.get_or_insert(error);
        }
    }

    /// Appends the last line of a run that has not come to its end, and prints it if lines are asked for.
    pub fn end(&mut self, object: Map<String, Value>) {
        let object = Value::Object(object);
        self.write(&object);
        self.progress.print(&object);
    }

    /// Keeps a snapshot. What cannot be kept does not end the run.
    pub fn keep(&mut self, snapshot: &Snapshot) {
        if let Err(error) = self.folder.save_checkpoint(snapshot) {
            self.failure.get_or_insert(error);
        }
    }

    pub fn take(&mut self, event: &Event) {
        let Some(object) = self.progress.show(event) else { return };
        self.write(&object);
        let told = match (&mut self.events, event) {
            (Some(events), Event::Epoch(_)) => events.epoch(&object),
            (Some(events), Event::RolledBack { epoch, .. }) => events.forget_after(*epoch),
            _ => Ok(()),
        };
        if let Err(error) = told {
            self.failure.get_or_insert(error);
        }
    }

    /// Tells TensorBoard of the test rows where they waited until training was over.
    pub fn tell_result(&mut self, outcome: &Outcome, epoch: u64) {
        let (Some(events), Value::Object(mut fields), true) =
            (&mut self.events, outcome.json(), outcome.validation.is_some())
        else {
            return;
        };
        fields.retain(|name, _| name.starts_with("test_"));
        if let Err(error) = events.scalars(epoch, &fields) {
            self.failure.get_or_insert(error);
        }
    }
}

/// What an observer has, also after one has panicked.
pub fn lock(sink: &Mutex<RunSink>) -> MutexGuard<'_, RunSink> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}
