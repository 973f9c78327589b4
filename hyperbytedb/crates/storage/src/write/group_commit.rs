//! The one thread that appends to the log: group commit.

use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use tokio::sync::oneshot;

use crate::clock::Version;
use crate::config::Sync;
use crate::error::{Result, StorageError};
use crate::memtable::run::Run;
use crate::rows::{Rows, Versions};
use crate::state::EngineState;
use crate::table::Table;
use crate::wal::{self, Origin};
use crate::write::admit::{self, Admitted};
use crate::write::prepare::Prepared;
use crate::write::validate::Dropped;

/// Requests that share one append at most.
const GROUP_MAX: usize = 512;
/// Bytes that share one append at most, about.
const GROUP_BYTES_MAX: usize = 16 << 20;

/// A prepared write on its way into the log.
pub(crate) struct Commit {
    /// The encoded entry, without its version.
    pub entry: Vec<u8>,
    pub origin: Origin,
    /// Of the policy that it was prepared for.
    pub created: Version,
    pub rows: Vec<Prepared>,
    /// What was not taken of the request.
    pub dropped: Dropped,
    pub reply: oneshot::Sender<Result<WriteReport>>,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WriteReport {
    /// Rows stored.
    pub rows: usize,
    /// What was not stored, and why.
    pub dropped: Dropped,
}

impl Commit {
    pub fn row_count(&self) -> usize {
        self.rows.iter().map(|prepared| prepared.rows.len()).sum()
    }

    fn report(&self) -> WriteReport {
        WriteReport {
            rows: self.row_count(),
            dropped: self.dropped.clone(),
        }
    }
}

/// Takes commits from the channel until it closes.
pub(crate) fn write_loop(state: &EngineState, commits: &Receiver<Commit>) {
    let mut unsynced = false;
    loop {
        let first = match state.config.sync {
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
                commit_group(state, group);
                unsynced = state.config.sync != Sync::Always;
            }
            None => {
                if let Err(error) = state.wal.sync() {
                    tracing::error!(%error, "log not synced");
                }
                unsynced = false;
            }
        }
    }
    if let Err(error) = state.wal.sync() {
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

fn commit_group(state: &EngineState, group: Vec<Commit>) {
    let mut positions = state.positions.lock();
    let mut answers = Vec::with_capacity(group.len());
    let mut current = Vec::with_capacity(group.len());
    for commit in group {
        match made_current(state, commit) {
            Ok(commit) => current.push(commit),
            Err(answer) => answers.push(answer),
        }
    }
    let mut versions = Vec::with_capacity(current.len());
    for commit in &mut current {
        let version = match commit.origin {
            Origin::Local | Origin::Forwarded => state.clock.next(),
            Origin::Replicated { version, .. } => {
                state.clock.observe(version);
                version
            }
        };
        wal::stamp(&mut commit.entry, version);
        versions.push(version);
    }
    let result = append(state, positions.visible + 1, &current);
    if result.is_ok() {
        positions.visible += current.len() as u64;
    }
    for (commit, version) in current.into_iter().zip(versions) {
        let report = result.clone().map(|()| commit.report());
        if report.is_ok() {
            for prepared in commit.rows {
                apply(state, &prepared.table, prepared.rows, version);
            }
        }
        answers.push((commit.reply, report));
    }
    drop(positions);
    for (reply, answer) in answers {
        // Who no longer waits for the answer does not get one.
        let _gone = reply.send(answer);
    }
}

type Answer = (oneshot::Sender<Result<WriteReport>>, Result<WriteReport>);

/// The commit as it is, unless a measurement, a series or the policy that it has rows of
/// was dropped since it was prepared: then it is prepared again from its entry, here, where
/// nothing can be dropped until it is stored. What need not be stored any more is answered.
fn made_current(state: &EngineState, commit: Commit) -> std::result::Result<Commit, Answer> {
    let is_current = commit.rows.iter().all(Prepared::is_current)
        && wal::names_of(&commit.entry).is_some_and(|(database, policy)| {
            admit::created(state, database, policy) == Some(commit.created)
        });
    if is_current {
        return Ok(commit);
    }
    let Commit {
        entry,
        origin,
        dropped,
        reply,
        ..
    } = commit;
    let again = wal::decode_entry(&entry)
        .map_err(|message| StorageError::io("cannot prepare again", "a write", message))
        .and_then(|entry| {
            let (database, policy) = (entry.database, entry.policy);
            admit::admit(
                state,
                &database,
                Some(&policy),
                (entry.batch, dropped),
                origin,
            )
        });
    match again {
        Ok(Admitted::Nothing(dropped)) => Err((reply, Ok(WriteReport { rows: 0, dropped }))),
        Ok(Admitted::Rows(admitted)) => Ok(admitted.into_commit(origin, reply)),
        Err(error) => Err((reply, Err(error))),
    }
}

fn append(state: &EngineState, first: u64, group: &[Commit]) -> Result<()> {
    if group.is_empty() {
        return Ok(());
    }
    let sync = state.config.sync == Sync::Always;
    let bytes: usize = group.iter().map(|commit| commit.entry.len()).sum();
    let entries = group.iter().map(|commit| commit.entry.as_slice());
    let _span = tracing::debug_span!("wal_commit", entries = group.len(), bytes, sync).entered();
    let started = Instant::now();
    let result = state.wal.append(first, entries, sync);
    crate::metrics::wal_commit(group.len(), bytes, started.elapsed(), result.is_ok());
    result
}

/// Gives rows their version and makes them visible.
pub(crate) fn apply(state: &EngineState, table: &Arc<Table>, mut rows: Rows, version: Version) {
    rows.versions = Versions::One(version);
    if let Some(run) = Run::new(rows) {
        state.apply(table, run);
    }
}
