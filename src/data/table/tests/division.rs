//! The result does not depend on the size of the blocks and the number of threads.

use super::super::parallel::in_order;
use super::*;
use std::ops::ControlFlow;

/// A table with cells of all kinds, quotes and blank lines, whose kinds show late.
fn mixed(rows: usize) -> String {
    let mut text = String::from("n,late,t,s,q,g,o,e\n");
    for i in 0..rows {
        let late = if i + 5 > rows { "odd".to_string() } else { (i % 97).to_string() };
        let day = if i + 3 > rows { 31 } else { 1 + i % 12 };
        let quoted = if i % 7 == 0 { format!("\"line {i}\n\"\"x\"\", y\"") } else { format!("q{}", i % 50) };
        let number = (i as f64 * 0.37).sin();
        let group = if i % 3 == 0 { format!("\"{},{:03}\"", 1 + i % 900, i % 1000) } else { (i % 1000).to_string() };
        text += &format!("{number},{late},{day}/1/2012,t{},{quoted},{group},{},\n", i % 300, 1_700_000_000 + i);
        if i % 211 == 0 {
            text += "\n";
        }
        if i % 1000 == 999 {
            text += " \n\n";
        }
    }
    text
}

#[test]
fn blocks_and_threads_change_nothing() {
    let text = mixed(40_000);
    assert!(text.len() > 2 << 20, "behind the beginning: {}", text.len());
    let file = Scratch::new(text.as_bytes());
    for want in [Want::Cells, Want::Spelling, Want::EverySpelling] {
        let wants = all(want);
        let options = ReadOptions { wants: &wants, ..Default::default() };
        let whole = read(&file.0, &options, Division { threads: 1, block: 1 << 30 }).expect("a table");
        assert_eq!(whole.rows, 40_000);
        if want == Want::Cells {
            assert!(matches!(whole.col("late").cells, Cells::Texts { .. }));
            assert!(matches!(whole.col("t").cells, Cells::Times { .. }));
            assert!(matches!(whole.col("g").cells, Cells::Numbers { .. }));
            assert!(matches!(whole.col("q").cells, Cells::Texts { .. }));
            assert!(matches!(whole.col("o").cells, Cells::Numbers { offset: 1.7e9, .. }));
        }
        for (threads, block) in [(1, 100), (1, 4096), (2, 100), (3, 1000), (5, 777), (8, 50_000)] {
            let parts = read(&file.0, &options, Division { threads, block }).expect("a table");
            assert_eq!(format!("{:?}", parts.lines), format!("{:?}", whole.lines));
            assert_eq!((parts.rows, &parts.decisions), (whole.rows, &whole.decisions), "{threads} {block}");
            for (own, other) in parts.columns.iter().zip(&whole.columns) {
                // As text, in which missing numbers are equal.
                let same = format!("{own:?}") == format!("{other:?}");
                assert!(same, "{want:?}, {threads} threads, blocks of {block}: column {}", own.name);
            }
        }
    }
}

#[test]
fn the_first_fault_is_told_whatever_the_blocks() {
    let mut text = mixed(3000);
    text += "1,2\n";
    text += &mixed(3000);
    text += "1,2,3\n";
    let file = Scratch::new(text.as_bytes());
    let message = |threads, block| {
        read(&file.0, &ReadOptions::default(), Division { threads, block }).expect_err("an error").to_string()
    };
    let one = message(1, 1 << 30);
    assert!(one.contains("the row has 2 cells, the header has 8"), "{one}");
    for (threads, block) in [(1, 100), (4, 100), (8, 1000)] {
        assert_eq!(message(threads, block), one);
    }
}

/// Bytes that are no text behind a row with too few cells, in one block with it and in another.
#[test]
fn faults_come_in_the_order_of_the_file() {
    let rows = "1,2\n".repeat(300_000);
    let utf8 = ReadOptions { encoding: Some("utf-8".into()), ..Default::default() };
    for bad in [&b"1,\0\n"[..], b"1,\xFC\n", b"1,\xFC\n1,\0\n"] {
        for (middle, start) in [("1\n", ":300002: the row has 1 cell"), ("", ":300002: ")] {
            let bytes = [format!("a,b\n{rows}{middle}").as_bytes(), bad].concat();
            let file = Scratch::new(&bytes);
            for block in [50, 1 << 30] {
                let message = read(&file.0, &utf8, Division { threads: 2, block }).expect_err("an error").to_string();
                assert!(message.contains(start), "{message}");
                assert_eq!(message.contains("UTF-8 text"), middle.is_empty() && bad[2] == 0xFC, "{message}");
            }
        }
    }
}

#[test]
fn results_are_taken_in_order() {
    for threads in 1..9 {
        let (mut next, mut taken) = (0..200u64, Vec::new());
        let work = |task: u64| {
            std::thread::sleep(std::time::Duration::from_micros(task * 7919 % 50));
            task * task
        };
        in_order(
            threads,
            || next.next(),
            work,
            |result| {
                taken.push(result);
                ControlFlow::Continue(())
            },
        );
        assert_eq!(taken, (0..200).map(|task| task * task).collect::<Vec<u64>>());
    }
    // It ends when the taker breaks, and when there is nothing to do.
    let mut taken = 0;
    in_order(
        3,
        || Some(()),
        |()| (),
        |()| {
            taken += 1;
            if taken == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    );
    assert_eq!(taken, 10);
    in_order(3, || None::<()>, |()| (), |()| ControlFlow::Continue(()));
}

#[test]
fn a_panic_of_a_thread_is_passed_on() {
    let panics = std::panic::catch_unwind(|| {
        let mut next = 0..20;
        in_order(4, || next.next(), |task| assert!(task != 7, "at 7"), |()| ControlFlow::Continue(()));
    });
    assert!(panics.is_err());
}
