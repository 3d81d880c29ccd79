//! Twenty losses, the final weights and predictions of small nets against PyTorch, on both backends.
//!
//! `golden/generate.py` made `golden/traces.json` in f64. Bound: f32 arithmetic over twenty steps of nets this small
//! stays within 2·10⁻⁶ relative + 2·10⁻⁶ absolute for losses, weights and predictions.

mod common;

use anygrad::backend::Device;
use anygrad::data::{Dataset, Features, Targets};
use anygrad::nn::{DropoutLayer, DropoutMode, Init, Linear, Loss, Sequential, Tensor};
use anygrad::ops::activation::Activation;
use anygrad::optim::Optimizer;
use anygrad::train::Trainer;
use serde_json::Value;

const TOLERANCE: f64 = 2e-6;

fn traces() -> Vec<Value> {
    let text = include_str!("golden/traces.json");
    let file: Value = serde_json::from_str(text).expect("the golden file is JSON");
    file["traces"].as_array().expect("traces").clone()
}

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().expect("numbers").iter().map(|x| x.as_f64().expect("a number") as f32).collect()
}

fn model(trace: &Value) -> Sequential {
    let mut model = Sequential::new(trace["inputs"].as_u64().expect("inputs") as usize);
    for layer in trace["layers"].as_array().expect("layers") {
        let argument = layer[1].as_f64().unwrap_or(0.0);
        model = match layer[0].as_str().expect("a name") {
            "linear" if layer[2] == "no_bias" => {
                model.layer(Linear { outputs: argument as usize, bias: false, init: Init::default() })
            }
            "linear" => model.linear(argument as usize),
            "dropout" => model.dropout(argument as f32),
            "dropout_vanilla" => model.layer(DropoutLayer { rate: argument as f32, mode: DropoutMode::Vanilla }),
            "leaky_relu" => model.activation(Activation::LeakyRelu { slope: argument as f32 }),
            "elu" => model.activation(Activation::Elu { alpha: argument as f32 }),
            name => model.activation(name.parse().expect("a known activation")),
        };
    }
    model
}

fn data(trace: &Value) -> Dataset {
    let features =
        Features::F32 { width: trace["inputs"].as_u64().expect("inputs") as usize, data: floats(&trace["x"]) };
    let outputs = trace["outputs"].as_u64().expect("outputs") as usize;
    let names = (0..outputs).map(|i| i.to_string()).collect();
    let y = floats(&trace["y"]);
    let targets = match trace["classes"].as_u64() {
        Some(classes) => Targets::Labels {
            name: "y".into(),
            classes: (0..classes).map(|i| i.to_string()).collect(),
            data: y.into_iter().map(|label| label as u32).collect(),
        },
        None => Targets::Values { names, data: y },
    };
    let data = Dataset::new("golden", features, targets).expect("valid data");
    if trace.get("weights").is_some() {
        return data.with_weights(floats(&trace["weights"])).expect("a weight for each row");
    }
    data
}

/// The weight of each row in the loss: its own times that of its class.
fn weights(trace: &Value, data: &Dataset) -> Vec<f64> {
    let own = |row: usize| data.weights.as_ref().map_or(1.0, |weights| f64::from(weights[row]));
    let of_class = |row: usize| match (trace["loss"].get("class_weights"), &data.targets) {
        (Some(weights), Targets::Labels { data: labels, .. }) => {
            weights[labels[row] as usize].as_f64().expect("a weight")
        }
        _ => 1.0,
    };
    (0..data.rows()).map(|row| own(row) * of_class(row)).collect()
}

/// The part of the trace that is stated as anygrad's files state it.
fn parsed<T: serde::de::DeserializeOwned>(part: &Value) -> T {
    serde_json::from_str(&part.to_string()).unwrap_or_else(|e| panic!("{part}: {e}"))
}

fn close(got: f64, expected: f64, what: &str) {
    let bound = TOLERANCE + TOLERANCE * expected.abs();
    assert!((got - expected).abs() <= bound, "{what}: {got}, PyTorch has {expected}");
}

