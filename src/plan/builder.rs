//! Lowers a graph: chooses a variant for each node, computes parameters and workgroups, binds buffers.

use super::launch::{self, Stages};
use super::{BoundBuffer, Dispatch, Phase, Plan, memory};
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, Shape, ValueId};
use crate::kernel::{Access, Binding, Constants, KernelSpec, Pace, Target, Variant};
use crate::ops::Operation;

impl Plan {
    /// The plan of `graph` for a kind of adapter: of each kernel the last variant that fits and pays.
    ///
    /// # Errors
    /// [`Error::Shape`] if an extent exceeds what the device can index, or a value is read in a phase that neither
    /// computes it nor keeps it.
    pub fn new(graph: Graph, target: &Target) -> Result<Plan> {
        let stages = launch::one_by_one(&graph);
        Plan::build(graph, stages, *target, |kernel, params, constants| target.choose(kernel, params, constants))
    }

    /// The plan of `graph` with fused kernels in the place of sequences of ops: the same results within rounding, fewer
    /// dispatches and trips through memory.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn fused(graph: &Graph, target: &Target) -> Result<Plan> {
        let graph = super::fuse::fuse(graph, target);
        let stages = launch::side_by_side(&graph, target);
        Plan::build(graph, stages, *target, |kernel, params, constants| target.choose(kernel, params, constants))
    }

    /// The plan of `graph` with a choice of variants by kernel, `Params` and constants, each dispatch a launch. Tests
    /// and the autotuner use it.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn with_variants(
        graph: Graph,
        choose: impl Fn(&'static KernelSpec, &[u8], &Constants) -> &'static Variant,
    ) -> Result<Plan> {
        let stages = launch::one_by_one(&graph);
        Plan::build(graph, stages, Target::DOWNLEVEL, choose)
    }

    fn build(
        graph: Graph,
        stages: Vec<Stages>,
        target: Target,
        choose: impl Fn(&'static KernelSpec, &[u8], &Constants) -> &'static Variant,
    ) -> Result<Plan> {
        let (buffers, places) = memory::place(&graph, &stages)?;
        let mut plan = Plan { graph, buffers, phases: Vec::new(), places, stages, target };
        for phase in plan.graph.phases() {
            let nodes = &plan.graph.nodes()[phase.nodes.clone()];
            let dispatches = nodes.iter().map(|node| plan.dispatch(node, &choose)).collect::<Result<_>>()?;
            let phase = Phase { name: phase.name.clone(), dispatches, launches: Vec::new() };
            plan.phases.push(phase);
        }
        plan.set_launches()?;
        Ok(plan)
    }

    /// The same plan with variants that `choose` names, by phase and dispatch: buffers and parameters stay.
    ///
    /// # Errors
    /// What `choose` returns.
    pub fn choose_again(mut self, choose: impl Fn(&str, &Dispatch) -> Result<&'static Variant>) -> Result<Plan> {
        for phase in &mut self.phases {
            for dispatch in &mut phase.dispatches {
                dispatch.variant = choose(&phase.name, dispatch)?;
                dispatch.workgroups = dispatch.op.workgroups(&dispatch.params, dispatch.variant);
            }
        }
        self.set_launches()?;
        Ok(self)
    }

    /// The same plan with dispatches in parts as `pace` asks. What runs side by side stays, because memory is shared
    /// accordingly.
    ///
    /// # Errors
    /// None, if the plan is whole.
    pub fn paced(mut self, pace: Pace) -> Result<Plan> {
        self.target.pace = Pace { kernels: self.target.pace.kernels, ..pace };
        self.set_launches()?;
        Ok(self)
    }

    fn dispatch(
        &self,
        node: &Node,
        choose: impl Fn(&'static KernelSpec, &[u8], &Constants) -> &'static Variant,
    ) -> Result<Dispatch> {
        let kernel = node.op.spec();
        let shapes: Vec<&Shape> = node.inputs.iter().chain(&node.outputs).map(|&id| self.graph.shape(id)).collect();
        let params = node.op.params(&shapes)?;
        let specialization = node.op.constants();
        let variant = choose(kernel, &params, &specialization);
        let workgroups = node.op.workgroups(&params, variant);

        let mut operands = node.inputs.iter().chain(&node.outputs).copied();
        let mut buffers = Vec::new();
        for binding in kernel.buffers() {
            buffers.push(self.bind(node, binding, operands.next())?);
        }
        check_exclusive(&node.label, &[&buffers])?;
        Ok(Dispatch {
            label: node.label.clone(),
            op: node.op.clone(),
            kernel,
            variant,
            specialization,
            params,
            buffers,
            workgroups,
            flops: node.op.flops(&shapes),
        })
    }

    fn bind(&self, node: &Node, binding: &Binding, value: Option<ValueId>) -> Result<BoundBuffer> {
        let place = value.and_then(|value| Some((value, self.place(value)?)));
        match place {
            Some((value, place)) => Ok(BoundBuffer { value, place, access: binding.access }),
            None => Err(Error::shape(&node.label, format!("no value for the binding `{}`", binding.name))),
        }
    }
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
