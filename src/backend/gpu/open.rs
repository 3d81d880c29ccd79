//! How a device comes to be: opened on an adapter, or taken over from the application.

use super::adapter::{Adapter, Granted};
use super::device::GpuDevice;
use crate::error::{Error, Result};

impl Adapter {
    /// Opens the adapter.
    ///
    /// # Errors
    /// [`Error::NoDevice`] if the driver refuses.
    pub async fn open(&self, granted: Granted) -> Result<GpuDevice> {
        let limits = granted.limits(&self.inner.limits());
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("anygrad"),
            required_features: granted.features(self.inner.features()),
            required_limits: limits,
            ..Default::default()
        };
        let refused = |e: wgpu::RequestDeviceError| Error::NoDevice {
            asked: self.name(),
            reason: format!("the driver says: {e}"),
        };
        let (device, queue) = self.inner.request_device(&descriptor).await.map_err(refused)?;
        Ok(GpuDevice::new(self.clone(), granted, device, queue))
    }
}

impl GpuDevice {
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

    /// Opens the adapter once more, the same way.
    pub(super) async fn another(&self) -> Result<GpuDevice> {
        self.adapter().open(self.granted).await
    }
}
