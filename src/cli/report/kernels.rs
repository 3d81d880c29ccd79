//! The device of a run and the time of each kernel, as `profile.json` in its folder tells them.

use super::parts::{Item, Section, Table};
use crate::cli::output::{significant, thousands};
use crate::cli::picture::{Bar, bars};
use crate::cli::record::Record;
use anygrad::error::shown;
use serde_json::Value;
use std::io::Read;

/// What `train --profile` wrote.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Profile {
    pub device: String,
    pub method: String,
    pub steps: u64,
    pub step_seconds: f64,
    /// What of a step no kernel takes.
    pub rest_seconds: Option<f64>,
    pub peak_gflops: Option<f64>,
    pub peak_gb_per_second: Option<f64>,
    pub kernels: Vec<Kernel>,
}

/// A kernel of a training step.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Kernel {
    pub label: String,
    pub launches_per_step: f64,
    pub microseconds_per_step: f64,
    pub gflops: Option<f64>,
    pub gb_per_second: Option<f64>,
    pub share_of_peak: Option<f64>,
}

/// Most kernels that are shown.
const MOST: usize = 30;
const MOST_BARS: usize = 14;

impl Profile {
    /// Of a run's folder, if it has one that can be read.
    pub fn read(record: &Record) -> Option<Profile> {
        let mut text = String::new();
        let file = std::fs::File::open(record.path.join("profile.json")).ok()?;
        file.take(1 << 22).read_to_string(&mut text).ok()?;
        let mut profile: Profile = serde_json::from_str(&text).ok()?;
        profile.kernels.sort_by(|a, b| b.microseconds_per_step.total_cmp(&a.microseconds_per_step));
        Some(profile)
    }
}

/// The machine, and where the time of a step goes.
pub fn section(record: &Record, profile: Option<&Profile>) -> Section {
    let mut section = Section::new("device", "The machine");
    let field = |name: &str| record.environment.get(name).map(word).filter(|word| !word.is_empty());
    let known = [
        ("Device", field("device")),
        ("Reached by", field("backend")),
        ("Driver", field("driver")),
        ("Why this device", field("device_reason")),
        ("Operating system", field("os").zip(field("architecture")).map(|(os, kind)| format!("{os}, {kind}"))),
        ("Processors", field("processors")),
        ("anygrad", field("anygrad")),
    ];
    let rows = known.into_iter().filter_map(|(name, value)| Some(vec![name.to_string(), cut(&value?)])).collect();
    section.items.push(Item::Table(Table { head: Vec::new(), rows, is_words: true }));
    match profile {
        Some(profile) => put_profile(&mut section, profile),
        None => section.say(format!(
            "How long each kernel takes was not measured. This measures it: anygrad train --profile {}",
            record.path.display()
        )),
    }
    section
}

fn put_profile(section: &mut Section, profile: &Profile) {
    let Profile { device, method, steps, step_seconds, kernels, .. } = profile;
    section.say(format!(
        "Where the time of a training step goes on {}: {} µs a step, measured over {steps} steps by {}.",
        cut(device),
        thousands(step_seconds * 1e6),
        cut(method)
    ));
    section.say(
        "A number in front is the position of a layer; ▸ joins what one kernel does to a number before it lets go of it. \
         Products of a layer come once on the way forward, and once or twice on the way back, where the optimizer's step \
         is a part of them.",
    );
    if let (Some(gflops), Some(rate)) = (profile.peak_gflops, profile.peak_gb_per_second) {
        let (gflops, rate) = (significant(gflops), significant(rate));
        section.say(format!("At best the device reached {gflops} GFLOP/s, and {rate} GB/s: shares are of these."));
    }
    let largest: Vec<Bar> = kernels
        .iter()
        .take(MOST_BARS)
        .map(|kernel| Bar {
            name: kernel.label.clone(),
            value: kernel.microseconds_per_step,
            deviation: 0.0,
            text: significant(kernel.microseconds_per_step),
        })
        .collect();
    let scene = bars("Time of each kernel", "microseconds per training step", &largest);
    section.show("kernels", scene, "A longer bar is a kernel that takes more of each training step.");
    let or_none = |x: Option<f64>| x.map_or("–".into(), significant);
    let row = |kernel: &Kernel| {
        vec![
            shown(&kernel.label),
            kernel.launches_per_step.to_string(),
            significant(kernel.microseconds_per_step),
            or_none(kernel.gflops),
            or_none(kernel.gb_per_second),
            kernel.share_of_peak.map_or("–".into(), |share| format!("{:.0} %", 100.0 * share)),
        ]
    };
    let head = ["kernel", "launches per step", "µs per step", "GFLOP/s", "GB/s", "share of the device's peak"];
    let mut rows: Vec<Vec<String>> = kernels.iter().take(MOST).map(row).collect();
    if let Some(rest) = profile.rest_seconds {
        let none = || "–".to_string();
        rows.push(vec!["between kernels".into(), none(), significant(rest * 1e6), none(), none(), none()]);
    }
    section.list(head, rows);
    if kernels.len() > MOST {
        section.say(format!("The {MOST} slowest of {} kernels.", kernels.len()));
    }
}

/// A value of JSON in words.
fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}

/// At most so much of a text that is not ours.
pub fn cut(text: &str) -> String {
    const MOST: usize = 300;
    if text.chars().nth(MOST).is_none() { text.into() } else { text.chars().take(MOST).chain(['…']).collect() }
}
