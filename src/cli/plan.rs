//! `anygrad plan`

use super::options::{Format, TrainOptions};
use super::output::{print_line, thousands};
use super::task::Task;
use super::tuning::VariantOptions;
use anygrad::Result;
use anygrad::backend::{Choice, Device};
use anygrad::graph::{Role, Value};
use anygrad::kernel::Access;
use anygrad::plan::{Dispatch, Memory, Phase, Plan};
use anygrad::train::Forecast;
use clap::Args;
use serde_json::json;

/// The flags of `plan`.
#[derive(Debug, Args)]
pub struct PlanOptions {
    #[command(flatten)]
    pub train: TrainOptions,
    #[command(flatten)]
    variants: VariantOptions,
    /// Show the plan of one kernel for each op, as the ops are differentiated
    #[arg(long)]
    no_fusion: bool,
    /// Show all phases and all buffers
    #[arg(long)]
    full: bool,
}

/// Shows what a run would do.
pub fn run(options: &PlanOptions) -> Result<()> {
    let task = Task::new(&options.train)?;
    let choice = task.choose()?;
    let Task { trainer, data } = task;
    let trainer = trainer.on(choice.device.clone()).fuse(!options.no_fusion);
    let variants = options.variants.choose(&choice.device, || trainer.plan(&data.train, data.held_out()))?;
    let trainer = trainer.variants(variants);
    let forecast = trainer.forecast(&data.train, data.held_out())?;
    match options.train.format {
        Format::Json => print_json(&forecast, &choice, options.no_fusion),
        Format::Text => {
            print_line(&format!("data    {}, {} training rows", trainer.recipe().data.source, data.train.rows()));
            let model = trainer.architecture();
            print_line(&format!("model   {model}, {} parameters", thousands(model.parameter_count()? as f64)));
            print_line(&format!(
                "device  {} ({}): {}",
                choice.device.device_name(),
                choice.device.name(),
                choice.reason
            ));
            print_text(&forecast, &choice.device, options.full);
        }
    }
    // What `train` would say.
    choice.device.check(&forecast.plan)
}

/// One limit: its name, how much of it the plan uses, how much the device grants.
type LimitLine = (&'static str, u64, Option<u64>);

fn limits(plan: &Plan, device: &Device) -> [LimitLine; 5] {
    let usage = plan.usage();
    let held = match device {
        Device::Cpu => None,
        Device::Gpu(gpu) => Some(gpu.held()),
    };
    [
        ("largest_binding_bytes", usage.binding_bytes, held.map(|h| h.binding_bytes)),
        ("storage_buffers_per_kernel", usage.storage_buffers.into(), held.map(|h| h.storage_buffers.into())),
        ("workgroup_memory_bytes", usage.workgroup_bytes.into(), held.map(|h| h.workgroup_bytes.into())),
        ("workgroup_size", usage.workgroup_size.into(), held.map(|h| h.workgroup_size.into())),
        ("workgroups_per_dimension", usage.workgroups.into(), held.map(|h| h.workgroups.into())),
    ]
}

/// The value that a dispatch writes, to name in a table: the first one that is not kept from step to step, if any.
fn output<'a>(plan: &'a Plan, dispatch: &Dispatch) -> Option<&'a Value> {
    let written = || {
        let bound = dispatch.buffers.iter().filter(|bound| bound.access == Access::Write);
        bound.map(|bound| plan.value(bound.value))
    };
    written().find(|value| !matches!(value.role, Role::Results | Role::Optimizer)).or(written().next())
}

fn print_json(forecast: &Forecast, choice: &Choice, plain: bool) {
    let plan = &forecast.plan;
    for phase in plan.phases() {
        for (index, dispatch) in phase.dispatches.iter().enumerate() {
            let output = output(plan, dispatch);
            let object = json!({
                "event": "dispatch",
                "phase": phase.name,
                "index": index,
                "launches": phase.launches_of(index).collect::<Vec<_>>(),
                "label": dispatch.label,
                "kernel": dispatch.kernel.name,
                "variant": dispatch.variant.name,
                "workgroups": dispatch.workgroups,
                "workgroup_size": dispatch.variant.workgroup_size,
                "storage_buffers": dispatch.buffers.len(),
                "output": output.map(|value| &value.name),
                "shape": output.map(|value| value.shape.dims()),
                "flops": dispatch.flops,
                "bytes": plan.bytes_moved(dispatch),
            });
            print_line(&object.to_string());
        }
    }
    for parameter in parameters(plan) {
        let (name, shape) = (&parameter.name, parameter.shape.dims());
        print_line(&json!({ "event": "parameter", "name": name, "shape": shape }).to_string());
    }
    for (index, buffer) in plan.buffers().iter().enumerate() {
        let element = if buffer.is_float { "f32" } else { "u32" };
        let (label, bytes) = (&buffer.label, 4 * buffer.words as u64);
        let object = json!({ "event": "buffer", "index": index, "label": label, "element": element, "bytes": bytes });
        print_line(&object.to_string());
    }
    for (name, used, held) in limits(plan, &choice.device) {
        print_line(&json!({ "event": "limit", "name": name, "used": used, "held": held }).to_string());
    }
    let (memory, step) = (plan.memory(), forecast.step());
    let done = json!({
        "event": "plan",
        "device": choice.device.device_name(),
        "backend": choice.device.name(),
        "device_reason": choice.reason,
        "fused": !plain,
        "batch_rows": forecast.batch_rows,
        "parameters": parameters(plan).map(|value| value.shape.elements()).sum::<usize>(),
        "launches_per_step": forecast.launches_per_step(),
        "flops_per_step": step.flops(),
        "bytes_per_step": plan.phase_bytes(step),
        "steps": forecast.steps,
        "submissions": forecast.submissions,
        "steps_per_submission": forecast.steps_per_submission(),
        "parameter_bytes": memory.parameters,
        "state_bytes": memory.state,
        "intermediate_bytes": memory.intermediates,
        "intermediate_bytes_unshared": memory.intermediates_unshared,
        "overhead_bytes": overhead(forecast, &memory),
        "peak_bytes": forecast.device_bytes(),
        "window_rows": forecast.window_rows,
        "windows": forecast.windows,
        "window_bytes": forecast.window_bytes,
    });
    print_line(&done.to_string());
}

