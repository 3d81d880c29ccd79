//! The trainer: a model, a loss, an optimizer and a device, fitted to data.

use super::early_stopping::{Best, EarlyStopping};
use super::evaluate::Evaluation;
use super::model::{Model, Target};
use super::program::{BatchSize, Program, ProgramSpec};
use super::report::{Event, Flow, History};
use super::resident::RowsSpec;
use super::run::Run;
use crate::backend::{Device, Work};
use crate::data::{Dataset, Split, Targets};
use crate::error::{Error, Result};
use crate::kernel::{StepState, Target as KernelTarget};
use crate::nn::{Loss, Sequential, Tensor};
use crate::ops::penalty::Penalty;
use crate::optim::Optimizer;
use crate::plan::Plan;

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
    model: Sequential,
    loss: Loss,
    optimizer: Optimizer,
    penalty: Penalty,
    batch_size: BatchSize,
    epochs: u64,
    seed: u64,
    shuffle: bool,
    drop_last: bool,
    device: Device,
    initial: Option<Vec<Tensor>>,
    observer: Box<dyn FnMut(&Event) + Send>,
    callback: Option<Callback>,
    early_stopping: Option<EarlyStopping>,
    trained: Option<Model>,
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
            batch_size: BatchSize::Rows(64),
            epochs: 10,
            seed: 0,
            shuffle: true,
            drop_last: false,
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
    /// If model, loss, optimizer and data do not fit together.
    pub fn plan(&self, train: &Dataset, test: Option<&Dataset>) -> Result<Plan> {
        Plan::new(self.program(train, test)?.graph, &self.device.target())
    }

    /// What one training step on `data` costs.
    ///
    /// # Errors
    /// As [`Trainer::plan`].
    pub fn work(&self, train: &Dataset) -> Result<Work> {
        let plan = Plan::new(self.program(train, None)?.graph, &KernelTarget::DOWNLEVEL)?;
        let step = plan.phases().iter().find(|p| p.name == "train");
        let step = step.ok_or_else(|| Error::shape("plan", "has no training step"))?;
        Ok(Work { flops: step.flops(), dispatches: step.dispatches.len() as u64 })
    }

    fn program(&self, train: &Dataset, test: Option<&Dataset>) -> Result<Program> {
        Program::build(&self.spec(train, test)?)
    }

    /// Everything that decides the graph of a run on `train`, once model and data are known to fit.
    pub(super) fn spec(&self, train: &Dataset, test: Option<&Dataset>) -> Result<ProgramSpec<'_>> {
        for data in [Some(train), test].into_iter().flatten() {
            data.check()?;
            self.check_width(&data.targets)?;
        }
        Ok(ProgramSpec {
            model: &self.model,
            loss: self.loss,
            penalty: self.penalty,
            optimizer: &self.optimizer,
            batch_size: self.batch_size,
            drop_last: self.drop_last && train.rows() >= self.batch_size.rows(train.rows()),
            shuffle: self.shuffle,
            seed: self.seed,
            train: RowsSpec::of(train),
            test: test.map(RowsSpec::of),
        })
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

    /// Trains on `data.train` and evaluates on `data.test` after each epoch.
    ///
    /// # Errors
    /// If model, loss, optimizer and data do not fit together; [`Error::Diverged`] if the loss becomes NaN or
    /// infinite; what the device reports.
    pub async fn fit(&mut self, data: &Split) -> Result<History> {
        self.fit_rows(&data.train, Some(&data.test)).await
    }

    /// Like [`Trainer::fit`], with or without test rows.
    ///
    /// # Errors
    /// As [`Trainer::fit`].
    pub async fn fit_rows(&mut self, train: &Dataset, test: Option<&Dataset>) -> Result<History> {
        self.early_stopping.map_or(Ok(()), |rule| rule.validate())?;
        let program = self.program(train, test)?;
        let plan = Plan::new(program.graph.clone(), &self.device.target())?;
        let mut executor = self.device.load(plan).await?;
        // Drawn after loading: what does not fit the device has failed by now.
        let initial = self.initial_values()?;
        for (&value, tensor) in program.parameters.iter().zip(&initial) {
            executor.write(value, &tensor.data)?;
        }
        program.train.upload(&mut executor, train)?;
        if let (Some(resident), Some(test)) = (program.test, test) {
            resident.upload(&mut executor, test)?;
        }
        let learning_rate = self.optimizer.learning_rate();
        let state = StepState { learning_rate, ..StepState::default() };
        executor.write_words(program.step_state, &state.words())?;

        (self.observer)(&Event::Start { steps: self.epochs.saturating_mul(program.train_batches.count() as u64) });
        let has_penalty = self.penalty != Penalty::NONE;
        let takes_labels = matches!(train.targets, Targets::Labels { .. });
        let mut run = Run::new(&mut executor, &program, takes_labels, has_penalty, learning_rate, &mut self.observer)?;
        let mut tensors = initial;
        let mut best = self.early_stopping.map(Best::new);
        for epoch in 1..=self.epochs {
            run.epoch(epoch).await?;
            if self.callback.is_none() && best.is_none() {
                continue;
            }
            run.finish().await?;
            let Some(report) = run.history.last().cloned() else { continue };
            if let Some(best) = &mut best {
                if best.improves(&report)? && best.keeps_weights() {
                    run.read_weights(&mut tensors).await?;
                    best.weights = Some(tensors.clone());
                    run.history.model_epoch = epoch;
                }
                if best.is_out_of_patience() {
                    break;
                }
            }
            if self.callback.as_mut().is_some_and(|callback| callback(&report) == Flow::Stop) {
                break;
            }
        }
        run.finish().await?;
        match best.and_then(|best| best.weights) {
            Some(weights) => tensors = weights,
            None => {
                run.read_weights(&mut tensors).await?;
                run.history.model_epoch = run.history.epochs.len() as u64;
            }
        }
        let history = std::mem::take(&mut run.history);
        for tensor in &tensors {
            if let Some(&value) = tensor.data.iter().find(|x| !x.is_finite()) {
                let (step, epoch) = (history.step_losses.len() as u64, history.epochs.len() as u64);
                return Err(Error::Diverged { what: tensor.name.clone(), step, epoch, value });
            }
        }
        self.trained = Some(self.model_of(tensors, train, &history));
        Ok(history)
    }

    pub(super) fn initial_values(&self) -> Result<Vec<Tensor>> {
        let drawn = self.model.initialize(self.seed)?;
        let Some(given) = &self.initial else { return Ok(drawn) };
        let shapes = |tensors: &[Tensor]| tensors.iter().map(|t| (t.name.clone(), t.shape.clone())).collect::<Vec<_>>();
        let sizes_match = given.iter().all(|t| t.data.len() == t.shape.iter().product::<usize>());
        if shapes(given) != shapes(&drawn) || !sizes_match {
            let detail = format!("initial values are {:?}, the model needs {:?}", shapes(given), shapes(&drawn));
            return Err(Error::shape("model", detail));
        }
        Ok(given.clone())
    }

    fn model_of(&self, tensors: Vec<Tensor>, train: &Dataset, history: &History) -> Model {
        let target = match &train.targets {
            Targets::Labels { name, classes, .. } => Target::Classes { name: name.clone(), classes: classes.clone() },
            Targets::Values { names, .. } => Target::Values { names: names.clone() },
        };
        Model {
            architecture: self.model.clone(),
            tensors,
            loss: self.loss,
            preprocessing: train.preprocessing.clone(),
            target_preprocessing: train.target_preprocessing.clone(),
            feature_names: train.feature_names.clone(),
            target,
            recipe: serde_json::json!({
                "data": train.name,
                "data_hash": train.hash(),
                "optimizer": as_json(&self.optimizer),
                "l1": as_json(&self.penalty.l1),
                "l2": as_json(&self.penalty.l2),
                "batch_size": self.batch_size,
                "epochs": self.epochs,
                "seed": self.seed,
                "shuffle": self.shuffle,
                "drop_last": self.drop_last,
            }),
            metrics: as_json(&history.of_model()),
        }
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
    /// [`Trainer::fit`], blocking.
    ///
    /// # Errors
    /// As [`Trainer::fit`].
    pub fn fit_blocking(&mut self, data: &Split) -> Result<History> {
        pollster::block_on(self.fit(data))
    }

    /// [`Trainer::evaluate`], blocking.
    ///
    /// # Errors
    /// As [`Trainer::evaluate`].
    pub fn evaluate_blocking(&self, data: &Dataset) -> Result<Evaluation> {
        pollster::block_on(self.evaluate(data))
    }
}

/// As JSON by way of text, so that an f32 of 0.05 stays 0.05 instead of being widened to 0.05000000074505806.
fn as_json(value: &impl serde::Serialize) -> serde_json::Value {
    let text = serde_json::to_string(value).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
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
