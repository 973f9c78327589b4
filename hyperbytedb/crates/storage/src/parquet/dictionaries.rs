//! Dictionaries of files that were used lately: decoding one costs more than a small
//! read of the rows that point into it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lru::LruCache;
use parking_lot::Mutex;

/// Bytes of all dictionaries that are kept.
const BYTES_MAX: usize = 32 << 20;

/// File (as [`Dictionaries::number`] gave it) and position in it.
type Place = (u64, i64);

/// The dictionaries of many files.
pub struct Dictionaries {
    kept: Mutex<Kept>,
    files: AtomicU64,
}

struct Kept {
    values: LruCache<Place, Arc<[i64]>>,
    bytes: usize,
}

impl Default for Dictionaries {
    fn default() -> Self {
        // Each takes a byte at least.
        let entries = NonZeroUsize::new(BYTES_MAX / 64).unwrap_or(NonZeroUsize::MIN);
        let values = LruCache::new(entries);
        Self {
            kept: Mutex::new(Kept { values, bytes: 0 }),
            files: AtomicU64::new(0),
        }
    }
}

impl Dictionaries {
    /// A number for a file that no other one has.
    pub fn number(&self) -> u64 {
        self.files.fetch_add(1, Ordering::Relaxed)
    }

    pub fn get(&self, place: Place) -> Option<Arc<[i64]>> {
        self.kept.lock().values.get(&place).cloned()
    }

    pub fn keep(&self, place: Place, values: Arc<[i64]>) {
        let mut kept = self.kept.lock();
        kept.bytes += size_of_val(&*values);
        if let Some((_, replaced)) = kept.values.push(place, values) {
            kept.bytes -= size_of_val(&*replaced);
        }
        while kept.bytes > BYTES_MAX
            && let Some((_, oldest)) = kept.values.pop_lru()
        {
            kept.bytes -= size_of_val(&*oldest);
        }
    }

    /// The bytes of all that are kept.
    pub fn bytes(&self) -> usize {
        self.kept.lock().bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_used_lately_stay_within_the_bound() {
        let dictionaries = Dictionaries::default();
        let values: Arc<[i64]> = vec![7; BYTES_MAX / 8 / 4].into();
        for at in 0..4 {
            dictionaries.keep((1, at), values.clone());
        }
        assert!(dictionaries.get((1, 0)).is_some());
        dictionaries.keep((2, 0), values.clone());
        dictionaries.keep((2, 0), values);
        assert_eq!(dictionaries.bytes(), BYTES_MAX);
        assert!(dictionaries.get((1, 0)).is_some());
        assert!(dictionaries.get((1, 1)).is_none());
    }
}
