//! The masks of the fused kernels are dropout's, bit for bit, in every variant on every device.

mod common;

use anygrad::backend::Device;
use anygrad::backend::gpu::GpuDevice;
use anygrad::graph::Shape;
use anygrad::ops::activation::Activation;
use anygrad::ops::dropout::{self, Dropout};
use anygrad::ops::linear::Linear;
use anygrad::ops::linear_grad_input::LinearGradInput;
use anygrad::ops::{Op, Operation};
use anygrad::plan::PhaseId;
use common::{Case, OpPlan, f};
use pollster::block_on;
use std::sync::Arc;

/// What dropout makes of ones.
fn mask_of(dropout: &Dropout, rows: usize, columns: usize) -> Vec<f32> {
    let shape = Shape::from([rows, columns]);
    let params = dropout.params(&[&shape, &shape]).expect("valid");
    let (ones, mut mask) = (vec![1.0; rows * columns], vec![0.0; rows * columns]);
    dropout::reference(&bytemuck::pod_read_unaligned(&params), common::STATE.step, &ones, &mut mask);
    mask
}

/// The last result of an op on inputs, by each of its variants on each device that can run it.
fn results(gpu: Option<&Arc<GpuDevice>>, case: &Case, inputs: &[Vec<f32>], mut check: impl FnMut(&str, Vec<f32>)) {
    for variant in case.op.spec().variants {
        let built = OpPlan::new(case, variant).expect("a plan");
        let dispatch = &built.plan.phases()[0].dispatches[0];
        if !(variant.accepts)(&dispatch.params, &dispatch.specialization) {
            continue;
        }
        let gpu = gpu.filter(|gpu| gpu.target().can_run(variant)).cloned().map(Device::Gpu);
        for device in [Device::Cpu].into_iter().chain(gpu) {
            let mut executor = block_on(device.load(built.plan.clone())).expect("loaded");
            for (&id, data) in built.inputs.iter().zip(inputs) {
                executor.write(id, data).expect("an input");
            }
            let state = built.step_state.expect("masks go by the step");
            executor.write_words(state, &common::step_state()).expect("state");
            executor.run(&[(PhaseId::FIRST, 1)]).expect("submit");
            let result = *built.outputs.last().expect("a result");
            let place = format!("{:?} {} on {}", case.op, variant.name, device.name());
            check(&place, block_on(executor.read(result)).expect("floats"));
        }
    }
}

/// A layer of zeros with a bias of ones, and the gradient of a single one, leave nothing but the mask. Pairs of an odd row
/// length straddle fours and rows.
#[test]
fn fused_kernels_drop_what_dropout_drops() {
    let gpu = common::gpu();
    let mut compared = 0;
    let activation = Activation::Identity;
    for (rows, columns) in [(1, 1), (2, 3), (5, 33), (19, 37), (33, 64)] {
        for steps_back in [0, 1] {
            let dropout = Dropout { steps_back, ..common::dropout(0.3) };
            let mask = mask_of(&dropout, rows, columns);
            let ones = |n| vec![1.0; n];
            let layer: Op = Linear { activation, dropout: Some(dropout) }.into();
            let layer = Case::new(layer, [f([rows, 16]), f([columns, 16]), f([columns])]);
            let layer_inputs = [vec![0.0; rows * 16], ones(columns * 16), ones(columns)];
            let gradient: Op = LinearGradInput { activation, dropout: Some(dropout) }.into();
            let gradient = Case::new(gradient, [f([rows, 1]), f([1, columns]), f([rows, columns])]);
            let gradient_inputs = [ones(rows), ones(columns), ones(rows * columns)];
            for (case, inputs) in [(layer, layer_inputs), (gradient, gradient_inputs)] {
                results(gpu.as_ref(), &case, &inputs, |place, got| {
                    assert_eq!(got, mask, "{place}");
                    compared += 1;
                });
            }
        }
    }
    common::report_comparisons("masks", compared);
}
