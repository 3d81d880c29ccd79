//! Compiled pipelines on disk, for drivers that keep none themselves: a file for each adapter.
//!
//! The file is an envelope around what wgpu hands out: magic bytes, a hash of what it holds for (this crate's version,
//! adapter, driver), length and checksum, each number as 8 bytes, little-endian. A file that is missing, damaged, too
//! large or of something else is as good as none, and replaced; one that cannot be written is done without. Neither is
//! an error of a run, which gets the same kernels and the same bits either way.

use super::adapter::Adapter;
use super::handle::Handle;
use super::inject::Call;
use crate::error::{Error, Result};
use crate::files::{Fnv, write_whole};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

const MAGIC: [u8; 8] = *b"anygradP";
const ENVELOPE: usize = 32;
/// A larger file is begun anew: nothing ever leaves it otherwise, whatever nets came and went.
const MOST_BYTES: u64 = 64 << 20;

/// The driver's collection of compiled pipelines and the file that it is kept in.
#[derive(Debug)]
pub(super) struct PipelineCache {
    collection: wgpu::PipelineCache,
    path: PathBuf,
    holds_for: u64,
    /// Whether a pipeline was compiled since the file was last compared with the collection.
    used: AtomicBool,
    /// Checksum of what the file holds.
    on_disk: Mutex<Option<u64>>,
}

/// Devices of one process write one after the other: they would share the name of the temporary file.
static WRITING: Mutex<()> = Mutex::new(());

impl PipelineCache {
    /// The folder of its file.
    pub fn folder(&self) -> Option<&Path> {
        self.path.parent()
    }

    /// The collection of a device, with what the file in a folder holds for its adapter; `None` if the device keeps none.
    pub async fn open(handle: &Handle, adapter: &Adapter, folder: &Path) -> Option<PipelineCache> {
        let can = handle.device.features().contains(wgpu::Features::PIPELINE_CACHE);
        let key = adapter.pipeline_cache_key().filter(|_| can)?;
        let mut hash = Fnv::default();
        for part in [env!("CARGO_PKG_VERSION"), &key, &adapter.name(), &adapter.driver()] {
            hash.feed(part.as_bytes());
            hash.feed(&[0]);
        }
        let (path, holds_for) = (folder.join(key), hash.value());
        let mut data = read(&path, holds_for);
        let mut collection = collect(handle, data.as_deref()).await;
        if let (Err(error), true) = (&collection, data.is_some()) {
            log::warn!("compiled pipelines in {} are not used: {error}", path.display());
            data = None;
            collection = collect(handle, None).await;
        }
        let refused = |error: &Error| log::warn!("compiled pipelines are not kept: {error}");
        let collection = collection.inspect_err(refused).ok()?;
        let on_disk = Mutex::new(data.as_deref().map(checksum));
        Some(PipelineCache { collection, path, holds_for, used: AtomicBool::new(false), on_disk })
    }

    /// What is given to the driver beside a kernel that is to be compiled.
    pub fn collection(&self) -> &wgpu::PipelineCache {
        self.used.store(true, Ordering::Relaxed);
        &self.collection
    }

    /// Writes the file, if something new has been compiled.
    pub fn write_new(&self) {
        if self.used.swap(false, Ordering::Relaxed) {
            self.write();
        }
    }

    fn write(&self) {
        let Some(data) = self.collection.get_data() else { return };
        let mut on_disk = self.on_disk.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Some(checksum(&data));
        if *on_disk == now {
            return;
        }
        let _one_at_a_time = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        // A failure shows as that of the file.
        let _ = self.path.parent().map(fs::create_dir_all);
        match write_whole(&self.path, &wrap(&data, self.holds_for)) {
            Ok(()) => *on_disk = now,
            Err(error) => log::debug!("compiled pipelines are not kept: {error}"),
        }
    }
}

async fn collect(handle: &Handle, data: Option<&[u8]>) -> Result<wgpu::PipelineCache> {
    handle.scoped(Call::Compile, "compiled pipelines", || create(&handle.device, data)).await
}

