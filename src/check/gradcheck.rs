//! Gradients of a step held against central differences in f64, and both f32 backends against f64.
//!
//! For sampled elements θ of each parameter, `(L(θ+h) − L(θ−h)) / 2h` with h = [`STEP`], by the twins in f64, must
//! equal the gradient that the graph computes, within `RELATIVE · |difference quotient| + ABSOLUTE · max(1, |L|)`. The
//! second term is what rounding of the loss leaves after division by 2h, with room. An element is left out, and counted
//! as a kink, if between θ−h and θ+h a number changes sign at which the function has a kink (the input of a ReLU, a
//! margin).
//!
//! In f32 every element is compared with f64, within `F32_OWN` of the largest gradient of its tensor, about what WGSL's
//! roundoff of 2⁻²³ can make of a sum of 784 terms, plus `F32_ALL` of the largest of all, for sums whose terms cancel.
//! A unit that lies within f32 rounding of a kink can fall to different sides in f32 and f64; another seed moves it.

use super::kinks::Kinks;
use crate::backend::Device;
use crate::backend::cpu::CpuExecutor;
use crate::error::{Error, Result};
use crate::graph::{Graph, Role, ValueId};
use crate::kernel::{Clock, Target};
use crate::plan::{PhaseId, Plan};
use crate::random::{Permutation, Purpose, stream_key};
use crate::train::Step;

/// h, how far an element is moved to each side.
const STEP: f64 = 1e-6;
/// Allowed error of a gradient against the difference quotient, as a share of it.
const RELATIVE: f64 = 1e-3;
/// Allowed error of a gradient against the difference quotient, as a share of max(1, |loss|).
const ABSOLUTE: f64 = 1e-7;
/// Allowed error of f32 against f64 as a share of the tensor's largest gradient.
const F32_OWN: f64 = 1e-4;
/// Allowed error of f32 against f64 as a share of the largest gradient of all tensors.
const F32_ALL: f64 = 1e-6;

/// Options of a gradient check.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// Elements of each tensor compared with difference quotients; all if it has no more.
    pub elements: usize,
    /// Seed that selects these elements.
    pub seed: u64,
    /// A second device to compare with f64; the CPU in f32 always is.
    pub device: Option<Device>,
}

impl Default for CheckOptions {
    /// 64 elements of each tensor, on the CPU.
    fn default() -> Self {
        CheckOptions { elements: 64, seed: 0, device: None }
    }
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct GradCheck {
    /// The loss of the step in f64.
    pub loss: f64,
    /// One for each parameter, from the input to the output.
    pub tensors: Vec<TensorCheck>,
}

/// The result for one parameter.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct TensorCheck {
    /// Its name, such as `0.weight`.
    pub name: String,
    /// Its extents.
    pub shape: Vec<usize>,
    /// Elements compared with difference quotients.
    pub checked: usize,
    /// Elements left out because the function has a kink there.
    pub kinks: usize,
    /// The largest |gradient| in f64.
    pub largest_gradient: f64,
    /// The graph's gradients in f64 against difference quotients.
    pub differences: Deviation,
    /// The CPU in f32 against f64.
    pub cpu: Deviation,
    /// The second device against f64, if one was named.
    pub device: Option<Deviation>,
}

/// The deviation between two sets of numbers.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Deviation {
    /// The largest |found − expected|.
    pub error: f64,
    /// The largest |found − expected| / bound: above 1, something is wrong.
    pub of_bound: f64,
    /// The element, in row-major order, where that is.
    pub element: usize,
    /// The number there.
    pub found: f64,
    /// What it is held against.
    pub expected: f64,
}

impl Deviation {
    /// Over (element, found, expected). NaN and infinity are infinitely far from anything.
    fn over(numbers: impl Iterator<Item = (usize, f64, f64)>, bound: impl Fn(f64) -> f64) -> Deviation {
        let mut worst = Deviation { error: 0.0, of_bound: -1.0, element: 0, found: 0.0, expected: 0.0 };
        for (element, found, expected) in numbers {
            let error = (found - expected).abs();
            let error = if error.is_finite() { error } else { f64::INFINITY };
            let of_bound = if error == 0.0 { 0.0 } else { error / bound(expected) };
            let largest = worst.error.max(error);
            if of_bound > worst.of_bound {
                worst = Deviation { error, of_bound, element, found, expected };
            }
            worst.error = largest;
        }
        worst.of_bound = worst.of_bound.max(0.0);
        worst
    }

