//! How long each launch of a phase takes, by the device's own clock.

use super::encode::{GpuExecutor, record};
use super::inject::Call;
use super::readback::PendingRead;
use crate::error::Result;
use crate::kernel::Clock;
use crate::plan::PhaseId;

/// Launches that one query set holds, two timestamps each: WebGPU allows 4096 queries.
const MOST_LAUNCHES: usize = 2048;

impl GpuExecutor {
    /// Runs a phase once, with the clock at `clock`, and returns the nanoseconds of each of its launches; of a device opened without timestamps,
    /// or a phase of more than 2048 launches, `None`, and runs nothing.
    ///
    /// # Errors
    /// What the driver reports; [`Error::Timeout`](crate::Error::Timeout) or
    /// [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub async fn time_launches(&mut self, phase: PhaseId, clock: &Clock) -> Result<Option<Vec<f64>>> {
        let device = self.device().clone();
        let gpu = &device.handle.device;
        let count = self.recorded(phase).len();
        if !gpu.features().contains(wgpu::Features::TIMESTAMP_QUERY) || count == 0 || count > MOST_LAUNCHES {
            return Ok(None);
        }
        let (queries, bytes) = (2 * count as u32, 16 * count as u64);
        let buffer =
            |usage| wgpu::BufferDescriptor { label: Some("timestamps"), size: bytes, usage, mapped_at_creation: false };
        let (resolved, staging) = (
            buffer(wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC),
            buffer(wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST),
        );
        let create = || {
            let descriptor =
                wgpu::QuerySetDescriptor { label: Some("timestamps"), ty: wgpu::QueryType::Timestamp, count: queries };
            (gpu.create_query_set(&descriptor), gpu.create_buffer(&resolved), gpu.create_buffer(&staging))
        };
        let (set, resolved, staging) = device.handle.scoped(Call::CreateBuffer, "timestamps", create).await?;
        self.write_clock(clock);
        let mut encoder = gpu.create_command_encoder(&Default::default());
        for (i, launch) in self.recorded(phase).iter().enumerate() {
            let writes = wgpu::ComputePassTimestampWrites {
                query_set: &set,
                beginning_of_pass_write_index: Some(2 * i as u32),
                end_of_pass_write_index: Some(2 * i as u32 + 1),
            };
            let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes: Some(writes) };
            record(&mut encoder.begin_compute_pass(&descriptor), launch, 0);
        }
        encoder.resolve_query_set(&set, 0..queries, &resolved, 0);
        encoder.copy_buffer_to_buffer(&resolved, 0, &staging, 0, bytes);
        let submission = device.handle.queue.submit([encoder.finish()]);
        device.handle.check()?;
        let (words, _) = PendingRead::start(device.clone(), staging, 4 * count, submission).finish().await?;
        let period = f64::from(device.handle.queue.get_timestamp_period());
        let tick = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        let nanoseconds = |pair: &[u32]| {
            let ticks = tick(pair[2], pair[3]).saturating_sub(tick(pair[0], pair[1]));
            ticks as f64 * period
        };
        Ok(Some(words.chunks_exact(4).map(nanoseconds).collect()))
    }
}
