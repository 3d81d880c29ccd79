//! Places values in buffers: persistent values each in their own, intermediate ones by lifetime.
//!
//! Within a phase an intermediate value lives from the node that computes it to the last node that reads it; phases
//! run one after the other. A buffer is free for the next value as soon as its value is dead. The outputs of a stage
//! (nodes that may run at the same time, often one) are placed before its inputs are freed, so nothing that runs at
//! once reads and writes one buffer.

use super::schedule::Stages;
use super::{BoundBuffer, Buffer, BufferId, Place, Plan, is_float, words_of};
use crate::error::{Error, Result};
use crate::graph::{Graph, Phase, Role, Value, ValueId};
use crate::kernel::Access;

/// Bytes of device memory that a plan's buffers take, by what they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Bytes of trained parameters.
    pub parameters: u64,
    /// Bytes of all else that lasts from step to step: dataset, row order, optimizer state, results, constants, kept
    /// outputs.
    pub state: u64,
    /// Bytes of the buffers that intermediate values share.
    pub intermediates: u64,
    /// Bytes that the intermediate values would take if each had a buffer of its own.
    pub intermediates_unshared: u64,
}

impl Memory {
    /// Bytes of all buffers together.
    pub fn total(&self) -> u64 {
        self.parameters + self.state + self.intermediates
    }
}

impl Plan {
    /// Bytes of the plan's buffers, by what they hold.
    ///
    /// ```
    /// use anygrad::{data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
    /// let model = Sequential::new(2).linear(8).relu().linear(2);
    /// let parameters = 4 * model.parameter_count()? as u64;
    /// let plan = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1)).plan(&data::xor(64, 0)?, None)?;
    /// assert_eq!(plan.memory().parameters, parameters);
    /// assert!(plan.memory().intermediates <= plan.memory().intermediates_unshared);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn memory(&self) -> Memory {
        let mut memory = Memory::default();
        let mut persistent = vec![false; self.buffers.len()];
        for (value, place) in self.graph.values().iter().zip(&self.places) {
            let Some(place) = place else { continue };
            let bytes = 4 * place.words as u64;
            match value.role {
                Role::Parameter => memory.parameters += bytes,
                Role::Intermediate => memory.intermediates_unshared += bytes,
                _ => memory.state += bytes,
            }
            persistent[place.buffer.index()] |= value.role.is_persistent();
        }
        let shared = self.buffers.iter().zip(persistent).filter(|(_, persistent)| !persistent);
        memory.intermediates = shared.map(|(buffer, _)| 4 * buffer.words as u64).sum();
        memory
    }
}

/// Buffers, and for each value its place; `None` for values that no node uses.
pub(super) fn place(graph: &Graph, stages: &[Stages]) -> Result<(Vec<Buffer>, Vec<Option<Place>>)> {
    let mut buffers = Vec::new();
    let mut places = vec![None; graph.values().len()];
    for (i, value) in graph.values().iter().enumerate() {
        value.shape.elements_u32(&value.name)?;
        if value.role.is_persistent() {
            places[i] = Some(add(&mut buffers, value));
        }
    }
    let first_shared = buffers.len();
    for (phase, stages) in graph.phases().iter().zip(stages) {
        let nodes = &graph.nodes()[phase.nodes.clone()];
        let mut last_use = vec![usize::MAX; graph.values().len()];
        for (at, stage) in stages.iter().enumerate() {
            let operands = nodes[stage.clone()].iter().flat_map(|node| node.inputs.iter().chain(&node.outputs));
            operands.for_each(|id| last_use[id.index()] = at);
        }
        let mut free: Vec<BufferId> = (first_shared..buffers.len()).map(|i| BufferId(i as u32)).collect();
        for (at, stage) in stages.iter().enumerate() {
            let nodes = &nodes[stage.clone()];
            let outputs = nodes.iter().flat_map(|node| &node.outputs);
            for &id in outputs.clone().filter(|id| !graph.value(**id).role.is_persistent()) {
                places[id.index()] = Some(take(graph.value(id), &mut free, &mut buffers));
            }
            let inputs = nodes.iter().flat_map(|node| &node.inputs);
            for &id in inputs.clone() {
                check_available(graph, id, &places, phase)?;
            }
            let mut operands: Vec<ValueId> = inputs.chain(outputs).copied().collect();
            operands.sort_unstable();
            operands.dedup();
            let dead = |id: &ValueId| last_use[id.index()] == at && !graph.value(*id).role.is_persistent();
            free.extend(operands.into_iter().filter(dead).filter_map(|id| Some(places[id.index()]?.buffer)));
        }
    }
    Ok((buffers, places))
}

