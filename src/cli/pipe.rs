//! `predict --data -`: rows from standard input, each answered as soon as it is whole.
//!
//! A thread reads; what has come is read, predicted and answered together, and handed on as soon as nothing more waits. Of
//! the rows before nothing is kept.

use super::answers::Answers;
use super::options::Format;
use super::output::{note, stdout_failed};
use super::predict::whole;
use super::rows::Reading;
use super::sink::Sink;
use anygrad::backend::Device;
use anygrad::data::{Applied, Features, Incoming, IncomingForm, IncomingRows, apply_stream};
use anygrad::model::Predictor;
use anygrad::{Error, Result};
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

/// Bytes that are read at once.
const PART: usize = 1 << 16;
/// Parts that wait at most.
const WAITING: usize = 4;

/// What errors call it.
const PATH: &str = "standard input";

/// Answers the rows of standard input. `format`: what was asked for.
pub fn run(
    reading: &Reading,
    mut answers: Answers<'_>,
    format: Option<Format>,
    device: &Device,
    sink: Sink,
) -> Result<()> {
    let application = reading.application(answers.model);
    let mut incoming = Incoming::new(Path::new(PATH), application);
    let mut arrivals = Arrivals::start(io::stdin())?;
    let form = loop {
        match incoming.form()? {
            Some(form) => break form,
            None => arrivals.wait(&mut incoming)?,
        }
    };
    if form == IncomingForm::Other {
        if answers.has_errors {
            let expected = "is for rows that are answered one by one, which what comes cannot be: send plain CSV in UTF-8, or JSON lines";
            return Err(Error::option("on-error", "continue", expected));
        }
        let stream = Cursor::new(incoming.into_bytes()).chain(arrivals);
        let rows = apply_stream(Box::new(stream), Path::new(PATH), &application)?;
        return whole(&rows, &answers, device, sink);
    }
    if form == IncomingForm::Objects {
        answers.format = format.unwrap_or(Format::Json);
    }
    let predictor = pollster::block_on(answers.model.predictor(device))?;
    Pipe { incoming, arrivals, answers, predictor, sink, lines: String::new(), bad: 0 }.run()
}

/// Rows on their way through a model.
struct Pipe<'a> {
    incoming: Incoming<'a>,
    arrivals: Arrivals,
    answers: Answers<'a>,
    predictor: Predictor,
    sink: Sink,
    /// Answers that are not written yet.
    lines: String,
    /// Rows with an error in the place of an answer.
    bad: u64,
}

impl Pipe<'_> {
    fn run(mut self) -> Result<()> {
        if let Some(header) = self.answers.header() {
            self.lines.push_str(&header);
            self.lines.push('\n');
        }
        let outcome = self.all();
        self.write()?;
        self.incoming.unusual().iter().for_each(|line| note(line));
        if self.bad > 0 {
            let rows = if self.bad == 1 { "row has its error" } else { "rows have their errors" };
            note(&format!("errors  {} {rows} in the place of an answer", self.bad));
        }
        // A file that not every row has an answer in is none.
        match (outcome, self.sink) {
            (Err(error), Sink::File(_)) => Err(error),
            (outcome, sink) => sink.finish().and(outcome),
        }
    }

    fn all(&mut self) -> Result<()> {
        while !stdout_failed() {
            self.incoming.take_decisions().iter().for_each(|decision| note(decision));
            match self.incoming.next()? {
                Some(IncomingRows::Rows(rows)) => self.answer(&rows)?,
                Some(IncomingRows::Bad { line, error }) => self.refuse(line, error)?,
                None if self.arrivals.has_ended => return Ok(()),
                None => {
                    if !self.arrivals.take_waiting(&mut self.incoming)? {
                        self.write()?;
                        self.sink.flush();
                        self.arrivals.wait(&mut self.incoming)?;
                    }
                }
            }
            if self.lines.len() >= PART {
                self.write()?;
            }
        }
        Ok(())
    }

    fn answer(&mut self, rows: &Applied) -> Result<()> {
        match pollster::block_on(self.predictor.outputs(&rows.features)) {
            Ok(outputs) => self.answers.each(rows, &outputs, |line| {
                self.lines.push_str(&line);
                self.lines.push('\n');
                Ok(())
            }),
            Err(Error::Shape { .. }) if rows.rows.len() > 1 => {
                // The rows are answered by themselves, so that the one that has no answer is known.
                (0..rows.rows.len()).try_for_each(|row| self.answer(&alone(rows, row)))
            }
            Err(error @ Error::Shape { .. }) => {
                let line = rows.lines.of(rows.rows[0]).unwrap_or(0);
                self.refuse(line, error.in_addition(&format!("{PATH}:{line}")))
            }
            Err(error) => Err(error),
        }
    }

    fn refuse(&mut self, line: u64, error: Error) -> Result<()> {
        if !self.answers.has_errors {
            return Err(error);
        }
        self.bad += 1;
        self.lines.push_str(&self.answers.error(line, &error));
        self.lines.push('\n');
        Ok(())
    }

    fn write(&mut self) -> Result<()> {
        let written = self.sink.text(&self.lines);
        self.lines.clear();
        written
    }
}

