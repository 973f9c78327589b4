//! The worker that flushes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::flush::flush_all;
use crate::state::EngineState;

/// How often the flush thread looks at age and size.
const TICK: Duration = Duration::from_millis(250);
/// How long it waits after a flush that failed.
const RETRY: Duration = Duration::from_secs(1);

/// Runs flushes when memory is full, points are old, or somebody asks.
pub(crate) fn flush_loop(state: &EngineState) {
    loop {
        {
            let mut demand = state.demand.lock();
            if !demand.wanted && !demand.stop {
                state.demanded.wait_for(&mut demand, TICK);
            }
            if demand.stop {
                return;
            }
            if !std::mem::take(&mut demand.wanted) && !is_due(state) {
                continue;
            }
        }
        if let Err(error) = flush_all(state) {
            tracing::error!(%error, "flush failed; the points stay in memory and in the log");
            let mut demand = state.demand.lock();
            if !demand.stop {
                state.demanded.wait_for(&mut demand, RETRY);
            }
        }
    }
}

fn is_due(state: &EngineState) -> bool {
    let bytes = state.unflushed_bytes.load(Ordering::Relaxed);
    let oldest = *state.oldest.lock();
    bytes >= state.config.flush_bytes
        || oldest.is_some_and(|since| since.elapsed() >= state.config.flush_age)
}
