//! MNIST from its four official files in a folder, gzipped or not.

use super::{Dataset, Features, Preprocessing, Split, Targets, idx};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// The 60,000 training and 10,000 test images of 28×28 pixels, scaled to `[0, 1]`.
///
/// `folder` holds `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
/// `t10k-labels-idx1-ubyte`, each also with `.gz` or with a dot before `idx`. Smaller files of the same format serve
/// as well.
///
/// ```
/// # use std::path::Path;
/// let error = anygrad::data::mnist(Path::new("no/such/folder")).unwrap_err();
/// assert!(error.to_string().contains("name the folder with MNIST's four official files: mnist:DIR"));
/// ```
///
/// # Errors
/// [`Error::Data`] if a file is missing or damaged, or images and labels do not match; [`Error::Io`] if one cannot be
/// read.
pub fn mnist(folder: &Path) -> Result<Split> {
    Ok(Split { train: part(folder, "train")?, validation: None, test: part(folder, "t10k")? })
}

fn part(folder: &Path, prefix: &str) -> Result<Dataset> {
    let images_path = find(folder, prefix, "images", 3)?;
    let labels_path = find(folder, prefix, "labels", 1)?;
    let images = idx::read(&images_path, 3)?;
    let labels = idx::read(&labels_path, 1)?;
    let remedy = "use images and labels of the same set";
    if images.dims[0] != labels.dims[0] {
        let reason = format!("{} labels for {} images", labels.dims[0], images.dims[0]);
        return Err(Error::data(&labels_path, "", reason, remedy));
    }
    if let Some(row) = labels.data.iter().position(|&label| label > 9) {
        let reason = format!("label {} is not a digit", labels.data[row]);
        return Err(Error::data(&labels_path, format!(", row {row}"), reason, remedy));
    }
    let width = images.dims[1].saturating_mul(images.dims[2]);
    if width == 0 || images.dims[0] == 0 {
        return Err(Error::data(&images_path, "", "no pixels", remedy));
    }
    let data = Dataset {
        name: "mnist".into(),
        features: Features::U8 { width, data: images.data },
        feature_names: (0..width).map(|i| format!("pixel{i}")).collect(),
        targets: Targets::Labels {
            name: "digit".into(),
            classes: (0..10).map(|d| d.to_string()).collect(),
            data: labels.data.into_iter().map(u32::from).collect(),
        },
        weights: None,
        preprocessing: Preprocessing::Scale { factor: 1.0 / 255.0 },
        target_preprocessing: Preprocessing::None,
    };
    data.check()?;
    Ok(data)
}

/// The first spelling of the file's name that exists.
fn find(folder: &Path, prefix: &str, kind: &str, rank: usize) -> Result<PathBuf> {
    let official = format!("{prefix}-{kind}-idx{rank}-ubyte");
    let dotted = format!("{prefix}-{kind}.idx{rank}-ubyte");
    let spellings = [official.clone(), format!("{official}.gz"), dotted.clone(), format!("{dotted}.gz")];
    let found = spellings.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| {
        let path = folder.join(&official);
        let reason = "not found, neither plain nor as .gz";
        Error::data(&path, "", reason, "name the folder with MNIST's four official files: mnist:DIR")
    })
}
