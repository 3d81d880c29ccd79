//! The verbs `plan` and `bench` end to end: their fields, their errors, and that a plan is what a run sees.
#![cfg(feature = "cli")]

mod common;

use anygrad::backend::Device;
use anygrad::backend::gpu::Granted;
use anygrad::data::digits;
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::train::Trainer;
use common::program::{fail, folder, json_lines, succeed};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Fields that the interface names, in its order.
const BENCH_FIELDS: [&str; 9] = [
    "event",
    "net",
    "batch",
    "device",
    "ms_per_step",
    "samples_per_second",
    "dispatches_per_step",
    "steps_per_submit",
    "first_step_seconds",
];

fn of_event<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

#[test]
fn bench_prints_the_documented_fields_for_each_net_and_device() {
    let folder = folder("bench");
    let bench = ["bench", "--nets", "16-8-4@8,12-4@4", "--device", "both", "--steps", "8", "--format", "json"];
    let lines = json_lines(&succeed(&folder, &bench));
    let devices = 1 + usize::from(common::adapter().is_some());
    assert_eq!(lines.len(), 2 * devices, "{lines:?}");
    for line in &lines {
        let names: Vec<&str> = line.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(names[..9], BENCH_FIELDS, "{line}");
        for field in ["ms_per_step", "samples_per_second", "first_step_seconds", "gflops"] {
            assert!(line[field].as_f64().is_some_and(|x| x > 0.0), "{field} in {line}");
        }
        let recording = line["recording_us_per_step"].as_f64();
        assert_eq!(recording.is_some_and(|x| x > 0.0), line["backend"] != "cpu", "{line}");
        assert_eq!((&line["event"], &line["steps"]), (&Value::from("bench"), &Value::from(8)));
        assert_eq!(line["steps_per_submit"], 8.0);
        assert_eq!(line["launches_per_step"], line["dispatches_per_step"]);
    }
    assert_eq!((&lines[0]["net"], &lines[0]["batch"]), (&Value::from("16-8-4"), &Value::from(8)));
    assert_eq!((&lines[1]["net"], &lines[1]["batch"]), (&Value::from("12-4"), &Value::from(4)));
    assert_eq!((&lines[0]["device"], &lines[0]["backend"]), (&Value::from("CPU"), &Value::from("cpu")));
    if let Some(adapter) = common::adapter() {
        assert_eq!(lines[2]["backend"], adapter.backend());
    }
}

#[test]
fn bench_counts_what_a_step_dispatches() {
    let folder = folder("bench_fusion");
    let bench = ["bench", "--nets", "16-8-4@8", "--device", "cpu", "--steps", "4", "--format", "json"];
    let dispatches = |more: &[&str]| {
        let lines = json_lines(&succeed(&folder, &[&bench[..], more].concat()));
        lines[0]["dispatches_per_step"].as_u64().expect("a number")
    };
    assert!(dispatches(&[]) < dispatches(&["--no-fusion"]));
}

#[test]
fn bench_writes_its_results_and_draws_them() {
    let folder = folder("bench_files");
    let bench =
        ["bench", "--nets", "16-8-4@8", "--steps", "4", "--format", "json", "--out", "b.json", "--plot", "b.svg"];
    let lines = json_lines(&succeed(&folder, &bench));
    let document = std::fs::read_to_string(folder.join("b.json")).expect("a file");
    let document: Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(document["results"].as_array().expect("results"), &lines);
    assert!(document["processors"].is_u64() && document["anygrad"].is_string());
    let svg = std::fs::read_to_string(folder.join("b.svg")).expect("a file");
    assert!(svg.starts_with("<svg") && svg.contains("16-8-4 @ 8") && svg.contains("CPU"), "{svg}");
}

#[test]
fn bench_times_each_kernel_against_the_roofline() {
    let folder = folder("bench_kernels");
    let bench = ["bench", "--nets", "16-8-4@8", "--steps", "4", "--seconds", "0.05", "--kernels", "--format", "json"];
    let lines = json_lines(&succeed(&folder, &bench));
    let devices = 1 + usize::from(common::adapter().is_some());
    let (steps, best, kernels) = (of_event(&lines, "bench"), of_event(&lines, "roofline"), of_event(&lines, "kernel"));
    assert_eq!((steps.len(), best.len()), (devices, devices));
    assert!(best.iter().all(|b| b["gflops"].as_f64() > Some(0.0) && b["gb_per_second"].as_f64() > Some(0.0)));
    let dispatches: u64 = steps.iter().filter_map(|step| step["dispatches_per_step"].as_u64()).sum();
    assert_eq!(kernels.len() as u64, dispatches);
    for kernel in kernels {
        assert!(kernel["kernel"].as_str().is_some_and(|name| name.contains('/')), "{kernel}");
        assert!(kernel["microseconds"].is_f64() && kernel["share_of_roofline"].is_f64(), "{kernel}");
    }
}

