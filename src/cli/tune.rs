//! `anygrad tune`

use super::bench::nets::{self, Net};
use super::bench::parse_seconds;
use super::options::{Format, TrainOptions};
use super::output::{note, print_line, rounded};
use super::task::Task;
use super::tuning::{Kept, TuningFile, struck_off};
use anygrad::backend::{Device, Request, Work};
use anygrad::ops::matmul::Matmul;
use anygrad::plan::Plan;
use anygrad::tune::{Choice, Effort, Finding};
use anygrad::{Error, Result};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The flags of `tune`.
#[derive(Debug, Args)]
pub struct TuneVerbOptions {
    /// A config file (TOML) whose run is tuned, such as the config.toml of a run folder
    #[arg(conflicts_with = "nets")]
    pub config: Option<PathBuf>,
    /// Widths and batch sizes, such as 784-128-10@64 [default: 128-64-64-10@16, 784-128-10@64, 784-512-256-10@128]
    #[arg(long, value_name = "NETS", value_delimiter = ',')]
    nets: Option<Vec<Net>>,
    /// gpu, an index of `anygrad devices`, or a part of a name
    #[arg(long, value_name = "DEVICE", default_value = "gpu")]
    device: Request,
    /// Time for measuring each shape, twice; compiling and checking come on top
    #[arg(long, value_name = "S", default_value_t = Effort::default().seconds, value_parser = parse_seconds)]
    seconds: f64,
    /// Measure also what is known, and replace it
    #[arg(long)]
    fresh: bool,
    #[command(flatten)]
    file: TuningFile,
    /// text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

/// Tunes and prints what was found.
pub fn run(options: &TuneVerbOptions) -> Result<()> {
    let device = pollster::block_on(Device::choose(&options.device, Work::default()))?.device;
    if matches!(device, Device::Cpu) {
        let reason = "the CPU has one form of each kernel; name a GPU of `anygrad devices`";
        return Err(Error::NoDevice { asked: options.device.to_string(), reason: reason.into() });
    }
    let mut kept = Kept::open(&options.file)?;
    let effort = Effort { seconds: options.seconds, fresh: options.fresh };
    note(&format!("device  {} ({})", device.device_name(), device.name()));
    let mut worst = Worst::default();
    for (name, plan) in plans(options, &device)? {
        if options.format == Format::Text {
            print_line(&format!("\n{name}"));
            print_line(&columns(HEADING.map(String::from)));
        }
        kept.tune(&device, &plan, effort, |finding| {
            worst.add(&finding);
            match options.format {
                Format::Json => print_line(&object(&name, &device, &finding).to_string()),
                Format::Text => {
                    print_line(&line(&finding));
                    struck_off(&finding).iter().for_each(|line| print_line(line));
                }
            }
        })?;
    }
    match options.format {
        Format::Json => print_line(&worst.object().to_string()),
        Format::Text => worst.print(),
    }
    Ok(())
}

/// Name and plan of each run that is tuned.
fn plans(options: &TuneVerbOptions, device: &Device) -> Result<Vec<(String, Plan)>> {
    if let Some(config) = &options.config {
        let Task { trainer, data } =
            Task::new(&TrainOptions { subject: Some(config.clone()), ..TrainOptions::default() })?;
        let plan = trainer.on(device.clone()).plan(&data.train, data.held_out())?;
        return Ok(vec![(config.display().to_string(), plan)]);
    }
    let chosen = options.nets.clone().unwrap_or_else(|| nets::defaults()[..3].to_vec());
    let plan = |net: &Net| {
        let plan = net.trainer().on(device.clone()).plan(&net.data(net.batches())?, None)?;
        Ok((format!("{net}@{}", net.batch), plan))
    };
    chosen.iter().map(plan).collect()
}

/// The least shares of the fastest variant's speed that the default and the chosen variants reach, over all shapes.
#[derive(Default)]
struct Worst {
    shapes: usize,
    default: Option<(f64, String)>,
    chosen: Option<(f64, String)>,
}

impl Worst {
    fn add(&mut self, finding: &Finding<'_>) {
        let choice = finding.choice;
        let name = || format!("{} {}", kernel(finding), finding.tunable.shape);
        let keep = |least: &mut Option<(f64, String)>, share: Option<f64>| {
            if let Some(share) = share
                && least.as_ref().is_none_or(|(least, _)| share < *least)
            {
                *least = Some((share, name()));
            }
        };
        self.shapes += 1;
        keep(&mut self.default, choice.share(&choice.default));
        keep(&mut self.chosen, choice.share(&choice.variant));
    }

