//! Reports of runs: pages that are whole, small and need nothing else, with the figures of `eval`; their pictures as files;
//! event files whose records and checksums hold when they are read in another way.
#![cfg(feature = "cli")]

mod common;

use common::program::{anygrad, fail, folder, json_lines, stderr, succeed};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A name that must not become a tag.
const NASTY: &str = "<b>&\"";

fn train(folder: &Path, more: &[&str]) -> Value {
    let all = [&["train"], more, &["--device", "cpu", "--format", "json", "--out", "run", "--report"]].concat();
    json_lines(&succeed(folder, &all)).pop().expect("a line")
}

/// Rows of two features, the first with a nasty name; the class is on which side of a line they lie.
fn table(folder: &Path) {
    let row = |i: usize| {
        let (x, y) = ((i * 37 % 101) as f64 / 10.0, (i * 53 % 97) as f64 / 10.0);
        format!("{x},{y},{}\n", if x + y + (i % 5) as f64 > 11.0 { "\"<i>up\"" } else { "down" })
    };
    let rows: String = (0..240).map(row).collect();
    fs::write(folder.join("t.csv"), format!("\"<b>&\"\"\",width,side\n{rows}")).expect("a file");
}

/// The page of the run, which must be whole, small and ask for nothing.
fn page(folder: &Path) -> String {
    let html = fs::read_to_string(folder.join("run/report.html")).expect("a page");
    check(&html);
    html
}

fn check(html: &str) {
    assert!(html.len() <= 500_000, "{} bytes", html.len());
    for foreign in ["http", "<script", "<link", "url(", "@import", "<iframe"] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    assert!(html.contains("prefers-color-scheme:dark") && html.contains("width=device-width"));
    tags_close(html);
}

/// Each tag of a page, and of the pictures in it, is closed in the reverse of the order of opening.
fn tags_close(html: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = &html["<!DOCTYPE html>".len()..];
    while let Some(at) = rest.find('<') {
        let tag = &rest[at + 1..];
        let end = tag.find('>').expect("the end of a tag");
        let (inside, behind) = (&tag[..end], &tag[end + 1..]);
        let quotes = inside.matches('"').count();
        assert!(quotes % 2 == 0 && !inside.contains('<'), "{inside}");
        let name = inside.trim_start_matches('/').split([' ', '/']).next().expect("a name");
        assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()), "{inside}");
        if inside.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{inside}");
        } else if !inside.ends_with('/') && !["meta", "img"].contains(&name) {
            open.push(name);
        }
        rest = behind;
    }
    assert!(open.is_empty(), "{open:?}");
    // What is not a tag is text: an ampersand begins an entity.
    for entity in html.split('&').skip(1) {
        assert!(entity.find(';').is_some_and(|end| end < 8), "&{}", &entity[..entity.len().min(20)]);
    }
}

/// The numbers of the page by their names.
fn tiles(html: &str) -> BTreeMap<String, f64> {
    let tile = |text: &str| {
        let name = text.split("<span>").nth(1)?.split("</span>").next()?;
        let value = text.split("<data value=\"").nth(1)?.split('"').next()?.parse().ok()?;
        Some((name.to_string(), value))
    };
    html.split("<div class=\"tile\">").skip(1).filter_map(tile).collect()
}

/// Holds the page against `eval`.
fn agrees(folder: &Path, html: &str, data: &str, names: &[(&str, &str)]) {
    let eval = ["eval", "run", "--data", data, "--part", "test", "--format", "json"];
    let evaluation = json_lines(&succeed(folder, &eval)).pop().expect("a line");
    let tiles = tiles(html);
    for (name, field) in names {
        let expected = evaluation[*field].as_f64().unwrap_or_else(|| panic!("{field} in {evaluation}"));
        assert_eq!(tiles.get(*name), Some(&expected), "{name}: {tiles:?}");
    }
}

