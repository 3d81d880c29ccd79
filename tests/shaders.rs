//! Every assembled shader is valid, equal to its Rust side, and translates to every platform's language. No GPU.

mod common;

use anygrad::backend::gpu::reflect;
use anygrad::kernel::combine::{ENTRY_POINT, Part, bindings, can_combine, combine, workgroup_bytes};
use anygrad::kernel::part::PARTS;
use anygrad::kernel::{Grid, KernelSpec, Shared, Target, Variant, source::assemble};
use anygrad::ops::product::ALGORITHMS;
use anygrad::plan::storage_buffers;
use naga::{AddressSpace, Binding, BuiltIn};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

type Constants = Vec<(&'static str, u32)>;

/// All modules: each kernel, each variant, each set of constants that an op asks for.
fn modules() -> Vec<(&'static KernelSpec, &'static Variant, Constants)> {
    let mut sets: Vec<(&'static KernelSpec, Constants)> = Vec::new();
    for case in common::cases(3, 5, 4) {
        let (kernel, constants) = (case.op.spec(), case.op.constants());
        if !sets.iter().any(|(other, own)| other.name == kernel.name && *own == constants) {
            sets.push((kernel, constants));
        }
    }
    for kernel in common::kernels() {
        assert!(sets.iter().any(|(own, _)| own.name == kernel.name), "no case for kernel {}", kernel.name);
    }
    let variants = |(kernel, constants): (&'static KernelSpec, Constants)| {
        kernel.variants.iter().map(move |variant| (kernel, variant, constants.clone()))
    };
    sets.into_iter().flat_map(variants).collect()
}

fn uses_subgroups(variant: &Variant) -> bool {
    variant.requirements.subgroup_size > 0
}

fn capabilities(variant: &Variant) -> naga::valid::Capabilities {
    use naga::valid::Capabilities;
    let subgroups = if uses_subgroups(variant) { Capabilities::SUBGROUP } else { Capabilities::empty() };
    let words = if variant.requirements.words { Capabilities::SHADER_INT64 } else { Capabilities::empty() };
    subgroups | words
}

fn parse(kernel: &KernelSpec, variant: &Variant, constants: &Constants) -> (naga::Module, naga::valid::ModuleInfo) {
    parse_as(variant, &assemble(kernel, variant, constants))
}

/// Parses and validates WGSL that may use what a variant does.
fn parse_as(variant: &Variant, wgsl: &str) -> (naga::Module, naga::valid::ModuleInfo) {
    let module = naga::front::wgsl::parse_str(wgsl)
        .unwrap_or_else(|e| panic!("{}: {}", variant.file, e.emit_to_string_with_path(wgsl, variant.file)));
    // No capability beyond plain WebGPU and what the variant states.
    let mut validator = naga::valid::Validator::new(naga::valid::ValidationFlags::all(), capabilities(variant));
    if uses_subgroups(variant) {
        validator.subgroup_stages(naga::valid::ShaderStages::COMPUTE);
        validator.subgroup_operations(naga::valid::SubgroupOperationSet::all());
    }
    let info = validator
        .validate(&module)
        .unwrap_or_else(|e| panic!("{}: {}", variant.file, e.emit_to_string_with_path(wgsl, variant.file)));
    (module, info)
}

#[test]
fn shaders_equal_their_rust_side() {
    for (kernel, variant, constants) in modules() {
        reflect(kernel, variant, &constants).unwrap_or_else(|e| panic!("{e}"));
        let storage = kernel.buffers().count();
        assert!(storage <= 8, "{}: {storage} storage buffers", kernel.name);
    }
}

/// Translates a module to the language of every platform that can have it; how many these are.
fn translate(
    name: &str,
    entry: &str,
    subgroups: bool,
    (module, info): &(naga::Module, naga::valid::ModuleInfo),
) -> usize {
    let (entry, stage) = (entry.to_string(), naga::ShaderStage::Compute);
    // Subgroups came with SPIR-V 1.3 and MSL 2.1, integers of 64 bits with MSL 2.3, and GLSL ES has neither.
    let default = naga::back::spv::Options::default();
    let lang_version = if subgroups { (1, 3) } else { default.lang_version };
    let options = naga::back::spv::Options { lang_version, ..default };
    let pipeline = naga::back::spv::PipelineOptions { shader_stage: stage, entry_point: entry.clone() };
    let spirv = naga::back::spv::write_vec(module, info, &options, Some(&pipeline));
    assert!(!spirv.unwrap_or_else(|e| panic!("{name}: SPIR-V: {e}")).is_empty());

    let default = naga::back::msl::Options::default();
    let lang_version = if subgroups { (2, 3) } else { default.lang_version };
    let options = naga::back::msl::Options { fake_missing_bindings: true, lang_version, ..default };
    let pipeline = naga::back::msl::PipelineOptions { entry_point: Some((stage, entry.clone())), ..Default::default() };
    let (msl, _) =
        naga::back::msl::write_string(module, info, &options, &pipeline).unwrap_or_else(|e| panic!("{name}: MSL: {e}"));
    assert!(msl.contains("kernel void"), "{name}: MSL without a kernel");

    let options = naga::back::hlsl::Options::default();
    let pipeline = naga::back::hlsl::PipelineOptions { entry_point: Some((stage, entry.clone())) };
    let mut hlsl = String::new();
    naga::back::hlsl::Writer::new(&mut hlsl, &options, &pipeline)
        .write(module, info, None)
        .unwrap_or_else(|e| panic!("{name}: HLSL: {e}"));
    assert!(hlsl.contains("numthreads"), "{name}: HLSL without an entry point");
    if subgroups {
        return 3;
    }

    let options = naga::back::glsl::Options {
        version: naga::back::glsl::Version::Embedded { version: 310, is_webgl: false },
        ..Default::default()
    };
    let pipeline = naga::back::glsl::PipelineOptions { shader_stage: stage, entry_point: entry, multiview: None };
    let mut glsl = String::new();
    naga::back::glsl::Writer::new(&mut glsl, module, info, &options, &pipeline, Default::default())
        .and_then(|mut writer| writer.write())
        .unwrap_or_else(|e| panic!("{name}: GLSL ES: {e}"));
    assert!(glsl.contains("local_size_x"), "{name}: GLSL without an entry point");
    4
}

#[test]
fn shaders_translate_to_every_platform() {
    let translated = modules().into_iter().map(|(kernel, variant, constants)| {
        let name = format!("{}/{}", kernel.name, variant.name);
        translate(&name, kernel.entry_point(variant), uses_subgroups(variant), &parse(kernel, variant, &constants))
    });
    common::report_comparisons("shader_translations", translated.sum());
}

/// The one message of `spirv-val` that is known: naga states offsets and strides of variables in function and workgroup
/// memory (gfx-rs/wgpu#7696). Versions before 2025 do not give it.
const KNOWN: &str = "VUID-StandaloneSpirv-None-10684";

/// Khronos's validator on every module as a driver of Vulkan gets it, if it is installed.
#[test]
fn spirv_val_finds_nothing_but_what_is_known() {
    let Ok(version) = Command::new("spirv-val").arg("--version").output() else {
        assert!(std::env::var_os("ANYGRAD_REQUIRE_SPIRV_VAL").is_none(), "there is no spirv-val");
        eprintln!("SKIPPED: there is no spirv-val");
        return;
    };
    let version = String::from_utf8_lossy(&version.stdout).lines().next().unwrap_or_default().to_string();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("spirv");
    std::fs::create_dir_all(&folder).expect("a folder");
    let modules = modules();
    let validate = |number: usize| {
        let (kernel, variant, constants) = &modules[number];
        let (module, info) = parse(kernel, variant, constants);
        let options = naga::back::spv::Options { lang_version: (1, 3), ..Default::default() };
        let entry_point = kernel.entry_point(variant).to_string();
        let pipeline = naga::back::spv::PipelineOptions { shader_stage: naga::ShaderStage::Compute, entry_point };
        let words = naga::back::spv::write_vec(&module, &info, &options, Some(&pipeline)).expect("SPIR-V");
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let file = folder.join(format!("{number}.spv"));
        std::fs::write(&file, bytes).expect("a file");
        let output = Command::new("spirv-val").args(["--target-env", "vulkan1.3"]).arg(&file).output().expect("runs");
        std::fs::remove_file(&file).expect("removed");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let is_known = said.contains(KNOWN);
        assert!(output.status.success() || is_known, "{}/{}: {said}", kernel.name, variant.name);
        usize::from(is_known)
    };
    let next = AtomicUsize::new(0);
    let share = || {
        std::iter::from_fn(|| Some(next.fetch_add(1, Relaxed)).filter(|&i| i < modules.len()))
            .map(validate)
            .sum::<usize>()
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let known: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..processors).map(|_| scope.spawn(share)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).sum::<usize>()
    });
    println!("{version}: {} modules, {known} with {KNOWN}", modules.len());
    common::report_comparisons("spirv_val", modules.len());
}

