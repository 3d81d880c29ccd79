//! `anygrad bench --products`: the rates of matrix products in the three forms that a training step needs.

use super::super::profile::best_seconds;
use anygrad::Result;
use anygrad::backend::Device;
use anygrad::ops::matmul::Matmul;

/// Sides of the square matrices; of each pair the first is ragged: no multiple of any tile.
const SIDES: &[usize] = &[509, 512, 1021, 1024];
/// Further sides on hardware, which the others do not occupy.
const SIDES_ON_HARDWARE: &[usize] = &[2039, 2048, 4093, 4096];

/// A product and its rate.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    pub form: Matmul,
    pub side: usize,
    pub gflops: f64,
}

/// Measures every form at every size, each for so many seconds, and hands the rates over as they come.
pub fn measure(device: &Device, seconds: f64, mut found: impl FnMut(Product)) -> Result<()> {
    let is_hardware = matches!(device, Device::Gpu(gpu) if !gpu.adapter().is_software());
    let more = if is_hardware { SIDES_ON_HARDWARE } else { &[] };
    for &side in SIDES.iter().chain(more) {
        for form in Matmul::ALL {
            let seconds = best_seconds(device, &form.into(), [side, side], seconds)?;
            found(Product { form, side, gflops: 2.0 * (side as f64).powi(3) / seconds / 1e9 });
        }
    }
    Ok(())
}
