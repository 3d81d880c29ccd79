//! Gradients of every op in mid-graph against central differences in f64, on the CPU twins.
//!
//! Each op stands between a product with fixed numbers (so that its inputs are not the parameters themselves) and
//! another one (so that the gradient that reaches it is not 1). The check is the library's, [`Step::check_gradients`],
//! which states step and bounds, over all elements.

mod common;

use anygrad::check::CheckOptions;
use anygrad::graph::{DType, Graph, Role, ValueId};
use anygrad::ops::{
    Op, Operation, activation::Activate, activation::Activation, broadcast_rows::BroadcastRows, column_sum::ColumnSum,
    elementwise::Elementwise, matmul::Matmul,
};
use anygrad::train::Step;
use common::{Case, Data, Values, draw_inputs};

/// Reduces a value to one number with different weights for its elements.
fn weighted_total(graph: &mut Graph, x: ValueId, constants: &mut Vec<(ValueId, Vec<f32>)>) -> ValueId {
    let mut matrix = x;
    if graph.shape(x).dims().len() == 1 {
        matrix = graph.apply(BroadcastRows { rows: 1, scale: 1.0 }, &[x]).expect("a row");
    }
    let weighted = times_constant(graph, matrix, constants);
    let sums = graph.apply(ColumnSum { scale: 0.7 }, &[weighted]).expect("sums");
    let row = graph.apply(BroadcastRows { rows: 1, scale: 1.3 }, &[sums]).expect("a row");
    let dims = graph.shape(row).dims().to_vec();
    let weights = constant(graph, &dims, constants);
    graph.apply(Matmul::NT, &[row, weights]).expect("one number")
}

fn constant(graph: &mut Graph, dims: &[usize], constants: &mut Vec<(ValueId, Vec<f32>)>) -> ValueId {
    let id = graph.declare("constant", dims.to_vec(), DType::F32, Role::Input);
    let count = dims.iter().product();
    let mut stream = common::stream(1000 + constants.len() as u32);
    constants.push((id, (0..count).map(|_| 0.5 + stream.next_unit()).collect()));
    id
}

fn times_constant(graph: &mut Graph, x: ValueId, constants: &mut Vec<(ValueId, Vec<f32>)>) -> ValueId {
    let dims = graph.shape(x).dims().to_vec();
    let factor = constant(graph, &dims, constants);
    graph.apply(Elementwise::Multiply, &[x, factor]).expect("a product")
}

/// Compares analytic and numeric gradients of every element of every parameter; returns how many.
fn check(name: &str, mut graph: Graph, loss: ValueId, floats: Vec<(ValueId, Vec<f32>)>, words: Words) -> usize {
    let parameters: Vec<ValueId> =
        floats.iter().map(|v| v.0).filter(|&id| graph.value(id).role == Role::Parameter).collect();
    let gradients = graph.gradients(loss, &parameters).unwrap_or_else(|e| panic!("{name}: {e}"));
    let step = Step { graph, loss, parameters, gradients, floats, words, clock: common::CLOCK };
    let options = CheckOptions { elements: usize::MAX, ..CheckOptions::default() };
    let check = step.check_gradients_blocking(&options).unwrap_or_else(|e| panic!("{name}: {e}"));
    check.verdict().unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(check.tensors.iter().all(|tensor| tensor.kinks == 0), "{name}: {check:?}");
    check.tensors.iter().map(|tensor| tensor.checked).sum()
}

type Words = Vec<(ValueId, Vec<u32>)>;

/// Whether the op has a derivative: it computes floats from floats, and is not itself part of a backward pass.
fn is_differentiable(op: &Op) -> bool {
    let without = [
        "_grad",
        "gather",
        "sgd",
        "adam",
        "rmsprop",
        "adagrad",
        "label_values",
        "class_weights",
        "classification_step",
        "linear",
        "clip_",
        "record",
        "correct_rows",
        "shuffle",
    ];
    !without.iter().any(|part| op.name().contains(part))
}

