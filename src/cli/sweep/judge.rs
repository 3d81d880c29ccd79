//! The figure that recipes are judged by: one of the validation rows, never of the test rows.

use super::super::result::figures;
use super::super::task::Task;
use anygrad::backend::Device;
use anygrad::{Error, Result};
use std::cmp::Ordering;

/// The figures that validation rows may have, and whether more is better.
pub const FIGURES: [(&str, bool); 9] = [
    ("validation_loss", false),
    ("validation_accuracy", true),
    ("validation_r_squared", true),
    ("validation_mean_absolute_error", false),
    ("validation_root_mean_squared_error", false),
    ("validation_roc_auc", true),
    ("validation_average_precision", true),
    ("validation_log_loss", false),
    ("validation_brier", false),
];

/// Judges recipes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judge {
    /// The figure, as the last line of a run names it.
    pub name: &'static str,
    is_more_better: bool,
}

impl Judge {
    /// The judge by a figure's name.
    pub fn named(name: &str) -> Result<Judge> {
        if name.starts_with("test") {
            let expected = "test rows decide nothing, or they could not judge the result: take a figure of the validation rows, \
                 such as validation_accuracy";
            return Err(Error::option("by", name, expected));
        }
        let found = FIGURES.into_iter().find(|(own, _)| *own == name);
        let unknown = || Error::unknown("figure", name, FIGURES.into_iter().map(|(own, _)| own));
        found.map(|(name, is_more_better)| Judge { name, is_more_better }).ok_or_else(unknown)
    }

    /// Checks that the model which a run begins with has the figure on the validation rows.
    pub fn check(&self, task: Task) -> Result<()> {
        let (Some(validation), false) = (&task.data.validation, self.is_loss()) else { return Ok(()) };
        let mut trainer = task.trainer.epochs(0);
        trainer.fit_blocking(&task.data)?;
        let evaluation = trainer.model()?.evaluate_blocking(validation, &Device::Cpu)?;
        let names: Vec<String> = figures(&evaluation).iter().map(|(name, _)| format!("validation_{name}")).collect();
        match names.iter().any(|name| name == self.name) {
            true => Ok(()),
            false => {
                let expected = format!("these rows have no such figure; they have {}", names.join(", "));
                Err(Error::option("by", self.name, &expected))
            }
        }
    }

    /// Whether losses themselves are compared, which only means something where all are of one kind.
    pub fn is_loss(&self) -> bool {
        self.name == "validation_loss"
    }

    /// The better figure first; what is no number last.
    pub fn compare(&self, a: Option<f64>, b: Option<f64>) -> Ordering {
        let key = |x: Option<f64>| {
            let x = x.filter(|x| !x.is_nan()).map(|x| if self.is_more_better { -x } else { x });
            (x.is_none(), x.unwrap_or_default())
        };
        let ((none_a, a), (none_b, b)) = (key(a), key(b));
        none_a.cmp(&none_b).then(a.total_cmp(&b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_comes_first_and_what_is_no_number_last() {
        let sorted = |name: &str| {
            let judge = Judge::named(name).unwrap();
            let mut figures = [Some(0.5), None, Some(0.25), Some(f64::NAN), Some(0.75)];
            figures.sort_by(|a, b| judge.compare(*a, *b));
            figures.map(|x| x.unwrap_or(-1.0))
        };
        assert_eq!(sorted("validation_loss")[..3], [0.25, 0.5, 0.75]);
        assert_eq!(sorted("validation_accuracy")[..3], [0.75, 0.5, 0.25]);
    }

    #[test]
    fn test_rows_judge_nothing() {
        assert!(Judge::named("test_accuracy").unwrap_err().to_string().contains("decide nothing"));
        assert!(Judge::named("accuracy").unwrap_err().to_string().contains("validation_accuracy"));
    }
}
