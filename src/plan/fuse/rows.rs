//! Lets the kernels that read a batch's features read them where they lie in the dataset: the gathering disappears, and
//! the batch with it.

use super::fused;
use crate::graph::{Graph, Node, Role, ValueId};
use crate::kernel::Target;
use crate::ops::Op;
use crate::ops::gather::Gather;
use crate::ops::gathered::{Gathered, Reader};

/// Replaces each gathering of features that only layers and their updates read.
pub(super) fn gather_in_products(graph: &Graph, target: &Target, mut nodes: Vec<Node>) -> Vec<Node> {
    for at in (0..nodes.len()).rev() {
        if let Some(readers) = readers(graph, target, &nodes, at) {
            readers.into_iter().for_each(|(reader, node)| nodes[reader] = node);
            nodes.remove(at);
        }
    }
    nodes
}

/// What comes in the place of each reader of the batch that is gathered at `at`; `None` if one of them cannot do without.
fn readers(graph: &Graph, target: &Target, nodes: &[Node], at: usize) -> Option<Vec<(usize, Node)>> {
    let Node { op: Op::Gather(gather), inputs, outputs, .. } = &nodes[at] else { return None };
    let (&[data, order], &[batch]) = (&inputs[..], &outputs[..]) else { return None };
    let (rows, byte_scale) = match *gather {
        Gather::F32 { rows } => (rows, None),
        Gather::U8 { rows, scale } => (rows, Some(scale)),
        Gather::Labels { .. } => return None,
    };
    if graph.value(batch).role != Role::Intermediate || !target.gathers_in_products(byte_scale.is_some()) {
        return None;
    }
    let readers = (at + 1..nodes.len()).filter(|&reader| nodes[reader].inputs.contains(&batch));
    let fused = readers.map(|reader| {
        let Node { inputs, outputs, label, .. } = &nodes[reader];
        let op = Gathered { reader: reader_of(&nodes[reader], batch)?, rows, byte_scale };
        let rest = inputs.iter().copied().filter(|&input| input != batch);
        let inputs = [data, order].into_iter().chain(rest).collect();
        Some((reader, fused(graph, target, op, (inputs, outputs.clone()), label)?))
    });
    fused.collect()
}

/// The op of a node, if the batch is its x and nothing else.
fn reader_of(node: &Node, batch: ValueId) -> Option<Reader> {
    let reader = match node.op {
        Op::Linear(op) => Reader::Linear(op),
        Op::LinearUpdate(op) => Reader::Update(op),
        _ => return None,
    };
    let is_x = |(at, &input): (usize, &ValueId)| (input == batch) == (at == reader.x());
    node.inputs.iter().enumerate().all(is_x).then_some(reader)
}
