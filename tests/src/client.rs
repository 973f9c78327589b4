//! A plain HTTP client.

use std::io::Read;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{HeaderMap, Request};
use ureq::{Agent, AsSendBody};

/// Longer than any time limit of the server.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of a reply that are read.
const REPLY_BYTES_MAX: u64 = 1 << 30;

/// Keeps its connections open between requests.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    url: String,
}

/// What the server answered.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Client {
    /// A client of the server at `url`, which has no path.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(TIMEOUT))
            .build();
        Self {
            agent: config.new_agent(),
            url: url.to_string(),
        }
    }

    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a request; `target` is the path with its query string.
    ///
    /// # Errors
    /// When no reply came.
    pub fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl AsSendBody,
    ) -> Result<Reply, ureq::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{target}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.agent.run(request.body(body)?)?;
        let (parts, body) = response.into_parts();
        let mut bytes = Vec::new();
        let reader = body.into_with_config().limit(REPLY_BYTES_MAX).reader();
        { reader }.read_to_end(&mut bytes)?;
        Ok(Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: bytes,
        })
    }

    /// GET; panics without a reply.
    #[must_use]
    pub fn get(&self, target: &str) -> Reply {
        self.send("GET", target, &[], ())
            .unwrap_or_else(|error| panic!("GET {target}: {error}"))
    }

    /// Writes line protocol (times in nanoseconds).
    ///
    /// # Errors
    /// When no reply came: the points may or may not be stored.
    pub fn try_write(&self, database: &str, lines: &str) -> Result<Reply, ureq::Error> {
        let target = format!("/write?db={}", encode(database));
        self.send("POST", &target, &[], lines)
    }

    /// Writes line protocol; panics unless the answer is 204.
    pub fn write(&self, database: &str, lines: &str) {
        let reply = self
            .try_write(database, lines)
            .unwrap_or_else(|error| panic!("write: {error}"));
        assert_eq!(reply.status, 204, "write: {}", reply.text());
    }

    /// Sends statements, times come back in nanoseconds.
    ///
    /// # Errors
    /// When no reply came.
    pub fn try_query(&self, database: &str, statements: &str) -> Result<Reply, ureq::Error> {
        let target = format!(
            "/query?db={}&epoch=ns&q={}",
            encode(database),
            encode(statements)
        );
        self.send("POST", &target, &[], ())
    }

    /// Sends statements and returns the document; panics on an error in it.
    #[must_use]
    pub fn query(&self, database: &str, statements: &str) -> Value {
        let reply = self
            .try_query(database, statements)
            .unwrap_or_else(|error| panic!("{statements}: {error}"));
        let document = reply.json();
        let failed = document["results"]
            .as_array()
            .is_none_or(|results| results.iter().any(|result| result.get("error").is_some()));
        assert!(
            reply.status == 200 && !failed,
            "{statements}: {} {document}",
            reply.status
        );
        document
    }

    /// Sends a statement whose answer is of no interest; panics on an error.
    pub fn run(&self, statements: &str) {
        let _document = self.query("", statements);
    }

    /// The rows of the first series of the first statement; empty when there is none.
    #[must_use]
    pub fn rows(&self, database: &str, statement: &str) -> Vec<Vec<Value>> {
        let document = self.query(database, statement);
        let values = &document["results"][0]["series"][0]["values"];
        let rows = values.as_array().into_iter().flatten();
        rows.map(|row| row.as_array().cloned().unwrap_or_default())
            .collect()
    }
}

impl Reply {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; panics when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: not JSON ({error}): {}", self.status, self.text()))
    }

    /// A header, empty when it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// Percent-encodes a value of a query string.
#[must_use]
pub fn encode(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
