//! How far a device may be from the twin of a fused product: the error of a sum, carried through the chain. Each op's
//! twin says how much its result changes over that error, and the op's own bound what it rounds.

use super::definition::StageCall;
use super::{Factor, Fused, Link, OF_MAP};
use crate::graph::{DType, Data, Element, Equivalent, Inputs, Op, Shape, Stage};
use crate::kernel::error_bound::{flushed, gamma};
use crate::kernel::{Bound, Clock, Constants};
use crate::ops::dropout::Dropout;

/// The clock by which ops are asked how they carry an error: they do not carry it otherwise at another step.
const CLOCK: Clock = Clock { step: 3, epoch: 2, batch_start: 0, slot: 0, first_row: 0, learning_rate: 0.05 };

/// A number that a device knows to an error.
#[derive(Clone, Copy, Debug)]
struct Known {
    value: f64,
    error: f64,
}

/// The bound of one element of a result.
pub(super) fn of(fused: &Fused, inputs: &Inputs<'_>, at: Element) -> f64 {
    let [a, b] = fused.factors.map(Factor::inputs);
    let of_chain: usize = fused.chain.iter().map(Link::inputs).sum();
    let (chain, beside) = (a + b, a + b + of_chain);
    if (beside..inputs.count()).contains(&at.tensor) {
        return through(fused, &fused.beside, inputs, beside, at, |column| column_sum(inputs, column), columns(inputs));
    }
    let [_, n] = extents(fused, inputs);
    let sum = |index: usize| {
        let sum = inputs.sum(index, 0.0);
        Known { value: sum.value, error: sum.rounding }
    };
    let elements = extents(fused, inputs)[0] * n;
    through(fused, &fused.chain, inputs, chain, at, sum, elements)
}

/// Rows and columns of the product.
fn extents(fused: &Fused, inputs: &Inputs<'_>) -> [usize; 2] {
    let shapes: Vec<&Shape> = inputs.kinds().iter().map(|(shape, _)| shape).collect();
    fused.extents(&shapes).map_or([1, 1], |[m, n, _]| [m, n])
}

/// Columns of A, where it is stored `[K, M]`.
fn columns(inputs: &Inputs<'_>) -> usize {
    inputs.columns(0)
}

/// The sum of a column of A.
fn column_sum(inputs: &Inputs<'_>, column: usize) -> Known {
    let rows = inputs.dims(0)[0];
    let terms = (0..rows).map(|row| inputs.float(0, row * columns(inputs) + column));
    let (value, size) = terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()));
    Known { value, error: gamma(rows + 1) * size + flushed(rows) }
}

/// Carries a number through a chain, as far as the result that `at` is an element of. The chain's inputs begin at
/// position `first`; `elements` are those of the value.
fn through(
    fused: &Fused,
    chain: &[Link],
    inputs: &Inputs<'_>,
    mut first: usize,
    at: Element,
    start: impl Fn(usize) -> Known,
    elements: usize,
) -> f64 {
    // What an op keeps for a tensor may be several of its size.
    let (index, slot) = (at.index % elements, at.index / elements);
    let mut known = start(index);
    let mut outputs = inputs.count()..;
    let constants = fused.constants_of_links();
    for link in chain {
        let Some((op, stage)) = link.op() else {
            if outputs.next() == Some(at.tensor) {
                break;
            }
            continue;
        };
        let count = stage.part.bindings.len();
        let own: Vec<Vec<f32>> =
            (first..first + count).map(|input| elements_of(inputs, input, index, elements)).collect();
        let one = One::new(op, stage, link, &constants, own);
        match at.tensor.checked_sub(first).filter(|own| *own < count) {
            Some(tensor) => return one.error(known, tensor, slot),
            None => known = one.pass(known),
        }
        first += count;
    }
    known.error
}

/// What an input has for one element of the value: of a tensor of that size, or of several of it, each one; of a row
/// vector that of its column.
fn elements_of(inputs: &Inputs<'_>, input: usize, index: usize, elements: usize) -> Vec<f32> {
    let data = inputs.floats(input);
    if data.len() < elements {
        return vec![data[index % data.len()]];
    }
    data.chunks_exact(elements).map(|slot| slot[index]).collect()
}

/// An op on one element.
struct One<'a> {
    op: &'a Op,
    stage: &'a Stage,
    link: &'a Link,
    constants: &'a Constants,
    /// What its other inputs have for the element.
    own: Vec<Vec<f32>>,
    /// Its inputs' shapes, the value among them.
    kinds: Vec<(Shape, DType)>,
    params: Vec<u8>,
}

