//! What is found out of the way a file is written: separators, decimals, headers, ends of lines.

use super::*;

#[test]
fn each_separator_is_found_and_said() {
    for (separator, word) in [(",", None), (";", Some("semicolon")), ("\t", Some("tab")), ("|", Some("bar"))] {
        let found = table("a,b,y\n1.5,x,2\n2.5,z,3\n".replace(',', separator));
        assert_eq!(found.names(), ["a", "b", "y"]);
        assert_eq!((found.numbers("a"), found.numbers("y")), (vec![1.5, 2.5], vec![2.0, 3.0]));
        let said: Vec<String> =
            word.map(|word| format!("separator  {word} (as many in each of the first 3 rows)")).into_iter().collect();
        assert_eq!(found.decisions, said);
    }
}

#[test]
fn a_separator_is_not_taken_from_texts() {
    // Each text has one semicolon, or a comma in quotes.
    let found = table("1,x;y,3\n2,y;z,4\n");
    assert_eq!(found.columns.len(), 3);
    let found = table("a;b\n\"x,y\";1\n\"z,w\";2\n");
    assert_eq!(found.texts("a"), [Some("x,y"), Some("z,w")]);
    // A single column of texts.
    let one = table("word\nx\ny\n");
    assert_eq!(one.texts("word"), [Some("x"), Some("y")]);
}

#[test]
fn a_named_separator_counts() {
    let options = ReadOptions { separator: Some(b';'), ..Default::default() };
    let found = read_with("a,b;c\n1,5;2\n", &options).expect("a table");
    assert_eq!(found.names(), ["a,b", "c"]);
    let wrong = ReadOptions { separator: Some(b'x'), ..Default::default() };
    assert_eq!(error_with("a\n1\n", &wrong), "separator = x: must be a comma, a semicolon, a tab or a bar");
    let wrong = ReadOptions { decimal: Some(b';'), ..Default::default() };
    assert_eq!(error_with("a\n1\n", &wrong), "decimal = ;: must be a point or a comma");
}

#[test]
fn a_first_line_names_the_separator() {
    for line in ["sep=;\n", "SEP=;\r\n", "\"sep=;\"\n"] {
        let found = table(format!("{line}a;b\n1;x\n2;y\n"));
        assert_eq!(found.names(), ["a", "b"]);
        assert_eq!(found.lines.of(0), Some(3));
        assert!(found.says("separator  semicolon (the file's first line says so)"));
    }
    let column = table("sep=\n1\n");
    assert_eq!(column.names(), ["sep="]);
}

#[test]
fn decimal_commas_are_found_where_commas_do_not_separate() {
    let found = table("a;b\n0,773;1,5\n1,459;-2,25\n");
    assert_eq!((found.numbers("a"), found.numbers("b")), (vec![0.773f32.into(), 1.459f32.into()], vec![1.5, -2.25]));
    assert!(found.says("decimals  after a comma, as in `0,773`"));
    // 1,459 is never 1459 in such a file, even where a column has nothing else.
    let found = table("a;b\n1,459;0,5\n2,777;0,25\n");
    assert_eq!(found.numbers("a"), [f64::from(1.459f32), f64::from(2.777f32)]);
    // Points prove the contrary.
    let found = table("a;b\n0,5;0.5\n0,7;0.7\n");
    assert_eq!(found.texts("a"), [Some("0,5"), Some("0,7")]);
    assert_eq!(found.numbers("b"), [0.5, f64::from(0.7f32)]);
    // With commas between cells, decimal commas must be named.
    let text = "a,b\n\"0,5\",1\n\"0,25\",2\n";
    assert_eq!(table(text).texts("a"), [Some("0,5"), Some("0,25")]);
    let options = ReadOptions { decimal: Some(b','), ..Default::default() };
    let found = read_with(text, &options).expect("a table");
    assert_eq!((found.numbers("a"), found.numbers("b")), (vec![0.5, 0.25], vec![1.0, 2.0]));
    let options = ReadOptions { decimal: Some(b'.'), ..Default::default() };
    assert_eq!(read_with("a;b\n0,5;1\n", &options).expect("a table").texts("a"), [Some("0,5")]);
}

