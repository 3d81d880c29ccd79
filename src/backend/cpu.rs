//! Runs a plan on the CPU by its twins: the definition for tests, and what trains where there is no GPU.

use crate::cpu::Aligned;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::kernel::{Access, Bound, Clock, TwinCall, Twinned, twin::MAX_BUFFERS};
use crate::plan::{BoundBuffer, Dispatch, PhaseId, Place, Plan};
use std::cell::{Ref, RefCell, RefMut};

/// A plan with its memory on the CPU. `F` is f32 for training and f64 for gradient checks and reference values.
///
/// ```
/// use anygrad::backend::cpu::CpuExecutor;
/// use anygrad::graph::{DType, Graph, Role};
/// use anygrad::kernel::{Clock, Target};
/// use anygrad::ops::scale::Scale;
/// use anygrad::plan::{PhaseId, Plan};
/// let mut graph = Graph::new();
/// let x = graph.declare("x", [2], DType::F32, Role::Input);
/// let y = graph.apply(Scale { factor: 0.5 }, &[x])?;
/// graph.set_role(y, Role::Output);
/// let mut executor = CpuExecutor::<f64>::new(Plan::new(graph, &Target::CPU)?)?;
/// executor.write(x, &[1.0, 1e-300])?;
/// executor.run(PhaseId::FIRST, &Clock::default());
/// assert_eq!(executor.read(y)?, [0.5, 0.5e-300]);
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Debug)]
pub struct CpuExecutor<F: Twinned = f32> {
    plan: Plan,
    storage: Vec<RefCell<Storage<F>>>,
    fast: bool,
    reproducible: bool,
}

#[derive(Debug)]
pub(super) enum Storage<F> {
    Float(Aligned<F>),
    Word(Aligned<u32>),
}

impl<F: Twinned> CpuExecutor<F> {
    /// Allocates the plan's buffers. Kernels run in their fast form where they have one.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if the system refuses a buffer.
    pub fn new(plan: Plan) -> Result<Self> {
        let storage = plan
            .buffers()
            .iter()
            .map(|buffer| {
                let storage = if buffer.is_float {
                    Aligned::filled(buffer.words, F::from_f32(buffer.fill)).map(Storage::Float)
                } else {
                    Aligned::filled(buffer.words, 0).map(Storage::Word)
                };
                let context = format!("allocating `{}` in main memory", buffer.label);
                storage.map(RefCell::new).map_err(|_| Error::memory(context))
            })
            .collect::<Result<_>>()?;
        Ok(CpuExecutor { plan, storage, fast: true, reproducible: false })
    }

    /// Makes every kernel run in the form that defines it, however slow.
    pub fn reference(mut self) -> Self {
        self.fast = false;
        self
    }

    /// Whether every kernel's result shall be the same on every processor, however long that takes.
    pub fn set_reproducible(&mut self, reproducible: bool) {
        self.reproducible = reproducible;
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Bytes of its memory.
    pub fn allocated_bytes(&self) -> u64 {
        let bytes = |storage: &RefCell<Storage<F>>| match &*storage.borrow() {
            Storage::Float(data) => size_of_val(&data[..]),
            Storage::Word(data) => size_of_val(&data[..]),
        };
        self.storage.iter().map(bytes).sum::<usize>() as u64
    }

    /// Runs a phase once, with the clock at `clock`.
    pub fn run(&mut self, phase: PhaseId, clock: &Clock) {
        for dispatch in &self.plan.phases()[phase.0].dispatches {
            self.execute(dispatch, clock);
        }
    }

    /// Runs one dispatch of a phase.
    pub fn run_dispatch(&mut self, phase: PhaseId, index: usize, clock: &Clock) {
        self.execute(&self.plan.phases()[phase.0].dispatches[index], clock);
    }

    /// Runs one launch of a phase. A dispatch in several parts runs with the last of them.
    pub fn run_launch(&mut self, phase: PhaseId, index: usize, clock: &Clock) {
        let phase = &self.plan.phases()[phase.0];
        let parts = phase.launches[index].parts.iter().filter(|part| part.is_last());
        parts.for_each(|part| self.execute(&phase.dispatches[part.dispatch], clock));
    }

    fn execute(&self, dispatch: &Dispatch, clock: &Clock) {
        let mut guards = [const { None }; MAX_BUFFERS];
        for (guard, bound) in guards.iter_mut().zip(&dispatch.buffers) {
            *guard = Some(self.borrow(bound));
        }
        let mut buffers = [const { Bound::Word(&[]) }; MAX_BUFFERS];
        for ((buffer, guard), bound) in buffers.iter_mut().zip(&mut guards).zip(&dispatch.buffers) {
            *buffer = view(guard, bound.place.words);
        }
        let mut call = TwinCall {
            params: &dispatch.params,
            specialization: &dispatch.specialization,
            clock,
            op: dispatch.op.as_any(),
            reproducible: self.reproducible,
            buffers: &mut buffers[..dispatch.buffers.len()],
        };
        F::of(&dispatch.kernel.twin, self.fast)(&mut call);
    }

    /// The plan's check that no buffer is read and written in one dispatch is what keeps these from failing.
    fn borrow(&self, bound: &BoundBuffer) -> Guard<'_, F> {
        let cell = &self.storage[bound.place.buffer.index()];
        match bound.access {
            Access::Write => Guard::Write(cell.borrow_mut()),
            Access::Uniform | Access::Read => Guard::Read(cell.borrow()),
        }
    }

