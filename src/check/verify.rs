//! Whether a device computes what the twins do: every kernel in every variant that it can run, on awkward shapes and all kinds
//! of numbers, with a receipt.

use crate::backend::gpu::GpuDevice;
use crate::error::Result;
use crate::graph::Extents;
use crate::tune::case::{Case, Values};
use crate::tune::check::Expected;
use crate::{ops, optim};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What came of a device's verification.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Receipt {
    /// Version of this library.
    pub anygrad: &'static str,
    /// Name of the adapter.
    pub adapter: String,
    /// Its API.
    pub backend: &'static str,
    /// Its kind: hardware or software.
    pub kind: &'static str,
    /// Its driver, with the version.
    pub driver: String,
    /// Kernels that were run.
    pub kernels: usize,
    /// Variants of them that were run.
    pub variants: usize,
    /// Variants on a shape and a kind of numbers that were compared.
    pub comparisons: usize,
    /// Elements that were compared.
    pub elements: u64,
    /// The largest deviation as a share of the bound within which it must be.
    pub largest_share: f64,
    /// Where that was.
    pub largest_at: String,
    /// What was wrong.
    pub failures: Vec<Failure>,
    /// Comparisons that time did not allow.
    pub left_out: usize,
}

/// A kernel that computes something else than its twin.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Failure {
    /// The kernel and its variant.
    pub kernel: String,
    /// The op with the shapes of its inputs, and the kind of numbers: a call of the tests reproduces it.
    pub case: String,
    /// The first wrong element.
    pub found: String,
}

impl Receipt {
    /// Whether all comparisons that were made are within their bounds.
    pub fn is_right(&self) -> bool {
        self.failures.is_empty() && self.comparisons > 0
    }
}

/// Shapes around the sizes of tiles, the smallest first; the first few are for a first look.
const SHAPES: [(usize, usize, usize); 10] = [
    (7, 5, 3),
    (33, 31, 15),
    (64, 64, 64),
    (17, 257, 3),
    (1, 67, 13),
    (65, 10, 128),
    (128, 12, 40),
    (129, 132, 33),
    (10, 128, 1024),
    (260, 136, 257),
];
/// Of them for a first look.
const FIRST_LOOK: usize = 4;
/// Of a first look the shapes on which every kind of numbers is tried; on the others the ordinary ones.
const EVERY_KIND: usize = 2;

/// Compares the kernels of a device with their twins in f64. `goes_on` is asked before each case with the number of cases
/// done and of all; what it leaves out is counted. Without `full` the shapes are those of a first look.
///
/// ```no_run
/// # async fn verify(device: std::sync::Arc<anygrad::backend::gpu::GpuDevice>) -> anygrad::Result<()> {
/// let receipt = anygrad::check::verify(&device, false, |_, _| true).await?;
/// assert!(receipt.is_right(), "{:?}", receipt.failures);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// What the device reports. A wrong kernel is no error: the receipt names it.
pub async fn verify(device: &Arc<GpuDevice>, full: bool, goes_on: impl FnMut(usize, usize) -> bool) -> Result<Receipt> {
    let shapes = &SHAPES[..if full { SHAPES.len() } else { FIRST_LOOK }];
    let kinds = |number: usize| if full || number < EVERY_KIND { &Values::ALL[..] } else { &Values::ORDINARY[..] };
    let of_shape = |(number, &shape)| cases(shape).into_iter().map(move |case| (case, kinds(number)));
    let cases: Vec<(Case, &[Values])> = shapes.iter().enumerate().flat_map(of_shape).collect();
    verify_cases(device, &cases, goes_on).await
}

/// As [`verify`], of cases of one's own, such as those of an op of one's own, each with the kinds of numbers to try.
///
/// # Errors
/// What the device reports, and cases that are none. A wrong kernel is no error: the receipt names it.
pub async fn verify_cases(
    device: &Arc<GpuDevice>,
    cases: &[(Case, &[Values])],
    mut goes_on: impl FnMut(usize, usize) -> bool,
) -> Result<Receipt> {
    let (adapter, target) = (device.adapter(), device.target());
    let mut receipt = Receipt {
        anygrad: env!("CARGO_PKG_VERSION"),
        adapter: adapter.name(),
        backend: adapter.backend(),
        kind: adapter.kind(),
        driver: adapter.driver(),
        kernels: 0,
        variants: 0,
        comparisons: 0,
        elements: 0,
        largest_share: 0.0,
        largest_at: String::new(),
        failures: Vec::new(),
        left_out: 0,
    };
    let (mut kernels, mut variants) = (BTreeSet::new(), BTreeSet::new());
    for (done, &(ref case, kinds)) in cases.iter().enumerate() {
        let runs = case.variants()?.into_iter().filter(|variant| target.can_run(variant)).collect::<Vec<_>>();
        if !goes_on(done, cases.len()) {
            receipt.left_out += runs.len() * kinds.len();
            continue;
        }
        let kernel = case.op.spec().name;
        for &values in kinds {
            let expected = Expected::exact(case, values)?;
            for variant in &runs {
                let label = format!("{kernel}/{}", variant.name);
                let place = || format!("{:?} on {}, numbers {values:?}", case.op, shapes_of(case));
                let comparison = expected.compare(device, case, variant).await?;
                receipt.comparisons += 1;
                receipt.elements += expected.elements() as u64;
                if comparison.share > receipt.largest_share {
                    (receipt.largest_share, receipt.largest_at) = (comparison.share, format!("{label}: {}", place()));
                }
                if let Some(found) = comparison.deviation {
                    receipt.failures.push(Failure { kernel: label.clone(), case: place(), found });
                }
                variants.insert(label);
            }
        }
        kernels.insert(kernel);
    }
    (receipt.kernels, receipt.variants) = (kernels.len(), variants.len());
    Ok(receipt)
}

fn cases((rows, columns, inner): (usize, usize, usize)) -> Vec<Case> {
    let extents = Extents { rows, columns, inner };
    [ops::cases(extents), optim::cases(extents)].concat()
}

fn shapes_of(case: &Case) -> String {
    case.inputs.iter().map(|(shape, _)| shape.to_string()).collect::<Vec<_>>().join(" ")
}
