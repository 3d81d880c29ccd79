//! What kernels are composed of: factors of a product, the product or the pass over a tensor, and stages that each
//! finished element goes through. Each part is a WGSL file that an editor and a test validate behind
//! `shaders/interface.wgsl`.

use super::{Binding, Content, Field, Shared, Specialization};

/// A WGSL file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its path in `shaders/`.
    pub file: &'static str,
    /// Its content.
    pub text: &'static str,
}

/// A [`Source`] by its path in `shaders/`.
macro_rules! wgsl {
    ($file:literal) => {
        $crate::kernel::Source {
            file: $file,
            text: $crate::kernel::text::text!(include_str!(concat!("../../shaders/", $file))),
        }
    };
}
pub(crate) use wgsl;

/// A [`Source`] for drivers with words of 64 bits, by its path: without its text in WebAssembly, because browsers have none.
macro_rules! native_wgsl {
    ($file:literal) => {
        $crate::kernel::Source {
            file: $file,
            text: if cfg!(target_arch = "wasm32") {
                ""
            } else {
                $crate::kernel::text::text!(include_str!(concat!("../../shaders/", $file)))
            },
        }
    };
}
pub(crate) use native_wgsl;

/// A stage, a factor of a product, or the source of a map. The file declares its own bindings, from 0 on: a uniform
/// struct with [`Part::fields`], if there are any, then [`Part::bindings`].
///
/// ```
/// use anygrad::kernel::part::{DENSE, Part};
/// use anygrad::kernel::{Binding, Source};
/// const WGSL: Source = Source { file: "stage/add_twice.wgsl", text: "" };
/// const ADD_TWICE: Part = Part::new("add_twice", WGSL).bindings(&[Binding::read("addend")]).cells();
/// assert!(ADD_TWICE.cells && !ADD_TWICE.clock && !ADD_TWICE.changes_in_place());
/// assert_eq!(DENSE.params_size(), 0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Name in the text of a kernel; of a stage also its function.
    pub name: &'static str,
    /// The file.
    pub source: Source,
    /// Parts of `shaders/shared/` that it calls.
    pub shared: &'static [Shared],
    /// Its storage buffers.
    pub bindings: &'static [Binding],
    /// The members of its uniform struct.
    pub fields: &'static [Field],
    /// The constants of a dispatch that it asks for.
    pub specialization: &'static [Specialization],
    /// Whether it reads the clock.
    pub clock: bool,
    /// Whether it takes cells of four elements, too.
    pub cells: bool,
    /// Whether it stores the value: its buffer is a result of the kernel, not an operand.
    pub stores: bool,
    /// Whether it draws random numbers: its function takes whether the element is kept, as its `keeps_one` and
    /// `keeps_four` say.
    pub draws: bool,
}

impl Part {
    /// A part that needs nothing but its file.
    pub const fn new(name: &'static str, source: Source) -> Part {
        Part {
            name,
            source,
            shared: &[],
            bindings: &[],
            fields: &[],
            specialization: &[],
            clock: false,
            cells: false,
            stores: false,
            draws: false,
        }
    }

    /// With storage buffers.
    pub const fn bindings(self, bindings: &'static [Binding]) -> Part {
        Part { bindings, ..self }
    }

    /// With a uniform struct of these members.
    pub const fn fields(self, fields: &'static [Field]) -> Part {
        Part { fields, ..self }
    }

    /// With parts of `shaders/shared/`.
    pub const fn shared(self, shared: &'static [Shared]) -> Part {
        Part { shared, ..self }
    }

    /// With constants of a dispatch.
    pub const fn specialization(self, specialization: &'static [Specialization]) -> Part {
        Part { specialization, ..self }
    }

    /// Reads the clock.
    pub const fn clock(self) -> Part {
        Part { clock: true, ..self }
    }

    /// Takes cells of four elements, too.
    pub const fn cells(self) -> Part {
        Part { cells: true, ..self }
    }

    /// Stores the value.
    pub const fn stores(self) -> Part {
        Part { stores: true, ..self }
    }

