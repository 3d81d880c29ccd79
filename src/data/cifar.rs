//! CIFAR-10 and CIFAR-100 from their official files in a folder: the binary version, gzipped or not, or the Python one.
//!
//! A file of the binary version is records: one or two labels, then 1,024 red, 1,024 green and 1,024 blue pixels of
//! 32×32. There is no header: the number of images is what the length of the file makes it.

use super::gzip::{Content, no_memory};
use super::images::{Images, channel_names, pixels};
use super::{Dataset, Parts, Split, Targets, pickle};
use crate::error::{Error, Result};
use crate::files::{in_words, limit};
use std::path::{Path, PathBuf};

/// Bytes of an image.
const PIXELS: usize = 3 * 32 * 32;
/// Most bytes of a file, after decompression: more than all images of a set.
const MOST_BYTES: u64 = 256 << 20;

/// One of the sets, and what its files are called.
pub(super) struct Set {
    name: &'static str,
    train: &'static [&'static str],
    test: &'static [&'static str],
    /// Labels of a record, and which of them counts.
    labels: (usize, usize),
    /// The key of the labels in a file of the Python version.
    key: &'static str,
    /// The file that names the classes, one in each line.
    meta: &'static str,
    /// The classes' names, if that file is absent.
    classes: &'static str,
}

pub(super) const CIFAR10: Set = Set {
    name: "cifar10",
    train: &["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"],
    test: &["test_batch"],
    labels: (1, 0),
    key: "labels",
    meta: "batches.meta.txt",
    classes: "airplane automobile bird cat deer dog frog horse ship truck",
};

pub(super) const FINE: Set = Set {
    name: "cifar100",
    train: &["train"],
    test: &["test"],
    labels: (2, 1),
    key: "fine_labels",
    meta: "fine_label_names.txt",
    classes: "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can \
    castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin \
    elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster \
    man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck \
    pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk \
    skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger \
    tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm",
};

pub(super) const COARSE: Set = Set {
    name: "cifar100-coarse",
    labels: (2, 0),
    key: "coarse_labels",
    meta: "coarse_label_names.txt",
    classes: "aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices \
    household_furniture insects large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes \
    large_omnivores_and_herbivores medium_mammals non-insect_invertebrates people reptiles small_mammals trees \
    vehicles_1 vehicles_2",
    ..FINE
};

/// The 50,000 training and 10,000 test images of 3×32×32 pixels, scaled to `[0, 1]`.
///
/// `folder` holds `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, each also with `.gz`; the official
/// archive calls it `cifar-10-batches-bin`. The files of the Python version, `data_batch_1` and so on, are read too.
/// Smaller files of the same format serve as well.
///
/// ```
/// # use std::path::Path;
/// let error = anygrad::data::cifar10(Path::new("no/such/folder")).unwrap_err();
/// assert!(error.to_string().contains("data_batch_1.bin: not found"));
/// ```
///
/// All training pixels are one buffer of 154 MB. WebGPU guarantees 128 MiB; hardware adapters grant more, software
/// adapters and browsers may not, and say so before anything runs.
///
/// # Errors
/// [`Error::Data`] if a file is missing or damaged; [`Error::Io`] if one cannot be read.
pub fn cifar10(folder: &Path) -> Result<Split> {
    let Parts { train, test, .. } = read(&CIFAR10, folder)?.parts;
    match test {
        Some(test) => Ok(Split::new(train, test)),
        None => Err(missing(&CIFAR10, &folder.join("test_batch.bin"))),
    }
}

/// Reads one of the sets from a folder.
pub(super) fn read(set: &Set, folder: &Path) -> Result<Images> {
    let mut decisions = Vec::new();
    let classes = classes(set, folder, &mut decisions)?;
    let train = part(set, folder, set.train, &classes)?;
    let has_test = find(folder, set.test[0]).is_some();
    let test = if has_test { Some(part(set, folder, set.test, &classes)?) } else { None };
    if test.is_none() {
        let reason = "there is no test file: test rows are taken from the training images";
        decisions.push(format!("parts  {} images ({reason})", train.rows()));
    }
    Ok(Images { parts: Parts { train, validation: None, test }, decisions })
}

