//! From which probability on a row is of the positive class: a threshold that a model carries, and how to choose it.

use super::{BinaryScores, second_class_scores};
use crate::backend::Device;
use crate::data::{Dataset, Targets};
use crate::error::{Error, Result};
use crate::model::{Model, Target, probabilities};
use crate::ops::correct_rows::predicted_class;
use std::fmt;
use std::str::FromStr;

/// What a threshold is chosen for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Criterion {
    /// Harmonic mean of precision and recall of the positive class (`f1_score`).
    #[default]
    F1,
    /// Share of rows classified correctly (`accuracy_score`).
    Accuracy,
    /// Mean of the recalls of both classes (`balanced_accuracy_score`).
    BalancedAccuracy,
}

/// A threshold, and what it reaches on the rows that it was chosen on.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct BestThreshold {
    /// A row is of the positive class if its probability is at least this.
    pub threshold: f64,
    /// The criterion's value, from 0 to 1.
    pub value: f64,
}

impl Criterion {
    const NAMES: [(&str, Criterion); 3] =
        [("f1", Criterion::F1), ("accuracy", Criterion::Accuracy), ("balanced_accuracy", Criterion::BalancedAccuracy)];

    /// Its value when `found` of `positive` and `wrong` of `negative` are taken for positive.
    fn value(self, found: f64, wrong: f64, positive: f64, negative: f64) -> f64 {
        match self {
            Criterion::F1 => 2.0 * found / (found + wrong + positive),
            Criterion::Accuracy => (found + negative - wrong) / (positive + negative),
            Criterion::BalancedAccuracy => 0.5 * (found / positive + (negative - wrong) / negative),
        }
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Criterion::NAMES.iter().find(|(_, own)| own == self).map_or("", |(name, _)| name))
    }
}

impl FromStr for Criterion {
    type Err = Error;

    fn from_str(name: &str) -> Result<Criterion> {
        let known = Criterion::NAMES.iter().find(|(own, _)| *own == name).map(|(_, criterion)| *criterion);
        known.ok_or_else(|| Error::unknown("criterion", name, Criterion::NAMES.map(|(own, _)| own)))
    }
}

impl BinaryScores<'_> {
    /// The threshold on the probability that is best by `criterion` on these rows, which should be validation rows: on
    /// test rows it would flatter the model. It lies halfway between two neighbouring probabilities; among equally good
    /// ones it is the largest.
    ///
    /// ```
    /// use anygrad::model::quality::{BinaryScores, Criterion};
    /// let rows = BinaryScores::new(&[0.1, 0.2, 0.3, 0.4], &[false, false, true, true], None)?;
    /// let best = rows.best_threshold(Criterion::F1)?;
    /// assert_eq!((best.threshold, best.value), (0.25, 1.0));
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] if a score is not a probability, or there are no rows of one of the classes.
    pub fn best_threshold(&self, criterion: Criterion) -> Result<BestThreshold> {
        let steps = self.steps();
        let (positive, negative) = steps.iter().fold((0.0, 0.0), |(p, n), s| (p + s.positive, n + s.negative));
        if positive == 0.0 || negative == 0.0 {
            return Err(Error::shape("threshold", "is chosen by rows of both classes, there are rows of one only"));
        }
        if self.scores.iter().any(|p| !(0.0..=1.0).contains(p)) {
            return Err(Error::shape("threshold", "is one on probabilities, the scores are not all from 0 to 1"));
        }
        let mut best: Option<BestThreshold> = None;
        let (mut found, mut wrong, mut above) = (0.0, 0.0, 1.0);
        // Before each step, and after the last one: the rows above it are taken for positive.
        for step in steps.iter().map(Some).chain([None]) {
            let below = step.map_or(0.0, |step| step.score);
            let (threshold, value) = ((above + below) / 2.0, criterion.value(found, wrong, positive, negative));
            // At 0 and 1, and between numbers that are neighbours, nothing lies halfway.
            let separates = below < threshold && threshold <= above && threshold > 0.0 && threshold < 1.0;
            if separates && best.is_none_or(|best| value > best.value) {
                best = Some(BestThreshold { threshold, value });
            }
            if let Some(step) = step {
                found += step.positive;
                wrong += step.negative;
                above = step.score;
            }
        }
        best.ok_or_else(|| Error::shape("threshold", "does not exist: all probabilities are 0 or 1"))
    }
}