#[test]
fn a_header_is_told_from_cells() {
    // Texts above numbers or times.
    assert_eq!(table("a,b\n1,x\n2,y\n").names(), ["a", "b"]);
    assert_eq!(table("x,when\ny,2012-01-31\nz,2012-02-01\n").names(), ["x", "when"]);
    // Numbers above numbers, times above times.
    for text in ["0.5,x\n1,y\n", "x,2012-01-31\ny,2012-02-01\n", "NA,1\n2,2\n"] {
        let found = table(text);
        assert_eq!((found.rows, found.names()), (2, vec!["column 1", "column 2"]));
        assert!(found.says("header  none (line 1 is like the lines below it)"), "{:?}", found.decisions);
        assert!(found.columns.iter().all(|column| !column.is_named));
        assert_eq!(found.lines.of(0), Some(1));
    }
    // A text above numbers counts more than a number above numbers: years as names.
    assert_eq!(table("country,2001,id\nx,5,1\ny,6,2\n").rows, 2);
    // Texts only.
    let found = table("name,kind\noak,tree\nelm,tree\n");
    assert_eq!(found.rows, 2);
    assert!(found.says("header  line 1 (its cells are all different and do not come again below)"));
    let found = table("oak,tree\nelm,tree\n");
    assert_eq!(found.rows, 2);
    assert!(found.says("header  none (cells of line 1 come again)"), "{:?}", found.decisions);
    // One line of cells.
    assert_eq!(table("0.5,x\n").rows, 1);
    // What pandas writes above columns without names.
    assert_eq!(table(",0,1\n0,5,6\n1,7,8\n").names(), ["column 1", "0", "1"]);
}

#[test]
fn a_named_header_counts() {
    let with = ReadOptions { header: Some(true), ..Default::default() };
    let found = read_with("1,2\n3,4\n", &with).expect("a table");
    assert_eq!((found.names(), found.decisions.len()), (vec!["1", "2"], 0));
    let without = ReadOptions { header: Some(false), ..Default::default() };
    let found = read_with("a,b\n3,4\n", &without).expect("a table");
    assert_eq!((found.rows, found.names()), (2, vec!["column 1", "column 2"]));
    assert_eq!(found.texts("column 1"), [Some("a"), Some("3")]);
    assert!(error_with("a,b\n1,2\n3\n", &without).starts_with(":3: the row has 1 cell, the first row has 2; add"));
}

#[test]
fn lines_end_in_any_of_three_ways() {
    let text = "a,b\n1,\"x\ny\"\n2,z";
    let plain = table(text);
    for end in ["\r\n", "\r"] {
        let found = table(text.replace('\n', end));
        assert_eq!(found.names(), ["a", "b"]);
        assert_eq!(found.columns[0].cells, plain.columns[0].cells);
        assert_eq!(found.texts("b")[0], Some(format!("x{end}y").as_str()));
        assert_eq!(found.lines, plain.lines);
    }
    // Line feeds within quotes of a file whose lines end by carriage returns.
    let mixed = table("a,b\r1,\"x\ny\"\r2,z\r");
    assert_eq!(mixed.texts("b"), [Some("x\ny"), Some("z")]);
    assert!(mixed.says("line ends  carriage returns"));
}

#[test]
fn blank_lines_are_passed_over_and_counted() {
    let found = table("\n\na,b\n\n1,x\n \t\n2,y\n\n\n");
    assert_eq!((found.rows, found.lines.of(0), found.lines.of(1)), (2, Some(5), Some(7)));
    assert!(found.says("blank lines  2 passed over"), "{:?}", found.decisions);
    assert!(table("a,b\n1,x\n\n\n").decisions.is_empty());
    // Tabs between cells are cells.
    let tabs = table("a\tb\n1\tx\n\t\n");
    assert_eq!(tabs.rows, 2);
    // A quoted nothing is a cell.
    assert_eq!(table("a\n1\n\"\"\n\n").rows, 2);
}

#[test]
fn an_empty_last_column_without_name_is_left_out() {
    for text in ["a,y,\n1,n,\n2,p,\n", "a,y\n1,n,\n2,p,\n", "a;y\n1;n;\n2;p; \n"] {
        let found = table(text);
        assert_eq!(found.names(), ["a", "y"], "{text:?}");
        assert!(found.says("last column  left out"));
    }
    // It is a column if it has a name or cells, in whatever row.
    let rows = "1,n,\n".repeat(300_000);
    assert_eq!(table(format!("a,y,\n{rows}2,p,5\n")).names(), ["a", "y", "column 3"]);
    assert_eq!(table("a,y,z\n1,n,\n").names(), ["a", "y", "z"]);
    assert_eq!(table("a,y,\n1,n,NA\n").names(), ["a", "y", "column 3"]);
    let message = error(format!("a,y\n{rows}2,p,5\n"));
    assert_eq!(
        message,
        ":300002: the row has 3 cells, the header has 2; remove cells, and put text with a comma in double quotes"
    );
}

#[test]
fn rows_with_other_counts_of_cells_are_refused() {
    let message = error("a,b,y\n1,2,n\n1,2,n,4\n");
    assert_eq!(
        message,
        ":3: the row has 4 cells, the header has 3; remove cells, and put text with a comma in double quotes"
    );
    assert_eq!(
        error("a,b,y\n1,2,n\n\n1,2\n"),
        ":4: the row has 2 cells, the header has 3; add the cells that are missing"
    );
    let message = error("# measured 2024\na,b,y\n1,2,n\n2,1,p\n");
    let remedy = "remove the lines above the names of the columns, or name the separator";
    assert_eq!(message, format!(":2: the row has 3 cells, the header has 1; {remedy}"));
}
