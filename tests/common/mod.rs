//! What several test files share: the device under test, random values, one op as a plan, counts of comparisons.
#![allow(dead_code)]

pub mod bounds;
#[cfg(feature = "cli")]
pub mod program;

use anygrad::backend::gpu::{Adapter, GpuDevice, Granted, adapters};
use anygrad::graph::{DType, Graph, Role, Shape, ValueId};
use anygrad::kernel::{Access, Binding, Element, Variant};
use anygrad::ops::activation::{Activate, ActivateGrad, Activation};
use anygrad::ops::{Op, Operation};
use anygrad::ops::{
    adagrad::Adagrad, adam::Adam, add_bias::AddBias, begin_epoch::BeginEpoch, broadcast_rows::BroadcastRows,
    class_weights::ClassWeights, classification_step::ClassificationStep, clip::*, column_sum::ColumnSum,
    correct_rows::CorrectRows, divide::Divide, dropout::Dropout, elementwise::Elementwise, end_step::EndStep,
    gather::Gather, label_values::LabelValues, linear::Linear, linear_grad_input::LinearGradInput,
    linear_update::LinearUpdate, margin_loss::*, matmul::Matmul, penalty::*, pointwise_loss::*, record::Record,
    rmsprop::RmsProp, scale::Scale, set_learning_rate::SetLearningRate, sgd::Sgd, shuffle::Shuffle,
    softmax_cross_entropy::*,
};
use anygrad::plan::Plan;
use anygrad::random::{Purpose, Stream, stream_key};
use std::path::{Path, PathBuf};
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

/// Files a count of comparisons where the test script adds them up: in the folder `ANYGRAD_COMPARISONS`, else below
/// cargo's folder for tests, else, on a machine that has only the binary, below the system's temporary folder.
pub fn report_comparisons(test: &str, count: usize) {
    println!("{test}: {count} comparisons");
    assert!(count > 0, "{test} has compared nothing");
    let folders = [
        std::env::var_os("ANYGRAD_COMPARISONS").map(PathBuf::from),
        Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("comparisons")),
        Some(std::env::temp_dir().join("anygrad-comparisons")),
    ];
    let file = |folder: PathBuf| {
        let created = std::fs::create_dir_all(&folder);
        created.and_then(|()| std::fs::write(folder.join(test), format!("{count}\n"))).is_ok()
    };
    if !folders.into_iter().flatten().any(file) {
        println!("{test}: no folder for the count");
    }
}

/// What kind of numbers to fill a tensor with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Values {
    /// Uniform in [−1, 1).
    Unit,
    /// Signed magnitudes from 10⁻³ to 10³, log-uniform.
    Wide,
    /// Whole numbers from −4 to 4: products and short sums are exact.
    Whole,
    /// Zero.
    Zero,
}

impl Values {
    pub const ALL: [Values; 4] = [Values::Unit, Values::Wide, Values::Whole, Values::Zero];

    pub fn draw(self, stream: &mut Stream, count: usize) -> Vec<f32> {
        (0..count)
            .map(|_| {
                let u = stream.next_unit() * 2.0 - 1.0;
                match self {
                    Values::Unit => u,
                    Values::Wide => u.signum() * 10f32.powf(stream.next_unit() * 6.0 - 3.0),
                    Values::Whole => (u * 4.5).trunc(),
                    Values::Zero => 0.0,
                }
            })
            .collect()
    }
}

/// A stream of test values.
pub fn stream(id: u32) -> Stream {
    Stream::new(stream_key(0x7e57, Purpose::Synthetic, id))
}

/// One op with the shapes of its inputs.
#[derive(Clone, Debug)]
pub struct Case {
    pub op: Op,
    pub inputs: Vec<(Shape, DType)>,
}

impl Case {
    pub fn new<const N: usize>(op: impl Into<Op>, inputs: [(Shape, DType); N]) -> Case {
        Case { op: op.into(), inputs: inputs.to_vec() }
    }
}

