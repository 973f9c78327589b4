//! Whether the disks have room for more points.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How long a look at the disks counts.
const LOOK: Duration = Duration::from_millis(500);

/// A disk with less room than there must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the disk of {} has {} MiB free, less than {} (storage.disk_min_free_mb): writes are refused until there is room",
    .directory.display(), .free_bytes >> 20, .free_bytes_min >> 20
)]
pub struct DiskFull {
    pub directory: PathBuf,
    pub free_bytes: u64,
    pub free_bytes_min: u64,
}

/// Looks at the disks of some directories, at most so often.
#[derive(Debug)]
pub(crate) struct Disks {
    directories: Vec<PathBuf>,
    free_bytes_min: u64,
    looked: Mutex<Looked>,
}

#[derive(Debug, Default)]
struct Looked {
    at: Option<Instant>,
    full: Option<DiskFull>,
}

impl Disks {
    pub fn new(directories: Vec<PathBuf>, free_bytes_min: u64) -> Self {
        Self {
            directories,
            free_bytes_min,
            looked: Mutex::new(Looked::default()),
        }
    }

    /// The disk that has too little room, if one has.
    pub fn full(&self) -> Option<DiskFull> {
        if self.free_bytes_min == 0 {
            return None;
        }
        let mut looked = self.looked.lock();
        if looked.at.is_some_and(|at| at.elapsed() < LOOK) {
            return looked.full.clone();
        }
        let full = self.look();
        match (&looked.full, &full) {
            (None, Some(full)) => tracing::error!("{full}"),
            (Some(_), None) => tracing::info!("the disks have room again: writes are taken"),
            _ => {}
        }
        *looked = Looked {
            at: Some(Instant::now()),
            full: full.clone(),
        };
        full
    }

    fn look(&self) -> Option<DiskFull> {
        for directory in &self.directories {
            let free_bytes = match rustix::fs::statvfs(directory) {
                Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
                Err(error) => {
                    // The write itself will tell when it cannot use the directory.
                    tracing::warn!(%error, directory = %directory.display(), "free space unknown");
                    continue;
                }
            };
            if free_bytes < self.free_bytes_min {
                return Some(DiskFull {
                    directory: directory.clone(),
                    free_bytes,
                    free_bytes_min: self.free_bytes_min,
                });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_below_the_limit_and_the_directory_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let of = |limit| Disks::new(vec![directory.path().to_path_buf()], limit).full();
        assert_eq!(of(0), None);
        assert_eq!(of(1), None);
        let full = of(u64::MAX).unwrap();
        assert_eq!(full.directory, directory.path());
        assert!(
            full.to_string()
                .contains(directory.path().to_str().unwrap())
        );
    }
}
