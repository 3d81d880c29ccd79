//! What a run does when its device is lost or its numbers go bad: it goes back to a state that the host keeps, and from
//! there on, or stops with what is good.

use super::examine::examine;
use super::restore::Back;
use super::{Event, Session, Snapshot, Trainer};
use crate::backend::Device;
use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// What a run does when its device is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDeviceLoss {
    /// It opens the device anew and goes on from the last state that the host keeps, to the bits of the undisturbed run.
    #[default]
    Retry,
    /// It ends with [`Error::DeviceLost`].
    Stop,
}

/// What a run does when a number becomes NaN or infinite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDivergence {
    /// It ends with [`Error::Diverged`]; the model is that of the last whole epoch, or of a snapshot taken behind it, or the
    /// best so far where early stopping keeps it.
    #[default]
    Stop,
    /// It goes back to the end of the last whole epoch and on with half the learning rate, at most ten times.
    Rollback,
}

impl OnDivergence {
    pub(super) fn is_default(&self) -> bool {
        *self == OnDivergence::Stop
    }
}

impl FromStr for OnDeviceLoss {
    type Err = Error;

    fn from_str(text: &str) -> Result<OnDeviceLoss> {
        match text {
            "retry" => Ok(OnDeviceLoss::Retry),
            "stop" => Ok(OnDeviceLoss::Stop),
            _ => Err(Error::option("on-device-loss", text, "must be retry or stop")),
        }
    }
}

impl FromStr for OnDivergence {
    type Err = Error;

    fn from_str(text: &str) -> Result<OnDivergence> {
        match text {
            "stop" => Ok(OnDivergence::Stop),
            "rollback" => Ok(OnDivergence::Rollback),
            _ => Err(Error::option("on-divergence", text, "must be stop or rollback")),
        }
    }
}

impl fmt::Display for OnDivergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OnDivergence::Stop => "stop",
            OnDivergence::Rollback => "rollback",
        })
    }
}

/// Losses of the device without a new state in between, after which the step is taken to be the reason.
const MOST_LOSSES: u32 = 5;
/// Rollbacks of a run.
const MOST_ROLLBACKS: u64 = 10;

/// What a run can go back to.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    pub on_device_loss: OnDeviceLoss,
    /// The last state that the host keeps; without one, the beginning of the run.
    pub kept: Option<Snapshot>,
    /// Losses of the device since then.
    pub losses: u32,
}

impl Trainer {
    /// What to do when the device is lost: reset by the driver, unplugged, or silent for too long. By default the run goes
    /// on, to the same bits, on the device opened anew.
    pub fn on_device_loss(mut self, choice: OnDeviceLoss) -> Trainer {
        self.recovery.on_device_loss = choice;
        self
    }

