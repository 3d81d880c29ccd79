//! The explanation of a step: its numbers fit the formulas next to them, for every activation, loss and optimizer.

mod common;

use anygrad::backend::Device;
use anygrad::check::CheckOptions;
use anygrad::data::{Dataset, Features, Targets, digits, xor};
use anygrad::graph::{Shape, ValueId};
use anygrad::nn::{
    DropoutLayer, DropoutMode, LayerDescription, Loss, Module, Pass, Sequential, TensorKind, TensorSpec,
};
use anygrad::ops::activation::{Activate, Activation};
use anygrad::ops::{add_bias::AddBias, elementwise::Elementwise, matmul::Matmul};
use anygrad::optim::{Optimizer, Sgd};
use anygrad::teach::{Explained, Explanation, Quantity, Stage};
use anygrad::train::Trainer;

fn find<'a>(explanation: &'a Explanation, symbol: &str) -> &'a Quantity {
    let mut all = explanation.steps.iter().flat_map(|step| &step.values);
    all.find(|quantity| quantity.symbol == symbol).unwrap_or_else(|| panic!("no {symbol} in {explanation:#?}"))
}

fn numbers<'a>(explanation: &'a Explanation, symbol: &str) -> &'a [f32] {
    &find(explanation, symbol).values
}

fn step<'a>(explanation: &'a Explanation, formula: &str) -> &'a Explained {
    let found = explanation.steps.iter().find(|step| step.formula == formula);
    found.unwrap_or_else(|| {
        panic!("no `{formula}` in {:#?}", explanation.steps.iter().map(|s| &s.formula).collect::<Vec<_>>())
    })
}

fn close(got: &[f32], expected: impl IntoIterator<Item = f32>, what: &str) {
    let expected: Vec<f32> = expected.into_iter().collect();
    assert_eq!(got.len(), expected.len(), "{what}");
    for (g, e) in got.iter().zip(&expected) {
        assert!((g - e).abs() <= 1e-5 * (1.0 + e.abs()), "{what}: {got:?}, expected {expected:?}");
    }
}

/// `W·x`
fn product(matrix: &Quantity, x: &[f32]) -> Vec<f32> {
    assert_eq!(matrix.shape[1], x.len());
    matrix.values.chunks(x.len()).map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect()
}

/// `a·bᵀ`
fn outer(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().flat_map(|a| b.iter().map(move |b| a * b)).collect()
}

fn sum(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn times(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a * b).collect()
}

