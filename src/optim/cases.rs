//! Steps of optimizers on which the tests compare every variant with the twin: alone, and at the end of products.

use super::cases_of_ops;
use crate::graph::case::floats;
use crate::graph::{Case, Extents};
use crate::ops::clip::ClipValue;
use crate::ops::fused::{Factor, Fused, Link, of_rows, update};
use crate::ops::matmul::Matmul;

/// The step of every optimizer, alone and fused into the gradient of a layer, on tensors of these extents.
///
/// ```
/// use anygrad::graph::Extents;
/// let cases = anygrad::optim::cases(Extents { rows: 5, columns: 3, inner: 4 });
/// assert!(cases.iter().any(|case| case.op.name() == "matmul ▸ adam, column_sum ▸ adam"));
/// ```
pub fn cases(extents: Extents) -> Vec<Case> {
    let steps = cases_of_ops(extents);
    let mut fused: Vec<Case> = steps.iter().map(|step| update(step, true, extents)).collect();
    // On a batch where it lies in the dataset, each kernel once.
    let mut on_rows = fused.clone();
    on_rows.dedup_by_key(|case| case.op.name());
    for byte_scale in [None, Some(1.0 / 255.0)] {
        fused.extend(on_rows.iter().map(|case| of_rows(case, 1, byte_scale)));
    }
    let first = &steps[..1];
    fused.extend(first.iter().map(|step| update(step, false, extents)));
    fused.extend(first.iter().map(|step| after_clipping(step, extents)));
    [steps, fused].concat()
}

/// The step of a weight by its gradient, cut off at a limit.
fn after_clipping(step: &Case, Extents { rows, columns, inner }: Extents) -> Case {
    let chain = vec![Link::Op(ClipValue { limit: 0.5 }.into()), Link::Op(step.op.clone())];
    let fused = Fused { chain, ..Fused::new(Matmul::TN, [Factor::Dense; 2]) };
    Case::new(fused, [floats([inner, rows]), floats([inner, columns]), floats([rows, columns])])
}
