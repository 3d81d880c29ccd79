//! Times variants of a kernel against each other on a warm device.
//!
//! All variants are phases of one plan over the same inputs. A sample is a submission of one variant many times, less
//! what an empty submission takes; variants take turns, so that whatever slows the machine down slows all; the least
//! sample counts, because other programs only ever add to it.
//!
//! Kernels that change their inputs in place would run on numbers that grow from one repeat to the next: they are timed
//! with learning rate 0, under which weights stay, and velocities and means approach a limit. The arithmetic is the same.

use super::case::{Case, Data};
use super::check::STATE;
use crate::backend::gpu::{GpuDevice, GpuExecutor};
use crate::error::Result;
use crate::graph::{DType, Graph, Role, ValueId};
use crate::kernel::{StepState, Variant};
use crate::plan::{PhaseId, Plan};
use std::sync::Arc;

/// Seconds, since any moment.
pub type Clock<'a> = &'a dyn Fn() -> f64;

/// Turns that each variant gets at least and at most.
const TURNS: u32 = 5;
const MOST_TURNS: u32 = 300;
/// After so many turns the slow ones take no more.
const GLANCE: u32 = 3;
/// A sample is so many times as long as an empty submission, and at least a millisecond: short, because of many short
/// samples one is undisturbed sooner than of few long ones.
const ABOVE_EMPTY: f64 = 5.0;
const SHORTEST: f64 = 1e-3;
/// Most dispatches of a submission.
const MOST_REPEATS: f64 = 2000.0;
/// Variants that take this many times as long as the fastest are given up at once, and after some turns.
const HOPELESS: f64 = 4.0;
const SLOW: f64 = 1.5;

/// Variants of a case, loaded for timing.
pub(super) struct Timer<'a> {
    executor: GpuExecutor,
    mark: ValueId,
    clock: Clock<'a>,
    empty: f64,
}

/// What is known of a variant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Timed {
    phase: PhaseId,
    /// Least seconds of one dispatch.
    pub seconds: f64,
    /// Whether it still takes turns.
    pub live: bool,
}

impl<'a> Timer<'a> {
    /// Loads variants that have run before.
    pub async fn load(
        device: &Arc<GpuDevice>,
        case: &Case,
        variants: &[&'static Variant],
        inputs: &[Data],
        clock: Clock<'a>,
    ) -> Result<Timer<'a>> {
        let mut graph = Graph::new();
        let declared = case.declare(&mut graph);
        // A single number, so that waiting for it costs little.
        let mark = graph.declare("mark", [1], DType::F32, Role::State);
        for variant in variants {
            graph.begin_phase(variant.name);
            graph.apply_all(case.op.clone(), &declared)?;
        }
        let state = graph.declared_step_state();
        let plan = Plan::with_variants(graph, |kernel, _, _| &kernel.variants[0])?;
        let plan = plan.choose_again(|phase, dispatch| {
            Ok(variants.iter().find(|variant| variant.name == phase).copied().unwrap_or(dispatch.variant))
        })?;
        let mut executor = GpuExecutor::load(device.clone(), plan).await?;
        for (&id, data) in declared.iter().zip(inputs) {
            executor.write_words(id, data.words())?;
        }
        if let Some(state) = state {
            executor.write_words(state, &StepState { learning_rate: 0.0, ..STATE }.words())?;
        }
        let mut timer = Timer { executor, mark, clock, empty: f64::INFINITY };
        for _ in 0..6 {
            timer.empty = timer.empty.min(timer.submission(PhaseId::FIRST, 0).await?);
        }
        Ok(timer)
    }

    /// Seconds of a submission of so many dispatches.
    async fn submission(&mut self, phase: PhaseId, times: u32) -> Result<f64> {
        let start = (self.clock)();
        self.executor.submit_dispatch(phase, 0, times)?;
        let read = self.executor.start_read(self.mark).await?;
        self.executor.finish_read(read).await?;
        Ok((self.clock)() - start)
    }

    /// Seconds of one dispatch, from a submission of so many.
    async fn sample(&mut self, phase: PhaseId, times: u32) -> Result<f64> {
        let seconds = self.submission(phase, times).await? - self.empty;
        Ok((seconds / f64::from(times)).max(1e-9))
    }

    /// A first look at every variant.
    pub async fn first_look(&mut self) -> Result<Vec<Timed>> {
        let mut timed: Vec<Timed> = Vec::new();
        for (position, _) in self.executor.plan().phases().to_vec().iter().enumerate() {
            let phase = PhaseId(position);
            let mut times = 1;
            let seconds = loop {
                let seconds = self.sample(phase, times).await?;
                let is_clear = seconds * f64::from(times) >= self.empty.max(1e-4);
                if is_clear || f64::from(8 * times) > MOST_REPEATS {
                    break seconds;
                }
                times *= 8;
            };
            timed.push(Timed { phase, seconds, live: true });
        }
        give_up(&mut timed, HOPELESS);
        Ok(timed)
    }

    /// Gives every live variant turns for about `seconds` in all.
    pub async fn take_turns(&mut self, timed: &mut [Timed], seconds: f64) -> Result<()> {
        let start = (self.clock)();
        let turn = (ABOVE_EMPTY * self.empty).max(SHORTEST);
        let repeats: Vec<u32> =
            timed.iter().map(|timed| (turn / timed.seconds).clamp(1.0, MOST_REPEATS) as u32).collect();
        timed.iter_mut().filter(|timed| timed.live).for_each(|timed| timed.seconds = f64::INFINITY);
        for number in 1..=MOST_TURNS {
            for (timed, &repeats) in timed.iter_mut().zip(&repeats).filter(|(timed, _)| timed.live) {
                timed.seconds = timed.seconds.min(self.sample(timed.phase, repeats).await?);
            }
            if number == GLANCE {
                give_up(timed, SLOW);
            }
            if number >= TURNS && (self.clock)() - start >= seconds {
                break;
            }
        }
        Ok(())
    }
}

/// Lets variants that take several times as long as the fastest take no more turns.
fn give_up(timed: &mut [Timed], factor: f64) {
    let least = timed.iter().map(|timed| timed.seconds).fold(f64::INFINITY, f64::min);
    timed.iter_mut().for_each(|timed| timed.live &= timed.seconds <= factor * least);
}
