//! Code compiled for the widest vectors of the processor it runs on: AVX-512, or AVX2 with FMA, once they are detected.

/// A set of vector instructions. A value exists only where [`Level::available`] has detected it: nothing else makes one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Level {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Level {
    /// Those this processor has, the fastest first.
    #[inline(always)]
    pub fn available() -> [Option<Level>; 2] {
        #[cfg(target_arch = "x86_64")]
        let levels = [
            is_x86_feature_detected!("avx512f").then_some(Level::Avx512),
            (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Level::Avx2),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let levels = [None, None];
        levels
    }

    #[inline(always)]
    pub fn best() -> Option<Level> {
        let [first, second] = Level::available();
        first.or(second)
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
        Some(Level::Avx512) => unsafe { with_avx512(f) },
        // SAFETY: this level exists only where the processor's AVX2 and FMA were detected.
        #[cfg(target_arch = "x86_64")]
        Some(Level::Avx2) => unsafe { with_avx2(f) },
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
