//! A plan as a table for people: every dispatch with its kernel, variant, buffers and workgroups.

use super::{Phase, Plan};
use crate::kernel::Access;
use std::fmt;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for phase in &self.phases {
            writeln!(
                f,
                "phase {} ({} kernels in {} launches)",
                phase.name,
                phase.dispatches.len(),
                phase.launches.len()
            )?;
            self.write_phase(f, phase)?;
        }
        let memory = self.memory();
        writeln!(
            f,
            "memory: {} B of parameters, {} B of data and state, {} B of intermediates ({} B without sharing), {} B in all",
            memory.parameters,
            memory.state,
            memory.intermediates,
            memory.intermediates_unshared,
            memory.total()
        )
    }
}

impl Plan {
    fn write_phase(&self, f: &mut fmt::Formatter<'_>, phase: &Phase) -> fmt::Result {
        for (i, dispatch) in phase.dispatches.iter().enumerate() {
            let operands = |written: bool| {
                let chosen = dispatch.buffers.iter().filter(|b| (b.access == Access::Write) == written);
                let names: Vec<String> = chosen
                    .map(|b| {
                        let value = self.value(b.value);
                        format!("{}{} @{}", value.name, value.shape, b.place.buffer.index())
                    })
                    .collect();
                names.join(", ")
            };
            let [x, y, _] = dispatch.workgroups;
            let groups = if y == 1 { x.to_string() } else { format!("{x}×{y}") };
            let kernel = format!("{}/{}", dispatch.kernel.name, dispatch.variant.name);
            writeln!(f, "  {i:>3}  {kernel:<34} {groups:>7} groups  {} → {}", operands(false), operands(true))?;
        }
        Ok(())
    }
}
