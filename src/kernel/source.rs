//! Assembles the WGSL of a kernel: constants from the Rust tables, then shared parts and the kernel's own file, or, of
//! a composed kernel, its parts.
//!
//! Every file stays WGSL that an editor understands: there is no preprocessor and no template language. Constants
//! have one home, the Rust table; here they become `const NAME: u32 = …;`.

pub use super::preamble::CELL;

use super::link::link;
use super::preamble::constants;
use super::{Constants, KernelSpec, Variant};
use std::fmt::Write;

/// The complete WGSL module of a kernel in one variant, with the constants of one dispatch.
///
/// ```
/// use anygrad::kernel::source::assemble;
/// use anygrad::ops::softmax_cross_entropy::SPEC;
/// let wgsl = assemble(&SPEC, &SPEC.variants[0], &[]);
/// assert!(wgsl.contains("const WORKGROUP_SIZE: u32 = 64u;"));
/// assert!(wgsl.contains("@compute"));
/// ```
pub fn assemble(kernel: &KernelSpec, variant: &Variant, specialization: &Constants) -> String {
    if let Some(composition) = &kernel.composition {
        return link(kernel, composition, variant, specialization);
    }
    let mut wgsl = constants(kernel, variant, specialization);
    for part in variant.shared {
        wgsl.push('\n');
        wgsl.push_str(part.source());
    }
    wgsl.push('\n');
    wgsl.push_str(variant.source);
    wgsl
}

/// Name of a pipeline: kernel, variant and the constants of the dispatch.
///
/// ```
/// use anygrad::kernel::source::label;
/// use anygrad::ops::matmul::SPEC;
/// let label = label(&SPEC, &SPEC.variants[0], &[("TRANSPOSE_B", 1)]);
/// assert_eq!(label, format!("matmul/{} TRANSPOSE_B=1", SPEC.variants[0].name));
/// ```
pub fn label(spec: &KernelSpec, variant: &Variant, specialization: &Constants) -> String {
    let mut label = format!("{}/{}", spec.name, variant.name);
    for (name, value) in specialization {
        let _ = write!(label, " {name}={value}");
    }
    label
}
