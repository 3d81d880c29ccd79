//! Quotes: as RFC 4180 has them, as the csv crate reads them, and where they are never closed.

use super::*;

#[test]
fn quotes_hold_separators_quotes_and_ends_of_lines() {
    let text = table("a,b\n\"x, y\",\"say \"\"hi\"\"\"\n\"two\nlines\",\" in \"\n\"\",z\n");
    assert_eq!(text.texts("a"), [Some("x, y"), Some("two\nlines"), None]);
    assert_eq!(text.texts("b"), [Some("say \"hi\""), Some("in"), Some("z")]);
    // The second row begins in line 3 and takes two lines.
    assert_eq!((text.lines.of(1), text.lines.of(2)), (Some(3), Some(5)));
    assert_eq!(text.place(2, 1), ":5, column `b`");
}

#[test]
fn a_quote_within_a_cell_is_a_character() {
    let inches = table("a,b\n1,5\" disk\n2,3.5\"\n3,\"5\"\" disk\"\n");
    assert_eq!(inches.texts("b"), [Some("5\" disk"), Some("3.5\""), Some("5\" disk")]);
    let behind = table("a,b\n1,\"x\" y\n2,\"x\"\"\" \"z\"\n");
    assert_eq!(behind.texts("b"), [Some("x y"), Some("x\" \"z\"")]);
}

#[test]
fn blanks_may_stand_before_a_quote() {
    let text = table("a, \"b, c\" ,d\n1, \"x, y\",\"z\" \n");
    assert_eq!(text.names(), ["a", "b, c", "d"]);
    assert_eq!(text.texts("b, c"), [Some("x, y")]);
    let tabs = table("a\tb\n\"1\"\t\"x\ty\"\n2\t\t\n".replace("\t\t\n", "\t\n"));
    assert_eq!(tabs.texts("b"), [Some("x\ty"), None]);
}

#[test]
fn numbers_and_times_may_stand_in_quotes() {
    let quoted = table("\"a\",\"t\"\n\"1.5\",\"2012-01-31\"\n\" -2 \",\"\"\n");
    assert_eq!(quoted.numbers("a"), [1.5, -2.0]);
    assert!(quoted.col("t").is_missing(1) && !quoted.col("t").is_missing(0));
}

#[test]
fn a_quote_that_is_never_closed_is_refused_by_its_line() {
    let open = ":8: a quote opens in this line that is never closed";
    let rows = "0.1,0.2,yes\n".repeat(6);
    let after = "0.1,0.2,yes\n".repeat(30);
    for row in ["\"0.1,0.2,yes\n", "0.1,0.2,\"yes\n", "0.1, \"0.2,yes\n"] {
        let text = format!("a,b,y\n{rows}{row}{after}");
        assert!(error(&text).starts_with(open), "{}", error(&text));
        for want in [Want::Skip, Want::Spelling, Want::EverySpelling] {
            let wants = all(want);
            let options = ReadOptions { wants: &wants, ..Default::default() };
            assert!(error_with(&text, &options).starts_with(open), "{want:?}");
        }
        let without_header = ReadOptions { header: Some(false), ..Default::default() };
        assert!(error_with(&text, &without_header).starts_with(open));
    }
    assert!(error("a,\"b\n1,2\n").starts_with(":1: a quote opens in this line that is never closed"));
    assert!(error("a,b\n1,2\n1,\"").starts_with(":3: a quote opens in this line"));
    assert!(error("\"").starts_with(":1: a quote opens in this line"));
    // Far behind the beginning, in small blocks on several threads.
    let rows = "0.1,0.2,\"y\nes\"\n".repeat(1000);
    let file = Scratch::new(format!("a,b,y\n{rows}1,2,\"no\n{after}").as_bytes());
    let message = read(&file.0, &ReadOptions::default(), Division { threads: 3, block: 100 }).expect_err("an error");
    assert!(message.to_string().contains(":2002: a quote opens in this line"), "{message}");
}

