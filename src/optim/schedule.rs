//! Schedules: the learning rate over a run, by the formulas of `torch.optim.lr_scheduler`.
//!
//! `t` is the number of epochs done, or of steps with `per = "step"`; η₀ the optimizer's learning rate.
//!
//! | kind | learning rate | PyTorch |
//! |---|---|---|
//! | `constant` | η₀ | |
//! | `step` | η₀ · gamma^⌊t / period⌋ | `StepLR(step_size=period)` |
//! | `exponential` | η₀ · gammaᵗ | `ExponentialLR` |
//! | `cosine` | m + (η₀ − m) · (1 + cos(π t / period)) / 2, then m; m = minimum | `CosineAnnealingLR(T_max=period, eta_min=minimum)` |
//! | `linear` | η₀ · (start + (end − start) · min(t, period) / period) | `LinearLR(start, end, total_iters=period)`: warm-up |
//! | `reduce_on_plateau` | · factor after `patience` epochs without improvement | `ReduceLROnPlateau` |

use crate::error::{Error, Result};

/// How the learning rate changes over a run, by the formulas of `torch.optim.lr_scheduler`.
///
/// ```
/// use anygrad::optim::{Per, Schedule};
/// let warm_up = Schedule::Linear { start: 0.1, end: 1.0, period: 500, per: Per::Step };
/// assert!(warm_up.validate().is_ok());
/// let schedule: Schedule = serde_json::from_str(r#"{ "kind": "cosine", "per": "step" }"#).unwrap();
/// assert_eq!(schedule, Schedule::Cosine { period: None, minimum: 0.0, per: Per::Step });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// The learning rate stays as it is.
    #[default]
    Constant,
    /// The learning rate is multiplied by `gamma` every `period` epochs or steps.
    Step {
        /// Epochs or steps between two changes, at least 1.
        period: u64,
        /// The factor, above 0.
        #[serde(default = "tenth")]
        gamma: f32,
        /// The unit: epochs or steps.
        #[serde(default)]
        per: Per,
    },
    /// The learning rate is multiplied by `gamma` every epoch or step.
    Exponential {
        /// The factor, above 0.
        gamma: f32,
        /// The unit: epochs or steps.
        #[serde(default)]
        per: Per,
    },
    /// The learning rate follows half a cosine wave down to `minimum`, and stays there.
    Cosine {
        /// Epochs or steps of the way down; the whole run if not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        period: Option<u64>,
        /// The learning rate at the end, at least 0.
        #[serde(default)]
        minimum: f32,
        /// The unit: epochs or steps.
        #[serde(default)]
        per: Per,
    },
    /// The learning rate follows a straight line between two factors of the optimizer's learning rate: a warm-up with
    /// `start` below 1.
    Linear {
        /// Factor at the beginning, at least 0.
        #[serde(default = "third")]
        start: f32,
        /// Factor at the end, at least 0.
        #[serde(default = "one")]
        end: f32,
        /// Epochs or steps of the line.
        #[serde(default = "five")]
        period: u64,
        /// The unit: epochs or steps.
        #[serde(default)]
        per: Per,
    },
    /// The learning rate is multiplied by a factor whenever a result has not improved for `patience` epochs.
    ReduceOnPlateau(ReduceOnPlateau),
}

/// The unit of a schedule's period.
///
/// ```
/// use anygrad::optim::{Per, Schedule};
/// assert_eq!(Schedule::cosine().per(), Per::Epoch);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Passes over the training rows.
    #[default]
    Epoch,
    /// Training steps.
    Step,
}

/// The position of a step in its run, of which a schedule gives the learning rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScheduleStep {
    /// Steps done before this one.
    pub step: u64,
    /// Epochs done before that of this step.
    pub epoch: u64,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// Epochs of the whole run.
    pub epochs: u64,
    /// η₀, the optimizer's learning rate, or what [`ReduceOnPlateau`] has left of it.
    pub initial: f32,
}

/// Lowers the learning rate when the validation loss stops improving, as PyTorch's `ReduceLROnPlateau`; the training loss
/// where a program gives no validation rows.
///
/// ```
/// use anygrad::optim::{ReduceOnPlateau, Schedule};
/// let rule = ReduceOnPlateau { factor: 0.5, patience: 3, ..ReduceOnPlateau::default() };
/// assert!(Schedule::ReduceOnPlateau(rule).validate().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReduceOnPlateau {
    /// Factor by which the learning rate is multiplied, above 0 and below 1.
    pub factor: f32,
    /// Epochs without improvement that are allowed.
    pub patience: u64,
    /// Share by which a result must beat the best so far to count.
    pub threshold: f64,
    /// Epochs after a change in which none is counted as bad.
    pub cooldown: u64,
    /// The learning rate never falls below this.
    pub minimum: f32,
}

