//! Where the numbers of a run went bad: steps are repeated one by one from a state that was good, then the first bad one
//! with all its values kept.

use super::epoch::RowsPass;
use super::queue::Position;
use super::restore::Back;
use super::session::{Session, Setup};
use super::snapshot::Snapshot;
use crate::data::Dataset;
use crate::error::{Divergence, Error, Result};
use crate::graph::{DType, Graph, Node, Role, ValueId};
use crate::kernel::Access;
use crate::random::Permutation;
use crate::tune::Variants;

/// Magnitude from which a feature, a target or a weight is named as the cause.
const LARGE: f32 = 1e6;

/// Looks for the first bad number between two positions, the first of which was good, from a state before them that the
/// session stands at. Returns it with the number of whole epochs before, or nothing if all is well this time.
pub(super) async fn examine(
    session: &mut Session<'_>,
    (from, to): (Position, Position),
) -> Result<Option<(Divergence, u64)>> {
    session.queue_while(|position| position.batches() < from.batches()).await?;
    session.finish().await?;
    while session.position.batches() < to.batches() {
        let (before, snapshot) = (session.position, session.snapshot().await?);
        match one_batch(session).await {
            Ok(()) => {}
            Err(Error::Diverged(seen)) => {
                let step = snapshot.progress.history.steps;
                let seen = Divergence { step, ..*seen };
                let found = look_into(session, &snapshot, seen.clone()).await.unwrap_or_else(|reason| {
                    log::warn!("the values of the step cannot be had: {reason}");
                    seen
                });
                return Ok(Some((found, before.epochs_done())));
            }
            Err(error) => return Err(error),
        }
    }
    log::error!(
        "the step that gave NaN or infinity gave numbers when it was repeated: the device is not to be trusted"
    );
    Ok(None)
}

/// Runs the next batch, of training or of evaluation, and takes in its results.
async fn one_batch(session: &mut Session<'_>) -> Result<()> {
    let at = session.position.batches();
    session.queue_while(|position| position.batches() == at).await?;
    session.finish().await
}

/// Repeats the batch behind a snapshot by the plain plan, all of whose values are kept, and finds the first that is bad.
async fn look_into(session: &Session<'_>, snapshot: &Snapshot, seen: Divergence) -> Result<Divergence> {
    let mut setup = Setup { fuse: false, variants: Variants::default(), hashes: false, ..session.setup.clone() };
    let position = snapshot.position;
    let pass = setup.program.epoch.pass(position.training);
    let (phase, count) = pass.batch(position.batch);
    let nodes = setup.program.graph.phases()[phase.index()].nodes.clone();
    let nodes: Vec<Node> = setup.program.graph.nodes()[nodes].to_vec();
    for &output in nodes.iter().flat_map(|node| &node.outputs) {
        setup.program.graph.set_role(output, Role::Output);
    }
    let mut own = Session::open(session.device.clone(), setup).await?;
    own.go_back(Back::To(snapshot))?;
    match one_batch(&mut own).await {
        Ok(()) | Err(Error::Diverged(_)) => {}
        Err(error) => return Err(error),
    }
    let mut batch = Batch::of(&own, position, pass, count);
    for node in &nodes {
        for value in written(node) {
            if value == own.setup.program.ring || own.executor.plan().value(value).dtype != DType::F32 {
                continue;
            }
            let numbers = own.executor.read(value).await?;
            let is_of_rows = batch.note(&own.setup.program.graph, node, value);
            if let Some(at) = numbers.iter().position(|x| !x.is_finite()) {
                let rows = batch.rows_of(is_of_rows.then_some(&numbers));
                let (tensor, layer) = name(&own.setup.program.graph, &nodes, node, value);
                let cause = batch.cause(&mut own, snapshot, &nodes, &rows).await?;
                return Ok(Divergence { tensor, layer, value: numbers[at], rows, batch: count, cause, ..seen });
            }
        }
    }
    // Rounded otherwise than in the fused plan, all are finite.
    Ok(Divergence { rows: batch.rows_of(None), batch: count, ..seen })
}

/// The values that a node writes: what it puts out, and what it changes in place.
fn written(node: &Node) -> impl Iterator<Item = ValueId> {
    let buffers = node.op.spec().buffers();
    let changed = node.inputs.iter().zip(buffers).filter(|(_, binding)| binding.access == Access::Write);
    let changed: Vec<ValueId> = changed.map(|(&value, _)| value).collect();
    node.outputs.iter().copied().chain(changed)
}

/// What a tensor is called, and the layer that it belongs to.
fn name(graph: &Graph, nodes: &[Node], node: &Node, value: ValueId) -> (String, Option<String>) {
    let layer_of = |path: &str| path.rsplit_once('.').map(|(layer, _)| layer.to_string());
    let own = &graph.value(value).name;
    if graph.value(value).role == Role::Parameter {
        return (format!("parameter `{own}`"), layer_of(own));
    }
    if graph.value(value).role == Role::Optimizer {
        return (format!("state `{own}` of the optimizer"), layer_of(own));
    }
    // A gradient is what an update takes in beside the parameter.
    let changes = |other: &&Node| other.inputs.contains(&value) && !std::ptr::eq(*other, node);
    let parameter = nodes.iter().filter(changes).find_map(|other| {
        let of = other.inputs.iter().find(|&&input| graph.value(input).role == Role::Parameter)?;
        (written(other).any(|id| id == *of) && graph.shape(*of) == graph.shape(value)).then_some(*of)
    });
    if let Some(parameter) = parameter {
        let parameter = &graph.value(parameter).name;
        return (format!("gradient of `{parameter}`"), layer_of(parameter));
    }
    let layer = layer_of(&node.label).filter(|layer| layer.starts_with(|c: char| c.is_ascii_digit()));
    (format!("output of `{}`", node.label), layer)
}

