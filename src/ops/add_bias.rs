//! `y[b,o] = x[b,o] + bias[o]`, `x, y: [B, O]`, `bias: [O]`.
//!
//! Gradient: `grad_x = g`, `grad_bias[o] = Σ_b g[b,o]`. Nothing is saved.

use super::column_sum::ColumnSum;
use super::{Operation, extent, map};
use crate::cpu::product::Block;
use crate::cpu::{for_each_part, inlined, widest};
use crate::error::{Error, Result};
use crate::graph::{
    BlockCall, Case, DType, Element, Expression, Extents, Inputs, Portable, Shape, Stage, Value, ValueId, Vjp,
    case::floats,
};
use crate::kernel::error_bound::relative;
use crate::kernel::part::{Part, wgsl};
use crate::kernel::{Binding, Bound, Float, Grid, KernelSpec, TwinCall, twin::MISMATCH};
use crate::{twin, uniform_struct};
use std::sync::LazyLock;

/// Adds a bias vector to each row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AddBias;

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// Elements of `x`.
        count: u32,
        /// O, the elements of `bias`.
        columns: u32,
    }
}

const NAME: &str = "add_bias";

/// The op as a stage of fused kernels: its WGSL with its parameters and buffers.
pub const PART: Part = Part::new(NAME, wgsl!("stage/add_bias.wgsl")).bindings(&[Binding::read("bias")]).cells();

/// The kernel that computes the op: its bindings, parameters, variants and twin.
pub static SPEC: LazyLock<&KernelSpec> = LazyLock::new(|| map::kernel(&PART, 0, twin!(call, fast = call_fast)));

impl Operation for AddBias {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage { block: Some(on_block), ..Stage::new(&PART, 0) })
    }

    fn portable(&self) -> Option<Portable> {
        Some(Portable::Elementwise(Expression::Input(0) + Expression::Input(1)))
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [x, bias] = inputs else { return Err(Error::shape(NAME, "takes x and bias")) };
        let (_, columns) = x.shape.matrix(NAME)?;
        if bias.shape.vector(NAME)? != columns {
            return Err(Error::shape(NAME, format!("x is {}, bias is {}", x.shape, bias.shape)));
        }
        Ok(vec![(x.shape.clone(), DType::F32)])
    }

    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        let g = request.grad_output;
        let grad_bias = request.if_needed(1, |graph| graph.apply(ColumnSum::SUM, &[g]))?;
        Ok(vec![Some(g), grad_bias])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let count = shapes[0].elements_u32(NAME)?;
        let columns = extent(NAME, shapes[1].elements())?;
        Ok(Params { count, columns }.to_bytes())
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
    vec![Case::new(AddBias, [floats([rows, columns]), floats([columns])])]
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let [Bound::Float(x), Bound::Float(bias), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    reference(x, bias, y);
}

fn call_fast(call: &mut TwinCall<'_, '_, f32>) {
    let [Bound::Float(x), Bound::Float(bias), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    for_each_part([y], bias.len(), inlined!(|first, [y]| reference(&x[first..], bias, y)));
}

fn on_block(call: &BlockCall<'_, '_>, block: &mut Block<'_, f32>) {
    let [Bound::Float(bias)] = call.inputs else { panic!("{MISMATCH}") };
    widest(inlined!(|| block.for_each_row(inlined!(|_, first, part| {
        for (y, &bias) in part.iter_mut().zip(&bias[first..]) {
            *y += bias;
        }
    }))));
}

/// Computes the op by plain loops over slices: the definition that all its kernels are compared with.
#[inline(always)]
pub fn reference<F: Float>(x: &[F], bias: &[F], y: &mut [F]) {
    for (x, y) in x.chunks_exact(bias.len()).zip(y.chunks_exact_mut(bias.len())) {
        for o in 0..bias.len() {
            y[o] = x[o] + bias[o];
        }
    }
}
