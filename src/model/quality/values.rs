//! Figures of predicted values, one set for each target in its own unit; shares of labels that do not exclude each other.

use super::mean;
use crate::model::Evaluation;

/// How well one target is predicted, in its own unit.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct TargetMetrics {
    /// The target.
    pub name: String,
    /// Share of the target's variance that the predictions explain, R² (`r2_score`). None if the target is constant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r_squared: Option<f64>,
    /// Mean absolute error (`mean_absolute_error`).
    pub mean_absolute_error: f64,
    /// Root of the mean squared error (`root_mean_squared_error`).
    pub root_mean_squared_error: f64,
}

/// Figures of each target, from predictions and true values of all rows, row-major.
///
/// ```
/// use anygrad::model::quality::target_metrics;
/// let metrics = target_metrics(&["metres".into()], &[1.0, 2.0, 4.0], &[1.0, 2.0, 3.0], None);
/// assert_eq!(metrics[0].r_squared, Some(0.5));
/// ```
pub fn target_metrics(
    names: &[String],
    predicted: &[f64],
    actual: &[f64],
    weights: Option<&[f32]>,
) -> Vec<TargetMetrics> {
    let of_target = |(at, name): (usize, &String)| {
        let column = |numbers: &[f64]| numbers.iter().skip(at).step_by(names.len()).copied().collect::<Vec<f64>>();
        let (p, y) = (column(predicted), column(actual));
        let centre = mean(y.iter().copied(), weights);
        let variance = mean(y.iter().map(|y| (y - centre).powi(2)), weights);
        let residual = mean(p.iter().zip(&y).map(|(p, y)| (p - y).powi(2)), weights);
        // The mean of equal numbers may be off by rounding.
        let is_constant = y.windows(2).all(|pair| pair[0] == pair[1]);
        TargetMetrics {
            name: name.clone(),
            r_squared: (variance > 0.0 && !is_constant).then(|| 1.0 - residual / variance),
            mean_absolute_error: mean(p.iter().zip(&y).map(|(p, y)| (p - y).abs()), weights),
            root_mean_squared_error: residual.sqrt(),
        }
    };
    names.iter().enumerate().map(of_target).collect()
}

/// The mean of the targets' R² (`r2_score` with `multioutput="uniform_average"`). None if a target is constant.
pub fn uniform_r_squared(targets: &[TargetMetrics]) -> Option<f64> {
    let all: Option<Vec<f64>> = targets.iter().map(|target| target.r_squared).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.iter().sum::<f64>() / all.len() as f64)
}

/// The evaluation of predicted values: of one target plain figures, of several the mean R² and a list.
pub(in crate::model) fn regression(
    loss: f64,
    predicted: &[f64],
    actual: &[f64],
    names: &[String],
    weights: Option<&[f32]>,
) -> Evaluation {
    let targets = target_metrics(names, predicted, actual, weights);
    let only = if let [only] = &targets[..] { Some(only.clone()) } else { None };
    Evaluation {
        rows: actual.len() / names.len(),
        loss,
        r_squared: uniform_r_squared(&targets),
        mean_absolute_error: only.as_ref().map(|target| target.mean_absolute_error),
        root_mean_squared_error: only.as_ref().map(|target| target.root_mean_squared_error),
        per_target: Some(targets),
        ..Evaluation::default()
    }
}

/// Shares of the labels that are right, and of the rows whose labels are all right (`accuracy_score` of label
/// indicators), from whether each of `width` labels of each row is right.
pub(in crate::model) fn label_shares(right: &[bool], width: usize, weights: Option<&[f32]>) -> (f64, f64) {
    let of_row = |row: &[bool]| row.iter().filter(|&&is_right| is_right).count() as f64 / width as f64;
    let rows = || right.chunks_exact(width);
    let labels = mean(rows().map(of_row), weights);
    (labels, mean(rows().map(|row| f64::from(u8::from(row.iter().all(|&is_right| is_right)))), weights))
}
