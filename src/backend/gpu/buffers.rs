//! Device memory of a plan: one buffer for each of the plan's, one for the parameters of all launches, one for the
//! clocks of a submission.

use super::guard::Bands;
use super::handle::Handle;
use super::inject::Call;
use crate::backend::MOST_RUNS;
use crate::error::{Error, Result};
use crate::kernel::Clock;
use crate::plan::{BoundBuffer, Plan};
use std::borrow::Cow;
use wgpu::{BufferBinding, BufferSize, BufferUsages};

/// The buffers of a loaded plan.
#[derive(Debug)]
pub(super) struct Buffers {
    /// The buffers, by their numbers in the plan.
    pub data: Vec<wgpu::Buffer>,
    /// What [`uniforms`] yields, each at a multiple of the offset alignment.
    uniforms: wgpu::Buffer,
    /// Distance from one to the next, in bytes.
    uniform_stride: u64,
    /// The clocks of a submission, each at a multiple of the offset alignment. Writing takes effect between the
    /// submission before and the next, so that both may be under way.
    clocks: wgpu::Buffer,
    /// Distance from one to the next, in bytes.
    clock_stride: u64,
    /// The sentinels around each of `data`.
    pub bands: Bands,
    /// The bytes of the clocks, kept so that a submission allocates nothing for them.
    packed_clocks: Vec<u8>,
}

impl Buffers {
    /// Checks the plan against the device's limits, then creates and fills everything.
    pub async fn create(handle: &Handle, plan: &Plan, bands: Bands) -> Result<Buffers> {
        check_limits(&handle.limits, plan)?;
        let mut data = Vec::with_capacity(plan.buffers().len());
        for buffer in plan.buffers() {
            let descriptor = wgpu::BufferDescriptor {
                label: Some(&buffer.label),
                size: bands.before + bytes(buffer.words) + bands.behind,
                usage: BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
                mapped_at_creation: false,
            };
            // wgpu clears new buffers to zero.
            let created = handle
                .scoped(Call::CreateBuffer, &buffer.label, || handle.device.create_buffer(&descriptor))
                .await
                .map_err(|error| without_memory(error, plan, &data))?;
            bands.write(&handle.queue, &created, data.len());
            if buffer.fill != 0.0 || bands.behind > 0 {
                let fill = vec![buffer.fill; buffer.words];
                handle.queue.write_buffer(&created, bands.before, bytemuck::cast_slice(&fill));
            }
            data.push(created);
        }
        let (packed, uniform_stride) = pack_uniforms(&handle.limits, plan);
        let descriptor = wgpu::BufferDescriptor {
            label: Some("params"),
            size: packed.len() as u64,
            usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        };
        let uniforms = handle.scoped(Call::CreateBuffer, "params", || handle.device.create_buffer(&descriptor)).await?;
        handle.queue.write_buffer(&uniforms, 0, &packed);
        let clock_stride = clock_stride(&handle.limits);
        let descriptor =
            wgpu::BufferDescriptor { label: Some("clocks"), size: clock_stride * MOST_RUNS as u64, ..descriptor };
        let clocks = handle.scoped(Call::CreateBuffer, "clocks", || handle.device.create_buffer(&descriptor)).await?;
        let packed_clocks = vec![0; clocks.size() as usize];
        Ok(Buffers { data, uniforms, uniform_stride, clocks, clock_stride, bands, packed_clocks })
    }

    /// Writes the clocks of the next submission, at most [`MOST_RUNS`].
    pub fn write_clocks<'a>(&mut self, queue: &wgpu::Queue, clocks: impl Iterator<Item = &'a Clock>) {
        let (stride, mut end) = (self.clock_stride as usize, 0);
        for (place, clock) in self.packed_clocks.chunks_exact_mut(stride).zip(clocks) {
            place[..size_of::<Clock>()].copy_from_slice(bytemuck::bytes_of(clock));
            end += stride;
        }
        queue.write_buffer(&self.clocks, 0, &self.packed_clocks[..end]);
    }

    /// The distance from one clock to the next, in bytes.
    pub fn clock_stride(&self) -> u32 {
        self.clock_stride as u32
    }

    /// The first clock, from which dynamic offsets lead to the others.
    pub fn clock(&self) -> BufferBinding<'_> {
        BufferBinding { buffer: &self.clocks, offset: 0, size: BufferSize::new(self.clock_stride) }
    }

    /// The uniform of a launch: number of the launch in the plan.
    pub fn uniform(&self, launch: usize) -> BufferBinding<'_> {
        let size = BufferSize::new(self.uniform_stride);
        BufferBinding { buffer: &self.uniforms, offset: launch as u64 * self.uniform_stride, size }
    }

    /// A buffer as a dispatch uses it.
    pub fn bound(&self, bound: &BoundBuffer) -> BufferBinding<'_> {
        let size = BufferSize::new(bytes(bound.place.words) + self.bands.behind);
        BufferBinding { buffer: &self.data[bound.place.buffer.index()], offset: self.bands.before, size }
    }

    /// Bytes allocated.
    pub fn size(&self) -> u64 {
        self.data.iter().chain([&self.uniforms, &self.clocks]).map(wgpu::Buffer::size).sum()
    }
}

