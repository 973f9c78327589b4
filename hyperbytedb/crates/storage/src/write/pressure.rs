//! Writes wait for memory while flushes make room.

use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::state::EngineState;

/// Waits until a flush has ended or the time is over.
pub(crate) async fn wait_for_room(state: &EngineState) -> bool {
    let deadline = Instant::now() + state.config.write_wait;
    loop {
        let flushed = state.flushed.notified();
        let bytes = state.unflushed_bytes.load(Ordering::Relaxed);
        if bytes < state.config.cache_bytes_max {
            return true;
        }
        state.demand_flush();
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || tokio::time::timeout(left, flushed).await.is_err() {
            return state.unflushed_bytes.load(Ordering::Relaxed) < state.config.cache_bytes_max;
        }
    }
}
