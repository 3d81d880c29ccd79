//! What a run shows: a progress bar on a terminal, plain lines elsewhere, JSON lines on request.

use super::options::Format;
use anygrad::error::{escaped, shown};
use anygrad::train::{EpochReport, Event};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Shows the events of a run.
pub struct Progress {
    format: Format,
    epochs: u64,
    bar: Option<ProgressBar>,
    start: Instant,
    rows: u64,
    has_header: bool,
}

impl Progress {
    /// For a run of this many epochs.
    pub fn new(format: Format, epochs: u64) -> Progress {
        Progress { format, epochs, bar: None, start: Instant::now(), rows: 0, has_header: false }
    }

    /// Shows one event; for an epoch returns its JSON object.
    pub fn show(&mut self, event: &Event) -> Option<Value> {
        match event {
            Event::Start { steps } => {
                self.start = Instant::now();
                // A terminal that cannot move its cursor gets the lines of epochs alone.
                if has_cursor() {
                    self.bar = Some(bar(*steps));
                }
                None
            }
            Event::Steps { done, rows, loss } => {
                self.rows = *rows;
                if let Some(bar) = &self.bar {
                    bar.set_position(*done);
                    bar.set_message(format!("loss {loss:.4}  {}/s", thousands(self.samples_per_second())));
                }
                None
            }
            Event::Epoch(report) => {
                let object = self.epoch(report);
                self.object(object)
            }
            Event::DeviceLost { reason, step } => {
                self.say(&format!("device  {reason}: it is opened anew, and the run goes on from step {step}"));
                self.object(json!({ "event": "device_lost", "reason": reason, "step": step }))
            }
            Event::RolledBack { reason, epoch, learning_rate } => {
                let rate = shortest(*learning_rate);
                self.say(&format!("{reason}: back to the end of epoch {epoch}, and on with a learning rate of {rate}"));
                self.object(json!({ "event": "rolled_back", "reason": reason, "epoch": epoch, "learning_rate": rate }))
            }
        }
    }

    /// Prints a line of JSON, if that is asked for, and returns it for the metrics.
    fn object(&self, object: Value) -> Option<Value> {
        if self.format == Format::Json {
            let line = object.to_string();
            match &self.bar {
                Some(bar) => bar.suspend(|| print_line(&line)),
                None => print_line(&line),
            }
        }
        Some(object)
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
        if self.format == Format::Text {
            let (header, line) = self.lines(report);
            if !std::mem::replace(&mut self.has_header, true) {
                self.say(&header);
            }
            self.say(&line);
        }
        object
    }

