//! How far a kernel's results may be from its twin's: what the op states
//! ([`Operation::bound`](crate::graph::Operation::bound)), on given inputs.
//!
//! [`Bounds::exact`] costs as much as the twin where the op is a product. [`Bounds::quick`] bounds the sums of a
//! product by the lengths of rows and columns, and doubles the bound, because results are then compared with the twin's
//! fast form in f32, which keeps to the same bound.

use super::case::{Case, Data};
use crate::graph::{Element, Equivalent, Inputs, Op};
use crate::kernel::Clock;
use std::borrow::Cow;

/// The bounds of a case on given inputs.
#[derive(Debug)]
pub struct Bounds<'a> {
    op: Op,
    inputs: Inputs<'a>,
    /// For each tensor of the case its position among those of `op`, if that is another.
    positions: Option<Vec<usize>>,
}

impl<'a> Bounds<'a> {
    /// The bounds of results that are compared with the twin in f64. The clock says which rows of the dataset are the
    /// batch.
    pub fn exact(case: &'a Case, data: impl Into<Cow<'a, [Data]>>, clock: &Clock) -> Bounds<'a> {
        let own = Inputs::new(&case.inputs, data, 0, case.op.factors());
        match case.op.equivalent(&own, clock) {
            None => Bounds { op: case.op.clone(), inputs: own, positions: None },
            Some(Equivalent { op, kinds, data, positions, roundings }) => {
                let inputs = Inputs::new(kinds, data, roundings, op.factors());
                Bounds { op, inputs, positions: Some(positions) }
            }
        }
    }

    /// The bounds of results that are compared with the twin's fast form in f32, if the op is a product, else as
    /// [`Bounds::exact`].
    pub fn quick(case: &'a Case, data: impl Into<Cow<'a, [Data]>>, clock: &Clock) -> Bounds<'a> {
        let Bounds { op, inputs, positions } = Bounds::exact(case, data, clock);
        Bounds { op, inputs: inputs.quick(), positions }
    }

    /// Whether results are to be compared with the twin's fast form in f32.
    pub fn takes_fast_twin(&self) -> bool {
        self.inputs.is_quick()
    }

    /// How far element `index` of a result (the operand `tensor`, inputs first) may be from `expected`, the twin's
    /// value.
    pub fn of(&self, tensor: usize, index: usize, expected: f64) -> f64 {
        let tensor = self.positions.as_ref().map_or(tensor, |positions| positions[tensor]);
        let bound = self.op.bound(&self.inputs, Element { tensor, index, expected });
        if self.inputs.is_quick() { 2.0 * bound } else { bound }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::case::floats;
    use crate::ops::matmul::Matmul;
    use crate::ops::penalty::Penalty;
    use crate::ops::pointwise_loss::{Pointwise, PointwiseLoss};

    /// A device may flush each term and each sum below the smallest normal number to zero.
    #[test]
    fn sums_of_what_is_flushed_are_within_their_bounds() {
        let row = || floats([1, 257]);
        let clock = Clock { step: 0, epoch: 1, batch_start: 0, slot: 0, first_row: 0, learning_rate: 0.1 };
        for (case, other) in [
            (Case::new(Matmul::NT, [row(), row()]), 1e-20),
            (Case::new(PointwiseLoss { form: Pointwise::SquaredError, mean: false }, [row(), row()]), 0.0),
            (Case::new(Penalty { l1: 0.0, l2: 1.0 }, [row()]), 0.0),
        ] {
            let inputs: Vec<Data> =
                [1e-20, other].iter().take(case.inputs.len()).map(|&x| Data::Float(vec![x; 257])).collect();
            let expected = 257.0 * 1e-40;
            let bound = Bounds::exact(&case, &inputs, &clock).of(case.inputs.len(), 0, expected);
            assert!(bound >= expected, "{:?}: {bound:e}", case.op);
        }
    }
}
