//! `anygrad gradcheck`

use super::options::{Format, TrainOptions};
use super::output::{note, print_line};
use super::task::Task;
use anygrad::Result;
use anygrad::backend::{Choice, Device, Request, Work};
use anygrad::check::{CheckOptions, Deviation, GradCheck, TensorCheck};
use clap::Args;
use serde_json::{Value, json};

/// Rows of the step, unless `--batch-size` says otherwise.
const ROWS: usize = 8;

/// The flags of `gradcheck`.
#[derive(Debug, Args)]
pub struct GradcheckOptions {
    #[command(flatten)]
    pub train: TrainOptions,
    /// Elements of each tensor that are compared with difference quotients
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = parse_elements)]
    elements: usize,
}

fn parse_elements(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&n| n > 0).ok_or_else(|| "give a number from 1".into())
}

/// Checks the gradients of the first training step.
pub fn run(options: &GradcheckOptions) -> Result<()> {
    let Task { trainer, data } = Task::new(&options.train)?;
    let (recipe, model) = (trainer.recipe(), trainer.architecture());
    let rows = options.train.batch_size.map_or(ROWS, |size| size.rows(data.train.rows())).min(data.train.rows());
    let batch = data.train.select(&(0..rows).collect::<Vec<_>>());
    let choice = pollster::block_on(choose(&recipe.request()?))?;
    note(&format!("data    {}, the first {rows} training rows", recipe.data.source));
    note(&format!("model   {model}, {} parameters, {}", model.parameter_count()?, recipe.loss()?));
    note(&format!("device  {} ({}): {}", choice.device.device_name(), choice.device.name(), choice.reason));

    let step = trainer.step(&batch)?;
    let device = matches!(choice.device, Device::Gpu(_)).then(|| choice.device.clone());
    let check =
        step.check_gradients_blocking(&CheckOptions { elements: options.elements, seed: recipe.seed, device })?;
    match options.train.format {
        Format::Json => print_json(&check, rows, &choice.device),
        Format::Text => print_text(&check),
    }
    check.verdict()
}

/// `auto` is a hardware GPU if there is one: here it is not about speed.
async fn choose(request: &Request) -> Result<Choice> {
    if *request != Request::Auto {
        return Device::choose(request, Work::default()).await;
    }
    let device = Device::best().await?;
    let reason = match device {
        Device::Cpu => "no hardware GPU to compare with; --device gpu takes a software adapter",
        Device::Gpu(_) => "a hardware GPU, compared with the CPU",
    };
    Ok(Choice { device, reason: reason.into() })
}

fn print_json(check: &GradCheck, rows: usize, device: &Device) {
    for tensor in &check.tensors {
        let mut object = json!({ "event": "tensor" });
        if let (Value::Object(object), Ok(Value::Object(fields))) = (&mut object, serde_json::to_value(tensor)) {
            object.extend(fields);
        }
        object["ok"] = tensor.is_ok().into();
        print_line(&object.to_string());
    }
    let done = json!({
        "event": "gradcheck",
        "ok": check.is_ok(),
        "tensors": check.tensors.len(),
        "rows": rows,
        "loss": check.loss,
        "device": device.device_name(),
        "backend": device.name(),
    });
    print_line(&done.to_string());
}

fn print_text(check: &GradCheck) {
    let has_device = check.tensors.iter().any(|tensor| tensor.device.is_some());
    let shape = |tensor: &TensorCheck| tensor.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×");
    let widest = |text: &dyn Fn(&TensorCheck) -> String, least: usize| {
        check.tensors.iter().map(|tensor| text(tensor).chars().count()).max().unwrap_or(0).max(least)
    };
    let (names, shapes) = (widest(&|tensor| tensor.name.clone(), 6), widest(&shape, 5));
    let gpu = |text: &str| if has_device { format!("{text:>10}") } else { String::new() };
    let lead = names + shapes + 17;
    print_line(&format!("{:lead$} {:>10}  largest error / largest gradient", "", "largest"));
    print_line(&format!(
        "{:names$}  {:shapes$} {:>8} {:>6} {:>10} {:>12}{:>10}{}",
        "tensor",
        "shape",
        "checked",
        "kinks",
        "gradient",
        "differences",
        "CPU f32",
        gpu("GPU f32")
    ));
    for tensor in &check.tensors {
        let relative = |deviation: &Deviation| relative(deviation, tensor.largest_gradient);
        print_line(&format!(
            "{:names$}  {:shapes$} {:>8} {:>6} {:>10.2e} {:>12}{:>10}{}  {}",
            tensor.name,
            shape(tensor),
            tensor.checked,
            tensor.kinks,
            tensor.largest_gradient,
            if tensor.checked > 0 { relative(&tensor.differences) } else { "-".into() },
            relative(&tensor.cpu),
            tensor.device.map_or(String::new(), |deviation| gpu(&relative(&deviation))),
            match (tensor.is_ok(), tensor.checked) {
                (true, _) => "ok",
                (false, 0) => "UNCHECKED",
                (false, _) => "FAIL",
            }
        ));
    }
    let wrong = check.tensors.iter().filter(|tensor| !tensor.is_ok()).count();
    let elements: usize = check.tensors.iter().map(|tensor| tensor.checked).sum();
    print_line("");
    GradCheck::bounds().iter().for_each(|line| print_line(line));
    print_line(&match wrong {
        0 => format!("all {} tensors within bounds, {elements} elements against differences", check.tensors.len()),
        _ => format!("{wrong} of {} tensors out of bounds or unchecked", check.tensors.len()),
    });
}

/// The error as a share of the largest gradient; of a tensor without one the error itself.
fn relative(deviation: &Deviation, largest: f64) -> String {
    let share = if largest > 0.0 { deviation.error / largest } else { deviation.error };
    if share == 0.0 { "0".into() } else { format!("{share:.1e}") }
}
