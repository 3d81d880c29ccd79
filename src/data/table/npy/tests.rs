//! Arrays that the tests write themselves, as NumPy does.

use super::super::{Cells, Column, MISSING_TIME, Want};
use super::*;
use std::io::Write;
use std::path::PathBuf;

/// An NPY file.
pub(in crate::data::table) fn npy(descr: &str, is_fortran: bool, shape: &str, elements: &[u8]) -> Vec<u8> {
    let order = if is_fortran { "True" } else { "False" };
    let descr = if descr.starts_with('[') { descr.to_string() } else { format!("'{descr}'") };
    let mut header = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}");
    header += &" ".repeat(63 - (header.len() + 10) % 64);
    header += "\n";
    [&b"\x93NUMPY\x01\0"[..], &(header.len() as u16).to_le_bytes(), header.as_bytes(), elements].concat()
}

/// An NPZ file; deflated, or stored as `savez` does, with sizes of eight bytes.
pub(in crate::data::table) fn npz(members: &[(&str, Vec<u8>)], is_deflated: bool) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let mut sum = flate2::Crc::new();
        sum.update(content);
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(content).unwrap();
        let packed = if is_deflated { encoder.finish().unwrap() } else { content.clone() };
        let name = format!("{name}.npy");
        let method = [if is_deflated { 8 } else { 0 }, 0];
        let sizes = [content.len() as u64, packed.len() as u64].map(u64::to_le_bytes).concat();
        let extra = [&[1, 0, 16, 0], &sizes[..]].concat();
        let common = [&[45, 0, 0, 0], &method[..], &[0; 4], &sum.sum().to_le_bytes(), &[0xFF; 8]].concat();
        let lengths = [(name.len() as u16).to_le_bytes(), (extra.len() as u16).to_le_bytes()].concat();
        let at = (file.len() as u32).to_le_bytes();
        directory.extend([&b"PK\x01\x02-\0"[..], &common, &lengths, &[0; 10], &at, name.as_bytes(), &extra].concat());
        file.extend([&b"PK\x03\x04"[..], &common, &lengths, name.as_bytes(), &extra, &packed].concat());
    }
    let (at, size) = ((file.len() as u32).to_le_bytes(), (directory.len() as u32).to_le_bytes());
    let count = (members.len() as u16).to_le_bytes();
    file.extend(directory);
    file.extend([&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &size, &at, &[0, 0]].concat());
    file
}

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("anygrad-npy-{}-{name}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    path
}

fn table(name: &str, bytes: &[u8]) -> Result<Table> {
    let path = file(name, bytes);
    let table = read(&path, &ReadOptions::default());
    std::fs::remove_file(path).unwrap();
    table
}

fn parts(name: &str, bytes: &[u8]) -> Result<crate::data::Parts<Table>> {
    let path = file(name, bytes);
    let parts = read_npz(&path, &ReadOptions::default());
    std::fs::remove_file(path).unwrap();
    parts
}

fn names(table: &Table) -> Vec<&str> {
    table.columns.iter().map(|column| column.name.as_str()).collect()
}

fn numbers(column: &Column) -> Vec<f32> {
    let Cells::Numbers { offset, values } = &column.cells else { panic!("{column:?}") };
    values.iter().map(|value| value + *offset as f32).collect()
}

fn texts(column: &Column) -> Vec<Option<&str>> {
    let Cells::Texts { codes, levels } = &column.cells else { panic!("{column:?}") };
    codes.iter().map(|&code| levels.get(code as usize).map(String::as_str)).collect()
}

#[test]
fn every_number_in_either_order_is_read() {
    let values = [-2i8, 0, 3];
    let both = |bytes: fn(i8) -> Vec<u8>, code: &str| {
        [false, true].map(|is_big| {
            let number = |&value: &i8| {
                let mut bytes = bytes(value);
                if is_big {
                    bytes.reverse();
                }
                bytes
            };
            (format!("{}{code}", if is_big { '>' } else { '<' }), values.iter().flat_map(number).collect::<Vec<u8>>())
        })
    };
    let kinds = [
        both(|v| v.to_le_bytes().into(), "i1"),
        both(|v| i16::from(v).to_le_bytes().into(), "i2"),
        both(|v| i32::from(v).to_le_bytes().into(), "i4"),
        both(|v| i64::from(v).to_le_bytes().into(), "i8"),
        both(|v| f32::from(v).to_le_bytes().into(), "f4"),
        both(|v| f64::from(v).to_le_bytes().into(), "f8"),
        // np.float16([-2, 0, 3]).view(np.uint16) of NumPy 2.4.6.
        both(|v| [0xC000u16, 0, 0, 0, 0, 0x4200][(v + 2) as usize].to_le_bytes().into(), "f2"),
    ];
    for (descr, bytes) in kinds.concat() {
        let table = table("number", &npy(&descr, false, "(3,)", &bytes)).unwrap();
        assert_eq!((names(&table), numbers(&table.columns[0])), (vec!["x0"], vec![-2.0, 0.0, 3.0]), "{descr}");
    }
    for code in ["u1", "u2", "u4", "u8"] {
        let size: usize = code[1..].parse().unwrap();
        let bytes: Vec<u8> = [0u64, 1, 200].iter().flat_map(|v| v.to_le_bytes()[..size].to_vec()).collect();
        let table = table("unsigned", &npy(&format!("<{code}"), false, "(3,)", &bytes)).unwrap();
        assert_eq!(numbers(&table.columns[0]), [0.0, 1.0, 200.0], "{code}");
    }
    // np.float16 of 65504, 2⁻²⁴, infinity, NaN.
    assert_eq!([0x7BFF, 1, 0x7C00].map(half), [65_504.0, 5.960_464_5e-8, f32::INFINITY]);
    assert!(half(0x7E00).is_nan());
}

