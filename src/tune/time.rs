//! Times variants of a kernel against each other on a warm device.
//!
//! All variants are phases of one plan over the same inputs. A sample is the time of a submission that runs one variant
//! many times, less the time of an empty submission. Variants take turns, so that whatever slows the machine down slows
//! all of them. A variant's time is the mean of the middle half of its samples, because on drivers that run on a CPU
//! short kernels have lucky samples, depending on which threads happen to be awake. The first and the second half of
//! the time are evaluated separately, so that a variant can be required to be faster in both. Variants that are clearly
//! slower after the first half leave the rest of the time to the others.
//!
//! Kernels that change their inputs in place are timed with learning rate 0: weights then stay, and velocities and
//! means approach a limit, where otherwise numbers would grow from one repeat to the next. The arithmetic is the same.

use super::case::{Case, Data};
use super::check::CLOCK;
use crate::backend::gpu::{GpuDevice, GpuExecutor};
use crate::error::Result;
use crate::graph::{DType, Graph, Role, ValueId};
use crate::kernel::{Clock, Variant};
use crate::plan::{PhaseId, Plan};
use std::sync::Arc;

/// A stopwatch: seconds since an arbitrary moment.
pub type Stopwatch<'a> = &'a dyn Fn() -> f64;

/// Turns that each variant gets at least in each half of the time.
const TURNS: u32 = 15;
/// Turns that a variant gets at most in each half.
const MOST_TURNS: u32 = 200;
/// Turns that a variant gets at least where a half takes [`PATIENCE`] times the given time, because kernels are long or
/// because other programs hold the processor.
const FEWEST_TURNS: u32 = 3;
const PATIENCE: f64 = 2.5;
/// Length of a sample, as a multiple of an empty submission. Samples are short, because among many short ones there is
/// sooner an undisturbed one than among few long ones. A sample of half the length counts.
const ABOVE_EMPTY: f64 = 10.0;
/// Least length of a sample, in seconds.
const SHORTEST: f64 = 1e-3;
/// Most dispatches of a submission.
const MOST_REPEATS: u32 = 4096;
/// After its first sample, a variant that takes this many times as long as the fastest is given up.
const HOPELESS: f64 = 4.0;
/// After [`FEW`] samples, a variant that takes this many times as long as the fastest is given up.
const SLOW: f64 = 2.0;
/// After half of the time, a variant that takes this many times as long as the fastest is given up.
const SLOWER: f64 = 1.25;
const FEW: u32 = 6;

/// Variants of a case, loaded for timing.
pub(super) struct Timer<'a> {
    executor: GpuExecutor,
    mark: ValueId,
    stopwatch: Stopwatch<'a>,
    empty: f64,
}

/// The samples of a variant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Timed {
    phase: PhaseId,
    /// Seconds of one dispatch by each sample, of the first and of the second half of the time.
    halves: [Vec<f64>; 2],
    /// Whether it still takes turns.
    pub live: bool,
}

impl Timed {
    /// Seconds of one dispatch: the mean of the middle half of all samples.
    pub fn seconds(&self) -> f64 {
        middle(&self.halves.concat())
    }

    /// Whether the variant takes less than `share` of the other's time in both halves.
    pub fn beats(&self, other: &Timed, share: f64) -> bool {
        self.halves.iter().zip(&other.halves).all(|(mine, others)| middle(mine) < share * middle(others))
    }
}

/// The mean of the middle half of the samples; infinite without samples.
fn middle(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let beyond = sorted.len() / 4;
    let middle = &sorted[beyond..sorted.len() - beyond];
    if middle.is_empty() { f64::INFINITY } else { middle.iter().sum::<f64>() / middle.len() as f64 }
}

