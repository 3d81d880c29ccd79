//! Adapters: what the system offers, and what is asked of one.

use crate::backend::opened::Granted;

/// More storage buffers are not asked for: with uniforms and sizes they fit the 31 buffers of a kernel on Metal.
const MOST_STORAGE_BUFFERS: u32 = 28;

/// A GPU, or a driver that imitates one, as the system offers it.
#[derive(Clone, Debug)]
pub struct Adapter {
    pub(super) inner: wgpu::Adapter,
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
    found.into_iter().filter(|adapter| lacks(adapter).is_none()).map(|inner| Adapter { inner }).collect()
}

/// What an adapter lacks to run kernels.
fn lacks(adapter: &wgpu::Adapter) -> Option<String> {
    let limits = adapter.limits();
    let (size, buffers) = (limits.max_compute_invocations_per_workgroup, limits.max_storage_buffers_per_shader_stage);
    if !adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS) {
        return Some("it has no compute shaders".into());
    }
    if size < 256 {
        return Some(format!("it has workgroups of {size} invocations at most, kernels need 256"));
    }
    (buffers < 4).then(|| format!("a kernel can bind {buffers} buffers at most, 4 are needed"))
}

/// Adapters that cannot run kernels, by name, each with the reason.
pub async fn unusable() -> Vec<(String, String)> {
    let backends = wgpu::Backends::PRIMARY;
    let found = instance(backends).enumerate_adapters(backends).await;
    found.into_iter().filter_map(|adapter| Some((adapter.get_info().name, lacks(&adapter)?))).collect()
}

impl Adapter {
    /// The adapter's name, such as `NVIDIA H200`; where a browser keeps it to itself, its API's.
    pub fn name(&self) -> String {
        let info = self.inner.get_info();
        match info.backend {
            wgpu::Backend::BrowserWebGpu if info.name.is_empty() => "WebGPU".into(),
            _ => info.name,
        }
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
}

impl Granted {
    pub(super) fn features(self, adapter: wgpu::Features) -> wgpu::Features {
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

    pub(super) fn limits(self, adapter: &wgpu::Limits) -> wgpu::Limits {
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
