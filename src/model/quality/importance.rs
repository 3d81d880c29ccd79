//! Permutation importance: how much worse a model gets when the values of a feature are shuffled among the rows.

use super::{BinaryScores, label_shares, mean, second_class_scores, target_metrics, uniform_r_squared};
use crate::backend::Device;
use crate::data::{Dataset, Features, Targets};
use crate::error::{Error, Result};
use crate::model::{Model, Predictor};
use crate::random::{Permutation, Purpose, stream_key};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// A figure of quality of which larger is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// Share of rows classified correctly; of labels that do not exclude each other, share of the labels.
    Accuracy,
    /// Area under the ROC curve, for two classes.
    RocAuc,
    /// R², of several targets their mean.
    RSquared,
}

impl Score {
    const NAMES: [(&str, Score); 3] =
        [("accuracy", Score::Accuracy), ("roc_auc", Score::RocAuc), ("r_squared", Score::RSquared)];
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Score::NAMES.iter().find(|(_, score)| score == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

impl FromStr for Score {
    type Err = Error;

    fn from_str(name: &str) -> Result<Score> {
        let known = Score::NAMES.iter().find(|(own, _)| *own == name).map(|(_, score)| *score);
        known.ok_or_else(|| Error::unknown("score", name, Score::NAMES.map(|(own, _)| own)))
    }
}

/// How permutation importance is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct PermutationImportance {
    /// Features that are shuffled together, by a name: those that one column of a table became. Empty: each by itself.
    pub groups: Vec<(String, Range<usize>)>,
    /// How often each group is shuffled.
    pub repeats: usize,
    /// Decides the orders.
    pub seed: u64,
    /// What is measured; without it accuracy for classes and R² for values.
    pub score: Option<Score>,
}

impl Default for PermutationImportance {
    /// Each feature by itself, 5 times.
    fn default() -> PermutationImportance {
        PermutationImportance { groups: Vec::new(), repeats: 5, seed: 0, score: None }
    }
}

/// The importance of features, and the score that they were measured with.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Importance {
    /// What was measured.
    pub metric: Score,
    /// Its value with all features as they are.
    pub score: f64,
    /// In the order of the groups.
    pub features: Vec<FeatureImportance>,
}

/// By how much the score falls when a group of features is shuffled.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FeatureImportance {
    /// The group's name.
    pub name: String,
    /// Mean of the falls over the repeats, in the score's unit. Close to 0, or below: the model gains nothing by it.
    pub mean: f64,
    /// Standard deviation of the falls (divisor: the repeats).
    pub deviation: f64,
}

impl Model {
    /// Permutation importance of the features on `data`, as scikit-learn's `permutation_importance` defines it: the
    /// mean over the repeats of the score on `data` minus the score after a group's columns are shuffled among the
    /// rows. Features that tell the same can stand in for each other, and then each seems less important than it is.
    ///
    /// Takes `groups · repeats + 1` passes over the rows.
    ///
    /// ```
    /// use anygrad::{backend::Device, data, model::quality::PermutationImportance, nn::{Loss, Sequential}};
    /// use anygrad::{optim::Sgd, train::Trainer};
    /// let data = data::moons(100, 0.1, 0)?.split(0.2, 0)?;
    /// let layers = Sequential::new(2).linear(8).relu().linear(2);
    /// let mut trainer = Trainer::new(layers, Loss::cross_entropy(), Sgd::new(0.1)).epochs(20);
    /// trainer.fit_blocking(&data)?;
    /// let how = PermutationImportance { repeats: 3, ..PermutationImportance::default() };
    /// let importance = trainer.model()?.importance_blocking(&data.test, &how, &Device::cpu())?;
    /// assert_eq!(importance.features.len(), 2);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if `repeats` is 0, a group has features that there are not, or the score does not fit
    /// the targets; [`Error::Shape`] if the score is undefined on these rows; fails as [`Model::outputs`] does.
    pub async fn importance(&self, data: &Dataset, how: &PermutationImportance, device: &Device) -> Result<Importance> {
        data.check()?;
        let width = data.features.width();
        let each = data.feature_names.iter().enumerate().map(|(i, name)| (name.clone(), i..i + 1));
        let groups = if how.groups.is_empty() { each.collect() } else { how.groups.clone() };
        if how.repeats == 0 {
            return Err(Error::option("repeats", 0, "must be at least 1"));
        }
        if let Some((name, range)) = groups.iter().find(|(_, range)| range.is_empty() || range.end > width) {
            let range = format!("{name}: {}..{}", range.start, range.end);
            return Err(Error::option("groups", range, &format!("names no features, there are {width}")));
        }
        let metric = how.score.unwrap_or(match data.targets {
            Targets::Values { .. } if !self.loss.takes_labels() => Score::RSquared,
            _ => Score::Accuracy,
        });
        let rows =
            u32::try_from(data.rows()).map_err(|_| Error::shape("importance", "takes at most 4,294,967,295 rows"))?;
        let mut predictor = self.predictor(device).await?;
        let score = self.scored(&mut predictor, data, &data.features, metric).await?;
        let mut shuffled = data.features.clone();
        let mut features = Vec::new();
        for (id, (name, range)) in groups.into_iter().enumerate() {
            let key = stream_key(how.seed, Purpose::Permute, id as u32);
            let mut falls = Vec::new();
            for repeat in 0..how.repeats {
                let order = Permutation::new(key, repeat as u32, rows);
                take_columns(&mut shuffled, &data.features, &range, |row| order.at(row as u32) as usize);
                falls.push(score - self.scored(&mut predictor, data, &shuffled, metric).await?);
            }
            take_columns(&mut shuffled, &data.features, &range, |row| row);
            let centre = mean(falls.iter().copied(), None);
            let variance = mean(falls.iter().map(|fall| (fall - centre).powi(2)), None);
            features.push(FeatureImportance { name, mean: centre, deviation: variance.sqrt() });
        }
        Ok(Importance { metric, score, features })
    }

