//! The plan of one op by itself, for the autotuner and the tests of the kernels.

pub use crate::graph::{Case, Data, Values};

use crate::error::Result;
use crate::graph::{Graph, Role, ValueId};
use crate::kernel::{Access, Variant};
use crate::plan::Plan;

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
    /// Fails as [`Graph::apply_all`] and [`Plan::with_variants`] do.
    pub fn new(case: &Case, variant: &'static Variant) -> Result<OpPlan> {
        let mut graph = Graph::new();
        let inputs = case.declare(&mut graph);
        let outputs = graph.apply_all(case.op.clone(), &inputs)?;
        outputs.iter().for_each(|&id| graph.set_role(id, Role::Output));
        let plan = Plan::with_variants(graph, |_, _, _| variant)?;
        Ok(OpPlan { plan, inputs, outputs })
    }

    /// The inputs that the op changes in place.
    pub fn changed_inputs(&self) -> Vec<ValueId> {
        let dispatch = &self.plan.phases()[0].dispatches[0];
        let written = dispatch.buffers.iter().filter(|b| b.access == Access::Write).map(|b| b.value);
        written.filter(|id| self.inputs.contains(id)).collect()
    }

    /// The contents of the buffers before a run: the inputs, and outputs in which an element that the kernel forgets
    /// shows.
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
