//! Large files of the shapes that cost most memory for each byte, held to what SECURITY.md says.
#![cfg(feature = "cli")]

#[path = "common/counting.rs"]
mod counting;
#[allow(dead_code)]
#[path = "mutated/seeds.rs"]
mod seeds;

use anygrad::data::Table;
use anygrad::data::table::ReadOptions;
use anygrad::model::Model;
use anygrad::train::{Recipe, RunFolder};
use anygrad::tune::{Store, Variants};
use std::path::Path;

const MIB: u64 = 1 << 20;

/// A name, the bytes, and how the file is read.
type Shape<'a> = (&'a str, Vec<u8>, &'a dyn Fn(&Path));

#[test]
fn large_files_take_memory_in_proportion() {
    let folder = std::env::temp_dir().join(format!("anygrad-large-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let wide = |cell: &str| {
        let names: Vec<String> = (0..200_000).map(|i| format!("c{i}")).collect();
        format!("{}\n{}\n", names.join(","), vec![cell; 200_000].join(","))
    };
    let rows = |row: &dyn Fn(usize) -> String, count: usize| (0..count).map(row).collect::<String>();
    let table = |path: &Path| drop(Table::read(path, &ReadOptions::default()));
    let config = |path: &Path| drop(toml::from_str::<Recipe>(&std::fs::read_to_string(path).expect("a file")));
    let store = |path: &Path| drop(Store::read(path));
    let variants = |path: &Path| drop(Variants::read(path));
    let run = |path: &Path| drop(RunFolder::resume(path.parent().expect("a folder")));
    let model = |path: &Path| drop(Model::load(path));
    let in_header = |text: String| {
        let header = format!("{{\"__metadata__\":{{\"anygrad\":{}}}}}", serde_json::to_string(&text).expect("JSON"));
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()
    };
    let tensors: Vec<String> =
        (0..60_000).map(|i| format!("\"{i}\":{{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}")).collect();
    let tensors = format!("{{{}}}", tensors.join(","));
    let shapes: Vec<Shape> = vec![
        ("long.csv", rows(&|i| format!("{},{}\n", i % 10, i % 2), 1 << 20).into(), &table),
        ("wide.csv", wide("1").into(), &table),
        ("words.csv", wide("x").into(), &table),
        ("texts.csv", rows(&|i| format!("t{i},{}\n", i % 2), 400_000).into(), &table),
        ("single.csv", rows(&|i| format!("{}\n", i % 10), 1 << 20).into(), &table),
        ("blank.csv", [b"a,b\n1,2\n".to_vec(), vec![b'\n'; 1 << 21]].concat(), &table),
        ("times.csv", rows(&|i| format!("2024-01-{:02}\n", 1 + i % 28), 200_000).into(), &table),
        ("quoted.csv", rows(&|i| format!("\"{}\"\"\",\"\"\n", i % 10), 200_000).into(), &table),
        ("keys.toml", rows(&|i| format!("a{i}=1\n"), 25_000).into(), &config),
        ("list.toml", format!("layers=[{}]", "{linear=1},".repeat(20_000)).into(), &config),
        ("lists.toml", format!("a=[{}]", "1,".repeat(100_000)).into(), &config),
        ("lists.json", format!("{{\"format\":2,\"choices\":[{}]}}", "[],".repeat(300_000)).into(), &store),
        (
            "names.json",
            format!("{{\"format\":2,\"variants\":{{{}\"\":\"\"}}}}", rows(&|i| format!("\"{i}\":\"\","), 100_000))
                .into(),
            &variants,
        ),
        ("metrics.jsonl", format!("{{\"a\":[{}1]}}\n", "1,".repeat(500_000)).into(), &run),
        ("list.safetensors", in_header(format!("{{\"format\":1,\"a\":[{}1]}}", "1,".repeat(500_000))), &model),
        ("tensors.safetensors", [&(tensors.len() as u64).to_le_bytes()[..], tensors.as_bytes()].concat(), &model),
    ];
    // Each column of a table of text has its statistics, 1 KiB; config files have at most 256 KiB; a description of a
    // model, a list of tensors and variants are trees of small JSON values.
    let more = |name: &str| match name {
        "wide.csv" | "words.csv" => 110.0,
        "keys.toml" | "list.toml" | "lists.toml" => 140.0,
        "list.safetensors" => 40.0,
        "tensors.safetensors" => 20.0,
        "names.json" => 9.0,
        _ => 8.0,
    };
    let mut over = Vec::new();
    for (name, bytes, read) in shapes {
        let path = folder.join(name);
        std::fs::write(&path, &bytes).expect("a file");
        if name.starts_with("metrics") {
            std::fs::write(folder.join("checkpoint.bin"), seeds::model_and_checkpoint().1).expect("a file");
        }
        let ((), peak) = counting::peak_of(|| read(&path));
        let ratio = peak.saturating_sub(MIB) as f64 / bytes.len() as f64;
        println!("{name:20} {:8} bytes, {ratio:5.1} times that and 1 MiB", bytes.len());
        if ratio > more(name) {
            over.push(name);
        }
    }
    std::fs::remove_dir_all(&folder).expect("removed");
    assert!(over.is_empty(), "{over:?}");
}
