//! Dispatches in parts and side by side: which launches a plan consists of, and that they change no bit.

mod common;

use anygrad::backend::Executor;
use anygrad::backend::cpu::CpuExecutor;
use anygrad::backend::gpu::{GpuDevice, GpuExecutor, Granted};
use anygrad::data::{Dataset, Features, Targets, digits};
use anygrad::kernel::{Clock, LaunchBudget, Profile, Target, Variant};
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::sgd::SgdStep;
use anygrad::optim::{Adagrad, Adam, AdamW, Optimizer, RmsProp, Sgd};
use anygrad::plan::{Dispatch, PhaseId, Plan};
use anygrad::train::{Program, Trainer};
use common::{Case, OpPlan, Values};
use pollster::block_on;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A plan's results, as bits.
fn results(device: &Arc<GpuDevice>, case: &Case, built: &OpPlan, plan: Plan) -> Vec<Vec<u32>> {
    let mut gpu = block_on(GpuExecutor::load(device.clone(), plan)).expect("loaded");
    let inputs = common::draw_inputs(case, Values::Unit, &mut common::stream(5));
    for (value, words) in built.contents(&inputs) {
        gpu.write_words(value, &words).expect("contents");
    }
    gpu.submit(&[(PhaseId::FIRST, common::CLOCK)]).expect("submitted");
    let read = |value| {
        block_on(async {
            let read = gpu.start_read(value).await?;
            gpu.finish_read(read).await
        })
    };
    built.outputs.iter().copied().chain(built.changed_inputs()).map(read).collect::<Result<_, _>>().expect("results")
}

/// The same bits from drivers that compile a kernel the same way wherever it stands. Real GPUs' may contract operations
/// differently, which is 2⁻¹² of a number at most after the few steps here.
fn assert_same(gpu: &GpuDevice, got: &[Vec<u32>], expected: &[Vec<u32>]) {
    for (got, expected) in got.iter().zip(expected) {
        let close = |(&got, &expected): (&u32, &u32)| {
            let (got, expected) = (f32::from_bits(got), f32::from_bits(expected));
            (got - expected).abs() <= 2f32.powi(-12) * expected.abs().max(1.0)
        };
        let same = got == expected || (!gpu.target().profile.compiles_slowly && got.iter().zip(expected).all(close));
        assert!(same && got.len() == expected.len(), "not the same");
    }
}

#[test]
fn a_dispatch_in_parts_gives_the_same_bits() {
    let Some(device) = common::gpu() else { return };
    let (mut compared, mut divided) = (0, BTreeSet::new());
    for (rows, columns, inner) in [(33, 31, 17), (72, 68, 20)] {
        for case in common::cases(rows, columns, inner) {
            let name = case.op.spec().name;
            let variants = case.variants().expect("valid").into_iter();
            for variant in variants.filter(|variant| device.target().can_run(variant)) {
                let built = OpPlan::new(&case, variant).expect("a plan");
                let flops = built.plan.phases()[0].flops();
                let budget = LaunchBudget { flops: (flops / 3).max(1), ..LaunchBudget::UNBOUNDED };
                let parts = built.plan.clone().within(budget).expect("a plan");
                let launches = parts.phases()[0].launches.len();
                if launches == 1 || !divided.insert((name, variant.name)) {
                    continue;
                }
                let whole = results(&device, &case, &built, built.plan.clone());
                let got = results(&device, &case, &built, parts);
                println!("{name}/{} in {launches} parts", variant.name);
                assert_same(&device, &got, &whole);
                compared += whole.len();
            }
        }
    }
    assert!(divided.len() >= 80, "{} variants with more than one workgroup", divided.len());
    common::report_comparisons("launches", compared);
}

fn plan(model: &Sequential, optimizer: &Optimizer, target: &Target) -> Plan {
    plan_on(&digits().expect("digits"), 64, model, optimizer, target)
}

fn plan_on(rows: &Dataset, batch: usize, model: &Sequential, optimizer: &Optimizer, target: &Target) -> Plan {
    Plan::fused(&program(rows, batch, model, optimizer).graph, target).expect("a plan")
}

fn program(rows: &Dataset, batch: usize, model: &Sequential, optimizer: &Optimizer) -> Program {
    let trainer = Trainer::new(model.clone(), Loss::cross_entropy(), *optimizer).batch_size(batch).drop_last(true);
    trainer.program(rows, None).expect("a program")
}

