//! A plan before it can be recorded: its kernels compiled and its buffers bound, launch by launch.

use super::buffers::Buffers;
use super::device::GpuDevice;
use super::inject::Call;
use super::pipelines::{Compiled, Module, in_parallel, modules};
use super::warm_up::warm_up;
use crate::error::Result;
use crate::kernel::Workgroups;
use crate::kernel::combine::Resource;
use crate::plan::{Dispatch, Plan};
use std::collections::BTreeMap;

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
pub(super) async fn prepare(device: &GpuDevice, plan: &Plan, buffers: &Buffers) -> Result<Vec<Vec<Recorded>>> {
    compile_all(device, plan)?;
    let handle = &device.handle;
    let (mut phases, mut number) = (Vec::new(), 0);
    for phase in plan.phases() {
        let mut recorded = Vec::with_capacity(phase.launches.len());
        for launch in &phase.launches {
            let dispatches: Vec<&Dispatch> = phase.dispatches_of(launch).collect();
            let module = Module::new(&dispatches, launch);
            let Compiled { layout, pipeline } = device.pipelines.compiled(handle, &module).await?;
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
            let bind_group = handle.scoped(Call::Bind, &label, || handle.device.create_bind_group(&descriptor)).await?;
            let (workgroups, reads_clock) = (phase.workgroups_of(launch), module.reads_clock());
            recorded.push(Recorded { pipeline, bind_group, workgroups, reads_clock });
            number += 1;
        }
        phases.push(recorded);
    }
    Ok(phases)
}

/// Compiles what the plan needs on all processors. In a browser, which does so by itself, nothing.
fn compile_all(device: &GpuDevice, plan: &Plan) -> Result<()> {
    if cfg!(target_arch = "wasm32") {
        return Ok(());
    }
    warm_up(device, plan)?;
    let missing = modules(plan).filter(|module| !device.pipelines.has(module));
    let needed: BTreeMap<_, Module<'_>> = missing.map(|module| (module.key(), module)).collect();
    let needed = Vec::from_iter(needed.into_values());
    let compile = |module: &Module<'_>| pollster::block_on(device.pipelines.compiled(&device.handle, module)).map(drop);
    in_parallel(&needed, usize::MAX, drop, |(), module| compile(module))
}
