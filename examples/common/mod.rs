//! What the examples share: the device named on the command line, models by hand and in part, a folder for pictures.
#![allow(dead_code)]

pub mod plane;
pub mod plot;

use anygrad::Result;
use anygrad::backend::{Device, Request, Work};
use anygrad::data::Dataset;
use anygrad::model::Model;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::train::Trainer;
use std::path::PathBuf;

/// What an example that also draws returns.
pub type Outcome<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

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

/// Where pictures go: `target/pictures/NAME`.
pub fn picture(name: &str) -> PathBuf {
    let folder = PathBuf::from("target/pictures");
    std::fs::create_dir_all(&folder).expect("a folder for pictures");
    folder.join(name)
}

/// The model with these weights, tensor by tensor in the order of `Sequential::initialize`: no epoch is trained.
pub fn by_hand(layers: &Sequential, values: &[Vec<f32>], data: &Dataset, device: &Device) -> Result<Model> {
    let mut tensors = layers.initialize(0)?;
    for (tensor, values) in tensors.iter_mut().zip(values) {
        tensor.data.clone_from(values);
    }
    let mut trainer = Trainer::new(layers.clone(), Loss::mean_squared_error(), Sgd::new(0.0))
        .initial(tensors)
        .epochs(0)
        .on(device.clone());
    pollster::block_on(trainer.fit_rows(data, None))?;
    trainer.model().cloned()
}

/// The model up to its first `count` layers.
pub fn first_layers(model: &Model, count: usize) -> Result<Model> {
    let layers = &model.architecture.description()[..count];
    let architecture = Sequential::from_description(model.architecture.input_width(), layers)?;
    let kept = architecture.initialize(0)?.len();
    Ok(Model { architecture, tensors: model.tensors[..kept].to_vec(), ..model.clone() })
}