fn check(device: &Device, fuse: bool) -> usize {
    let mut compared = 0;
    for trace in traces() {
        let name = trace["name"].as_str().expect("a name");
        let model = model(&trace);
        let initial: Vec<Tensor> = model
            .initialize(0)
            .expect("a valid model")
            .into_iter()
            .map(|tensor| Tensor { data: floats(&trace["initial"][&tensor.name]), ..tensor })
            .collect();
        let (loss, optimizer): (Loss, Optimizer) = (parsed(&trace["loss"]), parsed(&trace["optimizer"]));
        let mut trainer = Trainer::new(model, loss, optimizer)
            .batch_size(trace["batch"].as_u64().expect("a batch size") as usize)
            .epochs(trace["epochs"].as_u64().expect("epochs"))
            .l1(trace["l1"].as_f64().expect("a factor") as f32)
            .l2(trace["l2"].as_f64().expect("a factor") as f32)
            .shuffle(false)
            .drop_last(trace["drop_last"] == true)
            .initial(initial)
            .fuse(fuse)
            .on(device.clone());
        if let Some(schedule) = trace.get("schedule") {
            trainer = trainer.schedule(parsed(schedule));
        }
        if let Some(limit) = trace["max_grad_norm"].as_f64() {
            trainer = trainer.max_grad_norm(limit as f32);
        }
        if let Some(limit) = trace["max_grad_value"].as_f64() {
            trainer = trainer.max_grad_value(limit as f32);
        }
        let data = data(&trace);
        let history = pollster::block_on(trainer.fit_rows(&data, None)).expect("training");
        let expected = trace["losses"].as_array().expect("losses");
        assert!(expected.len() == 20 && history.step_losses.len() >= 20, "{name}");
        let (weights, batch) = (weights(&trace, &data), trace["batch"].as_u64().expect("a batch size") as usize);
        let batches: Vec<f64> = weights.chunks(batch).map(|batch| batch.iter().sum()).collect();
        let mut epoch = [0.0; 2];
        for (step, (&got, expected)) in history.step_losses.iter().zip(expected).enumerate() {
            // What is reported is a mean also where PyTorch's loss is a sum.
            let (got, weight) = (f64::from(got), batches[step % batches.len()]);
            let expected = expected.as_f64().expect("a number");
            let is_sum = trace["loss"]["reduction"] == "sum";
            close(if is_sum { got * weight } else { got }, expected, &format!("{name}: loss of step {step}"));
            compared += 1;
            if step < batches.len() {
                epoch = [epoch[0] + if is_sum { expected } else { expected * weight }, epoch[1] + weight];
            }
        }
        if trace["drop_last"] != true && batches.len() <= 20 {
            close(history.epochs[0].train_loss, epoch[0] / epoch[1], &format!("{name}: loss of the first epoch"));
            compared += 1;
        }
        let trained = trainer.model().expect("a model");
        let outputs = pollster::block_on(trained.outputs(&data.features, device)).expect("predictions");
        let predictions = trace["predictions"].as_array().expect("predictions");
        assert_eq!(outputs.len(), predictions.len(), "{name}");
        for (i, (&got, expected)) in outputs.iter().zip(predictions).enumerate() {
            close(f64::from(got), expected.as_f64().expect("a number"), &format!("{name}: prediction {i}"));
            compared += 1;
        }
        for tensor in &trained.tensors {
            let expected = trace["final"][&tensor.name].as_array().expect("a tensor");
            assert_eq!(tensor.data.len(), expected.len(), "{name}: {}", tensor.name);
            for (i, (&got, expected)) in tensor.data.iter().zip(expected).enumerate() {
                let what = format!("{name}: {}[{i}]", tensor.name);
                close(f64::from(got), expected.as_f64().expect("a number"), &what);
                compared += 1;
            }
        }
    }
    compared
}

#[test]
fn the_cpu_follows_pytorch() {
    common::report_comparisons("golden_cpu", check(&Device::Cpu, true) + check(&Device::Cpu, false));
}

#[test]
fn the_gpu_follows_pytorch() {
    let Some(gpu) = common::gpu() else { return };
    let gpu = Device::Gpu(gpu);
    common::report_comparisons("golden_gpu", check(&gpu, true) + check(&gpu, false));
}
