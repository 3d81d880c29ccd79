//! `predict --data -` as a pipe: each row is answered before the next is sent, as a file of the rows is, whatever is wrong
//! with others, and in memory that does not grow.
#![cfg(feature = "cli")]

mod common;

use common::program::{command, folder, json_lines, succeed};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const HEADER: &str = "id,island,bill,mass,day,member,kind";

/// A row of a table as people make them: texts in quotes, with ends of lines and separators, categories that no training row
/// has (from 1000 on), missing cells, dates of which most may be read in either order.
fn row(i: usize) -> String {
    let id = match i % 4 {
        0 => format!("\"row {i}, \"\"quoted\"\"\""),
        1 => format!("\"two\nlines {i}\""),
        _ => format!("r{i}"),
    };
    let island = match i % 11 {
        0 if i >= 1000 => "Newfound",
        0 => "",
        1..=4 => "Biscoe",
        5..=8 => "Dream",
        _ => "Torgersen",
    };
    let bill = if i % 13 == 5 { "NA".into() } else { format!("{}.{}", 30 + i * 7 % 20, i % 10) };
    let day = format!("{}/{}/{}", 1 + i * 5 % 28, 1 + i * 3 % 12, 2019 + i % 5);
    let (member, kind) = (["yes", "No"][i % 2], ["Adelie", "Gentoo", "Chinstrap"][(i * 7 % 20) / 7]);
    format!("{id},{island},{bill},{},{day},{member},{kind}\n", 3000 + i * 37 % 2000)
}

fn table(rows: impl Iterator<Item = usize>) -> String {
    format!("{HEADER}\n{}", rows.map(row).collect::<String>())
}

/// A model of such rows in a fresh folder.
fn trained(name: &str) -> std::path::PathBuf {
    let folder = folder(name);
    std::fs::write(folder.join("train.csv"), table(0..300)).expect("a file");
    let train = ["train", "train.csv", "--target", "kind", "--drop", "id", "--epochs", "3", "--device", "cpu"];
    succeed(&folder, &[&train[..], &["--out", "run"]].concat());
    folder
}

/// Runs `predict run --data -` with all of an input at once.
fn piped(folder: &Path, input: &[u8], more: &[&str]) -> Output {
    let mut child = start(folder, more);
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("the end");
    writer.join().expect("the writer");
    output
}

