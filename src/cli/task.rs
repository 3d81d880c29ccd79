//! A recipe with its data and its model: what every verb that trains or looks at training starts from.

use super::config::Config;
use super::options::TrainOptions;
use super::recipe::Recipe;
use anygrad::Result;
use anygrad::data::{Fractions, Split, TargetKind, load};
use anygrad::nn::{Loss, Sequential};

/// A recipe, completed by its data.
pub struct Task {
    /// The complete configuration.
    pub recipe: Recipe,
    /// The rows that the configuration names.
    pub data: Split,
    /// The model, with one output for each class or value of the data.
    pub model: Sequential,
    /// The loss, by default one that fits the data's targets.
    pub loss: Loss,
}

impl Task {
    /// Reads config file, flags and data.
    pub fn new(options: &TrainOptions) -> Result<Task> {
        let config = Config::read(options.config.as_deref())?;
        let mut recipe = Recipe::new(&config, options)?;
        let kind = match &recipe.loss {
            Some(loss) if !loss.takes_values() => TargetKind::Labels,
            Some(loss) if !loss.takes_labels() => TargetKind::Values,
            Some(_) | None => TargetKind::Auto,
        };
        let table = &recipe.data;
        let fractions = Fractions { test: table.test_fraction, validation: table.validation_fraction };
        let data = load(&table.source, table.target.as_deref(), kind, fractions, recipe.seed)?;
        let (model, loss) = recipe.complete(options, &data)?;
        Ok(Task { recipe, data, model, loss })
    }
}
