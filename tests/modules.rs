//! Modules in modules: paths of tensors and of random streams, kinds of tensors, residual blocks, layers of one's own in
//! model files.

mod common;

use anygrad::backend::Device;
use anygrad::check::CheckOptions;
use anygrad::data::{Split, digits};
use anygrad::graph::{DType, Graph, Role, Shape, ValueId};
use anygrad::kernel::Clock;
use anygrad::model::Model;
use anygrad::nn::{
    ActivationLayer, DropoutLayer, DropoutMode, LayerDescription, Linear, Loss, Module, Pass, Residual, Sequential,
    TensorKind, TensorSpec,
};
use anygrad::ops::activation::Activation;
use anygrad::ops::{add_bias::AddBias, matmul::Matmul};
use anygrad::optim::Sgd;
use anygrad::plan::{PhaseId, Plan};
use anygrad::train::Trainer;
use pollster::block_on;

fn split() -> Split {
    digits().expect("digits").split(0.2, 0).expect("a split")
}

/// Forty tensors of one shape; passes its rows on.
#[derive(Debug)]
struct Forty;

impl Module for Forty {
    fn describe(&self) -> LayerDescription {
        LayerDescription::Custom("forty".into())
    }

    fn output(&self, input: &Shape) -> anygrad::Result<Shape> {
        Ok(input.clone())
    }

    fn tensors(&self, _input: &Shape) -> anygrad::Result<Vec<TensorSpec>> {
        Ok((0..40).map(|i| TensorSpec::new(format!("weight{i}"), [4, 8], TensorKind::Weight)).collect())
    }

    fn forward(&self, _pass: &mut Pass<'_>, x: ValueId) -> anygrad::Result<ValueId> {
        Ok(x)
    }
}

#[test]
fn no_two_tensors_start_alike_however_many_a_layer_has() {
    let inner = Sequential::new(8).layer(Linear::new(4));
    let model = Sequential::new(8).layer(Forty).layer(Forty).layer(inner).layer(Linear::new(8)).linear(4);
    let tensors = model.initialize(5).expect("a model");
    assert_eq!(tensors.len(), 80 + 6);
    for (i, tensor) in tensors.iter().enumerate() {
        let alike = tensors[..i].iter().find(|other| other.data[..4] == tensor.data[..4]);
        assert!(alike.is_none(), "{} starts as {}", tensor.name, alike.expect("one").name);
    }
    let names: Vec<&str> = tensors[79..].iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names, ["1.weight39", "2.0.weight", "2.0.bias", "3.weight", "3.bias", "4.weight", "4.bias"]);
}

#[test]
fn a_tensor_starts_alike_whatever_else_the_model_has() {
    let start = |model: Sequential| model.initialize(1).expect("a model").pop().expect("tensors");
    let short = Sequential::new(8).relu().linear(4);
    let long = Sequential::new(8).layer(Forty).linear(4);
    assert_eq!(start(short), start(long));
}

/// Dropout of ones in several places: by two held layers, in a nested one, and twice by one and the same.
fn masks(pass: &mut Pass<'_>, ones: ValueId) -> anygrad::Result<Vec<ValueId>> {
    let drop = DropoutLayer { rate: 0.5, mode: DropoutMode::Inverted };
    let nested = Sequential::new(64).layer(ActivationLayer(Activation::Identity)).layer(drop);
    Ok(vec![
        pass.child("first", &drop, ones)?,
        pass.child("second", &drop, ones)?,
        pass.child("branch", &nested, ones)?,
        pass.child("first", &drop, ones)?,
        drop.forward(pass, ones)?,
        drop.forward(pass, ones)?,
    ])
}

