//! The trainer: a model, a loss, an optimizer and a device, fitted to data.

use super::checkpoint::Interruptions;
use super::early_stopping::EarlyStopping;
use super::learning_rate::{LearningRate, RateFunction};
use super::objective::Objective;
use super::program::Program;
use super::recovery::Recovery;
use super::report::{Event, Flow};
use super::resident::RowsSpec;
use super::session::lower;
use super::{BatchSize, Recipe};
use crate::backend::{Device, Work};
use crate::data::Dataset;
use crate::error::Result;
use crate::kernel::Target as KernelTarget;
use crate::model::{Loss, Model, Sequential, Tensor};
use crate::optim::{Optimizer, Schedule, ScheduleStep};
use crate::plan::Plan;
use crate::tune::Variants;
use std::sync::Arc;

/// Trains a model.
///
/// ```
/// use anygrad::{data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
/// let data = data::digits()?.split(0.2, 0)?;
/// let model = Sequential::new(64).linear(32).relu().linear(10);
/// let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1).momentum(0.9)).epochs(5);
/// let history = trainer.fit_blocking(&data)?;
/// assert!(history.last().unwrap().test_accuracy.unwrap() > 0.9);
/// # Ok::<(), anygrad::Error>(())
/// ```
pub struct Trainer {
    /// Its loss is named, and its layers are those of `architecture`.
    pub(super) recipe: Recipe,
    pub(super) architecture: Sequential,
    pub(super) rate_function: Option<RateFunction>,
    pub(super) fuse: bool,
    pub(super) variants: Variants,
    pub(super) device: Device,
    pub(super) initial: Option<Vec<Tensor>>,
    /// The threshold of the model that it goes on with, if any.
    pub(super) threshold: Option<f64>,
    pub(super) observer: Box<dyn FnMut(&Event) + Send>,
    pub(super) callback: Option<Callback>,
    pub(super) interruptions: Interruptions,
    pub(super) recovery: Recovery,
    pub(super) hashes: bool,
    pub(super) trained: Option<Model>,
}

/// Asked after each epoch whether to go on.
type Callback = Box<dyn FnMut(&super::EpochReport) -> Flow + Send>;

impl Trainer {
    /// A trainer with batch size 64, 10 epochs, seed 0, on the CPU.
    pub fn new(model: Sequential, loss: Loss, optimizer: impl Into<Optimizer>) -> Trainer {
        let recipe = Recipe { layers: model.description(), ..Recipe::new(loss, optimizer) };
        Trainer::with(recipe, model).epochs(10)
    }

    pub(super) fn with(recipe: Recipe, architecture: Sequential) -> Trainer {
        Trainer {
            recipe,
            architecture,
            rate_function: None,
            fuse: true,
            variants: Variants::default(),
            device: Device::Cpu,
            initial: None,
            threshold: None,
            observer: Box::new(|_| {}),
            callback: None,
            interruptions: Interruptions::default(),
            recovery: Recovery::default(),
            hashes: false,
            trained: None,
        }
    }

    /// The recipe of the run: all its settings.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The layers that it trains.
    pub fn architecture(&self) -> &Sequential {
        &self.architecture
    }

    /// Adds `l1 · Σ|w|` over all weights (not biases) to the loss.
    pub fn l1(mut self, l1: f32) -> Trainer {
        self.recipe.regularization.l1 = l1;
        self
    }

    /// Adds `l2 · Σw²` over all weights (not biases) to the loss: the lectures' λ. PyTorch's `weight_decay` of SGD has
    /// the gradient of half as much.
    pub fn l2(mut self, l2: f32) -> Trainer {
        self.recipe.regularization.l2 = l2;
        self
    }

    /// Limits the norm of all gradients together, as PyTorch's `clip_grad_norm_`.
    pub fn max_grad_norm(mut self, limit: f32) -> Trainer {
        self.recipe.regularization.max_grad_norm = Some(limit);
        self
    }

    /// Limits the magnitude of each element of the gradients, as PyTorch's `clip_grad_value_`.
    pub fn max_grad_value(mut self, limit: f32) -> Trainer {
        self.recipe.regularization.max_grad_value = Some(limit);
        self
    }