/// The rows of a batch, and which values have them.
struct Batch<'d> {
    data: &'d Dataset,
    /// Their numbers in the dataset.
    rows: Vec<usize>,
    /// Values whose first extent is the rows of the batch.
    of_rows: Vec<ValueId>,
}

impl<'d> Batch<'d> {
    /// The batch that a session has run last, from a position on.
    fn of(session: &Session<'d>, position: Position, pass: RowsPass, count: usize) -> Batch<'d> {
        let Setup { program, train, held_out, .. } = &session.setup;
        let data = if position.training { train } else { held_out.unwrap_or(train) };
        let first = position.batch * pass.batches.rows;
        let key = program.key.filter(|_| position.training);
        let order = key.map(|key| Permutation::new(key, session.position.clock.epoch, data.rows() as u32));
        let row = |i: usize| order.as_ref().map_or(i, |order| order.at(i as u32) as usize);
        Batch { data, rows: (first..first + count).map(row).collect(), of_rows: Vec::new() }
    }

    /// Whether a value of a node has the rows of the batch. A product of two that have them sums over them.
    fn note(&mut self, graph: &Graph, node: &Node, value: ValueId) -> bool {
        let has_rows = graph.shape(value).dims().first() == Some(&self.rows.len());
        let given = node.inputs.iter().filter(|input| self.of_rows.contains(input)).count();
        let sums = match node.op.name() {
            "matmul" => given == 2,
            "column_sum" => true,
            _ => false,
        };
        let is_gathered = node.inputs.iter().any(|&input| graph.value(input).role == Role::Dataset);
        let is_of_rows = has_rows && !sums && (given > 0 || is_gathered || node.op.name() == "broadcast_rows");
        if is_of_rows {
            self.of_rows.push(value);
        }
        is_of_rows
    }

    /// The rows in whose part of a value there are bad numbers; all if it has none.
    fn rows_of(&self, numbers: Option<&Vec<f32>>) -> Vec<usize> {
        let Some(numbers) = numbers else { return self.rows.clone() };
        let width = (numbers.len() / self.rows.len().max(1)).max(1);
        let parts = self.rows.iter().zip(numbers.chunks(width));
        parts.filter(|(_, part)| part.iter().any(|x| !x.is_finite())).map(|(&row, _)| row).collect()
    }

    /// Why a value is likely to have gone bad.
    async fn cause(
        &self,
        session: &mut Session<'_>,
        before: &Snapshot,
        nodes: &[Node],
        rows: &[usize],
    ) -> Result<String> {
        let program = &session.setup.program;
        let features = [Some(program.train.features), program.test.map(|test| test.features)];
        let targets = [Some(program.train.targets), program.test.map(|test| test.targets)];
        let gathered = |of: &[Option<ValueId>]| {
            let reads = |node: &&Node| node.inputs.iter().any(|input| of.contains(&Some(*input)));
            nodes.iter().find(reads).and_then(|node| node.outputs.first().copied())
        };
        let found = (gathered(&features), gathered(&targets));
        for (value, names, what) in [(found.0, &self.data.feature_names, "feature"), (found.1, &Vec::new(), "target")] {
            let Some(value) = value.filter(|&value| session.executor.plan().value(value).dtype == DType::F32) else {
                continue;
            };
            let numbers = session.executor.read(value).await?;
            let width = numbers.len() / self.rows.len();
            let of_rows = numbers.iter().enumerate().filter(|(i, _)| rows.contains(&self.rows[i / width]));
            if let Some((i, x)) = of_rows.max_by(|a, b| size(*a.1).total_cmp(&size(*b.1)))
                && size(*x) > LARGE
            {
                let name = names.get(i % width).map_or(String::new(), |name| format!(" `{name}`"));
                let row = self.rows[i / width];
                return Ok(format!("{what}{name} of row {row} is {x:e} as the model sees it: clean or scale the data"));
            }
        }
        let rate = session.position.clock.learning_rate;
        let rate = if (1e-4..LARGE).contains(&rate) { rate.to_string() } else { format!("{rate:e}") };
        let advice = format!("lower the learning rate of {rate}, or limit the gradients by max_grad_norm");
        let largest = before.tensors.iter().flat_map(|tensor| &tensor.data).copied().map(f32::abs).fold(0.0, f32::max);
        Ok(if largest > LARGE { format!("weights have grown to {largest:e}: {advice}") } else { advice })
    }
}

/// The magnitude of a number; of NaN, infinity.
fn size(x: f32) -> f32 {
    if x.is_nan() { f32::INFINITY } else { x.abs() }
}