/// The classes' names, from the file that comes with the images if it is there.
fn classes(set: &Set, folder: &Path, decisions: &mut Vec<String>) -> Result<Vec<String>> {
    let known: Vec<String> = set.classes.split_whitespace().map(String::from).collect();
    let path = folder.join(set.meta);
    if !path.is_file() {
        return Ok(known);
    }
    let bytes = Content::open(&path)?.take(1 << 16)?;
    let text = String::from_utf8_lossy(&bytes);
    let names: Vec<String> = text.lines().map(|line| line.trim().to_string()).filter(|name| !name.is_empty()).collect();
    if names.len() != known.len() {
        let reason = format!("{} names for {} classes", names.len(), known.len());
        return Err(Error::data(&path, "", reason, "fetch the file again, or remove it"));
    }
    if names != known {
        decisions.push(format!("classes  {} (their names are those of {})", names.len(), set.meta));
    }
    Ok(names)
}

fn part(set: &Set, folder: &Path, names: &[&str], classes: &[String]) -> Result<Dataset> {
    let (mut data, mut labels) = (Vec::new(), Vec::new());
    for name in names {
        let path = find(folder, name).ok_or_else(|| missing(set, &folder.join(format!("{name}.bin"))))?;
        let first = labels.len();
        let is_binary = path.file_name().is_some_and(|file| file != *name);
        if is_binary {
            append(set, &path, &mut data, &mut labels)?;
        } else {
            pickle::append(&path, set.key, PIXELS, &mut data, &mut labels)?;
        }
        if let Some(row) = labels[first..].iter().position(|&label| label as usize >= classes.len()) {
            let reason = format!("label {} is none of the {} classes", labels[first + row], classes.len());
            return Err(Error::data(&path, format!(", row {row}"), reason, remedy(set)));
        }
    }
    let targets = Targets::Labels { name: "object".into(), classes: classes.to_vec(), data: labels };
    pixels(set.name, data, channel_names(PIXELS / 3), targets)
}

/// Appends the images and labels of a file of the binary version.
fn append(set: &Set, path: &Path, pixels: &mut Vec<u8>, labels: &mut Vec<u32>) -> Result<()> {
    let most = limit(MOST_BYTES);
    let bytes = Content::open(path)?.take(most.saturating_add(1))?;
    if bytes.len() as u64 > most {
        let remedy = format!("{}, or raise the limit (--max-bytes)", remedy(set));
        return Err(Error::data(path, "", format!("more than {}", in_words(most)), &remedy));
    }
    let (count, which) = set.labels;
    let record = count + PIXELS;
    if bytes.is_empty() || bytes.len() % record != 0 {
        let reason = format!("truncated or overlong: {} bytes are no whole records of {record}", bytes.len());
        return Err(Error::data(path, "", reason, remedy(set)));
    }
    let new = bytes.len() / record * PIXELS;
    pixels.try_reserve_exact(new).map_err(|_| no_memory(path, new as u64))?;
    for record in bytes.chunks_exact(record) {
        labels.push(u32::from(record[which]));
        pixels.extend_from_slice(&record[count..]);
    }
    Ok(())
}

fn remedy(set: &Set) -> String {
    let name = if set.name == "cifar10" { "CIFAR-10" } else { "CIFAR-100" };
    format!("fetch the file again, it should be of {name}'s binary version")
}

/// The file of the binary version, plain or with `.gz`, else that of the Python version.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [".bin", ".bin.gz", ""].iter().map(|ending| folder.join(format!("{name}{ending}"))).find(|path| path.is_file())
}

fn missing(set: &Set, path: &Path) -> Error {
    let files = if set.name == "cifar10" { "six files of CIFAR-10's" } else { "two files of CIFAR-100's" };
    let remedy = format!("name the folder with the {files} binary version: {}:DIR", set.name);
    Error::data(path, "", "not found, neither plain nor as .gz", remedy)
}

