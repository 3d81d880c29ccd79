//! Fitting: loads the plan and the rows on the device, runs the epochs, and makes the trained model.

use super::early_stopping::Best;
use super::program::Program;
use super::report::{Event, Flow, History};
use super::run::{Kind, Run};
use super::trainer::Trainer;
use crate::backend::Executor;
use crate::data::{Dataset, Split, Targets};
use crate::error::{Error, Result};
use crate::model::{ClassWeights, Tensor};
use crate::model::{Model, Target};
use crate::ops::penalty::Penalty;
use crate::optim::{Plateau, Schedule};

impl Trainer {
    /// Trains on `data.train` and evaluates after each epoch: on `data.validation` if there is one, else on
    /// `data.test`.
    ///
    /// # Errors
    /// If model, loss, optimizer and data do not fit together; [`Error::Diverged`] if the loss becomes NaN or
    /// infinite; what the device reports.
    pub async fn fit(&mut self, data: &Split) -> Result<History> {
        match &data.validation {
            Some(validation) => self.fit_held_out(&data.train, Some(validation), true).await,
            None => self.fit_held_out(&data.train, Some(&data.test), false).await,
        }
    }

    /// [`Trainer::fit`], blocking.
    ///
    /// # Errors
    /// As [`Trainer::fit`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn fit_blocking(&mut self, data: &Split) -> Result<History> {
        pollster::block_on(self.fit(data))
    }

    /// Like [`Trainer::fit`], with or without test rows.
    ///
    /// # Errors
    /// As [`Trainer::fit`].
    pub async fn fit_rows(&mut self, train: &Dataset, test: Option<&Dataset>) -> Result<History> {
        self.fit_held_out(train, test, false).await
    }

    async fn fit_held_out(&mut self, train: &Dataset, held_out: Option<&Dataset>, validates: bool) -> Result<History> {
        if let Some(rule) = self.early_stopping {
            rule.validate()?;
            rule.check_run(held_out.map(|_| validates), matches!(train.targets, Targets::Labels { .. }))?;
        }
        let program = self.program(train, held_out)?;
        let mut executor = self.device.load(self.lower(&program)?).await?;
        // Drawn after loading: what does not fit the device has failed by now.
        let initial = self.initial_values()?;
        self.upload(&mut executor, &program, train, held_out, &initial)?;

        (self.observer)(&Event::Start { steps: self.epochs.saturating_mul(program.train_batches.count() as u64) });
        let kind = Kind {
            takes_labels: matches!(train.targets, Targets::Labels { .. }),
            has_penalty: self.penalty != Penalty::NONE,
            has_weights: self.loss.has_weighted_mean(),
            validates,
        };
        let (waits, rate) = (self.waits_for_epochs(), self.rate(&program));
        let mut run = Run::new(&mut executor, &program, kind, rate, &mut self.observer)?;
        let mut tensors = initial;
        let mut best = self.early_stopping.map(Best::new);
        let mut plateau = match self.schedule {
            Schedule::ReduceOnPlateau(rule) => Some(Plateau::new(rule)),
            _ => None,
        };
        for epoch in 1..=self.epochs {
            run.epoch().await?;
            if !waits {
                continue;
            }
            run.finish().await?;
            let Some(report) = run.history.last().cloned() else { continue };
            if let Some(best) = &mut best {
                if best.improves(&report) && best.keeps_weights() {
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
            if let Some(plateau) = &mut plateau {
                run.rate.initial = plateau.next(report.held_out_loss(), run.rate.initial);
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
        let history = run.take_history();
        for tensor in &tensors {
            if let Some(&value) = tensor.data.iter().find(|x| !x.is_finite()) {
                let (step, epoch) = (history.step_losses.len() as u64, history.epochs.len() as u64);
                return Err(Error::Diverged { what: tensor.name.clone(), step, epoch, value });
            }
        }
        self.trained = Some(self.model_of(tensors, train, &history)?);
        Ok(history)
    }

    /// Writes everything that a run starts from to the device.
    fn upload(
        &self,
        executor: &mut Executor,
        program: &Program,
        train: &Dataset,
        held_out: Option<&Dataset>,
        initial: &[Tensor],
    ) -> Result<()> {
        for (&value, tensor) in program.tensors.values().iter().zip(initial) {
            executor.write(value, &tensor.data)?;
        }
        program.train.upload(executor, train)?;
        if let (Some(resident), Some(rows)) = (program.test, held_out) {
            resident.upload(executor, rows)?;
        }
        if let (Some(value), Some(weights)) = (program.class_weights, &self.loss.class_weights) {
            executor.write(value, &weights.resolve(&train.targets)?)?;
        }
        Ok(())
    }

    pub(crate) fn initial_values(&self) -> Result<Vec<Tensor>> {
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

    fn model_of(&self, tensors: Vec<Tensor>, train: &Dataset, history: &History) -> Result<Model> {
        let target = match &train.targets {
            Targets::Labels { name, classes, .. } => Target::Classes { name: name.clone(), classes: classes.clone() },
            Targets::Values { names, .. } => Target::Values { names: names.clone() },
        };
        let mut loss = self.loss.clone();
        if let Some(weights) = &loss.class_weights {
            loss.class_weights = Some(ClassWeights::Given(weights.resolve(&train.targets)?));
        }
        Ok(Model {
            architecture: self.model.clone(),
            tensors,
            loss,
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
                "max_grad_norm": as_json(&self.clipping.max_grad_norm),
                "max_grad_value": as_json(&self.clipping.max_grad_value),
                "schedule": if self.rate_function.is_some() { "function".into() } else { as_json(&self.schedule) },
                "batch_size": self.batch_size,
                "epochs": self.epochs,
                "seed": self.seed,
                "shuffle": self.shuffle,
                "drop_last": self.drop_last,
            }),
            metrics: as_json(&history.of_model()),
        })
    }
}

/// As JSON by way of text, so that an f32 of 0.05 stays 0.05 instead of being widened to 0.05000000074505806.
fn as_json(value: &impl serde::Serialize) -> serde_json::Value {
    let text = serde_json::to_string(value).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}
