//! What goes back to JavaScript: errors, and results as JSON.

use anygrad::train::{Event, History, Session};
use anygrad::{Error, Result};
use serde::Serialize;
use serde_json::{Value, json};
use wasm_bindgen::JsValue;

/// An error as JavaScript's, with its sentence.
pub fn message(error: &Error) -> JsValue {
    js_sys::Error::new(&error.to_string()).into()
}

/// A value as JSON.
pub fn text(value: &impl Serialize) -> Result<JsValue> {
    let text = serde_json::to_string(value).map_err(|e| Error::option("answer", "in JSON", &e.to_string()))?;
    Ok(JsValue::from_str(&text))
}

/// Floats as an array of their own.
pub fn floats(values: &[f32]) -> JsValue {
    js_sys::Float32Array::from(values).into()
}

/// Bytes as an array of their own.
pub fn bytes(values: &[u8]) -> JsValue {
    js_sys::Uint8Array::from(values).into()
}

/// An event of a run, by the names that the program's JSON lines have.
pub fn event(event: &Event) -> Value {
    match event {
        Event::Start { steps } => json!({ "event": "start", "steps": steps }),
        Event::Steps { done, rows, loss } => json!({ "event": "steps", "done": done, "rows": rows, "loss": loss }),
        Event::Epoch(report) => {
            let mut line = json!({ "event": "epoch" });
            if let (Value::Object(line), Ok(Value::Object(report))) = (&mut line, serde_json::to_value(report)) {
                line.extend(report);
            }
            line
        }
        Event::DeviceLost { reason, step } => json!({ "event": "device_lost", "reason": reason, "step": step }),
        Event::RolledBack { reason, epoch, learning_rate } => {
            json!({ "event": "rolled_back", "reason": reason, "epoch": epoch, "learning_rate": learning_rate })
        }
    }
}

/// Where a run stands, with what it has told and the losses of its steps from number `first` on.
pub fn progress(session: &Session<'_>, events: &[Event], first: usize) -> Value {
    let History { step_losses, .. } = session.history();
    json!({
        "step": session.step(),
        "epoch": session.epochs_done(),
        "done": session.is_done(),
        "events": events.iter().map(event).collect::<Vec<_>>(),
        "losses": step_losses.get(first..).unwrap_or_default(),
    })
}
