//! Data files below a local directory: atomic writes, reads, removal.
//!
//! A data file appears whole under its name or not at all: it is written beside
//! its place, synced and renamed. Its name is durable after [`LocalStore::sync_directories`],
//! which one flush does once for all its files.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::effects::{Effects, Synced};
use crate::error::{Result, StorageError};
use crate::files::ReadAt;

/// Data files below one local directory.
pub struct LocalStore {
    root: PathBuf,
    effects: Arc<dyn Effects>,
}

/// A file being written; nothing is visible before [`PendingFile::publish`].
pub struct PendingFile {
    temporary: PathBuf,
    target: PathBuf,
    effects: Arc<dyn Effects>,
}

impl LocalStore {
    /// Opens the directory, creating it where missing, and checks that it can be
    /// written.
    ///
    /// # Errors
    /// When it cannot.
    pub fn open(root: &Path, effects: Arc<dyn Effects>) -> Result<Self> {
        let fail = |error: io::Error| StorageError::io("cannot use data directory", root, error);
        fs::create_dir_all(root).map_err(fail)?;
        let probe = root.join(".writable");
        File::create(&probe).map_err(fail)?;
        fs::remove_file(&probe).map_err(fail)?;
        let root = root.canonicalize().map_err(fail)?;
        Ok(Self { root, effects })
    }

    /// The place of a file, from the path that the catalog holds.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Begins a file.
    ///
    /// # Errors
    /// When its directory or the temporary file cannot be created.
    pub fn create(&self, relative: &str) -> Result<(PendingFile, File)> {
        let target = self.path(relative);
        let temporary = target.with_extension("parquet.tmp");
        self.effects
            .before("file create")
            .and_then(|()| {
                if let Some(directory) = target.parent() {
                    fs::create_dir_all(directory)?;
                }
                File::create(&temporary)
            })
            .map(|file| {
                let pending = PendingFile {
                    temporary: temporary.clone(),
                    target,
                    effects: self.effects.clone(),
                };
                (pending, file)
            })
            .map_err(|error| StorageError::io("cannot create file", temporary, error))
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// When it is missing or may not be read; the text names it.
    pub fn open_file(&self, relative: &str) -> Result<Arc<dyn ReadAt>> {
        let path = self.path(relative);
        match File::open(&path) {
            Ok(file) => Ok(Arc::new(file)),
            Err(error) => Err(StorageError::io("cannot open file", path, error)),
        }
    }

    /// Makes the names of published files durable: syncs their directories and those above,
    /// each once. Any may be as new as its file, and a directory that a power loss takes
    /// takes all that is in it.
    ///
    /// # Errors
    /// When a directory cannot be synced; which of the names stay is not known then.
    pub fn sync_directories<'a>(&self, files: impl Iterator<Item = &'a str>) -> Result<()> {
        let mut directories = BTreeSet::new();
        for file in files {
            let mut directory = Path::new(file).parent();
            // Those above one that is known are known, too.
            while let Some(unknown) = directory.filter(|place| !directories.contains(place)) {
                directories.insert(unknown);
                directory = unknown.parent();
            }
        }
        for directory in directories {
            let path = self.root.join(directory);
            self.effects
                .before("directory sync")
                .and_then(|()| File::open(&path)?.sync_all())
                .inspect(|()| self.effects.synced(Synced::Directory(&path)))
                .map_err(|error| StorageError::io("cannot sync directory", path, error))?;
        }
        Ok(())
    }

    /// Removes a file; one that is gone already is no error.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, relative: &str) -> Result<()> {
        let path = self.path(relative);
        let removed = self
            .effects
            .before("file remove")
            .and_then(|()| fs::remove_file(&path));
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StorageError::io("cannot remove file", path, error))
            }
            _ => Ok(()),
        }
    }

    /// All files below the root, as paths the catalog would hold.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn list(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut directories = vec![self.root.clone()];
        while let Some(directory) = directories.pop() {
            let entries = fs::read_dir(&directory)
                .map_err(|error| StorageError::io("cannot list directory", &directory, error))?;
            for entry in entries {
                let path = entry
                    .map_err(|error| StorageError::io("cannot list directory", &directory, error))?
                    .path();
                if path.is_dir() {
                    directories.push(path);
                } else if let Ok(relative) = path.strip_prefix(&self.root) {
                    found.push(relative.to_string_lossy().into_owned());
                }
            }
        }
        Ok(found)
    }
}

impl ReadAt for File {
    fn read_exact_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, out, offset)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl PendingFile {
    /// Syncs the file and gives it its name, which is durable after
    /// [`LocalStore::sync_directories`].
    ///
    /// # Errors
    /// When one of the steps fails; the name then does not exist.
    pub fn publish(self, file: &File) -> Result<()> {
        let result = self
            .effects
            .before("file sync")
            .and_then(|()| file.sync_all())
            .inspect(|()| self.effects.synced(Synced::File(&self.temporary)))
            .and_then(|()| self.effects.before("file rename"))
            .and_then(|()| fs::rename(&self.temporary, &self.target));
        result.map_err(|error| StorageError::io("cannot publish file", &self.target, error))
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        // After a publish the temporary name is gone and this finds nothing; a
        // remainder is an orphan that the sweep at the next start removes.
        let _gone = fs::remove_file(&self.temporary);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts directory syncs.
    #[derive(Default)]
    struct Count(std::sync::atomic::AtomicUsize);

    impl Effects for Count {
        fn before(&self, effect: &'static str) -> io::Result<()> {
            if effect == "directory sync" {
                self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
            Ok(())
        }
    }

    #[test]
    fn every_directory_up_to_the_root_is_synced_once_for_all_files() {
        let root = tempfile::tempdir().unwrap();
        let count = Arc::new(Count::default());
        let store = LocalStore::open(root.path(), count.clone()).unwrap();
        let names = ["01/1", "01/2", "02/3"].map(|name| format!("db/rp/m/2024-01-{name}.parquet"));
        for name in &names {
            let (pending, file) = store.create(name).unwrap();
            pending.publish(&file).unwrap();
            assert!(store.path(name).is_file());
        }
        let synced = || count.0.swap(0, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(synced(), 0);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        store.sync_directories(names[..1].iter().copied()).unwrap();
        // db/rp/m/day, db/rp/m, db/rp, db and the root.
        assert_eq!(synced(), 5);
        store.sync_directories(names.iter().copied()).unwrap();
        assert_eq!(synced(), 6);
        store.sync_directories(std::iter::empty()).unwrap();
        assert_eq!(synced(), 0);
    }
}
