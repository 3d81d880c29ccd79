//! What is asked of a GPU when it is opened, and what an open one tells of itself. Plain data, no wgpu.

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

/// Whether a device is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceState {
    /// It works.
    #[default]
    Live,
    /// It is gone for good, for this reason: reset by the driver, unplugged, destroyed. Every call reports it from then on.
    Lost(String),
}
