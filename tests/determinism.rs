//! The same seed gives the same bits: twice on one device, and the same masks, orders and initial values on both.

mod common;

use anygrad::backend::Device;
use anygrad::backend::gpu::{GpuDevice, GpuExecutor};
use anygrad::data::{Dataset, Split, digits};
use anygrad::kernel::Variant;
use anygrad::model::Model;
use anygrad::nn::{Loss, Sequential};
use anygrad::ops::fused::Fused;
use anygrad::ops::matmul::Matmul;
use anygrad::optim::Sgd;
use anygrad::plan::PhaseId;
use anygrad::train::{History, Trainer};
use common::{Case, Data, OpPlan, Values};
use std::collections::BTreeSet;
use std::sync::Arc;

fn train(device: &Device, seed: u64, data: &Split) -> (History, Model) {
    // Dropout, shuffling, momentum, and a last batch that is smaller.
    let model = Sequential::new(64).linear(24).relu().dropout(0.3).linear(10);
    let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1).momentum(0.9))
        .batch_size(50)
        .epochs(3)
        .seed(seed)
        .on(device.clone());
    let history = trainer.fit_blocking(data).expect("training");
    (history, trainer.model().expect("a model").clone())
}

fn split() -> Split {
    let data: Dataset = digits().expect("digits");
    data.split(0.25, 3).expect("a split")
}

fn repeats(device: &Device) {
    let data = split();
    let (history, model) = train(device, 1, &data);
    let (again, same) = train(device, 1, &data);
    assert_eq!(model.weights_hash(), same.weights_hash());
    assert_eq!(history, again);
    assert_ne!(model.weights_hash(), train(device, 2, &data).1.weights_hash(), "the seed matters");
}

#[test]
fn the_cpu_repeats_itself() {
    repeats(&Device::Cpu);
}

#[test]
fn the_gpu_repeats_itself() {
    let Some(gpu) = common::gpu() else { return };
    repeats(&Device::Gpu(gpu));
}

/// Only rounding may differ: another mask, order or initial value would show in the first losses at once.
#[test]
fn both_devices_draw_the_same_run() {
    let Some(gpu) = common::gpu() else { return };
    let data = split();
    let (cpu, _) = train(&Device::Cpu, 1, &data);
    let (gpu, _) = train(&Device::Gpu(gpu), 1, &data);
    assert_eq!(cpu.step_losses.len(), gpu.step_losses.len());
    for (step, (a, b)) in cpu.step_losses.iter().zip(&gpu.step_losses).enumerate() {
        assert!((a - b).abs() <= 1e-4 * a.abs(), "step {step}: {a} on the CPU, {b} on the GPU");
    }
    common::report_comparisons("same_run_on_both", cpu.step_losses.len());
}

#[test]
fn how_steps_are_grouped_into_submissions_changes_nothing() {
    // A callback makes the trainer submit and wait after every epoch; without one it runs ahead.
    let data = split();
    let devices = [Some(Device::Cpu), common::gpu().map(Device::Gpu)];
    for device in devices.into_iter().flatten() {
        let model = || Sequential::new(64).linear(16).tanh().dropout(0.1).linear(10);
        let trainer = || Trainer::new(model(), Loss::cross_entropy(), Sgd::new(0.1)).epochs(4).on(device.clone());
        let (mut ahead, mut waiting) = (trainer(), trainer().on_epoch(|_| anygrad::train::Flow::Continue));
        let first = ahead.fit_blocking(&data).expect("training");
        let second = waiting.fit_blocking(&data).expect("training");
        assert!(second.submissions >= 4 && second.submissions >= first.submissions);
        assert_eq!(first.epochs, second.epochs);
        let hash = |trainer: &Trainer| trainer.model().expect("a model").weights_hash();
        assert_eq!(hash(&ahead), hash(&waiting));
    }
}

/// What a product computes or changes.
fn results(gpu: &Arc<GpuDevice>, case: &Case, variant: &'static Variant, inputs: &[Data]) -> Vec<Vec<u32>> {
    let built = OpPlan::new(case, variant).expect("a plan");
    let mut executor = pollster::block_on(GpuExecutor::load(gpu.clone(), built.plan.clone())).expect("loaded");
    for (&id, data) in built.inputs.iter().zip(inputs) {
        executor.write_words(id, data.words()).expect("contents");
    }
    executor.submit(&[(PhaseId::FIRST, common::CLOCK)]).expect("submit");
    let read = |&id| {
        pollster::block_on(async {
            let read = executor.start_read(id).await.expect("read");
            executor.finish_read(read).await.expect("read")
        })
    };
    built.outputs.iter().chain(&built.changed_inputs()).map(read).collect()
}

/// Sums that the invocations of a workgroup share are added in a fixed order.
#[test]
fn every_variant_of_a_product_repeats_itself() {
    let Some(gpu) = common::gpu() else { return };
    // What follows a product is the same in every order of its sums: one chain for each form of a product will do.
    let mut seen = BTreeSet::new();
    let mut is_new_form = |case: &Case| match case.op.downcast_ref::<Fused>() {
        Some(op) => seen.insert(format!("{:?} {:?} {}", op.product, op.factors, op.beside.is_empty())),
        None => case.op.is::<Matmul>(),
    };
    let mut compared = 0;
    // Whole vec4 on every side.
    for case in common::cases(140, 132, 260).iter().filter(|case| is_new_form(case)) {
        let inputs = common::draw_inputs(case, Values::Unit, &mut common::stream(5));
        for variant in case.op.spec().variants.iter().filter(|v| gpu.target().can_run(v)) {
            let first = results(&gpu, case, variant, &inputs);
            assert!(first == results(&gpu, case, variant, &inputs), "{:?} {}", case.op, variant.name);
            compared += first.len();
        }
    }
    common::report_comparisons("repeated_products", compared);
}
