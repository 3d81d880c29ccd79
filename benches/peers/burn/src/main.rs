//! The training step of benches/peers/mlp_step.py in Burn: prints the milliseconds that one takes.
//!
//! ```text
//! burn-step flex|wgpu BATCH STEPS WIDTHS        # such as: burn-step flex 64 1000 784,128,10
//! ```
//!
//! ReLU between linear layers, cross-entropy, SGD 0.01, f32, eight random batches in turn.

use burn::nn::{Linear, LinearConfig, Relu, loss::CrossEntropyLossConfig};
use burn::optim::{GradientsParams, SgdConfig};
use burn::prelude::*;
use burn::tensor::{DeviceKind, Distribution};
use std::time::Instant;

const BATCHES: usize = 8;
const RATE: f64 = 0.01;
/// Steps before the clock runs: Burn compiles, fuses and tunes its kernels in these.
const FIRST_STEPS: usize = 10;

#[derive(Module, Debug)]
struct Mlp {
    layers: Vec<Linear>,
    relu: Relu,
}

impl Mlp {
    fn new(widths: &[usize], device: &Device) -> Self {
        let linear = |pair: &[usize]| LinearConfig::new(pair[0], pair[1]).init(device);
        Self { layers: widths.windows(2).map(linear).collect(), relu: Relu::new() }
    }

    fn forward(&self, mut x: Tensor<2>) -> Tensor<2> {
        let count = self.layers.len();
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x);
            if i + 1 < count {
                x = self.relu.forward(x);
            }
        }
        x
    }
}

/// Device, batch, steps, widths.
type Arguments = (String, usize, usize, Vec<usize>);

/// What the command line asks for, unless it is wrong.
fn arguments() -> Option<Arguments> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [device, batch, steps, widths] = &words[..] else { return None };
    let widths = widths.split(',').map(|width| width.parse().ok()).collect::<Option<Vec<usize>>>()?;
    Some((device.clone(), batch.parse().ok()?, steps.parse().ok()?, widths))
        .filter(|(.., steps, widths)| *steps > 0 && widths.len() > 1)
}

fn main() {
    let Some((name, batch, steps, widths)) = arguments() else {
        eprintln!("burn-step flex|wgpu BATCH STEPS WIDTHS, such as: burn-step flex 64 1000 784,128,10");
        std::process::exit(2);
    };
    let device = match &name[..] {
        "flex" => Device::flex(),
        "wgpu" => Device::wgpu(DeviceKind::DefaultDevice),
        _ => {
            eprintln!("unknown device {name}: flex or wgpu");
            std::process::exit(2);
        }
    };
    let device = device.autodiff();
    let mut model = Mlp::new(&widths, &device);
    let mut optimizer = SgdConfig::new().init();
    let criterion = CrossEntropyLossConfig::new().init(&device);

    let random = |_| Tensor::random([batch, widths[0]], Distribution::Normal(0.0, 1.0), &device);
    let rows: Vec<Tensor<2>> = (0..BATCHES).map(random).collect();
    let classes = widths[widths.len() - 1];
    let labels_of = |b: usize| (0..batch).map(|i| ((i * 7 + b) % classes) as i32).collect::<Vec<_>>();
    let labels: Vec<Tensor<1, Int>> =
        (0..BATCHES).map(|b| Tensor::from_ints(TensorData::new(labels_of(b), [batch]), &device)).collect();

    // Ends when the last loss is there.
    let mut run = |steps: usize| {
        let mut last = None;
        for step in 0..steps {
            let output = model.forward(rows[step % BATCHES].clone());
            let loss = criterion.forward(output, labels[step % BATCHES].clone());
            last = Some(loss.clone().detach());
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(RATE, model.clone(), gradients);
        }
        let loss: f32 = last.expect("at least one step").into_scalar();
        loss
    };
    run(FIRST_STEPS);
    let start = Instant::now();
    let loss = run(steps);
    let milliseconds = start.elapsed().as_secs_f64() * 1e3 / steps as f64;
    println!("Burn {}, {name}: {milliseconds:.6} ms/step, loss {loss:.4}", env!("CARGO_PKG_VERSION"));
}
