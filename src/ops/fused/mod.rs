//! A product whose elements go through a chain of ops while they are in registers, in one kernel:
//!
//! ```text
//! c = op(A) · op(B),  c ▸ op ▸ op ▸ store              such as x · Wᵀ ▸ add_bias ▸ activation ▸ store
//! s[m] = Σ_k A[k,m],  s ▸ op                           beside a product with Aᵀ: the gradient of a bias and its step
//! ```
//!
//! A and B: matrices, or rows of a batch where they lie in the dataset. The ops are those that state a [`Stage`]; one
//! that changes a tensor in place, such as the step of an optimizer, ends the chain. A fused kernel is put in the place
//! of these ops after differentiation (`plan/fuse.rs`), so that it has no gradient of its own: its definition is theirs
//! in a row.

mod bound;
mod cases;
mod chains;
mod definition;
mod fast;

use super::matmul::Matmul;
use super::product;
use super::{Operation, extent};
use crate::error::{Error, Result};
use crate::graph::{DType, Element, Equivalent, Factors, Inputs, Op, Role, Shape, Stage, Value};
use crate::kernel::part::{Operand, Part, STORE};
use crate::kernel::{Clock, Composition, Grid, Head, KernelSpec, Twin, Variant, composed};
use std::fmt;

/// A product and what follows. Inputs: those of factor A (the matrix, or the dataset and its order), those of B, then
/// of each op of the chain, and of each beside, its inputs but the one that the chain brings. Outputs: one for each
/// [`Link::Store`].
///
/// ```
/// use anygrad::ops::activation::{Activate, Activation};
/// use anygrad::ops::fused::{Factor, Fused, Link};
/// use anygrad::ops::{add_bias::AddBias, matmul::Matmul};
/// let mut layer = Fused::new(Matmul::NT, [Factor::Dense, Factor::Dense]);
/// layer.chain = vec![Link::Op(AddBias.into()), Link::Op(Activate(Activation::Relu).into()), Link::Store];
/// assert_eq!(layer.to_string(), "matmul ▸ add_bias ▸ activation");
/// assert!(!layer.updates());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Fused {
    /// Which factor is stored transposed.
    pub product: Matmul,
    /// What A and B are.
    pub factors: [Factor; 2],
    /// What an element of the product goes through.
    pub chain: Vec<Link>,
    /// What the sum of a column of A goes through, if A is stored `[K, M]`; empty for nothing.
    pub beside: Vec<Link>,
}

/// A factor of the product.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Factor {
    /// A matrix.
    Dense,
    /// Rows of the batch, where they lie in the dataset `[N, I]`: those whose numbers stand in its order from
    /// `clock.batch_start` on.
    Rows {
        /// How many.
        rows: usize,
        /// Factor on each byte, such as 1/255; `None` if the dataset holds floats.
        byte_scale: Option<f32>,
    },
}

/// One step of a chain.
#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    /// An op that takes the value and hands on its result, or changes tensors in place and ends the chain.
    Op(Op),
    /// The value is an output.
    Store,
}

impl Factor {
    fn operand(self) -> Operand {
        match self {
            Factor::Dense => Operand::Dense,
            Factor::Rows { byte_scale: None, .. } => Operand::RowsF32,
            Factor::Rows { .. } => Operand::RowsU8,
        }
    }

    /// How many inputs it has.
    fn inputs(self) -> usize {
        if self == Factor::Dense { 1 } else { 2 }
    }

    /// The shape of the matrix, given those of its inputs.
    fn shape(self, inputs: &[&Shape]) -> Result<Shape> {
        match (self, inputs) {
            (Factor::Dense, [matrix, ..]) => Ok((*matrix).clone()),
            (Factor::Rows { rows, .. }, [data, order, ..]) => {
                order.vector(NAME)?;
                Ok([rows, data.matrix(NAME)?.1].into())
            }
            _ => Err(Error::shape(NAME, "takes more inputs")),
        }
    }

    /// How many bytes of parameters it has.
    fn params_size(self) -> usize {
        if self.operand() == Operand::RowsU8 { 4 } else { 0 }
    }

    /// The bytes of its parameters.
    fn params(self) -> Vec<u8> {
        match self {
            Factor::Rows { byte_scale: Some(scale), .. } => scale.to_ne_bytes().to_vec(),
            _ => Vec::new(),
        }
    }
}

/// Name of the op in messages.
const NAME: &str = "fused product";

