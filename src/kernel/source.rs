//! Assembles the WGSL of a kernel: constants from the Rust tables, then shared parts, then the kernel's own file.
//!
//! Every file stays WGSL that an editor understands: there is no preprocessor and no template language. Constants
//! have one home, the Rust table; here they become `const NAME: u32 = …;`.

use super::{KernelSpec, Variant};
use std::fmt::Write;

/// The constant that says how many elements a `Cell` holds, 1, 2 or 4; also as the end of a name, for one of several.
pub const CELL: &str = "CELL";

/// The constant that says how many words of 64 bits such a `Cell` consists of instead, 1 or 2, each with two elements.
const WORDS: &str = "WORDS";

/// The complete WGSL module of `variant` with the constants of one dispatch.
pub fn assemble(variant: &Variant, specialization: &[(&'static str, u32)]) -> String {
    let mut wgsl = String::from("alias Elem = f32;\n");
    let own = [("WORKGROUP_SIZE", variant.workgroup_size)];
    for (name, value) in own.iter().chain(variant.constants).chain(specialization) {
        let _ = writeln!(wgsl, "const {name}: u32 = {value}u;");
    }
    // What one invocation takes at once: one element or its neighbours, too. CELL becomes the type Cell, A_CELL ACell;
    // A_WORDS also becomes ACell.
    for (name, value) in variant.constants {
        let (prefix, cell) = match (name.strip_suffix(CELL), name.strip_suffix(WORDS), value) {
            (Some(prefix), _, 1) => (prefix, "Elem"),
            (Some(prefix), _, 2) => (prefix, "vec2<Elem>"),
            (Some(prefix), _, _) => (prefix, "vec4<Elem>"),
            (_, Some(prefix), 1) => (prefix, "u64"),
            (_, Some(prefix), _) => (prefix, "vec2<u64>"),
            _ => continue,
        };
        let _ = writeln!(wgsl, "alias {}Cell = {cell};", prefix.trim_end_matches('_'));
    }
    for part in variant.shared {
        wgsl.push('\n');
        wgsl.push_str(part.source());
    }
    wgsl.push('\n');
    wgsl.push_str(variant.source);
    wgsl
}

/// Name of a pipeline: kernel, variant and the constants of the dispatch.
pub fn label(spec: &KernelSpec, variant: &Variant, specialization: &[(&'static str, u32)]) -> String {
    let mut label = format!("{}/{}", spec.name, variant.name);
    for (name, value) in specialization {
        let _ = write!(label, " {name}={value}");
    }
    label
}
