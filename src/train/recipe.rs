//! A run as a value: everything that decides it, as config files, run folders and model files state it.

use super::{BatchSize, EarlyStopping, OnDivergence, Threshold};
use crate::backend::Request;
use crate::data::{DataOptions, HeldFiles, Source, Split, Targets, Task};
use crate::error::{Error, Result};
use crate::model::{LayerDescription, Loss, Sequential};
use crate::ops::activation::Activation;
use crate::ops::penalty::Penalty;
use crate::optim::{Clipping, Optimizer, Schedule};
use std::path::PathBuf;

/// Everything that decides a run, but for what only code can state: layers of one's own, a function of the learning
/// rate, initial values. The same recipe on the same data and device gives the same bits.
///
/// ```
/// use anygrad::train::{Recipe, Trainer};
/// let mut recipe = Recipe::default();
/// recipe.train.epochs = Some(3);
/// let data = recipe.load()?;
/// let mut trainer = Trainer::of(recipe, &data)?;
/// trainer.fit_blocking(&data)?;
/// assert_eq!(trainer.model()?.recipe.layers.len(), 3);
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// The seed that decides split, initial weights, row order and dropout masks.
    #[serde(with = "whole_number")]
    pub seed: u64,
    /// The device to run on.
    pub device: Request,
    /// Whether the run ends with the same bits on every machine: whatever its processor, its vectors and threads. Then it
    /// is computed on the CPU, see [`Recipe::request`]; the flag `--reproducible`.
    ///
    /// On processors of x86-64 with AVX2 and FMA it changes nothing and costs nothing: they have these bits by default. On
    /// ARM with 64 bits the products are of plain Rust then. Where no instruction multiplies and adds with one rounding, as
    /// in WebAssembly and on processors from before 2013, they are computed in f64: a step takes 20 times as long as with
    /// AVX-512 (784-128-10, 64 rows) to 50 times (784-512-256-10, 128 rows). The figures of an evaluation may differ in
    /// their last places all the same.
    #[serde(skip_serializing_if = "is_false")]
    pub reproducible: bool,
    /// The file that the run starts from, if not from new weights: a model, which the run goes on with, or weights alone;
    /// the flag `--from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// The rows to train on and to test with.
    pub data: DataOptions,
    /// The layers; none stands for a hidden layer of 64 with ReLU, once the data is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerDescription>,
    /// The loss to minimize; none stands for the one that fits the target, once the data is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    /// The optimizer; by default AdamW with a learning rate of 0.003 and a weight decay of 0.1.
    pub optimizer: Optimizer,
    /// How the learning rate changes over the run; by default along half a cosine wave down to 0.
    pub schedule: Schedule,
    /// Penalties on weights and limits on gradients.
    #[serde(skip_serializing_if = "Regularization::is_none")]
    pub regularization: Regularization,
    /// How long to train, and on how many rows at once.
    pub train: TrainTable,
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
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainTable {
    /// Passes over the training rows; the flag `--epochs`. Without, [`Recipe::default_epochs`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u64>,
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
    /// Layers that are not trained, by their positions as tensors are named: `0`, or `1.0` in a layer that holds others;
    /// the flag `--freeze`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frozen: Vec<String>,
    /// When to stop before the last epoch, and whether to keep the best epoch's weights; the flag `--patience`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// From which probability on a row is of the second of two classes, or what that shall be best for; the flag
    /// `--threshold`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
    /// What to do when a number becomes NaN or infinite; the flag `--on-divergence`.
    #[serde(skip_serializing_if = "OnDivergence::is_default")]
    pub on_divergence: OnDivergence,
}

/// Whole numbers in files: as numbers, and as text where TOML has none, beyond 2⁶³ − 1.
mod whole_number {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Value {
        Number(u64),
        Text(String),
    }

    pub fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        if *number > i64::MAX as u64 { serializer.collect_str(number) } else { serializer.serialize_u64(*number) }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        match Value::deserialize(deserializer) {
            Ok(Value::Number(number)) => Ok(number),
            Ok(Value::Text(text)) => text.parse().map_err(|_| D::Error::custom(format!("`{text}` is no seed"))),
            Err(_) => Err(D::Error::custom("a seed is a whole number of at least 0")),
        }
    }
}

impl Default for Recipe {
    fn default() -> Self {
        Recipe {
            from: None,
            seed: 0,
            device: Request::default(),
            reproducible: false,
            data: DataOptions::default(),
            layers: Vec::new(),
            loss: None,
            optimizer: Optimizer::default(),
            schedule: Schedule::cosine(),
            regularization: Regularization::default(),
            train: TrainTable::default(),
        }
    }
}

impl Default for TrainTable {
    fn default() -> Self {
        let batch_size = BatchSize::Rows(64);
        TrainTable {
            epochs: None,
            batch_size,
            shuffle: true,
            drop_last: false,
            resident_bytes: None,
            frozen: Vec::new(),
            early_stopping: None,
            threshold: None,
            on_divergence: OnDivergence::Stop,
        }
    }
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
    /// Share of the training rows that is held back for validation where something decides by it and nothing else is
    /// named.
    pub const VALIDATION_FRACTION: f32 = 0.1;