#[test]
fn no_two_dropouts_of_a_model_share_a_mask_and_each_is_the_same_on_every_device() {
    let run = |device: &Device| {
        let mut graph = Graph::new();
        let tensors = Sequential::new(64).declare(&mut graph).expect("no tensors");
        let ones = graph.declare("ones", [8, 64], DType::F32, Role::Constant(1.0));
        graph.begin_phase("run");
        let masks = masks(&mut Pass::new(&mut graph, &tensors, true, 7), ones).expect("masks");
        masks.iter().for_each(|&mask| graph.set_role(mask, Role::Output));
        let labels: Vec<String> = graph.nodes().iter().map(|node| node.label.clone()).collect();
        assert_eq!(labels[..2], ["first.dropout", "second.dropout"]);
        assert!(labels.contains(&"branch.1.dropout".to_string()), "{labels:?}");
        let plan = Plan::new(graph, &device.target()).expect("a plan");
        let mut executor = block_on(device.load(plan)).expect("loaded");
        executor.run(&[(PhaseId::FIRST, Clock::default())]).expect("a run");
        masks.iter().map(|&mask| block_on(executor.read(mask)).expect("a mask")).collect::<Vec<_>>()
    };
    let cpu = run(&Device::Cpu);
    for (i, mask) in cpu.iter().enumerate() {
        assert!(mask.contains(&0.0) && mask.contains(&2.0));
        assert!(!cpu[..i].contains(mask), "mask {i} is one of the others");
    }
    if let Some(gpu) = common::gpu() {
        assert!(cpu == run(&Device::Gpu(gpu)), "the devices drop different elements");
        common::report_comparisons("masks_of_modules", cpu.iter().map(Vec::len).sum());
    }
}

/// A block with dropout in it, and one inside another.
fn residual() -> Sequential {
    let inner = Sequential::new(16).tanh().linear(16);
    let block = Sequential::new(16).linear(16).relu().dropout(0.1).residual(inner).linear(16);
    Sequential::new(64).linear(16).tanh().residual(block).relu().linear(10)
}

#[test]
fn residual_blocks_have_right_gradients_on_every_device() {
    let trainer = Trainer::new(residual(), Loss::cross_entropy(), Sgd::new(0.1)).l2(0.01);
    let batch = digits().expect("digits").select(&(0..8).collect::<Vec<_>>());
    let options = CheckOptions { device: common::gpu().map(Device::Gpu), ..CheckOptions::default() };
    let check = trainer.step(&batch).expect("a step").check_gradients_blocking(&options).expect("a check");
    check.verdict().expect("right gradients");
    let names: Vec<&str> = check.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    let weights = ["0.weight", "2.0.weight", "2.3.1.weight", "2.4.weight", "4.weight"];
    assert_eq!(names, weights.map(|weight| [weight.into(), weight.replace("weight", "bias")]).concat());
    assert!(check.tensors.iter().all(|tensor| tensor.largest_gradient > 1e-4));
}

