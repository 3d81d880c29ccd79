//! What a machine has for training, and what is wrong with it: processor, graphics drivers, adapters, folders.

use anygrad::backend::gpu::{Adapter, adapters, unusable};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// As it should be.
    Ok,
    /// To be known.
    Note,
    /// To be mended.
    Wrong,
}

impl Mark {
    /// As it is printed.
    pub fn text(self) -> &'static str {
        match self {
            Mark::Ok => "ok",
            Mark::Note => "note",
            Mark::Wrong => "wrong",
        }
    }
}

/// Something about the machine, and what to do about it.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    pub mark: Mark,
    /// `processor`, `loader`, `driver`, `permission`, `adapter`, `environment` or `cache`.
    pub about: &'static str,
    pub what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    fn ok(about: &'static str, what: impl Into<String>) -> Finding {
        Finding { mark: Mark::Ok, about, what: what.into(), remedy: None }
    }

    fn note(about: &'static str, what: impl Into<String>, remedy: &str) -> Finding {
        Finding { mark: Mark::Note, about, what: what.into(), remedy: Some(remedy.into()) }
    }

    fn wrong(about: &'static str, what: impl Into<String>, remedy: &str) -> Finding {
        Finding { mark: Mark::Wrong, about, what: what.into(), remedy: Some(remedy.into()) }
    }

    /// Whether it is an adapter that can be trained on.
    pub fn is_gpu(&self) -> bool {
        self.about == "adapter" && self.mark != Mark::Wrong
    }
}

/// Everything there is to say, in the order in which it is to be mended.
pub fn findings() -> Vec<Finding> {
    let found = pollster::block_on(adapters());
    let mut findings = vec![processor()];
    findings.extend(environment());
    if cfg!(target_os = "linux") {
        findings.extend(linux(&found));
    }
    findings.extend(of_adapters(&found));
    findings.extend(cache());
    findings
}

fn processor() -> Finding {
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    #[cfg(target_arch = "x86_64")]
    let vectors = match (
        is_x86_feature_detected!("avx512f"),
        is_x86_feature_detected!("avx2"),
        is_x86_feature_detected!("fma"),
    ) {
        (true, _, _) => "AVX-512",
        (_, true, true) => "AVX2 and FMA",
        _ => "neither AVX2 nor FMA: training on it is several times slower than on others",
    };
    #[cfg(not(target_arch = "x86_64"))]
    let vectors = std::env::consts::ARCH;
    Finding::ok("processor", format!("{count} processors, {vectors}"))
}

/// Variables that choose or hide drivers.
const VARIABLES: [&str; 10] = [
    "VK_DRIVER_FILES",
    "VK_ICD_FILENAMES",
    "VK_ADD_DRIVER_FILES",
    "VK_LOADER_DRIVERS_SELECT",
    "VK_LOADER_DRIVERS_DISABLE",
    "VK_LOADER_LAYERS_ENABLE",
    "VK_INSTANCE_LAYERS",
    "MESA_VK_DEVICE_SELECT",
    "DRI_PRIME",
    "CUDA_VISIBLE_DEVICES",
];

/// Variables of the environment that change which drivers are found.
fn environment() -> Vec<Finding> {
    let set = VARIABLES.iter().filter_map(|name| Some((name, std::env::var(name).ok()?)));
    let finding = |(name, value): (&&str, String)| {
        let missing: Vec<&str> = match name.contains("FILE") {
            true => value.split(':').filter(|file| !file.is_empty() && !Path::new(file).exists()).collect(),
            false => Vec::new(),
        };
        match missing[..] {
            [] => {
                Finding::note("environment", format!("{name} is set to `{value}`"), "unset it if a device is missing")
            }
            [file, ..] => {
                let what = format!("{name} names {file}, which does not exist");
                Finding::wrong("environment", what, "unset it, or name the file of a driver")
            }
        }
    };
    set.map(finding).collect()
}

/// The loader and the drivers of Vulkan, as files; permission to use hardware.
fn linux(found: &[Adapter]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let vulkan = found.iter().any(|adapter| adapter.backend() == "vulkan");
    match loader() {
        Some(path) => findings.push(Finding::ok("loader", format!("Vulkan's loader is {}", path.display()))),
        None if vulkan => {}
        None => findings.push(Finding::wrong(
            "loader",
            "Vulkan's loader, libvulkan.so.1, is not there",
            "install it: Debian and Ubuntu `apt install libvulkan1`, Fedora `dnf install vulkan-loader`, Arch `pacman -S vulkan-icd-loader`",
        )),
    }
    let manifests = manifests();
    if manifests.is_empty() {
        findings.push(Finding::wrong(
            "driver",
            "there is no Vulkan driver: no file in vulkan/icd.d of /usr/share, /etc or your own folder",
            "install that of the card: AMD and Intel `mesa-vulkan-drivers`, NVIDIA its own driver with `libnvidia-gl`; mesa-vulkan-drivers has a software driver, too",
        ));
    }
    for manifest in &manifests {
        let name = manifest.display();
        match library(manifest) {
            Ok(library) => findings.push(Finding::ok("driver", format!("driver {library} by {name}"))),
            Err(reason) => {
                let what = format!("driver file {name}: {reason}");
                findings.push(Finding::wrong("driver", what, "install the driver again, or remove the file"));
            }
        }
    }
    let is_nvidia = |path: &PathBuf| path.to_string_lossy().contains("nvidia");
    if Path::new("/proc/driver/nvidia").exists() && !manifests.iter().any(is_nvidia) {
        findings.push(Finding::wrong(
            "driver",
            "NVIDIA's kernel driver is loaded, and its Vulkan driver is not there",
            "install the part of the same version that has it: Debian and Ubuntu `libnvidia-gl-VERSION`; in a container ask for the capability `graphics`",
        ));
    }
    let nodes = render_nodes();
    let denied = nodes
        .iter()
        .find(|node| std::fs::File::open(node).is_err_and(|e| e.kind() == std::io::ErrorKind::PermissionDenied));
    if let Some(node) = denied {
        let what = format!("{} cannot be opened", node.display());
        findings.push(Finding::wrong(
            "permission",
            what,
            "add yourself to its group and log in again: `sudo usermod -aG render,video $USER`",
        ));
    }
    if !nodes.is_empty() && !found.iter().any(|adapter| !adapter.is_software()) && denied.is_none() {
        let what = format!("there is graphics hardware ({}), and no driver for it was found", nodes[0].display());
        findings.push(Finding::wrong("driver", what, "install the Vulkan driver of the card"));
    }
    findings
}

