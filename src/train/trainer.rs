//! The trainer: a model, a loss, an optimizer and a device, fitted to data.

use super::early_stopping::EarlyStopping;
use super::learning_rate::{LearningRate, RateFunction};
use super::program::{BatchSize, Program, ProgramSpec};
use super::report::{Event, Flow};
use super::resident::RowsSpec;
use super::session::lower;
use crate::backend::{Device, Work};
use crate::data::{Dataset, Targets};
use crate::error::{Error, Result};
use crate::kernel::Target as KernelTarget;
use crate::model::{Evaluation, Model};
use crate::model::{Form, Loss, Sequential, Tensor};
use crate::ops::penalty::Penalty;
use crate::optim::{Clipping, Optimizer, Schedule, ScheduleStep};
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
    pub(super) model: Sequential,
    pub(super) loss: Loss,
    pub(super) optimizer: Optimizer,
    pub(super) penalty: Penalty,
    pub(super) clipping: Clipping,
    pub(super) schedule: Schedule,
    pub(super) rate_function: Option<RateFunction>,
    pub(super) batch_size: BatchSize,
    pub(super) epochs: u64,
    pub(super) seed: u64,
    pub(super) shuffle: bool,
    pub(super) drop_last: bool,
    pub(super) fuse: bool,
    pub(super) variants: Variants,
    pub(super) device: Device,
    pub(super) initial: Option<Vec<Tensor>>,
    pub(super) observer: Box<dyn FnMut(&Event) + Send>,
    pub(super) callback: Option<Callback>,
    pub(super) early_stopping: Option<EarlyStopping>,
    pub(super) trained: Option<Model>,
}

/// Asked after each epoch whether to go on.
type Callback = Box<dyn FnMut(&super::EpochReport) -> Flow + Send>;

impl Trainer {
    /// A trainer with batch size 64, 10 epochs, seed 0, on the CPU.
    pub fn new(model: Sequential, loss: Loss, optimizer: impl Into<Optimizer>) -> Trainer {
        Trainer {
            model,
            loss,
            optimizer: optimizer.into(),
            penalty: Penalty::NONE,
            clipping: Clipping::default(),
            schedule: Schedule::Constant,
            rate_function: None,
            batch_size: BatchSize::Rows(64),
            epochs: 10,
            seed: 0,
            shuffle: true,
            drop_last: false,
            fuse: true,
            variants: Variants::default(),
            device: Device::Cpu,
            initial: None,
            observer: Box::new(|_| {}),
            callback: None,
            early_stopping: None,
            trained: None,
        }
    }

    /// Adds `l1 · Σ|w|` over all weights (not biases) to the loss.
    pub fn l1(mut self, l1: f32) -> Trainer {
        self.penalty.l1 = l1;
        self
    }

    /// Adds `l2 · Σw²` over all weights (not biases) to the loss: the lectures' λ. PyTorch's `weight_decay` of SGD has
    /// the gradient of half as much.
    pub fn l2(mut self, l2: f32) -> Trainer {
        self.penalty.l2 = l2;
        self
    }

    /// Limits the norm of all gradients together, as PyTorch's `clip_grad_norm_`.
    pub fn max_grad_norm(mut self, limit: f32) -> Trainer {
        self.clipping.max_grad_norm = Some(limit);
        self
    }

    /// Limits the magnitude of each element of the gradients, as PyTorch's `clip_grad_value_`.
    pub fn max_grad_value(mut self, limit: f32) -> Trainer {
        self.clipping.max_grad_value = Some(limit);
        self
    }

