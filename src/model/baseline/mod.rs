//! What simple models reach on the same rows: a majority vote or the mean, logistic or linear regression. A result says
//! something only beside theirs.

mod figures;
mod linear;
mod logistic;

pub use figures::BaselineFigures;

use super::quality::{check_weights, weight};
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
const LOGISTIC_WORK: usize = 60_000_000;
/// Most rows · inputs² that linear regression is fitted to.
const LINEAR_WORK: usize = 4_000_000_000;
/// Fewest rows that a linear model is fitted to, where there are more.
const FEWEST_ROWS: usize = 500;

/// What a linear model answers for the rows of the test, and whether it was fitted to the end.
struct Fitted {
    answers: Vec<f64>,
    is_minimum: bool,
}

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
        Baseline::weighted(train, test, loss, train.weights.as_deref(), test.weights.as_deref())
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
        let without =
            |reason| Baseline { constant: constant.clone(), linear: None, linear_rows: None, note: Some(reason) };
        let chosen = match chosen_rows(train, loss, train_weights) {
            Ok(chosen) => chosen,
            Err(reason) => return Ok(without(reason)),
        };
        let fitted = match &chosen {
            None => fit(train, train_weights, test, loss),
            Some(rows) => {
                let weights: Option<Vec<f32>> = train_weights.map(|all| rows.iter().map(|&row| all[row]).collect());
                fit(&train.select(rows), weights.as_deref(), test, loss)
            }
        };
        let fitted = match fitted {
            Ok(fitted) => fitted,
            Err(reason) => return Ok(without(reason)),
        };
        let (rows, all) = (chosen.as_ref().map_or(train.rows(), Vec::len), train.rows());
        let some = chosen.map(|_| format!("fitted to {rows} of {all} training rows, drawn at random, to save time"));
        let early = (!fitted.is_minimum).then(|| "stopped before its minimum, to save time".to_string());
        let notes: Vec<String> = some.into_iter().chain(early).collect();
        Ok(Baseline {
            linear: Some(answers.judge(answers.linear_name(), &fitted.answers)?),
            constant,
            linear_rows: Some(rows),
            note: (!notes.is_empty()).then(|| notes.join("; ")),
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
    let total: f64 = (0..train.rows()).map(|row| weight(weights, row)).sum();
    let width = train.targets.width();
    let mut sums = vec![0.0; width];
    match &train.targets {
        Targets::Labels { data, .. } => {
            data.iter().enumerate().for_each(|(row, &label)| sums[label as usize] += weight(weights, row));
        }
        Targets::Values { data, .. } => {
            let is_label = is_multi_label(&train.targets, loss);
            for (row, values) in data.chunks_exact(width).enumerate() {
                for (sum, &y) in sums.iter_mut().zip(values) {
                    *sum += weight(weights, row) * if is_label { f64::from(u8::from(y > 0.5)) } else { f64::from(y) };
                }
            }
        }
    }
    let answer: Vec<f64> = sums.into_iter().map(|sum| sum / total).collect();
    (0..rows).flat_map(|_| answer.iter().copied()).collect()
}

/// Fits the linear model to `train` and asks it about `test`; or says why there is none.
fn fit(train: &Dataset, weights: Option<&[f32]>, test: &Dataset, loss: &Loss) -> std::result::Result<Fitted, String> {
    let width = train.features.width();
    let inputs = |data: &Dataset| data.preprocessing.inputs(&data.features).map_err(|error| error.to_string());
    let (x, test_x) = (inputs(train)?, inputs(test)?);
    match &train.targets {
        Targets::Labels { data, classes, .. } => {
            let labels = Classes { labels: data, count: classes.len() };
            let fitted = LogisticRegression::fit(&x, width, labels, weights)?;
            Ok(Fitted { answers: fitted.probabilities(&test_x), is_minimum: fitted.is_minimum })
        }
        Targets::Values { data, names } if loss.takes_labels() => {
            let count = names.len();
            let mut all = Fitted { answers: vec![0.0; test.rows() * count], is_minimum: true };
            for label in 0..count {
                let labels: Vec<u32> = data.iter().skip(label).step_by(count).map(|&y| u32::from(y > 0.5)).collect();
                let counting = || (0..labels.len()).filter(|&row| weight(weights, row) > 0.0);
                let first = counting().next().map_or(0, |row| labels[row]);
                // A label that all training rows agree on is answered as they do.
                let of_label = if counting().all(|row| labels[row] == first) {
                    vec![f64::from(first); test.rows()]
                } else {
                    let fitted = LogisticRegression::fit(&x, width, Classes { labels: &labels, count: 2 }, weights)?;
                    all.is_minimum &= fitted.is_minimum;
                    fitted.probabilities(&test_x).into_iter().skip(1).step_by(2).collect()
                };
                all.answers.iter_mut().skip(label).step_by(count).zip(of_label).for_each(|(to, p)| *to = p);
            }
            Ok(all)
        }
        Targets::Values { data, names } => {
            let y: Vec<f64> = data.iter().map(|&y| f64::from(y)).collect();
            let fitted = LinearRegression::fit(&x, width, &y, names.len(), weights)?;
            Ok(Fitted { answers: fitted.predict(&test_x), is_minimum: true })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Features;

    /// `rows` rows of `width` features and of classes in turn.
    fn data(rows: usize, width: usize, classes: usize) -> Dataset {
        let features = Features::U8 { width, data: (0..rows * width).map(|i| (i * 7919 % 251) as u8).collect() };
        let names = (0..classes).map(|i| i.to_string()).collect();
        let data = (0..rows).map(|row| (row % classes) as u32).collect();
        Dataset::new("large", features, Targets::Labels { name: "y".into(), classes: names, data }).unwrap()
    }

    #[test]
    fn a_model_that_would_take_long_is_fitted_to_some_rows() {
        let chosen = |data: &Dataset, loss: Loss| chosen_rows(data, &loss, None);
        // 60,000,000 / (2000 inputs · 10 classes)
        let rows = chosen(&data(4000, 1999, 10), Loss::cross_entropy()).unwrap().unwrap();
        let different: std::collections::BTreeSet<usize> = rows.iter().copied().collect();
        assert_eq!((rows.len(), different.len()), (3000, 3000));
        assert_eq!(chosen(&data(3000, 1999, 10), Loss::cross_entropy()), Ok(None));
        let mut values = data(500, 999, 2);
        let classes = values.targets.clone();
        values.targets = Targets::Values { names: vec!["y".into()], data: vec![0.5; 500] };
        let reason = chosen(&values, Loss::mean_squared_error()).unwrap_err();
        assert_eq!(reason, "999 features explain 500 rows in many ways");
        values.targets = classes;
        assert_eq!(chosen(&values, Loss::cross_entropy()), Ok(None));
    }

    #[test]
    fn a_model_of_too_many_features_is_left_out_with_the_reason() {
        let train = data(600, 13_000, 10);
        let baseline = Baseline::of(&train, &train.select(&[0, 1, 2]), &Loss::cross_entropy()).unwrap();
        assert_eq!((baseline.linear, baseline.linear_rows), (None, None));
        assert_eq!(baseline.note.as_deref(), Some("13000 features are too many for a quick comparison"));
        assert!((baseline.constant.accuracy.unwrap() - 1.0 / 3.0).abs() < 1e-12);
    }
}
