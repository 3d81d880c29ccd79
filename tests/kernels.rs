//! Every kernel and every variant on the GPU against its CPU twin in f64, on awkward shapes, within the bounds of
//! `common/bounds.rs`.

mod common;

use anygrad::backend::cpu::CpuExecutor;
use anygrad::backend::gpu::{GpuDevice, GpuExecutor, Granted};
use anygrad::graph::{DType, Shape, ValueId};
use anygrad::kernel::{Target, Variant};
use anygrad::ops::activation::{Activate, Activation};
use anygrad::ops::pointwise_loss::{Pointwise, PointwiseLoss};
use anygrad::ops::softmax_cross_entropy::SoftmaxCrossEntropyGrad;
use anygrad::ops::{KERNELS, Operation, matmul, matmul::Matmul};
use anygrad::plan::{PhaseId, storage_buffers};
use common::bounds::bound;
use common::{Case, Data, OpPlan, Values, draw_inputs, f, words};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Runs the case on both sides and compares every output, every changed input, and that the rest is untouched.
/// Returns the number of tensors compared.
fn compare(device: &Arc<GpuDevice>, case: &Case, variant: &'static Variant, inputs: &[Data]) -> usize {
    let name = format!("{:?} {} on {:?}", case.op, variant.name, case.inputs.iter().map(|i| &i.0).collect::<Vec<_>>());
    let built = OpPlan::new(case, variant);
    let mut cpu = CpuExecutor::<f64>::new(built.plan.clone()).expect("memory").reference();
    let mut gpu = pollster::block_on(GpuExecutor::load(device.clone(), built.plan.clone()))
        .unwrap_or_else(|e| panic!("{name}: {e}"));
    for (&id, data) in built.inputs.iter().zip(inputs) {
        match data {
            Data::Float(data) => {
                cpu.write(id, &data.iter().map(|&x| f64::from(x)).collect::<Vec<_>>()).expect("input");
                gpu.write_words(id, bytemuck::cast_slice(data)).expect("input");
            }
            Data::Word(data) => {
                cpu.write_words(id, data).expect("input");
                gpu.write_words(id, data).expect("input");
            }
        }
    }
    if let Some(state) = built.step_state {
        cpu.write_words(state, &common::step_state()).expect("state");
        gpu.write_words(state, &common::step_state()).expect("state");
    }
    // An element that the kernel forgets keeps this value.
    for &id in &built.outputs {
        let poison = vec![0x4479_C000u32; built.plan.place(id).expect("placed").words];
        gpu.write_words(id, &poison).expect("output");
    }
    cpu.run(PhaseId::FIRST, 1);
    gpu.submit(&[(PhaseId::FIRST, 1)]).expect("submit");

    let read = |gpu: &mut GpuExecutor, id: ValueId| {
        pollster::block_on(async {
            let read = gpu.start_read(id).await.expect("read");
            gpu.finish_read(read).await.expect("read")
        })
    };
    let changed = built.changed_inputs();
    let mut compared = 0;
    let mut all: Vec<ValueId> = built.inputs.iter().chain(&built.outputs).copied().collect();
    all.dedup();
    for id in all {
        let got = read(&mut gpu, id);
        let value = built.plan.value(id);
        if value.dtype != DType::F32 {
            assert_eq!(got, cpu.read_words(id).expect("words"), "{name}: `{}`", value.name);
        } else {
            let got: Vec<f32> = bytemuck::cast_vec(got);
            let expected = cpu.read(id).expect("floats");
            let is_result = built.outputs.contains(&id) || changed.contains(&id);
            let tensor = built.inputs.iter().chain(&built.outputs).position(|&other| other == id).expect("an operand");
            for i in 0..got.len() {
                let bound = if is_result { bound(case, inputs, tensor, i, expected[i]) } else { 0.0 };
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
    let kinds: Vec<DType> = case.inputs.iter().map(|i| i.1).collect();
    let values: Vec<_> = shapes
        .iter()
        .zip(kinds)
        .map(|(shape, dtype)| anygrad::graph::Value {
            name: String::new(),
            shape: shape.clone(),
            dtype,
            role: anygrad::graph::Role::State,
        })
        .collect();
    let outputs = case.op.infer(&values.iter().collect::<Vec<_>>()).expect("valid");
    let all: Vec<&Shape> = shapes.iter().chain(outputs.iter().map(|o| &o.0)).collect();
    (variant.accepts)(&case.op.params(&all).expect("valid"), &case.op.constants())
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
        let drawn = anygrad::random::word(key, element, 3) >> 8;
        for (threshold, kept) in [(drawn, true), (drawn + 1, false)] {
            let rate = threshold as f32 / 16_777_216.0;
            let dropout = anygrad::ops::dropout::Dropout::vanilla(rate, key).expect("a valid rate");
            let case = Case::new(dropout, [f([8])]);
            let mut output = vec![0f32; 8];
            let params =
                anygrad::ops::dropout::Params { count: 8, threshold, key_low: key[0], key_high: key[1], scale: 1.0 };
            anygrad::ops::dropout::reference(&params, 3, &[1.0; 8], &mut output);
            assert_eq!(output[element as usize] == 1.0, kept, "the twin at element {element}");
            compared += compare(&device, &case, &case.op.spec().variants[0], &[Data::Float(vec![1.0; 8])]);
        }
    }
    common::report_comparisons("dropout_threshold", compared);
}

#[test]
fn the_chosen_variants_suit_the_adapter() {
    let Some(device) = common::gpu() else { return };
    let target = device.target();
    let case = Case::new(Matmul::NT, [f([64, 784]), f([128, 784])]);
    let mut graph = anygrad::graph::Graph::new();
    let role = anygrad::graph::Role::State;
    let a = graph.declare("a", &case.inputs[0].0, DType::F32, role);
    let b = graph.declare("b", &case.inputs[1].0, DType::F32, role);
    graph.apply(Matmul::NT, &[a, b]).expect("valid");
    let plan = anygrad::plan::Plan::new(graph, &target).expect("a plan");
    let expected = if target.software { "registers" } else { "tiled_32" };
    assert_eq!(plan.phases()[0].dispatches[0].variant.name, expected);
}
