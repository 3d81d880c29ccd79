//! Files that the tests write by the crates' own writers.

use super::super::npy::tests::{npy, npz};
use super::super::{Cells, Column, MISSING_TIME, npy as numpy};
use super::*;
use arrow_array::builder::{Float64Builder, ListBuilder};
use arrow_array::*;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::Field;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use std::path::PathBuf;
use std::sync::Arc;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, cells)| (name, cells, true))).unwrap()
}

fn parquet_bytes(batch: &RecordBatch, compression: Compression) -> Vec<u8> {
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn ipc_bytes(batch: &RecordBatch, compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn stream_bytes(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("anygrad-arrow-{}-{name}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    path
}

fn table(name: &str, bytes: &[u8], options: &ReadOptions) -> Result<Table> {
    let path = file(name, bytes);
    let table = read(&path, options);
    std::fs::remove_file(path).unwrap();
    table
}

fn texts(column: &Column) -> Vec<Option<&str>> {
    let Cells::Texts { codes, levels } = &column.cells else { panic!("{column:?}") };
    codes.iter().map(|&code| levels.get(code as usize).map(String::as_str)).collect()
}

/// The columns as text, in which NaN equals NaN.
fn shown(table: &Table) -> String {
    format!("{} rows: {:#?}", table.rows, table.columns)
}

#[test]
fn one_table_is_the_same_from_every_format() {
    let rows = 1500;
    let size: Vec<f64> = (0..rows).map(|i| if i % 7 == 3 { f64::NAN } else { f64::from(i) / 8.0 }).collect();
    let id: Vec<i64> = (0..rows).map(|i| 1_700_000_000 + i64::from(i)).collect();
    let kinds = ["oak", "beech", "", "5"];
    let kind: Vec<&str> = (0..rows).map(|i| kinds[i as usize % 4]).collect();
    let wet: Vec<bool> = (0..rows).map(|i| i % 3 == 0).collect();
    let rows_of = format!("({rows},)");
    let letters: Vec<u8> = kind
        .iter()
        .flat_map(|text| format!("{text:\0<5}").chars().collect::<Vec<_>>())
        .flat_map(|c| (c as u32).to_le_bytes())
        .collect();
    let members = [
        ("size", npy("<f8", false, &rows_of, &size.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())),
        ("id", npy("<i8", false, &rows_of, &id.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())),
        ("kind", npy("<U5", false, &rows_of, &letters)),
        ("day", npy("<M8[s]", false, &rows_of, &id.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())),
        ("wet", npy("|b1", false, &rows_of, &wet.iter().map(|&v| u8::from(v)).collect::<Vec<_>>())),
    ];
    // Missing numbers are null here.
    let sizes: Float64Array = size.iter().map(|v| (!v.is_nan()).then_some(*v)).collect();
    let words: StringArray = kind.iter().map(|text| (!text.is_empty()).then_some(*text)).collect();
    let batch = batch(vec![
        ("size", Arc::new(sizes) as ArrayRef),
        ("id", Arc::new(Int64Array::from(id.clone()))),
        ("kind", Arc::new(words)),
        ("day", Arc::new(TimestampMicrosecondArray::from(id.iter().map(|v| v * 1_000_000).collect::<Vec<_>>()))),
        ("wet", Arc::new(BooleanArray::from(wet))),
    ]);
    let spelled = |names: &[String]| vec![Want::Spelling; names.len()];
    for options in [ReadOptions::default(), ReadOptions { wants: &spelled, ..ReadOptions::default() }] {
        let path = file("same.npz", &npz(&members, true));
        let expected = shown(&numpy::read_npz(&path, &options).unwrap().train);
        std::fs::remove_file(path).unwrap();
        let codecs = [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::GZIP(Default::default())];
        for codec in codecs.into_iter().chain([Compression::LZ4_RAW, Compression::ZSTD(Default::default())]) {
            let own = table("same.parquet", &parquet_bytes(&batch, codec), &options).unwrap();
            assert_eq!(shown(&own), expected, "{codec:?}");
        }
        for codec in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
            assert_eq!(
                shown(&table("same.arrow", &ipc_bytes(&batch, codec), &options).unwrap()),
                expected,
                "{codec:?}"
            );
        }
        assert_eq!(shown(&table("same.stream", &stream_bytes(&batch), &options).unwrap()), expected);
    }
}

#[test]
fn every_type_is_numbers_times_or_texts() {
    let two = |array: ArrayRef| array;
    let cents = Decimal128Array::from(vec![Some(12_345), None]).with_precision_and_scale(10, 2).unwrap();
    let category: DictionaryArray<Int8Type> = [Some("b"), None].into_iter().collect();
    let half: Float16Array = [1.5f32].iter().map(|&v| Some(half_of(v))).chain([None]).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("i8", two(Arc::new(Int8Array::from(vec![Some(-1), None])))),
        ("u64", two(Arc::new(UInt64Array::from(vec![Some(3), None])))),
        ("f32", two(Arc::new(Float32Array::from(vec![Some(0.1), None])))),
        ("f16", two(Arc::new(half))),
        ("cents", two(Arc::new(cents))),
        ("large", two(Arc::new(LargeStringArray::from(vec![Some("x"), None])))),
        ("view", two(Arc::new(StringViewArray::from(vec![Some("y"), Some("NA")])))),
        ("category", two(Arc::new(category))),
        ("date", two(Arc::new(Date32Array::from(vec![Some(-1), None])))),
        ("ms", two(Arc::new(TimestampMillisecondArray::from(vec![Some(-1), None]).with_timezone("+02:00")))),
        ("clock", two(Arc::new(Time64NanosecondArray::from(vec![Some(61_000_000_000), None])))),
        ("nothing", two(Arc::new(NullArray::new(2)))),
    ];
    let batch = batch(columns);
    for bytes in [parquet_bytes(&batch, Compression::SNAPPY), ipc_bytes(&batch, None)] {
        let table = table("types", &bytes, &ReadOptions::default()).unwrap();
        let column = |name: &str| table.columns.iter().find(|column| column.name == name).unwrap();
        for (name, expected) in [("i8", -1.0), ("u64", 3.0), ("f32", 0.1), ("f16", 1.5), ("cents", 123.45)] {
            let Cells::Numbers { offset: 0.0, values } = &column(name).cells else { panic!("{name}") };
            assert!(values[0] == expected && values[1].is_nan(), "{name}: {values:?}");
            assert_eq!((column(name).numbers, column(name).odd.clone()), (1, None));
        }
        for (name, expected) in [("large", "x"), ("view", "y"), ("category", "b")] {
            assert_eq!(texts(column(name)), [Some(expected), None]);
        }
        for (name, expected, clock) in [("date", -86_400, false), ("ms", -1, true), ("clock", 61, true)] {
            let expected = Cells::Times { seconds: vec![expected, MISSING_TIME], has_clock: clock, day_first: false };
            assert_eq!(column(name).cells, expected, "{name}");
        }
        assert_eq!(column("nothing").cells, Cells::Skipped);
        assert_eq!(table.decisions, ["times  `ms` in UTC (the file names the zone +02:00)"]);
    }
}

fn half_of(number: f32) -> <Float16Type as ArrowPrimitiveType>::Native {
    <Float16Type as ArrowPrimitiveType>::Native::from_f32(number)
}

#[test]
fn other_types_are_refused_only_where_they_are_wanted() {
    let mut lists = ListBuilder::new(Float64Builder::new());
    lists.append_value([Some(1.0)]);
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![7]));
    let index: ArrayRef = Arc::new(Int64Array::from(vec![0]));
    let batch = batch(vec![("lists", Arc::new(lists.finish())), ("n", numbers.clone()), ("__index_level_0__", index)]);
    for bytes in [parquet_bytes(&batch, Compression::UNCOMPRESSED), ipc_bytes(&batch, None), stream_bytes(&batch)] {
        let error = table("lists", &bytes, &ReadOptions::default()).unwrap_err().to_string();
        assert!(
            error.contains("column `lists`: cells of the type List(") && error.contains("leave the column out"),
            "{error}"
        );
        let wants = |names: &[String]| {
            names.iter().map(|name| if name == "lists" { Want::Skip } else { Want::Cells }).collect::<Vec<_>>()
        };
        let own = table("skipped", &bytes, &ReadOptions { wants: &wants, ..ReadOptions::default() }).unwrap();
        assert_eq!(own.columns[0].cells, Cells::Skipped);
        assert_eq!(own.columns[1].cells, Cells::Numbers { offset: 0.0, values: vec![7.0] });
        assert_eq!(own.columns.iter().map(|column| column.is_named).collect::<Vec<_>>(), [true, true, false]);
    }
    let field = |name| Field::new(name, DataType::Int32, false);
    let twice = Arc::new(Schema::new(vec![field("n"), field("n")]));
    let batch = RecordBatch::try_new(twice, vec![numbers.clone(), numbers]).unwrap();
    let error = table("twice", &ipc_bytes(&batch, None), &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("two columns are called `n`"), "{error}");
    let error = table("empty", &ipc_bytes(&batch.slice(0, 0), None), &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("two columns") || error.contains("no rows"), "{error}");
}

