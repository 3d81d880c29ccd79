//! Training that goes on: from a model with its weights and its preparation of columns, with frozen layers, from weights
//! that PyTorch wrote.

mod common;

use anygrad::backend::Device;
use anygrad::data::{DataOptions, Dataset, Features, Source, Split, Targets, digits, load, load_like, sine};
use anygrad::model::{Model, Target, read_tensors};
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::{Adam, Optimizer, Sgd};
use anygrad::train::{Recipe, Trainer};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::path::{Path, PathBuf};

/// A fresh folder for one test.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("going-on").join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

/// The trained model.
fn fit(mut trainer: Trainer, data: &Split) -> Model {
    trainer.fit_blocking(data).expect("a run");
    trainer.model().expect("a model").clone()
}

fn bits(model: &Model, tensor: usize) -> Vec<u32> {
    model.tensors[tensor].data.iter().map(|x| x.to_bits()).collect()
}

/// A table of two classes, a category and a number around `center`; `more` rows follow.
fn table(path: &Path, rows: usize, center: f32, more: &str) -> Source {
    let mut text = "color,size,kind\n".to_string();
    for i in 0..rows {
        let (color, size) = (["red", "blue"][i % 2], center + ((i * 37) % 23) as f32 / 7.0);
        text += &format!("{color},{size},{}\n", if size > center + 1.5 { "large" } else { "small" });
    }
    std::fs::write(path, text + more).expect("a table");
    Source::Table(path.into())
}

#[test]
fn epochs_in_two_runs_are_those_of_one() {
    let data = digits().expect("digits").split(0.2, 0).expect("a split");
    let layers = || Sequential::new(64).linear(16).relu().linear(10);
    let trainer = |epochs| {
        let trainer = Trainer::new(layers(), Loss::cross_entropy(), Sgd::new(0.3)).full_batch();
        trainer.shuffle(false).epochs(epochs)
    };
    let whole = fit(trainer(7), &data);
    let first = fit(trainer(3), &data);
    let both = fit(Trainer::continuing(&first).epochs(4), &data);
    assert_ne!(first.weights_hash(), both.weights_hash());
    assert_eq!(both.weights_hash(), whole.weights_hash());
}

#[test]
fn columns_of_more_rows_are_prepared_as_the_models() {
    let folder = folder("columns");
    let first = table(&folder.join("first.csv"), 60, 0.0, ",1.5,small\n");
    let options = DataOptions { source: first, ..DataOptions::default() };
    let data = load(&options, 0).expect("a table");
    let layers = Sequential::new(data.train.features.width()).linear(2);
    let model = fit(Trainer::new(layers, Loss::cross_entropy(), Adam::new(0.1)).epochs(2), &data);

    // Other numbers, a color that was never seen, a class that no row has.
    let path = folder.join("second.csv");
    let second = DataOptions { source: table(&path, 40, 50.0, "green,50,large\n"), ..options.clone() };
    let more = load_like(&second, 0, &model.fitted()).expect("rows like the model's");
    let own = load(&second, 0).expect("a table");
    assert_ne!(own.train.preprocessing, model.preprocessing, "its own statistics are others");
    for part in [&more.train, &more.test] {
        assert_eq!((&part.preprocessing, &part.encoder), (&model.preprocessing, &model.encoder));
        assert_eq!(part.feature_names, model.feature_names);
    }
    let Target::Classes { classes, .. } = &model.target else { panic!("classes") };
    assert!(matches!(&more.train.targets, Targets::Labels { classes: own, .. } if own == classes));
    let tuned = fit(Trainer::continuing(&model).epochs(1), &more);
    assert_eq!((&tuned.preprocessing, &tuned.target), (&model.preprocessing, &model.target));

    // Columns in another order, with one more.
    let order = "kind,more,size,color\nlarge,1,51,red\nsmall,2,50,blue\n";
    std::fs::write(&path, order).expect("a table");
    let none = DataOptions { test_fraction: 0.0, ..second.clone() };
    let split = load_like(&none, 0, &model.fitted()).expect("columns by name");
    let size = model.feature_names.iter().position(|name| name == "size").expect("a number");
    let Features::F32 { width, data } = &split.train.features else { panic!("floats") };
    assert_eq!([data[size], data[width + size]], [51.0, 50.0]);

    table(&path, 40, 0.0, "red,1,huge\n");
    let error = load_like(&second, 0, &model.fitted()).expect_err("a new class").to_string();
    assert!(error.contains("second.csv:42") && error.contains("unknown class `huge`"), "{error}");
    std::fs::write(&path, "color,kind\nred,large\nblue,small\n").expect("a table");
    let error = load_like(&second, 0, &model.fitted()).expect_err("a column is absent").to_string();
    assert!(error.contains("unknown column `size`"), "{error}");
}

