//! Fused products on which the tests compare every variant with the twin: chains as training makes them, and each stage
//! in one.

use super::{Factor, Fused, Link};
use crate::graph::case::{floats, words};
use crate::graph::{Case, DType, Extents, Op, Shape};
use crate::kernel::part::Part;
use crate::ops::activation::{Activate, Activation};
use crate::ops::add_bias::AddBias;
use crate::ops::clip::ClipValue;
use crate::ops::dropout::Dropout;
use crate::ops::matmul::Matmul;
use crate::ops::scale::Scale;
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

/// The update of a layer by the step of an optimizer, whose case this is, on a weight; with or without a bias.
pub(crate) fn update(step: &Case, has_bias: bool, Extents { rows: b, inner: i, columns: o }: Extents) -> Case {
    // What the step keeps has the dimensions of the parameter behind those of its slots.
    let kept = |dims: &[usize]| -> Inputs {
        let slots = |shape: &Shape| shape.dims()[..shape.dims().len() - 2].to_vec();
        step.inputs[2..].iter().map(|(shape, _)| floats([&slots(shape), dims].concat())).collect()
    };
    let mut inputs: Inputs = vec![floats([b, o]), floats([b, i]), floats([o, i])];
    inputs.extend(kept(&[o, i]));
    if has_bias {
        inputs.push(floats([o]));
        inputs.extend(kept(&[o]));
    }
    Case { op: Fused::update(step.op.clone(), has_bias).into(), inputs }
}

/// A case whose factor at a position is rows of a dataset.
pub(crate) fn of_rows(case: &Case, factor: usize, byte_scale: Option<f32>) -> Case {
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
    let mut cases = vec![
        // What follows a product without a bias, and stages that training seldom puts there.
        case(
            Matmul::NT,
            vec![op(Scale { factor: 0.75 }), op(ClipValue { limit: 0.5 }), Link::Store],
            [floats([rows, inner]), floats([columns, inner])],
            Vec::new(),
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
        let readers =
            [(plain, 0), (layer(Activation::Tanh, None, extents), 0), (layer(Activation::Tanh, Some(0.3), extents), 0)];
        cases.extend(readers.into_iter().map(|(case, factor)| of_rows(&case, factor, byte_scale)));
    }
    cases.extend(other_stages(&cases, [rows, columns, inner]));
    cases
}

/// Each stage that no chain of these has, by itself behind a product.
fn other_stages(cases: &[Case], [m, n, k]: [usize; 3]) -> Vec<Case> {
    let has = |case: &Case, part: &Part| {
        let fused = case.op.downcast_ref::<Fused>();
        fused.is_some_and(|fused| fused.links().any(|link| link.part().name == part.name))
    };
    let alone = |single: Case| {
        let stage = single.op.stage()?;
        let is_new = !stage.part.changes_in_place() && !cases.iter().any(|case| has(case, stage.part));
        let others = (0..).zip(single.inputs).filter(|(at, _)| *at != stage.value).map(|(_, input)| input).collect();
        let chain = vec![Link::Op(single.op.clone()), Link::Store];
        is_new.then(|| case(Matmul::NT, chain, [floats([m, k]), floats([n, k])], others))
    };
    let singles = crate::ops::cases_of_ops(Extents { rows: m, columns: n, inner: k });
    singles.into_iter().filter_map(alone).collect()
}