#[cfg(test)]
mod tests {
    use super::super::Features;
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
        for (file, name) in CIFAR10.train.iter().chain(CIFAR10.test).enumerate() {
            std::fs::write(folder.join(format!("{name}.bin")), records(file as u8, 2)).unwrap();
        }
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&records(1, 2)).unwrap();
        std::fs::write(folder.join("data_batch_2.bin.gz"), encoder.finish().unwrap()).unwrap();
        std::fs::remove_file(folder.join("data_batch_2.bin")).unwrap();
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
        label[2 * (1 + PIXELS)] = 10;
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
        refused("data_batch_3.bin", Some(&whole[..2 * (1 + PIXELS) + 7]), &["truncated", "6153 bytes", "fetch"]);
        refused("data_batch_4.bin", Some(&whole[..10]), &["10 bytes"]);
        refused("test_batch.bin", Some(&[]), &["0 bytes"]);
        refused("data_batch_1.bin", Some(&label), &["row 2", "label 10"]);
        refused("data_batch_2.bin.gz", Some(&[0x1F, 0x8B, 8, 0, 0]), &["damaged gzip"]);
        refused("data_batch_5.bin", None, &["not found", "cifar10:DIR"]);
        assert!(cifar10(&folder).is_ok());
        let missing = cifar10(&folder.join("nowhere")).unwrap_err().to_string();
        assert!(missing.contains("data_batch_1.bin") && missing.contains("cifar10:DIR"), "{missing}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn without_test_images_the_training_images_are_split() {
        let folder = folder("alone");
        std::fs::remove_file(folder.join("test_batch.bin")).unwrap();
        assert!(cifar10(&folder).unwrap_err().to_string().contains("test_batch.bin: not found"));
        let Images { parts, decisions } = read(&CIFAR10, &folder).unwrap();
        assert!(parts.test.is_none() && decisions[0].contains("no test file"), "{decisions:?}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn cifar100_has_fine_and_coarse_labels() {
        let folder = std::env::temp_dir().join(format!("anygrad-cifar100-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let record = |coarse: u8, fine: u8| [vec![coarse, fine], vec![fine; PIXELS]].concat();
        std::fs::write(folder.join("train.bin"), [record(19, 99), record(0, 3)].concat()).unwrap();
        std::fs::write(folder.join("test.bin"), record(4, 0)).unwrap();
        for (set, expected, names) in
            [(FINE, [99, 3], [("worm", 99), ("apple", 0)]), (COARSE, [19, 0], [("vehicles_2", 19), ("fish", 1)])]
        {
            let train = read(&set, &folder).unwrap().parts.train;
            let Targets::Labels { classes, data, .. } = &train.targets else { panic!("labels") };
            assert_eq!(data, &expected);
            names.iter().for_each(|&(name, label)| assert_eq!(classes[label], name));
            let Features::U8 { width: PIXELS, data } = &train.features else { panic!("bytes of an image") };
            assert_eq!((data[0], data[PIXELS]), (99, 3));
        }
        // Names from the official archive.
        let names: String = (0..20).map(|i| format!("kind {i}\n")).collect();
        std::fs::write(folder.join("coarse_label_names.txt"), names).unwrap();
        let Images { parts, decisions } = read(&COARSE, &folder).unwrap();
        let Targets::Labels { classes, .. } = &parts.train.targets else { panic!("labels") };
        assert_eq!((classes[19].as_str(), decisions.len()), ("kind 19", 1));
        std::fs::write(folder.join("coarse_label_names.txt"), "one\n").unwrap();
        assert!(read(&COARSE, &folder).unwrap_err().to_string().contains("1 names for 20 classes"));
        std::fs::write(folder.join("test.bin"), record(4, 100)).unwrap();
        let error = read(&FINE, &folder).unwrap_err().to_string();
        assert!(error.contains("test.bin, row 0: label 100") && error.contains("CIFAR-100"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
