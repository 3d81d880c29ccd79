//! Replays plans: on the CPU by the twins of the kernels, on a GPU by the kernels.
//!
//! [`Executor`] is a loaded plan on either, in f32. Nothing is created while it runs.

// A browser's devices stay on one thread, and are shared there as elsewhere between several.
#![cfg_attr(target_arch = "wasm32", allow(clippy::arc_with_non_send_sync))]

pub mod cpu;
#[cfg_attr(not(feature = "gpu"), path = "no_gpu.rs")]
pub mod gpu;
mod opened;
mod select;
mod staging;

pub use select::{Choice, Request, Work};
pub use staging::Staging;

use crate::error::Result;
use crate::graph::{DType, ValueId};
use crate::kernel::{Clock, Target};
use crate::plan::{PhaseId, Plan};
use cpu::CpuExecutor;
use gpu::{DeviceState, GpuDevice, GpuExecutor};
use std::sync::Arc;

/// Runs of phases that fit into one submission to a GPU: a clock of each has its place on the device.
pub const MOST_RUNS: usize = 129;

/// A device to run on: the processor, or an open GPU.
///
/// ```
/// use anygrad::backend::Device;
/// let device = Device::cpu();
/// assert_eq!((device.name(), device.device_name()), ("cpu", "CPU".to_string()));
/// assert_eq!(device.target().profile.name, "cpu");
/// ```
#[derive(Clone, Debug)]
pub enum Device {
    /// On the processor.
    Cpu,
    /// On an open GPU.
    Gpu(Arc<GpuDevice>),
}

impl Device {
    /// The kind of device and its limits, which the choice of kernel variants depends on.
    pub fn target(&self) -> Target {
        match self {
            Device::Cpu => Target::CPU,
            Device::Gpu(device) => device.target(),
        }
    }

    /// `cpu`, or the GPU's API: `vulkan`, `metal`, `dx12`, `gl`, `webgpu`.
    pub fn name(&self) -> &'static str {
        match self {
            Device::Cpu => "cpu",
            Device::Gpu(device) => device.adapter().backend(),
        }
    }

    /// Name of the device.
    pub fn device_name(&self) -> String {
        match self {
            Device::Cpu => "CPU".into(),
            Device::Gpu(device) => device.adapter().name(),
        }
    }

    /// Opens this device anew, after it was lost; the processor never is.
    ///
    /// # Errors
    /// [`Error::NoDevice`](crate::Error::NoDevice) if it does not come back.
    pub async fn reopen(&self) -> Result<Device> {
        Ok(match self {
            Device::Cpu => Device::Cpu,
            Device::Gpu(device) => Device::Gpu(Arc::new(device.reopen().await?)),
        })
    }

    /// Whether the device is there. The processor always is.
    pub fn state(&self) -> DeviceState {
        match self {
            Device::Cpu => DeviceState::Live,
            Device::Gpu(device) => device.state(),
        }
    }

    /// Bytes that a loaded plan takes: its buffers, and on a GPU the parameters of its kernels and the clocks.
    pub fn bytes_of(&self, plan: &Plan) -> u64 {
        match self {
            Device::Cpu => plan.memory().total(),
            Device::Gpu(device) => device.bytes_of(plan),
        }
    }

    /// Checks what of a plan can be checked before anything is allocated.
    ///
    /// # Errors
    /// [`Error::Limit`](crate::Error::Limit) if the plan exceeds the device's limits.
    pub fn check(&self, plan: &Plan) -> Result<()> {
        match self {
            Device::Cpu => Ok(()),
            Device::Gpu(device) => device.check(plan),
        }
    }

    /// Loads a plan that was built for this device's target.
    ///
    /// # Errors
    /// If it does not fit the device: see [`GpuExecutor::load`] and [`CpuExecutor::new`].
    pub async fn load(&self, plan: Plan) -> Result<Executor> {
        Ok(match self {
            Device::Cpu => Executor::Cpu(Box::new(CpuExecutor::new(plan)?)),
            Device::Gpu(device) => Executor::Gpu(Box::new(GpuExecutor::load(device.clone(), plan).await?)),
        })
    }
}

/// A plan loaded on a backend.
///
/// ```
/// use anygrad::backend::Device;
/// use anygrad::graph::{DType, Graph, Role};
/// use anygrad::kernel::Clock;
/// use anygrad::ops::scale::Scale;
/// use anygrad::plan::{PhaseId, Plan};
/// let mut graph = Graph::new();
/// let x = graph.declare("x", [3], DType::F32, Role::Input);
/// let y = graph.apply(Scale { factor: 2.0 }, &[x])?;
/// graph.set_role(y, Role::Output);
/// let device = Device::cpu();
/// let mut executor = pollster::block_on(device.load(Plan::new(graph, &device.target())?))?;
/// executor.write(x, &[1.0, 2.0, 3.0])?;
/// executor.run(&[(PhaseId::FIRST, Clock::default())])?;
/// assert_eq!(pollster::block_on(executor.read(y))?, [2.0, 4.0, 6.0]);
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Debug)]
pub enum Executor {
    /// On the processor.
    Cpu(Box<CpuExecutor<f32>>),
    /// On a GPU.
    Gpu(Box<GpuExecutor>),
}

