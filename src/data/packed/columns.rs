//! Packing a source; of a table that would not fit into memory some columns at a time.

use super::write::{CHUNK_ROWS, Description, PackWriter, Part, pack_split};
use crate::data::source::{ColumnGroup, Loading, ReadProgress, load_with};
use crate::data::{DataOptions, Dataset, Encoder, Features, Preprocessing, Source, Split, tables};
use crate::error::{Error, Result};
use crate::files::temporary;
use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes that packing holds in memory, about, beside 12 for each row.
const MEMORY: usize = 1 << 30;
/// Bytes that a cell takes in memory, at most, while it is read.
const CELL_BYTES: usize = 12;
/// Bytes of a table in memory for each byte of its text, at most; a cell is two bytes long at least.
const PER_BYTE: u64 = 6;
/// How many times smaller a compressed text is, at most, that is taken for small.
const COMPRESSION: u64 = 16;

/// Loads, splits and packs rows, as [`load`](crate::data::load) and [`pack_split`] do, into the same file; but a table that
/// takes more than about 1 GiB is read several times, some of its columns each time, by way of files beside the packed one
/// which together are as large as that. Returns what [`load`](crate::data::load) returns, with its features in the file.
///
/// ```
/// use anygrad::data::{DataOptions, packed::pack_source};
/// # let path = std::env::temp_dir().join(format!("anygrad-source-{}.anygrad", std::process::id()));
/// let options = DataOptions { source: "moons".parse()?, ..DataOptions::default() };
/// let split = pack_source(&options, 0, &path, None)?;
/// assert_eq!((split.train.rows(), split.test.rows()), (320, 80));
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), anygrad::Error>(())
/// ```
///
/// # Errors
/// Fails as [`load`](crate::data::load) does; [`Error::Io`] if the file cannot be written.
pub fn pack_source(options: &DataOptions, seed: u64, path: &Path, progress: Option<ReadProgress<'_>>) -> Result<Split> {
    let decisions = match &options.source {
        Source::Table(table) if is_large(table) => pack_columns(table, options, seed, path, MEMORY, progress)?,
        _ => pack_whole(options, seed, path, progress)?,
    };
    let split = super::Packed::open(path)?.own_split();
    let split = split.ok_or_else(|| Error::shape("pack", "the packed file has no training rows"))?;
    Ok(Split { decisions, ..split })
}

/// Whether a table may take more than [`MEMORY`]. What comes through a pipe can be read but once.
fn is_large(table: &Path) -> bool {
    let Some(about) = std::fs::metadata(table).ok().filter(std::fs::Metadata::is_file) else { return false };
    let ending = table.extension().unwrap_or_default().to_ascii_lowercase();
    let is_plain = ["csv", "tsv", "txt", "data", "tab", "psv"].iter().any(|plain| ending == *plain);
    about.len() * PER_BYTE * if is_plain { 1 } else { COMPRESSION } > MEMORY as u64
}

fn pack_whole(
    options: &DataOptions,
    seed: u64,
    path: &Path,
    progress: Option<ReadProgress<'_>>,
) -> Result<Vec<String>> {
    let split = load_with(options, seed, Loading { progress, ..Loading::default() })?;
    pack_split(&split, path)?;
    Ok(split.decisions)
}

