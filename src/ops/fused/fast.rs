//! The fast form of a fused product: what can be done to a block of the product while it is in the cache is done there, the
//! rest by the fast forms of the ops. A step of plain descent is part of the product.

use super::definition::{Params, StageCall, factors, sum_columns};
use super::{Factor, Fused, Link};
use crate::cpu::product::{self as cpu_product, Block, Matrix, Scaling};
use crate::cpu::{Aligned, inlined, widest};
use crate::graph::BlockCall;
use crate::kernel::twin::MISMATCH;
use crate::kernel::{Bound, TwinCall};
use std::cell::RefCell;

thread_local! {
    // Kept, so that a step allocates nothing: two values on their way, and sums of columns.
    static MEMORY: RefCell<[Aligned<f32>; 3]> =
        const { RefCell::new([Aligned::new(), Aligned::new(), Aligned::new()]) };
}

/// A matrix where it stands, if it is one of floats.
fn in_place<'a>(factor: Factor, inputs: &'a [Bound<'_, f32>], batch_start: usize) -> Option<Matrix<'a>> {
    match (factor, inputs) {
        (Factor::Dense, [Bound::Float(matrix)]) => Some(Matrix::from(*matrix)),
        (Factor::Rows { rows, byte_scale: None }, [Bound::Float(data), Bound::Word(order)]) => {
            Some(Matrix { data, row_indices: Some(&order[batch_start..][..rows]) })
        }
        _ => None,
    }
}

/// See the file's comment. Bytes of a dataset become floats first: plans for the CPU have none here.
pub(super) fn call(call: &mut TwinCall<'_, '_, f32>) {
    let Some(fused) = call.op.downcast_ref::<Fused>() else { panic!("{MISMATCH}") };
    let (inputs, results) = call.buffers.split_at_mut(fused.input_count());
    let [a, b] = fused.factors;
    let (of_a, rest) = inputs.split_at_mut(a.inputs());
    let (of_b, others) = rest.split_at_mut(b.inputs());
    let start = call.clock.batch_start as usize;
    let frame = Frame {
        fused,
        call_params: call.params,
        constants: call.specialization,
        clock: call.clock,
        reproducible: call.reproducible,
    };
    match (in_place(a, of_a, start), in_place(b, of_b, start)) {
        (Some(a), Some(b)) => frame.run((a, b), others, results),
        _ => {
            let (extents, _) = Params::new(call.params);
            let ([a, b], others) = factors(fused, &extents, call.clock, inputs);
            frame.run((Matrix::from(&*a), Matrix::from(&*b)), others, results);
        }
    }
}

/// One call.
struct Frame<'a> {
    fused: &'a Fused,
    call_params: &'a [u8],
    constants: &'a crate::kernel::Constants,
    clock: &'a crate::kernel::Clock,
    reproducible: bool,
}

