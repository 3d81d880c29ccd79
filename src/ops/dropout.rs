//! Dropout: `y[i] = x[i] · scale` where the mask keeps element `i`, else 0. In the inverted form `scale = 1/(1 − rate)`
//! and nothing is left to do in use; in the vanilla form `scale = 1` and in use all elements are multiplied by `1 −
//! rate`.
//!
//! The mask is a function of (seed, the dropout's path in the model, step, element), see [`crate::random`]: bit-equal
//! on every device, and nothing is saved. Elements are numbered within the whole batch, of which `x` may be a share
//! that begins at the clock's `first_row`. Gradient: the same op on `g`, with the same mask. Source: Srivastava et al.,
//! JMLR 15 (2014).

use super::{Operation, map};
use crate::cpu::product::Block;
use crate::cpu::{for_each_part, inlined, widest};
use crate::error::{Error, Result};
use crate::graph::{BlockCall, Case, DType, Element, Extents, Inputs, Shape, Stage, Value, ValueId, Vjp, case::floats};
use crate::kernel::error_bound::relative;
use crate::kernel::part::{Part, wgsl};
use crate::kernel::{Bound, Clock, Float, Grid, KernelSpec, Shared, TwinCall, twin::MISMATCH};
use crate::random::{Key, Purpose, drop_threshold, keeps, stream_key, word, words};
use crate::{twin, uniform_struct};
use std::sync::LazyLock;

/// Zeroes a random share of the elements and scales the rest.
///
/// ```
/// use anygrad::ops::dropout::Dropout;
/// use anygrad::random::{Purpose, stream_key_of};
/// let key = stream_key_of(0, Purpose::Dropout, "1.dropout");
/// assert_eq!(Dropout::inverted(0.5, key)?.scale, 2.0);
/// assert_eq!(Dropout::vanilla(0.5, key)?.scale, 1.0);
/// assert!(Dropout::inverted(1.0, key).is_err());
/// # Ok::<(), anygrad::Error>(())
/// ```
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
    /// Fails as [`Dropout::inverted`] does.
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
        columns: u32,
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

/// The op as a stage of fused kernels: its WGSL with its parameters and buffers.
pub const PART: Part = Part::new("dropout", wgsl!("stage/dropout.wgsl"))
    .fields(Params::LAYOUT.stage_fields())
    .shared(&[Shared::Random])
    .clock()
    .draws();

/// The kernel that computes the op: its bindings, parameters, variants and twin.
pub static SPEC: LazyLock<&KernelSpec> = LazyLock::new(|| map::kernel(&PART, 0, twin!(call, fast = call_fast)));

impl Operation for Dropout {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage { block: Some(on_block), ..Stage::new(&PART, 0) })
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let [x] = inputs else { return Err(Error::shape(SPEC.name, "takes one tensor")) };
        Ok(vec![(x.shape.clone(), DType::F32)])
    }

    fn vjp(&self, request: &mut Vjp<'_>) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(request.graph.apply(*self, &[request.grad_output])?)])
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        let [count, columns] = map::extents(PART.name, shapes[0])?;
        let params = Params {
            count,
            columns,
            threshold: self.threshold(),
            key_low: self.key[0],
            key_high: self.key[1],
            scale: self.scale,
        };
        Ok(params.to_bytes())
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
    let key = stream_key(9, Purpose::Dropout, 1);
    let ops = [(0.2, 1.25), (0.0, 1.0), (0.5, 2.0)].map(|(rate, scale)| Dropout { rate, scale, key });
    ops.map(|op| Case::new(op, [floats([rows, columns])])).to_vec()
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

fn on_block(call: &BlockCall<'_, '_>, block: &mut Block<'_, f32>) {
    let [threshold, key_low, key_high, scale]: [u32; 4] = bytemuck::pod_read_unaligned(call.params);
    let columns = call.columns;
    let mask = Mask::new([key_low, key_high], threshold, f32::from_bits(scale), columns as u32, call.clock);
    widest(inlined!(|| {
        block.for_each_row(inlined!(|row, first, part: &mut [f32]| mask.apply(row * columns + first, part)));
    }));
}

/// Computes the op by plain loops over slices: the definition that all its kernels are compared with.
pub fn reference<F: Float>(params: &Params, clock: &Clock, x: &[F], y: &mut [F]) {
    params.mask(clock).copy(0, x, y);
}

impl Params {
    /// The mask of a step.
    fn mask(&self, clock: &Clock) -> Mask {
        let Params { columns, threshold, key_low, key_high, scale, .. } = *self;
        Mask::new([key_low, key_high], threshold, scale, columns, clock)
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