#[test]
fn a_quote_that_swallows_lines_until_another_is_named_as_the_cause() {
    let torn = "a quote opens in this line that is closed in line 5 only, before further text";
    for text in
        ["a,b\n1,x\n2,\"y\n3,z\n4,\"z\"\n4,w\n", "\na,\"b\n1,2\n\n4,\"z\"\n4,w\n", "a,b\n1,x\n2,\"y\n\n4,\"z, w\"\n"]
    {
        let line = if text.starts_with('\n') { 2 } else { 3 };
        let remedy = "close it, or double it if it is a part of the text";
        assert_eq!(error(text), format!(":{line}: {torn}; {remedy}"));
    }
    let message = error("a,b\n1,x\n\"2,y\n3,z\",w,v\n4,w\n");
    assert_eq!(
        message,
        ":3: the row has 3 cells, the header has 2; its quotes hold ends of lines: close the quote where the text ends"
    );
}

/// Small random numbers.
struct Draws(u64);

impl Draws {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % most
    }
}

/// Random tables with everything that quotes may hold, written with quotes where they are needed and elsewhere at random:
/// each cell is what the csv crate makes of it.
#[test]
fn random_tables_are_what_the_csv_crate_reads() {
    const PARTS: [&str; 14] = [",", "\"", "\n", "\r\n", "x", "ü", " ", "12", "-", ";", "|", "\t", "a b", "'"];
    let mut draws = Draws(7);
    for round in 0..300 {
        let (columns, rows) = (1 + draws.below(4), 2 + draws.below(30));
        let separator = b",;\t|"[draws.below(4) as usize];
        let (quotes, line_ends) = match draws.below(2) {
            0 => (csv::QuoteStyle::Necessary, csv::Terminator::Any(b'\n')),
            _ => (csv::QuoteStyle::Always, csv::Terminator::CRLF),
        };
        // The crate counts a line feed behind a carriage return to the next row.
        let is_crlf = matches!(line_ends, csv::Terminator::CRLF);
        let mut builder = csv::WriterBuilder::new();
        builder.delimiter(separator).quote_style(quotes).terminator(line_ends);
        let mut writer = builder.from_writer(Vec::new());
        writer.write_record((0..columns).map(|i| format!("name {i}"))).expect("a header");
        for _ in 0..rows {
            let cells =
                (0..columns).map(|_| (0..draws.below(5)).map(|_| PARTS[draws.below(14) as usize]).collect::<String>());
            // No cell begins with a blank, behind which a quote opens here but not there.
            writer.write_record(cells.map(|cell| cell.trim_start().to_string() + "_")).expect("a row");
        }
        let bytes = writer.into_inner().expect("bytes");
        let wants = all(Want::EverySpelling);
        let options =
            ReadOptions { separator: Some(separator), header: Some(true), wants: &wants, ..Default::default() };
        let file = Scratch::new(&bytes);
        let own = read(&file.0, &options, Division { threads: 1 + round % 3, block: 1 + draws.below(200) as usize });
        let own = own.unwrap_or_else(|e| panic!("round {round}: {e}\n{}", String::from_utf8_lossy(&bytes)));
        let mut theirs = csv::ReaderBuilder::new().delimiter(separator).trim(csv::Trim::All).from_reader(&bytes[..]);
        let records: Vec<csv::StringRecord> = theirs.records().map(|record| record.expect("a row")).collect();
        assert_eq!(own.rows, records.len());
        for column in 0..columns as usize {
            let texts = own.texts(&format!("name {column}"));
            for (row, record) in records.iter().enumerate() {
                assert_eq!(texts[row], Some(&record[column]), "round {round}, row {row}, column {column}");
                if !is_crlf {
                    let line = record.position().expect("a place").line();
                    assert_eq!(own.lines.of(row), Some(line), "round {round}, row {row}");
                }
            }
        }
    }
}
