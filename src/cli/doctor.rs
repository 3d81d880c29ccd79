//! `anygrad doctor`

use super::machine::{Finding, findings};
use super::options::Format;
use super::output::{note, print_line};
use super::sink::Sink;
use anygrad::backend::{Choice, Device, Request, Work};
use anygrad::check::{Receipt, verify};
use anygrad::{Error, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Seconds that a verification takes at most, but for the case under way.
const SECONDS: u64 = 50;

/// The flags of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorOptions {
    /// Run every kernel on a device and compare it with its definition, within a minute: gpu, an index of `anygrad devices`, or a part of a name
    #[arg(long, value_name = "DEVICE", num_args = 0..=1, default_missing_value = "gpu")]
    verify: Option<Request>,
    /// Compare on all shapes, however long it takes
    #[arg(long, requires = "verify")]
    full: bool,
    /// File for the receipt of the verification, to send in
    #[arg(long, value_name = "FILE", requires = "verify")]
    out: Option<PathBuf>,
    /// text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

/// Looks at the machine, or verifies a device.
pub fn run(options: &DoctorOptions) -> Result<()> {
    match &options.verify {
        Some(request) => verify_device(options, request),
        None => look(options.format),
    }
}

/// Says what is wrong with the machine, and how to mend it.
fn look(format: Format) -> Result<()> {
    let found = findings();
    for finding in &found {
        match format {
            Format::Json => print_line(&json!({ "event": "finding", "finding": finding }).to_string()),
            Format::Text => {
                let Finding { mark, what, remedy, .. } = finding;
                print_line(&format!("{:<5} {what}", mark.text()));
                remedy.iter().for_each(|remedy| print_line(&format!("      → {remedy}")));
            }
        }
    }
    let problems = found.iter().filter(|finding| finding.remedy.is_some()).count();
    if format == Format::Text {
        print_line("");
        print_line(match problems {
            0 => "nothing is wrong; `anygrad doctor --verify` runs every kernel on the GPU",
            _ => "training on the CPU works in any case: --device cpu",
        });
    }
    match found.iter().any(Finding::is_gpu) {
        true => Ok(()),
        false => Err(Error::NoDevice {
            asked: "gpu".into(),
            reason: "there is none that anygrad can use; what is wrong stands above".into(),
        }),
    }
}

/// Compares the kernels of a device with their definitions.
fn verify_device(options: &DoctorOptions, request: &Request) -> Result<()> {
    let Choice { device, .. } = pollster::block_on(Device::choose(request, Work::default()))?;
    let Device::Gpu(gpu) = &device else {
        let expected = "the definitions run on the CPU themselves: name a GPU";
        return Err(Error::option("verify", request, expected));
    };
    let sink = options.out.as_deref().map(|path| Sink::open(Some(path))).transpose()?;
    note(&format!("device  {} ({}), {}", gpu.adapter().name(), gpu.adapter().backend(), gpu.adapter().driver()));
    let (start, limit) = (Instant::now(), Duration::from_secs(SECONDS));
    let bar = ProgressBar::new(0).with_style(style());
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let goes_on = |done: usize, all: usize| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
        options.full || start.elapsed() < limit
    };
    let receipt = pollster::block_on(verify(gpu, options.full, goes_on));
    bar.finish_and_clear();
    let receipt = receipt?;
    let text = serde_json::to_string_pretty(&receipt).unwrap_or_default();
    if let Some(mut sink) = sink {
        sink.line(&text)?;
        sink.finish()?;
    }
    match options.format {
        Format::Json => print_line(&json!({ "event": "receipt", "receipt": receipt }).to_string()),
        Format::Text => print_receipt(&receipt, start.elapsed().as_secs_f64()),
    }
    match receipt.failures.first() {
        None => Ok(()),
        Some(first) => Err(Error::Operation {
            kernel: first.kernel.clone(),
            detail: format!("{} ({}); do not train on this device, and send in the receipt", first.found, first.case),
        }),
    }
}

fn print_receipt(receipt: &Receipt, seconds: f64) {
    let Receipt { kernels, variants, comparisons, elements, largest_share, largest_at, failures, left_out, .. } =
        receipt;
    print_line(&format!(
        "{kernels} kernels in {variants} variants: {comparisons} comparisons, {elements} numbers in {seconds:.0} s"
    ));
    print_line(&format!("the largest deviation is {:.0} % of what is allowed: {largest_at}", 100.0 * largest_share));
    if *left_out > 0 {
        print_line(&format!("{left_out} comparisons were left out for time: --full makes them"));
    }
    for failure in failures.iter().take(10) {
        print_line(&format!("wrong: {}: {} ({})", failure.kernel, failure.found, failure.case));
    }
    print_line(match failures.is_empty() {
        true => "right: every kernel computes what it is defined to",
        false => "this device computes wrong numbers",
    });
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:30} {pos}/{len} cases").unwrap_or_else(|_| ProgressStyle::default_bar())
}
