//! In which format a client wants answers.

use hyper::header::{ACCEPT, HeaderMap};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::query::encode::csv::CsvEncoder;
use crate::query::encode::json::JsonEncoder;
use crate::query::encode::msgpack::MsgpackEncoder;
use crate::query::encode::{Encode, Options};

/// The format of results and errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json { pretty: bool },
    Csv,
    Msgpack,
}

impl Default for Format {
    fn default() -> Self {
        Format::Json { pretty: false }
    }
}

impl Format {
    /// What the header `Accept` and the URL's `pretty` say. InfluxDB compares the whole
    /// header: a list of types means JSON.
    #[must_use]
    pub fn of(headers: &HeaderMap, pretty: bool) -> Format {
        let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
        match accept.unwrap_or_default() {
            "application/csv" | "text/csv" => Format::Csv,
            "application/x-msgpack" => Format::Msgpack,
            _ => Format::Json { pretty },
        }
    }

    /// The encoder of results.
    #[must_use]
    pub fn encoder(self, options: Options) -> Box<dyn Encode> {
        match self {
            Format::Csv => Box::new(CsvEncoder::new(options)),
            Format::Msgpack => Box::new(MsgpackEncoder::new(options)),
            Format::Json { .. } => Box::new(JsonEncoder::new(options)),
        }
    }

    /// An error as media type and body.
    #[must_use]
    pub fn error(self, text: &str) -> (&'static str, Vec<u8>) {
        match self {
            Format::Json { pretty } => ("application/json", json_error(text, pretty)),
            Format::Csv => {
                let mut body = b"error\n".to_vec();
                crate::query::encode::csv::field(text, &mut body);
                body.push(b'\n');
                ("text/csv", body)
            }
            Format::Msgpack => {
                let mut body = Vec::new();
                crate::query::encode::msgpack::error(text, &mut body);
                ("application/x-msgpack", body)
            }
        }
    }
}

fn json_error(text: &str, pretty: bool) -> Vec<u8> {
    let value = serde_json::json!({ "error": text });
    let mut body = Vec::new();
    // A string and a vector: nothing here can fail.
    let _written = if pretty {
        let formatter = PrettyFormatter::with_indent(b"    ");
        value.serialize(&mut Serializer::with_formatter(&mut body, formatter))
    } else {
        serde_json::to_writer(&mut body, &value)
    };
    // Go escapes what HTML would take for markup.
    let body = String::from_utf8_lossy(&body)
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026");
    let mut body = body.into_bytes();
    body.push(b'\n');
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_single_known_type_is_followed() {
        let of = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            Format::of(&headers, true)
        };
        assert_eq!(of("text/csv"), Format::Csv);
        assert_eq!(of("application/x-msgpack"), Format::Msgpack);
        assert_eq!(of("text/csv, */*"), Format::Json { pretty: true });
    }

    #[test]
    fn errors_come_in_each_format() {
        let body = |format: Format, text: &str| format.error(text).1;
        let pretty = Format::Json { pretty: true };
        assert_eq!(body(pretty, "a<b"), b"{\n    \"error\": \"a\\u003cb\"\n}\n");
        assert_eq!(body(Format::default(), "x"), b"{\"error\":\"x\"}\n");
        assert_eq!(body(Format::Csv, "a,\"b\""), b"error\n\"a,\"\"b\"\"\"\n");
        assert_eq!(body(Format::Msgpack, "x"), b"\x81\xa5error\xa1x");
    }
}
