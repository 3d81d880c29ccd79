//! Large files of the shapes that cost most memory for each byte, held to what SECURITY.md says.
#![cfg(feature = "cli")]

#[path = "common/counting.rs"]
mod counting;
#[allow(dead_code)]
#[path = "mutated/seeds.rs"]
mod seeds;

use anygrad::data::table::ReadOptions;
use anygrad::data::{Table, raise_limits};
use anygrad::model::Model;
use anygrad::train::{Recipe, RunFolder};
use anygrad::tune::{Store, Variants};
use std::path::Path;

const MIB: u64 = 1 << 20;

fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB as f64
}

/// A name, the bytes, and how the file is read.
type Shape<'a> = (&'a str, Vec<u8>, &'a dyn Fn(&Path));

#[test]
fn large_files_take_memory_in_proportion() {
    let folder = std::env::temp_dir().join(format!("anygrad-large-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let wide_of = |cell: &str, columns: usize| {
        let names: Vec<String> = (0..columns).map(|i| format!("c{i}")).collect();
        format!("{}\n{}\n", names.join(","), vec![cell; columns].join(","))
    };
    let wide = |cell: &str| wide_of(cell, 200_000);
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
        ("wider.csv", [vec![b','; 8 << 20], b"\n".to_vec()].concat(), &table),
        ("ragged.csv", [&b"a,b\n1,2\n1,2\n1,2\n"[..], &vec![b','; 8 << 20], b"\n"].concat(), &table),
        ("below.csv", format!("{}\n{}\n", ",".repeat(23_000), ",".repeat(23_000)).into(), &table),
        ("words_below.csv", wide_of("x", 23_000).into(), &table),
        ("texts.csv", rows(&|i| format!("t{i},{}\n", i % 2), 400_000).into(), &table),
        ("single.csv", rows(&|i| format!("{}\n", i % 10), 1 << 20).into(), &table),
        ("blank.csv", [b"a,b\n1,2\n".to_vec(), vec![b'\n'; 1 << 21]].concat(), &table),
        ("times.csv", rows(&|i| format!("2024-01-{:02}\n", 1 + i % 28), 200_000).into(), &table),
        ("quoted.csv", rows(&|i| format!("\"{}\"\"\",\"\"\n", i % 10), 200_000).into(), &table),
        ("keys.toml", rows(&|i| format!("a{i}=1\n"), 14_000).into(), &config),
        ("list.toml", format!("layers=[{}]", "{linear=1},".repeat(11_000)).into(), &config),
        ("lists.toml", format!("a=[{}]", "1,".repeat(65_000)).into(), &config),
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
    let mut over = Vec::new();
    for (name, bytes, read) in shapes {
        let path = folder.join(name);
        std::fs::write(&path, &bytes).expect("a file");
        if name.starts_with("metrics") {
            std::fs::write(folder.join("checkpoint.bin"), seeds::model_and_checkpoint().1).expect("a file");
        }
        let ((), peak) = counting::peak_of(|| read(&path));
        // What many small values take: columns of a table, JSON, the lines of a config file of at most 128 KiB.
        let most = MIB + (16 * MIB).max(8 * bytes.len() as u64);
        println!("{name:20} {:8} bytes, {:5.1} of {:5.1} MiB", bytes.len(), mib(peak), mib(most));
        if peak > most {
            over.push(name);
        }
    }
    assert!(over.is_empty(), "{over:?}");
    // What was refused for its memory is read if the user allows it.
    raise_limits(1 << 30);
    let options = ReadOptions::default();
    assert_eq!(Table::read(&folder.join("wide.csv"), &options).expect("a table").columns.len(), 200_000);
    assert!(!Store::read(&folder.join("lists.json")).unwrap_err().to_string().contains("--max-bytes"));
    std::fs::remove_dir_all(&folder).expect("removed");
}
