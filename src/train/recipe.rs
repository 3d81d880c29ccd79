//! A run as a value: everything that decides it, as config files, run folders and model files state it.

use super::{BatchSize, EarlyStopping};
use crate::backend::Request;
use crate::data::{Fractions, Source, Split, TargetKind, Targets, load};
use crate::error::{Error, Result};
use crate::model::{LayerDescription, Loss, Sequential};
use crate::ops::activation::Activation;
use crate::ops::penalty::Penalty;
use crate::optim::{Clipping, Optimizer, Schedule};

/// Everything that decides a run, but for what only code can state: layers of one's own, a function of the learning
/// rate, initial values. The same recipe on the same data and device gives the same bits.
///
/// ```
/// use anygrad::train::{Recipe, Trainer};
/// let mut recipe = Recipe::default();
/// recipe.train.epochs = 3;
/// let data = recipe.load()?;
/// let mut trainer = Trainer::of(recipe, &data)?;
/// trainer.fit_blocking(&data)?;
/// assert_eq!(trainer.model()?.recipe.layers.len(), 3);
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// The seed that decides split, initial weights, row order and dropout masks.
    pub seed: u64,
    /// The device to run on.
    pub device: Request,
    /// The rows to train on and to test with.
    pub data: DataTable,
    /// The layers; none stands for a hidden layer of 64 with ReLU, once the data is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerDescription>,
    /// The loss to minimize; none stands for the one that fits the target, once the data is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    /// The optimizer; by default SGD with learning rate 0.1 and momentum 0.9.
    pub optimizer: Optimizer,
    /// How the learning rate changes over the run.
    #[serde(skip_serializing_if = "is_constant")]
    pub schedule: Schedule,
    /// Penalties on weights and limits on gradients.
    #[serde(skip_serializing_if = "Regularization::is_none")]
    pub regularization: Regularization,
    /// How long to train, and on how many rows at once.
    pub train: TrainTable,
}

/// The table `[data]` of a config file.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataTable {
    /// Where rows come from; the flag `--data`.
    pub source: Source,
    /// The CSV columns to predict, separated by commas, the last if none is named; the flag `--target`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Share of the rows held back for testing; the flag `--test-fraction`.
    pub test_fraction: f32,
    /// Share of the training rows to watch while training, 0 for none; the flag `--validation-fraction`.
    pub validation_fraction: f32,
}

/// The table `[regularization]` of a config file.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
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

/// The table `[train]` of a config file.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainTable {
    /// Passes over the training rows; the flag `--epochs`.
    pub epochs: u64,
    /// Rows of a step; the flag `--batch-size`.
    pub batch_size: BatchSize,
    /// Whether rows come in a new random order each epoch.
    #[serde(skip_serializing_if = "is_true")]
    pub shuffle: bool,
    /// Whether the last, smaller batch of an epoch is left out.
    #[serde(skip_serializing_if = "is_false")]
    pub drop_last: bool,
    /// Most bytes of training rows, and of evaluated rows, that the device holds at one time; more come in windows, with
    /// the same results. None stands for as many as the device can bind, of a packed file 256 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resident_bytes: Option<u64>,
    /// When to stop before the last epoch, and whether to keep the best epoch's weights; the flag `--patience`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
}

impl Default for DataTable {
    fn default() -> Self {
        DataTable { source: Source::Digits, target: None, test_fraction: 0.2, validation_fraction: 0.0 }
    }
}

impl Default for TrainTable {
    fn default() -> Self {
        let (epochs, batch_size) = (30, BatchSize::Rows(64));
        TrainTable { epochs, batch_size, shuffle: true, drop_last: false, resident_bytes: None, early_stopping: None }
    }
}

fn is_constant(schedule: &Schedule) -> bool {
    *schedule == Schedule::Constant
}

