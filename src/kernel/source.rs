//! Assembles the WGSL of a kernel: constants from the Rust tables, then shared parts, then the kernel's own file.
//!
//! Every file stays WGSL that an editor understands: there is no preprocessor and no template language. Constants
//! have one home, the Rust table; here they become `const NAME: u32 = …;`.

use super::{KernelSpec, Variant};
use std::fmt::Write;

/// The constant that says how many elements a `Cell` holds, 1, 2 or 4; also as the end of a name, for one of several.
pub const CELL: &str = "CELL";

/// The complete WGSL module of `variant` with the constants of one dispatch.
pub fn assemble(variant: &Variant, specialization: &[(&'static str, u32)]) -> String {
    let mut wgsl = String::from("alias Elem = f32;\n");
    let own = [("WORKGROUP_SIZE", variant.workgroup_size)];
    for (name, value) in own.iter().chain(variant.constants).chain(specialization) {
        let _ = writeln!(wgsl, "const {name}: u32 = {value}u;");
    }
    // What one invocation takes at once: one element or its neighbours, too. CELL becomes the type Cell, A_CELL ACell.
    for (name, cell) in variant.constants.iter().filter(|(name, _)| name.ends_with(CELL)) {
        let prefix = name.trim_end_matches(CELL).trim_end_matches('_');
        let element = match cell {
            2 => "vec2<Elem>",
            4 => "vec4<Elem>",
            _ => "Elem",
        };
        let _ = writeln!(wgsl, "alias {prefix}Cell = {element};");
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
