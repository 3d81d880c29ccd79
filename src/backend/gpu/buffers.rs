//! Device memory of a plan: one buffer for each of the plan's, one for all uniforms.

use super::device::GpuDevice;
use crate::error::{Error, Result};
use crate::kernel::Access;
use crate::plan::{BoundBuffer, Plan};
use std::borrow::Cow;
use wgpu::{BufferBinding, BufferSize, BufferUsages};

/// The buffers of a loaded plan.
#[derive(Debug)]
pub(super) struct Buffers {
    /// By the plan's numbers.
    pub data: Vec<wgpu::Buffer>,
    /// What [`uniforms`] yields, each at a multiple of the offset alignment.
    uniforms: wgpu::Buffer,
    /// Distance from one to the next, in bytes.
    uniform_stride: u64,
}

impl Buffers {
    /// Checks the plan against the device's limits, then creates and fills everything.
    pub async fn create(device: &GpuDevice, plan: &Plan) -> Result<Buffers> {
        check_limits(device, plan)?;
        let mut data = Vec::with_capacity(plan.buffers().len());
        for (index, buffer) in plan.buffers().iter().enumerate() {
            let descriptor = wgpu::BufferDescriptor {
                label: Some(&buffer.label),
                size: bytes(buffer.words),
                usage: usage(plan, index),
                mapped_at_creation: false,
            };
            // wgpu clears new buffers to zero.
            let created = device.scoped(&buffer.label, || device.device.create_buffer(&descriptor)).await?;
            if buffer.fill != 0.0 {
                let fill = vec![buffer.fill; buffer.words];
                device.queue.write_buffer(&created, 0, bytemuck::cast_slice(&fill));
            }
            data.push(created);
        }
        let (packed, uniform_stride) = pack_uniforms(device, plan);
        let descriptor = wgpu::BufferDescriptor {
            label: Some("params"),
            size: packed.len() as u64,
            usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        };
        let uniforms = device.scoped("params", || device.device.create_buffer(&descriptor)).await?;
        device.queue.write_buffer(&uniforms, 0, &packed);
        Ok(Buffers { data, uniforms, uniform_stride })
    }

    /// The uniform of a launch: number of the launch in the plan.
    pub fn uniform(&self, launch: usize) -> BufferBinding<'_> {
        let size = BufferSize::new(self.uniform_stride);
        BufferBinding { buffer: &self.uniforms, offset: launch as u64 * self.uniform_stride, size }
    }

    /// A buffer as a dispatch uses it.
    pub fn bound(&self, bound: &BoundBuffer) -> BufferBinding<'_> {
        let size = BufferSize::new(bound_bytes(bound.place.words));
        BufferBinding { buffer: &self.data[bound.place.buffer.index()], offset: 0, size }
    }

    /// Bytes allocated.
    pub fn size(&self) -> u64 {
        self.data.iter().chain([&self.uniforms]).map(wgpu::Buffer::size).sum()
    }
}

/// Bytes that [`Buffers::create`] will allocate for a plan.
pub(super) fn bytes_of(device: &GpuDevice, plan: &Plan) -> u64 {
    let data: u64 = plan.buffers().iter().map(|buffer| bytes(buffer.words)).sum();
    data + uniform_layout(device, plan).1
}

/// Size of a buffer in bytes: whole vec4, and at least 32, so that a small one can also be bound as a uniform struct.
fn bytes(words: usize) -> u64 {
    bound_bytes(words).max(32)
}

/// Bytes of a value as kernels see it: whole vec4, because they read as such also where the last is not full.
fn bound_bytes(words: usize) -> u64 {
    (4 * words as u64).next_multiple_of(16)
}

fn usage(plan: &Plan, index: usize) -> BufferUsages {
    let dispatches = plan.phases().iter().flat_map(|p| &p.dispatches);
    let mut bindings = dispatches.flat_map(|d| &d.buffers).filter(|b| b.place.buffer.index() == index);
    let uniform = bindings.any(|b| b.access == Access::Uniform);
    let base = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
    if uniform { base | BufferUsages::UNIFORM } else { base }
}

/// The uniforms of a plan, one for each launch.
pub(super) fn uniforms(plan: &Plan) -> impl Iterator<Item = Cow<'_, [u8]>> {
    plan.phases().iter().flat_map(|phase| {
        phase.launches.iter().map(|launch| match launch.single() {
            Some(dispatch) => Cow::Borrowed(&phase.dispatches[dispatch].params[..]),
            None => Cow::Owned(phase.launch_bytes(launch)),
        })
    })
}

/// The distance from one uniform to the next, and the size of all, in bytes.
fn uniform_layout(device: &GpuDevice, plan: &Plan) -> (u64, u64) {
    let alignment = u64::from(device.limits().min_uniform_buffer_offset_alignment);
    let largest = uniforms(plan).map(|bytes| bytes.len() as u64).max().unwrap_or(0);
    let stride = largest.max(1).next_multiple_of(alignment);
    (stride, stride * uniforms(plan).count().max(1) as u64)
}

/// All uniforms, and the distance between them.
fn pack_uniforms(device: &GpuDevice, plan: &Plan) -> (Vec<u8>, u64) {
    let (stride, size) = uniform_layout(device, plan);
    let mut packed = vec![0; size as usize];
    for (slot, bytes) in packed.chunks_exact_mut(stride as usize).zip(uniforms(plan)) {
        slot[..bytes.len()].copy_from_slice(&bytes);
    }
    (packed, stride)
}

fn check_limits(device: &GpuDevice, plan: &Plan) -> Result<()> {
    let limits = device.limits();
    let granted = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
    for buffer in plan.buffers() {
        if bytes(buffer.words) > granted {
            return Err(Error::Limit {
                what: format!("buffer `{}`", buffer.label),
                needed: bytes(buffer.words),
                granted,
                remedy: "use fewer rows, a smaller batch_size or layer, or --device cpu".into(),
            });
        }
    }
    let most = u64::from(limits.max_storage_buffers_per_shader_stage);
    for phase in plan.phases() {
        for launch in &phase.launches {
            let bound = phase.dispatches_of(launch).flat_map(|dispatch| &dispatch.buffers);
            let needed = bound.filter(|b| b.access != Access::Uniform).count() as u64;
            if needed > most {
                return Err(Error::Limit {
                    what: format!("kernel {} in storage buffers", phase.kernels_of(launch)),
                    needed,
                    granted: most,
                    remedy: "use --device cpu".into(),
                });
            }
        }
    }
    Ok(())
}
