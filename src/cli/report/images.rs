//! Rows that are images, as small PNG files.

use crate::cli::picture::encode;
use anygrad::Result;
use anygrad::data::{Dataset, ImageOptions};

/// The shape of images by the names of their features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Height and width.
    pub size: [usize; 2],
    pub channels: usize,
}

/// Most pixels of a side of a small image.
const MOST_SIDE: usize = 48;

impl Shape {
    /// Of `pixel_0_0` and the like, of `pixel0` and the like if they fill a square, and of channels of such.
    pub fn of(names: &[String]) -> Option<Shape> {
        if let Some(options) = ImageOptions::of_features(names) {
            return Some(Shape { size: options.size?, channels: options.color?.channels() });
        }
        let is_row =
            |names: &[String], name: &str| names.iter().enumerate().all(|(i, own)| *own == format!("{name}{i}"));
        let square = |pixels: usize| {
            let side = pixels.isqrt();
            (side > 1 && side * side == pixels).then_some([side, side])
        };
        if is_row(names, "pixel") {
            return Some(Shape { size: square(names.len())?, channels: 1 });
        }
        let third = names.len() / 3;
        let channels = ["red", "green", "blue"];
        let are_channels =
            third > 0 && names.chunks(third).zip(channels).all(|(names, channel)| is_row(names, channel));
        (are_channels && third * 3 == names.len()).then_some(Shape { size: square(third)?, channels: 3 })
    }

    /// Pixels of an image.
    pub fn pixels(self) -> usize {
        self.size[0] * self.size[1]
    }

    /// A row as a PNG file: of a large image every second pixel, or every third, and so on.
    pub fn png(self, data: &Dataset, row: usize) -> Result<Vec<u8>> {
        let [height, width] = self.size;
        let mut features = vec![0.0; data.features.width()];
        data.features.copy_floats(|_| row, &mut features)?;
        let brightest = features.iter().copied().fold(0.0, f32::max);
        // Bytes as of photographs, or grey levels from 0 to a few.
        let scale = if brightest > 64.0 { 1.0 } else { 255.0 / brightest.max(f32::MIN_POSITIVE) };
        let every = height.max(width).div_ceil(MOST_SIDE);
        let mut pixels = Vec::new();
        for y in (0..height).step_by(every) {
            for x in (0..width).step_by(every) {
                let value = |channel: usize| features[channel * height * width + y * width + x];
                pixels.extend((0..self.channels).map(|channel| (value(channel) * scale).clamp(0.0, 255.0) as u8));
            }
        }
        encode(&pixels, [width.div_ceil(every), height.div_ceil(every)], self.channels)
    }
}
