//! Where a graph is not differentiable: the numbers at whose change of sign an op's derivative jumps.
//!
//! A difference of losses on both sides of such a place says nothing about the derivative. An op with a kink that is
//! missing here shows as a failed check, never as a passed one.

use crate::backend::cpu::CpuExecutor;
use crate::error::Result;
use crate::graph::{Graph, Node, ValueId};
use crate::ops::Op;
use crate::ops::activation::{Activate, Activation};
use crate::ops::pointwise_loss::Pointwise;

/// The nodes of a graph that have kinks.
#[derive(Debug)]
pub(super) struct Kinks {
    nodes: Vec<Node>,
}

impl Kinks {
    /// Of the first `count` nodes.
    pub fn find(graph: &Graph, count: usize) -> Kinks {
        Kinks { nodes: graph.nodes()[..count].iter().filter(|node| has_kink(&node.op)).cloned().collect() }
    }

    /// The values that must stay readable.
    pub fn values(&self) -> impl Iterator<Item = ValueId> {
        self.nodes.iter().flat_map(|node| &node.inputs).copied()
    }

    /// On which side of its kink each number lies: −1, 0 for right on it, 1.
    pub fn sides(&self, executor: &CpuExecutor<f64>) -> Result<Vec<i8>> {
        let mut sides = Vec::new();
        for node in &self.nodes {
            let x = executor.read(node.inputs[0])?;
            match &node.op {
                Op::MarginLoss(loss) => {
                    let labels = executor.read_words(node.inputs[1])?;
                    let classes = x.len() / labels.len().max(1);
                    for (row, &label) in x.chunks_exact(classes.max(1)).zip(&labels) {
                        let lead = |&z: &f64| z - row[label as usize] + f64::from(loss.margin);
                        let others = row.iter().enumerate().filter(|(class, _)| *class != label as usize);
                        sides.extend(others.map(|(_, z)| side(lead(z))));
                    }
                }
                Op::PointwiseLoss(_) => {
                    let expected = executor.read(node.inputs[1])?;
                    sides.extend(x.iter().zip(&expected).map(|(p, y)| side(p - y)));
                }
                _ => sides.extend(x.iter().map(|&x| side(x))),
            }
        }
        Ok(sides)
    }
}

fn side(x: f64) -> i8 {
    i8::from(x > 0.0) - i8::from(x < 0.0)
}

fn has_kink(op: &Op) -> bool {
    match op {
        Op::Activate(Activate(activation)) => match activation {
            Activation::Relu | Activation::Step => true,
            Activation::LeakyRelu { slope } => *slope != 1.0,
            Activation::Elu { alpha } => *alpha != 1.0,
            _ => false,
        },
        Op::MarginLoss(_) => true,
        Op::PointwiseLoss(loss) => loss.form == Pointwise::AbsoluteError,
        Op::Penalty(penalty) => penalty.l1 != 0.0,
        _ => false,
    }
}
