//! The catalog on disk: what databases, tables, series, files and deletes there are.
//!
//! Keys are a kind byte and length-prefixed names, so that names never collide and
//! never reach into one another; values are JSON.

use std::path::Path;
use std::sync::Arc;

use rocksdb::WriteBatch;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock::Version;
use crate::delete::Tombstone;
use crate::effects::Effects;
use crate::error::{Result, StorageError};
use crate::files::FileEntry;
use crate::kv::{Kv, Purpose};
use crate::records::User;
use crate::schema::Database;
use crate::table::{ColumnDef, TableName};

const POSITION: u8 = b'p';
const DATABASE: u8 = b'd';
const TABLE: u8 = b't';
const SERIES: u8 = b's';
const FILE: u8 = b'f';
const TOMBSTONE: u8 = b'x';
const USER: u8 = b'u';

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

/// The catalog's database.
pub struct Meta {
    kv: Kv,
}

/// Changes that are applied together.
#[derive(Default)]
pub struct Changes {
    batch: WriteBatch,
}

fn push_name(key: &mut Vec<u8>, name: &str) {
    key.extend_from_slice(&(name.len() as u32).to_be_bytes());
    key.extend_from_slice(name.as_bytes());
}

/// The key of what has one name: a database, a user.
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

/// Reads the names of a table's key and returns what follows them.
fn split_table_key(key: &[u8]) -> Option<(TableName, &[u8])> {
    let mut rest = key.get(1..)?;
    let mut name = || {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        let (name, tail) = tail.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        rest = tail;
        String::from_utf8(name.to_vec()).ok()
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

impl Changes {
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

    /// Removes a database and all below it.
    pub fn remove_database(&mut self, name: &str) {
        self.batch.delete(database_key(DATABASE, name));
        for kind in [TABLE, SERIES, FILE, TOMBSTONE] {
            self.remove_prefix(&database_key(kind, name));
        }
    }

    pub fn table(&mut self, table: &TableName, record: &TableRecord) {
        self.batch.put(table_key(TABLE, table), encode(record));
    }

    /// Removes a table with its series and files; deletes stay, they also hide what
    /// comes late.
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

    pub fn file(&mut self, table: &TableName, file: &FileEntry) {
        self.batch
            .put(with_number(table_key(FILE, table), file.id), encode(file));
    }

    pub fn tombstone(&mut self, table: &TableName, tombstone: &Tombstone) {
        let key = with_number(table_key(TOMBSTONE, table), tombstone.version.0);
        self.batch.put(key, encode(tombstone));
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
    fn tombstone(&mut self, table: TableName, tombstone: Tombstone) -> Result<()>;
}

impl Meta {
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
    pub fn prepare(&self, changes: Changes) -> Result<()> {
        self.kv.write(changes.batch, false)
    }

    /// Applies changes durably, all or none.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn commit(&self, changes: Changes) -> Result<()> {
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

    /// Reads all records below tables: tables first, then series, files, tombstones.
    ///
    /// # Errors
    /// When a record cannot be read, or the error of the visitor.
    pub fn visit(&self, visitor: &mut dyn Visit) -> Result<()> {
        for kind in [TABLE, SERIES, FILE, TOMBSTONE] {
            self.kv.scan_prefix(&[kind], |key, value| {
                let Some((table, rest)) = split_table_key(key) else {
                    return Err(StorageError::DamagedRecord {
                        what: "a table".to_string(),
                        message: "its key is cut off".to_string(),
                    });
                };
                let what = table.measurement.clone();
                match kind {
                    TABLE => visitor.table(table, decode(&what, value)?),
                    SERIES => visitor.series(table, rest),
                    FILE => visitor.file(table, decode(&what, value)?),
                    _ => visitor.tombstone(table, decode(&what, value)?),
                }
            })?;
        }
        Ok(())
    }
}
