//! Sums of products in WebAssembly's relaxed vectors, whose multiply-add is rounded once where the processor's is. They work in
//! the memory of the engine, which calls them by its table of functions (src/cpu/product/fused.rs there says what it passes);
//! where that memory is shared, other instances of this module help.
//!
//! The module has no memory, no data and no stack of its own: what these would overwrite is the engine's. So nothing here has its
//! address taken, and the linker gives it a stack of no bytes, on which the first use is a trap (a test: web/tests/run.mjs).
#![no_std]
#![feature(stdarch_wasm_atomic_wait)]

#[path = "../../../src/cpu/product/job.rs"]
mod job;
mod task;
mod team;
mod tile;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
