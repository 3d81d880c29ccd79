//! Kernels compiled on all processors before a run needs them. A browser does so by itself, and its devices stay on one thread.

use super::device::GpuDevice;
use super::pipelines::{Module, modules};
use super::warm_up::warm_up;
use crate::error::Result;
use crate::plan::Plan;
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Compiles what the plan needs.
pub(super) fn compile_ahead(device: &GpuDevice, plan: &Plan) -> Result<()> {
    warm_up(device, plan)?;
    let missing = modules(plan).filter(|module| !device.pipelines.has(module));
    let needed: BTreeMap<_, Module<'_>> = missing.map(|module| (module.key(), module)).collect();
    let needed = Vec::from_iter(needed.into_values());
    let compile = |module: &Module<'_>| pollster::block_on(device.pipelines.compiled(&device.handle, module)).map(drop);
    in_parallel(&needed, usize::MAX, drop, |(), module| compile(module))
}

/// Does work on items on all processors, but on no more than `most`; each thread, by its number, starts with a state.
pub(super) fn in_parallel<T: Sync, S>(
    items: &[T],
    most: usize,
    start: impl Fn(usize) -> S + Sync,
    work: impl Fn(&S, &T) -> Result<()> + Sync,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let take = || items.get(next.fetch_add(1, Ordering::Relaxed));
    let share = |thread| {
        let state = start(thread);
        std::iter::from_fn(take).try_for_each(|item| work(&state, item))
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len()).min(most);
    std::thread::scope(|scope| {
        let share = &share;
        // Where a thread cannot be had, the others do its share.
        let spawn = |thread| std::thread::Builder::new().spawn_scoped(scope, move || share(thread)).ok();
        let others: Vec<_> = (1..threads).map_while(spawn).collect();
        let own = share(0);
        // A thread does not panic but by a defect, which is to show here.
        others
            .into_iter()
            .fold(own, |so_far, other| so_far.and(other.join().unwrap_or_else(|panic| resume_unwind(panic))))
    })
}
