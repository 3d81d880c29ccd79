//! The masks of the fused kernels are dropout's, bit for bit, in every variant on every device; and the parts of a batch
//! draw the mask of the whole.

mod common;

use anygrad::backend::Device;
use anygrad::backend::gpu::GpuDevice;
use anygrad::graph::Shape;
use anygrad::kernel::Clock;
use anygrad::ops::Operation;
use anygrad::ops::activation::Activation;
use anygrad::ops::dropout::{self, Dropout};
use anygrad::ops::fused::Fused;
use anygrad::plan::PhaseId;
use common::{CLOCK, Case, OpPlan, f};
use pollster::block_on;
use std::sync::Arc;

/// What dropout makes of ones.
fn mask_of(dropout: &Dropout, rows: usize, columns: usize, clock: &Clock) -> Vec<f32> {
    let shape = Shape::from([rows, columns]);
    let params = dropout.params(&[&shape, &shape]).expect("valid");
    let (ones, mut mask) = (vec![1.0; rows * columns], vec![0.0; rows * columns]);
    dropout::reference(&bytemuck::pod_read_unaligned(&params), clock, &ones, &mut mask);
    mask
}

/// The last result of an op on inputs, by each of its variants on each device that can run it.
fn results(
    gpu: Option<&Arc<GpuDevice>>,
    case: &Case,
    inputs: &[Vec<f32>],
    clock: Clock,
    mut check: impl FnMut(&str, Vec<f32>),
) {
    for variant in case.variants().expect("valid") {
        let built = OpPlan::new(case, variant).expect("a plan");
        let gpu = gpu.filter(|gpu| gpu.target().can_run(variant)).cloned().map(Device::Gpu);
        for device in [Device::Cpu].into_iter().chain(gpu) {
            let mut executor = block_on(device.load(built.plan.clone())).expect("loaded");
            for (&id, data) in built.inputs.iter().zip(inputs) {
                executor.write(id, data).expect("an input");
            }
            executor.run(&[(PhaseId::FIRST, clock)]).expect("submit");
            let result = *built.outputs.last().expect("a result");
            let place = format!("{:?} {} on {} at {clock:?}", case.op, variant.name, device.name());
            check(&place, block_on(executor.read(result)).expect("floats"));
        }
    }
}

/// Dropout of ones by itself, a layer of zeros with a bias of ones, and the gradient of a single one: each leaves nothing
/// but the mask.
fn cases(dropout: Dropout, rows: usize, columns: usize) -> [(Case, Vec<Vec<f32>>); 3] {
    let (ones, activation) = (|n| vec![1.0; n], Activation::Identity);
    let alone = Case::new(dropout, [f([rows, columns])]);
    let layer = Fused::layer(activation, Some(dropout));
    let layer = Case::new(layer, [f([rows, 16]), f([columns, 16]), f([columns])]);
    let layer_inputs = vec![vec![0.0; rows * 16], ones(columns * 16), ones(columns)];
    let gradient = Fused::grad_input(activation, Some(dropout));
    let gradient = Case::new(gradient, [f([rows, 1]), f([1, columns]), f([rows, columns])]);
    let gradient_inputs = vec![ones(rows), ones(columns), ones(rows * columns)];
    [(alone, vec![ones(rows * columns)]), (layer, layer_inputs), (gradient, gradient_inputs)]
}

/// Pairs of an odd row length straddle fours, rows, and the parts of a batch.
#[test]
fn every_kernel_draws_the_mask_of_the_whole_batch_for_its_part() {
    let gpu = common::gpu();
    let mut compared = 0;
    let dropout = common::dropout(0.3);
    for (rows, columns) in [(1, 1), (2, 3), (5, 33), (19, 37), (33, 64), (6, 5), (2, 512)] {
        let whole = mask_of(&dropout, rows, columns, &Clock { first_row: 0, ..CLOCK });
        // Two halves, and the whole.
        for part in [0..rows / 2, rows / 2..rows, 0..rows] {
            if part.is_empty() {
                continue;
            }
            let clock = Clock { first_row: part.start as u32, ..CLOCK };
            let expected = &whole[part.start * columns..part.end * columns];
            assert_eq!(mask_of(&dropout, part.len(), columns, &clock), expected, "the twin on rows {part:?}");
            for (case, inputs) in cases(dropout, part.len(), columns) {
                results(gpu.as_ref(), &case, &inputs, clock, |place, got| {
                    assert_eq!(got, expected, "{place}");
                    compared += 1;
                });
            }
        }
    }
    common::report_comparisons("masks", compared);
}

/// The number of an element within the whole batch decides, as the generator states it.
#[test]
fn masks_are_the_generators_words() {
    let (dropout, clock) = (common::dropout(0.3), Clock { first_row: 7, ..CLOCK });
    let mask = mask_of(&dropout, 4, 9, &clock);
    let threshold = anygrad::random::drop_threshold(dropout.rate);
    for (i, &kept) in mask.iter().enumerate() {
        let word = anygrad::random::word(dropout.key, 7 * 9 + i as u32, clock.step);
        assert_eq!(kept != 0.0, anygrad::random::keeps(word, threshold), "element {i}");
    }
}