/// An error that tells, where the device has no memory for the next buffer, which it is and what was had before.
fn without_memory(error: Error, plan: &Plan, created: &[wgpu::Buffer]) -> Error {
    let (Error::OutOfMemory { .. }, Some(next)) = (&error, plan.buffers().get(created.len())) else { return error };
    let allocated: u64 = created.iter().map(wgpu::Buffer::size).sum();
    let mut largest: Vec<_> = plan.buffers().iter().collect();
    largest.sort_by_key(|buffer| std::cmp::Reverse(buffer.words));
    let name = |buffer: &crate::plan::Buffer| format!("`{}` of {}", buffer.label, shown_bytes(bytes(buffer.words)));
    let largest: Vec<String> = largest.into_iter().take(3).map(name).collect();
    let (all, had) = (plan.buffers().iter().map(|buffer| bytes(buffer.words)).sum(), shown_bytes(allocated));
    let context = format!(
        "there is no room for buffer {} behind {had} of {}; the largest are {}",
        name(next),
        shown_bytes(all),
        largest.join(", ")
    );
    Error::OutOfMemory { context, allocated: Some(allocated), fits: None }
}

/// Bytes in a unit that suits them.
fn shown_bytes(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

/// Bytes that [`Buffers::create`] will allocate for a plan.
pub(super) fn bytes_of(limits: &wgpu::Limits, plan: &Plan) -> u64 {
    let data: u64 = plan.buffers().iter().map(|buffer| bytes(buffer.words)).sum();
    data + uniform_layout(limits, plan).1 + clock_stride(limits) * MOST_RUNS as u64
}

/// The distance from one clock to the next, in bytes.
fn clock_stride(limits: &wgpu::Limits) -> u64 {
    (size_of::<Clock>() as u64).next_multiple_of(limits.min_uniform_buffer_offset_alignment.into())
}

/// Bytes of a value: whole vec4, because kernels read as such also where the last is not full.
fn bytes(words: usize) -> u64 {
    (4 * words.max(1) as u64).next_multiple_of(16)
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
fn uniform_layout(limits: &wgpu::Limits, plan: &Plan) -> (u64, u64) {
    let alignment = u64::from(limits.min_uniform_buffer_offset_alignment);
    let largest = uniforms(plan).map(|bytes| bytes.len() as u64).max().unwrap_or(0);
    let stride = largest.max(1).next_multiple_of(alignment);
    (stride, stride * uniforms(plan).count().max(1) as u64)
}

/// All uniforms, and the distance between them.
fn pack_uniforms(limits: &wgpu::Limits, plan: &Plan) -> (Vec<u8>, u64) {
    let (stride, size) = uniform_layout(limits, plan);
    let mut packed = vec![0; size as usize];
    for (slot, bytes) in packed.chunks_exact_mut(stride as usize).zip(uniforms(plan)) {
        slot[..bytes.len()].copy_from_slice(&bytes);
    }
    (packed, stride)
}

pub(super) fn check_limits(limits: &wgpu::Limits, plan: &Plan) -> Result<()> {
    let granted = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
    for buffer in plan.buffers() {
        if bytes(buffer.words) > granted {
            return Err(Error::Limit {
                what: format!("buffer `{}`", buffer.label),
                needed: bytes(buffer.words),
                granted,
                remedy: "use a smaller batch_size or layer, or --device cpu".into(),
            });
        }
    }
    let most = u64::from(limits.max_storage_buffers_per_shader_stage);
    for phase in plan.phases() {
        for launch in &phase.launches {
            let needed = phase.dispatches_of(launch).map(|dispatch| dispatch.buffers.len() as u64).sum();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{DType, Graph, Role};
    use crate::kernel::Target;
    use crate::ops::matmul::Matmul;

    #[test]
    fn what_exceeds_a_limit_is_refused_by_name() {
        let mut graph = Graph::new();
        let [a, b] = ["a", "b"].map(|name| graph.declare(name, [64, 64], DType::F32, Role::Input));
        let c = graph.apply(Matmul::NN, &[a, b]).unwrap();
        graph.set_role(c, Role::Output);
        let plan = Plan::new(graph, &Target::DOWNLEVEL).unwrap();
        let own = wgpu::Limits {
            max_storage_buffer_binding_size: 64 * 64 * 4,
            max_buffer_size: 64 * 64 * 4,
            max_storage_buffers_per_shader_stage: 3,
            ..wgpu::Limits::downlevel_defaults()
        };
        check_limits(&own, &plan).unwrap();
        let refused = |limits: &wgpu::Limits| check_limits(limits, &plan).unwrap_err().to_string();
        let message = refused(&wgpu::Limits { max_storage_buffer_binding_size: 64 * 64 * 4 - 16, ..own.clone() });
        assert!(message.contains("buffer `a`") && message.contains("16384"), "{message}");
        assert!(refused(&wgpu::Limits { max_buffer_size: 64 * 64 * 4 - 1, ..own.clone() }).contains("buffer `a`"));
        let message = refused(&wgpu::Limits { max_storage_buffers_per_shader_stage: 2, ..own });
        assert!(message.contains("matmul") && message.contains("storage buffers"), "{message}");
    }
}
