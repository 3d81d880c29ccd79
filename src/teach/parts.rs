//! The parts of a forward pass as the lectures write them.

use super::notation::{Symbols, symbol};
use crate::graph::{Graph, Role, ValueId};
use crate::ops::activation::{Activate, Activation};
use crate::ops::add_bias::AddBias;
use crate::ops::dropout::Dropout;
use crate::ops::elementwise::Elementwise;
use crate::ops::matmul::Matmul;

/// A part of the forward pass that the lectures write as one formula.
pub(super) struct Link {
    pub layer: Option<usize>,
    pub kind: Kind,
    pub inputs: Vec<ValueId>,
    pub output: ValueId,
}

/// What such a part does.
pub(super) enum Kind {
    /// Inputs: x, weight, and bias if there is one.
    Linear,
    Activation(Activation),
    Dropout(Dropout),
    Sum,
    Other(&'static str),
}

/// The parts of the forward pass, the first `count` nodes, with names for their values.
pub(super) fn links(graph: &Graph, count: usize, symbols: &mut Symbols) -> Vec<Link> {
    let is_parameter = |id: ValueId| graph.value(id).role == Role::Parameter;
    let mut links: Vec<Link> = Vec::new();
    let mut number = 0;
    for node in &graph.nodes()[..count] {
        let layer = node.label.split('.').next().and_then(|layer| layer.parse().ok());
        let has_parameter = node.inputs.get(1).is_some_and(|&id| is_parameter(id));
        let continues = links.last().is_some_and(|link| link.output == node.inputs[0] && link.inputs.len() == 2);
        let mut inputs = node.inputs.clone();
        let op = &node.op;
        let (kind, symbol) = if op.downcast_ref() == Some(&Matmul::NT) && has_parameter {
            number += 1;
            symbols.name(inputs[1], symbol("W", number));
            (Kind::Linear, symbol("z", number))
        } else if op.is::<AddBias>() && has_parameter && continues {
            // Completes the linear part in front of it.
            symbols.name(inputs[1], symbol("b", number));
            let Some(product) = links.pop() else { continue };
            let name = symbols.take(product.output);
            inputs = [product.inputs, vec![inputs[1]]].concat();
            (Kind::Linear, name)
        } else if let Some(&Activate(activation)) = op.downcast_ref() {
            (Kind::Activation(activation), symbol("a", number))
        } else if let Some(&dropout) = op.downcast_ref::<Dropout>() {
            (Kind::Dropout(dropout), symbol("ã", number))
        } else if op.downcast_ref() == Some(&Elementwise::Add) {
            (Kind::Sum, symbol("h", number))
        } else {
            (Kind::Other(op.name()), symbol("h", number))
        };
        let output = node.outputs[0];
        symbols.name(output, symbol);
        links.push(Link { layer, kind, inputs, output });
    }
    links
}
