//! What recording a step costs the host, in allocations; that it costs the device no memory.
//!
//! Which objects are created on the device is counted in `src/backend/gpu/objects.rs`.

mod common;
#[path = "common/counting.rs"]
mod counting;

use anygrad::backend::Device;
use anygrad::backend::gpu::{GpuDevice, GpuExecutor, Granted};
use anygrad::data::digits;
use anygrad::kernel::Clock;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::plan::PhaseId;
use anygrad::train::Trainer;
use counting::allocations;
use pollster::block_on;
use std::sync::Arc;

/// wgpu allocates for some commands as it records them, and once for what grows; other versions may take more.
const MOST_PER_DISPATCH: f64 = 10.0;
const MOST_PER_SUBMISSION: u64 = 1000;

#[test]
fn a_recorded_step_costs_few_allocations_on_the_host_and_none_on_the_device() {
    let Some(gpu) = common::gpu_with(Granted::Large) else { return };
    for frozen in [&[][..], &["0"], &["2", "4"]] {
        check(&gpu, frozen);
    }
}

/// Checks a net of which some layers may be frozen.
fn check(gpu: &Arc<GpuDevice>, frozen: &[&str]) {
    let data = digits().expect("digits");
    let model = Sequential::new(64).linear(32).relu().linear(24).relu().linear(10);
    let trainer =
        Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.01)).batch_size(16).freeze(frozen.iter().copied());
    let plan = trainer.on(Device::Gpu(gpu.clone())).plan(&data, None).expect("a plan");
    let phase = |name: &str| plan.phase(name).expect("a phase");
    let train = phase("train");
    let dispatches = plan.phases()[train.index()].launches.len();
    let ring = plan.value_id(plan.graph().values().iter().position(|v| v.name == "ring").expect("a ring"));
    let runs = |steps| common::epoch(&plan, 16, steps, &mut Clock { learning_rate: 0.01, ..Clock::default() });
    let (of_64, of_one) = (runs(64), runs(1));
    let mut executor = block_on(GpuExecutor::load(gpu.clone(), plan.clone())).expect("memory");
    let mut submit = |runs: &[(PhaseId, Clock)]| {
        let before = allocations();
        executor.submit(runs).expect("submitted");
        let after = allocations();
        let read = block_on(executor.start_read(ring)).expect("on its way");
        block_on(executor.finish_read(read)).expect("a ring");
        (after - before, executor.allocated_bytes())
    };
    for _ in 0..4 {
        submit(&of_64);
        submit(&of_one);
    }
    let (many, bytes) = submit(&of_64);
    let (one, after) = submit(&of_one);
    let per_step = many.saturating_sub(one) as f64 / 63.0;
    println!("{dispatches} dispatches: {per_step:.2} allocations for a step, {one} for a submission of one");
    assert_eq!(bytes, after, "bytes on the device");
    assert_eq!(submit(&of_64).1, after, "bytes on the device");
    assert!(per_step <= MOST_PER_DISPATCH * dispatches as f64, "{per_step} allocations for a step");
    assert!(one <= MOST_PER_SUBMISSION, "{one} allocations for a submission of one step");
}
