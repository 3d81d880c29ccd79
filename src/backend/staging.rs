//! Contents of a value that the host puts together while the device works, then gives to it at once.

use super::cpu::Storage;
use super::{Device, Executor};
use crate::cpu::Aligned;
use crate::error::{Error, Result};
use crate::graph::{DType, Value, ValueId};
use crate::kernel::Clock;
use crate::plan::PhaseId;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Room on the host for the contents of one value.
#[derive(Debug)]
pub struct Staging(Storage<f32>);

impl Staging {
    /// The elements of a float value; none of another.
    pub fn floats_mut(&mut self) -> &mut [f32] {
        match &mut self.0 {
            Storage::Float(data) => data,
            Storage::Word(_) => &mut [],
        }
    }

    /// The words of a value of words or packed bytes; none of another.
    pub fn words_mut(&mut self) -> &mut [u32] {
        match &mut self.0 {
            Storage::Word(data) => data,
            Storage::Float(_) => &mut [],
        }
    }

    /// Bytes of it.
    pub fn bytes(&self) -> u64 {
        match &self.0 {
            Storage::Float(data) => size_of_val(&data[..]) as u64,
            Storage::Word(data) => size_of_val(&data[..]) as u64,
        }
    }
}

/// Words of so many of all rows of a value.
fn words_of(value: &Value, rows: usize, all: usize) -> usize {
    let elements = value.shape.elements() / all.max(1) * rows;
    if value.dtype == DType::U8 { elements.div_ceil(4) } else { elements }
}

impl Device {
    /// Most bytes that a kernel can read as one value.
    pub fn most_binding_bytes(&self) -> u64 {
        match self {
            Device::Cpu => u64::MAX,
            Device::Gpu(device) => device.held().binding_bytes,
        }
    }
}

impl Executor {
    /// Room for the contents of a value.
    ///
    /// # Errors
    /// [`Error::Shape`] if no dispatch uses the value; [`Error::OutOfMemory`] if the system refuses the memory.
    pub fn staging(&self, value: ValueId) -> Result<Staging> {
        let missing = || Error::shape("plan", format!("`{}` is not used", self.plan().value(value).name));
        self.staging_of(value, self.plan().place(value).ok_or_else(missing)?.words)
    }

    fn staging_of(&self, value: ValueId, words: usize) -> Result<Staging> {
        let described = self.plan().value(value);
        let storage = match described.dtype {
            DType::F32 => Aligned::filled(words, 0.0).map(Storage::Float),
            _ => Aligned::filled(words, 0).map(Storage::Word),
        };
        let context = || format!("staging `{}` in main memory", described.name);
        storage.map(Staging).map_err(|_| Error::memory(context()))
    }

    /// Whether the host writes into the memory that kernels read, as on the CPU: what fills a value is not there twice, then.
    pub fn is_on_host(&self) -> bool {
        matches!(self, Executor::Cpu(_))
    }

    /// Room for the contents of a value that are given to it by [`Executor::exchange`] before anything runs: on the CPU the
    /// value's own memory.
    ///
    /// # Errors
    /// As [`Executor::staging`].
    pub fn take_staging(&mut self, value: ValueId) -> Result<Staging> {
        match self {
            Executor::Cpu(executor) => executor.take(value).map(Staging),
            Executor::Gpu(_) => self.staging(value),
        }
    }

    /// Room for `rows` of the `all` rows of a value.
    ///
    /// # Errors
    /// As [`Executor::staging`].
    pub fn part_staging(&self, value: ValueId, rows: usize, all: usize) -> Result<Staging> {
        self.staging_of(value, words_of(self.plan().value(value), rows, all))
    }

    /// Gives a value some of its rows: `rows` from `first` on of `all`. Of bytes the parts begin at multiples of four rows.
    /// What is given does not wait for what else is to come.
    ///
    /// # Errors
    /// [`Error::Shape`] if the value has fewer; what the device has reported.
    pub fn write_part(&mut self, value: ValueId, rows: Range<usize>, all: usize, part: &Staging) -> Result<()> {
        let described = self.plan().value(value);
        let (first, count) = (words_of(described, rows.start, all), words_of(described, rows.len(), all));
        let words: &[u32] = match &part.0 {
            Storage::Float(data) => bytemuck::cast_slice(&data[..count]),
            Storage::Word(data) => &data[..count],
        };
        match self {
            Executor::Cpu(executor) => executor.write_part(value, first, words),
            Executor::Gpu(executor) => executor.write_part(value, first, words),
        }
    }

    /// Gives a value the contents of `staging`, which then holds anything: on the CPU the memory changes hands, a GPU
    /// copies it between what was submitted before and what comes next.
    ///
    /// # Errors
    /// [`Error::Shape`] if it is room for another value; what the device has reported.
    pub fn exchange(&mut self, value: ValueId, staging: &mut Staging) -> Result<()> {
        match (self, &mut staging.0) {
            (Executor::Cpu(executor), storage) => executor.exchange(value, storage),
            (Executor::Gpu(executor), Storage::Float(data)) => {
                executor.write_words(value, bytemuck::cast_slice(&data[..]))
            }
            (Executor::Gpu(executor), Storage::Word(data)) => executor.write_words(value, data),
        }
    }

    /// Runs phases as [`Executor::run`] does, and `work` on the host beside them: on a thread of its own while the CPU
    /// runs them, or here while a GPU does.
    ///
    /// # Errors
    /// What the device has reported; then `work` may not have been done.
    pub fn run_beside(&mut self, runs: &[(PhaseId, Clock)], work: impl FnOnce() + Send) -> Result<()> {
        if let Executor::Gpu(_) = self {
            self.run(runs)?;
            work();
            return Ok(());
        }
        let work = Mutex::new(Some(work));
        let take = || work.lock().unwrap_or_else(PoisonError::into_inner).take();
        let outcome = std::thread::scope(|scope| {
            // Where there are no threads, it is done afterwards.
            let _ = std::thread::Builder::new().spawn_scoped(scope, || take().map(|work| work()));
            self.run(runs)
        });
        if let Some(work) = take() {
            work();
        }
        outcome
    }
}