fn check_available(graph: &Graph, id: ValueId, places: &[Option<Place>], phase: &Phase) -> Result<()> {
    let value = graph.value(id);
    let produced_here = || graph.nodes()[phase.nodes.clone()].iter().any(|node| node.outputs.contains(&id));
    if places[id.index()].is_some() && (value.role.is_persistent() || produced_here()) {
        return Ok(());
    }
    let detail = format!("`{}` is read in phase `{}` but neither computed there nor kept", value.name, phase.name);
    Err(Error::shape("plan", detail))
}

/// The smallest free buffer that is large enough, else the largest free one made larger, else a new one.
fn take(value: &Value, free: &mut Vec<BufferId>, buffers: &mut Vec<Buffer>) -> Place {
    let words = words_of(value);
    let same_kind = |id: &&BufferId| buffers[id.index()].is_float == is_float(value);
    let size = |id: &&BufferId| buffers[id.index()].words;
    let fitting = free.iter().filter(same_kind).filter(|id| size(id) >= words).min_by_key(size);
    let Some(&buffer) = fitting.or_else(|| free.iter().filter(same_kind).max_by_key(size)) else {
        return add(buffers, value);
    };
    free.retain(|&id| id != buffer);
    let chosen = &mut buffers[buffer.index()];
    chosen.words = chosen.words.max(words);
    Place { buffer, words }
}

fn add(buffers: &mut Vec<Buffer>, value: &Value) -> Place {
    let words = words_of(value);
    let fill = if let Role::Constant(fill) = value.role { fill } else { 0.0 };
    buffers.push(Buffer { label: value.name.clone(), words, is_float: is_float(value), fill });
    Place { buffer: BufferId(buffers.len() as u32 - 1), words }
}

/// A buffer must not be written through one binding and used through another, of one kernel or of several side by side.
pub(super) fn check_exclusive(label: &str, kernels: &[&[BoundBuffer]]) -> Result<()> {
    let buffers: Vec<&BoundBuffer> = kernels.iter().copied().flatten().collect();
    for (i, a) in buffers.iter().enumerate() {
        for b in &buffers[..i] {
            let writes = a.access == Access::Write || b.access == Access::Write;
            if a.place.buffer == b.place.buffer && writes {
                return Err(Error::shape(label, "writes a buffer that it uses through another binding"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::DType;
    use crate::kernel::Target;
    use crate::optim::sgd::SgdStep;

    #[test]
    fn a_buffer_that_is_written_is_bound_once() {
        let bound = |buffer, access| {
            let place = Place { buffer: BufferId(buffer), words: 1 };
            BoundBuffer { value: ValueId(0), place, access }
        };
        let (read, write) = (|buffer| bound(buffer, Access::Read), |buffer| bound(buffer, Access::Write));
        let is_refused = |kernels: &[&[BoundBuffer]]| check_exclusive("kernel", kernels).is_err();
        assert!(is_refused(&[&[read(1), write(1)]]) && is_refused(&[&[write(1), read(1)]]), "of one kernel");
        assert!(is_refused(&[&[write(1), write(1)]]), "written twice");
        assert!(is_refused(&[&[read(1), write(2)], &[read(2), write(3)]]), "of kernels side by side");
        assert!(!is_refused(&[&[read(1), read(1), write(2)], &[read(1), write(3)]]), "reading together is allowed");
    }

    #[test]
    fn an_op_that_would_write_what_it_reads_is_refused() {
        let mut graph = Graph::new();
        let weight = graph.declare("weight", [4], DType::F32, Role::Parameter);
        let step = SgdStep { momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 };
        graph.apply_all(step, &[weight, weight]).unwrap();
        for plan in [Plan::new(graph.clone(), &Target::DOWNLEVEL), Plan::fused(&graph, &Target::CPU)] {
            assert!(plan.unwrap_err().to_string().contains("writes a buffer that it uses"));
        }
    }
}
