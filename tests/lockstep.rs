//! One training step on both backends, dispatch by dispatch, naming the first kernel whose result differs.
//!
//! After each dispatch the GPU's result is compared with the CPU's and then replaced by it, so that an error shows
//! where it arises and not where it ends up.

mod common;

use anygrad::backend::gpu::Granted;
use anygrad::backend::{Device, Executor};
use anygrad::data::{Split, digits};
use anygrad::graph::DType;
use anygrad::kernel::{Access, Clock, Element, Profile, Target};
use anygrad::nn::{ClassWeights, Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::plan::Plan;
use anygrad::random::{Purpose, Stream, stream_key};
use anygrad::train::Trainer;
use pollster::block_on;

/// Sets every persistent value of both executors to the same random content.
fn fill(plan: &Plan, executors: &mut [Executor; 2], rows: usize, classes: u32) {
    let mut stream = Stream::new(stream_key(11, Purpose::Synthetic, 0));
    for index in 0..plan.graph().values().len() {
        let id = plan.value_id(index);
        let value = plan.value(id);
        if !value.role.is_persistent() || plan.place(id).is_none() || value.name == "grad_loss" {
            continue;
        }
        let count = value.dtype.words(value.shape.elements());
        for_both(
            executors,
            |executor, stream| {
                if value.dtype == DType::F32 {
                    let low = if value.name.ends_with("weights") { 0.05 } else { -0.5 };
                    let data: Vec<f32> = (0..count).map(|_| stream.next_unit() + low).collect();
                    executor.write(id, &data).expect("a value");
                } else {
                    let limit = match value.name.as_str() {
                        "order" => rows as u32,
                        "train.targets" | "test.targets" => classes,
                        _ => u32::MAX,
                    };
                    let draw = |_| (f64::from(stream.next_unit()) * f64::from(limit)) as u32;
                    let words: Vec<u32> = (0..count).map(draw).collect();
                    executor.write_words(id, &words).expect("a value");
                }
            },
            &mut stream,
        );
    }
}

/// Runs `action` for both with the same random numbers.
fn for_both(executors: &mut [Executor; 2], action: impl Fn(&mut Executor, &mut Stream), stream: &mut Stream) {
    let mut copy = stream.clone();
    action(&mut executors[0], &mut copy);
    action(&mut executors[1], stream);
}

fn step(model: &Sequential, data: &Split, phases: &[&str]) -> usize {
    // As a run opens it: kernels side by side need more buffers than the defaults.
    let Some(gpu) = common::gpu_with(Granted::Large) else { return 0 };
    let gpu = Device::Gpu(gpu);
    let loss = Loss::cross_entropy().class_weights(ClassWeights::Balanced);
    let trainer = Trainer::new(model.clone(), loss, Sgd::new(0.1).momentum(0.9).weight_decay(0.01))
        .l1(0.001)
        .l2(0.01)
        .max_grad_value(0.01)
        .max_grad_norm(0.05)
        .seed(4);
    let program = trainer.program(&data.train, Some(&data.test)).expect("a program");
    // The plans for this adapter, and those that an adapter of the other kind gets, real or software.
    let own = gpu.target();
    let profile = if own.profile.compiles_slowly { &Profile::DISCRETE } else { &Profile::SOFTWARE };
    let other = Target { profile, ..own };
    let plain = [own, other].map(|target| Plan::new(program.graph.clone(), &target).expect("a plan"));
    let fused = [own, other].map(|target| Plan::fused(&program.graph, &target).expect("a plan"));
    // A fused kernel's sums do not show: their terms may be larger than what the activation leaves of them.
    let plans = plain.iter().map(|plan| (plan, 2e-5)).chain(fused.iter().map(|plan| (plan, 5e-5)));
    plans.map(|(plan, tolerance)| agree(plan, &gpu, data.test.rows(), phases, tolerance)).sum()
}

/// Runs the phases on the CPU and the GPU and returns the number of tensors compared.
fn agree(plan: &Plan, gpu: &Device, rows: usize, phases: &[&str], tolerance: f32) -> usize {
    let mut executors = [
        block_on(Device::Cpu.load(plan.clone())).expect("the CPU"),
        block_on(gpu.load(plan.clone())).expect("the GPU"),
    ];
    fill(plan, &mut executors, rows, 10);

    let mut compared = 0;
    let mut clock = Clock { step: 5, epoch: 1, learning_rate: 0.1, ..Clock::default() };
    for name in phases {
        let phase = plan.phase(name).unwrap_or_else(|| panic!("no phase {name}"));
        match *name {
            "begin_epoch" => clock.begin_epoch(),
            "begin_eval" => clock.begin_pass(),
            _ => {}
        }
        let steps = &plan.phases()[phase.index()];
        for (index, launch) in steps.launches.iter().enumerate() {
            for executor in &mut executors {
                executor.run_launch(phase, index, &clock, 1).expect("a launch");
            }
            let place = format!("phase {name}, {} ({})", steps.labels_of(launch), steps.kernels_of(launch));
            let done = launch.parts.iter().filter(|part| part.is_last()).map(|part| &steps.dispatches[part.dispatch]);
            for (bound, binding) in done.flat_map(|dispatch| dispatch.buffers.iter().zip(dispatch.kernel.buffers())) {
                if bound.access != Access::Write {
                    continue;
                }
                let [cpu, gpu] = &mut executors;
                if binding.element != Element::Float {
                    let read = |e: &mut Executor| block_on(e.read_words(bound.value)).expect("words");
                    assert_eq!(read(cpu), read(gpu), "{place}: `{}`", binding.name);
                } else {
                    let expected = block_on(cpu.read(bound.value)).expect("floats");
                    let got = block_on(gpu.read(bound.value)).expect("floats");
                    // Both round in f32; sums here have at most 100 terms of size about 1, or 2112 squares of a penalty.
                    let scale = expected.iter().fold(0f32, |m, x| m.max(x.abs()));
                    for (i, (e, g)) in expected.iter().zip(&got).enumerate() {
                        assert!(
                            (e - g).abs() <= tolerance * scale.max(1e-3),
                            "{place}: `{}`[{i}] is {g} on the GPU, {e} on the CPU",
                            binding.name
                        );
                    }
                    gpu.write(bound.value, &expected).expect("a value");
                }
                compared += 1;
            }
        }
        if !name.starts_with("begin") {
            clock.end_batch(64, name.starts_with("train"));
        }
    }
    compared
}

#[test]
fn every_dispatch_of_a_step_agrees() {
    let mut data = digits().expect("digits").split(0.2, 0).expect("a split");
    for part in [&mut data.train, &mut data.test] {
        // Their contents are drawn like those of the other values.
        part.weights = Some(vec![1.0; part.rows()]);
    }
    let deep = Sequential::new(64).linear(40).relu().dropout(0.2).linear(24).tanh().linear(12).sigmoid().linear(10);
    let phases = ["begin_epoch", "train", "train", "train_tail", "begin_eval", "eval"];
    let compared = step(&deep, &data, &phases);
    if compared > 0 {
        common::report_comparisons("lockstep", compared);
    }
}

#[test]
fn bytes_and_standardized_floats_agree() {
    let split = digits().expect("digits").split(0.2, 0).expect("a split");
    let as_floats = |data: &anygrad::data::Dataset| {
        let mut data = data.clone();
        let rows = data.preprocessing.inputs(&data.features).expect("inputs");
        data.preprocessing = anygrad::data::Preprocessing::standardize(&rows, 64);
        data
    };
    let floats = Split::new(as_floats(&split.train), as_floats(&split.test));
    let wide = Sequential::new(64).linear(33).activation("leaky_relu:0.2".parse().expect("a name")).linear(10);
    let compared = step(&wide, &floats, &["begin_epoch", "train", "train_tail"]);
    if compared > 0 {
        common::report_comparisons("lockstep_floats", compared);
    }
}
