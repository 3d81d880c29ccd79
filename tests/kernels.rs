//! Every kernel and every variant on the GPU against its CPU twin in f64, on awkward shapes, within the bounds that
//! each op states.

mod common;

use anygrad::backend::gpu::{GpuDevice, GpuExecutor, Granted};
use anygrad::kernel::{Clock, Target};
use anygrad::ops::activation::{Activate, ActivateGrad, Activation};
use anygrad::ops::fused::{Fused, Link};
use anygrad::ops::pointwise_loss::{Pointwise, PointwiseLoss};
use anygrad::ops::softmax_cross_entropy::SoftmaxCrossEntropyGrad;
use anygrad::ops::{matmul, matmul::Matmul};
use anygrad::optim::sgd::SgdStep;
use anygrad::plan::{PhaseId, choose, storage_buffers};
use common::twins::Twin;
use common::{Case, Data, OpPlan, Values, draw_inputs, f, words};
use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Compares one case under every variant that accepts it and every class of values.
fn sweep(device: &Arc<GpuDevice>, case: &Case, target: &Target, classes: &[Values]) -> usize {
    let draw = |(number, &values)| draw_inputs(case, values, &mut common::stream(number as u32));
    let inputs: Vec<Vec<Data>> = classes.iter().enumerate().map(draw).collect();
    let twins: Vec<Twin<'_>> = inputs.iter().map(|inputs| Twin::new(case, inputs)).collect();
    let variants = case.variants().expect("valid").into_iter().filter(|variant| target.can_run(variant));
    variants.map(|variant| Twin::compare_all(&twins, device, variant)).sum()
}

/// Lengths around every tile size, primes, and 1.
const AWKWARD: [(usize, usize, usize); 12] = [
    (1, 1, 1),
    (2, 3, 5),
    (1, 67, 13),
    (31, 33, 16),
    (32, 32, 32),
    (33, 31, 15),
    (63, 65, 17),
    (64, 64, 64),
    (65, 10, 128),
    (7, 127, 129),
    (128, 12, 4),
    (17, 257, 3),
];

/// Of these the ones on which every kind of numbers is tried; on the others the ordinary ones.
const EVERY_KIND: [(usize, usize, usize); 3] = [(2, 3, 5), (33, 31, 15), (65, 10, 128)];

fn kinds(shape: (usize, usize, usize)) -> &'static [Values] {
    if EVERY_KIND.contains(&shape) { &Values::ALL } else { &Values::ORDINARY }
}

/// Products one below, at and one above the tiles of matmul's variants, with rows that are whole vec4 in each form.
const TILE_EDGES: [(usize, usize, usize); 12] = [
    (15, 28, 4),
    (16, 32, 8),
    (17, 36, 12),
    (31, 60, 8),
    (33, 68, 20),
    (12, 36, 5),
    (16, 31, 16),
    (20, 28, 3),
    (28, 68, 17),
    (36, 60, 7),
    (15, 33, 5),
    (64, 128, 10),
];

/// The same for the tiles of workgroups and for sums that they split: one below, at and above tiles of 32, 64 and 128;
/// lengths of K below a tile of K, at it and above; a single row or column; long sums for few elements.
const WORKGROUP_EDGES: [(usize, usize, usize); 18] = [
    (31, 33, 1),
    (63, 64, 1),
    (65, 63, 3),
    (64, 65, 31),
    (127, 129, 9),
    (129, 127, 24),
    (128, 128, 8),
    (129, 132, 33),
    (132, 124, 20),
    (260, 136, 16),
    (1, 129, 40),
    (127, 1, 70),
    (8, 8, 257),
    (9, 7, 1023),
    (12, 20, 1024),
    (10, 128, 64),
    (128, 64, 10),
    (64, 10, 1024),
];

/// Whether a case is no fused product, or one of tanh: other activations go through the same stage.
fn is_of_one_activation(case: &Case) -> bool {
    let is_other = |link: &Link| match link {
        Link::Op(op) => {
            let activation = op.downcast_ref::<Activate>().map(|op| op.0);
            activation.or(op.downcast_ref::<ActivateGrad>().map(|op| op.0)).is_some_and(|f| f != Activation::Tanh)
        }
        Link::Store => false,
    };
    case.op.downcast_ref::<Fused>().is_none_or(|op| !op.chain.iter().any(is_other))
}

fn products(rows: usize, columns: usize, inner: usize) -> [Case; 3] {
    [
        Case::new(Matmul::NN, [f([rows, inner]), f([inner, columns])]),
        Case::new(Matmul::NT, [f([rows, inner]), f([columns, inner])]),
        Case::new(Matmul::TN, [f([inner, rows]), f([inner, columns])]),
    ]
}