#[test]
fn a_table_of_two_classes_has_curves_a_boundary_and_pictures() {
    let folder = folder("report classes");
    table(&folder);
    train(&folder, &["t.csv", "--epochs", "8", "--tensorboard"]);
    let html = page(&folder);
    let figures = [
        ("Accuracy", "accuracy"),
        ("ROC AUC", "roc_auc"),
        ("Average precision", "average_precision"),
        ("Log loss", "log_loss"),
        ("Brier score", "brier"),
        ("Loss", "loss"),
    ];
    agrees(&folder, &html, "t.csv", &figures);
    assert!(
        html.contains("&lt;b&gt;&amp;&quot;") && !html.contains(NASTY) && !html.contains("<i>"),
        "names are escaped"
    );
    for part in [
        "ROC curve",
        "Precision and recall",
        "Calibration",
        "Confusion matrix",
        "Predicted class everywhere",
        "Importance of features",
        "anygrad verify run",
    ] {
        assert!(html.contains(part), "{part}");
    }

    let pictures = ["report", "run", "--pictures", "pictures", "--out", "page.html", "--format", "json"];
    let line = json_lines(&succeed(&folder, &pictures)).pop().expect("a line");
    assert_eq!(fs::read_to_string(folder.join("page.html")).expect("a page"), html, "the same run, the same page");
    assert_eq!(line["bytes"], html.len());
    let mut files: Vec<_> =
        fs::read_dir(folder.join("pictures")).expect("a folder").flatten().map(|e| e.path()).collect();
    files.sort();
    assert_eq!(files.len() as u64, 2 * line["pictures"].as_u64().expect("a number"));
    for svg in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "svg")) {
        let text = fs::read_to_string(svg).expect("a picture");
        let size = |name: &str| -> f64 {
            let behind = text.split(&format!(" {name}=\"")).nth(1).expect("a size");
            behind.split('"').next().and_then(|number| number.parse().ok()).expect("a number")
        };
        png_has(&svg.with_extension("png"), [2.0 * size("width"), 2.0 * size("height")]);
    }
    // What exists is not overwritten, but for a report by a newer one.
    fail_kept(&folder, &["report", "run", "--pictures", "pictures"], "exists already");
    fs::write(folder.join("mine.html"), "mine").expect("a file");
    fail_kept(&folder, &["report", "run", "--out", "mine.html"], "exists already");
    succeed(&folder, &["report", "run"]);
}

/// As `fail`, in a folder that holds a model.
fn fail_kept(folder: &Path, arguments: &[&str], part: &str) {
    let output = anygrad(folder, arguments);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains(part), "{}", stderr(&output));
}

/// A PNG file of a size that is not of one colour.
fn png_has(path: &Path, [width, height]: [f64; 2]) {
    #[cfg(feature = "images")]
    {
        let image = image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into_rgb8();
        assert_eq!((image.width(), image.height()), (width as u32, height as u32), "{}", path.display());
        let inked = image.pixels().filter(|pixel| pixel.0 != [255; 3]).count();
        assert!(inked > 500, "{}: {inked} pixels", path.display());
    }
    #[cfg(not(feature = "images"))]
    assert!(path.is_file() && width * height > 0.0);
}

#[test]
fn values_have_residuals() {
    let folder = folder("report values");
    let row = |i: usize| format!("{},{},{}\n", i % 17, i * 7 % 23, 3 * (i % 17) + i * 7 % 23 + i % 3);
    fs::write(folder.join("v.csv"), format!("a,b,price\n{}", (0..200).map(row).collect::<String>())).expect("a file");
    train(&folder, &["v.csv", "--task", "values", "--epochs", "10"]);
    let html = page(&folder);
    let figures = [
        ("R²", "r_squared"),
        ("Mean absolute error", "mean_absolute_error"),
        ("Root mean squared error", "root_mean_squared_error"),
    ];
    agrees(&folder, &html, "v.csv", &figures);
    for part in
        ["predicted against true", "residuals", "Predicted value everywhere", "farthest off", "linear regression"]
    {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("ROC curve") && !html.contains("Confusion matrix"));
    // Without its rows the page is made of the folder.
    fs::remove_file(folder.join("v.csv")).expect("the file is there");
    succeed(&folder, &["report", "run"]);
    let html = page(&folder);
    assert!(html.contains("could not be read again") && html.contains("Loss by epoch"));
    let recorded = json_lines(&fs::read_to_string(folder.join("run/metrics.jsonl")).expect("metrics")).pop();
    assert_eq!(tiles(&html).get("R², test rows").copied(), recorded.expect("a line")["test_r_squared"].as_f64());
}

#[test]
fn mistakes_of_images_are_pictures() {
    let folder = folder("report digits");
    train(&folder, &["digits", "--epochs", "3"]);
    let html = page(&folder);
    agrees(&folder, &html, "digits", &[("Accuracy", "accuracy"), ("Log loss", "log_loss"), ("ROC AUC", "roc_auc")]);
    assert!(html.matches("src=\"data:image/png;base64,").count() >= 3 && html.contains("Importance of each pixel"));
    // The first colour of the confusion matrix is that of the largest share.
    assert!(html.contains("Calibration, expected error") && html.contains("true class"));
}

#[test]
fn labels_that_do_not_exclude_each_other_have_curves() {
    let folder = folder("report labels");
    let row = |i: usize| {
        let (x, y) = (i * 37 % 101, i * 53 % 97);
        format!("{x},{y},{},{}\n", u8::from(x > 50), u8::from(x + y > 90))
    };
    fs::write(folder.join("l.csv"), format!("a,b,far,high\n{}", (0..200).map(row).collect::<String>()))
        .expect("a file");
    train(&folder, &["l.csv", "--target", "far,high", "--task", "labels", "--epochs", "4"]);
    let html = page(&folder);
    agrees(&folder, &html, "l.csv", &[("Accuracy", "accuracy"), ("All labels right", "subset_accuracy")]);
    assert!(html.contains("ROC curve") && html.contains("labels of"), "curves and mistakes of labels");
}

