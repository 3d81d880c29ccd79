//! A loaded plan: records the dispatches of many steps into one submission.

use super::buffers::Buffers;
use super::device::GpuDevice;
use super::guard::Bands;
use super::inject::Call;
use super::prepare::{Recorded, prepare};
use super::readback::PendingRead;
use crate::backend::MOST_RUNS;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::kernel::Clock;
use crate::plan::{PhaseId, Place, Plan};
use std::collections::HashMap;
use std::sync::Arc;
use wgpu::SubmissionIndex;

/// A plan with its memory and pipelines on a GPU.
#[derive(Debug)]
pub struct GpuExecutor {
    device: Arc<GpuDevice>,
    plan: Plan,
    buffers: Buffers,
    phases: Vec<Vec<Recorded>>,
    /// Staging buffers that are not in use, by size in words.
    staging: HashMap<usize, Vec<wgpu::Buffer>>,
    /// Bytes of all buffers created so far; none is released before the executor.
    allocated: u64,
}

impl GpuExecutor {
    /// Creates all buffers, pipelines and bind groups of `plan`.
    ///
    /// # Errors
    /// [`Error::Limit`] if the plan exceeds the device's limits, [`Error::OutOfMemory`] if it does not fit, or the
    /// driver's reason in [`Error::Gpu`].
    pub async fn load(device: Arc<GpuDevice>, plan: Plan) -> Result<GpuExecutor> {
        Self::load_within(device, plan, Bands::default()).await
    }

