//! `--from`: the recipe that a run takes over from the model or the run that it goes on with.

use super::config::Config;
use super::subject::Subject;
use anygrad::backend::Request;
use anygrad::data::DataOptions;
use anygrad::train::Recipe;
use anygrad::{Error, Result};
use std::path::Path;

/// What holds where neither flags nor a config file say: the recipe of the model or of the run, but for its device and what
/// it froze; of weights alone the defaults. Of other rows the model's do not say where to test.
pub fn config(path: &Path, has_rows: bool) -> Result<Config> {
    let mut own = Recipe { from: Some(Subject::model(path)?), ..Recipe::default() };
    let Some(model) = own.adopt()? else { return Ok(Config::default()) };
    let mut recipe = match Subject::recipe(path)? {
        Some(recipe) => recipe,
        None if !has_rows && model.recipe.data.source.path().is_some() => {
            let expected =
                "is named in the model, whose paths are not followed: name the rows by --data, or the run's folder";
            return Err(Error::option("data", model.recipe.data.source, expected));
        }
        None => model.recipe,
    };
    if has_rows {
        let (source, columns) = (DataOptions::default().source, recipe.data);
        recipe.data =
            DataOptions { source, test_data: None, validation_data: None, folds: None, fold: None, ..columns };
    }
    recipe.device = Request::default();
    recipe.from = own.from;
    recipe.train.frozen.clear();
    Config::of(&recipe)
}

/// What a run starts from, and the settings that it may have taken over, in a sentence.
pub fn line(recipe: &Recipe, goes_on: bool) -> Option<String> {
    let path = recipe.from.as_ref()?.display();
    if !goes_on {
        return Some(format!("from    {path}: weights alone; how columns are prepared is fitted to these rows"));
    }
    let (optimizer, rate) = (recipe.optimizer.name(), recipe.optimizer.learning_rate());
    let (batch, epochs, seed) = (recipe.train.batch_size, recipe.epochs(), recipe.seed);
    Some(format!(
        "from    {path}: its layers, loss, columns and weights; by flags, config file or else its recipe: {optimizer}, \
         learning rate {rate}, batch size {batch}, at most {epochs} epochs, seed {seed}"
    ))
}
