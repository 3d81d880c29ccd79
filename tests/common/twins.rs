//! Comparisons of one op on a device with its twin in f64.
#![allow(dead_code)]

use super::{Case, Data, OpPlan};
use anygrad::backend::cpu::CpuExecutor;
use anygrad::backend::gpu::{GpuDevice, GpuExecutor};
use anygrad::graph::{DType, Shape, ValueId};
use anygrad::kernel::{Clock, Variant};
use anygrad::plan::PhaseId;
use anygrad::tune::bounds::Bounds;
use std::cell::OnceCell;
use std::sync::Arc;

/// What the twin computes in f64 from some inputs, and how far a device may be from it.
pub struct Twin<'a> {
    clock: Clock,
    case: &'a Case,
    inputs: &'a [Data],
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

impl<'a> Twin<'a> {
    /// Runs the twin in mid-run.
    pub fn new(case: &'a Case, inputs: &'a [Data]) -> Twin<'a> {
        Twin::at(super::CLOCK, case, inputs)
    }

    /// Runs the twin.
    pub fn at(clock: Clock, case: &'a Case, inputs: &'a [Data]) -> Twin<'a> {
        let built = OpPlan::new(case, &case.op.spec().variants[0]).expect("a plan");
        let mut twin = CpuExecutor::<f64>::new(built.plan.clone()).expect("memory").reference();
        for (&id, data) in built.inputs.iter().zip(inputs) {
            match data {
                Data::Float(data) => {
                    twin.write(id, &data.iter().map(|&x| f64::from(x)).collect::<Vec<_>>()).expect("input");
                }
                Data::Word(data) => twin.write_words(id, data).expect("input"),
            }
        }
        twin.run(PhaseId::FIRST, &clock);
        let read = |id: &ValueId| match built.plan.value(*id).dtype {
            DType::F32 => Result::Floats(twin.read(*id).expect("floats")),
            _ => Result::Words(twin.read_words(*id).expect("words")),
        };
        let results: Vec<_> = built.inputs.iter().chain(&built.outputs).map(read).collect();
        let bounds_of = results.iter().map(|_| OnceCell::new()).collect();
        Twin { clock, case, inputs, results, bounds: Bounds::exact(case, inputs, &clock), bounds_of }
    }

    /// How far each element of an operand may be off.
    fn bounds(&self, tensor: usize, expected: &[f64]) -> &[f64] {
        let each = || expected.iter().enumerate().map(|(i, expected)| self.bounds.of(tensor, i, *expected)).collect();
        self.bounds_of[tensor].get_or_init(each)
    }

    /// Runs a variant on a GPU and compares every output, every changed input, and that the rest is untouched. Returns the
    /// number of tensors compared.
    pub fn compare(&self, device: &Arc<GpuDevice>, variant: &'static Variant) -> usize {
        let name = format!("{:?} {} on {:?}", self.case.op, variant.name, self.shapes());
        let built = OpPlan::new(self.case, variant).expect("a plan");
        let mut gpu = pollster::block_on(GpuExecutor::load(device.clone(), built.plan.clone()))
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        for (id, words) in built.contents(self.inputs) {
            gpu.write_words(id, &words).expect("contents");
        }
        gpu.submit(&[(PhaseId::FIRST, self.clock)]).expect("submit");
        self.hold(&name, &built, |id| {
            pollster::block_on(async {
                let read = gpu.start_read(id).await.expect("read");
                gpu.finish_read(read).await.expect("read")
            })
        })
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
        for (tensor, (&id, expected)) in built.inputs.iter().chain(&built.outputs).zip(&self.results).enumerate() {
            let (got, value) = (read(id), &built.plan.value(id).name);
            let expected = match expected {
                Result::Floats(expected) => expected,
                Result::Words(expected) => {
                    assert_eq!(&got, expected, "{name}: `{value}`");
                    continue;
                }
            };
            let got: Vec<f32> = bytemuck::cast_vec(got);
            assert_eq!(got.len(), expected.len(), "{name}: `{value}`");
            let is_result = built.outputs.contains(&id) || changed.contains(&id);
            let bounds = is_result.then(|| self.bounds(tensor, expected));
            for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
                let bound = bounds.map_or(0.0, |bounds| bounds[i]);
                let error = (f64::from(*got) - expected).abs();
                // Written so that NaN fails.
                assert!(
                    error <= bound || (!is_result && got.to_bits() == (*expected as f32).to_bits()),
                    "{name}: `{value}`[{i}] is {got}, expected {expected} within {bound:e}",
                );
            }
        }
        self.results.len()
    }
}
