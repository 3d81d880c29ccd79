//! The configuration of a run: what the config file says, overridden by flags, completed by defaults.

use super::config::Config;
use super::options::TrainOptions;
use anygrad::backend::Request;
use anygrad::data::{Source, Split, Targets};
use anygrad::nn::{LayerDescription, Loss, Sequential};
use anygrad::ops::activation::Activation;
use anygrad::optim::{Optimizer, Schedule};
use anygrad::train::{BatchSize, EarlyStopping, Monitor};
use anygrad::{Error, Result};
use serde::{Deserialize, Serialize};

/// The configuration of a run: the content of a config file, and in complete form the `config.toml` of a run folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// The seed that decides split, initial weights, row order and dropout masks.
    pub seed: u64,
    /// The device to run on.
    pub device: Request,
    /// The rows to train on and to test with.
    pub data: DataTable,
    /// The model's layers; if there are none, the flags `--hidden`, `--activation` and `--dropout` make them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerDescription>,
    /// The loss to minimize; without it, the one that fits the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    /// The optimizer; without it, SGD with learning rate 0.1 and momentum 0.9.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<Optimizer>,
    /// How the learning rate changes over the run.
    #[serde(skip_serializing_if = "is_constant")]
    pub schedule: Schedule,
    /// Penalties on weights and limits on gradients.
    #[serde(skip_serializing_if = "Regularization::is_none")]
    pub regularization: Regularization,
    /// How long to train, and on how many rows at once.
    pub train: TrainTable,
}

/// The table `[regularization]` of a config file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Regularization {
    /// λ of the penalty λ · Σ|w| over all weights; the flag `--l1`.
    pub l1: f32,
    /// λ of the penalty λ · Σw² over all weights; the flag `--l2`.
    pub l2: f32,
    /// Largest norm of all gradients together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_grad_norm: Option<f32>,
    /// Largest magnitude of an element of a gradient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_grad_value: Option<f32>,
}

impl Regularization {
    fn is_none(&self) -> bool {
        *self == Regularization::default()
    }
}

fn is_constant(schedule: &Schedule) -> bool {
    *schedule == Schedule::Constant
}

/// The table `[data]` of a config file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataTable {
    /// Where rows come from; the flag `--data`.
    pub source: Source,
    /// The CSV columns to predict, the last if none is named; the flag `--target`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Share of the rows held back for testing; the flag `--test-fraction`.
    pub test_fraction: f32,
    /// Share of the training rows to watch while training, 0 for none; the flag `--validation-fraction`.
    pub validation_fraction: f32,
}

impl Default for DataTable {
    fn default() -> Self {
        DataTable { source: Source::Digits, target: None, test_fraction: 0.2, validation_fraction: 0.0 }
    }
}

/// The table `[train]` of a config file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainTable {
    /// Passes over the training rows; the flag `--epochs`.
    pub epochs: u64,
    /// Rows of a step; the flag `--batch-size`.
    pub batch_size: BatchSize,
    /// When to stop before the last epoch, and whether to keep the best epoch's weights; the flag `--patience`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
}

impl Default for TrainTable {
    fn default() -> Self {
        TrainTable { epochs: 30, batch_size: BatchSize::Rows(64), early_stopping: None }
    }
}

impl Recipe {
    /// The config file with the flags on top.
    pub fn new(config: &Config, options: &TrainOptions) -> Result<Recipe> {
        let mut recipe = config.recipe(&options.set)?;
        recipe.seed = options.seed.unwrap_or(recipe.seed);
        recipe.device = options.device.clone().unwrap_or(recipe.device);
        recipe.data.source = options.data.clone().unwrap_or(recipe.data.source);
        recipe.data.target = options.target.clone().or(recipe.data.target);
        recipe.data.test_fraction = options.test_fraction.unwrap_or(recipe.data.test_fraction);
        recipe.data.validation_fraction = options.validation_fraction.unwrap_or(recipe.data.validation_fraction);
        recipe.loss = options.loss.clone().or(recipe.loss);
        recipe.regularization.l1 = options.l1.unwrap_or(recipe.regularization.l1);
        recipe.regularization.l2 = options.l2.unwrap_or(recipe.regularization.l2);
        recipe.train.epochs = options.epochs.unwrap_or(recipe.train.epochs);
        recipe.train.batch_size = options.batch_size.unwrap_or(recipe.train.batch_size);
        if let Some(patience) = options.patience {
            let validates = recipe.data.validation_fraction != 0.0;
            let monitor = if validates { Monitor::ValidationLoss } else { Monitor::TestLoss };
            let rule = EarlyStopping { monitor, ..EarlyStopping::default() };
            let rule = recipe.train.early_stopping.unwrap_or(rule);
            recipe.train.early_stopping = Some(EarlyStopping { patience, ..rule });
        }
        recipe.optimizer = Some(optimizer(recipe.optimizer, options)?);
        Ok(recipe)
    }

