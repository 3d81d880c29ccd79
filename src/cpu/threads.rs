//! Threads that share the tasks of one loop. They are kept, and stay awake for a moment after each loop: a product of
//! a small net takes less time than waking a thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// How often an idle thread looks for work before it sleeps: about 0.1 ms.
const LOOKS: u32 = 50_000;

/// Waits awake for a while; whether what was waited for has come.
///
/// Few of the looks are followed by a pause: a virtual machine that sees nothing but pauses takes the processor away.
fn look_for(has_come: impl Fn() -> bool) -> bool {
    for _ in 0..LOOKS / 50 {
        for _ in 0..50 {
            if has_come() {
                return true;
            }
        }
        std::hint::spin_loop();
    }
    false
}

/// Deals out the numbers below `tasks`: calls `body` on up to `threads` threads with those that this thread is to do,
/// so that each comes once. Every thread has a range of its own, the same in every loop of as many tasks, so that what
/// it wrote in one it finds in its cache in the next; when it is done it takes from the others' ranges.
pub(super) fn share(threads: usize, tasks: usize, body: impl Fn(Tasks<'_>) + Sync) {
    let helpers = threads.min(tasks).saturating_sub(1);
    let team = if helpers == 0 { None } else { Team::get() };
    // Another loop has the threads, perhaps the one that this is a part of.
    match team.and_then(|team| Some((team, team.turn.try_lock().ok()?))) {
        Some((team, _turn)) => team.run(helpers, tasks, &body),
        None => body(Tasks::of(&[Range::new(0, tasks)], 0)),
    }
}

/// The number that [`pretend_threads`] has set, 0 for none.
static PRETENDED: AtomicUsize = AtomicUsize::new(0);

/// Lets the CPU backend of the whole process divide its work as for so many threads, whatever there are: for tests of what
/// other machines compute. 0 ends it.
pub fn pretend_threads(threads: usize) {
    PRETENDED.store(threads, Ordering::Relaxed);
}

/// Threads this process may use.
pub(super) fn available() -> usize {
    match PRETENDED.load(Ordering::Relaxed) {
        0 => Team::get().map_or(1, |team| team.workers + 1),
        pretended => pretended,
    }
}

/// One loop, as the threads see it.
#[derive(Clone, Copy)]
struct Job {
    body: &'static (dyn Fn(Tasks<'_>) + Sync),
    helpers: usize,
}

/// The tasks of one thread that nobody has taken, in a line of the cache of its own.
#[repr(align(128))]
struct Range {
    next: AtomicUsize,
    end: AtomicUsize,
}

impl Range {
    const fn new(next: usize, end: usize) -> Self {
        Range { next: AtomicUsize::new(next), end: AtomicUsize::new(end) }
    }
}

/// The tasks that a thread takes: those of its own range, then what others have not begun.
pub(super) struct Tasks<'a> {
    ranges: &'a [Range],
    /// Number of the thread among those of the loop.
    pub member: usize,
    /// The range it takes from.
    range: usize,
    /// Ranges that may have tasks left.
    left: usize,
}

impl<'a> Tasks<'a> {
    fn of(ranges: &'a [Range], own: usize) -> Self {
        Tasks { ranges, member: own, range: own, left: ranges.len() }
    }
}