/// Every formula of a small net with dropout and penalty, recomputed from the numbers shown.
#[test]
fn the_numbers_fit_the_formulas() {
    let model = Sequential::new(2).linear(5).tanh().dropout(0.4).linear(2);
    let trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1)).l1(0.125).l2(0.25).seed(3);
    let devices = [Some(Device::Cpu), common::gpu().map(Device::Gpu)];
    for device in devices.into_iter().flatten() {
        let data = xor(10, 0).expect("data");
        let board = trainer.explain_blocking(&data, 6, &device).expect("an explanation");
        let n = |symbol: &str| numbers(&board, symbol);
        let Features::F32 { data: rows, .. } = &data.features else { panic!("floats") };
        assert_eq!(n("x"), &rows[12..14]);

        close(n("z⁽¹⁾"), sum(&product(find(&board, "W⁽¹⁾"), n("x")), n("b⁽¹⁾")), "z⁽¹⁾");
        close(n("a⁽¹⁾"), n("z⁽¹⁾").iter().map(|z| z.tanh()), "a⁽¹⁾");
        close(n("∂a⁽¹⁾/∂z⁽¹⁾"), n("a⁽¹⁾").iter().map(|a| 1.0 - a * a), "∂a⁽¹⁾/∂z⁽¹⁾");
        let mask = n("m⁽¹⁾");
        assert!(mask.contains(&0.0) && mask.iter().any(|m| (m - 1.0 / 0.6).abs() < 1e-6), "{mask:?}");
        close(n("ã⁽¹⁾"), times(mask, n("a⁽¹⁾")), "ã⁽¹⁾");
        close(n("z⁽²⁾"), sum(&product(find(&board, "W⁽²⁾"), n("ã⁽¹⁾")), n("b⁽²⁾")), "z⁽²⁾");

        let powers: Vec<f32> = n("z⁽²⁾").iter().map(|z| z.exp()).collect();
        close(n("p"), powers.iter().map(|e| e / powers.iter().sum::<f32>()), "p");
        assert_eq!(n("y").iter().sum::<f32>(), 1.0);
        close(n("L"), [-times(n("y"), n("p")).iter().sum::<f32>().ln()], "L");
        let weights = [n("W⁽¹⁾"), n("W⁽²⁾")].concat();
        close(n("R"), [weights.iter().map(|w| 0.25 * w * w + 0.125 * w.abs()).sum()], "R");
        close(n("J"), [n("L")[0] + n("R")[0]], "J");
        close(n("δ⁽²⁾"), n("p").iter().zip(n("y")).map(|(p, y)| p - y), "δ⁽²⁾");

        let penalty = |w: &[f32]| w.iter().map(|w| 0.5 * w + 0.125 * w.signum()).collect::<Vec<_>>();
        close(n("∂J/∂W⁽²⁾"), sum(&outer(n("δ⁽²⁾"), n("ã⁽¹⁾")), &penalty(n("W⁽²⁾"))), "∂J/∂W⁽²⁾");
        close(n("∂J/∂b⁽²⁾"), n("δ⁽²⁾").to_vec(), "∂J/∂b⁽²⁾");
        let w = find(&board, "W⁽²⁾");
        let back = (0..5).map(|j| (0..2).map(|i| w.values[i * 5 + j] * n("δ⁽²⁾")[i]).sum::<f32>());
        close(n("∂L/∂ã⁽¹⁾"), back, "∂L/∂ã⁽¹⁾");
        close(n("∂L/∂a⁽¹⁾"), times(n("∂L/∂ã⁽¹⁾"), mask), "∂L/∂a⁽¹⁾");
        close(n("δ⁽¹⁾"), times(n("∂L/∂a⁽¹⁾"), n("∂a⁽¹⁾/∂z⁽¹⁾")), "δ⁽¹⁾");
        close(n("∂J/∂W⁽¹⁾"), sum(&outer(n("δ⁽¹⁾"), n("x")), &penalty(n("W⁽¹⁾"))), "∂J/∂W⁽¹⁾");

        for w in ["W⁽¹⁾", "b⁽¹⁾", "W⁽²⁾", "b⁽²⁾"] {
            assert_eq!(n(&format!("{w} before")), n(w));
            let gradient = n(&format!("∂J/∂{w}"));
            close(n(&format!("{w} after")), n(w).iter().zip(gradient).map(|(w, g)| w - 0.1 * g), w);
        }
        assert_eq!((n("L before"), n("J before")), (n("L"), n("J")));
        assert!(n("J after")[0] < n("J")[0]);
        for (formula, layer) in [
            ("z⁽¹⁾ = W⁽¹⁾·x + b⁽¹⁾", 0),
            ("a⁽¹⁾ = tanh(z⁽¹⁾)", 1),
            ("∂J/∂W⁽²⁾ = δ⁽²⁾·ã⁽¹⁾ᵀ + 0.5·W⁽²⁾ + 0.125·sign W⁽²⁾", 3),
            ("∂L/∂ã⁽¹⁾ = W⁽²⁾ᵀ·δ⁽²⁾", 3),
            ("δ⁽¹⁾ = ∂L/∂z⁽¹⁾ = ∂L/∂a⁽¹⁾ ⊙ ∂a⁽¹⁾/∂z⁽¹⁾", 1),
        ] {
            assert_eq!(step(&board, formula).layer, Some(layer), "{formula}");
        }
    }
}

