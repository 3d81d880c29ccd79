//! Every kernel and every variant on the GPU against its CPU twin in f64, on awkward shapes, within the bounds of
//! `src/tune/bounds.rs`.

mod common;

use anygrad::backend::cpu::CpuExecutor;
use anygrad::backend::gpu::{GpuDevice, GpuExecutor, Granted};
use anygrad::graph::{DType, Shape, ValueId};
use anygrad::kernel::{Target, Variant};
use anygrad::ops::activation::{Activate, Activation};
use anygrad::ops::linear_update::LinearUpdate;
use anygrad::ops::pointwise_loss::{Pointwise, PointwiseLoss};
use anygrad::ops::sgd::Sgd;
use anygrad::ops::softmax_cross_entropy::SoftmaxCrossEntropyGrad;
use anygrad::ops::{KERNELS, Op, Operation, matmul, matmul::Matmul};
use anygrad::plan::{PhaseId, storage_buffers};
use anygrad::tune::bounds::Bounds;
use common::{Case, Data, OpPlan, Values, draw_inputs, f, words};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Runs the case on both sides and compares every output, every changed input, and that the rest is untouched.
/// Returns the number of tensors compared.
fn compare(device: &Arc<GpuDevice>, case: &Case, variant: &'static Variant, inputs: &[Data]) -> usize {
    let name = format!("{:?} {} on {:?}", case.op, variant.name, case.inputs.iter().map(|i| &i.0).collect::<Vec<_>>());
    let built = OpPlan::new(case, variant).expect("a plan");
    let mut gpu = pollster::block_on(GpuExecutor::load(device.clone(), built.plan.clone()))
        .unwrap_or_else(|e| panic!("{name}: {e}"));
    for (id, words) in built.contents(inputs) {
        gpu.write_words(id, &words).expect("contents");
    }
    gpu.submit(&[(PhaseId::FIRST, common::CLOCK)]).expect("submit");
    hold_to_twin(&name, case, &built, inputs, |id| {
        pollster::block_on(async {
            let read = gpu.start_read(id).await.expect("read");
            gpu.finish_read(read).await.expect("read")
        })
    })
}

/// The same for the CPU backend's form of the kernel in f32.
fn compare_cpu(case: &Case, inputs: &[Data]) -> usize {
    let name = format!("{:?} on the CPU on {:?}", case.op, case.inputs.iter().map(|i| &i.0).collect::<Vec<_>>());
    let built = OpPlan::new(case, &case.op.spec().variants[0]).expect("a plan");
    let is_float = |id| built.plan.value(id).dtype == DType::F32;
    let mut cpu = CpuExecutor::<f32>::new(built.plan.clone()).expect("memory");
    for (id, words) in built.contents(inputs) {
        if is_float(id) {
            cpu.write(id, bytemuck::cast_slice(&words)).expect("contents");
        } else {
            cpu.write_words(id, &words).expect("contents");
        }
    }
    cpu.run(PhaseId::FIRST, &common::CLOCK);
    hold_to_twin(&name, case, &built, inputs, |id| {
        if is_float(id) {
            bytemuck::cast_vec(cpu.read(id).expect("floats"))
        } else {
            cpu.read_words(id).expect("words")
        }
    })
}

