//! The catalog on disk: what databases, tables, series, files and deletes there are.
//!
//! Keys are a kind byte and length-prefixed names, so that names never collide and
//! never reach into one another; values are JSON.

use std::path::Path;
use std::sync::Arc;

use rocksdb::WriteBatch;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::catalog::database::Database;
use crate::catalog::file::FileEntry;
use crate::catalog::record::{
    ColumnDef, MeasurementScope, SeriesPredicate, TableName, Tombstone, User,
};
use crate::clock::Version;
use crate::effects::Effects;
use crate::error::{Result, StorageError};
use crate::kv::{Kv, Purpose};

pub mod database;
pub mod file;
pub mod record;

const POSITION: u8 = b'p';
const DATABASE: u8 = b'd';
const TABLE: u8 = b't';
const SERIES: u8 = b's';
const FILE: u8 = b'f';
const TOMBSTONE: u8 = b'x';
const USER: u8 = b'u';
const GARBAGE: u8 = b'g';
const FORMAT: u8 = b'v';

/// The format of the records. Version 1 had tombstones below tables, and no record of it.
const FORMAT_VERSION: u64 = 2;

/// How far the log has gone into files, and the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Position {
    /// Entries of the log up to this one are in files.
    pub flushed: u64,
    /// No version given out or seen was higher when this was written.
    pub version: Version,
    /// The next file's number is higher.
    pub file_id: u64,
}

/// The record of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TableRecord {
    pub columns: Vec<ColumnDef>,
}

/// The record of a file to be removed.
#[derive(Debug, Serialize, Deserialize)]
struct Garbage {
    id: u64,
}

/// A tombstone as format 1 had it, below a table.
#[derive(Debug, Deserialize)]
struct TombstoneOfTable {
    version: Version,
    series: SeriesPredicate,
    min_time: i64,
    max_time: i64,
}

/// The catalog's database.
pub struct Catalog {
    kv: Kv,
}

/// Changes that are applied together.
#[derive(Default)]
pub struct CatalogTransaction {
    batch: WriteBatch,
}

fn push_name(key: &mut Vec<u8>, name: &str) {
    key.extend_from_slice(&(name.len() as u32).to_be_bytes());
    key.extend_from_slice(name.as_bytes());
}

/// The key of what has one name: a database, a user, a file to be removed.
fn database_key(kind: u8, database: &str) -> Vec<u8> {
    let mut key = vec![kind];
    push_name(&mut key, database);
    key
}

fn table_key(kind: u8, table: &TableName) -> Vec<u8> {
    let mut key = database_key(kind, &table.database);
    push_name(&mut key, &table.policy);
    push_name(&mut key, &table.measurement);
    key
}

/// Reads a name and returns what follows it.
fn split_name(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, tail) = bytes.split_first_chunk::<4>()?;
    let (name, tail) = tail.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    Some((std::str::from_utf8(name).ok()?, tail))
}

/// Reads the names of a table's key and returns what follows them.
fn split_table_key(key: &[u8]) -> Option<(TableName, &[u8])> {
    let mut rest = key.get(1..)?;
    let mut name = || {
        let (name, tail) = split_name(rest)?;
        rest = tail;
        Some(name.to_string())
    };
    let table = TableName {
        database: name()?,
        policy: name()?,
        measurement: name()?,
    };
    Some((table, rest))
}

fn with_number(mut key: Vec<u8>, number: u64) -> Vec<u8> {
    key.extend_from_slice(&number.to_be_bytes());
    key
}

fn cut_off(what: &str) -> StorageError {
    StorageError::DamagedRecord {
        what: what.to_string(),
        message: "its key is cut off".to_string(),
    }
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Records are plain structs of strings and numbers, which JSON always takes.
    serde_json::to_vec(value).unwrap_or_default()
}

fn decode<T: DeserializeOwned>(what: &str, value: &[u8]) -> Result<T> {
    serde_json::from_slice(value).map_err(|error| StorageError::DamagedRecord {
        what: what.to_string(),
        message: error.to_string(),
    })
}

