//! Composes a kernel of parts: what is known of it without a variant, and its WGSL.
//!
//! A part's declarations get a prefix, its bindings move up, its uniform struct becomes members of one. Generated are
//! this struct, the chain of calls that each finished element goes through, and the entry point. Everything else stands
//! in files.

use super::part::{Algorithm, FINISH_DRAWN, Operand, Part, SCRATCH, TRANSPOSE_A, TRANSPOSE_B};
use super::preamble::{CELL, constants};
use super::wgsl::{Renaming, rename};
use super::{Binding, Constants, Field, KernelSpec, ParamsLayout, Scalar, Shared, Specialization, Twin, Variant};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The parts of a composed kernel: its head, a chain of stages, and stages beside it.
#[derive(Clone, Copy, Debug)]
pub struct Composition<'a> {
    /// What computes the elements that the stages take.
    pub head: Head,
    /// The stages that a finished element goes through, in order.
    pub chain: &'a [&'static Part],
    /// The stages that the sum of a column of A goes through, in a product whose A is stored `[K, M]`.
    pub beside: &'a [&'static Part],
}

/// The head of a composed kernel, which computes the elements that its stages take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// A product of these factors.
    Product([Operand; 2]),
    /// A pass over a tensor, which is the kernel's operand at this position.
    Map(usize),
}

/// A part with its prefix in a kernel.
struct Instance {
    part: &'static Part,
    prefix: String,
}

