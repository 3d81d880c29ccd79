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

    /// The learning rate of the step at which the clock stands.
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

    /// The learning rate of the last step of an epoch, counted from 1.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_asked_for_each_step_and_must_give_a_number() {
        let function = |at: ScheduleStep| at.initial / (at.step as f32 - 3.0) + at.epoch as f32;
        let mut rate = LearningRate {
            schedule: Schedule::Constant,
            function: Some(Arc::new(function)),
            initial: 0.5,
            steps_per_epoch: 10,
            epochs: 2,
        };
        let at = |step, epoch| Clock { step, epoch, ..Clock::default() };
        assert_eq!(rate.of_step(&at(8, 1)).unwrap(), 0.1);
        // Lowered by results.
        rate.initial = 0.25;
        assert_eq!(rate.of_step(&at(13, 2)).unwrap(), 1.025);
        assert_eq!(rate.of_epoch(2), 1.0 + 0.25 / 16.0);
        for step in [1, 3] {
            let error = rate.of_step(&at(step, 1)).unwrap_err().to_string();
            assert!(error.contains("learning_rate") && error.contains(&format!("step {step}")), "{error}");
        }
    }
}
