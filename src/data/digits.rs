//! The embedded dataset: 1,797 handwritten digits of 8×8 pixels with values 0 to 16.
//!
//! UCI Optical Recognition of Handwritten Digits, test set. E. Alpaydin, C. Kaynak, 1998; CC BY 4.0.

use super::{Dataset, Features, Preprocessing, Targets};
use crate::error::{Error, Result};
use crate::files::ON_DISK;
use std::io::Read;
use std::path::Path;

static COMPRESSED: &[u8] = include_bytes!("embedded/digits.csv.gz");

/// The UCI digits: 1,797 rows of 64 pixels, 0 to 16, which a model sees scaled to `[0, 1]`; 10 classes.
///
/// ```
/// let data = anygrad::data::digits()?;
/// assert_eq!((data.rows(), data.features.width(), data.targets.width()), (1797, 64, 10));
/// # Ok::<(), anygrad::Error>(())
/// ```
///
/// # Errors
/// [`Error::Data`] if the embedded file is damaged, which a test rules out.
pub fn digits() -> Result<Dataset> {
    if !ON_DISK {
        return Err(damaged("a page loads them beside the engine, and they were not given".into()));
    }
    let mut text = String::new();
    flate2::read::GzDecoder::new(COMPRESSED).read_to_string(&mut text).map_err(|e| damaged(e.to_string()))?;
    read(&text)
}

fn damaged(reason: String) -> Error {
    Error::data(Path::new("digits (embedded)"), "", reason, "rebuild the program")
}

/// The digits of a text: a line for each, its pixels and its class.
pub(super) fn read(text: &str) -> Result<Dataset> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let row = line.split(',').map(|cell| cell.trim().parse::<u8>()).collect::<std::result::Result<Vec<_>, _>>();
        let row = row.map_err(|e| damaged(e.to_string()))?;
        let [pixel_row @ .., label] = &row[..] else { return Err(damaged("an empty line".into())) };
        pixels.extend_from_slice(pixel_row);
        labels.push(u32::from(*label));
    }
    let data = Dataset {
        name: "digits".into(),
        features: Features::U8 { width: 64, data: pixels },
        feature_names: (0..64).map(|i| format!("pixel{i}")).collect(),
        targets: Targets::Labels {
            name: "digit".into(),
            classes: (0..10).map(|d| d.to_string()).collect(),
            data: labels,
        },
        preprocessing: Preprocessing::Scale { factor: 1.0 / 16.0 },
        target_preprocessing: Preprocessing::None,
        weights: None,
        encoder: None,
    };
    data.check()?;
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_file_is_whole() {
        let data = digits().unwrap();
        assert_eq!(data.rows(), 1797);
        let Targets::Labels { data: labels, .. } = &data.targets else { panic!("labels") };
        // Rows per digit as the UCI repository states them.
        let counts: Vec<usize> = (0..10).map(|d| labels.iter().filter(|&&l| l == d).count()).collect();
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        let Features::U8 { data: pixels, .. } = &data.features else { panic!("bytes") };
        assert_eq!(pixels.iter().max(), Some(&16));
    }
}
