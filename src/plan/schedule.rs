//! The schedule: in which order the nodes of a phase come, and which neighbours may run at the same time.
//!
//! The updates of layers go behind all that does not wait for them, into stages of their own: the rest of the backward pass
//! is then one kernel for every layer. On drivers that run on a CPU, which take longer to compile a kernel than to run it a
//! hundred times; a real GPU is better occupied by an update and a gradient side by side.

use super::cost::storage_buffers;
use crate::graph::{Graph, Node, Phase, ValueId};
use crate::kernel::{Access, KernelSpec, Target, combine};
use crate::ops::fused::Fused;
use std::ops::Range;

/// The graph with the updates of each phase as late as can be, in their order.
pub(super) fn updates_last(graph: &Graph, target: &Target) -> Graph {
    let in_phase = |phase: &Phase| late(target, graph.nodes()[phase.nodes.clone()].to_vec());
    graph.with_nodes(graph.phases().iter().map(in_phase).collect())
}

/// The nodes of a phase with the updates last, where they are to be together.
fn late(target: &Target, mut nodes: Vec<Node>) -> Vec<Node> {
    if !are_together(target, &nodes) {
        return nodes;
    }
    let passes = |pair: &[Node]| !is_update(&pair[1]) && !clash(&pair[0], &pair[1]);
    for first in (0..nodes.len()).rev().filter(|&at| is_update(&nodes[at])).collect::<Vec<_>>() {
        let mut at = first;
        while nodes.get(at..at + 2).is_some_and(passes) {
            nodes.swap(at, at + 1);
            at += 1;
        }
    }
    nodes
}

/// Whether a node is the update of a layer.
fn is_update(node: &Node) -> bool {
    node.op.downcast_ref().is_some_and(Fused::updates)
}

/// Whether the updates of a phase make a launch of their own: if it is one.
fn are_together(target: &Target, nodes: &[Node]) -> bool {
    let updates = nodes.iter().filter(|node| is_update(node)).count();
    target.profile.compiles_slowly && (2..=target.budget.kernels).contains(&updates)
}

/// The nodes of a phase in groups of neighbours of which none waits for another.
pub(super) type Stages = Vec<Range<usize>>;

/// Stages of one node each.
pub(super) fn one_by_one(graph: &Graph) -> Vec<Stages> {
    let stages = |nodes: &Range<usize>| (0..nodes.len()).map(|at| at..at + 1).collect();
    graph.phases().iter().map(|phase| stages(&phase.nodes)).collect()
}

/// Stages as large as the target can run side by side.
pub(super) fn side_by_side(graph: &Graph, target: &Target) -> Vec<Stages> {
    let in_phase = |nodes: &Range<usize>| {
        let nodes = &graph.nodes()[nodes.clone()];
        let apart = are_together(target, nodes);
        let joins = |stage: &[Node], node| {
            let mixed = is_update(&stage[0]) != is_update(node);
            joins(target, stage, node) && !(apart && mixed)
        };
        let mut stages: Stages = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            match stages.last_mut() {
                Some(stage) if joins(&nodes[stage.clone()], node) => stage.end = at + 1,
                _ => stages.push(at..at + 1),
            }
        }
        stages
    };
    graph.phases().iter().map(|phase| in_phase(&phase.nodes)).collect()
}

/// Whether a node can run beside those of a stage.
fn joins(target: &Target, stage: &[Node], node: &Node) -> bool {
    let together = || stage.iter().chain([node]);
    let buffers: u32 = together().map(|node| storage_buffers(node.op.spec())).sum();
    stage.len() < target.budget.kernels
        && buffers <= target.storage_buffers
        && together().all(|node| combine::can_combine(node.op.spec()))
        && !stage.iter().any(|other| clash(node, other))
}

/// Whether one of two nodes writes what the other uses, so that they have an order.
fn clash(node: &Node, other: &Node) -> bool {
    let (own, others) = (operands(node), operands(other));
    let clash = |&(value, written): &(ValueId, bool)| others.iter().any(|o| o.0 == value && (o.1 || written));
    own.iter().any(clash)
}

/// The values that a node binds, and whether it writes them.
fn operands(node: &Node) -> Vec<(ValueId, bool)> {
    let spec: &KernelSpec = node.op.spec();
    let values = node.inputs.iter().chain(&node.outputs).copied();
    values.zip(spec.buffers().map(|binding| binding.access == Access::Write)).collect()
}
