//! Tuned choices on disk: each is filed under the adapter, driver and API that it was measured on, the WGSL of its
//! candidates and the exact dispatch. If any of these differs, the choice does not hold and is measured anew.
//!
//! A missing file is a store without choices. A file that is damaged, or that another program wrote, is an error and is
//! not overwritten.

use super::choice::Choice;
use crate::backend::gpu::GpuDevice;
use crate::error::{Error, Result};
use crate::files::{Fnv, json, temporary, write_whole};
use crate::kernel::{Variant, source};
use crate::plan::Dispatch;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Version of the file's format.
const FORMAT: u32 = 2;

/// The conditions under which a choice holds: a device, its driver, and one dispatch with these shaders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Name of the adapter.
    pub adapter: String,
    /// Name and version of the driver.
    pub driver: String,
    /// The graphics API: `vulkan`, `metal`, `dx12`, `gl` or `webgpu`.
    pub backend: String,
    /// Hash of the assembled WGSL of all candidates, with their names and grids.
    pub shaders: String,
    /// Kernel, grid and constants: a [`key`](super::key).
    pub key: String,
}

impl Place {
    /// The place of a dispatch with these candidates.
    pub fn new(device: &GpuDevice, dispatch: &Dispatch, candidates: &[&'static Variant]) -> Place {
        let adapter = device.adapter();
        let mut hash = Fnv::default();
        for variant in candidates {
            hash.feed(variant.name.as_bytes());
            hash.feed(bytemuck::cast_slice(&dispatch.op.workgroups(&dispatch.grid, variant)));
            hash.feed(source::assemble(dispatch.kernel, variant, &dispatch.specialization).as_bytes());
        }
        Place {
            adapter: adapter.name(),
            driver: adapter.driver(),
            backend: adapter.backend().into(),
            shaders: hash.digits(),
            key: super::variants::key_of(dispatch),
        }
    }

    /// Whether a choice for this place replaces one for the other: they differ in nothing but the shaders.
    fn replaces(&self, other: &Place) -> bool {
        Place { shaders: other.shaders.clone(), ..self.clone() } == *other
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    place: Place,
    #[serde(flatten)]
    choice: Choice,
}

/// All tuned choices of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Store(Vec<Entry>);

#[derive(Serialize, Deserialize)]
struct File {
    format: u32,
    choices: Vec<Entry>,
}

impl Store {
    /// Reads a file; if there is none, the store has no choices.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Data`] if it is damaged or no file of choices.
    pub fn read(path: &Path) -> Result<Store> {
        let bytes = match crate::files::read(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Store::default()),
            read => read.map_err(|e| Error::io("read", path, e))?,
        };
        let remedy = "delete it, or name another by --tuning-file";
        let unusable = |reason: String| Error::data(path, "", reason, remedy);
        let file: File = json::parse(&bytes).map_err(|e| unusable(format!("not a file of tuned kernels ({e})")))?;
        if file.format != FORMAT {
            return Err(unusable(format!("its format is {}, this program reads {FORMAT}", file.format)));
        }
        match file.choices.iter().find(|entry| !entry.choice.is_sound()) {
            Some(entry) => Err(unusable(format!("its choice for {} is none of its candidates", entry.place.key))),
            None => Ok(Store(file.choices)),
        }
    }

    /// Tries whether a file can be written in its folder, which is created.
    ///
    /// # Errors
    /// [`Error::Io`] if not.
    pub fn check_writable(path: &Path) -> Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
        let trial = temporary(path, ".trial");
        let tried = std::fs::write(&trial, b"").and_then(|()| std::fs::remove_file(&trial));
        tried.map_err(|e| Error::io("write", path, e))
    }

    /// Takes in all choices of another store.
    pub fn take_in(&mut self, other: &Store) {
        other.0.iter().for_each(|entry| self.insert(entry.place.clone(), entry.choice.clone()));
    }

    /// Writes the file, whole or not at all, and the folders that lead to it.
    ///
    /// # Errors
    /// [`Error::Io`] if the file or one of the folders cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
        }
        let file = File { format: FORMAT, choices: self.0.clone() };
        write_whole(path, (serde_json::to_string_pretty(&file).unwrap_or_default() + "\n").as_bytes())
    }

    /// The choice for exactly this place, if there is one.
    pub fn get(&self, place: &Place) -> Option<&Choice> {
        self.0.iter().find(|entry| entry.place == *place).map(|entry| &entry.choice)
    }

    /// Adds a choice. It replaces an earlier one for the same device and dispatch, also if its shaders were others.
    pub fn insert(&mut self, place: Place, choice: Choice) {
        self.0.retain(|entry| !place.replaces(&entry.place));
        self.0.push(Entry { place, choice });
    }

    /// Number of choices.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no choices.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
