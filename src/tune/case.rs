//! One op on one set of shapes: its plan by itself, and random inputs that suit it. The autotuner and the tests of the
//! kernels measure and compare such cases.

use crate::error::Result;
use crate::graph::{DType, Graph, Node, Role, Shape, ValueId};
use crate::kernel::{Access, Binding, Variant};
use crate::ops::{Op, Operation};
use crate::plan::Plan;
use crate::random::Stream;

/// Rows of a dataset beyond which a batch is gathered from a part of it: the dispatch is the same.
const MOST_ROWS: usize = 4096;

/// One op with the shapes of its inputs.
#[derive(Clone, Debug)]
pub struct Case {
    /// The op.
    pub op: Op,
    /// Shape and element type of each input.
    pub inputs: Vec<(Shape, DType)>,
}

impl Case {
    /// An op on inputs.
    pub fn new<const N: usize>(op: impl Into<Op>, inputs: [(Shape, DType); N]) -> Case {
        Case { op: op.into(), inputs: inputs.to_vec() }
    }

    /// The op of a node on the shapes that it has there.
    pub fn of(graph: &Graph, node: &Node) -> Case {
        let values = node.inputs.iter().map(|&id| graph.value(id));
        let mut inputs: Vec<(Shape, DType)> = values.map(|value| (value.shape.clone(), value.dtype)).collect();
        let batch = match &node.op {
            Op::Gather(_) => node.outputs.first().and_then(|&id| graph.shape(id).dims().first().copied()),
            Op::Gathered(op) => Some(op.rows),
            _ => None,
        };
        if let Some(batch) = batch {
            // Data and order.
            for (shape, _) in inputs.iter_mut().take(2) {
                *shape = match *shape.dims() {
                    [rows] => [rows.min(batch.max(MOST_ROWS))].into(),
                    [rows, columns] => [rows.min(batch.max(MOST_ROWS)), columns].into(),
                    _ => shape.clone(),
                };
            }
        }
        Case { op: node.op.clone(), inputs }
    }

    /// Declares the inputs in a graph.
    pub(super) fn declare(&self, graph: &mut Graph) -> Vec<ValueId> {
        let declare = |(i, (shape, dtype)): (usize, &(Shape, DType))| {
            graph.declare(format!("input {i}"), shape.clone(), *dtype, Role::Input)
        };
        self.inputs.iter().enumerate().map(declare).collect()
    }

    /// Inputs that suit the op: labels below the number of classes, row numbers below the number of rows.
    pub fn draw(&self, values: Values, stream: &mut Stream) -> Vec<Data> {
        let bindings: Vec<&Binding> = self.op.spec().buffers().collect();
        let rows = self.inputs[0].0.dims()[0];
        let of_labels = matches!(self.op, Op::ClassificationStep(_));
        let classes = self.inputs[0].0.dims().get(1).copied().unwrap_or(10);
        let below = |stream: &mut Stream, n: usize| (stream.next_unit() * n as f32) as u32;
        self.inputs
            .iter()
            .zip(bindings)
            .map(|((shape, dtype), binding)| match (dtype, binding.name) {
                // Sums of squares are not negative; away from 0, so that a quotient by their root has a bounded error.
                (DType::F32, "second" | "squares" | "divisor") => {
                    Data::Float(values.draw(stream, shape.elements()).iter().map(|x| x.abs() + 0.01).collect())
                }
                (DType::F32, _) => Data::Float(values.draw(stream, shape.elements())),
                (DType::U8, _) => {
                    Data::Word((0..DType::U8.words(shape.elements())).map(|_| below(stream, 1 << 24) * 251).collect())
                }
                (_, "order") if of_labels => {
                    Data::Word((0..shape.elements()).map(|_| below(stream, shape.elements())).collect())
                }
                (_, "order") => Data::Word((0..shape.elements()).map(|_| below(stream, rows)).collect()),
                _ => Data::Word((0..shape.elements()).map(|_| below(stream, classes)).collect()),
            })
            .collect()
    }
}

/// What kind of numbers to fill a tensor with.
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
}

impl Values {
    /// All kinds.
    pub const ALL: [Values; 4] = [Values::Unit, Values::Wide, Values::Whole, Values::Zero];

    /// So many numbers.
    pub fn draw(self, stream: &mut Stream, count: usize) -> Vec<f32> {
        (0..count)
            .map(|_| {
                let u = stream.next_unit() * 2.0 - 1.0;
                match self {
                    Values::Unit => u,
                    Values::Wide => u.signum() * 10f32.powf(stream.next_unit() * 6.0 - 3.0),
                    Values::Whole => (u * 4.5).trunc(),
                    Values::Zero => 0.0,
                }
            })
            .collect()
    }
}

/// Contents of one tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Floats.
    Float(Vec<f32>),
    /// Words or packed bytes.
    Word(Vec<u32>),
}

impl Data {
    /// The 32-bit words.
    pub fn words(&self) -> &[u32] {
        match self {
            Data::Float(data) => bytemuck::cast_slice(data),
            Data::Word(data) => data,
        }
    }
}

/// A plan of one op with the given variant: inputs and outputs are kept, so that both can be read back.
#[derive(Debug)]
pub struct OpPlan {
    /// The plan: one phase of one dispatch.
    pub plan: Plan,
    /// The inputs.
    pub inputs: Vec<ValueId>,
    /// The outputs.
    pub outputs: Vec<ValueId>,
}

impl OpPlan {
    /// The plan of a case.
    ///
    /// # Errors
    /// As [`Graph::apply_all`] and [`Plan::with_variants`].
    pub fn new(case: &Case, variant: &'static Variant) -> Result<OpPlan> {
        let mut graph = Graph::new();
        let inputs = case.declare(&mut graph);
        let outputs = graph.apply_all(case.op.clone(), &inputs)?;
        outputs.iter().for_each(|&id| graph.set_role(id, Role::Output));
        let plan = Plan::with_variants(graph, |_, _, _| variant)?;
        Ok(OpPlan { plan, inputs, outputs })
    }

    /// Which of the inputs the op changes in place.
    pub fn changed_inputs(&self) -> Vec<ValueId> {
        let dispatch = &self.plan.phases()[0].dispatches[0];
        let written = dispatch.buffers.iter().filter(|b| b.access == Access::Write).map(|b| b.value);
        written.filter(|id| self.inputs.contains(id)).collect()
    }

    /// What the buffers hold before a run: the inputs, and outputs in which an element that the kernel forgets shows.
    pub fn contents(&self, inputs: &[Data]) -> Vec<(ValueId, Vec<u32>)> {
        let mut contents: Vec<_> =
            self.inputs.iter().copied().zip(inputs.iter().map(|data| data.words().to_vec())).collect();
        let poison = |id| self.plan.place(id).map(|place| (id, vec![POISON; place.words]));
        contents.extend(self.outputs.iter().filter_map(|&id| poison(id)));
        contents
    }
}

/// The bits of 999, which no result is by chance.
const POISON: u32 = 0x4479_C000;
