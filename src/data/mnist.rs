//! MNIST and the sets in files of its format: Fashion-MNIST, KMNIST, E-MNIST. Gzipped or not.

use super::images::{Images, pixel_names, pixels};
use super::{Collection, Dataset, Parts, Split, Targets, idx};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

const FASHION: [&str; 10] =
    ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];
const KANA: [&str; 10] = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"];
const DIGITS: &str = "0123456789";
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const MERGED: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt";
const EACH: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const MISMATCH: &str = "use images and labels of the same set";

/// The 60,000 training and 10,000 test images of 28×28 pixels, scaled to `[0, 1]`.
///
/// `folder` holds `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
/// `t10k-labels-idx1-ubyte`, each also with `.gz`, with a dot before `idx`, or in a folder of its own name. Smaller
/// files of the same format serve as well.
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
    let Parts { train, test, .. } = read(Collection::Mnist, folder)?.parts;
    match test {
        Some(test) => Ok(Split::new(train, test)),
        None => Err(missing(Collection::Mnist, &folder.join("t10k-images-idx3-ubyte"))),
    }
}

/// The files of a part, read.
struct Part {
    images_path: PathBuf,
    labels_path: PathBuf,
    images: idx::Idx,
    labels: Vec<u8>,
}

/// Reads a set of the family from a folder.
pub(super) fn read(set: Collection, folder: &Path) -> Result<Images> {
    let (set, mut decisions) = if set == Collection::Emnist { which(folder)? } else { (set, Vec::new()) };
    let is_emnist = set.name().starts_with("emnist");
    let prefix = if is_emnist { format!("{set}-") } else { String::new() };
    let train = part(set, folder, &format!("{prefix}train"))?;
    let held_back = format!("{prefix}{}", if is_emnist { "test" } else { "t10k" });
    let has_test = ["images-idx3", "labels-idx1"].iter().any(|kind| find(folder, &held_back, kind).is_some());
    let test = if has_test { Some(part(set, folder, &held_back)?) } else { None };
    if let Some(test) = &test
        && test.images.dims[1..] != train.images.dims[1..]
    {
        let size = |part: &Part| format!("{}×{} pixels", part.images.dims[1], part.images.dims[2]);
        let (path, own, other) = (train.images_path.display(), size(test), size(&train));
        let reason = format!("images of {own}, those of {path} are of {other}");
        return Err(Error::data(&test.images_path, "", reason, "use training and test images of the same set"));
    }
    let (first, classes) = classes(set, &train)?;
    if set == Collection::Mnist && classes.len() != 10 {
        let last = usize::from(first) + classes.len() - 1;
        decisions.push(format!("classes  {} (the labels are {first} to {last}, not the ten digits)", classes.len()));
    }
    if test.is_none() {
        let reason = "there are no test files: test rows are taken from the training images";
        decisions.push(format!("parts  {} images ({reason})", train.labels.len()));
    }
    if is_emnist {
        decisions.push("turned  rows and columns of all images are exchanged (E-MNIST stores them lying)".into());
    }
    let parts = Parts { train, validation: None, test };
    let parts = parts.try_map(|part| dataset(set, part, first, &classes, is_emnist))?;
    Ok(Images { parts, decisions })
}

/// The one set of E-MNIST whose training images are in a folder.
fn which(folder: &Path) -> Result<(Collection, Vec<String>)> {
    let sets = Collection::ALL.iter().filter(|(_, name)| name.starts_with("emnist-"));
    let found: Vec<_> =
        sets.filter(|(_, name)| find(folder, &format!("{name}-train"), "images-idx3").is_some()).collect();
    match found[..] {
        [(set, name)] => Ok((*set, vec![format!("set  {name} (the only one of E-MNIST in the folder)")])),
        [] => Err(missing(Collection::Emnist, &folder.join("emnist-letters-train-images-idx3-ubyte"))),
        _ => {
            let names: Vec<String> = found.iter().map(|(_, name)| format!("{name}:DIR")).collect();
            let reason = format!("holds {} sets of E-MNIST", found.len());
            Err(Error::data(folder, "", reason, format!("name one: {}", names.join(", "))))
        }
    }
}

fn part(set: Collection, folder: &Path, prefix: &str) -> Result<Part> {
    let found = |kind: &str| {
        find(folder, prefix, kind).ok_or_else(|| missing(set, &folder.join(format!("{prefix}-{kind}-ubyte"))))
    };
    let (images_path, labels_path) = (found("images-idx3")?, found("labels-idx1")?);
    let (images, labels) = (idx::read(&images_path, 3)?, idx::read(&labels_path, 1)?);
    if images.dims[0] != labels.dims[0] {
        let reason = format!("{} labels for {} images", labels.dims[0], images.dims[0]);
        return Err(Error::data(&labels_path, "", reason, MISMATCH));
    }
    if images.data.is_empty() {
        return Err(Error::data(&images_path, "", "no pixels", MISMATCH));
    }
    Ok(Part { images_path, labels_path, images, labels: labels.data })
}

