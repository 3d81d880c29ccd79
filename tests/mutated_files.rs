//! Files that were damaged at random, of every format: no panic, bounded memory, and what is accepted can be used.
//!
//! Each damaged file is a number, which a failure names. `ANYGRAD_MUTATIONS` sets how many times as many files are tried.
//! What a file may take is 8 times its length for text, twice for the rest, and 1 MiB. For a compressed one it is [`ROOM`]:
//! what its content can become at most, and what decoders take for themselves.

#![cfg(feature = "cli")]

#[path = "common/counting.rs"]
mod counting;
#[path = "common/counts.rs"]
mod counts;
#[path = "mutated/mutate.rs"]
mod mutate;
#[path = "mutated/seeds.rs"]
mod seeds;

use anygrad::data::table::{ReadOptions, Table};
use anygrad::data::{Collection, DataOptions, Source, Split, cifar10, load, packed::Packed};
use anygrad::model::{Model, read_tensors};
use anygrad::nn::Sequential;
use anygrad::train::{Recipe, RunFolder, Snapshot};
use anygrad::tune::{Store, Variants};
use anygrad::wait;
use mutate::{Chance, fnv, mutate};
use std::path::{Path, PathBuf};

const MIB: u64 = 1 << 20;
/// Where the content is compressed.
const ROOM: (u64, u64) = (1032, 16 * MIB);

/// One kind of file.
struct Kind<'a> {
    name: &'a str,
    /// Where the reader expects it.
    file: &'a str,
    seeds: Vec<Vec<u8>>,
    /// Most bytes of memory for each of the file, and beyond that.
    bound: (u64, u64),
    files: u32,
    /// Makes checksums true again.
    sign: fn(&mut [u8]),
    /// Reads it; whether it was accepted. What is measured.
    read: &'a dyn Fn(&Path) -> bool,
    /// Uses it, if it was accepted.
    take: &'a dyn Fn(&Path),
}

fn unsigned(_: &mut [u8]) {}

fn sign_checkpoint(bytes: &mut [u8]) {
    if let Some(body) = bytes.len().checked_sub(8) {
        let sum = fnv(&bytes[..body]).to_le_bytes();
        bytes[body..].copy_from_slice(&sum);
    }
}

/// Makes where a header is, its length and its checksum true again, in most files.
fn sign_packed(bytes: &mut [u8]) {
    let header = bytes.windows(9).rposition(|window| window == b"{\"about\":").filter(|&at| at >= 64);
    if let Some(at) = header.filter(|_| !fnv(bytes).is_multiple_of(8)) {
        let numbers = [at as u64, (bytes.len() - at) as u64, fnv(&bytes[at..])].map(u64::to_le_bytes).concat();
        bytes[24..48].copy_from_slice(&numbers);
    }
}

/// Where files stand while they are read: in memory, if the system has a folder there.
fn folder() -> PathBuf {
    let base = Some(PathBuf::from("/dev/shm")).filter(|path| path.is_dir()).unwrap_or_else(std::env::temp_dir);
    let folder = base.join(format!("anygrad-mutated-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn try_kind(kind: &Kind, folder: &Path) -> u32 {
    let path = folder.join(kind.name).join(kind.file);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let times: u32 = std::env::var("ANYGRAD_MUTATIONS").map_or(1, |n| n.parse().expect("a number"));
    let (mut accepted, mut worst, start) = (0, 0.0f64, std::time::Instant::now());
    for (number, seed) in kind.seeds.iter().enumerate() {
        std::fs::write(&path, seed).expect("a file");
        assert!((kind.read)(&path), "{}: seed {number} is refused", kind.name);
        (kind.take)(&path);
    }
    for number in 0..kind.files * times {
        let mut chance = Chance::new(fnv(kind.name.as_bytes()), number);
        let mut bytes = kind.seeds[chance.below(kind.seeds.len())].clone();
        let other = kind.seeds[chance.below(kind.seeds.len())].clone();
        mutate(&mut bytes, &other, &mut chance);
        (kind.sign)(&mut bytes);
        std::fs::write(&path, &bytes).expect("a file");
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let (is_accepted, peak) = counting::peak_of(|| (kind.read)(&path));
            if is_accepted {
                (kind.take)(&path);
            }
            (is_accepted, peak)
        }));
        let Ok((is_accepted, peak)) = outcome else { panic!("{} {number}: a panic, see above", kind.name) };
        let most = kind.bound.0 * bytes.len() as u64 + kind.bound.1;
        assert!(peak <= most, "{} {number}: {peak} bytes of memory for a file of {}", kind.name, bytes.len());
        accepted += u32::from(is_accepted);
        worst = worst.max(peak as f64 / most as f64);
    }
    println!(
        "{:12} {:6} files, {accepted:5} accepted, at most {:3.0} % of the memory allowed, {:.1} s",
        kind.name,
        kind.files * times,
        100.0 * worst,
        start.elapsed().as_secs_f64()
    );
    kind.files * times
}

