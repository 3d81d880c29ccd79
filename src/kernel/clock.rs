//! Where a run stands: what the host tells the kernels at each run of a phase.
//!
//! Nothing on the device counts. The host advances the clock as it queues steps, so the step of any optimizer, mask or
//! schedule is known before it runs, and a run can start again wherever its clock says.

use crate::uniform_struct;

uniform_struct! {
    /// The position of a run: a small value that belongs to the host and goes with each run of a phase. Kernels that
    /// bind [`Binding::CLOCK`](super::Binding::CLOCK) read it. Twin of `shaders/shared/clock.wgsl`.
    ///
    /// ```
    /// use anygrad::kernel::Clock;
    /// let mut clock = Clock { learning_rate: 0.1, ..Clock::default() };
    /// clock.begin_epoch();
    /// clock.end_batch(64, true);
    /// assert_eq!((clock.epoch, clock.step, clock.batch_start, clock.slot), (1, 1, 64, 1));
    /// clock.begin_pass();
    /// clock.end_batch(100, false);
    /// assert_eq!((clock.epoch, clock.step, clock.batch_start, clock.slot), (1, 1, 100, 2));
    /// ```
    pub struct Clock {
        /// Training steps done before this one; keys the dropout masks and counts the steps of the optimizers.
        step: u32,
        /// Number of the epoch; keys the row order. The first epoch is 1.
        epoch: u32,
        /// Position in the pass's row order at which the batch starts, in rows.
        batch_start: u32,
        /// Entry of the ring of results that the batch files in, counted without wrapping.
        slot: u32,
        /// Number of the first row within the whole batch: 0, unless a batch is shared out. Masks count from it.
        first_row: u32,
        /// Learning rate of the step.
        learning_rate: f32,
    }
}

impl Clock {
    /// Moves on to the next epoch of training, at its first row.
    pub fn begin_epoch(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.begin_pass();
    }

    /// Moves to the first row of a pass over data, which is not a new epoch of training.
    pub fn begin_pass(&mut self) {
        self.batch_start = 0;
    }

    /// Moves past a batch of `rows` rows, which counts as a step if it trains.
    pub fn end_batch(&mut self, rows: u32, training: bool) {
        self.slot = self.slot.wrapping_add(1);
        self.batch_start = self.batch_start.wrapping_add(rows);
        self.step = self.step.wrapping_add(u32::from(training));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_steps_rows_and_results_are_counted() {
        let mut clock = Clock::default();
        clock.begin_epoch();
        clock.end_batch(64, true);
        clock.end_batch(36, true);
        clock.begin_pass();
        clock.end_batch(50, false);
        let seen = [clock.epoch, clock.step, clock.batch_start, clock.slot, clock.first_row];
        assert_eq!(seen, [1, 2, 50, 3, 0], "an evaluation is no step");
        clock.begin_epoch();
        assert_eq!((clock.epoch, clock.step, clock.batch_start, clock.slot), (2, 2, 0, 3));
    }
}