/// Parameters, momenta and losses after 20 steps, as bits.
fn train(gpu: &Arc<GpuDevice>, program: &Program, plan: Plan) -> Vec<Vec<u32>> {
    let mut clock = Clock { learning_rate: 0.05, ..Clock::default() };
    let runs = common::epoch(&plan, program.epoch.train.batches.rows, 20, &mut clock);
    let mut executor = Executor::Gpu(Box::new(block_on(GpuExecutor::load(gpu.clone(), plan)).expect("loaded")));
    let mut stream = common::stream(1);
    for &value in &program.parameters {
        let count = program.graph.shape(value).elements();
        let weights: Vec<f32> = (0..count).map(|_| 0.5 * stream.next_unit() - 0.25).collect();
        executor.write(value, &weights).expect("a parameter");
    }
    let data = digits().expect("digits");
    let (Features::U8 { data: bytes, .. }, Targets::Labels { data: labels, .. }) = (&data.features, &data.targets)
    else {
        panic!("bytes and labels")
    };
    let words: Vec<u32> = bytes.chunks(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    executor.write_words(program.train.features, &words).expect("features");
    executor.write_words(program.train.targets, labels).expect("labels");
    executor.run(&runs).expect("20 steps");
    let state = program.optimizer_state.iter().flatten();
    let values = program.parameters.iter().chain(state).chain([&program.ring]);
    values.map(|&value| block_on(executor.read_words(value)).expect("words")).collect()
}

#[test]
fn kernels_side_by_side_train_to_the_same_bits() {
    let Some(gpu) = common::gpu_with(Granted::Large) else { return };
    let net = Sequential::new(64).linear(37).relu().dropout(0.3).linear(40).tanh().linear(24).relu().linear(10);
    let optimizers: [Optimizer; 2] = [Sgd::new(0.05).momentum(0.9).into(), Adam::new(0.01).into()];
    let mut compared = 0;
    for optimizer in &optimizers {
        let program = program(&digits().expect("digits"), 64, &net, optimizer);
        // The plans for this kind of adapter, and for the other.
        for profile in [&Profile::SOFTWARE, &Profile::DISCRETE] {
            let own = Target { profile, ..gpu.target() };
            let alone = Target { budget: LaunchBudget { kernels: 1, ..own.budget }, ..own };
            let [one_by_one, together] = [alone, own].map(|t| Plan::fused(&program.graph, &t).expect("a plan"));
            // Two updates with momentum bind 14 buffers; SwiftShader binds 10.
            let fewer = launches_of_a_step(&together) < launches_of_a_step(&one_by_one);
            assert!(fewer || own.storage_buffers < 14, "{together}");
            let divided = together
                .clone()
                .within(LaunchBudget { flops: 20_000, bytes: u64::MAX, least_groups: 1, ..own.budget })
                .expect("a plan");
            assert!(launches_of_a_step(&divided) > divided.phases()[1].dispatches.len(), "{divided}");
            let expected = train(&gpu, &program, one_by_one);
            for plan in [together, divided] {
                assert_same(&gpu, &train(&gpu, &program, plan), &expected);
                compared += expected.len();
            }
        }
    }
    common::report_comparisons("side_by_side", compared);
}

/// The nets that `anygrad bench` measures: features, layers between these and ten classes, rows of a batch.
const NETS: [(usize, &[usize], usize); 4] =
    [(128, &[64, 64], 16), (784, &[128], 64), (784, &[512, 256], 128), (784, &[1024, 1024], 1024)];

fn rows(count: usize, width: usize) -> Dataset {
    let features = Features::F32 { width, data: vec![0.0; count * width] };
    let classes = (0..10).map(|class| class.to_string()).collect();
    let targets = Targets::Labels { name: "class".into(), classes, data: vec![0; count] };
    Dataset::new("zero", features, targets).expect("a dataset")
}

/// One of each optimizer, with what makes its rule longest.
fn optimizers() -> [Optimizer; 7] {
    [
        Sgd::new(0.1).into(),
        Sgd::new(0.1).momentum(0.9).nesterov().weight_decay(0.01).into(),
        Sgd::new(0.1).momentum(0.9).dampening(0.1).into(),
        Adam::new(0.01).into(),
        AdamW::new(0.01).into(),
        RmsProp::new(0.01).into(),
        Adagrad::new(0.01).into(),
    ]
}

/// Whatever the optimizer, with dropout behind each activation. Schedules are a matter of the host. Three launches a layer and
/// one where products keep large tiles in registers, which are launched alone because they compile sooner so.
#[test]
fn a_step_takes_at_most_two_launches_a_layer_and_two() {
    let with = |profile: &'static Profile, workgroup_bytes| Target {
        profile,
        workgroup_bytes,
        storage_buffers: 32,
        budget: profile.budget,
        ..Target::DOWNLEVEL
    };
    let swiftshader = with(&Profile::SOFTWARE, 16_352);
    let lavapipe = Target { subgroup_size: 8, words: true, ..swiftshader };
    for target in [swiftshader, lavapipe, with(&Profile::INTEGRATED, 16_384), with(&Profile::DISCRETE, 16_384)] {
        let profile = target.profile;
        let budget = LaunchBudget { flops: u64::MAX, bytes: u64::MAX, ..target.budget };
        for (width, hidden, batch) in NETS {
            let layer = |net: Sequential, width: &usize| net.linear(*width).relu().dropout(0.2);
            let net = hidden.iter().fold(Sequential::new(width), layer).linear(10);
            for optimizer in optimizers() {
                let plan = plan_on(&rows(batch, width), batch, &net, &optimizer, &Target { budget, ..target });
                let layers = hidden.len() + 1;
                let is_alone = target == swiftshader && width > 128;
                let most = if is_alone { 3 * layers + 1 } else { 2 * layers + 2 };
                assert!(launches_of_a_step(&plan) <= most, "{optimizer:?}: {plan}");
                // Where the variants' workgroups are of one size, as in small nets.
                let is_small = hidden.len() == 1 && !profile.compiles_slowly;
                assert!(!is_small || launches_of_a_step(&plan) == most - 1, "{optimizer:?}: {plan}");
            }
        }
    }
}