#[test]
fn statistics_of_targets_are_the_models_and_rows_in_memory_must_fit() {
    let split = |seed| sine(80, seed).expect("rows").split(0.2, 0).expect("a split");
    let data = split(0).standardized();
    let layers = Sequential::new(1).linear(4).tanh().linear(1);
    let model = fit(Trainer::new(layers, Loss::mean_squared_error(), Adam::new(0.01)).epochs(1), &data);
    let more = split(1).like(&model.fitted()).expect("rows like the model's");
    assert_eq!(more.test.target_preprocessing, model.target_preprocessing);
    let tuned = fit(Trainer::continuing(&model), &more);
    assert_eq!(tuned.target_preprocessing, data.train.target_preprocessing);
    let digits = digits().expect("digits").split(0.2, 0).expect("a split");
    let error = digits.clone().like(&model.fitted()).expect_err("64 features").to_string();
    assert!(error.contains("64 features, the model takes 1"), "{error}");

    let fitted =
        fit(Trainer::new(Sequential::new(64).linear(10), Loss::cross_entropy(), Sgd::new(0.1)), &digits).fitted();
    assert_eq!(digits.clone().like(&fitted).expect("itself"), digits);
    let mut other = digits.clone();
    other.train.preprocessing = anygrad::data::Preprocessing::Scale { factor: 1.0 / 255.0 };
    assert!(other.like(&fitted).expect_err("other pixels").to_string().contains("another range"));
    // Labels follow the names of the classes; one that is new is refused.
    let mut other = digits.clone();
    let Targets::Labels { classes, .. } = &mut other.train.targets else { panic!("classes") };
    classes.swap(0, 9);
    let turned = other.clone().like(&fitted).expect("the same names");
    let labels = |split: &Split| match &split.train.targets {
        Targets::Labels { data, .. } => data.clone(),
        Targets::Values { .. } => panic!("classes"),
    };
    let turn = |label: u32| [9, 1, 2, 3, 4, 5, 6, 7, 8, 0][label as usize];
    let expected: Vec<u32> = labels(&digits).into_iter().map(turn).collect();
    assert!(labels(&turned) == expected, "labels follow their names");
    let Targets::Labels { classes, .. } = &mut other.train.targets else { panic!("classes") };
    classes[3] = "ten".into();
    assert!(other.like(&fitted).expect_err("a new class").to_string().contains("unknown class `ten`"));
}

