//! Fitting: opens a session, runs it to the end, and makes the trained model.

use super::progress::Kind;
use super::queue::Position;
use super::recovery::Recovery;
use super::report::{Flow, History};
use super::session::{Session, Setup};
use super::trainer::Trainer;
use crate::backend::Device;
use crate::data::{Dataset, Split, Targets};
use crate::error::{Error, Result};
use crate::model::{ClassWeights, Evaluation, Model, Reduction, Target, Tensor};
use crate::ops::penalty::Penalty;

impl Trainer {
    /// Trains on `data.train` and evaluates after each epoch: on `data.validation` if there is one, else on
    /// `data.test`.
    ///
    /// # Errors
    /// If model, loss, optimizer and data do not fit together; [`Error::Diverged`] if the loss becomes NaN or
    /// infinite; what the device reports.
    pub async fn fit(&mut self, data: &Split) -> Result<History> {
        self.fit_held_out(&data.train, data.held_out(), data.validation.is_some()).await
    }

    /// [`Trainer::fit`], blocking.
    ///
    /// # Errors
    /// Fails as [`Trainer::fit`] does.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn fit_blocking(&mut self, data: &Split) -> Result<History> {
        pollster::block_on(self.fit(data))
    }

    /// Like [`Trainer::fit`], with or without test rows.
    ///
    /// # Errors
    /// Fails as [`Trainer::fit`] does.
    pub async fn fit_rows(&mut self, train: &Dataset, test: Option<&Dataset>) -> Result<History> {
        self.fit_held_out(train, test, false).await
    }

    /// [`Trainer::fit_rows`], blocking.
    ///
    /// # Errors
    /// Fails as [`Trainer::fit`] does.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn fit_rows_blocking(&mut self, train: &Dataset, test: Option<&Dataset>) -> Result<History> {
        pollster::block_on(self.fit_rows(train, test))
    }

    async fn fit_held_out(&mut self, train: &Dataset, held_out: Option<&Dataset>, validates: bool) -> Result<History> {
        self.recovery = Recovery { on_device_loss: self.recovery.on_device_loss, ..Recovery::default() };
        let mut session = loop {
            match self.open(train, held_out, validates).await {
                Ok(session) => break session,
                Err(error) => self.replace_own_device(error).await?,
            }
        };
        session.observer = std::mem::replace(&mut self.observer, Box::new(|_| {}));
        let outcome = self.drive(&mut session).await;
        self.observer = std::mem::replace(&mut session.observer, Box::new(|_| {}));
        let (is_interrupted, tensors) = outcome?;
        let history = History { is_interrupted, ..self.take_model(session, tensors)? };
        while let Err(error) = self.set_threshold(held_out.filter(|_| validates)).await {
            self.replace_own_device(error).await?;
        }
        Ok(history)
    }

    /// Runs a session to the end, or until it is stopped, over whatever it can recover from. Whether it was stopped, and the
    /// weights for the model.
    async fn drive(&mut self, session: &mut Session<'_>) -> Result<(bool, Vec<Tensor>)> {
        if let Some(snapshot) = self.interruptions.begin(session) {
            let snapshot = match self.interruptions.takes_other_rows() {
                true => session.adopt(snapshot)?,
                false => snapshot,
            };
            self.recovery.kept = Some(snapshot.clone());
            if let Err(error) = session.restore(&snapshot).await {
                self.recover(session, error).await?;
            }
        } else if self.rolls_back() {
            // What is saved then are ends of epochs, and the beginning of the first.
            self.keep(session).await?;
        }
        session.tell_start();
        let mut asked = session.epochs_done();
        loop {
            match self.advance(session, &mut asked).await {
                Ok(outcome) => return Ok(outcome),
                Err(error) => self.recover(session, error).await?,
            }
        }
    }

    /// Runs a session on; a callback is asked once after each epoch.
    async fn advance(&mut self, session: &mut Session<'_>, asked: &mut u64) -> Result<(bool, Vec<Tensor>)> {
        let mut is_interrupted = false;
        while !session.is_done() && !is_interrupted && !self.interruptions.ends_at(&session.position()) {
            let (epoch, keeps) = (session.epochs_done(), self.keeps());
            let each_epoch = self.callback.is_some() || self.rolls_back();
            let Trainer { callback, interruptions, .. } = self;
            let goes_on = |position: &Position| {
                let ends = each_epoch && position.epochs_done() != epoch;
                !ends
                    && !interruptions.stops()
                    && !interruptions.ends_at(position)
                    && !interruptions.is_due(position, keeps)
            };
            session.queue_while(goes_on).await?;
            session.finish().await?;
            let done = session.epochs_done();
            if let Some(callback) = callback.as_mut().filter(|_| done > *asked) {
                *asked = done;
                let report = session.history().last().filter(|_| !session.has_ended());
                if report.is_some_and(|report| callback(report) == Flow::Stop) {
                    break;
                }
            }
            if session.is_done() {
                break;
            }
            is_interrupted = self.interruptions.stops();
            if self.rolls_back() {
                if done != epoch {
                    self.keep(session).await?;
                }
                if is_interrupted || self.interruptions.is_due(&session.position(), keeps) {
                    self.save_kept(&session.position());
                }
            } else if is_interrupted || self.interruptions.is_due(&session.position(), keeps) {
                self.save(session).await?;
            }
        }
        if !is_interrupted && self.interruptions.saves() {
            self.save(session).await?;
        }
        Ok((is_interrupted, session.weights().await?))
    }

    /// A run of this trainer on its device, before the first step: on `data.train`, evaluated as by [`Trainer::fit`].
    /// Observer and callback of the trainer belong to `fit`; a session has its own [`observer`](Session::observe).
    ///
    /// # Errors
    /// If model, loss, optimizer and data do not fit together; what the device reports.
    pub async fn session<'d>(&self, data: &'d Split) -> Result<Session<'d>> {
        self.open(&data.train, data.held_out(), data.validation.is_some()).await
    }

    /// Like [`Trainer::session`], with or without test rows.
    ///
    /// # Errors
    /// Fails as [`Trainer::session`] does.
    pub async fn session_rows<'d>(&self, train: &'d Dataset, test: Option<&'d Dataset>) -> Result<Session<'d>> {
        self.open(train, test, false).await
    }

    async fn open<'d>(
        &self,
        train: &'d Dataset,
        held_out: Option<&'d Dataset>,
        validates: bool,
    ) -> Result<Session<'d>> {
        self.recipe.check_decisions(validates, matches!(train.targets, Targets::Labels { .. }))?;
        if self.recipe.reproducible && !matches!(self.device, Device::Cpu) {
            return Err(self.recipe.refuse_device(self.device.device_name()));
        }
        let program = self.program(train, held_out)?;
        let loss = self.recipe.loss()?;
        let weights = loss.class_weights.as_ref();
        let setup = Setup {
            rate: self.rate(&program),
            program,
            train,
            held_out,
            class_weights: weights.map(|weights| weights.resolve(train)).transpose()?,
            fuse: self.fuse,
            variants: self.variants.clone(),
            kind: Kind {
                takes_labels: matches!(train.targets, Targets::Labels { .. }),
                has_penalty: self.recipe.regularization.penalty() != Penalty::NONE,
                sums: loss.reduction == Reduction::Sum,
                weighs_classes: loss.class_weights.is_some(),
                weighs_training_rows: train.weights.is_some(),
                weighs_held_out_rows: held_out.is_some_and(|rows| rows.weights.is_some()),
                validates,
            },
            recipe: self.recipe.clone(),
            hashes: self.hashes,
        };
        let session = Session::open(self.device.clone(), setup).await;
        let mut session = session.map_err(|error| self.name_batch_size(error, train, held_out))?;
        // Drawn after loading: what does not fit the device has failed by now.
        session.write_parameters(&self.initial_values()?)?;
        Ok(session)
    }

    /// Takes the model out of a session of this trainer, wherever it stands, and returns what happened.
    ///
    /// # Errors
    /// [`Error::Diverged`] if a number of the run has become NaN or infinite; what the device reports.
    pub async fn conclude(&mut self, mut session: Session<'_>) -> Result<History> {
        let tensors = session.weights().await?;
        self.take_model(session, tensors)
    }

    /// Runs a session of this trainer on by so many steps, or to its end if there are fewer, over whatever [`Trainer::fit`]
    /// recovers from: a lost device, numbers that have gone bad. Where there was nothing to go back to it goes back to the
    /// beginning, so have the run [kept](Trainer::keep) from time to time.
    ///
    /// ```
    /// use anygrad::{data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
    /// # pollster::block_on(async {
    /// let data = data::moons(200, 0.2, 0)?.split(0.2, 0)?;
    /// let trainer = || {
    ///     Trainer::new(Sequential::new(2).linear(8).relu().linear(2), Loss::cross_entropy(), Sgd::new(0.1)).epochs(3)
    /// };
    /// let (mut whole, mut parts) = (trainer(), trainer());
    /// whole.fit(&data).await?;
    /// let mut session = parts.session(&data).await?;
    /// while !session.is_done() {
    ///     parts.run_steps(&mut session, 2).await?;
    /// }
    /// let model = parts.model_so_far(&mut session).await?;
    /// assert_eq!(model.weights_hash(), whole.model()?.weights_hash());
    /// # Ok::<(), anygrad::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// Fails as [`Trainer::fit`] does.
    pub async fn run_steps(&mut self, session: &mut Session<'_>, steps: u64) -> Result<()> {
        let end = session.step().saturating_add(steps);
        if self.rolls_back() && self.recovery.kept.is_none() {
            self.keep(session).await?;
        }
        while !session.is_done() && session.step() < end {
            let epoch = session.epochs_done();
            let rolls_back = self.rolls_back();
            let goes_on = |position: &Position| {
                u64::from(position.clock.step) < end && (!rolls_back || position.epochs_done() == epoch)
            };
            let outcome = match session.queue_while(goes_on).await {
                Ok(()) => session.finish().await,
                failed => failed,
            };
            match outcome {
                Ok(()) if rolls_back && session.epochs_done() != epoch => self.keep(session).await?,
                Ok(()) => {}
                Err(error) => self.recover(session, error).await?,
            }
        }
        Ok(())
    }

    /// The model of a session of this trainer as it stands, with the threshold that the recipe asks for; the session goes on
    /// afterwards.
    ///
    /// # Errors
    /// What the device reports; as [`Model::best_threshold`].
    pub async fn model_so_far(&mut self, session: &mut Session<'_>) -> Result<&Model> {
        let (tensors, hash) = (session.weights().await?, session.train_hash());
        let Setup { train, held_out, kind, .. } = session.setup;
        let validation = held_out.filter(|_| kind.validates);
        self.trained = Some(self.model_of(tensors, train, hash, session.history())?);
        self.set_threshold(validation).await?;
        self.model()
    }

    fn take_model(&mut self, mut session: Session<'_>, tensors: Vec<Tensor>) -> Result<History> {
        let (train, hash) = (session.train(), session.train_hash());
        let history = session.into_history();
        self.trained = Some(self.model_of(tensors, train, hash, &history)?);
        Ok(history)
    }

    pub(crate) fn initial_values(&self) -> Result<Vec<Tensor>> {
        let drawn = self.architecture.initialize(self.recipe.seed)?;
        let Some(given) = &self.initial else { return Ok(drawn) };
        let shapes = |tensors: &[Tensor]| tensors.iter().map(|t| (t.name.clone(), t.shape.clone())).collect::<Vec<_>>();
        let sizes_match = given.iter().all(|t| t.data.len() == t.shape.iter().product::<usize>());
        if shapes(given) != shapes(&drawn) || !sizes_match {
            let detail = format!("initial values are {:?}, the model needs {:?}", shapes(given), shapes(&drawn));
            return Err(Error::shape("model", detail));
        }
        for tensor in given {
            if let Some(x) = tensor.data.iter().find(|x| !x.is_finite()) {
                return Err(Error::shape(
                    "model",
                    format!("an initial value of `{}` is {x}: give numbers", tensor.name),
                ));
            }
        }
        Ok(given.clone())
    }

    /// The model of weights that were trained on rows with this hash.
    pub(super) fn model_of(
        &self,
        tensors: Vec<Tensor>,
        train: &Dataset,
        hash: String,
        history: &History,
    ) -> Result<Model> {
        let target = match &train.targets {
            Targets::Labels { name, classes, .. } => Target::Classes { name: name.clone(), classes: classes.clone() },
            Targets::Values { names, .. } => Target::Values { names: names.clone() },
        };
        let mut loss = self.recipe.loss()?.clone();
        if let Some(weights) = &loss.class_weights {
            loss.class_weights = Some(ClassWeights::Given(weights.resolve(train)?));
        }
        Ok(Model {
            architecture: self.architecture.clone(),
            tensors,
            loss,
            preprocessing: train.preprocessing.clone(),
            target_preprocessing: train.target_preprocessing.clone(),
            feature_names: train.feature_names.clone(),
            encoder: train.encoder.clone(),
            target,
            threshold: self.threshold,
            recipe: self.recipe.clone(),
            data_hash: Some(hash),
            metrics: as_json(&history.of_model()),
        })
    }
}

impl Trainer {
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
    /// Fails as [`Trainer::model`] and [`Model::evaluate`] do.
    pub async fn evaluate(&self, data: &Dataset) -> Result<Evaluation> {
        self.model()?.evaluate(data, &self.device).await
    }
}

/// Blocking forms, for programs without an async runtime.
#[cfg(not(target_arch = "wasm32"))]
impl Trainer {
    /// [`Trainer::evaluate`], blocking.
    ///
    /// # Errors
    /// Fails as [`Trainer::evaluate`] does.
    pub fn evaluate_blocking(&self, data: &Dataset) -> Result<Evaluation> {
        pollster::block_on(self.evaluate(data))
    }
}

/// As JSON by way of text, so that an f32 of 0.05 stays 0.05 instead of being widened to 0.05000000074505806.
fn as_json(value: &impl serde::Serialize) -> serde_json::Value {
    let text = serde_json::to_string(value).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}
