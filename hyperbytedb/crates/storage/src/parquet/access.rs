//! Data files with their parsed footers: what everything above reads and writes through.

use std::path::PathBuf;
use std::sync::Arc;

use super::footer::{Footer, FooterCache};
use super::read::{self, RowRange};
use super::write::{FileContents, write_file};
use crate::catalog::file::FileEntry;
use crate::error::{Result, StorageError};
use crate::files::LocalStore;
use crate::rows::{ColumnId, Rows};

/// The data files of the engine.
pub struct DataFiles {
    store: LocalStore,
    footers: FooterCache,
}

impl DataFiles {
    #[must_use]
    pub fn new(store: LocalStore, footer_bytes_max: usize) -> Self {
        Self {
            store,
            footers: FooterCache::new(footer_bytes_max),
        }
    }

    #[must_use]
    pub fn store(&self) -> &LocalStore {
        &self.store
    }

    /// The footer of a file, parsed.
    ///
    /// # Errors
    /// When the file is missing or damaged; the text names it.
    pub fn footer(&self, file: &FileEntry) -> Result<Arc<Footer>> {
        self.footers.get(&self.store, &file.path)
    }

    /// Reads those of the rows whose times are in the range (both ends included).
    ///
    /// # Errors
    /// When the file is missing or damaged.
    pub fn read(
        &self,
        file: &FileEntry,
        footer: &Footer,
        columns: &[(ColumnId, String)],
        rows: &[RowRange],
        time: (i64, i64),
    ) -> Result<Rows> {
        let path = self.local_path(file);
        let open = self.store.open_file(&file.path)?;
        read::read_rows((&path, open), file, footer, columns, rows, time)
    }

    /// Writes and publishes a file; its name is durable after
    /// [`LocalStore::sync_directories`].
    ///
    /// # Errors
    /// When the file cannot be written; nothing is visible then.
    pub fn write(&self, contents: &FileContents<'_>) -> Result<FileEntry> {
        write_file(&self.store, contents)
    }

    /// Removes a file that the catalog does not name (any more).
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, file: &FileEntry) -> Result<()> {
        self.footers.forget(&file.path);
        self.store.remove(&file.path)
    }

    /// Where a file lies on the local disk.
    #[must_use]
    pub fn local_path(&self, file: &FileEntry) -> PathBuf {
        self.store.path(&file.path)
    }

    /// Fails when a file is not there, for readers that would overlook it.
    ///
    /// # Errors
    /// The text names the file.
    pub fn check(&self, file: &FileEntry) -> Result<()> {
        let path = self.local_path(file);
        match std::fs::metadata(&path) {
            Ok(_) => Ok(()),
            Err(error) => Err(StorageError::io("cannot open file", path, error)),
        }
    }

    /// How many footers are kept, and their bytes.
    #[must_use]
    pub fn footers_kept(&self) -> (usize, usize) {
        self.footers.size()
    }
}