#[test]
fn bench_shows_how_time_grows() {
    let folder = folder("bench_scaling");
    let bench = ["bench", "--scaling", "--up-to", "32", "--steps", "4", "--device", "cpu", "--format", "json"];
    let lines = json_lines(&succeed(&folder, &[&bench[..], &["--plot", "s.svg"]].concat()));
    let values = |axis: &str| {
        let own = lines.iter().filter(|line| line["axis"] == axis);
        own.filter_map(|line| line["value"].as_u64()).collect::<Vec<_>>()
    };
    assert_eq!(values("batch"), [1, 2, 4, 8, 16, 32]);
    assert_eq!(values("width"), [16, 32]);
    assert_eq!(values("depth"), [1, 2, 4, 8, 16]);
    assert!(lines.iter().all(|line| line["microseconds_per_sample"].as_f64() > Some(0.0)));
    let svg = std::fs::read_to_string(folder.join("s.svg")).expect("a file");
    assert!(["rows of a batch", "width W", "depth D"].iter().all(|title| svg.contains(title)), "{svg}");
}

#[test]
fn wrong_nets_are_one_line_with_a_remedy_and_code_2() {
    let folder = folder("bench_wrong");
    for (net, why) in [
        ("784-0-10@64", "`0` is not a number from 1"),
        ("784", "no @"),
        ("784-10", "no @"),
        ("784@64", "an input and an output"),
        ("784-10@0", "`0` is not a number from 1"),
        ("784-1@64", "at least 2"),
        ("784-9999999999-10@64", "larger than 1 GiB"),
        ("abc", "no @"),
        ("a-b@c", "`a` is not a number"),
    ] {
        fail(&folder, &["bench", "--nets", net], 2, &[why, "such as 784-128-10@64", "anygrad bench --help"]);
    }
    fail(&folder, &["bench", "--steps", "0"], 2, &["--steps", "1.."]);
    fail(&folder, &["bench", "--seconds", "-1"], 2, &["--seconds", "0.01"]);
    fail(&folder, &["bench", "--device", "NoSuchGpu"], 3, &["NoSuchGpu", "cpu"]);
    fail(&folder, &["bench", "--out", "no/such/folder.json"], 1, &["no/such/folder.json", "check the path"]);
}

#[test]
fn a_plan_is_what_a_run_sees() {
    let folder = folder("plan");
    let data = digits().expect("digits").split(0.2, 0).expect("a split");
    let mut devices = vec![("cpu", Device::Cpu)];
    if let Some(adapter) = common::adapter() {
        let gpu = pollster::block_on(adapter.open(Granted::Large)).expect("the adapter opens");
        devices.push(("gpu", Device::Gpu(Arc::new(gpu))));
    }
    for (name, device) in devices {
        // The same adapter as the tests: `gpu` alone may choose another.
        let index = std::env::var("ANYGRAD_TEST_ADAPTER").unwrap_or_else(|_| "0".into());
        let asked = if name == "gpu" { index.as_str() } else { name };
        for fuse in [true, false] {
            let model = Sequential::new(64).linear(24).relu().linear(10);
            let mut trainer = Trainer::new(model, Loss::cross_entropy(), Sgd::new(0.1).momentum(0.9))
                .batch_size(50)
                .epochs(3)
                .fuse(fuse)
                .on(device.clone());
            let history = trainer.fit_blocking(&data).expect("a run");
            let mut plan = vec!["plan", "--hidden", "24", "--batch-size", "50", "--epochs", "3", "--device", asked];
            plan.extend(["--optimizer", "sgd", "--format", "json"]);
            plan.extend((!fuse).then_some("--no-fusion"));
            let lines = json_lines(&succeed(&folder, &plan));
            let done = lines.last().expect("a line");
            assert_eq!(done["event"], "plan");
            assert_eq!(done["launches_per_step"], history.launches_per_step, "{name}, fused {fuse}");
            assert_eq!(done["submissions"], history.submissions, "{name}, fused {fuse}");
            assert_eq!(done["steps"], history.step_losses.len(), "{name}, fused {fuse}");
            assert_eq!(done["steps_per_submission"], history.step_losses.len() as f64 / history.submissions as f64);
            assert_eq!(done["peak_bytes"], history.device_bytes, "{name}, fused {fuse}");
            let of_step = |line: &&&Value| line["phase"] == "train";
            let dispatches = of_event(&lines, "dispatch");
            let of_launches = dispatches.iter().filter(of_step).filter_map(|d| d["launches"].as_array());
            let launches: BTreeSet<u64> = of_launches.flatten().filter_map(Value::as_u64).collect();
            assert_eq!(launches.len(), history.launches_per_step);
            let flops: u64 = dispatches.iter().filter(of_step).filter_map(|d| d["flops"].as_u64()).sum();
            assert_eq!(done["flops_per_step"], flops);
            let bytes: u64 = of_event(&lines, "buffer").iter().filter_map(|buffer| buffer["bytes"].as_u64()).sum();
            let of_plan = ["parameter_bytes", "state_bytes", "intermediate_bytes"];
            assert_eq!(of_plan.iter().filter_map(|&field| done[field].as_u64()).sum::<u64>(), bytes);
            for limit in of_event(&lines, "limit") {
                let fits = limit["held"].is_null() || limit["used"].as_u64() <= limit["held"].as_u64();
                assert!(fits && limit["held"].is_null() == (name == "cpu"), "{limit}");
            }
        }
    }
}

