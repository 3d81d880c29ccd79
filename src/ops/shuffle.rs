//! Row order of an epoch: `order[i]` = the dataset's row at position `i`, a keyed bijection of `0..N`.
//!
//! Position `i` of epoch `e` is a function of (seed, e, i): see [`Permutation`]. Each
//! invocation computes its own position, so the order is the same on every device and a run can resume anywhere.

use super::{Operation, extent, plain};
use crate::error::{Error, Result};
use crate::graph::{Case, DType, Extents, Shape, Value, case::words};
use crate::kernel::{Binding, Bound, Content, Float, Grid, KernelSpec, TwinCall, twin::MISMATCH};
use crate::random::{Key, Permutation};
use crate::{twin, uniform_struct};

/// Writes the order of the clock's epoch. Input: `order`, in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shuffle {
    /// N, the rows of the dataset: the first N entries of `order` are written.
    pub rows: usize,
    /// Stream of the order, `None` for the dataset's own order.
    pub key: Option<Key>,
}

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// N
        count: u32,
        /// 1 to shuffle, 0 for the dataset's own order.
        shuffled: u32,
        /// Low word of the key.
        key_low: u32,
        /// High word of the key.
        key_high: u32,
    }
}

/// The kernel that computes the op: its bindings, parameters, variants and twin.
pub const SPEC: KernelSpec = KernelSpec {
    name: "shuffle",
    bindings: &[Binding::PARAMS, Binding::CLOCK, Binding::write_words("order").holding(Content::Order)],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[plain!("shuffle", [Grid, Random, Clock])],
    twin: twin!(call),
    composition: None,
    entry_point: None,
};

impl Operation for Shuffle {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn is_differentiable(&self) -> bool {
        false
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [order] = inputs else { return Err(Error::shape(SPEC.name, "takes the order")) };
        if order.shape.vector(SPEC.name)? < self.rows {
            return Err(Error::shape(SPEC.name, format!("order is {}, for {} rows", order.shape, self.rows)));
        }
        Ok(Vec::new())
    }

    fn params(&self, _shapes: &[&Shape]) -> Result<Vec<u8>> {
        let [key_low, key_high] = self.key.unwrap_or_default();
        let shuffled = u32::from(self.key.is_some());
        Ok(Params { count: extent(SPEC.name, self.rows)?, shuffled, key_low, key_high }.to_bytes())
    }

    fn grid(&self, _shapes: &[&Shape]) -> Grid {
        Grid::Elements(self.rows)
    }
}

/// Cases of the op for the tests.
pub fn cases(Extents { rows, columns, .. }: Extents) -> Vec<Case> {
    let elements = rows * columns;
    vec![
        Case::new(Shuffle { rows: elements, key: Some([3, 4]) }, [words([elements + 1])]),
        Case::new(Shuffle { rows, key: None }, [words([rows])]),
    ]
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::WordMut(order)] = call.buffers else { panic!("{MISMATCH}") };
    reference(&params, call.clock.epoch, order);
}

/// Computes the op by plain loops over slices: the definition that all its kernels are compared with.
pub fn reference(params: &Params, epoch: u32, order: &mut [u32]) {
    let permutation = Permutation::new([params.key_low, params.key_high], epoch, params.count);
    for (i, row) in (0..params.count).zip(order) {
        *row = if params.shuffled == 1 { permutation.at(i) } else { i };
    }
}