impl Frame<'_> {
    fn stage<'b>(&'b self, link: &'b Link, (count, columns): (usize, usize), params: &'b [u8]) -> StageCall<'b> {
        let (constants, clock, reproducible) = (self.constants, self.clock, self.reproducible);
        StageCall { link, count, columns, params, constants, clock, reproducible }
    }

    fn run(&self, (a, b): (Matrix<'_>, Matrix<'_>), others: &mut [Bound<'_, f32>], results: &mut [Bound<'_, f32>]) {
        let (extents, mut params) = Params::new(self.call_params);
        params.skip(self.fused.factors.iter().map(|factor| factor.params_size()).sum());
        let of_chain = self.fused.chain.iter().map(Link::inputs).sum();
        let (of_chain, of_beside) = others.split_at_mut(of_chain);
        MEMORY.with_borrow_mut(|[first, second, sums]| {
            self.chain((a, b), &extents, &mut params, of_chain, results, [first, second]);
            if !self.fused.beside.is_empty() {
                self.beside(a, extents.m as usize, &mut params, of_beside, sums);
            }
        });
    }

    /// The product and what its elements go through.
    fn chain(
        &self,
        (a, b): (Matrix<'_>, Matrix<'_>),
        extents: &crate::ops::matmul::Params,
        params: &mut Params<'_>,
        mut others: &mut [Bound<'_, f32>],
        mut results: &mut [Bound<'_, f32>],
        [first, second]: [&mut Aligned<f32>; 2],
    ) {
        let (form, size) = (self.fused.product.stored(), extents.size());
        let (count, columns) = (size.m * size.n, size.n);
        // A step that is an accumulation onto the weight.
        if let [link] = &self.fused.chain[..]
            && let Some((_, stage)) = link.op()
            && let Some(scaling) = stage.scaling
            && let [Bound::FloatMut(weight), ..] = others
        {
            let (alpha, beta) = scaling(params.take(link.params_size()), self.clock);
            let scaling = Scaling { alpha, beta };
            return cpu_product::multiply(form, size, (a, b), weight, scaling, self.reproducible, |_| ());
        }
        // What is done to blocks.
        let blocks =
            self.fused.chain.iter().take_while(|link| link.op().is_some_and(|(_, s)| s.block.is_some())).count();
        let of_blocks: usize = self.fused.chain[..blocks].iter().map(Link::inputs).sum();
        let (block_inputs, rest) = others.split_at_mut(of_blocks);
        others = rest;
        let block_params = params.take(self.fused.chain[..blocks].iter().map(Link::params_size).sum());
        let finish = |block: &mut Block<'_, f32>| self.finish(blocks, block_params, block_inputs, columns, block);
        let mut at = blocks;
        let is_stored = self.fused.chain.get(at) == Some(&Link::Store);
        let mut value: &mut [f32] = if is_stored { next_result(&mut results) } else { first.at_least(count) };
        cpu_product::multiply(form, size, (a, b), value, Scaling::PRODUCT, self.reproducible, finish);
        at += usize::from(is_stored);
        // What is done to all of it.
        let mut spare = Some(second.at_least(if at < self.fused.chain.len() { count } else { 0 }));
        let mut is_lent = !is_stored;
        while let Some(link) = self.fused.chain.get(at) {
            at += 1;
            if *link == Link::Store {
                next_result(&mut results).copy_from_slice(value);
                continue;
            }
            let (own, rest) = std::mem::take(&mut others).split_at_mut(link.inputs());
            others = rest;
            let stage = self.stage(link, (count, columns), params.take(link.params_size()));
            if link.part().changes_in_place() {
                stage.run(value, own, None, true);
                continue;
            }
            let is_stored = self.fused.chain.get(at) == Some(&Link::Store);
            at += usize::from(is_stored);
            let next: &mut [f32] = if is_stored { next_result(&mut results) } else { spare.take().unwrap_or_default() };
            stage.run(value, own, Some(next), true);
            let before = std::mem::replace(&mut value, next);
            spare = if is_lent { Some(before) } else { spare };
            is_lent = !is_stored;
        }
    }

    /// The first `blocks` links on a block.
    fn finish(
        &self,
        blocks: usize,
        params: &[u8],
        mut inputs: &[Bound<'_, f32>],
        columns: usize,
        block: &mut Block<'_, f32>,
    ) {
        let mut params = Params::of(params);
        for link in &self.fused.chain[..blocks] {
            let Some((_, stage)) = link.op() else { continue };
            let (own, rest) = inputs.split_at(link.inputs());
            inputs = rest;
            let params = params.take(link.params_size());
            if let Some(on_block) = stage.block {
                on_block(
                    &BlockCall { params, constants: self.constants, clock: self.clock, columns, inputs: own },
                    block,
                );
            }
        }
    }

    /// The sums of the columns of A and what they go through.
    fn beside(
        &self,
        a: Matrix<'_>,
        m: usize,
        params: &mut Params<'_>,
        mut others: &mut [Bound<'_, f32>],
        sums: &mut Aligned<f32>,
    ) {
        let sums = sums.at_least(m);
        widest(inlined!(|| sum_columns(a.data, sums)));
        for link in &self.fused.beside {
            let (own, rest) = std::mem::take(&mut others).split_at_mut(link.inputs());
            others = rest;
            self.stage(link, (m, m), params.take(link.params_size())).run(sums, own, None, true);
        }
    }
}

/// The next output.
fn next_result<'a>(results: &mut &'a mut [Bound<'_, f32>]) -> &'a mut [f32] {
    let Some((Bound::FloatMut(result), rest)) = std::mem::take(results).split_first_mut() else { panic!("{MISMATCH}") };
    *results = rest;
    result
}
