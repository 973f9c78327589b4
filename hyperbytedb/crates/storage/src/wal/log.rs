//! The log on disk: segments, each a column family of one RocksDB database.
//!
//! Entries are numbered, and a segment holds the entries from the number in its name up to
//! the next segment's. Truncation drops whole segments, whose files go at once, whatever
//! level of RocksDB they are on: nothing that is still wanted is written anew for it, and
//! no file of what is gone stays. Every batch of entries lies in one segment, so that it is
//! whole or absent after a power loss.
//!
//! The default column family holds the log's own records. Logs of before segments have
//! their entries there.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::entry::{Entry, decode_entry};
use crate::effects::Effects;
use crate::error::{Result, StorageError};
use crate::kv::{DEFAULT_FAMILY, Kv, Purpose};

/// Bytes of entries at which a segment ends, about. What is truncated stays on disk until
/// its segment is truncated whole, so this bounds what a truncated log takes.
const SEGMENT_BYTES: u64 = 32 << 20;
/// Bytes of entries up to which the newest segment stays when all of it is truncated:
/// another one costs two small files.
const KEPT_BYTES: u64 = 1 << 20;
/// How the names of segments begin.
const SEGMENT: &str = "segment-";
/// The record of the last entry that was truncated: behind the keys of entries.
const TRUNCATED: &[u8] = b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFtruncated";

/// The log.
pub struct Wal {
    kv: Kv,
    segments: Mutex<Segments>,
}

struct Segments {
    /// Numbers of their first entries, rising.
    first: Vec<u64>,
    /// The last of them takes more entries.
    open: bool,
    /// Of entries in the open one.
    bytes: u64,
    /// The last entry.
    last: Option<u64>,
    /// The default family has entries.
    legacy: bool,
}

fn key(sequence: u64) -> [u8; 8] {
    sequence.to_be_bytes()
}

fn sequence(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}

/// The last entry of a column family.
fn last_of(kv: &Kv, family: &str) -> Result<Option<u64>> {
    let last = kv.last_key(family, &key(u64::MAX))?;
    Ok(last.as_deref().and_then(sequence))
}

/// The name of the segment that begins with an entry: names order as numbers do.
fn name_of(first: u64) -> String {
    format!("{SEGMENT}{first:020}")
}

impl Wal {
    /// # Errors
    /// When the directory cannot be used.
    pub fn open(path: &Path, effects: Arc<dyn Effects>) -> Result<Self> {
        let kv = Kv::open(path, Purpose::Log, effects)?;
        let number = |name: &String| name.strip_prefix(SEGMENT)?.parse::<u64>().ok();
        let mut first: Vec<u64> = kv.families().iter().filter_map(number).collect();
        first.sort_unstable();
        let in_default = last_of(&kv, DEFAULT_FAMILY)?;
        let mut last = in_default;
        for first in &first {
            last = last.max(last_of(&kv, &name_of(*first))?);
        }
        let segments = Mutex::new(Segments {
            first,
            open: false,
            bytes: 0,
            last,
            legacy: in_default.is_some(),
        });
        Ok(Self { kv, segments })
    }

