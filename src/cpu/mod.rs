//! The processor: threads, vectors, memory at lines of the cache, and matrix products. It knows no op.

mod aligned;
mod fast_math;
mod parts;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) mod piecewise;
pub(crate) mod product;
mod threads;
mod vectors;

pub(crate) use aligned::Aligned;
pub(crate) use fast_math::FastF32;
pub(crate) use vectors::{inlined, widest};

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use product::fused::{FusedProduct, FusedTile, Team, use_fused_tile, use_help};

/// For tests of what other processors compute.
#[doc(hidden)]
pub mod pretend {
    pub use super::threads::pretend_threads;
    pub use super::vectors::{Vectors, limit_vectors};
}

/// Elements that one thread takes at a time in [`for_each_part`].
const SHARE: usize = 1 << 13;

/// `body(first element, parts)` on all of some slices of one length, in parts of whole rows of `row` elements, by several
/// threads if that is worth it and, as in [`widest`], with the widest vectors there are. No element's result may depend on
/// the partition.
///
/// # Panics
/// If the lengths differ.
pub(crate) fn for_each_part<T: Send, const SLICES: usize>(
    data: [&mut [T]; SLICES],
    row: usize,
    body: impl Fn(usize, [&mut [T]; SLICES]) + Sync,
) {
    let (threads, len) = shares(data[0].len(), row);
    parts::for_each_chunk(threads, data, len, |part, parts| widest(inlined!(|| body(part * len, parts))));
}

/// Threads for so many elements, and how many of these each takes at a time, in whole rows.
fn shares(elements: usize, row: usize) -> (usize, usize) {
    match elements < 4 * SHARE {
        true => (1, elements.max(1)),
        false => (threads::available(), (SHARE / row.max(1)).max(1) * row.max(1)),
    }
}