/// Bytes of `m`, `n`, `k`, with which `Params` start.
const EXTENTS: usize = 12;

/// Bytes of `count` and `columns`, with which the `Params` of an op with a stage start.
const OF_MAP: usize = 8;

impl Link {
    /// The op and how it is a stage; `None` for a store.
    fn op(&self) -> Option<(&Op, &Stage)> {
        match self {
            Link::Op(op) => op.stage().map(|stage| (op, stage)),
            Link::Store => None,
        }
    }

    pub(crate) fn part(&self) -> &'static Part {
        self.op().map_or(&STORE, |(_, stage)| stage.part)
    }

    /// How many inputs it has beside the value.
    fn inputs(&self) -> usize {
        self.op().map_or(0, |(_, stage)| stage.part.bindings.len())
    }

    /// Bytes of its parameters in the fused kernel.
    fn params_size(&self) -> usize {
        self.op().map_or(0, |(_, stage)| stage.part.params_size())
    }
}

impl Fused {
    /// The product alone, for a chain to grow on.
    pub fn new(product: Matmul, factors: [Factor; 2]) -> Fused {
        Fused { product, factors, chain: Vec::new(), beside: Vec::new() }
    }

    /// Whether it changes tensors in place.
    pub fn updates(&self) -> bool {
        self.chain.iter().chain(&self.beside).filter_map(Link::op).any(|(_, stage)| stage.part.changes_in_place())
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        self.chain.iter().chain(&self.beside)
    }

    /// How many inputs it has.
    fn input_count(&self) -> usize {
        self.factors.iter().map(|factor| factor.inputs()).sum::<usize>() + self.links().map(Link::inputs).sum::<usize>()
    }

    /// The shapes of A and B, and of the other inputs.
    fn matrices<'a>(&self, shapes: &'a [&'a Shape]) -> Result<([Shape; 2], &'a [&'a Shape])> {
        let [a, b] = self.factors;
        let of_b = shapes.get(a.inputs()..).unwrap_or(&[]);
        Ok(([a.shape(shapes)?, b.shape(of_b)?], of_b.get(b.inputs()..).unwrap_or(&[])))
    }

    /// Rows and columns of C, and terms of each sum.
    fn extents(&self, shapes: &[&Shape]) -> Result<[usize; 3]> {
        let ([a, b], _) = self.matrices(shapes)?;
        let (m, n, k) = self.product.extents(&a, &b)?;
        Ok([m, n, k])
    }

    /// The shapes of an op's inputs, given that of the value and those of the others, of which it takes its own.
    fn shapes_of(stage: &Stage, value: &Shape, others: &mut &[&Shape]) -> Result<Vec<Shape>> {
        let count = stage.part.bindings.len();
        let Some((own, rest)) = others.split_at_checked(count) else {
            return Err(Error::shape(NAME, "takes more inputs"));
        };
        *others = rest;
        let mut shapes: Vec<Shape> = own.iter().map(|&shape| shape.clone()).collect();
        shapes.insert(stage.value.min(shapes.len()), value.clone());
        Ok(shapes)
    }

    /// Checks that each op of a chain takes the value and its own inputs.
    fn check_chain(chain: &[Link], value: &Shape, others: &mut &[&Shape]) -> Result<()> {
        for (at, link) in chain.iter().enumerate() {
            let Link::Op(op) = link else { continue };
            let stage = op.stage().ok_or_else(|| Error::shape(NAME, format!("{} is no stage", op.name())))?;
            let named = |shape| Value { name: String::new(), shape, dtype: DType::F32, role: Role::Intermediate };
            let values: Vec<Value> = Self::shapes_of(stage, value, others)?.into_iter().map(named).collect();
            let results = op.infer(&values.iter().collect::<Vec<_>>())?;
            let fits = match &results[..] {
                [] => at + 1 == chain.len(),
                [(shape, _)] => shape == value && at + 1 < chain.len(),
                _ => false,
            };
            if !fits {
                return Err(Error::shape(NAME, format!("{} does not fit the chain", op.name())));
            }
        }
        Ok(())
    }

    /// The constants of the ops.
    fn constants_of_links(&self) -> Vec<(&'static str, u32)> {
        self.links().filter_map(Link::op).flat_map(|(op, _)| op.constants()).collect()
    }
}

impl Operation for Fused {
    fn spec(&self) -> &'static KernelSpec {
        let variants: &'static [Variant] =
            if self.factors == [Factor::Dense; 2] { &product::DENSE_VARIANTS } else { product::ROWS_VARIANTS };
        let parts = |chain: &[Link]| chain.iter().map(Link::part).collect::<Vec<_>>();
        let (chain, beside) = (parts(&self.chain), parts(&self.beside));
        let head = Head::Product(self.factors.map(Factor::operand));
        composed(Composition { head, chain: &chain, beside: &beside }, variants, TWIN)
    }

