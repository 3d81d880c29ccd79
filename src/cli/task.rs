//! A trainer with its data: what every verb that trains or looks at training starts from.

use super::config::{Config, Given};
use super::from;
use super::options::TrainOptions;
use super::output::ReadingBar;
use super::overlay::{overlay, overlay_class_weights, overlay_layers, refuse_layers};
use super::subject::Subject;
use anygrad::Result;
use anygrad::backend::{Choice, Device};
use anygrad::data::{DataOptions, Split};
use anygrad::nn::Form;
use anygrad::train::{Recipe, Trainer};
use std::sync::Arc;

/// What config file and flags ask for.
pub struct Task {
    /// The trainer, with the complete recipe, on the CPU.
    pub trainer: Trainer,
    /// The data that the recipe names.
    pub data: Arc<Split>,
}

/// The rows that were read last, for runs whose recipes name the same ones.
#[derive(Default)]
pub struct Rows(Option<(Vec<RowsKey>, Arc<Split>)>);

/// What decides which rows a recipe names, and how they are prepared: the loss by what it takes.
type RowsKey = (DataOptions, u64, Option<(bool, bool, bool)>);

impl Rows {
    /// None for a run that goes on with a model, of which its rows tell.
    fn key(recipe: &Recipe) -> Option<RowsKey> {
        let mut own = recipe.clone();
        own.settle();
        let takes = |loss: &anygrad::nn::Loss| {
            (loss.takes_values(), loss.takes_labels(), loss.form == Form::BinaryCrossEntropy)
        };
        own.from.is_none().then(|| (own.data, own.seed, own.loss.as_ref().map(takes)))
    }

    fn get(&self, recipe: &Recipe) -> Option<Arc<Split>> {
        let (keys, data) = self.0.as_ref()?;
        keys.contains(&Rows::key(recipe)?).then(|| data.clone())
    }

    /// Keeps rows for a recipe and what became of it.
    fn keep(&mut self, recipes: [&Recipe; 2], data: &Arc<Split>) {
        self.0 = Some((recipes.into_iter().filter_map(Rows::key).collect(), data.clone()));
    }
}

/// What config file and flags ask for, before the data is read.
#[derive(Clone, Debug)]
pub struct Request {
    config: Config,
    options: TrainOptions,
    given: Given,
    recipe: Recipe,
}

impl Request {
    /// The recipe as far as it is known without the data.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Changes the recipe.
    pub fn set(&mut self, change: impl FnOnce(&mut Recipe)) {
        change(&mut self.recipe);
    }

    /// What a complete recipe asks for.
    pub fn of(recipe: &Recipe) -> Result<Request> {
        let (config, options, given) = (Config::of(recipe)?, TrainOptions::default(), Given::default());
        Ok(Request { config, options, given, recipe: recipe.clone() })
    }

    /// Reads the data and completes the recipe.
    pub fn load(&self) -> Result<Task> {
        self.load_among(&mut Rows::default())
    }

    /// [`Request::load`], with the rows that were read before if they are the ones.
    pub fn load_among(&self, rows: &mut Rows) -> Result<Task> {
        let mut recipe = self.recipe.clone();
        let goes_on = recipe.adopt()?.is_some();
        if goes_on {
            refuse_layers(&self.options, "the layers are those of the model that --from names: leave it out")?;
        }
        let named = recipe.clone();
        let known = rows.get(&named);
        let data = known.clone().map_or_else(|| read(&named, goes_on).map(Arc::new), Ok)?;
        let targets = &data.train.targets;
        let finish = |recipe: &mut Recipe| {
            overlay_class_weights(recipe, &self.options, targets)?;
            overlay_layers(recipe, &self.options, targets)
        };
        finish(&mut recipe)?;
        // Settings that only name a part of the loss or of the layers are judged now that both are known.
        let is_part = |setting: &String| setting.starts_with("loss.") || setting.starts_with("layers.");
        if self.options.set.iter().any(is_part) {
            let mut given = self.given.clone();
            given.loss = recipe.loss.as_ref().map(|loss| loss.name());
            if self.recipe.layers.is_empty() {
                given.layers.clone_from(&recipe.layers);
            }
            let settled = self.config.recipe(&self.options.set, &given)?;
            let loss = settled.loss.or(self.recipe.loss.clone());
            recipe = Recipe { loss, layers: settled.layers, ..self.recipe.clone() };
            finish(&mut recipe)?;
        }
        let trainer = Trainer::of(recipe, &data)?;
        if known.is_none() {
            rows.keep([&named, trainer.recipe()], &data);
        }
        Ok(Task { trainer, data })
    }
}

/// Reads the rows that a recipe names.
fn read(recipe: &Recipe, goes_on: bool) -> Result<Split> {
    let reading = ReadingBar::new();
    let mut data = recipe.load_reporting(Some(&|done, all| reading.show(done, all)))?;
    data.decisions.splice(0..0, from::line(recipe, goes_on));
    Ok(data)
}

impl Task {
    /// Reads config file, flags and data.
    pub fn new(options: &TrainOptions) -> Result<Task> {
        Task::read(options)?.load()
    }

    /// Reads config file and flags.
    pub fn read(options: &TrainOptions) -> Result<Request> {
        let (mut config, options) = Subject::resolve(options)?;
        if let Some(path) = options.from.as_deref().filter(|_| config.is_empty()) {
            config = from::config(path, options.data.data.is_some())?;
        }
        let given = Given {
            optimizer: options.optimizer.map(|named| named.0.name()),
            loss: options.loss.as_ref().map(|loss| loss.name()),
            ..Given::default()
        };
        let mut recipe = config.recipe(&options.set, &given)?;
        overlay(&mut recipe, &options)?;
        Ok(Request { config, options, given, recipe })
    }

    /// The device that the recipe asks for.
    pub fn choose(&self) -> Result<Choice> {
        let work = self.trainer.work(&self.data.train)?;
        let recipe = self.trainer.recipe();
        let choice = pollster::block_on(Device::choose(&recipe.request()?, work))?;
        Ok(if recipe.reproducible { Choice { reason: "for a reproducible run".into(), ..choice } } else { choice })
    }
}