/// Packs a table some columns at a time, in about `memory` bytes.
fn pack_columns(
    table: &Path,
    options: &DataOptions,
    seed: u64,
    path: &Path,
    memory: usize,
    progress: Option<ReadProgress<'_>>,
) -> Result<Vec<String>> {
    options.validate()?;
    let paths = tables::Paths::of(table, options)?;
    let load = |first: usize, count: usize| {
        let columns = Some(ColumnGroup { first, count, most_bytes: if count > 1 { memory } else { usize::MAX } });
        tables::split(&paths, options, seed, Loading { columns, progress, ..Loading::default() })
    };
    let all = tables::candidates(table, options)?;
    // Without features: the target, and which row is in which part.
    let whole = load(0, 0)?;
    let rows: usize = parts(&whole).map(|(_, data)| data.targets.rows()).sum();
    let mut decisions = whole.decisions.clone();
    let (mut first, mut most) = (0, (memory / (rows.max(1) * CELL_BYTES)).max(1));
    let mut groups = Vec::new();
    while first < all {
        let count = most.min(all - first);
        let split = match load(first, count) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::OutOfMemory && count > 1 => {
                most = count / 2;
                continue;
            }
            split => split?,
        };
        decisions.extend(split.decisions.iter().filter(|line| !whole.decisions.contains(line)).cloned());
        groups.push(Group::write(&split, path, groups.len())?);
        first += count;
    }
    if groups.iter().all(|group| group.width == 0) {
        // What is said of a table without features, or done with the only column, is decided by all columns together.
        return pack_whole(options, seed, path, progress);
    }
    let mut writer = PackWriter::create(path)?;
    for (part, data) in parts(&whole) {
        for first in (0..data.targets.rows()).step_by(CHUNK_ROWS) {
            let chunk: Vec<usize> = (first..data.targets.rows().min(first + CHUNK_ROWS)).collect();
            let weights = data.weights.as_ref().map(|weights| &weights[first..first + chunk.len()]);
            writer.append(&side_by_side(&mut groups, chunk.len(), path)?, &data.targets.select(&chunk), weights)?;
        }
        writer.end_part(part);
    }
    writer.finish(description(&whole.train, &groups))?;
    Ok(decisions)
}

fn parts(split: &Split) -> impl Iterator<Item = (Part, &Dataset)> {
    let held_back = [(Part::Validation, split.validation.as_ref()), (Part::Test, Some(&split.test))];
    let held_back = held_back.into_iter().filter_map(|(part, data)| Some((part, data?)));
    std::iter::once((Part::Train, &split.train)).chain(held_back.filter(|(_, data)| data.targets.rows() > 0))
}

/// The features of some columns, in a file of their own until all are there.
struct Group {
    width: usize,
    about: Dataset,
    file: BufReader<File>,
    path: PathBuf,
}

