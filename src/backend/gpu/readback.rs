//! Results back to the host: copied to a staging buffer, mapped, waited for by a one-shot channel.

use super::device::GpuDevice;
use super::inject::Call;
use crate::error::{Error, Result};
use futures_intrusive::channel::shared::{OneshotReceiver, oneshot_channel};
use std::sync::Arc;

type Mapped = Result<(), wgpu::BufferAsyncError>;

/// Words on their way from the device. Holding one does not block; [`GpuExecutor::finish_read`](super::GpuExecutor::finish_read) waits.
#[derive(Debug)]
pub struct PendingRead {
    device: Arc<GpuDevice>,
    staging: wgpu::Buffer,
    words: usize,
    submission: wgpu::SubmissionIndex,
    mapped: OneshotReceiver<Mapped>,
}

impl PendingRead {
    /// Starts mapping `staging`, into which `submission` copies `words` words.
    pub(super) fn start(
        device: Arc<GpuDevice>,
        staging: wgpu::Buffer,
        words: usize,
        submission: wgpu::SubmissionIndex,
    ) -> PendingRead {
        let (sender, mapped) = oneshot_channel();
        staging.slice(..4 * words as u64).map_async(wgpu::MapMode::Read, move |outcome| {
            // The receiver may be gone if the run was abandoned.
            let _ = sender.send(outcome);
        });
        PendingRead { device, staging, words, submission, mapped }
    }

    /// Waits for the words, and returns the staging buffer for reuse.
    ///
    /// On native targets the wait happens at the first poll of the future, because there nothing else drives the
    /// device; in a browser the future yields to the event loop.
    pub(super) async fn finish(self) -> Result<(Vec<u32>, wgpu::Buffer)> {
        if cfg!(not(target_arch = "wasm32")) {
            self.device.handle.wait(self.submission, "a read-back")?;
        }
        self.device.handle.attempt(Call::Map, "a read-back")?;
        match self.mapped.receive().await {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                self.device.handle.check()?;
                return Err(Error::Gpu { context: "a read-back".into(), message: format!("mapping failed: {error}") });
            }
            None => return Err(Error::DeviceLost { reason: "the mapping never ended".into() }),
        }
        let words = {
            let range = self.staging.slice(..4 * self.words as u64).get_mapped_range();
            let range = range.map_err(|e| Error::Gpu { context: "a read-back".into(), message: e.to_string() })?;
            bytemuck::pod_collect_to_vec(&range[..])
        };
        self.staging.unmap();
        Ok((words, self.staging))
    }
}