#[test]
fn kernels_side_by_side_make_one_valid_module() {
    let modules = modules();
    let (mut combined, mut translated, mut before) = (0, 0, BTreeMap::new());
    for (kernel, variant, constants) in modules.iter().filter(|(kernel, ..)| can_combine(kernel)) {
        let part = Part { kernel, variant, constants };
        // Beside itself, and beside the one before of its workgroup size, with the same capabilities.
        let size = (variant.workgroup_size, uses_subgroups(variant));
        let other = before.insert(size, part).unwrap_or(part);
        let parts = [part, other, part];
        let parsed = parse_as(variant, &combine(&parts));
        translated +=
            translate(&format!("{} side by side", kernel.name), ENTRY_POINT, uses_subgroups(variant), &parsed);
        let module = &parsed.0;
        let stated = workgroup_bytes(parts.iter().map(|part| part.variant));
        assert!(bytes_of_workgroups(module) <= stated, "{}: more than {stated} bytes", kernel.name);
        let [entry] = &module.entry_points[..] else { panic!("{}: one entry point expected", variant.file) };
        assert_eq!((&*entry.name, entry.workgroup_size), (ENTRY_POINT, [variant.workgroup_size, 1, 1]));
        let bound = module.global_variables.iter().filter_map(|(_, global)| Some(global.binding.as_ref()?.binding));
        let mut bound: Vec<u32> = bound.collect();
        bound.sort_unstable();
        let expected: Vec<u32> = bindings(&parts).into_iter().map(|(number, _)| number).collect();
        assert_eq!(bound, expected, "{}", kernel.name);
        combined += 1;
    }
    assert!(combined >= 200, "{combined} modules");
    common::report_comparisons("shader_translations_side_by_side", translated);
    for case in common::cases(3, 5, 4) {
        let is_one = case.grid().expect("valid") == Grid::One;
        assert_eq!(can_combine(case.op.spec()), !is_one, "{:?}: kernels of one workgroup run alone", case.op);
    }
}

