//! Loss and metrics of a model on data, in f64 on the host.

use super::model::Model;
use crate::backend::Device;
use crate::backend::cpu::CpuExecutor;
use crate::data::{Dataset, Targets};
use crate::error::{Error, Result};
use crate::graph::{DType, Graph, Role};
use crate::kernel::{Clock, Target as KernelTarget};
use crate::model::{ClassWeights, Loss};
use crate::ops::correct_rows::predicted_class;
use crate::plan::{PhaseId, Plan};

/// Loss and metrics of a model on data.
///
/// ```
/// use anygrad::{backend::Device, data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
/// let data = data::digits()?.split(0.2, 0)?;
/// let mut trainer = Trainer::new(Sequential::new(64).linear(10), Loss::cross_entropy(), Sgd::new(0.1)).epochs(3);
/// trainer.fit_blocking(&data)?;
/// let evaluation = trainer.model()?.evaluate_blocking(&data.test, &Device::cpu())?;
/// assert!(evaluation.accuracy > Some(0.8));
/// assert_eq!(evaluation.per_class.map(|classes| classes.len()), Some(10));
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Evaluation {
    /// Number of rows.
    pub rows: usize,
    /// Mean loss.
    pub loss: f64,
    /// Share of rows classified correctly; with several targets of 0 and 1 per row, share of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Share of rows whose class is among the `k` with the largest outputs, if there are more than `k` classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<TopK>,
    /// How well each class is found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_class: Option<Vec<ClassMetrics>>,
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

/// Share of rows whose class is among the `k` with the largest outputs.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct TopK {
    /// Number of classes with the largest outputs that are looked at.
    pub k: usize,
    /// Share of the rows whose class is among them, from 0 to 1.
    pub accuracy: f64,
}

/// Precision, recall and F1 of one class. A quotient without rows is 0, as in scikit-learn.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ClassMetrics {
    /// The class, or with several targets of 0 and 1 per row, the target.
    pub class: String,
    /// Rows of the class.
    pub rows: u64,
    /// Precision: the share of the rows predicted to be of the class that are of it, from 0 to 1.
    pub precision: f64,
    /// Recall: the share of the rows of the class that are predicted to be of it, from 0 to 1.
    pub recall: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
}

impl ClassMetrics {
    /// From the number of rows predicted rightly to be of the class, predicted to be of it, and of it.
    fn new(class: &str, right: u64, predicted: u64, rows: u64) -> ClassMetrics {
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        ClassMetrics {
            class: class.into(),
            rows,
            precision: share(right, predicted),
            recall: share(right, rows),
            f1: share(2 * right, predicted + rows),
        }
    }
}

/// The `k` of [`Evaluation::top_k`] unless another is asked for.
pub const TOP_K: usize = 5;

impl Model {
    /// Loss and metrics on `data`. Features are taken in batches, also out of a packed file; what the model puts out for
    /// all rows is in memory, 12 bytes a number.
    ///
    /// # Errors
    /// [`Error::Shape`] if the data's features or targets do not fit the model; what the device reports.
    pub async fn evaluate(&self, data: &Dataset, device: &Device) -> Result<Evaluation> {
        self.evaluate_top_k(data, TOP_K, device).await
    }

