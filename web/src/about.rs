//! What a run is and what it has reached, as JSON for the page.

use crate::device::THREADS;
use crate::task::Running;
use anygrad::backend::Device;
use anygrad::data::Targets;
use anygrad::model::Evaluation;
use anygrad::nn::LayerDescription;
use anygrad::train::Recipe;
use anygrad::{Error, Result};
use serde::Serialize;
use serde_json::Value;
use std::sync::atomic::Ordering;

/// A run before its first step.
#[derive(Serialize)]
pub struct About<'a> {
    device: String,
    backend: &'static str,
    threads: Option<usize>,
    reason: &'a str,
    model: String,
    widths: Vec<usize>,
    layers: Vec<LayerDescription>,
    parameters: usize,
    recipe: &'a Recipe,
    data: &'a str,
    rows: Rows,
    features: &'a [String],
    target: Vec<&'a str>,
    classes: Option<&'a [String]>,
    decisions: &'a [String],
    epochs: u64,
    steps: u64,
    forecast: Forecast,
}

/// Numbers of rows.
#[derive(Serialize)]
struct Rows {
    train: usize,
    validation: usize,
    test: usize,
}

/// What the run will take.
#[derive(Serialize)]
struct Forecast {
    batch_rows: usize,
    launches_per_step: usize,
    submissions: u64,
    flops_per_step: u64,
    device_bytes: u64,
}

/// The last line of a run, by the names that the program's has.
#[derive(Serialize)]
pub struct Outcome {
    event: &'static str,
    device: String,
    backend: &'static str,
    parameters: usize,
    epochs: u64,
    model_epoch: u64,
    stopped_early: bool,
    steps: u64,
    seconds: f64,
    samples_per_second: f64,
    weights_hash: String,
    train_loss: Option<Value>,
    train_accuracy: Option<Value>,
    threshold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation_loss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation_accuracy: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_loss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_accuracy: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<Evaluation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test: Option<Evaluation>,
}

impl Running<'_> {
    /// What the run is, and what it will take.
    pub fn about(&self) -> Result<About<'_>> {
        let (data, device, model) = (self.data, self.session.device(), self.trainer.architecture());
        let forecast = self.trainer.forecast(&data.train, data.held_out())?;
        let (target, classes) = match &data.train.targets {
            Targets::Labels { name, classes, .. } => (vec![name.as_str()], Some(&classes[..])),
            Targets::Values { names, .. } => (names.iter().map(String::as_str).collect(), None),
        };
        Ok(About {
            device: device.device_name(),
            backend: device.name(),
            threads: matches!(device, Device::Cpu).then(|| THREADS.load(Ordering::Relaxed)),
            reason: &self.reason,
            model: model.to_string(),
            widths: model.widths()?,
            layers: model.description(),
            parameters: model.parameter_count()?,
            recipe: self.trainer.recipe(),
            data: &data.train.name,
            rows: Rows {
                train: data.train.rows(),
                validation: data.validation.as_ref().map_or(0, |rows| rows.rows()),
                test: data.test.rows(),
            },
            features: &data.train.feature_names,
            target,
            classes,
            decisions: &data.decisions,
            epochs: self.trainer.recipe().epochs(),
            steps: forecast.steps,
            forecast: Forecast {
                batch_rows: forecast.batch_rows,
                launches_per_step: forecast.launches_per_step(),
                submissions: forecast.submissions,
                flops_per_step: forecast.step().flops(),
                device_bytes: forecast.device_bytes(),
            },
        })
    }

    /// The figures of the model as it stands, after so many seconds of training.
    pub async fn outcome(&mut self, seconds: f64) -> Result<Outcome, Error> {
        let (data, device) = (self.data, self.session.device().clone());
        let model = self.trainer.model_so_far(&mut self.session).await?;
        let [mut validation, mut test] = [None, None];
        for (rows, evaluation) in [(data.validation.as_ref(), &mut validation), (Some(&data.test), &mut test)] {
            if let Some(rows) = rows.filter(|rows| rows.rows() > 0) {
                *evaluation = Some(model.evaluate(rows, &device).await?);
            }
        }
        let history = self.session.history();
        let epochs = history.epochs_done();
        let accuracy = |of: &Option<Evaluation>| of.as_ref().and_then(|evaluation| evaluation.accuracy);
        Ok(Outcome {
            event: "done",
            device: device.device_name(),
            backend: device.name(),
            parameters: model.architecture.parameter_count()?,
            epochs,
            model_epoch: history.model_epoch,
            stopped_early: self.session.is_done() && epochs < model.recipe.epochs(),
            steps: history.steps,
            seconds,
            samples_per_second: (epochs as f64 * data.train.rows() as f64 / seconds.max(1e-9)).round(),
            weights_hash: model.weights_hash(),
            train_loss: model.metrics.get("train_loss").cloned(),
            train_accuracy: model.metrics.get("train_accuracy").cloned(),
            threshold: model.threshold,
            validation_loss: validation.as_ref().map(|evaluation| evaluation.loss),
            validation_accuracy: accuracy(&validation),
            test_loss: test.as_ref().map(|evaluation| evaluation.loss),
            test_accuracy: accuracy(&test),
            validation,
            test,
        })
    }
}
