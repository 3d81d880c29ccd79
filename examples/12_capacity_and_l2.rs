//! Capacity against L2: more hidden units bend the boundary around the noise, a penalty on the weights straightens it.
//!
//! `cargo run --release --example 12_capacity_and_l2 -- --device cpu`

mod common;

use anygrad::data::moons;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Adam;
use anygrad::train::Trainer;
use common::plane::{self, Square};

/// Hidden units and λ of each panel.
const PANELS: [(usize, f32); 6] = [(3, 0.0), (6, 0.0), (20, 0.0), (20, 0.001), (20, 0.01), (20, 0.1)];

fn main() -> common::Outcome {
    let device = common::device()?;
    let (train, test) = (moons(100, 0.35, 0)?, moons(1000, 0.35, 1)?);
    let square = Square { centre: [0.5, 0.25], half: 2.5 };
    let path = common::picture("capacity_and_l2.svg");
    let panels = plane::panels(&path, 3, 2, (260, 260))?;

    println!("hidden units      λ   train accuracy   test accuracy");
    for (panel, (units, l2)) in panels.iter().zip(PANELS) {
        let layers = Sequential::new(2).linear(units).tanh().linear(2);
        let mut trainer = Trainer::new(layers, Loss::cross_entropy(), Adam::new(0.03))
            .l2(l2)
            .full_batch()
            .epochs(3000)
            .on(device.clone());
        pollster::block_on(trainer.fit_rows(&train, None))?;
        let accuracy = |data| Ok::<f64, anygrad::Error>(trainer.evaluate_blocking(data)?.accuracy.unwrap_or(0.0));
        let (on_train, on_test) = (accuracy(&train)?, accuracy(&test)?);
        println!("{units:>12} {l2:>6} {on_train:>16.3} {on_test:>15.3}");

        let setting = if l2 == 0.0 { format!("{units} hidden units") } else { format!("{units} units, λ = {l2}") };
        let caption = format!("{setting}: {on_train:.2} train, {on_test:.2} test");
        let mut chart = square.axes(panel, &caption, ["x₁", "x₂"])?;
        let classes = pollster::block_on(trainer.model()?.classes(&square.cells(), &device))?;
        square.shade(&mut chart, &classes.into_iter().map(plane::pale).collect::<Vec<_>>())?;
        let (points, labels) = plane::points(&train);
        plane::dots(&mut chart, points, labels, 3)?;
    }
    panels[0].present()?;
    println!("picture: {}", path.display());
    Ok(())
}
