//! The autotuner: what is wrong cannot win, choices survive on disk and hold for what they were measured on, and tuned
//! training is training. No time is asserted.

mod common;

use anygrad::backend::Device;
use anygrad::backend::gpu::GpuDevice;
use anygrad::data::{Split, digits};
use anygrad::kernel::part::{Algorithm, Source};
use anygrad::kernel::{Profile, Target, Variant};
use anygrad::nn::{Loss, Sequential};
use anygrad::ops::fused::Fused;
use anygrad::ops::{activation::Activation, matmul, matmul::Matmul};
use anygrad::optim::Sgd;
use anygrad::optim::sgd::SgdStep;
use anygrad::plan::Plan;
use anygrad::train::Trainer;
use anygrad::tune::bounds::Bounds;
use anygrad::tune::{Choice, Effort, Place, Store, Tunable, Variants, measure, tunables, tune};
use anygrad::{Error, Result};
use common::{Case, Values, f};
use pollster::block_on;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Little time: what is chosen does not matter here.
const QUICK: Effort = Effort { seconds: 0.01, fresh: false };

fn clock() -> impl Fn() -> f64 {
    let start = Instant::now();
    move || start.elapsed().as_secs_f64()
}

/// A variant of the plain product with other WGSL.
fn altered(name: &'static str, change: impl Fn(&str) -> String) -> &'static Variant {
    let plain = &matmul::SPEC.variants[0];
    let algorithm = plain.algorithm.expect("a product");
    let [source] = algorithm.sources else { panic!("one file") };
    let text = change(source.text);
    assert_ne!(text, source.text, "{name} is no other variant");
    let sources = Box::leak(Box::new([Source { text: text.leak(), ..*source }]));
    let algorithm = Box::leak(Box::new(Algorithm { sources, ..*algorithm }));
    Box::leak(Box::new(Variant { name, algorithm: Some(algorithm), ..*plain }))
}

fn measured(device: &Arc<GpuDevice>, candidates: &[&'static Variant]) -> Result<Choice> {
    let case = Case::new(Matmul::NT, [f([48, 33]), f([40, 33])]);
    block_on(measure(device, &case, candidates, candidates[0], QUICK.seconds, &clock()))
}

#[test]
fn wrong_and_broken_candidates_are_struck_off_by_name() {
    let Some(device) = common::gpu() else { return };
    let short = altered("drops_the_last_term", |wgsl| wgsl.replace("k < params.k", "k + 1u < params.k"));
    // Far faster than what is right.
    let single = altered("takes_one_term", |wgsl| wgsl.replace("k < params.k", "k < 1u"));
    let nothing = altered("writes_nothing", |wgsl| {
        wgsl.replace("finish(Place(row, column, i), sum);", "if sum > 1e30 { finish(Place(row, column, i), sum); }")
    });
    let broken = altered("does_not_compile", |wgsl| wgsl.replace("fn multiply(", "fn multiply(,"));
    let plain = &matmul::SPEC.variants[0];
    let choice = measured(&device, &[plain, short, single, nothing, broken]).expect("one candidate is right");
    assert_eq!(choice.variant, plain.name);
    let struck_off: Vec<(&str, &str)> = choice.struck_off().collect();
    let names: Vec<&str> = struck_off.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, [short.name, single.name, nothing.name, broken.name]);
    assert!(struck_off[0].1.contains("the twin's is"), "{}", struck_off[0].1);
    assert!(struck_off[3].1.contains("does_not_compile"), "{}", struck_off[3].1);
    assert!(choice.share(plain.name) == Some(1.0) && choice.share(short.name).is_none());

    let error = measured(&device, &[short, broken]).expect_err("no candidate is right");
    let text = error.to_string();
    assert!(matches!(error, Error::NoVariant { .. }), "{text}");
    assert!([short.name, broken.name, "matmul", "--device"].iter().all(|part| text.contains(part)), "{text}");
    // The device is as good as before.
    assert_eq!(measured(&device, &[plain]).expect("a choice").variant, plain.name);
}

/// A wrong default is struck off like any other.
#[test]
fn a_wrong_default_loses_its_place() {
    let Some(device) = common::gpu() else { return };
    let short = altered("drops_the_last_term", |wgsl| wgsl.replace("k < params.k", "k + 1u < params.k"));
    let choice = measured(&device, &[short, &matmul::SPEC.variants[0]]).expect("one candidate is right");
    assert_eq!((&choice.variant[..], &choice.default[..]), ("plain", short.name));
}

fn data() -> Split {
    digits().expect("digits").split(0.2, 0).expect("a split")
}

fn trainer(device: &Device) -> Trainer {
    let model = Sequential::new(64).linear(24).relu().linear(10);
    Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1).momentum(0.9)).epochs(2).on(device.clone())
}