    /// What to do when a number becomes NaN or infinite. By default the run stops.
    ///
    /// ```
    /// use anygrad::{data, nn::{Loss, Sequential}, optim::Sgd, train::{OnDivergence, Trainer}};
    /// let data = data::digits()?.split(0.2, 0)?;
    /// let trainer = || {
    ///     let model = Sequential::new(64).linear(32).linear(10);
    ///     Trainer::new(model, Loss::cross_entropy(), Sgd::new(500.0).momentum(0.9)).epochs(3)
    /// };
    /// let mut stops = trainer();
    /// let error = stops.fit_blocking(&data).unwrap_err().to_string();
    /// assert!(error.contains("learning rate of 500"), "{error}");
    /// let mut goes_on = trainer().on_divergence(OnDivergence::Rollback);
    /// let history = goes_on.fit_blocking(&data)?;
    /// assert!(history.rollbacks > 0 && history.epochs.len() == 3);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn on_divergence(mut self, choice: OnDivergence) -> Trainer {
        self.recipe.train.on_divergence = choice;
        self
    }

    /// Takes a run back to where it can go on, or fails with what is to be said.
    pub(super) async fn recover(&mut self, session: &mut Session<'_>, error: Error) -> Result<()> {
        match error {
            Error::DeviceLost { .. } | Error::Timeout { .. } => self.replace_device(session, error).await,
            Error::Diverged(_) => self.leave_bad_numbers(session, error).await,
            error => Err(error),
        }
    }

    /// Opens the device anew where an error says that it is lost; fails with any other.
    pub(super) async fn replace_own_device(&mut self, error: Error) -> Result<()> {
        let is_loss = matches!(error, Error::DeviceLost { .. } | Error::Timeout { .. });
        self.recovery.losses += 1;
        if !is_loss || !self.keeps() || self.recovery.losses > MOST_LOSSES {
            return Err(error);
        }
        log::warn!("{error}; the device is opened anew");
        self.device = self.device.reopen().await?;
        Ok(())
    }

    /// Goes on on a new device in the place of one that was lost.
    async fn replace_device(&mut self, session: &mut Session<'_>, mut error: Error) -> Result<()> {
        loop {
            self.recovery.losses += 1;
            if self.recovery.on_device_loss == OnDeviceLoss::Stop || self.recovery.losses > MOST_LOSSES {
                return Err(error);
            }
            log::warn!("{error}; the device is opened anew");
            let step = self.recovery.kept.as_ref().map_or(0, Snapshot::step);
            (session.observer)(&Event::DeviceLost { reason: error.to_string(), step });
            match self.try_device(session).await {
                Err(again @ (Error::DeviceLost { .. } | Error::Timeout { .. })) => error = again,
                outcome => return outcome,
            }
        }
    }

    async fn try_device(&mut self, session: &mut Session<'_>) -> Result<()> {
        let device = self.device.reopen().await?;
        session.move_to(device.clone()).await?;
        self.device = device;
        self.go_back(session)
    }

    /// Takes a run back to the last state that the host keeps.
    fn go_back(&self, session: &mut Session<'_>) -> Result<()> {
        match &self.recovery.kept {
            Some(snapshot) => session.go_back(Back::To(snapshot)),
            None => session.go_back(Back::Start(&self.initial_values()?)),
        }
    }

    /// Finds out where the numbers of a run went bad. Then it goes back to the end of the epoch before: to go on with half the
    /// learning rate, or to make the model that the error leaves.
    async fn leave_bad_numbers(&mut self, session: &mut Session<'_>, error: Error) -> Result<()> {
        let found = match session.failed {
            Some(failed) => {
                self.go_back(session)?;
                examine(session, failed).await
            }
            None => Ok(None),
        };
        let (error, epochs) = match found {
            Ok(Some((divergence, epochs))) => (Error::Diverged(Box::new(divergence)), epochs),
            Ok(None) => return Err(error),
            // What cannot be looked into is reported as it was seen.
            Err(reason) => {
                log::warn!("where it began was not found out: {reason}");
                return Err(error);
            }
        };
        self.go_back(session)?;
        session.queue_while(|position| position.epochs_done() < epochs).await?;
        session.finish().await?;
        if self.rolls_back() && session.history().rollbacks < MOST_ROLLBACKS {
            let learning_rate = session.lower_rate();
            (session.observer)(&Event::RolledBack { reason: error.to_string(), epoch: epochs, learning_rate });
            return self.keep(session).await;
        }
        if epochs > 0 {
            self.save(session).await?;
            let (tensors, train) = (session.weights().await?, session.train());
            let hash = session.train_hash();
            self.trained = Some(self.model_of(tensors, train, hash, session.history())?);
        }
        Err(error)
    }

    /// Has the host keep the state of a run of this trainer, which goes on from it where it has to go back.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn keep(&mut self, session: &mut Session<'_>) -> Result<()> {
        self.recovery.kept = Some(session.snapshot().await?);
        self.recovery.losses = 0;
        Ok(())
    }

    /// Whether the run goes back and on when its numbers go bad.
    pub(super) fn rolls_back(&self) -> bool {
        self.recipe.train.on_divergence == OnDivergence::Rollback
    }

    /// Whether the state of a run is worth keeping: a processor is not lost.
    pub(super) fn keeps(&self) -> bool {
        matches!(self.device, Device::Gpu(_)) && self.recovery.on_device_loss == OnDeviceLoss::Retry
    }
}
