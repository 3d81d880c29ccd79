//! Precision, recall and F1 of classes, and their means, from numbers of rows or sums of weights.

use super::metrics::Evaluation;

/// Precision, recall and F1 of one class. A quotient without rows is 0, as in scikit-learn.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ClassMetrics {
    /// The class, or with several targets of 0 and 1 per row, the target.
    pub class: String,
    /// Rows of the class.
    pub rows: u64,
    /// Precision: the share of the rows predicted to be of the class that are of it, from 0 to 1.
    pub precision: f64,
    /// Recall: the share of the rows of the class that are predicted to be of it, from 0 to 1.
    pub recall: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
}

/// Rows, or the sums of their weights: predicted rightly to be of a class, predicted to be of it, and of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct ClassCounts {
    right: f64,
    predicted: f64,
    actual: f64,
}

impl ClassCounts {
    /// Counts a row by its weight.
    pub fn add(&mut self, predicted: bool, actual: bool, weight: f64) {
        let counted = |is: bool| if is { weight } else { 0.0 };
        self.right += counted(predicted && actual);
        self.predicted += counted(predicted);
        self.actual += counted(actual);
    }

    fn of_confusion(confusion: &[Vec<f64>], class: usize) -> ClassCounts {
        ClassCounts {
            right: confusion[class][class],
            predicted: confusion.iter().map(|row| row[class]).sum(),
            actual: confusion[class].iter().sum(),
        }
    }

    /// Whether a class occurs among the true or the predicted ones.
    fn occurs(&self) -> bool {
        self.predicted + self.actual > 0.0
    }
}

impl ClassMetrics {
    fn new(class: &str, rows: ClassCounts, weighted: ClassCounts) -> ClassMetrics {
        let share = |part: f64, whole: f64| if whole == 0.0 { 0.0 } else { part / whole };
        let ClassCounts { right, predicted, actual } = weighted;
        ClassMetrics {
            class: class.into(),
            rows: rows.actual as u64,
            precision: share(right, predicted),
            recall: share(right, actual),
            f1: share(2.0 * right, predicted + actual),
        }
    }
}

/// Metrics of each class, and their means over the classes that occur, from numbers of rows and sums of weights.
pub(super) fn of_counts(classes: &[String], rows: &[ClassCounts], weighted: &[ClassCounts]) -> Evaluation {
    let counts = rows.iter().zip(weighted);
    let metrics: Vec<ClassMetrics> = classes
        .iter()
        .zip(counts)
        .map(|(class, (&rows, &weighted))| ClassMetrics::new(class, rows, weighted))
        .collect();
    let occurring: Vec<&ClassMetrics> =
        metrics.iter().zip(rows).filter(|(_, rows)| rows.occurs()).map(|(class, _)| class).collect();
    let mean = |of: fn(&ClassMetrics) -> f64| {
        let sum: f64 = occurring.iter().map(|class| of(class)).sum();
        (!occurring.is_empty()).then(|| sum / occurring.len() as f64)
    };
    Evaluation {
        macro_precision: mean(|class| class.precision),
        macro_recall: mean(|class| class.recall),
        macro_f1: mean(|class| class.f1),
        per_class: Some(metrics),
        ..Evaluation::default()
    }
}

/// Metrics of each class by rows of each true class (outer) and predicted class (inner), and by the sums of their weights,
/// which are shown where rows are weighted.
pub(super) fn of_confusion(
    classes: &[String],
    confusion: Vec<Vec<u64>>,
    weighted: Vec<Vec<f64>>,
    is_weighted: bool,
) -> Evaluation {
    let rows: Vec<Vec<f64>> = confusion.iter().map(|row| row.iter().map(|&n| n as f64).collect()).collect();
    let counts = |confusion: &[Vec<f64>]| -> Vec<ClassCounts> {
        (0..classes.len()).map(|class| ClassCounts::of_confusion(confusion, class)).collect()
    };
    let evaluation = of_counts(classes, &counts(&rows), &counts(&weighted));
    Evaluation { confusion: Some(confusion), weighted_confusion: is_weighted.then_some(weighted), ..evaluation }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_without_rows_has_figures_of_0_and_no_part_in_the_means() {
        let classes = ["seen", "absent", "only predicted"].map(String::from);
        let evaluation = |confusion: [[u64; 3]; 3]| {
            let confusion = confusion.map(Vec::from).to_vec();
            let weighted = confusion.iter().map(|row| row.iter().map(|&n| n as f64).collect()).collect();
            of_confusion(&classes, confusion, weighted, false)
        };
        let perfect = evaluation([[5, 0, 0], [0; 3], [0; 3]]);
        let absent = &perfect.per_class.as_ref().unwrap()[1];
        assert_eq!((absent.precision, absent.recall, absent.f1), (0.0, 0.0, 0.0));
        let means = [perfect.macro_precision, perfect.macro_recall, perfect.macro_f1];
        assert_eq!(means, [Some(1.0); 3]);
        // scikit-learn 1.9: f1_score([0, 0, 0, 0], [0, 0, 0, 2], average="macro") and the like.
        let with_errors = evaluation([[3, 0, 1], [0; 3], [0; 3]]);
        let means = [with_errors.macro_precision, with_errors.macro_recall, with_errors.macro_f1];
        assert_eq!(means, [Some(0.5), Some(0.375), Some(3.0 / 7.0)]);
    }
}