impl<'a> One<'a> {
    fn new(op: &'a Op, stage: &'a Stage, link: &'a Link, constants: &'a Constants, own: Vec<Vec<f32>>) -> One<'a> {
        let mut kinds: Vec<(Shape, DType)> = own.iter().map(|own| (shape_of(own.len()), DType::F32)).collect();
        kinds.insert(stage.value, (shape_of(1), DType::F32));
        let result = shape_of(1);
        let shapes: Vec<&Shape> = kinds.iter().map(|(shape, _)| shape).chain([&result]).collect();
        let params = op.params(&shapes).unwrap_or_default();
        One { op, stage, link, constants, own, kinds, params }
    }

    /// What the twin makes of a value: its result, or of an op that changes tensors in place these, one after the
    /// other.
    fn run(&self, value: f64) -> Vec<Vec<f64>> {
        let call = StageCall {
            link: self.link,
            count: 1,
            columns: 1,
            params: &self.params[OF_MAP.min(self.params.len())..],
            constants: self.constants,
            clock: &CLOCK,
            reproducible: false,
        };
        let mut own: Vec<Vec<f64>> = self.own.iter().map(|own| own.iter().map(|&x| f64::from(x)).collect()).collect();
        let in_place = self.stage.part.changes_in_place();
        let mut result = [0.0];
        let mut others: Vec<Bound<'_, f64>> = own
            .iter_mut()
            .zip(self.stage.part.bindings)
            .map(|(own, binding)| if binding.is_written() { Bound::FloatMut(own) } else { Bound::Float(own) })
            .collect();
        call.run(&[value], &mut others, (!in_place).then_some(&mut result), false);
        drop(others);
        if in_place { own } else { vec![result.to_vec()] }
    }

    /// How far a slot of one of its results may be off, and its value.
    fn carried(&self, known: Known, tensor: usize, slot: usize) -> Known {
        let [middle, low, high] =
            [0.0, -known.error, known.error].map(|error| self.run(known.value + error)[tensor][slot]);
        let mut data: Vec<Data> = self.own.iter().map(|own| Data::Float(own.clone())).collect();
        data.insert(self.stage.value, Data::Float(vec![known.value as f32]));
        let inputs = Inputs::new(&self.kinds, data, 0, None);
        let position = match self.stage.part.changes_in_place() {
            // Among the op's inputs, of which the value is one.
            true => tensor + usize::from(tensor >= self.stage.value),
            false => inputs.count(),
        };
        let rounding = self.op.bound(&inputs, Element { tensor: position, index: slot, expected: middle });
        // To first order; the second is far below a rounding.
        let error = 1.01 * (low - middle).abs().max((high - middle).abs());
        Known { value: middle, error: error + 2.0 * rounding }
    }

    /// The error of a tensor that the op changes.
    fn error(&self, known: Known, tensor: usize, slot: usize) -> f64 {
        self.carried(known, tensor, slot).error
    }

    /// The value behind the op.
    fn pass(&self, known: Known) -> Known {
        match self.op.downcast_ref::<Dropout>() {
            // As if it were kept: if it is not, it is 0 without an error.
            Some(dropout) => {
                let (value, scale) = (known.value * f64::from(dropout.scale), f64::from(dropout.scale));
                Known { value, error: scale * known.error + crate::kernel::error_bound::relative(1.0, value) }
            }
            None => self.carried(known, 0, 0),
        }
    }
}

/// One element, or several slots of one.
fn shape_of(slots: usize) -> Shape {
    if slots == 1 { [1, 1].into() } else { [slots, 1, 1].into() }
}

/// A fused product on matrices that computes what one on rows of a dataset does.
pub(super) fn of_matrices(fused: &Fused, inputs: &Inputs<'_>, clock: &Clock) -> Option<Equivalent> {
    if fused.factors == [Factor::Dense; 2] {
        return None;
    }
    let (mut kinds, mut data, mut positions, mut at) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for factor in fused.factors {
        let (kind, content) = match factor {
            Factor::Dense => (inputs.kinds()[at].clone(), inputs.data()[at].clone()),
            Factor::Rows { rows, byte_scale } => {
                let columns = inputs.columns(at);
                let batch = rows_of(&inputs.data()[at..at + 2], (rows, columns), byte_scale, clock);
                (([rows, columns].into(), DType::F32), Data::Float(batch))
            }
        };
        positions.extend(std::iter::repeat_n(kinds.len(), factor.inputs()));
        kinds.push(kind);
        data.push(content);
        at += factor.inputs();
    }
    positions.extend((at..inputs.count() + fused.chain.len()).map(|tensor| tensor - at + kinds.len()));
    kinds.extend_from_slice(&inputs.kinds()[at..]);
    data.extend_from_slice(&inputs.data()[at..]);
    let op = Fused { factors: [Factor::Dense; 2], ..fused.clone() }.into();
    // Scaling a byte rounds once more.
    Some(Equivalent { op, kinds, data, positions, roundings: 1 })
}

/// Rows of a dataset, given it and its order.
fn rows_of(inputs: &[Data], (rows, columns): (usize, usize), byte_scale: Option<f32>, clock: &Clock) -> Vec<f32> {
    let order = &inputs[1].words()[clock.batch_start as usize..][..rows];
    let row = |&row: &u32| match &inputs[0] {
        Data::Float(data) => data[row as usize * columns..][..columns].to_vec(),
        Data::Word(data) => {
            let bytes: &[u8] = &bytemuck::cast_slice(data)[row as usize * columns..][..columns];
            bytes.iter().map(|&byte| f32::from(byte) * byte_scale.unwrap_or(1.0)).collect()
        }
    };
    order.iter().flat_map(row).collect()
}