    /// How the learning rate changes over the run.
    ///
    /// ```
    /// use anygrad::{data, nn::{Loss, Sequential}, optim::{Schedule, Sgd}, train::Trainer};
    /// let model = Sequential::new(64).linear(32).relu().linear(10);
    /// let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.2)).epochs(4).schedule(Schedule::cosine());
    /// let history = trainer.fit_blocking(&data::digits()?.split(0.2, 0)?)?;
    /// assert!(history.last().unwrap().learning_rate < 0.1);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn schedule(mut self, schedule: Schedule) -> Trainer {
        self.schedule = schedule;
        self
    }

    /// The learning rate of each step by a function of one's own, in the place of a schedule's formula. It must give a
    /// number of at least 0.
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
        self.batch_size = BatchSize::Rows(rows);
        self
    }

    /// All rows in each step: batch descent.
    pub fn full_batch(mut self) -> Trainer {
        self.batch_size = BatchSize::Full;
        self
    }

    /// Passes over the training rows; 0 leaves the initial values.
    pub fn epochs(mut self, epochs: u64) -> Trainer {
        self.epochs = epochs;
        self
    }

    /// Decides initial values, row order and dropout masks, the same on every device.
    pub fn seed(mut self, seed: u64) -> Trainer {
        self.seed = seed;
        self
    }

    /// Whether rows come in a new random order each epoch (the default).
    pub fn shuffle(mut self, shuffle: bool) -> Trainer {
        self.shuffle = shuffle;
        self
    }

    /// Whether to leave out the last, smaller batch of an epoch (default: use it).
    pub fn drop_last(mut self, drop_last: bool) -> Trainer {
        self.drop_last = drop_last;
        self
    }

    /// Whether kernels that do several ops at once are used (the default). Without them the results are the same within
    /// rounding, and slower to come: for comparison.
    pub fn fuse(mut self, fuse: bool) -> Trainer {
        self.fuse = fuse;
        self
    }

    /// Which variants of kernels to take, as [`tune`](crate::tune::tune) found them or a run recorded them; the others as
    /// without.
    pub fn variants(mut self, variants: Variants) -> Trainer {
        self.variants = variants;
        self
    }

    /// The device to train on.
    pub fn on(mut self, device: Device) -> Trainer {
        self.device = device;
        self
    }

    /// Starts from these values, in the order and shapes of [`Sequential::initialize`].
    pub fn initial(mut self, tensors: Vec<Tensor>) -> Trainer {
        self.initial = Some(tensors);
        self
    }

    /// Tells `observer` about steps and epochs. It hears of them a little late, because the device runs ahead.
    pub fn observe(mut self, observer: impl FnMut(&Event) + Send + 'static) -> Trainer {
        self.observer = Box::new(observer);
        self
    }

    /// Asks `callback` after each epoch whether to go on. The device waits for the answer.
    pub fn on_epoch(mut self, callback: impl FnMut(&super::EpochReport) -> Flow + Send + 'static) -> Trainer {
        self.callback = Some(Box::new(callback));
        self
    }

    /// Ends training when a result no longer improves.
    ///
    /// ```
    /// use anygrad::{data, nn::{Loss, Sequential}, optim::Sgd, train::{EarlyStopping, Trainer}};
    /// let model = Sequential::new(64).linear(32).relu().linear(10);
    /// let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.2).momentum(0.9))
    ///     .epochs(200)
    ///     .early_stopping(EarlyStopping::patience(5));
    /// let history = trainer.fit_blocking(&data::digits()?.split(0.2, 0)?)?;
    /// assert!(history.epochs.len() < 200);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn early_stopping(mut self, rule: EarlyStopping) -> Trainer {
        self.early_stopping = Some(rule);
        self
    }

    /// The plan of a run on `data` for this trainer's device.
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

    /// What one training step on `data` costs.
    ///
    /// # Errors
    /// As [`Trainer::plan`].
    pub fn work(&self, train: &Dataset) -> Result<Work> {
        let plan = Plan::new(self.program(train, None)?.graph, &KernelTarget::DOWNLEVEL)?;
        let step = plan.phases().iter().find(|p| p.name == "train");
        let step = step.ok_or_else(|| Error::shape("plan", "has no training step"))?;
        Ok(Work { flops: step.flops(), dispatches: step.launches.len() as u64 })
    }

    pub(super) fn program(&self, train: &Dataset, test: Option<&Dataset>) -> Result<Program> {
        Program::build(&self.spec(train, test)?)
    }

    /// Everything that decides the graph of a run on `train`, once model and data are known to fit.
    pub(crate) fn spec(&self, train: &Dataset, test: Option<&Dataset>) -> Result<ProgramSpec<'_>> {
        for data in [Some(train), test].into_iter().flatten() {
            data.check()?;
            self.check_width(&data.targets)?;
            self.check_probabilities(&data.targets)?;
        }
        self.schedule.validate()?;
        let batch = self.batch_size.rows(train.rows()).max(1);
        let drop_last = self.drop_last && train.rows() >= batch;
        if let Some(weights) = &self.loss.class_weights {
            weights.resolve(&train.targets)?;
        }
        Ok(ProgramSpec {
            model: &self.model,
            loss: &self.loss,
            penalty: self.penalty,
            optimizer: &self.optimizer,
            clipping: self.clipping,
            batch_size: self.batch_size,
            drop_last,
            shuffle: self.shuffle,
            seed: self.seed,
            train: RowsSpec::of(train),
            test: test.map(RowsSpec::of),
        })
    }

    /// The learning rates of a run.
    pub(super) fn rate(&self, program: &Program) -> LearningRate {
        LearningRate {
            schedule: self.schedule,
            function: self.rate_function.clone(),
            initial: self.optimizer.learning_rate(),
            steps_per_epoch: program.train_batches.count() as u64,
            epochs: self.epochs,
        }
    }

    /// The learning rate of the first step.
    pub(crate) fn first_learning_rate(&self) -> f32 {
        let initial = self.optimizer.learning_rate();
        let at = ScheduleStep { step: 0, epoch: 0, steps_per_epoch: 1, epochs: self.epochs, initial };
        self.rate_function.as_ref().map_or_else(|| self.schedule.rate(at), |function| function(at))
    }

    /// Targets of binary cross-entropy are probabilities.
    fn check_probabilities(&self, targets: &Targets) -> Result<()> {
        if let (Form::BinaryCrossEntropy, Targets::Values { names, data }) = (self.loss.form, targets)
            && let Some(i) = data.iter().position(|y| !(0.0..=1.0).contains(y))
        {
            let (row, name, value) = (i / names.len(), &names[i % names.len()], data[i]);
            let detail = format!("{} takes targets from 0 to 1, `{name}` of row {row} is {value}", self.loss);
            return Err(Error::shape("loss", detail));
        }
        Ok(())
    }

    /// A model of classes may have more outputs than there are classes, but not fewer.
    fn check_width(&self, targets: &Targets) -> Result<()> {
        let Targets::Labels { classes, .. } = targets else { return Ok(()) };
        let (width, needed) = (self.model.output_width()?, self.loss.outputs(targets));
        if self.loss.takes_labels() && needed == 1 && classes.len() != 2 {
            let detail = format!("{} takes labels of 2 classes, there are {}", self.loss, classes.len());
            return Err(Error::shape("loss", detail));
        }
        if self.loss.takes_labels() && width < needed {
            let detail = format!("{} classes need {needed} outputs, the model has {width}", classes.len());
            return Err(Error::shape("model", detail));
        }
        Ok(())
    }

    /// The trained model.
    ///
    /// # Errors
    /// [`Error::Shape`] before the first successful [`Trainer::fit`].
    pub fn model(&self) -> Result<&Model> {
        self.trained.as_ref().ok_or_else(|| Error::shape("trainer", "there is no trained model yet: call fit first"))
    }

    /// Loss and metrics of the trained model on `data`.
    ///
    /// # Errors
    /// As [`Trainer::model`] and [`Model::evaluate`].
    pub async fn evaluate(&self, data: &Dataset) -> Result<Evaluation> {
        self.model()?.evaluate(data, &self.device).await
    }
}

/// The same for programs without an async runtime.
#[cfg(not(target_arch = "wasm32"))]
impl Trainer {
    /// [`Trainer::evaluate`], blocking.
    ///
    /// # Errors
    /// As [`Trainer::evaluate`].
    pub fn evaluate_blocking(&self, data: &Dataset) -> Result<Evaluation> {
        pollster::block_on(self.evaluate(data))
    }
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer")
            .field("model", &self.model.to_string())
            .field("loss", &self.loss)
            .field("optimizer", &self.optimizer)
            .field("batch_size", &self.batch_size)
            .field("epochs", &self.epochs)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
