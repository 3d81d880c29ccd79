//! Where a graph is not differentiable: the numbers at whose change of sign an op's derivative jumps.
//!
//! A difference of losses on both sides of such a place says nothing about the derivative. An op with a kink that is
//! missing here shows as a failed check, never as a passed one.

use crate::backend::cpu::CpuExecutor;
use crate::error::Result;
use crate::graph::{DType, Graph, Node, ValueId};
use crate::kernel::Bound;

/// The nodes of a graph that have kinks.
#[derive(Debug)]
pub(super) struct Kinks {
    nodes: Vec<Node>,
    /// For each node, of each input whether it holds floats.
    are_floats: Vec<Vec<bool>>,
}

/// What an executor holds in a value.
enum Content {
    Float(Vec<f64>),
    Word(Vec<u32>),
}

impl Content {
    fn bound(&self) -> Bound<'_, f64> {
        match self {
            Content::Float(data) => Bound::Float(data),
            Content::Word(data) => Bound::Word(data),
        }
    }
}

impl Kinks {
    /// Finds the nodes with kinks among the first `count` of a graph.
    pub fn find(graph: &Graph, count: usize) -> Kinks {
        let nodes: Vec<Node> = graph.nodes()[..count].iter().filter(|n| n.op.kinks().is_some()).cloned().collect();
        let is_float = |&id: &ValueId| graph.value(id).dtype == DType::F32;
        let are_floats = nodes.iter().map(|node| node.inputs.iter().map(is_float).collect()).collect();
        Kinks { nodes, are_floats }
    }

    /// The values that must stay readable.
    pub fn values(&self) -> impl Iterator<Item = ValueId> {
        self.nodes.iter().flat_map(|node| &node.inputs).copied()
    }

    /// On which side of its kink each number lies: −1, 0 for right on it, 1.
    pub fn sides(&self, executor: &CpuExecutor<f64>) -> Result<Vec<i8>> {
        let mut sides = Vec::new();
        for (node, are_floats) in self.nodes.iter().zip(&self.are_floats) {
            let read = |(&id, &is_float): (&ValueId, &bool)| match is_float {
                true => executor.read(id).map(Content::Float),
                false => executor.read_words(id).map(Content::Word),
            };
            let contents = node.inputs.iter().zip(are_floats).map(read).collect::<Result<Vec<Content>>>()?;
            let inputs: Vec<Bound<'_, f64>> = contents.iter().map(Content::bound).collect();
            if let Some(kinks) = node.op.kinks() {
                sides.extend(kinks(&inputs).into_iter().map(side));
            }
        }
        Ok(sides)
    }
}

fn side(x: f64) -> i8 {
    i8::from(x > 0.0) - i8::from(x < 0.0)
}
