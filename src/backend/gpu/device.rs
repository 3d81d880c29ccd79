//! Adapters, devices, and what goes wrong with them.

use super::pipeline_cache::PipelineCache;
use super::pipelines::Pipelines;
use crate::error::{Error, Result};
use crate::kernel::{Pace, Target};
use crate::plan::Plan;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// More storage buffers are not asked for: with uniforms and sizes they fit the 31 buffers of a kernel on Metal.
const MOST_STORAGE_BUFFERS: u32 = 28;

/// How long a submission may take before the device counts as hung.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A GPU, or a driver that imitates one, as the system offers it.
#[derive(Clone, Debug)]
pub struct Adapter {
    inner: wgpu::Adapter,
}

/// The adapters that can run compute shaders, in the order in which `--device INDEX` counts them.
///
/// OpenGL is asked only if Vulkan, Metal, DX12 and WebGPU offer nothing: it would list the same hardware again, and
/// its libraries print to stderr on machines without a display.
pub async fn adapters() -> Vec<Adapter> {
    let first_rate = adapters_of(wgpu::Backends::PRIMARY).await;
    if first_rate.is_empty() { gl_adapters().await } else { first_rate }
}

/// The adapters that OpenGL offers.
pub async fn gl_adapters() -> Vec<Adapter> {
    adapters_of(wgpu::Backends::GL).await
}

async fn adapters_of(backends: wgpu::Backends) -> Vec<Adapter> {
    offered_by(&instance(backends), backends).await
}

pub(super) fn instance(backends: wgpu::Backends) -> wgpu::Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = backends;
    // Validation layers print to stderr and cost time; the tests that want them set them up by the loader.
    descriptor.flags = wgpu::InstanceFlags::empty();
    wgpu::Instance::new(descriptor)
}

pub(super) async fn offered_by(instance: &wgpu::Instance, backends: wgpu::Backends) -> Vec<Adapter> {
    let found = instance.enumerate_adapters(backends).await;
    let computes = |a: &wgpu::Adapter| {
        a.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
            && a.limits().max_compute_invocations_per_workgroup >= 256
            && a.limits().max_storage_buffers_per_shader_stage >= 4
    };
    found.into_iter().filter(computes).map(|inner| Adapter { inner }).collect()
}

impl Adapter {
    /// The adapter's name, such as `NVIDIA H200`.
    pub fn name(&self) -> String {
        self.inner.get_info().name
    }

    /// What a file of compiled pipelines is named after; `None` where the API has no such files.
    pub(super) fn pipeline_cache_key(&self) -> Option<String> {
        wgpu::util::pipeline_cache_key(&self.inner.get_info())
    }