#[test]
fn a_thousand_classes_with_long_names_stay_small() {
    let folder = folder("report large");
    let name = |class: usize| format!("{class} {}", "<&ü".repeat(80));
    let row = |i: usize| format!("{},{},{}\n", i % 1000, i * 7 % 1013, name(i % 1000));
    let rows: String = (0..5000).map(row).collect();
    fs::write(folder.join("c.csv"), format!("a,b,{}\n{rows}", "long ".repeat(100))).expect("a file");
    train(&folder, &["c.csv", "--epochs", "1", "--hidden", "4"]);
    let html = page(&folder);
    assert!(html.contains("Of 1000 classes these are the 24 with the most mistakes"));
}

#[test]
fn what_is_no_run_is_refused() {
    let folder = folder("report nothing");
    fail(&folder, &["report", "none"], 2, &["none", "must be the folder of a run"]);
}

/// A CRC-32C by polynomial division over a list of bits, as it is not computed elsewhere.
fn checksum(bytes: &[u8]) -> u32 {
    let mut bits: Vec<bool> = bytes.iter().flat_map(|byte| (0..8).map(move |i| byte >> i & 1 == 1)).collect();
    bits.extend([false; 32]);
    bits.iter_mut().take(32).for_each(|bit| *bit = !*bit);
    let polynomial = 0x1_1edc_6f41u64;
    for at in 0..bits.len() - 32 {
        if bits[at] {
            (0..=32).for_each(|i| bits[at + i] ^= polynomial >> (32 - i) & 1 == 1);
        }
    }
    let rest = &bits[bits.len() - 32..];
    !rest.iter().enumerate().fold(0, |crc, (i, &bit)| crc | u32::from(bit) << i)
}

/// A message of protocol buffers: number of a field and its bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                found.push((key >> 3, varint(&mut bytes).to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            5 => 4,
            2 => varint(&mut bytes) as usize,
            kind => panic!("wire type {kind}"),
        };
        found.push((key >> 3, bytes[..length].to_vec()));
        bytes = &bytes[length..];
    }
    found
}

fn field(message: &[(u64, Vec<u8>)], number: u64) -> Option<&[u8]> {
    message.iter().find(|(own, _)| *own == number).map(|(_, bytes)| &bytes[..])
}

#[test]
fn event_files_hold_what_the_metrics_hold() {
    let folder = folder("report events");
    let options = ["moons", "--epochs", "5", "--tensorboard", "--validation-fraction", "0.2"];
    train(&folder, &options);
    let names = fs::read_dir(folder.join("run")).expect("a folder").flatten().map(|entry| entry.path());
    let events: Vec<_> = names.filter(|path| path.to_string_lossy().contains("events.out.tfevents.")).collect();
    let bytes = fs::read(&events[0]).expect("events");
    assert_eq!(events.len(), 1);

    let (mut at, mut told) = (0, BTreeMap::new());
    let mut version = None;
    while at < bytes.len() {
        let length = u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes")) as usize;
        let masked = |bytes: &[u8]| checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes();
        assert_eq!(bytes[at + 8..at + 12], masked(&bytes[at..at + 8]), "checksum of a length");
        let message = &bytes[at + 12..at + 12 + length];
        assert_eq!(bytes[at + 12 + length..at + 16 + length], masked(message), "checksum of a record");
        at += 16 + length;
        let event = fields(message);
        if let Some(text) = field(&event, 3) {
            version = Some(String::from_utf8(text.to_vec()).expect("UTF-8"));
        }
        let step = field(&event, 2).map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().expect("8 bytes")));
        for (_, value) in fields(field(&event, 5).unwrap_or_default()) {
            let value = fields(&value);
            let tag = String::from_utf8(field(&value, 1).expect("a tag").to_vec()).expect("UTF-8");
            let number = f32::from_le_bytes(field(&value, 2).expect("a value").try_into().expect("4 bytes"));
            told.insert((step, tag), number);
        }
    }
    assert_eq!(version.as_deref(), Some("brain.Event:2"));
    let metrics = json_lines(&fs::read_to_string(folder.join("run/metrics.jsonl")).expect("metrics"));
    for line in metrics.iter().filter(|line| line["event"] == "epoch") {
        for tag in [
            "train_loss",
            "train_accuracy",
            "validation_loss",
            "validation_accuracy",
            "learning_rate",
            "samples_per_second",
        ] {
            let step = line["epoch"].as_u64().expect("an epoch");
            let expected = line[tag].as_f64().expect("a number") as f32;
            assert_eq!(told.get(&(step, tag.to_string())), Some(&expected), "{tag} of epoch {step}");
        }
    }
    // The test rows wait until the end.
    let done = metrics.last().expect("a line");
    let test = told.iter().filter(|((_, tag), _)| tag == "test_loss").map(|(_, x)| *x).collect::<Vec<f32>>();
    assert_eq!(test, [done["test_loss"].as_f64().expect("a number") as f32]);
    // A folder with events is a run's.
    let output = anygrad(&folder, &["train", "moons", "--epochs", "1", "--out", "run"]);
    assert_eq!(output.status.code(), Some(2));
}
