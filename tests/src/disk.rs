//! A small file system of its own, to be filled.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted tmpfs, unmounted at the end.
#[derive(Debug)]
pub struct SmallDisk {
    place: PathBuf,
}

impl SmallDisk {
    /// Mounts `mib` MiB at `place`.
    ///
    /// # Errors
    /// Why it cannot be mounted: only root may, and not in every container.
    pub fn mount(place: &Path, mib: u32) -> Result<Self, String> {
        std::fs::create_dir_all(place).map_err(|error| error.to_string())?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"])
            .arg(place)
            .output()
            .map_err(|error| format!("mount: {error}"))?;
        if mounted.status.success() {
            Ok(Self {
                place: place.to_path_buf(),
            })
        } else {
            Err(String::from_utf8_lossy(&mounted.stderr).trim().to_string())
        }
    }

    /// Takes all the room that is left, by one file.
    pub fn fill(&self) {
        let mut file = File::create(self.filler()).expect("a file on the small disk");
        let block = vec![0; 4096];
        while file.write_all(&block).is_ok() {}
    }

    /// Gives back what [`SmallDisk::fill`] took.
    pub fn relieve(&self) {
        std::fs::remove_file(self.filler()).expect("the filler removed");
    }

    fn filler(&self) -> PathBuf {
        self.place.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the test may end, by a failure, while a process still uses it.
        let unmounted = Command::new("umount").arg("-l").arg(&self.place).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("{} is still mounted", self.place.display());
        }
    }
}