#[test]
fn damaged_files_are_refused_and_never_panic() {
    let words: StringArray = (0..40).map(|i| Some(["a", "bc", "def"][i % 3])).collect();
    let numbers = Int64Array::from_iter_values(0..40);
    let batch = batch(vec![("word", Arc::new(words) as ArrayRef), ("number", Arc::new(numbers))]);
    let files = [
        parquet_bytes(&batch, Compression::SNAPPY),
        ipc_bytes(&batch, Some(CompressionType::LZ4_FRAME)),
        stream_bytes(&batch),
    ];
    for (kind, whole) in files.iter().enumerate() {
        for cut in (0..whole.len()).step_by(if kind == 2 { 64 } else { 7 }) {
            let outcome = table("cut", &whole[..cut], &ReadOptions::default());
            // A stream may end anywhere between two of its messages.
            assert!(outcome.is_err() || kind == 2, "{kind}: {cut} of {} bytes", whole.len());
        }
        let mut failures = 0;
        for at in 6..whole.len() {
            for flip in [0xFF, 0x40] {
                let mut damaged = whole.clone();
                damaged[at] ^= flip;
                match table("flipped", &damaged, &ReadOptions::default()) {
                    Ok(table) => assert!(table.columns.len() <= 2),
                    Err(error) => failures += usize::from(!error.to_string().is_empty()),
                }
            }
        }
        assert!(failures > 0);
    }
    for (name, bytes, part) in [
        ("csv", &b"a,b\n1,2\n"[..], "neither a Parquet nor an Arrow file"),
        ("nothing", b"", "neither"),
        ("old", b"FEA1....FEA1", "Feather of version 1"),
    ] {
        let error = table(name, bytes, &ReadOptions::default()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}
