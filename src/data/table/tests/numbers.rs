//! Numbers: each as the standard library reads it, in groups of thousands, far from zero, infinite.

use super::super::numbers::{Evidence, Style, evidence, grouped, parse, short};
use super::*;

const POINT: Style = Style { decimal: b'.', group: None };

#[test]
fn short_numbers_are_those_of_the_standard_library() {
    let mut state = 1u64;
    let mut draw = |most: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % most
    };
    let mut taken = 0;
    for _ in 0..200_000 {
        let digits = |count: u64, draw: &mut dyn FnMut(u64) -> u64| -> String {
            (0..count).map(|_| char::from(b'0' + draw(10) as u8)).collect()
        };
        let (whole, decimals) = (draw(12), draw(12));
        let text = format!("{}{}", ["", "-", "+"][draw(3) as usize], digits(whole, &mut draw))
            + if draw(4) > 0 { "." } else { "" }
            + &digits(decimals, &mut draw);
        if let Some((number, length)) = short(text.as_bytes(), b'.') {
            assert_eq!(length, text.len(), "{text}");
            let theirs: f64 = text.parse().expect("a number");
            assert_eq!(number.to_bits(), theirs.to_bits(), "{text}");
            taken += 1;
        }
    }
    assert!(taken > 100_000);
    for none in ["", "-", ".", "+.", "x", "e5"] {
        assert_eq!(short(none.as_bytes(), b'.'), None, "{none}");
    }
    assert_eq!(short(b"12;", b','), Some((12.0, 2)));
    assert_eq!(short(b"1,5;", b','), Some((1.5, 3)));
    assert_eq!(short(b"1.5;", b','), Some((1.0, 1)));
}

#[test]
fn numbers_are_what_people_write_as_numbers() {
    for (text, number) in [
        ("-0", -0.0f64),
        ("+1", 1.0),
        ("1.0", 1.0),
        ("1e3", 1e3),
        ("1E-3", 1e-3),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e39", 1e39),
    ] {
        assert_eq!(parse(text, POINT).map(f64::to_bits), Some(number.to_bits()), "{text}");
    }
    for text in ["inf", "-Infinity", "INF"] {
        assert!(parse(text, POINT).is_some_and(f64::is_infinite), "{text}");
    }
    for text in ["", "nan", "NaN", "-nan", "1,5", "1_0", "0x10", "1 2", "5%", "$5", "--1", "1e", "e1", "\u{2212}2", "١"]
    {
        assert_eq!(parse(text, POINT), None, "{text}");
    }
    let comma = Style { decimal: b',', group: None };
    assert_eq!(parse("1,5e2", comma), Some(150.0));
    assert_eq!((parse("1.5", comma), parse("1,2,3", comma), parse("15", comma)), (None, None, Some(15.0)));
}

#[test]
fn groups_are_of_three() {
    let value = |text, decimal| grouped(text, decimal).map(|number| (number.value, number.is_sure));
    assert_eq!(value("1,234", b'.'), Some((1234.0, false)));
    assert_eq!(value("1,234,567", b'.'), Some((1_234_567.0, true)));
    assert_eq!(value("-1,234.5", b'.'), Some((-1234.5, true)));
    assert_eq!(value("1.234,5", b','), Some((1234.5, true)));
    assert_eq!(value("12'345", b'.'), Some((12345.0, false)));
    assert_eq!(value("1\u{202f}234\u{202f}567", b','), Some((1_234_567.0, true)));
    for text in
        ["1,23", "1,2345", "0,123", "1234,567", ",123", "1,,234", "1,234 567", "1234", "1,234.", "1,234.x", "12,34,567"]
    {
        assert!(value(text, b'.').is_none_or(|_| text == "1,234."), "{text}");
    }
}

#[test]
fn decimals_are_proved_by_what_can_be_nothing_else() {
    use Evidence::{Comma, None, Point};
    for (text, found) in [
        ("0.5", Point),
        ("1.2345", Point),
        ("1,234.5", Point),
        ("0,773", Comma),
        ("1,5", Comma),
        ("1.234,5", Comma),
        ("1,5e3", Comma),
        ("1,234", None),
        ("1.234", None),
        ("1,234,567", None),
        ("12", None),
        ("31.01.2012", None),
        ("a,b", None),
        ("1,2,3", None),
    ] {
        assert_eq!(evidence(text), found, "{text}");
    }
}