    /// [`Model::evaluate`] with a choice of `k` for [`Evaluation::top_k`].
    ///
    /// # Errors
    /// Fails as [`Model::evaluate`] does; [`Error::InvalidOption`] if `k` is 0.
    pub async fn evaluate_top_k(&self, data: &Dataset, k: usize, device: &Device) -> Result<Evaluation> {
        if k == 0 {
            return Err(Error::option("top_k", k, "must be at least 1"));
        }
        data.check()?;
        let outputs: Vec<f64> = self.outputs(&data.features, device).await?.into_iter().map(f64::from).collect();
        let width = self.architecture.output_width()?;
        let needed = self.loss.outputs(&data.targets);
        match &data.targets {
            Targets::Labels { classes, data: labels, .. } if self.loss.takes_labels() && needed <= width => {
                let loss = mean_loss(&self.loss, &outputs, width, &Target::Labels(labels))?;
                let top_k = TopK { k, accuracy: top_k(&outputs, width, labels, k) };
                let evaluation = classification(loss, &outputs, width, labels, classes);
                Ok(Evaluation { top_k: (classes.len() > k).then_some(top_k), ..evaluation })
            }
            Targets::Values { data: values, names } if self.loss.takes_values() && needed == width => {
                let values: Vec<f64> = values.iter().map(|&y| f64::from(y)).collect();
                // The loss is that of training, so in standardized numbers; the other metrics are in the data's unit.
                let (p, y) = (self.standardized(&outputs), self.standardized(&values));
                let loss = mean_loss(&self.loss, &p, width, &Target::Values(&y))?;
                if self.loss.takes_labels() {
                    return Ok(multi_label(loss, &outputs, &values, names));
                }
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
    /// Fails as [`Model::evaluate`] does.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn evaluate_blocking(&self, data: &Dataset, device: &Device) -> Result<Evaluation> {
        pollster::block_on(self.evaluate(data, device))
    }
}

enum Target<'a> {
    Labels(&'a [u32]),
    Values(&'a [f64]),
}

impl Target<'_> {
    /// The targets of `count` rows from number `first`, of `width` values each.
    fn rows(&self, first: usize, count: usize, width: usize) -> Target<'_> {
        match self {
            Target::Labels(labels) => Target::Labels(&labels[first..][..count]),
            Target::Values(values) => Target::Values(&values[first * width..][..count * width]),
        }
    }
}

/// Rows whose losses are computed at a time, so that memory does not grow with the rows.
const LOSS_ROWS: usize = 1 << 16;

/// Mean of the row losses.
fn mean_loss(loss: &Loss, outputs: &[f64], width: usize, target: &Target<'_>) -> Result<f64> {
    let rows = outputs.len() / width;
    let mut losses = Vec::with_capacity(rows);
    for (number, outputs) in outputs.chunks(LOSS_ROWS * width).enumerate() {
        let target = target.rows(number * LOSS_ROWS, outputs.len() / width, width);
        losses.extend(row_losses(loss, outputs, width, &target)?);
    }
    let weights: Vec<f64> = match (&loss.class_weights, target) {
        (Some(ClassWeights::Given(weights)), Target::Labels(labels)) => {
            labels.iter().map(|&label| weights.get(label as usize).map_or(0.0, |&w| f64::from(w))).collect()
        }
        _ => vec![1.0; rows],
    };
    let weighted: f64 = losses.iter().zip(&weights).map(|(loss, weight)| loss * weight).sum();
    Ok(weighted / weights.iter().sum::<f64>())
}

/// The loss of each row, by the loss's own ops in f64.
fn row_losses(loss: &Loss, outputs: &[f64], width: usize, target: &Target<'_>) -> Result<Vec<f64>> {
    let rows = outputs.len() / width;
    let mut graph = Graph::new();
    let output = graph.declare("output", [rows, width], DType::F32, Role::Input);
    let expected = match target {
        Target::Labels(_) => graph.declare("labels", [rows], DType::U32, Role::Input),
        Target::Values(_) => graph.declare("values", [rows, width], DType::F32, Role::Input),
    };
    let row_losses = loss.rows(&mut graph, output, expected)?;
    graph.set_role(row_losses, Role::Output);
    let mut executor = CpuExecutor::<f64>::new(Plan::new(graph, &KernelTarget::DOWNLEVEL)?)?;
    executor.write(output, outputs)?;
    match target {
        Target::Labels(labels) => executor.write_words(expected, labels)?,
        Target::Values(values) => executor.write(expected, values)?,
    }
    executor.run(PhaseId::FIRST, &Clock::default());
    executor.read(row_losses)
}

fn classification(loss: f64, outputs: &[f64], width: usize, labels: &[u32], classes: &[String]) -> Evaluation {
    // A single logit tells two classes apart.
    let mut confusion = vec![vec![0; width.max(2)]; classes.len()];
    for (row, &label) in outputs.chunks_exact(width).zip(labels) {
        confusion[label as usize][predicted_class(row)] += 1;
    }
    let right = |c: usize| confusion[c][c];
    let correct: u64 = (0..classes.len()).map(right).sum();
    let metrics = |(c, class): (usize, &String)| {
        let predicted = confusion.iter().map(|row| row[c]).sum();
        ClassMetrics::new(class, right(c), predicted, confusion[c].iter().sum())
    };
    Evaluation {
        rows: labels.len(),
        loss,
        accuracy: Some(correct as f64 / labels.len() as f64),
        per_class: Some(classes.iter().enumerate().map(metrics).collect()),
        confusion: Some(confusion.clone()),
        classes: Some(classes.to_vec()),
        ..Evaluation::default()
    }
}

/// Share of rows in which fewer than `k` classes have a larger output than the true one, or the same and come first.
fn top_k(outputs: &[f64], width: usize, labels: &[u32], k: usize) -> f64 {
    let is_among = |row: &[f64], label: usize| {
        let ahead = |(c, z): (usize, &f64)| *z > row[label] || (*z == row[label] && c < label);
        row.iter().enumerate().filter(|&output| ahead(output)).count() < k
    };
    if width == 1 {
        return 1.0;
    }
    let found = outputs.chunks_exact(width).zip(labels).filter(|(row, label)| is_among(row, **label as usize));
    found.count() as f64 / labels.len() as f64
}

/// Several targets per row, each between 0 and 1; a positive logit predicts 1, a target above ½ is 1.
fn multi_label(loss: f64, logits: &[f64], targets: &[f64], names: &[String]) -> Evaluation {
    let metrics = |(column, name): (usize, &String)| {
        let of_column = logits.iter().zip(targets).skip(column).step_by(names.len());
        let pairs: Vec<(bool, bool)> = of_column.map(|(&z, &y)| (z > 0.0, y > 0.5)).collect();
        let count = |fits: fn(&(bool, bool)) -> bool| pairs.iter().filter(|pair| fits(pair)).count() as u64;
        ClassMetrics::new(name, count(|&(p, y)| p && y), count(|&(p, _)| p), count(|&(_, y)| y))
    };
    let correct = logits.iter().zip(targets).filter(|&(&z, &y)| (z > 0.0) == (y > 0.5)).count();
    Evaluation {
        rows: targets.len() / names.len(),
        loss,
        accuracy: Some(correct as f64 / targets.len() as f64),
        per_class: Some(names.iter().enumerate().map(metrics).collect()),
        ..Evaluation::default()
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
        r_squared: (variance > 0.0).then(|| 1.0 - residual / variance),
        mean_absolute_error: Some(absolute / targets.len() as f64),
        root_mean_squared_error: Some((residual / targets.len() as f64).sqrt()),
        ..Evaluation::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures by scikit-learn 1.9: precision_recall_fscore_support, top_k_accuracy_score (k = 2).
    #[test]
    fn metrics_are_those_of_scikit_learn() {
        let labels = [0, 0, 1, 1, 2, 2, 2];
        let predicted = [0, 1, 1, 1, 0, 2, 1];
        let second = [1, 0, 0, 2, 2, 0, 0];
        let score = |i: usize, c: usize| {
            if c == predicted[i] {
                2.0
            } else if c == second[i] {
                1.0
            } else {
                0.0
            }
        };
        let outputs: Vec<f64> = (0..7).flat_map(|i| (0..3).map(move |c| score(i, c))).collect();
        let classes = ["a", "b", "c"].map(String::from);
        let evaluation = classification(0.0, &outputs, 3, &labels, &classes);
        assert_eq!(evaluation.confusion.unwrap(), [[1, 1, 0], [0, 2, 0], [1, 1, 1]]);
        let per_class = evaluation.per_class.unwrap();
        let expected = [(0.5, 0.5, 0.5), (0.5, 1.0, 2.0 / 3.0), (1.0, 1.0 / 3.0, 0.5)];
        for (class, (precision, recall, f1)) in per_class.iter().zip(expected) {
            assert!((class.precision - precision).abs() < 1e-12, "{class:?}");
            assert!((class.recall - recall).abs() < 1e-12, "{class:?}");
            assert!((class.f1 - f1).abs() < 1e-12, "{class:?}");
        }
        assert!((top_k(&outputs, 3, &labels, 2) - 6.0 / 7.0).abs() < 1e-12);
        assert_eq!(top_k(&outputs, 3, &labels, 1), evaluation.accuracy.unwrap());
    }

    /// r2_score(multioutput="variance_weighted"), mean_absolute_error, root_mean_squared_error.
    #[test]
    fn figures_of_regression_are_those_of_scikit_learn() {
        let evaluation = regression(0.0, &[1.0, 2.0, 3.0, 5.0, 5.0, 9.0], 2, &[1.5, 2.0, 2.0, 4.0, 6.5, 9.0]);
        let close = |got: Option<f64>, expected: f64| assert!((got.unwrap() - expected).abs() < 1e-12, "{got:?}");
        close(evaluation.r_squared, 0.8906882591093117);
        close(evaluation.mean_absolute_error, 0.6666666666666666);
        close(evaluation.root_mean_squared_error, 0.8660254037844386);
    }

    #[test]
    fn a_class_without_rows_has_figures_of_0() {
        let metrics = ClassMetrics::new("none", 0, 0, 0);
        assert_eq!((metrics.precision, metrics.recall, metrics.f1), (0.0, 0.0, 0.0));
    }

    #[test]
    fn several_targets_are_judged_each_for_itself() {
        let names = ["p", "q"].map(String::from);
        let evaluation = multi_label(0.0, &[1.0, -1.0, 1.0, 2.0, -1.0, -1.0], &[1.0, 0.0, 0.0, 1.0, 1.0, 0.0], &names);
        assert_eq!((evaluation.rows, evaluation.accuracy), (3, Some(4.0 / 6.0)));
        let per_class = evaluation.per_class.unwrap();
        assert_eq!((per_class[0].precision, per_class[0].recall), (0.5, 0.5));
        assert_eq!((per_class[1].precision, per_class[1].recall, per_class[1].f1), (1.0, 1.0, 1.0));
    }
}