#[test]
fn kernels_of_a_launch_have_one_workgroup_size() {
    let budget = LaunchBudget { kernels: 8, ..LaunchBudget::UNBOUNDED };
    let target = Target { storage_buffers: 64, workgroup_bytes: 1 << 20, budget, ..Target::DOWNLEVEL };
    let net = Sequential::new(784).linear(512).relu().linear(256).relu().linear(10);
    let plan = plan_on(&rows(128, 784), 128, &net, &Sgd::new(0.1).into(), &target);
    assert!(plan.phases()[1].launches.iter().any(|launch| launch.parts.len() > 1), "{plan}");
    // Each kernel in turn gets the variant of the smallest and of the largest workgroups.
    let turn = Cell::new(0);
    let choose = |_: &str, dispatch: &Dispatch| {
        turn.set(turn.get() + 1);
        let accepted =
            dispatch.kernel.variants.iter().filter(|v| (v.accepts)(&dispatch.grid, &dispatch.specialization));
        let by_size = accepted.filter(|variant| target.can_run(variant));
        let size = |variant: &&Variant| variant.workgroup_size;
        let chosen = if turn.get() % 2 == 0 { by_size.min_by_key(size) } else { by_size.max_by_key(size) };
        Ok(chosen.expect("a variant"))
    };
    let plan = plan.choose_again(choose).expect("a plan");
    for phase in plan.phases() {
        let sizes = |launch| phase.dispatches_of(launch).map(|d| d.variant.workgroup_size).collect::<BTreeSet<u32>>();
        assert!(phase.launches.iter().all(|launch| sizes(launch).len() == 1), "{plan}");
    }
}

/// A net of two layers on rows of floats and of bytes: with the eight storage buffers of WebGPU's default limits, with the ten
/// that SwiftShader has, and on the CPU, which turns bytes into floats once for two products.
#[test]
fn eight_buffers_are_enough_for_two_launches_a_layer_and_two() {
    let net = Sequential::new(784).linear(128).relu().dropout(0.2).linear(10);
    let floats = rows(64, 784);
    let bytes = Features::U8 { width: 784, data: vec![0; 64 * 784] };
    let bytes = Dataset::new("zero", bytes, floats.targets.clone()).expect("a dataset");
    let devices = [&Profile::SOFTWARE, &Profile::INTEGRATED, &Profile::DISCRETE].into_iter().flat_map(|profile| {
        let device = Target { profile, budget: profile.budget, ..Target::DOWNLEVEL };
        [8, 10, 12].map(|storage_buffers| Target { storage_buffers, ..device })
    });
    for target in devices.chain([Target::CPU]) {
        for optimizer in optimizers() {
            for (rows, more) in [(&floats, 0), (&bytes, usize::from(target == Target::CPU))] {
                let plan = plan_on(rows, 64, &net, &optimizer, &target);
                // Products in registers: one more.
                let more = more + usize::from(target.profile.compiles_slowly);
                assert!(launches_of_a_step(&plan) <= 6 + more, "{target:?}, {optimizer:?}: {plan}");
            }
        }
    }
}

fn launches_of_a_step(plan: &Plan) -> usize {
    plan.phases()[plan.phase("train").expect("a phase").index()].launches.len()
}

#[test]
fn the_updates_of_a_step_run_beside_gradients_that_do_not_wait_for_them() {
    let software = Target {
        profile: &Profile::SOFTWARE,
        storage_buffers: 32,
        budget: Profile::SOFTWARE.budget,
        ..Target::DOWNLEVEL
    };
    let sgd: Optimizer = Sgd::new(0.1).momentum(0.9).into();
    let mut model = Sequential::new(64);
    for layers in 1..=6 {
        let net = model.clone().linear(10);
        assert!(launches_of_a_step(&plan(&net, &sgd, &software)) <= 2 * layers + 2, "{layers} layers");
        model = model.linear(24).relu();
    }
    // As many as one launch takes come last, and leave the gradients of the layers a kernel that all share.
    let net = Sequential::new(64).linear(24).relu().linear(24).relu().linear(10);
    let plan_of_three = plan(&net, &sgd, &software);
    let train = &plan_of_three.phases()[plan_of_three.phase("train").expect("a phase").index()];
    let backward: Vec<usize> = train.launches[train.launches.len() - 3..].iter().map(|l| l.parts.len()).collect();
    assert_eq!(backward, [1, 1, 3], "{plan_of_three}");
}

