//! What anygrad knows about kinds of devices, on one page: how much they are given at once, how they like to be given
//! it, and which ways to compute are fast on them.

use super::Class;

/// A kind of device. What a device is able to do, its limits, is in [`Target`](super::Target); a profile says what is
/// fast. `docs/drivers.md` has the observations behind these numbers.
///
/// ```
/// use anygrad::kernel::{Class, Profile};
/// assert!(Profile::DISCRETE.prefers.contains(&Class::Tiled));
/// assert!(!Profile::SOFTWARE.prefers.contains(&Class::Tiled) && Profile::SOFTWARE.compiles_slowly);
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Profile {
    /// Name of the kind.
    pub name: &'static str,
    /// How much a launch may contain.
    pub budget: LaunchBudget,
    /// Whether a driver translates kernels for a processor. It takes longer to compile a kernel than to run it a
    /// hundred times: plans prefer kernels that several dispatches share, and products that are quick to compile unless
    /// they are large.
    pub compiles_slowly: bool,
    /// Whether products read a batch of float rows where they lie in the dataset, rather than from a copy. (On a device of
    /// few storage buffers they do anyway, where that saves a launch: `plan/fuse/rows.rs`.)
    pub products_read_floats: bool,
    /// Whether they read a batch of byte rows there.
    pub products_read_bytes: bool,
    /// A row of more classes than this is shared among invocations, which the fused end of a step does not do.
    pub most_classes: usize,
    /// Number of workgroups that occupy the device.
    pub occupied: u64,
    /// Millions of arithmetic operations per second to expect, when a GPU is weighed against the CPU.
    pub mflops: u64,
    /// Nanoseconds that a launch costs in itself.
    pub launch_ns: u64,
    /// The ways to compute that are fast. Of the variants that fit, the last in a kernel's table is taken.
    pub prefers: &'static [Class],
}

/// Real GPUs: workgroup memory is fast and barriers are cheap.
const HARDWARE: &[Class] = &[Class::Element, Class::Reduction, Class::Tiled, Class::SplitK];
/// Processors: workgroup memory and barriers cost, and a read costs as much as a hundred multiply-adds whatever its
/// size.
const SOFTWARE: &[Class] =
    &[Class::Element, Class::Subgroup, Class::Registers, Class::SubgroupFours, Class::SubgroupPairs, Class::Outer];

impl Profile {
    /// The CPU backend, which has one form of each kernel. Bytes it would turn into floats twice, for a layer and for
    /// its update.
    pub const CPU: Profile = Profile {
        name: "cpu",
        budget: LaunchBudget::UNBOUNDED,
        compiles_slowly: false,
        products_read_floats: true,
        products_read_bytes: false,
        most_classes: 64,
        occupied: 1,
        mflops: 60_000,
        launch_ns: 0,
        prefers: SOFTWARE,
    };
    /// A driver without a GPU: lavapipe, SwiftShader, WARP. 5 GFLOP/s and 1 GB/s on two cores.
    pub const SOFTWARE: Profile = Profile {
        name: "software",
        budget: LaunchBudget { kernels: 4, flops: 500_000_000, bytes: 100_000_000, least_groups: 1 },
        compiles_slowly: true,
        products_read_floats: false,
        products_read_bytes: false,
        most_classes: 64,
        occupied: 1,
        mflops: 5_000,
        launch_ns: 5_000,
        prefers: SOFTWARE,
    };
    /// A small GPU in a processor: 50 GFLOP/s, 5 GB/s.
    pub const INTEGRATED: Profile = Profile {
        name: "integrated",
        budget: LaunchBudget { kernels: 4, flops: 5_000_000_000, bytes: 500_000_000, least_groups: 32 },
        compiles_slowly: false,
        products_read_floats: true,
        products_read_bytes: true,
        most_classes: 64,
        occupied: 128,
        mflops: 1_000_000,
        launch_ns: 5_000,
        prefers: HARDWARE,
    };
    /// A small GPU with memory of its own: 1 TFLOP/s, 50 GB/s.
    pub const DISCRETE: Profile = Profile {
        name: "discrete",
        budget: LaunchBudget { kernels: 4, flops: 100_000_000_000, bytes: 5_000_000_000, least_groups: 1024 },
        ..Profile::INTEGRATED
    };
}

/// The limits of a launch, so that a slow device of a kind is done within 100 ms: systems take a device that
/// does not answer for seconds for hung, and a display that it serves stands still meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaunchBudget {
    /// Most kernels that run side by side.
    pub kernels: usize,
    /// Arithmetic operations that take 100 ms.
    pub flops: u64,
    /// Bytes moved that take 100 ms.
    pub bytes: u64,
    /// A launch with fewer workgroups of a dispatch would leave the device idle in part.
    pub least_groups: u32,
}

impl LaunchBudget {
    /// One kernel, as long as it takes.
    pub const UNBOUNDED: LaunchBudget = LaunchBudget { kernels: 1, flops: u64::MAX, bytes: u64::MAX, least_groups: 1 };

    /// Number of launches into which the work of `groups` workgroups is to be divided, so that each takes about 100 ms.
    ///
    /// ```
    /// use anygrad::kernel::Profile;
    /// let budget = Profile::DISCRETE.budget;
    /// // 240 ms of memory traffic take three launches, unless the workgroups are too few to divide.
    /// assert_eq!(budget.launches(0, 12_000_000_000, 100_000), 3);
    /// assert_eq!(budget.launches(0, 12_000_000_000, 1024), 1);
    /// ```
    pub fn launches(&self, flops: u64, bytes: u64, groups: u64) -> u64 {
        let hundreds_of_ms = flops as f64 / self.flops as f64 + bytes as f64 / self.bytes as f64;
        (hundreds_of_ms.ceil() as u64).min(groups / u64::from(self.least_groups.max(1))).max(1)
    }
}
