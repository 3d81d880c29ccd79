//! The figures of rankings and probabilities in an evaluation, from a model's outputs.

use super::calibration::BINS;
use super::{BinaryScores, ClassProbabilities};
use crate::error::{Error, Result};
use crate::model::{Evaluation, Loss, probabilities};

/// Refuses outputs that are NaN or infinite: what is computed from them would look like a result.
pub(in crate::model) fn check_outputs(outputs: &[f32], width: usize) -> Result<()> {
    match outputs.iter().position(|output| !output.is_finite()) {
        Some(at) => {
            let (row, output) = (at / width, outputs[at]);
            let detail =
                format!("its output for row {} is {output}: the row is too far from those it learnt from", row + 1);
            Err(Error::shape("model", detail))
        }
        None => Ok(()),
    }
}

/// What ranks the rows of two classes: the probability of the second class if the loss has probabilities, else by how
/// much its output is above the other's.
pub(in crate::model) fn second_class_scores(loss: &Loss, outputs: &[f32], width: usize) -> Vec<f64> {
    let score = |row: &[f32]| match row {
        _ if loss.has_probabilities() => probabilities(row)[1],
        [only] => f64::from(*only),
        row => f64::from(row[1]) - f64::from(row[0]),
    };
    outputs.chunks_exact(width).map(score).collect()
}

impl Evaluation {
    /// With the figures that rank the rows of classes, and where the loss gives probabilities those of probabilities.
    pub(in crate::model) fn of_classes(
        mut self,
        loss: &Loss,
        outputs: &[f32],
        labels: &[u32],
        classes: usize,
        weights: Option<&[f32]>,
    ) -> Result<Evaluation> {
        let width = outputs.len() / labels.len();
        let has_probabilities = loss.has_probabilities();
        if classes == 2 {
            let scores = second_class_scores(loss, outputs, width);
            let positive: Vec<bool> = labels.iter().map(|&label| label == 1).collect();
            let rows = BinaryScores::new(&scores, &positive, weights)?;
            self.roc_auc = rows.roc_auc();
            self.average_precision = rows.average_precision();
            if has_probabilities {
                self.log_loss = rows.log_loss();
                self.brier = rows.brier();
                self.calibration = Some(rows.calibration(BINS)?);
            }
        } else if has_probabilities {
            let all = outputs.chunks_exact(width).flat_map(|row| probabilities(row).into_iter().take(classes));
            let all: Vec<f64> = all.collect();
            let rows = ClassProbabilities::new(&all, classes, labels, weights)?;
            self.log_loss = Some(rows.log_loss());
            self.roc_auc = rows.roc_auc();
        }
        Ok(self)
    }
}