impl CatalogTransaction {
    /// Bytes of all changes so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.batch.size_in_bytes()
    }

    pub fn position(&mut self, position: &Position) {
        self.batch.put([POSITION], encode(position));
    }

    pub fn database(&mut self, database: &Database) {
        self.batch
            .put(database_key(DATABASE, &database.name), encode(database));
    }

    pub fn user(&mut self, user: &User) {
        self.batch.put(database_key(USER, &user.name), encode(user));
    }

    pub fn remove_user(&mut self, name: &str) {
        self.batch.delete(database_key(USER, name));
    }

    /// Removes a database and all below it. Its files are garbage from then on.
    pub fn remove_database(&mut self, name: &str) {
        self.batch.delete(database_key(DATABASE, name));
        for kind in [TABLE, SERIES, FILE, TOMBSTONE] {
            self.remove_prefix(&database_key(kind, name));
        }
    }

    pub fn table(&mut self, table: &TableName, record: &TableRecord) {
        self.batch.put(table_key(TABLE, table), encode(record));
    }

    /// Removes a table with its series and files, which are garbage from then on.
    pub fn remove_table(&mut self, table: &TableName) {
        self.batch.delete(table_key(TABLE, table));
        for kind in [SERIES, FILE] {
            self.remove_prefix(&table_key(kind, table));
        }
    }

    pub fn series(&mut self, table: &TableName, key: &[u8]) {
        let mut full = table_key(SERIES, table);
        full.extend_from_slice(key);
        self.batch.put(full, []);
    }

    pub fn remove_series(&mut self, table: &TableName, key: &[u8]) {
        let mut full = table_key(SERIES, table);
        full.extend_from_slice(key);
        self.batch.delete(full);
    }

    /// Puts the files `added` in the place of those `removed`, which are garbage from then
    /// on.
    pub fn replace_files<'a>(
        &mut self,
        table: &TableName,
        removed: impl Iterator<Item = &'a FileEntry>,
        added: impl Iterator<Item = &'a FileEntry>,
    ) {
        for file in removed {
            self.batch
                .delete(with_number(table_key(FILE, table), file.id));
            self.garbage(file);
        }
        for file in added {
            self.batch
                .put(with_number(table_key(FILE, table), file.id), encode(file));
        }
    }

    /// Notes that a file is to be removed from the disk.
    pub fn garbage(&mut self, file: &FileEntry) {
        let garbage = Garbage { id: file.id };
        self.batch
            .put(database_key(GARBAGE, &file.path), encode(&garbage));
    }

    /// Forgets a file that is removed.
    pub fn remove_garbage(&mut self, file: &FileEntry) {
        self.batch.delete(database_key(GARBAGE, &file.path));
    }

    pub fn tombstone(&mut self, database: &str, tombstone: &Tombstone) {
        let key = with_number(database_key(TOMBSTONE, database), tombstone.seq);
        self.batch.put(key, encode(tombstone));
    }

    pub fn remove_tombstone(&mut self, database: &str, seq: u64) {
        self.batch
            .delete(with_number(database_key(TOMBSTONE, database), seq));
    }

    fn remove_prefix(&mut self, prefix: &[u8]) {
        let mut end = prefix.to_vec();
        // The next key that does not begin with the prefix; kinds are below 0xFF.
        while let Some(last) = end.pop() {
            if last < 0xFF {
                end.push(last + 1);
                break;
            }
        }
        self.batch.delete_range(prefix, end.as_slice());
    }
}

/// What the catalog holds, read at start.
pub trait Visit {
    /// # Errors
    /// Stops the reading.
    fn table(&mut self, table: TableName, record: TableRecord) -> Result<()>;
    /// # Errors
    /// Stops the reading.
    fn series(&mut self, table: TableName, key: &[u8]) -> Result<()>;
    /// # Errors
    /// Stops the reading.
    fn file(&mut self, table: TableName, file: FileEntry) -> Result<()>;
    /// # Errors
    /// Stops the reading.
    fn tombstone(&mut self, database: &str, tombstone: Tombstone) -> Result<()>;
    /// # Errors
    /// Stops the reading.
    fn garbage(&mut self, file: FileEntry) -> Result<()>;
}

impl Catalog {
    /// # Errors
    /// When the directory cannot be used.
    pub fn open(path: &Path, effects: Arc<dyn Effects>) -> Result<Self> {
        Ok(Self {
            kv: Kv::open(path, Purpose::Metadata, effects)?,
        })
    }

