//! The driver's side of an open device: where work is given to, and what is reported back.

use super::inject::{Call, Failure, Injected};
use crate::backend::opened::DeviceState;
use crate::error::{Error, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a submission may take on a device before it counts as hung.
const TIMEOUT: Duration = Duration::from_secs(120);
/// How long a submission may take on a device that the processor imitates: other programs may keep that busy.
const SOFTWARE_TIMEOUT: Duration = Duration::from_secs(600);

/// wgpu's device and queue, and what the driver reports of them.
#[derive(Debug)]
pub(super) struct Handle {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    /// The limits that the device was opened with.
    pub limits: wgpu::Limits,
    /// Failures on purpose.
    pub injected: Injected,
    /// How long a submission may take before the device counts as hung.
    timeout: Duration,
    faults: Faults,
}

/// What the driver reported outside a call.
#[derive(Debug, Default)]
struct Reports {
    /// The first error that no call has passed on yet.
    fault: Option<Error>,
    state: DeviceState,
}

/// The reports of a device, shared with the driver's callbacks.
#[derive(Clone, Debug, Default)]
struct Faults(Arc<Mutex<Reports>>);

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Reports> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, error: Error) {
        log::error!("{error}");
        self.lock().fault.get_or_insert(error);
    }

    fn lose(&self, reason: wgpu::DeviceLostReason, message: String) {
        let reason = match (reason, message.is_empty()) {
            (wgpu::DeviceLostReason::Destroyed, true) => "it was destroyed".into(),
            (reason, true) => format!("{reason:?}"),
            (_, false) => message,
        };
        let mut reports = self.lock();
        // The first reason is the one that counts.
        if reports.state == DeviceState::Live {
            reports.state = DeviceState::Lost(reason);
        }
    }
}

impl Handle {
    pub fn new(device: wgpu::Device, queue: wgpu::Queue) -> Handle {
        let faults = Faults::default();
        let noted = faults.clone();
        device.on_uncaptured_error(Arc::new(move |error| noted.note(fault(error, "a kernel or buffer"))));
        let noted = faults.clone();
        device.set_device_lost_callback(move |reason, message| noted.lose(reason, message));
        let is_software = device.adapter_info().device_type == wgpu::DeviceType::Cpu;
        let timeout = if is_software { SOFTWARE_TIMEOUT } else { TIMEOUT };
        Handle { limits: device.limits(), device, queue, injected: Injected::default(), timeout, faults }
    }

    /// Fails if a failure of this call was asked for. A loss shows in what follows.
    pub fn attempt(&self, call: Call, context: &str) -> Result<()> {
        let Some(failure) = self.injected.due(call) else { return Ok(()) };
        match failure {
            Failure::Loss => self.device.destroy(),
            Failure::Timeout => self.give_up(context),
            Failure::OutOfMemory | Failure::Error => {}
        }
        failure.error(context, self.timeout.as_secs()).map_or(Ok(()), Err)
    }

    /// Counts a device that does not answer as lost. It is never released: its release would wait for it, without end.
    fn give_up(&self, context: &str) {
        let reason = format!("it did not finish {context} within {} s", self.timeout.as_secs());
        self.faults.lose(wgpu::DeviceLostReason::Unknown, reason);
        std::mem::forget((self.device.clone(), self.queue.clone()));
    }

    /// Whether the device is there.
    pub fn state(&self) -> DeviceState {
        self.faults.lock().state.clone()
    }

    /// Fails if the device is gone, or the driver has reported an error since the last call.
    pub fn check(&self) -> Result<()> {
        let fault = self.faults.lock().fault.take();
        match fault {
            Some(error) => Err(self.unless_lost(error)),
            None => self.faults.lock().state.check(),
        }
    }

    /// The device's loss where that is why something failed, else the error itself. A destroyed device complains of what it
    /// is given before it says that it is gone, which it does once nothing is under way.
    fn unless_lost(&self, error: Error) -> Error {
        let idle = wgpu::PollType::Wait { submission_index: None, timeout: Some(self.timeout) };
        // Only what it brings to light counts.
        let _ = self.device.poll(idle);
        let mut reports = self.faults.lock();
        match reports.state.check() {
            Err(lost) => {
                reports.fault = None;
                lost
            }
            Ok(()) => error,
        }
    }

    /// Runs `create` and turns what the driver has against it into an error.
    pub async fn scoped<T>(&self, call: Call, context: &str, create: impl FnOnce() -> T) -> Result<T> {
        let scopes = self.watch(call, context)?;
        let created = create();
        self.settle(scopes.close().await, context)?;
        Ok(created)
    }

    /// Watches what is created until the scopes close. What the driver has against it comes later, to be
    /// [settled](Handle::settle): in a browser each answer is a way to another process and back, so that of many things all
    /// are created before the first answer is waited for.
    pub fn watch(&self, call: Call, context: &str) -> Result<Scopes> {
        self.attempt(call, context)?;
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        Ok(Scopes { internal, memory, validation })
    }

