//! Time of one training step, CPU against GPU, on the four nets that the README's table shows.
//!
//! ReLU, cross-entropy, SGD 0.01, random rows resident on the device, as many steps in one submission as a run takes.
//! Beside it what is looked at once per submission, of up to 64 steps: whether all that survives a step is finite.
//! `cargo bench --bench training_step`

mod common;

use anygrad::backend::Device;
use anygrad::kernel::Clock;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::plan::Plan;
use anygrad::random::{Purpose, Stream, stream_key};
use anygrad::train::{BatchSize, Program, Recipe, RowsSpec, TargetSpec};
use criterion::{Criterion, criterion_group, criterion_main};
use pollster::block_on;

/// Widths and batch size.
const NETS: [(&[usize], usize); 4] =
    [(&[128, 64, 64, 10], 16), (&[784, 128, 10], 64), (&[784, 512, 256, 10], 128), (&[784, 1024, 1024, 10], 1024)];

fn model(widths: &[usize]) -> Sequential {
    let mut model = Sequential::new(widths[0]);
    for (i, &width) in widths[1..].iter().enumerate() {
        model = model.linear(width);
        if i + 2 < widths.len() {
            model = model.relu();
        }
    }
    model
}

fn step(c: &mut Criterion) {
    for device in common::devices() {
        for (widths, batch) in NETS {
            let name = widths.iter().map(ToString::to_string).collect::<Vec<_>>().join("-");
            let slow = matches!(&device, Device::Gpu(gpu) if gpu.adapter().is_software());
            if slow && batch == 1024 {
                // Seconds per step on a driver that runs on the CPU.
                continue;
            }
            let model = model(widths);
            let rows = 8 * batch;
            let train = RowsSpec {
                rows,
                width: widths[0],
                byte_scale: None,
                target: TargetSpec::Labels(10),
                weighted: false,
                most_bytes: u64::MAX,
            };
            let mut recipe = Recipe::new(Loss::cross_entropy(), Sgd::new(0.01));
            recipe.train.batch_size = BatchSize::Rows(batch);
            let program = Program::build(&model, &recipe, train, None).expect("a program");
            let plan = Plan::fused(&program.graph, &device.target()).expect("a plan");
            let (begin, train_phase) =
                (plan.phase("begin_epoch").expect("a phase"), plan.phase("train").expect("a phase"));
            let mut executor = block_on(device.load(plan)).expect("loaded");
            let mut stream = Stream::new(stream_key(0, Purpose::Synthetic, 0));
            for (&value, tensor) in program.parameters.iter().zip(model.initialize(0).expect("weights")) {
                executor.write(value, &tensor.data).expect("weights");
            }
            let features: Vec<f32> = (0..rows * widths[0]).map(|_| stream.next_normal()).collect();
            let labels: Vec<u32> = (0..rows).map(|_| (stream.next_unit() * 10.0) as u32).collect();
            executor.write(program.train.features, &features).expect("features");
            executor.write_words(program.train.targets, &labels).expect("labels");
            let mut clock = Clock { learning_rate: 0.01, ..Clock::default() };

            let mut group = c.benchmark_group(format!("{name} batch {batch}"));
            group.sample_size(10);
            group.bench_function(device.device_name(), |b| {
                b.iter_custom(|steps| {
                    block_on(executor.read(program.ring)).expect("idle");
                    let start = std::time::Instant::now();
                    // An epoch of 8 steps, 8 epochs to a submission.
                    let mut left = steps as u32;
                    while left > 0 {
                        let mut runs = Vec::new();
                        for _ in 0..8 {
                            let now = left.min(8);
                            left -= now;
                            clock.begin_epoch();
                            runs.extend((now > 0).then_some((begin, clock)));
                            for _ in 0..now {
                                runs.push((train_phase, clock));
                                clock.end_batch(batch as u32, true);
                            }
                        }
                        executor.run(&runs).expect("a run");
                    }
                    block_on(executor.read(program.ring)).expect("results");
                    start.elapsed()
                });
            });
            group.bench_function(format!("{}, one check", device.device_name()), |b| {
                b.iter_custom(|times| common::time(&mut executor, program.check, times, 64, program.ring));
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().without_plots().warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(2));
    targets = step
}
criterion_main!(benches);
