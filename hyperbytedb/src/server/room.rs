//! How many connections there may be, and which of them make room for new ones.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use metrics::gauge;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::activity::Activity;
use crate::monitor::metrics::name;

/// How long a connection that was asked to end may take before another one is asked.
const PATIENCE: Duration = Duration::from_millis(100);
/// One in how many connections is asked to end at once, so that the search through all
/// of them is not made for each new one.
const SHARE: usize = 256;

/// The places of connections.
#[derive(Debug)]
pub struct Room {
    free: Arc<Semaphore>,
    places: usize,
    next: AtomicU64,
    open: Mutex<HashMap<u64, Arc<Activity>>>,
}

/// A place for one connection; empty, then taken, free again when dropped.
#[derive(Debug)]
pub struct Place {
    room: Arc<Room>,
    number: u64,
    pub activity: Arc<Activity>,
    _permit: OwnedSemaphorePermit,
}

impl Room {
    #[must_use]
    pub fn new(places: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(places)),
            places,
            next: AtomicU64::new(0),
            open: Mutex::new(HashMap::new()),
        })
    }

    /// Waits for a free place. When there is none, the connections without a request
    /// that have been so for longest are asked to end; new ones wait in the system's
    /// queue until one has.
    pub async fn place(self: &Arc<Self>) -> Place {
        loop {
            if let Ok(permit) = self.free.clone().try_acquire_owned() {
                return self.take(permit);
            }
            self.end_idle();
            let freed = self.free.clone().acquire_owned();
            if let Ok(Ok(permit)) = tokio::time::timeout(PATIENCE, freed).await {
                return self.take(permit);
            }
        }
    }

    fn take(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Place {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let activity = Arc::new(Activity::new(Instant::now()));
        Place {
            room: self.clone(),
            number,
            activity,
            _permit: permit,
        }
    }

    /// How many connections there may be.
    #[must_use]
    pub fn places(&self) -> usize {
        self.places
    }

    /// Asks the connections that have been idle for longest to end.
    pub fn end_idle(&self) {
        let open = self.open.lock();
        let mut idle: Vec<(Instant, &Arc<Activity>)> = open
            .values()
            .filter_map(|activity| Some((activity.endable_since()?, activity)))
            .collect();
        let count = (self.places / SHARE).max(1).min(idle.len());
        if count < idle.len() {
            idle.select_nth_unstable_by_key(count, |(since, _)| *since);
        }
        for (_, activity) in idle.iter().take(count) {
            activity.ask_to_end();
        }
    }

    /// How many connections there are.
    #[cfg(test)]
    fn taken(&self) -> usize {
        self.open.lock().len()
    }

    /// Waits until there is no connection.
    pub async fn emptied(&self) {
        let all = u32::try_from(self.places).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let _all = self.free.acquire_many(all).await;
    }
}

impl Place {
    /// From now on it holds a connection, which has just come.
    #[must_use]
    pub fn taken(mut self) -> Self {
        self.activity = Arc::new(Activity::new(Instant::now()));
        let open = &self.room.open;
        open.lock().insert(self.number, self.activity.clone());
        gauge!(name::CONNECTIONS).increment(1.0);
        self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A place that waited for a connection in vain was none.
        if self.room.open.lock().remove(&self.number).is_some() {
            gauge!(name::CONNECTIONS).decrement(1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_idle_connection_makes_room_and_a_busy_one_does_not() {
        let room = Room::new(3);
        let busy = room.place().await.taken();
        busy.activity.request_began(false);
        let older = room.place().await.taken();
        let newer = room.place().await.taken();
        newer.activity.request_began(false);
        newer.activity.request_ended(Instant::now() + PATIENCE);
        assert_eq!(room.taken(), 3);
        let fourth = room.place();
        let ended = async {
            older.activity.end.notified().await;
            drop(older);
        };
        let (_fourth, ()) = tokio::join!(fourth, ended);
        assert!(newer.activity.endable_since().is_some());
        assert_eq!(room.taken(), 2);
    }

    #[tokio::test]
    async fn it_is_empty_when_the_last_place_is_free() {
        let room = Room::new(2);
        let place = room.place().await.taken();
        let ended = std::cell::Cell::new(false);
        let watch = async {
            room.emptied().await;
            assert!(ended.get());
        };
        let end = async {
            tokio::task::yield_now().await;
            ended.set(true);
            drop(place);
        };
        tokio::join!(watch, end);
    }
}
