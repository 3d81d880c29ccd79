//! Reverse-mode differentiation: appends the backward part of a phase, op by op.
//!
//! Each op states its vector-Jacobian product as more ops ([`Operation::vjp`]). Here they are chained in reverse
//! order, and gradients that meet at one value are added.

#[cfg(doc)]
use super::Operation;
use super::{DType, Graph, Op, Role, ValueId, Vjp};
use crate::error::{Error, Result};
use std::collections::HashMap;

impl Graph {
    /// [`Graph::gradients`] with the op that adds two gradients: a graph knows none itself.
    pub(crate) fn differentiate(&mut self, loss: ValueId, targets: &[ValueId], add: &Op) -> Result<Vec<ValueId>> {
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
                    Some(&earlier) => self.apply(add.clone(), &[earlier, gradient])?,
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
