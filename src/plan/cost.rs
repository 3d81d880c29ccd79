//! What a plan costs beside arithmetic: bytes moved, and the limits of a device that it uses.

use super::{BoundBuffer, Dispatch, Phase, Plan};
use crate::kernel::{Access, Content, KernelSpec, combine};

/// Bytes of one entry in the ring of results.
const RING_ENTRY: u64 = 20;

/// The most of each limited resource that any launch of a plan uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Largest storage binding, in bytes.
    pub binding_bytes: u64,
    /// Storage buffers of a launch: of one kernel, or of several that run side by side.
    pub storage_buffers: u32,
    /// Bytes of workgroup memory of a launch.
    pub workgroup_bytes: u32,
    /// Invocations of a workgroup.
    pub workgroup_size: u32,
    /// Workgroups along one dimension.
    pub workgroups: u32,
}

/// How many storage buffers a kernel binds.
pub fn storage_buffers(spec: &'static KernelSpec) -> u32 {
    spec.buffers().count() as u32
}

impl Plan {
    /// The most of each limited resource that a launch of the plan uses, to compare with the limits of a device.
    ///
    /// ```
    /// use anygrad::{data, nn::{Loss, Sequential}, optim::Sgd, train::Trainer};
    /// let model = Sequential::new(2).linear(8).relu().linear(2);
    /// let plan = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1)).plan(&data::xor(64, 0)?, None)?;
    /// let usage = plan.usage();
    /// assert!(usage.storage_buffers <= 8 && usage.workgroup_size <= 256);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn usage(&self) -> Usage {
        let mut most = Usage::default();
        let launches = self.phases().iter().flat_map(|phase| phase.launches.iter().map(move |launch| (phase, launch)));
        for (phase, launch) in launches {
            let dispatches = phase.dispatches_of(launch);
            let storage = dispatches.clone().flat_map(|d| &d.buffers);
            let largest = storage.clone().map(|bound| 4 * bound.place.words as u64).max().unwrap_or(0);
            let workgroup_bytes = combine::workgroup_bytes(dispatches.clone().map(|d| d.variant));
            let workgroup_size = dispatches.map(|d| d.variant.workgroup_size).max().unwrap_or(0);
            let groups = phase.workgroups_of(launch).into_iter().max().unwrap_or(0);
            most.binding_bytes = most.binding_bytes.max(largest);
            most.storage_buffers = most.storage_buffers.max(storage.count() as u32);
            most.workgroup_bytes = most.workgroup_bytes.max(workgroup_bytes);
            most.workgroup_size = most.workgroup_size.max(workgroup_size);
            most.workgroups = most.workgroups.max(groups);
        }
        most
    }

    /// Bytes that a dispatch moves between the device and its memory. Each operand counts once, and twice if it is
    /// changed in place; of the dataset and its row order only the rows of the batch count, of the ring of results one
    /// entry.
    ///
    /// ```
    /// use anygrad::graph::{DType, Graph, Role};
    /// use anygrad::kernel::Target;
    /// use anygrad::ops::scale::Scale;
    /// use anygrad::plan::Plan;
    /// let mut graph = Graph::new();
    /// let x = graph.declare("x", [100, 10], DType::F32, Role::Input);
    /// graph.apply(Scale { factor: 2.0 }, &[x])?;
    /// let plan = Plan::new(graph, &Target::DOWNLEVEL)?;
    /// // 1000 floats of 4 bytes are read, and as many written.
    /// assert_eq!(plan.bytes_moved(&plan.phases()[0].dispatches[0]), 8000);
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    pub fn bytes_moved(&self, dispatch: &Dispatch) -> u64 {
        let rows = self.graph.batch_rows(dispatch.buffers.iter().map(|bound| bound.value));
        let bindings = dispatch.buffers.iter().zip(dispatch.kernel.buffers());
        let bytes = bindings.map(|(bound, binding)| match (binding.content, rows) {
            (Content::Ring, _) => RING_ENTRY,
            (Content::Dataset | Content::Order, Some(rows)) if bound.access == Access::Read => {
                self.bytes_of_rows(bound, rows)
            }
            _ => self.bytes_of(bound),
        });
        bytes.sum()
    }

    fn bytes_of(&self, bound: &BoundBuffer) -> u64 {
        let in_place = bound.access == Access::Write && !self.value(bound.value).role.is_produced();
        4 * bound.place.words as u64 * if in_place { 2 } else { 1 }
    }

    /// Bytes of `rows` rows of a value that has at least as many.
    fn bytes_of_rows(&self, bound: &BoundBuffer, rows: usize) -> u64 {
        let all = self.value(bound.value).shape.dims().first().copied().unwrap_or(1).max(1);
        (4 * bound.place.words as u64 * rows.min(all) as u64) / all as u64
    }

    /// Bytes that one run of a phase moves: the sum of [`Plan::bytes_moved`] over its dispatches.
    pub fn phase_bytes(&self, phase: &Phase) -> u64 {
        phase.dispatches.iter().map(|dispatch| self.bytes_moved(dispatch)).sum()
    }
}
