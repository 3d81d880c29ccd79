//! Loss and metrics of a model on data, in f64 on the host.

use super::model::Model;
use crate::backend::Device;
use crate::backend::cpu::CpuExecutor;
use crate::data::{Dataset, Targets};
use crate::error::{Error, Result};
use crate::graph::{DType, Graph, Role};
use crate::kernel::Target as KernelTarget;
use crate::nn::{ClassWeights, Loss};
use crate::ops::correct_rows::predicted_class;
use crate::plan::{PhaseId, Plan};

/// How well a model does on data.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Evaluation {
    /// Number of rows.
    pub rows: usize,
    /// Mean loss.
    pub loss: f64,
    /// Share of rows classified correctly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Rows of each true class (outer) by predicted class (inner).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Vec<Vec<u64>>>,
    /// Names of the classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// Share of the target's variance that the predictions explain (R²), over all values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r_squared: Option<f64>,
    /// Mean absolute error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_absolute_error: Option<f64>,
    /// Root of the mean squared error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_mean_squared_error: Option<f64>,
}

impl Model {
    /// Loss and metrics on `data`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the data's features or targets do not fit the model; what the device reports.
    pub async fn evaluate(&self, data: &Dataset, device: &Device) -> Result<Evaluation> {
        data.check()?;
        let outputs: Vec<f64> = self.outputs(&data.features, device).await?.into_iter().map(f64::from).collect();
        let width = self.architecture.output_width()?;
        let needed = self.loss.outputs(&data.targets);
        match &data.targets {
            Targets::Labels { classes, data: labels, .. } if self.loss.takes_labels() && needed <= width => {
                let loss = mean_loss(&self.loss, &outputs, width, &Target::Labels(labels))?;
                Ok(classification(loss, &outputs, width, labels, classes))
            }
            Targets::Values { data: values, .. } if self.loss.takes_values() && needed == width => {
                let values: Vec<f64> = values.iter().map(|&y| f64::from(y)).collect();
                // The loss is that of training, so in standardized numbers; the other metrics are in the data's unit.
                let (p, y) = (self.standardized(&outputs), self.standardized(&values));
                let loss = mean_loss(&self.loss, &p, width, &Target::Values(&y))?;
                Ok(regression(loss, &outputs, width, &values))
            }
            targets => {
                let loss = &self.loss;
                let detail =
                    format!("a model of {width} outputs trained for {loss} does not fit {} targets", targets.width());
                Err(Error::shape("data", detail))
            }
        }
    }

    fn standardized(&self, values: &[f64]) -> Vec<f64> {
        let mut prepared: Vec<f32> = values.iter().map(|&x| x as f32).collect();
        self.target_preprocessing.apply(&mut prepared);
        prepared.into_iter().map(f64::from).collect()
    }

    /// [`Model::evaluate`], blocking.
    ///
    /// # Errors
    /// As [`Model::evaluate`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn evaluate_blocking(&self, data: &Dataset, device: &Device) -> Result<Evaluation> {
        pollster::block_on(self.evaluate(data, device))
    }
}

enum Target<'a> {
    Labels(&'a [u32]),
    Values(&'a [f64]),
}

/// Mean of the row losses, by the loss's own ops in f64.
fn mean_loss(loss: &Loss, outputs: &[f64], width: usize, target: &Target<'_>) -> Result<f64> {
    let rows = outputs.len() / width;
    let mut graph = Graph::new();
    let output = graph.declare("output", [rows, width], DType::F32, Role::State);
    let expected = match target {
        Target::Labels(_) => graph.declare("labels", [rows], DType::U32, Role::State),
        Target::Values(_) => graph.declare("values", [rows, width], DType::F32, Role::State),
    };
    let row_losses = loss.rows(&mut graph, output, expected)?;
    graph.set_role(row_losses, Role::Output);
    let mut executor = CpuExecutor::<f64>::new(Plan::new(graph, &KernelTarget::DOWNLEVEL)?)?;
    executor.write(output, outputs)?;
    match target {
        Target::Labels(labels) => executor.write_words(expected, labels)?,
        Target::Values(values) => executor.write(expected, values)?,
    }
    executor.run(PhaseId::FIRST, 1);
    let row_losses = executor.read(row_losses)?;
    let weights: Vec<f64> = match (&loss.class_weights, target) {
        (Some(ClassWeights::Given(weights)), Target::Labels(labels)) => {
            labels.iter().map(|&label| weights.get(label as usize).map_or(0.0, |&w| f64::from(w))).collect()
        }
        _ => vec![1.0; rows],
    };
    let weighted: f64 = row_losses.iter().zip(&weights).map(|(loss, weight)| loss * weight).sum();
    Ok(weighted / weights.iter().sum::<f64>())
}

fn classification(loss: f64, outputs: &[f64], width: usize, labels: &[u32], classes: &[String]) -> Evaluation {
    // A single logit tells two classes apart.
    let mut confusion = vec![vec![0; width.max(2)]; classes.len()];
    for (row, &label) in outputs.chunks_exact(width).zip(labels) {
        confusion[label as usize][predicted_class(row)] += 1;
    }
    let correct: u64 = (0..classes.len()).map(|c| confusion[c][c]).sum();
    Evaluation {
        rows: labels.len(),
        loss,
        accuracy: Some(correct as f64 / labels.len() as f64),
        confusion: Some(confusion),
        classes: Some(classes.to_vec()),
        r_squared: None,
        mean_absolute_error: None,
        root_mean_squared_error: None,
    }
}

fn regression(loss: f64, outputs: &[f64], width: usize, targets: &[f64]) -> Evaluation {
    let rows = targets.len() / width;
    let absolute: f64 = outputs.iter().zip(targets).map(|(p, y)| (p - y).abs()).sum();
    let mut variance = 0.0;
    for column in 0..width {
        let mean = targets.iter().skip(column).step_by(width).sum::<f64>() / rows as f64;
        variance += targets.iter().skip(column).step_by(width).map(|y| (y - mean).powi(2)).sum::<f64>();
    }
    let residual: f64 = outputs.iter().zip(targets).map(|(p, y)| (p - y).powi(2)).sum();
    Evaluation {
        rows,
        loss,
        accuracy: None,
        confusion: None,
        classes: None,
        r_squared: (variance > 0.0).then(|| 1.0 - residual / variance),
        mean_absolute_error: Some(absolute / targets.len() as f64),
        root_mean_squared_error: Some((residual / targets.len() as f64).sqrt()),
    }
}
