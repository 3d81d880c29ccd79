//! The autotuner: which variant of a kernel is fastest on this device, measured on the exact shapes of a plan.
//!
//! ```text
//! Plan ─ shapes ▸ candidates ▸ check against the twin ▸ time, in turns ▸ choose ▸ time again ─▸ Variants ─▸ Plan
//!                                    └ struck off, with the reason            └ Store, on disk
//! ```
//!
//! A candidate is any variant that can run on the device and the shape, whatever kind of adapter it is meant for. Only
//! those that compute what the twin does, on that shape, can be chosen. What is chosen is measured once more against
//! the others, because a measurement flatters what it chose.
//!
//! Without tuning a plan depends on the kind of adapter and the shapes alone ([`plan::choose`](crate::plan::choose)).
//! With it, a run is repeated by its record ([`Variants`]). The room prints nothing and has no clock of its own: it is
//! given one.

pub mod bounds;
pub mod case;
pub(crate) mod check;
mod choice;
mod store;
mod time;
mod variants;

pub use choice::{Candidate, Choice};
pub use store::{Place, Store};
pub use time::{Stopwatch, median};
pub use variants::{Variants, key};

use crate::backend::Device;
use crate::backend::gpu::GpuDevice;
use crate::error::{Error, Result};
use crate::kernel::{Access, Grid, Target, Variant};
use crate::plan::{Dispatch, Plan};
use case::{Case, Values};
use check::Expected;
use std::collections::BTreeSet;
use std::sync::Arc;
use time::Timer;

/// A variant takes the place of the default if it takes less than this share of its time, in each of two halves: so
/// that chance does not choose between equals, and what is chosen stays within 5 % of the fastest when measured again.
const WORTH_CHANGING: f64 = 0.97;

/// A kernel on a shape that has several candidates.
#[derive(Clone, Debug)]
pub struct Tunable {
    /// The dispatch, with the default variant.
    pub dispatch: Dispatch,
    /// The dispatch's op on the shapes that it has there, to run it by itself.
    pub case: Case,
    /// All variants that can run it here.
    pub candidates: Vec<&'static Variant>,
    /// What it computes on: `64×128×784` for products, else the shape of what it writes first.
    pub shape: String,
    /// Bytes that it reads and writes.
    pub bytes: u64,
}

/// The kernels of a plan that have several candidates, each shape once.
pub fn tunables(plan: &Plan, target: &Target) -> Vec<Tunable> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let dispatches = plan.phases().iter().flat_map(|phase| &phase.dispatches);
    for (dispatch, node) in dispatches.zip(plan.graph().nodes()) {
        let all = dispatch.kernel.variants.iter();
        let candidates: Vec<_> = all.filter(|variant| variants::runs(variant, dispatch, target)).collect();
        if candidates.len() > 1 && seen.insert(variants::key_of(dispatch)) {
            found.push(Tunable {
                dispatch: dispatch.clone(),
                case: Case::of(plan.graph(), node),
                candidates,
                shape: shape(plan, dispatch),
                bytes: plan.bytes_moved(dispatch),
            });
        }
    }
    found
}

fn shape(plan: &Plan, dispatch: &Dispatch) -> String {
    if let Grid::Product { .. } = dispatch.grid {
        return dispatch.grid.to_string();
    }
    let written = dispatch.buffers.iter().find(|bound| bound.access == Access::Write);
    written.map_or(String::new(), |bound| plan.value(bound.value).shape.to_string())
}

/// The effort that tuning makes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// Seconds of measuring for each shape, twice; checking and compiling come on top.
    pub seconds: f64,
    /// Whether to measure what the store knows already.
    pub fresh: bool,
}

impl Default for Effort {
    fn default() -> Effort {
        Effort { seconds: 0.4, fresh: false }
    }
}

/// The result of tuning one kernel on one shape, reported as soon as it is known.
#[derive(Debug)]
pub struct Finding<'a> {
    /// The kernel and its shape.
    pub tunable: &'a Tunable,
    /// The choice.
    pub choice: &'a Choice,
    /// Whether it was known before.
    pub stored: bool,
}