impl Composition<'_> {
    /// The text of the kernel, which is its name: such as `matmul ▸ add_bias ▸ activation`. The store at the end is
    /// left out.
    fn text(&self) -> String {
        let mut text = match self.head {
            Head::Product([Operand::Dense, Operand::Dense]) => "matmul".to_string(),
            Head::Product(operands) => {
                let [a, b] = operands.map(|operand| operand.part(&super::part::DENSE).name);
                format!("matmul of {a} and {b}")
            }
            Head::Map(_) => String::new(),
        };
        let last = self.chain.len().saturating_sub(1);
        for (i, part) in self.chain.iter().enumerate() {
            match (text.is_empty(), i == last && part.stores) {
                (_, true) => {}
                (true, _) => text.push_str(part.name),
                (false, _) => text.extend([" ▸ ", part.name]),
            }
        }
        if !self.beside.is_empty() {
            text.push_str(", column_sum");
            self.beside.iter().for_each(|part| text.extend([" ▸ ", part.name]));
        }
        text
    }

    /// The factors of a product, given what reads matrices.
    fn operands(&self, dense: [&'static Part; 2]) -> Vec<Instance> {
        match self.head {
            Head::Map(_) => Vec::new(),
            Head::Product([a, b]) => vec![
                Instance { part: a.part(dense[0]), prefix: "a_".into() },
                Instance { part: b.part(dense[1]), prefix: "b_".into() },
            ],
        }
    }

    /// The stages of the chain, then those beside.
    fn stages(&self) -> Vec<Instance> {
        let named = |letter: char, parts: &[&'static Part]| -> Vec<Instance> {
            let instance = |(i, &part): (usize, &&'static Part)| Instance { part, prefix: format!("{letter}{i}_") };
            parts.iter().enumerate().map(instance).collect()
        };
        [named('s', self.chain), named('t', self.beside)].into_iter().flatten().collect()
    }

    /// All parts, in the order of their parameters.
    fn instances(&self, dense: [&'static Part; 2]) -> Vec<Instance> {
        self.operands(dense).into_iter().chain(self.stages()).collect()
    }

    /// Whether a stage of the chain draws random numbers.
    fn draws(&self) -> bool {
        self.chain.iter().any(|part| part.draws)
    }
}

const DENSE: [&Part; 2] = [&super::part::DENSE; 2];

/// The storage buffers of a composed kernel under their names there: the inputs in order, then what stages store. Of a
/// map the source comes at its position among the inputs.
fn storage(composition: &Composition<'_>) -> Vec<(String, Binding)> {
    let (mut inputs, mut results) = (Vec::new(), Vec::new());
    for Instance { part, prefix } in composition.instances(DENSE) {
        for binding in part.bindings {
            let list = if part.stores { &mut results } else { &mut inputs };
            list.push((format!("{prefix}{}", binding.name), *binding));
        }
    }
    if let Head::Map(at) = composition.head {
        inputs.insert(at, ("source".into(), Binding::read("source")));
    }
    inputs.into_iter().chain(results).collect()
}

/// The members of `Params`: the head's, then those of the parts.
fn fields(composition: &Composition<'_>) -> Vec<(String, Scalar)> {
    let own: &[&str] = match composition.head {
        Head::Product(_) => &["m", "n", "k"],
        Head::Map(_) => &["count", "columns"],
    };
    let parts = composition.instances(DENSE).into_iter().flat_map(|Instance { part, prefix }| {
        part.fields.iter().map(move |field| (format!("{prefix}{}", field.name), field.scalar)).collect::<Vec<_>>()
    });
    own.iter().map(|name| (name.to_string(), Scalar::U32)).chain(parts).collect()
}

/// The constants that a dispatch sets: of a product how its factors are stored, then what the parts ask for, each once.
fn specialization(composition: &Composition<'_>) -> Vec<Specialization> {
    let mut all = match composition.head {
        Head::Product(_) => vec![TRANSPOSE_A, TRANSPOSE_B],
        Head::Map(_) => Vec::new(),
    };
    for constant in composition.instances(DENSE).iter().flat_map(|instance| instance.part.specialization) {
        if !all.contains(constant) {
            all.push(*constant);
        }
    }
    all
}

/// The kernel of a composition: made when it is first asked for, and kept. There are as many as there are chains in the
/// plans of a program.
pub fn composed(composition: Composition<'_>, variants: &'static [Variant], twin: Twin) -> &'static KernelSpec {
    // By its text, and by what its parts say: an op of one's own may have the name of another.
    type Key = (String, Vec<&'static str>);
    static KNOWN: OnceLock<Mutex<HashMap<Key, &'static KernelSpec>>> = OnceLock::new();
    let sources = composition.chain.iter().chain(composition.beside).map(|part| part.source.text);
    let (text, sources) = (composition.text(), sources.collect());
    let key: Key = (text.clone(), sources);
    let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kernel) = known.get(&key) {
        return kernel;
    }
    let kernel = Box::leak(Box::new(spec(composition, text, variants, twin)));
    known.insert(key, kernel);
    kernel
}

fn spec(composition: Composition<'_>, text: String, variants: &'static [Variant], twin: Twin) -> KernelSpec {
    let reads_clock = composition.instances(DENSE).iter().any(|instance| instance.part.clock);
    let storage = storage(&composition).into_iter().map(|(name, binding)| Binding { name: name.leak(), ..binding });
    let uniforms = [Some(Binding::PARAMS), reads_clock.then_some(Binding::CLOCK)].into_iter().flatten();
    let bindings: Vec<Binding> = uniforms.chain(storage).collect();
    let members = fields(&composition).into_iter().enumerate();
    let fields: Vec<Field> =
        members.map(|(i, (name, scalar))| Field { name: name.leak(), offset: 4 * i, scalar }).collect();
    let params = ParamsLayout { size: 4 * fields.len(), fields: fields.leak() };
    KernelSpec {
        entry_point: Some(entry_point(&text).leak()),
        name: text.leak(),
        bindings: bindings.leak(),
        params,
        specialization: specialization(&composition).leak(),
        variants,
        twin,
        composition: Some(Composition {
            chain: composition.chain.to_vec().leak(),
            beside: composition.beside.to_vec().leak(),
            ..composition
        }),
    }
}

/// A text as a name in WGSL.
fn entry_point(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}

/// The WGSL of a composed kernel in one variant.
pub(super) fn link(
    kernel: &KernelSpec,
    composition: &Composition<'_>,
    variant: &Variant,
    specialization: &Constants,
) -> String {
    let dense = variant.algorithm.map_or(DENSE, |algorithm| algorithm.dense);
    let mut wgsl = constants(kernel, variant, specialization);
    if !variant.constants.iter().any(|(name, _)| *name == CELL) {
        let _ = writeln!(wgsl, "const {CELL}: u32 = 1u;\nalias Cell = Elem;");
    }
    wgsl.push_str("\nstruct Place {\n    row: u32,\n    column: u32,\n    index: u32,\n}\n");
    params(&mut wgsl, kernel);
    for shared in libraries(kernel, composition) {
        wgsl.push('\n');
        wgsl.push_str(shared.source());
    }
    for instance in composition.instances(dense) {
        wgsl.push_str(&placed(kernel, &instance));
    }
    let sources = match (composition.head, variant.algorithm) {
        (Head::Map(at), _) => map(kernel, at, variant),
        (_, Some(algorithm)) => product(&mut wgsl, composition, algorithm, variant),
        (_, None) => String::new(),
    };
    wgsl.push_str(&sources);
    chain(&mut wgsl, composition, variant.algorithm.is_some());
    entry(&mut wgsl, kernel, composition, variant);
    wgsl
}

/// `Params` and the clock.
fn params(wgsl: &mut String, kernel: &KernelSpec) {
    wgsl.push_str("\nstruct Params {\n");
    for Field { name, scalar, .. } in kernel.params.fields {
        let _ = writeln!(wgsl, "    {name}: {},", if *scalar == Scalar::F32 { "f32" } else { "u32" });
    }
    wgsl.push_str("}\n\n@group(0) @binding(0) var<uniform> params: Params;\n");
    if kernel.bindings.contains(&Binding::CLOCK) {
        let _ = writeln!(wgsl, "@group(0) @binding(1) var<uniform> {}: {};", Binding::CLOCK.name, CLOCK_STRUCT);
    }
}

/// The struct of the clock in `shaders/shared/`.
const CLOCK_STRUCT: &str = "Clock";

/// The parts of `shaders/shared/` that the parts call, each once.
fn libraries(kernel: &KernelSpec, composition: &Composition<'_>) -> Vec<Shared> {
    let clock = kernel.bindings.contains(&Binding::CLOCK).then_some(Shared::Clock);
    let of_parts = composition.instances(DENSE).into_iter().flat_map(|instance| instance.part.shared.to_vec());
    let mut all = Vec::new();
    for shared in [Some(Shared::Grid), clock].into_iter().flatten().chain(of_parts) {
        if !all.contains(&shared) {
            all.push(shared);
        }
    }
    all
}

/// A part under its prefix, with its bindings and parameters where the kernel has them.
fn placed(kernel: &KernelSpec, Instance { part, prefix }: &Instance) -> String {
    let letter = prefix.trim_end_matches('_').to_ascii_uppercase();
    let text = part.source.text.replace("OWN_", &format!("{letter}_")).replace("OwnCell", &format!("{letter}Cell"));
    let first = usize::from(!part.fields.is_empty());
    let number = |number: u32| {
        let own = part.bindings.get((number as usize).wrapping_sub(first)).map_or("", |binding| binding.name);
        let name = format!("{prefix}{own}");
        kernel.bindings.iter().position(|binding| binding.name == name).unwrap_or_default() as u32
    };
    let renaming = Renaming {
        name: &|name| format!("{prefix}{name}"),
        uniform: &|name| uniform_of(part).filter(|own| *own == name).map(|_| format!("params.{prefix}")),
        without_structs: true,
        common: &[],
        binding: &number,
        call: false,
    };
    format!("\n{}\n", rename(&text, &renaming).trim())
}

/// The name of a part's uniform variable.
fn uniform_of(part: &Part) -> Option<&'static str> {
    let behind = part.source.text.split("var<uniform> ").nth(1)?;
    behind.split(':').next()
}

