//! What a kernel is: its WGSL, its bindings, its variants and its twin on the CPU. Plain data, no wgpu.
//!
//! A [`KernelSpec`] is a constant in `ops/<op>.rs`. It is enough to assemble the WGSL ([`source`]), to create a
//! pipeline, to run the same computation on the CPU ([`Twin`]), and to check by reflection that the shader and the
//! Rust side agree.

mod clock;
pub mod combine;
pub mod error_bound;
mod grid;
pub mod link;
pub mod params;
pub mod part;
mod preamble;
mod profile;
mod shared;
pub mod source;
pub(crate) mod text;
pub mod twin;
mod variant;
mod wgsl;

pub use clock::Clock;
pub use grid::{Grid, MAX_WORKGROUPS, Tile, Workgroups, linear_grid};
pub use link::{Composition, Head, composed};
pub use params::{Field, ParamsLayout, Scalar};
pub use part::Source;
pub use profile::{LaunchBudget, Profile};
pub use shared::Shared;
pub use twin::{Bound, Float, Twin, TwinCall, Twinned};
pub use variant::{ALWAYS, Accepts, Class, Constants, Requirements, Variant};

/// One kernel: everything about it that does not depend on shapes.
///
/// ```
/// use anygrad::ops::softmax_cross_entropy::SPEC;
/// let buffers: Vec<&str> = SPEC.buffers().map(|binding| binding.name).collect();
/// assert_eq!(buffers, ["logits", "labels", "loss"]);
/// assert!(!SPEC.reads_clock());
/// ```
#[derive(Debug)]
pub struct KernelSpec {
    /// Name of the kernel, as it shows in plans, tests and profiles.
    pub name: &'static str,
    /// Bindings of group 0 in order. Binding 0 is the uniform `params`, then [`Binding::CLOCK`] if the kernel needs it,
    /// then the op's inputs and outputs.
    pub bindings: &'static [Binding],
    /// Layout of the uniform `Params`.
    pub params: ParamsLayout,
    /// The constants that each dispatch sets by itself (for example which activation).
    pub specialization: &'static [Specialization],
    /// From the one that always works to the fastest. The first needs no optional feature and fits
    /// WebGPU's downlevel limits.
    pub variants: &'static [Variant],
    /// The definition of the result.
    pub twin: Twin,
    /// What it is composed of, if its variants are not whole files.
    pub composition: Option<Composition<'static>>,
    /// Name of the entry point of a composed kernel; others have one in each variant.
    pub entry_point: Option<&'static str>,
}

impl KernelSpec {
    /// A kernel whose variants are whole files, with no constants of the dispatch.
    pub const fn new(
        name: &'static str,
        bindings: &'static [Binding],
        params: ParamsLayout,
        variants: &'static [Variant],
        twin: Twin,
    ) -> KernelSpec {
        KernelSpec { name, bindings, params, specialization: &[], variants, twin, composition: None, entry_point: None }
    }

    /// The bindings of the op's inputs and outputs: all but the uniforms.
    pub fn buffers(&self) -> impl Iterator<Item = &'static Binding> {
        self.bindings.iter().filter(|binding| binding.access != Access::Uniform)
    }

    /// Name of a variant's entry point: never `main`, because profilers show it.
    pub fn entry_point(&self, variant: &Variant) -> &'static str {
        self.entry_point.unwrap_or(variant.entry_point)
    }

    /// Whether the kernel reads the [`Clock`].
    pub fn reads_clock(&self) -> bool {
        self.bindings.contains(&Binding::CLOCK)
    }
}

/// A constant that each dispatch sets by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Specialization {
    /// Name in WGSL.
    pub name: &'static str,
    /// Names of its values 0, 1, …, if it chooses one of several things: each a constant in WGSL, too, in upper case.
    pub values: &'static [&'static str],
}

impl Specialization {
    /// A number.
    pub const fn number(name: &'static str) -> Specialization {
        Specialization { name, values: &[] }
    }

    /// The names of its values as constants of WGSL.
    pub fn declarations(&self) -> String {
        let declare =
            |(number, name): (usize, &&str)| format!("const {}: u32 = {number}u;\n", name.to_ascii_uppercase());
        self.values.iter().enumerate().map(declare).collect()
    }

