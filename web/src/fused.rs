//! The loop of the matrix product that a module of its own has (web/fused), where the browser takes it.

use anygrad::{FusedTile, use_fused_tile};
use wasm_bindgen::prelude::wasm_bindgen;

/// Lets the CPU multiply by the function at a place of the table of functions: `tile` of web/fused, for which the caller has made
/// sure that it rounds a multiply-add once. What parts.js does when it loads the engine.
#[wasm_bindgen(js_name = useFusedTile)]
#[allow(unsafe_code)]
pub fn use_fused(place: usize) {
    // SAFETY: a pointer to a function is its place in the table, from which a call fails if the function there has another
    // type; and parts.js has put the function there that web/fused says what it reads and writes.
    unsafe { use_fused_tile(std::mem::transmute::<usize, FusedTile>(place)) }
}