/// The files of a product, and its workgroup memory.
fn product(wgsl: &mut String, composition: &Composition<'_>, algorithm: &Algorithm, variant: &Variant) -> String {
    if algorithm.scratch {
        let vectors = variant.requirements.workgroup_bytes / 16;
        let _ = writeln!(wgsl, "\nvar<workgroup> {SCRATCH}: array<vec4<f32>, {vectors}>;");
    }
    let beside = algorithm.beside.iter().filter(|_| !composition.beside.is_empty());
    let finish = algorithm.finish.iter().map(|finish| if composition.draws() { &FINISH_DRAWN } else { finish });
    algorithm.sources.iter().chain(finish).chain(beside).map(|source| format!("\n{}", source.text)).collect()
}

/// The file of a map, whose source is the kernel's operand at position `at`.
fn map(kernel: &KernelSpec, at: usize, variant: &Variant) -> String {
    let uniforms = kernel.bindings.iter().filter(|binding| binding.is_uniform()).count();
    let number = (uniforms + at) as u32;
    let renaming = Renaming {
        name: &|name| name.to_string(),
        uniform: &|_| None,
        without_structs: false,
        common: &[],
        binding: &|_| number,
        call: false,
    };
    format!("\n{}\n", rename(variant.source, &renaming).trim())
}

