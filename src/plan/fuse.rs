//! Fusion: puts kernels that do several ops at once in the place of these ops, phase by phase.
//!
//! | in place of | comes |
//! |---|---|
//! | matmul and the ops that its elements go through, one after the other | [`Fused`] |
//! | also column_sum of its transposed factor and the step that goes by it | [`Fused`] |
//! | gather_labels, cross-entropy, its gradient, correct_rows, record | [`ClassificationStep`] |
//! | gather_f32 or gather_u8, and every product that reads the batch | [`Fused`] on rows of the dataset, where the profile says so |
//!
//! A pass over the graph after differentiation: values keep their numbers, and the plain graph stays the oracle of the
//! tests. A value disappears only if nothing outside the pattern reads it.

mod products;
mod rows;

use super::cost::storage_buffers;
use crate::graph::{Graph, Node, Operation, Phase, Role, ValueId};
use crate::kernel::{Binding, Target};
use crate::ops::Op;
use crate::ops::broadcast_rows::BroadcastRows;
use crate::ops::classification_step::ClassificationStep;
use crate::ops::column_sum::ColumnSum;
use crate::ops::correct_rows::CorrectRows;
#[cfg(doc)]
use crate::ops::fused::Fused;
use crate::ops::gather::Gather;
use crate::ops::record::Record;
use crate::ops::softmax_cross_entropy::{SoftmaxCrossEntropy, SoftmaxCrossEntropyGrad};

/// The graph with fused kernels where its patterns occur and the target has the storage buffers for them.
pub(super) fn fuse(graph: &Graph, target: &Target) -> Graph {
    let phases = graph.phases().iter().map(|phase| fuse_phase(graph, phase, target)).collect();
    graph.with_nodes(phases)
}

fn fuse_phase(graph: &Graph, phase: &Phase, target: &Target) -> Vec<Node> {
    let nodes: Vec<Option<Node>> = graph.nodes()[phase.nodes.clone()].iter().cloned().map(Some).collect();
    let behind = vec![Vec::new(); nodes.len()];
    let mut fusion = Fusion { graph, target, nodes, behind };
    fusion.remove_unused();
    for at in 0..fusion.nodes.len() {
        fusion.product(at);
    }
    for at in 0..fusion.nodes.len() {
        fusion.classification_step(at);
    }
    for at in 0..fusion.nodes.len() {
        fusion.update(at);
    }
    let nodes = fusion.nodes.into_iter().zip(fusion.behind);
    let nodes = nodes.flat_map(|(node, behind)| node.into_iter().chain(behind)).collect();
    rows::gather_in_products(graph, target, nodes)
}

/// A node in the place of others, if the target has the storage buffers and the shapes come out the same. `label` is
/// that of one of the others.
fn fused(
    graph: &Graph,
    target: &Target,
    op: impl Into<Op>,
    (inputs, outputs): (Vec<ValueId>, Vec<ValueId>),
    label: &str,
) -> Option<Node> {
    let op = op.into();
    let values: Vec<_> = inputs.iter().map(|&id| graph.value(id)).collect();
    let results = op.infer(&values).ok()?;
    let same = results.len() == outputs.len()
        && results.iter().zip(&outputs).all(|((shape, _), &id)| shape == graph.shape(id));
    let fits = storage_buffers(op.spec()) <= target.storage_buffers;
    let scope = label.rsplit_once('.').map_or(String::new(), |(scope, _)| format!("{scope}."));
    let label = format!("{scope}{}", op.name());
    (same && fits).then_some(Node { op, inputs, outputs, label })
}

/// A phase while it is rewritten.
struct Fusion<'a> {
    graph: &'a Graph,
    target: &'a Target,
    /// By position in the plain phase; `None` where a node has gone.
    nodes: Vec<Option<Node>>,
    /// New nodes that come right behind a position.
    behind: Vec<Vec<Node>>,
}

