//! Rows that a program has in memory, made ready for a run by its recipe.

use super::Recipe;
use crate::data::{Fitted, MemoryRows, Split};
use crate::error::Result;
use crate::model::Form;

impl Recipe {
    /// Splits rows in memory and prepares them by the recipe's table `data`, as [`Recipe::load`] does with a table's file; like
    /// those of a model, if the run goes on with one. Validation rows are held back where something is decided by them and
    /// none are given, which the recipe states then. The bits of the run are those of one on the same rows in a file.
    ///
    /// # Errors
    /// Fails as [`MemoryRows::split`] does.
    pub fn prepare(
        &mut self,
        rows: MemoryRows,
        validation: Option<MemoryRows>,
        fitted: Option<&Fitted>,
    ) -> Result<Split> {
        if validation.is_none() && self.decides_by_validation() && !self.data.validates() {
            self.data.validation_fraction = Recipe::VALIDATION_FRACTION;
        }
        let mut split = rows.split(validation, &self.data, self.seed, fitted)?;
        if fitted.is_none() && self.loss.as_ref().is_some_and(|loss| loss.form == Form::BinaryCrossEntropy) {
            // Its targets are probabilities.
            split.leave_targets();
        }
        Ok(split)
    }
}
