//! One run of training. It goes on in a thread of its own, so that Python's other threads run meanwhile and Ctrl-C is heard.

use crate::columns::{self, Columns, rows};
use crate::device::device;
use crate::errors::{raised, without_flags};
use crate::model::Model;
use anygrad::data::{Dataset, MemoryRows, Targets};
use anygrad::train::{EpochReport, Every, Flow, History, Recipe, Snapshot, Trainer};
use anygrad::{Error, Result};
use numpy::PyReadonlyArray1;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often it is looked whether the user wants to stop.
const LOOK: Duration = Duration::from_millis(50);
/// How long a run that is stopped is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// What the run tells while it goes on; it waits for the answer.
struct Question {
    report: EpochReport,
    answer: Sender<Flow>,
}

/// What a run is made of, without anything of Python.
struct Order {
    recipe: Recipe,
    rows: MemoryRows,
    validation: Option<MemoryRows>,
    /// The model whose preparation of rows is kept, and what is gone on from.
    fitted: Option<anygrad::data::Fitted>,
    snapshot: Option<Snapshot>,
    initial: Option<Vec<anygrad::nn::Tensor>>,
    until: Option<u64>,
}

/// What a run comes to.
struct Outcome {
    model: anygrad::nn::Model,
    history: History,
    snapshot: Option<Snapshot>,
    decisions: Vec<String>,
    device: String,
    reason: String,
    epochs: u64,
    /// Of the validation rows' targets as they are trained on, the mean over the outputs.
    validation_variance: Option<f64>,
}

impl Order {
    fn run(mut self, stop: Arc<AtomicBool>, ask: Option<Sender<Question>>) -> Result<Outcome> {
        let data = self.recipe.prepare(self.rows, self.validation, self.fitted.as_ref())?;
        let request = self.recipe.request()?;
        let trainer = Trainer::of(self.recipe, &data)?;
        let choice = device(&request, trainer.work(&data.train)?)?;
        let kept = Arc::new(Mutex::new(None));
        let keeps = kept.clone();
        let keep = move |snapshot: &Snapshot| {
            *keeps.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot.clone());
        };
        let mut trainer = trainer.on(choice.device).stop_when(stop).checkpoints(Every::Epochs(u64::MAX), keep);
        if let Some(snapshot) = self.snapshot {
            trainer = trainer.go_on(snapshot);
        } else if let Some(initial) = self.initial {
            trainer = trainer.initial(initial);
        }
        if let Some(until) = self.until {
            trainer = trainer.until(until);
        }
        if let Some(ask) = ask {
            trainer = trainer.on_epoch(move |report| {
                let (answer, answered) = channel();
                let asked = ask.send(Question { report: report.clone(), answer });
                asked.ok().and_then(|()| answered.recv().ok()).unwrap_or(Flow::Stop)
            });
        }
        let history = trainer.fit_blocking(&data)?;
        let device = trainer.device().device_name();
        let snapshot = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(Outcome {
            epochs: trainer.recipe().epochs(),
            model: trainer.model()?.clone(),
            history,
            snapshot,
            decisions: data.decisions,
            validation_variance: data.validation.as_ref().and_then(variance),
            device,
            reason: choice.reason,
        })
    }
}

/// Validation rows: columns, targets, weights.
type Validation<'py> = (PyRef<'py, Columns>, PyRef<'py, columns::Targets>, Option<PyReadonlyArray1<'py, f32>>);

