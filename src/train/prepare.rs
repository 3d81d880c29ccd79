//! Rows made ready for a run by its recipe: from files, or from a program's memory.

use super::Recipe;
use crate::data::{Fitted, HeldFiles, Loading, MemoryRows, ReadProgress, Source, Split, Task, load_with};
use crate::error::Result;
use crate::model::Form;

impl Recipe {
    /// Loads the data and splits it; prepared as a model's rows were, if the run goes on with one.
    ///
    /// # Errors
    /// Fails as [`load`](crate::data::load), [`load_like`](crate::data::load_like) and [`Recipe::adopt`] do.
    pub fn load(&self) -> Result<Split> {
        self.load_reporting(None)
    }

    /// [`Recipe::load`], which tells how far it is while it reads a table.
    ///
    /// # Errors
    /// As [`Recipe::load`].
    pub fn load_reporting(&self, progress: Option<ReadProgress<'_>>) -> Result<Split> {
        self.load_with(Loading { progress, ..Loading::default() })
    }

    /// [`Recipe::load`] where some of the files are in memory.
    ///
    /// # Errors
    /// As [`Recipe::load`].
    pub fn load_held(&self, files: &HeldFiles) -> Result<Split> {
        self.load_with(Loading { files: Some(files), ..Loading::default() })
    }

    fn load_with(&self, loading: Loading<'_>) -> Result<Split> {
        let mut own = self.clone();
        own.settle();
        let model = own.adopt_from(loading.files)?;
        if let Some(model) = model {
            let loading = Loading { fitted: Some(&model.fitted()), ..loading };
            return load_with(&own.data, own.seed, loading);
        }
        let task = match &own.loss {
            Some(loss) if !loss.takes_values() => Some(Task::Classes),
            Some(loss) if !loss.takes_labels() => Some(Task::Values),
            Some(_) | None => None,
        };
        // What other sources than tables predict is known.
        if let Source::Table(_) = own.data.source {
            own.data.task = own.data.task.or(task);
        }
        let mut split = load_with(&own.data, own.seed, loading)?;
        if own.loss.is_some_and(|loss| loss.form == Form::BinaryCrossEntropy) {
            // Its targets are probabilities.
            split.leave_targets();
        }
        Ok(split)
    }

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