const OF_TWO_CLASSES: &str = "only a model that puts out probabilities of two classes has a threshold";

/// Refuses a threshold that is not between 0 and 1.
pub(in crate::model) fn check_threshold(threshold: f64) -> Result<()> {
    if threshold > 0.0 && threshold < 1.0 {
        return Ok(());
    }
    Err(Error::option("threshold", threshold, "must lie between 0 and 1, such as 0.3"))
}

impl Model {
    /// The model with another threshold: a row is of the second class if that class's probability is at least this. It
    /// counts for classes, for metrics of classes, and is saved with the model.
    ///
    /// ```
    /// use anygrad::{backend::Device, data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
    /// let data = data::moons(100, 0.1, 0)?.split(0.2, 0)?;
    /// let layers = Sequential::new(2).linear(8).relu().linear(2);
    /// let mut trainer = Trainer::new(layers, Loss::cross_entropy(), Sgd::new(0.1)).epochs(1);
    /// trainer.fit_blocking(&data)?;
    /// let eager = trainer.model()?.clone().with_threshold(0.0001)?;
    /// let classes = pollster::block_on(eager.classes(&data.test.features, &Device::cpu()))?;
    /// assert!(classes.iter().all(|&class| class == 1));
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if it is not between 0 and 1, or the model does not put out the probabilities of two
    /// classes.
    pub fn with_threshold(mut self, threshold: f64) -> Result<Model> {
        check_threshold(threshold)?;
        if !self.takes_threshold()? {
            return Err(Error::option("threshold", threshold, OF_TWO_CLASSES));
        }
        self.threshold = Some(threshold);
        Ok(self)
    }

    /// The threshold that is best by `criterion` on these rows, which should be validation rows: on test rows it would
    /// flatter the model. See [`BinaryScores::best_threshold`]. Rows count by their weights.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if the model or the rows are not of the probabilities of two classes; fails as
    /// [`Model::outputs`] and [`BinaryScores::best_threshold`] do.
    pub async fn best_threshold(&self, rows: &Dataset, criterion: Criterion, device: &Device) -> Result<BestThreshold> {
        let labels = match &rows.targets {
            Targets::Labels { data, .. } if self.takes_threshold()? => data,
            _ => return Err(Error::option("threshold", criterion, OF_TWO_CLASSES)),
        };
        rows.check()?;
        let outputs = self.outputs(&rows.features, device).await?;
        let scores = second_class_scores(&self.loss, &outputs, self.architecture.output_width()?);
        let positive: Vec<bool> = labels.iter().map(|&label| label == 1).collect();
        BinaryScores::new(&scores, &positive, rows.weights.as_deref())?.best_threshold(criterion)
    }

    /// [`Model::best_threshold`], blocking.
    ///
    /// # Errors
    /// Fails as [`Model::best_threshold`] does.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn best_threshold_blocking(
        &self,
        rows: &Dataset,
        criterion: Criterion,
        device: &Device,
    ) -> Result<BestThreshold> {
        pollster::block_on(self.best_threshold(rows, criterion, device))
    }

    /// Whether the model puts out the probabilities of two classes.
    pub(in crate::model) fn takes_threshold(&self) -> Result<bool> {
        let is_of_two = matches!(&self.target, Target::Classes { classes, .. } if classes.len() == 2);
        Ok(is_of_two && self.loss.has_probabilities() && self.architecture.output_width()? <= 2)
    }

    /// The class that a row of outputs stands for: by the threshold if there is one, else the one with the largest
    /// output, the first among equals.
    pub fn class_of(&self, outputs: &[f32]) -> usize {
        class_of(outputs, self.threshold)
    }
}

/// The class that a row of logits stands for.
pub(in crate::model) fn class_of(logits: &[f32], threshold: Option<f64>) -> usize {
    match threshold {
        Some(threshold) => usize::from(probabilities(logits).get(1).is_some_and(|&p| p >= threshold)),
        None => predicted_class(logits),
    }
}
