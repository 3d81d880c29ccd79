//! Reverse-mode differentiation: appends the backward part of a phase, op by op.
//!
//! Each op states its vector-Jacobian product as more ops ([`Operation::vjp`]). Here they are chained in reverse
//! order, and gradients that meet at one value are added.

use super::{DType, Graph, Role, ValueId};
use crate::error::{Error, Result};
use crate::ops::{Operation, elementwise::Elementwise};
use std::collections::HashMap;

/// What an op is asked for: the gradients of its inputs, given the gradient of its output.
#[derive(Debug)]
pub struct Vjp<'a> {
    /// Where to append.
    pub graph: &'a mut Graph,
    /// The node's inputs.
    pub inputs: &'a [ValueId],
    /// The node's outputs.
    pub outputs: &'a [ValueId],
    /// Gradient of the loss with respect to the first output.
    pub grad_output: ValueId,
    /// Which inputs need a gradient; the others may get `None`.
    pub needed: &'a [bool],
}

impl Vjp<'_> {
    /// Computes `gradient` only if input `i` needs one.
    pub fn if_needed(
        &mut self,
        i: usize,
        gradient: impl FnOnce(&mut Graph) -> Result<ValueId>,
    ) -> Result<Option<ValueId>> {
        if self.needed[i] { gradient(self.graph).map(Some) } else { Ok(None) }
    }
}

impl Graph {
    /// Appends to the current phase the gradients of the scalar `loss` with respect to `targets`.
    ///
    /// Returns one value for each target, of the target's shape.
    ///
    /// # Errors
    /// [`Error::Shape`] if `loss` is not a scalar computed in the current phase, if a target does not influence it,
    /// or if an op on the way has no derivative.
    pub fn gradients(&mut self, loss: ValueId, targets: &[ValueId]) -> Result<Vec<ValueId>> {
        if self.shape(loss).elements() != 1 {
            let detail =
                format!("the loss must be one number, `{}` has shape {}", self.value(loss).name, self.shape(loss));
            return Err(Error::shape("gradients", detail));
        }
        let nodes = self.phases.last().map_or(0..0, |phase| phase.nodes.clone());

        let mut needs = vec![false; self.values.len()];
        targets.iter().for_each(|t| needs[t.index()] = true);
        for node in &self.nodes[nodes.clone()] {
            if node.inputs.iter().any(|i| needs[i.index()]) {
                node.outputs.iter().for_each(|o| needs[o.index()] = true);
            }
        }

        let seed = self.declare("grad_loss", self.shape(loss).clone(), DType::F32, Role::Constant(1.0));
        let mut gradients = HashMap::from([(loss, seed)]);
        let scope = std::mem::take(&mut self.scope);
        for index in nodes.rev() {
            let node = self.nodes[index].clone();
            let Some(&grad_output) = node.outputs.first().and_then(|o| gradients.get(o)) else { continue };
            let needed: Vec<bool> = node.inputs.iter().map(|i| needs[i.index()]).collect();
            if !needed.contains(&true) {
                continue;
            }
            self.scope = match node.label.rsplit_once('.') {
                Some((layer, _)) => layer.to_string(),
                None => String::new(),
            };
            let mut request =
                Vjp { graph: self, inputs: &node.inputs, outputs: &node.outputs, grad_output, needed: &needed };
            let input_gradients = node.op.vjp(&mut request)?;
            for ((input, gradient), needed) in node.inputs.iter().zip(input_gradients).zip(needed) {
                let (Some(gradient), true) = (gradient, needed) else { continue };
                let total = match gradients.get(input) {
                    Some(&earlier) => self.apply(Elementwise::Add, &[earlier, gradient])?,
                    None => gradient,
                };
                gradients.insert(*input, total);
            }
        }
        self.scope = scope;

        targets
            .iter()
            .map(|target| {
                gradients.get(target).copied().ok_or_else(|| {
                    let detail = format!("`{}` does not influence the loss", self.value(*target).name);
                    Error::shape("gradients", detail)
                })
            })
            .collect()
    }
}