#[test]
fn thousands_are_read_only_where_nothing_else_can_be_meant() {
    // Decimal points elsewhere show that commas stand between thousands.
    let found = table("a,b\n\"1,000\",0.5\n\"12,001\",1.5\n7,2.5\n");
    assert_eq!(found.numbers("a"), [1000.0, 12001.0, 7.0]);
    assert!(found.says("thousands  in groups, as in `1,000` (column `a`)"), "{:?}", found.decisions);
    assert_eq!(table("a\n\"1,234,567\"\n\"8,999\"\n").numbers("a"), [1_234_567.0, 8999.0]);
    assert_eq!(table("a;b\n1.234,5;x\n7,25;y\n").numbers("a"), [1234.5, 7.25]);
    assert_eq!(table("a,b\n1 234,x\n12,y\n").numbers("a"), [1234.0, 12.0]);
    assert_eq!(table("a,b\n1'234'567.5,x\n12,y\n").numbers("a"), [1_234_567.5, 12.0]);
    // Nobody knows; said.
    let found = table("a;b\n1,234;x\n2,345;y\n");
    assert_eq!(found.texts("a"), [Some("1,234"), Some("2,345")]);
    assert!(found.says("texts  numbers with thousands or with decimals"), "{:?}", found.decisions);
    // Groups here, none there; other lengths.
    for text in
        ["a,b\n\"1,000\",0.5\n2000,1.5\n", "a,b\n\"1,000\",0.5\n\"1,00\",1.5\n", "a,b\n1 000,1\n\"1,000\",0.5\n"]
    {
        let found = table(text);
        assert!(matches!(found.columns[0].cells, Cells::Texts { .. }), "{text}: {:?}", found.columns[0]);
    }
}

#[test]
fn numbers_far_from_zero_keep_their_differences() {
    let found = table("t,y\n1700000000,1\n1700000060,2\n,3\n1700000120,4\n");
    let Cells::Numbers { offset, values } = &found.col("t").cells else { panic!("{:?}", found.col("t")) };
    assert_eq!((*offset, values[0], values[1], values[3]), (1.7e9, 0.0, 60.0, 120.0));
    assert!(values[2].is_nan());
    // Wide enough; constant; the noise of 64-bit sums.
    for text in ["t\n1700000000\n1800000000\n", "t\n1700000001\n1700000001\n", "t\n0.30000000000000004\n0.3\n"] {
        assert!(matches!(table(text).col("t").cells, Cells::Numbers { offset: 0.0, .. }), "{text}");
    }
    // Chosen later if the beginning has no numbers.
    let found = table(format!("a,t\n{}2,1700000000\n3,1700000001\n", "1,\n".repeat(600_000)));
    assert!(matches!(found.col("t").cells, Cells::Numbers { offset: 1.7e9, .. }));
}

#[test]
fn what_a_float_cannot_hold_is_odd() {
    for text in ["inf", "-Infinity", "1e39", "1e400", "-5e38"] {
        let found =
            table(format!("a,b\n1,x\n{text},y\n{text}1,z\n").replace("y1", "y").replace(&format!("{text}1,z"), "2,z"));
        let odd = found.col("a").odd.clone().expect("odd");
        assert_eq!((odd.row, odd.text.as_str(), found.col("a").numbers), (1, text, 3));
        assert!(found.numbers("a")[1].is_infinite());
    }
    assert_eq!(table("a\n3e38\n-3e38\n1e-45\n").col("a").odd, None);
}

#[test]
fn a_separator_is_no_decimal_comma() {
    let options = ReadOptions { decimal: Some(b','), ..Default::default() };
    let found = read_with("a,b\n1,5\n2,6\n", &options).expect("a table");
    assert_eq!((found.numbers("a"), found.numbers("b")), (vec![1.0, 2.0], vec![5.0, 6.0]));
}