    /// The highest sequence number that was appended, as far as the log still has it.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.segments.lock().last
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
        let mut segments = self.segments.lock();
        let segment = self.open_segment(&mut segments, first)?;
        let (mut bytes, mut next) = (0, first);
        let numbered = entries.map(|entry| {
            let key = key(next);
            bytes += entry.len() as u64;
            next += 1;
            (key, entry)
        });
        let written = self.kv.write_into(&segment, numbered, sync);
        segments.bytes += bytes;
        if written.is_ok() {
            segments.last = Some(next - 1);
        }
        written
    }

    /// The segment for entries from `first` on; a new one when there is none or it is full.
    fn open_segment(&self, segments: &mut Segments, first: u64) -> Result<String> {
        let current = segments.first.last().copied();
        if let Some(current) = current.filter(|_| segments.open) {
            if segments.bytes < SEGMENT_BYTES {
                return Ok(name_of(current));
            }
            // Its rest leaves memory, so that RocksDB's own log lets go of it.
            self.kv.release_family(&name_of(current))?;
        }
        // One of the same number exists when nothing could be appended to it.
        if current != Some(first) {
            self.kv.create_family(&name_of(first))?;
            segments.first.push(first);
        }
        segments.open = true;
        segments.bytes = 0;
        Ok(name_of(first))
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
        let (segments, legacy) = {
            let segments = self.segments.lock();
            // The one that has `from`, and those after it.
            let after = segments.first.partition_point(|first| *first <= from);
            let needed = segments.first[after.saturating_sub(1)..].to_vec();
            (needed, segments.legacy)
        };
        let mut each = |key: &[u8], value: &[u8]| {
            let Some(sequence) = sequence(key) else {
                return Ok(false);
            };
            let entry = decode_entry(value)
                .map_err(|message| StorageError::DamagedLog { sequence, message })?;
            visit(sequence, entry)?;
            Ok(true)
        };
        if legacy {
            self.kv.scan(DEFAULT_FAMILY, &key(from), &mut each)?;
        }
        for first in segments {
            self.kv.scan(&name_of(first), &key(from), &mut each)?;
        }
        Ok(())
    }

    /// Gives the entries up to and including `through` back to the disk: all of them but
    /// those in a segment that later entries are in, too.
    ///
    /// # Errors
    /// When they cannot be removed; those that are left go with the next truncation.
    pub fn truncate(&self, through: u64) -> Result<()> {
        let (gone, legacy) = {
            let mut segments = self.segments.lock();
            let gone = segments.take_truncated(through);
            (gone, std::mem::take(&mut segments.legacy))
        };
        if gone.is_empty() && !legacy {
            return Ok(());
        }
        let dropped = gone
            .iter()
            .try_for_each(|first| self.kv.drop_family(&name_of(*first)));
        let cleared = dropped.and_then(|()| self.note_truncated(through, legacy));
        if cleared.is_err() {
            let mut segments = self.segments.lock();
            segments.legacy |= legacy;
            segments.restore(gone);
        }
        cleared
    }

    /// Writes down how far the log is truncated. The record is no more than a note, but
    /// moving it out of memory makes RocksDB begin another file of its own log and remove
    /// those that only dropped segments needed.
    fn note_truncated(&self, through: u64, legacy: bool) -> Result<()> {
        let end = key(through.saturating_add(1));
        let entries = legacy.then_some((key(0), end));
        self.kv.replace(TRUNCATED, &key(through), entries)?;
        if legacy {
            self.segments.lock().legacy = last_of(&self.kv, DEFAULT_FAMILY)?.is_some();
        }
        Ok(())
    }
}

impl Segments {
    /// Takes out the segments whose entries are all truncated.
    fn take_truncated(&mut self, through: u64) -> Vec<u64> {
        // One before another ends where that begins.
        let ends = self.first.iter().skip(1);
        let mut whole = ends.take_while(|next| **next <= through + 1).count();
        let newest_is_done =
            self.last.is_none_or(|last| last <= through) && (!self.open || self.bytes > KEPT_BYTES);
        if newest_is_done && whole + 1 == self.first.len() {
            whole += 1;
            self.open = false;
        }
        self.first.drain(..whole).collect()
    }

    /// Puts back segments that could not be removed.
    fn restore(&mut self, segments: Vec<u64>) {
        self.first.extend(segments);
        self.first.sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Version;
    use crate::effects::AllEffects;
    use crate::wal::{Origin, encode_entry, stamp};
    use points::{Batch, FieldColumn, Strings, Table, TagSet, Values};

    fn open(path: &Path) -> Wal {
        Wal::open(path, Arc::new(AllEffects)).unwrap()
    }

    /// An entry of about so many bytes that do not compress.
    fn entry(number: u64, bytes: usize) -> Vec<u8> {
        let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut noise = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(b' ' + (state % 94) as u8)
        };
        let text: String = (0..bytes).map(|_| noise()).collect();
        let table = Table {
            measurement: "m".into(),
            series: vec![TagSet::default()],
            series_of_row: vec![0],
            times: vec![number as i64],
            fields: vec![FieldColumn {
                name: "v".into(),
                values: Values::String(Strings {
                    offsets: vec![0, text.len() as i32],
                    data: text.into_bytes(),
                }),
                present: None,
            }],
        };
        let batch = Batch {
            tables: vec![table],
        };
        let mut entry = encode_entry("db", "rp", Origin::Local, &batch);
        stamp(&mut entry, Version(number));
        entry
    }

    fn append(wal: &Wal, numbers: std::ops::RangeInclusive<u64>, bytes: usize) {
        for number in numbers {
            let entry = entry(number, bytes);
            wal.append(number, std::iter::once(entry.as_slice()), false)
                .unwrap();
        }
    }

    fn numbers(wal: &Wal, from: u64) -> Vec<u64> {
        let mut numbers = Vec::new();
        wal.replay(from, |number, entry| {
            assert_eq!(entry.version, Version(number));
            numbers.push(number);
            Ok(())
        })
        .unwrap();
        numbers
    }

    fn bytes_on_disk(path: &Path) -> u64 {
        let files = std::fs::read_dir(path).unwrap();
        // One may go while they are counted.
        let sizes = files.filter_map(|file| file.ok()?.metadata().ok());
        sizes.map(|metadata| metadata.len()).sum()
    }

