//! An op in mid-graph, so that its gradient can be checked where it is used: its inputs are not the parameters
//! themselves, and the gradient that reaches it is not 1.

use crate::error::Result;
use crate::graph::{Case, DType, Data, Graph, Role, ValueId, Values};
use crate::kernel::{Clock, Content};
use crate::ops::broadcast_rows::BroadcastRows;
use crate::ops::column_sum::ColumnSum;
use crate::ops::elementwise::Elementwise;
use crate::ops::matmul::Matmul;
use crate::random::Stream;
use crate::train::Step;

/// A graph while it is built, with the numbers that stand in it.
struct Builder<'a> {
    graph: Graph,
    floats: Vec<(ValueId, Vec<f32>)>,
    stream: &'a mut Stream,
}

/// The op between a product with fixed numbers, of each input of floats, and a weighted total of its first output. Each
/// of those inputs is a parameter, but for one that is a target.
///
/// ```
/// use anygrad::check::{CheckOptions, mid_graph};
/// use anygrad::graph::{Case, case::floats};
/// use anygrad::kernel::Clock;
/// use anygrad::ops::activation::{Activate, Activation};
/// use anygrad::random::{Purpose, Stream, stream_key};
/// let case = Case::new(Activate(Activation::Gelu), [floats([4, 3])]);
/// let mut stream = Stream::new(stream_key(0, Purpose::Sample, 0));
/// let step = mid_graph(&case, Clock::default(), &mut stream)?;
/// step.check_gradients_blocking(&CheckOptions::default())?.verdict()?;
/// # Ok::<(), anygrad::Error>(())
/// ```
///
/// # Errors
/// If the inputs do not fit the op, or it has no derivative.
pub fn mid_graph(case: &Case, clock: Clock, stream: &mut Stream) -> Result<Step> {
    let drawn = case.draw(Values::Unit, stream);
    let mut builder = Builder { graph: Graph::new(), floats: Vec::new(), stream };
    let (mut words, mut inputs, mut parameters) = (Vec::new(), Vec::new(), Vec::new());
    for (((shape, dtype), data), binding) in case.inputs.iter().zip(drawn).zip(case.op.spec().buffers()) {
        let is_data = *dtype != DType::F32 || binding.content == Content::Target;
        let role = if is_data { Role::Input } else { Role::Parameter };
        let id = builder.graph.declare(binding.name, shape, *dtype, role);
        match data {
            Data::Float(data) => builder.floats.push((id, data)),
            Data::Word(data) => words.push((id, data)),
        }
        if is_data {
            inputs.push(id);
        } else {
            parameters.push(id);
            inputs.push(builder.times_constant(id)?);
        }
    }
    let output = builder.graph.apply_all(case.op.clone(), &inputs)?[0];
    let loss = builder.weighted_total(output)?;
    let Builder { mut graph, floats, .. } = builder;
    let gradients = graph.gradients(loss, &parameters)?;
    Ok(Step { graph, loss, parameters, gradients, floats, words, clock })
}

impl Builder<'_> {
    /// Fixed numbers from ½ to 1½.
    fn constant(&mut self, dims: Vec<usize>) -> ValueId {
        let count = dims.iter().product();
        let id = self.graph.declare("constant", dims, DType::F32, Role::Input);
        self.floats.push((id, (0..count).map(|_| 0.5 + self.stream.next_unit()).collect()));
        id
    }

    fn times_constant(&mut self, x: ValueId) -> Result<ValueId> {
        let factor = self.constant(self.graph.shape(x).dims().to_vec());
        self.graph.apply(Elementwise::Multiply, &[x, factor])
    }

    /// Reduces a value to one number with a different weight for each of its elements.
    fn weighted_total(&mut self, x: ValueId) -> Result<ValueId> {
        let matrix = match self.graph.shape(x).dims().len() {
            1 => self.graph.apply(BroadcastRows { rows: 1, scale: 1.0 }, &[x])?,
            _ => x,
        };
        let weighted = self.times_constant(matrix)?;
        let sums = self.graph.apply(ColumnSum { scale: 0.7 }, &[weighted])?;
        let row = self.graph.apply(BroadcastRows { rows: 1, scale: 1.3 }, &[sums])?;
        let weights = self.constant(self.graph.shape(row).dims().to_vec());
        self.graph.apply(Matmul::NT, &[row, weights])
    }
}
