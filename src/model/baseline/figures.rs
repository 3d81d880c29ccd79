//! The figures of a simple model: what it answered against what is true.

use super::is_multi_label;
use crate::data::Targets;
use crate::error::Result;
use crate::model::Loss;
use crate::model::quality::{
    BinaryScores, ClassProbabilities, TargetMetrics, label_shares, mean, target_metrics, uniform_r_squared,
};

/// What a simple model reaches. What does not apply to the targets is None.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct BaselineFigures {
    /// The model: `majority vote`, `mean`, `logistic regression` or `linear regression`.
    pub model: &'static str,
    /// Share of rows classified correctly; with several targets of 0 and 1 per row, share of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// With several targets of 0 and 1 per row, share of the rows in which all are right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subset_accuracy: Option<f64>,
    /// Area under the ROC curve; of several classes the mean over them of each against the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roc_auc: Option<f64>,
    /// Average precision of the second of two classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_precision: Option<f64>,
    /// Mean of −ln of the probability of the true class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_loss: Option<f64>,
    /// Brier score of the second of two classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brier: Option<f64>,
    /// R², of several targets the mean of theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r_squared: Option<f64>,
    /// Figures of each target in its own unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_target: Option<Vec<TargetMetrics>>,
}

/// What is true of the test rows.
pub(super) enum Answers<'a> {
    Classes { labels: &'a [u32], count: usize, weights: Option<&'a [f32]> },
    Labels { right: Vec<bool>, count: usize, weights: Option<&'a [f32]> },
    Values { values: Vec<f64>, names: &'a [String], weights: Option<&'a [f32]> },
}

impl<'a> Answers<'a> {
    pub fn new(targets: &'a Targets, loss: &Loss, weights: Option<&'a [f32]>) -> Result<Answers<'a>> {
        Ok(match targets {
            Targets::Labels { data, classes, .. } => Answers::Classes { labels: data, count: classes.len(), weights },
            Targets::Values { data, names } if is_multi_label(targets, loss) => {
                Answers::Labels { right: data.iter().map(|&y| y > 0.5).collect(), count: names.len(), weights }
            }
            Targets::Values { data, names } => {
                Answers::Values { values: data.iter().map(|&y| f64::from(y)).collect(), names, weights }
            }
        })
    }

    pub fn constant_name(&self) -> &'static str {
        if let Answers::Values { .. } = self { "mean" } else { "majority vote" }
    }

    pub fn linear_name(&self) -> &'static str {
        if let Answers::Values { .. } = self { "linear regression" } else { "logistic regression" }
    }

    /// The figures of answers: probabilities of classes or labels, or values, row-major.
    pub fn judge(&self, model: &'static str, answers: &[f64]) -> Result<BaselineFigures> {
        let figures = BaselineFigures { model, ..BaselineFigures::default() };
        match self {
            Answers::Classes { labels, count, weights } => {
                let rows = ClassProbabilities::new(answers, *count, labels, *weights)?;
                let right = |(row, &label): (&[f64], &u32)| f64::from(u8::from(largest(row) == label as usize));
                let accuracy = mean(answers.chunks_exact(*count).zip(*labels).map(right), *weights);
                let (mut average_precision, mut brier) = (None, None);
                if *count == 2 {
                    let scores: Vec<f64> = answers.iter().skip(1).step_by(2).copied().collect();
                    let positive: Vec<bool> = labels.iter().map(|&label| label == 1).collect();
                    let rows = BinaryScores::new(&scores, &positive, *weights)?;
                    (average_precision, brier) = (rows.average_precision(), rows.brier());
                }
                Ok(BaselineFigures {
                    accuracy: Some(accuracy),
                    roc_auc: rows.roc_auc(),
                    average_precision,
                    log_loss: Some(rows.log_loss()),
                    brier,
                    ..figures
                })
            }
            Answers::Labels { right, count, weights } => {
                let right: Vec<bool> = answers.iter().zip(right).map(|(&p, &y)| (p > 0.5) == y).collect();
                let (labels, rows) = label_shares(&right, *count, *weights);
                Ok(BaselineFigures { accuracy: Some(labels), subset_accuracy: Some(rows), ..figures })
            }
            Answers::Values { values, names, weights } => {
                let targets = target_metrics(names, answers, values, *weights);
                Ok(BaselineFigures { r_squared: uniform_r_squared(&targets), per_target: Some(targets), ..figures })
            }
        }
    }
}

/// The position of the largest number, the first among equals.
fn largest(row: &[f64]) -> usize {
    (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}