fn is_true(flag: &bool) -> bool {
    *flag
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Regularization {
    fn is_none(&self) -> bool {
        *self == Regularization::default()
    }

    /// The L1 and L2 penalty that is added to the loss.
    pub fn penalty(&self) -> Penalty {
        Penalty { l1: self.l1, l2: self.l2 }
    }

    /// The limits on gradients.
    pub fn clipping(&self) -> Clipping {
        Clipping { max_grad_value: self.max_grad_value, max_grad_norm: self.max_grad_norm }
    }
}

impl Recipe {
    /// A run on rows that the program holds, with batches of 64 rows, 30 epochs, seed 0.
    pub fn new(loss: Loss, optimizer: impl Into<Optimizer>) -> Recipe {
        let data = DataTable { source: Source::Memory, ..DataTable::default() };
        Recipe { data, loss: Some(loss), optimizer: optimizer.into(), ..Recipe::default() }
    }

    /// Loads the data and splits it.
    ///
    /// # Errors
    /// Fails as [`load`] does.
    pub fn load(&self) -> Result<Split> {
        let kind = match &self.loss {
            Some(loss) if !loss.takes_values() => TargetKind::Labels,
            Some(loss) if !loss.takes_labels() => TargetKind::Values,
            Some(_) | None => TargetKind::Auto,
        };
        let DataTable { source, target, test_fraction, validation_fraction } = &self.data;
        let fractions = Fractions { test: *test_fraction, validation: *validation_fraction };
        load(source, target.as_deref(), kind, fractions, self.seed)
    }

    /// Fills in what depends on the data: the loss, and the layers where none are listed. Returns the model.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if early stopping watches what the run does not have, or for a layer that only code can
    /// build; as [`Sequential::widths`].
    pub fn complete(&mut self, data: &Split) -> Result<Sequential> {
        let targets = &data.train.targets;
        if let Some(rule) = self.train.early_stopping {
            rule.validate()?;
            rule.check_run(Some(data.validation.is_some()), matches!(targets, Targets::Labels { .. }))?;
        }
        let outputs = self.loss.get_or_insert_with(|| Loss::for_targets(targets)).outputs(targets);
        if self.layers.is_empty() {
            self.layers = multilayer_perceptron(&[64], Activation::Relu, 0.0, outputs);
        }
        let model = Sequential::from_description(data.train.features.width(), &self.layers)?;
        model.widths()?;
        Ok(model)
    }

    /// Whether a run by this recipe can be gone on with by another: all is the same but the number of epochs, where
    /// rows come from and how, and where it runs.
    pub(super) fn is_of_one_run_with(&self, other: &Recipe) -> bool {
        let TrainTable { epochs, resident_bytes, .. } = self.train;
        let train = TrainTable { epochs, resident_bytes, ..other.train };
        *self == Recipe { device: self.device.clone(), data: self.data.clone(), train, ..other.clone() }
    }

    /// The loss that is minimized.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] before [`Recipe::complete`], if the recipe does not say.
    pub fn loss(&self) -> Result<&Loss> {
        self.loss.as_ref().ok_or_else(|| Error::option("loss", "none", "name one, or complete the recipe by its data"))
    }
}

/// Layers of a multilayer perceptron: hidden ones with activation and dropout (none if 0), then the outputs.
///
/// ```
/// use anygrad::{nn::Sequential, ops::activation::Activation};
/// use anygrad::train::multilayer_perceptron;
/// let layers = multilayer_perceptron(&[64, 32], Activation::Relu, 0.0, 10);
/// let model = Sequential::from_description(784, &layers)?;
/// assert_eq!(model.to_string(), "784 → linear 64 → relu → linear 32 → relu → linear 10");
/// # Ok::<(), anygrad::Error>(())
/// ```
pub fn multilayer_perceptron(
    hidden: &[usize],
    activation: Activation,
    dropout: f32,
    outputs: usize,
) -> Vec<LayerDescription> {
    let linear = |outputs| LayerDescription::Linear { outputs, bias: true, init: Default::default() };
    let mut layers = Vec::new();
    for &width in hidden {
        layers.extend([linear(width), LayerDescription::Activation(activation)]);
        if dropout != 0.0 {
            layers.push(LayerDescription::Dropout { rate: dropout, mode: Default::default() });
        }
    }
    layers.push(linear(outputs));
    layers
}
