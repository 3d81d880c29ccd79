//! The gradient check itself: it passes on right gradients of every activation and loss on both backends, finds each
//! way to break one, and knows kinks from errors.

mod common;

use anygrad::backend::Device;
use anygrad::check::{CheckOptions, GradCheck};
use anygrad::data::{Dataset, Features, Targets, digits};
use anygrad::nn::{ClassWeights, DropoutLayer, DropoutMode, Init, Linear, Loss, Sequential};
use anygrad::ops::activation::Activation;
use anygrad::ops::scale::Scale;
use anygrad::optim::Sgd;
use anygrad::train::{Step, Trainer};

/// Step first, as nothing in front of it gets a gradient.
fn every_activation() -> Sequential {
    let (step, others): (Vec<Activation>, Vec<Activation>) = Activation::ALL.iter().partition(|a| a.name() == "step");
    let mut model = Sequential::new(64);
    for activation in step.into_iter().chain(others) {
        model = model.layer(Linear { init: Init::HeUniform, ..Linear::new(12) }).activation(activation);
    }
    model.dropout(0.2).layer(DropoutLayer { rate: 0.1, mode: DropoutMode::Vanilla }).linear(10)
}

fn some_digits(rows: usize) -> Dataset {
    digits().expect("digits").select(&(0..rows).collect::<Vec<_>>())
}

fn options() -> CheckOptions {
    CheckOptions { device: common::gpu().map(Device::Gpu), ..CheckOptions::default() }
}

fn check(step: &Step, options: &CheckOptions) -> GradCheck {
    step.check_gradients_blocking(options).expect("a check")
}

fn elements(check: &GradCheck) -> usize {
    let devices = if check.tensors[0].device.is_some() { 2 } else { 1 };
    check.tensors.iter().map(|t| t.checked + devices * t.shape.iter().product::<usize>()).sum()
}

#[test]
fn every_activation_passes_on_every_device() {
    let trainer = Trainer::new(every_activation(), Loss::cross_entropy(), Sgd::new(0.1)).l1(0.001).l2(0.01);
    let check = check(&trainer.step(&some_digits(8)).expect("a step"), &options());
    check.verdict().expect("right gradients");
    assert_eq!(check.tensors.len(), 2 * (Activation::ALL.len() + 1));
    // All but the bias in front of the step function have a gradient: nothing passes because it is 0.
    for tensor in &check.tensors {
        let silent = tensor.name == "0.bias";
        assert_eq!(tensor.largest_gradient == 0.0, silent, "{tensor:?}");
        assert!(silent || tensor.largest_gradient > 1e-4, "{tensor:?}");
    }
    common::report_comparisons("gradcheck_activations", elements(&check));
}

#[test]
fn every_loss_passes_on_every_device() {
    let classes = some_digits(8);
    let inputs = |count: usize| {
        let mut stream = common::stream(3);
        (0..count).map(|_| stream.next_unit() - 0.5).collect::<Vec<f32>>()
    };
    let with =
        |targets| Dataset::new("made up", Features::F32 { width: 5, data: inputs(40) }, targets).expect("a dataset");
    let binary = with(Targets::Labels {
        name: "class".into(),
        classes: vec!["no".into(), "yes".into()],
        data: vec![0, 1, 1, 0, 1, 0, 0, 1],
    });
    let values = with(Targets::Values {
        names: vec!["a".into(), "b".into()],
        // Some far off, so that Huber's loss is linear there.
        data: inputs(16).iter().enumerate().map(|(i, x)| if i % 3 == 0 { 9.0 * x } else { x + 0.4 }).collect(),
    });
    let options = options();
    let mut compared = 0;
    let losses = Loss::all().flat_map(|loss| [loss.clone(), loss.sum()]).chain([
        Loss::cross_entropy().label_smoothing(0.2),
        Loss::cross_entropy().class_weights(ClassWeights::Balanced),
    ]);
    for loss in losses {
        let [classes, binary, values] = [&classes, &binary, &values];
        let weighted = [classes, binary, values].map(|data| {
            // One row does not count.
            data.clone().with_weights((0..8).map(|row| row as f32 * 0.375).collect()).expect("weights")
        });
        for data in [classes, binary, values].into_iter().chain(&weighted) {
            let is_labels = matches!(data.targets, Targets::Labels { .. });
            let fits = if is_labels { loss.takes_labels() } else { loss.takes_values() };
            if !fits || (loss.name() == "binary_cross_entropy" && data.features == classes.features) {
                continue;
            }
            // Probabilities, where the loss wants them.
            let mut data = data.clone();
            if let (Targets::Values { data, .. }, "binary_cross_entropy") = (&mut data.targets, loss.name()) {
                data.iter_mut().for_each(|y| *y = y.abs().fract());
            }
            let data = &data;
            let model = Sequential::new(data.features.width()).linear(7).tanh().linear(loss.outputs(&data.targets));
            let step = Trainer::new(model, loss.clone(), Sgd::new(0.1)).step(data).expect("a step");
            let check = check(&step, &options);
            check.verdict().unwrap_or_else(|e| panic!("{loss:?}: {e}"));
            compared += elements(&check);
        }
    }
    common::report_comparisons("gradcheck_losses", compared);
}