/// Where products keep large tiles in registers: the layers share a variant, though the last would take another by itself, and
/// no such tile shares a launch.
#[test]
fn products_in_registers_share_their_variant_and_large_ones_are_launched_alone() {
    let profile = &Profile::SOFTWARE;
    let target = Target { profile, storage_buffers: 32, budget: profile.budget, ..Target::DOWNLEVEL };
    let net = Sequential::new(784).linear(512).relu().linear(256).relu().linear(10);
    let plan = plan_on(&rows(128, 784), 128, &net, &Sgd::new(0.1).into(), &target);
    let train = &plan.phases()[plan.phase("train").expect("a phase").index()];
    let named = |name: &str| -> Vec<&str> {
        train.dispatches.iter().filter(|d| d.kernel.name == name).map(|d| d.variant.name).collect()
    };
    assert_eq!(named("matmul ▸ add_bias ▸ activation"), ["registers_16"; 3], "{plan}");
    // The last layer's rows of 10 are no whole fours.
    let mut updates = named("matmul ▸ sgd, column_sum ▸ sgd");
    updates.sort_unstable();
    assert_eq!(updates, ["registers_16", "registers_16", "registers_4_ragged"], "{plan}");
    for launch in &train.launches {
        let has_large = train.dispatches_of(launch).any(|d| d.variant.name == "registers_16");
        assert!(!has_large || launch.parts.len() == 1, "{plan}");
    }
}

#[test]
fn what_exceeds_a_devices_buffers_or_memory_runs_by_itself() {
    let model = Sequential::new(64).linear(24).relu().linear(10);
    let sgd: Optimizer = Sgd::new(0.1).momentum(0.9).into();
    for storage_buffers in [4, 6, 8, 12, 16] {
        let target =
            Target { storage_buffers, workgroup_bytes: 16_384, budget: Profile::DISCRETE.budget, ..Target::DOWNLEVEL };
        let plan = plan(&model, &sgd, &target);
        assert!(plan.usage().storage_buffers <= storage_buffers, "{plan}");
        assert!(plan.usage().workgroup_bytes <= target.workgroup_bytes, "{plan}");
    }
}

#[test]
fn long_dispatches_are_divided_on_slow_devices_alone() {
    let model = Sequential::new(64).linear(4096).relu().linear(4096).relu().linear(10);
    let sgd: Optimizer = Sgd::new(0.1).into();
    let with = |budget| plan(&model, &sgd, &Target { storage_buffers: 8, budget, ..Target::DOWNLEVEL });
    for (budget, most) in
        [(Profile::SOFTWARE.budget, Profile::SOFTWARE.budget.flops), (Profile::DISCRETE.budget, u64::MAX)]
    {
        let plan = with(LaunchBudget { kernels: 1, ..budget });
        let phase = &plan.phases()[plan.phase("train").expect("a phase").index()];
        assert_eq!(phase.launches.len() > phase.dispatches.len(), most < u64::MAX, "{plan}");
        for launch in &phase.launches {
            assert!(phase.share_of(launch, |dispatch| dispatch.flops) <= most, "{}", phase.kernels_of(launch));
        }
    }
}

#[test]
fn a_dispatch_in_parts_on_the_cpu_runs_once() {
    let tensor = || common::f([4096]);
    let op = SgdStep { momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 };
    let case = Case::new(op, [tensor(), tensor()]);
    let built = OpPlan::new(&case, &case.op.spec().variants[0]).expect("a plan");
    let budget = LaunchBudget { flops: 1000, bytes: 1000, ..LaunchBudget::UNBOUNDED };
    let plan = built.plan.within(budget).expect("a plan");
    let launches = plan.phases()[0].launches.len();
    assert!(launches > 1, "{launches} launches");
    let mut cpu = CpuExecutor::<f32>::new(plan).expect("memory");
    cpu.write(built.inputs[0], &[1.0; 4096]).expect("weights");
    cpu.write(built.inputs[1], &[1.0; 4096]).expect("gradients");
    (0..launches).for_each(|launch| cpu.run_launch(PhaseId::FIRST, launch, &common::CLOCK));
    assert!(cpu.read(built.inputs[0]).expect("weights").iter().all(|&w| w == 1.0 - common::CLOCK.learning_rate));
}
