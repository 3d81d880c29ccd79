//! CIFAR-10 from its six official binary files in a folder, gzipped or not.
//!
//! A file is records of 3,073 bytes: a label, then 1,024 red, 1,024 green and 1,024 blue pixels of 32×32. There is no
//! header: the number of images is what the length of the file makes it.

use super::{Dataset, Features, Preprocessing, Split, Targets, idx};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// Bytes of an image.
const PIXELS: usize = 3 * 32 * 32;
/// Bytes of a record: a label and an image.
const RECORD: usize = 1 + PIXELS;
const TRAIN: [&str; 5] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
const TEST: [&str; 1] = ["test_batch.bin"];
const CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const REMEDY: &str = "fetch the file again, it should be of CIFAR-10's binary version";

/// The 50,000 training and 10,000 test images of 3×32×32 pixels, scaled to `[0, 1]`.
///
/// `folder` holds `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, each also with `.gz`; the official
/// archive calls it `cifar-10-batches-bin`. Smaller files of the same format serve as well.
///
/// ```
/// # use std::path::Path;
/// let error = anygrad::data::cifar10(Path::new("no/such/folder")).unwrap_err();
/// assert!(error.to_string().contains("data_batch_1.bin: not found"));
/// ```
///
/// All training pixels are 154 MB. WebGPU guarantees 128 MiB in one buffer: where a device grants no more, training brings
/// the rows to it window by window.
///
/// # Errors
/// [`Error::Data`] if a file is missing or damaged; [`Error::Io`] if one cannot be read.
pub fn cifar10(folder: &Path) -> Result<Split> {
    Ok(Split::new(part(folder, &TRAIN)?, part(folder, &TEST)?))
}

fn part(folder: &Path, names: &[&str]) -> Result<Dataset> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for name in names {
        append(&find(folder, name)?, &mut pixels, &mut labels)?;
    }
    let name = |color: &str| (0..PIXELS / 3).map(|i| format!("{color}{i}")).collect::<Vec<_>>();
    let data = Dataset {
        name: "cifar10".into(),
        features: Features::U8 { width: PIXELS, data: pixels },
        feature_names: ["red", "green", "blue"].map(name).concat(),
        targets: Targets::Labels { name: "object".into(), classes: CLASSES.map(String::from).to_vec(), data: labels },
        preprocessing: Preprocessing::Scale { factor: 1.0 / 255.0 },
        target_preprocessing: Preprocessing::None,
        weights: None,
        encoder: None,
    };
    data.check()?;
    Ok(data)
}

/// Appends the images and labels of a file.
fn append(path: &Path, pixels: &mut Vec<u8>, labels: &mut Vec<u32>) -> Result<()> {
    let bytes = idx::read_bytes(path)?;
    if bytes.is_empty() || bytes.len() % RECORD != 0 {
        let reason = format!("truncated or overlong: {} bytes are no whole records of {RECORD}", bytes.len());
        return Err(Error::data(path, "", reason, REMEDY));
    }
    let rows = bytes.len() / RECORD;
    pixels.try_reserve_exact(rows * PIXELS).map_err(|_| Error::OutOfMemory { context: "reading CIFAR-10".into() })?;
    for (row, record) in bytes.chunks_exact(RECORD).enumerate() {
        let (label, image) = (record[0], &record[1..]);
        if usize::from(label) >= CLASSES.len() {
            let reason = format!("label {label} is none of the {} classes", CLASSES.len());
            return Err(Error::data(path, format!(", row {row}"), reason, REMEDY));
        }
        labels.push(u32::from(label));
        pixels.extend_from_slice(image);
    }
    Ok(())
}

/// The file, plain or with `.gz`.
fn find(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    let zipped = folder.join(format!("{name}.gz"));
    [&path, &zipped].into_iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        let remedy = "name the folder with the six files of CIFAR-10's binary version: cifar10:DIR";
        Error::data(&path, "", "not found, neither plain nor as .gz", remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// `rows` records whose pixels tell file, row and color.
    fn records(file: u8, rows: u8) -> Vec<u8> {
        let record = |row: u8| {
            let color = |color: u8| vec![100 * color + 10 * file + row; PIXELS / 3];
            [vec![(file + row) % 10], color(0), color(1), color(2)].concat()
        };
        (0..rows).flat_map(record).collect()
    }

    /// A folder with six small files; the second is gzipped.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("anygrad-cifar10-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (file, name) in TRAIN.iter().chain(&TEST).enumerate() {
            std::fs::write(folder.join(name), records(file as u8, 2)).unwrap();
        }
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&records(1, 2)).unwrap();
        std::fs::write(folder.join("data_batch_2.bin.gz"), encoder.finish().unwrap()).unwrap();
        std::fs::remove_file(folder.join(TRAIN[1])).unwrap();
        folder
    }

    #[test]
    fn images_come_file_after_file_with_their_labels() {
        let folder = folder("whole");
        let Split { train, test, .. } = cifar10(&folder).unwrap();
        let Targets::Labels { data: labels, .. } = &train.targets else { panic!("labels") };
        assert_eq!(labels, &[0, 1, 1, 2, 2, 3, 3, 4, 4, 5]);
        let Features::U8 { width: PIXELS, data } = &train.features else { panic!("bytes of an image") };
        let corners = |row: usize| [0, 1023, 1024, 2047, 2048, 3071].map(|i| data[row * PIXELS + i]);
        assert_eq!(corners(0), [0, 0, 100, 100, 200, 200]);
        assert_eq!(corners(3), [11, 11, 111, 111, 211, 211]);
        assert_eq!((train.feature_names[1024].as_str(), train.feature_names[3071].as_str()), ("green0", "blue1023"));
        assert_eq!((test.rows(), train.preprocessing.byte_scale()), (2, Some(1.0 / 255.0)));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn damaged_and_missing_files_are_refused_by_name() {
        let folder = folder("damaged");
        let whole = records(3, 3);
        let mut label = whole.clone();
        label[2 * RECORD] = 10;
        let refused = |file: &str, content: Option<&[u8]>, parts: &[&str]| {
            let path = folder.join(file);
            let before = std::fs::read(&path).unwrap();
            match content {
                Some(bytes) => std::fs::write(&path, bytes).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            let error = cifar10(&folder).unwrap_err().to_string();
            for part in parts.iter().chain(&[file.trim_end_matches(".gz")]) {
                assert!(error.contains(part), "`{part}` is missing in: {error}");
            }
            std::fs::write(&path, before).unwrap();
        };
        refused("data_batch_3.bin", Some(&whole[..2 * RECORD + 7]), &["truncated", "6153 bytes", "fetch"]);
        refused("data_batch_4.bin", Some(&whole[..10]), &["10 bytes"]);
        refused("test_batch.bin", Some(&[]), &["0 bytes"]);
        refused("data_batch_1.bin", Some(&label), &["row 2", "label 10"]);
        refused("data_batch_2.bin.gz", Some(&[0x1F, 0x8B, 8, 0, 0]), &["damaged gzip"]);
        refused("data_batch_5.bin", None, &["not found", "cifar10:DIR"]);
        refused("test_batch.bin", None, &["not found", "cifar10:DIR"]);
        assert!(cifar10(&folder).is_ok());
        let missing = cifar10(&folder.join("nowhere")).unwrap_err().to_string();
        assert!(missing.contains("data_batch_1.bin") && missing.contains("cifar10:DIR"), "{missing}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