/// One of several rows.
fn alone(rows: &Applied, row: usize) -> Applied {
    let features = match &rows.features {
        Features::F32 { width, data } => Features::F32 { width: *width, data: data[row * width..][..*width].to_vec() },
        other => other.clone(),
    };
    Applied { features, rows: vec![rows.rows[row]], ..rows.clone() }
}

/// What comes from a reader, by a thread of its own.
struct Arrivals {
    parts: Receiver<io::Result<Vec<u8>>>,
    /// Bytes of the last part that were not taken, where they are read as a stream.
    rest: Cursor<Vec<u8>>,
    has_ended: bool,
}

impl Arrivals {
    fn start(reader: impl Read + Send + 'static) -> Result<Arrivals> {
        let (sender, parts) = sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("reader".into());
        thread.spawn(move || read(reader, &sender)).map_err(|error| Error::io("read", Path::new(PATH), error))?;
        Ok(Arrivals { parts, rest: Cursor::default(), has_ended: false })
    }

    /// Feeds what is there already; whether anything is.
    fn take_waiting(&mut self, incoming: &mut Incoming<'_>) -> Result<bool> {
        match self.parts.try_recv() {
            Ok(part) => self.feed(Some(part), incoming).map(|()| true),
            Err(TryRecvError::Empty) => Ok(false),
            Err(TryRecvError::Disconnected) => self.feed(None, incoming).map(|()| true),
        }
    }

    /// Waits for more, or for the end.
    fn wait(&mut self, incoming: &mut Incoming<'_>) -> Result<()> {
        let part = self.parts.recv().ok();
        self.feed(part, incoming)
    }

    fn feed(&mut self, part: Option<io::Result<Vec<u8>>>, incoming: &mut Incoming<'_>) -> Result<()> {
        match part.transpose().map_err(|error| Error::io("read", Path::new(PATH), error))? {
            Some(bytes) => incoming.feed(&bytes),
            None => {
                self.has_ended = true;
                incoming.end();
            }
        }
        Ok(())
    }
}

impl Read for Arrivals {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.rest.position() == self.rest.get_ref().len() as u64 && !self.has_ended {
            match self.parts.recv() {
                Ok(part) => self.rest = Cursor::new(part?),
                Err(_) => self.has_ended = true,
            }
        }
        self.rest.read(into)
    }
}

/// Sends what a reader brings, part by part, until its end or until nobody takes it.
fn read(mut reader: impl Read, sender: &SyncSender<io::Result<Vec<u8>>>) {
    let mut part = vec![0; PART];
    loop {
        let taken = match reader.read(&mut part) {
            Ok(0) => return,
            Ok(count) => sender.send(Ok(part[..count].to_vec())),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                let _ = sender.send(Err(error));
                return;
            }
        };
        if taken.is_err() {
            return;
        }
    }
}
