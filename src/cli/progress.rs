//! What a run shows while it trains: on a terminal a bar with the last epochs below it, plain lines elsewhere, JSON lines on
//! request.

use super::options::Format;
use super::output::{has_cursor, note, print_line, significant, thousands};
use super::screen::Screen;
use anygrad::train::{EpochReport, Event};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Shows the events of a run.
pub struct Progress {
    format: Format,
    epochs: u64,
    screen: Option<Screen>,
    speed: Speed,
    has_header: bool,
    accuracy: Option<f64>,
    epoch: u64,
    is_quiet: bool,
}

/// Rows per second of the epoch under way, or of as many before it as took long enough to be timed.
struct Speed {
    since: Instant,
    rows_before: u64,
    rows: u64,
}

impl Speed {
    /// The least time that a speed is told of.
    const LEAST: Duration = Duration::from_millis(50);

    fn new() -> Speed {
        Speed { since: Instant::now(), rows_before: 0, rows: 0 }
    }

    fn per_second(&self) -> f64 {
        self.rows.saturating_sub(self.rows_before) as f64 / self.since.elapsed().as_secs_f64().max(1e-9)
    }

    fn next_epoch(&mut self) {
        if self.since.elapsed() >= Speed::LEAST {
            *self = Speed { since: Instant::now(), rows_before: self.rows, rows: self.rows };
        }
    }
}

impl Progress {
    /// For a run of this many epochs.
    pub fn new(format: Format, epochs: u64) -> Progress {
        let (screen, speed) = (None, Speed::new());
        Progress { format, epochs, screen, speed, has_header: false, accuracy: None, epoch: 0, is_quiet: false }
    }

    /// Whether epochs are told by somebody else; the bar stays.
    pub fn quiet(mut self, is_quiet: bool) -> Progress {
        self.is_quiet = is_quiet;
        self
    }

    /// Whether epochs are told by somebody else.
    pub fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// Whether lines for people are wanted.
    pub fn is_for_people(&self) -> bool {
        self.format == Format::Text && !self.is_quiet
    }

    /// Shows one event; for an epoch returns its JSON object.
    pub fn show(&mut self, event: &Event) -> Option<Value> {
        match event {
            Event::Start { steps } => {
                self.speed = Speed::new();
                // A terminal that cannot move its cursor gets the lines of epochs alone.
                if has_cursor() {
                    self.screen = Some(Screen::new(*steps));
                }
                None
            }
            Event::Steps { done, rows, loss } => {
                self.speed.rows = *rows;
                if let Some(screen) = &mut self.screen {
                    let accuracy =
                        self.accuracy.map_or(String::new(), |share| format!("  accuracy {}", significant(share)));
                    let (epoch, speed) = ((self.epoch + 1).min(self.epochs), thousands(self.speed.per_second()));
                    let loss = significant(f64::from(*loss));
                    let text = format!("epoch {epoch}/{}  loss {loss}{accuracy}  {speed} rows/s", self.epochs);
                    screen.step(*done, text);
                }
                None
            }
            Event::Epoch(report) => {
                self.epoch = report.epoch;
                self.accuracy = report.train_accuracy;
                let object = self.epoch(report);
                self.speed.next_epoch();
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

    /// Prints a line of JSON, if that is asked for.
    pub fn print(&mut self, object: &Value) {
        if self.format == Format::Json && !self.is_quiet {
            let line = object.to_string();
            match &mut self.screen {
                Some(screen) => screen.suspend(|| print_line(&line)),
                None => print_line(&line),
            }
        }
    }

    /// Prints a line of JSON, if that is asked for, and returns it for the metrics.
    fn object(&mut self, object: Value) -> Option<Value> {
        self.print(&object);
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
        object["samples_per_second"] = json!(self.speed.per_second().round());
        if self.is_for_people() {
            let (header, line) = self.lines(report);
            let is_first = !std::mem::replace(&mut self.has_header, true);
            match &mut self.screen {
                Some(screen) => screen.add(header, line),
                None => {
                    if is_first {
                        note(&header);
                    }
                    note(&line);
                }
            }
        }
        object
    }

    /// Prints a line above the bar.
    fn say(&mut self, line: &str) {
        match &mut self.screen {
            Some(screen) => screen.suspend(|| note(line)),
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
        header.push_str(&format!("  {:>10}", "rows/s"));
        line.push_str(&format!("  {:>10}", thousands(self.speed.per_second())));
        (header, line)
    }

    /// Takes the bar off the screen; the last epochs stay on it.
    pub fn finish(&mut self) {
        if let Some(screen) = self.screen.take() {
            screen.finish();
        }
    }
}

/// The f64 that is written with as few digits as the f32: 0.05, not 0.05000000074505806.
fn shortest(x: f32) -> f64 {
    x.to_string().parse().unwrap_or(f64::from(x))
}

impl Drop for Progress {
    /// Leaves no bar behind, however the run ends.
    fn drop(&mut self) {
        self.finish();
    }
}