#[test]
fn rows_are_flattened_in_memory_order_or_transposed() {
    let bytes: Vec<u8> = (0..12).collect();
    let plain = table("c", &npy("|u1", false, "(2, 2, 3)", &bytes)).unwrap();
    assert_eq!((plain.rows, names(&plain)), (2, vec!["x0", "x1", "x2", "x3", "x4", "x5"]));
    assert_eq!(
        plain.columns.iter().flat_map(numbers).collect::<Vec<_>>(),
        [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11].map(|i| i as f32)
    );
    // np.arange(12).reshape(2, 2, 3).tobytes("F") of NumPy 2.4.6.
    let transposed = [0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11];
    let fortran = table("f", &npy("|u1", true, "(2, 2, 3)", &transposed)).unwrap();
    for (own, other) in plain.columns.iter().zip(&fortran.columns) {
        assert_eq!(own.cells, other.cells);
    }
}

#[test]
fn fields_texts_truths_and_times_are_columns() {
    let row = |size: f32, kind: &str, day: i64, is_wet: u8| {
        let letters: Vec<u8> =
            kind.chars().chain("\0\0\0".chars()).take(3).flat_map(|c| (c as u32).to_le_bytes()).collect();
        [&size.to_le_bytes()[..], &letters, &day.to_le_bytes(), &[is_wet]].concat()
    };
    let descr = "[('size', '<f4'), ('kind', '<U3'), ('day', '<M8[D]'), ('wet', '|b1')]";
    let bytes = [row(0.5, "öl", 1, 1), row(f32::NAN, "", i64::MIN, 0)].concat();
    let fields = table("fields", &npy(descr, false, "(2,)", &bytes)).unwrap();
    assert_eq!(names(&fields), ["size", "kind", "day", "wet"]);
    let size = numbers(&fields.columns[0]);
    assert!(size[0] == 0.5 && size[1].is_nan());
    assert_eq!(texts(&fields.columns[1]), [Some("öl"), None]);
    assert_eq!(
        fields.columns[2].cells,
        Cells::Times { seconds: vec![86_400, MISSING_TIME], has_clock: false, day_first: false }
    );
    assert_eq!(texts(&fields.columns[3]), [Some("true"), Some("false")]);
    let bytes = table("bytes", &npy("|S3", false, "(2,)", b"ab\0abc")).unwrap();
    assert_eq!(texts(&bytes.columns[0]), [Some("ab"), Some("abc")]);
    let mask = table("mask", &npy("|b1", false, "(1, 2)", &[0, 1])).unwrap();
    assert_eq!(mask.columns.iter().flat_map(numbers).collect::<Vec<_>>(), [0.0, 1.0]);
}

#[test]
fn arrays_by_name_are_features_targets_and_parts() {
    let x = |rows: usize| npy("|u1", false, &format!("({rows}, 2)"), &(0..2 * rows as u8).collect::<Vec<_>>());
    let y = |rows: usize| npy("|u1", false, &format!("({rows},)"), &vec![1; rows]);
    for is_deflated in [false, true] {
        let feature_names = npy("<U1", false, "(2,)", &['p', 'q'].map(|c| (c as u32).to_le_bytes()).concat());
        let object = npy("|O", false, "(1,)", b"pickle");
        let members = [("X", x(3)), ("y", y(3)), ("feature_names", feature_names), ("note", object)];
        let whole = parts("whole", &npz(&members, is_deflated)).unwrap();
        assert_eq!((names(&whole.train), whole.train.rows, whole.test.is_none()), (vec!["p", "q", "y"], 3, true));
        assert_eq!(numbers(&whole.train.columns[1]), [1.0, 3.0, 5.0]);
        assert_eq!(whole.train.decisions[0], "arrays  `X` (3×2) has the features, `y` (3) the target");
    }
    let members = [("x_train", x(4)), ("y_train", y(4)), ("x_test", x(2)), ("y_test", y(2))];
    let keras = parts("keras", &npz(&members, false)).unwrap();
    assert_eq!((keras.train.rows, keras.test.as_ref().unwrap().rows, keras.validation.is_none()), (4, 2, true));
    let members = [("train_images", x(4)), ("train_labels", y(4)), ("val_images", x(2)), ("val_labels", y(2))];
    assert_eq!(parts("medical", &npz(&members, true)).unwrap().validation.unwrap().rows, 2);
    let unnamed = parts("unnamed", &npz(&[("arr_1", y(3)), ("arr_0", x(3))], false)).unwrap().train;
    assert_eq!(names(&unnamed), ["x0", "x1", "y"]);
    let columns = parts("columns", &npz(&[("x", y(3)), ("y", y(3)), ("z", y(3))], false)).unwrap().train;
    assert_eq!(names(&columns), ["x", "y", "z"]);
    for (name, members, part) in [
        ("rows", vec![("X", x(3)), ("y", y(2))], "array `y`: 2 rows, `X` has 3"),
        ("two", vec![("X", x(3)), ("data", x(3)), ("y", y(3))], "`X` could be meant"),
        ("test", vec![("x_test", x(3)), ("y_test", y(3))], "no features to train on"),
        ("many", vec![("a", x(3)), ("b", x(3))], "arrays `a` [3, 2], `b` [3, 2]; save features as `x`"),
        ("target", vec![("x_train", x(3)), ("y_train", y(3)), ("x_test", x(1))], "2 columns for test, 3 for training"),
        ("none", vec![], "no arrays"),
    ] {
        let error = parts(name, &npz(&members, false)).expect_err(name).to_string();
        assert!(error.contains(part), "{name}: {error}");
    }
}

