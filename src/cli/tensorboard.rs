//! Event files of TensorBoard: records of protocol buffers, each between a length and checksums.
//!
//! The messages are the parts of `tensorflow/core/util/event.proto` and `summary.proto` that scalars need; the framing is that
//! of TFRecord: length (u64, little endian), its masked CRC-32C, the bytes, their masked CRC-32C.

use anygrad::train::RunFolder;
use anygrad::{Error, Result};
use prost::Message;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since the beginning of 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    session_log: Option<SessionLog>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

#[derive(Clone, PartialEq, Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// What is told of an epoch, by the names of `metrics.jsonl`.
const TAGS: [&str; 9] = [
    "train_loss",
    "train_penalty",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "test_loss",
    "test_accuracy",
    "learning_rate",
    "samples_per_second",
];

/// An event file that grows as a run goes on.
pub struct EventFile {
    file: File,
    path: PathBuf,
}

impl EventFile {
    /// Begins a file in a run's folder. Of what was told before, the epochs behind `epoch` count no more: a run that goes on
    /// tells of them again.
    pub fn create(folder: &RunFolder, epoch: u64) -> Result<EventFile> {
        // TensorBoard reads the files of a folder in the order of their names, which begin with the time.
        let (path, file) = folder.create_file(&format!("events.out.tfevents.{:010}.anygrad", now() as u64))?;
        let mut events = EventFile { file, path };
        events.write(Event { file_version: Some("brain.Event:2".into()), ..Event::default() })?;
        if epoch > 0 {
            events.forget_after(epoch)?;
        }
        Ok(events)
    }

    /// Says that epochs behind this one come again.
    pub fn forget_after(&mut self, epoch: u64) -> Result<()> {
        const START: i32 = 1;
        let session_log = Some(SessionLog { status: START });
        self.write(Event { step: epoch as i64 + 1, session_log, ..Event::default() })
    }

    /// Tells of an epoch, by its line of metrics.
    pub fn epoch(&mut self, line: &Value) -> Result<()> {
        match line.as_object() {
            Some(fields) => self.scalars(line["epoch"].as_u64().unwrap_or(0), fields),
            None => Ok(()),
        }
    }

    /// Tells of the figures that a line of metrics has, as those of an epoch.
    pub fn scalars(&mut self, epoch: u64, fields: &Map<String, Value>) -> Result<()> {
        let scalar = |tag: &&str| {
            let simple_value = Some(fields.get(*tag)?.as_f64()? as f32);
            Some(Scalar { tag: tag.to_string(), simple_value })
        };
        let value: Vec<Scalar> = TAGS.iter().filter_map(scalar).collect();
        if value.is_empty() {
            return Ok(());
        }
        self.write(Event { step: epoch as i64, summary: Some(Summary { value }), ..Event::default() })
    }

    fn write(&mut self, event: Event) -> Result<()> {
        let record = framed(&Event { wall_time: now(), ..event }.encode_to_vec());
        self.file.write_all(&record).map_err(|error| Error::io("write", &self.path, error))
    }
}

/// Seconds since the beginning of 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Bytes as a record.
fn framed(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    [&length[..], &masked(&length).to_le_bytes(), bytes, &masked(bytes).to_le_bytes()].concat()
}

/// The checksum of bytes that hold checksums themselves.
fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32 with Castagnoli's polynomial, bit by bit: there are a few hundred bytes an epoch.
fn crc32c(bytes: &[u8]) -> u32 {
    let bit = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0u32, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_rfc_3720() {
        // Appendix B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}