/// A value that is being read back.
#[derive(Debug)]
pub enum Reading {
    /// Already here.
    Ready(Vec<u32>),
    /// Still on the device.
    Pending(gpu::PendingRead),
}

impl Executor {
    /// Whether a processor is to compute what every other would, to the bit; of GPUs nobody can ask that.
    pub fn reproducible(mut self, reproducible: bool) -> Executor {
        if let Executor::Cpu(executor) = &mut self {
            executor.set_reproducible(reproducible);
        }
        self
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        match self {
            Executor::Cpu(executor) => executor.plan(),
            Executor::Gpu(executor) => executor.plan(),
        }
    }

    /// Bytes that it has allocated on its device.
    pub fn allocated_bytes(&self) -> u64 {
        match self {
            Executor::Cpu(executor) => executor.allocated_bytes(),
            Executor::Gpu(executor) => executor.allocated_bytes(),
        }
    }

    /// Runs phases in order, each with the clock of its run, as one submission if there are no more than [`MOST_RUNS`].
    ///
    /// # Errors
    /// What the device has reported.
    pub fn run(&mut self, runs: &[(PhaseId, Clock)]) -> Result<()> {
        match self {
            Executor::Cpu(executor) => {
                runs.iter().for_each(|(phase, clock)| executor.run(*phase, clock));
                Ok(())
            }
            Executor::Gpu(executor) => executor.submit(runs),
        }
    }

    /// Runs a phase `times` times with one clock, as one submission.
    ///
    /// # Errors
    /// What the device has reported.
    pub fn repeat(&mut self, phase: PhaseId, clock: &Clock, times: u32) -> Result<()> {
        match self {
            Executor::Cpu(executor) => {
                (0..times).for_each(|_| executor.run(phase, clock));
                Ok(())
            }
            Executor::Gpu(executor) => executor.submit_repeated(phase, clock, times),
        }
    }

    /// Runs one launch of a phase `times` times with one clock, as one submission.
    ///
    /// # Errors
    /// What the device has reported.
    pub fn run_launch(&mut self, phase: PhaseId, index: usize, clock: &Clock, times: u32) -> Result<()> {
        match self {
            Executor::Cpu(executor) => {
                (0..times).for_each(|_| executor.run_launch(phase, index, clock));
                Ok(())
            }
            Executor::Gpu(executor) => executor.submit_launch(phase, index, clock, times),
        }
    }

    /// Sets a float value.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the number of elements differs from the value's.
    pub fn write(&mut self, value: ValueId, data: &[f32]) -> Result<()> {
        match self {
            Executor::Cpu(executor) => executor.write(value, data),
            Executor::Gpu(executor) => executor.write_words(value, bytemuck::cast_slice(data)),
        }
    }

    /// Sets a value of words or packed bytes.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the number of words differs from the value's.
    pub fn write_words(&mut self, value: ValueId, data: &[u32]) -> Result<()> {
        match self {
            Executor::Cpu(executor) => executor.write_words(value, data),
            Executor::Gpu(executor) => executor.write_words(value, data),
        }
    }

    /// Starts to read a value back, as it is after everything run so far.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if no dispatch uses the value.
    pub async fn start_read(&mut self, value: ValueId) -> Result<Reading> {
        let is_float = self.plan().value(value).dtype == DType::F32;
        Ok(match self {
            Executor::Cpu(executor) if is_float => Reading::Ready(bytemuck::cast_vec(executor.read(value)?)),
            Executor::Cpu(executor) => Reading::Ready(executor.read_words(value)?),
            Executor::Gpu(executor) => Reading::Pending(executor.start_read(value).await?),
        })
    }

    /// Waits for a value of words.
    ///
    /// # Errors
    /// [`Error::Timeout`](crate::Error::Timeout) or [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub async fn finish_words(&mut self, reading: Reading) -> Result<Vec<u32>> {
        match (self, reading) {
            (_, Reading::Ready(words)) => Ok(words),
            (Executor::Gpu(executor), Reading::Pending(read)) => executor.finish_read(read).await,
            (Executor::Cpu(_), Reading::Pending(_)) => {
                Err(crate::Error::shape("read", "the reading belongs to another executor"))
            }
        }
    }

    /// Waits for a float value.
    ///
    /// # Errors
    /// Fails as [`Executor::finish_words`] does.
    pub async fn finish(&mut self, reading: Reading) -> Result<Vec<f32>> {
        Ok(bytemuck::cast_vec(self.finish_words(reading).await?))
    }

    /// Reads a float value back.
    ///
    /// # Errors
    /// Fails as [`Executor::start_read`] and [`Executor::finish`] do.
    pub async fn read(&mut self, value: ValueId) -> Result<Vec<f32>> {
        let reading = self.start_read(value).await?;
        self.finish(reading).await
    }

    /// Reads a value of words or packed bytes back.
    ///
    /// # Errors
    /// Fails as [`Executor::read`] does.
    pub async fn read_words(&mut self, value: ValueId) -> Result<Vec<u32>> {
        let reading = self.start_read(value).await?;
        self.finish_words(reading).await
    }
}
