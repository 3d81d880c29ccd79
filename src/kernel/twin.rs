//! The CPU side of a kernel: what a twin is called with, in f32 or f64.

use super::Clock;
use std::any::Any;
use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

/// The float types a twin computes in: f32 for training, f64 for gradient checks and reference values.
pub trait Float:
    bytemuck::Pod
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + Sum
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// The nearest value of this type.
    fn from_f64(x: f64) -> Self;
    /// The value in f64.
    fn to_f64(self) -> f64;
    /// eˣ
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// log(1 + x), accurate near 0.
    fn ln_1p(self) -> Self;
    /// eˣ − 1, accurate near 0.
    fn exp_m1(self) -> Self;
    /// The complementary error function, 2/√π ∫ₓ^∞ e^(−t²) dt: accurate also where it is tiny.
    fn erfc(self) -> Self;
    /// tanh x
    fn tanh(self) -> Self;
    /// |x|
    fn abs(self) -> Self;
    /// √x
    fn sqrt(self) -> Self;
    /// The larger of two numbers.
    fn max(self, other: Self) -> Self;
    /// The nearest value to an f32 parameter.
    fn from_f32(x: f32) -> Self {
        Self::from_f64(f64::from(x))
    }
}

/// The types that a plan is run in: each twin has a form for them.
pub trait Twinned: Float {
    /// The form of a twin for this type; `fast` prefers the faster one where there is one.
    fn of(twin: &Twin, fast: bool) -> fn(&mut TwinCall<'_, '_, Self>);
}

macro_rules! float {
    ($t:ident, $exp:path, $ln:path, $ln_1p:path, $exp_m1:path, $erfc:path, $tanh:path, $twin:ident => $form:expr) => {
        impl Float for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            fn from_f64(x: f64) -> Self {
                x as $t
            }
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            fn exp(self) -> Self {
                $exp(self)
            }
            fn ln(self) -> Self {
                $ln(self)
            }
            fn ln_1p(self) -> Self {
                $ln_1p(self)
            }
            fn exp_m1(self) -> Self {
                $exp_m1(self)
            }
            fn erfc(self) -> Self {
                $erfc(self)
            }
            fn tanh(self) -> Self {
                $tanh(self)
            }
            fn abs(self) -> Self {
                self.abs()
            }
            fn sqrt(self) -> Self {
                self.sqrt()
            }
            fn max(self, other: Self) -> Self {
                self.max(other)
            }
        }

        impl Twinned for $t {
            fn of($twin: &Twin, fast: bool) -> fn(&mut TwinCall<'_, '_, Self>) {
                let accelerated = $form;
                if fast { accelerated.unwrap_or($twin.$t) } else { $twin.$t }
            }
        }
    };
}
// What trains has the same bits everywhere: the functions of the system differ from one to the next.
float!(f32, libm::expf, libm::logf, libm::log1pf, libm::expm1f, libm::erfcf, libm::tanhf, twin => twin.fast);
// No weights come from f64, and the functions of the system are faster.
float!(f64, f64::exp, f64::ln, f64::ln_1p, f64::exp_m1, libm::erfc, f64::tanh, twin => None);

/// One buffer as a twin sees it.
#[derive(Debug)]
pub enum Bound<'a, F> {
    /// Floats to read.
    Float(&'a [F]),
    /// Floats to write.
    FloatMut(&'a mut [F]),
    /// Words to read.
    Word(&'a [u32]),
    /// Words to write.
    WordMut(&'a mut [u32]),
}

/// Most buffers of a call.
pub const MAX_BUFFERS: usize = 12;

impl<F> Bound<'_, F> {
    /// The floats.
    ///
    /// # Panics
    /// If it holds words.
    pub fn floats(&self) -> &[F] {
        match self {
            Bound::Float(data) => data,
            Bound::FloatMut(data) => data,
            _ => panic!("{MISMATCH}"),
        }
    }

    /// The words.
    ///
    /// # Panics
    /// If it holds floats.
    pub fn words(&self) -> &[u32] {
        match self {
            Bound::Word(data) => data,
            Bound::WordMut(data) => data,
            _ => panic!("{MISMATCH}"),
        }
    }

    /// Borrows the buffer again, for a shorter time.
    pub fn reborrow(&mut self) -> Bound<'_, F> {
        match self {
            Bound::Float(data) => Bound::Float(data),
            Bound::FloatMut(data) => Bound::FloatMut(data),
            Bound::Word(data) => Bound::Word(data),
            Bound::WordMut(data) => Bound::WordMut(data),
        }
    }
}

/// The arguments of one call: what a GPU gets as bindings.
#[derive(Debug)]
pub struct TwinCall<'a, 'b, F> {
    /// The bytes of the kernel's `Params`.
    pub params: &'a [u8],
    /// Constants of the dispatch.
    pub specialization: &'a [(&'static str, u32)],
    /// Where the run stands; the default for a kernel that does not ask.
    pub clock: &'a Clock,
    /// The op, for a twin that is made of others.
    pub op: &'a dyn Any,
    /// Whether the result is to have the same bits on every processor, however long that takes.
    pub reproducible: bool,
    /// The buffers in the order of [`KernelSpec::buffers`](super::KernelSpec::buffers).
    pub buffers: &'a mut [Bound<'b, F>],
}

impl<F> TwinCall<'_, '_, F> {
    /// The parameters as their struct.
    pub fn params<P: bytemuck::Pod>(&self) -> P {
        bytemuck::pod_read_unaligned(self.params)
    }

    /// The value of a constant of the dispatch.
    ///
    /// # Panics
    /// If the dispatch does not set it: a defect of the op's table, caught by the kernel tests.
    pub fn constant(&self, name: &str) -> u32 {
        match self.specialization.iter().find(|(n, _)| *n == name) {
            Some((_, value)) => *value,
            None => panic!("dispatch sets no constant {name}"),
        }
    }
}

/// The message with which a twin panics if its buffers do not have the kinds that its `SPEC` lists: a defect of the op.
pub const MISMATCH: &str = "buffers do not match the kernel's bindings";

/// The definition of a kernel's result, for both float types, and an optional faster f32 form that tests hold to it.
#[derive(Clone, Copy, Debug)]
pub struct Twin {
    /// In f32.
    pub f32: fn(&mut TwinCall<'_, '_, f32>),
    /// In f64.
    pub f64: fn(&mut TwinCall<'_, '_, f64>),
    /// A faster form for the CPU backend.
    pub fast: Option<fn(&mut TwinCall<'_, '_, f32>)>,
}

/// A [`Twin`] from a function that is generic over [`Float`], optionally with a faster form in f32.
#[macro_export]
macro_rules! twin {
    ($f:ident) => {
        $crate::kernel::Twin { f32: $f::<f32>, f64: $f::<f64>, fast: None }
    };
    ($f:ident, fast = $fast:path) => {
        $crate::kernel::Twin { f32: $f::<f32>, f64: $f::<f64>, fast: Some($fast) }
    };
}
