//! The direction and the style of the code, as ARCHITECTURE.md states them: which rooms may know which, what a file begins
//! with, how long it may be, what a doc comment may not say, and in how many files an addition lands.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Most lines of a file.
const MOST_LINES: usize = 400;

/// For each room of `src/` the rooms that it may know. From bottom to top: nothing points up.
const ROOMS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("files", &["error"]),
    ("random", &["files"]),
    ("kernel", &["error", "random"]),
    ("cpu", &["kernel", "random"]),
    ("graph", &["cpu", "error", "kernel", "random"]),
    ("ops", &["cpu", "error", "graph", "kernel", "random"]),
    ("plan", &["error", "graph", "kernel", "ops"]),
    ("backend", &["cpu", "error", "files", "graph", "kernel", "ops", "plan"]),
    ("tune", &["backend", "cpu", "error", "files", "graph", "kernel", "ops", "plan", "random"]),
    ("data", &["error", "files", "random"]),
    ("optim", &["cpu", "error", "graph", "kernel", "ops"]),
    ("model", &["backend", "data", "error", "files", "graph", "kernel", "ops", "optim", "plan", "random"]),
    (
        "train",
        &["backend", "data", "error", "files", "graph", "kernel", "model", "ops", "optim", "plan", "random", "tune"],
    ),
    (
        "check",
        &["backend", "data", "error", "graph", "kernel", "model", "ops", "optim", "plan", "random", "train", "tune"],
    ),
    ("export", &["data", "error", "files", "graph", "kernel", "model"]),
    ("teach", &["backend", "data", "error", "graph", "kernel", "model", "ops", "optim", "plan", "train"]),
];

/// The one circle: a trained model carries the recipe of its run, and a recipe is about layers.
const CIRCLE: (&str, &str) = ("model", "train");

/// Files that are tests.
const TESTS: &[&str] = &["src/backend/gpu/objects.rs", "src/cpu/product/tests.rs"];

/// What is neither a room nor code that others use: the crate's root, the page of words, the program.
const ROOTS: &[&str] = &["lib", "main", "semantics", "cli"];

