//! The only door to RocksDB.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rocksdb::{
    BlockBasedOptions, BoundColumnFamily, ColumnFamilyDescriptor, DBCompressionType,
    DBWithThreadMode, Direction, FlushOptions, InfoLogger, IteratorMode, LogLevel, MultiThreaded,
    Options, WriteBatch, WriteOptions,
};

use crate::effects::{Effects, Synced};
use crate::error::{Result, StorageError};

type Database = DBWithThreadMode<MultiThreaded>;

/// The column family that every database has.
pub const DEFAULT_FAMILY: &str = "default";

/// A RocksDB database in one directory.
pub struct Kv {
    db: Database,
    purpose: Purpose,
    path: PathBuf,
    /// As of the opening.
    families: Vec<String>,
    effects: Arc<dyn Effects>,
}

/// What a database is used for; decides its tuning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Appended in key order in one column family after the other, each of which goes as
    /// a whole; hardly read.
    Log,
    /// Small records, read as a whole at start.
    Metadata,
}

fn options(purpose: Purpose) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_max_manifest_file_size(1 << 20);
    options.set_max_open_files(256);
    // Four MiB by default, of a list of few files.
    options.set_manifest_preallocation_size(64 << 10);
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
            options.set_max_total_wal_size(64 << 20);
            let mut blocks = BlockBasedOptions::default();
            blocks.disable_cache();
            options.set_block_based_table_factory(&blocks);
        }
        Purpose::Metadata => {
            options.set_write_buffer_size(8 << 20);
            options.set_compression_type(DBCompressionType::Lz4);
        }
    }
    options
}

/// Hands on what RocksDB complains of. It has no log file of its own: there each column
/// family that comes would leave some KB for ever.
fn logger(path: &Path) -> InfoLogger {
    let database = path.display().to_string();
    InfoLogger::new_callback_logger(LogLevel::Warn, move |level, text| match level {
        LogLevel::Warn => tracing::warn!(database, "RocksDB: {text}"),
        LogLevel::Error | LogLevel::Fatal => tracing::error!(database, "RocksDB: {text}"),
        LogLevel::Debug | LogLevel::Info | LogLevel::Header => {}
    })
}

impl Kv {
    /// Opens or creates the database in `path`.
    ///
    /// # Errors
    /// When the directory cannot be used or is damaged.
    pub fn open(path: &Path, purpose: Purpose, effects: Arc<dyn Effects>) -> Result<Self> {
        std::fs::create_dir_all(path)
            .map_err(|error| StorageError::io("cannot create directory", path, error))?;
        let fail = |error: rocksdb::Error| StorageError::io("cannot open database", path, error);
        let mut families = vec![DEFAULT_FAMILY.to_string()];
        // The file without which there is no database yet.
        if path.join("CURRENT").exists() {
            families = Database::list_cf(&options(purpose), path).map_err(fail)?;
        }
        let of_family = |name| ColumnFamilyDescriptor::new(name, options(purpose));
        let described = families.iter().map(of_family);
        let mut options = options(purpose);
        options.set_info_logger(logger(path));
        let db = Database::open_cf_descriptors(&options, path, described).map_err(fail)?;
        families.retain(|name| name != DEFAULT_FAMILY);
        Ok(Self {
            db,
            purpose,
            families,
            path: path.to_path_buf(),
            effects,
        })
    }

