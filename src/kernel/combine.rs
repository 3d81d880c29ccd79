//! Several kernels as one WGSL module, so that one dispatch can run them side by side, or a part of one.
//!
//! Kernels number their workgroups by two arguments, `group` and `groups`, and so do not notice that they are called
//! from an entry point which runs some of their workgroups beside those of another kernel. What the modules declare is
//! told apart by a number at the end of each name. They share two uniforms: `launch` with the parameters of all, and
//! `clock`. (Lavapipe of Mesa 22.3 writes past an array when a shader reads more than three.) And they share the
//! workgroup memory that products call `scratch`, since a workgroup runs one of them.

use super::source::assemble;
use super::{Access, Binding, Constants, Element, KernelSpec, Shared, Variant};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Name of the entry point.
pub const ENTRY_POINT: &str = "launch_all";
/// The arguments that an entry point must have for [`combine`].
const ARGUMENTS: [&str; 3] = ["@builtin(workgroup_id)", "@builtin(num_workgroups)", "@builtin(local_invocation_index)"];
/// Members of `launch` start at multiples of so many bytes.
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

/// Which workgroups of a kernel a launch runs.
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
    kernel.variants.iter().all(|variant| ARGUMENTS.iter().all(|argument| variant.source.contains(argument)))
}

/// How products declare their workgroup memory.
const SCRATCH: &str = "var<workgroup> scratch:";

/// Whether a variant's workgroup memory is `scratch`.
fn has_scratch(variant: &Variant) -> bool {
    variant.shared.iter().any(|part| part.source().contains(SCRATCH))
}

/// Bytes of workgroup memory of variants side by side.
pub fn workgroup_bytes<'a>(variants: impl Iterator<Item = &'a Variant> + Clone) -> u32 {
    let bytes = |variant: &Variant| variant.requirements.workgroup_bytes;
    let shared = variants.clone().filter(|variant| has_scratch(variant)).map(bytes).max().unwrap_or(0);
    shared + variants.filter(|variant| !has_scratch(variant)).map(bytes).sum::<u32>()
}

/// What stands at a binding of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// The uniform with the parameters: `params` of a kernel by itself, `launch` of several.
    Params,
    /// The uniform `clock`.
    Clock,
    /// An operand.
    Buffer {
        /// Of which part.
        part: usize,
        /// Place among the part's [`KernelSpec::buffers`].
        at: usize,
        /// How it is used.
        access: Access,
    },
}

/// What stands at the bindings of a kernel by itself, by number.
pub fn bindings_of(kernel: &KernelSpec) -> Vec<(u32, Resource)> {
    let mut at = 0..;
    let resource = |(number, binding): (u32, &Binding)| match binding.element {
        Element::Params => (number, Resource::Params),
        Element::Clock => (number, Resource::Clock),
        _ => (number, Resource::Buffer { part: 0, at: at.next().unwrap_or_default(), access: binding.access }),
    };
    (0..).zip(kernel.bindings).map(resource).collect()
}

/// What stands at the bindings of the combined module, by number. In the places of the parts' uniforms are gaps; those
/// of all come last, the clock if a part reads it.
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

/// The bytes of `launch`: for each part where its workgroups end in the launch, what to add to a workgroup's place there
/// for its number in the kernel (modulo 2³²), and how many workgroups the kernel has; then the parameters of each part.
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
        let module = assemble(part.variant, part.constants);
        wgsl.push_str(&Renamer::new(&module, number, binding).rename());
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
        let _ = writeln!(wgsl, "{SCRATCH} array<vec4<f32>, {}>;", bytes / 16);
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
            part.variant.entry_point,
        );
    }
    wgsl.push_str("}\n");
    wgsl
}

/// Rewrites one module: names that it declares get a number, bindings move up, the entry point becomes a function, and
/// the uniforms are those that all share.
struct Renamer<'a> {
    tokens: Vec<&'a str>,
    declared: BTreeSet<&'a str>,
    number: usize,
    first_binding: usize,
}