fn check_case(case: &Case, seed: u32) -> usize {
    let mut graph = Graph::new();
    let mut constants = Vec::new();
    let (mut floats, mut words) = (Vec::new(), Vec::new());
    let bindings = case.op.spec().buffers();
    let data = draw_inputs(case, Values::Unit, &mut common::stream(seed));
    let mut inputs = Vec::new();
    for (((shape, dtype), data), binding) in case.inputs.iter().zip(data).zip(bindings) {
        // A target is data, not something to differentiate by.
        let is_data = *dtype != DType::F32 || binding.name == "expected";
        let role = if is_data { Role::Input } else { Role::Parameter };
        let id = graph.declare(binding.name, shape, *dtype, role);
        match data {
            Data::Float(data) => floats.push((id, data)),
            Data::Word(data) => words.push((id, data)),
        }
        inputs.push(if is_data { id } else { times_constant(&mut graph, id, &mut constants) });
    }
    let output = graph.apply(case.op.clone(), &inputs).expect("a valid case");
    let loss = weighted_total(&mut graph, output, &mut constants);
    floats.extend(constants);
    check(&format!("{:?}", case.op), graph, loss, floats, words)
}

#[test]
fn every_op_in_mid_graph() {
    let (mut tensors, mut elements) = (0, 0);
    for (seed, (rows, columns, inner)) in
        [(1, 1, 1), (2, 3, 4), (5, 2, 3), (4, 7, 2), (3, 5, 6)].into_iter().enumerate()
    {
        for case in common::cases(rows, columns, inner) {
            if is_differentiable(&case.op) {
                elements += check_case(&case, seed as u32);
                tensors += case.inputs.iter().filter(|i| i.1 == DType::F32).count();
            }
        }
    }
    println!("{tensors} tensors");
    common::report_comparisons("gradient_checks", elements);
}

/// A value that several ops read gets the sum of their gradients.
#[test]
fn gradients_that_meet_are_added() {
    let mut graph = Graph::new();
    let mut constants = Vec::new();
    let x = graph.declare("x", [3, 3], DType::F32, Role::Parameter);
    let square = graph.apply(Elementwise::Multiply, &[x, x]).expect("x·x");
    let product = graph.apply(Matmul::NN, &[square, x]).expect("x²·x");
    let bent = graph.apply(Activate(Activation::Tanh), &[product]).expect("tanh");
    let sum = graph.apply(Elementwise::Add, &[bent, x]).expect("a skip connection");
    let loss = weighted_total(&mut graph, sum, &mut constants);
    let mut stream = common::stream(77);
    let mut floats = vec![(x, (0..9).map(|_| stream.next_unit() - 0.5).collect())];
    floats.extend(constants);
    assert_eq!(check("skip connection", graph, loss, floats, Vec::new()), 9);
}

#[test]
fn a_target_that_depends_on_a_parameter_is_an_error() {
    use anygrad::ops::pointwise_loss::{Pointwise, PointwiseLoss};
    let mut graph = Graph::new();
    let x = graph.declare("x", [1, 1], DType::F32, Role::Parameter);
    let y = graph.apply(Elementwise::Multiply, &[x, x]).expect("a product");
    let loss = graph.apply(PointwiseLoss { form: Pointwise::SquaredError, mean: true }, &[x, y]).expect("a loss");
    let error = graph.gradients(loss, &[x]).expect_err("a target is data").to_string();
    assert!(error.contains("must be data"), "{error}");
}

#[test]
fn ops_without_a_derivative_say_so() {
    let mut graph = Graph::new();
    let x = graph.declare("x", [2, 2], DType::F32, Role::Parameter);
    let labels = graph.declare("labels", [2], DType::U32, Role::Input);
    let correct = graph.apply(anygrad::ops::correct_rows::CorrectRows, &[x, labels]).expect("valid");
    let loss = graph.apply(ColumnSum::SUM, &[correct]).expect("a total");
    let error = graph.gradients(loss, &[x]).expect_err("no derivative").to_string();
    assert!(error.contains("correct_rows") && error.contains("derivative"), "{error}");
}

#[test]
fn a_parameter_without_influence_is_an_error() {
    let mut graph = Graph::new();
    let x = graph.declare("x", [1, 1], DType::F32, Role::Parameter);
    let idle = graph.declare("idle", [1], DType::F32, Role::Parameter);
    let loss = graph.apply(Activate(Activation::Sigmoid), &[x]).expect("valid");
    let error = graph.gradients(loss, &[x, idle]).expect_err("no influence").to_string();
    assert!(error.contains("`idle` does not influence the loss"), "{error}");
}
