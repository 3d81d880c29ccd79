//! Threads that share the parts of one loop. They are kept, and stay awake for a moment after each loop: a product of
//! a small net takes less time than waking a thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// How often an idle thread looks for work before it sleeps: about 0.1 ms.
const LOOKS: u32 = 4000;

/// Runs `body` on each chunk of `len` elements of `data`, the last perhaps shorter, with the chunk's number.
/// The chunks are shared among `threads` threads at most; which thread takes which is left to chance.
#[allow(unsafe_code)]
pub(super) fn for_each_chunk<T: Send>(
    threads: usize,
    data: &mut [T],
    len: usize,
    body: impl Fn(usize, &mut [T]) + Sync,
) {
    let (total, parts) = (data.len(), data.len().div_ceil(len));
    let helpers = threads.min(parts).saturating_sub(1);
    let team = if helpers == 0 { None } else { Team::get() };
    // Another loop has the threads, perhaps the one that this is a part of.
    let turn = team.and_then(|team| Some((team, team.turn.try_lock().ok()?)));
    let Some((team, _turn)) = turn else {
        data.chunks_mut(len).enumerate().for_each(|(i, chunk)| body(i, chunk));
        return;
    };
    let start = Start(data.as_mut_ptr());
    team.run(helpers, parts, &|part| {
        let first = part * len;
        // SAFETY: `part < parts`, so the chunk lies within `data`, which is borrowed mutably until `run` returns. `run`
        // gives each number to one thread only, so that no two of these slices overlap. `T: Send` may go there.
        let chunk = unsafe { std::slice::from_raw_parts_mut(start.at(first), len.min(total - first)) };
        body(part, chunk);
    });
}

/// Threads this process may use.
pub(super) fn available() -> usize {
    Team::get().map_or(1, |team| team.workers + 1)
}

/// The start of a slice whose parts go to different threads.
struct Start<T>(*mut T);

// SAFETY: the pointer is only used by `for_each_chunk`, which makes disjoint slices of it, of elements that are `Send`.
#[allow(unsafe_code)]
unsafe impl<T: Send> Sync for Start<T> {}

impl<T> Start<T> {
    fn at(&self, index: usize) -> *mut T {
        self.0.wrapping_add(index)
    }
}

/// One loop, as the threads see it.
#[derive(Clone, Copy)]
struct Job {
    body: &'static (dyn Fn(usize) + Sync),
    parts: usize,
    helpers: usize,
}

/// The threads of this process besides the callers.
struct Team {
    workers: usize,
    /// Held by the caller whose loop runs.
    turn: Mutex<()>,
    /// The loop that threads may enter.
    job: Mutex<Option<Job>>,
    wake: Condvar,
    /// Number of loops so far.
    epoch: AtomicUsize,
    /// Threads that are asleep.
    asleep: AtomicUsize,
    /// Threads in the current loop, and how many have been.
    inside: AtomicUsize,
    entered: AtomicUsize,
    /// The next part that nobody has taken.
    next: AtomicUsize,
    panicked: AtomicBool,
}

