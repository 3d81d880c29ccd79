//! XOR, the problem that a single neuron cannot solve: two layers learn it from its four rows.
//!
//! `cargo run --release --example 01_xor -- --device cpu`

mod common;

use anygrad::data::{Dataset, Features, Targets};
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::train::Trainer;

fn main() -> anygrad::Result<()> {
    let device = common::device()?;
    let inputs = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let data = Dataset::new(
        "xor",
        Features::F32 { width: 2, data: inputs.concat() },
        Targets::Values { names: vec!["a xor b".into()], data: vec![0.0, 1.0, 1.0, 0.0] },
    )?;

    for (name, model) in
        [("one layer ", Sequential::new(2).linear(1)), ("two layers", Sequential::new(2).linear(8).tanh().linear(1))]
    {
        let mut trainer = Trainer::new(model, Loss::mean_squared_error(), Sgd::new(0.1).momentum(0.9))
            .full_batch()
            .epochs(500)
            .seed(1)
            .on(device.clone());
        let history = pollster::block_on(trainer.fit_rows(&data, None))?;
        let outputs = pollster::block_on(trainer.model()?.outputs(&data.features, &device))?;
        println!("{name}: loss {:.6}", history.last().map_or(f64::NAN, |epoch| epoch.train_loss));
        for ([a, b], output) in inputs.iter().zip(&outputs) {
            println!("    {a} xor {b} = {output:6.3}");
        }
    }
    Ok(())
}
