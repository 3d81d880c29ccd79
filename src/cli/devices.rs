//! `anygrad devices`

use super::options::Format;
use super::output::{note, print_line};
use anygrad::Result;
use anygrad::backend::gpu::{Adapter, adapters};
use clap::Args;
use serde_json::json;

/// The flags of `devices`.
#[derive(Debug, Args)]
pub struct DevicesOptions {
    /// text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

/// Lists the adapters and the CPU.
pub fn run(options: &DevicesOptions) -> Result<()> {
    let found = pollster::block_on(adapters());
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    match options.format {
        Format::Json => {
            for (index, adapter) in found.iter().enumerate() {
                print_line(&object(index, adapter).to_string());
            }
            print_line(&json!({ "event": "device", "device": "cpu", "processors": processors }).to_string());
        }
        Format::Text => {
            for (index, adapter) in found.iter().enumerate() {
                print_line(&format!("{index}    {} ({}, {})", adapter.name(), adapter.backend(), adapter.kind()));
                print_line(&format!("     driver {}", adapter.driver()));
                let mebibytes = adapter.max_binding_bytes() >> 20;
                let (size, bytes) = (adapter.max_workgroup_size(), adapter.workgroup_bytes());
                print_line(&format!(
                    "     buffers up to {mebibytes} MiB, workgroups of {size} with {bytes} bytes of memory"
                ));
                print_line(&format!("     features {}", adapter.features().join(", ")));
            }
            print_line(&format!("cpu  {processors} processors"));
        }
    }
    if found.is_empty() {
        note("no graphics adapter found; install a Vulkan driver to train on a GPU (Debian: mesa-vulkan-drivers)");
    }
    Ok(())
}

fn object(index: usize, adapter: &Adapter) -> serde_json::Value {
    json!({
        "event": "device",
        "device": index,
        "name": adapter.name(),
        "backend": adapter.backend(),
        "kind": adapter.kind(),
        "driver": adapter.driver(),
        "max_buffer_bytes": adapter.max_binding_bytes(),
        "max_workgroup_size": adapter.max_workgroup_size(),
        "workgroup_bytes": adapter.workgroup_bytes(),
        "features": adapter.features(),
    })
}
