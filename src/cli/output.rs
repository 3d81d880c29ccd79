//! What a run shows: a progress bar on a terminal, plain lines elsewhere, JSON lines on request.

use super::options::Format;
use anygrad::train::{EpochReport, Event};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::time::Instant;

/// Shows the events of a run.
pub struct Progress {
    format: Format,
    epochs: u64,
    bar: Option<ProgressBar>,
    start: Instant,
    rows: u64,
    last: String,
}

impl Progress {
    /// For a run of this many epochs.
    pub fn new(format: Format, epochs: u64) -> Progress {
        Progress { format, epochs, bar: None, start: Instant::now(), rows: 0, last: String::new() }
    }

    /// Shows one event; for an epoch returns its JSON object.
    pub fn show(&mut self, event: &Event) -> Option<Value> {
        match event {
            Event::Start { steps } => {
                self.start = Instant::now();
                if std::io::stderr().is_terminal() {
                    self.bar = Some(bar(*steps));
                }
                None
            }
            Event::Steps { done, rows, loss } => {
                self.rows = *rows;
                if let Some(bar) = &self.bar {
                    bar.set_position(*done);
                    let speed = thousands(self.samples_per_second());
                    bar.set_message(format!("loss {loss:.4}  {speed} samples/s  {}", self.last));
                }
                None
            }
            Event::Epoch(report) => Some(self.epoch(report)),
        }
    }

    fn epoch(&mut self, report: &EpochReport) -> Value {
        let mut object = json!({ "event": "epoch" });
        if let (Value::Object(object), Ok(Value::Object(fields))) = (&mut object, serde_json::to_value(report)) {
            object.extend(fields);
        }
        if report.validation_loss.is_some() {
            // The test rows wait until training is over.
            for name in ["test_loss", "test_accuracy"] {
                object.as_object_mut().and_then(|fields| fields.shift_remove(name));
            }
        }
        object["learning_rate"] = json!(shortest(report.learning_rate));
        object["samples_per_second"] = json!(self.samples_per_second().round());
        let line = self.line(report);
        match (self.format, &self.bar) {
            (Format::Json, None) => print_line(&object.to_string()),
            (Format::Json, Some(bar)) => bar.suspend(|| print_line(&object.to_string())),
            (Format::Text, None) => note(&line),
            (Format::Text, Some(_)) => {}
        }
        let held_out = report.validation_accuracy.map(|a| ("validation", a));
        let held_out = held_out.or(report.test_accuracy.map(|a| ("test", a)));
        let accuracy = held_out.map_or(String::new(), |(rows, a)| format!("  {rows} accuracy {a:.4}"));
        self.last = format!("epoch {}{accuracy}", report.epoch);
        object
    }

    fn line(&self, report: &EpochReport) -> String {
        let width = self.epochs.to_string().len();
        let mut line = format!("epoch {:>width$}/{}  train loss {:.4}", report.epoch, self.epochs, report.train_loss);
        let mut add = |name: &str, value: Option<f64>| {
            if let Some(value) = value {
                line.push_str(&format!("  {name} {value:.4}"));
            }
        };
        add("accuracy", report.train_accuracy);
        add("validation loss", report.validation_loss);
        add("accuracy", report.validation_accuracy);
        add("test loss", report.test_loss);
        add("accuracy", report.test_accuracy);
        line.push_str(&format!("  {} samples/s", thousands(self.samples_per_second())));
        line
    }

    /// Rows trained on per second since the start; 0 before the first report.
    pub fn samples_per_second(&self) -> f64 {
        self.rows as f64 / self.start.elapsed().as_secs_f64().max(1e-9)
    }

    /// Takes the bar off the screen.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(steps: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps);
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} steps  {eta} left  {wide_msg}") {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar
}

/// The f64 that is written with as few digits as the f32: 0.05, not 0.05000000074505806.
fn shortest(x: f32) -> f64 {
    x.to_string().parse().unwrap_or(f64::from(x))
}

/// `1234567` as `1,234,567`.
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with so many significant digits: `0.9833`, `12346`, `1.23e-5`.
pub fn significant(x: f64, digits: usize) -> String {
    if x == 0.0 || !x.is_finite() {
        return x.to_string();
    }
    let scientific = format!("{x:.*e}", digits.saturating_sub(1));
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i64>() {
        Ok(exponent) if (-4..7).contains(&exponent) => {
            let decimals = (digits as i64 - 1 - exponent).max(0) as usize;
            format!("{x:.decimals$}")
        }
        _ => {
            let shorter =
                if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
            format!("{shorter}e{exponent}")
        }
    }
}

/// Rows of cells with columns of equal widths: the first to the left, the others to the right.
pub fn print_table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    for row in rows {
        let cell = |(column, cell): (usize, &String)| {
            let width = widths[column];
            if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") }
        };
        let line: String = row.iter().enumerate().map(cell).collect();
        print_line(line.trim_end());
    }
}

/// Why a line of data could not be written, once that has happened.
static FAILURE: OnceLock<String> = OnceLock::new();

/// Prints a line of data to stdout. A closed pipe (`anygrad … | head`) ends the output, not the run; any other failure
/// is kept for [`output_failure`].
pub fn print_line(line: &str) {
    if let Err(error) = writeln!(std::io::stdout(), "{line}")
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        FAILURE.get_or_init(|| error.to_string());
    }
}

/// Why data could not be written, if so.
pub fn output_failure() -> Option<&'static str> {
    FAILURE.get().map(String::as_str)
}

/// Prints a message to stderr. Unlike `eprintln!` it does not panic if stderr is closed or full.
pub fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_keep_their_significant_digits() {
        for (number, text) in [
            (0.0, "0"),
            (0.98329, "0.9833"),
            (0.99996, "1.000"),
            (1.0, "1.000"),
            (-12.3456, "-12.35"),
            (12345.6, "12346"),
            (0.000123, "0.0001230"),
            (0.0000123, "1.23e-5"),
            (0.00009999999, "0.0001000"),
            (1.0e9, "1e9"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(super::significant(number, 4), text);
        }
    }

    #[test]
    fn thousands_are_separated() {
        for (number, text) in [(0.0, "0"), (999.4, "999"), (1000.0, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(super::thousands(number), text);
        }
    }
}
