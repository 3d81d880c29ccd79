//! Activations and their derivatives over all floats, on the CPU backend and the device under test: a table of the largest
//! errors. A person starts it: `cargo test --release --test unary -- --ignored --nocapture`. A sample of them is tried each time.
//!
//! `ANYGRAD_STRIDE` takes every so many-th of the 2³² patterns of bits, from the first; the table says which. `ANYGRAD_TABLE`
//! names the file of the table, which grows by each function that is done: the next run goes on with the others.

mod common;

use anygrad::backend::{Device, Executor};
use anygrad::graph::{Element, Inputs};
use anygrad::kernel::error_bound::U;
use anygrad::ops::activation::{Activate, ActivateGrad, Activation};
use anygrad::plan::PhaseId;
use common::{Case, Data, OpPlan, f};
use pollster::block_on;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Inputs of one run.
const SLICE: usize = 1 << 20;

/// The largest errors of a function on a device.
#[derive(Default)]
struct Errors {
    inputs: u64,
    /// In units of 2⁻²³ of the result, where that is a normal number; and where.
    units: (f64, f32),
    /// As a share of the stated bound, and where.
    share: (f64, f32),
    /// Inputs on which the result is outside of the bound.
    outside: u64,
}

/// A right result, and how far a device may be from it.
type Expected = (f64, f64);

impl Errors {
    /// Takes in one result, which may be that of zero where the input is subnormal.
    fn take(&mut self, x: f32, got: f32, of_x: Expected, of_zero: Expected) {
        let judge = |(expected, bound): Expected| {
            let off = (f64::from(got) - expected).abs();
            // NaN is outside of every bound.
            let share = match off {
                0.0 => 0.0,
                off if off.is_nan() => f64::INFINITY,
                off => off / bound,
            };
            // Results that could be flushed have no units.
            let is_normal = expected.abs() >= 2.0 * f64::from(f32::MIN_POSITIVE);
            (share, if is_normal { off / (U * expected.abs()) } else { 0.0 })
        };
        let (mut share, mut units) = judge(of_x);
        if x.is_subnormal() && share > 1.0 {
            (share, units) = judge(of_zero);
        }
        self.inputs += 1;
        self.outside += u64::from(share > 1.0);
        if units > self.units.0 {
            self.units = (units, x);
        }
        if share > self.share.0 {
            self.share = (share, x);
        }
    }
}

/// What is right on some inputs, and the bounds.
fn expected(case: &Case, activation: Activation, derivative: bool, x: &[f32]) -> Vec<Expected> {
    let mut data = vec![Data::Float(x.to_vec())];
    if derivative {
        data.push(Data::Float(vec![1.0; x.len()]));
    }
    let (tensor, inputs) = (data.len(), Inputs::new(&case.inputs, data, 0, None));
    let each = x.iter().enumerate().map(|(index, &x)| {
        let x = f64::from(x);
        let expected = if derivative { activation.derivative(x) } else { activation.function(x) };
        (expected, case.op.bound(&inputs, Element { tensor, index, expected }))
    });
    each.collect()
}

/// A function or its derivative on every `stride`-th float on each device.
fn errors(devices: &[Device], activation: Activation, derivative: bool, stride: u64) -> Vec<Errors> {
    let slice = SLICE.min((1 << 32) / stride as usize);
    let case = match derivative {
        false => Case::new(Activate(activation), [f([1, slice])]),
        true => Case::new(ActivateGrad(activation), [f([1, slice]), f([1, slice])]),
    };
    let built = OpPlan::new(&case, &case.op.spec().variants[0]).expect("a plan");
    let load = |device: &Device| block_on(device.load(built.plan.clone())).expect("memory");
    let mut executors: Vec<Executor> = devices.iter().map(load).collect();
    let mut errors: Vec<Errors> = devices.iter().map(|_| Errors::default()).collect();
    let zero = expected(&case, activation, derivative, &[0.0])[0];
    let all = (0..1u64 << 32).step_by(stride as usize).map(|bits| f32::from_bits(bits as u32));
    let takes_output = derivative && matches!(activation, Activation::Sigmoid | Activation::Tanh);
    let mut all = all.filter(|x| x.is_finite() && (!takes_output || x.abs() <= 1.0));
    loop {
        let mut x: Vec<f32> = all.by_ref().take(slice).collect();
        let count = x.len();
        if count == 0 {
            return errors;
        }
        x.resize(slice, 0.0);
        let expected = expected(&case, activation, derivative, &x);
        for (executor, errors) in executors.iter_mut().zip(&mut errors) {
            executor.write(built.inputs[0], &x).expect("inputs");
            if derivative {
                executor.write(built.inputs[1], &vec![1.0; slice]).expect("ones");
            }
            executor.run(&[(PhaseId::FIRST, common::CLOCK)]).expect("submitted");
            let got = block_on(executor.read(built.outputs[0])).expect("results");
            for ((&x, got), &expected) in x[..count].iter().zip(got).zip(&expected) {
                errors.take(x, got, expected, zero);
            }
        }
    }
}

