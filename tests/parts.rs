//! Every part of a kernel is valid WGSL by itself behind `shaders/interface.wgsl`, and equal to its Rust side. No GPU.

mod common;

use anygrad::kernel::part::{Algorithm, PARTS, Part, Source};
use anygrad::kernel::{Access, Element, Scalar, Shared, Specialization};
use anygrad::ops::map::SOURCES as MAPS;
use anygrad::ops::product::ALGORITHMS;
use naga::{AddressSpace, ScalarKind, StorageAccess, TypeInner};
use std::collections::BTreeSet;

const INTERFACE: &str = include_str!("../shaders/interface.wgsl");

/// Constants of a dispatch with the value 0, behind the names of their values.
fn declarations(constants: &[Specialization]) -> String {
    let declare =
        |constant: &Specialization| format!("{}const {}: u32 = 0u;\n", constant.declarations(), constant.name);
    constants.iter().map(declare).collect()
}

/// Parses and validates WGSL behind the interface and parts of `shaders/shared/`.
fn parse(name: &str, constants: &[Specialization], shared: &[Shared], sources: &[Source]) -> naga::Module {
    let libraries = shared.iter().map(|part| part.source());
    let texts = libraries.chain(sources.iter().map(|source| source.text)).collect::<String>();
    let wgsl = format!("{}{INTERFACE}{texts}", declarations(constants));
    let module = naga::front::wgsl::parse_str(&wgsl)
        .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string_with_path(&wgsl, name)));
    let mut validator =
        naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::all());
    validator.subgroup_stages(naga::valid::ShaderStages::COMPUTE);
    validator.subgroup_operations(naga::valid::SubgroupOperationSet::all());
    validator.validate(&module).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string_with_path(&wgsl, name)));
    module
}

fn compare(part: &Part) {
    let name = part.source.file;
    let module = parse(name, part.specialization, part.shared, &[part.source]);
    let is_own = |binding: u32| binding < 100;
    let mut found = BTreeSet::new();
    let first = usize::from(!part.fields.is_empty());
    for (_, global) in module.global_variables.iter() {
        let Some(resource) = global.binding.as_ref().filter(|resource| is_own(resource.binding)) else { continue };
        found.insert(resource.binding);
        let inner = &module.types[global.ty].inner;
        if global.space == AddressSpace::Uniform {
            assert_eq!(resource.binding, 0, "{name}: the uniform struct comes first");
            compare_fields(&module, inner, part);
            continue;
        }
        let binding = &part.bindings[resource.binding as usize - first];
        assert_eq!(global.name.as_deref(), Some(binding.name), "{name}");
        let writes = matches!(global.space, AddressSpace::Storage { access } if access.contains(StorageAccess::STORE));
        assert_eq!(writes, binding.access == Access::Write, "{name}: {}", binding.name);
        let TypeInner::Array { base, .. } = *inner else { panic!("{name}: {} is no array", binding.name) };
        let is_word = matches!(module.types[base].inner, TypeInner::Scalar(scalar) if scalar == naga::Scalar::U32);
        assert_eq!(is_word, binding.element == Element::Word, "{name}: {}", binding.name);
    }
    assert_eq!(found.len(), first + part.bindings.len(), "{name}: bindings that the file lacks");
}

fn compare_fields(module: &naga::Module, inner: &TypeInner, part: &Part) {
    let TypeInner::Struct { members, .. } = inner else { panic!("{}: a struct expected", part.source.file) };
    let in_wgsl: Vec<_> = members
        .iter()
        .map(|member| {
            let TypeInner::Scalar(scalar) = module.types[member.ty].inner else { panic!("scalars only") };
            let kind = if scalar.kind == ScalarKind::Float { Scalar::F32 } else { Scalar::U32 };
            (member.name.clone().unwrap_or_default(), kind)
        })
        .collect();
    let in_rust: Vec<_> = part.fields.iter().map(|field| (field.name.to_string(), field.scalar)).collect();
    assert_eq!(in_wgsl, in_rust, "{}", part.source.file);
}

#[test]
fn parts_equal_their_rust_side() {
    for part in PARTS.iter().copied().chain(common::stages()) {
        compare(part);
        assert!(part.source.file.ends_with(&format!("/{}.wgsl", part.name)), "the name of {}", part.source.file);
    }
}

#[test]
fn a_stage_is_a_function_of_its_name() {
    for part in common::stages().into_iter().chain([&anygrad::kernel::part::STORE]) {
        let module = parse(part.source.file, part.specialization, part.shared, &[part.source]);
        let function = module.functions.iter().find(|(_, function)| function.name.as_deref() == Some(part.name));
        let (_, function) = function.unwrap_or_else(|| panic!("{}: no function {}", part.source.file, part.name));
        assert_eq!(function.arguments.len(), if part.draws { 3 } else { 2 }, "{}", part.source.file);
        assert!(function.result.is_some(), "{}: hands the value on", part.source.file);
    }
}

fn files(algorithm: &Algorithm) -> impl Iterator<Item = Source> {
    algorithm.sources.iter().copied().chain(algorithm.finish).chain(algorithm.beside)
}

#[test]
fn ways_to_compute_a_product_are_valid_by_themselves() {
    for algorithm in ALGORITHMS {
        let sources: Vec<Source> = files(algorithm).collect();
        let module = parse(sources[0].file, &[], &[Shared::Grid], &sources);
        for name in ["multiply", "sum_beside"] {
            let has = module.functions.iter().any(|(_, function)| function.name.as_deref() == Some(name));
            assert!(has, "{}: no function {name}", sources[0].file);
        }
    }
}

#[test]
fn passes_over_a_tensor_are_valid_by_themselves() {
    for source in MAPS {
        let module = parse(source.file, &[], &[Shared::Grid], &[*source]);
        assert!(
            module.functions.iter().any(|(_, function)| function.name.as_deref() == Some("map")),
            "{}",
            source.file
        );
    }
}

#[test]
fn no_file_of_a_part_is_an_orphan() {
    let sources = ALGORITHMS.iter().flat_map(|algorithm| files(algorithm));
    let parts = PARTS.iter().copied().chain(common::stages()).map(|part| part.source);
    let drawn = anygrad::kernel::part::FINISH_DRAWN;
    let known: BTreeSet<&str> =
        sources.chain(parts).chain(MAPS.iter().copied()).chain([drawn]).map(|s| s.file).collect();
    let mut found = BTreeSet::new();
    for folder in ["product", "operand", "stage", "beside", "map"] {
        for entry in std::fs::read_dir(format!("shaders/{folder}")).expect("the folder of parts") {
            let file = entry.expect("an entry").file_name();
            found.insert(format!("{folder}/{}", file.to_string_lossy()));
        }
    }
    assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), known);
    for source in ALGORITHMS.iter().flat_map(|algorithm| algorithm.sources) {
        assert!(source.text.starts_with("// "), "{}: the first line states the purpose", source.file);
    }
}
