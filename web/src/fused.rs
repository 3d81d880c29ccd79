//! The loop of the matrix product that a module of its own has (web/fused), where the browser takes it, and the threads that
//! share it.

use crate::device::THREADS;
use anygrad::{FusedProduct, FusedTile, use_fused_tile, use_help};
use js_sys::{Function, WebAssembly::Table};
use std::sync::atomic::Ordering;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

/// Puts a function into the table of functions: a pointer to it is its place there, from which a call fails if the function has
/// another type.
fn placed(function: &Function) -> Result<usize, JsValue> {
    let table: Table = wasm_bindgen::function_table().unchecked_into();
    let place = table.grow(1)?;
    table.set(place, function)?;
    Ok(place as usize)
}

/// Lets the CPU multiply by `tile` of web/fused, of which parts.js, which calls this, has made sure that it rounds a multiply-add
/// once.
///
/// # Errors
/// If the table of functions takes no more.
#[wasm_bindgen(js_name = useFusedTile)]
#[allow(unsafe_code)]
pub fn use_fused(tile: &Function) -> Result<(), JsValue> {
    let place = placed(tile)?;
    // SAFETY: see `placed` for the pointer; and web/fused says what the function reads and writes.
    unsafe { use_fused_tile(std::mem::transmute::<usize, FusedTile>(place)) };
    Ok(())
}

/// Lets the CPU multiply by `multiply` of web/fused, together with so many threads, which are to `work` for the team at the
/// address that it returns. parts.js, which calls this, has made sure that memory is shared with them.
///
/// # Errors
/// If the table of functions takes no more.
#[wasm_bindgen(js_name = useHelp)]
#[allow(unsafe_code)]
pub fn help(multiply: &Function, threads: usize) -> Result<usize, JsValue> {
    let place = placed(multiply)?;
    // SAFETY: see `placed` for the pointer; and web/fused says what the function and the threads read and write.
    let team = unsafe { use_help(std::mem::transmute::<usize, FusedProduct>(place), threads) };
    THREADS.store(threads + 1, Ordering::Relaxed);
    Ok(std::ptr::from_ref(team) as usize)
}