/// The devices that are compared: the CPU backend, and the device under test.
fn devices() -> Vec<Device> {
    [Device::cpu()].into_iter().chain(common::gpu().map(Device::Gpu)).collect()
}

#[test]
fn unary_kernels_over_a_sample_of_all_floats() {
    let devices = devices();
    let mut compared = 0;
    for (&activation, derivative) in Activation::ALL.iter().flat_map(|a| [(a, false), (a, true)]) {
        for (device, errors) in devices.iter().zip(errors(&devices, activation, derivative, (1 << 14) + 1)) {
            let name = format!("{}, derivative: {derivative}, on {}", activation.name(), device.name());
            assert_eq!(errors.outside, 0, "{name}: {:?} of the bound", errors.share);
            compared += errors.inputs as usize;
        }
    }
    common::report_comparisons("unary", compared);
}

#[test]
#[ignore = "takes long: a person starts it"]
fn unary_kernels_over_all_floats() {
    let stride: u64 = std::env::var("ANYGRAD_STRIDE").map_or(1, |stride| stride.parse().expect("a number"));
    let adapter = common::adapter();
    let driver = adapter.as_ref().map_or("none".to_string(), |a| format!("{}, {}", a.name(), a.driver()));
    let devices = devices();
    let jobs: Vec<(Activation, bool)> = Activation::ALL.iter().flat_map(|&a| [(a, false), (a, true)]).collect();
    let share = if stride == 1 { "Each".to_string() } else { format!("Every {stride}th") };
    let head = format!(
        "anygrad {}, driver: {driver}\n{share} of the 2^32 patterns of bits that is a number; of sigmoid' and tanh', which are taken \
         from the output, those in [-1, 1].\n`units`: largest error in 2^-23 of the result; `of bound`: largest error as a share of the stated bound; `outside`: results beyond it.\n\
         {:<14} {:<8} {:>10} {:>12} {:>14} {:>9} {:>14} {:>8}\n",
        env!("CARGO_PKG_VERSION"),
        "function",
        "device",
        "inputs",
        "units",
        "at",
        "of bound",
        "at",
        "outside"
    );
    let file = std::env::var("ANYGRAD_TABLE").unwrap_or_else(|_| format!("{}/unary.txt", env!("CARGO_TARGET_TMPDIR")));
    let row_name = |job: usize, device: &Device| {
        let (activation, derivative) = jobs[job];
        let name = format!("{}{}", activation.name(), if derivative { "'" } else { "" });
        format!("{name:<14} {:<8}", device.name())
    };
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    let before = before.strip_prefix(&head).unwrap_or_default();
    let places = || (0..jobs.len()).flat_map(|job| (0..devices.len()).map(move |d| (d, job)));
    let done = places().filter_map(|(d, job)| {
        let name = row_name(job, &devices[d]);
        before.lines().find(|row| row.starts_with(&name)).map(|row| ((d, job), row.to_string()))
    });
    let rows: Mutex<BTreeMap<_, String>> = Mutex::new(done.collect());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let job = next.fetch_add(1, Relaxed);
                    let Some(&(activation, derivative)) = jobs.get(job) else { return };
                    if (0..devices.len()).all(|d| rows.lock().expect("rows").contains_key(&(d, job))) {
                        continue;
                    }
                    let errors = errors(&devices, activation, derivative, stride);
                    let mut rows = rows.lock().expect("rows");
                    for (d, (device, Errors { inputs, units, share, outside })) in
                        devices.iter().zip(errors).enumerate()
                    {
                        let most = if units.0 < 1e9 { format!("{:.2}", units.0) } else { format!("{:.2e}", units.0) };
                        let row = format!(
                            "{} {inputs:>10} {most:>12} {:>14.6e} {:>9.3} {:>14.6e} {outside:>8}",
                            row_name(job, device),
                            units.1,
                            share.0,
                            share.1
                        );
                        println!("{row}");
                        rows.insert((d, job), row);
                    }
                    let table: String = rows.values().flat_map(|row| [row.as_str(), "\n"]).collect();
                    std::fs::write(&file, format!("{head}{table}")).expect("the table");
                }
            });
        }
    });
    let rows = rows.into_inner().expect("rows");
    let is_inside = |row: &&String| row.split_whitespace().next_back() == Some("0");
    assert_eq!(rows.values().filter(is_inside).count(), devices.len() * jobs.len(), "results outside of their bounds");
}
