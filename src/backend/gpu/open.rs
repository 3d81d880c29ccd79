//! How a device comes to be: opened on an adapter, or taken over from the application.

use super::adapter::{Adapter, instance, offered_by};
use super::device::GpuDevice;
use crate::backend::opened::Granted;
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

    /// Opens the same adapter anew, the same way, in the place of this device that was lost. A driver that was reset is given a
    /// few seconds to come back.
    ///
    /// # Errors
    /// [`Error::NoDevice`] if the adapter does not come back.
    pub async fn reopen(&self) -> Result<GpuDevice> {
        let wanted = self.adapter().inner.get_info();
        let backends = wgpu::Backends::from(wanted.backend);
        let mut failure = None;
        for seconds in [0, 1, 2, 4] {
            // A browser's thread cannot sleep, and the browser waits by itself until it has an adapter to offer.
            if cfg!(not(target_arch = "wasm32")) {
                std::thread::sleep(std::time::Duration::from_secs(seconds));
            }
            let offered = offered_by(&instance(backends), backends).await;
            let Some(adapter) = offered.into_iter().find(|adapter| adapter.inner.get_info() == wanted) else {
                continue;
            };
            match adapter.open(self.granted).await {
                Ok(device) => {
                    if let Some(folder) = self.pipelines.folder() {
                        device.keep_pipelines(folder).await;
                    }
                    return Ok(device);
                }
                Err(error) => failure = Some(error),
            }
        }
        let reason = "it was lost and did not come back; look whether its driver is there: `anygrad devices`".into();
        Err(failure.unwrap_or_else(|| Error::NoDevice { asked: self.adapter().name(), reason }))
    }
}