/// The median; of an even number of numbers the mean of the two in the middle; `None` without numbers.
///
/// ```
/// use anygrad::tune::median;
/// assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
/// assert_eq!(median(&[]), None);
/// ```
pub fn median(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (lower, upper) = (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
    Some((lower + upper) / 2.0)
}

impl<'a> Timer<'a> {
    /// Loads variants for timing. Each has run before, so that nothing is compiled while it is timed.
    pub async fn load(
        device: &Arc<GpuDevice>,
        case: &Case,
        variants: &[&'static Variant],
        inputs: &[Data],
        stopwatch: Stopwatch<'a>,
    ) -> Result<Timer<'a>> {
        let mut graph = Graph::new();
        let declared = case.declare(&mut graph);
        // A single number, so that waiting for it costs little.
        let mark = graph.declare("mark", [1], DType::F32, Role::Input);
        for variant in variants {
            graph.begin_phase(variant.name);
            graph.apply_all(case.op.clone(), &declared)?;
        }
        let plan = Plan::with_variants(graph, |kernel, _, _| &kernel.variants[0])?;
        let plan = plan.choose_again(|phase, dispatch| {
            Ok(variants.iter().find(|variant| variant.name == phase).copied().unwrap_or(dispatch.variant))
        })?;
        let plan = plan.within(device.target().budget)?;
        let mut executor = GpuExecutor::load(device.clone(), plan).await?;
        for (&id, data) in declared.iter().zip(inputs) {
            executor.write_words(id, data.words())?;
        }
        let mut timer = Timer { executor, mark, stopwatch, empty: f64::INFINITY };
        for _ in 0..20 {
            timer.empty = timer.empty.min(timer.submission(PhaseId::FIRST, 0).await?);
        }
        Ok(timer)
    }

    /// Seconds of a submission that runs a phase this many times.
    async fn submission(&mut self, phase: PhaseId, times: u32) -> Result<f64> {
        let start = (self.stopwatch)();
        self.executor.submit_repeated(phase, &Clock { learning_rate: 0.0, ..CLOCK }, times)?;
        let read = self.executor.start_read(self.mark).await?;
        self.executor.finish_read(read).await?;
        Ok((self.stopwatch)() - start)
    }

    /// Seconds of one dispatch, from a submission that is long enough to tell: of `times` dispatches, or of as many
    /// more as that takes.
    async fn sample(&mut self, phase: PhaseId, mut times: u32) -> Result<f64> {
        loop {
            let seconds = self.submission(phase, times).await?;
            if seconds >= self.turn() / 2.0 || times >= MOST_REPEATS {
                return Ok(((seconds - self.empty) / f64::from(times)).max(1e-9));
            }
            times = (4 * times).min(MOST_REPEATS);
        }
    }

    /// How long a sample should take, in seconds.
    fn turn(&self) -> f64 {
        (ABOVE_EMPTY * self.empty).max(SHORTEST)
    }

    /// A first look at every variant: few samples, after which the slow ones are given up.
    pub async fn first_look(&mut self) -> Result<Vec<Timed>> {
        let mut timed: Vec<Timed> = Vec::new();
        for position in 0..self.executor.plan().phases().len() {
            let phase = PhaseId(position);
            let seconds = self.sample(phase, 1).await?;
            timed.push(Timed { phase, halves: [vec![seconds], vec![]], live: true });
        }
        give_up(&mut timed, HOPELESS);
        self.turns(&mut timed, 0, |number, _| number >= FEW).await?;
        give_up(&mut timed, SLOW);
        Ok(timed)
    }

    /// Gives live variants turns for about `seconds` in all: to the end those that are not clearly slower, and `keep`.
    pub async fn take_turns(&mut self, timed: &mut [Timed], keep: &[usize], seconds: f64) -> Result<()> {
        for half in [0, 1] {
            self.turns(timed, half, |number, spent| {
                (number >= TURNS && spent >= seconds / 2.0) || (number >= FEWEST_TURNS && spent >= PATIENCE * seconds)
            })
            .await?;
            give_up(timed, SLOWER);
            keep.iter().for_each(|&position| timed[position].live = true);
        }
        Ok(())
    }

    /// Gives every live variant turns until `enough`, by their number and the seconds spent.
    async fn turns(&mut self, timed: &mut [Timed], half: usize, enough: impl Fn(u32, f64) -> bool) -> Result<()> {
        let start = (self.stopwatch)();
        let mut known: Vec<f64> = timed.iter().map(Timed::seconds).collect();
        timed.iter_mut().filter(|timed| timed.live).for_each(|timed| timed.halves[half].clear());
        for number in 1..=MOST_TURNS {
            self.empty = self.empty.min(self.submission(PhaseId::FIRST, 0).await?);
            for (timed, known) in timed.iter_mut().zip(&mut known).filter(|(timed, _)| timed.live) {
                let times = ((self.turn() / *known) as u32).clamp(1, MOST_REPEATS);
                let seconds = self.sample(timed.phase, times).await?;
                *known = known.min(seconds);
                timed.halves[half].push(seconds);
            }
            if enough(number, (self.stopwatch)() - start) {
                break;
            }
        }
        Ok(())
    }
}

/// Lets variants that take this many times as long as the fastest that still takes turns take no more.
fn give_up(timed: &mut [Timed], factor: f64) {
    let live = timed.iter().filter(|timed| timed.live);
    let least = live.map(Timed::seconds).fold(f64::INFINITY, f64::min);
    timed.iter_mut().for_each(|timed| timed.live &= timed.seconds() <= factor * least);
}
