//! What helps to understand a net before it is trained: devices, the plan of a run, formulas of a step, checks of gradients.

use crate::columns::{Columns, Targets, rows};
use crate::device::device;
use crate::errors::raised;
use anygrad::backend::gpu::adapters;
use anygrad::backend::{Device, Request, Work};
use anygrad::check::CheckOptions;
use anygrad::train::{Recipe, Trainer};
use anygrad::{data, wait};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A recipe from its JSON.
pub fn parse(recipe: &str) -> PyResult<Recipe> {
    serde_json::from_str(recipe).map_err(|error| {
        // Where in the JSON it is, tells the user nothing: he never wrote it.
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        PyValueError::new_err(format!("recipe: {message}"))
    })
}

/// A recipe in JSON with all its defaults written out.
#[pyfunction]
pub fn recipe(recipe: &str) -> PyResult<String> {
    serde_json::to_string(&parse(recipe)?).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// The processor and the graphics adapters, in JSON, each in the place by which a request names it.
#[pyfunction]
pub fn devices(py: Python<'_>) -> String {
    let found = py.detach(|| wait(adapters()));
    let adapter = |(index, own): (usize, &anygrad::backend::gpu::Adapter)| {
        serde_json::json!({
            "device": index.to_string(),
            "name": own.name(),
            "backend": own.backend(),
            "kind": own.kind(),
            "driver": own.driver(),
            "software": own.is_software(),
        })
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = serde_json::json!({ "device": "cpu", "name": "CPU", "backend": "cpu", "processors": processors });
    let all: Vec<_> = found.iter().enumerate().map(adapter).chain([cpu]).collect();
    serde_json::Value::from(all).to_string()
}

/// A trainer for rows, and its rows.
fn trainer(recipe: &str, columns: &Columns, targets: &Targets) -> PyResult<(Trainer, data::Split)> {
    let mut recipe = parse(recipe)?;
    let data = recipe.prepare(rows(columns, targets, None)?, None, None).map_err(raised)?;
    Ok((Trainer::of(recipe, &data).map_err(raised)?, data))
}

/// One row through one training step, in JSON.
#[pyfunction]
pub fn explain(py: Python<'_>, recipe: &str, columns: &Columns, targets: &Targets, row: usize) -> PyResult<String> {
    let (trainer, data) = trainer(recipe, columns, targets)?;
    let explanation = py.detach(move || trainer.explain_blocking(&data.train, row, &Device::cpu())).map_err(raised)?;
    serde_json::to_string(&explanation.steps).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Gradients of the first step on the first rows against difference quotients in 64 bits, in JSON.
#[pyfunction]
pub fn gradcheck(
    py: Python<'_>,
    recipe: &str,
    columns: &Columns,
    targets: &Targets,
    elements: usize,
    most_rows: usize,
) -> PyResult<String> {
    let (trainer, data) = trainer(recipe, columns, targets)?;
    let check = move || {
        let request = trainer.recipe().request()?;
        let rows: Vec<usize> = (0..data.train.rows().min(most_rows)).collect();
        let step = trainer.step(&data.train.select(&rows))?;
        let other = match request {
            Request::Auto | Request::Cpu => Device::Cpu,
            request => device(&request, Work::default())?.device,
        };
        let device = matches!(other, Device::Gpu(_)).then_some(other);
        step.check_gradients_blocking(&CheckOptions { elements, seed: trainer.recipe().seed, device })
    };
    let check = py.detach(check).map_err(raised)?;
    let verdict = check.verdict().err().map(|error| error.to_string());
    let tensors: Vec<_> =
        check.tensors.iter().map(|tensor| serde_json::json!({ "ok": tensor.is_ok(), "of": tensor })).collect();
    let all = serde_json::json!({ "ok": check.is_ok(), "loss": check.loss, "tensors": tensors, "error": verdict });
    Ok(all.to_string())
}

/// The plan of a run on these rows: each launch with its kernels and buffers.
#[pyfunction]
pub fn plan(py: Python<'_>, recipe: &str, columns: &Columns, targets: &Targets) -> PyResult<String> {
    let (trainer, data) = trainer(recipe, columns, targets)?;
    let text = move || {
        let request = trainer.recipe().request()?;
        let choice = device(&request, trainer.work(&data.train)?)?;
        let trainer = trainer.on(choice.device);
        Ok(trainer.plan(&data.train, data.held_out())?.to_string())
    };
    py.detach(text).map_err(raised)
}
