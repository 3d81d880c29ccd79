//! Fused products on which the tests compare every variant with the twin: chains as training makes them, and each stage
//! in one.

use super::{Factor, Fused, Link};
use crate::graph::case::{floats, words};
use crate::graph::{Case, DType, Extents, Op, Shape};
use crate::ops::activation::{Activate, Activation};
use crate::ops::adagrad::Adagrad;
use crate::ops::adam::Adam;
use crate::ops::add_bias::AddBias;
use crate::ops::clip::ClipValue;
use crate::ops::dropout::Dropout;
use crate::ops::matmul::Matmul;
use crate::ops::rmsprop::RmsProp;
use crate::ops::scale::Scale;
use crate::ops::sgd::Sgd;
use crate::random::{Purpose, stream_key};

/// The last activation whose derivative wants the output, or the input.
fn one_of(output: bool) -> Activation {
    let fits = |activation: &&Activation| activation.derivative_uses_output() == output;
    Activation::ALL.iter().rfind(fits).copied().unwrap_or(Activation::Identity)
}

/// The inputs of a case.
type Inputs = Vec<(Shape, DType)>;

/// A link that is an op.
fn op(op: impl Into<Op>) -> Link {
    Link::Op(op.into())
}

fn dropout(rate: f32) -> Dropout {
    Dropout { rate, scale: 1.0 / (1.0 - rate), key: stream_key(9, Purpose::Dropout, 1) }
}

/// A product with a chain; the factors as matrices, then what the links take.
fn case(product: Matmul, chain: Vec<Link>, factors: [(Shape, DType); 2], others: Inputs) -> Case {
    let fused = Fused { chain, ..Fused::new(product, [Factor::Dense; 2]) };
    Case { op: fused.into(), inputs: factors.into_iter().chain(others).collect() }
}

/// A layer: `B` rows, `I` inputs, `O` outputs.
fn layer(activation: Activation, dropped: Option<f32>, [b, i, o]: [usize; 3]) -> Case {
    Case::new(Fused::layer(activation, dropped.map(dropout)), [floats([b, i]), floats([o, i]), floats([o])])
}

/// The gradient of a layer's input, through the activation before.
fn grad_input(activation: Activation, dropped: Option<f32>, [b, i, o]: [usize; 3]) -> Case {
    let fused = Fused::grad_input(activation, dropped.map(dropout));
    Case::new(fused, [floats([b, o]), floats([o, i]), floats([b, i])])
}

/// The update of a layer by a rule that keeps a number of tensors; with or without a bias.
fn update(rule: impl Into<Op>, slots: usize, has_bias: bool, [b, i, o]: [usize; 3]) -> Case {
    let rule: Op = rule.into();
    let kept = |dims: &[usize]| -> Inputs {
        match slots {
            0 => Vec::new(),
            1 if !rule.is::<RmsProp>() => vec![floats(dims.to_vec())],
            _ => vec![floats([&[slots], dims].concat())],
        }
    };
    let mut inputs: Inputs = vec![floats([b, o]), floats([b, i]), floats([o, i])];
    inputs.extend(kept(&[o, i]));
    if has_bias {
        inputs.push(floats([o]));
        inputs.extend(kept(&[o]));
    }
    Case { op: Fused::update(rule, has_bias).into(), inputs }
}

/// A case whose factor at a position is rows of a dataset.
fn of_rows(case: &Case, factor: usize, byte_scale: Option<f32>) -> Case {
    let Some(fused) = case.op.downcast_ref::<Fused>() else { return case.clone() };
    let mut inputs = case.inputs.clone();
    let [rows, columns] = [0, 1].map(|at| case.inputs[factor].0.dims()[at]);
    let fused = fused.clone().on_rows(factor, rows, byte_scale);
    let dtype = if byte_scale.is_some() { DType::U8 } else { DType::F32 };
    inputs.splice(factor..=factor, [(Shape::from([rows + 3, columns]), dtype), words([rows + 3])]);
    Case { op: fused.into(), inputs }
}

/// See the file's comment.
pub fn cases(Extents { rows, columns, inner }: Extents) -> Vec<Case> {
    let extents = [rows, inner, columns];
    let sgd = |momentum, dampening, nesterov| Sgd { momentum, dampening, nesterov, weight_decay: 0.01 };
    let adam = |decoupled| Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01, decoupled };
    let rmsprop = |momentum| RmsProp { alpha: 0.99, epsilon: 1e-8, momentum, weight_decay: 0.01 };
    let adagrad = Adagrad { rate_decay: 0.1, epsilon: 1e-10, weight_decay: 0.01 };
    let mut cases = vec![
        update(sgd(0.0, 0.0, false), 0, true, extents),
        update(sgd(0.0, 0.0, false), 0, false, extents),
        update(sgd(0.9, 0.0, false), 1, true, extents),
        update(sgd(0.9, 0.25, true), 1, true, extents),
        update(adam(false), 2, true, extents),
        update(adam(true), 2, true, extents),
        update(rmsprop(0.0), 1, true, extents),
        update(rmsprop(0.9), 2, true, extents),
        update(adagrad, 1, true, extents),
        // What follows a product without a bias, and stages that training seldom puts there.
        case(
            Matmul::NT,
            vec![op(Scale { factor: 0.75 }), op(ClipValue { limit: 0.5 }), Link::Store],
            [floats([rows, inner]), floats([columns, inner])],
            Vec::new(),
        ),
        case(
            Matmul::TN,
            vec![op(ClipValue { limit: 0.5 }), op(sgd(0.0, 0.0, false))],
            [floats([inner, rows]), floats([inner, columns])],
            vec![floats([rows, columns])],
        ),
        // A value that the gradient asks for, and what follows it.
        case(
            Matmul::NT,
            vec![op(AddBias), Link::Store, op(Activate(one_of(false))), Link::Store],
            [floats([rows, inner]), floats([columns, inner])],
            vec![floats([columns])],
        ),
    ];
    for &activation in Activation::ALL {
        cases.extend([layer(activation, None, extents), grad_input(activation, None, extents)]);
    }
    // Of the activations one whose derivative wants the output, and one that wants the input.
    for (activation, rate) in [(one_of(true), 0.2), (one_of(false), 0.4)] {
        cases.extend([layer(activation, Some(rate), extents), grad_input(activation, Some(rate), extents)]);
    }
    for byte_scale in [None, Some(1.0 / 255.0)] {
        let plain = Fused { chain: vec![Link::Store], ..Fused::new(Matmul::NT, [Factor::Dense; 2]) };
        let plain = Case::new(plain, [floats([rows, inner]), floats([columns, inner])]);
        let readers = [
            (plain, 0),
            (layer(Activation::Tanh, None, extents), 0),
            (layer(Activation::Tanh, Some(0.3), extents), 0),
            (update(sgd(0.0, 0.0, false), 0, true, extents), 1),
            (update(sgd(0.9, 0.0, true), 1, true, extents), 1),
            (update(adam(false), 2, true, extents), 1),
        ];
        cases.extend(readers.into_iter().map(|(case, factor)| of_rows(&case, factor, byte_scale)));
    }
    cases
}
