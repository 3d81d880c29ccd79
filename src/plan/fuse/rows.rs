//! Lets the products that read a batch's features read them where they lie in the dataset: the gathering disappears, and the
//! batch with it.

use super::fused;
use crate::graph::{Graph, Node, Role, ValueId};
use crate::kernel::{Profile, Target};
use crate::ops::fused::{Factor, Fused, Link};
use crate::ops::gather::Gather;
use crate::ops::matmul::Matmul;
use crate::ops::product;

/// Storage buffers of two updates of layers side by side, each with its optimizer's state. With fewer these are two launches,
/// so that a step has none left for the gathering.
const TWO_UPDATES: u32 = 12;

/// Replaces each gathering of features that only products read.
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
    let Node { op, inputs, outputs, .. } = &nodes[at];
    let (&[data, order], &[batch]) = (&inputs[..], &outputs[..]) else { return None };
    let (rows, byte_scale) = match *op.downcast_ref::<Gather>()? {
        Gather::F32 { rows } => (rows, None),
        Gather::U8 { rows, scale } => (rows, Some(scale)),
        Gather::Labels { .. } => return None,
    };
    let Profile { products_read_bytes, products_read_floats, .. } = *target.profile;
    let reads = if byte_scale.is_some() { products_read_bytes } else { products_read_floats };
    let saves_a_launch =
        target.budget.kernels > 1 && target.storage_buffers < TWO_UPDATES && product::subgroups_share(target);
    if graph.value(batch).role != Role::Intermediate || !(reads || saves_a_launch) {
        return None;
    }
    let readers = (at + 1..nodes.len()).filter(|&reader| nodes[reader].inputs.contains(&batch));
    let fused = readers.map(|reader| {
        let Node { outputs, label, inputs, .. } = &nodes[reader];
        let mut op = product_of(&nodes[reader])?;
        let factor = inputs.iter().position(|&input| input == batch).filter(|&factor| factor < 2)?;
        if op.factors != [Factor::Dense; 2] || inputs.iter().filter(|&&input| input == batch).count() != 1 {
            return None;
        }
        op.factors[factor] = Factor::Rows { rows, byte_scale };
        let operands = |&input: &ValueId| if input == batch { vec![data, order] } else { vec![input] };
        let inputs = inputs.iter().flat_map(operands).collect();
        Some((reader, fused(graph, target, op, (inputs, outputs.clone()), label)?))
    });
    fused.collect()
}

/// A node's product.
fn product_of(node: &Node) -> Option<Fused> {
    match node.op.downcast_ref::<Matmul>() {
        Some(form) => Some(Fused { chain: vec![Link::Store], ..Fused::new(*form, [Factor::Dense; 2]) }),
        None => node.op.downcast_ref::<Fused>().cloned(),
    }
}