impl Iterator for Tasks<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.left > 0 {
            let range = &self.ranges[self.range];
            let task = range.next.fetch_add(1, Ordering::Relaxed);
            if task < range.end.load(Ordering::Relaxed) {
                return Some(task);
            }
            self.range = (self.range + 1) % self.ranges.len();
            self.left -= 1;
        }
        None
    }
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
    /// Threads in the current loop.
    inside: AtomicUsize,
    /// The range of tasks of the caller, then that of each worker.
    ranges: Vec<Range>,
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
                ranges: (0..=workers).map(|_| Range::new(0, 0)).collect(),
                panicked: AtomicBool::new(false),
            }));
            let start = |i: &usize| {
                let (i, thread) = (*i, std::thread::Builder::new().name(format!("anygrad {i}")));
                thread.spawn(move || team.work(i)).is_ok()
            };
            ((1..=workers).filter(start).count() > 0).then_some(team)
        })
    }

    fn job(&self) -> MutexGuard<'_, Option<Job>> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deals out the numbers below `tasks` to this thread and up to `helpers` others. The caller holds `turn`.
    #[allow(unsafe_code)]
    fn run(&self, helpers: usize, tasks: usize, body: &(dyn Fn(Tasks<'_>) + Sync)) {
        // SAFETY: only the lifetime changes. Threads get at `body` through `job` alone, and count themselves in
        // `inside` while they hold that lock. `Close`, dropped before this function is left in any way, empties `job`
        // under the lock and then waits until `inside` is 0: from there on no thread has it or can get it.
        let body: &'static (dyn Fn(Tasks<'_>) + Sync) = unsafe { std::mem::transmute(body) };
        let helpers = helpers.min(self.workers);
        for (i, range) in self.ranges[..=helpers].iter().enumerate() {
            range.next.store(i * tasks / (helpers + 1), Ordering::Relaxed);
            range.end.store((i + 1) * tasks / (helpers + 1), Ordering::Relaxed);
        }
        self.panicked.store(false, Ordering::Relaxed);
        {
            let mut job = self.job();
            let close = Close(self);
            *job = Some(Job { body, helpers });
            self.epoch.fetch_add(1, Ordering::Release);
            if self.asleep.load(Ordering::Relaxed) > 0 {
                self.wake.notify_all();
            }
            drop(job);
            body(self.tasks(0, helpers));
            drop(close);
        }
        assert!(!self.panicked.load(Ordering::Relaxed), "a thread of the CPU backend panicked");
    }

    /// The tasks of thread number `own` in a loop that `helpers` workers join.
    fn tasks(&self, own: usize, helpers: usize) -> Tasks<'_> {
        Tasks::of(&self.ranges[..=helpers], own)
    }

    /// What each thread does for ever. The first is number 1.
    fn work(&self, number: usize) {
        let mut seen = 0;
        loop {
            self.wait_for_news(seen);
            let job = self.job();
            seen = self.epoch.load(Ordering::Relaxed);
            let Some(current) = *job else { continue };
            if number > current.helpers {
                continue;
            }
            self.inside.fetch_add(1, Ordering::Relaxed);
            drop(job);
            // `body` borrows nothing that this thread looks at after a panic.
            let body = || (current.body)(self.tasks(number, current.helpers));
            if catch_unwind(AssertUnwindSafe(body)).is_err() {
                self.panicked.store(true, Ordering::Relaxed);
            }
            self.inside.fetch_sub(1, Ordering::Release);
        }
    }

    fn wait_for_news(&self, seen: usize) {
        if look_for(|| self.epoch.load(Ordering::Acquire) != seen) {
            return;
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
        while !look_for(|| self.0.inside.load(Ordering::Acquire) == 0) {
            // The system may have given the thread's processor to someone else.
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::parts::for_each_chunk;

    #[test]
    fn every_chunk_is_visited_once_from_several_callers_at_a_time() {
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for len in [1, 3, 64, 1000] {
                        for _ in 0..200 {
                            let mut data = vec![0usize; 997];
                            for_each_chunk(4, [&mut data[..]], len, |i, [chunk]| {
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
        for_each_chunk(4, [&mut data[..]], 16, |_, outer| for_each_chunk(4, outer, 2, |_, [inner]| inner.fill(1)));
        assert_eq!(data, [1; 64]);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_threads_go_on() {
        for bad in [0, 7] {
            let result =
                catch_unwind(|| for_each_chunk(4, [&mut [0; 8][..]], 1, |i, _| assert!(i != bad, "as expected")));
            assert!(result.is_err());
        }
        let mut data = [0; 100];
        for_each_chunk(4, [&mut data[..]], 1, |_, [x]| x[0] += 1);
        assert_eq!(data, [1; 100]);
    }
}
