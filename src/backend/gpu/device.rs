//! An open device: its adapter, its pipelines, its limits, whether it is still there.

use super::adapter::Adapter;
use super::buffers;
use super::handle::Handle;
use super::inject::Injection;
use super::pipeline_cache::PipelineCache;
use super::pipelines::Pipelines;
use crate::backend::opened::{DeviceState, Granted, Held};
use crate::kernel::{Profile, Target};
use crate::plan::Plan;
use std::path::Path;

/// An open device.
#[derive(Debug)]
pub struct GpuDevice {
    adapter: Adapter,
    pub(super) granted: Granted,
    pub(super) handle: Handle,
    pub(super) pipelines: Pipelines,
}

impl GpuDevice {
    pub(super) fn new(adapter: Adapter, granted: Granted, device: wgpu::Device, queue: wgpu::Queue) -> GpuDevice {
        GpuDevice { adapter, granted, handle: Handle::new(device, queue), pipelines: Pipelines::default() }
    }

    /// Whether the device is there.
    pub fn state(&self) -> DeviceState {
        self.handle.state()
    }

    /// Has one call to come fail: to try what a program does then.
    pub fn inject(&self, injection: Injection) {
        self.handle.injected.set(injection);
    }

    /// The adapter behind it.
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// What the choice of kernel variants needs to know.
    pub fn target(&self) -> Target {
        let profile = match self.adapter.inner.get_info().device_type {
            wgpu::DeviceType::Cpu => &Profile::SOFTWARE,
            wgpu::DeviceType::DiscreteGpu | wgpu::DeviceType::VirtualGpu => &Profile::DISCRETE,
            _ => &Profile::INTEGRATED,
        };
        Target {
            profile,
            workgroup_bytes: self.handle.limits.max_compute_workgroup_storage_size,
            workgroup_size: self.handle.limits.max_compute_invocations_per_workgroup,
            storage_buffers: self.handle.limits.max_storage_buffers_per_shader_stage,
            subgroup_size: self.subgroup_size(),
            words: self.handle.device.features().contains(wgpu::Features::SHADER_INT64),
            budget: profile.budget,
        }
    }

    /// Invocations per subgroup, where kernels may use subgroups and all are of one size; else 0.
    fn subgroup_size(&self) -> u32 {
        let info = self.adapter.inner.get_info();
        let usable = self.handle.device.features().contains(wgpu::Features::SUBGROUP);
        if usable && info.subgroup_min_size == info.subgroup_max_size { info.subgroup_min_size } else { 0 }
    }

    /// Bytes that [`GpuExecutor::load`](super::GpuExecutor::load) allocates for a plan.
    pub fn bytes_of(&self, plan: &Plan) -> u64 {
        buffers::bytes_of(&self.handle.limits, plan)
    }

    /// Checks that a plan keeps the limits that the device was opened with.
    pub(in crate::backend) fn check(&self, plan: &Plan) -> crate::error::Result<()> {
        buffers::check_limits(&self.handle.limits, plan)
    }

    /// The limits it was opened with that a plan can exceed.
    pub fn held(&self) -> Held {
        let limits = &self.handle.limits;
        Held {
            binding_bytes: limits.max_storage_buffer_binding_size.min(limits.max_buffer_size),
            storage_buffers: limits.max_storage_buffers_per_shader_stage,
            workgroup_bytes: limits.max_compute_workgroup_storage_size,
            workgroup_size: limits.max_compute_invocations_per_workgroup,
            workgroups: limits.max_compute_workgroups_per_dimension,
        }
    }

    /// Keeps compiled pipelines of the plans that are loaded from now on in a file of `folder`, and takes from it what
    /// an earlier run compiled. The folder is created; it is to be one that only the user can write to, such as the
    /// folder for caches: the driver trusts what is in it.
    ///
    /// Returns whether this device can do so: opened with [`Granted::Large`](super::Granted) or `Timed`, of an adapter
    /// that lists `pipeline cache` among its features. A second call changes nothing. A file that cannot be used or
    /// written is logged and done without.
    pub async fn keep_pipelines(&self, folder: &Path) -> bool {
        if self.pipelines.are_kept() {
            return true;
        }
        let cache = PipelineCache::open(&self.handle, &self.adapter, folder).await;
        let can = cache.is_some();
        cache.into_iter().for_each(|cache| self.pipelines.keep(cache));
        can
    }
}