pub fn f(shape: impl Into<Shape>) -> (Shape, DType) {
    (shape.into(), DType::F32)
}

pub fn words(shape: impl Into<Shape>) -> (Shape, DType) {
    (shape.into(), DType::U32)
}

/// Every op on tensors of about `rows × columns` (and `inner`, for products).
pub fn cases(rows: usize, columns: usize, inner: usize) -> Vec<Case> {
    let (b, c, k) = (rows, columns, inner);
    let mut cases = vec![
        Case::new(Matmul::NN, [f([b, k]), f([k, c])]),
        Case::new(Matmul::NT, [f([b, k]), f([c, k])]),
        Case::new(Matmul::TN, [f([k, b]), f([k, c])]),
        Case::new(AddBias, [f([b, c]), f([c])]),
        Case::new(ColumnSum::SUM, [f([b, c])]),
        Case::new(ColumnSum { scale: 1.0 / b as f32 }, [f([b, c])]),
        Case::new(BroadcastRows { rows: b, scale: 0.75 }, [f([c])]),
        Case::new(Elementwise::Add, [f([b, c]), f([b, c])]),
        Case::new(Elementwise::Multiply, [f([b, c]), f([b, c])]),
        Case::new(dropout(0.2), [f([b, c])]),
        Case::new(dropout(0.0), [f([b, c])]),
        Case::new(SoftmaxCrossEntropy::PLAIN, [f([b, c]), words([b])]),
        Case::new(SoftmaxCrossEntropy { label_smoothing: 0.1 }, [f([b, c]), words([b])]),
        Case::new(SoftmaxCrossEntropyGrad(SoftmaxCrossEntropy::PLAIN), [f([b, c]), words([b]), f([b, 1])]),
        Case::new(
            SoftmaxCrossEntropyGrad(SoftmaxCrossEntropy { label_smoothing: 0.3 }),
            [f([b, c]), words([b]), f([b, 1])],
        ),
        Case::new(MarginLoss { margin: 1.0 }, [f([b, c]), words([b])]),
        Case::new(MarginLoss { margin: 0.0 }, [f([b, c]), words([b])]),
        Case::new(MarginLossGrad(MarginLoss { margin: 1.0 }), [f([b, c]), words([b]), f([b, 1])]),
        Case::new(MarginLossGrad(MarginLoss { margin: 0.0 }), [f([b, c]), words([b]), f([b, 1])]),
        Case::new(LabelValues, [words([b])]),
        classification_step(b, c, 0.0),
        classification_step(b, c, 0.1),
        linear_update(0.0, false, b, c, k),
        linear_update(0.9, false, b, c, k),
        linear_update(0.9, true, b, c, k),
        Case::new(ClassWeights, [f([10]), words([b])]),
        Case::new(Divide, [f([b, c]), f([b, c])]),
        Case::new(ClipValue { limit: 0.25 }, [f([b, c])]),
        Case::new(ClipNorm { limit: 0.5 }, [f([b, c]), f([1])]),
        Case::new(SetLearningRate { per_step: true }, [words([5]), f([b + 2])]),
        Case::new(SetLearningRate { per_step: false }, [words([5]), f([b])]),
        Case::new(Penalty { l1: 0.25, l2: 0.5 }, [f([b, c])]),
        Case::new(PenaltyGrad(Penalty { l1: 0.25, l2: 0.5 }), [f([b, c]), f([1])]),
        Case::new(Scale { factor: 0.8 }, [f([b, c])]),
        Case::new(Record { column: 2 }, [f([1]), f([7, 3])]),
        Case::new(CorrectRows, [f([b, c]), words([b])]),
        Case::new(sgd(0.0, 0.0, false), [f([b, c]), f([b, c])]),
        Case::new(sgd(0.9, 0.0, false), [f([b, c]), f([b, c]), f([b, c])]),
        Case::new(sgd(0.9, 0.25, false), [f([b, c]), f([b, c]), f([b, c])]),
        Case::new(sgd(0.9, 0.0, true), [f([b, c]), f([b, c]), f([b, c])]),
        Case::new(adam(false), [f([b, c]), f([b, c]), f([b, c]), f([b, c])]),
        Case::new(adam(true), [f([b, c]), f([b, c]), f([b, c]), f([b, c])]),
        Case::new(rmsprop(0.0), [f([b, c]), f([b, c]), f([b, c])]),
        Case::new(rmsprop(0.9), [f([b, c]), f([b, c]), f([b, c]), f([b, c])]),
        Case::new(adagrad(), [f([b, c]), f([b, c]), f([b, c])]),
        Case::new(Gather::F32 { rows: b }, [f([b + 3, c]), words([b + 3])]),
        Case::new(Gather::U8 { rows: b, scale: 1.0 / 255.0 }, [(Shape::from([b + 3, c]), DType::U8), words([b + 3])]),
        Case::new(Gather::Labels { rows: b }, [words([b + 3]), words([b + 3])]),
        Case::new(Shuffle { rows: b * c, key: Some([3, 4]) }, [words([b * c + 1])]),
        Case::new(Shuffle { rows: b, key: None }, [words([b])]),
        Case::new(EndStep { rows: b, training: true }, [words([5]), f([1]), f([1]), f([7, 2])]),
        Case::new(EndStep { rows: b, training: false }, [words([5]), f([1]), f([1]), f([7, 2])]),
        Case::new(BeginEpoch { training: true }, [words([5])]),
        Case::new(BeginEpoch { training: false }, [words([5])]),
    ];
    for form in Pointwise::ALL {
        for mean in [true, false] {
            let loss = PointwiseLoss { form, mean };
            cases.push(Case::new(loss, [f([b, c]), f([b, c])]));
            cases.push(Case::new(PointwiseLossGrad(loss), [f([b, c]), f([b, c]), f([b, 1])]));
        }
    }
    for &activation in Activation::ALL {
        cases.push(Case::new(Linear { activation }, [f([b, k]), f([c, k]), f([c])]));
        cases.push(Case::new(LinearGradInput { activation }, [f([b, k]), f([k, c]), f([b, c])]));
        cases.push(Case::new(Activate(activation), [f([b, c])]));
        cases.push(Case::new(ActivateGrad(activation), [f([b, c]), f([b, c])]));
    }
    cases
}