#[test]
fn frozen_layers_keep_their_bits_and_the_others_change() {
    let data = digits().expect("digits").split(0.2, 0).expect("a split");
    let block = || Sequential::new(16).linear(16).tanh().linear(16);
    let plain = || Sequential::new(64).linear(16).relu().dropout(0.1).linear(16).tanh().linear(10);
    let nested = || Sequential::new(64).linear(16).residual(block()).linear(10);
    let momentum: Optimizer = Sgd::new(0.05).momentum(0.9).weight_decay(0.01).into();
    let cases: [(&str, Sequential, &[&str], &[&str]); 5] = [
        ("first", plain(), &["0"], &["0.weight", "0.bias"]),
        ("middle", plain(), &["3"], &["3.weight", "3.bias"]),
        ("last", plain(), &["5"], &["5.weight", "5.bias"]),
        ("first two", plain(), &["0", "3"], &["0.weight", "0.bias", "3.weight", "3.bias"]),
        ("nested", nested(), &["1.0"], &["1.0.weight", "1.0.bias"]),
    ];
    let devices = [Some(Device::cpu()), common::gpu().map(Device::Gpu)];
    let mut compared = 0;
    for device in devices.into_iter().flatten() {
        for (name, layers, frozen, kept) in &cases {
            for optimizer in [momentum, Adam::new(0.01).into()] {
                let trainer = |fuse: bool| {
                    let trainer = Trainer::new(layers.clone(), Loss::cross_entropy(), optimizer).epochs(1).fuse(fuse);
                    trainer.l2(0.001).on(device.clone()).freeze(frozen.iter().copied())
                };
                let initial = layers.initialize(0).expect("initial values");
                let program = trainer(true).program(&data.train, None).expect("a program");
                assert_eq!(program.parameters.len(), initial.len() - kept.len());
                assert_eq!(program.optimizer_state.len(), program.parameters.len());
                let free = trainer(true).freeze([""; 0]).plan(&data.train, None).expect("a plan");
                let plan = trainer(true).plan(&data.train, None).expect("a plan");
                assert!(plan.graph().nodes().len() < free.graph().nodes().len(), "{name}: nothing was left out");
                let (fused, separate) = (fit(trainer(true), &data), fit(trainer(false), &data));
                for (i, start) in initial.iter().enumerate() {
                    let start_bits: Vec<u32> = start.data.iter().map(|x| x.to_bits()).collect();
                    let is_kept = kept.contains(&start.name.as_str());
                    assert_eq!(bits(&fused, i) == start_bits, is_kept, "{name}: {} on {}", start.name, device.name());
                    let pairs = fused.tensors[i].data.iter().zip(&separate.tensors[i].data);
                    let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    // Sums in another order over 23 steps.
                    assert!(worst < 2e-3, "{name}: {} differs by {worst} without fusion", start.name);
                    compared += 1;
                }
            }
        }
    }
    common::report_comparisons("going-on-frozen", compared);

    for (frozen, parts) in [(&["1"][..], ["`1`", "0, 3, 5"]), (&["0", "3", "5"], ["0,3,5", "freezes all"])] {
        let trainer = Trainer::new(plain(), Loss::cross_entropy(), momentum).freeze(frozen.iter().copied());
        let error = trainer.plan(&data.train, None).expect_err("refused").to_string();
        assert!(parts.iter().all(|part| error.contains(part.trim_matches('`'))), "{error}");
    }
}

