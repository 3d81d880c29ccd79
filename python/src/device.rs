//! Devices, opened once for a process: opening a GPU takes longer than most predictions.

use anygrad::backend::{Choice, Device, Request, Work};
use anygrad::{Result, wait};
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

static OPENED: LazyLock<Mutex<HashMap<(u32, String), Choice>>> = LazyLock::new(Mutex::default);

/// The device for a request. What `auto` is depends on the work.
pub fn device(request: &Request, work: Work) -> Result<Choice> {
    let choose = || wait(Device::choose(request, work));
    if *request == Request::Auto && work.favors_cpu() {
        // Whoever looks for adapters wakes every driver of the machine.
        return Ok(Choice { device: Device::Cpu, reason: "expected to be faster than a GPU on so little work".into() });
    }
    let opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner).get(&key(request)).cloned();
    match opened.filter(is_live) {
        Some(choice) => Ok(choice),
        None => Ok(remembered(request, choose()?)),
    }
}

/// By process, because none of a parent's devices can be used after a fork.
fn key(request: &Request) -> (u32, String) {
    (std::process::id(), request.to_string())
}

fn is_live(choice: &Choice) -> bool {
    choice.device.state() == anygrad::backend::gpu::DeviceState::Live
}

fn remembered(request: &Request, choice: Choice) -> Choice {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let known = opened.entry(key(request)).or_insert_with(|| choice.clone());
    if !is_live(known) {
        *known = choice;
    }
    known.clone()
}
