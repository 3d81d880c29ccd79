//! Times training steps: the loop of a real run, observed submission by submission.

use super::super::tuning::TuneOptions;
use super::nets::Net;
use super::recording::microseconds_per_step;
use super::setup::{Budget, median};
use anygrad::Result;
use anygrad::backend::{Device, Request};
use anygrad::data::Dataset;
use anygrad::train::{Event, History, Trainer};
use anygrad::tune::Variants;
use pollster::block_on;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What was measured of one net on one device.
#[derive(Clone, Debug)]
pub struct Measured {
    pub net: Net,
    pub device: String,
    pub backend: &'static str,
    pub is_software: bool,
    pub steps: u64,
    /// Milliseconds of a training step, the median over submissions.
    pub ms_per_step: f64,
    pub launches_per_step: usize,
    pub steps_per_submit: f64,
    /// Seconds from opening the device until the first step is done. Pipelines that an earlier run kept are not used, but
    /// the driver may have a cache of its own.
    pub first_step_seconds: f64,
    /// Microseconds that the host's thread takes to record a step; `None` on the CPU, and where it was not measured.
    pub recording_us_per_step: Option<f64>,
    pub flops_per_step: u64,
    /// The kernel variants that tuning chose; none if it was not asked for.
    pub variants: Variants,
}

impl Measured {
    pub fn samples_per_second(&self) -> f64 {
        self.net.batch as f64 / (self.ms_per_step / 1e3)
    }

    pub fn gflops(&self) -> f64 {
        self.flops_per_step as f64 / (self.ms_per_step * 1e6)
    }
}

/// Opens the device anew, takes one step, then as many as the budget allows.
pub fn measure(net: &Net, request: &Request, budget: &Budget, tuning: &TuneOptions) -> Result<(Measured, Device)> {
    let (device, first_step_seconds) = first_step(net, request, budget)?;
    let variants = variants(net, &device, budget, tuning)?;
    let steady = steady(net, &device, budget, &variants, first_step_seconds)?;
    let recording_us_per_step = microseconds_per_step(net, &device, budget, &variants)?;
    Ok((Measured { recording_us_per_step, ..steady }, device))
}

/// The variants that tuning finds for a net, if it is asked for.
pub fn variants(net: &Net, device: &Device, budget: &Budget, tuning: &TuneOptions) -> Result<Variants> {
    let trainer = net.trainer().fuse(budget.fuse).on(device.clone());
    tuning.choose(device, || trainer.plan(&net.data(net.batches())?, None))
}

/// Opens the device and takes one step. Compiling kernels and uploading a batch are part of it.
fn first_step(net: &Net, request: &Request, budget: &Budget) -> Result<(Device, f64)> {
    let data = net.data(1)?;
    let work = net.trainer().work(&data)?;
    let start = Instant::now();
    let device = block_on(Device::choose(request, work))?.device;
    let trainer = net.trainer().fuse(budget.fuse).epochs(1).on(device.clone());
    let (_, marks) = observed(trainer, &data)?;
    let seconds = marks.last().map_or(0.0, |(at, _)| at.duration_since(start).as_secs_f64());
    Ok((device, seconds))
}

/// Steps on an open device, once it is warm.
pub fn steady(
    net: &Net,
    device: &Device,
    budget: &Budget,
    variants: &Variants,
    first_step_seconds: f64,
) -> Result<Measured> {
    let batches = budget.steps.map_or(net.batches(), |steps| net.batches().min(steps.max(1) as usize));
    let data = net.data(batches)?;
    let trainer = || net.trainer().fuse(budget.fuse).variants(variants.clone()).on(device.clone());
    let flops_per_step = trainer().forecast(&data, None)?.step().flops();
    let (_, marks) = observed(trainer().epochs(1), &data)?;
    let epochs = match budget.steps {
        Some(steps) => steps.div_ceil(batches as u64),
        None => {
            let epoch = marks[marks.len() - 1].0.duration_since(marks[0].0).as_secs_f64();
            let epochs = (budget.seconds / epoch.max(1e-6)).ceil().clamp(1.0, 1e6) as u64;
            // Two epochs fill a submission of 64 steps: an odd one would leave the last half empty.
            if epochs == 1 { 1 } else { epochs.next_multiple_of(2) }
        }
    };
    let (history, marks) = observed(trainer().epochs(epochs), &data)?;
    let steps = history.steps;
    Ok(Measured {
        net: net.clone(),
        device: device.device_name(),
        backend: device.name(),
        is_software: matches!(device, Device::Gpu(gpu) if gpu.adapter().is_software()),
        steps,
        ms_per_step: milliseconds_per_step(&marks),
        launches_per_step: history.launches_per_step,
        steps_per_submit: steps as f64 / history.submissions.max(1) as f64,
        first_step_seconds,
        recording_us_per_step: None,
        flops_per_step,
        variants: variants.clone(),
    })
}

/// When how many steps were done.
type Marks = Vec<(Instant, u64)>;

/// Trains, and notes when the results of each submission arrive. The first mark is the start.
fn observed(trainer: Trainer, data: &Dataset) -> Result<(History, Marks)> {
    let marks = Arc::new(Mutex::new(vec![(Instant::now(), 0)]));
    let noted = marks.clone();
    let lock = |marks: &Arc<Mutex<Marks>>| marks.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut trainer = trainer.observe(move |event| {
        let mut marks = noted.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Start { .. } => marks[0].0 = Instant::now(),
            Event::Steps { done, .. } => marks.push((Instant::now(), *done)),
            // The step that ends an epoch is told of beside the submission that it belongs to.
            Event::Epoch(_) => drop(marks.pop()),
            Event::DeviceLost { .. } | Event::RolledBack { .. } => {}
        }
    });
    let history = block_on(trainer.fit_rows(data, None))?;
    Ok((history, lock(&marks)))
}

/// The median over submissions of what a step took. The results of a submission arrive while the next one runs: the first
/// interval holds uploads and up to two submissions, the last may hold none. Of few submissions the mean.
fn milliseconds_per_step(marks: &[(Instant, u64)]) -> f64 {
    let between = |from: &(Instant, u64), to: &(Instant, u64)| {
        to.0.duration_since(from.0).as_secs_f64() * 1e3 / to.1.saturating_sub(from.1).max(1) as f64
    };
    let intervals: Vec<f64> = marks.windows(2).map(|pair| between(&pair[0], &pair[1])).collect();
    match &intervals[..] {
        [_, middle @ .., _] if middle.len() >= 3 => median(middle.to_vec()),
        _ => marks.last().map_or(0.0, |last| between(&marks[0], last)),
    }
}