    /// Sets the schedule by which the learning rate changes over the run.
    ///
    /// ```
    /// use anygrad::{data, nn::{Loss, Sequential}, optim::{Schedule, Sgd}, train::Trainer};
    /// let model = Sequential::new(64).linear(32).relu().linear(10);
    /// let mut trainer =
    ///     Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.2)).epochs(4).schedule(Schedule::cosine());
    /// let history = trainer.fit_blocking(&data::digits()?.split(0.2, 0)?)?;
    /// assert!(history.last().unwrap().learning_rate < 0.1);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn schedule(mut self, schedule: Schedule) -> Trainer {
        self.recipe.schedule = schedule;
        self
    }

    /// The learning rate of each step by a function of one's own, in the place of a schedule's formula. It must give a
    /// number of at least 0. A recipe cannot say it: the model's names the schedule without it.
    ///
    /// ```
    /// use anygrad::{data, nn::{Loss, Sequential}, optim::{ScheduleStep, Sgd}, train::Trainer};
    /// let model = Sequential::new(64).linear(32).relu().linear(10);
    /// // Ten steps of warm-up, then the inverse square root of the step.
    /// let rate = |at: ScheduleStep| {
    ///     let step = (at.step + 1) as f32;
    ///     at.initial * (step / 10.0).min((10.0 / step).sqrt())
    /// };
    /// let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.2)).epochs(2).learning_rate(rate);
    /// let history = trainer.fit_blocking(&data::digits()?.split(0.2, 0)?)?;
    /// // 23 steps of 64 rows an epoch.
    /// assert_eq!(history.last().unwrap().learning_rate, 0.2 * (10f32 / 46.0).sqrt());
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn learning_rate(mut self, rate: impl Fn(ScheduleStep) -> f32 + Send + Sync + 'static) -> Trainer {
        self.rate_function = Some(Arc::new(rate));
        self
    }

    /// Rows of a step; 1 is stochastic descent.
    pub fn batch_size(mut self, rows: usize) -> Trainer {
        self.recipe.train.batch_size = BatchSize::Rows(rows);
        self
    }

    /// All rows in each step: batch descent.
    pub fn full_batch(mut self) -> Trainer {
        self.recipe.train.batch_size = BatchSize::Full;
        self
    }

    /// Passes over the training rows; 0 leaves the initial values.
    pub fn epochs(mut self, epochs: u64) -> Trainer {
        self.recipe.train.epochs = Some(epochs);
        self
    }

    /// Decides initial values, row order and dropout masks, the same on every device.
    pub fn seed(mut self, seed: u64) -> Trainer {
        self.recipe.seed = seed;
        self
    }

    /// Whether rows come in a new random order each epoch (the default).
    pub fn shuffle(mut self, shuffle: bool) -> Trainer {
        self.recipe.train.shuffle = shuffle;
        self
    }

    /// Whether to leave out the last, smaller batch of an epoch (default: use it).
    pub fn drop_last(mut self, drop_last: bool) -> Trainer {
        self.recipe.train.drop_last = drop_last;
        self
    }

    /// Limits the bytes of training rows, and of evaluated rows, that the device holds at one time. More come to it in
    /// windows, which the host gathers while the device works; the results are the same, bit for bit. Without a limit
    /// windows are used where the device cannot bind all rows, and of packed files beyond 256 MiB.
    pub fn resident_bytes(mut self, most: u64) -> Trainer {
        self.recipe.train.resident_bytes = Some(most);
        self
    }

    /// Whether kernels that do several ops at once are used (the default). Without them the results are the same within
    /// rounding, and slower to come: for comparison.
    pub fn fuse(mut self, fuse: bool) -> Trainer {
        self.fuse = fuse;
        self
    }

    /// Sets the variants of kernels to use, as [`tune`](crate::tune::tune) found them or a run recorded them; the
    /// others as without.
    pub fn variants(mut self, variants: Variants) -> Trainer {
        self.variants = variants;
        self
    }

    /// The device to train on.
    pub fn on(mut self, device: Device) -> Trainer {
        self.device = device;
        self
    }

    /// The device that it trains on; another one, opened anew, if it was lost meanwhile.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Makes the run end with the same bits on every machine: see [`Recipe::reproducible`].
    pub fn reproducible(mut self) -> Trainer {
        self.recipe.reproducible = true;
        self
    }

    /// Starts from these values, in the order and shapes of [`Sequential::initialize`].
    pub fn initial(mut self, tensors: Vec<Tensor>) -> Trainer {
        self.initial = Some(tensors);
        self
    }

    /// Tells `observer` about steps and epochs. It hears of them a little late, because the device runs ahead.
    ///
    /// ```
    /// use anygrad::{data, nn::{Loss, Sequential}, optim::Sgd, train::{Event, Trainer}};
    /// let (sender, events) = std::sync::mpsc::channel();
    /// let mut trainer = Trainer::new(Sequential::new(2).linear(2), Loss::cross_entropy(), Sgd::new(0.1))
    ///     .epochs(2)
    ///     .observe(move |event| sender.send(event.clone()).unwrap());
    /// trainer.fit_blocking(&data::xor(40, 0)?.split(0.2, 0)?)?;
    /// assert_eq!(events.try_iter().filter(|event| matches!(event, Event::Epoch(_))).count(), 2);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn observe(mut self, observer: impl FnMut(&Event) + Send + 'static) -> Trainer {
        self.observer = Box::new(observer);
        self
    }

    /// Asks `callback` after each epoch whether to go on. The device waits for the answer.
    ///
    /// ```
    /// use anygrad::{data, nn::{Loss, Sequential}, optim::Sgd, train::{Flow, Trainer}};
    /// let mut trainer = Trainer::new(Sequential::new(64).linear(10), Loss::cross_entropy(), Sgd::new(0.1))
    ///     .epochs(100)
    ///     .on_epoch(|report| if report.test_accuracy > Some(0.8) { Flow::Stop } else { Flow::Continue });
    /// let history = trainer.fit_blocking(&data::digits()?.split(0.2, 0)?)?;
    /// assert!(history.epochs.len() < 100);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn on_epoch(mut self, callback: impl FnMut(&super::EpochReport) -> Flow + Send + 'static) -> Trainer {
        self.callback = Some(Box::new(callback));
        self
    }

    /// Has the report of each epoch name the hash of its weights. The device waits until they are read.
    pub fn hash_weights(mut self, hash: bool) -> Trainer {
        self.hashes = hash;
        self
    }

    /// Ends training when a result of the validation rows no longer improves.
    ///
    /// ```
    /// use anygrad::{data, nn::{Loss, Sequential}, optim::Sgd, train::{EarlyStopping, Trainer}};
    /// let model = Sequential::new(64).linear(32).relu().linear(10);
    /// let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.2).momentum(0.9))
    ///     .epochs(200)
    ///     .early_stopping(EarlyStopping::patience(5));
    /// let history = trainer.fit_blocking(&data::digits()?.split(0.2, 0)?.with_validation(0.1, 0)?)?;
    /// assert!(history.epochs.len() < 200);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn early_stopping(mut self, rule: EarlyStopping) -> Trainer {
        self.recipe.train.early_stopping = Some(rule);
        self
    }

    /// The plan of a run on `data` for this trainer's device.
    ///
    /// ```
    /// use anygrad::{data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
    /// let trainer = Trainer::new(Sequential::new(2).linear(2), Loss::cross_entropy(), Sgd::new(0.1));
    /// let plan = trainer.plan(&data::xor(64, 0)?, None)?;
    /// assert!(plan.phase("train").is_some());
    /// println!("{plan}");
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// If model, loss, optimizer and data do not fit together; as [`Variants::apply`].
    pub fn plan(&self, train: &Dataset, test: Option<&Dataset>) -> Result<Plan> {
        self.lower(&self.program(train, test)?)
    }

    /// The plan of a program for this trainer's device.
    pub(super) fn lower(&self, program: &Program) -> Result<Plan> {
        lower(program, &self.device, self.fuse, &self.variants)
    }

    /// The cost of one training step on `train`.
    ///
    /// # Errors
    /// Fails as [`Trainer::plan`] does.
    pub fn work(&self, train: &Dataset) -> Result<Work> {
        let Program { graph, epoch, .. } = self.program(train, None)?;
        let plan = Plan::new(graph, &KernelTarget::DOWNLEVEL)?;
        let step = &plan.phases()[epoch.train.full.index()];
        Ok(Work { flops: step.flops(), dispatches: step.launches.len() as u64 })
    }

    /// The graph of a run on `train`, with `test` rows to evaluate after each epoch.
    ///
    /// # Errors
    /// If model, loss, optimizer and data do not fit together.
    pub fn program(&self, train: &Dataset, test: Option<&Dataset>) -> Result<Program> {
        self.objective([Some(train), test].into_iter().flatten())?;
        let (train, test) = (self.rows_spec(train), test.map(|test| self.rows_spec(test)));
        Program::build(&self.architecture, &self.recipe, train, test)
    }

    /// The kind of the rows of `data`, with as many at one time as this trainer's device can hold.
    pub(super) fn rows_spec(&self, data: &Dataset) -> RowsSpec {
        let rows = RowsSpec::of(data);
        let most_bytes = self.recipe.train.resident_bytes.unwrap_or(rows.most_bytes);
        RowsSpec { most_bytes: most_bytes.min(self.device.most_binding_bytes()), ..rows }
    }

    /// What is minimized, once it is known to fit the targets of `data`, of which the first is trained on.
    pub(crate) fn objective<'d>(&self, data: impl IntoIterator<Item = &'d Dataset>) -> Result<Objective<'_>> {
        let objective = Objective::of(&self.architecture, &self.recipe)?;
        for (number, data) in data.into_iter().enumerate() {
            data.check()?;
            objective.check_targets(&data.targets)?;
            if let (0, Some(weights)) = (number, &objective.loss.class_weights) {
                weights.resolve(data)?;
            }
        }
        Ok(objective)
    }

    /// The learning rates of a run.
    pub(super) fn rate(&self, program: &Program) -> LearningRate {
        LearningRate {
            schedule: self.recipe.schedule,
            function: self.rate_function.clone(),
            initial: self.recipe.optimizer.learning_rate(),
            steps_per_epoch: program.epoch.train.batches.count() as u64,
            epochs: self.recipe.epochs(),
        }
    }

    /// The learning rate of the first step.
    pub(crate) fn first_learning_rate(&self) -> f32 {
        let initial = self.recipe.optimizer.learning_rate();
        let at = ScheduleStep { step: 0, epoch: 0, steps_per_epoch: 1, epochs: self.recipe.epochs(), initial };
        self.rate_function.as_ref().map_or_else(|| self.recipe.schedule.rate(at), |function| function(at))
    }
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer")
            .field("recipe", &self.recipe)
            .field("architecture", &self.architecture.to_string())
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}
