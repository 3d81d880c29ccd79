//! What a kernel is: its WGSL, its bindings, its variants and its twin on the CPU. Plain data, no wgpu.
//!
//! A [`KernelSpec`] is a constant in `ops/<op>.rs`. It is enough to assemble the WGSL ([`source`]), to create a
//! pipeline, to run the same computation on the CPU ([`Twin`]), and to check by reflection that the shader and the
//! Rust side agree.

mod clock;
pub mod combine;
pub mod params;
mod shared;
pub mod source;
pub mod twin;

pub use clock::Clock;
pub use params::{Field, ParamsLayout, Scalar};
pub use shared::Shared;
pub use twin::{Bound, Float, Twin, TwinCall, Twinned};

/// One kernel: everything about it that does not depend on shapes.
#[derive(Debug)]
pub struct KernelSpec {
    /// Name of the kernel, as it shows in plans, tests and profiles.
    pub name: &'static str,
    /// Bindings of group 0 in order. Binding 0 is the uniform `params`, then [`Binding::CLOCK`] if the kernel needs it,
    /// then the op's inputs and outputs.
    pub bindings: &'static [Binding],
    /// Layout of the uniform `Params`.
    pub params: ParamsLayout,
    /// Names of the constants that each dispatch sets by itself (for example which activation).
    pub specialization: &'static [&'static str],
    /// From the one that always works to the fastest. The first needs no optional feature and fits
    /// WebGPU's downlevel limits.
    pub variants: &'static [Variant],
    /// The definition of the result.
    pub twin: Twin,
}

impl KernelSpec {
    /// The bindings of the op's inputs and outputs: all but the uniforms.
    pub fn buffers(&self) -> impl Iterator<Item = &'static Binding> {
        self.bindings.iter().filter(|binding| binding.access != Access::Uniform)
    }

    /// Whether the kernel reads the [`Clock`].
    pub fn reads_clock(&self) -> bool {
        self.bindings.contains(&Binding::CLOCK)
    }
}

/// One way to compute a kernel: a WGSL file and the numbers it is built with.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// Name of the variant within its kernel, for example `tiled_32`.
    pub name: &'static str,
    /// File name in `shaders/`, for messages and tests.
    pub file: &'static str,
    /// Content of that file.
    pub source: &'static str,
    /// Name of the entry point: never `main`, because profilers show it.
    pub entry_point: &'static str,
    /// Parts of `shaders/shared/` that the file uses, in order.
    pub shared: &'static [Shared],
    /// Invocations per workgroup; the constant `WORKGROUP_SIZE` in WGSL.
    pub workgroup_size: u32,
    /// Further constants in WGSL, such as tile sizes.
    pub constants: &'static [(&'static str, u32)],
    /// What a device must have to run it.
    pub requirements: Requirements,
    /// Which kind of adapter it is fast on.
    pub suits: Suits,
    /// Whether it can run with these `Params` (as bytes) and constants of the dispatch.
    pub accepts: Accepts,
    /// Whether it is worth running with them, where a variant before it can too: what plans go by without tuning.
    pub pays: Accepts,
}

impl Variant {
    /// The value of a constant of this variant.
    ///
    /// # Panics
    /// If the variant has no such constant: a defect of the table, caught by the shader tests.
    pub fn constant(&self, name: &str) -> u32 {
        match self.constants.iter().find(|(n, _)| *n == name) {
            Some((_, value)) => *value,
            None => panic!("variant {} of {} has no constant {name}", self.name, self.file),
        }
    }
}

/// Constants by name, as they are emitted into WGSL.
pub type Constants = [(&'static str, u32)];

/// A question to a variant about the `Params` (as bytes) and constants of a dispatch.
pub type Accepts = fn(&[u8], &Constants) -> bool;

/// The answer of variants to which the shape does not matter.
pub const ALWAYS: Accepts = |_, _| true;

/// What a device must have to run a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirements {
    /// Bytes of workgroup memory.
    pub workgroup_bytes: u32,
    /// Invocations per subgroup, exactly; 0 if it does without subgroups.
    pub subgroup_size: u32,
    /// Whether it reads words of 64 bits.
    pub words: bool,
}

impl Requirements {
    /// Nothing beyond WebGPU's downlevel limits.
    pub const NONE: Requirements = Requirements { workgroup_bytes: 0, subgroup_size: 0, words: false };
}

/// Which kind of adapter a variant is fast on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suits {
    /// Both kinds.
    Any,
    /// Real GPUs: workgroup memory is fast, barriers are cheap.
    Hardware,
    /// Drivers that run on the CPU (lavapipe, SwiftShader, WARP): workgroup memory and barriers cost.
    Software,
}

/// A kind of adapter with its limits, as far as the choice of a variant needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether kernels run on the processor: by the CPU backend, or by a driver that does without a GPU.
    pub software: bool,
    /// Bytes of workgroup memory.
    pub workgroup_bytes: u32,
    /// Invocations per workgroup.
    pub workgroup_size: u32,
    /// Storage buffers per launch.
    pub storage_buffers: u32,
    /// Invocations per subgroup; 0 if it has none, or if their size may vary.
    pub subgroup_size: u32,
    /// Whether kernels can read words of 64 bits.
    pub words: bool,
    /// What is given to it at once.
    pub pace: Pace,
}