/// Compares what was read from a device with the twin in f64.
fn hold_to_twin(
    name: &str,
    case: &Case,
    built: &OpPlan,
    inputs: &[Data],
    mut read: impl FnMut(ValueId) -> Vec<u32>,
) -> usize {
    let mut twin = CpuExecutor::<f64>::new(built.plan.clone()).expect("memory").reference();
    for (&id, data) in built.inputs.iter().zip(inputs) {
        match data {
            Data::Float(data) => {
                twin.write(id, &data.iter().map(|&x| f64::from(x)).collect::<Vec<_>>()).expect("input");
            }
            Data::Word(data) => twin.write_words(id, data).expect("input"),
        }
    }
    twin.run(PhaseId::FIRST, &common::CLOCK);

    let bounds = Bounds::exact(case, inputs, &common::CLOCK);
    let changed = built.changed_inputs();
    let mut compared = 0;
    let mut all: Vec<ValueId> = built.inputs.iter().chain(&built.outputs).copied().collect();
    all.dedup();
    for id in all {
        let got = read(id);
        let value = built.plan.value(id);
        if value.dtype != DType::F32 {
            assert_eq!(got, twin.read_words(id).expect("words"), "{name}: `{}`", value.name);
        } else {
            let got: Vec<f32> = bytemuck::cast_vec(got);
            let expected = twin.read(id).expect("floats");
            let is_result = built.outputs.contains(&id) || changed.contains(&id);
            let tensor = built.inputs.iter().chain(&built.outputs).position(|&other| other == id).expect("an operand");
            for i in 0..got.len() {
                let bound = if is_result { bounds.of(tensor, i, expected[i]) } else { 0.0 };
                let error = (f64::from(got[i]) - expected[i]).abs();
                // Written so that NaN fails.
                assert!(
                    error <= bound || (!is_result && got[i].to_bits() == (expected[i] as f32).to_bits()),
                    "{name}: `{}`[{i}] is {}, expected {} within {bound:e}",
                    value.name,
                    got[i],
                    expected[i]
                );
            }
        }
        compared += 1;
    }
    compared
}

/// Compares one case under every variant that accepts it and every class of values.
fn sweep(device: &Arc<GpuDevice>, case: &Case, target: &Target, classes: &[Values]) -> usize {
    let mut compared = 0;
    for (number, &values) in classes.iter().enumerate() {
        let inputs = draw_inputs(case, values, &mut common::stream(number as u32));
        let shapes: Vec<Shape> = case.inputs.iter().map(|i| i.0.clone()).collect();
        for variant in case.op.spec().variants {
            if !target.can_run(variant) || !accepts(case, &shapes, variant) {
                continue;
            }
            compared += compare(device, case, variant, &inputs);
        }
    }
    compared
}

fn accepts(case: &Case, shapes: &[Shape], variant: &Variant) -> bool {
    let (params, constants) = params(case, shapes);
    (variant.accepts)(&params, &constants)
}