    /// The deviation of f32 from f64, element by element. `overall` is the largest gradient of all tensors.
    fn of_f32(found: &[f32], expected: &[f64], overall: f64) -> Deviation {
        let bound = F32_OWN * largest(expected) + F32_ALL * overall + f64::from(f32::MIN_POSITIVE);
        let numbers = found.iter().zip(expected).enumerate();
        Deviation::over(numbers.map(|(i, (&found, &expected))| (i, f64::from(found), expected)), |_| bound)
    }

    /// Whether every number is within its bound.
    pub fn is_ok(&self) -> bool {
        self.of_bound <= 1.0
    }
}

fn largest(numbers: &[f64]) -> f64 {
    numbers.iter().fold(0.0, |m, x| m.max(x.abs()))
}

impl TensorCheck {
    /// Whether something was checked and everything is within its bound.
    pub fn is_ok(&self) -> bool {
        let devices = self.cpu.is_ok() && self.device.is_none_or(|device| device.is_ok());
        self.checked > 0 && self.differences.is_ok() && devices
    }

    /// What is wrong.
    fn complaint(&self) -> String {
        if self.checked == 0 {
            let remedy = "so nothing was compared: use another seed or init";
            return format!("all {} sampled elements of `{}` lie at a kink, {remedy}", self.kinks, self.name);
        }
        let gpu = self.device.filter(|device| !device.is_ok());
        let (deviation, by, against) = match (self.differences.is_ok(), gpu) {
            (false, _) => (self.differences, "by the graph", "by the difference quotient"),
            (true, Some(device)) => (device, "on the device", "in f64"),
            (true, None) => (self.cpu, "on the CPU in f32", "in f64"),
        };
        format!(
            "`{}`{} is {:.6e} {by} and {:.6e} {against}; an op at it or right behind it is wrong: please report it",
            self.name,
            place(&self.shape, deviation.element),
            deviation.found,
            deviation.expected
        )
    }
}

/// Row-major position `element` as `[i, j]`.
fn place(shape: &[usize], element: usize) -> String {
    let mut rest = element;
    let mut indices: Vec<String> = Vec::new();
    for &extent in shape.iter().rev() {
        indices.push((rest % extent.max(1)).to_string());
        rest /= extent.max(1);
    }
    indices.reverse();
    format!("[{}]", indices.join(", "))
}

impl GradCheck {
    /// Whether every tensor is fine.
    pub fn is_ok(&self) -> bool {
        self.tensors.iter().all(TensorCheck::is_ok)
    }

    /// Nothing if every tensor is fine.
    ///
    /// # Errors
    /// [`Error::GradientCheck`] with the tensors that are not. A wrong gradient of an op shows in all parameters in
    /// front of it, so the message describes the one nearest to the loss.
    pub fn verdict(&self) -> Result<()> {
        let wrong: Vec<&TensorCheck> = self.tensors.iter().filter(|tensor| !tensor.is_ok()).collect();
        let Some(nearest) = wrong.last() else { return Ok(()) };
        let tensors = wrong.iter().map(|tensor| tensor.name.as_str()).collect::<Vec<_>>().join(", ");
        Err(Error::GradientCheck { tensors, detail: nearest.complaint() })
    }

    /// The bounds in words: of the difference quotients, and of f32.
    pub fn bounds() -> [String; 2] {
        [
            format!("bound of differences: {RELATIVE:e}·|g| + {ABSOLUTE:e}·max(1, |loss|), step {STEP:e}"),
            format!("bound of f32: {F32_OWN:e} of the tensor's largest gradient + {F32_ALL:e} of the model's"),
        ]
    }
}

