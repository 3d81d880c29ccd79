//! Comparisons of one op on a device with its twin in f64.
#![allow(dead_code)]

use super::{Case, Data, OpPlan};
use anygrad::backend::cpu::CpuExecutor;
use anygrad::backend::gpu::{GpuDevice, GpuExecutor};
use anygrad::graph::case::flushed;
use anygrad::graph::{DType, Shape, ValueId};
use anygrad::kernel::{Clock, Variant};
use anygrad::plan::PhaseId;
use anygrad::tune::bounds::Bounds;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

/// What the twin computes in f64 from some inputs, and how far a device may be from it.
pub struct Twin<'a> {
    clock: Clock,
    case: &'a Case,
    inputs: &'a [Data],
    kept: Expected<'a>,
    /// Where some inputs are subnormal, what comes of zeros in their place: as right.
    flushed: Option<Expected<'a>>,
}

/// What comes of some inputs.
struct Expected<'a> {
    /// Of each operand, inputs first, with what the op changes in place.
    results: Vec<Result>,
    bounds: Bounds<'a>,
    /// Of each operand that holds floats the bounds of its elements, once they are asked for: every variant of a kernel is
    /// held to the same.
    bounds_of: Vec<OnceCell<Vec<f64>>>,
}

enum Result {
    Floats(Vec<f64>),
    Words(Vec<u32>),
}

impl<'a> Expected<'a> {
    fn new(clock: &Clock, case: &'a Case, inputs: impl Into<Cow<'a, [Data]>>) -> Expected<'a> {
        let inputs = inputs.into();
        let built = OpPlan::new(case, &case.op.spec().variants[0]).expect("a plan");
        let mut twin = CpuExecutor::<f64>::new(built.plan.clone()).expect("memory").reference();
        for (&id, data) in built.inputs.iter().zip(&inputs[..]) {
            match data {
                Data::Float(data) => {
                    twin.write(id, &data.iter().map(|&x| f64::from(x)).collect::<Vec<_>>()).expect("input");
                }
                Data::Word(data) => twin.write_words(id, data).expect("input"),
            }
        }
        twin.run(PhaseId::FIRST, clock);
        let read = |id: &ValueId| match built.plan.value(*id).dtype {
            DType::F32 => Result::Floats(twin.read(*id).expect("floats")),
            _ => Result::Words(twin.read_words(*id).expect("words")),
        };
        let results: Vec<_> = built.inputs.iter().chain(&built.outputs).map(read).collect();
        let bounds_of = results.iter().map(|_| OnceCell::new()).collect();
        Expected { results, bounds: Bounds::exact(case, inputs, clock), bounds_of }
    }

    /// How far each element of an operand may be off.
    fn bounds(&self, tensor: usize) -> &[f64] {
        let Result::Floats(expected) = &self.results[tensor] else { panic!("floats") };
        let each = || expected.iter().enumerate().map(|(i, expected)| self.bounds.of(tensor, i, *expected)).collect();
        self.bounds_of[tensor].get_or_init(each)
    }

    /// What an element of floats should be, and within which bound. Written so that NaN is wrong.
    fn float(&self, tensor: usize, i: usize, got: f32) -> std::result::Result<(), (f64, f64)> {
        let Result::Floats(expected) = &self.results[tensor] else { panic!("floats") };
        let (expected, bound) = (expected[i], self.bounds(tensor)[i]);
        if (f64::from(got) - expected).abs() <= bound { Ok(()) } else { Err((expected, bound)) }
    }
}

