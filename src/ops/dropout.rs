//! Dropout: `y[i] = x[i] · scale` where the mask keeps element `i`, else 0. In the inverted form `scale = 1/(1 − rate)`
//! and nothing is left to do in use; in the vanilla form `scale = 1` and in use all elements are multiplied by `1 − rate`.
//!
//! The mask is a function of (seed, the dropout's path in the model, step, element), see [`crate::random`]: bit-equal on
//! every device, and nothing is saved. Elements are numbered within the whole batch, of which `x` may be a share that
//! begins at the clock's `first_row`. Gradient: the same op on `g`, with the same mask. Source: Srivastava et al., JMLR 15
//! (2014).

use super::{Operation, Workgroups, extent, linear_grid, one_variant};
use crate::cpu::{for_each_part, inlined};
use crate::error::{Error, Result};
use crate::graph::{DType, Shape, Value, ValueId, Vjp};
use crate::kernel::{Binding, Bound, Clock, Float, KernelSpec, TwinCall, Variant, twin::MISMATCH};
use crate::random::{Key, drop_threshold, keeps, word, words};
use crate::{twin, uniform_struct};

/// Zeroes a random share of the elements and scales the rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Probability of dropping an element, in `[0, 1)`.
    pub rate: f32,
    /// Factor on the kept elements: `1/(1 − rate)` for inverted dropout, 1 for the vanilla form.
    pub scale: f32,
    /// Stream of the mask: `stream_key_of(seed, Purpose::Dropout, path)`.
    pub key: Key,
}

impl Dropout {
    /// Vanilla dropout with `rate` under `key`: kept elements stay as they are.
    ///
    /// # Errors
    /// As [`Dropout::inverted`].
    pub fn vanilla(rate: f32, key: Key) -> Result<Dropout> {
        Ok(Dropout { scale: 1.0, ..Dropout::inverted(rate, key)? })
    }

    /// Inverted dropout with `rate` under `key`.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if `rate` is not in `[0, 1)`.
    pub fn inverted(rate: f32, key: Key) -> Result<Dropout> {
        if !(0.0..1.0).contains(&rate) {
            return Err(Error::option("dropout", rate, "the probability of dropping must be at least 0 and below 1"));
        }
        Ok(Dropout { rate, scale: 1.0 / (1.0 - rate), key })
    }

    /// What the upper 24 bits of an element's word must reach for it to be kept.
    pub(super) fn threshold(&self) -> u32 {
        drop_threshold(self.rate)
    }
}

uniform_struct! {
    /// Parameters of the kernel.
    pub struct Params {
        /// Elements of `x`.
        count: u32,
        /// Elements of a row of `x`.
        n: u32,
        /// An element is kept if the upper 24 bits of its word are at least this.
        threshold: u32,
        /// Low word of the mask's key.
        key_low: u32,
        /// High word of the mask's key.
        key_high: u32,
        /// Factor on the kept elements.
        scale: f32,
    }
}

/// The kernel. One invocation takes two neighbours, because the generator yields two words at a time.
pub const SPEC: KernelSpec = KernelSpec {
    name: "dropout",
    bindings: &[Binding::PARAMS, Binding::CLOCK, Binding::read("x"), Binding::write("y")],
    params: Params::LAYOUT,
    specialization: &[],
    variants: one_variant!("dropout", "dropout.wgsl", [Grid, Clock, Random, Dropout]),
    twin: twin!(call, fast = call_fast),
};

impl Operation for Dropout {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [x] = inputs else { return Err(Error::shape(SPEC.name, "takes one tensor")) };
        Ok(vec![(x.shape.clone(), DType::F32)])
    }

    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(request.graph.apply(*self, &[request.grad_output])?)])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let (count, rows) = (shapes[0].elements_u32(SPEC.name)?, shapes[0].dims().first().copied().unwrap_or(1));
        let params = Params {
            count,
            n: count / extent(SPEC.name, rows.max(1))?,
            threshold: self.threshold(),
            key_low: self.key[0],
            key_high: self.key[1],
            scale: self.scale,
        };
        Ok(bytemuck::bytes_of(&params).to_vec())
    }

    fn workgroups(&self, params: &[u8], variant: &Variant) -> Workgroups {
        // One more than fill x, because x may begin with the second of a pair.
        let pairs = u64::from(bytemuck::pod_read_unaligned::<Params>(params).count) / 2 + 1;
        linear_grid(pairs.div_ceil(u64::from(variant.workgroup_size)))
    }
}

fn call<F: Float>(call: &mut TwinCall<'_, '_, F>) {
    let params = call.params::<Params>();
    let [Bound::Float(x), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    reference(&params, call.clock, x, y);
}

fn call_fast(call: &mut TwinCall<'_, '_, f32>) {
    let params = call.params::<Params>();
    let [Bound::Float(x), Bound::FloatMut(y)] = call.buffers else { panic!("{MISMATCH}") };
    let mask = params.mask(call.clock);
    for_each_part([y], 1, inlined!(|first, [y]| mask.copy(first, &x[first..], y)));
}

/// The definition.
pub fn reference<F: Float>(params: &Params, clock: &Clock, x: &[F], y: &mut [F]) {
    params.mask(clock).copy(0, x, y);
}

impl Params {
    /// The mask of a step.
    fn mask(&self, clock: &Clock) -> Mask {
        let Params { n, threshold, key_low, key_high, scale, .. } = *self;
        Mask::new([key_low, key_high], threshold, scale, n, clock)
    }
}

/// Pairs of elements whose words are computed at a time.
const PAIRS: usize = 16;

/// The mask of a step, also for kernels that drop as part of more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mask {
    /// An element is kept if the upper 24 bits of its word are at least this.
    threshold: u32,
    /// Stream of random words.
    key: Key,
    /// Factor on the kept elements.
    scale: f32,
    /// Number of the step.
    step: u32,
    /// Number of the tensor's first element.
    start: usize,
}

impl Mask {
    /// The mask of a step for a tensor with rows of `n` elements.
    pub fn new(key: Key, threshold: u32, scale: f32, n: u32, clock: &Clock) -> Mask {
        let start = clock.first_row.wrapping_mul(n) as usize;
        Mask { threshold, key, scale, step: clock.step, start }
    }

    /// `y ← x` with the mask, for a part of a tensor that begins at its element `first`.
    #[inline(always)]
    pub fn copy<F: Float>(&self, first: usize, x: &[F], y: &mut [F]) {
        y.copy_from_slice(&x[..y.len()]);
        self.apply(first, y);
    }

    /// Drops and scales a part of a tensor that begins at its element `first`.
    #[inline(always)]
    pub fn apply<F: Float>(&self, first: usize, part: &mut [F]) {
        let scale = F::from_f32(self.scale);
        let masked = |x: F, word: u32| if keeps(word, self.threshold) { x * scale } else { F::ZERO };
        let first = self.start + first;
        // A part of a row may begin with the second of a pair.
        let (odd, pairs) = part.split_at_mut((first % 2).min(part.len()));
        for x in odd {
            *x = masked(*x, word(self.key, first as u32, self.step));
        }
        for (i, part) in pairs.chunks_mut(2 * PAIRS).enumerate() {
            let words = words::<PAIRS>(self.key, (first.div_ceil(2) + i * PAIRS) as u32, self.step);
            for (x, &word) in part.iter_mut().zip(words.as_flattened()) {
                *x = masked(*x, word);
            }
        }
    }
}
