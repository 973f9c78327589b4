//! The write-ahead log: entries, their keys, replay and truncation.
//!
//! An entry is one accepted batch: a format byte (1), the version (8 bytes, little
//! endian), a flags byte (bit 0: replicated), the origin node (8 bytes), the database
//! and the policy (each a 4-byte length and the name), then the batch in its own
//! encoding. Recovery, replication and the flush know nothing but these bytes.

use std::path::Path;
use std::sync::Arc;

use points::Batch;
use rocksdb::WriteBatch;

use crate::clock::Version;
use crate::effects::Effects;
use crate::error::{Result, StorageError};
use crate::kv::{Kv, Purpose};
use crate::prepare::Origin;

const FORMAT: u8 = 1;
const VERSION_AT: usize = 1;
const FLAG_REPLICATED: u8 = 1;

/// An entry's header and batch, without its version.
#[must_use]
pub fn encode_entry(database: &str, policy: &str, origin: Origin, batch: &Batch) -> Vec<u8> {
    let payload = batch.encode();
    let mut out = Vec::with_capacity(payload.len() + database.len() + policy.len() + 32);
    out.push(FORMAT);
    out.extend_from_slice(&[0; 8]);
    let (flags, node) = match origin {
        Origin::Local => (0, 0),
        Origin::Replicated { node, .. } => (FLAG_REPLICATED, node),
        Origin::Forwarded => (FLAG_REPLICATED, 0),
    };
    out.push(flags);
    out.extend_from_slice(&node.to_le_bytes());
    for name in [database, policy] {
        out.extend_from_slice(&(name.len() as u32).to_le_bytes());
        out.extend_from_slice(name.as_bytes());
    }
    out.extend_from_slice(&payload);
    out
}

/// Sets the version of an encoded entry.
pub fn stamp(entry: &mut [u8], version: Version) {
    entry[VERSION_AT..VERSION_AT + 8].copy_from_slice(&version.0.to_le_bytes());
}

/// A decoded entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub version: Version,
    pub replicated_from: Option<u64>,
    pub database: String,
    pub policy: String,
    pub batch: Batch,
}

/// Reads an entry.
///
/// # Errors
/// What is wrong with the bytes.
pub fn decode_entry(bytes: &[u8]) -> std::result::Result<Entry, String> {
    let mut rest = bytes;
    let mut take = |count: usize| {
        let (head, tail) = rest
            .split_at_checked(count)
            .ok_or_else(|| "it ends too early".to_string())?;
        rest = tail;
        Ok::<&[u8], String>(head)
    };
    let format = take(1)?[0];
    if format != FORMAT {
        return Err(format!("format {format} is not known"));
    }
    let number = |bytes: &[u8]| {
        let mut value = [0; 8];
        value[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(value)
    };
    let version = Version(number(take(8)?));
    let flags = take(1)?[0];
    let node = number(take(8)?);
    let mut name = || {
        let length = number(take(4)?) as usize;
        String::from_utf8(take(length)?.to_vec()).map_err(|_| "a name is not UTF-8".to_string())
    };
    let database = name()?;
    let policy = name()?;
    let batch = Batch::decode(rest).map_err(|error| error.to_string())?;
    Ok(Entry {
        version,
        replicated_from: (flags & FLAG_REPLICATED != 0).then_some(node),
        database,
        policy,
        batch,
    })
}

/// The log on disk.
pub struct Wal {
    kv: Kv,
}

fn key(sequence: u64) -> [u8; 8] {
    sequence.to_be_bytes()
}

fn sequence(key: &[u8]) -> u64 {
    key.try_into().map_or(0, u64::from_be_bytes)
}

impl Wal {
    /// # Errors
    /// When the directory cannot be used.
    pub fn open(path: &Path, effects: Arc<dyn Effects>) -> Result<Self> {
        Ok(Self {
            kv: Kv::open(path, Purpose::Log, effects)?,
        })
    }

    /// The highest sequence number in the log.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last(&self) -> Result<Option<u64>> {
        Ok(self.kv.last_key()?.map(|key| sequence(&key)))
    }

    /// Appends entries under rising numbers, all or none; with `sync` they are on disk
    /// afterwards.
    ///
    /// # Errors
    /// When they cannot be written; none of them then counts.
    pub fn append<'a>(
        &self,
        first: u64,
        entries: impl Iterator<Item = &'a [u8]>,
        sync: bool,
    ) -> Result<()> {
        let mut batch = WriteBatch::default();
        for (at, entry) in entries.enumerate() {
            batch.put(key(first + at as u64), entry);
        }
        self.kv.write(batch, sync)
    }

    /// # Errors
    /// When the sync fails.
    pub fn sync(&self) -> Result<()> {
        self.kv.sync()
    }

    /// Calls `visit` for each entry from `from` on.
    ///
    /// # Errors
    /// When an entry is damaged, or the error of `visit`.
    pub fn replay(&self, from: u64, mut visit: impl FnMut(u64, Entry) -> Result<()>) -> Result<()> {
        self.kv.scan(&key(from), |key, value| {
            let sequence = sequence(key);
            let entry = decode_entry(value)
                .map_err(|message| StorageError::DamagedLog { sequence, message })?;
            visit(sequence, entry)?;
            Ok(true)
        })
    }

    /// Removes all entries up to and including `through`.
    ///
    /// # Errors
    /// When they cannot be removed.
    pub fn truncate(&self, through: u64) -> Result<()> {
        self.kv
            .delete_range(&key(0), &key(through.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_round_trip_and_damage_is_told() {
        let batch = Batch::default();
        let origin = Origin::Replicated {
            node: 7,
            version: Version(9),
        };
        let mut entry = encode_entry("dä/:b", "rp", origin, &batch);
        stamp(&mut entry, Version(42));
        let decoded = decode_entry(&entry).unwrap();
        assert_eq!(decoded.version, Version(42));
        assert_eq!(decoded.replicated_from, Some(7));
        assert_eq!(
            (decoded.database.as_str(), decoded.policy.as_str()),
            ("dä/:b", "rp")
        );
        assert_eq!(decoded.batch, batch);
        for end in 0..18 + 4 {
            assert!(decode_entry(&entry[..end]).is_err());
        }
        entry[0] = 9;
        assert!(decode_entry(&entry).unwrap_err().contains("format 9"));
    }
}
