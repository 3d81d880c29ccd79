//! `anygrad bench`

mod measure;
pub mod nets;
mod plot;
mod products;
mod recording;
mod scaling;
mod setup;

pub use setup::parse_seconds;

use super::options::Format;
use super::output::{note, print_line, rounded, thousands};
use super::profile::{KernelTime, Method, Roofline, kernel_times, roofline, timed};
use super::sink::FileSink;
use super::tuning::TuneOptions;
use anygrad::backend::{Device, Request, Work};
use anygrad::{Error, Result};
use clap::Args;
use measure::Measured;
use nets::Net;
use pollster::block_on;
use scaling::{Axis, Point};
use serde_json::{Value, json};
use setup::Budget;
use std::path::PathBuf;
use std::str::FromStr;

/// The flags of `bench`.
#[derive(Debug, Args)]
pub struct BenchOptions {
    /// Widths and batch sizes, such as 128-64-64-10@16,784-128-10@64 [default: these, 784-512-256-10@128 and
    /// 784-1024-1024-10@1024; the last not on a software adapter]
    #[arg(long, value_name = "NETS", value_delimiter = ',')]
    nets: Option<Vec<Net>>,
    /// both (the CPU and a GPU), cpu, gpu, auto, an index of `anygrad devices`, or a part of a name
    #[arg(long, value_name = "DEVICE", default_value = "both")]
    device: Devices,
    /// Measure at least N steps of each net [default: as many as fit into --seconds]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    steps: Option<u64>,
    /// Time for each net on each device
    #[arg(long, value_name = "S", default_value_t = 2.0, value_parser = parse_seconds)]
    seconds: f64,
    /// Time each kernel too, against the best rates that the device reaches
    #[arg(long)]
    kernels: bool,
    /// Measure matrix products of several sizes in the three forms of a step instead, each for --seconds
    #[arg(long, conflicts_with_all = ["nets", "kernels", "tune", "scaling", "plot", "steps", "no_fusion"])]
    products: bool,
    /// Measure time per row against batch 1…4096, width 16…2048 and depth 1…16 instead
    #[arg(long, conflicts_with_all = ["nets", "kernels", "tune"])]
    scaling: bool,
    /// With --scaling: leave out batches, widths and depths above N
    #[arg(long, value_name = "N", requires = "scaling")]
    up_to: Option<usize>,
    /// Use one kernel for each op
    #[arg(long)]
    no_fusion: bool,
    #[command(flatten)]
    tuning: TuneOptions,
    /// Draw the results
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Write the results and the machine as JSON
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

/// The devices that `--device` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Devices {
    Both,
    One(Request),
}

impl FromStr for Devices {
    type Err = Error;

    fn from_str(text: &str) -> Result<Devices> {
        Ok(if text.eq_ignore_ascii_case("both") { Devices::Both } else { Devices::One(text.parse()?) })
    }
}

impl Devices {
    fn requests(&self) -> Vec<Request> {
        match self {
            Devices::Both => vec![Request::Cpu, Request::Gpu],
            Devices::One(request) => vec![request.clone()],
        }
    }

    /// Whether a run can do without the device that failed.
    fn forgive(&self, error: &Error) -> bool {
        *self == Devices::Both && matches!(error, Error::NoDevice { .. })
    }
}

/// Measures and prints.
pub fn run(options: &BenchOptions) -> Result<()> {
    // Rather now than after minutes of measuring; and once, as a pipe can be opened.
    let open = |path: &Option<PathBuf>| path.as_deref().map(FileSink::open).transpose();
    let (out, plot) = (open(&options.out)?, open(&options.plot)?);
    let budget = Budget { steps: options.steps, seconds: options.seconds, fuse: !options.no_fusion };
    let heading = match (options.scaling, options.products) {
        (true, _) => scaling_heading(),
        (_, true) => format!("{:>6} {:>5} {:>10}  device", "side", "form", "GFLOP/s"),
        _ => heading(),
    };
    let mut report = Report { format: options.format, heading: Some(heading), objects: Vec::new() };
    let picture = if options.scaling {
        plot::panels(&scale(options, &budget, &mut report)?)
    } else if options.products {
        measure_products(options, &mut report)?;
        Ok(String::new())
    } else {
        plot::bars(&nets(options, &budget, &mut report)?)
    };
    if report.objects.is_empty() {
        return Err(Error::NoDevice { asked: "bench".into(), reason: "nothing could be measured".into() });
    }
    let picture = if plot.is_some() { picture? } else { String::new() };
    for (file, text) in [(plot, picture), (out, report.document())] {
        if let Some(mut file) = file {
            file.line(&text)?;
            file.finish()?;
        }
    }
    Ok(())
}

