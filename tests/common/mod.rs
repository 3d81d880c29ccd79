//! What several test files share: the device under test, random values, one op as a plan, counts of comparisons.
#![allow(dead_code)]

mod counts;
#[cfg(feature = "cli")]
pub mod program;
pub mod twins;

use anygrad::backend::gpu::{Adapter, GpuDevice, Granted, adapters};
use anygrad::graph::Extents;
#[allow(unused_imports)]
pub use anygrad::graph::case::{floats as f, words};
use anygrad::kernel::part::Part;
use anygrad::kernel::{Clock, KernelSpec};
use anygrad::ops::dropout::Dropout;
use anygrad::plan::{PhaseId, Plan};
use anygrad::random::{Purpose, Stream, stream_key};
#[allow(unused_imports)]
pub use anygrad::tune::case::{Case, Data, OpPlan, Values};
#[allow(unused_imports)]
pub use counts::report_comparisons;
use std::sync::Arc;

/// The adapter under test: `ANYGRAD_TEST_ADAPTER` (a position in `anygrad devices`), else the first.
///
/// Without an adapter the test fails if `ANYGRAD_REQUIRE_GPU=1`, and else says loudly that it is skipped.
pub fn adapter() -> Option<Adapter> {
    let index = std::env::var("ANYGRAD_TEST_ADAPTER").map_or(0, |i| i.parse().expect("a number"));
    let adapter = pollster::block_on(adapters()).into_iter().nth(index);
    if adapter.is_none() {
        let required = std::env::var("ANYGRAD_REQUIRE_GPU").is_ok_and(|v| v == "1");
        assert!(!required, "ANYGRAD_REQUIRE_GPU=1, but there is no adapter {index}");
        eprintln!("SKIPPED: no GPU adapter {index}, this test has compared nothing");
    }
    adapter
}

/// The device under test with exactly the stated limits.
pub fn gpu_with(granted: Granted) -> Option<Arc<GpuDevice>> {
    Some(Arc::new(pollster::block_on(adapter()?.open(granted)).expect("the adapter opens")))
}

/// The device under test with WebGPU's default limits.
pub fn gpu() -> Option<Arc<GpuDevice>> {
    gpu_with(Granted::Default)
}

/// A stream of test values.
pub fn stream(id: u32) -> Stream {
    Stream::new(stream_key(0x7e57, Purpose::Synthetic, id))
}

/// Every op on tensors of about `rows × columns` (and `inner`, for products).
pub fn cases(rows: usize, columns: usize, inner: usize) -> Vec<Case> {
    let extents = Extents { rows, columns, inner };
    let cases = [anygrad::ops::cases(extents), anygrad::optim::cases(extents)].concat();
    cases.into_iter().filter(is_asked_for).collect()
}

/// Whether a case is to be looked at: see [`asked_for`].
pub fn is_asked_for(case: &Case) -> bool {
    let name = case.op.name().replace(' ', "_");
    let is_named = |asked: &str| match asked.strip_prefix('=') {
        Some(whole) => name == whole,
        None => name.contains(asked),
    };
    asked_for().is_none_or(|list| list.split(';').any(is_named))
}

/// Names of kernels in `ANYGRAD_KERNELS`, if only these are to be looked at: parts of names, or behind `=` whole ones, with
/// `_` for blanks, and `;` between them.
pub fn asked_for() -> Option<String> {
    std::env::var("ANYGRAD_KERNELS").ok()
}

/// The kernels of all single ops.
pub fn kernels() -> Vec<&'static KernelSpec> {
    [anygrad::ops::kernels(), anygrad::optim::kernels()].concat()
}

/// The stages of all ops that have one.
pub fn stages() -> Vec<&'static Part> {
    [anygrad::ops::STAGES, anygrad::optim::STAGES].concat()
}

pub fn dropout(rate: f32) -> Dropout {
    Dropout::inverted(rate, stream_key(9, Purpose::Dropout, 1)).expect("a valid rate")
}

/// Inputs that suit the case.
pub fn draw_inputs(case: &Case, values: Values, stream: &mut Stream) -> Vec<Data> {
    case.draw(values, stream)
}

/// The clock in single-op tests: in mid-run, third row of the epoch. An odd number of rows is before the first, so that
/// pairs of a mask may straddle the beginning of a tensor.
pub const CLOCK: Clock = Clock { step: 3, epoch: 2, batch_start: 2, slot: 9, first_row: 3, learning_rate: 0.05 };

/// The runs of an epoch's first `count` training batches of `rows` rows, behind what begins it; moves the clock on.
pub fn epoch(plan: &Plan, rows: usize, count: usize, clock: &mut Clock) -> Vec<(PhaseId, Clock)> {
    let phase = |name: &str| plan.phase(name).expect("a phase");
    clock.begin_epoch();
    let mut runs = vec![(phase("begin_epoch"), *clock)];
    for _ in 0..count {
        runs.push((phase("train"), *clock));
        clock.end_batch(rows as u32, true);
    }
    runs
}
