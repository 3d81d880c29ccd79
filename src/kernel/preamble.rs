//! What stands in front of every module of WGSL: constants from the Rust tables, and the types of elements and cells.

use super::{Constants, KernelSpec, Variant};
use std::fmt::Write;

/// The constant that says how many elements a `Cell` holds, 1, 2 or 4; also as the end of a name, for one of several.
pub const CELL: &str = "CELL";

/// The constants of a kernel in one variant, and the types that follow from them.
pub(super) fn constants(kernel: &KernelSpec, variant: &Variant, specialization: &Constants) -> String {
    let mut wgsl = String::from("alias Elem = f32;\n");
    kernel.specialization.iter().for_each(|constant| wgsl.push_str(&constant.declarations()));
    let own = [("WORKGROUP_SIZE", variant.workgroup_size)];
    for (name, value) in own.iter().chain(variant.constants).chain(specialization) {
        let _ = writeln!(wgsl, "const {name}: u32 = {value}u;");
    }
    // What one invocation takes at once: one element or its neighbours, too. CELL becomes the type Cell, A_CELL ACell.
    for (name, value) in variant.constants {
        let Some(prefix) = name.strip_suffix(CELL) else { continue };
        let cell = if *value == 1 { "Elem" } else { "vec4<Elem>" };
        let _ = writeln!(wgsl, "alias {}Cell = {cell};", prefix.trim_end_matches('_'));
    }
    wgsl
}
