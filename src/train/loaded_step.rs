//! The training step of a run, loaded on its device, to be run by hand: what measurements need.

use super::queue::most_steps;
use super::session::Session;
use crate::backend::Executor;
use crate::error::Result;
use crate::graph::{PhaseId, ValueId};
use crate::kernel::Clock;

/// The step on full batches of a run, with its rows and parameters on the device. [`Session::into_step`] makes one.
///
/// Its learning rate is 0, so that parameters stay finite however often it runs; the arithmetic is that of any other rate.
#[derive(Debug)]
pub struct LoadedStep {
    /// The plan of the run on its device.
    pub executor: Executor,
    /// The phase of a step.
    pub phase: PhaseId,
    /// The results of steps: once it is read, all that was submitted before is done.
    pub ring: ValueId,
    /// Rows of a step.
    pub rows: usize,
    /// Steps of a full submission of the run.
    pub steps_per_submission: usize,
    begin: PhaseId,
    /// Batches whose rows the device holds, and those of them that come before the next.
    batches: usize,
    at: usize,
    clock: Clock,
}

impl LoadedStep {
    /// The next steps as runs of phases. Behind the last rows that the device holds it begins again with the first, in the
    /// order of the next epoch, as a phase before the step.
    pub fn runs(&mut self, steps: usize) -> Vec<(PhaseId, Clock)> {
        let mut runs = Vec::with_capacity(steps + steps / self.batches + 1);
        for _ in 0..steps {
            if self.at == self.batches {
                self.at = 0;
                self.clock.begin_epoch();
                runs.push((self.begin, self.clock));
            }
            runs.push((self.phase, self.clock));
            self.clock.end_batch(self.rows as u32, true);
            self.at += 1;
        }
        runs
    }
}

impl Session<'_> {
    /// The step of this run by itself. The run takes its next step before, if it is not over: rows that come in windows are
    /// on the device then.
    ///
    /// ```
    /// use anygrad::{data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
    /// let data = data::xor(64, 0)?.split(0.25, 0)?;
    /// let trainer = Trainer::new(Sequential::new(2).linear(4).tanh().linear(2), Loss::cross_entropy(), Sgd::new(0.1));
    /// let mut trainer = trainer.batch_size(16);
    /// let mut step = anygrad::wait(async { trainer.session(&data).await?.into_step().await })?;
    /// // Three steps are the rows of an epoch.
    /// let runs = step.runs(4);
    /// assert_eq!(runs.iter().filter(|(phase, _)| *phase == step.phase).count(), 4);
    /// step.executor.run(&runs)?;
    /// assert!(anygrad::wait(step.executor.read(step.ring))?[0] > 0.0);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fails as [`Session::run_steps`] does.
    pub async fn into_step(mut self) -> Result<LoadedStep> {
        self.run_steps(1).await?;
        let (program, position) = (&self.setup.program, self.position);
        let pass = program.epoch.train;
        let batches = pass.batches.window.unwrap_or(pass.batches.full).min(pass.batches.full).max(1);
        let plan = self.executor.plan();
        let (flops, profile) = (plan.phases()[pass.full.index()].flops(), plan.target().profile);
        Ok(LoadedStep {
            phase: pass.full,
            ring: program.ring,
            rows: pass.batches.rows,
            steps_per_submission: most_steps(flops, profile).min(batches),
            begin: pass.begin,
            batches,
            at: batches,
            clock: Clock { learning_rate: 0.0, ..position.clock },
            executor: self.executor,
        })
    }
}
