//! Files that the page was given, by their names.

use anygrad::data::HeldFiles;
use js_sys::{Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

/// The files of an object of byte arrays; none if it is undefined.
pub fn of_object(files: &JsValue) -> HeldFiles {
    if !files.is_object() {
        return HeldFiles::default();
    }
    let names = Object::keys(files.unchecked_ref::<Object>());
    names
        .iter()
        .filter_map(|name| Some((name.as_string()?, Reflect::get(files, &name).ok()?)))
        .fold(HeldFiles::default(), |held, (name, bytes)| held.with(name, Uint8Array::new(&bytes).to_vec()))
}