impl Team {
    /// `None` where there is one processor, or threads cannot be had.
    fn get() -> Option<&'static Team> {
        static TEAM: OnceLock<Option<&'static Team>> = OnceLock::new();
        *TEAM.get_or_init(|| {
            if cfg!(target_arch = "wasm32") {
                return None;
            }
            let workers = std::thread::available_parallelism().map_or(1, usize::from) - 1;
            let team: &'static Team = Box::leak(Box::new(Team {
                workers,
                turn: Mutex::new(()),
                job: Mutex::new(None),
                wake: Condvar::new(),
                epoch: AtomicUsize::new(0),
                asleep: AtomicUsize::new(0),
                inside: AtomicUsize::new(0),
                entered: AtomicUsize::new(0),
                next: AtomicUsize::new(0),
                panicked: AtomicBool::new(false),
            }));
            let started = (0..workers)
                .filter(|i| std::thread::Builder::new().name(format!("anygrad {i}")).spawn(|| team.work()).is_ok());
            (started.count() > 0).then_some(team)
        })
    }

    fn job(&self) -> MutexGuard<'_, Option<Job>> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `body` with each number below `parts`, each once, here and in up to `helpers` threads. The caller holds
    /// `turn`.
    #[allow(unsafe_code)]
    fn run(&self, helpers: usize, parts: usize, body: &(dyn Fn(usize) + Sync)) {
        // SAFETY: only the lifetime changes. Threads get at `body` through `job` alone, and count themselves in
        // `inside` while they hold that lock. `Close`, dropped before this function is left in any way, empties `job`
        // under the lock and then waits until `inside` is 0: from there on no thread has it or can get it.
        let body: &'static (dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(body) };
        self.next.store(0, Ordering::Relaxed);
        self.entered.store(0, Ordering::Relaxed);
        self.panicked.store(false, Ordering::Relaxed);
        {
            let mut job = self.job();
            let close = Close(self);
            *job = Some(Job { body, parts, helpers });
            self.epoch.fetch_add(1, Ordering::Release);
            for _ in 0..helpers.min(self.asleep.load(Ordering::Relaxed)) {
                self.wake.notify_one();
            }
            drop(job);
            self.take_parts(parts, body);
            drop(close);
        }
        assert!(!self.panicked.load(Ordering::Relaxed), "a thread of the CPU backend panicked");
    }

    fn take_parts(&self, parts: usize, body: &(dyn Fn(usize) + Sync)) {
        loop {
            let part = self.next.fetch_add(1, Ordering::Relaxed);
            if part >= parts {
                return;
            }
            body(part);
        }
    }

    /// What each thread does for ever.
    fn work(&self) {
        let mut seen = 0;
        loop {
            self.wait_for_news(seen);
            let job = self.job();
            seen = self.epoch.load(Ordering::Relaxed);
            let Some(current) = *job else { continue };
            if self.entered.load(Ordering::Relaxed) >= current.helpers {
                continue;
            }
            self.entered.fetch_add(1, Ordering::Relaxed);
            self.inside.fetch_add(1, Ordering::Relaxed);
            drop(job);
            // `body` borrows nothing that this thread looks at after a panic.
            if catch_unwind(AssertUnwindSafe(|| self.take_parts(current.parts, current.body))).is_err() {
                self.panicked.store(true, Ordering::Relaxed);
            }
            self.inside.fetch_sub(1, Ordering::Release);
        }
    }

    fn wait_for_news(&self, seen: usize) {
        for _ in 0..LOOKS {
            if self.epoch.load(Ordering::Acquire) != seen {
                return;
            }
            std::hint::spin_loop();
        }
        let mut job = self.job();
        self.asleep.fetch_add(1, Ordering::Relaxed);
        while self.epoch.load(Ordering::Relaxed) == seen {
            job = self.wake.wait(job).unwrap_or_else(PoisonError::into_inner);
        }
        self.asleep.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Ends a loop, also when a part panics: nobody may enter any more, and those inside have left.
struct Close<'a>(&'a Team);

impl Drop for Close<'_> {
    fn drop(&mut self) {
        *self.0.job() = None;
        let mut looks = 0;
        while self.0.inside.load(Ordering::Acquire) > 0 {
            looks += 1;
            // The system may have given the thread's processor to someone else.
            if looks < LOOKS { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chunk_is_visited_once_from_several_callers_at_a_time() {
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for len in [1, 3, 64, 1000] {
                        for _ in 0..200 {
                            let mut data = vec![0usize; 997];
                            for_each_chunk(4, &mut data, len, |i, chunk| {
                                chunk.iter_mut().enumerate().for_each(|(j, x)| *x += i * len + j + 1);
                            });
                            assert!(data.iter().enumerate().all(|(i, &x)| x == i + 1));
                        }
                    }
                });
            }
        });
    }

    #[test]
    fn loops_may_be_nested() {
        let mut data = vec![0; 64];
        for_each_chunk(4, &mut data, 16, |_, outer| for_each_chunk(4, outer, 2, |_, inner| inner.fill(1)));
        assert_eq!(data, [1; 64]);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_threads_go_on() {
        for bad in [0, 7] {
            let result = catch_unwind(|| for_each_chunk(4, &mut [0; 8], 1, |i, _| assert!(i != bad, "as expected")));
            assert!(result.is_err());
        }
        let mut data = [0; 100];
        for_each_chunk(4, &mut data, 1, |_, x| x[0] += 1);
        assert_eq!(data, [1; 100]);
    }
}
