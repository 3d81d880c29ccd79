//! What several test files share: the device under test, random values, one op as a plan, counts of comparisons.
#![allow(dead_code)]

#[cfg(feature = "cli")]
pub mod program;

use anygrad::backend::gpu::{Adapter, GpuDevice, Granted, adapters};
use anygrad::graph::{DType, Shape};
use anygrad::kernel::Clock;
use anygrad::ops::activation::{Activate, ActivateGrad, Activation};
use anygrad::ops::{
    adagrad::Adagrad,
    adam::Adam,
    add_bias::AddBias,
    broadcast_rows::BroadcastRows,
    class_weights::ClassWeights,
    classification_step::ClassificationStep,
    clip::*,
    column_sum::ColumnSum,
    correct_rows::CorrectRows,
    divide::Divide,
    dropout::Dropout,
    elementwise::Elementwise,
    gather::Gather,
    gathered::{Gathered, Reader},
    label_values::LabelValues,
    linear::Linear,
    linear_grad_input::LinearGradInput,
    linear_update::LinearUpdate,
    margin_loss::*,
    matmul::Matmul,
    penalty::*,
    pointwise_loss::*,
    record::Record,
    rmsprop::RmsProp,
    scale::Scale,
    sgd::Sgd,
    shuffle::Shuffle,
    softmax_cross_entropy::*,
};
use anygrad::plan::{PhaseId, Plan};
use anygrad::random::{Purpose, Stream, stream_key};
#[allow(unused_imports)]
pub use anygrad::tune::case::{Case, Data, OpPlan, Values};
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

/// A stream of test values.
pub fn stream(id: u32) -> Stream {
    Stream::new(stream_key(0x7e57, Purpose::Synthetic, id))
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
        Case::new(Dropout { scale: 1.0, ..dropout(0.5) }, [f([b, c])]),
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
        Case::new(Penalty { l1: 0.25, l2: 0.5 }, [f([b, c])]),
        Case::new(PenaltyGrad(Penalty { l1: 0.25, l2: 0.5 }), [f([b, c]), f([1])]),
        Case::new(Scale { factor: 0.8 }, [f([b, c])]),
        Case::new(Record::One { column: 2 }, [f([1]), f([7, 3])]),
        Case::new(Record::Two { column: 0 }, [f([1]), f([1]), f([7, 2])]),
        Case::new(Record::Two { column: 1 }, [f([1]), f([1]), f([7, 4])]),
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
    ];
    for form in Pointwise::ALL {
        for mean in [true, false] {
            let loss = PointwiseLoss { form, mean };
            cases.push(Case::new(loss, [f([b, c]), f([b, c])]));
            cases.push(Case::new(PointwiseLossGrad(loss), [f([b, c]), f([b, c]), f([b, 1])]));
        }
    }
    for &activation in Activation::ALL {
        cases.push(Case::new(Linear { activation, dropout: None }, [f([b, k]), f([c, k]), f([c])]));
        cases.push(Case::new(LinearGradInput { activation, dropout: None }, [f([b, k]), f([k, c]), f([b, c])]));
        cases.push(Case::new(Activate(activation), [f([b, c])]));
        cases.push(Case::new(ActivateGrad(activation), [f([b, c]), f([b, c])]));
    }
    // Of the activations one whose derivative wants the output, and one that wants the input.
    let vanilla = Dropout { scale: 1.0, ..dropout(0.4) };
    for (activation, dropout) in [(Activation::Tanh, dropout(0.2)), (Activation::Silu, vanilla)] {
        let dropout = Some(dropout);
        cases.push(Case::new(Linear { activation, dropout }, [f([b, k]), f([c, k]), f([c])]));
        cases.push(Case::new(LinearGradInput { activation, dropout }, [f([b, k]), f([k, c]), f([b, c])]));
    }
    for byte_scale in [None, Some(1.0 / 255.0)] {
        let layer = |dropout| Linear { activation: Activation::Tanh, dropout };
        let (momentum, plain) = (sgd(0.9, 0.0, true), sgd(0.0, 0.0, false));
        for reader in [
            Reader::Linear(layer(None)),
            Reader::Linear(layer(Some(dropout(0.3)))),
            Reader::Update(LinearUpdate { sgd: plain }),
            Reader::Update(LinearUpdate { sgd: momentum }),
        ] {
            let dtype = if byte_scale.is_some() { DType::U8 } else { DType::F32 };
            let mut inputs = vec![(Shape::from([b + 3, k]), dtype), words([b + 3]), f([c, k]), f([c])];
            match reader {
                Reader::Linear(_) => {}
                Reader::Update(op) if op.sgd.momentum == 0.0 => inputs.push(f([b, c])),
                Reader::Update(_) => inputs.extend([f([b, c]), f([c, k]), f([c])]),
            }
            cases.push(Case { op: Gathered { reader, rows: b, byte_scale }.into(), inputs });
        }
    }
    cases
}

fn classification_step(b: usize, c: usize, label_smoothing: f32) -> Case {
    let op = ClassificationStep { loss: SoftmaxCrossEntropy { label_smoothing }, scale: 1.0 / b as f32 };
    Case::new(op, [f([b, c]), words([b + 3]), words([b + 3]), f([7, 4])])
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

/// Inputs that suit the case.
pub fn draw_inputs(case: &Case, values: Values, stream: &mut Stream) -> Vec<Data> {
    case.draw(values, stream)
}

/// The clock in single-op tests: in mid-run, third row of the epoch. An odd number of rows is before the first, so that
/// pairs of a mask may straddle the beginning of a tensor.
pub const CLOCK: Clock = Clock { step: 3, epoch: 2, batch_start: 2, slot: 9, first_row: 3, learning_rate: 0.05 };

/// The runs of an epoch's first `count` training batches of `rows` rows, behind what begins it; moves the clock on.
pub fn epoch(plan: &Plan, rows: usize, count: usize, clock: &mut Clock) -> Vec<(PhaseId, Clock)> {
    let phase = |name: &str| plan.phase(name).expect("a phase");
    clock.begin_epoch();
    let mut runs = vec![(phase("begin_epoch"), *clock)];
    for _ in 0..count {
        runs.push((phase("train"), *clock));
        clock.end_batch(rows as u32, true);
    }
    runs
}
