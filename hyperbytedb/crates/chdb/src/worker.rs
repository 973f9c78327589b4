//! The thread of one connection.

use arrow::array::RecordBatch;
use arrow::ffi_stream::FFI_ArrowArrayStream;
use chdb_rust::arrow_stream::ArrowStream;
use chdb_rust::connection::Connection;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex};

use crate::error::ChdbError;
use crate::pool::{Load, Query, TableReader};

/// A query and where its batches go.
pub(crate) struct Job {
    pub query: Query,
    pub batches: SyncSender<Result<RecordBatch, ChdbError>>,
}

/// Opens the connection, reports how that went, then answers jobs until there are no
/// more senders.
pub(crate) fn run(
    path: &str,
    ready: &SyncSender<Result<(), ChdbError>>,
    jobs: &Arc<Mutex<Receiver<Job>>>,
    load: &Load,
) {
    let mut connection = match Connection::open(&[&format!("--path={path}")]) {
        Ok(connection) => {
            let _waited_for = ready.send(Ok(()));
            connection
        }
        Err(error) => {
            let _waited_for = ready.send(Err(ChdbError::Start(error.to_string())));
            return;
        }
    };
    loop {
        let job = match jobs.lock() {
            Ok(jobs) => jobs.recv(),
            Err(_) => return,
        };
        let Ok(Job { mut query, batches }) = job else {
            return;
        };
        let held = query.held.take();
        load.busy.fetch_add(1, Ordering::Relaxed);
        let answered = answer(&mut connection, query, &batches);
        drop(held);
        load.busy.fetch_sub(1, Ordering::Relaxed);
        if let Err(error) = answered {
            // A reader that has left does not want the error either.
            let _left = batches.send(Err(error));
        }
    }
}

fn answer(
    connection: &mut Connection,
    query: Query,
    batches: &SyncSender<Result<RecordBatch, ChdbError>>,
) -> Result<(), ChdbError> {
    let mut tables = Vec::with_capacity(query.tables.len());
    let mut result = Ok(());
    for (name, reader) in query.tables {
        match register(connection, &name, reader) {
            Ok(stream) => tables.push((name, stream)),
            Err(error) => {
                result = Err(error);
                break;
            }
        }
    }
    if result.is_ok() {
        result = if query.streamed {
            stream(connection, &query.sql, batches)
        } else {
            whole(connection, &query.sql, batches)
        };
    }
    for (name, stream) in tables {
        // A table that the query has consumed is gone already.
        let _consumed = connection.unregister_arrow_table(&name);
        drop(stream);
    }
    result
}

/// The stream must stay where it is until the query is over: the engine holds its
/// address.
fn register(
    connection: &Connection,
    name: &str,
    reader: TableReader,
) -> Result<Box<FFI_ArrowArrayStream>, ChdbError> {
    let mut stream = Box::new(FFI_ArrowArrayStream::new(reader));
    // SAFETY: the pointer is valid until the box is dropped, which `answer` does only
    // after the query has ended and the name is unregistered.
    let raw = unsafe { ArrowStream::from_raw(std::ptr::from_mut(stream.as_mut())) };
    connection.register_arrow_stream(name, &raw)?;
    Ok(stream)
}

fn whole(
    connection: &Connection,
    sql: &str,
    batches: &SyncSender<Result<RecordBatch, ChdbError>>,
) -> Result<(), ChdbError> {
    for batch in connection.query_arrow(sql)? {
        if batches.send(Ok(batch?)).is_err() {
            break;
        }
    }
    Ok(())
}

fn stream(
    connection: &mut Connection,
    sql: &str,
    batches: &SyncSender<Result<RecordBatch, ChdbError>>,
) -> Result<(), ChdbError> {
    let mut stream = connection.query_stream_arrow(sql)?;
    while let Some(batch) = stream.next_batch()? {
        if batches.send(Ok(batch)).is_err() {
            stream.cancel();
            break;
        }
    }
    Ok(())
}
