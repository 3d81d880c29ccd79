//! Several kernels as one WGSL module, so that one dispatch can run them side by side, or a part of one.
//!
//! Kernels number their workgroups by two arguments, `group` and `groups`, and so do not notice that they are called
//! from an entry point which runs some of their workgroups beside those of another kernel. What the modules declare is
//! told apart by a number at the end of each name. They share two uniforms: `launch` with the parameters of all, and
//! `clock`. (Lavapipe of Mesa 22.3 writes past an array when a shader reads more than three.) And they share the
//! workgroup memory that products call `scratch`, since a workgroup runs one of them.

use super::part::SCRATCH;
use super::source::assemble;
use super::wgsl::{Renaming, rename};
use super::{Access, Binding, Constants, Element, KernelSpec, Shared, Variant};
use std::fmt::Write;

/// Name of the entry point.
pub const ENTRY_POINT: &str = "launch_all";
/// Alignment of the members of `launch`, in bytes.
const ALIGNMENT: usize = 16;

/// A kernel with its variant and the constants of a dispatch.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The kernel.
    pub kernel: &'static KernelSpec,
    /// Its variant.
    pub variant: &'static Variant,
    /// The constants of the dispatch.
    pub constants: &'a Constants,
}

/// The range of workgroups of a kernel that a launch runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// Number of the first.
    pub first: u32,
    /// How many.
    pub count: u32,
    /// How many the kernel has in all.
    pub of: u32,
}

/// Whether every variant of a kernel numbers its workgroups by arguments. Those that run as one workgroup need not.
pub fn can_combine(kernel: &KernelSpec) -> bool {
    kernel.variants.iter().all(|variant| variant.shares)
}

/// Whether a variant's workgroup memory is `scratch`.
fn has_scratch(variant: &Variant) -> bool {
    variant.algorithm.is_some_and(|algorithm| algorithm.scratch)
}

/// Bytes of workgroup memory of variants side by side.
pub fn workgroup_bytes<'a>(variants: impl Iterator<Item = &'a Variant> + Clone) -> u32 {
    let bytes = |variant: &Variant| variant.requirements.workgroup_bytes;
    let shared = variants.clone().filter(|variant| has_scratch(variant)).map(bytes).max().unwrap_or(0);
    shared + variants.filter(|variant| !has_scratch(variant)).map(bytes).sum::<u32>()
}

/// The resource at a binding of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// The uniform with the parameters: `params` of a kernel by itself, `launch` of several.
    Params,
    /// The uniform `clock`.
    Clock,
    /// An operand.
    Buffer {
        /// Number of the part that the operand belongs to.
        part: usize,
        /// Place among the part's [`KernelSpec::buffers`].
        at: usize,
        /// How it is used.
        access: Access,
    },
}

/// The bindings of a kernel by itself: their numbers and resources.
pub fn bindings_of(kernel: &KernelSpec) -> Vec<(u32, Resource)> {
    let mut at = 0..;
    let resource = |(number, binding): (u32, &Binding)| match binding.element {
        Element::Params => (number, Resource::Params),
        Element::Clock => (number, Resource::Clock),
        _ => (number, Resource::Buffer { part: 0, at: at.next().unwrap_or_default(), access: binding.access }),
    };
    (0..).zip(kernel.bindings).map(resource).collect()
}

/// The bindings of the combined module: their numbers and resources. In the places of the parts' uniforms are gaps;
/// those of all come last, the clock if a part reads it.
pub fn bindings(parts: &[Part<'_>]) -> Vec<(u32, Resource)> {
    let mut bindings = Vec::new();
    let mut first = 0;
    for (part, kernel) in parts.iter().map(|part| part.kernel).enumerate() {
        let own = bindings_of(kernel).into_iter().filter_map(|(number, bound)| match bound {
            Resource::Buffer { at, access, .. } => Some((first + number, Resource::Buffer { part, at, access })),
            _ => None,
        });
        bindings.extend(own);
        first += kernel.bindings.len() as u32;
    }
    bindings.push((first, Resource::Params));
    bindings.extend(parts.iter().any(|part| part.kernel.reads_clock()).then_some((first + 1, Resource::Clock)));
    bindings
}

/// The bytes of `launch`: for each part where its workgroups end in the launch, what to add to a workgroup's place
/// there for its number in the kernel (modulo 2³²), and how many workgroups the kernel has; then the parameters of each
/// part.
pub fn launch_bytes<'a>(parts: impl Iterator<Item = (Groups, &'a [u8])> + Clone) -> Vec<u8> {
    let (mut end, mut bytes) = (0u32, Vec::new());
    for (groups, _) in parts.clone() {
        let start = end;
        end += groups.count;
        let words = [end, groups.first.wrapping_sub(start), groups.of, 0];
        bytes.extend_from_slice(bytemuck::cast_slice(&words));
    }
    for (_, params) in parts {
        bytes.extend_from_slice(params);
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
    }
    bytes
}