    /// The API: `vulkan`, `metal`, `dx12`, `gl` or `webgpu`.
    pub fn backend(&self) -> &'static str {
        match self.inner.get_info().backend {
            wgpu::Backend::Vulkan => "vulkan",
            wgpu::Backend::Metal => "metal",
            wgpu::Backend::Dx12 => "dx12",
            wgpu::Backend::Gl => "gl",
            wgpu::Backend::BrowserWebGpu => "webgpu",
            wgpu::Backend::Noop => "noop",
        }
    }

    /// Driver name and version.
    pub fn driver(&self) -> String {
        let info = self.inner.get_info();
        format!("{} {}", info.driver, info.driver_info).trim().to_string()
    }

    /// `discrete GPU`, `integrated GPU`, `virtual GPU`, `software` or `unknown`.
    pub fn kind(&self) -> &'static str {
        match self.inner.get_info().device_type {
            wgpu::DeviceType::DiscreteGpu => "discrete GPU",
            wgpu::DeviceType::IntegratedGpu => "integrated GPU",
            wgpu::DeviceType::VirtualGpu => "virtual GPU",
            wgpu::DeviceType::Cpu => "software",
            wgpu::DeviceType::Other => "unknown",
        }
    }

    /// Whether it is a driver that runs on the CPU: lavapipe, SwiftShader, WARP.
    pub fn is_software(&self) -> bool {
        self.inner.get_info().device_type == wgpu::DeviceType::Cpu
    }

    /// Whether the driver compiles a kernel when it first runs, rather than when its pipeline is made: lavapipe.
    pub(super) fn compiles_at_first_run(&self) -> bool {
        let info = self.inner.get_info();
        info.backend == wgpu::Backend::Vulkan && info.driver == "llvmpipe"
    }

    /// Largest buffer that one kernel can bind, in bytes.
    pub fn max_binding_bytes(&self) -> u64 {
        self.inner.limits().max_storage_buffer_binding_size
    }

    /// Most invocations in a workgroup.
    pub fn max_workgroup_size(&self) -> u32 {
        self.inner.limits().max_compute_invocations_per_workgroup
    }

    /// Bytes of workgroup memory.
    pub fn workgroup_bytes(&self) -> u32 {
        self.inner.limits().max_compute_workgroup_storage_size
    }

    /// Names of the optional features that matter for compute.
    pub fn features(&self) -> Vec<&'static str> {
        let has = |feature| self.inner.features().contains(feature);
        let known = [
            (wgpu::Features::SHADER_F16, "f16"),
            (wgpu::Features::SUBGROUP, "subgroup"),
            (wgpu::Features::SHADER_INT64, "64-bit integers"),
            (wgpu::Features::TIMESTAMP_QUERY, "timestamps"),
            (wgpu::Features::PIPELINE_CACHE, "pipeline cache"),
        ];
        known.into_iter().filter(|(feature, _)| has(*feature)).map(|(_, name)| name).collect()
    }

    /// Opens the adapter.
    ///
    /// # Errors
    /// [`Error::NoDevice`] if the driver refuses.
    pub async fn open(&self, granted: Granted) -> Result<GpuDevice> {
        let limits = granted.limits(&self.inner.limits());
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("anygrad"),
            required_features: granted.features(self.inner.features()),
            required_limits: limits.clone(),
            ..Default::default()
        };
        let refused = |e: wgpu::RequestDeviceError| Error::NoDevice {
            asked: self.name(),
            reason: format!("the driver says: {e}"),
        };
        let (device, queue) = self.inner.request_device(&descriptor).await.map_err(refused)?;
        let faults = Arc::new(Faults::default());
        let noted = faults.clone();
        device.on_uncaptured_error(Arc::new(move |error| noted.note(fault(error, "a kernel or buffer"))));
        let noted = faults.clone();
        device.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed || !message.is_empty() {
                noted.note(Error::DeviceLost { reason: format!("{reason:?}: {message}") });
            }
        });
        Ok(GpuDevice {
            adapter: self.clone(),
            granted,
            device,
            queue,
            limits,
            faults,
            pipelines: Pipelines::default(),
            pipeline_cache: OnceLock::new(),
        })
    }
}

/// Which limits a device is opened with. All but the downlevel ones come with subgroups and integers of 64 bits, where the
/// adapter has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granted {
    /// WebGPU's defaults, or its downlevel defaults where the adapter has less; buffers as large, and up to 28 in one
    /// kernel, as the adapter allows; files of compiled pipelines where the adapter has them.
    Large,
    /// As `Large`, and timestamps where the adapter has them: for measuring kernels.
    Timed,
    /// WebGPU's defaults exactly: what every conforming browser grants. Tests use it.
    Default,
    /// WebGPU's downlevel defaults exactly.
    Downlevel,
}

impl Granted {
    fn features(self, adapter: wgpu::Features) -> wgpu::Features {
        let kernels = wgpu::Features::SUBGROUP | wgpu::Features::SHADER_INT64;
        let large = kernels | wgpu::Features::PIPELINE_CACHE;
        adapter
            & match self {
                Granted::Downlevel => wgpu::Features::empty(),
                Granted::Default => kernels,
                Granted::Large => large,
                Granted::Timed => large | wgpu::Features::TIMESTAMP_QUERY,
            }
    }

    fn limits(self, adapter: &wgpu::Limits) -> wgpu::Limits {
        match self {
            Granted::Default => wgpu::Limits::default(),
            Granted::Downlevel => wgpu::Limits::downlevel_defaults(),
            Granted::Large | Granted::Timed => {
                let fits = wgpu::Limits::default().check_limits(adapter);
                let base = if fits { wgpu::Limits::default() } else { wgpu::Limits::downlevel_defaults() };
                wgpu::Limits {
                    max_buffer_size: adapter.max_buffer_size,
                    max_storage_buffer_binding_size: adapter.max_storage_buffer_binding_size,
                    // Kernels that run side by side bind the buffers of each.
                    max_storage_buffers_per_shader_stage: adapter
                        .max_storage_buffers_per_shader_stage
                        .min(MOST_STORAGE_BUFFERS),
                    ..base.or_worse_values_from(adapter)
                }
            }
        }
    }
}

/// Limits of an open device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Largest buffer that a kernel can bind, in bytes.
    pub binding_bytes: u64,
    /// Storage buffers of a kernel.
    pub storage_buffers: u32,
    /// Bytes of workgroup memory.
    pub workgroup_bytes: u32,
    /// Invocations of a workgroup.
    pub workgroup_size: u32,
    /// Workgroups along one dimension.
    pub workgroups: u32,
}