fn options(source: Source) -> DataOptions {
    DataOptions { source, ..DataOptions::default() }
}

/// Rows that can be read, are sound and have a hash.
fn use_rows(split: &Split) {
    for data in [Some(&split.train), split.validation.as_ref(), Some(&split.test)].into_iter().flatten() {
        assert!(data.rows() == 0 || data.check().is_ok(), "unsound rows");
        data.hash();
        if data.rows() > 0 {
            let mut row = vec![0.0; data.features.width()];
            // A file that was cut meanwhile, or numbers beyond floats, are errors.
            let _ = data.features.copy_floats(|_| 0, &mut row);
        }
    }
}

fn use_table(path: &Path) {
    if let Ok(split) = load(&options(Source::Table(path.into())), 0) {
        use_rows(&split);
    }
}

fn read_table(path: &Path) -> bool {
    Table::read(path, &ReadOptions::default()).is_ok()
}

fn use_model(path: &Path) {
    let model = Model::load(path).expect("accepted");
    let rows = model.preprocessing.inputs(&seeds::data().test.features);
    let _ = rows;
    model.to_bytes().expect("it can be written");
    if model.architecture.input_width() == 64 {
        let _ = model.outputs_blocking(&seeds::data().test.features, &anygrad::backend::Device::Cpu);
    }
}

fn use_checkpoint(path: &Path) {
    let bytes = std::fs::read(path).expect("a file");
    let snapshot = Snapshot::from_bytes(&bytes).expect("accepted");
    assert_eq!(Snapshot::from_bytes(&snapshot.to_bytes()).expect("its own bytes").step(), snapshot.step());
    let (data, trainer) = (seeds::data(), seeds::trainer());
    let mut session = wait(trainer.session(&data)).expect("a session");
    // It is refused, or the run goes on.
    if wait(session.restore(&snapshot)).is_ok() {
        let _ = wait(session.run_steps(9));
    }
}

