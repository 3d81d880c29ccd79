//! Loss and metrics of a model on data, in f64 on the host.

use super::class_metrics::{ClassCounts, ClassMetrics, of_confusion, of_counts};
use super::model::Model;
use super::quality::{self, Calibration, TargetMetrics};
use crate::backend::Device;
use crate::backend::cpu::CpuExecutor;
use crate::data::{Dataset, Targets};
use crate::error::{Error, Result};
use crate::graph::{DType, Graph, Role};
use crate::kernel::{Clock, Target as KernelTarget};
use crate::model::{ClassWeights, Loss};
use crate::plan::{PhaseId, Plan};

/// Loss and metrics of a model on data. Where rows have weights, each figure is that of scikit-learn with
/// `sample_weight`; numbers of rows stay numbers of rows.
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
    /// Mean of the row losses, also where training minimizes their sum.
    pub loss: f64,
    /// Share of rows classified correctly, by the model's threshold if it has one; with several targets of 0 and 1 per
    /// row, share of these, as training reports it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// With several targets of 0 and 1 per row, share of the rows in which all are right, scikit-learn's
    /// `accuracy_score` of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subset_accuracy: Option<f64>,
    /// Area under the ROC curve. Of two classes the second is the positive one; of several it is the mean over the
    /// classes of each against the others, if the loss gives probabilities. See [`quality`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roc_auc: Option<f64>,
    /// Average precision of the second of two classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_precision: Option<f64>,
    /// Mean of −ln of the probability of the true class, if the loss gives probabilities. Unlike `loss` it knows no
    /// smoothing of labels and no weights of classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_loss: Option<f64>,
    /// Brier score: the mean squared distance between the probability of the second of two classes and 1 or 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brier: Option<f64>,
    /// How often rows are of the second of two classes, by its probability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// The model's threshold on the probability of the second of two classes, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Share of rows whose class is among the `k` with the largest outputs, if there are more than `k` classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<TopK>,
    /// How well each class is found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_class: Option<Vec<ClassMetrics>>,
    /// Mean of the precision over the classes that occur among the true or the predicted ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub macro_precision: Option<f64>,
    /// Mean of the recall over these classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub macro_recall: Option<f64>,
    /// Mean of F1 over these classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub macro_f1: Option<f64>,
    /// Rows of each true class (outer) by predicted class (inner).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Vec<Vec<u64>>>,
    /// The sum of the weights of these rows, if rows have weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weighted_confusion: Option<Vec<Vec<f64>>>,
    /// Names of the classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// Share of the target's variance that the predictions explain (R²); of several targets the mean of theirs. None if
    /// a target is constant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r_squared: Option<f64>,
    /// Mean absolute error, if there is one target: several may have different units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_absolute_error: Option<f64>,
    /// Root of the mean squared error, if there is one target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_mean_squared_error: Option<f64>,
    /// Figures of each target in its own unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_target: Option<Vec<TargetMetrics>>,
}

