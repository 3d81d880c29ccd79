//! Nets trained by scikit-learn 1.9 and by anygrad from the same weights: 20 losses, final weights, predictions, on
//! both backends. `golden/scikit_learn.py` made `golden/scikit_learn.json` in f64.
//!
//! What has to be converted, with `n` rows in a batch and `k` outputs:
//!
//! - `alpha`: scikit-learn adds `alpha/(2n) · Σw²` over weights (not biases), so `l2 = alpha/(2n)`. Its `n` is that of
//!   the batch at hand, so in a last, smaller batch its penalty is larger. Its losses contain the penalty.
//! - `sample_weight`: the weighted mean over the batch, as here. `alpha` is divided by the sum of the batch's weights in
//!   the place of `n`. Its mean loss of an epoch counts batches by their rows; here they count by their weights.
//! - `momentum`: its velocity contains the learning rate, `v ← μv − ηg`, `w ← w + v`, with Nesterov
//!   `w ← w + μv − ηg`. PyTorch's `b ← μb + g`, `w ← w − ηb`, with Nesterov `w ← w − η(g + μb)`, is the same with
//!   `v = −ηb` as long as η is constant. Nesterov is its default.
//! - Adam: its ε stands outside the bias correction, `m/(√v + ε)` with a step of `η√(1−β₂ᵗ)/(1−β₁ᵗ)`: PyTorch's form
//!   with `ε/√(1−β₂ᵗ)`, which no constant ε gives. It shows where a gradient is close to 0.
//! - `MLPRegressor` reports half the squared error averaged over rows and outputs, but follows the gradient of its sum
//!   over outputs: `half_squared_error` with `k` times the learning rate (Adam: ε/k) and `l2/k`.
//! - Multi-label `MLPClassifier` adds the losses of outputs: `binary_cross_entropy` with `k` times the learning rate,
//!   and `k` times the loss. With two classes it has one output, `k = 1`.
//!
//! Bound: that of `golden.rs`, 2·10⁻⁶ relative + 2·10⁻⁶ absolute for losses, weights and predictions. One trace has
//! Adam with the default ε of 10⁻⁸, the others with one too small to matter; for that one a hundredth of a step is
//! added, and in f64 the two forms of ε part by a twentieth of that.

mod common;

use anygrad::backend::Device;
use anygrad::data::{Dataset, Features, Targets};
use anygrad::model::{Model, probabilities};
use anygrad::nn::{Loss, Sequential, Tensor};
use anygrad::ops::activation::Activation;
use anygrad::optim::{Adam, Optimizer, Sgd};
use anygrad::train::{History, Trainer};
use serde_json::Value;

const TOLERANCE: f64 = 2e-6;
const STEPS: usize = 20;

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("a number, not {value}"))
}

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().expect("numbers").iter().map(|x| number(x) as f32).collect()
}

fn size(value: &Value) -> usize {
    value.as_u64().expect("a whole number") as usize
}

fn model(trace: &Value) -> Sequential {
    let activation = match trace["activation"].as_str().expect("a name") {
        "logistic" => Activation::Sigmoid,
        name => name.parse().expect("a known activation"),
    };
    let hidden = trace["hidden"].as_array().expect("widths").iter().map(size);
    let model =
        hidden.fold(Sequential::new(size(&trace["inputs"])), |model, width| model.linear(width).activation(activation));
    model.linear(size(&trace["outputs"]))
}

fn data(trace: &Value) -> Dataset {
    let features = Features::F32 { width: size(&trace["inputs"]), data: floats(&trace["x"]) };
    let y = floats(&trace["y"]);
    let labels = |classes: usize| Targets::Labels {
        name: "y".into(),
        classes: (0..classes).map(|i| i.to_string()).collect(),
        data: y.iter().map(|&label| label as u32).collect(),
    };
    let targets = match trace["task"].as_str() {
        Some("classes") => labels(size(&trace["outputs"])),
        Some("binary") => labels(2),
        _ => Targets::Values { names: (0..size(&trace["outputs"])).map(|i| i.to_string()).collect(), data: y },
    };
    let data = Dataset::new("golden", features, targets).expect("valid data");
    if trace.get("weights").is_some() {
        return data.with_weights(floats(&trace["weights"])).expect("a weight for each row");
    }
    data
}

/// The sum of the weights of each batch of an epoch: without weights the number of its rows.
fn batch_weights(trace: &Value) -> Vec<f64> {
    let data = data(trace);
    let weights: Vec<f64> =
        data.weights.map_or_else(|| vec![1.0; data.features.rows()], |w| w.into_iter().map(f64::from).collect());
    weights.chunks(size(&trace["batch"])).map(|batch| batch.iter().sum()).collect()
}

/// The loss, and by how much scikit-learn's gradient is larger than that loss's, and its reported loss.
fn loss(trace: &Value) -> (Loss, f64, f64) {
    let outputs = number(&trace["outputs"]);
    match trace["task"].as_str() {
        Some("classes") => (Loss::cross_entropy(), 1.0, 1.0),
        Some("binary") => (Loss::binary_cross_entropy(), 1.0, 1.0),
        Some("multi_label") => (Loss::binary_cross_entropy(), outputs, outputs),
        _ => (Loss::half_squared_error(), outputs, 1.0),
    }
}

