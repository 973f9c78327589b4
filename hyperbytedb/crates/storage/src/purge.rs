//! The worker that removes files from the disk that nobody reads any more.

use crossbeam_channel::Receiver;

use crate::catalog::CatalogTransaction;
use crate::catalog::file::FileEntry;
use crate::error::Result;
use crate::files::Purge;
use crate::state::EngineState;

/// Removes files until told to stop. What is left then goes at the next start, which finds
/// it in the catalog.
pub(crate) fn purge_loop(state: &EngineState, files: &Receiver<Purge>) {
    while let Ok(Purge::File(file)) = files.recv() {
        if let Err(error) = purge(state, &file) {
            tracing::warn!(%error, "file stays until the next start");
        }
    }
}

fn purge(state: &EngineState, file: &FileEntry) -> Result<()> {
    state.data.remove(file)?;
    let mut changes = CatalogTransaction::default();
    changes.remove_garbage(file);
    // Should this be lost, the next start finds nothing to remove.
    state.catalog.prepare(changes)
}
