//! The messages of Prometheus' remote protocol, version 1.

use super::protobuf::{WireError, fields, put_bytes, put_double, put_integer};

/// A message that can be read.
pub trait Decode: Sized {
    /// # Errors
    /// When the bytes are no such message.
    fn decode(bytes: &[u8]) -> Result<Self, WireError>;
}

/// A remote write.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WriteRequest {
    pub timeseries: Vec<TimeSeries>,
}

/// Samples of one series.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TimeSeries {
    pub labels: Vec<Label>,
    pub samples: Vec<Sample>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Label {
    pub name: String,
    pub value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sample {
    pub value: f64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
}

/// A remote read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReadRequest {
    pub queries: Vec<Query>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// Milliseconds, included.
    pub start_timestamp_ms: i64,
    /// Milliseconds, included.
    pub end_timestamp_ms: i64,
    pub matchers: Vec<LabelMatcher>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LabelMatcher {
    /// See [`MatchType`].
    pub kind: i64,
    pub name: String,
    pub value: String,
}

/// How a label is compared; expressions match whole values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchType {
    Equal,
    NotEqual,
    Regex,
    NotRegex,
}

impl MatchType {
    /// Nothing for a number that has no meaning.
    #[must_use]
    pub fn of(kind: i64) -> Option<MatchType> {
        Some(match kind {
            0 => MatchType::Equal,
            1 => MatchType::NotEqual,
            2 => MatchType::Regex,
            3 => MatchType::NotRegex,
            _ => return None,
        })
    }
}

/// The answer to a remote read, a result for each query.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReadResponse {
    pub results: Vec<QueryResult>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct QueryResult {
    pub timeseries: Vec<TimeSeries>,
}

impl Decode for WriteRequest {
    fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut request = WriteRequest::default();
        fields(bytes, |number, content| {
            if number == 1 {
                let series = TimeSeries::decode(content.bytes()?)?;
                request.timeseries.push(series);
            }
            Ok(())
        })?;
        Ok(request)
    }
}

impl Decode for TimeSeries {
    fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut series = TimeSeries::default();
        fields(bytes, |number, content| {
            match number {
                1 => series.labels.push(Label::decode(content.bytes()?)?),
                2 => series.samples.push(Sample::decode(content.bytes()?)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(series)
    }
}

impl Decode for Label {
    fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut label = Label::default();
        fields(bytes, |number, content| {
            match number {
                1 => label.name = content.string()?,
                2 => label.value = content.string()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(label)
    }
}

impl Decode for Sample {
    fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut sample = Sample::default();
        fields(bytes, |number, content| {
            match number {
                1 => sample.value = content.double()?,
                2 => sample.timestamp = content.integer()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(sample)
    }
}

impl Decode for ReadRequest {
    fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut request = ReadRequest::default();
        fields(bytes, |number, content| {
            if number == 1 {
                request.queries.push(Query::decode(content.bytes()?)?);
            }
            Ok(())
        })?;
        Ok(request)
    }
}

impl Decode for Query {
    fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut query = Query::default();
        fields(bytes, |number, content| {
            match number {
                1 => query.start_timestamp_ms = content.integer()?,
                2 => query.end_timestamp_ms = content.integer()?,
                3 => query.matchers.push(LabelMatcher::decode(content.bytes()?)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(query)
    }
}

impl Decode for LabelMatcher {
    fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut matcher = LabelMatcher::default();
        fields(bytes, |number, content| {
            match number {
                1 => matcher.kind = content.integer()?,
                2 => matcher.name = content.string()?,
                3 => matcher.value = content.string()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(matcher)
    }
}

impl ReadResponse {
    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for result in &self.results {
            let mut body = Vec::new();
            for series in &result.timeseries {
                put_bytes(1, &series.encode(), &mut body);
            }
            put_bytes(1, &body, &mut out);
        }
        out
    }
}

impl TimeSeries {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut part = Vec::new();
        for label in &self.labels {
            part.clear();
            put_bytes(1, label.name.as_bytes(), &mut part);
            put_bytes(2, label.value.as_bytes(), &mut part);
            put_bytes(1, &part, &mut out);
        }
        for sample in &self.samples {
            part.clear();
            put_double(1, sample.value, &mut part);
            put_integer(2, sample.timestamp, &mut part);
            put_bytes(2, &part, &mut out);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_survives_the_wire() {
        let series = TimeSeries {
            labels: vec![Label {
                name: "job".to_string(),
                value: String::new(),
            }],
            samples: vec![
                Sample {
                    value: -1.5,
                    timestamp: -7,
                },
                Sample::default(),
            ],
        };
        let response = ReadResponse {
            results: vec![QueryResult {
                timeseries: vec![series.clone()],
            }],
        };
        // A result has the shape of a write.
        let bytes = response.encode();
        let mut results = Vec::new();
        fields(&bytes, |_, content| {
            results.push(WriteRequest::decode(content.bytes()?)?);
            Ok(())
        })
        .unwrap();
        assert_eq!(results.len(), 1);
        assert_eq!(results[0].timeseries, [series]);
    }
}
