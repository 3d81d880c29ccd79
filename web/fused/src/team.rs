//! A product on several threads, each an instance of this module on the memory of the engine.

use crate::job::{Job, Team};
use crate::task::{compute, tasks};
use core::arch::wasm32::{memory_atomic_notify, memory_atomic_wait32};
use core::sync::atomic::Ordering::SeqCst;

/// How often an idle thread looks for a job before it sleeps: about 0.1 ms.
const LOOKS: u32 = 50_000;

/// Sets the job's C, with the threads that [`work`] for the team.
///
/// # Safety
/// The job says what is valid for reading and writing, and no other thread looks at its C until this returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multiply(team: *const Team, job: *const Job) {
    // SAFETY: the caller's.
    let (to_all, job) = unsafe { (&*team, &*job) };
    let (tasks, places) = (tasks(job), to_all.places.load(SeqCst));
    for i in 0..job.ranges {
        // SAFETY: there is a place for every range.
        let (next, end) = unsafe { (&(*places.add(i)).next, &(*places.add(i)).end) };
        next.store((i * tasks / job.ranges) as u32, SeqCst);
        end.store(((i + 1) * tasks / job.ranges) as u32, SeqCst);
    }
    to_all.job.store((&raw const *job).cast_mut(), SeqCst);
    to_all.epoch.fetch_add(1, SeqCst);
    if to_all.asleep.load(SeqCst) > 0 {
        // SAFETY: the address is that of the team's number.
        unsafe { memory_atomic_notify(to_all.epoch.as_ptr().cast(), u32::MAX) };
    }
    // SAFETY: the caller's.
    unsafe { take_tasks(to_all, job, 0) };
    // From here on nobody enters; those inside have what was to be done, and end it.
    to_all.job.store(core::ptr::null_mut(), SeqCst);
    while to_all.inside.load(SeqCst) != 0 {
        core::hint::spin_loop();
    }
}

/// Helps with the team's jobs for ever.
///
/// # Safety
/// As long as the team is there, [`multiply`] alone is called with it, by one thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn work(team: *const Team) {
    // SAFETY: the caller's.
    let team = unsafe { &*team };
    let member = team.members.fetch_add(1, SeqCst) as usize + 1;
    let mut seen = 0;
    loop {
        wait_for_news(team, seen);
        // Whoever sets a job waits for those inside; who is inside before it is taken back may read it.
        team.inside.fetch_add(1, SeqCst);
        seen = team.epoch.load(SeqCst);
        let job = team.job.load(SeqCst);
        if !job.is_null() {
            // SAFETY: a job that is set is valid until nobody is inside.
            unsafe { take_tasks(team, &*job, member) };
        }
        team.inside.fetch_sub(1, SeqCst);
    }
}

/// Looks for a while whether there was a job since, then sleeps until there is.
fn wait_for_news(team: &Team, seen: u32) {
    for _ in 0..LOOKS {
        if team.epoch.load(SeqCst) != seen {
            return;
        }
    }
    team.asleep.fetch_add(1, SeqCst);
    // SAFETY: the address is that of the team's number. If it is another one by now, this returns at once.
    unsafe { memory_atomic_wait32(team.epoch.as_ptr().cast(), seen.cast_signed(), -1) };
    team.asleep.fetch_sub(1, SeqCst);
}

/// Does tasks of the job until none is left: those of the thread's own range, then what others have not begun.
unsafe fn take_tasks(team: &Team, job: &Job, member: usize) {
    let places = team.places.load(SeqCst);
    let mut copied = None;
    for i in 0..job.ranges {
        let range = places.wrapping_add((member + i) % job.ranges);
        // SAFETY: there is a place for every thread that has a range, and for this one; of others the numbers alone are touched.
        let (next, end, own) = unsafe { (&(*range).next, &(*range).end, places.add(member)) };
        loop {
            let task = next.fetch_add(1, SeqCst);
            if task >= end.load(SeqCst) {
                break;
            }
            // SAFETY: the task is one of C's, and its number came once.
            unsafe { compute(job, task as usize, own, &mut copied) };
        }
    }
}
