//! A trainer with its data: what every verb that trains or looks at training starts from.

use super::config::Config;
use super::options::TrainOptions;
use super::overlay::{overlay, overlay_layers};
use anygrad::Result;
use anygrad::backend::{Choice, Device};
use anygrad::data::Split;
use anygrad::train::Trainer;

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
        let mut recipe = Config::read(options.config.as_deref())?.recipe(&options.set)?;
        overlay(&mut recipe, options)?;
        let data = recipe.load()?;
        overlay_layers(&mut recipe, options, &data.train.targets)?;
        Ok(Task { trainer: Trainer::of(recipe, &data)?, data })
    }

    /// The device that the recipe asks for.
    pub fn choose(&self) -> Result<Choice> {
        let work = self.trainer.work(&self.data.train)?;
        pollster::block_on(Device::choose(&self.trainer.recipe().device, work))
    }
}
