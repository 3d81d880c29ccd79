//! The device of a run in a browser: WebGPU where there is an adapter, else the CPU, and why.

use anygrad::backend::{Choice, Device, Request, Work};
use anygrad::{Error, Result};

/// The device that a recipe asks for. Where it leaves the choice open, WebGPU is taken if there is any.
pub async fn choose(request: &Request) -> Result<Choice> {
    if *request != Request::Auto {
        return Device::choose(request, Work::default()).await;
    }
    match Device::choose(&Request::Gpu, Work::default()).await {
        Ok(choice) => Ok(Choice { reason: "the browser offers WebGPU".into(), ..choice }),
        Err(Error::NoDevice { .. }) => {
            let reason = "the browser offers no WebGPU adapter, so that the processor trains".into();
            Ok(Choice { device: Device::Cpu, reason })
        }
        Err(error) => Err(error),
    }
}
