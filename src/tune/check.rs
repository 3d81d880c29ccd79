//! Whether a variant computes what the twin does, on the exact shape and on two kinds of numbers: any, within derived
//! bounds, and whole ones, whose products must be exact, so that a single term too few or too many shows.

use super::bounds::Bounds;
use super::case::{Case, Data, OpPlan, Values};
use crate::backend::cpu::CpuExecutor;
use crate::backend::gpu::{GpuDevice, GpuExecutor};
use crate::error::Result;
use crate::graph::case::flushed;
use crate::graph::{DType, ValueId};
use crate::kernel::{Clock, Twinned, Variant};
use crate::plan::PhaseId;
use crate::random::{Purpose, Stream, stream_key};
use std::sync::Arc;

/// The clock during a check: in mid-run, at the start of the rows.
pub(crate) const CLOCK: Clock = Clock { step: 3, epoch: 2, batch_start: 0, slot: 0, first_row: 0, learning_rate: 0.05 };

/// What a case must come to on one draw of inputs.
#[derive(Debug)]
pub(crate) struct Expected {
    pub inputs: Vec<Data>,
    tensors: Vec<Tensor>,
}

#[derive(Debug)]
struct Tensor {
    id: ValueId,
    name: String,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// These bits.
    Words(Vec<u32>),
    /// These numbers, each within its bound; or as right those of a device that takes subnormal inputs for zero.
    Floats(Vec<(f64, f64)>, Option<Vec<(f64, f64)>>),
}

impl Expected {
    /// Draws inputs and asks the twin, of a product its fast form: what follows is as cheap as the twin.
    pub fn new(case: &Case, values: Values) -> Result<Expected> {
        Self::within(case, values, |case, inputs| Bounds::quick(case, inputs, &CLOCK))
    }

    /// Draws inputs and asks the twin in f64.
    pub fn exact(case: &Case, values: Values) -> Result<Expected> {
        Self::within(case, values, |case, inputs| Bounds::exact(case, inputs, &CLOCK))
    }

    fn within(case: &Case, values: Values, bounds: for<'a> fn(&'a Case, &'a [Data]) -> Bounds<'a>) -> Result<Expected> {
        let mut stream = Stream::new(stream_key(0, Purpose::Synthetic, values as u32));
        let inputs = case.draw(values, &mut stream);
        let zeros = flushed(&inputs).map(|zeros| Self::tensors(case, &zeros, bounds)).transpose()?;
        let mut tensors = Self::tensors(case, &inputs, bounds)?;
        for (tensor, zeros) in tensors.iter_mut().zip(zeros.into_iter().flatten()) {
            if let (Content::Floats(_, other), Content::Floats(zeros, _)) = (&mut tensor.content, zeros.content) {
                *other = Some(zeros);
            }
        }
        Ok(Expected { inputs, tensors })
    }

    fn tensors(
        case: &Case,
        inputs: &[Data],
        bounds: for<'a> fn(&'a Case, &'a [Data]) -> Bounds<'a>,
    ) -> Result<Vec<Tensor>> {
        let built = OpPlan::new(case, &case.op.spec().variants[0])?;
        let bounds = bounds(case, inputs);
        let twin = if bounds.takes_fast_twin() {
            twin(CpuExecutor::<f32>::new(built.plan.clone())?, &built, inputs)?
        } else {
            twin(CpuExecutor::<f64>::new(built.plan.clone())?.reference(), &built, inputs)?
        };
        let changed = built.changed_inputs();
        let mut tensors = Vec::new();
        for (position, (id, result)) in twin.into_iter().enumerate() {
            let given = inputs.get(position).filter(|_| !changed.contains(&id));
            let content = match (given, result) {
                (Some(given), _) => Content::Words(given.words().to_vec()),
                (None, Twin::Words(words)) => Content::Words(words),
                (None, Twin::Floats(floats)) => {
                    let bounded = floats.into_iter().enumerate().map(|(i, x)| (x, bounds.of(position, i, x)));
                    Content::Floats(bounded.collect(), None)
                }
            };
            let name = match position.checked_sub(inputs.len()) {
                Some(output) => format!("output {output}"),
                None => format!("input {position}"),
            };
            tensors.push(Tensor { id, name, content });
        }
        Ok(tensors)
    }

    /// Number of elements that are compared.
    pub fn elements(&self) -> usize {
        self.tensors.iter().map(|tensor| tensor.content.elements()).sum()
    }

    /// The first element that the form for the CPU gets wrong, in words; `None` if all are right.
    pub fn deviation_on_cpu(&self, case: &Case) -> Result<Option<String>> {
        let built = OpPlan::new(case, &case.op.spec().variants[0])?;
        let found = twin(CpuExecutor::<f32>::new(built.plan.clone())?, &built, &self.inputs)?;
        let words = |found| match found {
            Twin::Words(words) => words,
            Twin::Floats(floats) => floats.into_iter().map(|x| (x as f32).to_bits()).collect::<Vec<u32>>(),
        };
        Ok(self.tensors.iter().zip(found).find_map(|(tensor, (_, found))| tensor.deviation(&words(found))))
    }