    /// The bytes on disk, once they are fewer than a bound: RocksDB removes files by a
    /// thread of its own.
    fn bytes_below(path: &Path, bound: u64) -> u64 {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        loop {
            let bytes = bytes_on_disk(path);
            if bytes < bound {
                return bytes;
            }
            assert!(std::time::Instant::now() < deadline, "{bytes} bytes stay");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    const MIB: usize = 1 << 20;
    /// What a truncated log may take beside what is not truncated.
    const SLACK: u64 = 128 << 20;

    #[test]
    fn a_truncated_log_gives_its_disk_back() {
        let directory = tempfile::tempdir().unwrap();
        let wal = open(directory.path());
        for cycle in 0..6 {
            let first = cycle * 100 + 1;
            append(&wal, first..=first + 99, MIB);
            assert!(bytes_on_disk(directory.path()) > 100 << 20);
            // Some entries came while the flush was on its way.
            wal.truncate(first + 89).unwrap();
            bytes_below(directory.path(), SLACK + (10 << 20));
            assert_eq!(numbers(&wal, first + 90).len(), 10);
        }
        wal.truncate(600).unwrap();
        bytes_below(directory.path(), 4 << 20);
        append(&wal, 601..=601, 10);
        assert_eq!(numbers(&wal, 601), [601]);
        drop(wal);
        let wal = open(directory.path());
        assert_eq!(wal.last(), Some(601));
        assert_eq!(numbers(&wal, 601), [601]);
    }

    #[test]
    fn what_the_database_keeps_of_itself_does_not_grow_with_truncations() {
        let directory = tempfile::tempdir().unwrap();
        let wal = open(directory.path());
        for cycle in 1..=100 {
            append(&wal, cycle..=cycle, 2 * MIB);
            wal.truncate(cycle).unwrap();
        }
        bytes_below(directory.path(), 8 << 20);
        let files = std::fs::read_dir(directory.path()).unwrap();
        let own = files.filter_map(|file| {
            let name = file.ok()?.file_name().into_string().ok()?;
            (name.starts_with("LOG") || name.starts_with("MANIFEST")).then_some(name)
        });
        let bytes: u64 = own
            .filter_map(|name| directory.path().join(name).metadata().ok())
            .map(|metadata| metadata.len())
            .sum();
        // A log of RocksDB's own would have 900 KB by now.
        assert!(bytes < 64 << 10, "{bytes} bytes of notes");
    }

    #[test]
    fn entries_of_all_segments_are_replayed_in_order_from_any_of_them() {
        let directory = tempfile::tempdir().unwrap();
        let mut wal = open(directory.path());
        for restart in 0..3 {
            append(&wal, restart * 5 + 1..=restart * 5 + 5, 20 * MIB);
            assert!(wal.segments.lock().first.len() > 2);
            drop(wal);
            wal = open(directory.path());
        }
        for from in 1..=16 {
            assert_eq!(numbers(&wal, from), (from..=15).collect::<Vec<_>>());
        }
        wal.truncate(7).unwrap();
        for from in 8..=16 {
            assert_eq!(numbers(&wal, from), (from..=15).collect::<Vec<_>>());
        }
    }

    /// A log as it was before segments: all entries in the default family, of which a
    /// truncation took none from the disk.
    #[test]
    fn a_log_from_before_segments_is_read_and_gives_its_disk_back() {
        let directory = tempfile::tempdir().unwrap();
        {
            let kv = Kv::open(directory.path(), Purpose::Log, Arc::new(AllEffects)).unwrap();
            for number in 1..=300_u64 {
                let entry = entry(number, MIB);
                kv.write_into(
                    DEFAULT_FAMILY,
                    [(key(number), entry.as_slice())].into_iter(),
                    false,
                )
                .unwrap();
            }
        }
        assert!(bytes_on_disk(directory.path()) > 280 << 20);
        let wal = open(directory.path());
        assert_eq!(wal.last(), Some(300));
        wal.truncate(290).unwrap();
        // Ten entries of 1 MiB are left.
        bytes_below(directory.path(), 100 << 20);
        append(&wal, 301..=302, 10);
        assert_eq!(numbers(&wal, 291), (291..=302).collect::<Vec<_>>());
        drop(wal);
        let wal = open(directory.path());
        assert_eq!(numbers(&wal, 291), (291..=302).collect::<Vec<_>>());
        wal.truncate(302).unwrap();
        bytes_below(directory.path(), 4 << 20);
        assert_eq!(numbers(&wal, 1), Vec::<u64>::new());
    }
}