impl Default for ReduceOnPlateau {
    fn default() -> Self {
        ReduceOnPlateau { factor: 0.1, patience: 10, threshold: 1e-4, cooldown: 0, minimum: 0.0 }
    }
}

fn tenth() -> f32 {
    0.1
}
fn third() -> f32 {
    1.0 / 3.0
}
fn one() -> f32 {
    1.0
}
fn five() -> u64 {
    5
}

impl Schedule {
    /// Names of all schedules.
    pub const NAMES: [&str; 6] = ["constant", "step", "exponential", "cosine", "linear", "reduce_on_plateau"];

    /// A schedule that follows half a cosine wave over all epochs, down to 0.
    pub fn cosine() -> Schedule {
        Schedule::Cosine { period: None, minimum: 0.0, per: Per::Epoch }
    }

    /// Checks every field.
    ///
    /// ```
    /// use anygrad::optim::{Per, Schedule};
    /// let error = Schedule::Exponential { gamma: 0.0, per: Per::Epoch }.validate().unwrap_err();
    /// assert_eq!(error.to_string(), "gamma = 0: must be a number above 0");
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidOption`] with the field's name.
    pub fn validate(&self) -> Result<()> {
        let number = |name: &str, value: f32, fits: bool, expected: &str| {
            if fits && value.is_finite() { Ok(()) } else { Err(Error::option(name, value, expected)) }
        };
        let gamma = |gamma: f32| number("gamma", gamma, gamma > 0.0, "must be a number above 0");
        let from_0 = |name, x: f32| number(name, x, x >= 0.0, "must be a number of at least 0");
        let period = |n: u64| if n > 0 { Ok(()) } else { Err(Error::option("period", n, "must be at least 1")) };
        match *self {
            Schedule::Constant => Ok(()),
            Schedule::Step { period: n, gamma: g, .. } => period(n).and(gamma(g)),
            Schedule::Exponential { gamma: g, .. } => gamma(g),
            Schedule::Cosine { period: n, minimum, .. } => period(n.unwrap_or(1)).and(from_0("minimum", minimum)),
            Schedule::Linear { start, end, period: n, .. } => {
                period(n).and(from_0("start", start)).and(from_0("end", end))
            }
            Schedule::ReduceOnPlateau(rule) => {
                let fits = rule.factor > 0.0 && rule.factor < 1.0;
                number("factor", rule.factor, fits, "must be above 0 and below 1")?;
                if !(rule.threshold >= 0.0 && rule.threshold.is_finite()) {
                    return Err(Error::option("threshold", rule.threshold, "must be a number of at least 0"));
                }
                from_0("minimum", rule.minimum)
            }
        }
    }

    /// The unit of the schedule's period: steps or epochs.
    pub fn per(&self) -> Per {
        match *self {
            Schedule::Step { per, .. }
            | Schedule::Exponential { per, .. }
            | Schedule::Cosine { per, .. }
            | Schedule::Linear { per, .. } => per,
            Schedule::Constant | Schedule::ReduceOnPlateau(_) => Per::Epoch,
        }
    }

    /// The learning rate of a step.
    ///
    /// ```
    /// use anygrad::optim::{Schedule, ScheduleStep};
    /// let at = ScheduleStep { step: 30, epoch: 3, steps_per_epoch: 10, epochs: 6, initial: 0.2 };
    /// assert_eq!(Schedule::Constant.rate(at), 0.2);
    /// // Half of the way down to 0.
    /// assert_eq!(Schedule::cosine().rate(at), 0.1);
    /// ```
    pub fn rate(&self, at: ScheduleStep) -> f32 {
        let initial = f64::from(at.initial);
        let (t, total) = match self.per() {
            Per::Epoch => (at.epoch, at.epochs),
            Per::Step => (at.step, at.epochs.saturating_mul(at.steps_per_epoch)),
        };
        let rate = match *self {
            Schedule::Constant | Schedule::ReduceOnPlateau(_) => initial,
            Schedule::Step { period, gamma, .. } => initial * libm::pow(gamma.into(), (t / period) as f64),
            Schedule::Exponential { gamma, .. } => initial * libm::pow(gamma.into(), t as f64),
            Schedule::Cosine { period, minimum, .. } => {
                let period = period.unwrap_or(total.max(1));
                let (minimum, share) = (f64::from(minimum), t.min(period) as f64 / period as f64);
                minimum + (initial - minimum) * (1.0 + libm::cos(std::f64::consts::PI * share)) / 2.0
            }
            Schedule::Linear { start, end, period, .. } => {
                let (start, end) = (f64::from(start), f64::from(end));
                initial * (start + (end - start) * t.min(period) as f64 / period as f64)
            }
        };
        rate as f32
    }

