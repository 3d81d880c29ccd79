//! An op as a part of fused products: it takes each element of one tensor, and no other of it.

use crate::cpu::product::Block;
use crate::kernel::part::Part;
use crate::kernel::{Bound, Clock, Constants};

/// Describes an op that can be a stage of fused products. Its `Params` start with the number of elements and that of a
/// row; the part has the rest of them.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    /// Its WGSL.
    pub part: &'static Part,
    /// Position of the tensor among the op's inputs. The others are the part's buffers, in order.
    pub value: usize,
    /// What it does to a block of a product that is in the cache; without it, the op's twin comes after the product.
    pub block: Option<OnBlock>,
    /// If the op accumulates onto its first input, `w ← alpha · value + beta · w`: the factors `(alpha, beta)`, given
    /// the part's parameters.
    pub scaling: Option<Scaling>,
}

/// The factors `(alpha, beta)` of an accumulation, from a part's parameters.
pub type Scaling = fn(&[u8], &Clock) -> (f32, f32);

/// Does something to a block of a product.
pub type OnBlock = fn(&BlockCall<'_, '_>, &mut Block<'_, f32>);

/// What a stage is called with, beside the block of the product.
#[derive(Debug)]
pub struct BlockCall<'a, 'b> {
    /// The part's parameters.
    pub params: &'a [u8],
    /// Constants of the dispatch.
    pub constants: &'a Constants,
    /// Where the run stands.
    pub clock: &'a Clock,
    /// Columns of the whole product.
    pub columns: usize,
    /// The part's buffers.
    pub inputs: &'a [Bound<'b, f32>],
}

impl Stage {
    /// A stage that takes the op's input at position `value`.
    pub const fn new(part: &'static Part, value: usize) -> Stage {
        Stage { part, value, block: None, scaling: None }
    }
}

impl BlockCall<'_, '_> {
    /// The value of a constant of the dispatch.
    ///
    /// # Panics
    /// If the dispatch does not set it: a defect of the op's table, caught by the kernel tests.
    pub fn constant(&self, name: &str) -> u32 {
        match self.constants.iter().find(|(n, _)| *n == name) {
            Some((_, value)) => *value,
            None => panic!("dispatch sets no constant {name}"),
        }
    }
}
