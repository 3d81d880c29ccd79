//! The lectures' 20-line NumPy net (1000 inputs, 100 sigmoid units, 10 outputs, no biases, Σ(ŷ−y)², learning rate 10⁻⁴,
//! 500 steps over all 64 rows): the same loss curve from the same initial values. Writes a picture.
//!
//! `cargo run --release --example 13_numpy_net -- --device cpu`

mod common;

use anygrad::data::{Dataset, Features, Targets};
use anygrad::nn::{Init, Linear, Loss, Sequential, Tensor};
use anygrad::optim::Sgd;
use anygrad::random::{Purpose, Stream, stream_key};
use anygrad::train::Trainer;
use common::plot::{Curve, Panel, Style, save};

const ROWS: usize = 64;
const INPUTS: usize = 1000;
const HIDDEN: usize = 100;
const OUTPUTS: usize = 10;

/// The losses that `tests/golden/numpy_net.py` computed with NumPy in f64.
const NUMPY: &str = include_str!("../tests/golden/numpy_net.json");

fn main() -> anygrad::Result<()> {
    let device = common::device()?;
    let names = (0..OUTPUTS).map(|i| format!("y{i}")).collect();
    let data = Dataset::new(
        "random",
        Features::F32 { width: INPUTS, data: normals(0, ROWS * INPUTS) },
        Targets::Values { names, data: normals(1, ROWS * OUTPUTS) },
    )?;

    let without_bias = |outputs| Linear { outputs, bias: false, init: Init::default() };
    let model = Sequential::new(INPUTS).layer(without_bias(HIDDEN)).sigmoid().layer(without_bias(OUTPUTS));
    let mut trainer = Trainer::new(model, Loss::mean_squared_error().sum(), Sgd::new(1e-4))
        .initial(vec![weight("0.weight", 2, HIDDEN, INPUTS), weight("2.weight", 3, OUTPUTS, HIDDEN)])
        .full_batch()
        .epochs(500)
        .on(device);
    // What is reported of a step is the mean over its rows; the lectures' loss is their sum.
    let means = pollster::block_on(trainer.fit_rows(&data, None))?.step_losses;
    let ours: Vec<f64> = means.iter().map(|&mean| f64::from(mean) * ROWS as f64).collect();

    let file: serde_json::Value = serde_json::from_str(NUMPY).expect("the golden file is JSON");
    let numpy: Vec<f64> = file["losses"].as_array().expect("losses").iter().filter_map(|loss| loss.as_f64()).collect();
    let error = |step: usize| (ours[step] / numpy[step] - 1.0).abs();
    println!("step   loss         NumPy's loss  relative difference");
    for step in [0, 1, 10, 50, 100, 200, 300, 400, 499] {
        println!("{step:>4}   {:<12.4} {:<12.4}  {:.1e}", ours[step], numpy[step], error(step));
    }
    let largest = (0..numpy.len()).map(error).fold(0.0, f64::max);
    println!("largest relative difference of {} losses: {largest:.1e}", numpy.len());

    let curve = ours.iter().enumerate().map(|(step, &loss)| (step as f64, loss));
    let dots = numpy.iter().enumerate().step_by(20).map(|(step, &loss)| (step as f64, loss));
    let curves = vec![Curve::line("anygrad", 0, curve), Curve::line("NumPy", 1, dots).style(Style::Dots)];
    let title = "The 20-line net: summed squared error";
    save("numpy_net.svg", &[Panel { title, x: "step", y: "loss", log_y: true, curves, ..Panel::default() }]);
    Ok(())
}

/// Standard normal numbers, the same on every machine and in the Python script.
fn normals(stream: u32, count: usize) -> Vec<f32> {
    let mut stream = Stream::new(stream_key(0, Purpose::Synthetic, stream));
    (0..count).map(|_| stream.next_normal()).collect()
}

fn weight(name: &str, stream: u32, outputs: usize, inputs: usize) -> Tensor {
    Tensor { name: name.into(), shape: vec![outputs, inputs], data: normals(stream, outputs * inputs) }
}
