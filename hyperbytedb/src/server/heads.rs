//! Reads the heads of requests before the HTTP library does. Hand-made clients put bytes into
//! URLs that the library refuses, or more of them than it has room for, and InfluxDB answers
//! them; what has to be refused gets an answer in JSON.
//!
//! A reader of heads must know where bodies end, and the library must agree with it: otherwise
//! a body could be taken for another request. So whatever can be read in two ways is refused
//! here (RFC 9112, sections 2.2, 5.1 and 6.3), and the connection ends.

mod chunks;
mod framing;
mod head;
mod notes;
mod reader;
mod target;

pub use framing::HeadLimits;
pub use notes::{Note, Notes};
pub use reader::HeadReader;
pub use target::TARGET_BYTES_MAX;

#[cfg(test)]
mod tests;