/// Bytes of device memory beside the plan's buffers: parameters of kernels, padding, staging buffers.
fn overhead(forecast: &Forecast, memory: &Memory) -> u64 {
    forecast.device_bytes().saturating_sub(memory.total())
}

fn parameters(plan: &Plan) -> impl Iterator<Item = &Value> {
    plan.graph().values().iter().filter(|value| value.role == Role::Parameter)
}

fn print_text(forecast: &Forecast, device: &Device, full: bool) {
    let plan = &forecast.plan;
    let is_step = |phase: &Phase| std::ptr::eq(phase, forecast.step());
    let phases = plan.phases().iter().filter(|phase| full || is_step(phase));
    for phase in phases {
        print_line("");
        if is_step(phase) {
            print_line(&format!("one training step on {} rows", forecast.batch_rows));
        } else {
            print_line(&format!("phase {}", phase.name));
        }
        print_phase(plan, phase);
    }
    if full {
        print_line("");
        print_line(&format!("{:>6}  {:<28} {:>14}", "buffer", "of", "bytes"));
        for (index, buffer) in plan.buffers().iter().enumerate() {
            let bytes = thousands(4.0 * buffer.words as f64);
            print_line(&format!("{index:>6}  {:<28} {bytes:>14}", buffer.label));
        }
        print_line("");
        parameters(plan).for_each(|value| print_line(&format!("parameter  {:<20} {}", value.name, value.shape)));
    }
    let memory = plan.memory();
    let line = |name: &str, bytes: u64, remark: &str| {
        print_line(format!("  {name:<24} {:>14}  {remark}", thousands(bytes as f64)).trim_end());
    };
    print_line("");
    print_line("memory, bytes");
    line("parameters", memory.parameters, "");
    line("data, state, results", memory.state, "");
    let unshared = format!("{} if no two shared a buffer", thousands(memory.intermediates_unshared as f64));
    line("intermediate values", memory.intermediates, &unshared);
    if let Device::Gpu(_) = device {
        line("kernels' settings", overhead(forecast, &memory) - forecast.staging_bytes, "");
        line("results on their way", forecast.staging_bytes, "");
    }
    line("peak", forecast.device_bytes(), "");
    if forecast.windows > 0 {
        line("windows, on the host", forecast.window_bytes, "rows that are gathered while the device works");
    }
    print_limits(plan, device);
    print_totals(forecast);
}

fn print_phase(plan: &Plan, phase: &Phase) {
    let mut rows = vec![["", "kernel/variant", "groups", "output", "FLOP", "bytes"].map(String::from)];
    for (index, dispatch) in phase.dispatches.iter().enumerate() {
        let [x, y, _] = dispatch.workgroups;
        let launches: Vec<usize> = phase.launches_of(index).collect();
        rows.push([
            match launches[..] {
                [first, .., last] => format!("{first}–{last}"),
                _ => launches.first().map_or(String::new(), usize::to_string),
            },
            format!("{}/{}", dispatch.kernel.name, dispatch.variant.name),
            if y == 1 { x.to_string() } else { format!("{x}×{y}") },
            output(plan, dispatch).map_or(String::new(), |value| format!("{} {}", value.name, value.shape)),
            thousands(dispatch.flops as f64),
            thousands(plan.bytes_moved(dispatch) as f64),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [number, kernel, groups, name, flops, bytes] = std::array::from_fn(width);
    for [a, b, c, d, e, f] in &rows {
        print_line(&format!("{a:>number$}  {b:kernel$}  {c:>groups$}  {d:name$}  {e:>flops$}  {f:>bytes$}"));
    }
}

fn print_limits(plan: &Plan, device: &Device) {
    print_line("");
    match device {
        Device::Cpu => print_line("limits    the CPU has none beside its memory"),
        Device::Gpu(_) => {
            print_line(&format!("  {:<28} {:>14} {:>16}", "limit", "used", "held"));
            for (name, used, held) in limits(plan, device) {
                let (used, held) = (thousands(used as f64), thousands(held.unwrap_or(0) as f64));
                print_line(&format!("  {:<28} {used:>14} {held:>16}", name.replace('_', " ")));
            }
        }
    }
}

fn print_totals(forecast: &Forecast) {
    let step = forecast.step();
    let (flops, bytes) = (step.flops() as f64, forecast.plan.phase_bytes(step) as f64);
    print_line("");
    let launches = forecast.launches_per_step();
    print_line(&format!("step      {launches} launches, {:.3} MFLOP, {:.3} MB", flops / 1e6, bytes / 1e6));
    let (steps, submissions) = (forecast.steps, forecast.submissions);
    print_line(&format!(
        "run       {} steps in {} submissions, {:.1} steps each",
        thousands(steps as f64),
        thousands(submissions as f64),
        forecast.steps_per_submission()
    ));
    if forecast.windows > 0 {
        let of = forecast.window_rows.map_or(String::new(), |rows| format!(" of {} rows", thousands(rows as f64)));
        print_line(&format!("rows      come to the device in {} windows{of}", thousands(forecast.windows as f64)));
    }
}
