//! A disk that is soon full.

use std::path::Path;
use std::process::Command;

/// A small file system in memory, until it is dropped.
pub(crate) struct Disk(tempfile::TempDir);

impl Disk {
    /// One of `size`, such as `16k`; `None` where nobody may mount one.
    pub(crate) fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().ok()?;
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={size}"),
                "whitebeam-test",
            ])
            .arg(folder.path())
            .output();
        mounted
            .is_ok_and(|ran| ran.status.success())
            .then_some(Disk(folder))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}
