//! Batches of points: the columnar form of a write, the line protocol it comes
//! in, the bytes the write-ahead log keeps of it, and the names of its series.

pub mod batch;
pub mod codec;
pub mod line_protocol;
pub mod series_key;

pub use batch::{Batch, FieldColumn, FieldType, Strings, Table, TagSet, Values};
pub use codec::CodecError;
pub use line_protocol::{DecodeOptions, Decoded, LineError, Precision, Reason, decode};
pub use series_key::series_key;
