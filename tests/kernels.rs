//! Every kernel and every variant on the GPU against its CPU twin in f64, on awkward shapes, within derived bounds.
//!
//! Bounds: WGSL promises no rounding mode, so a conforming unit roundoff is 2⁻²³; exp is good to 3 + 2|x| ULP, log to
//! 2⁻²¹ absolute near 1, division to 2.5 ULP. Sums of K terms: |error| ≤ γ_K Σ|terms|, γ_K = K·u/(1 − K·u).

mod common;

use anygrad::backend::cpu::CpuExecutor;
use anygrad::backend::gpu::{GpuDevice, GpuExecutor, Granted};
use anygrad::graph::{DType, Shape, ValueId};
use anygrad::kernel::{Target, Variant};
use anygrad::ops::activation::{Activate, ActivateGrad, Activation};
use anygrad::ops::pointwise_loss::{Pointwise, PointwiseLoss};
use anygrad::ops::softmax_cross_entropy::SoftmaxCrossEntropyGrad;
use anygrad::ops::{KERNELS, Op, Operation, matmul, matmul::Matmul};
use anygrad::plan::PhaseId;
use common::{Case, Data, OpPlan, Values, draw_inputs, f, words};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Unit roundoff without a promised rounding mode.
const U: f64 = 1.0 / (1u32 << 23) as f64;
/// Smallest normal f32: results may be flushed to zero below it.
const TINY: f64 = f32::MIN_POSITIVE as f64;

fn gamma(terms: usize) -> f64 {
    let ku = terms as f64 * U;
    ku / (1.0 - ku)
}

/// Runs the case on both sides and compares every output, every changed input, and that the rest is untouched.
/// Returns the number of tensors compared.
fn compare(device: &Arc<GpuDevice>, case: &Case, variant: &'static Variant, inputs: &[Data]) -> usize {
    let name = format!("{:?} {} on {:?}", case.op, variant.name, case.inputs.iter().map(|i| &i.0).collect::<Vec<_>>());
    let built = OpPlan::new(case, variant);
    let mut gpu = pollster::block_on(GpuExecutor::load(device.clone(), built.plan.clone()))
        .unwrap_or_else(|e| panic!("{name}: {e}"));
    for (id, words) in contents(&built, inputs) {
        gpu.write_words(id, &words).expect("contents");
    }
    gpu.submit(&[(PhaseId::FIRST, 1)]).expect("submit");
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
    let built = OpPlan::new(case, &case.op.spec().variants[0]);
    let is_float = |id| built.plan.value(id).dtype == DType::F32;
    let mut cpu = CpuExecutor::<f32>::new(built.plan.clone()).expect("memory");
    for (id, words) in contents(&built, inputs) {
        if is_float(id) {
            cpu.write(id, bytemuck::cast_slice(&words)).expect("contents");
        } else {
            cpu.write_words(id, &words).expect("contents");
        }
    }
    cpu.run(PhaseId::FIRST, 1);
    hold_to_twin(&name, case, &built, inputs, |id| {
        if is_float(id) {
            bytemuck::cast_vec(cpu.read(id).expect("floats"))
        } else {
            cpu.read_words(id).expect("words")
        }
    })
}