#[test]
fn every_activation_loss_and_optimizer_can_be_explained() {
    let labels = xor(4, 0).expect("data");
    let features = Features::F32 { width: 2, data: vec![0.5, -1.0] };
    let targets = Targets::Values { names: vec!["a".into(), "b".into()], data: vec![0.25, 0.75] };
    let values = Dataset::new("values", features, targets).expect("a dataset");
    let losses =
        Loss::all().flat_map(|loss| [loss.clone(), loss.sum()]).chain([Loss::cross_entropy().label_smoothing(0.2)]);
    for loss in losses {
        for data in [&labels, &values] {
            let is_labels = matches!(data.targets, Targets::Labels { .. });
            if !(if is_labels { loss.takes_labels() } else { loss.takes_values() }) {
                continue;
            }
            for &activation in Activation::ALL {
                let model = Sequential::new(2).linear(3).activation(activation).linear(loss.outputs(&data.targets));
                // A step so short that the loss cannot rise.
                let trainer = Trainer::new(model, loss.clone(), Sgd::new(1e-3));
                let board = trainer.explain_blocking(data, 0, &Device::Cpu).expect("an explanation");
                let what = format!("{loss:?} {activation}");
                let (before, after) = (numbers(&board, "L before")[0], numbers(&board, "L after")[0]);
                assert!(after < before || (before == 0.0 && after == 0.0), "{what}: {before} to {after}");
                for stage in [Stage::Input, Stage::Forward, Stage::Loss, Stage::Backward, Stage::Update, Stage::After] {
                    assert!(board.steps.iter().any(|step| step.stage == stage), "{what}: {stage:?}");
                }
                let longest = board.steps.iter().map(|step| step.formula.chars().count()).max();
                assert!(longest.is_some_and(|length| length <= 80), "{what}: {longest:?} characters");
                assert!(board.steps.iter().flat_map(|s| &s.values).flat_map(|q| &q.values).all(|x| x.is_finite()));
            }
        }
    }
    for name in Optimizer::NAMES {
        let model = Sequential::new(2).linear(3).relu().linear(2);
        let optimizer = Optimizer::named(name).expect("known");
        let trainer = Trainer::new(model, Loss::cross_entropy(), optimizer);
        let board = trainer.explain_blocking(&labels, 1, &Device::Cpu).expect("an explanation");
        for kept in optimizer.kept() {
            assert_eq!(find(&board, kept.letter).shape, [3, 2], "{name}");
        }
        assert!(numbers(&board, "L after")[0] < numbers(&board, "L before")[0], "{name}");
    }
}

/// `(x·Wᵀ + b) ⊙ σ(x·Vᵀ)`, then the sum with itself.
#[derive(Debug)]
struct Gated(usize);

impl Module for Gated {
    fn describe(&self) -> LayerDescription {
        LayerDescription::Custom("gated".into())
    }

    fn output(&self, _input: &Shape) -> anygrad::Result<Shape> {
        Ok([self.0].into())
    }

    fn tensors(&self, input: &Shape) -> anygrad::Result<Vec<TensorSpec>> {
        let (outputs, inputs) = (self.0, input.vector("gated")?);
        Ok(vec![
            TensorSpec::new("weight", [outputs, inputs], TensorKind::Weight),
            TensorSpec::new("bias", [outputs], TensorKind::Bias).fans(inputs, outputs),
            TensorSpec::new("gate", [outputs, inputs], TensorKind::Weight),
        ])
    }

    fn forward(&self, pass: &mut Pass<'_>, x: ValueId) -> anygrad::Result<ValueId> {
        let (weight, bias, gate) = (pass.tensor("weight")?, pass.tensor("bias")?, pass.tensor("gate")?);
        let product = pass.apply(Matmul::NT, &[x, weight])?;
        let linear = pass.apply(AddBias, &[product, bias])?;
        let gate = pass.apply(Matmul::NT, &[x, gate])?;
        let open = pass.apply(Activate(Activation::Sigmoid), &[gate])?;
        let gated = pass.apply(Elementwise::Multiply, &[linear, open])?;
        pass.apply(Elementwise::Add, &[gated, linear])
    }
}

