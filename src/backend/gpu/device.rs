//! An open device: what it holds, what the driver reports, whether it is still there.

use super::adapter::{Adapter, Granted};
use super::pipeline_cache::PipelineCache;
use super::pipelines::Pipelines;
use crate::error::{Error, Result};
use crate::kernel::{Pace, Target};
use crate::plan::Plan;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// How long a submission may take before the device counts as hung.
const TIMEOUT: Duration = Duration::from_secs(120);

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
    faults: Faults,
    pub(super) pipelines: Pipelines,
    pub(super) pipeline_cache: OnceLock<PipelineCache>,
}

/// Whether a device is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceState {
    /// It works.
    #[default]
    Live,
    /// It is gone for good, for this reason: reset by the driver, unplugged, destroyed. Every call reports it from then on.
    Lost(String),
}

/// What the driver reported outside a call.
#[derive(Debug, Default)]
struct Reports {
    /// The first error that no call has passed on yet.
    fault: Option<Error>,
    state: DeviceState,
}

/// The reports of a device, shared with the driver's callbacks.
#[derive(Clone, Debug, Default)]
struct Faults(Arc<Mutex<Reports>>);

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Reports> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, error: Error) {
        log::error!("{error}");
        self.lock().fault.get_or_insert(error);
    }

    fn lose(&self, reason: wgpu::DeviceLostReason, message: String) {
        let reason = match (reason, message.is_empty()) {
            (wgpu::DeviceLostReason::Destroyed, true) => "it was destroyed".into(),
            (reason, true) => format!("{reason:?}"),
            (reason, false) => format!("{reason:?}: {message}"),
        };
        self.lock().state = DeviceState::Lost(reason);
    }
}

impl GpuDevice {
    pub(super) fn new(adapter: Adapter, granted: Granted, device: wgpu::Device, queue: wgpu::Queue) -> GpuDevice {
        let faults = Faults::default();
        let noted = faults.clone();
        device.on_uncaptured_error(Arc::new(move |error| noted.note(fault(error, "a kernel or buffer"))));
        let noted = faults.clone();
        device.set_device_lost_callback(move |reason, message| noted.lose(reason, message));
        GpuDevice {
            limits: device.limits(),
            adapter,
            granted,
            device,
            queue,
            faults,
            pipelines: Pipelines::default(),
            pipeline_cache: OnceLock::new(),
        }
    }

    /// A device that the application has opened itself, to share with what else it does there.
    ///
    /// It needs WebGPU's downlevel limits and compute shaders. It uses the features `SUBGROUP`, `SHADER_INT64`,
    /// `PIPELINE_CACHE` and `TIMESTAMP_QUERY` where the device was opened with them, and more than eight
    /// `max_storage_buffers_per_shader_stage` to run kernels side by side. The device's handlers of uncaptured errors and
    /// of its loss become those of the returned device: what goes wrong is reported by the calls of this crate.
    ///
    /// ```no_run
    /// use anygrad::backend::{Device, gpu::GpuDevice};
    /// use std::sync::Arc;
    /// # async fn open(instance: wgpu::Instance) -> Result<(), Box<dyn std::error::Error>> {
    /// let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default()).await?;
    /// let (device, queue) = adapter.request_device(&wgpu::DeviceDescriptor::default()).await?;
    /// let shared = Device::Gpu(Arc::new(GpuDevice::from_wgpu(adapter, device, queue)?));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Limit`] if the device grants less than the downlevel limits.
    pub fn from_wgpu(adapter: wgpu::Adapter, device: wgpu::Device, queue: wgpu::Queue) -> Result<GpuDevice> {
        let mut lacking = None;
        let found = |name: &'static str, needed, granted| lacking = lacking.or(Some((name, needed, granted)));
        wgpu::Limits::downlevel_defaults().check_limits_with_fail_fn(&device.limits(), false, found);
        match lacking {
            Some((name, needed, granted)) => Err(Error::Limit {
                what: name.replace('_', " "),
                needed,
                granted,
                remedy: "open the device with the adapter's limits".into(),
            }),
            None => Ok(GpuDevice::new(Adapter { inner: adapter }, Granted::Large, device, queue)),
        }
    }

    /// Whether the device is there.
    pub fn state(&self) -> DeviceState {
        self.faults.lock().state.clone()
    }

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

    /// Fails if the device is gone, or the driver has reported an error since the last call.
    pub(super) fn check(&self) -> Result<()> {
        let fault = self.faults.lock().fault.take();
        match fault {
            Some(error) => Err(self.unless_lost(error)),
            None => self.faults.lock().state.check(),
        }
    }

    /// The device's loss where that is why something failed, else the error itself. A destroyed device complains of what it
    /// is given before it says that it is gone, which it does once nothing is under way.
    fn unless_lost(&self, error: Error) -> Error {
        let idle = wgpu::PollType::Wait { submission_index: None, timeout: Some(TIMEOUT) };
        // Only what it brings to light counts.
        let _ = self.device.poll(idle);
        let mut reports = self.faults.lock();
        match reports.state.check() {
            Err(lost) => {
                reports.fault = None;
                lost
            }
            Ok(()) => error,
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
            return Err(self.unless_lost(fault(error, context)));
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
            Err(error) => Err(self.unless_lost(Error::Gpu { context: context.into(), message: error.to_string() })),
        }
    }
}

impl DeviceState {
    /// Fails if the device is gone.
    fn check(&self) -> Result<()> {
        match self {
            DeviceState::Live => Ok(()),
            DeviceState::Lost(reason) => Err(Error::DeviceLost { reason: reason.clone() }),
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
