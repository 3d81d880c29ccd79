//! Ctrl-C and the other signals that ask the program to end: the first ends the step, the second the program.

use super::output::note;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// The exit code of a run that a signal has stopped.
pub const INTERRUPTED: u8 = 130;

/// Within this time a second signal is the first one.
const TWICE: Duration = Duration::from_millis(500);

static IS_INTERRUPTED: AtomicBool = AtomicBool::new(false);
static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Set by the first signal; from the first call of this on. Where signals cannot be caught, they end the program.
pub fn stop() -> Arc<AtomicBool> {
    let install = || {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let mut first = None;
        let _ = ctrlc::set_handler(move || {
            // What starts programs for others hands a signal on, so that one comes twice.
            let first = first.get_or_insert_with(Instant::now);
            if !seen.swap(true, Ordering::Relaxed) {
                note("\nstopping behind this step; once more stops at once");
            } else if first.elapsed() > TWICE {
                std::process::exit(i32::from(INTERRUPTED));
            }
        });
        stop
    };
    STOP.get_or_init(install).clone()
}

/// Takes down that a signal has stopped a run. A signal that comes when the run is over changes nothing.
pub fn set_interrupted() {
    IS_INTERRUPTED.store(true, Ordering::Relaxed);
}

/// Whether a signal has stopped a run.
pub fn is_interrupted() -> bool {
    IS_INTERRUPTED.load(Ordering::Relaxed)
}
