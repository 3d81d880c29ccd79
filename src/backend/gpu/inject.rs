//! Failures on purpose: what a program does when its device fails can be tried without a device that fails.

use crate::error::Error;
use std::sync::{Mutex, PoisonError};

/// A kind of call to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A buffer is created.
    CreateBuffer,
    /// A kernel is compiled.
    Compile,
    /// Buffers are bound to a kernel.
    Bind,
    /// Data is written to a buffer.
    Write,
    /// Work is submitted.
    Submit,
    /// A submission is waited for.
    Wait,
    /// A result is mapped into main memory.
    Map,
}

impl Call {
    /// All kinds.
    pub const ALL: [Call; 7] =
        [Call::CreateBuffer, Call::Compile, Call::Bind, Call::Write, Call::Submit, Call::Wait, Call::Map];
}

/// What happens instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The device is destroyed, and is gone from then on.
    Loss,
    /// There is no memory.
    OutOfMemory,
    /// The device does not answer in time.
    Timeout,
    /// The driver reports an error of its own.
    Error,
}

impl Failure {
    /// All kinds.
    pub const ALL: [Failure; 4] = [Failure::Loss, Failure::OutOfMemory, Failure::Timeout, Failure::Error];

    /// The error that a call fails with; a loss shows by itself.
    pub(super) fn error(self, context: &str, seconds: u64) -> Option<Error> {
        let context = context.to_string();
        match self {
            Failure::Loss => None,
            Failure::OutOfMemory => Some(Error::memory(context)),
            Failure::Timeout => Some(Error::Timeout { context, seconds }),
            Failure::Error => Some(Error::Gpu { context, message: "this failure was asked for".into() }),
        }
    }
}

/// A failure of one call to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Injection {
    /// The kind of call that fails.
    pub call: Call,
    /// Calls of this kind that succeed before.
    pub after: u64,
    /// How it fails.
    pub failure: Failure,
}

/// The failure that a device has before it, if any.
#[derive(Debug, Default)]
pub(super) struct Injected(Mutex<Option<Injection>>);

impl Injected {
    pub fn set(&self, injection: Injection) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(injection);
    }

    /// How a call of a kind fails, if it is its turn.
    pub fn due(&self, call: Call) -> Option<Failure> {
        let mut injected = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let injection = injected.as_mut().filter(|injection| injection.call == call)?;
        if injection.after > 0 {
            injection.after -= 1;
            return None;
        }
        injected.take().map(|injection| injection.failure)
    }
}
