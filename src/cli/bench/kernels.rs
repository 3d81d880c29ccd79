//! Times each kernel of a training step, and sets it against what the device reaches at best.

use super::nets::Net;
use super::setup::{Budget, CLOCK, load, median};
use anygrad::Result;
use anygrad::backend::gpu::Granted;
use anygrad::backend::{Device, Executor};
use anygrad::graph::{DType, Graph, Role, ValueId};
use anygrad::kernel::Clock;
use anygrad::ops::{Op, column_sum::ColumnSum, elementwise::Elementwise, matmul::Matmul};
use anygrad::plan::{PhaseId, Plan};
use anygrad::train::{Program, RowsPass};
use anygrad::tune::Variants;
use pollster::block_on;
use std::sync::Arc;
use std::time::Instant;

/// The best rates that a device reaches with kernels of this program.
#[derive(Clone, Copy, Debug)]
pub struct Roofline {
    pub gflops: f64,
    pub gb_per_second: f64,
}

/// One dispatch of a training step.
#[derive(Clone, Debug)]
pub struct KernelTime {
    pub label: String,
    pub kernel: String,
    pub microseconds: f64,
    pub flops: u64,
    pub bytes: u64,
}

impl KernelTime {
    pub fn gflops(&self) -> f64 {
        self.flops as f64 / (self.microseconds.max(1e-6) * 1e3)
    }

    pub fn gb_per_second(&self) -> f64 {
        self.bytes as f64 / (self.microseconds.max(1e-6) * 1e3)
    }

    /// The least time that the device's arithmetic and memory allow, as a share of the measured time: 1 is the best.
    pub fn share_of(&self, roofline: &Roofline) -> f64 {
        (self.gflops() / roofline.gflops).max(self.gb_per_second() / roofline.gb_per_second)
    }
}

/// How kernels were timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// One by one in a running step, by the processor's clock.
    Clock,
    /// One by one in a running step, by the device's clock.
    Timestamps,
    /// Each kernel by itself, many times in one submission.
    Repeated,
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Method::Clock => "clock",
            Method::Timestamps => "timestamps",
            Method::Repeated => "repeated",
        }
    }
}

/// Opens a device's adapter once more, with timestamps if it has them.
pub fn timed(device: &Device) -> Result<Device> {
    match device {
        Device::Cpu => Ok(Device::Cpu),
        Device::Gpu(gpu) => Ok(Device::Gpu(Arc::new(block_on(gpu.adapter().open(Granted::Timed))?))),
    }
}

/// Times the kernels of a step.
pub fn kernel_times(
    net: &Net,
    device: &Device,
    budget: &Budget,
    variants: &Variants,
) -> Result<(Vec<KernelTime>, Method)> {
    let seconds = budget.seconds;
    let data = net.data(net.batches())?;
    let (program, mut executor) = load(net, device, budget.fuse, variants, &data)?;
    let RowsPass { begin, full: train, .. } = program.epoch.train;
    let count = executor.plan().phases()[train.index()].launches.len();
    let mut samples = vec![Vec::new(); count];
    let (start, mut step, mut method, mut clock) = (Instant::now(), 0, Method::Clock, CLOCK);
    while step < 3 || start.elapsed().as_secs_f64() < seconds {
        if step % net.batches() == 0 {
            clock.begin_epoch();
            executor.run(&[(begin, clock)])?;
        }
        let Some((times, how)) = one_step(&mut executor, train, &clock, count)? else {
            let times = repeated(&mut executor, &program, train, &clock, seconds)?;
            samples.iter_mut().zip(times).for_each(|(samples, time)| *samples = vec![time]);
            method = Method::Repeated;
            break;
        };
        method = how;
        // The first step warms up.
        if step > 0 {
            samples.iter_mut().zip(times).for_each(|(samples, time)| samples.push(time));
        }
        step += 1;
        clock.end_batch(net.batch as u32, true);
    }
    let plan = executor.plan();
    let phase = &plan.phases()[train.index()];
    let times = phase.launches.iter().zip(samples).map(|(launch, samples)| KernelTime {
        label: phase.labels_of(launch),
        kernel: phase.kernels_of(launch),
        microseconds: median(samples) / 1e3,
        flops: phase.share_of(launch, |dispatch| dispatch.flops),
        bytes: phase.share_of(launch, |dispatch| plan.bytes_moved(dispatch)),
    });
    Ok((times.collect(), method))
}