fn files_below(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![PathBuf::from(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| endings.iter().any(|own| *own == ending)) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a text file")
}

/// The room of a file of `src/`.
fn room(path: &Path) -> String {
    let below = path.strip_prefix("src").expect("a file of src/");
    let first = below.components().next().expect("a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_string()
}

/// The rooms that a source names behind `crate::`, but for its own tests.
fn named(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut rooms = BTreeSet::new();
    for line in lines {
        for behind in line.split("crate::").skip(1) {
            let braced = behind.strip_prefix('{').map(|list| list.split(['}', '\n']).next().unwrap_or_default());
            let names: Vec<&str> = braced.map_or_else(|| vec![behind], |list| list.split(',').collect());
            for name in names {
                let word: String = name.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                rooms.insert(word);
            }
        }
    }
    let known: BTreeSet<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    rooms.retain(|room| known.contains(room.as_str()));
    rooms
}

#[test]
fn rooms_know_only_those_below_them() {
    let allowed: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let mut wrong = Vec::new();
    for file in files_below("src", &["rs"]) {
        let own = room(&file);
        if ROOTS.contains(&own.as_str()) || TESTS.iter().any(|test| file == Path::new(test)) {
            continue;
        }
        let may = allowed.get(own.as_str()).unwrap_or_else(|| panic!("{}: no room in the table", file.display()));
        let others = named(&read(&file))
            .into_iter()
            .filter(|room| *room != own && !may.contains(&room.as_str()) && (own.as_str(), room.as_str()) != CIRCLE);
        wrong.extend(others.map(|room| format!("{} knows {room}", file.display())));
    }
    assert!(wrong.is_empty(), "arrows that ARCHITECTURE.md does not have:\n{}", wrong.join("\n"));
    // A table in which each room knows earlier ones only has no circle.
    for (at, (own, may)) in ROOMS.iter().enumerate() {
        let earlier: Vec<&str> = ROOMS[..at].iter().map(|(room, _)| *room).collect();
        assert!(may.iter().all(|room| earlier.contains(room)), "{own} knows a room that comes later");
    }
}

#[test]
fn the_gpu_is_asked_in_one_folder() {
    for file in files_below("src", &["rs"]) {
        let code: Vec<String> =
            read(&file).lines().filter(|l| !l.trim_start().starts_with("//")).map(Into::into).collect();
        let asks = code.iter().any(|line| line.contains("wgpu::"));
        assert!(!asks || file.starts_with("src/backend/gpu"), "{} names wgpu", file.display());
    }
}

/// The files that may have unsafe code, as ARCHITECTURE.md says, two of them of the program.
const UNSAFE: [&str; 9] = [
    "src/backend/gpu/pipeline_cache.rs",
    "src/cli/memory.rs",
    "src/cpu/parts.rs",
    "src/cpu/product/fused.rs",
    "src/cpu/product/gemm.rs",
    "src/cpu/product/tile.rs",
    "src/cpu/threads.rs",
    "src/cpu/vectors.rs",
    "src/main.rs",
];

#[test]
fn unsafe_code_is_where_it_may_be_and_says_why() {
    let mut files = BTreeSet::new();
    for file in files_below("src", &["rs"]) {
        let source = read(&file);
        let lines: Vec<&str> = source.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            // In quotes it is a word of exported sources, or of what a page allows.
            let code = line.split("//").next().unwrap_or_default();
            let code = code.replace("\"unsafe\"", "").replace("'wasm-unsafe-eval'", "");
            if code.split(|c: char| !c.is_alphanumeric() && c != '_').all(|word| word != "unsafe") {
                continue;
            }
            files.insert(file.display().to_string());
            // A function that is unsafe, or a type of such, hands its conditions on to those who call it.
            let declares = code.contains("unsafe fn") || code.contains("unsafe extern \"C\" fn(");
            let argued = lines[at.saturating_sub(8)..at].iter().any(|before| before.contains("SAFETY:"));
            assert!(declares || argued, "{}:{}: unsafe code without its SAFETY argument", file.display(), at + 1);
        }
    }
    assert_eq!(files, UNSAFE.map(String::from).into(), "unsafe code elsewhere than ARCHITECTURE.md says");
}

#[test]
fn a_file_states_its_purpose_first_and_is_not_long() {
    for (folder, endings) in
        [("src", "rs"), ("tests", "rs"), ("benches", "rs"), ("examples", "rs"), ("shaders", "wgsl")]
    {
        let purpose = if endings == "rs" { "//!" } else { "// " };
        for file in files_below(folder, &[endings]) {
            let source = read(&file);
            assert!(source.starts_with(purpose), "{}: the first line states the purpose", file.display());
            let lines = source.lines().count();
            assert!(lines <= MOST_LINES, "{} has {lines} lines", file.display());
        }
    }
}

#[test]
fn doc_comments_stand_alone() {
    let mut riddles = Vec::new();
    for file in files_below("src", &["rs"]).into_iter().chain(files_below("shaders", &["wgsl"])) {
        for (number, line) in read(&file).lines().enumerate() {
            let text = line.trim_start().trim_start_matches('/').trim_start_matches('!').trim_start();
            let is_comment = line.trim_start().starts_with("//");
            if is_comment && ["The same", "Such ", "Same as", "Ditto"].iter().any(|start| text.starts_with(start)) {
                let before =
                    read(&file).lines().nth(number.wrapping_sub(1)).unwrap_or_default().trim_start().to_string();
                // Only where a comment begins.
                if !before.starts_with("//") {
                    riddles.push(format!("{}:{}: {text}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(riddles.is_empty(), "comments that say nothing on a page of their own:\n{}", riddles.join("\n"));
}

/// Files of `src/`, but for the program and tests, that name a variant of an enum by itself.
fn naming(enum_name: &str, variants: &[&str]) -> BTreeSet<String> {
    let patterns: Vec<String> = variants.iter().map(|variant| format!("{enum_name}::{variant}")).collect();
    let mut files = BTreeSet::new();
    for file in files_below("src", &["rs"]) {
        let source = read(&file);
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        if lines.into_iter().any(|line| patterns.iter().any(|pattern| line.contains(pattern))) {
            files.insert(file.strip_prefix("src").expect("below src").display().to_string());
        }
    }
    files
}

/// Files of `src/` whose code, but for tests and documentation, has a word.
fn mentioning(word: &str) -> BTreeSet<String> {
    let has = |file: &PathBuf| {
        let source = read(file);
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        code.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(word))
    };
    let files = files_below("src", &["rs"]).into_iter().filter(has);
    files.map(|file| file.strip_prefix("src").expect("below src").display().to_string()).collect()
}

/// What an addition touches, held by adding nothing: the files that tell the members of a kind apart.
#[test]
fn an_addition_lands_in_few_files() {
    let activations = naming("Activation", &["Elu", "Gelu", "Softplus", "Silu"]);
    assert_eq!(activations, BTreeSet::from(["ops/activation/function.rs".to_string()]), "activations");
    let optimizers = mentioning("Adagrad");
    assert_eq!(optimizers, BTreeSet::from(["optim/adagrad.rs", "optim/mod.rs"].map(String::from)), "optimizers");
    let losses = mentioning("huber");
    // The reference of keys names the options of each kind.
    let expected = ["cli/keys.rs", "model/loss.rs", "ops/pointwise_loss.rs"];
    assert_eq!(losses, BTreeSet::from(expected.map(String::from)), "losses");
    let ops = mentioning("ClipNorm");
    assert_eq!(ops, BTreeSet::from(["ops/clip.rs", "optim/clipping.rs"].map(String::from)), "ops and their users");
}
