//! Figures of quality, each as scikit-learn defines it: rankings and probabilities of classes, calibration, thresholds,
//! values of targets, importance of features. All take weights of rows, scikit-learn's `sample_weight`.
//!
//! Of two classes, the positive one is the second in the order of the classes.

mod calibration;
mod curves;
mod importance;
mod probability;
mod ranking;
mod report;
mod threshold;
mod values;

pub use calibration::{Calibration, CalibrationBin};
pub use curves::{PrecisionRecallPoint, RocPoint};
pub use importance::{FeatureImportance, Importance, PermutationImportance, Score};
pub use probability::ClassProbabilities;
pub use ranking::BinaryScores;
pub use threshold::{BestThreshold, Criterion};
pub use values::{TargetMetrics, target_metrics, uniform_r_squared};

pub(super) use report::{check_outputs, second_class_scores};
pub(super) use threshold::{check_threshold, class_of};
pub(super) use values::{label_shares, regression};

use crate::error::{Error, Result};

/// What a row counts: its weight, or 1.
pub(super) fn weight(weights: Option<&[f32]>, row: usize) -> f64 {
    weights.map_or(1.0, |weights| f64::from(weights[row]))
}

/// Weighted mean of one number for each row.
pub(super) fn mean(numbers: impl Iterator<Item = f64>, weights: Option<&[f32]>) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for (row, number) in numbers.enumerate() {
        sum += weight(weights, row) * number;
        total += weight(weights, row);
    }
    sum / total
}

/// Refuses weights that are not one for each of `rows` rows, not finite, below 0 or all 0.
pub(super) fn check_weights(weights: Option<&[f32]>, rows: usize) -> Result<()> {
    let Some(weights) = weights else { return Ok(()) };
    if weights.len() != rows {
        return Err(Error::shape("weights", format!("{} weights for {rows} rows", weights.len())));
    }
    if let Some(row) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
        return Err(Error::shape("weights", format!("row {row} weighs {}: give numbers from 0", weights[row])));
    }
    if weights.iter().all(|&w| w == 0.0) {
        return Err(Error::shape("weights", "all rows weigh 0: give at least one a weight above 0"));
    }
    Ok(())
}