fn start(folder: &Path, more: &[&str]) -> Child {
    let mut command = command(folder, &[&["predict", "run", "--data", "-"], more].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// A program at the other end of the pipe.
struct Talk {
    child: Child,
    stdin: ChildStdin,
    answers: Receiver<String>,
}

impl Talk {
    fn start(folder: &Path, more: &[&str]) -> Talk {
        let mut child = start(folder, more);
        let (stdin, stdout) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Talk { child, stdin, answers }
    }

    fn say(&mut self, text: &str) {
        self.stdin.write_all(text.as_bytes()).expect("the program reads");
        self.stdin.flush().expect("the program reads");
    }

    fn hear(&self) -> String {
        self.answers.recv_timeout(Duration::from_secs(60)).expect("an answer in time")
    }

    fn silent(&self) -> bool {
        self.answers.recv_timeout(Duration::from_millis(100)).is_err()
    }

    fn end(self) -> Option<i32> {
        let Talk { mut child, stdin, .. } = self;
        drop(stdin);
        child.wait().expect("the end").code()
    }
}

#[test]
fn each_row_is_answered_before_the_next_one_comes() {
    let folder = trained("pipe_talk");
    let expected = piped(&folder, table(1000..1008).as_bytes(), &[]);
    let expected = text(&expected.stdout);
    let mut expected = expected.lines();
    let mut talk = Talk::start(&folder, &[]);
    talk.say(&format!("{HEADER}\n"));
    assert_eq!(talk.hear(), expected.next().expect("a header"));
    for i in 1000..1008 {
        let row = row(i);
        // The half of a row, even with the end of a line in quotes, has no answer.
        let (first, rest) = row.split_at(row.find("lines").unwrap_or(3));
        talk.say(first);
        assert!(i != 1001 || talk.silent(), "half of a row was answered");
        talk.say(rest);
        assert_eq!(talk.hear(), expected.next().expect("an answer"), "row {i}");
    }
    assert_eq!(talk.end(), Some(0));
}

#[test]
fn a_stream_is_answered_as_a_file_of_its_rows() {
    let folder = trained("pipe_file");
    let input = table(1000..3500);
    std::fs::write(folder.join("new.csv"), &input).expect("a file");
    for more in [&["--keep", "id,day,bill"][..], &["--format", "json"], &[]] {
        let of_file = succeed(&folder, &[&["predict", "run", "--data", "new.csv"], more].concat());
        let output = piped(&folder, input.as_bytes(), more);
        assert!(output.status.success() && of_file == text(&output.stdout), "{more:?}: {}", text(&output.stderr));
    }
    let of_file = succeed(&folder, &["predict", "run", "--data", "new.csv"]);
    assert!(of_file.starts_with("kind,p(Adelie)") && of_file.lines().count() == 2501);
    let of_stream = |input: &str| of_file == text(&piped(&folder, input.as_bytes(), &[]).stdout);
    assert!(of_stream(&input.replace('\n', "\r\n")) && of_stream(&format!("\u{FEFF}{input}\n\n")));
    // In windows-1252, as it turns out late.
    let old: Vec<u8> = input.replace("Newfound", "Großland").chars().map(|c| c as u8).collect();
    let output = piped(&folder, &old, &[]);
    assert!(of_file == text(&output.stdout) && text(&output.stderr).contains("encoding  windows-1252 from line"));
    // What is no plain text is read as a whole, as it was before.
    let utf16: Vec<u8> = [0xFEFF].into_iter().chain(input.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert!(of_file == text(&piped(&folder, &utf16, &[]).stdout));
    let errors = piped(&folder, input.as_bytes(), &["--errors-only"]);
    assert!(text(&errors.stdout) == succeed(&folder, &["predict", "run", "--data", "new.csv", "--errors-only"]));
}

#[test]
fn objects_are_answered_by_objects_and_as_the_cells_they_say() {
    let folder = trained("pipe_json");
    let cells = "island,bill,mass,day,member\nDream,41.5,4000,13/4/2020,yes\n,,3900,3/4/2020,no\n";
    let objects = [
        json!({ "member": true, "island": "Dream", "bill": 41.5, "mass": 4000, "day": "13/4/2020", "more": [1] }),
        json!({ "mass": "3900", "day": "3/4/2020", "member": "no", "bill": null, "island": "NA" }),
    ];
    let lines = format!("{}\n\n{}", objects[0], objects[1]);
    let of_objects = json_lines(&text(&piped(&folder, lines.as_bytes(), &[]).stdout));
    let of_cells = json_lines(&text(&piped(&folder, cells.as_bytes(), &["--format", "json"]).stdout));
    assert_eq!((of_objects.len(), &of_objects), (2, &of_cells));
    assert_eq!(
        text(&piped(&folder, lines.as_bytes(), &["--format", "text"]).stdout),
        text(&piped(&folder, cells.as_bytes(), &[]).stdout)
    );
    let mut talk = Talk::start(&folder, &["--keep", "more"]);
    talk.say(&format!("{}\n", json!({ "mass": 3900, "day": "3/4/2020", "member": false, "more": "x" })));
    // Training rows had missing cells in the columns that it lacks.
    let answer: Value = serde_json::from_str(&talk.hear()).expect("JSON");
    assert_eq!((&answer["probabilities"], &answer["more"]), (&of_objects[1]["probabilities"], &json!("x")));
    assert_eq!(talk.end(), Some(0));
}

/// Rows of which some are bad: the first cell and what its error names, or nothing.
const BAD: [(&str, Option<&str>); 9] = [
    ("Dream,41,4000,1/2/2020,yes", None),
    ("Dream,41,4000,1/2/2020,maybe", Some(":3, column `member`: `maybe` is neither yes nor no")),
    ("Dream,41", Some(":4: the row has 2 cells, the header has 5")),
    ("Dream,wide,4000,1/2/2020,yes", Some(":5, column `bill`: `wide` is not a number")),
    ("Dream,1e39,4000,1/2/2020,yes", Some(":6, column `bill`: `1e39` is too large")),
    ("Dream,41,4000,32/2/2020,yes", Some(":7, column `day`: `32/2/2020` is not a time")),
    ("\"Dr\neam\"x,41,4000,1/2/2020,yes", Some(":8: a quote opens in this line that is closed in line 9 only")),
    ("Biscoe,40,3500,2/2/2020,no", None),
    ("Dream,\"41,4000,1/2/2020,yes", Some(":11: a quote opens in this line that is never closed")),
];

#[test]
fn a_bad_row_ends_the_stream_behind_the_answers_before_it_or_gets_its_error_in_place() {
    let folder = trained("pipe_bad");
    let input: String = BAD.iter().map(|(row, _)| format!("{row}\n")).collect();
    let input = format!("island,bill,mass,day,member\n{input}");
    let good =
        piped(&folder, b"island,bill,mass,day,member\nDream,41,4000,1/2/2020,yes\nBiscoe,40,3500,2/2/2020,no\n", &[]);
    let good = text(&good.stdout);
    let good: Vec<&str> = good.lines().collect();

    let stopped = piped(&folder, input.as_bytes(), &[]);
    assert_eq!(stopped.status.code(), Some(2));
    assert_eq!(text(&stopped.stdout).lines().collect::<Vec<_>>(), good[..2]);
    let error = format!("error: standard input{}", BAD[1].1.expect("an error"));
    assert!(text(&stopped.stderr).contains(&error), "{}", text(&stopped.stderr));

    let output = piped(&folder, input.as_bytes(), &["--on-error", "continue"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("errors  7 rows have their errors"), "{}", text(&output.stderr));
    let lines = text(&output.stdout);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines[0], format!("{},error", good[0]));
    let mut answers = good[1..].iter();
    for (line, (row, error)) in lines[1..].iter().zip(&BAD) {
        match error {
            None => assert_eq!(*line, format!("{},", answers.next().expect("an answer"))),
            Some(error) => {
                assert!(line.starts_with(&",".repeat(4)) && line.contains(error), "{row}: {line} lacks {error}")
            }
        }
    }
    assert_eq!(lines.len(), 1 + BAD.len());

    let objects = "{\"mass\":[1]}\nnonsense\n{\"mass\":3900,\"day\":\"3/4/2020\",\"member\":false}\n";
    let output = piped(&folder, objects.as_bytes(), &["--on-error", "continue"]);
    let lines = json_lines(&text(&output.stdout));
    assert_eq!((&lines[0]["line"], &lines[1]["line"]), (&json!(1), &json!(2)));
    assert!(lines[0]["error"].as_str().is_some_and(|error| error.contains("column `mass`: the cell is a list")));
    assert!(
        lines[1]["error"].as_str().is_some_and(|error| error.contains("no JSON object"))
            && lines[2]["class"].is_string()
    );
    let file = ["predict", "run", "--data", "train.csv", "--on-error", "continue"];
    let refused = common::program::anygrad(&folder, &file);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("use it with --data -"), "{}", text(&refused.stderr));
    let nameless = piped(&folder, b"a,b\n1,2\n", &[]);
    assert_eq!((nameless.status.code(), nameless.stdout.len()), (Some(2), 0));
    assert!(
        text(&nameless.stderr).contains("the model needs a column that is not there"),
        "{}",
        text(&nameless.stderr)
    );
}

#[test]
fn decimals_are_what_the_rows_so_far_show() {
    let folder = folder("pipe_decimals");
    let rows = (0..80).map(|i| format!("{},{};{}\n", i % 9, i % 7, i % 3));
    std::fs::write(folder.join("t.csv"), format!("x;y\n{}", rows.collect::<String>())).expect("a file");
    let train = ["train", "t.csv", "--task", "values", "--epochs", "2", "--device", "cpu", "--out", "run"];
    succeed(&folder, &train);
    let by = |input: &str| piped(&folder, input.as_bytes(), &[]);
    let (comma, point) = (by("x;z\n2,5;0\n1.250;0\n"), by("x;z\n2.5;0\n1250;0\n"));
    assert_eq!(text(&comma.stdout), text(&point.stdout));
    // A number that was answered turns out to be another.
    let late = by("x;z\n1.250;0\n2,5;0\n");
    assert_eq!(late.status.code(), Some(2));
    assert_eq!(text(&late.stdout).lines().count(), 2);
    assert!(text(&late.stderr).contains("`1.250` in line 2 was read as"), "{}", text(&late.stderr));
}

#[test]
fn models_of_unnamed_numbers_take_rows_without_a_header() {
    let folder = folder("pipe_digits");
    succeed(&folder, &["train", "--epochs", "1", "--device", "cpu", "--out", "run"]);
    let rows: String = (0..3).map(|i| vec![(i * 5).to_string(); 64].join(",") + "\n").collect();
    let names: Vec<String> = (0..64).map(|i| format!("pixel{i}")).collect();
    let bare = piped(&folder, rows.as_bytes(), &[]);
    assert!(text(&bare.stderr).contains("the 64 numbers of a row are the model's features"), "{}", text(&bare.stderr));
    assert_eq!(text(&bare.stdout).lines().count(), 4);
    let headed = piped(&folder, format!("{}\n{rows}", names.join(",")).as_bytes(), &[]);
    assert!(headed.status.success() && bare.stdout == headed.stdout, "{}", text(&headed.stderr));
}

/// The most memory that the program takes for so many rows, in KiB, by what it says of itself before its end.
#[cfg(target_os = "linux")]
fn most_memory(folder: &Path, rows: usize) -> u64 {
    let mut talk = Talk::start(folder, &[]);
    talk.say(&format!("{HEADER}\n"));
    talk.hear();
    let block: String = (1000..1100).map(row).collect();
    for _ in 0..rows / 100 {
        talk.say(&block);
        (0..100).for_each(|_| drop(talk.hear()));
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", talk.child.id())).expect("the status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak");
    assert_eq!(talk.end(), Some(0));
    peak.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_rows() {
    let folder = trained("pipe_memory");
    let (few, many) = (most_memory(&folder, 10_000), most_memory(&folder, 100_000));
    // A row that is kept, 60 bytes of it, would take 5 MiB more.
    assert!(many < few + 2048, "{few} KiB for 10,000 rows, {many} KiB for 100,000");
}