/// `Params` and constants of the case's dispatch.
fn params(case: &Case, shapes: &[Shape]) -> (Vec<u8>, Vec<(&'static str, u32)>) {
    let kinds: Vec<DType> = case.inputs.iter().map(|i| i.1).collect();
    let values: Vec<_> = shapes
        .iter()
        .zip(kinds)
        .map(|(shape, dtype)| anygrad::graph::Value {
            name: String::new(),
            shape: shape.clone(),
            dtype,
            role: anygrad::graph::Role::Input,
        })
        .collect();
    let outputs = case.op.infer(&values.iter().collect::<Vec<_>>()).expect("valid");
    let all: Vec<&Shape> = shapes.iter().chain(outputs.iter().map(|o| &o.0)).collect();
    (case.op.params(&all).expect("valid"), case.op.constants())
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

/// A case of each fused kernel with a product.
fn fused_products(rows: usize, columns: usize, inner: usize) -> Vec<Case> {
    let is_product = |case: &Case| match &case.op {
        Op::Linear(op) => op.activation == Activation::Tanh,
        Op::LinearGradInput(op) => op.activation == Activation::Tanh,
        op => matches!(op, Op::LinearUpdate(_) | Op::Gathered(_)),
    };
    common::cases(rows, columns, inner).into_iter().filter(is_product).collect()
}

fn products(rows: usize, columns: usize, inner: usize) -> [Case; 3] {
    [
        Case::new(Matmul::NN, [f([rows, inner]), f([inner, columns])]),
        Case::new(Matmul::NT, [f([rows, inner]), f([columns, inner])]),
        Case::new(Matmul::TN, [f([inner, rows]), f([inner, columns])]),
    ]
}

#[test]
fn kernels_equal_their_twins() {
    let Some(device) = common::gpu() else { return };
    let mut compared = 0;
    let mut seen = BTreeSet::new();
    let mut run = |case: &Case, classes: &[Values]| {
        let shapes: Vec<Shape> = case.inputs.iter().map(|i| i.0.clone()).collect();
        for variant in case.op.spec().variants.iter().filter(|v| accepts(case, &shapes, v)) {
            seen.insert((case.op.name(), variant.name));
        }
        compared += sweep(&device, case, &device.target(), classes);
    };
    for (rows, columns, inner) in AWKWARD {
        for case in common::cases(rows, columns, inner) {
            run(&case, &Values::ALL);
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
        for case in fused_products(rows, columns, inner) {
            run(&case, &[Values::Unit]);
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
    common::report_comparisons("kernels", compared);
    let all: BTreeSet<_> = KERNELS.iter().flat_map(|k| k.variants.iter().map(|v| (k.name, v.name))).collect();
    assert_eq!(seen, all, "variants that no case reaches");
}

#[test]
fn the_forms_of_the_cpu_backend_equal_their_twins() {
    let mut compared = 0;
    for (rows, columns, inner) in AWKWARD {
        for case in common::cases(rows, columns, inner) {
            for (number, &values) in Values::ALL.iter().enumerate() {
                compared += compare_cpu(&case, &draw_inputs(&case, values, &mut common::stream(number as u32)));
            }
        }
    }
    // Large enough to be shared among threads.
    for case in common::cases(261, 517, 131) {
        compared += compare_cpu(&case, &draw_inputs(&case, Values::Unit, &mut common::stream(9)));
    }
    common::report_comparisons("kernels_cpu", compared);
}

#[test]
fn kernels_equal_their_twins_under_downlevel_limits() {
    let Some(device) = common::gpu_with(Granted::Downlevel) else { return };
    let mut compared = 0;
    for (rows, columns, inner) in [(1, 1, 1), (33, 31, 17), (64, 68, 20)] {
        for case in common::cases(rows, columns, inner) {
            if storage_buffers(case.op.spec()) <= device.target().storage_buffers {
                compared += sweep(&device, &case, &device.target(), &[Values::Unit]);
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
            let shapes: Vec<Shape> = case.inputs.iter().map(|i| i.0.clone()).collect();
            let variants = case.op.spec().variants.iter();
            for variant in variants.filter(|v| device.target().can_run(v) && accepts(&case, &shapes, v)) {
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
            compared += compare(&device, &case, &matmul::SPEC.variants[0], &inputs);
        }
    }
    // One tile of the workgroups' more than a dimension holds, and with it biases.
    for (name, tile) in [("split_k_16_ragged", 8), ("tiled_32_ragged", 32)] {
        let sides = 65_536 * tile + 1;
        for case in [
            Case::new(Matmul::TN, [f([1, sides]), f([1, 1])]),
            Case::new(
                LinearUpdate { sgd: Sgd { momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 } },
                [f([sides, 1]), f([sides]), f([2, sides]), f([2, 1])],
            ),
        ] {
            let variant = case.op.spec().variants.iter().find(|v| v.name == name).expect("a variant");
            let inputs = draw_inputs(&case, Values::Unit, &mut common::stream(2));
            compared += compare(&device, &case, variant, &inputs);
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
                n: 8,
                threshold,
                key_low: key[0],
                key_high: key[1],
                scale: 1.0,
            };
            anygrad::ops::dropout::reference(&params, &common::CLOCK, &[1.0; 8], &mut output);
            assert_eq!(output[element as usize] == 1.0, kept, "the twin at element {element}");
            compared += compare(&device, &case, &case.op.spec().variants[0], &[Data::Float(vec![1.0; 8])]);
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
            let shapes: Vec<Shape> = case.inputs.iter().map(|i| i.0.clone()).collect();
            let (params, constants) = params(&case, &shapes);
            let variant = target.choose(case.op.spec(), &params, &constants);
            assert!(target.can_run(variant) && accepts(&case, &shapes, variant), "{:?}: {}", case.op, variant.name);
        }
    }
}
