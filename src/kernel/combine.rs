//! Several kernels as one WGSL module, so that one dispatch can run them side by side, or a part of one.
//!
//! Kernels number their workgroups by two arguments, `group` and `groups`, and so do not notice that they are called
//! from an entry point which runs some of their workgroups beside those of another kernel. What the modules declare is
//! told apart by a number at the end of each name.

use super::source::assemble;
use super::{Constants, KernelSpec, Variant};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Name of the entry point.
pub const ENTRY_POINT: &str = "launch";
/// Words of the uniform for each kernel: where its workgroups end in the launch, what to add to a workgroup's place in
/// the launch for its number in the kernel (modulo 2³²), how many workgroups the kernel has in all, and nothing.
pub const WORDS_PER_PART: usize = 4;
/// The arguments that an entry point must have for [`combine`].
const ARGUMENTS: [&str; 3] = ["@builtin(workgroup_id)", "@builtin(num_workgroups)", "@builtin(local_invocation_index)"];

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

/// Whether every variant of a kernel numbers its workgroups by arguments. Those that run as one workgroup need not.
pub fn can_combine(kernel: &KernelSpec) -> bool {
    kernel.variants.iter().all(|variant| ARGUMENTS.iter().all(|argument| variant.source.contains(argument)))
}

/// The module of all parts, whose variants have one workgroup size. Bindings follow each other, part by part; behind
/// them comes the uniform `parts`, [`WORDS_PER_PART`] words for each.
pub fn combine(parts: &[Part<'_>]) -> String {
    let mut wgsl = String::new();
    let mut binding = 0;
    for (number, part) in parts.iter().enumerate() {
        let module = assemble(part.variant, part.constants);
        wgsl.push_str(&Renamer::new(&module, number, binding).rename());
        wgsl.push('\n');
        binding += part.kernel.bindings.len();
    }
    let _ = writeln!(wgsl, "@group(0) @binding({binding}) var<uniform> parts: array<vec4<u32>, {}>;\n", parts.len());
    let size = parts.first().map_or(1, |part| part.variant.workgroup_size);
    let _ = writeln!(
        wgsl,
        "@compute @workgroup_size({size})\nfn {ENTRY_POINT}(\n    @builtin(workgroup_id) group: vec3<u32>,\n    \
         @builtin(num_workgroups) groups: vec3<u32>,\n    @builtin(local_invocation_index) local: u32,\n) {{\n    \
         let at = group.y * groups.x + group.x;"
    );
    for (number, part) in parts.iter().enumerate() {
        let _ = writeln!(
            wgsl,
            "    {}if at < parts[{number}].x {{\n        {}_{number}(vec3<u32>(at + parts[{number}].y, 0u, 0u), \
             vec3<u32>(parts[{number}].z, 1u, 1u), local);\n    }}",
            if number == 0 { "" } else { "else " },
            part.variant.entry_point,
        );
    }
    wgsl.push_str("}\n");
    wgsl
}

/// Rewrites one module: names that it declares get a number, bindings move up, the entry point becomes a function.
struct Renamer<'a> {
    tokens: Vec<&'a str>,
    declared: BTreeSet<&'a str>,
    number: usize,
    first_binding: usize,
}

impl<'a> Renamer<'a> {
    fn new(module: &'a str, number: usize, first_binding: usize) -> Self {
        let tokens = tokens(module);
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
        let module = "struct P { m: u32, n: P }\n@group(0) @binding(1) var<uniform> p: P; // p\nconst m: u32 = 1u;\n\
                      @compute @workgroup_size(m)\nfn f(@builtin(workgroup_id) g: vec3<u32>) { let x = p.m + m; }";
        let renamed = Renamer::new(module, 2, 5).rename();
        let expected =
            "struct P_2 { m: u32, n: P_2 }\n@group(0) @binding(6) var<uniform> p_2: P_2; \nconst m_2: u32 = 1u;\n";
        assert!(renamed.starts_with(expected), "{renamed}");
        assert!(renamed.contains("fn f_2( g: vec3<u32>) { let x = p_2.m + m_2; }"), "{renamed}");
    }
}