fn classification_step(b: usize, c: usize, label_smoothing: f32) -> Case {
    let op = ClassificationStep { loss: SoftmaxCrossEntropy { label_smoothing }, scale: 1.0 / b as f32 };
    Case::new(op, [words([5]), f([b, c]), words([b + 3]), words([b + 3]), f([7, 4])])
}

/// O = c outputs, I = k inputs, B = b rows.
fn linear_update(momentum: f32, nesterov: bool, b: usize, c: usize, k: usize) -> Case {
    let op = LinearUpdate { sgd: sgd(momentum, 0.0, nesterov) };
    let mut case = Case::new(op, [f([c, k]), f([c]), f([b, c]), f([b, k])]);
    if momentum != 0.0 {
        case.inputs.extend([f([c, k]), f([c])]);
    }
    case
}

pub fn dropout(rate: f32) -> Dropout {
    Dropout::inverted(rate, stream_key(9, Purpose::Dropout, 1)).expect("a valid rate")
}

fn sgd(momentum: f32, dampening: f32, nesterov: bool) -> Sgd {
    Sgd { momentum, dampening, nesterov, weight_decay: 0.01 }
}

fn adam(decoupled: bool) -> Adam {
    Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01, decoupled }
}

fn rmsprop(momentum: f32) -> RmsProp {
    RmsProp { alpha: 0.99, epsilon: 1e-8, momentum, weight_decay: 0.01 }
}

