//! Files that live as long as somebody reads them.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::Sender;

use crate::catalog::file::FileEntry;

/// Where files go that nobody needs any more. It never makes the sender wait: files are
/// let go under locks and by readers, and there are no more of them than there were files.
pub type PurgeQueue = Sender<Purge>;

/// What the purger is told.
#[derive(Debug)]
pub enum Purge {
    File(FileEntry),
    Stop,
}

/// A data file of a table. Tables and views share it, and the last of them lets it go:
/// when it was marked as obsolete, it is removed then, and not before.
#[derive(Debug)]
pub struct FileHandle {
    entry: FileEntry,
    obsolete: AtomicBool,
    purge: PurgeQueue,
}

impl FileHandle {
    #[must_use]
    pub fn new(entry: FileEntry, purge: PurgeQueue) -> Self {
        Self {
            entry,
            obsolete: AtomicBool::new(false),
            purge,
        }
    }

    /// Says that the catalog no longer has the file, so that its last owner removes it.
    pub fn mark_obsolete(&self) {
        self.obsolete.store(true, Ordering::Release);
    }
}

impl Deref for FileHandle {
    type Target = FileEntry;

    fn deref(&self) -> &FileEntry {
        &self.entry
    }
}

impl Drop for FileHandle {
    fn drop(&mut self) {
        if self.obsolete.load(Ordering::Acquire) {
            // Without a purger the engine has stopped: the catalog's record of the file
            // makes the next start remove it.
            let _stopped = self.purge.send(Purge::File(self.entry.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_last_owner_of_an_obsolete_file_lets_it_go() {
        let (purge, purged) = crossbeam_channel::unbounded();
        let handle = |id| {
            let entry = FileEntry {
                id,
                ..FileEntry::default()
            };
            Arc::new(FileHandle::new(entry, purge.clone()))
        };
        let (kept, read) = (handle(1), handle(2));
        drop(kept);
        let table = read.clone();
        table.mark_obsolete();
        drop(table);
        assert!(purged.is_empty(), "a reader still has it");
        drop(read);
        assert!(matches!(purged.try_recv(), Ok(Purge::File(file)) if file.id == 2));
        assert!(purged.is_empty());
    }
}