    /// The first element that a variant gets wrong, in words; `None` if all are right.
    pub async fn deviation(
        &self,
        device: &Arc<GpuDevice>,
        case: &Case,
        variant: &'static Variant,
    ) -> Result<Option<String>> {
        Ok(self.compare(device, case, variant).await?.deviation)
    }

    /// Compares what a variant computes.
    pub async fn compare(&self, device: &Arc<GpuDevice>, case: &Case, variant: &'static Variant) -> Result<Comparison> {
        let mut comparison = Comparison::default();
        let built = OpPlan::new(case, variant)?;
        let contents = built.contents(&self.inputs);
        let plan = built.plan.within(device.target().budget)?;
        let mut gpu = GpuExecutor::load_guarded(device.clone(), plan).await?;
        for (id, words) in contents {
            gpu.write_words(id, &words)?;
        }
        gpu.submit(&[(PhaseId::FIRST, CLOCK)])?;
        for tensor in &self.tensors {
            let read = gpu.start_read(tensor.id).await?;
            let got = gpu.finish_read(read).await?;
            comparison.share = comparison.share.max(tensor.share(&got));
            comparison.deviation = comparison.deviation.or_else(|| tensor.deviation(&got));
        }
        comparison.deviation = match comparison.deviation {
            None => gpu.trespass().await?,
            found => found,
        };
        Ok(comparison)
    }
}

/// How a variant compares with the twin.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// The first element that is wrong, in words.
    pub deviation: Option<String>,
    /// The largest deviation as a share of its bound.
    pub share: f64,
}

impl Content {
    fn elements(&self) -> usize {
        match self {
            Content::Words(words) => words.len(),
            Content::Floats(floats, _) => floats.len(),
        }
    }
}

impl Tensor {
    /// The largest deviation as a share of its bound.
    fn share(&self, got: &[u32]) -> f64 {
        let Content::Floats(floats, zeros) = &self.content else { return 0.0 };
        let share = |(i, &got): (usize, &u32)| {
            let of = |floats: &Vec<(f64, f64)>| share(floats[i], got);
            of(floats).min(zeros.as_ref().map_or(f64::INFINITY, of))
        };
        got.iter().enumerate().take(floats.len()).map(share).fold(0.0, f64::max)
    }

    fn deviation(&self, got: &[u32]) -> Option<String> {
        match &self.content {
            Content::Words(words) => {
                let at = words.iter().zip(got).position(|(expected, got)| expected != got)?;
                Some(format!("{}[{at}] has the bits {:#x}, not {:#x}", self.name, got[at], words[at]))
            }
            Content::Floats(floats, zeros) => {
                let is_right = |i: usize, got: u32| {
                    let within = |floats: &Vec<(f64, f64)>| share(floats[i], got) <= 1.0;
                    within(floats) || zeros.as_ref().is_some_and(within)
                };
                let at = (0..floats.len().min(got.len())).find(|&i| !is_right(i, got[i]))?;
                let ((expected, bound), got) = (floats[at], f32::from_bits(got[at]));
                Some(format!("{}[{at}] is {got}, the twin's is {expected} within {bound:.1e}", self.name))
            }
        }
    }
}

/// A deviation as a share of its bound; more than 1 for NaN.
fn share((expected, bound): (f64, f64), got: u32) -> f64 {
    let off = (f64::from(f32::from_bits(got)) - expected).abs();
    if off == 0.0 {
        0.0
    } else if off <= bound {
        off / bound
    } else {
        (off / bound).max(1.0 + f64::EPSILON)
    }
}

/// A tensor after the twin has run.
enum Twin {
    Words(Vec<u32>),
    Floats(Vec<f64>),
}

/// Runs the twin and returns all operands, inputs first.
fn twin<F: Twinned>(mut twin: CpuExecutor<F>, built: &OpPlan, inputs: &[Data]) -> Result<Vec<(ValueId, Twin)>> {
    for (&id, data) in built.inputs.iter().zip(inputs) {
        match data {
            Data::Float(data) => twin.write(id, &data.iter().map(|&x| F::from_f32(x)).collect::<Vec<_>>())?,
            Data::Word(data) => twin.write_words(id, data)?,
        }
    }
    twin.run(PhaseId::FIRST, &CLOCK);
    let read = |&id: &ValueId| {
        Ok(match built.plan.value(id).dtype {
            DType::F32 => (id, Twin::Floats(twin.read(id)?.into_iter().map(F::to_f64).collect())),
            _ => (id, Twin::Words(twin.read_words(id)?)),
        })
    };
    built.inputs.iter().chain(&built.outputs).map(read).collect()
}
