//! Rows of two classes by their scores: the area under the ROC curve, average precision.

use super::{check_weights, weight};
use crate::error::{Error, Result};

/// Rows of two classes: a score or a probability of the positive class for each, which rows are of it, and what each
/// row counts.
///
/// ```
/// use anygrad::model::quality::BinaryScores;
/// let probabilities = [0.1, 0.4, 0.35, 0.8];
/// let rows = BinaryScores::new(&probabilities, &[false, false, true, true], None)?;
/// assert_eq!(rows.roc_auc(), Some(0.75));
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BinaryScores<'a> {
    pub(super) scores: &'a [f64],
    pub(super) positive: &'a [bool],
    pub(super) weights: Option<&'a [f32]>,
}

/// The rows of one score: what the positive and the negative ones weigh together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Step {
    pub score: f64,
    pub positive: f64,
    pub negative: f64,
}

impl<'a> BinaryScores<'a> {
    /// One score and one answer for each row; without weights each row counts 1.
    ///
    /// # Errors
    /// [`Error::Shape`] if the lengths differ, a score is NaN, or a weight is not finite, below 0, or all are 0.
    pub fn new(scores: &'a [f64], positive: &'a [bool], weights: Option<&'a [f32]>) -> Result<BinaryScores<'a>> {
        if scores.len() != positive.len() || scores.is_empty() {
            let detail = format!("{} scores for {} rows", scores.len(), positive.len());
            return Err(Error::shape("scores", detail));
        }
        if let Some(row) = scores.iter().position(|score| score.is_nan()) {
            return Err(Error::shape("scores", format!("the score of row {row} is NaN")));
        }
        check_weights(weights, scores.len())?;
        Ok(BinaryScores { scores, positive, weights })
    }

    /// What each row counts.
    pub(super) fn weight(&self, row: usize) -> f64 {
        weight(self.weights, row)
    }

    /// The different scores that any row with a weight has, from the largest to the smallest.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut order: Vec<usize> = (0..self.scores.len()).filter(|&row| self.weight(row) > 0.0).collect();
        order.sort_by(|&a, &b| self.scores[b].total_cmp(&self.scores[a]));
        let mut steps: Vec<Step> = Vec::new();
        for row in order {
            let score = self.scores[row];
            // 0 and −0 are one score.
            if steps.last().is_none_or(|step| step.score != score) {
                steps.push(Step { score, positive: 0.0, negative: 0.0 });
            }
            if let Some(step) = steps.last_mut() {
                if self.positive[row] { step.positive += self.weight(row) } else { step.negative += self.weight(row) }
            }
        }
        steps
    }

    /// Area under the ROC curve (`roc_auc_score`): the probability that a positive row has a larger score than a
    /// negative one, equal scores counting half. None if there are no rows of one of the classes.
    pub fn roc_auc(&self) -> Option<f64> {
        let (mut area, mut positive, mut negative) = (0.0, 0.0, 0.0);
        for step in self.steps() {
            area += step.negative * (positive + 0.5 * step.positive);
            positive += step.positive;
            negative += step.negative;
        }
        (positive > 0.0 && negative > 0.0).then(|| area / (positive * negative))
    }

    /// Average precision (`average_precision_score`): the mean of the precisions at each score, weighted by the recall
    /// that the score adds. None if there are no positive rows.
    pub fn average_precision(&self) -> Option<f64> {
        let (mut sum, mut positive, mut all) = (0.0, 0.0, 0.0);
        for step in self.steps() {
            positive += step.positive;
            all += step.positive + step.negative;
            sum += step.positive * positive / all;
        }
        (positive > 0.0).then(|| sum / positive)
    }
}