fn nets(options: &BenchOptions, budget: &Budget, report: &mut Report) -> Result<Vec<Measured>> {
    let chosen = options.nets.clone().unwrap_or_else(nets::defaults);
    let mut measured: Vec<Measured> = Vec::new();
    for request in options.device.requests() {
        let mut open = None;
        for (i, net) in chosen.iter().enumerate() {
            let is_software = measured.last().is_some_and(|m: &Measured| m.is_software);
            if options.nets.is_none() && i == 3 && is_software {
                note(&format!("{net} at batch {} takes long on a software adapter: name it with --nets", net.batch));
                continue;
            }
            match measure::measure(net, &request, budget, &options.tuning) {
                Ok((one, device)) => {
                    report.add(bench_object(&one), &bench_line(&one));
                    measured.push(one);
                    open = Some(device);
                }
                Err(error) if options.device.forgive(&error) => {
                    note(&format!("the CPU only: {error}"));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        if let (true, Some(device)) = (options.kernels, open) {
            let most = measured.last().is_some_and(|m| m.is_software);
            let nets = chosen.iter().enumerate().filter(|(i, _)| options.nets.is_some() || *i < 3 || !most);
            time_kernels(&nets.map(|(_, net)| net).collect::<Vec<_>>(), &device, budget, &options.tuning, report)?;
        }
    }
    Ok(measured)
}

fn time_kernels(
    nets: &[&Net],
    device: &Device,
    budget: &Budget,
    tuning: &TuneOptions,
    report: &mut Report,
) -> Result<()> {
    let device = timed(device)?;
    let roofline = roofline(&device, budget.seconds)?;
    let name = device.device_name();
    let object = json!({
        "event": "roofline",
        "device": name,
        "gflops": rounded(roofline.gflops),
        "gb_per_second": rounded(roofline.gb_per_second),
    });
    let line = format!("{name}: at best {:.1} GFLOP/s, {:.1} GB/s", roofline.gflops, roofline.gb_per_second);
    report.add(object, &format!("\n{line}"));
    for net in nets {
        let variants = measure::variants(net, &device, budget, tuning)?;
        let data = net.data(net.batches())?;
        let mut step = setup::load(net, &device, budget, &variants, &data)?;
        let (times, method) = kernel_times(&mut step, budget.seconds)?;
        report.text(&format!("\n{net} at batch {}, kernels of a step by {}", net.batch, method.name()));
        report.text(&format!(
            "{:>4}  {:<44} {:>10} {:>10} {:>10} {:>9}",
            "", "kernel/variant", "µs", "GFLOP/s", "GB/s", "of best"
        ));
        for (index, time) in times.iter().enumerate() {
            report.add(kernel_object(net, &name, index, time, method, &roofline), &kernel_line(index, time, &roofline));
        }
        let all: f64 = times.iter().map(|time| time.microseconds).sum();
        report.text(&format!("{:>4}  {:<44} {all:>10.1}", "", "all"));
    }
    Ok(())
}

fn measure_products(options: &BenchOptions, report: &mut Report) -> Result<()> {
    for request in options.device.requests() {
        let Some(device) = open(options, &request)? else { continue };
        let name = device.device_name();
        products::measure(&device, options.seconds, |product| {
            let (form, side, gflops) = (format!("{:?}", product.form), product.side, product.gflops);
            let object = json!({
                "event": "product", "device": name, "form": form, "side": side, "gflops": rounded(gflops)
            });
            report.add(object, &format!("{side:>6} {form:>5} {gflops:>10.1}  {name}"));
        })?;
    }
    Ok(())
}

/// A device of those asked for; `None`, with a word about it, if a run can do without.
fn open(options: &BenchOptions, request: &Request) -> Result<Option<Device>> {
    match block_on(Device::choose(request, Work::default())) {
        Ok(choice) => Ok(Some(choice.device)),
        Err(error) if options.device.forgive(&error) => {
            note(&format!("the CPU only: {error}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn scale(options: &BenchOptions, budget: &Budget, report: &mut Report) -> Result<Vec<Point>> {
    let mut points: Vec<Point> = Vec::new();
    for request in options.device.requests() {
        let Some(device) = open(options, &request)? else { continue };
        for axis in Axis::ALL {
            for value in axis.values(options.up_to) {
                let point = scaling::point(axis, value, &device, budget)?;
                report.add(scaling_object(&point), &scaling_line(&point));
                points.push(point);
            }
        }
    }
    Ok(points)
}

/// Prints results as text or JSON, and keeps them for `--out`.
struct Report {
    format: Format,
    /// What stands above the first line.
    heading: Option<String>,
    objects: Vec<Value>,
}

impl Report {
    fn add(&mut self, object: Value, line: &str) {
        match self.format {
            Format::Json => print_line(&object.to_string()),
            Format::Text => {
                self.heading.take().iter().for_each(|heading| print_line(heading));
                print_line(line);
            }
        }
        self.objects.push(object);
    }

    fn text(&self, line: &str) {
        if self.format == Format::Text {
            print_line(line);
        }
    }

    /// What `--out` keeps.
    fn document(&self) -> String {
        let document = json!({
            "anygrad": env!("CARGO_PKG_VERSION"),
            "os": std::env::consts::OS,
            "architecture": std::env::consts::ARCH,
            "processors": std::thread::available_parallelism().map_or(1, usize::from),
            "results": self.objects,
        });
        format!("{document:#}")
    }
}

fn bench_object(m: &Measured) -> Value {
    let mut object = json!({
        "event": "bench",
        "net": m.net.to_string(),
        "batch": m.net.batch,
        "device": m.device,
        "ms_per_step": rounded(m.ms_per_step),
        "samples_per_second": m.samples_per_second().round(),
        "dispatches_per_step": m.launches_per_step,
        "steps_per_submit": rounded(m.steps_per_submit),
        "first_step_seconds": rounded(m.first_step_seconds),
        "recording_us_per_step": m.recording_us_per_step.map(rounded),
        "gflops": rounded(m.gflops()),
        "launches_per_step": m.launches_per_step,
        "backend": m.backend, "steps": m.steps,
    });
    if !m.variants.is_empty() {
        object["variants"] = m.variants.iter().map(|(key, name)| (key.to_string(), Value::from(name))).collect();
    }
    object
}

fn heading() -> String {
    format!(
        "{:<18} {:>5}  {:<28} {:>9} {:>12} {:>8} {:>10} {:>12} {:>11} {:>10}",
        "net",
        "batch",
        "device",
        "ms/step",
        "samples/s",
        "GFLOP/s",
        "launches",
        "steps/submit",
        "first step",
        "recording"
    )
}

fn bench_line(m: &Measured) -> String {
    format!(
        "{:<18} {:>5}  {:<28} {:>9.4} {:>12} {:>8.1} {:>10} {:>12.1} {:>9.3} s {:>10}",
        m.net.to_string(),
        m.net.batch,
        short(&m.device),
        m.ms_per_step,
        thousands(m.samples_per_second()),
        m.gflops(),
        m.launches_per_step,
        m.steps_per_submit,
        m.first_step_seconds,
        m.recording_us_per_step.map_or("–".into(), |us| format!("{us:.1} µs")),
    )
}

/// A device's name, cut to the width of a column.
fn short(name: &str) -> String {
    name.chars().take(28).collect()
}

fn kernel_object(net: &Net, device: &str, index: usize, time: &KernelTime, method: Method, best: &Roofline) -> Value {
    json!({
        "event": "kernel",
        "net": net.to_string(),
        "batch": net.batch,
        "device": device,
        "index": index,
        "label": time.label,
        "kernel": time.kernel,
        "microseconds": rounded(time.microseconds),
        "gflops": rounded(time.gflops()),
        "gb_per_second": rounded(time.gb_per_second()),
        "share_of_roofline": rounded(time.share_of(best)),
        "method": method.name(),
    })
}

fn kernel_line(index: usize, time: &KernelTime, best: &Roofline) -> String {
    let share = 100.0 * time.share_of(best);
    let (gflops, gb) = (time.gflops(), time.gb_per_second());
    // Of kernels side by side, each on a line, and the figures of all behind the last.
    let kernels = time.kernel.replace(" + ", " +\n      ");
    let pad = 44usize.saturating_sub(kernels.rsplit("\n      ").next().map_or(0, str::len));
    format!("{index:>4}  {kernels}{:pad$} {:>10.1} {gflops:>10.2} {gb:>10.2} {share:>7.1} %", "", time.microseconds)
}

fn scaling_object(point: &Point) -> Value {
    json!({
        "event": "scaling",
        "axis": point.axis.name(),
        "value": point.value,
        "net": point.measured.net.to_string(),
        "batch": point.measured.net.batch,
        "device": point.device,
        "ms_per_step": rounded(point.measured.ms_per_step),
        "microseconds_per_sample": rounded(point.microseconds_per_sample()),
        "gflops": rounded(point.measured.gflops()),
    })
}

fn scaling_heading() -> String {
    let (ms, us) = ("ms/step", "µs/row");
    format!("{:<6} {:>6}  {:<28} {ms:>12} {us:>12} {:>9}", "axis", "value", "device", "GFLOP/s")
}

fn scaling_line(point: &Point) -> String {
    let (axis, value, device) = (point.axis.name(), point.value, short(&point.device));
    let (ms, us, gflops) = (point.measured.ms_per_step, point.microseconds_per_sample(), point.measured.gflops());
    format!("{axis:<6} {value:>6}  {device:<28} {ms:>12.4} {us:>12.4} {gflops:>9.2}")
}