    /// [`Model::importance`], blocking.
    ///
    /// # Errors
    /// Fails as [`Model::importance`] does.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn importance_blocking(
        &self,
        data: &Dataset,
        how: &PermutationImportance,
        device: &Device,
    ) -> Result<Importance> {
        pollster::block_on(self.importance(data, how, device))
    }

    /// The score of rows with these features in the place of their own.
    async fn scored(
        &self,
        predictor: &mut Predictor,
        rows: &Dataset,
        features: &Features,
        score: Score,
    ) -> Result<f64> {
        let outputs = predictor.outputs(features).await?;
        self.score(&outputs, &rows.targets, score, rows.weights.as_deref())
    }

    /// A score of outputs, row-major; without weights each row counts 1.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if the score does not fit the targets; [`Error::Shape`] if the outputs do not, or the
    /// score is undefined on these rows: R² of a constant target, the area under the curve of one class.
    pub fn score(&self, outputs: &[f32], targets: &Targets, score: Score, weights: Option<&[f32]>) -> Result<f64> {
        let unfit = |what: &str| Err(Error::option("score", score, &format!("is not one of {what}")));
        let width = self.architecture.output_width()?;
        let rows = targets.rows();
        if rows == 0 || outputs.len() != rows * width {
            let detail = format!("{} outputs for {rows} rows of {width} outputs", outputs.len());
            return Err(Error::shape("score", detail));
        }
        super::check_outputs(outputs, width)?;
        super::check_weights(weights, rows)?;
        let undefined = |why: &str| Error::shape("score", format!("{score} is undefined on these rows: {why}"));
        match targets {
            Targets::Labels { data: labels, classes, .. } => match score {
                Score::Accuracy => {
                    let right = |(row, &label): (&[f32], &u32)| self.class_of(row) == label as usize;
                    let rows = outputs.chunks_exact(width).zip(labels);
                    Ok(mean(rows.map(|row| f64::from(u8::from(right(row)))), weights))
                }
                Score::RocAuc if classes.len() == 2 => {
                    let scores = second_class_scores(&self.loss, outputs, width);
                    let positive: Vec<bool> = labels.iter().map(|&label| label == 1).collect();
                    let area = BinaryScores::new(&scores, &positive, weights)?.roc_auc();
                    area.ok_or_else(|| undefined("they are all of one class"))
                }
                Score::RocAuc => unfit("more than two classes"),
                Score::RSquared => unfit("classes"),
            },
            Targets::Values { data, names } if names.len() == width => match score {
                Score::Accuracy if self.loss.takes_labels() => {
                    let right: Vec<bool> = outputs.iter().zip(data).map(|(&z, &y)| (z > 0.0) == (y > 0.5)).collect();
                    Ok(label_shares(&right, width, weights).0)
                }
                Score::RSquared if !self.loss.takes_labels() => {
                    let wide = |numbers: &[f32]| numbers.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
                    let targets = target_metrics(names, &wide(outputs), &wide(data), weights);
                    uniform_r_squared(&targets).ok_or_else(|| undefined("a target is the same in all of them"))
                }
                _ => unfit("these targets"),
            },
            Targets::Values { names, .. } => {
                Err(Error::shape("score", format!("a model of {width} outputs does not fit {} targets", names.len())))
            }
        }
    }
}

/// Gives each row of `into` the columns `range` that `row(i)` has in `from`.
fn take_columns(into: &mut Features, from: &Features, range: &Range<usize>, row: impl Fn(usize) -> usize) {
    fn copy<T: Copy>(into: &mut [T], from: &[T], width: usize, range: &Range<usize>, row: impl Fn(usize) -> usize) {
        for (i, to) in into.chunks_exact_mut(width).enumerate() {
            to[range.clone()].copy_from_slice(&from[row(i) * width..][range.clone()]);
        }
    }
    match (into, from) {
        (Features::F32 { data: into, width }, Features::F32 { data: from, .. }) => copy(into, from, *width, range, row),
        (Features::U8 { data: into, width }, Features::U8 { data: from, .. }) => copy(into, from, *width, range, row),
        // `into` is a copy of `from`, so of the same kind.
        _ => {}
    }
}