#[test]
fn damaged_files_of_every_format_do_no_harm() {
    let folder = folder();
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // A failure in a decoder of Parquet or Arrow is an error by the time that it reaches us.
        #[cfg(feature = "parquet")]
        if anygrad::data::table::arrow::is_decoding() {
            return;
        }
        tell(panic);
    }));
    // What the parts of a set beside the damaged one hold.
    for (name, files) in [("idx", 24u32), ("labels", 24), ("idx-gz", 24)] {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        for part in ["train", "t10k"] {
            std::fs::write(folder.join(format!("{part}-images-idx3-ubyte")), seeds::idx(3, files)).expect("a file");
            std::fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), seeds::idx(1, files)).expect("a file");
        }
    }
    std::fs::remove_file(folder.join("idx-gz/train-images-idx3-ubyte")).expect("removed");
    for (name, ending) in [("cifar", ".bin"), ("pickle", "")] {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        for part in ["data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"] {
            let bytes = if ending.is_empty() { seeds::cifar_pickle() } else { seeds::cifar() };
            std::fs::write(folder.join(format!("{part}{ending}")), bytes).expect("a file");
        }
    }
    let (model, checkpoint) = seeds::model_and_checkpoint();
    std::fs::create_dir_all(folder.join("run")).expect("a folder");
    std::fs::write(folder.join("run/checkpoint.bin"), &checkpoint).expect("a file");
    let architecture = Sequential::new(64).linear(3).tanh().linear(10);
    let parent = |path: &Path| path.parent().expect("a folder").to_path_buf();
    let (text, binary, room) = ((8, MIB), (2, MIB), ROOM);
    let mnist = |path: &Path| Collection::Mnist.read(&parent(path)).is_ok();
    let use_mnist = |path: &Path| {
        use_rows(&load(&options(Source::Collection(Collection::Mnist, parent(path))), 0).expect("accepted"))
    };
    let cifar = |path: &Path| cifar10(&parent(path)).is_ok();
    let use_cifar = |path: &Path| use_rows(&cifar10(&parent(path)).expect("accepted"));
    let no_use = |_: &Path| {};
    let of_numpy = |path: &Path| anygrad::data::table::npy::read(path, &ReadOptions::default()).is_ok();
    let of_archive = |path: &Path| anygrad::data::table::npy::read_npz(path, &ReadOptions::default()).is_ok();
    let is_model = |path: &Path| Model::load(path).is_ok();
    let are_weights = |path: &Path| read_tensors(path, &architecture).is_ok();
    let is_checkpoint = |path: &Path| Snapshot::from_bytes(&std::fs::read(path).expect("a file")).is_ok();
    let is_packed = |path: &Path| Packed::open(path).is_ok();
    let use_packed = |path: &Path| {
        if let Ok(split) = Packed::open(path).expect("accepted").split(&DataOptions::default(), 0) {
            use_rows(&split);
        }
    };
    let is_config = |path: &Path| {
        let text = std::fs::read(path).expect("a file");
        std::str::from_utf8(&text).is_ok_and(|text| toml::from_str::<Recipe>(text).is_ok())
    };
    let use_config = |path: &Path| {
        let text = std::fs::read_to_string(path).expect("a file");
        let mut recipe: Recipe = toml::from_str(&text).expect("accepted");
        let _ = recipe.complete(&seeds::data());
        let _ = toml::to_string(&recipe).expect("a recipe can be written");
    };
    let is_store = |path: &Path| Store::read(path).is_ok();
    let is_record = |path: &Path| Variants::read(path).is_ok();
    let is_run = |path: &Path| RunFolder::resume(&parent(path)).is_ok();

    let kind = |name, file, seeds: Vec<Vec<u8>>, bound, files, read, take| Kind {
        name,
        file,
        seeds,
        bound,
        files,
        sign: unsigned,
        read,
        take,
    };
    let csv = || vec![seeds::csv(), seeds::tsv()];
    #[allow(unused_mut)]
    let mut kinds: Vec<Kind> = vec![
        kind("idx", "train-images-idx3-ubyte", vec![seeds::idx(3, 24)], binary, 6000, &mnist, &use_mnist),
        kind("labels", "train-labels-idx1-ubyte", vec![seeds::idx(1, 24)], binary, 4000, &mnist, &use_mnist),
        kind(
            "idx-gz",
            "train-images-idx3-ubyte.gz",
            vec![seeds::gzip(&seeds::idx(3, 24))],
            binary,
            4000,
            &mnist,
            &use_mnist,
        ),
        kind("cifar", "data_batch_1.bin", vec![seeds::cifar()], binary, 1500, &cifar, &use_cifar),
        kind("pickle", "data_batch_1", vec![seeds::cifar_pickle()], binary, 3000, &cifar, &use_cifar),
        kind("csv", "t.csv", csv(), text, 9000, &read_table, &use_table),
        kind("utf16", "t.csv", vec![seeds::utf16()], text, 2000, &read_table, &use_table),
        kind("csv-gz", "t.csv.gz", csv().iter().map(|t| seeds::gzip(t)).collect(), text, 3000, &read_table, &use_table),
        kind(
            "csv-zst",
            "t.csv.zst",
            csv().iter().map(|t| seeds::zstandard(t)).collect(),
            room,
            4000,
            &read_table,
            &use_table,
        ),
        kind("npy", "t.npy", vec![seeds::numbers(), seeds::fields()], binary, 5000, &of_numpy, &use_table),
        kind("npz", "t.npz", vec![seeds::npz(false), seeds::npz(true)], binary, 5000, &of_archive, &use_table),
        kind("model", "m.safetensors", vec![model.clone()], text, 5000, &is_model, &use_model),
        kind("weights", "m.safetensors", vec![model], text, 2000, &are_weights, &no_use),
        Kind {
            sign: sign_checkpoint,
            ..kind("checkpoint", "c.bin", vec![checkpoint], binary, 4000, &is_checkpoint, &use_checkpoint)
        },
        Kind {
            sign: sign_packed,
            ..kind("packed", "p.anygrad", vec![seeds::packed(&folder)], text, 4000, &is_packed, &use_packed)
        },
        kind("config", "c.toml", vec![seeds::CONFIG.into()], text, 4000, &is_config, &use_config),
        kind("store", "s.json", vec![seeds::STORE.into()], text, 2000, &is_store, &no_use),
        kind("variants", "v.json", vec![seeds::VARIANTS.into()], text, 1000, &is_record, &no_use),
        kind("run", "metrics.jsonl", vec![seeds::METRICS.into()], text, 1000, &is_run, &no_use),
    ];
    #[cfg(feature = "images")]
    let image = |path: &Path| anygrad::data::image_rows(path, &anygrad::data::ImageOptions::default()).is_ok();
    #[cfg(feature = "images")]
    for (name, file, format) in [("png", "i.png", image::ImageFormat::Png), ("jpeg", "i.jpg", image::ImageFormat::Jpeg)]
    {
        kinds.push(kind(name, file, vec![seeds::image(format)], room, 2500, &image, &no_use));
    }
    #[cfg(feature = "parquet")]
    let columns = |path: &Path| anygrad::data::table::arrow::read(path, &ReadOptions::default()).is_ok();
    #[cfg(feature = "parquet")]
    for (name, seed) in ["parquet", "arrow", "stream"].into_iter().zip(seeds::columnar()) {
        kinds.push(kind(name, "t.parquet", vec![seed], room, 2000, &columns, &use_table));
    }
    let only = std::env::var("ANYGRAD_FORMAT").ok();
    let chosen = kinds.iter().filter(|kind| only.as_ref().is_none_or(|only| only == kind.name));
    let tried: u32 = chosen.map(|kind| try_kind(kind, &folder)).sum();
    counts::report_comparisons("mutated_files", tried as usize);
    std::fs::remove_dir_all(&folder).expect("removed");
    assert!(only.is_some() || tried >= 60_000, "{tried} files");
}

