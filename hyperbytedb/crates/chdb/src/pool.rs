//! A fixed number of connections that answer queries.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

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
}

/// Connections on threads of their own.
pub struct Pool {
    jobs: Option<SyncSender<Job>>,
    workers: Vec<JoinHandle<()>>,
}

/// The batches of a result; dropping it stops the query.
pub struct Batches {
    receiver: Receiver<Result<RecordBatch, ChdbError>>,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ChdbError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.receiver.recv().ok()
    }
}

impl Pool {
    /// Starts the engine with that many connections.
    ///
    /// # Errors
    /// When the engine does not start.
    pub fn open(connections: usize) -> Result<Self, ChdbError> {
        // The process has its own handlers.
        chdb_rust::runtime::signal_handlers(false);
        let (jobs, queue) = sync_channel::<Job>(0);
        let queue = Arc::new(Mutex::new(queue));
        let mut workers = Vec::with_capacity(connections);
        for number in 0..connections.max(1) {
            let (ready, started) = sync_channel(1);
            let queue = queue.clone();
            let worker = std::thread::Builder::new()
                .name(format!("chdb-{number}"))
                .spawn(move || run(&ready, &queue))
                .map_err(|error| ChdbError::Start(error.to_string()))?;
            started
                .recv()
                .unwrap_or_else(|_| Err(ChdbError::Start("its thread ended".to_string())))?;
            workers.push(worker);
        }
        Ok(Self {
            jobs: Some(jobs),
            workers,
        })
    }

    /// Starts a query, waiting for a free connection.
    ///
    /// # Errors
    /// When the pool has stopped; errors of the query come out of the batches.
    pub fn query(&self, query: Query) -> Result<Batches, ChdbError> {
        let (batches, receiver) = sync_channel(BATCHES_AHEAD);
        let jobs = self.jobs.as_ref().ok_or(ChdbError::Stopped)?;
        jobs.send(Job { query, batches })
            .map_err(|_| ChdbError::Stopped)?;
        Ok(Batches { receiver })
    }
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
