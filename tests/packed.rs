//! Packed files: a run on rows in a file is bit for bit the one on the same rows in memory; damaged files are refused.

mod common;

use anygrad::Error;
use anygrad::backend::Device;
use anygrad::backend::gpu::Granted;
use anygrad::data::packed::{Description, PackWriter, Packed, Part, pack, pack_split};
use anygrad::data::{DataOptions, Dataset, Features, Preprocessing, Source, Split, digits, load, moons, sine};
use anygrad::model::Model;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Adam;
use anygrad::train::{History, Snapshot, Trainer};
use pollster::block_on;
use std::path::PathBuf;

/// A place for a file of one test.
fn path(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("packed");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder.join(format!("{name}.anygrad"))
}

fn opened(name: &str, split: &Split) -> Split {
    let path = path(name);
    pack_split(split, &path).expect("a file");
    Packed::open(&path).expect("opens").own_split().expect("a split")
}

/// Bytes, floats with labels, floats with values and rows with weights, split and prepared.
fn splits() -> [(&'static str, Split); 4] {
    let fractions = |data: Dataset| data.split(0.2, 0).expect("a split").with_validation(0.1, 0).expect("a split");
    let weighted = moons(300, 0.2, 1).expect("moons");
    let weighted = weighted.with_weights((0..300).map(|i| (i % 5) as f32 / 2.0).collect()).expect("weights");
    [
        ("bytes", fractions(digits().expect("digits"))),
        ("floats", fractions(moons(500, 0.2, 0).expect("moons")).standardized()),
        ("values", sine(400, 0).expect("sine").split(0.25, 0).expect("a split").standardized()),
        ("weighted", fractions(weighted).standardized()),
    ]
}

fn trainer(split: &Split) -> Trainer {
    let loss = Loss::for_targets(&split.train.targets);
    let outputs = loss.outputs(&split.train.targets);
    let model = Sequential::new(split.train.features.width()).linear(16).tanh().dropout(0.1).linear(outputs);
    Trainer::new(model, loss, Adam::new(0.01)).epochs(3).batch_size(48)
}

fn fit(mut trainer: Trainer, split: &Split) -> (History, Model) {
    let history = trainer.fit_blocking(split).expect("a fit");
    (history, trainer.model().expect("a model").clone())
}

fn compare(device: &Device) -> usize {
    let mut compared = 0;
    for (name, split) in splits() {
        let packed = opened(&format!("{name}-{}", device.name()), &split);
        let (expected, model) = fit(trainer(&split).on(device.clone()), &split);
        let row_bytes = split.train.features.width() as u64 * if split.train.features.are_bytes() { 1 } else { 4 };
        // All on the device, and windows of two or three batches.
        for most in [u64::MAX, 150 * row_bytes] {
            let (history, of_file) = fit(trainer(&split).on(device.clone()).resident_bytes(most), &packed);
            assert_eq!(history.windows > 0, most < u64::MAX, "{name}");
            assert_eq!((&history.step_losses, &history.epochs), (&expected.step_losses, &expected.epochs), "{name}");
            assert_eq!(of_file.weights_hash(), model.weights_hash(), "{name} on {}", device.name());
            assert_eq!((&of_file.data_hash, &of_file.metrics), (&model.data_hash, &model.metrics), "{name}");
            assert_eq!(of_file.preprocessing, model.preprocessing, "{name}");
            let evaluate = |data: &Dataset| model.evaluate_blocking(data, device).expect("figures");
            assert_eq!(evaluate(&packed.test), evaluate(&split.test), "{name}");
            compared += 1;
        }
    }
    compared
}

#[test]
fn a_run_on_a_packed_file_is_the_one_on_rows_in_memory() {
    common::report_comparisons("packed_cpu", compare(&Device::Cpu));
}

#[test]
fn a_run_on_a_packed_file_on_the_gpu_is_the_one_on_rows_in_memory() {
    let Some(gpu) = common::gpu_with(Granted::Large) else { return };
    common::report_comparisons("packed_gpu", compare(&Device::Gpu(gpu)));
}

#[test]
fn parts_come_back_as_they_were_packed() {
    for (name, split) in splits() {
        let packed = opened(&format!("parts-{name}"), &split);
        for (got, expected) in [
            (Some(&packed.train), Some(&split.train)),
            (packed.validation.as_ref(), split.validation.as_ref()),
            (Some(&packed.test), Some(&split.test)),
        ] {
            let (Some(got), Some(expected)) = (got, expected) else {
                assert!(got.is_none() && expected.is_none(), "{name}");
                continue;
            };
            assert_eq!(got.hash(), expected.hash(), "{name}");
            let in_memory = Dataset { features: got.features.in_memory().expect("rows"), ..got.clone() };
            assert_eq!(&in_memory, expected, "{name}");
            // Selections of selections, with rows that repeat and stand alone.
            let rows = [7, 3, 4, 5, 3, 0];
            let (chosen, of_memory) = (got.select(&rows).select(&[5, 1, 2, 2]), expected.select(&[0, 3, 4, 4]));
            assert_eq!(chosen.features.in_memory().expect("rows"), of_memory.features, "{name}");
            assert_eq!(chosen.targets, of_memory.targets, "{name}");
            assert_ne!(chosen.hash(), got.select(&[5, 1, 2]).hash(), "{name}");
            assert_eq!(chosen.hash(), got.select(&[0, 3, 4, 4]).hash(), "{name}");
        }
    }
}

/// A run in memory is stopped, and goes on where its rows are in a file.
#[test]
fn a_snapshot_goes_on_on_a_packed_file() {
    let (_, split) = &splits()[0];
    let packed = opened("snapshot", split);
    let (expected, model) = fit(trainer(split), split);
    let own = trainer(split);
    let mut session = block_on(own.session(split)).expect("a session");
    block_on(session.run_steps(31)).expect("steps");
    let bytes = block_on(session.snapshot()).expect("a snapshot").to_bytes();
    let mut on_file = trainer(split).resident_bytes(200 * 64);
    let mut session = block_on(on_file.session(&packed)).expect("a session");
    block_on(session.restore(&Snapshot::from_bytes(&bytes).expect("whole"))).expect("the same run");
    block_on(session.run()).expect("the rest");
    let history = block_on(on_file.conclude(session)).expect("a model");
    assert_eq!(history.step_losses, expected.step_losses);
    assert_eq!(on_file.model().expect("a model").weights_hash(), model.weights_hash());
}

/// What was packed whole is split and standardized when it is read, as a table is.
#[test]
fn rows_that_were_packed_whole_are_split_as_in_memory() {
    let data = moons(9000, 0.2, 0).expect("moons");
    let path = path("whole");
    pack(&data, &path).expect("a file");
    let source: Source = path.display().to_string().parse().expect("a source");
    assert_eq!(source, Source::Packed(path.clone()));
    let packed =
        load(&DataOptions { source, validation_fraction: 0.25, ..DataOptions::default() }, 3).expect("a split");
    let split = data.split(0.2, 3).expect("a split").with_validation(0.25, 3).expect("a split").standardized();
    assert_eq!(packed.train.preprocessing, split.train.preprocessing);
    assert_eq!(packed.test.features.in_memory().expect("rows"), split.test.features);
    let model = |split: &Split| fit(trainer(split), split).1.weights_hash();
    assert_eq!(model(&packed), model(&split));
    // The moments in the header are those of all rows.
    let packed = Packed::open(&path).expect("opens");
    let (means, deviations) = packed.moments();
    let Preprocessing::Affine { centers: expected, scales: of_memory } =
        Preprocessing::standardize_features(&data.features).expect("in memory")
    else {
        panic!("means")
    };
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
    assert!(close(means, &expected) && close(deviations, &of_memory), "{means:?} {deviations:?}");
}

#[test]
fn rows_that_do_not_fit_together_are_not_packed() {
    let data = digits().expect("digits");
    let path = path("refused");
    let _ = std::fs::remove_file(&path);
    let mut writer = PackWriter::create(&path).expect("a file");
    writer.append(&data.features, &data.targets, None).expect("rows");
    let narrow = Features::F32 { width: 64, data: vec![0.0; 64] };
    let one = data.select(&[0]);
    assert!(matches!(writer.append(&narrow, &one.targets, None), Err(Error::Shape { .. })));
    assert!(matches!(writer.append(&one.features, &data.targets, None), Err(Error::Shape { .. })));
    drop(writer);
    assert!(!path.exists(), "half a file");
    let empty = PackWriter::create(&path).expect("a file").finish(Description::from(&data));
    assert!(matches!(empty, Err(Error::Shape { .. })));
    assert!(!path.exists(), "an empty file");
    let names = Description { feature_names: vec!["one".into()], ..Description::from(&data) };
    let mut writer = PackWriter::create(&path).expect("a file");
    writer.append(&data.features, &data.targets, None).expect("rows");
    writer.end_part(Part::All);
    assert!(matches!(writer.finish(names), Err(Error::Shape { .. })));
    assert!(!path.exists(), "a file that nobody can read");
}

#[test]
fn damaged_files_are_refused_in_one_line() {
    let (_, split) = &splits()[0];
    let path = path("damaged");
    pack_split(split, &path).expect("a file");
    let whole = std::fs::read(&path).expect("bytes");
    let refused = |bytes: &[u8], part: &str| {
        std::fs::write(&path, bytes).expect("a file");
        let error = Packed::open(&path).expect_err("damaged");
        assert!(matches!(error, Error::Data { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(part) && text.contains("damaged.anygrad") && text.contains("pack the source"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    };
    refused(b"", "cut short");
    refused(&whole[..63], "cut short");
    refused(&[b'x'; 200], "no packed file");
    for end in (64..whole.len()).step_by(whole.len() / 50) {
        refused(&whole[..end], "cut short");
    }
    refused(&[&whole[..], b"more"].concat(), "more in it");
    let with = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] ^= byte;
        bytes
    };
    refused(&with(3, 1), "no packed file");
    refused(&with(16, 2), "its version is 3, this program reads 1");
    refused(&with(24, 1), "are stated");
    refused(&with(31, 0xFF), "damaged");
    refused(&with(39, 0x80), "damaged");
    refused(&with(40, 1), "checksum");
    for back in (1..2000).step_by(37) {
        refused(&with(whole.len() - back, 4), "checksum");
    }
    // A label without a class.
    let header = u64::from_le_bytes(std::array::from_fn(|i| whole[24 + i])) as usize;
    std::fs::write(&path, with(header - 4, 0x40)).expect("a file");
    assert!(Packed::open(&path).expect_err("damaged").to_string().contains("label"));
    std::fs::write(&path, &whole).expect("a file");
    assert!(Packed::open(&path).is_ok());
}

/// A file that shrinks under a run ends it with an error.
#[test]
fn rows_that_vanish_are_an_error() {
    let (_, split) = &splits()[0];
    let packed = opened("vanishing", split);
    let trainer = trainer(split).resident_bytes(200 * 64);
    let mut session = block_on(trainer.session(&packed)).expect("a session");
    block_on(session.run_steps(2)).expect("steps");
    let file = std::fs::OpenOptions::new().write(true).open(path("vanishing")).expect("the file");
    file.set_len(100).expect("cut");
    let error = block_on(session.run()).expect_err("rows are gone");
    assert!(error.to_string().contains("vanishing.anygrad"), "{error}");
    let error = block_on(session.run()).expect_err("rows are gone");
    assert!(matches!(error, Error::Io { .. }), "{error}");
}

#[cfg(feature = "cli")]
mod program {
    use super::common::program::{fail, folder, json_lines, succeed};

    #[test]
    fn the_program_packs_and_trains_on_what_it_packed() {
        let folder = folder("packed");
        let rows: String = (0..300).map(|i| format!("{},{},{}\n", i % 17, (i * 7) % 23, i % 3)).collect();
        std::fs::write(folder.join("t.csv"), format!("a,b,class\n{rows}")).expect("a file");
        let train = |data: &str, out: &str, more: &[&str]| {
            let common =
                ["train", "--data", data, "--out", out, "--epochs", "3", "--device", "cpu", "--format", "json"];
            json_lines(&succeed(&folder, &[&common[..], more].concat())).pop().expect("a line")
        };
        let weights = ["--weights", "b"];
        for (source, file, more) in
            [("digits", "d.anygrad", &[][..]), ("t.csv", "t.anygrad", &[]), ("t.csv", "w.anygrad", &weights)]
        {
            succeed(&folder, &[&["pack", source, "--out", file], more].concat());
            let direct = train(source, &format!("{file}-direct"), more);
            let packed = train(file, &format!("{file}-packed"), &["--set", "train.resident_bytes=6000"]);
            for key in ["weights_hash", "test_loss", "test_accuracy", "steps"] {
                assert_eq!(direct[key], packed[key], "{source}: {key}");
            }
            let model = format!("{file}-packed/last.safetensors");
            let figures = |data: &str, part: &str| {
                let eval = ["eval", &model, "--data", data, "--part", part, "--format", "json"];
                json_lines(&succeed(&folder, &eval)).remove(0)
            };
            let mut of_test = figures(file, "test");
            // Which rows were trained on is known of the test part only.
            assert!(of_test.as_object_mut().expect("figures").shift_remove("baseline").is_some());
            assert_eq!(of_test, figures(file, "auto"), "{source}");
            assert_eq!(figures(file, "train")["rows"], if source == "digits" { 1438 } else { 240 });
            succeed(&folder, &["predict", &model, "--data", file]);
        }
        let plan = ["plan", "--data", "d.anygrad", "--set", "train.resident_bytes=6400", "--format", "json"];
        let plan = json_lines(&succeed(&folder, &plan)).pop().expect("a line");
        // 23 batches of 64 rows, of which 6,400 bytes hold one, in 100 epochs.
        assert_eq!((&plan["window_rows"], &plan["windows"]), (&64.into(), &(23 * 100).into()), "{plan}");
        assert_eq!(plan["window_bytes"], 64 * 64 + 64 * 4);
        std::fs::remove_dir_all(&folder).expect("removed");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("bad.anygrad"), [0; 100]).expect("a file");
        fail(&folder, &["train", "--data", "bad.anygrad"], 2, &["bad.anygrad", "no packed file", "pack"]);
        fail(&folder, &["train", "--data", "none.anygrad"], 2, &["none.anygrad", "check the path"]);
        fail(&folder, &["pack", "digits", "--out", "digits.bin"], 2, &["FILE.anygrad"]);
    }
}