    /// [`GpuExecutor::load`] with bands of sentinels around each buffer.
    pub(super) async fn load_within(device: Arc<GpuDevice>, plan: Plan, bands: Bands) -> Result<GpuExecutor> {
        let buffers = Buffers::create(&device.handle, &plan, bands).await?;
        let phases = prepare(&device, &plan, &buffers).await?;
        device.pipelines.write_new();
        let allocated = buffers.size();
        Ok(GpuExecutor { device, plan, buffers, phases, staging: HashMap::new(), allocated })
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The device it runs on.
    pub fn device(&self) -> &Arc<GpuDevice> {
        &self.device
    }

    /// Bytes that it has allocated on the device.
    pub fn allocated_bytes(&self) -> u64 {
        self.allocated
    }

    /// Records phases in order, each with the clock of its run, and submits everything at once, or in parts of
    /// [`MOST_RUNS`]. Does not wait.
    ///
    /// # Errors
    /// What the driver has reported since the last call.
    pub fn submit(&mut self, runs: &[(PhaseId, Clock)]) -> Result<()> {
        for runs in runs.chunks(MOST_RUNS) {
            self.device.handle.check()?;
            self.buffers.write_clocks(&self.device.handle.queue, runs.iter().map(|(_, clock)| clock));
            let clocks = (0..).step_by(self.buffers.clock_stride() as usize);
            let launches = runs
                .iter()
                .zip(clocks)
                .flat_map(|((phase, _), clock)| self.phases[phase.0].iter().map(move |launch| (launch, clock)));
            self.submit_launches(launches)?;
        }
        Ok(())
    }

    /// Runs a phase `times` times with one clock, in one submission.
    ///
    /// # Errors
    /// Fails as [`GpuExecutor::submit`] does.
    pub fn submit_repeated(&mut self, phase: PhaseId, clock: &Clock, times: u32) -> Result<()> {
        self.write_clock(clock);
        let launches = (0..times).flat_map(|_| self.phases[phase.0].iter().map(|launch| (launch, 0)));
        self.submit_launches(launches).map(drop)
    }

    /// Runs one launch of a phase `times` times with one clock, in one submission.
    ///
    /// # Errors
    /// Fails as [`GpuExecutor::submit`] does.
    pub fn submit_launch(&mut self, phase: PhaseId, index: usize, clock: &Clock, times: u32) -> Result<()> {
        self.write_clock(clock);
        let launches = (0..times).map(|_| (&self.phases[phase.0][index], 0));
        self.submit_launches(launches).map(drop)
    }

    /// Makes `clock` the first, at offset 0, of the submission to come.
    pub(super) fn write_clock(&mut self, clock: &Clock) {
        self.buffers.write_clocks(&self.device.handle.queue, std::iter::once(clock));
    }

    /// Submits launches in order, each with the offset of its clock.
    fn submit_launches<'a>(&self, launches: impl Iterator<Item = (&'a Recorded, u32)>) -> Result<SubmissionIndex> {
        let mut encoder = self.device.handle.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            launches.for_each(|(launch, clock)| record(&mut pass, launch, clock));
        }
        self.device.handle.attempt(Call::Submit, "a submission")?;
        let submission = self.device.handle.queue.submit([encoder.finish()]);
        self.device.handle.check()?;
        Ok(submission)
    }

    /// The launches of a phase as they are recorded.
    pub(super) fn recorded(&self, phase: PhaseId) -> &[Recorded] {
        &self.phases[phase.0]
    }

    /// A submission of a phase many times.
    #[cfg(test)]
    pub(super) fn submitted(&self, phase: PhaseId, times: u32) -> Result<SubmissionIndex> {
        self.submit_launches((0..times).flat_map(|_| self.phases[phase.0].iter().map(|launch| (launch, 0))))
    }

    /// Takes a buffer away, as a fault of a driver would.
    #[cfg(test)]
    pub(super) fn destroy_a_buffer(&self) {
        self.buffers.data[0].destroy();
    }

    /// The buffers.
    pub(super) fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    fn place(&self, value: ValueId) -> Result<Place> {
        let missing = || Error::shape("plan", format!("`{}` is not used", self.plan.value(value).name));
        self.plan.place(value).ok_or_else(missing)
    }

    /// Sets the 32-bit words of a value (for floats: their bits), before the next submission runs.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of words differs from the value's.
    pub fn write_words(&mut self, value: ValueId, words: &[u32]) -> Result<()> {
        let place = self.place(value)?;
        if words.len() != place.words {
            let value = self.plan.value(value);
            let detail = format!("holds {:?}{}, not {} words", value.dtype, value.shape, words.len());
            return Err(Error::shape(&value.name, detail));
        }
        let buffer = &self.buffers.data[place.buffer.index()];
        self.device.handle.attempt(Call::Write, &self.plan.value(value).name)?;
        self.device.handle.queue.write_buffer(buffer, self.buffers.bands.before, bytemuck::cast_slice(words));
        self.device.handle.check()
    }

    /// Sets words of a value from `first` on, and sends them on their way: what waits on the host takes memory.
    ///
    /// # Errors
    /// [`Error::Shape`] if the value has fewer; what the driver has reported.
    pub(in crate::backend) fn write_part(&mut self, value: ValueId, first: usize, words: &[u32]) -> Result<()> {
        let (place, name) = (self.place(value)?, &self.plan.value(value).name);
        if first + words.len() > place.words {
            return Err(Error::shape(name, format!("has {} words, not {}", place.words, first + words.len())));
        }
        let (buffer, handle) = (&self.buffers.data[place.buffer.index()], &self.device.handle);
        handle.attempt(Call::Write, name)?;
        let at = self.buffers.bands.before + 4 * first as u64;
        handle.queue.write_buffer(buffer, at, bytemuck::cast_slice(words));
        handle.attempt(Call::Submit, name)?;
        handle.queue.submit([]);
        handle.check()
    }

    /// Starts to copy a value back, as it is after everything submitted so far.
    ///
    /// # Errors
    /// [`Error::Shape`] if no dispatch uses the value; what the driver has reported.
    pub async fn start_read(&mut self, value: ValueId) -> Result<PendingRead> {
        let place = self.place(value)?;
        let staging = match self.staging.get_mut(&place.words).and_then(Vec::pop) {
            Some(staging) => staging,
            None => self.create_staging(place.words).await?,
        };
        let mut encoder = self.device.handle.device.create_command_encoder(&Default::default());
        let source = &self.buffers.data[place.buffer.index()];
        encoder.copy_buffer_to_buffer(source, self.buffers.bands.before, &staging, 0, 4 * place.words as u64);
        self.device.handle.attempt(Call::Submit, "a read-back")?;
        let submission = self.device.handle.queue.submit([encoder.finish()]);
        self.device.handle.check()?;
        Ok(PendingRead::start(self.device.clone(), staging, place.words, submission))
    }

    /// Waits for a read to arrive.
    ///
    /// # Errors
    /// [`Error::Timeout`] or [`Error::DeviceLost`] if it never does; what the driver has reported.
    pub async fn finish_read(&mut self, read: PendingRead) -> Result<Vec<u32>> {
        let (words, staging) = read.finish().await?;
        self.staging.entry(words.len()).or_default().push(staging);
        Ok(words)
    }

    pub(super) async fn create_staging(&mut self, words: usize) -> Result<wgpu::Buffer> {
        let descriptor = wgpu::BufferDescriptor {
            label: Some("staging"),
            size: 4 * words as u64,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        };
        let staging = self
            .device
            .handle
            .scoped(Call::CreateBuffer, "staging", || self.device.handle.device.create_buffer(&descriptor))
            .await?;
        self.allocated += staging.size();
        Ok(staging)
    }
}

/// Records a launch; its clock, if it reads one, stands at the offset `clock`.
pub(super) fn record(pass: &mut wgpu::ComputePass<'_>, recorded: &Recorded, clock: u32) {
    let ([x, y, z], offsets) = (recorded.workgroups, [clock]);
    pass.set_pipeline(&recorded.pipeline);
    pass.set_bind_group(0, &recorded.bind_group, &offsets[..usize::from(recorded.reads_clock)]);
    pass.dispatch_workgroups(x, y, z);
}
