//! Code compiled for the widest vectors of the processor it runs on: AVX-512, or AVX2 with FMA, once they are detected; in
//! WebAssembly, whose programs either run with their vectors or not at all, those it is compiled for.

use std::sync::atomic::{AtomicU8, Ordering};

/// A set of vector instructions. A value exists only where [`Level::available`] has detected it: nothing else makes one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Level {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// WebAssembly with a function that rounds a multiply-add once, which has been handed in.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    WasmFused,
    /// WebAssembly, where multiply-adds are two operations. Vectors of 128 bits or none: the bits are the same.
    #[cfg(target_arch = "wasm32")]
    Wasm,
    /// What the compiler makes of plain Rust: every processor has it.
    Plain,
}

/// The widest vectors that are used, for tests of what a processor with fewer computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vectors {
    /// All there are.
    Any,
    /// AVX2 with FMA.
    Avx2,
    /// Those of every processor of the kind.
    Plain,
}

/// The [`Vectors`] that [`limit_vectors`] has set.
static LIMIT: AtomicU8 = AtomicU8::new(Vectors::Any as u8);

/// Lets the CPU backend of the whole process use no wider vectors than these.
pub fn limit_vectors(widest: Vectors) {
    LIMIT.store(widest as u8, Ordering::Relaxed);
}

impl Level {
    /// Those this processor has, the fastest first.
    #[inline(always)]
    fn available() -> [Option<Level>; 3] {
        #[cfg(target_arch = "x86_64")]
        let [avx512, avx2] = [
            is_x86_feature_detected!("avx512f").then_some(Level::Avx512),
            (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Level::Avx2),
        ];
        #[cfg(target_arch = "x86_64")]
        let levels = [avx512, avx2, Some(Level::Plain)];
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        let levels =
            [super::product::fused::is_there().then_some(Level::WasmFused), Some(Level::Wasm), Some(Level::Plain)];
        #[cfg(all(target_arch = "wasm32", not(target_feature = "simd128")))]
        let levels = [Some(Level::Wasm), None, Some(Level::Plain)];
        #[cfg(not(any(target_arch = "x86_64", target_arch = "wasm32")))]
        let levels = [None, None, Some(Level::Plain)];
        levels
    }

    /// Every level of this processor, the fastest first.
    #[cfg(test)]
    pub fn all() -> impl Iterator<Item = Level> {
        Level::available().into_iter().flatten()
    }

    /// The fastest that may be used.
    #[inline(always)]
    pub fn best() -> Level {
        let allowed = &Level::available()[usize::from(LIMIT.load(Ordering::Relaxed))..];
        allowed.iter().find_map(|level| *level).unwrap_or(Level::Plain)
    }
}

/// A closure that is compiled where it is called.
macro_rules! inlined {
    ($($closure:tt)*) => {{
        #[inline(always)]
        $($closure)*
    }};
}

pub(crate) use inlined;

/// Runs `f` compiled for the widest vectors of this processor: for loops that the compiler vectorizes.
///
/// Only what is inlined is compiled for them. So `f` is [`inlined`], as are functions and closures that it calls, and loops
/// over more than an expression are `for` loops: a method that takes a closure may stay a function.
#[allow(unsafe_code)]
pub(crate) fn widest<R>(f: impl FnOnce() -> R) -> R {
    match Level::best() {
        // SAFETY: this level exists only where the processor's AVX-512 was detected.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { with_avx512(f) },
        // SAFETY: this level exists only where the processor's AVX2 and FMA were detected.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { with_avx2(f) },
        // One form for all levels of WebAssembly, whose vectors are those that it is compiled for.
        _ => f(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn with_avx512<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<R>(f: impl FnOnce() -> R) -> R {
    f()
}