/// Runs work on every item, on all processors: where a driver takes long to compile a kernel it does so for many at once.
fn on_all_processors<T: Sync>(items: &[T], work: impl Fn(&T) -> usize + Sync) -> usize {
    let next = AtomicUsize::new(0);
    let share = || {
        let own = std::iter::from_fn(|| items.get(next.fetch_add(1, Ordering::Relaxed)));
        own.map(&work).sum::<usize>()
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..processors).map(|_| scope.spawn(share)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).sum()
    })
}

/// A case's kernel with each variant that it can take.
fn names(case: &Case) -> Vec<(&'static str, &'static str)> {
    case.variants().expect("valid").into_iter().map(|variant| (case.op.name(), variant.name)).collect()
}

#[test]
fn kernels_equal_their_twins() {
    let Some(device) = common::gpu() else { return };
    let mut cases: Vec<(Case, &[Values])> = Vec::new();
    let mut run = |case: &Case, classes: &'static [Values]| {
        cases.extend(common::is_asked_for(case).then(|| (case.clone(), classes)));
    };
    for (rows, columns, inner) in AWKWARD {
        // Every activation at shapes beside and at the tiles.
        let all = [33, 64].contains(&rows);
        for case in common::cases(rows, columns, inner).iter().filter(|case| all || is_of_one_activation(case)) {
            run(case, kinds((rows, columns, inner)));
        }
    }
    for (rows, columns, inner) in TILE_EDGES {
        for case in products(rows, columns, inner) {
            run(&case, &[Values::Unit, Values::Whole]);
        }
    }
    for (rows, columns, inner) in WORKGROUP_EDGES {
        for case in products(rows, columns, inner) {
            run(&case, &[Values::Unit, Values::Whole]);
        }
        let is_fused = |case: &&Case| case.op.is::<Fused>() && is_of_one_activation(case);
        for case in common::cases(rows, columns, inner).iter().filter(is_fused) {
            run(case, &[Values::Unit]);
        }
    }
    // Enough tiles for the large ones.
    for case in [
        Case::new(Matmul::NN, [f([1021, 19]), f([19, 522])]),
        Case::new(Matmul::NT, [f([1024, 16]), f([520, 16])]),
        Case::new(Matmul::TN, [f([17, 1020]), f([17, 523])]),
    ] {
        run(&case, &[Values::Unit]);
    }
    let target = device.target();
    let compared = on_all_processors(&cases, |(case, classes)| sweep(&device, case, &target, classes));
    common::report_comparisons("kernels", compared);
    if common::asked_for().is_some() {
        return;
    }
    let seen: BTreeSet<_> = cases.iter().flat_map(|(case, _)| names(case)).collect();
    // Of a fused product those that its form can take at all.
    let fused = common::cases(64, 64, 64);
    let fused = fused.iter().filter(|case| case.op.is::<Fused>()).flat_map(names);
    let all = common::kernels().into_iter().flat_map(|kernel| kernel.variants.iter().map(|v| (kernel.name, v.name)));
    let all: BTreeSet<_> = all.chain(fused).collect();
    assert_eq!(seen, all, "variants that no case reaches");
}

#[test]
fn the_forms_of_the_cpu_backend_equal_their_twins() {
    let mut compared = 0;
    for (rows, columns, inner) in AWKWARD {
        for case in common::cases(rows, columns, inner) {
            for (number, &values) in kinds((rows, columns, inner)).iter().enumerate() {
                compared +=
                    Twin::new(&case, &draw_inputs(&case, values, &mut common::stream(number as u32))).compare_cpu();
            }
        }
    }
    // Large enough to be shared among threads.
    for case in common::cases(133, 259, 131).iter().filter(|case| is_of_one_activation(case)) {
        compared += Twin::new(case, &draw_inputs(case, Values::Unit, &mut common::stream(9))).compare_cpu();
    }
    common::report_comparisons("kernels_cpu", compared);
}

#[test]
fn kernels_equal_their_twins_under_downlevel_limits() {
    let Some(device) = common::gpu_with(Granted::Downlevel) else { return };
    let mut compared = 0;
    for (rows, columns, inner) in [(1, 1, 1), (33, 31, 15), (64, 68, 20)] {
        for case in common::cases(rows, columns, inner) {
            if storage_buffers(case.op.spec()) <= device.target().storage_buffers {
                compared += sweep(&device, &case, &device.target(), kinds((rows, columns, inner)));
            }
        }
    }
    common::report_comparisons("kernels_downlevel", compared);
}

