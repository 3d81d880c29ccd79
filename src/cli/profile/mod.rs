//! `train --profile`: where the time of a training step goes, launch by launch, against the best that the device reaches.

mod kernels;
mod roofline;

pub use kernels::{KernelTime, Method, kernel_times, timed};
pub use roofline::{Roofline, best_seconds, roofline};

use super::output::{note, print_line, rounded};
use anygrad::Result;
use anygrad::data::Split;
use anygrad::error::{escaped, shown};
use anygrad::train::Trainer;
use kernels::{StepTime, step_time};
use pollster::block_on;
use serde_json::{Value, json};

/// Seconds for whole steps, for their launches, and for what the device reaches at best.
const SECONDS: [f64; 3] = [0.8, 0.8, 0.8];

/// Columns of the table.
const WIDTH: usize = 80;
/// Columns before the text of a row.
const INDENT: usize = 42;

/// Where the time of a training step goes.
pub struct Profile {
    device: String,
    backend: &'static str,
    rows: usize,
    method: Method,
    step: StepTime,
    best: Roofline,
    /// The most expensive first.
    kernels: Vec<Row>,
}

/// Launches of the same kernels for the same values: several, where one would hold the device for too long.
struct Row {
    launches: usize,
    time: KernelTime,
}

impl Profile {
    /// Measures the steps of a run from its beginning: its own plan, rows and kernel variants on the same device, opened once
    /// more with its own clock. The run itself is not touched.
    pub fn measure(trainer: Trainer, data: &Split) -> Result<Profile> {
        let device = timed(trainer.device())?;
        let name = device.device_name();
        note(&format!("profile measures steps of this run on {name}, a few seconds"));
        let trainer = trainer.on(device.clone());
        let mut step = block_on(async { trainer.session(data).await?.into_step().await })?;
        let [of_steps, of_kernels, of_best] = SECONDS;
        // Whole steps before and behind, so that what else the machine does meanwhile shows in both.
        let before = step_time(&mut step, of_steps / 2.0)?;
        let (times, method) = kernel_times(&mut step, of_kernels)?;
        let whole = before.mean(step_time(&mut step, of_steps / 2.0)?);
        let (backend, rows) = (device.name(), step.rows);
        // Its memory is free again before the best rates are looked for.
        drop(step);
        let best = roofline(&device, of_best)?;
        Ok(Profile { device: name, backend, rows, method, step: whole, best, kernels: together(times) })
    }

    /// Microseconds of all kernels.
    fn sum(&self) -> f64 {
        self.kernels.iter().map(|row| row.time.microseconds).sum()
    }

    /// Microseconds of a step that no kernel takes.
    fn rest(&self) -> f64 {
        (self.step.seconds * 1e6 - self.sum()).max(0.0)
    }

    /// The content of `profile.json`.
    pub fn json(&self) -> Value {
        let share = |time: &KernelTime| Some(rounded(time.share_of(&self.best))).filter(|share| share.is_finite());
        let row = |Row { launches, time }: &Row| {
            json!({
                "label": time.label,
                "kernel": time.kernel,
                "launches_per_step": launches,
                "microseconds_per_step": rounded(time.microseconds),
                "gflops": rounded(time.gflops()),
                "gb_per_second": rounded(time.gb_per_second()),
                "share_of_peak": share(time),
            })
        };
        let kernels: Vec<Value> = self.kernels.iter().map(row).collect();
        json!({
            "device": self.device,
            "backend": self.backend,
            "method": self.method.name(),
            "steps": self.step.steps,
            "batch_rows": self.rows,
            "step_seconds": rounded(self.step.seconds),
            "kernel_seconds": rounded(self.sum() / 1e6),
            "rest_seconds": rounded(self.rest() / 1e6),
            "recording_seconds": self.step.recording.map(rounded),
            "peak_gflops": rounded(self.best.gflops),
            "peak_gb_per_second": rounded(self.best.gb_per_second),
            "kernels": kernels,
        })
    }

    /// The line of a run that prints JSON.
    pub fn event(&self) -> Value {
        let mut object = json!({ "event": "profile" });
        if let (Value::Object(object), Value::Object(fields)) = (&mut object, self.json()) {
            object.extend(fields);
        }
        object
    }

    /// Prints the table: at most 80 columns.
    pub fn print(&self) {
        self.lines().iter().for_each(|line| print_line(line));
    }