    fn family(&self, name: &str) -> Result<Arc<BoundColumnFamily<'_>>> {
        self.db.cf_handle(name).ok_or_else(|| {
            let missing = format!("it has no column family {name}");
            StorageError::io("cannot use database", &self.path, missing)
        })
    }

    /// The names of the column families that there were at the opening, without the
    /// default one.
    #[must_use]
    pub fn families(&self) -> &[String] {
        &self.families
    }

    /// # Errors
    /// When RocksDB cannot write.
    pub fn create_family(&self, name: &str) -> Result<()> {
        self.effects
            .before("kv family create")
            .and_then(|()| {
                let options = options(self.purpose);
                self.db
                    .create_cf(name, &options)
                    .map_err(std::io::Error::other)
            })
            .map_err(|error| StorageError::io("cannot write to", &self.path, error))
    }

    /// Removes a column family with all its files; one that does not exist is no error.
    ///
    /// # Errors
    /// When RocksDB cannot write.
    pub fn drop_family(&self, name: &str) -> Result<()> {
        if self.db.cf_handle(name).is_none() {
            return Ok(());
        }
        self.effects
            .before("kv family drop")
            .and_then(|()| self.db.drop_cf(name).map_err(std::io::Error::other))
            .map_err(|error| StorageError::io("cannot write to", &self.path, error))
    }

    /// Writes records into a column family, all or none; with `sync` they are on disk
    /// afterwards.
    ///
    /// # Errors
    /// As [`Kv::write`].
    pub fn write_into<'a, K: AsRef<[u8]>>(
        &self,
        family: &str,
        records: impl Iterator<Item = (K, &'a [u8])>,
        sync: bool,
    ) -> Result<()> {
        let family = self.family(family)?;
        let mut batch = WriteBatch::default();
        for (key, value) in records {
            batch.put_cf(&family, key, value);
        }
        self.write(batch, sync)
    }

    /// Begins to move what a column family has in memory into a file.
    ///
    /// # Errors
    /// When RocksDB cannot.
    pub fn release_family(&self, name: &str) -> Result<()> {
        let mut options = FlushOptions::default();
        options.set_wait(false);
        self.db
            .flush_cf_opt(&self.family(name)?, &options)
            .map_err(|error| StorageError::io("cannot write to", &self.path, error))
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
            .inspect(|()| {
                if sync {
                    self.effects.synced(Synced::Database(&self.path));
                }
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
            .inspect(|()| self.effects.synced(Synced::Database(&self.path)))
            .map_err(|error| StorageError::io("cannot sync", &self.path, error))
    }

    /// # Errors
    /// When RocksDB cannot read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.db
            .get(key)
            .map_err(|error| StorageError::io("cannot read from", &self.path, error))
    }

    /// Calls `visit` with each key and value of a column family from `start` on, in key
    /// order, until it returns false.
    ///
    /// # Errors
    /// When RocksDB cannot read, or the error of `visit`.
    pub fn scan(
        &self,
        family: &str,
        start: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<bool>,
    ) -> Result<()> {
        let from = IteratorMode::From(start, Direction::Forward);
        for item in self.db.iterator_cf(&self.family(family)?, from) {
            let (key, value) =
                item.map_err(|error| StorageError::io("cannot read from", &self.path, error))?;
            if !visit(&key, &value)? {
                break;
            }
        }
        Ok(())
    }

    /// Calls `visit` for all keys of the default column family that begin with `prefix`.
    ///
    /// # Errors
    /// As [`Kv::scan`].
    pub fn scan_prefix(
        &self,
        prefix: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        self.scan(DEFAULT_FAMILY, prefix, |key, value| {
            if !key.starts_with(prefix) {
                return Ok(false);
            }
            visit(key, value)?;
            Ok(true)
        })
    }

    /// The last key of a column family up to `bound`, included.
    ///
    /// # Errors
    /// When RocksDB cannot read.
    pub fn last_key(&self, family: &str, bound: &[u8]) -> Result<Option<Vec<u8>>> {
        let from = IteratorMode::From(bound, Direction::Reverse);
        match self.db.iterator_cf(&self.family(family)?, from).next() {
            None => Ok(None),
            Some(Ok((key, _))) => Ok(Some(key.to_vec())),
            Some(Err(error)) => Err(StorageError::io("cannot read from", &self.path, error)),
        }
    }

    /// Removes a range of keys (its end is excluded) and sets a record, both in the
    /// default column family, and writes anew what of the family is in the way of giving
    /// the removed bytes back to the disk. What it has in memory goes into a file.
    ///
    /// # Errors
    /// When RocksDB cannot write.
    pub fn replace<K: AsRef<[u8]>>(
        &self,
        key: &[u8],
        value: &[u8],
        removed: Option<(K, K)>,
    ) -> Result<()> {
        let mut batch = WriteBatch::default();
        if let Some((from, to)) = removed {
            batch.delete_range(from, to);
        }
        batch.put(key, value);
        self.write(batch, false)?;
        self.release_memory()?;
        self.db.compact_range(None::<&[u8]>, None::<&[u8]>);
        Ok(())
    }
}