impl Step {
    /// Compares the gradients with difference quotients in f64, and those of the f32 backends with f64.
    ///
    /// ```
    /// use anygrad::{check::CheckOptions, data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
    /// let trainer = Trainer::new(Sequential::new(2).linear(3).tanh().linear(2), Loss::cross_entropy(), Sgd::new(0.1));
    /// let step = trainer.step(&data::xor(8, 0)?)?;
    /// let check = step.check_gradients_blocking(&CheckOptions::default())?;
    /// check.verdict()?;
    /// assert_eq!(check.tensors[0].name, "0.weight");
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] if the graph is not one phase that computes the loss; what the device reports. Gradients that
    /// differ are no error here: see [`GradCheck::verdict`].
    pub async fn check_gradients(&self, options: &CheckOptions) -> Result<GradCheck> {
        let mut reference = Reference::new(self)?;
        let expected = reference.gradients(self)?;
        let overall = expected.iter().fold(0.0, |m: f64, gradient| m.max(largest(gradient)));
        let cpu = self.gradients_on(&Device::Cpu).await?;
        let device = match &options.device {
            Some(device) => Some(self.gradients_on(device).await?),
            None => None,
        };
        let mut tensors = Vec::new();
        for (i, (&parameter, expected)) in self.parameters.iter().zip(&expected).enumerate() {
            let sample = sample(expected.len(), options.elements, options.seed, i);
            let (quotients, kinks) = reference.quotients(parameter, &sample)?;
            let bound = |quotient: f64| RELATIVE * quotient.abs() + ABSOLUTE * reference.base.abs().max(1.0);
            let value = self.graph.value(parameter);
            tensors.push(TensorCheck {
                name: value.name.clone(),
                shape: value.shape.dims().to_vec(),
                checked: quotients.len(),
                kinks,
                largest_gradient: largest(expected),
                differences: Deviation::over(quotients.iter().map(|&(i, q)| (i, expected[i], q)), bound),
                cpu: Deviation::of_f32(&cpu[i], expected, overall),
                device: device.as_ref().map(|device| Deviation::of_f32(&device[i], expected, overall)),
            });
        }
        Ok(GradCheck { loss: reference.base, tensors })
    }

    /// [`Step::check_gradients`], blocking.
    ///
    /// # Errors
    /// Fails as [`Step::check_gradients`] does.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn check_gradients_blocking(&self, options: &CheckOptions) -> Result<GradCheck> {
        pollster::block_on(self.check_gradients(options))
    }

    /// The gradients as a device computes them, in f32.
    async fn gradients_on(&self, device: &Device) -> Result<Vec<Vec<f32>>> {
        let graph = readable(&self.graph, self.gradients.iter().copied());
        let mut executor = device.load(Plan::new(graph, &device.target())?).await?;
        for (value, data) in &self.floats {
            executor.write(*value, data)?;
        }
        for (value, data) in &self.words {
            executor.write_words(*value, data)?;
        }
        executor.run(&[(PhaseId::FIRST, self.clock)])?;
        let mut gradients = Vec::new();
        for &gradient in &self.gradients {
            gradients.push(executor.read(gradient).await?);
        }
        Ok(gradients)
    }
}

/// The graph with values that can be read back.
fn readable(graph: &Graph, values: impl Iterator<Item = ValueId>) -> Graph {
    let mut graph = graph.clone();
    for value in values {
        if !graph.value(value).role.is_persistent() {
            graph.set_role(value, Role::Output);
        }
    }
    graph
}

/// Some of the elements `0..count`, all if no more than `wanted`.
fn sample(count: usize, wanted: usize, seed: u64, tensor: usize) -> Vec<usize> {
    if count <= wanted {
        return (0..count).collect();
    }
    let order = Permutation::new(stream_key(seed, Purpose::Sample, tensor as u32), 0, count as u32);
    (0..wanted as u32).map(|i| order.at(i) as usize).collect()
}

/// The step by the twins in f64.
struct Reference {
    executor: CpuExecutor<f64>,
    loss: ValueId,
    /// Dispatches up to the one that computes the loss.
    forward: usize,
    kinks: Kinks,
    clock: Clock,
    /// The loss where the step stands.
    base: f64,
}