    /// A choice of one of these.
    pub const fn choice(name: &'static str, values: &'static [&'static str]) -> Specialization {
        Specialization { name, values }
    }
}

/// A kind of adapter with its limits, as far as the choice of a variant needs to know it.
///
/// ```
/// use anygrad::kernel::Target;
/// // The first variant of every kernel runs on every device.
/// assert!(anygrad::ops::kernels().iter().all(|kernel| Target::DOWNLEVEL.can_run(&kernel.variants[0])));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which kind of device it is: what is fast there.
    pub profile: &'static Profile,
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
    pub budget: LaunchBudget,
}

impl Target {
    /// WebGPU's downlevel defaults: what every device has.
    pub const DOWNLEVEL: Target = Target {
        profile: &Profile::DISCRETE,
        workgroup_bytes: 16_352,
        workgroup_size: 256,
        storage_buffers: 4,
        subgroup_size: 0,
        words: false,
        budget: LaunchBudget::UNBOUNDED,
    };
    /// The processor, which binds any number of buffers.
    pub const CPU: Target = Target { profile: &Profile::CPU, storage_buffers: 8, ..Target::DOWNLEVEL };

    /// Whether `variant` can run on this target at all.
    pub fn can_run(&self, variant: &Variant) -> bool {
        let Requirements { workgroup_bytes, subgroup_size, words } = variant.requirements;
        workgroup_bytes <= self.workgroup_bytes
            && variant.workgroup_size <= self.workgroup_size
            && (subgroup_size == 0 || subgroup_size == self.subgroup_size)
            && (!words || self.words)
    }
}

/// One binding of group 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Variable name in WGSL.
    pub name: &'static str,
    /// How the kernel uses it.
    pub access: Access,
    /// Type of its elements.
    pub element: Element,
    /// What they mean.
    pub content: Content,
}

impl Binding {
    /// The uniform `params` at binding 0 of every kernel.
    pub const PARAMS: Binding = Binding::new("params", Access::Uniform, Element::Params);
    /// The uniform `clock`: step number, epoch, place in the epoch, learning rate.
    pub const CLOCK: Binding = Binding::new("clock", Access::Uniform, Element::Clock);

    const fn new(name: &'static str, access: Access, element: Element) -> Binding {
        Binding { name, access, element, content: Content::Any }
    }

    /// The binding, of which more is known.
    pub const fn holding(self, content: Content) -> Binding {
        Binding { content, ..self }
    }

    /// Whether it is a uniform.
    pub fn is_uniform(&self) -> bool {
        self.access == Access::Uniform
    }

    /// Whether it is written.
    pub fn is_written(&self) -> bool {
        self.access == Access::Write
    }

    /// A buffer of floats that is read.
    pub const fn read(name: &'static str) -> Binding {
        Binding::new(name, Access::Read, Element::Float)
    }

    /// A buffer of floats that is written, or read and written.
    pub const fn write(name: &'static str) -> Binding {
        Binding::new(name, Access::Write, Element::Float)
    }

    /// A buffer of 32-bit words that is read.
    pub const fn read_words(name: &'static str) -> Binding {
        Binding::new(name, Access::Read, Element::Word)
    }

    /// A buffer of 32-bit words that is written.
    pub const fn write_words(name: &'static str) -> Binding {
        Binding::new(name, Access::Write, Element::Word)
    }
}

/// The use that a kernel makes of a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// `var<uniform>`
    Uniform,
    /// `var<storage, read>`
    Read,
    /// `var<storage, read_write>`
    Write,
}

/// What the elements of a binding mean, as far as tests and costs need to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Any numbers; of words, numbers of classes.
    Any,
    /// Any numbers, NaN and infinities among them.
    NotAllFinite,
    /// Numbers that are not negative, by which or by whose root is divided: sums of squares, divisors.
    Positive,
    /// Several tensors of one size one after the other, along the first extent, of which that of this number is not
    /// negative.
    PositiveSlot(usize),
    /// What an output is compared with: data, which has no gradient.
    Target,
    /// The rows of a dataset, of which a batch is read.
    Dataset,
    /// Numbers of its rows, in the order in which batches take them.
    Order,
    /// Results of many steps, of which one row is written.
    Ring,
}

/// Type of a binding's elements.
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