#[test]
fn a_plan_for_people_shows_step_memory_and_device() {
    let folder = folder("plan_text");
    let text = succeed(&folder, &["plan", "--device", "cpu"]);
    for part in ["64 → linear 64", "device  CPU", "one training step on 64 rows", "intermediate values", "launches"] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
    assert!(!text.contains("phase eval"));
    let full = succeed(&folder, &["plan", "--device", "cpu", "--full"]);
    for part in ["phase eval", "phase begin_epoch", "train.features", "0.weight"] {
        assert!(full.contains(part), "`{part}` is missing in\n{full}");
    }
    fail(&folder, &["plan", "--hidden", "0"], 2, &["--hidden", "from 1"]);
    fail(&folder, &["plan", "missing.toml"], 2, &["missing.toml", "check the path"]);
}

/// Where the time goes is told of every kernel of a step, and telling it changes nothing.
#[test]
fn a_profile_has_every_kernel_of_the_step_and_leaves_the_run_as_it_is() {
    let folder = folder("profile");
    let run = ["--hidden", "24", "--dropout", "0.2", "--batch-size", "50", "--epochs", "2", "--format", "json"];
    let index = std::env::var("ANYGRAD_TEST_ADAPTER").unwrap_or_else(|_| "0".into());
    let gpu = common::adapter().map(|_| index.as_str());
    for (number, device) in ["cpu"].into_iter().chain(gpu).enumerate() {
        let (plain, profiled) = (format!("plain-{number}"), format!("profiled-{number}"));
        let train =
            |more: &[&str]| json_lines(&succeed(&folder, &[&["train", "--device", device], &run[..], more].concat()));
        let without = train(&["--out", &plain]);
        let with = train(&["--out", &profiled, "--profile"]);
        let [.., profile, done] = &with[..] else { panic!("{with:?}") };
        assert_eq!(done["weights_hash"], without[without.len() - 1]["weights_hash"], "{device}");
        assert_eq!((&profile["event"], &profile["device"]), (&Value::from("profile"), &done["device"]));
        let file = std::fs::read_to_string(folder.join(&profiled).join("profile.json")).expect("a file");
        let file: Value = serde_json::from_str(&file).expect("JSON");
        assert_eq!(file["kernels"], profile["kernels"]);
        assert!(!folder.join(&plain).join("profile.json").exists());

        let kernels = file["kernels"].as_array().expect("kernels");
        let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("a number, not {value}"));
        for kernel in kernels {
            let positive = ["launches_per_step", "microseconds_per_step", "gflops", "gb_per_second", "share_of_peak"];
            // A kernel that gathers has no arithmetic.
            assert!(positive.iter().all(|name| number(&kernel[name]) > 0.0 || *name == "gflops"), "{kernel}");
        }
        let sum: f64 = kernels.iter().map(|kernel| number(&kernel["microseconds_per_step"])).sum();
        let step = number(&file["step_seconds"]) * 1e6;
        // How they compare depends on what else the machine does; what no kernel takes is the rest.
        assert!(sum > 0.0 && step > 0.0, "{device}: kernels take {sum} µs, a step {step} µs");
        // All are written with four digits.
        let close = |found: f64, right: f64| (found - right).abs() <= 2e-3 * (step + sum);
        assert!(close(number(&file["kernel_seconds"]) * 1e6, sum), "{device}: {file}");
        assert!(close(number(&file["rest_seconds"]) * 1e6, (step - sum).max(0.0)), "{device}: {file}");
        let plan = json_lines(&succeed(&folder, &[&["plan", "--device", device], &run[..]].concat()));
        let has = |names: &str, name: &Value| names.split(" + ").any(|one| Some(one) == name.as_str());
        let of_step = of_event(&plan, "dispatch").into_iter().filter(|line| line["phase"] == "train");
        for dispatch in of_step {
            let label =
                kernels.iter().find(|kernel| has(kernel["label"].as_str().unwrap_or_default(), &dispatch["label"]));
            assert!(label.is_some(), "{device}: {dispatch} is in no row of {kernels:?}");
        }
        let launches: f64 = kernels.iter().map(|kernel| number(&kernel["launches_per_step"])).sum();
        assert_eq!(launches, number(&plan[plan.len() - 1]["launches_per_step"]), "{device}");
    }
}

#[test]
fn a_profile_for_people_fits_a_terminal() {
    let folder = folder("profile_text");
    let train = ["train", "--epochs", "1", "--device", "cpu", "--profile"];
    let text = succeed(&folder, &train);
    let (_, table) = text.split_once("profile ").expect("a table");
    assert!(table.contains("each by the processor's clock") && table.contains("a step in the run"), "{table}");
    assert!(table.contains("batch.gather") && table.contains("matmul"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    // A run is repeated with a profile, here of rows that come in windows.
    let again = ["train", "runs/digits-1", "--profile", "--set", "train.resident_bytes=20000", "--out", "again"];
    let text = succeed(&folder, &again);
    assert!(text.contains("of best"), "{text}");
}