/// What the buffers hold before the run: the inputs, the run's state, and outputs that an element which the kernel
/// forgets would show.
fn contents(built: &OpPlan, inputs: &[Data]) -> Vec<(ValueId, Vec<u32>)> {
    let words = |data: &Data| match data {
        Data::Float(data) => bytemuck::cast_slice(data).to_vec(),
        Data::Word(data) => data.clone(),
    };
    let mut contents: Vec<_> = built.inputs.iter().copied().zip(inputs.iter().map(words)).collect();
    contents.extend(built.step_state.map(|state| (state, common::step_state().to_vec())));
    let poison = |id| vec![0x4479_C000u32; built.plan.place(id).expect("placed").words];
    contents.extend(built.outputs.iter().map(|&id| (id, poison(id))));
    contents
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
    if let Some(state) = built.step_state {
        twin.write_words(state, &common::step_state()).expect("state");
    }
    twin.run(PhaseId::FIRST, 1);

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
            for i in 0..got.len() {
                let bound = if is_result { bound(case, inputs, i, expected[i]) } else { 0.0 };
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

fn float(inputs: &[Data], i: usize) -> &[f32] {
    match &inputs[i] {
        Data::Float(data) => data,
        Data::Word(_) => panic!("input {i} holds words"),
    }
}

/// How far element `i` of the result may be from `expected`, the twin's value in f64.
fn bound(case: &Case, inputs: &[Data], i: usize, expected: f64) -> f64 {
    let columns = case.inputs[0].0.dims().get(1).copied().unwrap_or(1);
    let magnitude = |input: usize, at: usize| f64::from(float(inputs, input)[at].abs());
    let relative = |ulps: f64| ulps * U * expected.abs() + TINY;
    match &case.op {
        Op::Matmul(form) => matmul_bound(*form, case, inputs, i),
        Op::ColumnSum(op) => {
            let rows = case.inputs[0].0.dims()[0];
            let sum: f64 = (0..rows).map(|r| magnitude(0, r * columns + i)).sum();
            gamma(rows + 1) * sum * f64::from(op.scale) + TINY
        }
        Op::AddBias(_) | Op::Scale(_) | Op::BroadcastRows(_) | Op::Elementwise(_) | Op::Dropout(_) | Op::Gather(_) => {
            relative(1.0)
        }
        Op::Activate(Activate(activation)) => {
            // A factor of x may be flushed to zero before it is multiplied.
            let x = f64::from(float(inputs, 0)[i]);
            U * activation.rounding_bound(x, expected) + TINY * (1.0 + x.abs())
        }
        Op::ActivateGrad(ActivateGrad(activation)) => {
            let saved = f64::from(float(inputs, 0)[i]);
            magnitude(1, i) * U * activation.derivative_rounding_bound(saved) + relative(4.0)
        }
        Op::SoftmaxCrossEntropy(op) => {
            let z = &float(inputs, 0)[i * columns..][..columns];
            // |z_label − m| is at most the spread of the row.
            let spread = spread(z);
            // Σ q_c (z_c − m), whose terms add up to at most the spread.
            let smoothed = if op.label_smoothing > 0.0 { gamma(columns + 2) * spread } else { 0.0 };
            let largest_log = (columns as f64).ln();
            2.0 * 2f64.powi(-21) + U * (6.0 * largest_log + 2.0 * columns as f64 + 8.0) + 2.0 * U * spread + smoothed
        }
        Op::SoftmaxCrossEntropyGrad(_) => {
            let (row, g) = (i / columns, magnitude(2, i / columns));
            let z = &float(inputs, 0)[row * columns..][..columns];
            let largest = z.iter().fold(f32::MIN, |a, &b| a.max(b));
            let distance = f64::from(largest - z[i % columns]);
            let softmax = (-distance).exp();
            g * U * (softmax * (2.0 * distance + 2.0 * columns as f64 + 16.0) + 4.0) + TINY
        }
        Op::PointwiseLoss(op) => {
            let scale = if op.mean { 1.0 / columns as f64 } else { 1.0 };
            let terms: f64 = (0..columns)
                .map(|o| (magnitude(0, i * columns + o), magnitude(1, i * columns + o)))
                .map(|(p, y)| match op.form {
                    // max(p, 0), p·y and a logarithm, which may cancel.
                    Pointwise::BinaryCrossEntropy => 4.0 * p + p * y + 24.0,
                    Pointwise::SquaredError | Pointwise::HalfSquaredError => 2.0 * (p + y) * (p + y),
                    Pointwise::AbsoluteError | Pointwise::Huber { .. } => 3.0 * (p + y),
                })
                .sum();
            scale * terms * (U + gamma(columns)) + TINY
        }
        Op::PointwiseLossGrad(op) => {
            let (g, scale) = (magnitude(2, i / columns), if op.0.mean { 1.0 / columns as f64 } else { 1.0 });
            let (p, y) = (magnitude(0, i), magnitude(1, i));
            let error = match op.0.form {
                Pointwise::BinaryCrossEntropy => 16.0 + y,
                _ => 6.0 * (p + y),
            };
            g * scale * error * U + relative(4.0)
        }
        Op::MarginLoss(_) => {
            let z = &float(inputs, 0)[i * columns..][..columns];
            columns as f64 * 2.0 * U * (spread(z) + 1.0) + gamma(columns) * expected.abs() + TINY
        }
        Op::MarginLossGrad(_) => relative(1.0),
        Op::Sgd(op) => {
            let velocity = if op.momentum == 0.0 { 0.0 } else { magnitude(2, i) };
            let size = magnitude(0, i) + magnitude(1, i) + velocity;
            8.0 * U * size + TINY
        }
        // Each result is a sum of products of the operands with factors below 1, and of a step whose relative error is
        // a few roundings.
        Op::Adam(_) | Op::RmsProp(_) | Op::Adagrad(_) => {
            let size: f64 = (0..case.inputs.len()).map(|input| magnitude(input, i)).sum();
            let g = magnitude(1, i) + 0.01 * magnitude(0, i);
            32.0 * U * (size + g * g + expected.abs()) + TINY
        }
        Op::Penalty(_) => gamma(float(inputs, 0).len() + 4) * expected.abs() + TINY,
        Op::PenaltyGrad(op) => {
            let size = 2.0 * f64::from(op.0.l2) * magnitude(0, i) + f64::from(op.0.l1);
            4.0 * U * magnitude(1, 0) * size + TINY
        }
        Op::Divide(_) => relative(2.5),
        // The root is good to about 5 ULP, then a sum, a quotient and a product.
        Op::ClipNorm(_) => relative(12.0),
        Op::CorrectRows(_)
        | Op::ClassWeights(_)
        | Op::ClipValue(_)
        | Op::SetLearningRate(_)
        | Op::Record(_)
        | Op::LabelValues(_)
        | Op::BeginEpoch(_)
        | Op::Shuffle(_)
        | Op::EndStep(_) => 0.0,
    }
}

fn spread(z: &[f32]) -> f64 {
    let largest = z.iter().fold(f32::MIN, |a, &b| a.max(b));
    let smallest = z.iter().fold(f32::MAX, |a, &b| a.min(b));
    f64::from(largest) - f64::from(smallest)
}

/// γ_K (|A||B|) + K·2⁻¹²⁶
fn matmul_bound(form: Matmul, case: &Case, inputs: &[Data], i: usize) -> f64 {
    let (a, b) = (case.inputs[0].0.dims(), case.inputs[1].0.dims());
    let (m, k) = if form == Matmul::TN { (a[1], a[0]) } else { (a[0], a[1]) };
    let n = if form == Matmul::NT { b[0] } else { b[1] };
    let (row, column) = (i / n, i % n);
    let sum: f64 = (0..k)
        .map(|l| {
            let a = float(inputs, 0)[if form == Matmul::TN { l * m + row } else { row * k + l }];
            let b = float(inputs, 1)[if form == Matmul::NT { column * k + l } else { l * n + column }];
            f64::from(a.abs()) * f64::from(b.abs())
        })
        .sum();
    gamma(k) * sum + k as f64 * TINY
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
            compared += sweep(&device, &case, &device.target(), &[Values::Unit]);
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