/// The fastest variants for the kernels of a plan that was built for `device`: from `store` where it knows them, else
/// measured and added to it. On the CPU, whose kernels have one form each, none.
///
/// # Errors
/// [`Error::NoVariant`] if no variant of a kernel is right; what the device reports beside compiling and running
/// candidates.
pub async fn tune(
    device: &Device,
    plan: &Plan,
    store: &mut Store,
    effort: Effort,
    stopwatch: Stopwatch<'_>,
    mut report: impl FnMut(Finding<'_>),
) -> Result<Variants> {
    let mut table = Variants::default();
    let Device::Gpu(gpu) = device else { return Ok(table) };
    for tunable in &tunables(plan, &gpu.target()) {
        let Tunable { dispatch, case, candidates, .. } = tunable;
        let place = Place::new(gpu, dispatch, candidates);
        let known = store.get(&place).filter(|_| !effort.fresh).cloned();
        let stored = known.is_some();
        let choice = match known {
            Some(choice) => choice,
            None => measure(gpu, case, candidates, dispatch.variant, effort.seconds, stopwatch).await?,
        };
        table.insert(&place.key, &choice.variant);
        report(Finding { tunable, choice: &choice, stored });
        if !stored {
            store.insert(place, choice);
        }
    }
    Ok(table)
}

/// Checks and times the candidates for one case.
///
/// # Errors
/// Fails as [`tune`] does.
pub async fn measure(
    device: &Arc<GpuDevice>,
    case: &Case,
    candidates: &[&'static Variant],
    default: &'static Variant,
    seconds: f64,
    stopwatch: Stopwatch<'_>,
) -> Result<Choice> {
    let draws = [Expected::new(case, Values::Whole)?, Expected::new(case, Values::Unit)?];
    let mut found = Vec::new();
    let mut sound = Vec::new();
    for &variant in candidates {
        let mut struck_off = None;
        for expected in &draws {
            let outcome = expected.deviation(device, case, variant).await;
            struck_off = struck_off.or(outcome.unwrap_or_else(|error| Some(error.to_string())));
        }
        if struck_off.is_none() {
            sound.push(variant);
        }
        found.push(Candidate { variant: variant.name.into(), seconds: None, again: None, struck_off });
    }
    let [_, Expected { inputs, .. }] = &draws;
    if sound.is_empty() {
        let reasons = found.iter().map(|c| format!("{} ({})", c.variant, c.struck_off.as_deref().unwrap_or("")));
        let kernel = format!("{} on {:?}", case.op.name(), case.inputs.iter().map(|i| i.0.dims()).collect::<Vec<_>>());
        return Err(Error::NoVariant { kernel, struck_off: reasons.collect::<Vec<_>>().join(", ") });
    }

    let mut timer = Timer::load(device, case, &sound, inputs, stopwatch).await?;
    let mut first = timer.first_look().await?;
    let position_of_default = sound.iter().position(|variant| variant.name == default.name);
    timer.take_turns(&mut first, position_of_default.as_slice(), seconds).await?;
    let least = (0..sound.len())
        .filter(|&at| first[at].live)
        .min_by(|&a, &b| first[a].seconds().total_cmp(&first[b].seconds()))
        .unwrap_or(0);
    let winner = match position_of_default {
        Some(default) if !first[least].beats(&first[default], WORTH_CHANGING) => default,
        _ => least,
    };

    let mut second = first.clone();
    let keep: Vec<usize> = position_of_default.into_iter().chain([winner]).collect();
    timer.take_turns(&mut second, &keep, seconds).await?;
    let again: Vec<bool> = second.iter().map(|timed| timed.live).collect();
    for (position, variant) in sound.iter().enumerate() {
        if let Some(candidate) = found.iter_mut().find(|candidate| candidate.variant == variant.name) {
            candidate.seconds = Some(rounded(first[position].seconds()));
            candidate.again = again[position].then_some(rounded(second[position].seconds()));
        }
    }
    Ok(Choice { variant: sound[winner].name.into(), default: default.name.into(), candidates: found })
}

/// Four significant digits: no measurement is better, and they read back as they were written.
fn rounded(seconds: f64) -> f64 {
    format!("{seconds:.3e}").parse().unwrap_or(seconds)
}
