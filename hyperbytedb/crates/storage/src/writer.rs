//! The one thread that appends to the log: group commit.

use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use tokio::sync::oneshot;

use crate::clock::Version;
use crate::config::Sync;
use crate::error::{Result, StorageError};
use crate::prepare::Origin;
use crate::rows::{Rows, Versions};
use crate::run::Run;
use crate::shared::Shared;
use crate::table::Table;
use crate::wal;

/// Requests that share one append at most.
const GROUP_MAX: usize = 512;
/// Bytes that share one append at most, about.
const GROUP_BYTES_MAX: usize = 16 << 20;

/// A prepared write on its way into the log.
pub(crate) struct Commit {
    /// The encoded entry, without its version.
    pub entry: Vec<u8>,
    pub origin: Origin,
    pub rows: Vec<(Arc<Table>, Rows)>,
    pub reply: oneshot::Sender<Committed>,
}

/// What became of a write.
#[derive(Debug)]
pub(crate) enum Committed {
    Stored,
    /// A measurement was dropped meanwhile; here is the entry to prepare again.
    Again(Vec<u8>),
    Failed(StorageError),
}

/// Takes commits from the channel until it closes.
pub(crate) fn write_loop(shared: &Shared, commits: &Receiver<Commit>) {
    let mut unsynced = false;
    loop {
        let first = match shared.config.sync {
            Sync::Interval(interval) if unsynced => match commits.recv_timeout(interval) {
                Ok(commit) => Some(commit),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            },
            _ => match commits.recv() {
                Ok(commit) => Some(commit),
                Err(_) => break,
            },
        };
        match first {
            Some(first) => {
                let group = drain(first, commits);
                commit_group(shared, group);
                unsynced = shared.config.sync != Sync::Always;
            }
            None => {
                if let Err(error) = shared.wal.sync() {
                    tracing::error!(%error, "log not synced");
                }
                unsynced = false;
            }
        }
    }
    if let Err(error) = shared.wal.sync() {
        tracing::error!(%error, "log not synced at the end");
    }
}

fn drain(first: Commit, commits: &Receiver<Commit>) -> Vec<Commit> {
    let mut bytes = first.entry.len();
    let mut group = vec![first];
    while group.len() < GROUP_MAX && bytes < GROUP_BYTES_MAX {
        match commits.try_recv() {
            Ok(commit) => {
                bytes += commit.entry.len();
                group.push(commit);
            }
            Err(_) => break,
        }
    }
    group
}

fn commit_group(shared: &Shared, group: Vec<Commit>) {
    let mut positions = shared.positions.lock();
    let (mut group, stale): (Vec<Commit>, Vec<Commit>) = group
        .into_iter()
        .partition(|commit| commit.rows.iter().all(|(table, _)| !table.is_dropped()));
    let mut versions = Vec::with_capacity(group.len());
    for commit in &mut group {
        let version = match commit.origin {
            Origin::Local | Origin::Forwarded => shared.clock.next(),
            Origin::Replicated { version, .. } => {
                shared.clock.observe(version);
                version
            }
        };
        wal::stamp(&mut commit.entry, version);
        versions.push(version);
    }
    let result = append(shared, positions.visible + 1, &group);
    let stored = result.is_ok();
    if stored {
        for (commit, version) in group.iter_mut().zip(&versions) {
            for (table, rows) in commit.rows.drain(..) {
                apply(shared, &table, rows, *version);
            }
        }
        positions.visible += group.len() as u64;
    }
    drop(positions);
    for commit in group {
        let outcome = match &result {
            Ok(()) => Committed::Stored,
            Err(error) => Committed::Failed(error.clone()),
        };
        // Who no longer waits for the answer does not get one.
        let _gone = commit.reply.send(outcome);
    }
    for commit in stale {
        let _gone = commit.reply.send(Committed::Again(commit.entry));
    }
}

fn append(shared: &Shared, first: u64, group: &[Commit]) -> Result<()> {
    if group.is_empty() {
        return Ok(());
    }
    let sync = shared.config.sync == Sync::Always;
    let bytes: usize = group.iter().map(|commit| commit.entry.len()).sum();
    let entries = group.iter().map(|commit| commit.entry.as_slice());
    let _span = tracing::debug_span!("wal_commit", entries = group.len(), bytes, sync).entered();
    let started = Instant::now();
    let result = shared.wal.append(first, entries, sync);
    crate::metrics::wal_commit(group.len(), bytes, started.elapsed(), result.is_ok());
    result
}

/// Gives rows their version and makes them visible.
pub(crate) fn apply(shared: &Shared, table: &Arc<Table>, mut rows: Rows, version: Version) {
    rows.versions = Versions::One(version);
    if let Some(run) = Run::new(rows) {
        shared.apply(table, run);
    }
}
