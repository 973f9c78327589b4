//! What a statement may still use: memory, and time until its deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::context::QueryContext;
use super::error::QueryError;

/// Counts the bytes a statement's operators hold. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Budget {
    context: QueryContext,
    held: Arc<AtomicUsize>,
}

impl Budget {
    #[must_use]
    pub fn new(context: &QueryContext) -> Budget {
        Budget {
            context: context.clone(),
            held: Arc::new(AtomicUsize::new(0)),
        }
    }

    /// Fails when the statement must stop, see [`QueryContext::check`].
    pub fn check(&self) -> Result<(), QueryError> {
        self.context.check()
    }

    /// Notes that `bytes` more are held.
    pub fn hold(&self, bytes: usize) -> Result<(), QueryError> {
        let held = self.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if held > self.context.memory_bytes_max {
            return Err(QueryError::Memory {
                limit_bytes: self.context.memory_bytes_max,
            });
        }
        Ok(())
    }

    /// Notes that `bytes` were let go.
    pub fn release(&self, bytes: usize) {
        let _ = self
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
                Some(held.saturating_sub(bytes))
            });
    }
}
