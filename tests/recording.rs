//! What recording a step costs the host, in allocations; that it costs the device no memory.
//!
//! Which objects are created on the device is counted in `src/backend/gpu/objects.rs`.

mod common;
#[path = "common/counting.rs"]
mod counting;

use anygrad::backend::Device;
use anygrad::backend::gpu::{GpuExecutor, Granted};
use anygrad::data::digits;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::train::Trainer;
use counting::allocations;
use pollster::block_on;

/// wgpu allocates for some commands as it records them, and once for what grows; other versions may take more.
const MOST_PER_DISPATCH: f64 = 10.0;
const MOST_PER_SUBMISSION: u64 = 1000;

#[test]
fn a_recorded_step_costs_few_allocations_on_the_host_and_none_on_the_device() {
    let Some(gpu) = common::gpu_with(Granted::Large) else { return };
    let data = digits().expect("digits");
    let model = Sequential::new(64).linear(32).relu().linear(24).relu().linear(10);
    let trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.01)).batch_size(16);
    let plan = trainer.on(Device::Gpu(gpu.clone())).plan(&data, None).expect("a plan");
    let phase = |name: &str| plan.phase(name).expect("a phase");
    let (begin, train) = (phase("begin_epoch"), phase("train"));
    let dispatches = plan.phases()[train.index()].launches.len();
    let state = plan.value_id(plan.graph().values().iter().position(|v| v.name == "step_state").expect("a state"));
    let mut executor = block_on(GpuExecutor::load(gpu, plan)).expect("memory");
    let mut submit = |steps: u32| {
        let before = allocations();
        executor.submit(&[(begin, 1), (train, steps)]).expect("submitted");
        let after = allocations();
        let read = block_on(executor.start_read(state)).expect("on its way");
        block_on(executor.finish_read(read)).expect("a state");
        (after - before, executor.allocated_bytes())
    };
    for _ in 0..4 {
        submit(64);
        submit(1);
    }
    let (many, bytes) = submit(64);
    let (one, after) = submit(1);
    let per_step = many.saturating_sub(one) as f64 / 63.0;
    println!("{dispatches} dispatches: {per_step:.2} allocations for a step, {one} for a submission of one");
    assert_eq!(bytes, after, "bytes on the device");
    assert_eq!(submit(64).1, after, "bytes on the device");
    assert!(per_step <= MOST_PER_DISPATCH * dispatches as f64, "{per_step} allocations for a step");
    assert!(one <= MOST_PER_SUBMISSION, "{one} allocations for a submission of one step");
}
