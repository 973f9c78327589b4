//! How many requests execute at one time; the others wait for their turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::QueryError;

/// The turns of a process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Turns {
    permits: Arc<Semaphore>,
    limit: usize,
    /// Longest wait.
    timeout: Option<Duration>,
    waiting: Arc<AtomicUsize>,
}

/// A turn that is given back while its request waits for its client.
#[derive(Debug)]
pub struct Turn {
    turns: Turns,
    permit: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// Gives the turn back for now.
    pub fn pause(&mut self) {
        self.permit = None;
    }

    /// Waits until there is a turn again; at once when it was not given back.
    pub async fn resume(&mut self) {
        if self.permit.is_none() {
            self.turns.waiting.fetch_add(1, Ordering::Relaxed);
            let _waiting = Waiting(&self.turns.waiting);
            // The semaphore is never closed.
            self.permit = self.turns.permits.clone().acquire_owned().await.ok();
        }
    }
}

/// How many requests there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryLoad {
    pub running: usize,
    pub running_max: usize,
    pub waiting: usize,
}

/// A request that waits.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Turns {
    /// `limit` requests at one time, at least one.
    #[must_use]
    pub fn new(limit: usize, timeout: Option<Duration>) -> Self {
        let limit = limit.max(1);
        Self {
            permits: Arc::new(Semaphore::new(limit)),
            limit,
            timeout,
            waiting: Arc::default(),
        }
    }

    /// Waits for a turn, which lasts until what is returned is dropped.
    ///
    /// # Errors
    /// When it takes too long.
    pub async fn turn(&self) -> Result<Turn, QueryError> {
        Ok(Turn {
            permit: Some(self.permit().await?),
            turns: self.clone(),
        })
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, QueryError> {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Ok(permit);
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        let permit = self.permits.clone().acquire_owned();
        let permit = match self.timeout {
            Some(limit) => tokio::time::timeout(limit, permit)
                .await
                .map_err(|_| QueryError::Timeout)?,
            None => permit.await,
        };
        permit.map_err(|_| QueryError::Killed)
    }

    /// How many requests there are now.
    #[must_use]
    pub fn load(&self) -> QueryLoad {
        QueryLoad {
            running: self.limit.saturating_sub(self.permits.available_permits()),
            running_max: self.limit,
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_is_counted_until_its_turn_or_its_time_is_over() {
        let turns = Turns::new(1, Some(Duration::from_millis(1)));
        let load = |running, waiting| QueryLoad {
            running,
            running_max: 1,
            waiting,
        };
        let first = turns.turn().await.unwrap();
        assert_eq!(turns.load(), load(1, 0));
        let (second, seen) = tokio::join!(turns.turn(), async { turns.load() });
        assert_eq!(seen, load(1, 1));
        assert_eq!(second.unwrap_err(), QueryError::Timeout);
        drop(first);
        assert_eq!(turns.load(), load(0, 0));
        assert!(turns.turn().await.is_ok());
    }
}
