//! Fitting: opens a session, runs it to the end, and makes the trained model.

use super::progress::Kind;
use super::queue::Position;
use super::report::{Flow, History};
use super::session::{Session, Setup};
use super::trainer::Trainer;
use crate::backend::Device;
use crate::data::{Dataset, Split, Targets};
use crate::error::{Error, Result};
use crate::model::{ClassWeights, Model, Reduction, Target, Tensor};
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
        let mut session = self.open(train, held_out, validates).await?;
        session.observer = std::mem::replace(&mut self.observer, Box::new(|_| {}));
        let outcome = self.drive(&mut session).await;
        self.observer = std::mem::replace(&mut session.observer, Box::new(|_| {}));
        let is_interrupted = outcome?;
        let history = History { is_interrupted, ..self.conclude(session).await? };
        self.set_threshold(held_out.filter(|_| validates)).await?;
        Ok(history)
    }

    /// Runs a session to the end, or until it is stopped; a callback is asked after each epoch. Whether it was stopped.
    async fn drive(&mut self, session: &mut Session<'_>) -> Result<bool> {
        let (callback, interruptions) = (&mut self.callback, &mut self.interruptions);
        interruptions.begin(session).await?;
        session.tell_start();
        while !session.is_done() {
            let (epoch, asks) = (session.epochs_done(), callback.is_some());
            let goes_on = |position: &Position| {
                let ends = asks && position.epochs_done() != epoch;
                !ends && !interruptions.stops() && !interruptions.is_due(position)
            };
            session.queue_while(goes_on).await?;
            session.finish().await?;
            if let Some(callback) = callback.as_mut().filter(|_| session.epochs_done() != epoch) {
                let asked = session.history().last().filter(|_| !session.has_ended());
                if asked.is_some_and(|report| callback(report) == Flow::Stop) {
                    break;
                }
            }
            if session.is_done() {
                break;
            }
            if interruptions.stops() || interruptions.is_due(&session.position()) {
                interruptions.save(session).await?;
            }
            if interruptions.stops() {
                return Ok(true);
            }
        }
        interruptions.save(session).await?;
        Ok(false)
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
        };
        let mut session = Session::open(self.device.clone(), setup).await?;
        // Drawn after loading: what does not fit the device has failed by now.
        session.write_parameters(&self.initial_values()?)?;
        Ok(session)
    }

    /// Takes the model out of a session of this trainer, wherever it stands, and returns what happened.
    ///
    /// # Errors
    /// [`Error::Diverged`] if a weight is NaN or infinite; what the device reports.
    pub async fn conclude(&mut self, mut session: Session<'_>) -> Result<History> {
        let (tensors, train) = (session.weights().await?, session.train());
        let history = session.into_history();
        for tensor in &tensors {
            if let Some(&value) = tensor.data.iter().find(|x| !x.is_finite()) {
                let (step, epoch) = (history.step_losses.len() as u64, history.epochs.len() as u64);
                return Err(Error::Diverged { what: tensor.name.clone(), step, epoch, value });
            }
        }
        self.trained = Some(self.model_of(tensors, train, &history)?);
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
        Ok(given.clone())
    }

    fn model_of(&self, tensors: Vec<Tensor>, train: &Dataset, history: &History) -> Result<Model> {
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
            data_hash: Some(train.hash()),
            metrics: as_json(&history.of_model()),
        })
    }
}

/// As JSON by way of text, so that an f32 of 0.05 stays 0.05 instead of being widened to 0.05000000074505806.
fn as_json(value: &impl serde::Serialize) -> serde_json::Value {
    let text = serde_json::to_string(value).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}