    /// What the driver has against something, as an error.
    pub fn settle(&self, objection: Option<wgpu::Error>, context: &str) -> Result<()> {
        match objection {
            Some(error) => Err(self.unless_lost(fault(error, context))),
            None => self.check(),
        }
    }

    /// Waits until a submission is done.
    pub fn wait(&self, submission: wgpu::SubmissionIndex, context: &str) -> Result<()> {
        self.attempt(Call::Wait, context)?;
        let wait = wgpu::PollType::Wait { submission_index: Some(submission), timeout: Some(self.timeout) };
        let outcome = self.device.poll(wait);
        self.check()?;
        match outcome {
            Ok(_) => Ok(()),
            Err(wgpu::PollError::Timeout) => {
                self.give_up(context);
                Err(Error::Timeout { context: context.into(), seconds: self.timeout.as_secs() })
            }
            Err(error) => Err(self.unless_lost(Error::Gpu { context: context.into(), message: error.to_string() })),
        }
    }
}

/// Error scopes around what is created on a device.
pub(super) struct Scopes {
    internal: wgpu::ErrorScopeGuard,
    memory: wgpu::ErrorScopeGuard,
    validation: wgpu::ErrorScopeGuard,
}

impl Scopes {
    /// Ends the watch; the answer need not be waited for at once.
    pub fn close(self) -> impl Future<Output = Option<wgpu::Error>> {
        // Scopes close in reverse order.
        let (internal, memory, validation) = (self.internal.pop(), self.memory.pop(), self.validation.pop());
        async { internal.await.or(memory.await).or(validation.await) }
    }
}

impl DeviceState {
    /// Fails if the device is gone.
    fn check(&self) -> Result<()> {
        match self {
            DeviceState::Live => Ok(()),
            DeviceState::Lost(reason) => Err(Error::DeviceLost { reason: reason.clone() }),
        }
    }
}

/// A wgpu error as ours.
fn fault(error: wgpu::Error, context: &str) -> Error {
    match error {
        wgpu::Error::OutOfMemory { .. } => Error::memory(context),
        wgpu::Error::Validation { description, .. } | wgpu::Error::Internal { description, .. } => {
            Error::Gpu { context: context.into(), message: description.replace('\n', " ") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::adapter::instance;
    use super::super::device::GpuDevice;
    use super::super::encode::GpuExecutor;
    use super::super::objects::{plan, tested};
    use super::*;
    use crate::backend::opened::Granted;
    use crate::graph::{DType, Graph, Role};
    use crate::kernel::Clock;
    use crate::ops::matmul::Matmul;
    use crate::plan::{PhaseId, Plan};
    use pollster::block_on;

    fn device(timeout: Duration) -> Option<Arc<GpuDevice>> {
        let instance = instance(wgpu::Backends::PRIMARY);
        let mut device = block_on(tested(&instance)?.open(Granted::Default)).expect("the adapter opens");
        device.handle.timeout = timeout;
        Some(Arc::new(device))
    }

    #[test]
    fn what_the_driver_reports_fails_the_call_under_way() {
        let Some(device) = device(TIMEOUT) else { return };
        let plan = plan(&device);
        let train = plan.phase("train").expect("a phase");
        let mut executor = block_on(GpuExecutor::load(device.clone(), plan)).expect("loaded");
        executor.submit(&[(train, Clock::default())]).expect("a step");
        // Between two calls.
        let label = Some("of no use");
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::STORAGE;
        let _ = device.handle.device.create_buffer(&wgpu::BufferDescriptor {
            label,
            size: 4,
            usage,
            mapped_at_creation: false,
        });
        let message = executor.submit(&[(train, Clock::default())]).expect_err("an error").to_string();
        assert!(message.contains("of no use"), "{message}");
        executor.submit(&[(train, Clock::default())]).expect("an error is passed on once");
        // In the step itself: a buffer is gone.
        executor.destroy_a_buffer();
        executor.submit(&[(train, Clock::default())]).expect_err("a step that cannot run");
    }

    #[test]
    fn a_device_that_does_not_answer_is_an_error() {
        let Some(device) = device(Duration::from_millis(1)) else { return };
        let mut graph = Graph::new();
        let [a, b] = ["a", "b"].map(|name| graph.declare(name, [1024, 1024], DType::F32, Role::Input));
        let c = graph.apply(Matmul::NN, &[a, b]).unwrap();
        graph.set_role(c, Role::Output);
        let plan = Plan::new(graph, &device.target()).unwrap();
        let executor = block_on(GpuExecutor::load(device.clone(), plan)).expect("loaded");
        let long = executor.submitted(PhaseId::FIRST, 8).expect("submitted");
        let error = device.handle.wait(long, "a long kernel").expect_err("a timeout");
        assert!(matches!(error, Error::Timeout { .. }), "{error}");
    }
}
