//! The user's folder for caches, and the compiled kernels that are kept there.

use anygrad::backend::Device;
use clap::Args;
use std::path::PathBuf;

/// The flag of the verbs that run a model.
#[derive(Debug, Default, Args)]
pub struct PipelineCacheOptions {
    /// Compile all kernels anew: neither use nor keep what the driver compiled, in anygrad/ of your cache folder
    #[arg(long)]
    no_pipeline_cache: bool,
}

impl PipelineCacheOptions {
    /// Lets a GPU keep compiled kernels, where its driver hands them out and there is a folder for them.
    pub fn apply(&self, device: &Device) {
        if let (Device::Gpu(gpu), Some(folder), false) = (device, folder(), self.no_pipeline_cache) {
            pollster::block_on(gpu.keep_pipelines(&folder));
        }
    }
}

/// `anygrad` in the user's folder for caches.
pub fn folder() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Caches"))
    } else {
        variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")))
    };
    Some(folder?.join("anygrad"))
}