    fn place(&self, value: ValueId) -> Result<Place> {
        let missing = || Error::shape("plan", format!("`{}` is not used", self.plan.value(value).name));
        self.plan.place(value).ok_or_else(missing)
    }

    /// Sets the elements of a float value.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number or kind of elements differs from the value's.
    pub fn write(&mut self, value: ValueId, data: &[F]) -> Result<()> {
        let place = self.place(value)?;
        match self.storage[place.buffer.index()].get_mut() {
            Storage::Float(storage) if data.len() == place.words => {
                storage[..place.words].copy_from_slice(data);
                Ok(())
            }
            _ => Err(self.mismatch(value, data.len(), "floats")),
        }
    }

    /// Sets the 32-bit words of a value of words or packed bytes.
    ///
    /// # Errors
    /// Fails as [`CpuExecutor::write`] does.
    pub fn write_words(&mut self, value: ValueId, data: &[u32]) -> Result<()> {
        let place = self.place(value)?;
        match self.storage[place.buffer.index()].get_mut() {
            Storage::Word(storage) if data.len() == place.words => {
                storage[..place.words].copy_from_slice(data);
                Ok(())
            }
            _ => Err(self.mismatch(value, data.len(), "words")),
        }
    }

    /// Sets words of a value (for floats: their bits) from `first` on.
    pub(super) fn write_part(&mut self, value: ValueId, first: usize, words: &[u32]) -> Result<()> {
        let place = self.place(value)?;
        let range = first..first + words.len();
        match self.storage[place.buffer.index()].get_mut() {
            Storage::Float(own) if range.end <= place.words => {
                let own = own[range].iter_mut().zip(words);
                own.for_each(|(own, &word)| *own = F::from_f32(f32::from_bits(word)));
            }
            Storage::Word(own) if range.end <= place.words => own[range].copy_from_slice(words),
            _ => return Err(self.mismatch(value, range.end, "words")),
        }
        Ok(())
    }

    /// Takes the memory of a value out: until it is given back by [`CpuExecutor::exchange`], nothing can run.
    pub(super) fn take(&mut self, value: ValueId) -> Result<Storage<F>> {
        let place = self.place(value)?;
        let own = self.storage[place.buffer.index()].get_mut();
        Ok(match own {
            Storage::Float(data) => Storage::Float(std::mem::replace(data, Aligned::new())),
            Storage::Word(data) => Storage::Word(std::mem::replace(data, Aligned::new())),
        })
    }

    /// Exchanges the memory of a value for as much other memory of its kind.
    pub(super) fn exchange(&mut self, value: ValueId, other: &mut Storage<F>) -> Result<()> {
        let place = self.place(value)?;
        let (given, kind) = match other {
            Storage::Float(data) => (data.len(), "floats"),
            Storage::Word(data) => (data.len(), "words"),
        };
        let own = self.storage[place.buffer.index()].get_mut();
        let fits = match (&*own, &*other) {
            // The own one is empty where it was taken out.
            (Storage::Float(own), Storage::Float(other)) => own.is_empty() || own.len() == other.len(),
            (Storage::Word(own), Storage::Word(other)) => own.is_empty() || own.len() == other.len(),
            _ => false,
        };
        if !fits {
            return Err(self.mismatch(value, given, kind));
        }
        std::mem::swap(own, other);
        Ok(())
    }

    /// The elements of a float value.
    ///
    /// # Errors
    /// [`Error::Shape`] if the value is not used or does not hold floats.
    pub fn read(&self, value: ValueId) -> Result<Vec<F>> {
        let place = self.place(value)?;
        match &*self.storage[place.buffer.index()].borrow() {
            Storage::Float(storage) => Ok(storage[..place.words].to_vec()),
            Storage::Word(_) => Err(self.mismatch(value, place.words, "floats")),
        }
    }

    /// The 32-bit words of a value of words or packed bytes.
    ///
    /// # Errors
    /// Fails as [`CpuExecutor::read`] does.
    pub fn read_words(&self, value: ValueId) -> Result<Vec<u32>> {
        let place = self.place(value)?;
        match &*self.storage[place.buffer.index()].borrow() {
            Storage::Word(storage) => Ok(storage[..place.words].to_vec()),
            Storage::Float(_) => Err(self.mismatch(value, place.words, "words")),
        }
    }

    fn mismatch(&self, value: ValueId, given: usize, kind: &str) -> Error {
        let value = self.plan.value(value);
        let detail = format!("holds {:?}{}, not {given} {kind}", value.dtype, value.shape);
        Error::shape(&value.name, detail)
    }
}

/// A borrowed buffer.
enum Guard<'a, F> {
    Read(Ref<'a, Storage<F>>),
    Write(RefMut<'a, Storage<F>>),
}

/// The first `words` elements of a borrowed buffer.
fn view<'a, F: Twinned>(guard: &'a mut Option<Guard<'_, F>>, words: usize) -> Bound<'a, F> {
    match guard {
        Some(Guard::Read(storage)) => match &**storage {
            Storage::Float(data) => Bound::Float(&data[..words]),
            Storage::Word(data) => Bound::Word(&data[..words]),
        },
        Some(Guard::Write(storage)) => match &mut **storage {
            Storage::Float(data) => Bound::FloatMut(&mut data[..words]),
            Storage::Word(data) => Bound::WordMut(&mut data[..words]),
        },
        None => Bound::Word(&[]),
    }
}