/// A tensor of a file: its name, kind, shape and bytes.
type Raw = (&'static str, Dtype, Vec<usize>, Vec<u8>);

fn floats(name: &'static str, shape: &[usize], data: &[f32]) -> Raw {
    (name, Dtype::F32, shape.to_vec(), data.iter().flat_map(|x| x.to_le_bytes()).collect())
}

fn write(path: &Path, tensors: &[Raw]) {
    let view = |(name, kind, shape, bytes): &'_ Raw| (*name, *kind, shape.clone(), bytes.clone());
    let own: Vec<Raw> = tensors.iter().map(view).collect();
    let views =
        own.iter().map(|(name, kind, shape, bytes)| (*name, TensorView::new(*kind, shape.clone(), bytes).unwrap()));
    std::fs::write(path, safetensors::serialize(views, None).expect("bytes")).expect("a file");
}

/// The state of `Sequential(Linear(2, 3), Tanh(), Linear(3, 2))`.
fn state() -> Vec<Raw> {
    vec![
        floats("0.weight", &[3, 2], &[0.5, -0.25, 1.0, 0.75, -0.5, 0.125]),
        floats("0.bias", &[3], &[0.1, -0.2, 0.3]),
        floats("2.weight", &[2, 3], &[1.0, -1.0, 0.5, -0.75, 0.25, 1.5]),
        floats("2.bias", &[2], &[0.05, -0.05]),
    ]
}

#[test]
fn weights_of_pytorch_put_out_what_they_do_there() {
    let path = folder("pytorch").join("weights.safetensors");
    write(&path, &state());
    let layers = Sequential::new(2).linear(3).tanh().linear(2);
    let features = Features::F32 { width: 2, data: vec![1.0, 2.0, -0.5, 0.25] };
    let targets = Targets::Labels { name: "y".into(), classes: vec!["a".into(), "b".into()], data: vec![0, 1] };
    let rows = Dataset::new("rows", features.clone(), targets).expect("rows");
    let data = Split::new(rows.clone(), rows.select(&[]));
    // By PyTorch 2.15.0: net(torch.tensor([[1.0, 2.0], [-0.5, 0.25]])).
    let expected = [-0.805_449_2, 0.195_210_68, 0.574_319_3, 0.774_406_1];
    let recipe = |from: &Path| {
        let mut recipe = Recipe::new(Loss::cross_entropy(), Sgd::new(0.1));
        (recipe.from, recipe.layers, recipe.train.epochs) = (Some(from.into()), layers.description(), Some(0));
        recipe
    };
    let model = fit(Trainer::of(recipe(&path), &data).expect("a trainer"), &data);
    let outputs = pollster::block_on(model.outputs(&features, &Device::cpu())).expect("outputs");
    let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-6;
    assert!(outputs.iter().zip(&expected).all(near), "{outputs:?}");
    let none = Recipe { layers: Vec::new(), ..recipe(&path) };
    let error = Trainer::of(none, &data).expect_err("no layers").to_string();
    assert!(error.contains("without their layers"), "{error}");

    // Floats of other kinds: 1/3 and −2.5 by torch's half(), bfloat16() and double().
    let kinds: [(Dtype, Vec<u8>, [f32; 2]); 3] = [
        (Dtype::F16, [13653i16, -16128].iter().flat_map(|x| x.to_le_bytes()).collect(), [0.333_251_95, -2.5]),
        (Dtype::BF16, [16043i16, -16352].iter().flat_map(|x| x.to_le_bytes()).collect(), [0.333_984_38, -2.5]),
        (Dtype::F64, [1.0f64 / 3.0, -2.5].iter().flat_map(|x| x.to_le_bytes()).collect(), [1.0 / 3.0, -2.5]),
    ];
    for (kind, bytes, expected) in kinds {
        let weight = ("0.weight", kind, vec![1, 2], bytes);
        write(&path, &[weight, floats("0.bias", &[1], &[0.0])]);
        let tensors = read_tensors(&path, &Sequential::new(2).linear(1)).expect("floats");
        assert_eq!(tensors[0].data, expected, "{kind:?}");
    }
    let change = |at: usize, tensor: Raw| {
        let mut all = state();
        all[at] = tensor;
        all
    };
    for (tensors, parts) in [
        (change(2, floats("2.weight", &[3, 2], &[0.0; 6])), ["`2.weight` is [3, 2]", "need [2, 3]"]),
        (state()[..3].to_vec(), ["`2.bias` is missing", "`2.weight`"]),
        (change(1, ("0.bias", Dtype::I32, vec![3], vec![0; 12])), ["`0.bias` holds I32", "float32"]),
        (change(3, floats("2.bias", &[2], &[0.0, f32::NAN])), ["`2.bias`", "NaN"]),
        ([state(), vec![floats("4.bias", &[1], &[0.0])]].concat(), ["`4.bias`", "none of the layers"]),
    ] {
        write(&path, &tensors);
        let error = read_tensors(&path, &layers).expect_err("refused").to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
}