    fn object(&self) -> Value {
        let share = |least: &Option<(f64, String)>| least.as_ref().map(|(share, _)| rounded(*share));
        json!({
            "event": "done",
            "shapes": self.shapes,
            "least_share_of_default": share(&self.default),
            "least_share_of_chosen": share(&self.chosen),
        })
    }

    fn print(&self) {
        print_line("");
        for (what, least) in [("default", &self.default), ("chosen", &self.chosen)] {
            if let Some((share, name)) = least {
                print_line(&format!("{what:<8} at least {:.0} % of the best (at {name})", 100.0 * share));
            }
        }
    }
}

/// The kernel's name, and of a plain product its form.
fn kernel(finding: &Finding<'_>) -> String {
    let dispatch = &finding.tunable.dispatch;
    match dispatch.op.downcast_ref::<Matmul>() {
        Some(form) => format!("{} {form:?}", dispatch.kernel.name),
        None => dispatch.kernel.name.into(),
    }
}

/// Arithmetic per second if that is what a kernel mostly does, else bytes per second, in billions.
fn speed(finding: &Finding<'_>, variant: &str) -> Option<(f64, &'static str)> {
    let (flops, bytes) = (finding.tunable.dispatch.flops as f64, finding.tunable.bytes as f64);
    let seconds = finding.choice.seconds(variant)?;
    Some(if flops > bytes { (flops / seconds / 1e9, "GFLOP/s") } else { (bytes / seconds / 1e9, "GB/s") })
}

const HEADING: [&str; 8] = ["kernel", "shape", "default", "speed", "chosen", "speed", "default/best", "chosen/best"];

fn columns([kernel, shape, default, a, chosen, b, of_default, of_chosen]: [String; 8]) -> String {
    format!("{kernel:<46} {shape:<14} {default:<24} {a:>14}  {chosen:<24} {b:>14} {of_default:>12} {of_chosen:>12}")
}

fn line(finding: &Finding<'_>) -> String {
    let Choice { variant, default, .. } = finding.choice;
    let speed = |variant: &str| match speed(finding, variant) {
        Some((rate, unit)) => format!("{rate:.2} {unit}"),
        None => "struck off".into(),
    };
    let share = |variant: &str| finding.choice.share(variant).map_or("–".into(), |x| format!("{:.0} %", 100.0 * x));
    let shape = finding.tunable.shape.clone();
    let known = if finding.stored { "  known" } else { "" };
    let (a, b) = (speed(default), speed(variant));
    columns([kernel(finding), shape, default.clone(), a, variant.clone(), b, share(default), share(variant)]) + known
}

fn object(name: &str, device: &Device, finding: &Finding<'_>) -> Value {
    let choice = finding.choice;
    let rate = |variant: &str| speed(finding, variant).map(|(rate, _)| rounded(rate));
    json!({
        "event": "tuned",
        "run": name,
        "device": device.device_name(),
        "kernel": finding.tunable.dispatch.kernel.name,
        "shape": finding.tunable.shape,
        "key": anygrad::tune::key(
            finding.tunable.dispatch.kernel,
            &finding.tunable.dispatch.grid,
            &finding.tunable.dispatch.specialization,
        ),
        "default": choice.default,
        "chosen": choice.variant,
        "unit": speed(finding, &choice.variant).map(|(_, unit)| unit),
        "default_speed": rate(&choice.default),
        "chosen_speed": rate(&choice.variant),
        "share_of_default": choice.share(&choice.default).map(rounded),
        "share_of_chosen": choice.share(&choice.variant).map(rounded),
        "known": finding.stored,
        "candidates": choice.candidates,
    })
}