/// Vulkan's loader.
fn loader() -> Option<PathBuf> {
    let own = std::env::var("LD_LIBRARY_PATH").unwrap_or_default();
    let own = own.split(':').filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
    let known = ["/usr/lib64", "/usr/lib", "/lib64", "/lib", "/usr/local/lib"].map(PathBuf::from);
    let with_triple = ["/usr/lib", "/lib"].map(|folder| Path::new(folder).join(&triple));
    own.chain(with_triple).chain(known).map(|folder| folder.join("libvulkan.so.1")).find(|path| path.exists())
}

/// The files that name Vulkan's drivers.
fn manifests() -> Vec<PathBuf> {
    for name in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
        if let Ok(files) = std::env::var(name) {
            return files.split(':').filter(|file| !file.is_empty()).map(PathBuf::from).collect();
        }
    }
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let folders = ["/etc", "/usr/local/share", "/usr/share"].map(PathBuf::from).into_iter().chain(home);
    let files =
        folders.flat_map(|folder| std::fs::read_dir(folder.join("vulkan/icd.d")).into_iter().flatten().flatten());
    let mut files: Vec<PathBuf> =
        files.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    files.sort();
    files
}

/// The library that such a file names, if it is there. Without a folder in its name the system looks for it.
fn library(manifest: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(manifest).map_err(|e| e.to_string())?;
    let object: serde_json::Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    let name = object["ICD"]["library_path"].as_str().ok_or("it names no library")?.to_string();
    let path = manifest.parent().map(|folder| folder.join(&name)).unwrap_or_default();
    match name.contains('/') && !path.exists() {
        true => Err(format!("its library {name} does not exist")),
        false => Ok(name),
    }
}

fn render_nodes() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/dev/dri").into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.to_string_lossy().contains("renderD")).collect()
}

/// What can be trained on, what cannot and why, and which of several is taken.
fn of_adapters(found: &[Adapter]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, adapter) in found.iter().enumerate() {
        let what = format!(
            "adapter {index}: {} ({}, {}), {}",
            adapter.name(),
            adapter.backend(),
            adapter.kind(),
            adapter.driver()
        );
        let small = adapter.max_binding_bytes() < 128 << 20 || adapter.max_workgroup_size() < 256;
        findings.push(if adapter.is_software() && found.iter().all(Adapter::is_software) {
            let remedy = "it is the processor in disguise, good for tests: train with --device cpu, or install the driver of a card";
            Finding::note("adapter", what, remedy)
        } else if small {
            Finding::note("adapter", what, "its limits are below WebGPU's: large batches and layers are refused by name")
        } else {
            Finding::ok("adapter", what)
        });
    }
    for (name, reason) in pollster::block_on(unusable()) {
        findings.push(Finding::wrong(
            "adapter",
            format!("{name} cannot be used: {reason}"),
            "update its driver, or take another device",
        ));
    }
    let hardware: Vec<(usize, &Adapter)> =
        found.iter().enumerate().filter(|(_, adapter)| !adapter.is_software()).collect();
    if let [(first, adapter), _, ..] = hardware[..] {
        let what = format!("there are several: --device gpu and auto take adapter {first}, {}", adapter.name());
        findings.push(Finding::note("choice", what, "name another by its index or a part of its name: --device 1"));
    }
    if found.is_empty() {
        let remedy = "mend what stands above; `anygrad devices` lists what is found";
        findings.push(Finding::wrong("adapter", "no graphics adapter is found", remedy));
    }
    findings
}

/// Whether compiled kernels and choices of tuning can be kept.
fn cache() -> Option<Finding> {
    let Some(folder) = super::cache::folder() else {
        let remedy = "set HOME: compiled kernels and choices of tuning are kept below it";
        return Some(Finding::note("cache", "no folder for caches is known", remedy));
    };
    let probe = folder.join(format!(".doctor.{}", std::process::id()));
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&probe, b""));
    let _ = std::fs::remove_file(&probe);
    Some(match written {
        Ok(()) => Finding::ok("cache", format!("compiled kernels are kept in {}", folder.display())),
        Err(error) => {
            let what = format!("{} cannot be written: {error}", folder.display());
            Finding::note(
                "cache",
                what,
                "free space or change its permissions; without it kernels are compiled anew in each run",
            )
        }
    })
}
