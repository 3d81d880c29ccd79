//! The definition of a fused product: the twins of its ops in a row.

use super::{EXTENTS, Factor, Fused, Link, OF_MAP};
use crate::kernel::twin::{MAX_BUFFERS, MISMATCH};
use crate::kernel::{Bound, Clock, Constants, TwinCall, Twinned};
use crate::ops::gather;
use crate::ops::matmul::{self, Matmul};
use std::borrow::Cow;

/// Most bytes of the parameters of an op with a stage.
const MOST_PARAMS: usize = 64;

/// What the parameters of a fused kernel consist of, from front to back.
pub(super) struct Params<'a>(&'a [u8]);

impl<'a> Params<'a> {
    /// The extents, and the rest.
    pub fn new(bytes: &'a [u8]) -> (matmul::Params, Params<'a>) {
        let [m, n, k] = bytemuck::pod_read_unaligned(&bytes[..EXTENTS]);
        (matmul::Params { m, n, k }, Params(&bytes[EXTENTS..]))
    }

    /// A part of them, without the extents.
    pub fn of(bytes: &'a [u8]) -> Params<'a> {
        Params(bytes)
    }

    /// Skips a number of bytes.
    pub fn skip(&mut self, size: usize) {
        self.0 = &self.0[size..];
    }

    /// The next bytes, of the given number.
    pub fn take(&mut self, size: usize) -> &'a [u8] {
        let (own, rest) = self.0.split_at(size);
        self.0 = rest;
        own
    }
}

/// One op of a chain, to be run by itself.
pub(super) struct StageCall<'a> {
    pub link: &'a Link,
    /// Elements of the value, and columns.
    pub count: usize,
    pub columns: usize,
    /// Its parameters in the fused kernel.
    pub params: &'a [u8],
    pub constants: &'a Constants,
    pub clock: &'a Clock,
    pub reproducible: bool,
}

impl StageCall<'_> {
    /// Runs the twin: the value, the op's other inputs, and where its result goes, if it has one.
    pub fn run<F: Twinned>(&self, value: &[F], others: &mut [Bound<'_, F>], result: Option<&mut [F]>, fast: bool) {
        let Some((op, stage)) = self.link.op() else { panic!("{MISMATCH}") };
        let mut params = [0; MOST_PARAMS];
        let size = OF_MAP + self.params.len();
        params[..OF_MAP].copy_from_slice(bytemuck::cast_slice(&[self.count as u32, self.columns as u32]));
        params[OF_MAP..size].copy_from_slice(self.params);
        let mut buffers = [const { Bound::Word(&[]) }; MAX_BUFFERS];
        let inputs = others.len() + 1;
        let (mut value, mut others) = (Some(Bound::Float(value)), others.iter_mut());
        for (at, buffer) in buffers[..inputs].iter_mut().enumerate() {
            let own = if at == stage.value { value.take() } else { others.next().map(Bound::reborrow) };
            *buffer = own.unwrap_or_else(|| panic!("{MISMATCH}"));
        }
        let has_result = result.is_some();
        if let Some(result) = result {
            buffers[inputs] = Bound::FloatMut(result);
        }
        F::of(&op.spec().twin, fast)(&mut TwinCall {
            params: &params[..size],
            specialization: self.constants,
            clock: self.clock,
            op: op.as_any(),
            reproducible: self.reproducible,
            buffers: &mut buffers[..inputs + usize::from(has_result)],
        });
    }
}

/// The factors as matrices, and the other inputs.
pub(super) fn factors<'a, 'b, F: Twinned>(
    fused: &Fused,
    extents: &matmul::Params,
    clock: &Clock,
    inputs: &'a mut [Bound<'b, F>],
) -> ([Cow<'a, [F]>; 2], &'a mut [Bound<'b, F>]) {
    let [a, b] = fused.factors;
    let (of_a, rest) = inputs.split_at_mut(a.inputs());
    let (of_b, rest) = rest.split_at_mut(b.inputs());
    let columns_of_a = if fused.product == Matmul::TN { extents.m } else { extents.k };
    let columns_of_b = if fused.product == Matmul::NT { extents.k } else { extents.n };
    ([matrix(a, columns_of_a, clock, of_a), matrix(b, columns_of_b, clock, of_b)], rest)
}

fn matrix<'a, F: Twinned>(factor: Factor, columns: u32, clock: &Clock, inputs: &'a [Bound<'_, F>]) -> Cow<'a, [F]> {
    match (factor, inputs) {
        (Factor::Dense, [Bound::Float(matrix)]) => Cow::Borrowed(matrix),
        (Factor::Rows { rows, byte_scale }, [data, Bound::Word(order)]) => {
            let params = gather::Params { count: rows as u32 * columns, columns, scale: byte_scale.unwrap_or(1.0) };
            Cow::Owned(gather::rows(&params, clock, data, order))
        }
        _ => panic!("{MISMATCH}"),
    }
}

/// The twins in a row.
pub(super) fn call<F: Twinned>(call: &mut TwinCall<'_, '_, F>) {
    let Some(fused) = call.op.downcast_ref::<Fused>() else { panic!("{MISMATCH}") };
    let (extents, mut params) = Params::new(call.params);
    let (m, n) = (extents.m as usize, extents.n as usize);
    let (inputs, results) = call.buffers.split_at_mut(fused.input_count());
    let ([a, b], mut others) = factors(fused, &extents, call.clock, inputs);
    params.skip(fused.factors.iter().map(|factor| factor.params_size()).sum());
    let mut product = vec![F::ZERO; m * n];
    matmul::reference(fused.product, &extents, &a, &b, &mut product);
    let mut sums = vec![F::ZERO; if fused.beside.is_empty() { 0 } else { m }];
    if !sums.is_empty() {
        sum_columns(&a, &mut sums);
    }
    let mut results = results.iter_mut();
    for (chain, mut value, columns) in [(&fused.chain, product, n), (&fused.beside, sums, m)] {
        for link in chain {
            let Some((_, stage)) = link.op() else {
                let Some(Bound::FloatMut(result)) = results.next() else { panic!("{MISMATCH}") };
                result.copy_from_slice(&value);
                continue;
            };
            let (own, rest) = std::mem::take(&mut others).split_at_mut(stage.part.bindings.len());
            others = rest;
            let stage = StageCall {
                link,
                count: value.len(),
                columns,
                params: params.take(link.params_size()),
                constants: call.specialization,
                clock: call.clock,
                reproducible: call.reproducible,
            };
            if link.part().changes_in_place() {
                stage.run(&value, own, None, false);
            } else {
                let mut next = vec![F::ZERO; value.len()];
                stage.run(&value, own, Some(&mut next), false);
                value = next;
            }
        }
    }
}

/// Adds the rows of a matrix up.
#[inline(always)]
pub(super) fn sum_columns<F: Twinned>(matrix: &[F], sums: &mut [F]) {
    sums.fill(F::ZERO);
    for row in matrix.chunks_exact(sums.len()) {
        for (sum, &x) in sums.iter_mut().zip(row) {
            *sum += x;
        }
    }
}
