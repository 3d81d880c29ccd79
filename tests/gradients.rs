//! Gradients of every op in mid-graph against central differences in f64, on the CPU twins.
//!
//! Each op stands between a product with fixed numbers (so that its inputs are not the parameters themselves) and
//! another one (so that the gradient that reaches it is not 1). The check is the library's, [`Step::check_gradients`],
//! which states step and bounds, over all elements.

mod common;

use anygrad::check::{CheckOptions, mid_graph};
use anygrad::graph::{DType, Graph, Role};
use anygrad::ops::{
    activation::Activate, activation::Activation, column_sum::ColumnSum, elementwise::Elementwise, matmul::Matmul,
};
use anygrad::train::Step;

/// Compares analytic and numeric gradients of every element of every parameter; returns how many.
fn check(name: &str, step: &Step) -> usize {
    let options = CheckOptions { elements: usize::MAX, ..CheckOptions::default() };
    let check = step.check_gradients_blocking(&options).unwrap_or_else(|e| panic!("{name}: {e}"));
    check.verdict().unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(check.tensors.iter().all(|tensor| tensor.kinks == 0), "{name}: {check:?}");
    check.tensors.iter().map(|tensor| tensor.checked).sum()
}

#[test]
fn every_op_in_mid_graph() {
    let (mut tensors, mut elements) = (0, 0);
    for (seed, (rows, columns, inner)) in
        [(1, 1, 1), (2, 3, 4), (5, 2, 3), (4, 7, 2), (3, 5, 6)].into_iter().enumerate()
    {
        for case in common::cases(rows, columns, inner) {
            if case.op.is_differentiable() {
                let name = format!("{:?}", case.op);
                let step = mid_graph(&case, common::CLOCK, &mut common::stream(seed as u32));
                elements += check(&name, &step.unwrap_or_else(|e| panic!("{name}: {e}")));
                tensors += case.inputs.iter().filter(|i| i.1 == DType::F32).count();
            }
        }
    }
    println!("{tensors} tensors");
    assert!(elements >= 300, "{elements} gradient checks");
    common::report_comparisons("gradient_checks", elements);
}

/// A value that several ops read gets the sum of their gradients.
#[test]
fn gradients_that_meet_are_added() {
    let mut graph = Graph::new();
    let x = graph.declare("x", [3, 3], DType::F32, Role::Parameter);
    let weights = graph.declare("weights", [1, 3], DType::F32, Role::Input);
    let square = graph.apply(Elementwise::Multiply, &[x, x]).expect("x·x");
    let product = graph.apply(Matmul::NN, &[square, x]).expect("x²·x");
    let bent = graph.apply(Activate(Activation::Tanh), &[product]).expect("tanh");
    let sum = graph.apply(Elementwise::Add, &[bent, x]).expect("a skip connection");
    let weighted = graph.apply(Matmul::NT, &[sum, weights]).expect("a number for each row");
    let loss = graph.apply(ColumnSum { scale: 0.7 }, &[weighted]).expect("one number");
    let gradients = graph.gradients(loss, &[x]).expect("differentiable");
    let mut stream = common::stream(77);
    let floats = vec![(x, (0..9).map(|_| stream.next_unit() - 0.5).collect()), (weights, vec![0.5, -1.25, 1.5])];
    let parameters = vec![x];
    let step = Step { graph, loss, parameters, gradients, floats, words: Vec::new(), clock: common::CLOCK };
    assert_eq!(check("skip connection", &step), 9);
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
