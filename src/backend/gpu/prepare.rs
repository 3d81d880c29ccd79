//! A plan before it can be recorded: its kernels compiled and its buffers bound, launch by launch.

use super::buffers::Buffers;
use super::device::GpuDevice;
use super::inject::Call;
use super::pipelines::{Compiled, Module, modules};
use crate::error::Result;
use crate::kernel::Workgroups;
use crate::kernel::combine::Resource;
use crate::plan::{Dispatch, Plan};

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
    #[cfg(not(target_arch = "wasm32"))]
    super::ahead::compile_ahead(device, plan)?;
    let handle = &device.handle;
    device.pipelines.compile(handle, modules(plan)).await?;
    let (mut phases, mut number, mut objections) = (Vec::new(), 0, Vec::new());
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
            let scopes = handle.watch(Call::Bind, &label)?;
            let bind_group = handle.device.create_bind_group(&descriptor);
            let objection = scopes.close();
            let (workgroups, reads_clock) = (phase.workgroups_of(launch), module.reads_clock());
            recorded.push(Recorded { pipeline, bind_group, workgroups, reads_clock });
            objections.push((label, objection));
            number += 1;
        }
        phases.push(recorded);
    }
    for (label, objection) in objections {
        handle.settle(objection.await, &label)?;
    }
    Ok(phases)
}