fn plan(device: &Device) -> Plan {
    let data = data();
    trainer(device).plan(&data.train, Some(&data.test)).expect("a plan")
}

fn file(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("tune");
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    let _ = std::fs::remove_file(&path);
    path
}

#[test]
fn choices_survive_on_disk_and_hold_for_their_shaders_and_driver_only() {
    let Some(gpu) = common::gpu() else { return };
    let device = Device::Gpu(gpu.clone());
    let (plan, path) = (plan(&device), file("store.json"));
    let mut store = Store::read(&path).expect("no file is an empty store");
    let mut fresh = 0;
    let first = block_on(tune(&device, &plan, &mut store, QUICK, &clock(), |finding| {
        assert!(!finding.stored && finding.choice.struck_off().next().is_none(), "{finding:?}");
        fresh += 1;
    }))
    .expect("tuned");
    assert!(fresh >= 5, "{fresh} shapes");
    store.write(&path).expect("written");

    let mut read = Store::read(&path).expect("read");
    assert!(read.len() == fresh && read == store, "the file says something else");
    let again = block_on(tune(&device, &plan, &mut read, QUICK, &clock(), |finding| assert!(finding.stored)));
    assert_eq!(again.expect("known"), first);

    let tunables = tunables(&plan, &gpu.target());
    let tunable =
        tunables.iter().find(|tunable| tunable.dispatch.kernel.name.starts_with("matmul ▸ add_bias")).expect("a layer");
    let place = Place::new(&gpu, &tunable.dispatch, &tunable.candidates);
    let choice = read.get(&place).expect("known").clone();
    for other in [
        Place { driver: "another".into(), ..place.clone() },
        Place { adapter: "another".into(), ..place.clone() },
        Place { backend: "metal".into(), ..place.clone() },
        Place { shaders: "0123456789abcdef".into(), ..place.clone() },
    ] {
        assert_eq!(read.get(&other), None, "{other:?}");
    }
    // A candidate more, or one whose WGSL has changed, is another place.
    let changed = altered("plain", |wgsl: &str| format!("{wgsl}\n"));
    let with = |candidates: &[&'static Variant]| Place::new(&gpu, &tunable.dispatch, candidates).shaders;
    assert_ne!(with(&[&matmul::SPEC.variants[0]]), with(&[changed]));
    assert_ne!(with(&tunable.candidates), with(&tunable.candidates[1..]));
    // New shaders replace the entry, another driver gets its own.
    let before = read.len();
    read.insert(Place { shaders: "0123456789abcdef".into(), ..place.clone() }, choice.clone());
    assert_eq!((read.len(), read.get(&place)), (before, None));
    read.insert(Place { driver: "another".into(), ..place.clone() }, choice);
    assert_eq!(read.len(), before + 1);
}

#[test]
fn damaged_and_foreign_files_are_refused_and_left_alone() {
    let path = file("damaged.json");
    for content in ["", "{", "[]", "{\"format\": 1}", "{\"format\": 3, \"choices\": []}", "\u{0}\u{1}", "{\"name\": 3}"]
    {
        std::fs::write(&path, content).expect("written");
        let error = Store::read(&path).expect_err(content).to_string();
        assert!(error.contains("damaged.json") && error.contains("delete it"), "{error}");
        let error = Variants::read(&path).expect_err(content).to_string();
        assert!(error.contains("damaged.json") && error.contains("variants.json"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).expect("still there"), content);
    }
    let entry = |choice: &str| {
        let place = r#""adapter": "a", "driver": "d", "backend": "b", "shaders": "s", "key": "matmul 1×1×1""#;
        format!(r#"{{"format": 2, "choices": [{{{place}, {choice}}}]}}"#)
    };
    let sound = entry(r#""variant": "x", "default": "y", "candidates": [{"variant": "x", "seconds": 1.0}]"#);
    std::fs::write(&path, &sound).expect("written");
    assert_eq!(Store::read(&path).expect("sound").len(), 1);
    std::fs::write(&path, &sound[..sound.len() - 3]).expect("written");
    Store::read(&path).expect_err("cut short");
    for choice in [
        r#""variant": "z", "default": "y", "candidates": [{"variant": "x", "seconds": 1.0}]"#,
        r#""variant": "x", "default": "y", "candidates": [{"variant": "x", "seconds": -1.0}]"#,
        r#""variant": "x", "default": "y", "candidates": [{"variant": "x", "seconds": 1.0, "struck_off": "wrong"}]"#,
    ] {
        std::fs::write(&path, entry(choice)).expect("written");
        let error = Store::read(&path).expect_err(choice).to_string();
        assert!(error.contains("matmul 1×1×1"), "{error}");
    }
}

#[test]
fn variants_survive_on_disk() {
    let path = file("variants.json");
    let variants = Variants::of(&plan(&Device::Cpu));
    assert!(variants.iter().count() >= 5, "{variants:?}");
    variants.write(&path).expect("written");
    assert_eq!(Variants::read(&path).expect("read"), variants);
}

/// A variant of each kernel of a plan that has more than one.
fn table(plan: &Plan, gpu: &GpuDevice, choose: impl Fn(&Tunable) -> &'static Variant) -> Variants {
    let mut table = Variants::default();
    for tunable in tunables(plan, &gpu.target()) {
        let dispatch = &tunable.dispatch;
        let key = anygrad::tune::key(dispatch.kernel, &dispatch.grid, &dispatch.specialization);
        table.insert(key, choose(&tunable).name);
    }
    table
}

/// Trains and returns the weights.
fn weights(trainer: Trainer) -> Vec<f32> {
    let mut trainer = trainer;
    trainer.fit_blocking(&data()).expect("a run");
    trainer.model().expect("a model").tensors.iter().flat_map(|tensor| tensor.data.clone()).collect()
}

#[test]
fn training_with_other_variants_is_the_same_within_rounding_and_repeats_to_the_bit() {
    let Some(gpu) = common::gpu() else { return };
    let device = Device::Gpu(gpu.clone());
    let plan = plan(&device);
    // Not what is fastest but what differs from the default: the first candidate that is not it.
    let table = table(&plan, &gpu, |tunable| {
        let other = tunable.candidates.iter().find(|variant| variant.name != tunable.dispatch.variant.name);
        other.expect("another")
    });
    let data = data();
    let tuned = || trainer(&device).variants(table.clone());
    let changed = tuned().plan(&data.train, Some(&data.test)).expect("a plan");
    let record = Variants::of(&changed);
    assert!(table.iter().all(|entry| record.iter().any(|recorded| recorded == entry)), "{record:?}");
    record.check_complete(&plan).expect("a record of this run");

    let (default, first) = (weights(trainer(&device)), weights(tuned()));
    // 46 steps of rate 0.1 with momentum on weights of size about 1: rounding grows, but stays far from what is learnt.
    let furthest = default.iter().zip(&first).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(furthest < 1e-3, "{furthest}");
    let again = weights(trainer(&device).variants(record));
    assert!(first.iter().zip(&again).all(|(a, b)| a.to_bits() == b.to_bits()), "the record gives other bits");
}

#[test]
fn unknown_unfit_and_incomplete_variants_are_refused() {
    let device = Device::Cpu;
    let plan = plan(&device);
    let target = device.target();
    let record = Variants::of(&plan);
    let (key, _) = record.iter().find(|(key, _)| key.starts_with("matmul ▸ add_bias")).expect("a layer");
    let one = |variant: &str| {
        let mut table = Variants::default();
        table.insert(key, variant);
        table
    };
    let error = one("registrs").apply(plan.clone(), &target).expect_err("unknown");
    assert!(matches!(error, Error::UnknownName { .. }) && error.to_string().contains("`registers_4`"), "{error}");
    let error = one("subgroup_16").apply(plan.clone(), &target).expect_err("without subgroups");
    let text = error.to_string();
    assert!(text.contains("/subgroup_16") && text.contains("cannot run on this device"), "{text}");

    record.check_complete(&plan).expect("complete");
    let text = one("plain").check_complete(&plan).expect_err("incomplete").to_string();
    assert!(text.contains("says nothing"), "{text}");
    let mut more = record.clone();
    more.insert("linear m=3", "plain");
    let text = more.check_complete(&plan).expect_err("too much").to_string();
    assert!(text.contains("linear m=3") && text.contains("no such kernel"), "{text}");
}

#[test]
fn the_cpu_has_nothing_to_tune() {
    let mut store = Store::default();
    let variants = block_on(tune(&Device::Cpu, &plan(&Device::Cpu), &mut store, QUICK, &clock(), |_| panic!("tuned")));
    assert!(variants.expect("nothing").is_empty() && store.is_empty());
}

/// Variants have no memory of their own: the plan's buffers stay as they are. But they decide which kernels can share a
/// launch, and each launch has a uniform: the forecast follows.
#[test]
fn the_forecast_holds_for_whatever_variants_a_run_takes() {
    let Some(gpu) = common::gpu() else { return };
    let device = Device::Gpu(gpu.clone());
    let (plan, data) = (plan(&device), data());
    let most = tunables(&plan, &gpu.target()).iter().map(|tunable| tunable.candidates.len()).max().expect("a kernel");
    for i in 0..most {
        let table = table(&plan, &gpu, |tunable| tunable.candidates[i % tunable.candidates.len()]);
        let mut trainer = trainer(&device).epochs(1).variants(table.clone());
        let forecast = trainer.forecast(&data.train, Some(&data.test)).expect("a forecast");
        assert_eq!(forecast.plan.buffers(), plan.buffers(), "{table:?}");
        let history = trainer.fit_blocking(&data).expect("a run");
        assert_eq!(forecast.device_bytes(), history.device_bytes, "{table:?}");
        assert_eq!(forecast.launches_per_step(), history.launches_per_step, "{table:?}");
    }
}

/// Plans of real GPUs, on whatever adapter there is: kernels that read the dataset are measured by themselves. The seed of
/// a mask does not decide a choice.
#[test]
fn kernels_that_gather_and_drop_are_tuned() {
    let Some(gpu) = common::gpu() else { return };
    let device = Device::Gpu(gpu.clone());
    let hardware = Target { profile: &Profile::DISCRETE, ..gpu.target() };
    let plan = |seed: u64| {
        let model = Sequential::new(64).linear(24).tanh().dropout(0.2).linear(10);
        let trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1).momentum(0.9)).seed(seed).fuse(false);
        let plain = trainer.plan(&data().train, None).expect("a plan");
        Plan::fused(plain.graph(), &hardware).expect("a plan")
    };
    let mut struck_off = Vec::new();
    let mut kernels = Vec::new();
    let table = block_on(tune(&device, &plan(1), &mut Store::default(), QUICK, &clock(), |finding| {
        struck_off.extend(finding.choice.struck_off().map(|(name, why)| format!("{name}: {why}")));
        kernels.push(finding.tunable.dispatch.kernel.name);
    }))
    .expect("tuned");
    assert!(struck_off.is_empty(), "{struck_off:?}");
    for name in [
        "matmul of rows_u8 and dense ▸ add_bias ▸ activation ▸ store ▸ dropout",
        "matmul of dense and rows_u8 ▸ momentum, column_sum ▸ momentum",
        "matmul ▸ dropout ▸ activation_grad",
    ] {
        assert!(kernels.contains(&name), "{kernels:?}");
    }
    let record = Variants::of(&table.apply(plan(1), &gpu.target()).expect("a plan"));
    record.check_complete(&plan(2)).expect("the choices of any seed");
}

/// The bounds that cost little are no tighter than those that they stand for, and not much wider; whole numbers leave no
/// room in a product.
#[test]
fn quick_bounds_contain_the_exact_ones() {
    let sgd = SgdStep { momentum: 0.9, dampening: 0.0, nesterov: true, weight_decay: 0.01 };
    let (update, layer) = (Fused::update(sgd, true), Fused::layer(Activation::Relu, None));
    for (m, n, k) in [(1, 1, 1), (5, 7, 3), (33, 20, 65), (16, 10, 300)] {
        let cases = [
            Case::new(Matmul::NN, [f([m, k]), f([k, n])]),
            Case::new(Matmul::NT, [f([m, k]), f([n, k])]),
            Case::new(Matmul::TN, [f([k, m]), f([k, n])]),
            Case::new(layer.clone(), [f([m, k]), f([n, k]), f([n])]),
            Case::new(update.clone(), [f([k, m]), f([k, n]), f([m, n]), f([m, n]), f([m]), f([m])]),
        ];
        for case in cases {
            for values in [Values::Unit, Values::Wide, Values::Whole] {
                let inputs = common::draw_inputs(&case, values, &mut common::stream(5));
                let (exact, quick) =
                    (Bounds::exact(&case, &inputs, &common::CLOCK), Bounds::quick(&case, &inputs, &common::CLOCK));
                let tensor = if case.inputs.len() == 6 { 2 } else { case.inputs.len() };
                for i in 0..m * n {
                    let (exact, quick) = (exact.of(tensor, i, 1.0), quick.of(tensor, i, 1.0));
                    match values {
                        Values::Whole => assert!(!matches!(case.op.spec().name, "matmul") || quick < 1e-30, "{quick}"),
                        _ => assert!(quick >= exact, "{:?}[{i}]: {quick} < {exact}", case.op),
                    }
                    assert!(
                        values != Values::Unit || k < 60 || quick <= 4.0 * exact,
                        "{:?}: {quick}, {exact}",
                        case.op
                    );
                }
            }
        }
    }
}