/// The label of the first class, and the names of all.
///
/// MNIST's files may hold another set: if there are labels above 9, the classes are the labels from the least to the
/// greatest, each of which must occur, since a damaged file leaves gaps.
fn classes(set: Collection, train: &Part) -> Result<(u8, Vec<String>)> {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    let characters = |characters: &str| characters.chars().map(String::from).collect();
    Ok(match set {
        Collection::FashionMnist => (0, names(&FASHION)),
        Collection::Kmnist => (0, names(&KANA)),
        Collection::EmnistByclass => (0, characters(EACH)),
        Collection::EmnistBymerge | Collection::EmnistBalanced => (0, characters(MERGED)),
        Collection::EmnistLetters => (1, characters(LETTERS)),
        Collection::Mnist if train.labels.iter().any(|&label| label > 9) => {
            let mut rows = [None; 256];
            train.labels.iter().enumerate().for_each(|(row, &label)| rows[usize::from(label)] = Some(row));
            let labels: Vec<usize> = (0..256).filter(|&label| rows[label].is_some()).collect();
            let gap = labels.windows(2).find(|pair| pair[1] > pair[0] + 1);
            if let (Some(&[before, _]), Some(&last)) = (gap, labels.last()) {
                let row = rows[last].unwrap_or_default();
                let reason = format!("label {last} is not a digit, and no image has label {}", before + 1);
                return Err(Error::data(&train.labels_path, format!(", row {row}"), reason, MISMATCH));
            }
            (labels[0] as u8, labels.iter().map(ToString::to_string).collect())
        }
        _ => (0, characters(DIGITS)),
    })
}

fn dataset(set: Collection, part: Part, first: u8, classes: &[String], is_lying: bool) -> Result<Dataset> {
    let label = |(row, label): (usize, &u8)| {
        let number = label.checked_sub(first).map(u32::from).filter(|&number| (number as usize) < classes.len());
        number.ok_or_else(|| {
            let last = usize::from(first) + classes.len() - 1;
            let reason = format!("label {label} is none of the classes {first} to {last}");
            Error::data(&part.labels_path, format!(", row {row}"), reason, MISMATCH)
        })
    };
    let labels = part.labels.iter().enumerate().map(label).collect::<Result<Vec<u32>>>()?;
    let (height, width) = (part.images.dims[1], part.images.dims[2]);
    let mut data = part.images.data;
    if is_lying {
        let mut upright = vec![0; height * width];
        for image in data.chunks_exact_mut(height * width) {
            (0..upright.len()).for_each(|i| upright[i] = image[i % height * width + i / height]);
            image.copy_from_slice(&upright);
        }
    }
    let name = if classes.concat() == DIGITS { "digit" } else { "class" };
    let targets = Targets::Labels { name: name.into(), classes: classes.to_vec(), data: labels };
    pixels(set.name(), data, pixel_names(height * width), targets)
}

/// The first spelling of the file's name that exists.
fn find(folder: &Path, prefix: &str, kind: &str) -> Option<PathBuf> {
    let dotted = kind.replace("-idx", ".idx");
    let names = [kind, &dotted].map(|kind| format!("{prefix}-{kind}-ubyte"));
    let names = names.into_iter().flat_map(|name| [name.clone(), format!("{name}.gz")]);
    names.flat_map(|name| [folder.join(&name), folder.join(&name).join(&name)]).find(|path| path.is_file())
}

fn missing(set: Collection, path: &Path) -> Error {
    let remedy = match set {
        Collection::Mnist => "name the folder with MNIST's four official files: mnist:DIR".into(),
        set => format!("name the folder with the four official files of the set: {set}:DIR"),
    };
    Error::data(path, "", "not found, neither plain nor as .gz", remedy)
}

#[cfg(test)]
mod tests {
    use super::super::Features;
    use super::*;

