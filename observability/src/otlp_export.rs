//! Sends spans to an OpenTelemetry collector as OTLP/HTTP with JSON, from a thread and a
//! runtime of their own, so that a slow collector never holds up a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::otlp::Ended;

/// Spans that may wait to be sent; further ones are dropped and counted.
const QUEUE: usize = 8192;
/// Spans of one request.
const BATCH: usize = 512;
/// How long a span waits for others.
const WAIT: Duration = Duration::from_secs(1);
/// How long a collector may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Where ended spans go. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Spans {
    queue: SyncSender<Ended>,
    /// Spans that were not sent.
    pub(crate) dropped: Arc<AtomicU64>,
}

impl Spans {
    pub(crate) fn new(waiting_max: usize) -> (Self, Receiver<Ended>) {
        let (queue, ended) = sync_channel(waiting_max);
        let dropped = Arc::default();
        (Self { queue, dropped }, ended)
    }

    /// Never waits: tracing must not slow down what it traces.
    pub(crate) fn hand_on(&self, span: Ended) {
        if self.queue.try_send(span).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A collector's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Host and port.
    authority: String,
    path: String,
}

impl Target {
    /// Takes `http://host[:port][/path]`; the traces go to `/v1/traces` below it.
    pub(crate) fn parse(endpoint: &str) -> Result<Self, String> {
        let wrong = |what: &str| Err(format!("{endpoint:?} {what}"));
        let uri: hyper::Uri = match endpoint.parse() {
            Ok(uri) => uri,
            Err(_) => return wrong("is no URL such as http://127.0.0.1:4318"),
        };
        if uri.scheme_str() != Some("http") {
            return wrong("must begin with http:// (there is no TLS to collectors)");
        }
        let Some(host) = uri.host().filter(|host| !host.is_empty()) else {
            return wrong("names no host");
        };
        Ok(Self {
            authority: format!("{host}:{}", uri.port_u16().unwrap_or(4318)),
            path: format!("{}/v1/traces", uri.path().trim_end_matches('/')),
        })
    }
}

/// The thread that sends.
pub(crate) struct Exporter {
    target: Target,
    service: &'static str,
    ended: Receiver<Ended>,
    dropped: Arc<AtomicU64>,
    /// The last attempt failed; it is said once, not every second.
    failing: bool,
}

impl Exporter {
    /// Starts the thread and returns where spans go.
    pub(crate) fn start(target: Target, service: &'static str) -> std::io::Result<Spans> {
        let (spans, ended) = Spans::new(QUEUE);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut exporter = Exporter {
            target,
            service,
            ended,
            dropped: spans.dropped.clone(),
            failing: false,
        };
        std::thread::Builder::new()
            .name("otlp".to_string())
            .spawn(move || {
                while let Some(batch) = exporter.batch() {
                    exporter.send(&runtime, batch);
                }
            })?;
        Ok(spans)
    }

    /// The next spans to send; `None` when there will be no more.
    fn batch(&self) -> Option<Vec<Ended>> {
        let mut batch = vec![self.ended.recv().ok()?];
        let until = Instant::now() + WAIT;
        while batch.len() < BATCH {
            let left = until.saturating_duration_since(Instant::now());
            match self.ended.recv_timeout(left) {
                Ok(span) => batch.push(span),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        Some(batch)
    }

    fn send(&mut self, runtime: &tokio::runtime::Runtime, batch: Vec<Ended>) {
        let count = batch.len() as u64;
        let document = document(self.service, batch);
        let sent = runtime.block_on(async {
            match tokio::time::timeout(LIMIT, post(&self.target, document)).await {
                Ok(sent) => sent,
                Err(_) => Err(format!("no answer within {LIMIT:?}")),
            }
        });
        match sent {
            Ok(()) => self.failing = false,
            Err(error) => {
                self.dropped.fetch_add(count, Ordering::Relaxed);
                if !std::mem::replace(&mut self.failing, true) {
                    let dropped = self.dropped.load(Ordering::Relaxed);
                    ::tracing::warn!(error, dropped, "spans not sent to the collector");
                }
            }
        }
    }
}

fn document(service: &str, spans: Vec<Ended>) -> Value {
    json!({ "resourceSpans": [{
        "resource": { "attributes": [
            { "key": "service.name", "value": { "stringValue": service } },
        ] },
        "scopeSpans": [{ "scope": { "name": service }, "spans": spans }],
    }] })
}

async fn post(target: &Target, document: Value) -> Result<(), String> {
    let stream = TcpStream::connect(&target.authority)
        .await
        .map_err(|error| error.to_string())?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    // Its errors come out of the request.
    let driver = tokio::spawn(connection);
    let request = Request::post(&target.path)
        .header(HOST, &target.authority)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(document.to_string())))
        .map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await;
    driver.abort();
    match answer {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("the collector answered {}", answer.status())),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_plain_http_urls() {
        let target = |authority: &str, path: &str| Target {
            authority: authority.to_string(),
            path: path.to_string(),
        };
        for (endpoint, wanted) in [
            (
                "http://127.0.0.1:4318",
                target("127.0.0.1:4318", "/v1/traces"),
            ),
            ("http://otel/", target("otel:4318", "/v1/traces")),
            ("http://[::1]:9/a/", target("[::1]:9", "/a/v1/traces")),
        ] {
            assert_eq!(Target::parse(endpoint), Ok(wanted));
        }
        for wrong in ["", "otel:4318", "https://otel:4318", "http://", "/v1"] {
            assert!(Target::parse(wrong).is_err(), "{wrong}");
        }
    }
}
