//! One op on one set of shapes, with random inputs that suit it: what the autotuner and the tests of the kernels
//! measure and compare.

pub use super::Data;

use super::{DType, Graph, Node, Op, Role, Shape, Value, ValueId};
use crate::error::Result;
use crate::kernel::{Access, Binding, Content, Grid, Variant};
use crate::random::Stream;

/// Rows of a dataset beyond which a batch is read from a part of it: the dispatch is the same.
const MOST_ROWS: usize = 4096;
/// Exponent of 2 of the largest results of the tests: a factor of 16 below the largest float.
const LARGEST_EXPONENT: f32 = 124.0;
/// Numbers below which labels lie where no matrix says how many classes there are.
const CLASSES: usize = 10;

/// One op with the shapes of its inputs.
///
/// ```
/// use anygrad::graph::{Case, case::floats};
/// use anygrad::kernel::Grid;
/// use anygrad::ops::matmul::Matmul;
/// let case = Case::new(Matmul::NN, [floats([8, 3]), floats([3, 2])]);
/// assert_eq!(case.grid()?, Grid::Product { m: 8, n: 2, k: 3 });
/// assert_eq!(case.variants()?[0].name, case.op.spec().variants[0].name);
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Case {
    /// The op.
    pub op: Op,
    /// Shape and element type of each input.
    pub inputs: Vec<(Shape, DType)>,
}

/// The extents of a set of cases: every op has one of about `rows × columns`, a product sums `inner` terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extents {
    /// Rows of a batch.
    pub rows: usize,
    /// Columns of what is computed.
    pub columns: usize,
    /// Terms of the sums of a product.
    pub inner: usize,
}

/// An input of floats.
pub fn floats(shape: impl Into<Shape>) -> (Shape, DType) {
    (shape.into(), DType::F32)
}

/// An input of words.
pub fn words(shape: impl Into<Shape>) -> (Shape, DType) {
    (shape.into(), DType::U32)
}

impl Case {
    /// An op on inputs.
    pub fn new<const N: usize>(op: impl Into<Op>, inputs: [(Shape, DType); N]) -> Case {
        Case { op: op.into(), inputs: inputs.to_vec() }
    }

    /// The op of a node on the shapes that it has there, with as much of a dataset as a batch could need.
    pub fn of(graph: &Graph, node: &Node) -> Case {
        let values = node.inputs.iter().map(|&id| graph.value(id));
        let mut inputs: Vec<(Shape, DType)> = values.map(|value| (value.shape.clone(), value.dtype)).collect();
        let batch = graph.batch_rows(node.inputs.iter().chain(&node.outputs).copied());
        for ((shape, _), binding) in inputs.iter_mut().zip(operands(&node.op)) {
            let is_whole =
                matches!(binding.content, Content::Dataset | Content::Order) && binding.access == Access::Read;
            if let (true, Some(batch)) = (is_whole, batch) {
                *shape = shape.with_rows_at_most(batch.max(MOST_ROWS));
            }
        }
        Case { op: node.op.clone(), inputs }
    }

    /// The grid of results that the op computes on these shapes.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if the inputs do not fit the op.
    pub fn grid(&self) -> Result<Grid> {
        let value = |(shape, dtype): &(Shape, DType)| Value {
            name: String::new(),
            shape: shape.clone(),
            dtype: *dtype,
            role: Role::Input,
        };
        let inputs: Vec<Value> = self.inputs.iter().map(value).collect();
        let outputs = self.op.infer(&inputs.iter().collect::<Vec<_>>())?;
        let shapes: Vec<&Shape> = inputs.iter().map(|input| &input.shape).chain(outputs.iter().map(|o| &o.0)).collect();
        Ok(self.op.grid(&shapes))
    }