    /// Draws random numbers.
    pub const fn draws(self) -> Part {
        Part { draws: true, ..self }
    }

    /// Whether it changes a tensor in place, and so ends a chain: all that writes but a store.
    pub fn changes_in_place(&self) -> bool {
        !self.stores && self.bindings.iter().any(Binding::is_written)
    }

    /// Size of its parameters in bytes.
    pub const fn params_size(&self) -> usize {
        4 * self.fields.len()
    }
}

/// A factor of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// A matrix as it stands in memory.
    Dense,
    /// Rows of the batch where they lie in a dataset of floats.
    RowsF32,
    /// Rows of the batch where they lie in a dataset of bytes, as scaled floats.
    RowsU8,
}

impl Operand {
    /// The part that reads the operand, in a variant that reads matrices by `dense`.
    pub fn part(self, dense: &'static Part) -> &'static Part {
        match self {
            Operand::Dense => dense,
            Operand::RowsF32 => &ROWS_F32,
            Operand::RowsU8 => &ROWS_U8,
        }
    }
}

/// A matrix, by elements or by vec4.
pub const DENSE: Part = Part::new("dense", wgsl!("operand/dense.wgsl")).bindings(&[Binding::read("matrix")]);
const PAIRS_FILE: Source = native_wgsl!("operand/pairs.wgsl");
const FOURS_FILE: Source = native_wgsl!("operand/fours.wgsl");
/// A matrix, by words of 64 bits.
pub const PAIRS: Part = Part::new("pairs", PAIRS_FILE).bindings(&[Binding::read("matrix")]);
/// A matrix, by pairs of words of 64 bits.
pub const FOURS: Part = Part::new("fours", FOURS_FILE).bindings(&[Binding::read("matrix")]);
/// The numbers of the rows.
const ORDER: Binding = Binding::read_words("order").holding(Content::Order);

/// Rows of floats.
pub const ROWS_F32: Part = Part::new("rows_f32", wgsl!("operand/rows_f32.wgsl"))
    .bindings(&[Binding::read("data").holding(Content::Dataset), ORDER])
    .clock();
/// Rows of bytes.
pub const ROWS_U8: Part = Part::new("rows_u8", wgsl!("operand/rows_u8.wgsl"))
    .bindings(&[Binding::read_words("data").holding(Content::Dataset), ORDER])
    .fields(&[Field { name: "scale", offset: 0, scalar: super::Scalar::F32 }])
    .clock();
/// Stores the value and hands it on.
pub const STORE: Part =
    Part::new("store", wgsl!("stage/store.wgsl")).bindings(&[Binding::write("result")]).cells().stores();

/// 1 if A is stored transposed, else 0.
pub const TRANSPOSE_A: Specialization = Specialization::number("TRANSPOSE_A");
/// 1 if B is stored transposed, else 0.
pub const TRANSPOSE_B: Specialization = Specialization::number("TRANSPOSE_B");

/// Four finished neighbours of a product whose chain draws random numbers.
pub const FINISH_DRAWN: Source = wgsl!("product/finish_drawn.wgsl");

/// All parts that are not stages of ops.
pub const PARTS: &[&Part] = &[&DENSE, &PAIRS, &FOURS, &ROWS_F32, &ROWS_U8, &STORE];

/// Name of the workgroup memory of products.
pub(super) const SCRATCH: &str = "scratch";

/// The files by which a variant computes a product.
#[derive(Clone, Copy, Debug)]
pub struct Algorithm {
    /// Its files, in order; they declare `multiply`.
    pub sources: &'static [Source],
    /// What declares `finish_four`, if they call it; [`FINISH_DRAWN`] takes its place where a stage draws random
    /// numbers.
    pub finish: Option<Source>,
    /// What declares `sum_beside`: the sums of the columns of A; nothing if the files do.
    pub beside: Option<Source>,
    /// What reads A and B where they are matrices.
    pub dense: [&'static Part; 2],
    /// Whether its workgroups use workgroup memory, which its files call `scratch`.
    pub scratch: bool,
}