#[test]
fn a_residual_net_learns_and_survives_its_file() {
    let data = split();
    let devices = [Some(Device::Cpu), common::gpu().map(Device::Gpu)];
    for device in devices.into_iter().flatten() {
        let mut trainer = Trainer::new(residual(), Loss::cross_entropy(), Sgd::new(0.1).momentum(0.9));
        trainer = trainer.epochs(8).on(device);
        let history = trainer.fit_blocking(&data).expect("training");
        let accuracy = history.last().and_then(|epoch| epoch.test_accuracy).expect("an accuracy");
        assert!(accuracy > 0.9, "{accuracy}");
        let model = trainer.model().expect("a model");
        let bytes = model.to_bytes().expect("a file");
        let loaded = Model::from_bytes(&bytes).expect("a model");
        assert_eq!(loaded.tensors, model.tensors);
        assert_eq!(loaded.architecture.description(), model.architecture.description());
        let classes = |model: &Model| block_on(model.classes(&data.test.features, &Device::Cpu)).expect("classes");
        assert_eq!(classes(&loaded), classes(model));
    }
    let text = "64 → linear 16 → tanh → residual (linear 16 → relu → dropout 0.1 → residual (tanh → linear 16) → linear 16) → relu → linear 10";
    assert_eq!(residual().to_string(), text);
    let json = serde_json::to_string(&residual().description()).expect("JSON");
    assert!(json.contains(r#"{"residual":[{"linear":16},{"activation":"relu"},"#), "{json}");
    let layers: Vec<LayerDescription> = serde_json::from_str(&json).expect("layers");
    let again = Sequential::from_description(64, &layers).expect("a model");
    assert_eq!(again.description(), residual().description());
}

#[test]
fn modules_that_do_not_fit_are_named_by_their_path() {
    let of = |model: Sequential| model.widths().expect_err("does not fit").to_string();
    let block = Residual(Sequential::new(16).linear(8));
    let text = of(Sequential::new(64).linear(16).layer(block));
    assert!(text.starts_with("layer 1: residual: its layers make [8] of [16]"), "{text}");
    let text = of(Sequential::new(64).linear(8).residual(Sequential::new(16).linear(16)));
    assert!(text.starts_with("layer 1: sequential: takes rows of 16 numbers"), "{text}");
    let text = of(Sequential::new(64).linear(8).residual(Sequential::new(8).relu().dropout(1.5)));
    assert!(text.starts_with("layer 1.1: dropout = 1.5"), "{text}");
    let text = Sequential::new(8).layer(Twice).declare(&mut Graph::new()).expect_err("one name twice").to_string();
    assert!(text.starts_with("0.bias: the model has two tensors"), "{text}");
}

/// Adds a constant that it keeps, `[n, n]` numbers that count as a bias, and a weight of one extent.
#[derive(Debug)]
struct Kinds;

impl Module for Kinds {
    fn describe(&self) -> LayerDescription {
        LayerDescription::Custom("kinds".into())
    }

    fn output(&self, input: &Shape) -> anygrad::Result<Shape> {
        Ok(input.clone())
    }

    fn tensors(&self, input: &Shape) -> anygrad::Result<Vec<TensorSpec>> {
        let n = input.vector("kinds")?;
        Ok(vec![
            TensorSpec::new("kept", [n], TensorKind::Running),
            TensorSpec::new("matrix", [n, n], TensorKind::Bias),
            TensorSpec::new("vector", [n], TensorKind::Weight),
        ])
    }

    fn forward(&self, pass: &mut Pass<'_>, x: ValueId) -> anygrad::Result<ValueId> {
        let (kept, matrix, vector) = (pass.tensor("kept")?, pass.tensor("matrix")?, pass.tensor("vector")?);
        let x = pass.apply(AddBias, &[x, kept])?;
        let x = pass.apply(Matmul::NT, &[x, matrix])?;
        pass.apply(AddBias, &[x, vector])
    }
}

/// Declares one name twice.
#[derive(Debug)]
struct Twice;

impl Module for Twice {
    fn describe(&self) -> LayerDescription {
        LayerDescription::Custom("twice".into())
    }

    fn output(&self, input: &Shape) -> anygrad::Result<Shape> {
        Ok(input.clone())
    }

    fn tensors(&self, input: &Shape) -> anygrad::Result<Vec<TensorSpec>> {
        Ok(vec![TensorSpec::new("bias", input, TensorKind::Bias); 2])
    }

    fn forward(&self, _pass: &mut Pass<'_>, x: ValueId) -> anygrad::Result<ValueId> {
        Ok(x)
    }
}

#[test]
fn the_kind_of_a_tensor_decides_what_is_trained_and_penalized() {
    let data = split();
    let layers = || Sequential::new(64).linear(6).layer(Kinds).linear(10);
    let initial = layers().initialize(0).expect("a model");
    assert_eq!(layers().parameter_count().expect("a count"), 64 * 6 + 6 + 36 + 6 + 70);
    let devices = [Some(Device::Cpu), common::gpu().map(Device::Gpu)];
    for device in devices.into_iter().flatten() {
        let mut trainer = Trainer::new(layers(), Loss::cross_entropy(), Sgd::new(0.1)).epochs(1).l2(0.5).on(device);
        let forecast = trainer.forecast(&data.train, Some(&data.test)).expect("a forecast");
        let history = trainer.fit_blocking(&data).expect("training");
        assert_eq!(forecast.device_bytes(), history.device_bytes);
        let bytes = trainer.model().expect("a model").to_bytes().expect("a file");
        let trained = Model::from_bytes_into(&bytes, layers()).expect("a model");
        for (before, after) in initial.iter().zip(&trained.tensors) {
            assert_eq!(before.data == after.data, before.name == "1.kept", "{}", before.name);
        }
    }
    // At the first step the penalty's gradient is the difference that it makes.
    let gradients = |l2: f32| {
        let step = Trainer::new(layers(), Loss::cross_entropy(), Sgd::new(0.1)).l2(l2).step(&data.test);
        let check = step.expect("a step").check_gradients_blocking(&CheckOptions::default()).expect("a check");
        check.verdict().expect("right gradients");
        let largest = |tensor: &anygrad::check::TensorCheck| (tensor.name.clone(), tensor.largest_gradient);
        check.tensors.iter().map(largest).collect::<Vec<_>>()
    };
    let changed: Vec<String> =
        gradients(0.0).into_iter().zip(gradients(3.0)).filter(|(a, b)| a != b).map(|(a, _)| a.0).collect();
    assert_eq!(changed, ["0.weight", "1.vector", "2.weight"]);
}

#[test]
fn a_model_with_layers_of_ones_own_loads_into_the_layers_that_wrote_it() {
    let layers = || Sequential::new(64).layer(Kinds).residual(Sequential::new(64).layer(Kinds).linear(64)).linear(10);
    let mut trainer = Trainer::new(layers(), Loss::cross_entropy(), Sgd::new(0.01)).epochs(1);
    trainer.fit_blocking(&split()).expect("training");
    let model = trainer.model().expect("a model");
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("own.safetensors");
    model.save(&path).expect("a file");
    let loaded = Model::load_into(&path, layers()).expect("a model");
    assert_eq!((loaded.weights_hash(), &loaded.metrics), (model.weights_hash(), &model.metrics));

    let error = Model::load(&path).expect_err("only code knows it").to_string();
    assert!(error.contains("own.safetensors") && error.contains("load_into"), "{error}");
    for other in [Sequential::new(64).layer(Kinds).linear(10), Sequential::new(63).linear(10)] {
        let error = Model::load_into(&path, other).expect_err("other layers").to_string();
        assert!(error.contains("64 → kinds → residual (kinds → linear 64) → linear 10, those to load"), "{error}");
    }
    let bytes = model.to_bytes().expect("bytes");
    assert_eq!(Model::from_bytes_into(&bytes, layers()).expect("a model").weights_hash(), model.weights_hash());
    assert!(Model::from_bytes(&bytes[..100]).expect_err("cut short").to_string().contains("not a whole"));
}

#[test]
fn a_file_with_a_weight_that_is_no_number_is_refused() {
    let data = anygrad::data::xor(40, 0).expect("xor");
    let layers = Sequential::new(2).linear(3).relu().linear(2);
    let mut trainer = Trainer::new(layers, Loss::cross_entropy(), Sgd::new(0.1)).epochs(1);
    trainer.fit_rows_blocking(&data, None).expect("training");
    for value in [f32::NAN, f32::INFINITY] {
        let mut model = trainer.model().expect("a model").clone();
        model.tensors[1].data[0] = value;
        let error = Model::from_bytes(&model.to_bytes().expect("bytes")).expect_err("refused").to_string();
        assert!(error.contains("`0.bias` holds NaN or infinity"), "{error}");
    }
}

#[test]
fn a_saved_model_takes_the_place_of_the_old_one() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("saved-twice");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let data = anygrad::data::xor(40, 0).expect("xor");
    let model = |seed| {
        let layers = Sequential::new(2).linear(3).relu().linear(2);
        let mut trainer = Trainer::new(layers, Loss::cross_entropy(), Sgd::new(0.1)).epochs(1).seed(seed);
        trainer.fit_rows_blocking(&data, None).expect("training");
        trainer.model().expect("a model").clone()
    };
    let (path, other) = (folder.join("model.safetensors"), folder.join("other name of the old file"));
    let (old, new) = (model(1), model(2));
    old.save(&path).expect("a file");
    std::fs::hard_link(&path, &other).expect("a link");
    new.save(&path).expect("a file");
    // Whoever reads the old file meanwhile reads the old model to its end.
    let hash = |path: &std::path::Path| Model::load(path).expect("a model").weights_hash();
    assert_eq!((hash(&other), hash(&path)), (old.weights_hash(), new.weights_hash()));
}
