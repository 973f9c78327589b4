//! From memory into files: everything that is in memory at one position of the log.

mod commit;
mod freeze;
pub(crate) mod merger;
pub(crate) mod worker;
mod write;

use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::catalog::file::FileEntry;
use crate::error::Result;
use crate::state::EngineState;

/// Writes everything that is in memory now into files and truncates the log.
///
/// # Errors
/// When a file or the catalog cannot be written; memory and log then stay as they are.
pub(crate) fn flush_all(state: &EngineState) -> Result<()> {
    let _one_at_a_time = state.flushing.lock();
    let started = Instant::now();
    let result = tracing::debug_span!("flush").in_scope(|| flush_locked(state));
    crate::metrics::flush(started.elapsed(), result.is_ok());
    state.flush_failed.store(result.is_err(), Ordering::Relaxed);
    if result.is_err() {
        // What could not be written is as old as ever: it is tried again.
        state.oldest.lock().get_or_insert_with(Instant::now);
    }
    *state.flush_error.lock() = result.as_ref().err().map(ToString::to_string);
    state.flushed.notify_waiters();
    result
}

fn flush_locked(state: &EngineState) -> Result<()> {
    let (position, frozen) = freeze::freeze(state);
    let mut written = Vec::new();
    for frozen in frozen {
        match write::write_frozen(state, &frozen) {
            Ok(files) => written.push((frozen, files)),
            Err(error) => {
                remove(state, written.iter().flat_map(|(_, files)| files));
                return Err(error);
            }
        }
    }
    let files = || written.iter().flat_map(|(_, files)| files);
    let names = files().map(|file| file.path.as_str());
    if let Err(error) = state.data.store().sync_directories(names) {
        remove(state, files());
        return Err(error);
    }
    commit::commit(state, position, &written)?;
    let truncated = state.wal.truncate(position);
    if truncated.is_ok() {
        state.positions.lock().truncated = position;
    }
    truncated
}

/// Removes files that the catalog does not hold. One that cannot be removed is an orphan,
/// which the next start sweeps.
fn remove<'a>(state: &EngineState, files: impl Iterator<Item = &'a FileEntry>) {
    for file in files {
        if let Err(error) = state.data.remove(file) {
            tracing::warn!(%error, "file stays until the next start");
        }
    }
}