/// Trains by a recipe in JSON. Returns the model, what happened in JSON, and what the run can be gone on from.
///
/// `model` is one whose preparation of the columns, layers and loss are kept: with `snapshot` the run goes on from there, with
/// `starts_from_weights` from its weights. `until` ends it behind so many epochs. `on_epoch` gets each epoch's report in JSON
/// and returns whether to stop.
#[pyfunction]
#[pyo3(signature = (recipe, columns, targets, weights=None, validation=None, model=None, snapshot=None, until=None, on_epoch=None, starts_from_weights=false))]
#[expect(clippy::too_many_arguments, reason = "each has a name in Python, and one caller")]
pub fn fit<'py>(
    py: Python<'py>,
    recipe: &str,
    columns: &Columns,
    targets: &columns::Targets,
    weights: Option<PyReadonlyArray1<'py, f32>>,
    validation: Option<Validation<'py>>,
    model: Option<&Model>,
    snapshot: Option<&[u8]>,
    until: Option<u64>,
    on_epoch: Option<Bound<'py, PyAny>>,
    starts_from_weights: bool,
) -> PyResult<(Model, String, Option<Bound<'py, PyBytes>>)> {
    let validation = match &validation {
        Some((columns, targets, weights)) => Some(rows(columns, targets, weights.clone())?),
        None => None,
    };
    let order = Order {
        recipe: crate::tools::parse(recipe)?,
        rows: rows(columns, targets, weights)?,
        validation,
        fitted: model.map(|model| model.own.fitted()),
        snapshot: snapshot.map(Snapshot::from_bytes).transpose().map_err(raised)?,
        initial: model.filter(|_| starts_from_weights).map(|model| model.own.tensors.clone()),
        until,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let (ask, questions) = channel();
    let (done, is_done) = channel::<()>();
    let (stops, asks) = (stop.clone(), on_epoch.is_some());
    let run = move || {
        // Dropped when the run ends, which ends the waiting.
        let _done = done;
        order.run(stops, asks.then_some(ask))
    };
    let run = std::thread::Builder::new().name("anygrad fit".into()).spawn(run)?;
    let (questions, is_done) = (Mutex::new(questions), Mutex::new(is_done));
    if let Err(error) = attend(py, &questions, &is_done, on_epoch.as_ref()) {
        stop.store(true, Ordering::Relaxed);
        drop(questions);
        // A run stops behind its next step. What takes longer, such as a driver that compiles, is not waited for: it ends by
        // itself, and nobody sees what it came to.
        py.detach(|| next(&is_done, PATIENCE)).ok();
        return Err(error);
    }
    let outcome = match py.detach(|| run.join()) {
        Ok(outcome) => outcome.map_err(raised)?,
        Err(_) => {
            let message = "training failed badly: please report it with what is on stderr";
            return Err(PyRuntimeError::new_err(message));
        }
    };
    let snapshot = outcome.snapshot.as_ref().map(|snapshot| PyBytes::new(py, &snapshot.to_bytes()));
    let happened = happened(&outcome).map_err(raised)?;
    Ok((Model::new(outcome.model), happened, snapshot))
}

/// Answers the questions of a run until it ends; fails as the callback does, or where the user wants to stop.
fn attend(
    py: Python<'_>,
    questions: &Mutex<Receiver<Question>>,
    is_done: &Mutex<Receiver<()>>,
    on_epoch: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let asks = on_epoch.is_some();
    loop {
        let next = py.detach(|| match wait(asks, questions, is_done) {
            Waited::Question(question) => Some(Some(question)),
            Waited::Time => Some(None),
            Waited::Done => None,
        });
        py.check_signals()?;
        let Some(question) = next else { return Ok(()) };
        let (Some(Question { report, answer }), Some(on_epoch)) = (question, on_epoch) else { continue };
        let report = serde_json::to_string(&report).unwrap_or_default();
        let stops = on_epoch.call1((report,))?.is_truthy()?;
        // Where nobody waits for the answer, the run has ended.
        let _ = answer.send(if stops { Flow::Stop } else { Flow::Continue });
    }
}

fn next<T>(channel: &Mutex<Receiver<T>>, most: Duration) -> std::result::Result<T, RecvTimeoutError> {
    channel.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(most)
}

/// What waiting came to.
enum Waited {
    Question(Question),
    Time,
    Done,
}

/// Waits for what comes next, but not long.
fn wait(asks: bool, questions: &Mutex<Receiver<Question>>, is_done: &Mutex<Receiver<()>>) -> Waited {
    if asks {
        return match next(questions, LOOK) {
            Ok(question) => Waited::Question(question),
            Err(RecvTimeoutError::Timeout) => Waited::Time,
            Err(RecvTimeoutError::Disconnected) => Waited::Done,
        };
    }
    match next(is_done, LOOK) {
        Err(RecvTimeoutError::Disconnected) => Waited::Done,
        _ => Waited::Time,
    }
}

/// Variance of target values as a model is to put them out, the mean over the outputs, if they are numbers.
fn variance(rows: &Dataset) -> Option<f64> {
    let Targets::Values { names, data } = &rows.targets else { return None };
    let mut values = data.clone();
    rows.target_preprocessing.apply(&mut values);
    let count = (values.len() / names.len()) as f64;
    let of_output = |at: usize| {
        let own = || values.iter().skip(at).step_by(names.len()).map(|&y| f64::from(y));
        let mean = own().sum::<f64>() / count;
        own().map(|y| (y - mean) * (y - mean)).sum::<f64>() / count
    };
    Some((0..names.len()).map(of_output).sum::<f64>() / names.len() as f64)
}

/// What happened, for Python.
fn happened(outcome: &Outcome) -> Result<String> {
    let History { epochs, model_epoch, stopped_early, rollbacks, steps, device_bytes, .. } = &outcome.history;
    // By way of text, so that 0.003 in 32 bits stays 0.003.
    let by_text = |value| serde_json::to_string(value).and_then(|text| serde_json::from_str(&text)).unwrap_or_default();
    let epochs: serde_json::Value = by_text(epochs);
    let happened = serde_json::json!({
        "epochs": epochs,
        "most_epochs": outcome.epochs,
        "model_epoch": model_epoch,
        "stopped_early": stopped_early,
        "rollbacks": rollbacks,
        "steps": steps,
        "device": outcome.device,
        "device_reason": outcome.reason,
        "device_bytes": device_bytes,
        "decisions": outcome.decisions.iter().map(|line| without_flags(line)).collect::<Vec<_>>(),
        "validation_variance": outcome.validation_variance,
    });
    serde_json::to_string(&happened).map_err(|e| Error::shape("history", e.to_string()))
}
