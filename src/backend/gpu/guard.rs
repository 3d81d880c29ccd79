//! Bands of sentinels around every buffer of a plan, by which a store out of bounds shows.
//!
//! A shader is bound to the band behind a value as well: kernels take the ends of their tensors from parameters, so a store
//! that a missing comparison lets through is not dropped or moved by the driver, but lands there.

use super::device::GpuDevice;
use super::encode::GpuExecutor;
use super::inject::Call;
use super::readback::PendingRead;
use crate::error::Result;
use crate::plan::Plan;
use std::sync::Arc;

/// The sentinel at a word of a buffer: as a float from 128 to 256, which shows where it is read, too. Each is another, so
/// that what a kernel computes of sentinels is none: NaN, for one, would stay what it is in sums.
fn sentinel(buffer: usize, word: usize) -> u32 {
    let mixed = (buffer as u32).wrapping_mul(0x9e37_79b9) ^ (word as u32).wrapping_mul(0x85eb_ca6b);
    0x4300_0000 | mixed >> 9
}

/// Bytes before a value: every device binds at a multiple of it.
const BEFORE: u64 = 256;
/// Bytes behind a value: more than a workgroup's elements.
const BEHIND: u64 = 4096;

/// Bytes around each buffer of a plan; none in a run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bands {
    pub before: u64,
    pub behind: u64,
}

impl Bands {
    /// Fills a new buffer with sentinels, if it has bands; `number` is its position in the plan.
    pub fn write(self, queue: &wgpu::Queue, buffer: &wgpu::Buffer, number: usize) {
        if self.behind > 0 {
            let words: Vec<u32> = (0..buffer.size() as usize / 4).map(|word| sentinel(number, word)).collect();
            queue.write_buffer(buffer, 0, bytemuck::cast_slice(&words));
        }
    }
}

impl GpuExecutor {
    /// [`GpuExecutor::load`] with sentinels around each buffer, for tests: see [`GpuExecutor::trespass`]. Buffers that then
    /// exceed the device's limits have none.
    ///
    /// # Errors
    /// Fails as [`GpuExecutor::load`] does.
    #[doc(hidden)]
    pub async fn load_guarded(device: Arc<GpuDevice>, plan: Plan) -> Result<GpuExecutor> {
        let limits = &device.handle.limits;
        let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) - BEFORE - BEHIND - 16;
        let fits = plan.buffers().iter().all(|buffer| 4 * buffer.words as u64 <= most);
        let bands = if fits { Bands { before: BEFORE, behind: BEHIND } } else { Bands::default() };
        Self::load_within(device, plan, bands).await
    }

    /// The first sentinel that something has written over, in words; `None` if all stand.
    ///
    /// # Errors
    /// What the device reports.
    #[doc(hidden)]
    pub async fn trespass(&mut self) -> Result<Option<String>> {
        let (bands, device) = (self.buffers().bands, self.device().clone());
        if bands.behind == 0 {
            return Ok(None);
        }
        // Of each buffer the label, and where the band behind starts: directly behind the last word.
        let own: Vec<(String, u64)> =
            self.plan().buffers().iter().map(|buffer| (buffer.label.clone(), 4 * buffer.words as u64)).collect();
        let band = |size: u64, words: u64| size - bands.before - words;
        let sizes: Vec<u64> = self.buffers().data.iter().map(wgpu::Buffer::size).collect();
        let all: u64 = sizes.iter().zip(&own).map(|(&size, own)| bands.before + band(size, own.1)).sum();
        let staging = self.create_staging(all as usize / 4).await?;
        let mut encoder = device.handle.device.create_command_encoder(&Default::default());
        let mut at = 0;
        for ((buffer, &size), &(_, value)) in self.buffers().data.iter().zip(&sizes).zip(&own) {
            encoder.copy_buffer_to_buffer(buffer, 0, &staging, at, bands.before);
            let behind = band(size, value);
            encoder.copy_buffer_to_buffer(buffer, bands.before + value, &staging, at + bands.before, behind);
            at += bands.before + behind;
        }
        device.handle.attempt(Call::Submit, "a read-back")?;
        let submission = device.handle.queue.submit([encoder.finish()]);
        let (words, _) = PendingRead::start(device, staging, all as usize / 4, submission).finish().await?;
        let mut words = &words[..];
        for (number, (&size, (label, value))) in sizes.iter().zip(&own).enumerate() {
            let own = words.split_off(..((bands.before + band(size, *value)) / 4) as usize).unwrap_or_default();
            let before = (bands.before / 4) as usize;
            // The words of the value itself were not copied.
            let word = |at: usize| if at < before { at } else { at + *value as usize / 4 };
            if let Some(at) = (0..own.len()).find(|&at| own[at] != sentinel(number, word(at))) {
                let place = match at.checked_sub(before) {
                    Some(behind) => format!("{behind} words behind its end"),
                    None => format!("{} words before its start", before - at),
                };
                return Ok(Some(format!("`{label}` was overrun {place}: {:#x}", own[at])));
            }
        }
        Ok(None)
    }
}
