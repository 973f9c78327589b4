//! The only door to RocksDB.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rocksdb::{DB, DBCompressionType, Direction, IteratorMode, Options, WriteBatch, WriteOptions};

use crate::effects::Effects;
use crate::error::{Result, StorageError};

/// A RocksDB database in one directory, with one column family.
pub struct Kv {
    db: DB,
    path: PathBuf,
    effects: Arc<dyn Effects>,
}

/// What a database is used for; decides its tuning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Appended in key order, truncated from the front, hardly read.
    Log,
    /// Small records, read as a whole at start.
    Metadata,
}

fn options(purpose: Purpose) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_keep_log_file_num(4);
    options.set_max_open_files(256);
    match purpose {
        Purpose::Log => {
            // Entries leave by truncation soon after they came: merging files of
            // them would only write everything once more.
            options.set_disable_auto_compactions(true);
            // One of them stays in memory at rest.
            options.set_write_buffer_size(16 << 20);
            options.set_max_write_buffer_number(8);
            options.set_level_zero_slowdown_writes_trigger(10_000);
            options.set_level_zero_stop_writes_trigger(20_000);
            options.set_compression_type(DBCompressionType::Lz4);
            options.set_max_total_wal_size(256 << 20);
        }
        Purpose::Metadata => {
            options.set_write_buffer_size(8 << 20);
            options.set_compression_type(DBCompressionType::Lz4);
        }
    }
    options
}

impl Kv {
    /// Opens or creates the database in `path`.
    ///
    /// # Errors
    /// When the directory cannot be used or is damaged.
    pub fn open(path: &Path, purpose: Purpose, effects: Arc<dyn Effects>) -> Result<Self> {
        std::fs::create_dir_all(path)
            .map_err(|error| StorageError::io("cannot create directory", path, error))?;
        let db = DB::open(&options(purpose), path)
            .map_err(|error| StorageError::io("cannot open database", path, error))?;
        Ok(Self {
            db,
            path: path.to_path_buf(),
            effects,
        })
    }

    /// Applies all of `batch` or nothing; with `sync`, it is on disk afterwards.
    ///
    /// # Errors
    /// When RocksDB cannot write (disk full, for instance).
    pub fn write(&self, batch: WriteBatch, sync: bool) -> Result<()> {
        self.effects
            .before("kv write")
            .and_then(|()| {
                let mut options = WriteOptions::default();
                options.set_sync(sync);
                self.db
                    .write_opt(batch, &options)
                    .map_err(std::io::Error::other)
            })
            .map_err(|error| StorageError::io("cannot write to", &self.path, error))
    }

    /// Moves what is held in memory into files: a large batch stays there until enough
    /// others have followed it.
    ///
    /// # Errors
    /// When RocksDB cannot write.
    pub fn release_memory(&self) -> Result<()> {
        self.db.flush().map_err(|error| {
            StorageError::io("cannot write to", &self.path, std::io::Error::other(error))
        })
    }

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// When the sync fails.
    pub fn sync(&self) -> Result<()> {
        self.effects
            .before("kv sync")
            .and_then(|()| self.db.flush_wal(true).map_err(std::io::Error::other))
            .map_err(|error| StorageError::io("cannot sync", &self.path, error))
    }

    /// # Errors
    /// When RocksDB cannot read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.db
            .get(key)
            .map_err(|error| StorageError::io("cannot read from", &self.path, error))
    }

    /// Calls `visit` with each key and value from `start` on, in key order, until it
    /// returns false.
    ///
    /// # Errors
    /// When RocksDB cannot read, or the error of `visit`.
    pub fn scan(
        &self,
        start: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<bool>,
    ) -> Result<()> {
        for item in self
            .db
            .iterator(IteratorMode::From(start, Direction::Forward))
        {
            let (key, value) =
                item.map_err(|error| StorageError::io("cannot read from", &self.path, error))?;
            if !visit(&key, &value)? {
                break;
            }
        }
        Ok(())
    }

    /// As [`Kv::scan`], for all keys that begin with `prefix`.
    ///
    /// # Errors
    /// As [`Kv::scan`].
    pub fn scan_prefix(
        &self,
        prefix: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        self.scan(prefix, |key, value| {
            if !key.starts_with(prefix) {
                return Ok(false);
            }
            visit(key, value)?;
            Ok(true)
        })
    }

    /// The last key of the database.
    ///
    /// # Errors
    /// When RocksDB cannot read.
    pub fn last_key(&self) -> Result<Option<Vec<u8>>> {
        match self.db.iterator(IteratorMode::End).next() {
            None => Ok(None),
            Some(Ok((key, _))) => Ok(Some(key.to_vec())),
            Some(Err(error)) => Err(StorageError::io("cannot read from", &self.path, error)),
        }
    }

    /// Removes all keys in `[from, to)` and gives whole files back to the disk.
    ///
    /// # Errors
    /// When RocksDB cannot write.
    pub fn delete_range(&self, from: &[u8], to: &[u8]) -> Result<()> {
        let mut batch = WriteBatch::default();
        batch.delete_range(from, to);
        self.write(batch, false)?;
        self.db
            .delete_file_in_range(from, to)
            .map_err(|error| StorageError::io("cannot truncate", &self.path, error))
    }
}