#[test]
fn what_the_tables_say_of_launches_is_so_in_the_shaders() {
    let builtins = [BuiltIn::WorkGroupId, BuiltIn::NumWorkGroups, BuiltIn::LocalInvocationIndex];
    for (kernel, variant, constants) in modules() {
        let name = format!("{}/{}", kernel.name, variant.name);
        let (module, _) = parse(kernel, variant, &constants);
        let arguments = module.entry_points[0].function.arguments.iter();
        let arguments: Vec<_> = arguments.filter_map(|argument| argument.binding.clone()).collect();
        assert_eq!(variant.shares, arguments == builtins.map(Binding::BuiltIn), "{name}: {arguments:?}");
        let mut memory = module.global_variables.iter().filter(|(_, g)| g.space == AddressSpace::WorkGroup);
        let has_scratch = memory.any(|(_, global)| global.name.as_deref() == Some("scratch"));
        assert_eq!(variant.algorithm.is_some_and(|algorithm| algorithm.scratch), has_scratch, "{name}");
    }
}

#[test]
fn the_first_variant_fits_every_device() {
    for kernel in common::kernels() {
        let first = &kernel.variants[0];
        assert!(Target::DOWNLEVEL.can_run(first) && (first.accepts)(&Grid::One, &[]), "{}", kernel.name);
        assert_eq!(first.class, anygrad::kernel::Class::Element, "{}", kernel.name);
        // Kernels that fusion puts in the place of others may need more; it leaves the others where there is not enough.
        let storage = storage_buffers(kernel);
        let most = match kernel.name {
            "classification_step" => 5,
            _ => 4,
        };
        assert!(storage <= most, "{}: {storage} storage buffers, downlevel devices grant 4", kernel.name);
    }
}

