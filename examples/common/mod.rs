//! What the examples share: the device named on the command line, and a folder for pictures.
#![allow(dead_code)]

pub mod plot;

use anygrad::Result;
use anygrad::backend::{Device, Request, Work};
use std::path::PathBuf;

/// The device named by `--device` (`cpu` without it): `cargo run --release --example 01_xor -- --device gpu`.
pub fn device() -> Result<Device> {
    env_logger::init();
    let mut arguments = std::env::args().skip_while(|argument| argument != "--device");
    let request: Request = match arguments.nth(1) {
        Some(name) => name.parse()?,
        None => Request::Cpu,
    };
    let choice = pollster::block_on(Device::choose(&request, Work::default()))?;
    println!("device: {}", choice.device.device_name());
    Ok(choice.device)
}

/// Where pictures go: `target/examples/NAME`.
pub fn picture(name: &str) -> PathBuf {
    let folder = PathBuf::from("target/pictures");
    std::fs::create_dir_all(&folder).expect("a folder for pictures");
    folder.join(name)
}
