//! A fixed number of connections that answer queries.

use std::any::Any;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use arrow::array::{RecordBatch, RecordBatchReader};

use crate::error::ChdbError;
use crate::worker::{Job, run};

/// Arrow data that a query reads as `ArrowStream('name')`, once.
pub type TableReader = Box<dyn RecordBatchReader + Send>;

/// Batches that may wait for their reader.
const BATCHES_AHEAD: usize = 4;

/// A query.
pub struct Query {
    pub sql: String,
    /// Each is consumed by its first scan.
    pub tables: Vec<(String, TableReader)>,
    /// Hand out batches while the query runs, which bounds memory and lets a reader
    /// that leaves stop it; else the whole result is made first, which is quicker for
    /// small ones.
    pub streamed: bool,
    /// What must stay as long as the engine may read it; let go when the engine has ended
    /// the query, not when its batches have been taken.
    pub held: Option<Arc<dyn Any + Send + Sync>>,
}

/// Connections on threads of their own.
pub struct Pool {
    jobs: Option<SyncSender<Job>>,
    workers: Vec<JoinHandle<()>>,
    load: Arc<Load>,
}

/// What goes on in a pool now.
#[derive(Debug, Default)]
pub(crate) struct Load {
    pub waiting: AtomicUsize,
    pub busy: AtomicUsize,
}

/// How busy a pool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStatus {
    pub connections: usize,
    /// Connections that execute a query.
    pub busy: usize,
    /// Queries that wait for a connection.
    pub waiting: usize,
}

/// The batches of a result; dropping it stops the query.
pub struct Batches {
    receiver: Receiver<Result<RecordBatch, ChdbError>>,
}

impl Batches {
    /// The next batch; [`ChdbError::Timeout`] when it is not there in time. The engine stops
    /// when this is dropped, at its next batch.
    pub fn next_within(
        &mut self,
        limit: Option<Duration>,
    ) -> Option<Result<RecordBatch, ChdbError>> {
        let Some(limit) = limit else {
            return self.next();
        };
        match self.receiver.recv_timeout(limit) {
            Ok(batch) => Some(batch),
            Err(RecvTimeoutError::Timeout) => Some(Err(ChdbError::Timeout)),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ChdbError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.receiver.recv().ok()
    }
}

impl Pool {
    /// Starts the engine with that many connections. What it spills to disk lies below
    /// `scratch`, a directory of this process alone that is emptied first: an engine
    /// without one leaves a directory among the system's temporary ones when it is killed.
    ///
    /// # Errors
    /// When the directory cannot be made or the engine does not start.
    pub fn open(connections: usize, scratch: &Path) -> Result<Self, ChdbError> {
        // The process has its own handlers.
        chdb_rust::runtime::signal_handlers(false);
        let path = prepare(scratch)?;
        let (jobs, queue) = sync_channel::<Job>(0);
        let queue = Arc::new(Mutex::new(queue));
        let load = Arc::new(Load::default());
        let mut workers = Vec::with_capacity(connections);
        for number in 0..connections.max(1) {
            let (ready, started) = sync_channel(1);
            let (queue, load, path) = (queue.clone(), load.clone(), path.clone());
            let worker = std::thread::Builder::new()
                .name(format!("chdb-{number}"))
                .spawn(move || run(&path, &ready, &queue, &load))
                .map_err(|error| ChdbError::Start(error.to_string()))?;
            started
                .recv()
                .unwrap_or_else(|_| Err(ChdbError::Start("its thread ended".to_string())))?;
            workers.push(worker);
        }
        Ok(Self {
            jobs: Some(jobs),
            workers,
            load,
        })
    }

    /// Starts a query, waiting for a free connection.
    ///
    /// # Errors
    /// When the pool has stopped; errors of the query come out of the batches.
    pub fn query(&self, query: Query) -> Result<Batches, ChdbError> {
        let (batches, receiver) = sync_channel(BATCHES_AHEAD);
        let jobs = self.jobs.as_ref().ok_or(ChdbError::Stopped)?;
        self.load.waiting.fetch_add(1, Ordering::Relaxed);
        let sent = jobs.send(Job { query, batches });
        self.load.waiting.fetch_sub(1, Ordering::Relaxed);
        sent.map_err(|_| ChdbError::Stopped)?;
        Ok(Batches { receiver })
    }

    /// How busy it is now.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        PoolStatus {
            connections: self.workers.len(),
            busy: self.load.busy.load(Ordering::Relaxed),
            waiting: self.load.waiting.load(Ordering::Relaxed),
        }
    }
}

/// Empties the directory, and gives its absolute path: the engine has a current directory
/// of its own mind.
fn prepare(scratch: &Path) -> Result<String, ChdbError> {
    let fail = |error: std::io::Error| ChdbError::Start(format!("{}: {error}", scratch.display()));
    match std::fs::remove_dir_all(scratch) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(fail(error)),
        _ => {}
    }
    std::fs::create_dir_all(scratch).map_err(fail)?;
    let path = scratch.canonicalize().map_err(fail)?;
    let text = path.to_str().map(str::to_string);
    text.ok_or_else(|| ChdbError::Start(format!("{} is not UTF-8", path.display())))
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        for worker in self.workers.drain(..) {
            // A worker that panicked has already said so.
            let _ended = worker.join();
        }
    }
}