impl Fusion<'_> {
    /// The op at a position, with its inputs and outputs.
    fn node(&self, at: usize) -> Option<(&Op, &[ValueId], &[ValueId])> {
        self.nodes[at].as_ref().map(|node| (&node.op, &node.inputs[..], &node.outputs[..]))
    }

    /// The op at a position as a `T`, if it is one, with its inputs and outputs.
    fn of<T: Operation>(&self, at: usize) -> Option<(&T, &[ValueId], &[ValueId])> {
        let (op, inputs, outputs) = self.node(at)?;
        Some((op.downcast_ref()?, inputs, outputs))
    }

    /// Positions of the nodes that read a value (or change it).
    fn readers(&self, value: ValueId) -> Vec<usize> {
        let reads = |node: &Option<Node>| node.as_ref().is_some_and(|node| node.inputs.contains(&value));
        (0..self.nodes.len()).filter(|&at| reads(&self.nodes[at])).collect()
    }

    /// Position of the node that computes a value.
    fn producer(&self, value: ValueId) -> Option<usize> {
        self.nodes.iter().position(|node| node.as_ref().is_some_and(|node| node.outputs.contains(&value)))
    }

    /// Whether a value may disappear once these positions have gone.
    fn is_only_read_by(&self, value: ValueId, positions: &[usize]) -> bool {
        self.graph.value(value).role == Role::Intermediate
            && self.readers(value).iter().all(|reader| positions.contains(reader))
    }

    /// See [`fused`].
    fn fused(&self, op: impl Into<Op>, inputs: Vec<ValueId>, outputs: Vec<ValueId>, label: &str) -> Option<Node> {
        fused(self.graph, self.target, op, (inputs, outputs), label)
    }

    /// Puts `node` at the last of `positions` and removes the others.
    fn replace(&mut self, positions: &[usize], node: Node) {
        positions.iter().for_each(|&at| self.nodes[at] = None);
        if let Some(&last) = positions.iter().max() {
            self.nodes[last] = Some(node);
        }
    }

    fn label(&self, at: usize) -> String {
        self.nodes[at].as_ref().map_or(String::new(), |node| node.label.clone())
    }

    /// Removes nodes whose results nothing reads, such as the total of loss and penalty after differentiation.
    fn remove_unused(&mut self) {
        for at in (0..self.nodes.len()).rev() {
            let Some((op, inputs, outputs)) = self.node(at) else { continue };
            let in_place = op.spec().buffers().take(inputs.len()).any(Binding::is_written);
            let unread = !outputs.is_empty() && outputs.iter().all(|&output| self.is_only_read_by(output, &[]));
            if unread && !in_place {
                self.nodes[at] = None;
            }
        }
    }

    /// The end of a step on classes at `at`, with everything from its logits on.
    fn classification_step(&mut self, at: usize) {
        if let Some((positions, place, node)) = self.match_classification(at) {
            positions.iter().for_each(|&position| self.nodes[position] = None);
            self.nodes[place] = Some(node);
        }
    }

    fn match_classification(&self, end: usize) -> Option<(Vec<usize>, usize, Node)> {
        let (Record::Two { column: 0 }, &[loss, metric, ring], _) = self.of(end)? else { return None };
        let sum = self.producer(loss)?;
        let (&ColumnSum { scale }, &[rows], _) = self.of(sum)? else { return None };
        let entropy = self.producer(rows)?;
        let (kind, &[logits, labels], _) = self.of::<SoftmaxCrossEntropy>(entropy)? else { return None };
        let count = self.producer(metric)?;
        let (&ColumnSum::SUM, &[correct], _) = self.of(count)? else { return None };
        let judge = self.producer(correct)?;
        let (CorrectRows, &[judged, true_labels], _) = self.of(judge)? else { return None };
        let gather = self.producer(labels)?;
        let (_, &[all_labels, order], _) = self.of::<Gather>(gather)? else { return None };
        let is_grad = |&at: &usize| self.of::<SoftmaxCrossEntropyGrad>(at).is_some();
        let grad = self.readers(logits).into_iter().find(is_grad)?;
        let (_, &[_, _, row_grads], &[grad_logits]) = self.node(grad)? else { return None };
        let spread = self.producer(row_grads)?;
        let (broadcast, &[seed], _) = self.of::<BroadcastRows>(spread)? else { return None };

        let positions = vec![sum, entropy, count, judge, gather, spread, grad, end];
        let is_mean_or_sum = broadcast.scale == scale && self.graph.value(seed).role == Role::Constant(1.0);
        let is_small = self.graph.shape(logits).dims()[1] <= self.target.profile.most_classes;
        let vanish = [loss, rows, metric, correct, labels, row_grads];
        let unread = vanish.iter().all(|&value| self.is_only_read_by(value, &positions));
        let same = judged == logits && true_labels == labels;
        if !(is_mean_or_sum && is_small && unread && same) {
            return None;
        }
        let op = ClassificationStep { loss: *kind, scale };
        let inputs = vec![logits, all_labels, order, ring];
        Some((positions, grad, self.fused(op, inputs, vec![grad_logits], &self.label(entropy))?))
    }
}
