//! Lowers a graph: chooses a variant for each node, computes parameters and workgroups, binds buffers.

use super::choose::choose;
use super::fuse::fuse;
use super::memory::{self, check_exclusive};
use super::schedule::{self, Stages};
use super::{BoundBuffer, Dispatch, Phase, Plan};
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, Shape, ValueId};
use crate::kernel::{Binding, Class, Constants, Grid, KernelSpec, LaunchBudget, Target, Variant};

impl Plan {
    /// The plan of `graph` for a kind of adapter: of each kernel the last variant that fits and pays.
    ///
    /// ```
    /// use anygrad::graph::{DType, Graph, Role};
    /// use anygrad::kernel::Target;
    /// use anygrad::ops::matmul::Matmul;
    /// use anygrad::plan::Plan;
    /// let mut graph = Graph::new();
    /// let a = graph.declare("a", [64, 32], DType::F32, Role::Input);
    /// let b = graph.declare("b", [16, 32], DType::F32, Role::Input);
    /// let c = graph.apply(Matmul::NT, &[a, b])?;
    /// graph.set_role(c, Role::Output);
    /// let plan = Plan::new(graph, &Target::DOWNLEVEL)?;
    /// let dispatch = &plan.phases()[0].dispatches[0];
    /// assert_eq!((dispatch.kernel.name, dispatch.flops), ("matmul", 2 * 64 * 16 * 32));
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] if an extent exceeds what the device can index, or a value is read in a phase that neither
    /// computes it nor keeps it.
    pub fn new(graph: Graph, target: &Target) -> Result<Plan> {
        let stages = schedule::one_by_one(&graph);
        Plan::build(graph, stages, *target, |kernel, grid, constants| choose(target, kernel, grid, constants))
    }

    /// The plan of `graph` with fused kernels in the place of sequences of ops: the same results within rounding, fewer
    /// dispatches and trips through memory.
    ///
    /// # Errors
    /// Fails as [`Plan::new`] does.
    pub fn fused(graph: &Graph, target: &Target) -> Result<Plan> {
        let graph = schedule::updates_last(&fuse(graph, target), target);
        let stages = schedule::side_by_side(&graph, target);
        Plan::build(graph, stages, *target, |kernel, grid, constants| choose(target, kernel, grid, constants))
    }

    /// The plan of `graph` with a choice of variants by kernel, grid and constants, each dispatch a launch. Tests
    /// and the autotuner use it.
    ///
    /// # Errors
    /// Fails as [`Plan::new`] does.
    pub fn with_variants(
        graph: Graph,
        choose: impl Fn(&'static KernelSpec, &Grid, &Constants) -> &'static Variant,
    ) -> Result<Plan> {
        let stages = schedule::one_by_one(&graph);
        Plan::build(graph, stages, Target::DOWNLEVEL, choose)
    }

    fn build(
        graph: Graph,
        stages: Vec<Stages>,
        target: Target,
        choose: impl Fn(&'static KernelSpec, &Grid, &Constants) -> &'static Variant,
    ) -> Result<Plan> {
        let (buffers, places) = memory::place(&graph, &stages)?;
        let mut plan = Plan { graph, buffers, phases: Vec::new(), places, stages, target };
        for phase in plan.graph.phases() {
            let nodes = &plan.graph.nodes()[phase.nodes.clone()];
            let dispatches = nodes.iter().map(|node| plan.dispatch(node, &choose)).collect::<Result<_>>()?;
            let phase = Phase { name: phase.name.clone(), dispatches, launches: Vec::new() };
            plan.phases.push(phase);
        }
        if target.profile.compiles_slowly {
            plan.phases.iter_mut().for_each(|phase| share(&mut phase.dispatches));
        }
        plan.set_launches()?;
        Ok(plan)
    }

    /// Replaces the variant of each dispatch by the one that `choose` returns for the phase's name and the dispatch.
    /// Buffers and parameters stay as they are.
    ///
    /// # Errors
    /// What `choose` returns.
    pub fn choose_again(mut self, choose: impl Fn(&str, &Dispatch) -> Result<&'static Variant>) -> Result<Plan> {
        for phase in &mut self.phases {
            for dispatch in &mut phase.dispatches {
                dispatch.variant = choose(&phase.name, dispatch)?;
                dispatch.workgroups = dispatch.op.workgroups(&dispatch.grid, dispatch.variant);
            }
        }
        self.set_launches()?;
        Ok(self)
    }

    /// Divides the dispatches anew so that each launch stays within `budget`. Which kernels run side by side does not
    /// change, because memory is shared accordingly.
    ///
    /// # Errors
    /// None, if the plan is whole.
    pub fn within(mut self, budget: LaunchBudget) -> Result<Plan> {
        self.target.budget = LaunchBudget { kernels: self.target.budget.kernels, ..budget };
        self.set_launches()?;
        Ok(self)
    }

    fn dispatch(
        &self,
        node: &Node,
        choose: impl Fn(&'static KernelSpec, &Grid, &Constants) -> &'static Variant,
    ) -> Result<Dispatch> {
        let kernel = node.op.spec();
        let shapes: Vec<&Shape> = node.inputs.iter().chain(&node.outputs).map(|&id| self.graph.shape(id)).collect();
        let params = node.op.params(&shapes)?;
        let specialization = node.op.constants();
        let grid = node.op.grid(&shapes);
        let variant = choose(kernel, &grid, &specialization);
        let workgroups = node.op.workgroups(&grid, variant);

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
            grid,
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

/// Lets products in registers that are one kernel share the largest variant that one of them has, which the others run as
/// well: it is compiled once.
fn share(dispatches: &mut [Dispatch]) {
    let in_registers = |dispatch: &Dispatch| dispatch.variant.class == Class::Registers;
    for at in 0..dispatches.len() {
        let dispatch = &dispatches[at];
        let variants = dispatch.kernel.variants;
        let number = |variant: &Variant| variants.iter().position(|other| other.name == variant.name);
        let is_same = |other: &&Dispatch| {
            std::ptr::eq(other.kernel, dispatch.kernel) && other.specialization == dispatch.specialization
        };
        let fits = |variant: &&'static Variant| (variant.accepts)(&dispatch.grid, &dispatch.specialization);
        let others = dispatches.iter().filter(is_same).filter(|other| in_registers(other));
        let largest = others.map(|other| other.variant).filter(fits).max_by_key(|variant| number(variant));
        if let (true, Some(variant)) = (in_registers(dispatch), largest) {
            let workgroups = dispatch.op.workgroups(&dispatch.grid, variant);
            (dispatches[at].variant, dispatches[at].workgroups) = (variant, workgroups);
        }
    }
}
