//! Work on several threads whose results are taken in the order of the tasks.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError, mpsc};

/// Calls `next` for tasks, `work` on up to `threads` threads with each, and `take` with the results, in the order of the
/// tasks and on this thread, until there are no tasks or `take` breaks. At most two tasks a thread are under way. Where
/// no further thread can be had it goes on with those there are, in the end with this one alone.
pub(super) fn in_order<T: Send, R: Send>(
    threads: usize,
    mut next: impl FnMut() -> Option<T>,
    work: impl Fn(T) -> R + Sync,
    mut take: impl FnMut(R) -> ControlFlow<()>,
) {
    // Where there are none to be had, the compiler leaves out all that handles them.
    if threads <= 1 || cfg!(target_arch = "wasm32") {
        while let Some(task) = next() {
            if take(work(task)).is_break() {
                return;
            }
        }
        return;
    }
    std::thread::scope(|scope| {
        let (tasks, to_do) = mpsc::channel::<(usize, T)>();
        let (done, results) = mpsc::channel();
        let to_do = Mutex::new(to_do);
        // The threads hold it together, so that it outlives this closure.
        let to_do = std::sync::Arc::new(to_do);
        let mut running = 0;
        for _ in 0..threads {
            let (to_do, done, work) = (to_do.clone(), done.clone(), &work);
            let body = move || {
                loop {
                    let task = to_do.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((number, task)) = task else { return };
                    let result = catch_unwind(AssertUnwindSafe(|| work(task)));
                    if done.send((number, result)).is_err() {
                        return;
                    }
                }
            };
            if std::thread::Builder::new().spawn_scoped(scope, body).is_err() {
                break;
            }
            running += 1;
        }
        if running == 0 {
            while let Some(task) = next() {
                if take(work(task)).is_break() {
                    return;
                }
            }
            return;
        }
        let (mut given, mut taken, mut is_out) = (0, 0, false);
        let mut early = BTreeMap::new();
        loop {
            while !is_out && given < taken + 2 * running {
                let sent = next().is_some_and(|task| tasks.send((given, task)).is_ok());
                given += usize::from(sent);
                is_out = !sent;
            }
            if taken == given {
                return;
            }
            let Ok((number, result)) = results.recv() else { return };
            early.insert(number, result);
            while let Some(result) = early.remove(&taken) {
                taken += 1;
                match result {
                    Ok(result) => {
                        if take(result).is_break() {
                            return;
                        }
                    }
                    Err(panic) => resume_unwind(panic),
                }
            }
        }
    });
}