    /// Images of `[n, 2, 3]` whose pixels count on, and labels.
    fn write(folder: &Path, prefix: &str, [height, width]: [u32; 2], labels: &[u8]) {
        std::fs::create_dir_all(folder).unwrap();
        let rows = labels.len() as u32;
        let extents = [rows, height, width].map(u32::to_be_bytes).concat();
        let pixels = (0..rows * height * width).map(|i| i as u8);
        let images = [vec![0, 0, 8, 3], extents, pixels.collect()].concat();
        std::fs::write(folder.join(format!("{prefix}-images-idx3-ubyte")), images).unwrap();
        let labels = [&[0, 0, 8, 1], &rows.to_be_bytes()[..], labels].concat();
        std::fs::write(folder.join(format!("{prefix}-labels-idx1-ubyte")), labels).unwrap();
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("anygrad-mnist-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        folder
    }

    fn labels(data: &Dataset) -> (&str, Vec<&str>, &[u32]) {
        let Targets::Labels { name, classes, data } = &data.targets else { panic!("labels") };
        (name, classes.iter().map(String::as_str).collect(), data)
    }

    #[test]
    fn letters_of_emnist_are_turned_and_named() {
        let folder = folder("letters");
        write(&folder, "emnist-letters-train", [2, 3], &[1, 26, 2]);
        write(&folder, "emnist-letters-test", [2, 3], &[3]);
        for set in [Collection::Emnist, Collection::EmnistLetters] {
            let Images { parts, decisions } = set.read(&folder).unwrap();
            let (name, classes, labels) = labels(&parts.train);
            assert_eq!((name, classes.len(), classes[25], labels), ("class", 26, "Z", &[0, 25, 1][..]));
            let Features::U8 { width: 6, data } = &parts.train.features else { panic!("bytes of an image") };
            // Two rows of three become three rows of two.
            assert_eq!(data[..6], [0, 3, 1, 4, 2, 5]);
            assert_eq!(parts.test.unwrap().rows(), 1);
            assert!(decisions.last().unwrap().starts_with("turned  "), "{decisions:?}");
        }
        write(&folder, "emnist-digits-train", [2, 3], &[0]);
        let error = Collection::Emnist.read(&folder).unwrap_err().to_string();
        assert!(error.contains("name one: emnist-letters:DIR, emnist-digits:DIR"), "{error}");
        write(&folder, "emnist-letters-train", [2, 3], &[1, 27]);
        let error = Collection::EmnistLetters.read(&folder).unwrap_err().to_string();
        assert!(error.contains("train-labels-idx1-ubyte, row 1: label 27 is none of the classes 1 to 26"), "{error}");
        assert_eq!([EACH, MERGED, LETTERS].map(str::len), [62, 47, 26]);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn another_set_in_mnists_files_has_the_classes_that_occur() {
        let folder = folder("classes");
        let all: Vec<u8> = (1..=26).collect();
        write(&folder, "train", [2, 2], &all);
        write(&folder, "t10k", [2, 2], &[26, 1]);
        let Images { parts, decisions } = Collection::Mnist.read(&folder).unwrap();
        let (_, classes, data) = labels(&parts.train);
        assert_eq!((classes.len(), classes[0], classes[25], data[25]), (26, "1", "26", 25));
        assert_eq!(labels(parts.test.as_ref().unwrap()).2, [25, 0]);
        assert_eq!(decisions, ["classes  26 (the labels are 1 to 26, not the ten digits)"]);
        // A label far from all others is a damaged byte.
        write(&folder, "train", [2, 2], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 200]);
        let error = mnist(&folder).unwrap_err().to_string();
        assert!(error.contains("row 10: label 200 is not a digit, and no image has label 10"), "{error}");
        // Two of the ten digits are still digits.
        write(&folder, "train", [2, 2], &[3, 8]);
        write(&folder, "t10k", [2, 2], &[8]);
        let split = mnist(&folder).unwrap();
        assert_eq!(labels(&split.train), ("digit", DIGITS.split("").filter(|d| !d.is_empty()).collect(), &[3, 8][..]));
        let fashion = Collection::FashionMnist.read(&folder).unwrap().parts.train;
        assert_eq!(labels(&fashion).1[8], "Bag");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn test_files_may_be_absent_but_not_differ() {
        let folder = folder("test");
        write(&folder, "train", [2, 2], &[1, 2, 3]);
        let Images { parts, decisions } = Collection::Mnist.read(&folder).unwrap();
        assert!(parts.test.is_none() && decisions[0].contains("no test files"), "{decisions:?}");
        assert!(mnist(&folder).unwrap_err().to_string().contains("t10k-images-idx3-ubyte: not found"));
        write(&folder, "t10k", [2, 3], &[1]);
        let error = mnist(&folder).unwrap_err().to_string();
        for part in ["t10k-images-idx3-ubyte: images of 2×3", "train-images-idx3-ubyte are of 2×2"] {
            assert!(error.contains(part), "{error}");
        }
        std::fs::remove_file(folder.join("t10k-labels-idx1-ubyte")).unwrap();
        let error = mnist(&folder).unwrap_err().to_string();
        assert!(error.contains("t10k-labels-idx1-ubyte: not found"), "{error}");
        // As some archives unpack: each file in a folder of its own name.
        for name in ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"] {
            std::fs::rename(folder.join(name), folder.join("file")).unwrap();
            std::fs::create_dir(folder.join(name)).unwrap();
            std::fs::rename(folder.join("file"), folder.join(name).join(name)).unwrap();
        }
        std::fs::remove_file(folder.join("t10k-images-idx3-ubyte")).unwrap();
        assert_eq!(Collection::Mnist.read(&folder).unwrap().parts.train.rows(), 3);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
