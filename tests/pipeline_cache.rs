//! Compiled pipelines on disk: the same bits with them as without, and no file, however damaged, that hurts a run.

mod common;

use anygrad::backend::Device;
use anygrad::backend::gpu::{Adapter, Granted};
use anygrad::data::digits;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::train::Trainer;
use pollster::block_on;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What stands before wgpu's data in a file, and wgpu's own header after it.
const ENVELOPE: usize = 32;
const HEADER: usize = 64;

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("anygrad-pipeline-cache-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

/// The adapter under test, if its driver hands pipelines out.
fn adapter() -> Option<Adapter> {
    let adapter = common::adapter()?;
    if adapter.features().contains(&"pipeline cache") {
        return Some(adapter);
    }
    eprintln!("SKIPPED: {} has no pipeline cache", adapter.name());
    None
}

/// Opens a device that keeps its pipelines in `folder`, trains on it, and returns the hash of the weights.
fn run(adapter: &Adapter, folder: Option<&Path>) -> String {
    let device = block_on(adapter.open(Granted::Large)).expect("the adapter opens");
    if let Some(folder) = folder {
        assert!(block_on(device.keep_pipelines(folder)), "the device keeps pipelines");
        assert!(block_on(device.keep_pipelines(folder)), "a second call changes nothing");
    }
    let data = digits().expect("digits").split(0.9, 0).expect("a split");
    let model = Sequential::new(64).linear(12).relu().linear(10);
    let trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1)).batch_size(32).epochs(1);
    let mut trainer = trainer.on(Device::Gpu(Arc::new(device)));
    trainer.fit_blocking(&data).expect("a run");
    trainer.model().expect("a model").weights_hash()
}

/// The one file in a folder.
fn only_file(folder: &Path) -> PathBuf {
    let files: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

/// FNV-1a, as the envelope has it.
fn checksum(data: &[u8]) -> [u8; 8] {
    let hash = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    data.iter().fold(0xCBF2_9CE4_8422_2325, hash).to_le_bytes()
}

/// Whether a file holds more than wgpu's header, and what its envelope says. How long it is is up to the driver.
fn is_sound(file: &[u8]) -> bool {
    file.len() > ENVELOPE + HEADER && file[24..32] == checksum(&file[ENVELOPE..])
}

#[test]
fn a_second_device_finds_what_the_first_compiled_and_computes_the_same() {
    let Some(adapter) = adapter() else { return };
    let folder = folder("twice").join("made/on/demand");
    let without = run(&adapter, None);
    assert!(!folder.exists(), "nothing is written unless asked for");
    assert_eq!(run(&adapter, Some(&folder)), without);
    let file = only_file(&folder);
    let first = std::fs::read(&file).expect("a file");
    assert!(is_sound(&first), "{} bytes", first.len());
    assert_eq!(run(&adapter, Some(&folder)), without);
    let second = std::fs::read(only_file(&folder)).expect("a file");
    println!("{} bytes, then {}, the same: {}", first.len(), second.len(), first == second);
    std::fs::remove_dir_all(folder.ancestors().nth(3).expect("three")).expect("removed");
}

#[test]
fn no_damage_to_the_file_is_an_error_of_the_run() {
    let Some(adapter) = adapter() else { return };
    let folder = folder("damaged");
    let without = run(&adapter, Some(&folder));
    let file = only_file(&folder);
    let whole = std::fs::read(&file).expect("a file");
    let flip = |position: usize| {
        let mut bytes = whole.clone();
        bytes[position] ^= 0x41;
        bytes
    };
    // What passes the envelope but is for another adapter, driver or format: each byte of wgpu's header.
    let resealed = |position: usize| {
        let mut bytes = flip(position);
        let sum = checksum(&bytes[ENVELOPE..]);
        bytes[24..32].copy_from_slice(&sum);
        bytes
    };
    let lengths = [0, 1, 8, 31, 32, 33, 95, 96, whole.len() / 2, whole.len() - 1];
    let mut damaged: Vec<(String, Vec<u8>)> = Vec::new();
    damaged.extend(lengths.map(|length| (format!("cut to {length}"), whole[..length].to_vec())));
    let positions = (0..ENVELOPE + HEADER).step_by(3).chain([whole.len() / 2, whole.len() - 1]);
    damaged.extend(positions.map(|position| (format!("byte {position} flipped"), flip(position))));
    let header = ENVELOPE..ENVELOPE + HEADER;
    damaged.extend(header.map(|position| (format!("byte {position} of another kind"), resealed(position))));
    damaged.push(("longer".into(), [&whole[..], b"more"].concat()));
    damaged.push(("garbage".into(), (0..100_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()));
    for (name, bytes) in &damaged {
        std::fs::write(&file, bytes).expect("written");
        let device = block_on(adapter.open(Granted::Large)).expect("the adapter opens");
        assert!(block_on(device.keep_pipelines(&folder)), "{name}");
    }
    // What a run makes of some of them: its own file again.
    for pick in [0, 5, lengths.len() + 7, damaged.len() - 40, damaged.len() - 1] {
        let (name, bytes) = &damaged[pick];
        std::fs::write(&file, bytes).expect("written");
        assert_eq!(run(&adapter, Some(&folder)), without, "{name}");
        let again = std::fs::read(&file).expect("a file");
        assert!(is_sound(&again) && again != *bytes, "{name}: {} bytes", again.len());
    }
    println!("{} damaged files", damaged.len());
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn a_folder_that_cannot_be_used_is_done_without() {
    let Some(adapter) = adapter() else { return };
    let folder = folder("unusable");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("file"), "in the way").expect("written");
    let without = run(&adapter, Some(&folder.join("file")));
    assert_eq!(run(&adapter, Some(&folder.join("file/below"))), without);
    let good = folder.join("good");
    run(&adapter, Some(&good));
    let name = only_file(&good).file_name().expect("a name").to_owned();
    // A folder where the file should be.
    std::fs::create_dir_all(folder.join("taken").join(&name)).expect("a folder");
    assert_eq!(run(&adapter, Some(&folder.join("taken"))), without);
    let sealed = folder.join("sealed");
    std::fs::create_dir_all(&sealed).expect("a folder");
    let seal = |is_sealed| {
        let mut permissions = std::fs::metadata(&sealed).expect("a folder").permissions();
        permissions.set_readonly(is_sealed);
        std::fs::set_permissions(&sealed, permissions).expect("set");
    };
    seal(true);
    assert_eq!(run(&adapter, Some(&sealed)), without);
    seal(false);
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn devices_of_default_limits_keep_nothing() {
    let Some(adapter) = adapter() else { return };
    for granted in [Granted::Default, Granted::Downlevel] {
        let device = block_on(adapter.open(granted)).expect("the adapter opens");
        let folder = folder("default");
        assert!(!block_on(device.keep_pipelines(&folder)));
        assert!(!folder.exists());
    }
}
