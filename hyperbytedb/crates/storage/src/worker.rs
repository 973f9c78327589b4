//! Threads of the engine that work until they are told to stop, and whose death shows.

use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use crate::error::{Result, StorageError};

/// The names of workers that ended by a panic.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deaths(Arc<Mutex<Vec<&'static str>>>);

impl Deaths {
    /// The names, in the order of their deaths.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.lock().clone()
    }
}

/// Notes the death of the worker that it belongs to.
struct Obituary {
    name: &'static str,
    deaths: Deaths,
}

impl Drop for Obituary {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.deaths.0.lock().push(self.name);
        }
    }
}

/// A running thread.
pub(crate) struct Worker(JoinHandle<()>);

impl Worker {
    /// Starts a thread.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub fn start(
        name: &'static str,
        deaths: &Deaths,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<Self> {
        let deaths = deaths.clone();
        let thread = std::thread::Builder::new()
            .name(name.to_string())
            .spawn(move || {
                let _on_panic = Obituary { name, deaths };
                run();
            })
            .map_err(|error| StorageError::Stopped(format!("no thread {name}: {error}")))?;
        Ok(Self(thread))
    }

    /// Waits until it has ended, after it was told to.
    pub fn join(self) {
        // A panic was noted and printed when it happened.
        let _panicked = self.0.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_death_of_a_worker_shows() {
        let deaths = Deaths::default();
        let well = Worker::start("well", &deaths, || {}).unwrap();
        let ill = Worker::start("ill", &deaths, || panic!("a test's")).unwrap();
        well.join();
        ill.join();
        assert_eq!(deaths.names(), ["ill"]);
    }
}