impl Group {
    /// Writes the features of all parts, one after the other.
    fn write(split: &Split, packed: &Path, number: usize) -> Result<Group> {
        let path = temporary(packed, &format!(".{number}"));
        let io = |error| Error::io("write", packed, error);
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).map_err(io)?;
        // From here on the file is removed with the group.
        let about = Dataset { features: Features::F32 { width: 0, data: Vec::new() }, ..split.train.select(&[]) };
        let mut group = Group { width: split.train.features.width(), about, file: BufReader::new(file), path };
        let mut writer = BufWriter::new(group.file.get_mut());
        for (_, data) in parts(split) {
            if let Features::F32 { data, .. } = &data.features {
                writer.write_all(bytemuck::cast_slice(data)).map_err(io)?;
            }
        }
        writer.flush().map_err(io)?;
        drop(writer);
        std::io::Seek::rewind(&mut group.file).map_err(io)?;
        Ok(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The next rows, with the features of all groups.
fn side_by_side(groups: &mut [Group], rows: usize, packed: &Path) -> Result<Features> {
    let width = groups.iter().map(|group| group.width).sum();
    let mut data = vec![0.0f32; rows * width];
    let mut at = 0;
    for group in groups {
        let mut own = vec![0.0f32; rows * group.width];
        group.file.read_exact(bytemuck::cast_slice_mut(&mut own)).map_err(|error| Error::io("read", packed, error))?;
        let rows = data.chunks_exact_mut(width).zip(own.chunks_exact(group.width.max(1)));
        rows.for_each(|(row, own)| row[at..at + group.width].copy_from_slice(own));
        at += group.width;
    }
    Ok(Features::F32 { width, data })
}

/// The description of the features of all groups.
fn description(train: &Dataset, groups: &[Group]) -> Description {
    let about = || groups.iter().map(|group| &group.about);
    let preprocessing = about().fold(Preprocessing::None, |all, own| match (all, &own.preprocessing) {
        (Preprocessing::Affine { centers, scales }, Preprocessing::Affine { centers: c, scales: s }) => {
            Preprocessing::Affine { centers: [&centers[..], c].concat(), scales: [&scales[..], s].concat() }
        }
        (_, own) => own.clone(),
    });
    let encoders = || about().filter_map(|own| own.encoder.as_ref());
    let encoder = encoders().next().map(|first| Encoder {
        columns: encoders().flat_map(|encoder| encoder.columns.iter().cloned()).collect(),
        ..first.clone()
    });
    Description {
        feature_names: about().flat_map(|own| own.feature_names.iter().cloned()).collect(),
        preprocessing,
        encoder,
        ..Description::from(train)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::packed::Packed;
    use std::fmt::Write as _;

    /// Rows with a number, categories with blanks, a constant, yes and no, a date, weights, and two answers.
    fn table(name: &str) -> PathBuf {
        let mut text = String::from("size,kind,same,is,day,near,weight,answer\n");
        for i in 0..500usize {
            let kind = ["oak", "elm", "", "ash", "fir", "yew"][i * i % 6];
            let (is, day) = (["yes", "no"][i % 2], 1 + i % 28);
            let near = 1e7 + (i % 7) as f64 / 16.0;
            let answer = ["a", "b", "c"][(i * 7 + i / 9) % 3];
            writeln!(text, "{},{kind},1,{is},2024-02-{day:02},{near},{},{answer}", (i * 37) % 101, i % 4).unwrap();
        }
        let path = std::env::temp_dir().join(format!("anygrad-columns-{name}-{}.csv", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn columns_in_turn_make_the_file_that_all_at_once_make() {
        let csv = table("in-turn");
        for weights in [None, Some("weight".to_string())] {
            let options = DataOptions {
                source: Source::Table(csv.clone()),
                weights,
                validation_fraction: 0.1,
                ..DataOptions::default()
            };
            let packed = |memory: usize| {
                let path = csv.with_extension(format!("{memory}.anygrad"));
                let decisions = pack_columns(&csv, &options, 3, &path, memory, None).unwrap();
                let bytes = std::fs::read(&path).unwrap();
                std::fs::remove_file(&path).unwrap();
                (bytes, decisions)
            };
            let path = csv.with_extension("whole.anygrad");
            pack_whole(&options, 3, &path, None).unwrap();
            let whole = std::fs::read(&path).unwrap();
            // Columns one by one, in twos whose features are too many, and all at once.
            for memory in [1, 500 * CELL_BYTES * 2, 500 * CELL_BYTES * 4, usize::MAX] {
                let (bytes, decisions) = packed(memory);
                assert!(bytes == whole, "{memory} bytes of memory");
                assert!(decisions.iter().any(|line| line.contains("`same` left out")), "{decisions:?}");
                let targets = decisions.iter().filter(|line| line.starts_with("target")).count();
                assert_eq!(targets, 1, "{decisions:?}");
            }
            let split = Packed::open(&path).unwrap().own_split().unwrap();
            assert_eq!(split.train.weights.is_some(), options.weights.is_some());
            std::fs::remove_file(path).unwrap();
        }
        let folder = csv.parent().unwrap();
        let rest = format!(".{}", csv.file_stem().unwrap().to_string_lossy());
        let left = std::fs::read_dir(folder).unwrap().flatten();
        assert!(!left.into_iter().any(|file| file.file_name().to_string_lossy().starts_with(&rest)));
        std::fs::remove_file(csv).unwrap();
    }

    #[test]
    fn a_table_without_features_is_refused_as_always() {
        let path = std::env::temp_dir().join(format!("anygrad-columns-none-{}.csv", std::process::id()));
        std::fs::write(&path, "same,too,answer\n1,x,a\n1,x,b\n1,x,a\n1,x,b\n").unwrap();
        let options = DataOptions { source: Source::Table(path.clone()), ..DataOptions::default() };
        let out = path.with_extension("anygrad");
        let error = pack_columns(&path, &options, 0, &out, 1, None).unwrap_err().to_string();
        assert!(error.contains("no column is left to learn from"), "{error}");
        assert!(!out.exists());
        std::fs::remove_file(path).unwrap();
    }
}
