//! Dropout's two forms and its two readings. Averaged over random masks, the outputs in training are those in use, for
//! inverted and for vanilla dropout, with an error that falls like 1/√n. And a net with dropout is an ensemble: the
//! mean prediction of n thinned nets approaches what the whole net says in one pass. Writes a picture.
//!
//! `cargo run --release --example 15_dropout -- --device cpu`

mod common;

use anygrad::backend::{Device, Executor};
use anygrad::data::{self, Dataset, Targets};
use anygrad::graph::{DType, Graph, Role, ValueId};
use anygrad::kernel::Clock;
use anygrad::model::{Model, probabilities};
use anygrad::nn::{DropoutLayer, DropoutMode, Loss, Module, Pass, Sequential};
use anygrad::optim::Sgd;
use anygrad::plan::Plan;
use anygrad::train::Trainer;
use common::plot::{Curve, MIDDLE_RIGHT, Panel, Style, save};

const RATE: f32 = 0.5;
const NETS: usize = 1024;

fn main() -> anygrad::Result<()> {
    let device = common::device()?;
    let data = data::digits()?.split(0.2, 0)?;
    let (mut errors, mut readings) = (Vec::new(), Vec::new());
    for (color, mode) in [DropoutMode::Inverted, DropoutMode::Vanilla].into_iter().enumerate() {
        let net = Sequential::new(64).linear(64).relu().layer(DropoutLayer { rate: RATE, mode }).linear(10);
        let mut trainer = Trainer::new(net, Loss::cross_entropy(), Sgd::new(0.05).momentum(0.9))
            .batch_size(128)
            .epochs(40)
            .on(device.clone());
        trainer.fit_blocking(&data)?;
        let model = trainer.model()?;
        let in_use = pollster::block_on(model.outputs(&data.test.features, &device))?;
        let thinned = thinned_outputs(model, &data.test, &device)?;

        let mut sum = vec![0.0; in_use.len()];
        let mut votes = vec![0.0; in_use.len()];
        let (mut error, mut ensemble, mut single) = (Vec::new(), Vec::new(), 0.0);
        for (n, outputs) in (1u32..).zip(&thinned) {
            sum.iter_mut().zip(outputs).for_each(|(sum, &y)| *sum += f64::from(y));
            let predictions: Vec<f64> = outputs.chunks(10).flat_map(probabilities).collect();
            votes.iter_mut().zip(&predictions).for_each(|(sum, p)| *sum += p);
            single += accuracy(&predictions, &data.test) / NETS as f64;
            if n.is_power_of_two() {
                let off: f64 =
                    sum.iter().zip(&in_use).map(|(sum, &y)| (sum / f64::from(n) - f64::from(y)).powi(2)).sum();
                error.push((f64::from(n), (off / in_use.len() as f64).sqrt()));
                ensemble.push((f64::from(n), accuracy(&votes, &data.test)));
            }
        }
        let whole: Vec<f64> = in_use.iter().map(|&y| f64::from(y)).collect();
        let whole = accuracy(&whole, &data.test);
        println!("{mode:?} dropout, rate {RATE}, over {} test rows", data.test.rows());
        for (&(n, e), &(_, a)) in error.iter().zip(&ensemble).step_by(2) {
            println!(
                "    {n:>4} masks: outputs off by {e:.4} ({:.3}/√n), accuracy of the ensemble {a:.4}",
                e * n.sqrt()
            );
        }
        println!("    one thinned net has accuracy {single:.4} on average, the whole net in use {whole:.4}");
        let expected = error[0].1 / (NETS as f64).sqrt();
        let last = error[error.len() - 1].1;
        assert!((0.5..2.0).contains(&(last / expected)), "off by {last}, 1/√n makes {expected}");

        if mode == DropoutMode::Inverted {
            let ends = [1.0, NETS as f64];
            errors.push(Curve::line("1/√n", 4, ends.map(|n| (n, 1.3 * error[0].1 / n.sqrt()))).style(Style::Thin));
            readings.push(Curve::line("whole net, one pass", 4, ends.map(|n| (n, whole))));
            readings.push(Curve::line("one thinned net, on average", 3, ends.map(|n| (n, single))));
            readings.push(Curve::line("n thinned nets", color, ensemble).style(Style::LineWithDots));
        }
        errors.push(Curve::line(format!("{mode:?}"), color, error).style(Style::LineWithDots));
    }
    let panel = Panel { x: "number of masks n", log_x: true, ..Panel::default() };
    let (title, y) = ("Mean output in training − output in use", "root mean square");
    let left = Panel { title, y, log_y: true, curves: errors, ..panel.clone() };
    let (title, y, legend) = ("An ensemble of thinned nets", "test accuracy", MIDDLE_RIGHT);
    save("dropout.svg", &[left, Panel { title, y, curves: readings, legend, ..panel }]);
    Ok(())
}

/// The model's outputs as in training, under as many different dropout masks as there are nets.
fn thinned_outputs(model: &Model, rows: &Dataset, device: &Device) -> anygrad::Result<Vec<Vec<f32>>> {
    let mut graph = Graph::new();
    let tensors = model.architecture.declare(&mut graph)?;
    let x = graph.declare("input", [rows.rows(), 64], DType::F32, Role::Input);
    graph.begin_phase("thinned");
    let y = model.architecture.forward(&mut Pass::new(&mut graph, &tensors, true, 1), x)?;
    graph.set_role(y, Role::Output);
    let mut executor = pollster::block_on(device.load(Plan::new(graph, &device.target())?))?;
    for (&value, tensor) in tensors.values().iter().zip(&model.tensors) {
        executor.write(value, &tensor.data)?;
    }
    executor.write(x, &rows.preprocessing.inputs(&rows.features)?)?;
    (0..NETS as u32).map(|step| thinned(&mut executor, step, y)).collect()
}

/// The mask of a step is a function of seed, place in the model and step.
fn thinned(executor: &mut Executor, step: u32, y: ValueId) -> anygrad::Result<Vec<f32>> {
    let phase = executor.plan().phase("thinned").expect("the phase begun above");
    executor.run(&[(phase, Clock { step, ..Clock::default() })])?;
    pollster::block_on(executor.read(y))
}

/// Share of the rows whose largest score is that of their class.
fn accuracy(scores: &[f64], rows: &Dataset) -> f64 {
    let Targets::Labels { data: labels, .. } = &rows.targets else { return f64::NAN };
    let best = |row: &[f64]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
    let right = scores.chunks(10).zip(labels).filter(|(row, label)| best(row) == Some(**label as usize)).count();
    right as f64 / labels.len() as f64
}
