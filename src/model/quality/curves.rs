//! The curves of all thresholds: ROC, and precision against recall.

use super::BinaryScores;

/// A point of the ROC curve: rows whose score is at least the threshold are taken for positive.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct RocPoint {
    /// The threshold on the score; infinity for the first point, where no row is taken for positive.
    pub threshold: f64,
    /// Share of the negative rows that are taken for positive.
    pub false_positive_rate: f64,
    /// Share of the positive rows that are taken for positive: the recall.
    pub true_positive_rate: f64,
}

/// A point of the precision-recall curve: rows whose score is at least the threshold are taken for positive.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct PrecisionRecallPoint {
    /// The threshold on the score.
    pub threshold: f64,
    /// Share of the rows taken for positive that are.
    pub precision: f64,
    /// Share of the positive rows that are taken for it.
    pub recall: f64,
}

impl BinaryScores<'_> {
    /// The ROC curve (`roc_curve` with `drop_intermediate=False`): a point for each different score, from the largest to
    /// the smallest, behind one at the origin. None if there are no rows of one of the classes.
    ///
    /// ```
    /// use anygrad::model::quality::BinaryScores;
    /// let rows = BinaryScores::new(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true], None)?;
    /// let curve = rows.roc_curve().unwrap();
    /// let points: Vec<_> = curve.iter().map(|p| (p.false_positive_rate, p.true_positive_rate)).collect();
    /// assert_eq!(points, [(0.0, 0.0), (0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (1.0, 1.0)]);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn roc_curve(&self) -> Option<Vec<RocPoint>> {
        let steps = self.steps();
        let all = |of: fn(&super::ranking::Step) -> f64| steps.iter().map(of).sum::<f64>();
        let (positive, negative) = (all(|step| step.positive), all(|step| step.negative));
        if positive == 0.0 || negative == 0.0 {
            return None;
        }
        let (mut found, mut wrong) = (0.0, 0.0);
        let mut curve = vec![RocPoint { threshold: f64::INFINITY, false_positive_rate: 0.0, true_positive_rate: 0.0 }];
        for step in &steps {
            found += step.positive;
            wrong += step.negative;
            curve.push(RocPoint {
                threshold: step.score,
                false_positive_rate: wrong / negative,
                true_positive_rate: found / positive,
            });
        }
        Some(curve)
    }

    /// Precision against recall (`precision_recall_curve`): a point for each different score, from the largest to the
    /// smallest. None if there are no positive rows.
    ///
    /// ```
    /// use anygrad::model::quality::BinaryScores;
    /// let rows = BinaryScores::new(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true], None)?;
    /// let curve = rows.precision_recall_curve().unwrap();
    /// let points: Vec<_> = curve.iter().map(|p| (p.recall, p.precision)).collect();
    /// assert_eq!(points, [(0.5, 1.0), (0.5, 0.5), (1.0, 2.0 / 3.0), (1.0, 0.5)]);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn precision_recall_curve(&self) -> Option<Vec<PrecisionRecallPoint>> {
        let steps = self.steps();
        let positive: f64 = steps.iter().map(|step| step.positive).sum();
        if positive == 0.0 {
            return None;
        }
        let (mut found, mut taken) = (0.0, 0.0);
        let point = |step: &super::ranking::Step| {
            found += step.positive;
            taken += step.positive + step.negative;
            PrecisionRecallPoint { threshold: step.score, precision: found / taken, recall: found / positive }
        };
        Some(steps.iter().map(point).collect())
    }
}
