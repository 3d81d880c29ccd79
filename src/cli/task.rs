//! A trainer with its data: what every verb that trains or looks at training starts from.

use super::config::Given;
use super::options::TrainOptions;
use super::overlay::{overlay, overlay_class_weights, overlay_layers};
use super::subject::Subject;
use anygrad::Result;
use anygrad::backend::{Choice, Device};
use anygrad::data::Split;
use anygrad::train::{Recipe, Trainer};

/// What config file and flags ask for.
pub struct Task {
    /// The trainer, with the complete recipe, on the CPU.
    pub trainer: Trainer,
    /// The data that the recipe names.
    pub data: Split,
}

impl Task {
    /// Reads config file, flags and data.
    pub fn new(options: &TrainOptions) -> Result<Task> {
        let (recipe, data) = Task::recipe(options)?;
        Ok(Task { trainer: Trainer::of(recipe, &data)?, data })
    }

    /// The complete recipe, and its data.
    fn recipe(options: &TrainOptions) -> Result<(Recipe, Split)> {
        let (config, options) = Subject::resolve(options)?;
        let mut given = Given {
            optimizer: options.optimizer.map(|named| named.0.name()),
            loss: options.loss.as_ref().map(|loss| loss.name()),
            ..Given::default()
        };
        let mut recipe = config.recipe(&options.set, &given)?;
        overlay(&mut recipe, &options)?;
        let data = recipe.load()?;
        let targets = &data.train.targets;
        let finish = |recipe: &mut Recipe| {
            overlay_class_weights(recipe, &options, targets)?;
            overlay_layers(recipe, &options, targets)
        };
        let before = recipe.clone();
        finish(&mut recipe)?;
        // Settings that only name a part of the loss or of the layers are judged now that both are known.
        let is_part = |setting: &String| setting.starts_with("loss.") || setting.starts_with("layers.");
        if options.set.iter().any(is_part) {
            given.loss = recipe.loss.as_ref().map(|loss| loss.name());
            if before.layers.is_empty() {
                given.layers.clone_from(&recipe.layers);
            }
            let settled = config.recipe(&options.set, &given)?;
            recipe = Recipe { loss: settled.loss.or(before.loss), layers: settled.layers, ..before };
            finish(&mut recipe)?;
        }
        Ok((recipe, data))
    }

    /// The device that the recipe asks for.
    pub fn choose(&self) -> Result<Choice> {
        let work = self.trainer.work(&self.data.train)?;
        pollster::block_on(Device::choose(&self.trainer.recipe().device, work))
    }
}
