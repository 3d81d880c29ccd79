//! Files as they come: encodings, compression, pipes.

use super::*;
use std::io::Write;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("bytes");
    encoder.finish().expect("bytes")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

const TEXT: &str = "größe,b\n1,x\n2,ü€\n";

#[test]
fn encodings_are_told_by_mark_or_by_bytes() {
    let plain = table(TEXT);
    assert!(plain.decisions.is_empty());
    assert_eq!(table(format!("\u{feff}{TEXT}")).columns[1].cells, plain.columns[1].cells);
    let utf16 =
        |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> { format!("\u{feff}{TEXT}").encode_utf16().flat_map(bytes).collect() };
    for (bytes, name) in [(utf16(u16::to_le_bytes), "UTF-16LE"), (utf16(u16::to_be_bytes), "UTF-16BE")] {
        let found = table(&bytes);
        assert_eq!((found.names(), found.texts("b")), (vec!["größe", "b"], vec![Some("x"), Some("ü€")]));
        assert_eq!(found.decisions, [format!("encoding  {name} (by its byte order mark)")]);
        // Without the mark it must be named.
        assert!(error(&bytes[2..]).contains("NUL byte"), "{}", error(&bytes[2..]));
        let options = ReadOptions { encoding: Some(name.to_lowercase()), ..Default::default() };
        assert_eq!(read_with(&bytes[2..], &options).expect("a table").texts("b")[1], Some("ü€"));
    }
    let (windows, _, _) = encoding_rs::WINDOWS_1252.encode(TEXT);
    let found = table(&windows);
    assert_eq!((found.names(), found.texts("b")), (vec!["größe", "b"], vec![Some("x"), Some("ü€")]));
    assert_eq!(found.decisions, ["encoding  windows-1252 (it is not UTF-8)"]);
    let options = ReadOptions { encoding: Some("latin1".into()), ..Default::default() };
    let found = read_with(&windows, &options).expect("a table");
    assert_eq!((found.texts("b")[1], found.decisions.len()), (Some("ü€"), 0));
}

#[test]
fn bytes_that_are_not_of_the_named_encoding_are_refused() {
    let utf8 = ReadOptions { encoding: Some("utf-8".into()), ..Default::default() };
    let bytes = b"a,b\n1,x\n2,\xFC\n";
    assert_eq!(error_with(bytes, &utf8), ":3: not UTF-8 text; save the file as UTF-8, or name its encoding");
    let unknown = ReadOptions { encoding: Some("klingon".into()), ..Default::default() };
    assert!(error_with(bytes, &unknown).starts_with("encoding = klingon: is not known"));
    let sjis = ReadOptions { encoding: Some("shift_jis".into()), ..Default::default() };
    assert!(error_with(b"a,b\n1,\x81\xFF\n", &sjis).contains("it is no text in Shift_JIS"));
    // A mark of UTF-8 before what is not.
    assert!(error(b"\xEF\xBB\xBFa,b\n1,\xFC\n").starts_with(":2: not UTF-8 text"));
}

/// A byte that is not UTF-8 far behind the beginning turns the whole file.
#[test]
fn an_encoding_may_show_late() {
    let rows = "1,x\n".repeat(400_000);
    let mut bytes = format!("gr\u{f6}\u{df}e,b\n{rows}").into_bytes();
    bytes.extend(b"2,\xFC\n");
    let found = table(&bytes);
    assert_eq!(found.texts("b")[400_000], Some("ü"));
    assert!(found.says("encoding  windows-1252"));
}

#[test]
fn compressed_files_are_read_by_their_first_bytes() {
    let rows = "1,x\n2,y\n".repeat(100_000);
    let text = format!("a,b\n{rows}");
    let plain = table(&text);
    let (first, second) = text.as_bytes().split_at(1001);
    for (bytes, name) in [
        (gzip(text.as_bytes()), "gzip"),
        ([gzip(first), gzip(second)].concat(), "gzip"),
        (zstd(text.as_bytes()), "Zstandard"),
        // Two frames with one between that a tool put in for itself.
        ([zstd(first), b"\x50\x2A\x4D\x18\x03\0\0\0abc".to_vec(), zstd(second)].concat(), "Zstandard"),
    ] {
        let found = table(&bytes);
        assert_eq!(found.decisions, [format!("compression  {name}")]);
        assert_eq!((&found.columns[0].cells, found.rows), (&plain.columns[0].cells, 200_000));
        // Read twice.
        let found = table(if name == "gzip" {
            gzip(format!("{text}z,z\n").as_bytes())
        } else {
            zstd(format!("{text}z,z\n").as_bytes())
        });
        assert_eq!(found.texts("a")[200_000], Some("z"));
        for cut in [bytes.len() - 1, bytes.len() / 2, 20, 6] {
            let message = error(&bytes[..cut]);
            assert!(message.contains(&format!("the {name} data are damaged or end too early")), "{cut}: {message}");
        }
        let mut damaged = bytes.clone();
        let middle = bytes.len() / 2;
        damaged[middle..middle + 8].iter_mut().for_each(|byte| *byte ^= 0x5A);
        assert!(read_with(&damaged, &ReadOptions::default()).is_err());
    }
    // Compressed UTF-16.
    let utf16: Vec<u8> = "\u{feff}a,b\n1,ü\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(table(gzip(&utf16)).texts("b"), [Some("ü")]);
}

#[cfg(unix)]
#[test]
fn pipes_are_opened_once_and_read_twice() {
    let folder = std::env::temp_dir().join(format!("anygrad-pipe-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let pipe = folder.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    // The last row turns the column into texts, so that the first pass is in vain.
    let text = format!("a,b\n{}z,2\n", "1,2\n".repeat(400_000));
    let writer = std::thread::spawn({
        let (pipe, bytes) = (pipe.clone(), gzip(text.as_bytes()));
        move || std::fs::write(pipe, bytes)
    });
    let found = read(&pipe, &ReadOptions::default(), Division { threads: 2, block: 10_000 }).expect("a table");
    writer.join().expect("no panic").expect("written");
    assert_eq!((found.rows, found.texts("a")[400_000]), (400_001, Some("z")));
    std::fs::remove_dir_all(folder).expect("removed");
}