#[test]
fn what_lies_behind_a_row_does_not_reach_its_product() {
    let Some(device) = common::gpu() else { return };
    // Of even numbers some variants read pairs.
    for (rows, columns, inner) in [1, 5, 10, 15, 19, 67, 260].iter().flat_map(|&k| [(18, 35, k), (18, 34, k)]) {
        for case in products(rows, columns, inner) {
            let mut inputs = draw_inputs(&case, Values::Unit, &mut common::stream(3));
            // A kernel that reads past the end of a row, as vec4 do, finds these: in the last rows of op(A) and op(B)ᵀ.
            for (input, side) in [(0, rows), (1, columns)] {
                let Data::Float(data) = &mut inputs[input] else { panic!("floats") };
                let along_k = case.inputs[input].0.dims()[1] == inner;
                let last = |i: usize| if along_k { i / inner == side - 1 } else { i % side == side - 1 };
                (0..data.len()).filter(|&i| last(i)).for_each(|i| data[i] = f32::INFINITY);
            }
            let variants = case.variants().expect("valid").into_iter();
            for variant in variants.filter(|variant| device.target().can_run(variant)) {
                let built = OpPlan::new(&case, variant).expect("a plan");
                let mut gpu =
                    pollster::block_on(GpuExecutor::load(device.clone(), built.plan.clone())).expect("loaded");
                for (&id, data) in built.inputs.iter().zip(&inputs) {
                    let Data::Float(data) = data else { panic!("floats") };
                    gpu.write_words(id, bytemuck::cast_slice(data)).expect("input");
                }
                gpu.submit(&[(PhaseId::FIRST, common::CLOCK)]).expect("submit");
                let got: Vec<f32> = pollster::block_on(async {
                    let read = gpu.start_read(built.outputs[0]).await.expect("read");
                    bytemuck::cast_vec(gpu.finish_read(read).await.expect("read"))
                });
                for (i, value) in got.iter().enumerate() {
                    let meets_infinity = i / columns == rows - 1 || i % columns == columns - 1;
                    assert!(meets_infinity || value.is_finite(), "{:?} {} [{i}] is {value}", case.op, variant.name);
                }
            }
        }
    }
}

#[test]
fn products_of_training_sizes_equal_their_twins() {
    let Some(device) = common::gpu() else { return };
    let mut compared = 0;
    // The three products of 784-128-10 at batch 64, and a last batch of 32.
    for (batch, input, output) in [(64, 784, 128), (64, 128, 10), (32, 784, 128)] {
        for case in [
            Case::new(Matmul::NT, [f([batch, input]), f([output, input])]),
            Case::new(Matmul::TN, [f([batch, output]), f([batch, input])]),
            Case::new(Matmul::NN, [f([batch, output]), f([output, input])]),
        ] {
            compared += sweep(&device, &case, &device.target(), &[Values::Unit]);
        }
    }
    common::report_comparisons("training_products", compared);
}

#[test]
fn grids_beyond_one_dimension_equal_their_twins() {
    let Some(device) = common::gpu() else { return };
    let mut compared = 0;
    for groups in [65_535usize, 65_536, 65_537] {
        // One element more than whole workgroups, and one less.
        for elements in [groups * 64 - 1, groups * 64] {
            let case = Case::new(Matmul::NN, [f([elements, 1]), f([1, 1])]);
            let inputs = draw_inputs(&case, Values::Unit, &mut common::stream(1));
            compared += Twin::new(&case, &inputs).compare(&device, &matmul::SPEC.variants[0]);
        }
    }
    // One tile of the workgroups' more than a dimension holds, and with it biases.
    for (name, tile) in [("split_k_16_ragged", 8), ("tiled_32_ragged", 32)] {
        let sides = 65_536 * tile + 1;
        for case in [
            Case::new(Matmul::TN, [f([1, sides]), f([1, 1])]),
            Case::new(
                Fused::update(SgdStep { momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 }, true),
                [f([2, sides]), f([2, 1]), f([sides, 1]), f([sides])],
            ),
        ] {
            let variant = case.op.spec().variants.iter().find(|v| v.name == name).expect("a variant");
            let inputs = draw_inputs(&case, Values::Unit, &mut common::stream(2));
            compared += Twin::new(&case, &inputs).compare(&device, variant);
        }
    }
    let rows = 65_536 * 64 + 1;
    for case in [
        Case::new(anygrad::ops::softmax_cross_entropy::SoftmaxCrossEntropy::PLAIN, [f([rows, 2]), words([rows])]),
        Case::new(anygrad::ops::correct_rows::CorrectRows, [f([rows, 2]), words([rows])]),
        Case::new(PointwiseLoss { form: Pointwise::SquaredError, mean: true }, [f([rows, 1]), f([rows, 1])]),
        Case::new(anygrad::ops::column_sum::ColumnSum::SUM, [f([1, rows])]),
        Case::new(anygrad::ops::gather::Gather::Labels { rows: rows - 3 }, [words([rows]), words([rows])]),
    ] {
        compared += sweep(&device, &case, &device.target(), &[Values::Unit]);
    }
    // One workgroup per row.
    let rows = 65_537;
    for case in [
        Case::new(anygrad::ops::softmax_cross_entropy::SoftmaxCrossEntropy::PLAIN, [f([rows, 32]), words([rows])]),
        Case::new(
            SoftmaxCrossEntropyGrad(anygrad::ops::softmax_cross_entropy::SoftmaxCrossEntropy::PLAIN),
            [f([rows, 32]), words([rows]), f([rows, 1])],
        ),
    ] {
        compared += sweep(&device, &case, &device.target(), &[Values::Unit]);
    }
    let elements = 65_536 * 256 + 1;
    for case in [
        Case::new(Activate(Activation::Relu), [f([elements])]),
        Case::new(anygrad::ops::elementwise::Elementwise::Add, [f([elements]), f([elements])]),
        Case::new(anygrad::ops::add_bias::AddBias, [f([1, elements]), f([elements])]),
        Case::new(anygrad::ops::shuffle::Shuffle { rows: elements, key: Some([1, 2]) }, [words([elements])]),
    ] {
        compared += sweep(&device, &case, &device.target(), &[Values::Unit]);
    }
    // Two elements per invocation: 65,537 groups.
    let case = Case::new(common::dropout(0.5), [f([65_536 * 512 - 255])]);
    compared += sweep(&device, &case, &device.target(), &[Values::Unit]);
    common::report_comparisons("grids", compared);
}

