//! The loop of the matrix product that a module of its own has (web/fused), where the browser takes it.

use anygrad::{FusedTile, use_fused_tile};
use js_sys::{Function, WebAssembly::Table};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

/// Lets the CPU multiply by `tile` of web/fused, of which parts.js, which calls this, has made sure that it rounds a multiply-add
/// once.
///
/// # Errors
/// If the table of functions takes no more.
#[wasm_bindgen(js_name = useFusedTile)]
#[allow(unsafe_code)]
pub fn use_fused(tile: &Function) -> Result<(), JsValue> {
    let table: Table = wasm_bindgen::function_table().unchecked_into();
    let place = table.grow(1)?;
    table.set(place, tile)?;
    // SAFETY: a pointer to a function is its place in the table, from which a call fails if the function there has another type;
    // and web/fused says what the function reads and writes.
    unsafe { use_fused_tile(std::mem::transmute::<usize, FusedTile>(place as usize)) };
    Ok(())
}