/// The module of all parts, whose variants have one workgroup size. Its bindings are those that [`bindings`] lists.
pub fn combine(parts: &[Part<'_>]) -> String {
    let mut wgsl = String::new();
    let mut binding = 0;
    for (number, part) in parts.iter().enumerate() {
        let module = assemble(part.kernel, part.variant, part.constants);
        let renaming = Renaming {
            name: &|name| format!("{name}_{number}"),
            uniform: &|name| (name == Binding::PARAMS.name).then(|| format!("launch.params_{number}.")),
            without_structs: false,
            common: &[Binding::CLOCK.name, SCRATCH],
            binding: &|own| binding as u32 + own,
            call: true,
        };
        wgsl.push_str(&rename(&module, &renaming));
        wgsl.push('\n');
        binding += part.kernel.bindings.len();
    }
    wgsl.push_str(Shared::Clock.source());
    let _ = writeln!(wgsl, "\nstruct Launch {{\n    groups: array<vec4<u32>, {}>,", parts.len());
    for number in 0..parts.len() {
        let _ = writeln!(wgsl, "    @align({ALIGNMENT}) params_{number}: Params_{number},");
    }
    let _ = writeln!(wgsl, "}}\n\n@group(0) @binding({binding}) var<uniform> launch: Launch;");
    if parts.iter().any(|part| part.kernel.reads_clock()) {
        let _ = writeln!(wgsl, "@group(0) @binding({}) var<uniform> clock: Clock;", binding + 1);
    }
    let scratch = parts.iter().map(|part| part.variant).filter(|variant| has_scratch(variant));
    if let Some(bytes) = scratch.map(|variant| variant.requirements.workgroup_bytes).max() {
        let _ = writeln!(wgsl, "var<workgroup> {SCRATCH}: array<vec4<f32>, {}>;", bytes / 16);
    }
    let size = parts.first().map_or(1, |part| part.variant.workgroup_size);
    let _ = writeln!(
        wgsl,
        "\n@compute @workgroup_size({size})\nfn {ENTRY_POINT}(\n    @builtin(workgroup_id) group: vec3<u32>,\n    \
         @builtin(num_workgroups) groups: vec3<u32>,\n    @builtin(local_invocation_index) local: u32,\n) {{\n    \
         let at = group.y * groups.x + group.x;"
    );
    for (number, part) in parts.iter().enumerate() {
        let _ = writeln!(
            wgsl,
            "    {}if at < launch.groups[{number}].x {{\n        {}_{number}(vec3<u32>(at + launch.groups[{number}].y, \
             0u, 0u), vec3<u32>(launch.groups[{number}].z, 1u, 1u), local);\n    }}",
            if number == 0 { "" } else { "else " },
            part.kernel.entry_point(part.variant),
        );
    }
    wgsl.push_str("}\n");
    wgsl
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_launch_map_its_workgroups_to_those_of_the_kernels() {
        let parts =
            [(Groups { first: 0, count: 5, of: 5 }, &[7u8; 12][..]), (Groups { first: 3, count: 4, of: 9 }, &[8; 4])];
        let bytes = launch_bytes(parts.into_iter());
        let words: &[u32] = bytemuck::cast_slice(&bytes[..32]);
        assert_eq!(words, [5, 0, 5, 0, 9, 3u32.wrapping_sub(5), 9, 0]);
        assert_eq!((&bytes[32..44], &bytes[48..52], bytes.len()), (&[7; 12][..], &[8; 4][..], 64));
    }
}