/// A collection, with the content of an earlier one.
#[allow(unsafe_code)]
fn create(device: &wgpu::Device, data: Option<&[u8]>) -> wgpu::PipelineCache {
    let descriptor = wgpu::PipelineCacheDescriptor { label: Some("compiled pipelines"), data, fallback: true };
    // SAFETY: wgpu asks that the data came from `get_data`. It is what `unwrap` let through: bytes that `write` took from
    // there, of this length and checksum, under this version of the crate, for this adapter and driver; wgpu's own header
    // inside names adapter and driver version again. Damage, another program's file or another device's thus stay out.
    // A forger could pass both, but has to write to a folder that the caller said is the user's own.
    unsafe { device.create_pipeline_cache(&descriptor) }
}

/// The content of a file, if it is whole and holds for this device.
fn read(path: &Path, holds_for: u64) -> Option<Vec<u8>> {
    // Neither waits for a pipe nor reads what never ends.
    let is_sane = |metadata: fs::Metadata| metadata.is_file() && metadata.len() <= MOST_BYTES;
    match fs::metadata(path).map(is_sane) {
        Ok(true) => {}
        Ok(false) => {
            log::warn!("{} is not used: it is no file, or larger than {MOST_BYTES} bytes", path.display());
            return None;
        }
        Err(error) => {
            log::debug!("{} is not used: {error}", path.display());
            return None;
        }
    }
    let bytes = fs::read(path).inspect_err(|error| log::warn!("{} is not used: {error}", path.display())).ok()?;
    let data = unwrap(&bytes, holds_for);
    if data.is_none() {
        log::warn!("{} is not used: it is damaged, or for another version or driver", path.display());
    }
    data.map(<[u8]>::to_vec)
}

fn checksum(data: &[u8]) -> u64 {
    let mut hash = Fnv::default();
    hash.feed(data);
    hash.value()
}

fn wrap(data: &[u8], holds_for: u64) -> Vec<u8> {
    let numbers = [holds_for, data.len() as u64, checksum(data)].map(u64::to_le_bytes);
    [&MAGIC[..], numbers.as_flattened(), data].concat()
}

/// What is in an envelope, if the envelope says so throughout.
fn unwrap(bytes: &[u8], holds_for: u64) -> Option<&[u8]> {
    let (envelope, data) = bytes.split_at_checked(ENVELOPE)?;
    let (magic, numbers) = envelope.split_at(MAGIC.len());
    let expected = [holds_for, data.len() as u64, checksum(data)].map(u64::to_le_bytes);
    (magic == MAGIC && numbers == expected.as_flattened()).then_some(data)
}

#[cfg(test)]
mod tests {
    use super::{ENVELOPE, read, unwrap, wrap};

    #[test]
    fn what_is_wrapped_comes_back_and_nothing_else_does() {
        let data: Vec<u8> = (0..=255).collect();
        let whole = wrap(&data, 7);
        assert_eq!(whole.len(), ENVELOPE + data.len());
        assert_eq!(unwrap(&whole, 7), Some(&data[..]));
        assert_eq!(unwrap(&whole, 8), None, "of something else");
        for length in 0..whole.len() {
            assert_eq!(unwrap(&whole[..length], 7), None, "cut to {length}");
        }
        for position in 0..whole.len() {
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[position] ^= 1 << bit;
                assert_eq!(unwrap(&flipped, 7), None, "bit {bit} of byte {position}");
            }
        }
        assert_eq!(unwrap(&[&whole[..], b"more"].concat(), 7), None);
        assert_eq!(unwrap(&[0; 1000], 7), None);
        assert_eq!(unwrap(&wrap(b"", 7), 7), Some(&b""[..]));
    }

    #[test]
    fn what_is_no_file_is_as_good_as_none() {
        let folder = std::env::temp_dir().join(format!("anygrad-pipelines-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        assert_eq!(read(&folder, 7), None);
        assert_eq!(read(&folder.join("none"), 7), None);
        std::fs::write(folder.join("some"), wrap(b"data", 7)).expect("written");
        assert_eq!(read(&folder.join("some"), 7), Some(b"data".to_vec()));
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