#[test]
fn a_layer_of_ones_own_is_explained_op_by_op_and_checked() {
    let model = Sequential::new(2).linear(4).relu().layer(Gated(3)).linear(2);
    let trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1));
    let data = xor(8, 0).expect("data");
    let board = trainer.explain_blocking(&data, 0, &Device::Cpu).expect("an explanation");
    let gated = step(&board, "h⁽³⁾ = elementwise(z⁽²⁾, a⁽³⁾)");
    assert_eq!(gated.layer, Some(2));
    close(numbers(&board, "h⁽³⁾"), times(numbers(&board, "z⁽²⁾"), numbers(&board, "a⁽³⁾")), "h⁽³⁾");
    close(numbers(&board, "h⁽³⁾′"), sum(numbers(&board, "h⁽³⁾"), numbers(&board, "z⁽²⁾")), "h⁽³⁾′");
    step(&board, "w = W⁽³⁾, `2.gate`");
    let check = trainer.step(&data).expect("a step").check_gradients_blocking(&CheckOptions::default());
    check.expect("a check").verdict().expect("right gradients");
}

/// Where two parts take one value, its gradient is the sum of what both give.
#[test]
fn a_residual_block_adds_values_and_gradients() {
    let block = Sequential::new(3).tanh().linear(3);
    let model = Sequential::new(2).linear(3).residual(block).linear(2);
    let trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1));
    let board = trainer.explain_blocking(&xor(8, 0).expect("data"), 3, &Device::Cpu).expect("an explanation");
    let n = |symbol: &str| numbers(&board, symbol);
    step(&board, "h⁽²⁾ = z⁽¹⁾ + z⁽²⁾");
    close(n("h⁽²⁾"), sum(n("z⁽¹⁾"), n("z⁽²⁾")), "h⁽²⁾");
    step(&board, "∂h⁽²⁾/∂z⁽¹⁾ = 1,  ∂h⁽²⁾/∂z⁽²⁾ = 1");
    step(&board, "δ⁽²⁾ = ∂L/∂z⁽²⁾ = ∂L/∂h⁽²⁾");
    step(&board, "δ⁽¹⁾ = ∂L/∂z⁽¹⁾ = ∂L/∂h⁽²⁾ + ∂L/∂a⁽¹⁾ ⊙ ∂a⁽¹⁾/∂z⁽¹⁾");
    close(n("δ⁽¹⁾"), sum(n("∂L/∂h⁽²⁾"), &times(n("∂L/∂a⁽¹⁾"), n("∂a⁽¹⁾/∂z⁽¹⁾"))), "δ⁽¹⁾");
    assert_eq!(board.steps.iter().filter(|step| step.formula.starts_with("δ⁽¹⁾")).count(), 1);
}

#[test]
fn odd_models_and_rows() {
    let data = digits().expect("digits");
    let trainer = |model| Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1));
    // Layers in front of the first parameter, two activations in a row, dropout that does nothing, one without bias.
    let model = Sequential::new(64)
        .activation(Activation::Tanh)
        .dropout(0.0)
        .dropout(0.5)
        .layer(anygrad::nn::Linear { bias: false, ..anygrad::nn::Linear::new(10) })
        .layer(DropoutLayer { rate: 0.1, mode: DropoutMode::Vanilla })
        .relu()
        .sigmoid();
    let board = trainer(model).explain_blocking(&data, 1796, &Device::Cpu).expect("an explanation");
    for formula in ["a⁽⁰⁾ = tanh(x)", "z⁽¹⁾ = W⁽¹⁾·ã⁽⁰⁾", "∂L/∂a⁽¹⁾ = ∂L/∂a⁽¹⁾′ ⊙ ∂a⁽¹⁾′/∂a⁽¹⁾"]
    {
        step(&board, formula);
    }
    // Nothing in front of the first parameter has a gradient.
    assert!(board.steps.iter().flat_map(|s| &s.values).all(|q| !["∂L/∂a⁽⁰⁾", "∂L/∂x"].contains(&q.symbol.as_str())));
    let board = trainer(Sequential::new(64)).explain_blocking(&data, 0, &Device::Cpu);
    assert!(
        board.is_err_and(|error| error.to_string().contains("10 classes need 10 outputs")),
        "a model without layers"
    );
    let error = trainer(Sequential::new(64).linear(10)).explain_blocking(&data, 1797, &Device::Cpu);
    assert_eq!(error.expect_err("no such row").to_string(), "row = 1797: there are 1797 rows, counted from 0");
}
