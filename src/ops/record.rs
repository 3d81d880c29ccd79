//! Files results of a batch: `ring[slot mod S, column] ← x`, and of a pair `ring[slot mod S, column + 1] ← y`.
//!
//! `x, y: [1]`, `ring: [S, W]`; `slot` is the clock's. The host reads the ring back once for many steps.

use super::{Operation, extent, plain};
use crate::error::{Error, Result};
use crate::graph::{Case, DType, Extents, Shape, Value, case::floats};
use crate::kernel::{Binding, Bound, Clock, Content, Float, Grid, KernelSpec, TwinCall, Variant, twin::MISMATCH};
use crate::{twin, uniform_struct};

/// Files one or two numbers. Inputs: the numbers, ring (in place).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// One number.
    One {
        /// Its column of the ring.
        column: usize,
    },
    /// Two numbers in neighbouring columns.
    Two {
        /// The column of the first.
        column: usize,
    },
}

uniform_struct! {
    /// Parameters of both kernels.
    pub struct Params {
        /// S
        slots: u32,
        /// W
        width: u32,
        /// Which column.
        column: u32,
    }
}

/// The kernel for one number: one invocation.
pub const SPEC: KernelSpec = KernelSpec {
    name: "record",
    bindings: &[Binding::PARAMS, Binding::CLOCK, Binding::read("x"), Binding::write("ring").holding(Content::Ring)],
    params: Params::LAYOUT,
    specialization: &[],
    variants: &[Variant { workgroup_size: 1, shares: false, ..plain!("record", [Clock]) }],
    twin: twin!(call),
    composition: None,
    entry_point: None,
};

/// The kernel for two numbers: one invocation.
pub const PAIR_SPEC: KernelSpec = KernelSpec {
    name: "record_pair",
    bindings: &[
        Binding::PARAMS,
        Binding::CLOCK,
        Binding::read("x"),
        Binding::read("y"),
        Binding::write("ring").holding(Content::Ring),
    ],
    variants: &[Variant { workgroup_size: 1, shares: false, ..plain!("record_pair", [Clock]) }],
    twin: twin!(call_pair),
    ..SPEC
};

impl Operation for Record {
    fn spec(&self) -> &'static KernelSpec {
        match self {
            Record::One { .. } => &SPEC,
            Record::Two { .. } => &PAIR_SPEC,
        }
    }

    fn is_differentiable(&self) -> bool {
        false
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let name = self.spec().name;
        let (column, numbers) = self.columns();
        let (Some((ring, given)), true) = (inputs.split_last(), inputs.len() == numbers + 1) else {
            return Err(Error::shape(name, format!("takes {numbers} of numbers and the ring")));
        };
        let (_, width) = ring.shape.matrix(name)?;
        if given.iter().any(|x| x.shape.elements() != 1) || column.checked_add(numbers).is_none_or(|end| end > width) {
            let shapes: Vec<String> = given.iter().map(|x| x.shape.to_string()).collect();
            let detail = format!("numbers are {}, ring {}, column {column}", shapes.join(", "), ring.shape);
            return Err(Error::shape(name, detail));
        }
        Ok(Vec::new())
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let (column, numbers) = self.columns();
        let (slots, width) = shapes[numbers].matrix(SPEC.name)?;
        let params = Params {
            slots: extent(SPEC.name, slots)?,
            width: extent(SPEC.name, width)?,
            column: extent(SPEC.name, column)?,
        };
        Ok(params.to_bytes())
    }

    fn grid(&self, _shapes: &[&Shape]) -> Grid {
        Grid::One
    }
}

impl Record {
    /// The first column and how many numbers there are.
    fn columns(&self) -> (usize, usize) {
        match *self {
            Record::One { column } => (column, 1),
            Record::Two { column } => (column, 2),
        }
    }
}

impl Params {
    /// Position in the ring.
    fn entry(&self, clock: &Clock) -> usize {
        (clock.slot % self.slots * self.width + self.column) as usize
    }
}

/// Cases of the op for the tests.
pub fn cases(_: Extents) -> Vec<Case> {
    let ring = || floats([7, 3]);
    vec![
        Case::new(Record::One { column: 2 }, [floats([1]), ring()]),
        Case::new(Record::Two { column: 0 }, [floats([1]), floats([1]), ring()]),
    ]
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let at = call.params::<Params>().entry(call.clock);
    let [Bound::Float(x), Bound::FloatMut(ring)] = call.buffers else { panic!("{MISMATCH}") };
    ring[at] = x[0];
}

fn call_pair<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let at = call.params::<Params>().entry(call.clock);
    let [Bound::Float(x), Bound::Float(y), Bound::FloatMut(ring)] = call.buffers else { panic!("{MISMATCH}") };
    ring[at] = x[0];
    ring[at + 1] = y[0];
}
