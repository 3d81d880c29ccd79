//! Stands in the place of `gpu/` in a build without the feature `gpu`: no adapter is found, so no device is ever open.
//!
//! Its types have no values: code for GPUs is compiled as it stands everywhere else, and never runs.

pub use super::opened::{DeviceState, Granted, Held};

use crate::error::Result;
use crate::graph::ValueId;
use crate::kernel::{Clock, Target};
use crate::plan::{PhaseId, Plan};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

/// A GPU as the system offers it: none in this build.
#[derive(Clone, Debug)]
pub struct Adapter(Infallible);

/// The adapters that can run compute shaders: none in this build.
pub async fn adapters() -> Vec<Adapter> {
    Vec::new()
}

/// The adapters that OpenGL offers: none in this build.
pub async fn gl_adapters() -> Vec<Adapter> {
    Vec::new()
}

impl Adapter {
    /// The adapter's name.
    pub fn name(&self) -> String {
        match self.0 {}
    }

    /// The API.
    pub fn backend(&self) -> &'static str {
        match self.0 {}
    }

    /// Driver name and version.
    pub fn driver(&self) -> String {
        match self.0 {}
    }

    /// Hardware of some kind, or software.
    pub fn kind(&self) -> &'static str {
        match self.0 {}
    }

    /// Whether it is a driver that runs on the CPU.
    pub fn is_software(&self) -> bool {
        match self.0 {}
    }

    /// Opens the adapter.
    ///
    /// # Errors
    /// There is none to open.
    pub async fn open(&self, _: Granted) -> Result<GpuDevice> {
        match self.0 {}
    }
}

/// An open device: none in this build.
#[derive(Debug)]
pub struct GpuDevice(Infallible);

impl GpuDevice {
    /// The adapter behind it.
    pub fn adapter(&self) -> &Adapter {
        match self.0 {}
    }

    /// Whether the device is there.
    pub fn state(&self) -> DeviceState {
        match self.0 {}
    }

    /// The limits it was opened with.
    pub fn held(&self) -> Held {
        match self.0 {}
    }

    /// What the choice of kernel variants needs to know.
    pub fn target(&self) -> Target {
        match self.0 {}
    }

    /// Bytes that [`GpuExecutor::load`] allocates for a plan.
    pub fn bytes_of(&self, _: &Plan) -> u64 {
        match self.0 {}
    }

    pub(super) fn check(&self, _: &Plan) -> Result<()> {
        match self.0 {}
    }

    /// Opens the same adapter anew.
    ///
    /// # Errors
    /// There is none to open.
    pub async fn reopen(&self) -> Result<GpuDevice> {
        match self.0 {}
    }

    /// Keeps compiled pipelines in a folder.
    pub async fn keep_pipelines(&self, _: &Path) -> bool {
        match self.0 {}
    }
}

/// A plan on a GPU: none in this build.
#[derive(Debug)]
pub struct GpuExecutor(Infallible);

impl GpuExecutor {
    /// Loads a plan.
    ///
    /// # Errors
    /// There is no device to load it on.
    pub async fn load(device: Arc<GpuDevice>, _: Plan) -> Result<GpuExecutor> {
        match device.0 {}
    }

    #[doc(hidden)]
    pub async fn load_guarded(device: Arc<GpuDevice>, _: Plan) -> Result<GpuExecutor> {
        match device.0 {}
    }

    #[doc(hidden)]
    pub async fn trespass(&mut self) -> Result<Option<String>> {
        match self.0 {}
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        match self.0 {}
    }

    /// Bytes that it has allocated on the device.
    pub fn allocated_bytes(&self) -> u64 {
        match self.0 {}
    }

    /// Runs phases in order, each with the clock of its run.
    ///
    /// # Errors
    /// There is no device to run them on.
    pub fn submit(&mut self, _: &[(PhaseId, Clock)]) -> Result<()> {
        match self.0 {}
    }

    /// Runs a phase many times with one clock.
    ///
    /// # Errors
    /// Fails as [`GpuExecutor::submit`] does.
    pub fn submit_repeated(&mut self, _: PhaseId, _: &Clock, _: u32) -> Result<()> {
        match self.0 {}
    }

    /// Runs one launch of a phase many times with one clock.
    ///
    /// # Errors
    /// Fails as [`GpuExecutor::submit`] does.
    pub fn submit_launch(&mut self, _: PhaseId, _: usize, _: &Clock, _: u32) -> Result<()> {
        match self.0 {}
    }

    /// Sets the words of a value.
    ///
    /// # Errors
    /// Fails as [`GpuExecutor::submit`] does.
    pub fn write_words(&mut self, _: ValueId, _: &[u32]) -> Result<()> {
        match self.0 {}
    }

    pub(in crate::backend) fn write_part(&mut self, _: ValueId, _: usize, _: &[u32]) -> Result<()> {
        match self.0 {}
    }

    /// Starts to copy a value back.
    ///
    /// # Errors
    /// Fails as [`GpuExecutor::submit`] does.
    pub async fn start_read(&mut self, _: ValueId) -> Result<PendingRead> {
        match self.0 {}
    }

    /// Waits for a read to arrive.
    ///
    /// # Errors
    /// Fails as [`GpuExecutor::submit`] does.
    pub async fn finish_read(&mut self, read: PendingRead) -> Result<Vec<u32>> {
        match read.0 {}
    }
}

/// Words on their way from a device: none in this build.
#[derive(Debug)]
pub struct PendingRead(Infallible);

#[cfg(test)]
mod tests {
    use crate::backend::{Device, Request, Work};
    use pollster::block_on;

    #[test]
    fn who_asks_for_a_gpu_is_told_how_to_get_a_build_with_one() {
        for asked in ["gpu", "0", "NVIDIA"] {
            let request: Request = asked.parse().expect("a request");
            let error = block_on(Device::choose(&request, Work::default())).expect_err("no device");
            let expected = format!(
                "no usable device for `{asked}`: this build has no GPU support; build anygrad with its feature `gpu`, \
                 or use --device cpu"
            );
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn who_leaves_the_choice_open_gets_the_cpu() {
        let large = Work { flops: 11_000_000_000, dispatches: 30 };
        let choice = block_on(Device::choose(&Request::Auto, large)).expect("the CPU");
        assert_eq!((choice.device.name(), &choice.reason[..]), ("cpu", "this build has no GPU support"));
        assert!(matches!(block_on(Device::best()), Ok(Device::Cpu)));
    }
}
