//! How time per row grows with the batch, the width and the depth of a net.

use super::measure::{Measured, steady};
use super::nets::Net;
use super::setup::Budget;
use anygrad::Result;
use anygrad::backend::Device;
use anygrad::tune::Variants;

/// Which extent of a net grows from one measurement to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    Batch,
    Width,
    Depth,
}

impl Axis {
    pub const ALL: [Axis; 3] = [Axis::Batch, Axis::Width, Axis::Depth];

    pub fn name(self) -> &'static str {
        match self {
            Axis::Batch => "batch",
            Axis::Width => "width",
            Axis::Depth => "depth",
        }
    }

    /// The net as a caption: what stays the same while this extent grows.
    pub fn title(self) -> &'static str {
        match self {
            Axis::Batch => "128-128-10, rows of a batch",
            Axis::Width => "128-W-W-10 at batch 64, width W",
            Axis::Depth => "128 and D × 128 and 10 at batch 64, depth D",
        }
    }

    /// The values that the extent takes: each twice the one before, none above `most` if that is given, but at least one.
    pub fn values(self, most: Option<usize>) -> Vec<usize> {
        let (first, last) = match self {
            Axis::Batch => (1, 4096),
            Axis::Width => (16, 2048),
            Axis::Depth => (1, 16),
        };
        let doubled = std::iter::successors(Some(first), |value| Some(2 * value));
        doubled.take_while(|&value| value <= last.min(most.unwrap_or(last).max(first))).collect()
    }

    /// The net whose extent has this value.
    pub fn net(self, value: usize) -> Net {
        match self {
            Axis::Batch => Net { widths: vec![128, 128, 10], batch: value },
            Axis::Width => Net { widths: vec![128, value, value, 10], batch: 64 },
            Axis::Depth => {
                let hidden = std::iter::repeat_n(128, value);
                Net { widths: std::iter::once(128).chain(hidden).chain([10]).collect(), batch: 64 }
            }
        }
    }
}

/// The measurement of one net on one device.
#[derive(Clone, Debug)]
pub struct Point {
    pub axis: Axis,
    pub value: usize,
    pub device: String,
    pub measured: Measured,
}

impl Point {
    pub fn microseconds_per_sample(&self) -> f64 {
        self.measured.ms_per_step * 1e3 / self.measured.net.batch as f64
    }
}

/// Measures one point on an open device.
pub fn point(axis: Axis, value: usize, device: &Device, budget: &Budget) -> Result<Point> {
    let measured = steady(&axis.net(value), device, budget, &Variants::default(), 0.0)?;
    Ok(Point { axis, value, device: device.device_name(), measured })
}