    /// Fills in what depends on the data: the loss, and layers from the flags. Returns the model.
    pub fn complete(&mut self, options: &TrainOptions, data: &Split) -> Result<(Sequential, Loss)> {
        let targets = &data.train.targets;
        if let Some(rule) = self.train.early_stopping {
            rule.validate()?;
            rule.check_run(Some(data.validation.is_some()), matches!(targets, Targets::Labels { .. }))?;
        }
        let loss = self.loss.clone().unwrap_or_else(|| targets.default_loss());
        self.loss = Some(loss.clone());
        if !self.layers.is_empty() && options.hidden.is_none() {
            let given = [
                ("activation", options.activation.map(|a| a.to_string())),
                ("dropout", options.dropout.map(|d| d.to_string())),
            ];
            if let Some((name, Some(value))) = given.into_iter().find(|(_, value)| value.is_some()) {
                let expected = "the config file lists its layers: change them there, or give --hidden to replace them";
                return Err(Error::option(name, value, expected));
            }
        }
        if self.layers.is_empty() || options.hidden.is_some() {
            self.layers = layers(options, loss.outputs(targets));
        }
        let model = Sequential::from_description(data.train.features.width(), &self.layers)?;
        model.widths()?;
        Ok((model, loss))
    }
}

/// Hidden layers with activation and dropout, then one output per class or value.
fn layers(options: &TrainOptions, outputs: usize) -> Vec<LayerDescription> {
    let linear = |outputs| LayerDescription::Linear { outputs, bias: true, init: Default::default() };
    let hidden = options.hidden.as_ref().map_or(vec![64], |hidden| hidden.0.clone());
    let mut layers = Vec::new();
    for width in hidden {
        layers.push(linear(width));
        layers.push(LayerDescription::Activation(options.activation.unwrap_or(Activation::Relu)));
        layers.extend(
            options
                .dropout
                .filter(|&rate| rate != 0.0)
                .map(|rate| LayerDescription::Dropout { rate, mode: Default::default() }),
        );
    }
    layers.push(linear(outputs));
    layers
}

/// The file's optimizer, or the named one with its defaults if it is another; the flags on top.
fn optimizer(from_file: Option<Optimizer>, options: &TrainOptions) -> Result<Optimizer> {
    let mut optimizer = match (from_file, options.optimizer) {
        (Some(file), Some(named)) if file.name() != named.0.name() => named.0,
        (Some(file), _) => file,
        (None, Some(named)) => named.0,
        (None, None) => Optimizer::named("sgd")?,
    };
    let name = optimizer.name();
    let (rate, decay, momentum) = match &mut optimizer {
        Optimizer::Sgd(o) => (&mut o.learning_rate, &mut o.weight_decay, Some(&mut o.momentum)),
        Optimizer::RmsProp(o) => (&mut o.learning_rate, &mut o.weight_decay, Some(&mut o.momentum)),
        Optimizer::Adam(o) => (&mut o.learning_rate, &mut o.weight_decay, None),
        Optimizer::AdamW(o) => (&mut o.learning_rate, &mut o.weight_decay, None),
        Optimizer::Adagrad(o) => (&mut o.learning_rate, &mut o.weight_decay, None),
    };
    *rate = options.learning_rate.unwrap_or(*rate);
    *decay = options.weight_decay.unwrap_or(*decay);
    match (momentum, options.momentum) {
        (Some(momentum), Some(given)) => *momentum = given,
        (None, Some(given)) => return Err(Error::option("momentum", given, &format!("{name} has no momentum"))),
        (_, None) => {}
    }
    match &mut optimizer {
        Optimizer::Sgd(sgd) => sgd.nesterov |= options.nesterov,
        _ if options.nesterov => return Err(Error::option("nesterov", true, &format!("{name} has no such form"))),
        _ => {}
    }
    optimizer.validate()?;
    Ok(optimizer)
}
