//! The bytes of a fuzzer as a file, which most readers want.

use std::path::{Path, PathBuf};

/// Hands `read` a file with these bytes, of this name in a folder of this process.
pub fn with_file(name: &str, bytes: &[u8], read: impl FnOnce(&Path)) {
    let base = Some(PathBuf::from("/dev/shm")).filter(|path| path.is_dir()).unwrap_or_else(std::env::temp_dir);
    let folder = base.join(format!("anygrad-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("a file");
    read(&path);
}
