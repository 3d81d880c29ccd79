//! Fusion: puts kernels that do several ops at once in the place of these ops, phase by phase.
//!
//! | in place of | comes |
//! |---|---|
//! | matmul, add_bias, activation, dropout | [`Linear`] |
//! | matmul, dropout, activation_grad | [`LinearGradInput`] |
//! | matmul, column_sum, sgd, sgd | [`LinearUpdate`] |
//! | gather_labels, cross-entropy, its gradient, correct_rows, record | [`ClassificationStep`] |
//! | gather_f32 or gather_u8, and every linear and linear_update of the batch | [`Gathered`] of each, if [`Target::gathers_in_products`] |
//!
//! A pass over the graph after differentiation: values keep their numbers, and the plain graph stays the oracle of the
//! tests. A value disappears only if nothing outside the pattern reads it. Where compiling counts, updates then move
//! behind the gradients (`fuse/updates.rs`).

mod rows;
pub(super) mod updates;

use crate::graph::{Graph, Node, Phase, Role, ValueId};
use crate::kernel::{Access, KernelSpec, Target};
use crate::ops::activation::{Activate, ActivateGrad, Activation};
use crate::ops::column_sum::ColumnSum;
use crate::ops::dropout::Dropout;
#[cfg(doc)]
use crate::ops::gathered::Gathered;
use crate::ops::linear::Linear;
use crate::ops::linear_grad_input::LinearGradInput;
use crate::ops::linear_update::LinearUpdate;
use crate::ops::matmul::Matmul;
use crate::ops::record::Record;
use crate::ops::sgd::Sgd;
use crate::ops::{Op, Operation, classification_step::ClassificationStep};

/// More classes than this are shared among workgroups, which the fused kernel does not.
const MOST_CLASSES: usize = 64;

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
        fusion.linear(at);
        fusion.grad_input(at);
    }
    for at in 0..fusion.nodes.len() {
        fusion.classification_step(at);
    }
    for at in 0..fusion.nodes.len() {
        fusion.update(at);
    }
    let nodes = fusion.nodes.into_iter().zip(fusion.behind);
    let nodes = nodes.flat_map(|(node, behind)| node.into_iter().chain(behind)).collect();
    updates::updates_last(target, rows::gather_in_products(graph, target, nodes))
}

