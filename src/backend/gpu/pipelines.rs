//! Shader modules and pipelines, one per kernel, variant and set of constants, or per several that run side by side.

use super::handle::Handle;
use super::inject::Call;
use super::pipeline_cache::PipelineCache;
use crate::error::Result;
use crate::kernel::combine::{self, Resource};
use crate::kernel::{Access, source};
use crate::plan::{Dispatch, Launch, Plan};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// What a pipeline is made of: one kernel by itself, or an entry point for the parts of a launch.
#[derive(Clone, Debug)]
pub(super) struct Module<'a> {
    parts: Vec<combine::Part<'a>>,
    combined: bool,
}

impl<'a> Module<'a> {
    pub fn new(dispatches: &[&'a Dispatch], launch: &Launch) -> Self {
        let part =
            |d: &&'a Dispatch| combine::Part { kernel: d.kernel, variant: d.variant, constants: &d.specialization };
        Module { parts: dispatches.iter().map(part).collect(), combined: launch.single().is_none() }
    }

    /// Different for modules of different text: kernels of one's own may have the name of another.
    pub fn key(&self) -> Key {
        let kernel = |part: &combine::Part<'_>| std::ptr::from_ref(part.kernel).addr();
        (self.label(), self.parts.iter().map(kernel).collect())
    }

    /// The kernels with variants and constants, for people.
    pub fn label(&self) -> String {
        let label = |part: &combine::Part<'_>| source::label(part.kernel, part.variant, part.constants);
        let labels = self.parts.iter().map(label).collect::<Vec<_>>().join(" + ");
        if self.combined { format!("launch of {labels}") } else { labels }
    }

    pub fn wgsl(&self) -> String {
        match &self.parts[..] {
            [part] if !self.combined => source::assemble(part.kernel, part.variant, part.constants),
            parts => combine::combine(parts),
        }
    }

    fn entry_point(&self) -> &'static str {
        match &self.parts[..] {
            [part] if !self.combined => part.kernel.entry_point(part.variant),
            _ => combine::ENTRY_POINT,
        }
    }

    /// What stands at each binding, by number.
    pub fn bindings(&self) -> Vec<(u32, Resource)> {
        match &self.parts[..] {
            [part] if !self.combined => combine::bindings_of(part.kernel),
            parts => combine::bindings(parts),
        }
    }

    /// Whether one of the bindings is the clock.
    pub fn reads_clock(&self) -> bool {
        self.parts.iter().any(|part| part.kernel.reads_clock())
    }
}

/// What tells modules apart: their labels, and where each kernel stands, which stays for ever.
pub(super) type Key = (String, Vec<usize>);

/// A pipeline with the layout of its bindings.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub layout: wgpu::BindGroupLayout,
    pub pipeline: wgpu::ComputePipeline,
}

/// The pipelines of a device by kernel, variant and constants: each is compiled once, whatever plans come.
#[derive(Debug, Default)]
pub(super) struct Pipelines {
    compiled: Mutex<HashMap<Key, Compiled>>,
    /// What is kept on disk, if it was asked for.
    cache: OnceLock<PipelineCache>,
}

impl Pipelines {
    fn known(&self) -> MutexGuard<'_, HashMap<Key, Compiled>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a module is compiled.
    pub fn has(&self, module: &Module<'_>) -> bool {
        self.known().contains_key(&module.key())
    }

    /// The pipeline of a module, compiled if it is not yet.
    pub async fn compiled(&self, handle: &Handle, module: &Module<'_>) -> Result<Compiled> {
        let key = module.key();
        if let Some(compiled) = self.known().get(&key) {
            return Ok(compiled.clone());
        }
        let label = &key.0;
        let cache = || self.cache.get().map(PipelineCache::collection);
        let compiled = handle.scoped(Call::Compile, label, || compile(&handle.device, module, label, cache())).await?;
        self.known().insert(key, compiled.clone());
        Ok(compiled)
    }

    /// Compiles those of the modules that are not yet: all of them before the driver's answer to the first is waited for.
    pub async fn compile(&self, handle: &Handle, modules: impl Iterator<Item = Module<'_>>) -> Result<()> {
        let mut begun = BTreeMap::new();
        for module in modules.filter(|module| !self.has(module)) {
            if let Entry::Vacant(place) = begun.entry(module.key()) {
                let (label, cache) = (&place.key().0, self.cache.get().map(PipelineCache::collection));
                let scopes = handle.watch(Call::Compile, label)?;
                let compiled = compile(&handle.device, &module, label, cache);
                place.insert((compiled, scopes.close()));
            }
        }
        for (key, (compiled, objection)) in begun {
            handle.settle(objection.await, &key.0)?;
            self.known().insert(key, compiled);
        }
        Ok(())
    }

    /// Whether pipelines are kept on disk.
    pub fn are_kept(&self) -> bool {
        self.cache.get().is_some()
    }

    /// The folder in which pipelines are kept.
    pub fn folder(&self) -> Option<&Path> {
        self.cache.get()?.folder()
    }

    /// Keeps what is compiled from now on. What was compiled before is compiled again, if it is needed again, and then kept.
    pub fn keep(&self, cache: PipelineCache) {
        self.known().clear();
        let _ = self.cache.set(cache);
    }

    /// Writes to disk what is new, if pipelines are kept there.
    pub fn write_new(&self) {
        self.cache.get().into_iter().for_each(PipelineCache::write_new);
    }
}

/// The modules of all launches of a plan, in order.
pub(super) fn modules(plan: &Plan) -> impl Iterator<Item = Module<'_>> {
    plan.phases().iter().flat_map(|phase| {
        let module = |launch| Module::new(&phase.dispatches_of(launch).collect::<Vec<_>>(), launch);
        phase.launches.iter().map(module)
    })
}

fn compile(device: &wgpu::Device, module: &Module<'_>, label: &str, cache: Option<&wgpu::PipelineCache>) -> Compiled {
    let entry = |(binding, resource)| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: match resource {
                Resource::Params | Resource::Clock => wgpu::BufferBindingType::Uniform,
                Resource::Buffer { access, .. } => {
                    wgpu::BufferBindingType::Storage { read_only: access != Access::Write }
                }
            },
            has_dynamic_offset: resource == Resource::Clock,
            min_binding_size: None,
        },
        count: None,
    };
    let entries: Vec<_> = module.bindings().into_iter().map(entry).collect();
    let layout =
        device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(label), entries: &entries });
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(label),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let shader = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(label),
        source: wgpu::ShaderSource::Wgsl(module.wgsl().into()),
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(label),
        layout: Some(&pipeline_layout),
        module: &shader,
        entry_point: Some(module.entry_point()),
        // Kernels write their workgroup memory before they read it. On Metal and DX12 a single invocation would clear it.
        compilation_options: wgpu::PipelineCompilationOptions {
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache,
    });
    Compiled { layout, pipeline }
}
