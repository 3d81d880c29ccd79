//! Whether a shader is valid and says what its Rust side says, by naga's reflection. It takes no device.

use crate::kernel::{Access, Binding, Clock, Constants, Element, KernelSpec, ParamsLayout, Scalar, Variant, source};
use std::collections::BTreeSet;
use wgpu::naga::{self, AddressSpace, GlobalVariable, Module, ScalarKind, StorageAccess, TypeInner};

/// Compares the WGSL of a variant, with the constants of a dispatch, to its kernel's entry point, bindings, `Params` and
/// constants.
///
/// # Errors
/// What differs, or why the WGSL is not valid, in words.
pub fn reflect(kernel: &KernelSpec, variant: &Variant, constants: &Constants) -> Result<(), String> {
    let named = |e: String| format!("{}/{}: {e}", kernel.name, variant.name);
    let module = parse(variant, &source::assemble(kernel, variant, constants)).map_err(named)?;
    compare(kernel, variant, &module).map_err(named)?;
    let mut set: Vec<_> = constants.iter().map(|(name, _)| *name).collect();
    let mut listed: Vec<_> = kernel.specialization.iter().map(|constant| constant.name).collect();
    set.sort_unstable();
    listed.sort_unstable();
    equal("constants of the dispatch", &set, &listed).map_err(named)
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, in_wgsl: &T, in_rust: &T) -> Result<(), String> {
    if in_wgsl == in_rust { Ok(()) } else { Err(format!("{what}: {in_wgsl:?} in WGSL, {in_rust:?} in Rust")) }
}

/// Parses and validates WGSL, with no capability beyond plain WebGPU and what the variant states.
fn parse(variant: &Variant, wgsl: &str) -> Result<Module, String> {
    use naga::valid::{Capabilities, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator};
    let module = naga::front::wgsl::parse_str(wgsl).map_err(|e| e.emit_to_string_with_path(wgsl, variant.file))?;
    let subgroups = variant.requirements.subgroup_size > 0;
    let mut capabilities = if subgroups { Capabilities::SUBGROUP } else { Capabilities::empty() };
    capabilities.set(Capabilities::SHADER_INT64, variant.requirements.words);
    let mut validator = Validator::new(ValidationFlags::all(), capabilities);
    if subgroups {
        validator.subgroup_stages(ShaderStages::COMPUTE).subgroup_operations(SubgroupOperationSet::all());
    }
    validator.validate(&module).map_err(|e| e.emit_to_string_with_path(wgsl, variant.file))?;
    Ok(module)
}

fn compare(kernel: &KernelSpec, variant: &Variant, module: &Module) -> Result<(), String> {
    let [entry] = &module.entry_points[..] else { return Err("one entry point expected".into()) };
    equal("entry point", &&*entry.name, &kernel.entry_point(variant))?;
    equal("workgroup size", &entry.workgroup_size, &[variant.workgroup_size, 1, 1])?;
    let mut found = BTreeSet::new();
    for (_, global) in module.global_variables.iter() {
        let Some(resource) = &global.binding else { continue };
        equal("group", &resource.group, &0)?;
        let Some(binding) = kernel.bindings.get(resource.binding as usize) else {
            return Err(format!("binding {} is not listed", resource.binding));
        };
        found.insert(resource.binding);
        compare_binding(kernel, variant, module, global, binding).map_err(|e| format!("`{}`: {e}", binding.name))?;
    }
    equal("number of bindings", &found.len(), &kernel.bindings.len())
}

fn compare_binding(
    kernel: &KernelSpec,
    variant: &Variant,
    module: &Module,
    global: &GlobalVariable,
    binding: &Binding,
) -> Result<(), String> {
    equal("name", &global.name.as_deref(), &Some(binding.name))?;
    let access = match global.space {
        AddressSpace::Uniform => Access::Uniform,
        AddressSpace::Storage { access } if access.contains(StorageAccess::STORE) => Access::Write,
        AddressSpace::Storage { .. } => Access::Read,
        other => return Err(format!("{other:?}")),
    };
    equal("access", &access, &binding.access)?;
    let inner = &module.types[global.ty].inner;
    match binding.element {
        Element::Params => compare_struct(module, inner, kernel.params),
        Element::Clock => compare_struct(module, inner, Clock::LAYOUT),
        // Words of 64 bits are two floats.
        Element::Float if variant.requirements.words && element(module, inner)? == naga::Scalar::U64 => Ok(()),
        Element::Float => equal("elements", &element(module, inner)?, &naga::Scalar::F32),
        Element::Word => equal("elements", &element(module, inner)?, &naga::Scalar::U32),
    }
}

fn element(module: &Module, inner: &TypeInner) -> Result<naga::Scalar, String> {
    let TypeInner::Array { base, .. } = inner else { return Err(format!("an array expected, got {inner:?}")) };
    match module.types[*base].inner {
        TypeInner::Scalar(scalar) | TypeInner::Vector { scalar, .. } => Ok(scalar),
        ref other => Err(format!("{other:?}")),
    }
}

fn compare_struct(module: &Module, inner: &TypeInner, layout: ParamsLayout) -> Result<(), String> {
    let TypeInner::Struct { members, span } = inner else { return Err("a struct expected".into()) };
    equal("size of the struct", &(*span as usize), &layout.size)?;
    let mut in_wgsl = Vec::new();
    for member in members {
        let TypeInner::Scalar(scalar) = module.types[member.ty].inner else { return Err("scalars only".into()) };
        let kind = if scalar.kind == ScalarKind::Float { Scalar::F32 } else { Scalar::U32 };
        in_wgsl.push((member.name.as_deref().unwrap_or_default(), member.offset as usize, kind));
    }
    let in_rust: Vec<_> = layout.fields.iter().map(|field| (field.name, field.offset, field.scalar)).collect();
    equal("members", &in_wgsl, &in_rust)
}