    fn is_differentiable(&self) -> bool {
        false
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<(Shape, DType)>> {
        let shapes: Vec<&Shape> = inputs.iter().map(|value| &value.shape).collect();
        let ((_, mut others), [m, n, _]) = (self.matrices(&shapes)?, self.extents(&shapes)?);
        Self::check_chain(&self.chain, &[m, n].into(), &mut others)?;
        Self::check_chain(&self.beside, &[m].into(), &mut others)?;
        let beside_fits = match &self.beside[..] {
            [] => true,
            [link] => self.product == Matmul::TN && self.factors[0] == Factor::Dense && link.part().changes_in_place(),
            _ => false,
        };
        if !others.is_empty() || !beside_fits {
            let detail =
                "takes fewer inputs; beside it, of a transposed matrix A, one op that changes tensors in place";
            return Err(Error::shape(NAME, detail));
        }
        let stages = || self.chain.iter().filter(|link| **link != Link::Store).map(|link| link.part().name);
        if let Some(twice) = stages().find(|name| stages().filter(|other| other == name).count() > 1) {
            return Err(Error::shape(NAME, format!("takes the stage `{twice}` once in a chain, not more often")));
        }
        let stores = self.links().filter(|link| **link == Link::Store).count();
        Ok(vec![([m, n].into(), DType::F32); stores])
    }

    fn constants(&self) -> Vec<(&'static str, u32)> {
        let mut all = self.product.constants();
        for constant in self.constants_of_links() {
            if !all.contains(&constant) {
                all.push(constant);
            }
        }
        all
    }

    fn params(&self, shapes: &[&Shape]) -> Result<Vec<u8>> {
        shapes.iter().try_for_each(|shape| shape.elements_u32(NAME).map(|_| ()))?;
        let inputs = &shapes[..self.input_count().min(shapes.len())];
        let ((_, mut others), [m, n, k]) = (self.matrices(inputs)?, self.extents(inputs)?);
        let mut params = Vec::new();
        for length in [m, n, k] {
            params.extend(extent(NAME, length)?.to_ne_bytes());
        }
        self.factors.iter().for_each(|factor| params.extend(factor.params()));
        for (chain, value) in [(&self.chain, Shape::from([m, n])), (&self.beside, Shape::from([m]))] {
            for (op, stage) in chain.iter().filter_map(Link::op) {
                let shapes = Self::shapes_of(stage, &value, &mut others)?;
                let own = op.params(&shapes.iter().chain([&value]).collect::<Vec<_>>())?;
                params.extend(&own[OF_MAP..]);
            }
        }
        Ok(params)
    }

    fn grid(&self, shapes: &[&Shape]) -> Grid {
        let [m, n, k] = self.extents(shapes).unwrap_or([1, 1, 1]);
        Grid::Product { m, n, k }
    }

    fn flops(&self, shapes: &[&Shape]) -> u64 {
        self.extents(shapes).map_or(0, |[m, n, k]| 2 * (m as u64) * (n as u64) * (k as u64))
    }

    /// That of its stages, which multiply a product of two.
    fn degree(&self) -> u32 {
        6
    }

    fn factors(&self) -> Option<Factors> {
        Some(Factors { form: self.product.stored(), a: 0, b: self.factors[0].inputs() })
    }

    fn equivalent(&self, inputs: &Inputs<'_>, clock: &Clock) -> Option<Equivalent> {
        bound::of_matrices(self, inputs, clock)
    }

    fn bound(&self, inputs: &Inputs<'_>, at: Element) -> f64 {
        bound::of(self, inputs, at)
    }
}

/// Cases of fused products for the tests: chains as training makes them, and each stage in one.
pub use cases::cases;
pub(crate) use cases::{of_rows, update};

const TWIN: Twin = Twin { f32: definition::call::<f32>, f64: definition::call::<f64>, fast: Some(fast::call) };

impl fmt::Display for Fused {
    /// The kernel's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.spec().name)
    }
}
