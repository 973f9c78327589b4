//! Entries of the log.
//!
//! An entry is one accepted batch: a format byte (1), the version (8 bytes, little
//! endian), a flags byte (bit 0: replicated), the origin node (8 bytes), the database
//! and the policy (each a 4-byte length and the name), then the batch in its own
//! encoding. Recovery, replication and the flush know nothing but these bytes.

use points::Batch;

use crate::clock::Version;

const FORMAT: u8 = 1;
const VERSION_AT: usize = 1;
/// After format, version, flags and node.
const NAMES_AT: usize = 1 + 8 + 1 + 8;
const FLAG_REPLICATED: u8 = 1;

/// Where a write comes from: decides how conflicts are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A client of this node: a conflicting point is refused.
    Local,
    /// Another node that has accepted it: nothing is refused any more.
    Replicated { node: u64, version: Version },
    /// A node that does not say which version it gave: stored as if replicated, and
    /// stamped here.
    Forwarded,
}

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

/// The database and policy of an encoded entry; `None` when it is damaged.
#[must_use]
pub fn names_of(entry: &[u8]) -> Option<(&str, &str)> {
    let (database, rest) = split_name(entry.get(NAMES_AT..)?)?;
    let (policy, _) = split_name(rest)?;
    Some((database, policy))
}

/// Reads a name and returns what follows it.
fn split_name(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (name, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((std::str::from_utf8(name).ok()?, rest))
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
        assert_eq!(names_of(&entry), Some(("dä/:b", "rp")));
        assert_eq!(names_of(&entry[..20]), None);
        for end in 0..18 + 4 {
            assert!(decode_entry(&entry[..end]).is_err());
        }
        entry[0] = 9;
        assert!(decode_entry(&entry).unwrap_err().contains("format 9"));
    }
}
