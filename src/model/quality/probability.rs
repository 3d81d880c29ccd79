//! How good probabilities are: log loss, Brier score, and one class against the others.

use super::{BinaryScores, check_weights, mean};
use crate::error::{Error, Result};

/// The negative natural logarithm of a probability, clipped as scikit-learn clips it: to `[ε, 1 − ε]` with the f64's ε.
fn surprise(probability: f64) -> f64 {
    -probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}

impl BinaryScores<'_> {
    /// Whether all scores are from 0 to 1.
    fn are_probabilities(&self) -> bool {
        self.scores.iter().all(|p| (0.0..=1.0).contains(p))
    }

    /// Weighted mean over the rows of a function of the probability of the positive class and whether the row is of it.
    fn mean(&self, of: impl Fn(f64, bool) -> f64) -> Option<f64> {
        let rows = self.scores.iter().zip(self.positive);
        self.are_probabilities().then(|| mean(rows.map(|(&p, &positive)| of(p, positive)), self.weights))
    }

    /// Mean of −ln of the probability of the true class (`log_loss`). None if the scores are not probabilities.
    pub fn log_loss(&self) -> Option<f64> {
        self.mean(|p, positive| surprise(if positive { p } else { 1.0 - p }))
    }

    /// Mean of (p − y)², with y = 1 for the positive class and 0 else (`brier_score_loss`). None if the scores are not
    /// probabilities.
    pub fn brier(&self) -> Option<f64> {
        self.mean(|p, positive| (p - f64::from(u8::from(positive))).powi(2))
    }
}

/// Rows of several classes: a probability of each class for each row, the true classes, and what each row counts.
///
/// ```
/// use anygrad::model::quality::ClassProbabilities;
/// let probabilities = [0.7, 0.2, 0.1, 0.1, 0.6, 0.3, 0.2, 0.3, 0.5];
/// let rows = ClassProbabilities::new(&probabilities, 3, &[0, 1, 2], None)?;
/// assert!((rows.log_loss() - 0.5202).abs() < 1e-4);
/// assert_eq!(rows.roc_auc(), Some(1.0));
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ClassProbabilities<'a> {
    probabilities: &'a [f64],
    classes: usize,
    labels: &'a [u32],
    weights: Option<&'a [f32]>,
}

impl<'a> ClassProbabilities<'a> {
    /// `classes` probabilities and one label for each row; without weights each row counts 1.
    ///
    /// # Errors
    /// [`Error::Shape`] if the lengths differ, a label has no class, a number is not from 0 to 1, or a weight is not
    /// finite, below 0, or all are 0.
    pub fn new(
        probabilities: &'a [f64],
        classes: usize,
        labels: &'a [u32],
        weights: Option<&'a [f32]>,
    ) -> Result<ClassProbabilities<'a>> {
        let wrong = |detail: String| Err(Error::shape("probabilities", detail));
        if labels.is_empty() || probabilities.len() != labels.len() * classes {
            return wrong(format!("{} for {} rows of {classes} classes", probabilities.len(), labels.len()));
        }
        if let Some(label) = labels.iter().find(|&&label| label as usize >= classes) {
            return wrong(format!("label {label}, there are {classes} classes (labels count from 0)"));
        }
        if let Some(at) = probabilities.iter().position(|p| !(0.0..=1.0).contains(p)) {
            return wrong(format!("{} in row {} is not from 0 to 1", probabilities[at], at / classes));
        }
        check_weights(weights, labels.len())?;
        Ok(ClassProbabilities { probabilities, classes, labels, weights })
    }

    /// Mean of −ln of the probability of the true class (`log_loss`).
    pub fn log_loss(&self) -> f64 {
        let rows = self.probabilities.chunks_exact(self.classes).zip(self.labels);
        mean(rows.map(|(row, &label)| surprise(row[label as usize])), self.weights)
    }

    /// Mean over the classes of the area under the ROC curve of each class against all others
    /// (`roc_auc_score(multi_class="ovr")`). None if a class has no rows or all.
    pub fn roc_auc(&self) -> Option<f64> {
        let of_class = |class: usize| {
            let scores: Vec<f64> = self.probabilities.iter().skip(class).step_by(self.classes).copied().collect();
            let positive: Vec<bool> = self.labels.iter().map(|&label| label as usize == class).collect();
            BinaryScores { scores: &scores, positive: &positive, weights: self.weights }.roc_auc()
        };
        let areas: Option<Vec<f64>> = (0..self.classes).map(of_class).collect();
        areas.map(|areas| areas.iter().sum::<f64>() / self.classes as f64)
    }
}