/// The names of the tensors that fail.
fn failing(check: &GradCheck) -> Vec<&str> {
    let wrong: Vec<&str> = check.tensors.iter().filter(|t| !t.is_ok()).map(|t| t.name.as_str()).collect();
    assert_eq!(check.verdict().is_err(), !wrong.is_empty());
    wrong
}

#[test]
fn a_wrong_gradient_is_found_and_named() {
    let model =
        || Sequential::new(64).linear(16).relu().dropout(0.2).linear(12).activation(Activation::Gelu).linear(10);
    let trainer = Trainer::new(model(), Loss::cross_entropy(), Sgd::new(0.1)).l2(0.01);
    let right = trainer.step(&some_digits(8)).expect("a step");
    assert_eq!(failing(&check(&right, &CheckOptions::default())), [""; 0]);
    let names: Vec<String> = right.parameters.iter().map(|&p| right.graph.value(p).name.clone()).collect();
    assert_eq!(names, ["0.weight", "0.bias", "3.weight", "3.bias", "5.weight", "5.bias"]);

    for (i, name) in names.iter().enumerate() {
        // 1% too long, the wrong sign, nothing at all.
        for factor in [1.01, -1.0, 0.0] {
            let mut step = right.clone();
            step.gradients[i] = step.graph.apply(Scale { factor }, &[step.gradients[i]]).expect("a product");
            let check = check(&step, &CheckOptions::default());
            assert_eq!(failing(&check), [name], "{factor}");
            let error = check.verdict().expect_err("a wrong gradient").to_string();
            assert!(error.contains(&format!("`{name}`[")) && error.contains("difference quotient"), "{error}");
        }
    }

    // The penalty's term is left out: gradients of a step without it, in front of a loss with it.
    let without = Trainer::new(model(), Loss::cross_entropy(), Sgd::new(0.1)).step(&some_digits(8)).expect("a step");
    let mut step = right.clone();
    let loss_without = without.graph.value(without.loss).name.clone();
    let loss =
        right.graph.nodes().iter().flat_map(|n| &n.outputs).find(|&&v| right.graph.value(v).name == loss_without);
    step.gradients = step.graph.gradients(*loss.expect("the loss alone"), &right.parameters).expect("gradients");
    assert_eq!(failing(&check(&step, &CheckOptions::default())), ["0.weight", "3.weight", "5.weight"]);

    // The gradients of two tensors of one shape in each other's place.
    let square = Sequential::new(64).linear(64).tanh().linear(64).tanh().linear(10);
    let mut step = Trainer::new(square, Loss::cross_entropy(), Sgd::new(0.1)).step(&some_digits(8)).expect("a step");
    step.gradients.swap(0, 2);
    assert_eq!(failing(&check(&step, &CheckOptions::default())), ["0.weight", "2.weight"]);
}

/// Two units whose inputs lie at +10⁻⁷ and at 0: their weights stand at a kink, the others do not.
#[test]
fn kinks_are_counted_and_not_mistaken_for_errors() {
    let features = Features::F32 { width: 2, data: vec![1.0, 0.5] };
    let targets = Targets::Values { names: vec!["y".into()], data: vec![3.0] };
    let data = Dataset::new("one row", features, targets).expect("a dataset");
    let model = Sequential::new(2).linear(3).relu().linear(1);
    let mut initial = model.initialize(0).expect("values");
    initial[0].data = vec![0.4, 0.2, 1e-7, 0.0, -1.0, 2.0];
    initial[1].data = vec![0.1, 0.0, 0.0];
    let trainer = |model| Trainer::new(model, Loss::half_squared_error(), Sgd::new(0.1));
    let step = trainer(model.clone()).initial(initial.clone()).step(&data).expect("a step");
    let report = check(&step, &CheckOptions::default());
    report.verdict().expect("right gradients");
    let counts: Vec<(usize, usize)> = report.tensors.iter().map(|t| (t.checked, t.kinks)).collect();
    assert_eq!(counts, [(2, 4), (1, 2), (3, 0), (1, 0)]);

    // A wrong gradient next to kinks is still found.
    let mut broken = step.clone();
    broken.gradients[0] = broken.graph.apply(Scale { factor: 1.01 }, &[broken.gradients[0]]).expect("a product");
    assert_eq!(failing(&check(&broken, &CheckOptions::default())), ["0.weight"]);

    // Where everything lies at a kink, nothing was checked, and that is not a pass.
    initial[0].data = vec![0.0; 6];
    initial[1].data = vec![0.0; 3];
    let step = trainer(model).initial(initial).step(&data).expect("a step");
    let report = check(&step, &CheckOptions::default());
    assert_eq!(failing(&report), ["0.weight", "0.bias"]);
    let error = report.verdict().expect_err("nothing compared").to_string();
    assert!(error.contains("all 3 sampled elements of `0.bias` lie at a kink"), "{error}");
}

#[test]
fn a_sample_has_the_stated_size_and_other_seeds_take_others() {
    let model = Sequential::new(64).linear(10);
    let step = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1)).step(&some_digits(4)).expect("a step");
    let with = |elements, seed| check(&step, &CheckOptions { elements, seed, device: None });
    assert_eq!(with(20, 0).tensors.iter().map(|t| t.checked).collect::<Vec<_>>(), [20, 10]);
    assert_eq!(with(20, 0), with(20, 0));
    assert_ne!(with(20, 0), with(20, 1));
    assert_eq!(with(usize::MAX, 0).tensors[0].checked, 640);
}
