//! The learning rate of each step of a run: by a schedule or a function of the user's, and lowered by results.

use crate::error::{Error, Result};
use crate::kernel::Clock;
use crate::optim::{Schedule, ScheduleStep};
use std::fmt;
use std::sync::Arc;

/// A schedule of the user's own.
pub(super) type RateFunction = Arc<dyn Fn(ScheduleStep) -> f32 + Send + Sync>;

/// What decides the learning rate of each step.
#[derive(Clone)]
pub(super) struct LearningRate {
    pub schedule: Schedule,
    /// Takes the place of the schedule's formula, if there is one.
    pub function: Option<RateFunction>,
    /// η₀: the optimizer's, or what results have left of it.
    pub initial: f32,
    pub steps_per_epoch: u64,
    pub epochs: u64,
}

impl LearningRate {
    fn at(&self, step: u64, epoch: u64) -> f32 {
        let LearningRate { initial, steps_per_epoch, epochs, .. } = *self;
        let at = ScheduleStep { step, epoch, steps_per_epoch, epochs, initial };
        self.function.as_ref().map_or_else(|| self.schedule.rate(at), |function| function(at))
    }

    /// Of the step at which the clock stands.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if a function gives no number of at least 0.
    pub fn of_step(&self, clock: &Clock) -> Result<f32> {
        let rate = self.at(clock.step.into(), u64::from(clock.epoch.max(1)) - 1);
        if rate >= 0.0 && rate.is_finite() {
            return Ok(rate);
        }
        let expected = format!("step {} takes a number of at least 0", clock.step);
        Err(Error::option("learning_rate", rate, &expected))
    }

    /// Of the last step of an epoch, counted from 1.
    pub fn of_epoch(&self, epoch: u64) -> f32 {
        self.at(epoch.saturating_mul(self.steps_per_epoch).saturating_sub(1), epoch.saturating_sub(1))
    }
}

impl fmt::Debug for LearningRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LearningRate")
            .field("schedule", &self.schedule)
            .field("has_function", &self.function.is_some())
            .field("initial", &self.initial)
            .finish_non_exhaustive()
    }
}
