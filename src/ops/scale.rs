//! `y[i] = factor · x[i]`. Gradient: the same on `g`. Nothing is saved.

use super::{Operation, map};
use crate::error::{Error, Result};
use crate::graph::{
    Case, DType, Element, Expression, Extents, Inputs, Portable, Shape, Stage, Value, ValueId, Vjp, case::floats,
};
use crate::kernel::error_bound::relative;
use crate::kernel::part::{Part, wgsl};
use crate::kernel::{Bound, Float, Grid, KernelSpec, TwinCall, twin::MISMATCH};
use crate::{twin, uniform_struct};
use std::sync::LazyLock;

/// Multiplies each element by a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// The number.
    pub factor: f32,
}

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// Elements of `x`.
        count: u32,
        /// Elements of a row.
        columns: u32,
        /// The factor.
        factor: f32,
    }
}

const NAME: &str = "scale";

/// The op as a stage of fused kernels: its WGSL with its parameters and buffers.
pub const PART: Part = Part::new(NAME, wgsl!("stage/scale.wgsl")).fields(Params::LAYOUT.stage_fields()).cells();

/// The kernel that computes the op: its bindings, parameters, variants and twin.
pub static SPEC: LazyLock<&KernelSpec> = LazyLock::new(|| map::kernel(&PART, 0, twin!(call)));

impl Operation for Scale {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage::new(&PART, 0))
    }

    fn portable(&self) -> Option<Portable> {
        Some(Portable::Elementwise(Expression::Number(f64::from(self.factor)) * Expression::Input(0)))
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [x] = inputs else { return Err(Error::shape(NAME, "takes one tensor")) };
        Ok(vec![(x.shape.clone(), DType::F32)])
    }

    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(request.graph.apply(*self, &[request.grad_output])?)])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let [count, columns] = map::extents(NAME, shapes[0])?;
        Ok(Params { count, columns, factor: self.factor }.to_bytes())
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        map::grid(shapes[0])
    }

    fn bound(&self, _inputs: &Inputs<'_>, at: Element) -> f64 {
        relative(1.0, at.expected)
    }
}

/// Cases of the op for the tests.
pub fn cases(Extents { rows, columns, .. }: Extents) -> Vec<Case> {
    vec![Case::new(Scale { factor: 0.8 }, [floats([rows, columns])])]
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let factor = F::from_f32(call.params::<Params>().factor);
    let [Bound::Float(x), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    for (&x, y) in x.iter().zip(y.iter_mut()) {
        *y = factor * x;
    }
}
