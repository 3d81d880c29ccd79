//! Which losses fit which targets, and how many outputs a model needs for both.

use super::{Form, Loss};
use crate::data::Targets;

impl Loss {
    /// The loss that fits a target by default: cross-entropy for classes, mean squared error for numbers, and binary
    /// cross-entropy for several columns of 0 and 1, which are labels that do not exclude each other.
    ///
    /// ```
    /// use anygrad::{data::Targets, model::Loss};
    /// let prices = Targets::Values { names: vec!["price".into()], data: vec![3.5, 0.0] };
    /// assert_eq!(Loss::for_targets(&prices), Loss::mean_squared_error());
    /// let tags = Targets::Values { names: vec!["warm".into(), "wet".into()], data: vec![1.0, 0.0, 1.0, 1.0] };
    /// assert_eq!(Loss::for_targets(&tags), Loss::binary_cross_entropy());
    /// ```
    pub fn for_targets(targets: &Targets) -> Loss {
        match targets {
            Targets::Labels { .. } => Loss::cross_entropy(),
            Targets::Values { names, data } if names.len() > 1 && data.iter().all(|&y| y == 0.0 || y == 1.0) => {
                Loss::binary_cross_entropy()
            }
            Targets::Values { .. } => Loss::mean_squared_error(),
        }
    }

    /// Whether the target is a class label (else a row of values). Binary cross-entropy takes both.
    pub fn takes_labels(&self) -> bool {
        use Form::{BinaryCrossEntropy, CrossEntropy, Hinge, Perceptron};
        matches!(self.form, CrossEntropy { .. } | BinaryCrossEntropy | Hinge { .. } | Perceptron)
    }

    /// Whether outputs become probabilities: of classes that exclude each other by their softmax, else of each output
    /// on its own. The outputs of the other losses are scores or values.
    ///
    /// ```
    /// use anygrad::model::Loss;
    /// assert!(Loss::cross_entropy().has_probabilities() && !Loss::hinge(1.0).has_probabilities());
    /// ```
    pub fn has_probabilities(&self) -> bool {
        matches!(self.form, Form::CrossEntropy { .. } | Form::BinaryCrossEntropy)
    }

    /// Whether the target is a row of values.
    pub fn takes_values(&self) -> bool {
        !self.takes_labels() || self.form == Form::BinaryCrossEntropy
    }

    /// Outputs that a model needs for these targets.
    pub fn outputs(&self, targets: &Targets) -> usize {
        match (self.form, targets) {
            (Form::BinaryCrossEntropy, Targets::Labels { .. }) => 1,
            _ => targets.width(),
        }
    }
}
