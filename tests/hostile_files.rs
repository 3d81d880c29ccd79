//! Damaged and hostile files and streams, through the program: refused with a reason, nothing lost, no panic.
#![cfg(feature = "cli")]

mod common;

use common::program::{anygrad, fail, folder, json_lines, stderr, succeed};
use std::path::Path;
use std::process::Command;

/// Small MNIST files of the official format.
fn write_mnist(folder: &Path, rows: u32) {
    let header = |kind: u8, dims: &[u32]| {
        let mut bytes = vec![0, 0, 8, kind];
        dims.iter().for_each(|d| bytes.extend(d.to_be_bytes()));
        bytes
    };
    for part in ["train", "t10k"] {
        let pixels = (0..rows * 16).map(|i| if i / 16 % 10 == i % 16 { 255 } else { 0 });
        let images = [header(3, &[rows, 4, 4]), pixels.collect()].concat();
        let labels = [header(1, &[rows]), (0..rows).map(|i| (i % 10) as u8).collect()].concat();
        std::fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images).expect("a file");
        std::fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).expect("a file");
    }
}

#[test]
fn idx_files_train_and_damaged_ones_are_refused() {
    let folder = folder("idx");
    write_mnist(&folder, 200);
    let done = json_lines(&succeed(&folder, &["train", "--data", "mnist:.", "--format", "json", "--out", "run"]));
    assert_eq!(done.last().expect("a line")["test_accuracy"], 1.0);
    let eval = succeed(&folder, &["eval", "run/last.safetensors", "--data", "mnist:.", "--format", "json"]);
    assert_eq!(json_lines(&eval)[0]["rows"], 200);
    std::fs::remove_dir_all(folder.join("run")).expect("removed");

    let path = folder.join("train-images-idx3-ubyte");
    let whole = std::fs::read(&path).expect("a file");
    std::fs::write(&path, &whole[..1000]).expect("a file");
    fail(&folder, &["train", "--data", "mnist:."], 2, &["train-images", "truncated", "fetch"]);
    std::fs::write(&path, &whole).expect("a file");
    let labels = folder.join("train-labels-idx1-ubyte");
    let mut bytes = std::fs::read(&labels).expect("a file");
    bytes[20] = 12;
    std::fs::write(&labels, &bytes).expect("a file");
    fail(&folder, &["train", "--data", "mnist:."], 2, &["row 12", "label 12 is not a digit"]);
}

#[test]
fn cifar10_files_train_and_damaged_ones_are_refused() {
    let folder = folder("cifar10");
    let batches = (1..=5).map(|i| format!("data_batch_{i}.bin")).chain(["test_batch.bin".into()]);
    for name in batches {
        // Of class `c` the bytes c, c + 10, … are bright.
        let record = |class: u8| {
            (0..3073).map(move |i| if i == 0 { class } else { 255 * u8::from(i % 10 == usize::from(class)) })
        };
        std::fs::write(folder.join(name), (0..10).flat_map(record).collect::<Vec<u8>>()).expect("a file");
    }
    let train = ["train", "--data", "cifar10:.", "--epochs", "20", "--format", "json", "--out", "run"];
    let done = json_lines(&succeed(&folder, &train));
    assert_eq!(done.last().expect("a line")["test_accuracy"], 1.0);
    let eval = ["eval", "run/last.safetensors", "--data", "cifar10:.", "--part", "train", "--format", "json"];
    assert_eq!(json_lines(&succeed(&folder, &eval))[0]["rows"], 50);
    std::fs::remove_dir_all(folder.join("run")).expect("removed");

    let path = folder.join("data_batch_4.bin");
    let mut bytes = std::fs::read(&path).expect("a file");
    bytes[6 * 3073] = 77;
    std::fs::write(&path, &bytes).expect("a file");
    fail(&folder, &["train", "--data", "cifar10:."], 2, &["data_batch_4.bin", "row 6", "label 77"]);
    std::fs::write(&path, &bytes[..5000]).expect("a file");
    fail(&folder, &["train", "--data", "cifar10:."], 2, &["data_batch_4.bin", "5000 bytes", "fetch"]);
    fail(&folder, &["train", "--data", "cifar10:nowhere"], 2, &["data_batch_1.bin", "cifar10:DIR"]);
}

