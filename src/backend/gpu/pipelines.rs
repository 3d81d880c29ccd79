//! Shader modules and pipelines, one per kernel, variant and set of constants, or per several that run side by side.

use super::buffers::Buffers;
use super::device::GpuDevice;
use super::warm_up::warm_up;
use crate::error::Result;
use crate::kernel::combine::{self, Resource};
use crate::kernel::{Access, source};
use crate::ops::Workgroups;
use crate::plan::{Dispatch, Launch, Plan};
use std::collections::{BTreeMap, HashMap};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// One launch as it is recorded.
#[derive(Debug)]
pub(super) struct Recorded {
    pub pipeline: wgpu::ComputePipeline,
    pub bind_group: wgpu::BindGroup,
    pub workgroups: Workgroups,
    /// Whether the bind group takes the offset of a clock.
    pub reads_clock: bool,
}

/// Compiles what the plan needs and binds its buffers: for each phase the list of launches.
pub(super) async fn record(device: &GpuDevice, plan: &Plan, buffers: &Buffers) -> Result<Vec<Vec<Recorded>>> {
    compile_all(device, plan)?;
    let (mut phases, mut number) = (Vec::new(), 0);
    for phase in plan.phases() {
        let mut recorded = Vec::with_capacity(phase.launches.len());
        for launch in &phase.launches {
            let dispatches: Vec<&Dispatch> = phase.dispatches_of(launch).collect();
            let module = Module::new(&dispatches, launch);
            let Compiled { layout, pipeline } = compiled(device, &module).await?;
            let entry = |(binding, resource): (u32, Resource)| {
                let buffer = match resource {
                    Resource::Buffer { part, at, .. } => buffers.bound(&dispatches[part].buffers[at]),
                    Resource::Params => buffers.uniform(number),
                    Resource::Clock => buffers.clock(),
                };
                wgpu::BindGroupEntry { binding, resource: wgpu::BindingResource::Buffer(buffer) }
            };
            let entries: Vec<_> = module.bindings().into_iter().map(entry).collect();
            let label = phase.labels_of(launch);
            let descriptor = wgpu::BindGroupDescriptor { label: Some(&label), layout: &layout, entries: &entries };
            let bind_group = device.scoped(&label, || device.device.create_bind_group(&descriptor)).await?;
            let (workgroups, reads_clock) = (phase.workgroups_of(launch), module.reads_clock());
            recorded.push(Recorded { pipeline, bind_group, workgroups, reads_clock });
            number += 1;
        }
        phases.push(recorded);
    }
    Ok(phases)
}

/// What a pipeline is made of: one kernel by itself, or an entry point for the parts of a launch.
#[derive(Clone, Debug)]
pub(super) struct Module<'a> {
    parts: Vec<combine::Part<'a>>,
    combined: bool,
}

impl<'a> Module<'a> {
    fn new(dispatches: &[&'a Dispatch], launch: &Launch) -> Self {
        let part =
            |d: &&'a Dispatch| combine::Part { kernel: d.kernel, variant: d.variant, constants: &d.specialization };
        Module { parts: dispatches.iter().map(part).collect(), combined: launch.single().is_none() }
    }

    /// Equal for modules of equal text.
    pub fn label(&self) -> String {
        let label = |part: &combine::Part<'_>| source::label(part.kernel, part.variant, part.constants);
        let labels = self.parts.iter().map(label).collect::<Vec<_>>().join(" + ");
        if self.combined { format!("launch of {labels}") } else { labels }
    }

    pub fn wgsl(&self) -> String {
        match &self.parts[..] {
            [part] if !self.combined => source::assemble(part.variant, part.constants),
            parts => combine::combine(parts),
        }
    }

    fn entry_point(&self) -> &'static str {
        match &self.parts[..] {
            [part] if !self.combined => part.variant.entry_point,
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

/// A pipeline with the layout of its bindings.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub layout: wgpu::BindGroupLayout,
    pub pipeline: wgpu::ComputePipeline,
}

/// The pipelines of a device by kernel, variant and constants: each is compiled once, whatever plans come.
pub(super) type Pipelines = Mutex<HashMap<String, Compiled>>;

pub(super) async fn compiled(device: &GpuDevice, module: &Module<'_>) -> Result<Compiled> {
    let known = || device.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
    let label = module.label();
    if let Some(compiled) = known().get(&label) {
        return Ok(compiled.clone());
    }
    let compiled = device.scoped(&label, || compile(device, module, &label)).await?;
    known().insert(label, compiled.clone());
    Ok(compiled)
}

/// Compiles what the plan needs on all processors. In a browser, which does so by itself, nothing.
fn compile_all(device: &GpuDevice, plan: &Plan) -> Result<()> {
    if cfg!(target_arch = "wasm32") {
        return Ok(());
    }
    warm_up(device, plan)?;
    let missing = modules(plan).filter(|module| !has(device, module));
    let needed: BTreeMap<String, Module<'_>> = missing.map(|module| (module.label(), module)).collect();
    let needed = Vec::from_iter(needed.into_values());
    in_parallel(&needed, usize::MAX, drop, |(), module| pollster::block_on(compiled(device, module)).map(drop))
}

/// The modules of all launches of a plan, in order.
pub(super) fn modules(plan: &Plan) -> impl Iterator<Item = Module<'_>> {
    plan.phases().iter().flat_map(|phase| {
        let module = |launch| Module::new(&phase.dispatches_of(launch).collect::<Vec<_>>(), launch);
        phase.launches.iter().map(module)
    })
}

/// Whether a module is compiled.
pub(super) fn has(device: &GpuDevice, module: &Module<'_>) -> bool {
    device.pipelines.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&module.label())
}

/// Does work on items on all processors, but on no more than `most`; each thread, by its number, starts with a state.
pub(super) fn in_parallel<T: Sync, S>(
    items: &[T],
    most: usize,
    start: impl Fn(usize) -> S + Sync,
    work: impl Fn(&S, &T) -> Result<()> + Sync,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let take = || items.get(next.fetch_add(1, Ordering::Relaxed));
    let share = |thread| {
        let state = start(thread);
        std::iter::from_fn(take).try_for_each(|item| work(&state, item))
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len()).min(most);
    std::thread::scope(|scope| {
        let share = &share;
        let others: Vec<_> = (1..threads).map(|thread| scope.spawn(move || share(thread))).collect();
        let own = share(0);
        // A thread does not panic but by a defect, which is to show here.
        others
            .into_iter()
            .fold(own, |so_far, other| so_far.and(other.join().unwrap_or_else(|panic| resume_unwind(panic))))
    })
}

fn compile(device: &GpuDevice, module: &Module<'_>, label: &str) -> Compiled {
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
    let layout = device
        .device
        .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(label), entries: &entries });
    let pipeline_layout = device.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(label),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let shader = device.device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(label),
        source: wgpu::ShaderSource::Wgsl(module.wgsl().into()),
    });
    let pipeline = device.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(label),
        layout: Some(&pipeline_layout),
        module: &shader,
        entry_point: Some(module.entry_point()),
        // Kernels write their workgroup memory before they read it. On Metal and DX12 a single invocation would clear it.
        compilation_options: wgpu::PipelineCompilationOptions {
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: device.pipelines_of_before(),
    });
    Compiled { layout, pipeline }
}
