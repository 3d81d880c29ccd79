//! The lectures' 20-line NumPy net, 500 steps from the same initial values, on both backends.
//!
//! `golden/numpy_net.py` made `golden/numpy_net.json` in f64, with values from its own copy of the counter generator.
//! Bound, relative: 16 unit roundoffs of WGSL, 2⁻²³, for a loss, and one more for each step before it, because descent
//! does not amplify an error here.

mod common;

use anygrad::backend::Device;
use anygrad::data::{Dataset, Features, Targets};
use anygrad::nn::{Init, Linear, Loss, Sequential, Tensor};
use anygrad::optim::Sgd;
use anygrad::random::{Purpose, Stream, stream_key};
use anygrad::train::Trainer;

const ROWS: usize = 64;
const WIDTHS: [usize; 3] = [1000, 100, 10];
const STEPS: usize = 500;

fn normals(stream: u32, count: usize) -> Vec<f32> {
    let mut stream = Stream::new(stream_key(0, Purpose::Synthetic, stream));
    (0..count).map(|_| stream.next_normal()).collect()
}

fn check(device: Device) -> usize {
    let [inputs, hidden, outputs] = WIDTHS;
    let names = (0..outputs).map(|i| format!("y{i}")).collect();
    let data = Dataset::new(
        "random",
        Features::F32 { width: inputs, data: normals(0, ROWS * inputs) },
        Targets::Values { names, data: normals(1, ROWS * outputs) },
    )
    .expect("valid data");
    let linear = |outputs| Linear { outputs, bias: false, init: Init::Zeros };
    let model = Sequential::new(inputs).layer(linear(hidden)).sigmoid().layer(linear(outputs));
    let weight = |name: &str, stream, out: usize, of: usize| Tensor {
        name: name.into(),
        shape: vec![out, of],
        data: normals(stream, out * of),
    };
    let mut trainer = Trainer::new(model, Loss::mean_squared_error().sum(), Sgd::new(1e-4))
        .initial(vec![weight("0.weight", 2, hidden, inputs), weight("2.weight", 3, outputs, hidden)])
        .full_batch()
        .epochs(STEPS as u64)
        .on(device);
    let losses = pollster::block_on(trainer.fit_rows(&data, None)).expect("training").step_losses;

    let file: serde_json::Value = serde_json::from_str(include_str!("golden/numpy_net.json")).expect("JSON");
    let expected = file["losses"].as_array().expect("losses");
    assert_eq!((losses.len(), expected.len()), (STEPS, STEPS));
    let mut largest = 0f64;
    for (step, (&got, expected)) in losses.iter().zip(expected).enumerate() {
        let expected = expected.as_f64().expect("a number");
        // What is reported is the mean over the rows; the lectures' loss is their sum.
        let got = f64::from(got) * ROWS as f64;
        let (error, bound) = ((got / expected - 1.0).abs(), (step + 16) as f64 * f64::from(f32::EPSILON));
        assert!(error <= bound, "loss of step {step} is {got}, NumPy's {expected}: off by {error:.1e} of {bound:.1e}");
        largest = largest.max(error / bound);
    }
    println!("largest error: {largest:.3} of the bound");
    STEPS
}

#[test]
fn the_cpu_follows_numpy() {
    common::report_comparisons("numpy_net_cpu", check(Device::Cpu));
}

#[test]
fn the_gpu_follows_numpy() {
    let Some(gpu) = common::gpu() else { return };
    common::report_comparisons("numpy_net_gpu", check(Device::Gpu(gpu)));
}
