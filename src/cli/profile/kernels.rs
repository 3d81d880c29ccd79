//! Times each kernel of a training step.

use super::roofline::Roofline;
use anygrad::Result;
use anygrad::backend::gpu::Granted;
use anygrad::backend::{Device, Executor};
use anygrad::kernel::Clock;
use anygrad::plan::PhaseId;
use anygrad::train::LoadedStep;
use anygrad::tune::median;
use pollster::block_on;
use std::sync::Arc;
use std::time::Instant;

/// Steps after which no further one is timed.
const MOST_STEPS: usize = 10_000;
const FEWEST_STEPS: usize = 3;

/// One launch of a training step.
#[derive(Clone, Debug, PartialEq)]
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

/// Times the launches of a step for about so many seconds.
pub fn kernel_times(step: &mut LoadedStep, seconds: f64) -> Result<(Vec<KernelTime>, Method)> {
    let count = step.executor.plan().phases()[step.phase.index()].launches.len();
    let mut samples = vec![Vec::new(); count];
    let (start, mut steps, mut method) = (Instant::now(), 0, Method::Clock);
    while steps < FEWEST_STEPS || steps < MOST_STEPS && start.elapsed().as_secs_f64() < seconds {
        let runs = step.runs(1);
        let Some(((_, clock), begin)) = runs.split_last() else { break };
        step.executor.run(begin)?;
        let Some((times, how)) = one_step(&mut step.executor, step.phase, clock, count)? else {
            let times = repeated(step, clock, seconds)?;
            samples.iter_mut().zip(times).for_each(|(samples, time)| *samples = vec![time]);
            method = Method::Repeated;
            break;
        };
        method = how;
        // The first step warms up.
        if steps > 0 {
            samples.iter_mut().zip(times).for_each(|(samples, time)| samples.push(time));
        }
        steps += 1;
    }
    let plan = step.executor.plan();
    let phase = &plan.phases()[step.phase.index()];
    let times = phase.launches.iter().zip(samples).map(|(launch, samples)| KernelTime {
        label: phase.labels_of(launch),
        kernel: phase.kernels_of(launch),
        microseconds: median(&samples).unwrap_or(0.0) / 1e3,
        flops: phase.share_of(launch, |dispatch| dispatch.flops),
        bytes: phase.share_of(launch, |dispatch| plan.bytes_moved(dispatch)),
    });
    Ok((times.collect(), method))
}

/// Nanoseconds of each launch in one step; `None` if the device cannot tell.
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

/// Nanoseconds of each launch from submissions of the same one many times.
fn repeated(step: &mut LoadedStep, clock: &Clock, seconds: f64) -> Result<Vec<f64>> {
    let LoadedStep { executor, phase, ring, .. } = step;
    let count = executor.plan().phases()[phase.index()].launches.len();
    let mut times = Vec::new();
    for index in 0..count {
        let mut once = |repeats: u32| -> Result<f64> {
            block_on(executor.read(*ring))?;
            let start = Instant::now();
            executor.run_launch(*phase, index, clock, repeats)?;
            block_on(executor.read(*ring))?;
            Ok(start.elapsed().as_secs_f64() * 1e9)
        };
        let single = once(1)?;
        let repeats = (seconds * 1e9 / count as f64 / 4.0 / single.max(1.0)).clamp(2.0, 1000.0) as u32;
        // What a submission costs without the kernels falls out of the difference.
        let samples = (0..3).map(|_| Ok((once(1 + repeats)? - once(1)?) / f64::from(repeats)));
        times.push(median(&samples.collect::<Result<Vec<_>>>()?).unwrap_or(0.0).max(0.0));
    }
    Ok(times)
}

/// Seconds of a step in the loop of a run, and of these the seconds in which the host records and hands over, which is
/// nothing on the CPU.
#[derive(Clone, Copy, Debug)]
pub struct StepTime {
    pub seconds: f64,
    pub recording: Option<f64>,
    /// Steps that were timed.
    pub steps: usize,
}

impl StepTime {
    /// The mean of two measurements.
    pub fn mean(self, other: StepTime) -> StepTime {
        let recording = self.recording.zip(other.recording).map(|(a, b)| (a + b) / 2.0);
        StepTime { seconds: (self.seconds + other.seconds) / 2.0, recording, steps: self.steps + other.steps }
    }
}

/// Times whole steps for about so many seconds, as a run takes them: submission behind submission, the results of each
/// read while the next one runs.
pub fn step_time(step: &mut LoadedStep, seconds: f64) -> Result<StepTime> {
    let is_gpu = matches!(step.executor, Executor::Gpu(_));
    let mut one = || -> Result<f64> {
        let (runs, start) = (step.runs(1), Instant::now());
        step.executor.run(&runs)?;
        block_on(step.executor.read(step.ring))?;
        Ok(start.elapsed().as_secs_f64())
    };
    let single = one()?.min(one()?).max(1e-7);
    let count = step.steps_per_submission.min((seconds / 4.0 / single) as usize).max(1);
    let (mut marks, mut recording, mut pending) = (vec![Instant::now()], Vec::new(), None);
    while marks.len() <= FEWEST_STEPS || marks.len() <= MOST_STEPS && marks[0].elapsed().as_secs_f64() < seconds {
        let (runs, start) = (step.runs(count), Instant::now());
        step.executor.run(&runs)?;
        recording.push(start.elapsed().as_secs_f64() / count as f64);
        let reading = block_on(step.executor.start_read(step.ring))?;
        if let Some(before) = pending.replace(reading) {
            block_on(step.executor.finish(before))?;
        }
        marks.push(Instant::now());
    }
    if let Some(last) = pending {
        block_on(step.executor.finish(last))?;
    }
    // The first submission of a GPU waits for none before it.
    let intervals: Vec<f64> =
        marks.windows(2).skip(usize::from(is_gpu)).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
    Ok(StepTime {
        seconds: median(&intervals).unwrap_or(0.0) / count as f64,
        recording: if is_gpu { median(&recording) } else { None },
        steps: count * (marks.len() - 1),
    })
}
