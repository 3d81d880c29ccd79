//! What a run has reached: figures on rows that decided nothing, as text and as JSON.

use super::options::Format;
use super::output::{note, print_line, significant};
use super::profile::Profile;
use super::quality::{print_baseline, print_targets};
use anygrad::backend::{Choice, Device};
use anygrad::data::Split;
use anygrad::model::baseline::Baseline;
use anygrad::model::{Evaluation, Model};
use anygrad::train::History;
use anygrad::{Error, Result};
use serde_json::{Map, Value, json};
use std::path::Path;

/// The result of a run.
pub struct Outcome {
    /// What is told of it, in JSON.
    fields: Map<String, Value>,
    /// On the test rows, if there are any.
    pub test: Option<Evaluation>,
    /// On the validation rows, if there are any.
    pub validation: Option<Evaluation>,
    stopped: Option<String>,
    /// What simple models reach on the same rows.
    baseline: Option<Baseline>,
    /// What is to be said of a run that has learnt nothing.
    warning: Option<String>,
    /// Where the time of its steps goes, if that was asked for.
    pub profile: Option<Profile>,
    /// What could not be written.
    pub failure: Option<Error>,
}

impl Outcome {
    /// Evaluates a model on the rows that were held back.
    pub fn of(
        model: &Model,
        history: &History,
        choice: &Choice,
        seconds: f64,
        data: &Split,
        folder: &Path,
    ) -> Result<Outcome> {
        let evaluate = |rows| model.evaluate_blocking(rows, &choice.device);
        let test = (data.test.rows() > 0).then(|| evaluate(&data.test)).transpose()?;
        let validation = data.validation.as_ref().map(evaluate).transpose()?;
        let (epochs, kept) = (history.epochs_done(), history.model_epoch);
        let rows = epochs as f64 * data.train.rows() as f64;
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| fields.insert(name.into(), value);
        put("event", json!("done"));
        put("device", json!(choice.device.device_name()));
        put("backend", json!(choice.device.name()));
        put("reproducible", json!(model.recipe.reproducible));
        put("parameters", json!(model.architecture.parameter_count()?));
        put("epochs", json!(epochs));
        put("model_epoch", json!(kept));
        put("stopped_early", json!(history.stopped_early));
        put("steps", json!(history.steps));
        put("seconds", json!(seconds));
        put("samples_per_second", json!((rows / seconds.max(1e-9)).round()));
        for (name, value) in learnt(&model.metrics) {
            put(&name, value);
        }
        for (part, evaluation) in [("validation", &validation), ("test", &test)] {
            let Some(evaluation) = evaluation else { continue };
            for (name, value) in figures(evaluation) {
                put(&format!("{part}_{name}"), json!(value));
            }
        }
        if let Some(evaluation) = &validation {
            put("deciding_loss", json!(evaluation.loss));
        }
        let baseline = test.as_ref().map(|_| Baseline::of(&data.train, &data.test, &model.loss)).transpose()?;
        if let Some(baseline) = &baseline {
            put("baseline", json!(baseline));
        }
        let warning = test.as_ref().zip(baseline.as_ref()).and_then(|pair| learnt_nothing(history, model, pair));
        if let Some(warning) = &warning {
            put("warning", json!(warning));
        }
        if let Some(threshold) = model.threshold {
            put("threshold", json!(threshold));
        }
        put("weights_hash", json!(model.weights_hash()));
        put("run", json!(folder.display().to_string()));
        let stopped = match (history.stopped_early, kept != epochs) {
            (true, _) => Some(format!("after epoch {epochs}; the model is that of epoch {kept}")),
            (false, true) => Some(format!("after the last epoch; the model is that of epoch {kept}")),
            (false, false) => None,
        };
        Ok(Outcome { fields, test, validation, stopped, baseline, warning, profile: None, failure: None })
    }

    /// What the run is judged by: the test rows; without, the validation rows.
    pub fn judged(&self) -> Option<(&'static str, &Evaluation)> {
        let test = self.test.as_ref().map(|test| ("test", test));
        test.or(self.validation.as_ref().map(|validation| ("validation", validation)))
    }

    /// The last line of a run.
    pub fn json(&self) -> Value {
        Value::Object(self.fields.clone())
    }
}

/// The figures of the training rows in the metrics of a model, and the loss that decides where there are no validation rows.
fn learnt(metrics: &Value) -> Vec<(String, Value)> {
    let of =
        |name: &str, own: &str| Some((name.to_string(), metrics.get(own).filter(|value| value.is_number())?.clone()));
    let figures = [
        of("train_loss", "train_loss"),
        of("train_penalty", "train_penalty"),
        of("train_accuracy", "train_accuracy"),
        of("deciding_loss", "train_loss"),
    ];
    figures.into_iter().flatten().collect()
}