    fn lines(&self) -> Vec<String> {
        let whole = self.step.seconds * 1e6;
        let how = match self.method {
            Method::Clock => "each by the processor's clock",
            Method::Timestamps => "each by the device's clock (timestamps)",
            Method::Repeated => "each repeated alone, as the device has no clock",
        };
        let mut lines = vec![
            String::new(),
            format!("profile        {} rows a step on {}", self.rows, shown(&self.device)),
            format!("kernels        {how}"),
            format!(
                "at best        {} GFLOP/s, {} GB/s, as measured here",
                short(self.best.gflops),
                short(self.best.gb_per_second)
            ),
            String::new(),
            format!("{:>8} {:>7} {:>7} {:>7} {:>7}  ops/variant", "µs/step", "share", "GFLOP/s", "GB/s", "of best"),
        ];
        let share = |part: f64| format!("{:.1} %", 100.0 * part / whole.max(1e-9));
        for Row { launches, time } in &self.kernels {
            let (gflops, gb) = (short(time.gflops()), short(time.gb_per_second()));
            let of_best = format!("{:.0} %", 100.0 * time.share_of(&self.best));
            let (microseconds, share) = (short(time.microseconds), share(time.microseconds));
            let start = format!("{microseconds:>8} {share:>7} {gflops:>7} {gb:>7} {of_best:>7}");
            let times = if *launches > 1 { format!(" ({launches} launches)") } else { String::new() };
            let text = format!("{}{times}", escaped(&named(time)));
            for (i, part) in wrapped(&text, WIDTH - INDENT).iter().enumerate() {
                let start = if i == 0 { &start } else { "" };
                lines.push(format!("{start:<indent$}{part}", indent = INDENT));
            }
        }
        let mut total = |microseconds: f64, text: &str| {
            lines.push(format!("{:>8} {:>7} {:24} {text}", short(microseconds), share(microseconds), ""));
        };
        total(self.sum(), "all kernels");
        match self.step.recording {
            Some(recording) if self.rest() > 0.0 => {
                total(self.rest(), "submitting and waiting");
                total(whole, "a step in the run");
                total(recording * 1e6, "recording it, meanwhile");
            }
            Some(recording) => {
                total(whole, "a step in the run, without the clock");
                total(recording * 1e6, "recording it, meanwhile");
            }
            None => {
                total(self.rest(), "between kernels");
                total(whole, "a step in the run");
            }
        }
        lines
    }
}

/// Launches of the same kernels and labels as one row each, the most expensive first.
fn together(times: Vec<KernelTime>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for time in times {
        match rows.iter_mut().find(|row| (&row.time.label, &row.time.kernel) == (&time.label, &time.kernel)) {
            Some(row) => {
                row.launches += 1;
                row.time.microseconds += time.microseconds;
                row.time.flops += time.flops;
                row.time.bytes += time.bytes;
            }
            None => rows.push(Row { launches: 1, time }),
        }
    }
    rows.sort_by(|a, b| b.time.microseconds.total_cmp(&a.time.microseconds));
    rows
}

/// The labels of a launch, each with the variant of its kernel.
fn named(time: &KernelTime) -> String {
    let variants = time.kernel.split(" + ").map(|kernel| kernel.rsplit('/').next().unwrap_or_default());
    let labelled = time.label.split(" + ").zip(variants);
    labelled.map(|(label, variant)| format!("{label}/{variant}")).collect::<Vec<_>>().join(" + ")
}

/// A number in at most six characters, as far as there is need.
fn short(x: f64) -> String {
    match x {
        _ if x >= 99.95 => format!("{x:.0}"),
        _ if x >= 9.995 => format!("{x:.1}"),
        _ => format!("{x:.2}"),
    }
}

/// A text in lines of at most `width` characters, broken at blanks where there are any.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let length = |line: &String| line.chars().count();
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        let at = lines.len() - 1;
        if !lines[at].is_empty() && length(&lines[at]) + 1 + word.len() > width {
            lines.push(String::new());
        } else if !lines[at].is_empty() {
            lines[at].push(' ');
        }
        while word.len() > width {
            let rest = word.split_off(width);
            let at = lines.len() - 1;
            lines[at].extend(word);
            lines.push(String::new());
            word = rest;
        }
        let at = lines.len() - 1;
        lines[at].extend(word);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn long_labels_are_broken_at_blanks_or_anywhere() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij kl", 4), ["abcd", "efgh", "ij", "kl"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}
