//! The device of a run in a browser: WebGPU where there is an adapter, else the CPU, and why.

use anygrad::backend::{Choice, Device, Request, Work};
use anygrad::{Error, Result};
use js_sys::{Reflect, global};
use std::sync::atomic::AtomicUsize;
use wasm_bindgen::JsValue;

const NONE: &str = "there is no WebGPU adapter here, so that the processor trains";

/// Threads of the processor that multiply.
pub static THREADS: AtomicUsize = AtomicUsize::new(1);

/// Whether WebGPU can be asked for at all: not in Node, say.
fn has_webgpu() -> bool {
    let of = |object: &JsValue, name: &str| Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED);
    let has_scope = ["Window", "WorkerGlobalScope"].iter().any(|name| !of(&global(), name).is_undefined());
    let navigator = of(&global(), "navigator");
    has_scope && navigator.is_object() && !of(&navigator, "gpu").is_undefined()
}

/// The device that a recipe asks for. Where it leaves the choice open, WebGPU is taken if there is any.
pub async fn choose(request: &Request) -> Result<Choice> {
    if *request != Request::Cpu && !has_webgpu() {
        return match request {
            Request::Auto => Ok(Choice { device: Device::Cpu, reason: NONE.into() }),
            _ => Err(Error::NoDevice {
                asked: request.to_string(),
                reason: "there is no WebGPU here; say device = \"cpu\", or \"auto\"".into(),
            }),
        };
    }
    if *request != Request::Auto {
        return Device::choose(request, Work::default()).await;
    }
    match Device::choose(&Request::Gpu, Work::default()).await {
        Ok(choice) => Ok(Choice { reason: "the browser offers WebGPU".into(), ..choice }),
        Err(Error::NoDevice { .. }) => Ok(Choice { device: Device::Cpu, reason: NONE.into() }),
        Err(error) => Err(error),
    }
}
