//! Ctrl-C and the other signals that ask the program to end: the first ends the step, the second the program.

use super::output::note;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Within this time a second signal is the first one.
const TWICE: Duration = Duration::from_millis(500);

/// The exit code of a run that a signal has stopped; 0 if none has.
static STOPPED_BY: AtomicU8 = AtomicU8::new(0);
/// The exit code of the first signal.
static SIGNALLED: AtomicU8 = AtomicU8::new(0);
static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Set by the first signal; from the first call of this on. Where signals cannot be caught, they end the program.
pub fn stop() -> Arc<AtomicBool> {
    let install = || {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let mut first = None;
        listen(move |code| {
            // What starts programs for others hands a signal on, so that one comes twice.
            let first = first.get_or_insert_with(Instant::now);
            if !seen.swap(true, Ordering::Relaxed) {
                SIGNALLED.store(code, Ordering::Relaxed);
                note("\nstopping behind this step; once more stops at once");
            } else if first.elapsed() > TWICE {
                std::process::exit(code.into());
            }
        });
        stop
    };
    STOP.get_or_init(install).clone()
}

/// Calls `take` with the exit code of each signal, 128 and its number.
#[cfg(unix)]
fn listen(mut take: impl FnMut(u8) + Send + 'static) {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| !is_ignored(signal));
    let wanted: Vec<i32> = wanted.collect();
    let run = move || {
        let Ok(mut signals) = signal_hook::iterator::Signals::new(wanted) else { return };
        signals.forever().for_each(|signal| take(128 + signal as u8));
    };
    // Without a thread for them signals end the program.
    let _ = std::thread::Builder::new().name("signals".into()).spawn(run);
}

/// Calls `take` with the exit code of each Ctrl-C, Ctrl-Break, or closing of the window.
#[cfg(not(unix))]
fn listen(mut take: impl FnMut(u8) + Send + 'static) {
    let _ = ctrlc::set_handler(move || take(130));
}

/// Whether the program was started to ignore a signal, as `nohup` does with SIGHUP; known on Linux.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (signal - 1)) != 0
}

/// Takes down that a signal has stopped a run. A signal that comes when the run is over changes nothing.
pub fn set_interrupted() {
    STOPPED_BY.store(SIGNALLED.load(Ordering::Relaxed), Ordering::Relaxed);
}

/// The exit code of the signal that has stopped a run, if one has.
pub fn stopped_by() -> Option<u8> {
    Some(STOPPED_BY.load(Ordering::Relaxed)).filter(|&code| code != 0)
}