/// Writes the sound files as the corpus of the fuzzers: `cargo test --test mutated_files corpus -- --ignored`.
#[test]
#[ignore = "writes fuzz/corpus"]
fn corpus() {
    let (model, checkpoint) = seeds::model_and_checkpoint();
    let folder = folder().with_extension("corpus");
    std::fs::create_dir_all(&folder).expect("a folder");
    #[allow(unused_mut)]
    let mut corpus = vec![
        (
            "csv",
            vec![
                seeds::csv(),
                seeds::tsv(),
                seeds::utf16(),
                seeds::gzip(&seeds::csv()),
                seeds::zstandard(&seeds::csv()),
            ],
        ),
        ("numpy", vec![seeds::numbers(), seeds::fields(), seeds::npz(false), seeds::npz(true)]),
        ("idx", vec![seeds::idx(1, 24), seeds::idx(3, 24)]),
        ("cifar", vec![seeds::cifar(), seeds::cifar_pickle()]),
        ("model", vec![model]),
        // Without the checksum, which the fuzzer appends.
        ("checkpoint", vec![checkpoint[..checkpoint.len() - 8].to_vec()]),
        ("packed", vec![seeds::packed(&folder)]),
        ("config", vec![seeds::CONFIG.into()]),
        ("records", vec![seeds::STORE.into(), seeds::VARIANTS.into(), seeds::METRICS.into()]),
    ];
    #[cfg(feature = "images")]
    corpus.push(("images", [image::ImageFormat::Png, image::ImageFormat::Jpeg].map(seeds::image).to_vec()));
    #[cfg(feature = "parquet")]
    corpus.push(("columnar", seeds::columnar().to_vec()));
    for (target, files) in corpus {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        std::fs::create_dir_all(&folder).expect("a folder");
        for (number, bytes) in files.into_iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), bytes).expect("a file");
        }
    }
    std::fs::remove_dir_all(folder).expect("removed");
}