/// Share of rows whose class is among the `k` with the largest outputs.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct TopK {
    /// Number of classes with the largest outputs that are looked at.
    pub k: usize,
    /// Share of the rows whose class is among them, from 0 to 1.
    pub accuracy: f64,
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
        let width = self.architecture.output_width()?;
        let raw = self.outputs(&data.features, device).await?;
        quality::check_outputs(&raw, width)?;
        let outputs: Vec<f64> = raw.iter().map(|&output| f64::from(output)).collect();
        let needed = self.loss.outputs(&data.targets);
        let weights: Option<Vec<f64>> = data.weights.as_ref().map(|w| w.iter().map(|&w| f64::from(w)).collect());
        let weights = weights.as_deref();
        let row_weights = data.weights.as_deref();
        match &data.targets {
            Targets::Labels { classes, data: labels, .. } if self.loss.takes_labels() && needed <= width => {
                let loss = mean_loss(&self.loss, &outputs, width, &Target::Labels(labels), weights)?;
                let top_k = TopK { k, accuracy: top_k(&outputs, width, labels, k, weights) };
                let predicted: Vec<usize> = raw.chunks_exact(width).map(|row| self.class_of(row)).collect();
                let evaluation = classification(loss, &predicted, width, labels, classes, weights);
                let evaluation = evaluation.of_classes(&self.loss, &raw, labels, classes.len(), row_weights)?;
                let top_k = (classes.len() > k).then_some(top_k);
                Ok(Evaluation { top_k, threshold: self.threshold, ..evaluation })
            }
            Targets::Values { data: values, names } if self.loss.takes_values() && needed == width => {
                let values: Vec<f64> = values.iter().map(|&y| f64::from(y)).collect();
                // The loss is that of training, so in standardized numbers; the other metrics are in the data's unit.
                let (p, y) = (self.standardized(&outputs), self.standardized(&values));
                let loss = mean_loss(&self.loss, &p, width, &Target::Values(&y), weights)?;
                if self.loss.takes_labels() {
                    return Ok(multi_label(loss, &outputs, &values, names, weights));
                }
                Ok(quality::regression(loss, &outputs, &values, names, row_weights))
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

/// The weight of a row; 1 without weights.
fn weight(weights: Option<&[f64]>, row: usize) -> f64 {
    weights.map_or(1.0, |weights| weights[row])
}

/// The mean of a figure over rows, by their weights.
fn mean(figures: impl IntoIterator<Item = f64>, weights: Option<&[f64]>) -> f64 {
    let (mut sum, mut whole) = (0.0, 0.0);
    for (row, figure) in figures.into_iter().enumerate() {
        let weight = weight(weights, row);
        sum += figure * weight;
        whole += weight;
    }
    sum / whole
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

/// Mean of the row losses, by the weights of rows and of classes.
fn mean_loss(loss: &Loss, outputs: &[f64], width: usize, target: &Target<'_>, weights: Option<&[f64]>) -> Result<f64> {
    let rows = outputs.len() / width;
    let mut losses = Vec::with_capacity(rows);
    for (number, outputs) in outputs.chunks(LOSS_ROWS * width).enumerate() {
        let target = target.rows(number * LOSS_ROWS, outputs.len() / width, width);
        losses.extend(row_losses(loss, outputs, width, &target)?);
    }
    let (Some(ClassWeights::Given(by_class)), Target::Labels(labels)) = (&loss.class_weights, target) else {
        return Ok(mean(losses, weights));
    };
    let by_class = |label: u32| by_class.get(label as usize).map_or(0.0, |&w| f64::from(w));
    let products: Vec<f64> =
        labels.iter().enumerate().map(|(row, &label)| by_class(label) * weight(weights, row)).collect();
    Ok(mean(losses, Some(&products)))
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

fn classification(
    loss: f64,
    predicted: &[usize],
    width: usize,
    labels: &[u32],
    classes: &[String],
    weights: Option<&[f64]>,
) -> Evaluation {
    // A single logit tells two classes apart.
    let mut confusion = vec![vec![0; width.max(2)]; classes.len()];
    let mut weighted = vec![vec![0.0; width.max(2)]; classes.len()];
    for (row, (&class, &label)) in predicted.iter().zip(labels).enumerate() {
        confusion[label as usize][class] += 1;
        weighted[label as usize][class] += weight(weights, row);
    }
    let is_right = labels.iter().zip(predicted).map(|(&label, &class)| f64::from(label as usize == class));
    Evaluation {
        rows: labels.len(),
        loss,
        accuracy: Some(mean(is_right, weights)),
        classes: Some(classes.to_vec()),
        ..of_confusion(classes, confusion, weighted, weights.is_some())
    }
}

/// Share of rows in which fewer than `k` classes have a larger output than the true one, or the same and come first.
fn top_k(outputs: &[f64], width: usize, labels: &[u32], k: usize, weights: Option<&[f64]>) -> f64 {
    let is_among = |row: &[f64], label: usize| {
        let ahead = |(c, z): (usize, &f64)| *z > row[label] || (*z == row[label] && c < label);
        row.iter().enumerate().filter(|&output| ahead(output)).count() < k
    };
    if width == 1 {
        return 1.0;
    }
    let rows = outputs.chunks_exact(width).zip(labels);
    mean(rows.map(|(row, &label)| f64::from(is_among(row, label as usize))), weights)
}

/// Several targets per row, each between 0 and 1; a positive logit predicts 1, a target above ½ is 1.
fn multi_label(loss: f64, logits: &[f64], targets: &[f64], names: &[String], weights: Option<&[f64]>) -> Evaluation {
    let width = names.len();
    let (mut counts, mut weighted) = (vec![ClassCounts::default(); width], vec![ClassCounts::default(); width]);
    for (i, (&z, &y)) in logits.iter().zip(targets).enumerate() {
        counts[i % width].add(z > 0.0, y > 0.5, 1.0);
        weighted[i % width].add(z > 0.0, y > 0.5, weight(weights, i / width));
    }
    let right: Vec<bool> = logits.iter().zip(targets).map(|(&z, &y)| (z > 0.0) == (y > 0.5)).collect();
    // They were 32-bit floats.
    let weights: Option<Vec<f32>> = weights.map(|weights| weights.iter().map(|&w| w as f32).collect());
    let (labels, whole) = quality::label_shares(&right, width, weights.as_deref());
    Evaluation {
        rows: targets.len() / width,
        loss,
        accuracy: Some(labels),
        subset_accuracy: Some(whole),
        ..of_counts(names, &counts, &weighted)
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
        let evaluation = classification(0.0, &predicted, 3, &labels, &classes, None);
        assert_eq!(evaluation.confusion.unwrap(), [[1, 1, 0], [0, 2, 0], [1, 1, 1]]);
        let per_class = evaluation.per_class.unwrap();
        let expected = [(0.5, 0.5, 0.5), (0.5, 1.0, 2.0 / 3.0), (1.0, 1.0 / 3.0, 0.5)];
        for (class, (precision, recall, f1)) in per_class.iter().zip(expected) {
            assert!((class.precision - precision).abs() < 1e-12, "{class:?}");
            assert!((class.recall - recall).abs() < 1e-12, "{class:?}");
            assert!((class.f1 - f1).abs() < 1e-12, "{class:?}");
        }
        assert!((top_k(&outputs, 3, &labels, 2, None) - 6.0 / 7.0).abs() < 1e-12);
        assert_eq!(top_k(&outputs, 3, &labels, 1, None), evaluation.accuracy.unwrap());
    }

    #[test]
    fn of_equal_outputs_the_earlier_classes_are_ahead() {
        // As the class that is predicted is the first of the largest.
        let (outputs, labels) = ([1.0; 12], [0, 1, 2, 2]);
        for (k, expected) in [(1, 0.25), (2, 0.5), (3, 1.0)] {
            assert_eq!(top_k(&outputs, 3, &labels, k, None), expected, "top {k}");
        }
    }

    #[test]
    fn several_targets_are_judged_each_for_itself() {
        let names = ["p", "q"].map(String::from);
        let evaluation =
            multi_label(0.0, &[1.0, -1.0, 1.0, 2.0, -1.0, -1.0], &[1.0, 0.0, 0.0, 1.0, 1.0, 0.0], &names, None);
        assert_eq!((evaluation.rows, evaluation.accuracy), (3, Some(4.0 / 6.0)));
        let per_class = evaluation.per_class.unwrap();
        assert_eq!((per_class[0].precision, per_class[0].recall), (0.5, 0.5));
        assert_eq!((per_class[1].precision, per_class[1].recall, per_class[1].f1), (1.0, 1.0, 1.0));
    }
}
