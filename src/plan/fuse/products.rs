//! Lets a product take in what follows it, by one rule: while the op that reads the last value first has a stage, and
//! the device can bind the buffers, it is appended. Other readers of a value find it stored on the way.

use super::Fusion;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::activation::{Activate, Activation};
use crate::ops::add_bias::AddBias;
use crate::ops::column_sum::ColumnSum;
use crate::ops::fused::{Factor, Fused, Link};
use crate::ops::matmul::Matmul;

/// A product with what it has taken in so far.
#[derive(Clone)]
struct Growth {
    op: Fused,
    inputs: Vec<ValueId>,
    outputs: Vec<ValueId>,
    /// The last value of the chain.
    value: ValueId,
    /// The nodes in whose place it comes.
    positions: Vec<usize>,
}

impl Growth {
    /// Makes the last value an output.
    fn store(&mut self) {
        self.op.chain.push(Link::Store);
        self.outputs.push(self.value);
    }

    /// Ready to come in the place of its nodes.
    fn stored(mut self) -> Growth {
        self.store();
        self
    }
}

impl Fusion<'_> {
    /// The product at a position, with what follows; one whose value ends in the step of an optimizer is left to
    /// [`Fusion::update`].
    pub(super) fn product(&mut self, at: usize) {
        let Some(mut growth) = self.growth(at) else { return };
        let mut best = None;
        while let Some((next, op)) = self.next_stage(&growth) {
            if changes_in_place(&op) {
                return;
            }
            growth = self.appended(growth, next, op);
            if !self.fits(&growth, 1) {
                break;
            }
            best = Some(growth.clone());
        }
        if let Some(best) = best.map(|best| self.as_hidden_layers(best).stored())
            && let Some(node) = self.node_of(&best, at)
        {
            self.replace(&best.positions, node);
        }
    }

    /// The product at a position, with what follows to the step of an optimizer, and beside it the sums of its first
    /// factor with their step.
    pub(super) fn update(&mut self, at: usize) {
        let Some(mut growth) = self.growth(at) else { return };
        while let Some((next, op)) = self.next_stage(&growth) {
            let is_step = changes_in_place(&op);
            growth = self.appended(growth, next, op);
            if is_step {
                let with_bias = self.with_bias(&growth).filter(|growth| self.fits(growth, 0));
                return self.put(with_bias.unwrap_or(growth), at);
            }
        }
    }

    /// The product at a position by itself, if it still is one.
    fn growth(&self, at: usize) -> Option<Growth> {
        let (form, inputs, &[value]) = self.of::<Matmul>(at)? else { return None };
        let op = Fused::new(*form, [Factor::Dense; 2]);
        Some(Growth { op, inputs: inputs.to_vec(), outputs: Vec::new(), value, positions: vec![at] })
    }

    /// The op that reads the last value first, if it has a stage that takes it.
    fn next_stage(&self, growth: &Growth) -> Option<(usize, Op)> {
        let next = *self.readers(growth.value).first()?;
        let (op, inputs, _) = self.node(next)?;
        let stage = op.stage()?;
        let takes = |(at, &input): (usize, &ValueId)| (input == growth.value) == (at == stage.value);
        // A part occurs once in a kernel: its constants bear its names.
        let is_taken = growth.op.chain.iter().any(|link| link.part().name == stage.part.name);
        let fits = inputs.iter().enumerate().all(takes)
            && !is_taken
            && self.are_read_behind(&growth.outputs, &growth.positions, next);
        fits.then(|| (next, op.clone()))
    }

    /// Whether nothing but these positions reads the values before a place, so that they may be computed there.
    fn are_read_behind(&self, values: &[ValueId], positions: &[usize], place: usize) -> bool {
        let readers = values.iter().flat_map(|&value| self.readers(value));
        readers.filter(|reader| !positions.contains(reader)).all(|reader| reader >= place)
    }

    fn appended(&self, mut growth: Growth, next: usize, op: Op) -> Growth {
        if !self.is_only_read_by(growth.value, &[next]) {
            growth.store();
        }
        let Some((_, inputs, outputs)) = self.node(next) else { return growth };
        growth.inputs.extend(inputs.iter().filter(|&&input| input != growth.value));
        growth.op.chain.push(Link::Op(op));
        growth.positions.push(next);
        growth.value = outputs.first().copied().unwrap_or(growth.value);
        growth
    }

    /// Whether the device can bind its buffers and `more` others.
    fn fits(&self, growth: &Growth, more: usize) -> bool {
        growth.inputs.len() + growth.outputs.len() + more <= self.target.storage_buffers as usize
    }

    /// Where compiling takes long, a layer without activation has the identity, so that it shares the kernel of the
    /// others.
    fn as_hidden_layers(&self, mut growth: Growth) -> Growth {
        let is_bias_alone = matches!(&growth.op.chain[..], [Link::Op(op)] if op.is::<AddBias>());
        if is_bias_alone && self.target.profile.compiles_slowly {
            growth.op.chain.push(Link::Op(Activate(Activation::Identity).into()));
        }
        growth
    }

    /// The step of a bias beside that of a weight, if the product's first factor is the gradient that both go by.
    fn with_bias(&self, growth: &Growth) -> Option<Growth> {
        let grad = growth.inputs[0];
        let sum_of = |at: usize| match self.of::<ColumnSum>(at)? {
            (&ColumnSum::SUM, &[summed], &[sums]) if summed == grad => Some((at, sums)),
            _ => None,
        };
        let (sum, sums) = self.readers(grad).into_iter().find_map(sum_of)?;
        let &[step] = &self.readers(sums)[..] else { return None };
        let (op, inputs, _) = self.node(step)?;
        let stage = op.stage()?;
        let takes = inputs.get(stage.value) == Some(&sums) && self.is_only_read_by(sums, &[step]);
        if growth.op.product != Matmul::TN || !takes || !changes_in_place(op) {
            return None;
        }
        let mut growth = growth.clone();
        growth.inputs.extend(inputs.iter().filter(|&&input| input != sums));
        growth.op.beside.push(Link::Op(op.clone()));
        growth.positions.extend([sum, step]);
        Some(growth)
    }

    /// Puts an update where nothing reads the old values any more, as early as that, so that gradient and input can
    /// leave their buffers.
    fn put(&mut self, growth: Growth, at: usize) {
        if !self.fits(&growth, 0) {
            return;
        }
        let Some(node) = self.node_of(&growth, at) else { return };
        let steps = |position: &usize| self.node(*position).is_some_and(|(op, ..)| changes_in_place(op));
        let (steps, others): (Vec<usize>, Vec<usize>) = growth.positions.iter().partition(|&position| steps(position));
        let changed =
            steps.iter().filter_map(|&step| self.node(step)).flat_map(|(op, inputs, _)| changed_by(op, inputs));
        let readers = changed.flat_map(|value| self.readers(value)).filter(|reader| !steps.contains(reader));
        let place = readers.chain(others).max().unwrap_or(at);
        if !self.are_read_behind(&growth.outputs, &growth.positions, place + 1) {
            return;
        }
        growth.positions.iter().for_each(|&position| self.nodes[position] = None);
        self.behind[place].push(node);
    }

    fn node_of(&self, growth: &Growth, at: usize) -> Option<Node> {
        let Growth { op, inputs, outputs, .. } = growth.clone();
        self.fused(op, inputs, outputs, &self.label(at))
    }
}

/// Whether an op changes an input.
fn changes_in_place(op: &Op) -> bool {
    op.stage().is_some_and(|stage| stage.part.changes_in_place())
}

/// The inputs that an op with a stage changes.
fn changed_by<'a>(op: &'a Op, inputs: &'a [ValueId]) -> impl Iterator<Item = ValueId> + 'a {
    let written = op.spec().bindings.iter().filter(|binding| !binding.is_uniform()).zip(inputs);
    written.filter(|(binding, _)| binding.is_written()).map(|(_, &input)| input)
}