fn bytes_of_workgroups(module: &naga::Module) -> u32 {
    let mut layouter = naga::proc::Layouter::default();
    layouter.update(module.to_ctx()).expect("a layout");
    let workgroup = module.global_variables.iter().filter(|(_, g)| g.space == AddressSpace::WorkGroup);
    workgroup.map(|(_, g)| layouter[g.ty].size).sum()
}

#[test]
fn workgroup_memory_is_within_the_stated_requirement() {
    for (kernel, variant, constants) in modules() {
        let bytes = bytes_of_workgroups(&parse(kernel, variant, &constants).0);
        let stated = variant.requirements.workgroup_bytes;
        assert!(bytes <= stated, "{}/{}: {bytes} bytes, {stated} stated", kernel.name, variant.name);
    }
}

#[test]
fn no_shader_file_is_an_orphan() {
    let mut known: BTreeSet<String> = Shared::ALL.iter().map(|part| format!("shared/{}", part.file())).collect();
    let whole = common::kernels().into_iter().filter(|kernel| kernel.composition.is_none());
    known.extend(whole.clone().flat_map(|k| k.variants).map(|v| v.file.to_string()));
    // Parts have a test of their own.
    known.insert("interface.wgsl".into());
    let mut found = BTreeSet::new();
    for folder in ["shaders", "shaders/shared"] {
        for entry in std::fs::read_dir(folder).expect("the folder of shaders") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                found.insert(path.strip_prefix("shaders").expect("inside").display().to_string());
            }
        }
    }
    assert_eq!(found, known);
    for kernel in whole {
        for variant in kernel.variants {
            let stem = variant.file.trim_end_matches(".wgsl");
            assert_eq!(variant.entry_point, stem, "the entry point bears the file's name");
            assert!(variant.source.starts_with("// "), "{}: the first line states the purpose", variant.file);
        }
    }
}

#[test]
fn no_shader_uses_a_builtin_that_differs_between_drivers() {
    // tanh overflows to NaN on Metal, pow and NaN comparisons are not portable; Mesa's GL compiler crashes on an index
    // into a value that has no name.
    let parts = PARTS.iter().copied().chain(common::stages()).map(|part| (part.source.file, part.source.text));
    let products = ALGORITHMS.iter().flat_map(|a| a.sources.iter().copied().chain(a.finish).chain(a.beside));
    let sources = common::kernels().into_iter().flat_map(|k| k.variants).map(|v| (v.file, v.source));
    let sources = sources.chain(parts).chain(products.map(|source| (source.file, source.text)));
    for (file, source) in sources.chain(Shared::ALL.iter().map(|s| (s.file(), s.source()))) {
        let code = source.lines().map(|l| l.split("//").next().unwrap_or(""));
        for line in code {
            for banned in ["tanh(", "pow(", "atomic", ")["] {
                assert!(!line.contains(banned), "{file}: `{banned}` in `{}`", line.trim());
            }
        }
    }
}