fn adagrad() -> Adagrad {
    Adagrad { rate_decay: 0.1, epsilon: 1e-10, weight_decay: 0.01 }
}

/// A plan of one op with the given variant: inputs and outputs are kept, so that both can be read back.
pub struct OpPlan {
    pub plan: Plan,
    pub inputs: Vec<ValueId>,
    pub outputs: Vec<ValueId>,
    pub step_state: Option<ValueId>,
}

impl OpPlan {
    pub fn new(case: &Case, variant: &'static Variant) -> OpPlan {
        let mut graph = Graph::new();
        let takes_state = case.op.spec().bindings.contains(&Binding::STEP_MUT);
        let declare = |(i, (shape, dtype)): (usize, &(Shape, DType))| {
            if i == 0 && takes_state {
                return graph.step_state();
            }
            graph.declare(format!("input {i}"), shape, *dtype, Role::State)
        };
        let inputs: Vec<ValueId> = case.inputs.iter().enumerate().map(declare).collect();
        let outputs = graph.apply_all(case.op.clone(), &inputs).expect("the case is valid");
        outputs.iter().for_each(|&id| graph.set_role(id, Role::Output));
        let step_state = graph.declared_step_state();
        let plan = Plan::with_variants(graph, |_, _, _| variant).expect("the plan is valid");
        OpPlan { plan, inputs, outputs, step_state }
    }

    /// Which of the inputs the op changes in place.
    pub fn changed_inputs(&self) -> Vec<ValueId> {
        let dispatch = &self.plan.phases()[0].dispatches[0];
        let written = dispatch.buffers.iter().filter(|b| b.access == Access::Write).map(|b| b.value);
        written.filter(|id| self.inputs.contains(id)).collect()
    }
}

/// Contents of one tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    Float(Vec<f32>),
    Word(Vec<u32>),
}

/// Inputs that suit the case: labels below the number of classes, row numbers below the number of rows.
pub fn draw_inputs(case: &Case, values: Values, stream: &mut Stream) -> Vec<Data> {
    let bindings: Vec<&Binding> = case.op.spec().bindings.iter().filter(|b| b.access != Access::Uniform).collect();
    let rows = case.inputs[0].0.dims()[0];
    let logits = if matches!(case.op, Op::ClassificationStep(_)) { 1 } else { 0 };
    let classes = case.inputs[logits].0.dims().get(1).copied().unwrap_or(10);
    let below = |stream: &mut Stream, n: usize| (stream.next_unit() * n as f32) as u32;
    case.inputs
        .iter()
        .zip(bindings)
        .map(|((shape, dtype), binding)| match (dtype, binding.element, binding.name) {
            // Sums of squares are not negative; away from 0, so that a quotient by their root has a bounded error.
            (DType::F32, _, "second" | "squares" | "divisor") => {
                Data::Float(values.draw(stream, shape.elements()).iter().map(|x| x.abs() + 0.01).collect())
            }
            (DType::F32, _, _) => Data::Float(values.draw(stream, shape.elements())),
            (_, Element::StepState, _) => Data::Word(step_state().to_vec()),
            (DType::U8, _, _) => {
                Data::Word((0..DType::U8.words(shape.elements())).map(|_| below(stream, 1 << 24) * 251).collect())
            }
            (_, _, "order") if logits == 1 => {
                Data::Word((0..shape.elements()).map(|_| below(stream, shape.elements())).collect())
            }
            (_, _, "order") => Data::Word((0..shape.elements()).map(|_| below(stream, rows)).collect()),
            _ => Data::Word((0..shape.elements()).map(|_| below(stream, classes)).collect()),
        })
        .collect()
}

/// The run's state in single-op tests: in mid-run, third row of the epoch.
pub fn step_state() -> [u32; 5] {
    let state = anygrad::kernel::StepState { step: 3, epoch: 2, batch_start: 2, slot: 9, learning_rate: 0.05 };
    state.words()
}
