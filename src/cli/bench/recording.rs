//! What a step costs the host: recording its dispatches and handing them to the driver.

use super::nets::Net;
use super::setup::{Budget, load, median};
use anygrad::Result;
use anygrad::backend::Device;
use anygrad::tune::Variants;
use pollster::block_on;
use std::time::Instant;

/// Epochs of a run whose submissions are as full as those of a long one.
const EPOCHS: u64 = 64;
const MOST_SUBMISSIONS: usize = 50;
const FEWEST_SUBMISSIONS: usize = 3;

/// Microseconds that the host's thread takes to record a step and hand it to the driver; `None` on the CPU.
///
/// The median over submissions with as many steps as those of a long run. The device is idle before each, so that the
/// thread waits for nothing. Whatever else the machine does at the same time shows in the result.
pub fn microseconds_per_step(net: &Net, device: &Device, budget: &Budget, variants: &Variants) -> Result<Option<f64>> {
    if matches!(device, Device::Cpu) {
        return Ok(None);
    }
    let data = net.data(net.batches())?;
    let trainer = net.trainer().fuse(budget.fuse).variants(variants.clone()).epochs(EPOCHS).on(device.clone());
    let steps = trainer.forecast(&data, None)?.steps_per_submission().round().max(1.0) as usize;
    let mut step = load(net, device, budget, variants, &data)?;
    let runs = step.runs(steps);
    let (start, mut samples) = (Instant::now(), Vec::new());
    // The first one warms up.
    while samples.len() <= FEWEST_SUBMISSIONS
        || samples.len() <= MOST_SUBMISSIONS && start.elapsed().as_secs_f64() < budget.seconds / 4.0
    {
        block_on(step.executor.read(step.ring))?;
        let start = Instant::now();
        step.executor.run(&runs)?;
        samples.push(start.elapsed().as_secs_f64() * 1e6 / steps as f64);
    }
    Ok(Some(median(samples.split_off(1))))
}
