//! Which device a run gets, and why.

use super::Device;
use super::gpu::{Adapter, Granted, adapters, gl_adapters};
use crate::error::{Error, Result};
use crate::kernel::Profile;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Why `auto` has no GPU to weigh.
const NONE: &str = if cfg!(feature = "gpu") { "no GPU found" } else { "this build has no GPU support" };
/// Why there is no adapter, and how to get one.
const NONE_TO_OFFER: &str = if cfg!(target_arch = "wasm32") {
    "the browser offers no WebGPU adapter; say device = \"cpu\", or \"auto\""
} else if cfg!(feature = "gpu") {
    "no graphics adapter was found; install a Vulkan driver (Debian: mesa-vulkan-drivers), or use --device cpu"
} else {
    "this build has no GPU support; build anygrad with its feature `gpu`, or use --device cpu"
};

/// A request for a device, as users state it: `auto`, `cpu`, `gpu`, an index or a part of a name.
///
/// ```
/// use anygrad::backend::Request;
/// assert_eq!("auto".parse::<Request>()?, Request::Auto);
/// assert_eq!("1".parse::<Request>()?, Request::Index(1));
/// assert_eq!("nvidia".parse::<Request>()?, Request::Name("nvidia".into()));
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Request {
    /// A hardware GPU where it is expected to be faster, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A hardware GPU if there is one, else a software adapter.
    Gpu,
    /// The adapter at this position of `anygrad devices`.
    Index(usize),
    /// The first adapter whose name, driver or API contains this, whatever the case.
    Name(String),
}

impl FromStr for Request {
    type Err = Error;

    fn from_str(text: &str) -> Result<Request> {
        Ok(match text.to_lowercase().as_str() {
            "auto" => Request::Auto,
            "cpu" => Request::Cpu,
            "gpu" => Request::Gpu,
            "" => return Err(Error::option("device", text, "auto, cpu, gpu, an index or a name")),
            number => number.parse().map_or_else(|_| Request::Name(text.into()), Request::Index),
        })
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Auto => f.write_str("auto"),
            Request::Cpu => f.write_str("cpu"),
            Request::Gpu => f.write_str("gpu"),
            Request::Index(index) => write!(f, "{index}"),
            Request::Name(name) => f.write_str(name),
        }
    }
}

impl TryFrom<String> for Request {
    type Error = Error;
    fn try_from(text: String) -> Result<Request> {
        text.parse()
    }
}

impl From<Request> for String {
    fn from(request: Request) -> String {
        request.to_string()
    }
}

/// The cost of one training step, to weigh a GPU against the CPU. The default, no work, stays on the CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Arithmetic operations.
    pub flops: u64,
    /// Kernels to dispatch.
    pub dispatches: u64,
}

/// A chosen device and the reason.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The device, open.
    pub device: Device,
    /// The reason for this choice, as half a sentence.
    pub reason: String,
}

impl Work {
    /// Whether a step is expected to be no slower on the CPU than on a hardware GPU, so that none need be looked for.
    ///
    /// ```
    /// use anygrad::backend::Work;
    /// assert!(Work { flops: 500_000, dispatches: 20 }.favors_cpu());
    /// assert!(!Work { flops: 11_000_000_000, dispatches: 30 }.favors_cpu());
    /// ```
    pub fn favors_cpu(&self) -> bool {
        let (on_cpu, on_gpu) = self.estimate();
        on_cpu <= on_gpu
    }

    /// Expected seconds of a step on the CPU and on a hardware GPU.
    fn estimate(&self) -> (f64, f64) {
        let seconds = |profile: &Profile| {
            self.flops as f64 / (profile.mflops as f64 * 1e6) + self.dispatches as f64 * profile.launch_ns as f64 * 1e-9
        };
        (seconds(&Profile::CPU), seconds(&Profile::INTEGRATED))
    }
}

impl Device {
    /// The CPU.
    pub fn cpu() -> Device {
        Device::Cpu
    }

    /// A hardware GPU if there is one, else the CPU.
    ///
    /// # Errors
    /// [`Error::NoDevice`] if there is a hardware GPU and its driver refuses to open it.
    pub async fn best() -> Result<Device> {
        match adapters().await.into_iter().find(|a| !a.is_software()) {
            Some(adapter) => open(&adapter).await,
            None => Ok(Device::Cpu),
        }
    }

