//! What measurements have in common: a budget, a net on a device before its first step, a median.

use super::nets::Net;
use anygrad::Result;
use anygrad::backend::Device;
use anygrad::data::Dataset;
use anygrad::train::LoadedStep;
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

/// The step of a net, with its rows and weights on the device.
pub fn load(net: &Net, device: &Device, budget: &Budget, variants: &Variants, data: &Dataset) -> Result<LoadedStep> {
    let trainer = net.trainer().fuse(budget.fuse).variants(variants.clone()).on(device.clone());
    block_on(async { trainer.session_rows(data, None).await?.into_step().await })
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
