//! Fused plans against plain ones: which kernels they consist of, and that they train to the same weights.

mod common;

use anygrad::backend::Device;
use anygrad::backend::cpu::CpuExecutor;
use anygrad::backend::gpu::Granted;
use anygrad::data::{Dataset, Features, Preprocessing, Split, Targets, digits};
use anygrad::kernel::{Clock, Profile, Target, Variant};
use anygrad::nn::{DropoutLayer, DropoutMode, Loss, Sequential};
use anygrad::ops::fused::Fused;
use anygrad::optim::{Adagrad, Adam, Optimizer, RmsProp, Sgd};
use anygrad::plan::Plan;
use anygrad::train::{Program, Trainer};
use common::Data;
use pollster::block_on;

/// Name, model, loss, optimizer, and the dispatches of a plain and a fused step.
/// Its last part: dispatches of a step, plain, fused for the CPU and for a real GPU.
type Net = (&'static str, Sequential, Loss, Optimizer, [usize; 3]);

fn nets() -> Vec<Net> {
    let two = || Sequential::new(64).linear(24).tanh().linear(10);
    let three = || Sequential::new(64).linear(24).sigmoid().linear(16).relu().linear(10);
    let gelu = || Sequential::new(64).linear(24).activation("gelu".parse().expect("a name")).linear(10);
    let dropout = || Sequential::new(64).linear(24).tanh().dropout(0.2).linear(10);
    // Rows of odd length, so that pairs of a mask straddle them.
    let vanilla = |rate| DropoutLayer { rate, mode: DropoutMode::Vanilla };
    let odd = || Sequential::new(64).linear(23).sigmoid().layer(vanilla(0.3)).linear(17).tanh().dropout(0.1).linear(10);
    let alone = || Sequential::new(64).dropout(0.1).linear(24).dropout(0.2).linear(10);
    let gelu_dropout =
        || Sequential::new(64).linear(24).activation("gelu".parse().expect("a name")).dropout(0.2).linear(10);
    let residual = || {
        let inner = Sequential::new(16).tanh().linear(16);
        let block = Sequential::new(16).linear(16).sigmoid().dropout(0.1).residual(inner).linear(16);
        Sequential::new(64).linear(16).tanh().residual(block).activation("silu".parse().expect("a name")).linear(10)
    };
    let smooth = Loss::cross_entropy().label_smoothing(0.1);
    let momentum = || Sgd::new(0.05).momentum(0.9).weight_decay(0.001);
    vec![
        ("softmax regression", Sequential::new(64).linear(10), Loss::cross_entropy(), Sgd::new(0.1).into(), [15, 4, 3]),
        ("sgd", two(), Loss::cross_entropy(), Sgd::new(0.1).into(), [24, 7, 6]),
        ("momentum", two(), smooth, momentum().into(), [24, 7, 6]),
        (
            "nesterov, sum",
            two(),
            Loss::cross_entropy().sum(),
            Sgd::new(0.001).momentum(0.5).nesterov().into(),
            [24, 7, 6],
        ),
        ("three layers", three(), Loss::cross_entropy(), momentum().into(), [33, 10, 9]),
        ("dropout", dropout(), Loss::cross_entropy(), Sgd::new(0.1).into(), [26, 7, 6]),
        ("two dropouts", odd(), Loss::cross_entropy(), momentum().into(), [37, 10, 9]),
        // What drops the inputs has nothing before it, and the gradient through the other dropout no derivative behind it.
        ("dropout alone", alone(), Loss::cross_entropy(), Sgd::new(0.1).into(), [25, 8, 8]),
        // The derivative of gelu wants its input, which a fused layer stores on its way.
        ("gelu", gelu(), Loss::cross_entropy(), Sgd::new(0.1).into(), [24, 7, 6]),
        ("gelu, dropout", gelu_dropout(), Loss::cross_entropy(), Sgd::new(0.1).into(), [26, 7, 6]),
        ("adam", two(), Loss::cross_entropy(), Adam::new(0.01).into(), [24, 7, 6]),
        ("rmsprop", two(), Loss::cross_entropy(), RmsProp::new(0.001).into(), [24, 7, 6]),
        ("adagrad", two(), Loss::cross_entropy(), Adagrad { rate_decay: 0.1, ..Adagrad::new(0.02) }.into(), [24, 7, 6]),
        // At the first step the velocity is the gradient, whole: the rule counts steps.
        ("dampening", two(), Loss::cross_entropy(), Sgd::new(0.05).momentum(0.9).dampening(0.25).into(), [24, 7, 6]),
        // What a block takes is also added behind it.
        ("residual", residual(), Loss::cross_entropy(), momentum().into(), [57, 25, 24]),
        ("hinge", two(), Loss::hinge(1.0), Sgd::new(0.01).into(), [24, 14, 13]),
    ]
}

fn data() -> Split {
    digits().expect("digits").split(0.2, 0).expect("a split")
}

fn program(model: &Sequential, loss: &Loss, optimizer: &Optimizer, data: &Split) -> Program {
    let trainer = Trainer::new(model.clone(), loss.clone(), *optimizer);
    trainer.program(&data.train, Some(&data.test)).expect("a program")
}

/// Weights after an epoch and a half in f64, and the results of all batches and of an evaluation, where plain and fused
/// differ by nothing but the order of additions.
fn train_f64(program: &Program, plan: Plan, initial: &[Vec<f64>], data: &Split) -> Vec<Vec<f64>> {
    let mut executor = CpuExecutor::<f64>::new(plan).expect("memory");
    for (&value, initial) in program.parameters.iter().zip(initial) {
        executor.write(value, initial).expect("a parameter");
    }
    let sets = [(program.train, &data.train), (program.test.expect("test rows"), &data.test)];
    for (resident, data) in sets {
        match features(data) {
            Data::Word(words) => executor.write_words(resident.features, &words).expect("features"),
            Data::Float(floats) => {
                let floats: Vec<f64> = floats.iter().map(|&x| f64::from(x)).collect();
                executor.write(resident.features, &floats).expect("features");
            }
        }
        executor.write_words(resident.targets, labels(data)).expect("labels");
    }
    let phase = |name: &str| executor.plan().phase(name).expect("a phase");
    let (tail, begin_eval, eval) = (phase("train_tail"), phase("begin_eval"), phase("eval"));
    let (batches, plan) = (program.epoch.train.batches, executor.plan());
    let mut clock = Clock { learning_rate: 0.05, ..Clock::default() };
    let mut runs = common::epoch(plan, batches.rows, batches.full, &mut clock);
    runs.push((tail, clock));
    clock.end_batch(batches.tail as u32, true);
    runs.extend(common::epoch(plan, batches.rows, 11, &mut clock));
    clock.begin_pass();
    runs.extend([(begin_eval, clock), (eval, clock)]);
    runs.iter().for_each(|(phase, clock)| executor.run(*phase, clock));
    program.parameters.iter().chain([&program.ring]).map(|&value| executor.read(value).expect("floats")).collect()
}

/// The features as the device holds them: bytes as they came, in words, or floats.
fn features(data: &Dataset) -> Data {
    match &data.features {
        Features::U8 { data: bytes, .. } => {
            Data::Word(bytes.chunks(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
        }
        Features::F32 { data, .. } => Data::Float(data.clone()),
        Features::Packed(_) | Features::Matrix(_) => panic!("rows of floats or bytes"),
    }
}

fn labels(data: &Dataset) -> &[u32] {
    let Targets::Labels { data: labels, .. } = &data.targets else { panic!("classes") };
    labels
}

/// The digits as floats.
fn float_data() -> Split {
    let floats = |data: &Dataset| Dataset {
        features: Features::F32 { width: 64, data: data.preprocessing.inputs(&data.features).expect("inputs") },
        preprocessing: Preprocessing::None,
        ..data.clone()
    };
    let bytes = data();
    Split::new(floats(&bytes.train), floats(&bytes.test))
}

/// The initial weights.
fn initial(model: &Sequential) -> Vec<Vec<f64>> {
    let tensors = model.initialize(0).expect("a model");
    tensors.iter().map(|tensor| tensor.data.iter().map(|&x| f64::from(x)).collect()).collect()
}

/// Dispatches of a training step.
fn count(plan: &Plan) -> usize {
    plan.phases()[plan.phase("train").expect("a phase").index()].dispatches.len()
}

/// On the CPU and on a real GPU, which reads the bytes of a batch where they lie.
#[test]
fn a_step_takes_so_many_dispatches() {
    let data = data();
    let counts = nets().into_iter().map(|(name, model, loss, optimizer, expected)| {
        let graph = program(&model, &loss, &optimizer, &data).graph;
        let fused = |target| count(&Plan::fused(&graph, target).expect("a plan"));
        let plain = count(&Plan::new(graph.clone(), &Target::CPU).expect("a plan"));
        ((name, [plain, fused(&Target::CPU), fused(&HARDWARE)]), (name, expected))
    });
    let (got, expected): (Vec<_>, Vec<_>) = counts.unzip();
    assert_eq!(got, expected);
}

#[test]
fn fused_steps_are_plain_steps_in_fewer_dispatches() {
    let data = data();
    let mut compared = 0;
    for (name, model, loss, optimizer, _) in nets() {
        let program = program(&model, &loss, &optimizer, &data);
        let plain = Plan::new(program.graph.clone(), &Target::CPU).expect("a plan");
        let fused = Plan::fused(&program.graph, &Target::CPU).expect("a plan");
        let initial = initial(&model);
        let expected = train_f64(&program, plain, &initial, &data);
        let got = train_f64(&program, fused, &initial, &data);
        for (got, expected) in got.iter().flatten().zip(expected.iter().flatten()) {
            assert!((got - expected).abs() <= 1e-10, "{name}: {got}, plain {expected}");
            compared += 1;
        }
        assert!(got[..initial.len()] != initial, "{name} has learnt nothing");
    }
    common::report_comparisons("fusion", compared);
}

/// 100 steps in f32 on a device. The nets are smooth, so rounding grows by no more than a small factor per step.
fn same_weights(device: &Device, data: &Split) -> usize {
    let mut compared = 0;
    for (name, model, loss, optimizer, _) in nets() {
        if name == "three layers" || name == "hinge" {
            // A kink that rounding crosses sets two runs apart.
            continue;
        }
        let train = |fuse: bool| {
            let mut trainer = Trainer::new(model.clone(), loss.clone(), optimizer).fuse(fuse).on(device.clone());
            trainer = trainer.batch_size(58).epochs(4);
            trainer.fit_blocking(data).expect("training");
            trainer.model().expect("a model").clone()
        };
        let (plain, fused) = (train(false), train(true));
        for (plain, fused) in plain.tensors.iter().zip(&fused.tensors) {
            for (i, (p, f)) in plain.data.iter().zip(&fused.data).enumerate() {
                let bound = 100.0 * 2f32.powi(-20) * (1.0 + p.abs());
                assert!((p - f).abs() <= bound, "{name}: {}[{i}] is {f} fused, {p} plain", plain.name);
                compared += 1;
            }
        }
    }
    compared
}

#[test]
fn a_hundred_fused_steps_on_the_cpu_give_the_plain_weights() {
    // Of floats the first layer and its update read the batch where it lies.
    let compared = [data(), float_data()].iter().map(|data| same_weights(&Device::Cpu, data)).sum();
    common::report_comparisons("fusion_cpu", compared);
}

#[test]
fn a_hundred_fused_steps_on_the_gpu_give_the_plain_weights() {
    // As a run opens it, and with few buffers, so that fewer kernels run side by side.
    let devices = [Granted::Large, Granted::Default].map(common::gpu_with);
    let compared = devices.into_iter().flatten().map(|gpu| same_weights(&Device::Gpu(gpu), &data())).sum();
    if compared > 0 {
        common::report_comparisons("fusion_gpu", compared);
    }
}

/// A device with four storage buffers per kernel gets plain kernels where the fused ones need more.
#[test]
fn fusion_leaves_what_the_device_cannot_bind() {
    let data = data();
    let (_, model, loss, optimizer, _) = nets().swap_remove(2);
    let program = program(&model, &loss, &optimizer, &data);
    let software = Target { profile: &Profile::SOFTWARE, ..Target::DOWNLEVEL };
    let plan = Plan::fused(&program.graph, &software).expect("a plan");
    for dispatch in plan.phases().iter().flat_map(|phase| &phase.dispatches) {
        assert!(anygrad::plan::storage_buffers(dispatch.kernel) <= 4, "{}", dispatch.label);
    }
    let names: Vec<&str> = plan.phases()[1].dispatches.iter().map(|dispatch| dispatch.kernel.name).collect();
    assert!(names.contains(&"matmul ▸ add_bias ▸ activation") && names.contains(&"momentum"), "{names:?}");
}

/// A real GPU with WebGPU's default limits.
const HARDWARE: Target = Target { storage_buffers: 8, workgroup_bytes: 16_384, ..Target::DOWNLEVEL };

/// The kernels and variants of a training step where eight buffers can be bound.
#[test]
fn real_gpus_get_fused_products_in_their_own_variants() {
    let data = data();
    let (_, model, loss, optimizer, _) = nets().swap_remove(2);
    let program = program(&model, &loss, &optimizer, &data);
    let plan = Plan::fused(&program.graph, &HARDWARE).expect("a plan");
    let dispatches = &plan.phases()[1].dispatches;
    assert_eq!(dispatches.len(), 6, "{plan}");
    let products: Vec<_> = dispatches.iter().filter(|dispatch| dispatch.op.is::<Fused>()).collect();
    assert_eq!(products.len(), 5, "two forward, one gradient, two updates");
    let suits = |variant: &Variant| HARDWARE.can_run(variant) && HARDWARE.profile.prefers.contains(&variant.class);
    assert!(products.iter().all(|dispatch| suits(dispatch.variant)));
    assert!(products.iter().any(|dispatch| dispatch.variant.name == "split_k_16"), "{plan}");
}

#[test]
fn real_gpus_read_the_rows_where_they_lie() {
    let mut compared = 0;
    for data in [data(), float_data()] {
        for (name, model, loss, optimizer, [_, on_cpu, on_hardware]) in nets() {
            let program = program(&model, &loss, &optimizer, &data);
            let plain = Plan::new(program.graph.clone(), &Target::CPU).expect("a plan");
            let fused = Plan::fused(&program.graph, &HARDWARE).expect("a plan");
            let kernels = fused.phases().iter().flat_map(|phase| &phase.dispatches).map(|d| d.kernel.name);
            let gathers = kernels.filter(|&kernel| ["gather_f32", "gather_u8"].contains(&kernel)).count();
            // Of training, its last batch and evaluation. Without dropout an evaluation's batch goes to the layer alone.
            let left = if on_hardware == on_cpu { 2 } else { 0 };
            assert_eq!(gathers, left, "{name}: {fused}");
            let initial = initial(&model);
            let expected = train_f64(&program, plain, &initial, &data);
            let got = train_f64(&program, fused, &initial, &data);
            for (got, expected) in got.iter().flatten().zip(expected.iter().flatten()) {
                assert!((got - expected).abs() <= 1e-10 * (1.0 + expected.abs()), "{name}: {got}, plain {expected}");
                compared += 1;
            }
        }
    }
    common::report_comparisons("fusion_hardware", compared);
}

/// Weights after 100 steps of a plan on a GPU.
fn train_f32(
    gpu: &Device,
    program: &Program,
    plan: Plan,
    (model, optimizer): (&Sequential, &Optimizer),
    data: &Split,
) -> Vec<Vec<f32>> {
    let mut executor = block_on(gpu.load(plan)).expect("loaded");
    for (&value, tensor) in program.parameters.iter().zip(model.initialize(0).expect("a model")) {
        executor.write(value, &tensor.data).expect("a parameter");
    }
    match features(&data.train) {
        Data::Word(words) => executor.write_words(program.train.features, &words).expect("features"),
        Data::Float(floats) => executor.write(program.train.features, &floats).expect("features"),
    }
    executor.write_words(program.train.targets, labels(&data.train)).expect("labels");
    let tail = executor.plan().phase("train_tail").expect("a phase");
    let (batches, mut clock) =
        (program.epoch.train.batches, Clock { learning_rate: optimizer.learning_rate(), ..Clock::default() });
    for full in [22, 22, 22, 22, 8] {
        let mut runs = common::epoch(executor.plan(), batches.rows, full, &mut clock);
        if full == 22 {
            runs.push((tail, clock));
            clock.end_batch(batches.tail as u32, true);
        }
        executor.run(&runs).expect("an epoch");
    }
    program.parameters.iter().map(|&value| block_on(executor.read(value)).expect("a parameter")).collect()
}

/// The plans of a real GPU on whatever adapter there is.
#[test]
fn a_hundred_steps_as_on_real_gpus_give_the_plain_weights() {
    let Some(gpu) = common::gpu_with(Granted::Large) else { return };
    let (gpu, hardware) = (Device::Gpu(gpu.clone()), Target { profile: &Profile::DISCRETE, ..gpu.target() });
    let mut compared = 0;
    for data in [data(), float_data()] {
        for (name, model, loss, optimizer, [_, _, on_hardware]) in nets() {
            if name == "three layers" || name == "hinge" {
                // A kink that rounding crosses sets two runs apart.
                continue;
            }
            let program = program(&model, &loss, &optimizer, &data);
            let plain = Plan::new(program.graph.clone(), &gpu.target()).expect("a plan");
            let fused = Plan::fused(&program.graph, &hardware).expect("a plan");
            assert_eq!(count(&fused), on_hardware, "{name}: {fused}");
            let expected = train_f32(&gpu, &program, plain, (&model, &optimizer), &data);
            let got = train_f32(&gpu, &program, fused, (&model, &optimizer), &data);
            for (got, expected) in got.iter().flatten().zip(expected.iter().flatten()) {
                let bound = 100.0 * 2f32.powi(-20) * (1.0 + expected.abs());
                assert!((got - expected).abs() <= bound, "{name}: {got}, plain {expected}");
                compared += 1;
            }
        }
    }
    common::report_comparisons("fusion_hardware_gpu", compared);
}