    /// The device that `request` asks for; `work` decides `auto`.
    ///
    /// ```
    /// use anygrad::backend::{Device, Request, Work};
    /// let choice = pollster::block_on(Device::choose(&Request::Cpu, Work::default()))?;
    /// assert_eq!((choice.device.name(), &choice.reason[..]), ("cpu", "asked for"));
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoDevice`] with the list of adapters if none fits.
    pub async fn choose(request: &Request, work: Work) -> Result<Choice> {
        if *request == Request::Cpu {
            return Ok(Choice { device: Device::Cpu, reason: "asked for".into() });
        }
        let found = adapters().await;
        let hardware = found.iter().find(|a| !a.is_software());
        if *request == Request::Auto {
            return choose_auto(hardware, !found.is_empty(), work).await;
        }
        let (adapter, reason) = match request {
            Request::Index(index) => (found.get(*index).cloned(), "asked for".to_string()),
            Request::Name(name) => (named(name, &found).await, "asked for".to_string()),
            _ => {
                let reason = if hardware.is_some() {
                    "asked for a GPU"
                } else {
                    "asked for a GPU, and there is no hardware one"
                };
                (hardware.or(found.first()).cloned(), reason.to_string())
            }
        };
        match adapter {
            Some(adapter) => Ok(Choice { device: open(&adapter).await?, reason }),
            None => Err(Error::NoDevice { asked: request.to_string(), reason: offer(&found) }),
        }
    }
}

async fn choose_auto(hardware: Option<&Adapter>, has_software: bool, work: Work) -> Result<Choice> {
    let cpu = |reason: String| Ok(Choice { device: Device::Cpu, reason });
    let Some(adapter) = hardware else {
        return cpu(if has_software {
            "no hardware GPU; the software adapter would be slower than the CPU backend".into()
        } else {
            NONE.into()
        });
    };
    let (on_cpu, on_gpu) = work.estimate();
    let estimate =
        format!("expected {:.0} µs per step on the CPU, {:.0} µs on {}", on_cpu * 1e6, on_gpu * 1e6, adapter.name());
    if on_cpu <= on_gpu {
        return cpu(estimate);
    }
    match open(adapter).await {
        Ok(device) => Ok(Choice { device, reason: estimate }),
        Err(error) => cpu(format!("{error}")),
    }
}

async fn open(adapter: &Adapter) -> Result<Device> {
    Ok(Device::Gpu(Arc::new(adapter.open(Granted::Large).await?)))
}

async fn named(name: &str, found: &[Adapter]) -> Option<Adapter> {
    let wanted = name.to_lowercase();
    let fits = |a: &Adapter| {
        [a.name(), a.driver(), a.backend().to_string()].iter().any(|text| text.to_lowercase().contains(&wanted))
    };
    match found.iter().find(|a| fits(a)) {
        Some(adapter) => Some(adapter.clone()),
        None if found.iter().all(|a| a.backend() != "gl") => gl_adapters().await.into_iter().find(fits),
        None => None,
    }
}

/// The adapters there are, as the end of an error message.
fn offer(found: &[Adapter]) -> String {
    if found.is_empty() {
        return NONE_TO_OFFER.into();
    }
    let list: Vec<String> = found.iter().enumerate().map(|(i, a)| format!("{i} = {}", a.name())).collect();
    format!("there is {}; choose one of these, or cpu", list.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_written() {
        for text in ["auto", "cpu", "gpu", "2", "NVIDIA"] {
            assert_eq!(text.parse::<Request>().unwrap().to_string(), text);
        }
        assert_eq!("2".parse::<Request>().unwrap(), Request::Index(2));
    }

    #[test]
    fn small_steps_stay_on_the_cpu_and_large_ones_go_to_the_gpu() {
        let small = Work { flops: 500_000, dispatches: 20 }.estimate();
        let large = Work { flops: 11_000_000_000, dispatches: 30 }.estimate();
        assert!(small.0 < small.1 && large.0 > large.1);
    }
}