impl<'a> Twin<'a> {
    /// Runs the twin in mid-run.
    pub fn new(case: &'a Case, inputs: &'a [Data]) -> Twin<'a> {
        Twin::at(super::CLOCK, case, inputs)
    }

    /// Runs the twin.
    pub fn at(clock: Clock, case: &'a Case, inputs: &'a [Data]) -> Twin<'a> {
        let kept = Expected::new(&clock, case, inputs);
        let flushed = flushed(inputs).map(|inputs| Expected::new(&clock, case, inputs));
        Twin { clock, case, inputs, kept, flushed }
    }

    /// Runs a variant on a GPU and compares every output, every changed input, and that the rest is untouched. Returns the
    /// number of tensors compared.
    pub fn compare(&self, device: &Arc<GpuDevice>, variant: &'static Variant) -> usize {
        Twin::compare_all(std::slice::from_ref(self), device, variant)
    }

    /// The same for several draws of one case's inputs, in the same buffers, with sentinels around them.
    pub fn compare_all(twins: &[Twin<'_>], device: &Arc<GpuDevice>, variant: &'static Variant) -> usize {
        let Some(first) = twins.first() else { return 0 };
        let name = format!("{:?} {} on {:?}", first.case.op, variant.name, first.shapes());
        let built = OpPlan::new(first.case, variant).expect("a plan");
        let mut gpu = pollster::block_on(GpuExecutor::load_guarded(device.clone(), built.plan.clone()))
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut compared = 0;
        for twin in twins {
            for (id, words) in built.contents(twin.inputs) {
                gpu.write_words(id, &words).expect("contents");
            }
            gpu.submit(&[(PhaseId::FIRST, twin.clock)]).expect("submit");
            compared += twin.hold(&name, &built, |id| {
                pollster::block_on(async {
                    let read = gpu.start_read(id).await.expect("read");
                    gpu.finish_read(read).await.expect("read")
                })
            });
            let trespass = pollster::block_on(gpu.trespass()).expect("read");
            assert!(trespass.is_none(), "{name}: {}", trespass.unwrap_or_default());
        }
        compared
    }

    /// Compares the CPU backend's form of the kernel in f32. Returns the number of tensors compared.
    pub fn compare_cpu(&self) -> usize {
        let name = format!("{:?} on the CPU on {:?}", self.case.op, self.shapes());
        let built = OpPlan::new(self.case, &self.case.op.spec().variants[0]).expect("a plan");
        let is_float = |id| built.plan.value(id).dtype == DType::F32;
        let mut cpu = CpuExecutor::<f32>::new(built.plan.clone()).expect("memory");
        for (id, words) in built.contents(self.inputs) {
            if is_float(id) {
                cpu.write(id, bytemuck::cast_slice(&words)).expect("contents");
            } else {
                cpu.write_words(id, &words).expect("contents");
            }
        }
        cpu.run(PhaseId::FIRST, &self.clock);
        self.hold(&name, &built, |id| {
            if is_float(id) {
                bytemuck::cast_vec(cpu.read(id).expect("floats"))
            } else {
                cpu.read_words(id).expect("words")
            }
        })
    }

    fn shapes(&self) -> Vec<&Shape> {
        self.case.inputs.iter().map(|input| &input.0).collect()
    }

    /// Compares what was read from a device.
    fn hold(&self, name: &str, built: &OpPlan, mut read: impl FnMut(ValueId) -> Vec<u32>) -> usize {
        let changed = built.changed_inputs();
        for (tensor, &id) in built.inputs.iter().chain(&built.outputs).enumerate() {
            let (got, value) = (read(id), &built.plan.value(id).name);
            if let Some(given) = self.inputs.get(tensor).filter(|_| !changed.contains(&id)) {
                assert!(got == given.words(), "{name}: `{value}` is read only");
                continue;
            }
            if let Result::Words(expected) = &self.kept.results[tensor] {
                assert_eq!(&got, expected, "{name}: `{value}`");
                continue;
            }
            let got: Vec<f32> = bytemuck::cast_vec(got);
            assert_eq!(got.len(), self.kept.bounds(tensor).len(), "{name}: `{value}`");
            for (i, &got) in got.iter().enumerate() {
                let Err((expected, bound)) = self.kept.float(tensor, i, got) else { continue };
                let is_flushed = self.flushed.as_ref().is_some_and(|zeros| zeros.float(tensor, i, got).is_ok());
                assert!(is_flushed, "{name}: `{value}`[{i}] is {got}, expected {expected} within {bound:e}");
            }
        }
        self.kept.results.len()
    }
}
