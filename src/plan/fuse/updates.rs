//! Puts the updates of layers behind all that does not wait for them, in launches of their own: the rest of the backward
//! pass is then one kernel for every layer. On drivers that run on a CPU, which take longer to compile a kernel than to run
//! it a hundred times; a real GPU is better occupied by an update and a gradient side by side.

use crate::graph::Node;
use crate::kernel::Target;
use crate::ops::Op;
use crate::plan::launch;

/// Whether a node is the update of a layer.
pub(in crate::plan) fn is_update(node: &Node) -> bool {
    matches!(node.op, Op::LinearUpdate(_))
}

/// Whether the updates of a phase make a launch of their own: if it is one.
pub(in crate::plan) fn are_together(target: &Target, nodes: &[Node]) -> bool {
    let updates = nodes.iter().filter(|node| is_update(node)).count();
    target.software && (2..=target.pace.kernels).contains(&updates)
}

/// The nodes of a phase with the updates as late as can be, in their order.
pub(super) fn updates_last(target: &Target, mut nodes: Vec<Node>) -> Vec<Node> {
    if !are_together(target, &nodes) {
        return nodes;
    }
    let passes = |pair: &[Node]| !is_update(&pair[1]) && !launch::clash(&pair[0], &pair[1]);
    for first in (0..nodes.len()).rev().filter(|&at| is_update(&nodes[at])).collect::<Vec<_>>() {
        let mut at = first;
        while nodes.get(at..at + 2).is_some_and(passes) {
            nodes.swap(at, at + 1);
            at += 1;
        }
    }
    nodes
}