#[cfg(target_os = "linux")]
#[test]
fn streams_that_cannot_be_written_do_no_harm() {
    use std::os::unix::ffi::OsStringExt;
    let folder = folder("streams");
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let program = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anygrad"));
        command.current_dir(&folder);
        command
    };
    // Messages are lost, the model is not.
    let status = program().args(["train", "--epochs", "1", "--out", "run"]).stderr(full()).status().expect("it starts");
    assert!(status.success() && folder.join("run/last.safetensors").is_file());
    // Lost data is a failure.
    let predict = ["predict", "run/last.safetensors", "--data", "digits"];
    let output =
        program().args(predict).stdout(full()).stderr(std::process::Stdio::piped()).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot write the results"), "{}", stderr(&output));
    let odd = std::ffi::OsString::from_vec(vec![0xFF]);
    let output = program().arg(odd).output().expect("it starts");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

/// Writes a model file with one tensor and this description.
fn write_model(path: &Path, tensor: &str, shape: &[usize], description: &str) {
    let count: usize = shape.iter().product();
    let header = format!(
        r#"{{"__metadata__":{{"anygrad":{}}},"{tensor}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[0,{}]}}}}"#,
        serde_json::to_string(description).expect("JSON"),
        count * 4
    );
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend(std::iter::repeat_n(0u8, count * 4));
    std::fs::write(path, bytes).expect("a file");
}

#[test]
fn hostile_model_files_are_refused() {
    let folder = folder("hostile");
    std::fs::write(folder.join("x.csv"), "x0,y\n1,p\n2,q\n").expect("a file");
    let model = |input: u64, layers: &str, target: &str| {
        format!(
            r#"{{"format":1,"input":{input},"layers":{layers},"loss":{{"kind":"cross_entropy"}},"preprocessing":{{"kind":"none"}},"feature_names":["x0"],"target":{target},"recipe":null,"metrics":null,"weights_hash":"0"}}"#
        )
    };
    let one = r#"{"classes":{"name":"y","classes":["p"]}}"#;
    for (name, description) in [
        ("zero width", model(0, "[]", r#"{"values":{"names":[]}}"#)),
        ("one class", model(1, r#"[{"linear":1,"bias":false}]"#, one)),
        ("huge", model(1, r#"[{"linear":18446744073709551615,"bias":false}]"#, one)),
        ("many", model(4_000_000_000, r#"[{"linear":4000000000,"bias":false}]"#, one)),
        ("negative", model(1, r#"[{"linear":-1}]"#, one)),
        ("newer", model(1, "[]", one).replace(r#""format":1"#, r#""format":3"#)),
        ("no JSON", "{".into()),
    ] {
        write_model(&folder.join("m.safetensors"), "0.weight", &[1, 1], &description);
        for verb in ["predict", "eval"] {
            let output = anygrad(&folder, &[verb, "m.safetensors", "--data", "x.csv"]);
            assert_eq!(output.status.code(), Some(2), "{verb} {name}: {}", stderr(&output));
            assert!(stderr(&output).contains("not a usable model"), "{verb} {name}: {}", stderr(&output));
        }
    }
    // A model that was cut short or whose weights were changed.
    succeed(&folder, &["train", "--epochs", "1", "--out", "run"]);
    let whole = std::fs::read(folder.join("run/last.safetensors")).expect("a model");
    let mut flipped = whole.clone();
    let last = flipped.len() - 3;
    flipped[last] ^= 1;
    let mut edited = whole.clone();
    let at = whole.windows(6).position(|w| w == b"0.0625").expect("the scale of the pixels");
    edited[at + 5] = b'6';
    for (bytes, part) in [
        (&whole[..whole.len() - 10], "not a whole"),
        (&whole[..100], "not a whole"),
        (&flipped[..], "checksum"),
        (&edited[..], "checksum"),
    ] {
        std::fs::write(folder.join("m.safetensors"), bytes).expect("a file");
        let output = anygrad(&folder, &["eval", "m.safetensors", "--data", "digits"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
    }
}
