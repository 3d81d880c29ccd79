//! An op, one's own or the library's, held to all that it states: its shaders to its Rust side, every variant and the
//! form for the CPU to the twin in f64 within its bound, its gradient to central differences.

use super::gradcheck::CheckOptions;
use super::mid_graph::mid_graph;
use crate::backend::Device;
use crate::error::{Error, Result};
use crate::graph::{Case, Values};
use crate::kernel::Variant;
use crate::random::{Purpose, Stream, stream_key};
use crate::tune::check::{CLOCK, Expected};
use std::collections::BTreeMap;
use std::fmt;

/// More elements than this are not differentiated one by one.
const MOST_ELEMENTS: usize = 512;

/// The result of a check that an op has passed: what was compared, and how much of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationCheck {
    /// The kernels.
    pub kernels: Vec<&'static str>,
    /// Shaders held to their Rust side; none in a build without the feature `gpu`.
    pub shaders: usize,
    /// Elements held to the twin, by variant; on the CPU under `CPU`.
    pub compared: BTreeMap<String, usize>,
    /// Variants that the device cannot run.
    pub left_out: Vec<String>,
    /// Elements of gradients held to central differences, in mid-graph.
    pub gradients: usize,
}

/// Checks an op on cases: shapes on which each of its variants runs, awkward ones among them, such as single elements
/// and lengths around the size of a workgroup.
///
/// On each case and for each kind of [`Values`], the results of all variants that `device` can run, and of the form for
/// the CPU, are held to the twin in f64 within the op's bound; what the op does not write must stay. Gradients are
/// checked on cases of few elements, by [`mid_graph`].
///
/// ```
/// use anygrad::backend::Device;
/// use anygrad::check;
/// use anygrad::graph::{Case, case::floats};
/// use anygrad::ops::scale::Scale;
/// let cases = [[1, 1], [3, 5], [33, 64]].map(|shape| Case::new(Scale { factor: 0.5 }, [floats(shape)]));
/// let check = check::operation_blocking(&cases, &Device::cpu())?;
/// assert!(check.gradients > 0);
/// # Ok::<(), anygrad::Error>(())
/// ```
///
/// # Errors
/// [`Error::Operation`] with the first thing that is wrong, [`Error::GradientCheck`] if a gradient is; what the device
/// reports.
pub async fn operation(cases: &[Case], device: &Device) -> Result<OperationCheck> {
    let mut check = OperationCheck::default();
    for (number, case) in cases.iter().enumerate() {
        check.shaders(case)?;
        for values in Values::ALL {
            let expected = Expected::exact(case, values)?;
            check.judge(case, "CPU", expected.deviation_on_cpu(case)?, &expected)?;
            for variant in case.variants()? {
                check.variant(case, variant, &expected, device).await?;
            }
        }
        check.gradients(case, number as u32).await?;
    }
    Ok(check)
}

/// [`operation`], blocking.
///
/// # Errors
/// Fails as [`operation`] does.
#[cfg(not(target_arch = "wasm32"))]
pub fn operation_blocking(cases: &[Case], device: &Device) -> Result<OperationCheck> {
    pollster::block_on(operation(cases, device))
}

impl OperationCheck {
    /// The shaders of the op's kernel, once for each kernel; a build without GPU support, or for a browser, reads no WGSL.
    fn shaders(&mut self, case: &Case) -> Result<()> {
        let kernel = case.op.spec();
        if self.kernels.contains(&kernel.name) {
            return Ok(());
        }
        self.kernels.push(kernel.name);
        #[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
        for variant in kernel.variants {
            let same = crate::backend::gpu::reflect(kernel, variant, &case.op.constants());
            same.map_err(|detail| Error::Operation { kernel: kernel.name.into(), detail })?;
            self.shaders += 1;
        }
        Ok(())
    }

    async fn variant(
        &mut self,
        case: &Case,
        variant: &'static Variant,
        expected: &Expected,
        device: &Device,
    ) -> Result<()> {
        let Device::Gpu(gpu) = device else { return Ok(()) };
        if gpu.target().can_run(variant) {
            let deviation = expected.deviation(gpu, case, variant).await?;
            return self.judge(case, variant.name, deviation, expected);
        }
        if !self.left_out.iter().any(|name| name == variant.name) {
            self.left_out.push(variant.name.into());
        }
        Ok(())
    }

    /// Counts what was compared, if it was right.
    fn judge(&mut self, case: &Case, name: &str, deviation: Option<String>, expected: &Expected) -> Result<()> {
        if let Some(deviation) = deviation {
            let shapes: Vec<String> = case.inputs.iter().map(|(shape, _)| shape.to_string()).collect();
            let detail = format!("{name} on {}: {deviation}", shapes.join(", "));
            return Err(Error::Operation { kernel: case.op.name().into(), detail });
        }
        *self.compared.entry(name.to_string()).or_default() += expected.elements();
        Ok(())
    }

    async fn gradients(&mut self, case: &Case, seed: u32) -> Result<()> {
        let elements: usize = case.inputs.iter().map(|(shape, _)| shape.elements()).sum();
        if !case.op.is_differentiable() || elements > MOST_ELEMENTS {
            return Ok(());
        }
        let step = mid_graph(case, CLOCK, &mut Stream::new(stream_key(0, Purpose::Sample, seed)))?;
        let options = CheckOptions { elements: usize::MAX, ..CheckOptions::default() };
        let check = step.check_gradients(&options).await?;
        check.verdict()?;
        self.gradients += check.tensors.iter().map(|tensor| tensor.checked).sum::<usize>();
        Ok(())
    }
}

impl fmt::Display for OperationCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.kernels.join(", "))?;
        let compared = if cfg!(feature = "gpu") {
            "valid, with the bindings, parameters and entry points of their Rust side"
        } else {
            "compared: this build has no GPU support"
        };
        writeln!(f, "  shaders   {:>8} {compared}", self.shaders)?;
        for (name, elements) in &self.compared {
            writeln!(f, "  {name:<9} {elements:>8} elements within the op's bound of its twin in f64")?;
        }
        for name in &self.left_out {
            writeln!(f, "  {name:<9}          not compared: this device cannot run it")?;
        }
        write!(f, "  gradient  {:>8} elements equal to central differences, in mid-graph", self.gradients)
    }
}