    /// The variants of the op's kernel that can run on these shapes.
    ///
    /// # Errors
    /// Fails as [`Case::grid`] does.
    pub fn variants(&self) -> Result<Vec<&'static Variant>> {
        let (grid, constants) = (self.grid()?, self.op.constants());
        Ok(self.op.spec().variants.iter().filter(|variant| (variant.accepts)(&grid, &constants)).collect())
    }

    /// Declares the inputs in a graph.
    pub fn declare(&self, graph: &mut Graph) -> Vec<ValueId> {
        let mut declare = |(i, (shape, dtype)): (usize, &(Shape, DType))| {
            graph.declare(format!("input {i}"), shape.clone(), *dtype, Role::Input)
        };
        self.inputs.iter().enumerate().map(&mut declare).collect()
    }

    /// Draws inputs that are valid for the op, given what its bindings hold: labels below the number of classes, row
    /// numbers below the number of rows.
    ///
    /// ```
    /// use anygrad::graph::{Case, Values, case::{floats, words}};
    /// use anygrad::ops::softmax_cross_entropy::SoftmaxCrossEntropy;
    /// use anygrad::random::{Purpose, Stream, stream_key};
    /// let case = Case::new(SoftmaxCrossEntropy::PLAIN, [floats([50, 3]), words([50])]);
    /// let inputs = case.draw(Values::Unit, &mut Stream::new(stream_key(0, Purpose::Sample, 0)));
    /// assert!(inputs[1].words().iter().all(|&label| label < 3));
    /// ```
    pub fn draw(&self, values: Values, stream: &mut Stream) -> Vec<Data> {
        let below = |stream: &mut Stream, n: usize| (stream.next_unit() * n as f32) as u32;
        let is_matrix = |(shape, dtype): &&(Shape, DType)| *dtype == DType::F32 && shape.dims().len() == 2;
        let classes = self.inputs.iter().find(is_matrix).map_or(CLASSES, |(shape, _)| shape.dims()[1]);
        let largest = self.largest();
        let rows_of_dataset = self.inputs.iter().zip(operands(&self.op)).find(|(_, b)| b.content == Content::Dataset);
        let draw = |(position, ((shape, dtype), binding)): (usize, (&(Shape, DType), &Binding))| {
            let count = shape.elements();
            let floats = |stream: &mut Stream| {
                let mut drawn = values.draw_below(stream, count, largest);
                if values == Values::Cancelling && position == 0 {
                    alternate(&mut drawn, shape.dims().last().copied().unwrap_or(1));
                }
                drawn
            };
            let words = |stream: &mut Stream, words: usize, below_what: usize| {
                (0..words).map(|_| below(stream, below_what)).collect()
            };
            match (dtype, binding.content) {
                (DType::U8, _) => {
                    let drawn: Vec<u32> = words(stream, DType::U8.words(count), 1 << 24);
                    Data::Word(drawn.into_iter().map(|word| word * 251).collect())
                }
                (DType::U32, Content::Order) => {
                    Data::Word(words(stream, count, rows_of_dataset.map_or(count, |((shape, _), _)| shape.dims()[0])))
                }
                (DType::U32, _) => Data::Word(words(stream, count, classes)),
                // Away from 0, so that a quotient by it or its root has a bounded error.
                (DType::F32, Content::Positive) => Data::Float(floats(stream).iter().map(|x| x.abs() + 0.01).collect()),
                (DType::F32, Content::PositiveSlot(slot)) => {
                    let (mut drawn, size) = (floats(stream), count / shape.dims()[0]);
                    drawn[slot * size..][..size].iter_mut().for_each(|x| *x = x.abs() + 0.01);
                    Data::Float(drawn)
                }
                (DType::F32, Content::NotAllFinite) => {
                    let mut drawn = floats(stream);
                    let bad = [f32::NAN, f32::INFINITY, -f32::INFINITY, f32::MAX, f32::MIN_POSITIVE / 2.0];
                    drawn.iter_mut().step_by(7).zip(bad.into_iter().cycle()).for_each(|(x, bad)| *x = bad);
                    Data::Float(drawn)
                }
                (DType::F32, _) => Data::Float(floats(stream)),
            }
        };
        self.inputs.iter().zip(operands(&self.op)).enumerate().map(draw).collect()
    }

    /// A magnitude of inputs whose power of the op's degree is a float, also added up over the terms of a product.
    fn largest(&self) -> f32 {
        let terms = match self.grid() {
            Ok(Grid::Product { k, .. }) => k as f32,
            _ => 1.0,
        };
        // A product of two of them is a number behind it.
        let degree = self.op.degree() as f32;
        let of_terms = if self.op.factors().is_some() { terms.log2() * degree / 2.0 } else { 0.0 };
        ((LARGEST_EXPONENT - of_terms) / degree).exp2()
    }
}