    /// Applies changes ahead of a commit: all or none, and durable with the next commit
    /// at the latest.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn prepare(&self, changes: CatalogTransaction) -> Result<()> {
        self.kv.write(changes.batch, false)
    }

    /// Applies changes durably, all or none.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn commit(&self, changes: CatalogTransaction) -> Result<()> {
        self.kv.write(changes.batch, true)
    }

    /// Gives back the memory of what was committed lately.
    ///
    /// # Errors
    /// When it cannot be written into files.
    pub fn release_memory(&self) -> Result<()> {
        self.kv.release_memory()
    }

    /// # Errors
    /// When the record cannot be read.
    pub fn position(&self) -> Result<Position> {
        match self.kv.get(&[POSITION])? {
            None => Ok(Position::default()),
            Some(value) => decode("the flushed position", &value),
        }
    }

    /// # Errors
    /// When a record cannot be read.
    pub fn databases(&self) -> Result<Vec<Database>> {
        let mut databases = Vec::new();
        self.kv.scan_prefix(&[DATABASE], |_, value| {
            databases.push(decode("a database", value)?);
            Ok(())
        })?;
        Ok(databases)
    }

    /// The users in the order in which they were created.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn users(&self) -> Result<Vec<User>> {
        let mut users: Vec<User> = Vec::new();
        self.kv.scan_prefix(&[USER], |_, value| {
            users.push(decode("a user", value)?);
            Ok(())
        })?;
        users.sort_by_key(|user| user.created);
        Ok(users)
    }

    /// Reads all records below databases: tables first, then series, files, tombstones,
    /// garbage.
    ///
    /// # Errors
    /// When a record cannot be read, or the error of the visitor.
    pub fn visit(&self, visitor: &mut dyn Visit) -> Result<()> {
        for kind in [TABLE, SERIES, FILE] {
            self.kv.scan_prefix(&[kind], |key, value| {
                let (table, rest) = split_table_key(key).ok_or_else(|| cut_off("a table"))?;
                let what = table.measurement.clone();
                match kind {
                    TABLE => visitor.table(table, decode(&what, value)?),
                    SERIES => visitor.series(table, rest),
                    _ => visitor.file(table, decode(&what, value)?),
                }
            })?;
        }
        self.kv.scan_prefix(&[TOMBSTONE], |key, value| {
            let (database, _) = split_name(&key[1..]).ok_or_else(|| cut_off("a delete"))?;
            visitor.tombstone(database, decode("a delete", value)?)
        })?;
        self.kv.scan_prefix(&[GARBAGE], |key, value| {
            let what = "a file to be removed";
            let (path, _) = split_name(&key[1..]).ok_or_else(|| cut_off(what))?;
            let garbage: Garbage = decode(what, value)?;
            visitor.garbage(FileEntry {
                id: garbage.id,
                path: path.to_string(),
                ..FileEntry::default()
            })
        })
    }

    /// Brings the records of an earlier version into today's format, which that version
    /// can no longer read. `log_position` is the last entry of the log.
    ///
    /// # Errors
    /// When the records are of a later version, damaged or cannot be written.
    pub fn upgrade(&self, log_position: u64) -> Result<()> {
        let format = match self.kv.get(&[FORMAT])? {
            Some(value) => decode("the catalog's format", &value)?,
            None => 1,
        };
        match format {
            FORMAT_VERSION => return Ok(()),
            1 => {}
            _ => {
                return Err(StorageError::LaterFormat {
                    format,
                    known: FORMAT_VERSION,
                });
            }
        }
        let mut tombstones = Vec::new();
        let mut changes = CatalogTransaction::default();
        self.kv.scan_prefix(&[TOMBSTONE], |key, value| {
            let (table, _) = split_table_key(key).ok_or_else(|| cut_off("a delete"))?;
            let old: TombstoneOfTable = decode(&table.measurement, value)?;
            tombstones.push((table, old));
            changes.batch.delete(key);
            Ok(())
        })?;
        tombstones.sort_by_key(|(_, old)| old.version);
        for (seq, (table, old)) in (1..).zip(tombstones) {
            let tombstone = Tombstone {
                version: old.version,
                policy: Some(table.policy),
                measurements: MeasurementScope::One(table.measurement),
                series: old.series,
                min_time: old.min_time,
                max_time: old.max_time,
                seq,
                log_position,
            };
            changes.tombstone(&table.database, &tombstone);
        }
        changes.batch.put([FORMAT], encode(&FORMAT_VERSION));
        self.commit(changes)
    }
}
