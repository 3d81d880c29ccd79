//! What simple models reach on the same rows: a majority vote or the mean, logistic or linear regression. A result says
//! something only beside theirs.

mod figures;
mod linear;
mod logistic;

pub use figures::BaselineFigures;

use super::quality::check_weights;
use crate::data::{Dataset, Targets};
use crate::error::{Error, Result};
use crate::model::Loss;
use crate::random::{Permutation, Purpose, stream_key};
use figures::Answers;
use linear::LinearRegression;
use logistic::{Classes, LogisticRegression};

/// What a constant and a linear model, fitted to the training rows, reach on the test rows.
///
/// ```
/// use anygrad::{data, model::{Loss, baseline::Baseline}};
/// let split = data::digits()?.split(0.2, 0)?;
/// let baseline = Baseline::of(&split.train, &split.test, &Loss::cross_entropy())?;
/// assert!(baseline.constant.accuracy < Some(0.2));
/// assert!(baseline.linear.and_then(|linear| linear.accuracy) > Some(0.9));
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Baseline {
    /// Of the model that answers alike for every row: the commonest class, or the mean of each target. Its
    /// probabilities are the shares of the classes (scikit-learn's `DummyClassifier`, `DummyRegressor`).
    pub constant: BaselineFigures,
    /// Of logistic regression (scikit-learn's `LogisticRegression`, so with its penalty ½Σw² and C = 1, intercepts free
    /// of it) or linear regression (`LinearRegression`) on the same inputs as the net's. None if there is a reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linear: Option<BaselineFigures>,
    /// Number of training rows that the linear model was fitted to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linear_rows: Option<usize>,
    /// Why there is no linear model, or why it was fitted to fewer rows than there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Most rows · inputs · classes that logistic regression is fitted to.
const LOGISTIC_WORK: usize = 8_000_000;
/// Most rows · inputs² that linear regression is fitted to.
const LINEAR_WORK: usize = 2_000_000_000;
/// Fewest rows that a linear model is fitted to, where there are more.
const FEWEST_ROWS: usize = 500;

impl Baseline {
    /// Fits both models to `train` and judges them on `test`. With a loss of labels, several targets of 0 and 1 per row
    /// are labels, of which each has a logistic regression of its own.
    ///
    /// It takes a bounded time: where rows, features and classes are too many, the linear model is fitted to some of the
    /// rows, or left out, and `note` says so.
    ///
    /// # Errors
    /// [`Error::Shape`] if the data are unsound or differ in their features or targets.
    pub fn of(train: &Dataset, test: &Dataset, loss: &Loss) -> Result<Baseline> {
        Baseline::weighted(train, test, loss, None, None)
    }

    /// [`Baseline::of`] with weights of the training and of the test rows.
    ///
    /// # Errors
    /// Fails as [`Baseline::of`] does; [`Error::Shape`] if the weights are not one for each row, finite and from 0.
    pub fn weighted(
        train: &Dataset,
        test: &Dataset,
        loss: &Loss,
        train_weights: Option<&[f32]>,
        test_weights: Option<&[f32]>,
    ) -> Result<Baseline> {
        for (data, weights) in [(train, train_weights), (test, test_weights)] {
            data.check()?;
            check_weights(weights, data.rows())?;
        }
        let shape = |data: &Dataset| (data.features.width(), data.targets.width());
        if shape(train) != shape(test) {
            let detail = format!("features and targets are {:?} and {:?}", shape(train), shape(test));
            return Err(Error::shape("training and test rows", detail));
        }
        let answers = Answers::new(&test.targets, loss, test_weights)?;
        let constant = answers.judge(answers.constant_name(), &constant(train, loss, train_weights, test.rows()))?;
        let chosen = match chosen_rows(train, loss, train_weights) {
            Ok(chosen) => chosen,
            Err(reason) => return Ok(Baseline { constant, linear: None, linear_rows: None, note: Some(reason) }),
        };
        let fitted = match &chosen {
            None => predictions(train, train_weights, test, loss),
            Some(rows) => {
                let weights: Option<Vec<f32>> = train_weights.map(|all| rows.iter().map(|&row| all[row]).collect());
                predictions(&train.select(rows), weights.as_deref(), test, loss)
            }
        };
        let predicted = match fitted {
            Ok(predicted) => predicted,
            Err(reason) => return Ok(Baseline { constant, linear: None, linear_rows: None, note: Some(reason) }),
        };
        let (rows, all) = (chosen.as_ref().map_or(train.rows(), Vec::len), train.rows());
        Ok(Baseline {
            constant,
            linear: Some(answers.judge(answers.linear_name(), &predicted)?),
            linear_rows: Some(rows),
            note: chosen.map(|_| format!("fitted to {rows} of {all} training rows, drawn at random, to save time")),
        })
    }
}

/// Whether the targets are labels that do not exclude each other.
fn is_multi_label(targets: &Targets, loss: &Loss) -> bool {
    matches!(targets, Targets::Values { .. }) && loss.takes_labels()
}

/// The training rows that a linear model is fitted to, or None for all; the reason if there is to be no such model.
fn chosen_rows(
    train: &Dataset,
    loss: &Loss,
    weights: Option<&[f32]>,
) -> std::result::Result<Option<Vec<usize>>, String> {
    let (rows, inputs) = (train.rows(), train.features.width() + 1);
    let is_linear = matches!(train.targets, Targets::Values { .. }) && !is_multi_label(&train.targets, loss);
    let most = if is_linear {
        LINEAR_WORK / inputs.saturating_mul(inputs)
    } else {
        let classes = train.targets.width();
        LOGISTIC_WORK / inputs.saturating_mul(if classes == 2 { 1 } else { classes.max(1) })
    };
    if most >= rows {
        let counting = weights.map_or(rows, |weights| weights.iter().filter(|&&weight| weight > 0.0).count());
        if is_linear && inputs > counting {
            return Err(format!("{} features explain {counting} rows in many ways", inputs - 1));
        }
        return Ok(None);
    }
    if most < FEWEST_ROWS || (is_linear && most < 2 * inputs) {
        return Err(format!("{} features are too many for a quick comparison", inputs - 1));
    }
    let count = u32::try_from(rows).map_err(|_| format!("{rows} rows are too many"))?;
    let order = Permutation::new(stream_key(0, Purpose::Sample, 0), 0, count);
    Ok(Some((0..most as u32).map(|i| order.at(i) as usize).collect()))
}

/// What the constant model answers for `rows` rows: shares of classes, shares of labels, or means.
fn constant(train: &Dataset, loss: &Loss, weights: Option<&[f32]>, rows: usize) -> Vec<f64> {
    let weight = |row| super::quality::weight(weights, row);
    let total: f64 = (0..train.rows()).map(weight).sum();
    let width = train.targets.width();
    let mut sums = vec![0.0; width];
    match &train.targets {
        Targets::Labels { data, .. } => {
            data.iter().enumerate().for_each(|(row, &label)| sums[label as usize] += weight(row));
        }
        Targets::Values { data, .. } => {
            let is_label = is_multi_label(&train.targets, loss);
            for (row, values) in data.chunks_exact(width).enumerate() {
                for (sum, &y) in sums.iter_mut().zip(values) {
                    *sum += weight(row) * if is_label { f64::from(u8::from(y > 0.5)) } else { f64::from(y) };
                }
            }
        }
    }
    let answer: Vec<f64> = sums.into_iter().map(|sum| sum / total).collect();
    (0..rows).flat_map(|_| answer.iter().copied()).collect()
}

/// What the linear model, fitted to `train`, answers for the rows of `test`; or why there is none.
fn predictions(
    train: &Dataset,
    weights: Option<&[f32]>,
    test: &Dataset,
    loss: &Loss,
) -> std::result::Result<Vec<f64>, String> {
    let width = train.features.width();
    let (x, test_x) = (train.preprocessing.inputs(&train.features), test.preprocessing.inputs(&test.features));
    match &train.targets {
        Targets::Labels { data, classes, .. } => {
            let labels = Classes { labels: data, count: classes.len() };
            Ok(LogisticRegression::fit(&x, width, labels, weights)?.probabilities(&test_x))
        }
        Targets::Values { data, names } if loss.takes_labels() => {
            let count = names.len();
            let mut all = vec![0.0; test.rows() * count];
            for label in 0..count {
                let labels: Vec<u32> = data.iter().skip(label).step_by(count).map(|&y| u32::from(y > 0.5)).collect();
                let present = Classes { labels: &labels, count: 2 };
                let counting =
                    || labels.iter().enumerate().filter(|(row, _)| super::quality::weight(weights, *row) > 0.0);
                let first = counting().next().map_or(0, |(_, &label)| label);
                // A label that all training rows agree on is answered as they do.
                let of_label = if counting().all(|(_, &label)| label == first) {
                    vec![f64::from(first); test.rows()]
                } else {
                    let fitted = LogisticRegression::fit(&x, width, present, weights)?;
                    fitted.probabilities(&test_x).into_iter().skip(1).step_by(2).collect()
                };
                all.iter_mut().skip(label).step_by(count).zip(of_label).for_each(|(to, p)| *to = p);
            }
            Ok(all)
        }
        Targets::Values { data, names } => {
            let y: Vec<f64> = data.iter().map(|&y| f64::from(y)).collect();
            Ok(LinearRegression::fit(&x, width, &y, names.len(), weights)?.predict(&test_x))
        }
    }
}