/// What a finished element goes through, and the sum of a column.
fn chain(wgsl: &mut String, composition: &Composition<'_>, is_product: bool) {
    let calls = |letter: char, parts: &[&'static Part], value: &str| {
        let (mut calls, mut value) = (String::new(), value.to_string());
        for (i, part) in parts.iter().enumerate() {
            let drawn = if part.draws { ", kept" } else { "" };
            let _ = writeln!(calls, "    let {letter}{i} = {letter}{i}_{}(at, {value}{drawn});", part.name);
            value = format!("{letter}{i}");
        }
        calls
    };
    let body = calls('s', composition.chain, "value");
    match composition.chain.iter().position(|part| part.draws) {
        None => {
            let _ = writeln!(wgsl, "\nfn finish(at: Place, value: Cell) {{\n{body}}}");
        }
        Some(i) => {
            // Numbers count from the first row of the whole batch.
            let start = format!("clock.first_row * params.{}", if is_product { "n" } else { "columns" });
            let _ = writeln!(wgsl, "\nfn finish_drawn(at: Place, value: f32, kept: bool) {{\n{body}}}");
            let _ = writeln!(
                wgsl,
                "\nfn draw_four(index: u32) -> vec4<bool> {{\n    return s{i}_keeps_four({start} + index);\n}}"
            );
            if is_product {
                let _ = writeln!(
                    wgsl,
                    "\nfn finish(at: Place, value: f32) {{\n    finish_drawn(at, value, s{i}_keeps_one({start} + at.index));\n}}"
                );
            }
        }
    }
    if !composition.beside.is_empty() {
        let body = calls('t', composition.beside, "value");
        let _ = writeln!(wgsl, "\nfn finish_beside(at: Place, value: f32) {{\n{body}}}");
    }
}

fn entry(wgsl: &mut String, kernel: &KernelSpec, composition: &Composition<'_>, variant: &Variant) {
    let run = if variant.algorithm.is_some() { "multiply" } else { "map" };
    let _ = writeln!(
        wgsl,
        "\n@compute @workgroup_size(WORKGROUP_SIZE)\nfn {}(\n    @builtin(workgroup_id) group: vec3<u32>,\n    \
         @builtin(num_workgroups) groups: vec3<u32>,\n    @builtin(local_invocation_index) local: u32,\n) {{\n    \
         {run}(group, groups, local);",
        kernel.entry_point(variant)
    );
    if !composition.beside.is_empty() {
        wgsl.push_str("    sum_beside(group, groups, local);\n");
    }
    wgsl.push_str("}\n");
}