/// The bindings of an op's inputs and outputs.
fn operands(op: &Op) -> impl Iterator<Item = &'static Binding> {
    op.spec().bindings.iter().filter(|binding| binding.access != Access::Uniform)
}

/// Changes signs by turns along rows and along columns, so that the terms of sums cancel whichever way they run.
fn alternate(data: &mut [f32], columns: usize) {
    let odd = |i: usize| (i / columns.max(1) + i % columns.max(1)) % 2 == 1;
    data.iter_mut().enumerate().filter(|(i, _)| odd(*i)).for_each(|(_, x)| *x = -*x);
}

/// The kind of random numbers that a tensor is filled with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Values {
    /// Uniform in [−1, 1).
    Unit,
    /// Signed magnitudes from 10⁻³ to 10³, log-uniform.
    Wide,
    /// Whole numbers from −4 to 4: products and short sums are exact.
    Whole,
    /// Zero.
    Zero,
    /// Signed magnitudes from 2⁻¹⁰⁰ to 2⁻⁶⁰, log-uniform: some of their products are subnormal.
    Tiny,
    /// Signed magnitudes up to the largest of which the op's power is still a float ([`super::Operation::degree`]), and down
    /// to a thousandth of it, log-uniform.
    Huge,
    /// Numbers beside 1, in the first input of either sign by turns: the terms of sums cancel to a thousandth or less.
    Cancelling,
    /// Subnormal numbers among those of [`Values::Unit`]. A device may take each for zero, or not.
    Subnormal,
}

impl Values {
    /// All kinds.
    pub const ALL: [Values; 8] = [
        Values::Unit,
        Values::Wide,
        Values::Whole,
        Values::Zero,
        Values::Tiny,
        Values::Huge,
        Values::Cancelling,
        Values::Subnormal,
    ];
    /// The kinds that training meets all the time.
    pub const ORDINARY: [Values; 4] = [Values::Unit, Values::Wide, Values::Whole, Values::Zero];

    /// Draws `count` numbers of this kind from `stream`, none larger than what the power of an op of degree 1 needs.
    pub fn draw(self, stream: &mut Stream, count: usize) -> Vec<f32> {
        self.draw_below(stream, count, LARGEST_EXPONENT.exp2())
    }

    /// Draws numbers of which the huge are at most `largest`.
    fn draw_below(self, stream: &mut Stream, count: usize, largest: f32) -> Vec<f32> {
        (0..count)
            .map(|_| {
                let u = stream.next_unit() * 2.0 - 1.0;
                match self {
                    Values::Unit => u,
                    Values::Wide => u.signum() * 10f32.powf(stream.next_unit() * 6.0 - 3.0),
                    Values::Whole => (u * 4.5).trunc(),
                    Values::Zero => 0.0,
                    Values::Tiny => u.signum() * (stream.next_unit() * 40.0 - 100.0).exp2(),
                    Values::Huge => u.signum() * largest * (-10.0 * stream.next_unit()).exp2(),
                    Values::Cancelling => 1.0 + u / 4096.0,
                    // The smallest normal number is 2²³ of the smallest.
                    Values::Subnormal if stream.next_unit() < 0.5 => u * f32::MIN_POSITIVE,
                    Values::Subnormal => u,
                }
            })
            .collect()
    }
}

/// What a device that takes subnormal numbers for zero sees in place of `data`; `None` if there are none.
pub fn flushed(data: &[Data]) -> Option<Vec<Data>> {
    let has_subnormal = |data: &Data| matches!(data, Data::Float(data) if data.iter().any(|x| x.is_subnormal()));
    let flush = |data: &Data| match data {
        Data::Float(data) => Data::Float(data.iter().map(|&x| if x.is_subnormal() { 0.0 } else { x }).collect()),
        words => words.clone(),
    };
    data.iter().any(has_subnormal).then(|| data.iter().map(flush).collect())
}
