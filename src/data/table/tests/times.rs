//! Dates and times, in the ways in which they are written. The seconds are those of Python's `calendar.timegm`.

use super::super::times::parse;
use super::*;

/// The seconds of a text that can be read in one way only.
fn seconds(text: &str) -> Option<i64> {
    let moment = parse(text)?;
    assert!(moment.month_first.is_none() || moment.day_first.is_none() || moment.month_first == moment.day_first);
    moment.month_first.or(moment.day_first)
}

#[test]
fn dates_are_read_in_many_ways() {
    let day = 1_327_968_000;
    for text in [
        "2012-01-31",
        "2012/01/31",
        "2012/1/31",
        "2012.01.31",
        "31.01.2012",
        "31. 1.2012",
        "1/31/2012",
        "31/1/2012",
        "31-01-2012",
        "Jan 31 2012",
        "January 31, 2012",
        "31-Jan-2012",
        "31 Jan 2012",
        "31. January 2012",
    ] {
        assert_eq!(seconds(text), Some(day), "{text}");
    }
    for (text, clock) in [
        ("2012-01-31 13:05", 47_100),
        ("2012-01-31 13:05:09", 47_109),
        ("2012-01-31T13:05:09.5", 47_109),
        ("2012-01-31T13:05:09.500Z", 47_109),
        ("2012-01-31T13:05:09+02:00", 47_109),
        ("2012-01-31 13:05:09-0800", 47_109),
        ("2012-01-31 13:05:09 UTC", 47_109),
        ("2012-01-31 13:05:09+00", 47_109),
        ("1/31/2012 1:05 PM", 47_100),
        ("1/31/2012 12:05:00 am", 300),
        ("Jan 31 2012 13:05", 47_100),
        ("2012-01-31 24:00", 86_400),
    ] {
        assert_eq!(seconds(text), Some(day + clock), "{text}");
    }
    assert_eq!((seconds("13:05"), seconds("0:00:07")), (Some(47_100), Some(7)));
    for (text, value) in
        [("1970-01-01", 0), ("1969-12-31", -86_400), ("2000-02-29", 951_782_400), ("0001-01-01", -62_135_596_800)]
    {
        assert_eq!(seconds(text), Some(value), "{text}");
    }
    assert_eq!(seconds("9999-12-31"), Some(253_402_214_400));
}

#[test]
fn what_is_no_time_is_none() {
    for text in [
        "",
        "20120131",
        "2012",
        "2012-01",
        "2012-13-01",
        "2012-02-30",
        "1900-02-29",
        "2012-01/31",
        "31.13.2012",
        "32/32/2012",
        "1/31/12",
        "25:00",
        "12:60",
        "1:5",
        "13:05 PM",
        "2012-01-31T",
        "2012-01-31 x",
        "2012-01-31x",
        "Foo 31 2012",
        "Jan",
        "1.5",
        "-1",
        "12 apples",
        "Martin 5, 2012",
    ] {
        assert_eq!(parse(text), None, "{text}");
    }
}

#[test]
fn a_column_tells_whether_the_day_comes_first() {
    let february = 1_328_054_400; // 2012-02-01
    let found = table("t\n1/2/2012\n31/1/2012\n");
    assert_eq!(found.seconds("t"), [february, 1_327_968_000]);
    assert!(found.decisions.is_empty(), "{:?}", found.decisions);
    let found = table("t\n2/1/2012\n1/31/2012\n");
    assert_eq!(found.seconds("t"), [february, 1_327_968_000]);
    // Nothing tells: month first, and said.
    let found = table("t\n2/1/2012\n\n2/1/2012 10:30\n");
    assert_eq!(found.seconds("t"), [february, february + 37_800]);
    assert!(matches!(found.col("t").cells, Cells::Times { has_clock: true, .. }));
    assert!(found.says("dates  month before day, though it may be the other way round, as in `2/1/2012` (column `t`)"));
    // Both at once is neither.
    assert!(matches!(table("t\n13/1/2012\n1/13/2012\n").col("t").cells, Cells::Texts { .. }));
    // Told far behind the beginning.
    let rows = "1/2/2012\n".repeat(200_000);
    let found = table(format!("t\n{rows}31/1/2012\n"));
    assert_eq!(found.seconds("t")[0], february);
}

#[test]
fn times_are_a_kind_of_their_own() {
    let found = table("t,y\n2012-01-31,1\n,2\n2012-02-01,3\n");
    let Cells::Times { has_clock, .. } = found.col("t").cells else { panic!("{:?}", found.col("t")) };
    assert!(!has_clock && found.col("t").is_missing(1) && found.col("t").odd.is_none());
    assert_eq!(found.col("t").cells.len(), 3);
    // Times of day beside dates, numbers beside dates: texts.
    for text in ["t\n2012-01-31\n13:05\n", "t\n2012-01-31\n2012\n"] {
        assert!(matches!(table(text).col("t").cells, Cells::Texts { .. }), "{text}");
    }
    assert!(
        table("t\n2012-01-31T10:00+02:00\n")
            .says("times  as their clocks show, without the distance to UTC (column `t`)")
    );
    assert!(!table("t\n2012-01-31T10:00Z\n").says("times"));
}
