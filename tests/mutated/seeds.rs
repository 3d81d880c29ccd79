//! A small sound file of each format that is read, as its usual writer writes it.

use anygrad::backend::Device;
use anygrad::data::{Split, digits, packed};
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Adam;
use anygrad::train::{Every, Trainer};
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Rows and columns of MNIST's format: `rank` 3 for images of 3×3, 1 for labels.
pub fn idx(rank: u8, rows: u32) -> Vec<u8> {
    let extents: &[u32] = if rank == 3 { &[rows, 3, 3] } else { &[rows] };
    let header = [&[0, 0, 8, rank][..], &extents.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<_>>()].concat();
    let cells = rows * if rank == 3 { 9 } else { 1 };
    [header, (0..cells).map(|i| (i % 10) as u8).collect()].concat()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

pub fn zstandard(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// Two records of CIFAR-10's binary version.
pub fn cifar() -> Vec<u8> {
    (0..2 * 3073).map(|i| if i % 3073 == 0 { (i / 3073) as u8 } else { i as u8 }).collect()
}

/// Two images in a pickle as Python 2 wrote the official ones.
pub fn cifar_pickle() -> Vec<u8> {
    let pixels: Vec<u8> = (0..2 * 3072).map(|i| i as u8).collect();
    [
        &b"\x80\x02}q\x01(U\x06labelsq\x04]q\x05(K\x03K\x09eU\x04data"[..],
        b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\0\x85q\x09U\x01bq\x0a\x87q\x0bRq\x0c",
        b"(K\x01K\x02M\x00\x0c\x86q\x0d",
        b"cnumpy\ndtype\nq\x0eU\x02u1K\0K\x01\x87q\x0fRq\x10(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tq\x11b\x89T",
        &(pixels.len() as u32).to_le_bytes(),
        &pixels,
        b"tq\x12bu.",
    ]
    .concat()
}

/// A table of numbers, words, quotes, dates and missing cells.
pub fn csv() -> Vec<u8> {
    let mut text = String::from("size,kind,day,\"note, quoted\",answer\n");
    for i in 0..24 {
        let (kind, answer) = (["oak", "elm", "", "NA"][i % 4], ["yes", "no"][i % 2]);
        writeln!(text, "{}.5,{kind},2024-02-{:02},\"a \"\"{i}\"\"\",{answer}", i * 37 % 11, 1 + i).expect("memory");
    }
    text.into_bytes()
}

pub fn tsv() -> Vec<u8> {
    (0..20).fold("a\tb\ty\n".into(), |text, i| format!("{text}{}\t{}e{}\t{}\n", i * i, i, i % 5, i % 3)).into_bytes()
}

pub fn utf16() -> Vec<u8> {
    let text = String::from_utf8(csv()).expect("UTF-8").replace("oak", "Öl");
    [0xFEFFu16].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

/// An array of NumPy.
pub fn npy(descr: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}");
    header += &" ".repeat(63 - (header.len() + 10) % 64);
    header += "\n";
    [&b"\x93NUMPY\x01\0"[..], &(header.len() as u16).to_le_bytes(), header.as_bytes(), elements].concat()
}

pub fn numbers() -> Vec<u8> {
    npy("'<f4'", "(12, 3)", &(0..36).flat_map(|i| ((i * 7 % 5) as f32).to_le_bytes()).collect::<Vec<_>>())
}

pub fn fields() -> Vec<u8> {
    let row = |i: u8| [&f32::from(i).to_le_bytes()[..], &[b'a' + i % 3, 0, 0], &[i % 2]].concat();
    npy("[('size', '<f4'), ('kind', '|S3'), ('y', '|b1')]", "(12,)", &(0..12).flat_map(row).collect::<Vec<_>>())
}

/// Arrays of NumPy by name, stored or deflated.
pub fn npz(is_deflated: bool) -> Vec<u8> {
    let y = npy("'|u1'", "(12,)", &(0..12).map(|i| i % 2).collect::<Vec<u8>>());
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in [("x.npy", numbers()), ("y.npy", y)] {
        let mut sum = flate2::Crc::new();
        sum.update(&content);
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&content).expect("memory");
        let packed = if is_deflated { encoder.finish().expect("memory") } else { content.clone() };
        let sizes = [packed.len() as u32, content.len() as u32].map(u32::to_le_bytes).concat();
        let method = [if is_deflated { 8 } else { 0 }, 0];
        let common = [&[20, 0, 0, 0], &method[..], &[0; 4], &sum.sum().to_le_bytes(), &sizes].concat();
        let at = (file.len() as u32).to_le_bytes();
        let lengths = [name.len() as u8, 0, 0, 0];
        directory.extend([&b"PK\x01\x02\x14\0"[..], &common, &lengths, &[0; 10], &at, name.as_bytes()].concat());
        file.extend([&b"PK\x03\x04"[..], &common, &lengths, name.as_bytes(), &packed].concat());
    }
    let (at, size) = ((file.len() as u32).to_le_bytes(), (directory.len() as u32).to_le_bytes());
    file.extend(directory);
    [&file[..], b"PK\x05\x06\0\0\0\0\x02\0\x02\0", &size, &at, &[0, 0]].concat()
}

/// A few rows of the digits, and a net for them.
pub fn data() -> Split {
    digits().expect("digits").select(&(0..40).collect::<Vec<_>>()).split(0.25, 3).expect("a split")
}

pub fn trainer() -> Trainer {
    let model = Sequential::new(64).linear(3).tanh().linear(10);
    Trainer::new(model, Loss::cross_entropy(), Adam::new(0.02)).batch_size(16).epochs(3).seed(5).on(Device::Cpu)
}

/// A model, without the checksum of its description, which would tell of any damage; and a snapshot in mid-run.
pub fn model_and_checkpoint() -> (Vec<u8>, Vec<u8>) {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = kept.clone();
    let mut trainer = trainer().checkpoints(Every::Steps(4), move |snapshot| {
        let mut kept = keep.lock().expect("one thread");
        if kept.is_empty() {
            *kept = snapshot.to_bytes();
        }
    });
    trainer.fit_blocking(&data()).expect("a run");
    let bytes = trainer.model().expect("a model").to_bytes().expect("bytes");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")) as usize;
    let mut header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).expect("JSON");
    header["__metadata__"].as_object_mut().expect("entries").remove("anygrad_checksum");
    let header = header.to_string();
    let model = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &bytes[8 + length..]].concat();
    let checkpoint = kept.lock().expect("one thread").clone();
    (model, checkpoint)
}