impl Reference {
    fn new(step: &Step) -> Result<Reference> {
        let found = step.graph.nodes().iter().position(|node| node.outputs.contains(&step.loss));
        let (Some(last), 1) = (found, step.graph.phases().len()) else {
            return Err(Error::shape("gradient check", "needs a graph of one phase that computes the loss"));
        };
        let forward = last + 1;
        let kinks = Kinks::find(&step.graph, forward);
        let kept = step.gradients.iter().copied().chain([step.loss]).chain(kinks.values());
        let graph = readable(&step.graph, kept);
        let mut executor = CpuExecutor::new(Plan::new(graph, &Target::DOWNLEVEL)?)?;
        for (value, data) in &step.floats {
            executor.write(*value, &data.iter().map(|&x| f64::from(x)).collect::<Vec<_>>())?;
        }
        for (value, data) in &step.words {
            executor.write_words(*value, data)?;
        }
        Ok(Reference { executor, loss: step.loss, forward, kinks, clock: step.clock, base: 0.0 })
    }

    /// Runs the whole step.
    fn gradients(&mut self, step: &Step) -> Result<Vec<Vec<f64>>> {
        self.executor.run(PhaseId::FIRST, &self.clock);
        self.base = self.executor.read(self.loss)?.iter().sum();
        step.gradients.iter().map(|&gradient| self.executor.read(gradient)).collect()
    }

    /// The loss, and on which side of each kink the pass ran.
    fn forward(&mut self) -> Result<(f64, Vec<i8>)> {
        (0..self.forward).for_each(|dispatch| self.executor.run_dispatch(PhaseId::FIRST, dispatch, &self.clock));
        Ok((self.executor.read(self.loss)?.iter().sum(), self.kinks.sides(&self.executor)?))
    }

    /// (Element, difference quotient) without a kink in between, and the number of elements with one.
    fn quotients(&mut self, parameter: ValueId, sample: &[usize]) -> Result<(Vec<(usize, f64)>, usize)> {
        let mut values = self.executor.read(parameter)?;
        self.executor.write(parameter, &values)?;
        let (_, here) = self.forward()?;
        let mut quotients = Vec::new();
        for &element in sample {
            let start = values[element];
            let mut moved = |to: f64| {
                values[element] = to;
                self.executor.write(parameter, &values)?;
                self.forward()
            };
            let (above, sides_above) = moved(start + STEP)?;
            let (below, sides_below) = moved(start - STEP)?;
            values[element] = start;
            if sides_above == here && sides_below == here {
                quotients.push((element, (above - below) / ((start + STEP) - (start - STEP))));
            }
        }
        self.executor.write(parameter, &values)?;
        let kinks = sample.len() - quotients.len();
        Ok((quotients, kinks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviations_see_nan_small_gradients_and_zeros() {
        let of = |found: &[f32], expected: &[f64], overall| Deviation::of_f32(found, expected, overall);
        assert!(of(&[1.0, 2.0], &[1.0, 2.0], 2.0).is_ok());
        assert!(of(&[0.0, 0.0], &[0.0, 0.0], 0.0).is_ok());
        let wrong = of(&[1.0, 2.001], &[1.0, 2.0], 2.0);
        assert!(!wrong.is_ok() && wrong.element == 1, "{wrong:?}");
        assert!(!of(&[f32::NAN, 2.0], &[1.0, 2.0], 2.0).is_ok());
        assert!(!of(&[1.0], &[f64::NAN], 2.0).is_ok());
        // Small beside other tensors, and still wrong.
        assert!(!of(&[1.1e-4], &[1e-4], 1.0).is_ok());
        // What is left of terms that cancel.
        assert!(of(&[1e-8], &[0.0], 1.0).is_ok());
        assert!(Deviation::over(std::iter::empty(), |_| 1.0).is_ok());
    }

    #[test]
    fn a_sample_has_no_element_twice() {
        assert_eq!(sample(5, 64, 0, 0), [0, 1, 2, 3, 4]);
        let mut chosen = sample(1000, 64, 0, 3);
        assert_ne!(chosen, sample(1000, 64, 0, 4));
        chosen.sort_unstable();
        chosen.dedup();
        assert!(chosen.len() == 64 && chosen.iter().all(|&i| i < 1000));
    }

    #[test]
    fn places_are_row_major() {
        assert_eq!((place(&[3, 4], 7), place(&[5], 2)), ("[1, 3]".into(), "[2]".into()));
    }
}