#[test]
fn what_is_wanted_of_columns_is_kept() {
    let path =
        file("wants", &npy("<f8", false, "(2, 3)", &[1.0f64, 2.5, 3.0, 1.0, 0.1, 4.0].map(f64::to_le_bytes).concat()));
    let wants = |names: &[String]| {
        names
            .iter()
            .map(|name| [Want::Spelling, Want::EverySpelling, Want::Skip][usize::from(name.as_bytes()[1] - b'0')])
            .collect()
    };
    let table = read(&path, &ReadOptions { wants: &wants, ..ReadOptions::default() }).unwrap();
    std::fs::remove_file(path).unwrap();
    assert_eq!(texts(&table.columns[0]), [Some("1"), Some("1")]);
    assert_eq!(texts(&table.columns[1]), [Some("2.5"), Some("0.1")]);
    assert_eq!(table.columns[2].cells, Cells::Skipped);
}

#[test]
fn hostile_arrays_are_refused_without_taking_memory() {
    let huge = npy("<f8", false, "(1000000000, 1000000)", &[0; 64]);
    let more = npy("<f8", false, "(18446744073709551615, 18446744073709551615)", &[0; 64]);
    let wide = npy("|u1", false, "(1, 2000000)", &vec![0; 2_000_000]);
    let whole = npy("<f8", false, "(2, 4)", &[0; 64]);
    for (name, bytes, part) in [
        ("huge", huge.clone(), "promises 8000000000000000 bytes, there are 64"),
        ("more", more, "promises more than 2⁶⁴ bytes"),
        ("wide", wide, "2000000 columns"),
        ("cut", whole[..whole.len() - 1].to_vec(), "promises 64 bytes, there are 63"),
        ("long", [&whole[..], &[0]].concat(), "overlong"),
        ("empty", npy("<f8", false, "(0, 4)", &[]), "no rows"),
        ("scalar", npy("<f8", false, "()", &[0; 8]), "no table"),
        ("object", npy("|O", false, "(1,)", b"cos\nsystem\n."), "Python objects"),
        ("twice", npy("[('a', '|u1'), ('a', '|u1')]", false, "(1,)", &[0, 0]), "two columns are called `a`"),
        ("text", b"a,b\n1,2\n".to_vec(), "no whole header"),
    ] {
        let error = table(name, &bytes).expect_err(name).to_string();
        assert!(error.contains(part), "{name}: {error}");
    }
    let whole = npz(&[("x", npy("|u1", false, "(50, 2)", &[7; 100]))], false);
    let mut flipped = whole.clone();
    let at = whole.windows(4).rposition(|w| w == [7; 4]).unwrap();
    flipped[at] = 8;
    // A terabyte in the directory, and in the header behind a true directory.
    let mut promised = whole.clone();
    let at = whole.windows(4).rposition(|w| w == [1, 0, 16, 0]).unwrap();
    promised[at + 4..at + 12].copy_from_slice(&(1u64 << 40).to_le_bytes());
    for (name, bytes, part) in [
        ("flipped", flipped, "the checksum differs"),
        ("promised", promised, "promises 1099511627776 bytes, the file holds at most"),
        ("header", npz(&[("x", huge)], true), "promises 8000000000000000 bytes"),
        ("cut", whole[..whole.len() - 30].to_vec(), "no whole ZIP archive"),
        ("no zip", vec![0; 100], "no whole ZIP archive"),
        ("nothing", vec![], "no whole ZIP archive"),
    ] {
        let error = parts(name, &bytes).expect_err(name).to_string();
        assert!(error.contains(part), "{name}: {error}");
    }
    for cut in 0..whole.len() {
        assert!(parts("cuts", &whole[..cut]).is_err(), "{cut} bytes");
    }
}
