//! Kernels run once over no workgroups before a run: for drivers that compile a kernel when it first runs.
//!
//! Lavapipe makes a kernel's machine code at its first dispatch, on the one thread that does a device's work, so that a
//! first step waits for all kernels in a row. Here each processor takes kernels, on a device of its own: what another
//! device compiled comes to ours by the driver's cache on disk. Where that is turned off, ours compiles it again.

use super::adapter::Adapter;
use super::ahead::in_parallel;
use super::buffers;
use super::device::GpuDevice;
use super::inject::Call;
use super::pipelines::{self, Module};
use crate::error::Result;
use crate::kernel::combine::Resource;
use crate::plan::Plan;
use std::cmp::Reverse;

/// Fewer kernels are not worth another device.
const FEWEST: usize = 4;
/// More devices are not opened.
const MOST_DEVICES: usize = 4;
/// Bytes of the buffers that stand for those of a run, or as many as the parameters: more than an element takes.
const BYTES: usize = 4096;

/// Has the driver compile what the device does not have yet of a plan's kernels.
///
/// # Errors
/// The driver's reason if it refuses one on this device.
pub(super) fn warm_up(device: &GpuDevice, plan: &Plan) -> Result<()> {
    if !compiles_at_first_run(device.adapter()) {
        return Ok(());
    }
    // With parameters of the run: where they leave little of a kernel, the driver builds them into its code.
    let kernels = pipelines::modules(plan).zip(buffers::uniforms(plan));
    let mut kernels: Vec<_> = kernels.filter(|(module, _)| !device.pipelines.has(module)).collect();
    // The longest first, so that no processor is left with one at the end.
    kernels.sort_by_cached_key(|(module, _)| (Reverse(module.wgsl().len()), module.key()));
    kernels.dedup_by_key(|(module, _)| module.key());
    if kernels.len() < FEWEST {
        return Ok(());
    }
    let open = |thread| if thread == 0 { None } else { pollster::block_on(device.adapter().open(device.granted)).ok() };
    in_parallel(&kernels, MOST_DEVICES, open, |other, (module, params)| {
        let outcome = pollster::block_on(run_over_nothing(other.as_ref().unwrap_or(device), module, params));
        // What another device cannot do, ours still may.
        if other.is_some() { Ok(()) } else { outcome }
    })
}

/// Whether the driver compiles a kernel when it first runs, rather than when its pipeline is made: lavapipe.
fn compiles_at_first_run(adapter: &Adapter) -> bool {
    let info = adapter.inner.get_info();
    info.backend == wgpu::Backend::Vulkan && info.driver == "llvmpipe"
}

/// Dispatches a kernel over no workgroups, on buffers that stand for those of a run, and waits.
async fn run_over_nothing(device: &GpuDevice, module: &Module<'_>, params: &[u8]) -> Result<()> {
    let handle = &device.handle;
    let compiled = device.pipelines.compiled(handle, module).await?;
    let bindings = module.bindings();
    let create = || {
        let stand_in = |&(_, resource): &(u32, Resource)| {
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
            let (label, size) = (Some("stand-in"), BYTES.max(params.len()) as u64);
            let descriptor = wgpu::BufferDescriptor { label, size, usage, mapped_at_creation: false };
            let buffer = handle.device.create_buffer(&descriptor);
            if resource == Resource::Params {
                handle.queue.write_buffer(&buffer, 0, params);
            }
            buffer
        };
        // One for each binding, because a kernel must not both read and write one.
        let buffers: Vec<_> = bindings.iter().map(stand_in).collect();
        let resources = buffers.iter().map(|buffer| buffer.as_entire_binding());
        let entries = bindings.iter().zip(resources);
        let entries: Vec<_> =
            entries.map(|(&(binding, _), resource)| wgpu::BindGroupEntry { binding, resource }).collect();
        let (label, layout) = (Some("stand-ins"), &compiled.layout);
        handle.device.create_bind_group(&wgpu::BindGroupDescriptor { label, layout, entries: &entries })
    };
    let bind_group = handle.scoped(Call::Bind, "stand-ins", create).await?;
    let mut encoder = handle.device.create_command_encoder(&Default::default());
    {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&compiled.pipeline);
        pass.set_bind_group(0, &bind_group, &[0][..usize::from(module.reads_clock())]);
        pass.dispatch_workgroups(0, 1, 1);
    }
    handle.wait(handle.queue.submit([encoder.finish()]), "compiling kernels")
}

#[cfg(test)]
mod tests {
    use super::super::adapter::instance;
    use super::super::objects;
    use super::*;
    use crate::backend::opened::Granted;
    use std::sync::Arc;

    fn device_and_plan() -> Option<(Arc<GpuDevice>, Plan)> {
        let adapter = objects::tested(&instance(wgpu::Backends::PRIMARY))?;
        let device = Arc::new(pollster::block_on(adapter.open(Granted::Large)).expect("the adapter opens"));
        let plan = objects::plan(&device);
        Some((device, plan))
    }

    #[test]
    fn every_kernel_of_a_plan_runs_over_nothing() {
        let Some((device, plan)) = device_and_plan() else { return };
        let kernels: Vec<_> = pipelines::modules(&plan).zip(buffers::uniforms(&plan)).collect();
        assert!(kernels.len() > FEWEST);
        for (module, params) in &kernels {
            pollster::block_on(run_over_nothing(&device, module, params)).expect("no objection");
            assert!(device.pipelines.has(module), "{}", module.label());
        }
    }

    #[test]
    fn the_device_and_others_share_the_kernels() {
        let Some((device, plan)) = device_and_plan() else { return };
        warm_up(&device, &plan).expect("no objection");
        let own = pipelines::modules(&plan).filter(|module| device.pipelines.has(module)).count();
        assert_eq!(own > 0, compiles_at_first_run(device.adapter()));
    }
}