/// A packed file with two parts.
pub fn packed(folder: &Path) -> Vec<u8> {
    let path = folder.join("seed.anygrad");
    packed::pack_split(&data(), &path).expect("a file");
    std::fs::read(path).expect("a file")
}

/// A recipe as a config file says it.
pub const CONFIG: &str = "seed = 3\nlayers = [{ linear = 8 }, { activation = \"relu\" }, { dropout = 0.1 }, { linear = 2 }]\n\
    [data]\nsource = \"xor\"\ntest_fraction = 0.25\n[optimizer]\nkind = \"adam\"\nlearning_rate = 0.01\n\
    [schedule]\nkind = \"cosine\"\n[train]\nepochs = 2\nbatch_size = 16\n";

/// What tuning found out.
pub const STORE: &str = r#"{"format":2,"choices":[{"adapter":"a","driver":"d 1","backend":"vulkan","shaders":"00",
    "key":"matmul 8×8","variant":"v","default":"v","candidates":[{"variant":"v","seconds":0.001,"again":0.002},
    {"variant":"w","struck_off":"it is wrong"}]}]}"#;

/// The variants of a run.
pub const VARIANTS: &str = r#"{"format":2,"variants":{"matmul 8×8":"v","add 8":"w"}}"#;

/// The results of a run.
pub const METRICS: &str = "{\"event\":\"variants\",\"a\":\"b\"}\n{\"event\":\"epoch\",\"epoch\":1,\"train_loss\":0.5}\n\
    {\"event\":\"rolled_back\",\"epoch\":2}\n{\"event\":\"epoch\",\"epoch\":2,\"train_loss\":0.25}\n";

/// An image, 5×4.
#[cfg(feature = "images")]
pub fn image(format: image::ImageFormat) -> Vec<u8> {
    let picture = image::RgbImage::from_fn(5, 4, |x, y| image::Rgb([x as u8 * 50, y as u8 * 60, 7]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("an image");
    bytes.into_inner()
}

/// A table as Parquet, as an Arrow file and as an Arrow stream.
#[cfg(feature = "parquet")]
pub fn columnar() -> [Vec<u8>; 3] {
    use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
    use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
    let words: StringArray = (0..24).map(|i| (i % 5 > 0).then_some(["oak", "elm", "fir"][i % 3])).collect();
    let columns: [(&str, ArrayRef, bool); 3] = [
        ("size", Arc::new(Float64Array::from_iter_values((0..24).map(|i| f64::from(i * 7 % 5)))), true),
        ("kind", Arc::new(words), true),
        ("answer", Arc::new(Int64Array::from_iter_values((0..24).map(|i| i % 2))), true),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("a batch");
    let properties = parquet::file::properties::WriterProperties::builder()
        .set_compression(parquet::basic::Compression::SNAPPY)
        .build();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).expect("a file");
    writer.write(&batch).expect("rows");
    let table = writer.into_inner().expect("a file");
    let options = IpcWriteOptions::default().try_with_compression(Some(arrow_ipc::CompressionType::LZ4_FRAME));
    let mut writer =
        FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options.expect("known")).expect("a file");
    writer.write(&batch).expect("rows");
    let file = writer.into_inner().expect("a file");
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).expect("a file");
    writer.write(&batch).expect("rows");
    [table, file, writer.into_inner().expect("a file")]
}