/// How much a launch may contain, so that a slow device of this kind is done within 100 ms: systems take a device that
/// does not answer for seconds for hung, and a display that it serves stands still meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Most kernels that run side by side.
    pub kernels: usize,
    /// Arithmetic operations that take 100 ms.
    pub flops: u64,
    /// Bytes moved that take 100 ms.
    pub bytes: u64,
    /// A launch with fewer workgroups of a dispatch would leave the device idle in part.
    pub least_groups: u32,
}

impl Pace {
    /// One kernel, as long as it takes.
    pub const UNBOUNDED: Pace = Pace { kernels: 1, flops: u64::MAX, bytes: u64::MAX, least_groups: 1 };
    /// A driver on two cores: 5 GFLOP/s, 1 GB/s.
    pub const SOFTWARE: Pace = Pace { kernels: 4, flops: 500_000_000, bytes: 100_000_000, least_groups: 1 };
    /// A small GPU in a processor: 50 GFLOP/s, 5 GB/s.
    pub const INTEGRATED: Pace = Pace { kernels: 4, flops: 5_000_000_000, bytes: 500_000_000, least_groups: 32 };
    /// A small GPU with memory of its own: 1 TFLOP/s, 50 GB/s.
    pub const DISCRETE: Pace = Pace { kernels: 4, flops: 100_000_000_000, bytes: 5_000_000_000, least_groups: 1024 };

    /// Into how many launches the work of so many workgroups is to be divided.
    pub fn launches(&self, flops: u64, bytes: u64, groups: u64) -> u64 {
        let hundreds_of_ms = flops as f64 / self.flops as f64 + bytes as f64 / self.bytes as f64;
        (hundreds_of_ms.ceil() as u64).min(groups / u64::from(self.least_groups.max(1))).max(1)
    }
}

impl Target {
    /// WebGPU's downlevel defaults: what every device has.
    pub const DOWNLEVEL: Target = Target {
        software: false,
        workgroup_bytes: 16_352,
        workgroup_size: 256,
        storage_buffers: 4,
        subgroup_size: 0,
        words: false,
        pace: Pace::UNBOUNDED,
    };
    /// The processor, which binds any number of buffers.
    pub const CPU: Target = Target { software: true, storage_buffers: 8, ..Target::DOWNLEVEL };

    /// Whether fused plans read the rows of a batch where they lie in the dataset, rather than gather them before. A real
    /// GPU saves a dispatch and the trip of the batch through memory, the CPU backend that trip; but bytes it would turn
    /// into floats twice, for the layer and for its update. Drivers on a processor read each number many times, at the
    /// price of a hundred multiply-adds.
    pub fn gathers_in_products(&self, bytes: bool) -> bool {
        !self.software || (*self == Target::CPU && !bytes)
    }

    /// Whether `variant` can run on this target at all.
    pub fn can_run(&self, variant: &Variant) -> bool {
        let Requirements { workgroup_bytes, subgroup_size, words } = variant.requirements;
        workgroup_bytes <= self.workgroup_bytes
            && variant.workgroup_size <= self.workgroup_size
            && (subgroup_size == 0 || subgroup_size == self.subgroup_size)
            && (!words || self.words)
    }

    /// Whether `variant` is meant for this kind of adapter.
    pub fn suits(&self, variant: &Variant) -> bool {
        match variant.suits {
            Suits::Any => true,
            Suits::Hardware => !self.software,
            Suits::Software => self.software,
        }
    }

    /// The variant for a dispatch, without tuning: the last that can run, suits and pays.
    pub fn choose(&self, kernel: &'static KernelSpec, params: &[u8], constants: &Constants) -> &'static Variant {
        let fits = |v: &&Variant| {
            self.can_run(v) && self.suits(v) && (v.accepts)(params, constants) && (v.pays)(params, constants)
        };
        kernel.variants.iter().rev().find(fits).unwrap_or(&kernel.variants[0])
    }
}

/// One binding of group 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Variable name in WGSL.
    pub name: &'static str,
    /// How the kernel uses it.
    pub access: Access,
    /// What it holds.
    pub element: Element,
}

impl Binding {
    /// The uniform `params` at binding 0 of every kernel.
    pub const PARAMS: Binding = Binding { name: "params", access: Access::Uniform, element: Element::Params };
    /// The uniform `clock`: step number, epoch, place in the epoch, learning rate.
    pub const CLOCK: Binding = Binding { name: "clock", access: Access::Uniform, element: Element::Clock };

    /// A buffer of floats that is read.
    pub const fn read(name: &'static str) -> Binding {
        Binding { name, access: Access::Read, element: Element::Float }
    }

    /// A buffer of floats that is written, or read and written.
    pub const fn write(name: &'static str) -> Binding {
        Binding { name, access: Access::Write, element: Element::Float }
    }

    /// A buffer of 32-bit words that is read.
    pub const fn read_words(name: &'static str) -> Binding {
        Binding { name, access: Access::Read, element: Element::Word }
    }

    /// A buffer of 32-bit words that is written.
    pub const fn write_words(name: &'static str) -> Binding {
        Binding { name, access: Access::Write, element: Element::Word }
    }
}

/// How a kernel uses a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// `var<uniform>`
    Uniform,
    /// `var<storage, read>`
    Read,
    /// `var<storage, read_write>`
    Write,
}

/// What a binding holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// The kernel's `Params`.
    Params,
    /// The [`Clock`] of the step.
    Clock,
    /// `array<Elem>` or `array<vec4<Elem>>`.
    Float,
    /// `array<u32>`.
    Word,
}