impl<'a> Renamer<'a> {
    fn new(module: &'a str, number: usize, first_binding: usize) -> Self {
        let is_shared = |line: &str| line.contains("var<uniform>") || line.starts_with(SCRATCH);
        let lines = module.lines().filter(|line| !is_shared(line));
        let tokens: Vec<&str> = lines.flat_map(|line| tokens(line).into_iter().chain(["\n"])).collect();
        let declared = declared(&tokens);
        Renamer { tokens, declared, number, first_binding }
    }

    fn rename(&self) -> String {
        let mut wgsl = String::new();
        let (mut at, mut in_struct) = (0, false);
        while let Some(&token) = self.tokens.get(at) {
            at += 1;
            if token == "@" {
                at = self.attribute(at, &mut wgsl);
                continue;
            }
            if token == "params" && !self.is(at.wrapping_sub(2), ".") {
                let _ = write!(wgsl, "launch.params_{}", self.number);
                continue;
            }
            in_struct = token == "struct" || (in_struct && token != "}");
            wgsl.push_str(token);
            let is_member = self.is(at.wrapping_sub(2), ".") || (in_struct && self.is(at, ":"));
            if !is_member && self.declared.contains(token) {
                let _ = write!(wgsl, "_{}", self.number);
            }
        }
        wgsl
    }

    fn is(&self, at: usize, token: &str) -> bool {
        self.tokens.get(at) == Some(&token)
    }

    /// Writes the attribute whose name is at a position, or leaves it out; the position behind it.
    fn attribute(&self, name: usize, wgsl: &mut String) -> usize {
        let has_value = self.is(name + 1, "(");
        let close = |from: usize| self.tokens[from..].iter().position(|&token| token == ")").map_or(from, |n| from + n);
        let end = if has_value { close(name) + 1 } else { name + 1 };
        match self.tokens[name] {
            "compute" | "workgroup_size" | "builtin" => {}
            "binding" => {
                let value: usize = self.tokens[name + 2].parse().unwrap_or_default();
                let _ = write!(wgsl, "@binding({})", self.first_binding + value);
            }
            _ => {
                wgsl.push('@');
                wgsl.extend(self.tokens[name..end].iter().copied());
            }
        }
        end
    }
}

/// The names that a module declares outside functions and structs.
fn declared<'a>(tokens: &[&'a str]) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    let mut depth = 0;
    let words: Vec<&str> = tokens.iter().copied().filter(|token| !token.trim().is_empty()).collect();
    for (at, &word) in words.iter().enumerate() {
        match word {
            "{" => depth += 1,
            "}" => depth -= 1,
            "fn" | "const" | "struct" | "alias" if depth == 0 => names.extend(words.get(at + 1)),
            "var" if depth == 0 => {
                // var<storage, read> name
                let close = words[at..].iter().position(|&word| word == ">").map_or(at, |n| at + n);
                names.extend(words.get(close + 1));
            }
            _ => {}
        }
    }
    names
}

/// A module without comments as identifiers, numbers, runs of space and single characters.
fn tokens(module: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = module;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if first.is_whitespace() {
            rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        if !rest.starts_with("//") {
            tokens.push(&rest[..length]);
        }
        rest = &rest[length..];
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_numbers_and_members_do_not() {
        let module = "struct P { m: u32, n: P }\n@group(0) @binding(0) var<uniform> params: P;\n\
                      @group(0) @binding(1) var<storage, read> p: P; // p\nconst m: u32 = 1u;\n\
                      @compute @workgroup_size(m)\n\
                      fn f(@builtin(workgroup_id) g: vec3<u32>) { let x = p.m + m + params.m; }";
        let renamed = Renamer::new(module, 2, 5).rename();
        let expected = "struct P_2 { m: u32, n: P_2 }\n@group(0) @binding(6) var<storage, read> p_2: P_2; \n\
                        const m_2: u32 = 1u;\n";
        assert!(renamed.starts_with(expected), "{renamed}");
        assert!(renamed.contains("fn f_2( g: vec3<u32>) { let x = p_2.m + m_2 + launch.params_2.m; }"), "{renamed}");
    }

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