/// The first step, and one late in a long run: the ring of results has gone round, and rows come from the end of the order.
const OTHER_TIMES: [Clock; 2] = [
    Clock { step: 0, epoch: 1, batch_start: 0, slot: 0, first_row: 0, learning_rate: 0.1 },
    Clock { step: 70_001, epoch: 66_000, batch_start: 3, slot: 4_000_000_001, first_row: 11, learning_rate: 0.001 },
];

#[test]
fn kernels_equal_their_twins_at_any_time() {
    let Some(device) = common::gpu() else { return };
    let mut compared = 0;
    for case in common::cases(5, 12, 8).iter().filter(|case| case.op.spec().reads_clock() && is_of_one_activation(case))
    {
        for clock in OTHER_TIMES {
            let inputs = draw_inputs(case, Values::Unit, &mut common::stream(4));
            let twin = Twin::at(clock, case, &inputs);
            let variants = case.variants().expect("valid").into_iter();
            let mut variants = variants.filter(|variant| device.target().can_run(variant));
            compared += variants.next().map_or(0, |variant| twin.compare(&device, variant)) + twin.compare_cpu();
        }
    }
    common::report_comparisons("kernels_at_any_time", compared);
}

/// Rates whose threshold is the very word that an element drew, or the next: kept in the one case, dropped in the other.
#[test]
fn dropout_decides_at_the_threshold() {
    let Some(device) = common::gpu() else { return };
    let key = common::dropout(0.5).key;
    let mut compared = 0;
    for element in 0..8u32 {
        // Of one row of eight, behind those of other rows.
        let number = 8 * common::CLOCK.first_row + element;
        let drawn = anygrad::random::word(key, number, common::CLOCK.step) >> 8;
        for (threshold, kept) in [(drawn, true), (drawn + 1, false)] {
            let rate = threshold as f32 / 16_777_216.0;
            let dropout = anygrad::ops::dropout::Dropout::vanilla(rate, key).expect("a valid rate");
            let case = Case::new(dropout, [f([1, 8])]);
            let mut output = vec![0f32; 8];
            let params = anygrad::ops::dropout::Params {
                count: 8,
                columns: 8,
                threshold,
                key_low: key[0],
                key_high: key[1],
                scale: 1.0,
            };
            anygrad::ops::dropout::reference(&params, &common::CLOCK, &[1.0; 8], &mut output);
            assert_eq!(output[element as usize] == 1.0, kept, "the twin at element {element}");
            compared += Twin::new(&case, &[Data::Float(vec![1.0; 8])]).compare(&device, &case.op.spec().variants[0]);
        }
    }
    common::report_comparisons("dropout_threshold", compared);
}

#[test]
fn the_adapter_under_test_can_run_what_its_plans_choose() {
    let Some(device) = common::gpu() else { return };
    let target = device.target();
    for (rows, columns, inner) in AWKWARD {
        for case in common::cases(rows, columns, inner) {
            let (grid, constants) = (case.grid().expect("valid"), case.op.constants());
            let variant = choose(&target, case.op.spec(), &grid, &constants);
            let accepts = (variant.accepts)(&grid, &constants);
            assert!(target.can_run(variant) && accepts, "{:?}: {}", case.op, variant.name);
        }
    }
}
