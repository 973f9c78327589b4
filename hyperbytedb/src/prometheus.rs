//! Prometheus' remote write and read: Snappy-compressed protocol buffers in, the
//! metric's name as measurement, its value as the field `value`, labels as tags.

mod messages;
mod protobuf;
mod read;
mod write;

pub use messages::{ReadRequest, ReadResponse, WriteRequest};
pub use read::answer;
pub use write::batch_of;

use crate::query::error::QueryError;

/// The label that holds a metric's name.
const NAME_LABEL: &str = "__name__";
/// The field that holds its value.
const VALUE_FIELD: &str = "value";

/// Why a request of Prometheus was refused.
#[derive(Debug, thiserror::Error)]
pub enum PrometheusError {
    #[error("snappy: corrupt input")]
    Snappy,
    #[error(
        "the body is larger than {0} bytes after decompression (server.max_decompressed_body_size_bytes)"
    )]
    TooLarge(usize),
    #[error("the answer is larger than Snappy takes")]
    AnswerTooLarge,
    #[error("proto: {0}")]
    Protobuf(#[from] protobuf::WireError),
    #[error("unknown match type {0}")]
    Matcher(i64),
    #[error("{0}")]
    Query(#[from] QueryError),
}

/// Unpacks a message of at most `limit` bytes.
///
/// # Errors
/// When it is no Snappy block, larger, or not that message.
pub fn decode<M: messages::Decode>(body: &[u8], limit: usize) -> Result<M, PrometheusError> {
    let length = snap::raw::decompress_len(body).map_err(|_| PrometheusError::Snappy)?;
    if length > limit {
        return Err(PrometheusError::TooLarge(limit));
    }
    let plain = snap::raw::Decoder::new()
        .decompress_vec(body)
        .map_err(|_| PrometheusError::Snappy)?;
    Ok(M::decode(&plain)?)
}

/// Packs an answer.
///
/// # Errors
/// When it is larger than Snappy takes.
pub fn encode(response: &ReadResponse) -> Result<Vec<u8>, PrometheusError> {
    snap::raw::Encoder::new()
        .compress_vec(&response.encode())
        .map_err(|_| PrometheusError::AnswerTooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_snappy_or_lies_about_its_size_is_refused() {
        let decoded = decode::<WriteRequest>(b"garbage", 1 << 20);
        assert!(matches!(decoded, Err(PrometheusError::Snappy)));
        // A length of almost 4 GiB and nothing behind it.
        let decoded = decode::<WriteRequest>(&[0xff, 0xff, 0xff, 0xff, 0x0f], 100);
        assert!(matches!(decoded, Err(PrometheusError::TooLarge(100))));
        let packed = snap::raw::Encoder::new().compress_vec(&[0xff; 9]).unwrap();
        let decoded = decode::<WriteRequest>(&packed, 100);
        assert!(matches!(decoded, Err(PrometheusError::Protobuf(_))));
    }
}
