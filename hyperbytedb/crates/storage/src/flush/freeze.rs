//! Moves what is in memory aside, to be written into files.

use std::sync::Arc;

use crate::memtable::run::Run;
use crate::state::EngineState;
use crate::table::Table;

/// A table whose runs are on their way into files.
pub(crate) struct Frozen {
    pub table: Arc<Table>,
    pub runs: Vec<Run>,
}

/// Moves all memtables aside, at one position of the log. What an earlier, failed flush
/// had moved aside is taken again.
pub(crate) fn freeze(state: &EngineState) -> (u64, Vec<Frozen>) {
    let positions = state.positions.lock();
    *state.oldest.lock() = None;
    let tables = state.schema.read().tables(None);
    let mut frozen = Vec::new();
    for table in tables {
        let mut inner = table.write();
        let fresh = inner.memtable.take();
        inner.frozen.extend(fresh);
        let has_schema = inner.schema_changed || inner.series.persisted < inner.series.numbered();
        if !inner.frozen.is_empty() || has_schema {
            let runs = inner.frozen.clone();
            drop(inner);
            frozen.push(Frozen { table, runs });
        }
    }
    (positions.visible, frozen)
}