/// The last line of a run that has not come to its end: so many epochs and steps are done, and this is the model that it
/// leaves, with the figures of its epoch.
pub fn unfinished(
    event: &str,
    model: Option<&Model>,
    device: &Device,
    (epochs, steps): (u64, u64),
    folder: &Path,
) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.into(), value);
    put("event", json!(event));
    put("device", json!(device.device_name()));
    put("backend", json!(device.name()));
    put("epochs", json!(epochs));
    put("steps", json!(steps));
    if let Some(model) = model {
        put("parameters", json!(model.architecture.parameter_count().unwrap_or(0)));
        put("model_epoch", model.metrics.get("epoch").cloned().unwrap_or(json!(0)));
        for (name, value) in learnt(&model.metrics) {
            put(&name, value);
        }
        for name in ["validation_loss", "validation_accuracy", "test_loss", "test_accuracy"] {
            if let Some(value) = model.metrics.get(name).filter(|value| value.is_number()) {
                put(name, value.clone());
            }
        }
        if let Some(loss) = model.metrics.get("validation_loss").filter(|value| value.is_number()) {
            put("deciding_loss", loss.clone());
        }
        put("weights_hash", json!(model.weights_hash()));
    }
    put("run", json!(folder.display().to_string()));
    fields
}

/// Says so where the loss of training is far above that of the first step, and the model no better than a constant: all
/// numbers are finite, and worth nothing.
fn learnt_nothing(history: &History, model: &Model, (test, baseline): (&Evaluation, &Baseline)) -> Option<String> {
    let (first, last) = (f64::from(*history.step_losses.first()?), history.of_model()?.train_loss);
    let is_no_better = match (test.accuracy, test.r_squared) {
        (Some(own), _) => baseline.constant.accuracy.is_some_and(|constant| own <= constant + 0.01),
        (None, own) => own.is_none_or(|own| own <= 0.0),
    };
    (last > 2.0 * first && is_no_better).then(|| {
        let (first, last, rate) = (significant(first), significant(last), model.recipe.optimizer.learning_rate());
        format!("the loss has risen from {first} to {last} and the model is no better than a constant: lower the learning rate of {rate}")
    })
}

/// The figures of an evaluation by name.
pub fn figures(evaluation: &Evaluation) -> Vec<(&'static str, f64)> {
    let all = [
        ("accuracy", evaluation.accuracy),
        ("r_squared", evaluation.r_squared),
        ("mean_absolute_error", evaluation.mean_absolute_error),
        ("root_mean_squared_error", evaluation.root_mean_squared_error),
        ("roc_auc", evaluation.roc_auc.filter(|_| evaluation.brier.is_some())),
        ("average_precision", evaluation.average_precision),
        ("log_loss", evaluation.log_loss.filter(|_| evaluation.brier.is_some())),
        ("brier", evaluation.brier),
        ("loss", Some(evaluation.loss)),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// A figure's name in tables.
pub fn short_name(name: &str) -> &str {
    match name {
        "r_squared" => "R²",
        "mean_absolute_error" => "MAE",
        "root_mean_squared_error" => "RMSE",
        "roc_auc" => "ROC AUC",
        "average_precision" => "avg precision",
        "log_loss" => "log loss",
        "brier" => "Brier",
        other => other,
    }
}

/// Prints the result of a run.
pub fn print_result(format: Format, outcome: &Outcome) {
    if format == Format::Json {
        outcome.profile.iter().for_each(|profile| print_line(&profile.event().to_string()));
        print_line(&outcome.json().to_string());
        return;
    }
    let line = |name: &str, value: &str| print_line(&format!("{name:<14} {value}"));
    if let Some(stopped) = &outcome.stopped {
        line("stopped", stopped);
    }
    if let Some((part, evaluation)) = outcome.judged() {
        for (name, value) in figures(evaluation) {
            line(&format!("{part} {}", short_name(name)), &significant(value));
        }
    }
    if let Some(targets) = outcome.test.as_ref().and_then(|test| test.per_target.as_ref()).filter(|t| t.len() > 1) {
        print_targets(targets);
        print_line("");
    }
    if let (Some(baseline), Some(test)) = (&outcome.baseline, &outcome.test) {
        print_baseline(baseline, test);
        print_line("");
    }
    if let Some(warning) = &outcome.warning {
        note(&format!("warning: {warning}"));
    }
    let field = |name: &str| outcome.fields.get(name).cloned().unwrap_or_default();
    let seconds = field("seconds").as_f64().unwrap_or(0.0);
    line("steps", &format!("{} in {} s", field("steps"), significant(seconds)));
    if let Some(threshold) = outcome.fields.get("threshold") {
        line("threshold", &threshold.as_f64().map_or_else(|| threshold.to_string(), significant));
    }
    line("weights hash", field("weights_hash").as_str().unwrap_or(""));
    line("run", field("run").as_str().unwrap_or(""));
    outcome.profile.iter().for_each(Profile::print);
}