/// A node in the place of others, if the target has the storage buffers and the shapes come out the same. `label` is that
/// of one of the others.
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
            let in_place = op.spec().buffers().take(inputs.len()).any(|binding| binding.access == Access::Write);
            let unread = !outputs.is_empty() && outputs.iter().all(|&output| self.is_only_read_by(output, &[]));
            if unread && !in_place {
                self.nodes[at] = None;
            }
        }
    }

    /// A product at `at`, with the bias and the activation that follow.
    fn linear(&mut self, at: usize) {
        let Some((Op::Matmul(Matmul::NT), &[x, weight], &[product])) = self.node(at) else { return };
        let &[add] = &self.readers(product)[..] else { return };
        let Some((Op::AddBias(_), &[_, bias], &[sum])) = self.node(add) else { return };
        if !self.is_only_read_by(product, &[add]) {
            return;
        }
        let mut fused = (Activation::Identity, vec![at, add], sum);
        if let &[next] = &self.readers(sum)[..]
            && let Some((Op::Activate(Activate(activation)), _, &[y])) = self.node(next)
            && self.is_only_read_by(sum, &[next])
        {
            fused = (*activation, vec![at, add, next], y);
        }
        let (activation, positions, y) = fused;
        let (inputs, label) = (vec![x, weight, bias], self.label(at));
        if let Some((last, dropout, dropped)) = self.dropout_of(y)
            && let op = (Linear { activation, dropout: Some(dropout) })
            && let Some(node) = self.fused(op, inputs.clone(), vec![y, dropped], &label)
        {
            self.replace(&[&positions[..], &[last]].concat(), node);
        } else if let Some(node) = self.fused(Linear { activation, dropout: None }, inputs, vec![y], &label) {
            self.replace(&positions, node);
        }
    }

    /// The dropout that reads a value before anything else does: its position, the op and its result.
    fn dropout_of(&self, value: ValueId) -> Option<(usize, Dropout, ValueId)> {
        let at = *self.readers(value).first()?;
        let (&Op::Dropout(dropout), _, &[dropped]) = self.node(at)? else { return None };
        Some((at, dropout, dropped))
    }

    /// The gradient of an input at `at`, with the dropout and the derivative of the activation that follow.
    fn grad_input(&mut self, at: usize) {
        let Some((Op::Matmul(Matmul::NN), &[grad, weight], &[product])) = self.node(at) else { return };
        let (positions, dropout, g) = match self.dropout_of(product) {
            Some((drop, dropout, dropped)) if self.is_only_read_by(product, &[drop]) => {
                (vec![at, drop], Some(dropout), dropped)
            }
            _ => (vec![at], None, product),
        };
        let &[next] = &self.readers(g)[..] else { return };
        let Some((&Op::ActivateGrad(ActivateGrad(activation)), &[saved, read], &[result])) = self.node(next) else {
            return;
        };
        if read != g || !self.is_only_read_by(g, &[next]) {
            return;
        }
        let op = LinearGradInput { activation, dropout };
        if let Some(node) = self.fused(op, vec![grad, weight, saved], vec![result], &self.label(at)) {
            self.replace(&[&positions[..], &[next]].concat(), node);
        }
    }

    /// The gradients of a layer at `at` (its weight's product), with the steps of weight and bias.
    fn update(&mut self, at: usize) {
        let Some((Op::Matmul(Matmul::TN), &[grad, x], &[grad_weight])) = self.node(at) else { return };
        let &[step] = &self.readers(grad_weight)[..] else { return };
        let Some((Op::Sgd(sgd), weight_inputs, _)) = self.node(step) else { return };
        let (sgd, weight_inputs) = (*sgd, weight_inputs.to_vec());
        let bias = self.readers(grad).into_iter().find_map(|sum| self.bias_step(sum, grad, sgd));
        let Some((sum, bias_step, bias_inputs)) = bias else { return };
        if sgd.dampening != 0.0 || weight_inputs[1] != grad_weight || !self.is_only_read_by(grad_weight, &[step]) {
            return;
        }
        let (weight, bias) = (weight_inputs[0], bias_inputs[0]);
        let velocities = weight_inputs.get(2).into_iter().chain(bias_inputs.get(2)).copied();
        let inputs = [weight, bias, grad, x].into_iter().chain(velocities).collect();
        let Some(node) = self.fused(LinearUpdate { sgd }, inputs, Vec::new(), &self.label(at)) else { return };
        for position in [at, sum, step, bias_step] {
            self.nodes[position] = None;
        }
        // As early as nothing reads the old values any more, so that gradient and input can leave their buffers.
        let readers = [self.readers(weight), self.readers(bias)].concat();
        let place = readers.into_iter().chain([at, sum]).max().unwrap_or(at);
        self.behind[place].push(node);
    }

    /// If `sum` sums the columns of `grad` for the step of a bias by the same rule: its position, that of the step, and
    /// the step's inputs.
    fn bias_step(&self, sum: usize, grad: ValueId, sgd: Sgd) -> Option<(usize, usize, Vec<ValueId>)> {
        let (Op::ColumnSum(ColumnSum::SUM), &[summed], &[grad_bias]) = self.node(sum)? else { return None };
        let &[step] = &self.readers(grad_bias)[..] else { return None };
        let (Op::Sgd(rule), inputs, _) = self.node(step)? else { return None };
        let fits = summed == grad && *rule == sgd && inputs[1] == grad_bias && self.is_only_read_by(grad_bias, &[step]);
        fits.then(|| (sum, step, inputs.to_vec()))
    }

    /// The end of a step on classes at `at`, with everything from its logits on.
    fn classification_step(&mut self, at: usize) {
        if let Some((positions, place, node)) = self.match_classification(at) {
            positions.iter().for_each(|&position| self.nodes[position] = None);
            self.nodes[place] = Some(node);
        }
    }

    fn match_classification(&self, end: usize) -> Option<(Vec<usize>, usize, Node)> {
        let (Op::Record(Record::Two { column: 0 }), &[loss, metric, ring], _) = self.node(end)? else { return None };
        let sum = self.producer(loss)?;
        let (&Op::ColumnSum(ColumnSum { scale }), &[rows], _) = self.node(sum)? else { return None };
        let entropy = self.producer(rows)?;
        let (Op::SoftmaxCrossEntropy(kind), &[logits, labels], _) = self.node(entropy)? else { return None };
        let count = self.producer(metric)?;
        let (Op::ColumnSum(ColumnSum::SUM), &[correct], _) = self.node(count)? else { return None };
        let judge = self.producer(correct)?;
        let (Op::CorrectRows(_), &[judged, true_labels], _) = self.node(judge)? else { return None };
        let gather = self.producer(labels)?;
        let (Op::Gather(_), &[all_labels, order], _) = self.node(gather)? else { return None };
        let is_grad = |&at: &usize| matches!(self.node(at), Some((Op::SoftmaxCrossEntropyGrad(_), _, _)));
        let grad = self.readers(logits).into_iter().find(is_grad)?;
        let (_, &[_, _, row_grads], &[grad_logits]) = self.node(grad)? else { return None };
        let spread = self.producer(row_grads)?;
        let (Op::BroadcastRows(broadcast), &[seed], _) = self.node(spread)? else { return None };

        let positions = vec![sum, entropy, count, judge, gather, spread, grad, end];
        let is_mean_or_sum = broadcast.scale == scale && self.graph.value(seed).role == Role::Constant(1.0);
        let is_small = self.graph.shape(logits).dims()[1] <= MOST_CLASSES;
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

/// How many storage buffers a kernel binds.
pub fn storage_buffers(spec: &'static KernelSpec) -> u32 {
    spec.buffers().count() as u32
}