    /// Name in files.
    pub fn name(&self) -> &'static str {
        match self {
            Schedule::Constant => "constant",
            Schedule::Step { .. } => "step",
            Schedule::Exponential { .. } => "exponential",
            Schedule::Cosine { .. } => "cosine",
            Schedule::Linear { .. } => "linear",
            Schedule::ReduceOnPlateau(_) => "reduce_on_plateau",
        }
    }
}

/// What a [`ReduceOnPlateau`] remembers of the epochs so far.
#[derive(Clone, Debug)]
pub(crate) struct Plateau {
    pub best: f64,
    pub bad_epochs: u64,
    pub cooldown: u64,
}

impl Default for Plateau {
    fn default() -> Plateau {
        Plateau { best: f64::INFINITY, bad_epochs: 0, cooldown: 0 }
    }
}

impl Plateau {
    /// The learning rate after an epoch with this result, where lower is better.
    pub fn next(&mut self, rule: &ReduceOnPlateau, result: f64, rate: f32) -> f32 {
        if result < self.best - self.best.abs().min(f64::MAX) * rule.threshold {
            self.best = result;
            self.bad_epochs = 0;
        } else {
            self.bad_epochs += 1;
        }
        if self.cooldown > 0 {
            self.cooldown -= 1;
            self.bad_epochs = 0;
        }
        if self.bad_epochs <= rule.patience {
            return rate;
        }
        self.cooldown = rule.cooldown;
        self.bad_epochs = 0;
        let lower = ((f64::from(rate) * f64::from(rule.factor)) as f32).max(rule.minimum);
        // PyTorch ignores changes below 1e-8.
        if f64::from(rate) - f64::from(lower) > 1e-8 { lower } else { rate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: &[f32], expected: &[f64]) {
        assert_eq!(got.len(), expected.len());
        for (t, (&got, &expected)) in got.iter().zip(expected).enumerate() {
            assert!((f64::from(got) - expected).abs() <= 1e-7 * expected.abs() + 1e-12, "t = {t}: {got}, {expected}");
        }
    }

    /// `get_last_lr()` of PyTorch 2.15's schedulers for SGD with lr = 0.5.
    #[test]
    fn rates_are_those_of_pytorch() {
        let per = Per::Epoch;
        let rates = |schedule: Schedule, epochs: u64| -> Vec<f32> {
            let at = |epoch| ScheduleStep { step: 9 * epoch + 4, epoch, steps_per_epoch: 9, epochs, initial: 0.5 };
            (0..epochs).map(|epoch| schedule.rate(at(epoch))).collect()
        };
        close(&rates(Schedule::Step { period: 2, gamma: 0.1, per }, 6), &[0.5, 0.5, 0.05, 0.05, 0.005, 0.005]);
        close(&rates(Schedule::Exponential { gamma: 0.5, per }, 4), &[0.5, 0.25, 0.125, 0.0625]);
        close(
            &rates(Schedule::Cosine { period: Some(4), minimum: 0.1, per }, 5),
            &[0.5, 0.441_421_356_237_309_5, 0.3, 0.158_578_643_762_690_5, 0.1],
        );
        close(&rates(Schedule::Linear { start: 0.25, end: 1.0, period: 3, per }, 5), &[0.125, 0.25, 0.375, 0.5, 0.5]);
        let by_step = rates(Schedule::Exponential { gamma: 0.5, per: Per::Step }, 2);
        close(&by_step, &[0.5 * 0.5f64.powi(4), 0.5 * 0.5f64.powi(13)]);
    }

    /// ReduceLROnPlateau(factor=0.5, patience=1, cooldown=1, min_lr=0.1) of PyTorch on these losses.
    #[test]
    fn a_plateau_lowers_the_rate_as_in_pytorch() {
        let rule = ReduceOnPlateau { factor: 0.5, patience: 1, cooldown: 1, minimum: 0.1, ..Default::default() };
        let mut plateau = Plateau::default();
        let mut rate = 1.0;
        let rates: Vec<f32> = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.49999, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]
            .iter()
            .map(|&loss| {
                rate = plateau.next(&rule, loss, rate);
                rate
            })
            .collect();
        assert_eq!(rates, RATES);
    }

    const RATES: [f32; 15] = [1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125, 0.1, 0.1, 0.1, 0.1];
}
