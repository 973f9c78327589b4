//! The worker that merges runs of memtables.

use std::sync::Arc;

use crossbeam_channel::Receiver;

use crate::memtable::merge_runs;
use crate::state::EngineState;
use crate::table::Table;

/// Merges the runs of tables that ask for it, until told to stop by `None`.
pub(crate) fn merge_loop(state: &EngineState, tables: &Receiver<Option<Arc<Table>>>) {
    while let Ok(Some(table)) = tables.recv() {
        loop {
            let mergeable = table.read().memtable.mergeable();
            let Some(runs) = mergeable else {
                break;
            };
            let merged = merge_runs(&runs);
            let mut inner = table.write();
            let before = inner.memtable.bytes();
            inner.memtable.replace(&runs, merged);
            state.count_bytes(before, inner.memtable.bytes());
        }
    }
}