    /// A run on rows that the program holds, with batches of 64 rows, 30 epochs, seed 0, at a constant learning rate.
    pub fn new(loss: Loss, optimizer: impl Into<Optimizer>) -> Recipe {
        let data = DataOptions { source: Source::Memory, ..DataOptions::default() };
        let train = TrainTable { epochs: Some(30), ..TrainTable::default() };
        let (loss, schedule) = (Some(loss), Schedule::Constant);
        Recipe { data, loss, optimizer: optimizer.into(), schedule, train, ..Recipe::default() }
    }

    /// The device to ask for: a [reproducible](Recipe::reproducible) run's is the CPU.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if a reproducible run is asked for on a GPU.
    pub fn request(&self) -> Result<Request> {
        match &self.device {
            device if !self.reproducible => Ok(device.clone()),
            Request::Auto | Request::Cpu => Ok(Request::Cpu),
            device => Err(self.refuse_device(device)),
        }
    }

    /// The error of a reproducible run elsewhere than on the CPU.
    pub(super) fn refuse_device(&self, device: impl std::fmt::Display) -> Error {
        let expected = "a reproducible run is computed on the CPU, because GPUs differ in their bits: name cpu, or set \
                        reproducible=false";
        Error::option("device", device, expected)
    }

    /// Passes over so many training rows if none are named: 100, fewer where that is more than ten million rows, but at least
    /// 10; five times as many where early stopping ends the run.
    pub fn default_epochs(&self, rows: usize) -> u64 {
        let epochs = (10_000_000 / rows.max(1)).clamp(10, 100) as u64;
        if self.train.early_stopping.is_some() { 5 * epochs } else { epochs }
    }

    /// Fills in what follows from the settings without a look at the data: the validation rows by which something is
    /// decided. Whatever decides anything does so by these, never by the rows for testing.
    ///
    /// ```
    /// use anygrad::train::{EarlyStopping, Recipe};
    /// let mut recipe = Recipe::default();
    /// recipe.train.early_stopping = Some(EarlyStopping::patience(5));
    /// recipe.settle();
    /// assert_eq!(recipe.data.validation_fraction, 0.1);
    /// ```
    pub fn settle(&mut self) {
        if self.decides_by_validation() {
            self.hold_back_validation();
        }
    }

    /// Whether anything is decided by validation rows.
    pub(super) fn decides_by_validation(&self) -> bool {
        let stops = self.train.early_stopping.is_some_and(|rule| rule.monitor.is_of_validation());
        let reduces = matches!(self.schedule, Schedule::ReduceOnPlateau(_));
        stops || reduces || matches!(self.train.threshold, Some(Threshold::Best(_)))
    }

    /// Has validation rows held back from the training rows, if none are named.
    pub fn hold_back_validation(&mut self) {
        if !self.data.validates() && self.data.source != Source::Memory {
            self.data.validation_fraction = Recipe::VALIDATION_FRACTION;
        }
    }

    /// Passes over the training rows, at most; before [`Recipe::complete`] those of few rows if none are named.
    pub fn epochs(&self) -> u64 {
        self.train.epochs.unwrap_or_else(|| self.default_epochs(1))
    }

    /// Fills in what depends on the data: the loss, the layers where none are listed, the epochs. Returns the model.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if early stopping watches what the run does not have, or for a layer that only code can
    /// build; as [`Sequential::widths`] and [`Recipe::adopt`].
    pub fn complete(&mut self, data: &Split) -> Result<Sequential> {
        self.complete_from(data, None)
    }

    pub(super) fn complete_from(&mut self, data: &Split, files: Option<&HeldFiles>) -> Result<Sequential> {
        self.settle();
        let epochs = self.default_epochs(data.train.rows());
        self.train.epochs.get_or_insert(epochs);
        self.adopt_from(files)?;
        self.check_layers()?;
        let targets = &data.train.targets;
        self.check_decisions(data.validation.is_some(), matches!(targets, Targets::Labels { .. }))?;
        let outputs = self.name_loss(targets).outputs(targets);
        if self.layers.is_empty() {
            self.layers = multilayer_perceptron(&[64], Activation::Relu, 0.0, outputs);
        }
        let model = Sequential::from_description(data.train.features.width(), &self.layers)?;
        model.widths()?;
        Ok(model)
    }

    /// The loss, by the task and the targets if none is named.
    pub fn name_loss(&mut self, targets: &Targets) -> &Loss {
        let task = self.data.task;
        self.loss.get_or_insert_with(|| match task {
            Some(Task::Labels) => Loss::binary_cross_entropy(),
            Some(Task::Values) => Loss::mean_squared_error(),
            Some(Task::Classes) | None => Loss::for_targets(targets),
        })
    }

    /// Checks that a run has what its decisions are made by: whether it has validation rows, and its target is classes.
    pub(super) fn check_decisions(&self, validates: bool, has_accuracy: bool) -> Result<()> {
        if let Some(rule) = self.train.early_stopping {
            rule.validate()?;
            rule.check_run(validates, has_accuracy)?;
        }
        Ok(())
    }

    /// Whether a run by this recipe can be gone on with by another: all is the same but the number of epochs, where
    /// rows come from and how, and where it runs.
    pub(super) fn is_of_one_run_with(&self, other: &Recipe) -> bool {
        let TrainTable { epochs, resident_bytes, .. } = self.train;
        let train = TrainTable { epochs, resident_bytes, ..other.train.clone() };
        let (device, from, data) = (self.device.clone(), self.from.clone(), self.data.clone());
        *self == Recipe { device, from, data, train, ..other.clone() }
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
