//! What goes back to JavaScript: errors, and results as JSON.

use anygrad::train::{EpochReport, Event, Session};
use anygrad::{Error, Result};
use serde::Serialize;
use wasm_bindgen::JsValue;

/// An error as JavaScript's, with its sentence.
pub fn message(error: &Error) -> JsValue {
    js_sys::Error::new(&error.to_string()).into()
}

/// A value as JSON.
pub fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::option("answer", "in JSON", &e.to_string()))
}

/// A value as JSON, for JavaScript.
pub fn text(value: &impl Serialize) -> Result<JsValue> {
    json(value).map(|text| JsValue::from_str(&text))
}

/// Floats as an array of their own.
pub fn floats(values: &[f32]) -> JsValue {
    js_sys::Float32Array::from(values).into()
}

/// Bytes as an array of their own.
pub fn bytes(values: &[u8]) -> JsValue {
    js_sys::Uint8Array::from(values).into()
}

/// Where a run stands, with what it has told and the losses of its steps since then.
#[derive(Serialize)]
struct Progress<'a> {
    step: u64,
    epoch: u64,
    done: bool,
    events: Vec<Line<'a>>,
    losses: &'a [f32],
}

/// An event by the names that the program's JSON lines have.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    Start { steps: u64 },
    Steps { done: u64, rows: u64, loss: f32 },
    Epoch(&'a EpochReport),
    DeviceLost { reason: &'a str, step: u64 },
    RolledBack { reason: &'a str, epoch: u64, learning_rate: f32 },
}

fn line(event: &Event) -> Line<'_> {
    match event {
        &Event::Start { steps } => Line::Start { steps },
        &Event::Steps { done, rows, loss } => Line::Steps { done, rows, loss },
        Event::Epoch(report) => Line::Epoch(report),
        Event::DeviceLost { reason, step } => Line::DeviceLost { reason, step: *step },
        Event::RolledBack { reason, epoch, learning_rate } => {
            Line::RolledBack { reason, epoch: *epoch, learning_rate: *learning_rate }
        }
    }
}

/// Where a run stands, as JSON, with what it has told and the losses of its steps from number `first` on.
pub fn progress(session: &Session<'_>, events: &[Event], first: usize) -> Result<JsValue> {
    text(&Progress {
        step: session.step(),
        epoch: session.epochs_done(),
        done: session.is_done(),
        events: events.iter().map(line).collect(),
        losses: session.history().step_losses.get(first..).unwrap_or_default(),
    })
}
