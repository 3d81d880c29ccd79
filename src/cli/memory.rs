//! Memory that cannot be had ends the program in one line, not in an abort.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

/// Blocks of at most so many bytes end the program where they cannot be had. Larger ones are asked for by code that can do
/// without, or says what it wanted them for.
const SMALL: usize = 1 << 20;

/// The system's allocator, which does not go on without small blocks.
pub struct Allocator;

// SAFETY: each function hands its arguments to the system's allocator and returns what that returns, unless it does not
// return at all; so it keeps the contract that the system's allocator keeps.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        checked(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        checked(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above; the block comes from the system's allocator.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above; the block comes from the system's allocator.
        checked(unsafe { System.realloc(block, layout, size) }, size)
    }
}

#[inline]
fn checked(block: *mut u8, size: usize) -> *mut u8 {
    if block.is_null() && size <= SMALL {
        give_up();
    }
    block
}

#[cold]
fn give_up() -> ! {
    static IS_ENDING: AtomicBool = AtomicBool::new(false);
    // One thread has the word; the others wait for the end.
    if IS_ENDING.swap(true, Ordering::SeqCst) {
        loop {
            std::thread::sleep(std::time::Duration::from_secs(1));
        }
    }
    let message = b"error: there is not enough memory; use fewer rows or columns, or a machine with more\n";
    let _ = std::io::stderr().write_all(message);
    std::process::exit(1)
}