/// Nanoseconds of each kernel in one step; `None` if the device cannot tell.
fn one_step(
    executor: &mut Executor,
    train: PhaseId,
    clock: &Clock,
    count: usize,
) -> Result<Option<(Vec<f64>, Method)>> {
    match executor {
        Executor::Gpu(gpu) => Ok(block_on(gpu.time_launches(train, clock))?.map(|times| (times, Method::Timestamps))),
        Executor::Cpu(cpu) => {
            let time = |index| {
                let start = Instant::now();
                cpu.run_launch(train, index, clock);
                start.elapsed().as_secs_f64() * 1e9
            };
            Ok(Some(((0..count).map(time).collect(), Method::Clock)))
        }
    }
}

/// Nanoseconds of each kernel from submissions of the same one many times.
fn repeated(
    executor: &mut Executor,
    program: &Program,
    train: PhaseId,
    clock: &Clock,
    seconds: f64,
) -> Result<Vec<f64>> {
    let count = executor.plan().phases()[train.index()].launches.len();
    let mut times = Vec::new();
    for index in 0..count {
        let once = |executor: &mut Executor, repeats: u32| -> Result<f64> {
            block_on(executor.read(program.ring))?;
            let start = Instant::now();
            executor.run_launch(train, index, clock, repeats)?;
            block_on(executor.read(program.ring))?;
            Ok(start.elapsed().as_secs_f64() * 1e9)
        };
        let single = once(executor, 1)?;
        let repeats = (seconds * 1e9 / count as f64 / 4.0 / single.max(1.0)).clamp(2.0, 1000.0) as u32;
        // What a submission costs without the kernels falls out of the difference.
        let samples = (0..3).map(|_| Ok((once(executor, 1 + repeats)? - once(executor, 1)?) / f64::from(repeats)));
        times.push(median(samples.collect::<Result<_>>()?).max(0.0));
    }
    Ok(times)
}

/// Measures the best matrix product and the best stream through memory, caches included.
pub fn roofline(device: &Device, seconds: f64) -> Result<Roofline> {
    let is_software = matches!(device, Device::Gpu(gpu) if gpu.adapter().is_software());
    let sides: &[usize] = match device {
        Device::Gpu(_) if !is_software => &[1024, 2048, 4096],
        _ => &[512, 1024],
    };
    let each = seconds / (3 * sides.len() + 3) as f64;
    let mut roofline = Roofline { gflops: 0.0, gb_per_second: 0.0 };
    for &n in sides {
        for form in Matmul::ALL {
            let rate = 2.0 * (n as f64).powi(3) / best_seconds(device, &form.into(), [n, n], each)?;
            roofline.gflops = roofline.gflops.max(rate / 1e9);
        }
    }
    for rows in [64, 1024, 4096] {
        let bytes = (3 * 4 * rows * 1024) as f64;
        let rate = bytes / best_seconds(device, &Elementwise::Add.into(), [rows, 1024], each)?;
        roofline.gb_per_second = roofline.gb_per_second.max(rate / 1e9);
    }
    Ok(roofline)
}

/// Least seconds that an op of two matrices took, in submissions of several.
pub fn best_seconds(device: &Device, op: &Op, shape: [usize; 2], seconds: f64) -> Result<f64> {
    let mut graph = Graph::new();
    let inputs: Vec<ValueId> =
        (0..2).map(|i| graph.declare(format!("input {i}"), shape, DType::F32, Role::Input)).collect();
    for output in graph.apply_all(op.clone(), &inputs)? {
        graph.set_role(output, Role::Output);
    }
    // A single number, so that waiting for it costs nothing.
    let small = graph.declare("small", [1, 1], DType::F32, Role::Input);
    graph.begin_phase("wait");
    let result = graph.apply(ColumnSum::SUM, &[small])?;
    graph.set_role(result, Role::Output);
    let mut executor = block_on(device.load(Plan::new(graph, &device.target())?))?;
    for input in inputs {
        executor.write(input, &vec![0.5; shape[0] * shape[1]])?;
    }
    let mut run = |times: u32| -> Result<f64> {
        block_on(executor.read(result))?;
        let start = Instant::now();
        executor.repeat(PhaseId::FIRST, &CLOCK, times)?;
        block_on(executor.read(result))?;
        Ok(start.elapsed().as_secs_f64())
    };
    let once = run(1)?.min(run(1)?);
    let times = (seconds / 4.0 / once.max(1e-7)).clamp(1.0, 200.0) as u32;
    let start = Instant::now();
    let mut least = once;
    while start.elapsed().as_secs_f64() < seconds {
        least = least.min(run(times)? / f64::from(times));
    }
    Ok(least)
}
