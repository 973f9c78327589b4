//! What a request brings: parameters, those of the URL and of a form body, and the body.

use bytes::Bytes;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use hyper::{Method, Request};

use super::body::inflate;
use super::error::HttpError;
use crate::auth::Identity;
use crate::layers::{BodyMemory, Replicated, RequestId, query_of};

/// Bodies from this size on are inflated off the threads that serve connections.
const LARGE_BYTES: usize = 16 << 10;

/// A request, and who sent it.
pub struct Received {
    pub method: Method,
    pub headers: HeaderMap,
    pub parameters: Parameters,
    /// Whoever sent it.
    pub identity: Identity,
    /// What it is called in logs.
    pub id: Option<RequestId>,
    /// A believed peer has accepted what it brings.
    pub replicated: bool,
    body: Bytes,
    plain_bytes_max: usize,
    /// What bodies take memory from.
    memory: Option<BodyMemory>,
}

impl Received {
    /// Takes a request apart; its body may have `plain_bytes_max` bytes after decompression.
    pub fn new(request: Request<Bytes>, plain_bytes_max: usize) -> Self {
        let (head, body) = request.into_parts();
        Self {
            parameters: Parameters::of_url(query_of(&head.uri, &head.extensions)),
            identity: head.extensions.get().cloned().unwrap_or_default(),
            id: head.extensions.get::<RequestId>().cloned(),
            replicated: head.extensions.get::<Replicated>().is_some(),
            method: head.method,
            headers: head.headers,
            memory: head.extensions.get::<BodyMemory>().cloned(),
            body,
            plain_bytes_max,
        }
    }

    /// Whether a parameter is `true`.
    pub fn asks(&self, name: &str) -> bool {
        self.parameters.get(name) == Some("true")
    }

    /// The body as it was sent; empty when it was taken before.
    pub fn body(&mut self) -> Bytes {
        std::mem::take(&mut self.body)
    }

    /// The body without gzip, where the client says that there is some.
    ///
    /// # Errors
    /// When it is no gzip, inflates beyond the limit, or there is no memory for it now.
    pub async fn plain_body(&mut self) -> Result<Bytes, HttpError> {
        let body = self.body();
        let encoding = self.headers.get(CONTENT_ENCODING);
        if !encoding.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"gzip")) {
            return Ok(body);
        }
        let (limit, memory) = (self.plain_bytes_max, self.memory.clone());
        if body.len() < LARGE_BYTES {
            return inflate(&body, limit, memory.as_ref());
        }
        let inflated = tokio::task::spawn_blocking(move || inflate(&body, limit, memory.as_ref()));
        inflated.await.unwrap_or(Err(HttpError::Broken))
    }

    /// Bytes that a body may have after decompression.
    pub fn plain_bytes_max(&self) -> usize {
        self.plain_bytes_max
    }
}

/// Parameters by name; the last of several with one name counts, but the first place
/// that has one wins (the form before the URL).
#[derive(Debug, Clone, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Those of the URL's query.
    #[must_use]
    pub fn of_url(query: &str) -> Self {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// Adds those of a form body; they win over the URL's.
    ///
    /// # Errors
    /// When a multipart body cannot be read.
    pub fn add_form(&mut self, headers: &HeaderMap, body: &Bytes) -> Result<(), HttpError> {
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if content_type.starts_with("application/x-www-form-urlencoded") {
            let form = url::form_urlencoded::parse(body).into_owned();
            // Clients send empty values for what they do not set.
            let form: Vec<_> = form.filter(|(_, value)| !value.is_empty()).collect();
            self.0.splice(0..0, form);
        } else if let Some(boundary) = boundary_of(content_type) {
            let parts = parts_of(body, boundary)?;
            self.0.splice(0..0, parts);
        }
        Ok(())
    }

    /// A parameter that is there and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }
}

fn boundary_of(content_type: &str) -> Option<&str> {
    let rest = content_type.strip_prefix("multipart/form-data")?;
    let boundary = rest
        .split(';')
        .find_map(|part| part.trim().strip_prefix("boundary="))?;
    Some(boundary.trim_matches('"'))
}

/// The parts of a multipart body by their names.
fn parts_of(body: &[u8], boundary: &str) -> Result<Vec<(String, String)>, HttpError> {
    let text = std::str::from_utf8(body)
        .map_err(|_| HttpError::Body("a multipart body must be UTF-8".to_string()))?;
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    for part in text.split(delimiter.as_str()).skip(1) {
        let Some((head, content)) = part.split_once("\r\n\r\n") else {
            continue;
        };
        let name = head
            .split(';')
            .find_map(|item| item.trim().strip_prefix("name="))
            .map(|name| name.split('\r').next().unwrap_or(name).trim_matches('"'));
        if let Some(name) = name {
            let content = content.strip_suffix("\r\n").unwrap_or(content);
            parts.push((name.to_string(), content.to_string()));
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_values_win_and_empty_ones_do_not_count() {
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            "application/x-www-form-urlencoded".parse().unwrap(),
        );
        let mut parameters = Parameters::of_url("db=a&epoch=ms&rp=&q=x%20y");
        parameters
            .add_form(&headers, &Bytes::from("q=SELECT+1&db="))
            .unwrap();
        assert_eq!(parameters.get("q"), Some("SELECT 1"));
        assert_eq!(parameters.get("db"), Some("a"));
        assert_eq!(parameters.get("rp"), None);
    }

    #[test]
    fn a_multipart_file_is_the_query() {
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            "multipart/form-data; boundary=XX".parse().unwrap(),
        );
        let body = "--XX\r\nContent-Disposition: form-data; name=\"q\"; filename=\"f\"\r\nContent-Type: text/plain\r\n\r\nSHOW DATABASES\r\n--XX--\r\n";
        let mut parameters = Parameters::default();
        parameters.add_form(&headers, &Bytes::from(body)).unwrap();
        assert_eq!(parameters.get("q"), Some("SHOW DATABASES"));
    }
}
