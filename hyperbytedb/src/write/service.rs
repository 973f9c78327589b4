//! Decodes line protocol and hands it to the storage engine.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use points::line_protocol::{DecodeOptions, Decoded, Precision, decode};
use storage::{Engine, Origin, WriteReport};
use tower::Service;

use super::error::WriteError;

/// Bodies from this size on are decoded off the threads that serve connections.
const LARGE_BODY_BYTES: usize = 64 << 10;

/// A write as it came over HTTP, with its body in plain.
#[derive(Debug, Clone)]
pub struct WriteRequest {
    pub database: String,
    pub policy: Option<String>,
    pub precision: Precision,
    pub body: Bytes,
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
}

impl WriteService {
    /// `points_max`: points of one request, 0 = no limit; `unsigned`: take `42u`.
    #[must_use]
    pub fn new(engine: Arc<Engine>, points_max: usize, unsigned: bool) -> Self {
        Self {
            engine,
            points_max: if points_max == 0 {
                usize::MAX
            } else {
                points_max
            },
            unsigned,
        }
    }

    async fn write(self, request: WriteRequest) -> Result<(), WriteError> {
        let options = DecodeOptions {
            precision: request.precision,
            default_time_ns: request.precision.truncate(self.engine.now_ns()),
            max_points: self.points_max,
            unsigned: self.unsigned,
        };
        let mut decoded = decode(&request.body, &options);
        if decoded.too_many_points {
            return Err(WriteError::TooManyPoints(self.points_max));
        }
        if decoded.points == 0 {
            return match decoded.failed_lines {
                0 => report(&decoded, None),
                _ => Err(WriteError::Parse(decoded.error_text().unwrap_or_default())),
            };
        }
        let stored = self
            .engine
            .write(storage::WriteRequest {
                database: request.database,
                policy: request.policy,
                batch: std::mem::take(&mut decoded.batch),
                origin: Origin::Local,
            })
            .await?;
        report(&decoded, Some(&stored))
    }
}

/// What InfluxDB says of a write that was not refused as a whole: points that could not
/// be stored come before lines that could not be read.
fn report(decoded: &Decoded, stored: Option<&WriteReport>) -> Result<(), WriteError> {
    if decoded.dropped.points > 0 {
        return Err(WriteError::Partial {
            reason: decoded.dropped.reason.clone().unwrap_or_default(),
            dropped: decoded.dropped.points,
        });
    }
    if let Some(report) = stored.filter(|report| report.dropped.points > 0) {
        return Err(WriteError::Partial {
            reason: report.dropped.reason.clone(),
            dropped: report.dropped.points,
        });
    }
    if decoded.failed_lines > 0 {
        return Err(WriteError::Partial {
            reason: decoded.error_text().unwrap_or_default(),
            dropped: 0,
        });
    }
    Ok(())
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
        // On a task of its own: a client that hangs up must not stop a write between
        // its durable and its visible half.
        let large = request.body.len() >= LARGE_BODY_BYTES;
        let task = if large {
            let runtime = tokio::runtime::Handle::current();
            tokio::task::spawn_blocking(move || runtime.block_on(service.write(request)))
        } else {
            tokio::spawn(service.write(request))
        };
        Box::pin(async move { task.await.unwrap_or(Err(WriteError::Interrupted)) })
    }
}