/// An open device.
#[derive(Debug)]
pub struct GpuDevice {
    adapter: Adapter,
    granted: Granted,
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    limits: wgpu::Limits,
    faults: Arc<Faults>,
    pub(super) pipelines: Pipelines,
    pub(super) pipeline_cache: OnceLock<PipelineCache>,
}

/// The first error that the driver reported outside a call.
#[derive(Debug, Default)]
struct Faults(Mutex<Option<Error>>);

impl Faults {
    fn note(&self, error: Error) {
        log::error!("{error}");
        self.lock().get_or_insert(error);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Error>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GpuDevice {
    /// The adapter behind it.
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// Opens the adapter once more, the same way.
    pub(super) async fn another(&self) -> Result<GpuDevice> {
        self.adapter.open(self.granted).await
    }

    /// What the choice of kernel variants needs to know.
    pub fn target(&self) -> Target {
        Target {
            software: self.adapter.is_software(),
            workgroup_bytes: self.limits.max_compute_workgroup_storage_size,
            workgroup_size: self.limits.max_compute_invocations_per_workgroup,
            storage_buffers: self.limits.max_storage_buffers_per_shader_stage,
            subgroup_size: self.subgroup_size(),
            words: self.device.features().contains(wgpu::Features::SHADER_INT64),
            pace: match self.adapter.inner.get_info().device_type {
                wgpu::DeviceType::Cpu => Pace::SOFTWARE,
                wgpu::DeviceType::DiscreteGpu | wgpu::DeviceType::VirtualGpu => Pace::DISCRETE,
                _ => Pace::INTEGRATED,
            },
        }
    }

    /// Invocations per subgroup, where kernels may use subgroups and all are of one size; else 0.
    fn subgroup_size(&self) -> u32 {
        let info = self.adapter.inner.get_info();
        let usable = self.device.features().contains(wgpu::Features::SUBGROUP);
        if usable && info.subgroup_min_size == info.subgroup_max_size { info.subgroup_min_size } else { 0 }
    }

    /// Bytes that [`GpuExecutor::load`](super::GpuExecutor::load) allocates for a plan.
    pub fn bytes_of(&self, plan: &Plan) -> u64 {
        super::buffers::bytes_of(self, plan)
    }

    /// The limits it was opened with that a plan can exceed.
    pub fn held(&self) -> Held {
        let limits = &self.limits;
        Held {
            binding_bytes: limits.max_storage_buffer_binding_size.min(limits.max_buffer_size),
            storage_buffers: limits.max_storage_buffers_per_shader_stage,
            workgroup_bytes: limits.max_compute_workgroup_storage_size,
            workgroup_size: limits.max_compute_invocations_per_workgroup,
            workgroups: limits.max_compute_workgroups_per_dimension,
        }
    }

    /// The limits it was opened with.
    pub(super) fn limits(&self) -> &wgpu::Limits {
        &self.limits
    }

    /// Fails if the driver has reported an error since the last call, or the device is gone.
    pub(super) fn check(&self) -> Result<()> {
        match self.faults.lock().take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Runs `create` and turns what the driver has against it into an error.
    pub(super) async fn scoped<T>(&self, context: &str, create: impl FnOnce() -> T) -> Result<T> {
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let created = create();
        // Scopes close in reverse order.
        let (internal, memory, validation) = (internal.pop(), memory.pop(), validation.pop());
        if let Some(error) = internal.await.or(memory.await).or(validation.await) {
            return Err(fault(error, context));
        }
        self.check()?;
        Ok(created)
    }

    /// Waits until a submission is done.
    pub(super) fn wait(&self, submission: wgpu::SubmissionIndex, context: &str) -> Result<()> {
        let wait = wgpu::PollType::Wait { submission_index: Some(submission), timeout: Some(TIMEOUT) };
        let outcome = self.device.poll(wait);
        self.check()?;
        match outcome {
            Ok(_) => Ok(()),
            Err(wgpu::PollError::Timeout) => {
                Err(Error::Timeout { context: context.into(), seconds: TIMEOUT.as_secs() })
            }
            Err(error) => Err(Error::Gpu { context: context.into(), message: error.to_string() }),
        }
    }
}

/// A wgpu error as ours.
fn fault(error: wgpu::Error, context: &str) -> Error {
    match error {
        wgpu::Error::OutOfMemory { .. } => Error::OutOfMemory { context: context.into() },
        wgpu::Error::Validation { description, .. } | wgpu::Error::Internal { description, .. } => {
            Error::Gpu { context: context.into(), message: description.replace('\n', " ") }
        }
    }
}
