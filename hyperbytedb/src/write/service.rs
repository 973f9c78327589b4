//! Decodes line protocol and hands it to the storage engine.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use points::Batch;
use points::line_protocol::{DecodeOptions, Decoded, Precision, decode};
use storage::{Engine, Origin, WriteReport};
use tower::Service;
use tracing::Instrument;

use super::error::WriteError;
use crate::auth::{Forbidden, Identity, may_write};
use crate::layers::Guarded;
use crate::monitor::{Statistics, metrics};

/// Bodies from this size on are decoded off the threads that serve connections.
const LARGE_BODY_BYTES: usize = 64 << 10;

/// A write as it came over HTTP, with its body in plain.
#[derive(Debug, Clone)]
pub struct WriteRequest {
    pub identity: Identity,
    /// A believed peer has accepted it already: it is not sent on.
    pub replicated: bool,
    pub database: String,
    pub policy: Option<String>,
    pub precision: Precision,
    pub body: Bytes,
}

impl Guarded for WriteRequest {
    type Refusal = Forbidden;

    fn check(&self) -> Result<(), Forbidden> {
        may_write(&self.identity, &self.database)
    }
}

/// InfluxDB's consistency levels: checked, and without a meaning on one node.
pub struct Consistency;

impl Consistency {
    /// # Errors
    /// For a level that InfluxDB does not know.
    pub fn check(level: &str) -> Result<(), WriteError> {
        match level.to_ascii_lowercase().as_str() {
            "" | "any" | "one" | "quorum" | "all" => Ok(()),
            _ => Err(WriteError::Consistency),
        }
    }
}

/// Stores points.
#[derive(Clone)]
pub struct WriteService {
    engine: Arc<Engine>,
    points_max: usize,
    unsigned: bool,
    statistics: Arc<Statistics>,
}

impl WriteService {
    /// `points_max`: points of one request, 0 = no limit; `unsigned`: take `42u`.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        points_max: usize,
        unsigned: bool,
        statistics: Arc<Statistics>,
    ) -> Self {
        Self {
            engine,
            points_max: if points_max == 0 {
                usize::MAX
            } else {
                points_max
            },
            unsigned,
            statistics,
        }
    }

    /// Stores points that were no line protocol.
    ///
    /// # Errors
    /// As a write; points past the retention policy are a partial one.
    pub async fn store(
        &self,
        database: String,
        policy: Option<String>,
        batch: Batch,
    ) -> Result<(), WriteError> {
        let service = self.clone();
        let stored = tokio::spawn(async move {
            service
                .engine_write(database, policy, batch, Origin::Local)
                .await
        });
        let stored = stored.await.unwrap_or(Err(WriteError::Interrupted))?;
        dropped_by(&stored)
    }

    async fn engine_write(
        &self,
        database: String,
        policy: Option<String>,
        batch: Batch,
        origin: Origin,
    ) -> Result<WriteReport, WriteError> {
        let stored = self
            .engine
            .write(storage::WriteRequest {
                database,
                policy,
                batch,
                origin,
            })
            .await;
        match stored {
            Ok(report) => {
                self.statistics.points_written.add(report.rows as u64);
                self.statistics
                    .points_dropped
                    .add(report.dropped.all() as u64);
                Ok(report)
            }
            Err(error) => {
                self.statistics.writes_failed.add(1);
                Err(error.into())
            }
        }
    }

    async fn write(self, request: WriteRequest) -> Result<(), WriteError> {
        let options = DecodeOptions {
            precision: request.precision,
            default_time_ns: request.precision.truncate(self.engine.now_ns()),
            max_points: self.points_max,
            unsigned: self.unsigned,
        };
        self.statistics.write_bytes.add(request.body.len() as u64);
        let mut decoded =
            tracing::debug_span!("decode").in_scope(|| decode(&request.body, &options));
        if decoded.too_many_points {
            return Err(WriteError::TooManyPoints(self.points_max));
        }
        if decoded.points == 0 {
            return match decoded.failed_lines {
                0 => report(&decoded, None),
                _ => Err(WriteError::Parse(decoded.error_text().unwrap_or_default())),
            };
        }
        let batch = std::mem::take(&mut decoded.batch);
        let origin = match request.replicated {
            true => Origin::Forwarded,
            false => Origin::Local,
        };
        let stored = self
            .engine_write(request.database, request.policy, batch, origin)
            .await?;
        report(&decoded, Some(&stored))
    }
}

/// What InfluxDB says of a write that was not refused as a whole: points that could not
/// be stored come before lines that could not be read.
fn report(decoded: &Decoded, stored: Option<&WriteReport>) -> Result<(), WriteError> {
    if decoded.dropped.points > 0 {
        let stored = stored.map_or(0, |report| report.dropped.points);
        return Err(WriteError::Partial {
            reason: decoded.dropped.reason.clone().unwrap_or_default(),
            dropped: decoded.dropped.points + stored,
        });
    }
    if let Some(report) = stored {
        dropped_by(report)?;
    }
    if decoded.failed_lines > 0 {
        return Err(WriteError::Partial {
            reason: decoded.error_text().unwrap_or_default(),
            dropped: 0,
        });
    }
    Ok(())
}

fn dropped_by(report: &WriteReport) -> Result<(), WriteError> {
    match report.dropped.told() {
        None => Ok(()),
        Some((reason, dropped)) => Err(WriteError::Partial {
            reason: reason.to_string(),
            dropped,
        }),
    }
}

impl Service<WriteRequest> for WriteService {
    type Response = ();
    type Error = WriteError;
    type Future = Pin<Box<dyn Future<Output = Result<(), WriteError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: WriteRequest) -> Self::Future {
        let service = self.clone();
        let (bytes, started) = (request.body.len(), Instant::now());
        let span = tracing::debug_span!("write", bytes);
        // On a task of its own: a client that hangs up must not stop a write between
        // its durable and its visible half.
        let large = request.body.len() >= LARGE_BODY_BYTES;
        let task = if large {
            let runtime = tokio::runtime::Handle::current();
            let write = service.write(request).instrument(span);
            tokio::task::spawn_blocking(move || runtime.block_on(write))
        } else {
            tokio::spawn(service.write(request).instrument(span))
        };
        Box::pin(async move {
            let written = task.await.unwrap_or(Err(WriteError::Interrupted));
            metrics::write(bytes, started.elapsed());
            written
        })
    }
}