    /// Prints a line above the bar.
    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| note(line)),
            None => note(line),
        }
    }

    /// The header of the columns, and the line of an epoch: at most 79 characters.
    fn lines(&self, report: &EpochReport) -> (String, String) {
        let digits = self.epochs.to_string().len();
        let (mut header, mut line) = (String::new(), format!("{:>digits$}/{}", report.epoch, self.epochs));
        header.push_str(&format!("{:>width$}", "epoch", width = line.len().max(5)));
        line = format!("{line:>width$}", width = header.len());
        let mut add = |name: &str, value: Option<f64>| {
            if let Some(value) = value {
                let text = significant(value);
                let width = name.len().max(6);
                header.push_str(&format!("  {name:>width$}"));
                line.push_str(&format!("  {text:>width$}"));
            }
        };
        add("train loss", Some(report.train_loss));
        add("accuracy", report.train_accuracy);
        add("validation loss", report.validation_loss);
        add("accuracy", report.validation_accuracy);
        add("test loss", report.test_loss.filter(|_| report.validation_loss.is_none()));
        add("accuracy", report.test_accuracy.filter(|_| report.validation_loss.is_none()));
        header.push_str(&format!("  {:>10}", "samples/s"));
        line.push_str(&format!("  {:>10}", thousands(self.samples_per_second())));
        (header, line)
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

/// Whether messages go to a terminal that can move its cursor.
fn has_cursor() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Shows how far the reading of a table is, on a terminal and where it takes a while.
pub struct ReadingBar {
    start: Instant,
    has_cursor: bool,
    bar: OnceLock<ProgressBar>,
}

impl ReadingBar {
    /// Begins.
    pub fn new() -> ReadingBar {
        ReadingBar { start: Instant::now(), has_cursor: has_cursor(), bar: OnceLock::new() }
    }

    /// Shows the bytes that are read, of so many if that is known.
    pub fn show(&self, done: u64, all: Option<u64>) {
        if !self.has_cursor || self.start.elapsed() < Duration::from_millis(500) {
            return;
        }
        let bar = self.bar.get_or_init(|| {
            let bar = all.map_or_else(ProgressBar::no_length, ProgressBar::new);
            let template = match all {
                Some(_) => "reading {wide_bar} {bytes}/{total_bytes}  {eta} left",
                None => "reading {bytes}",
            };
            match ProgressStyle::with_template(template) {
                Ok(style) => bar.with_style(style.progress_chars("━╸─")),
                Err(_) => bar,
            }
        });
        bar.set_position(done);
    }
}

impl Drop for ReadingBar {
    /// Takes the bar off the screen.
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

fn bar(steps: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps);
    // The bar takes what the texts leave of the line.
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} steps  {eta} left  {msg}") {
        bar.set_style(style.progress_chars("━╸─"));
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

/// A number with four significant digits at least: `0.9721`, `14.57`, `0.00001234`, `232.7`, `1234567`.
pub fn significant(x: f64) -> String {
    let magnitude = if x == 0.0 || !x.is_finite() { 0 } else { x.abs().log10().floor() as i32 };
    match magnitude {
        -9..=-2 => format!("{x:.*}", (3 - magnitude) as usize),
        -1..=0 => format!("{x:.4}"),
        1..=14 => format!("{x:.*}", (3 - magnitude).max(0) as usize),
        _ => format!("{x:.3e}"),
    }
}

/// Four significant digits: no measurement is better.
pub fn rounded(x: f64) -> f64 {
    format!("{x:.3e}").parse().unwrap_or(x)
}

/// Rows of cells with columns of equal widths: the first to the left, the others to the right.
pub fn print_table(rows: &[Vec<String>]) {
    // Names come from outside.
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| shown(cell)).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    for row in &rows {
        let cell = |(column, cell): (usize, &String)| {
            let width = widths[column];
            if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") }
        };
        let line: String = row.iter().enumerate().map(cell).collect();
        print_line(line.trim_end());
    }
}

/// Why a line of data could not be written, once that has happened; nothing if the pipe was closed.
static FAILURE: OnceLock<Option<String>> = OnceLock::new();

/// Prints a line of data to stdout. A closed pipe (`anygrad … | head`) ends the output, not the run; any other failure
/// is kept for [`output_failure`].
pub fn print_line(line: &str) {
    if let Err(error) = writeln!(std::io::stdout(), "{line}") {
        fail_output(&error);
    }
}

/// Keeps the reason why data could not be written.
pub fn fail_output(error: &std::io::Error) {
    FAILURE.get_or_init(|| (error.kind() != std::io::ErrorKind::BrokenPipe).then(|| error.to_string()));
}

/// Whether data could not be written, so that more need not be tried.
pub fn stdout_failed() -> bool {
    FAILURE.get().is_some()
}

/// Why data could not be written, if so.
pub fn output_failure() -> Option<&'static str> {
    FAILURE.get()?.as_deref()
}

/// Prints a message to stderr. Unlike `eprintln!` it does not panic if stderr is closed or full. What names from outside
/// have of control characters is escaped.
pub fn note(line: &str) {
    let lines: Vec<String> = line.split('\n').map(escaped).collect();
    let _ = writeln!(std::io::stderr(), "{}", lines.join("\n"));
}

/// Prints an error: one line of at most about 2000 characters, its middle left out if it is longer.
pub fn note_error(error: &str) {
    const MOST: usize = 2000;
    let line = escaped(error);
    let count = line.chars().count();
    if count <= MOST {
        return note(&line);
    }
    let (start, end): (String, String) =
        (line.chars().take(MOST / 2).collect(), line.chars().skip(count - MOST / 2).collect());
    note(&format!("{start}…{end}"));
}

#[cfg(test)]
mod tests {

    #[test]
    fn thousands_are_separated() {
        for (number, text) in [(0.0, "0"), (999.4, "999"), (1000.0, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(super::thousands(number), text);
        }
    }

    #[test]
    fn small_and_large_numbers_keep_their_digits() {
        for (number, text) in [
            (0.0, "0.0000"),
            (1.0, "1.0000"),
            (0.97214, "0.9721"),
            (0.012345, "0.01235"),
            (0.00001234, "0.00001234"),
            (-0.5, "-0.5000"),
            (14.567, "14.57"),
            (232.66151, "232.7"),
            (1_234_567.0, "1234567"),
            (1.5e-12, "1.500e-12"),
        ] {
            assert_eq!(super::significant(number), text);
        }
    }
}