/// The optimizer for a gradient that is `factor` times larger in scikit-learn.
fn optimizer(settings: &Value, factor: f64) -> Optimizer {
    let setting = |name: &str, default: f64| settings.get(name).map_or(default, number);
    let learning_rate = setting("learning_rate_init", 0.001);
    if settings["solver"] == "adam" {
        return Optimizer::Adam(Adam {
            learning_rate: learning_rate as f32,
            beta1: setting("beta_1", 0.9) as f32,
            beta2: setting("beta_2", 0.999) as f32,
            epsilon: (setting("epsilon", 1e-8) / factor) as f32,
            weight_decay: 0.0,
        });
    }
    let sgd = Sgd::new((learning_rate * factor) as f32).momentum(setting("momentum", 0.9) as f32);
    if settings["nesterovs_momentum"] == false { sgd.into() } else { sgd.nesterov().into() }
}

fn train(trace: &Value, device: &Device) -> (History, Model) {
    let (loss, gradient_factor, _) = loss(trace);
    let model = model(trace);
    let initial: Vec<Tensor> = model
        .initialize(0)
        .expect("a valid model")
        .into_iter()
        .map(|tensor| Tensor { data: floats(&trace["initial"][&tensor.name]), ..tensor })
        .collect();
    let l2 = number(&trace["settings"]["alpha"]) / (2.0 * batch_weights(trace)[0]) / gradient_factor;
    let mut trainer = Trainer::new(model, loss, optimizer(&trace["settings"], gradient_factor))
        .batch_size(size(&trace["batch"]))
        .epochs(size(&trace["epochs"]) as u64)
        .l2(l2 as f32)
        .shuffle(false)
        .initial(initial)
        .on(device.clone());
    let history = pollster::block_on(trainer.fit_rows(&data(trace), None)).expect("training");
    (history, trainer.model().expect("a model").clone())
}

/// Compares, counts, and keeps the largest error as a share of its bound.
#[derive(Default)]
struct Comparison {
    count: usize,
    largest: f64,
    /// Added to the bound.
    slack: f64,
}

impl Comparison {
    fn one(&mut self, got: f64, expected: f64, what: &str) {
        let share = (got - expected).abs() / (TOLERANCE + TOLERANCE * expected.abs() + self.slack);
        assert!(share <= 1.0, "{what}: {got}, scikit-learn has {expected}");
        self.largest = self.largest.max(share);
        self.count += 1;
    }

    fn all(&mut self, got: impl ExactSizeIterator<Item = f64>, expected: &Value, what: &str) {
        let expected = expected.as_array().expect("numbers");
        assert_eq!(got.len(), expected.len(), "{what}");
        got.zip(expected).enumerate().for_each(|(i, (got, e))| self.one(got, number(e), &format!("{what}[{i}]")));
    }
}

fn check(device: &Device) -> usize {
    let file: Value = serde_json::from_str(include_str!("golden/scikit_learn.json")).expect("the golden file is JSON");
    let traces = file["traces"].as_array().expect("traces");
    assert!(traces.len() >= 19);
    let mut comparison = Comparison::default();
    for trace in traces {
        let name = trace["name"].as_str().expect("a name");
        let (_, gradient_factor, loss_factor) = loss(trace);
        let (history, model) = train(trace, device);
        assert_eq!(history.step_losses.len(), STEPS, "{name}");
        let settings = &trace["settings"];
        let default_epsilon = settings["solver"] == "adam" && settings.get("epsilon").is_none();
        comparison.slack = if default_epsilon { number(&settings["learning_rate_init"]) / 100.0 } else { 0.0 };
        let penalties = trace["penalties"].as_array().expect("penalties");
        for (step, (&got, penalty)) in history.step_losses.iter().zip(penalties).enumerate() {
            let expected = number(&trace["losses"][step]) - number(penalty);
            comparison.one(f64::from(got) * loss_factor, expected, &format!("{name}: loss of step {step}"));
        }
        // What `fit` reports for an epoch: loss and penalty, averaged over the rows.
        let totals = history
            .epochs
            .iter()
            .map(|epoch| epoch.train_loss * loss_factor + epoch.train_penalty.unwrap_or(0.0) * gradient_factor);
        if trace.get("weights").is_none() {
            comparison.all(totals, &trace["loss_curve"], &format!("{name}: loss_curve_"));
        } else {
            let (weights, losses) = (batch_weights(trace), trace["losses"].as_array().expect("losses"));
            let mean = |losses: &[Value]| {
                let sum: f64 = losses.iter().zip(&weights).map(|(loss, weight)| number(loss) * weight).sum();
                sum / weights.iter().sum::<f64>()
            };
            for (epoch, (got, losses)) in totals.zip(losses.chunks(weights.len())).enumerate() {
                comparison.one(got, mean(losses), &format!("{name}: loss of epoch {epoch}"));
            }
        }
        for tensor in &model.tensors {
            let expected = &trace["final"][&tensor.name];
            comparison.all(tensor.data.iter().map(|&w| f64::from(w)), expected, &format!("{name}: {}", tensor.name));
        }
        let outputs = pollster::block_on(model.outputs(&data(trace).features, device)).expect("outputs");
        let width = size(&trace["outputs"]);
        let predictions: Vec<f64> = match trace["task"].as_str() {
            Some("values") => outputs.iter().map(|&y| f64::from(y)).collect(),
            Some("multi_label") => outputs.iter().map(|&z| probabilities(&[z])[1]).collect(),
            _ => outputs.chunks(width).flat_map(probabilities).collect(),
        };
        comparison.all(predictions.into_iter(), &trace["predictions"], &format!("{name}: prediction"));
    }
    println!("largest error: {:.3} of the bound", comparison.largest);
    comparison.count
}

#[test]
fn the_cpu_follows_scikit_learn() {
    common::report_comparisons("golden_scikit_learn_cpu", check(&Device::Cpu));
}

#[test]
fn the_gpu_follows_scikit_learn() {
    let Some(gpu) = common::gpu() else { return };
    common::report_comparisons("golden_scikit_learn_gpu", check(&Device::Gpu(gpu)));
}
