//! What measurements have in common: a budget, a net on a device before its first step, a median.

use super::nets::Net;
use anygrad::Result;
use anygrad::backend::{Device, Executor};
use anygrad::data::{Dataset, Features, Targets};
use anygrad::kernel::Clock;
use anygrad::plan::Plan;
use anygrad::train::Program;
use anygrad::tune::Variants;
use pollster::block_on;

/// For how long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Least number of steps; without it as many are taken as fit into `seconds`.
    pub steps: Option<u64>,
    /// Seconds for each net on each device.
    pub seconds: f64,
    /// Whether fused kernels are used, which do several ops at once.
    pub fuse: bool,
}

/// Seconds as an option states them.
pub fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.01..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "give a number from 0.01 to 3600".into())
}

/// The clock before the first step of what is measured.
pub const CLOCK: Clock = Clock { step: 0, epoch: 0, batch_start: 0, slot: 0, first_row: 0, learning_rate: 0.01 };

/// A program with its rows and weights on the device, before the first step.
pub fn load(
    net: &Net,
    device: &Device,
    fuse: bool,
    variants: &Variants,
    data: &Dataset,
) -> Result<(Program, Executor)> {
    let program = net.trainer().drop_last(true).program(data, None)?;
    let target = device.target();
    let plan = if fuse { Plan::fused(&program.graph, &target) } else { Plan::new(program.graph.clone(), &target) };
    let mut executor = block_on(device.load(variants.apply(plan?, &target)?))?;
    for (&value, tensor) in program.tensors.values().iter().zip(net.model().initialize(0)?) {
        executor.write(value, &tensor.data)?;
    }
    if let (Features::F32 { data: rows, .. }, Targets::Labels { data: labels, .. }) = (&data.features, &data.targets) {
        executor.write(program.train.features, rows)?;
        executor.write_words(program.train.targets, labels)?;
    }
    Ok((program, executor))
}

/// The median of `values`; 0 of none.
pub fn median(values: Vec<f64>) -> f64 {
    anygrad::tune::median(&values).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(vec![]), 0.0);
    }
}
